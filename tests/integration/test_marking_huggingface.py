"""Marks by transformers' own generate(), with a tiny model of random weights: what is laid is what detection finds."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.stats import chisquare

from gauger.edge.marking.turns import Turn
from gauger.errors import ConfigError, InputError
from gauger.model import Evidence
from gauger.watermark.corpus import select
from gauger.watermark.detection import detect
from gauger.watermark.keys import Key, KeyContext, derive
from gauger.watermark.naming import scheme_named
from gauger.watermark.prf import window
from gauger.watermark.sampling import Response, candidates, tilt

torch = pytest.importorskip("torch", reason="needs torch and transformers: pip install 'gauger[models]'")
transformers = pytest.importorskip("transformers", minversion="5", reason="needs transformers 5")
marking = pytest.importorskip("gauger.edge.marking.huggingface")

VOCABULARY, PAD = 96, 0
LINE = 1e-6
TOP_K, TOP_P, TEMPERATURE = 20, 0.9, 0.8
OPTIONS: dict[str, Any] = {
    "do_sample": True,
    "temperature": TEMPERATURE,
    "top_k": TOP_K,
    "top_p": TOP_P,
    "pad_token_id": PAD,
}


def key(party: str, scheme: str = "gumbel") -> Key:
    context = KeyContext(tenant="lab", party=party, epoch="e", model="tiny", tokenizer="t", scheme=scheme)
    return derive(bytes(range(32)), context)


@pytest.fixture(scope="module")
def model() -> Any:
    torch.manual_seed(1)
    config = transformers.LlamaConfig(
        vocab_size=VOCABULARY,
        hidden_size=32,
        intermediate_size=32,
        num_hidden_layers=1,
        num_attention_heads=2,
        eos_token_id=None,
        bos_token_id=None,
        initializer_range=0.25,
    )
    return transformers.LlamaForCausalLM(config).eval()


def prompts(rows: int, length: int = 6) -> torch.Tensor:
    return torch.randint(1, VOCABULARY, (rows, length), generator=torch.Generator().manual_seed(2))


def answers(model: Any, keys: Sequence[Key | None], asked: torch.Tensor, n: int, **options: Any) -> np.ndarray:
    torch.manual_seed(3)
    said = marking.generate(
        model,
        keys,
        input_ids=asked,
        attention_mask=torch.ones_like(asked),
        max_new_tokens=n,
        **OPTIONS | options,
    )
    return said[:, asked.shape[1] :].numpy()


def found(answer: np.ndarray, asked: torch.Tensor, by: Key) -> Evidence:
    scheme = scheme_named(by.context.scheme)
    selection = select([answer], h=scheme.h, prompts=[asked.numpy()])
    return detect(selection, by, scheme, subject="test")


@pytest.mark.parametrize(
    "scheme", ["gumbel", "gumbel:h=2", "tournament", "greenlist:h=1:delta=4", "greenlist:h=2:delta=4"]
)
def test_each_row_is_found_by_its_own_key_only(model: Any, scheme: str) -> None:
    mine, other, asked = key("account:1", scheme), key("account:2", scheme), prompts(3)
    said = answers(model, [mine, other, None], asked, 120)
    assert found(said[0], asked[0], mine).log10_e > 4
    assert found(said[1], asked[1], other).log10_e > 4
    for row, by in [(0, other), (1, mine), (2, mine), (2, other)]:
        assert found(said[row], asked[row], by).log_e < np.log(20)


def test_what_is_chosen_is_what_the_core_chooses_after_top_p(model: Any) -> None:
    """Every token of a marked answer again, from the model's plain logits by the core alone."""
    mine, asked = key("account:1", "gumbel:h=2"), prompts(1)
    scheme, h = scheme_named("gumbel:h=2"), 2
    said = answers(model, [mine], asked, 150)[0]
    with torch.no_grad():
        logits = model(torch.cat([asked, torch.from_numpy(said)[None]], 1)).logits[0, asked.shape[1] - 1 : -1].numpy()
    response, forced, plain = Response(mine.secret), 0, 0
    for at in range(h, len(said)):
        ids, p = candidates(logits[at], temperature=TEMPERATURE, top_k=TOP_K, top_p=TOP_P)
        after = tilt(scheme, [response], said[None, at - h : at], ids[None], p[None])[0]
        if after.max() == 1:
            forced += 1
            assert said[at] == ids[after.argmax()]
        else:
            plain += 1
            assert said[at] in ids
    assert forced > 100
    assert plain > 0  # the windows that came again


@pytest.mark.parametrize(
    ("scheme", "unbiased"), [("gumbel:h=1", True), ("tournament:h=1", True), ("greenlist:delta=3", False)]
)
def test_over_keys_an_answer_is_the_models(model: Any, scheme: str, unbiased: bool) -> None:
    assert (answers_p(model, scheme, n=2, top_k=8) > LINE) == unbiased


def test_so_it_is_where_windows_come_again(monkeypatch: pytest.MonkeyPatch) -> None:
    assert chain_p("gumbel:h=1") > LINE
    monkeypatch.setattr(Turn, "wrote", lambda self: None)  # no window is ever used up
    assert chain_p("gumbel:h=1") < LINE


def chain_p(scheme: str, keys: int = 10_000, n: int = 4) -> float:
    """As ``answers_p``, for a model of three tokens, by a loop of the host's own."""
    after = torch.tensor([[0.6, 0.3, 0.1], [0.2, 0.2, 0.6], [0.45, 0.1, 0.45]])
    processor = marking.MarkingProcessor([key(f"account:{k}", scheme) for k in range(keys)])
    rows, generator = torch.zeros(keys, 1, dtype=torch.int64), torch.Generator().manual_seed(6)
    for _ in range(n):
        p = torch.softmax(processor(rows, after[rows[:, -1]].log()), -1)
        rows = torch.cat([rows, torch.multinomial(p, 1, generator=generator)], 1)
    share = np.ones(1)
    for _ in range(n):  # over all answers in order of their digits
        last = np.zeros(1, int) if share.size == 1 else np.tile(np.arange(3), share.size // 3)
        share = (share[:, None] * after.double().numpy()[last]).ravel()
    answer = (rows[:, 1:] @ 3 ** torch.arange(n - 1, -1, -1)).numpy()
    return float(chisquare(np.bincount(answer, minlength=3**n), keys * share / share.sum()).pvalue)


def answers_p(model: Any, scheme: str, *, n: int, top_k: int, keys: int = 4000) -> float:
    """How well one answer of n tokens under each of many keys fits what the model says it should be."""
    asked = prompts(1)
    many = [key(f"account:{k}", scheme) for k in range(keys)]
    options = {"top_k": top_k, "top_p": 1.0, "temperature": 1.0}
    said = answers(model, many, asked.expand(keys, -1), n, **options)
    expected: dict[tuple[int, ...], float] = {(): 1.0}
    for _ in range(n):
        rows = torch.tensor([[*asked[0].tolist(), *prefix] for prefix in expected])
        with torch.no_grad():
            logits = model(rows).logits[:, -1].numpy()
        longer = {}
        for (prefix, share), row in zip(expected.items(), logits, strict=True):
            ids, p = candidates(row, top_k=top_k)
            longer |= {(*prefix, i): share * q for i, q in zip(ids.tolist(), p.tolist(), strict=True)}
        expected = longer
    counts = dict.fromkeys(expected, 0)
    for answer in map(tuple, said.tolist()):
        counts[answer] += 1  # an answer that the model cannot give is a KeyError
    share = np.array([expected[a] for a in counts]) * keys
    seen, few = np.array(list(counts.values())), share < 5
    return float(chisquare([*seen[~few], seen[few].sum() + 1e-9], [*share[~few], share[few].sum() + 1e-9]).pvalue)


def test_windows_of_the_prompt_are_left_alone() -> None:
    """An earlier answer in the prompt: its windows are used, and not used again."""
    mine = key("account:1", "gumbel:h=2")
    scores = torch.randn(1, VOCABULARY, generator=torch.Generator().manual_seed(4))
    for prompt, marked in [([5, 6, 7, 8], False), ([5, 7, 6, 8], True)]:
        processor = marking.MarkingProcessor([mine])
        rows = torch.tensor([prompt])
        for token in (6, 7):
            assert torch.equal(processor(rows, scores), scores)  # no whole window of the answer's own
            rows = torch.cat([rows, torch.tensor([[token]])], 1)
        assert torch.isfinite(processor(rows, scores)).sum() == (1 if marked else VOCABULARY)


def test_a_place_asked_for_twice_is_marked_twice_and_a_used_window_never() -> None:
    mine = key("account:1", "gumbel:h=1")
    scores = torch.randn(2, VOCABULARY, generator=torch.Generator().manual_seed(5))
    processor = marking.MarkingProcessor([mine, None])
    rows = torch.tensor([[1], [1]])
    processor(rows, scores)
    rows = torch.cat([rows, torch.tensor([[7], [7]])], 1)
    first = processor(rows, scores)
    assert torch.isfinite(first[0]).sum() == 1
    assert torch.equal(first[1], scores[1])
    assert torch.equal(processor(rows, scores), first)
    again = torch.cat([rows, torch.tensor([[7], [7]])], 1)
    assert torch.equal(processor(again, scores), scores)


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float32", "float64"])
def test_candidates_are_the_same_on_any_device(dtype: str) -> None:
    """Both ways of finding them, in every type of number that a model has."""
    rows = pytest.importorskip("gauger.edge.marking.torch_rows")
    logits = torch.randn(3, VOCABULARY, generator=torch.Generator().manual_seed(6)).to(getattr(torch, dtype))
    for row, n in enumerate((90, 1, 40)):
        logits[row, :n] = -torch.inf
    near, far = rows.left_on_cpu(logits), rows.left_on_device(logits)
    assert [part.tolist() for part in near] == [part.tolist() for part in far]
    ids, p = rows.candidates(logits)
    assert ids.shape == (3, VOCABULARY - 1)
    for row, n in enumerate((90, 1, 40)):
        assert ids[row][p[row] > 0].tolist() == list(range(n, VOCABULARY))
        assert p[row][p[row] > 0] == pytest.approx(torch.softmax(logits[row, n:].double(), -1).numpy())


def test_dropped_tokens_stay_dropped() -> None:
    scores = torch.full((1, VOCABULARY), -torch.inf)
    scores[0, [3, 9, 27]] = torch.tensor([0.5, 0.1, 0.2])
    processor = marking.MarkingProcessor([key("account:1", "tournament:h=1:layers=2")])
    processor(torch.tensor([[1]]), scores)
    bent = processor(torch.tensor([[1, 2]]), scores)[0]
    assert torch.isfinite(bent).nonzero().ravel().tolist() == [3, 9, 27]
    assert not torch.equal(bent, scores[0])
    assert torch.exp(bent).sum() == pytest.approx(1)


@pytest.mark.parametrize("fault", [torch.nan, torch.inf])
def test_a_row_with_a_fault_is_refused_where_it_would_be_marked(fault: float) -> None:
    processor, scores = marking.MarkingProcessor([key("account:1", "gumbel:h=1"), None]), torch.zeros(2, VOCABULARY)
    processor(torch.tensor([[1], [1]]), scores)
    rows = torch.tensor([[1, 2], [1, 2]])
    scores[1, 9] = fault
    torch.testing.assert_close(processor(rows, scores)[1], scores[1], equal_nan=True)
    scores[0, 9] = fault
    with pytest.raises(InputError, match="logits must be numbers"):
        processor(rows, scores)


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"do_sample": False}, "greedy"),
        ({"temperature": 0}, "greedy"),
        ({"num_beams": 2}, "beams"),
        ({"assistant_model": "x"}, "assistant_model"),
        ({"assistant_early_exit": 1}, "assistant_early_exit"),
        ({"prompt_lookup_num_tokens": 3}, "prompt_lookup_num_tokens"),
        ({"use_mtp": True}, "use_mtp"),
    ],
)
def test_what_cannot_be_marked_is_refused(model: Any, options: dict[str, Any], says: str) -> None:
    with pytest.raises(ConfigError, match=says):
        marking.generate(model, [key("a")], input_ids=prompts(1), **OPTIONS | {"max_new_tokens": 2} | options)


@pytest.mark.parametrize("keys", [[], [None], [None] * 7, [key("a")], [key("a")] * 4])
def test_keys_are_as_many_as_rows_even_if_all_are_none(model: Any, keys: list[Key | None]) -> None:
    asked = prompts(3)
    with pytest.raises(ConfigError, match=f"{len(keys)} keys for 3 rows"):
        answers(model, keys, asked, 2)
    with pytest.raises(ConfigError, match="keys for 3 rows"):
        marking.MarkingProcessor(keys)(asked, torch.zeros(3, VOCABULARY))
    assert answers(model, [None] * 3, asked, 2).shape == (3, 2)


@pytest.mark.parametrize("options", [{}, {"sampling": False}, {"sampling": None}])
def test_a_config_wants_to_be_told_that_the_host_samples(options: dict[str, Any]) -> None:
    """It cannot see it, and would turn greedy text into draws from the whole vocabulary."""
    with pytest.raises(ConfigError, match="do_sample=True"):
        marking.MarkingConfig([key("a")], **options)


def test_a_saved_config_says_why_it_does_not_load(model: Any, tmp_path: Path) -> None:
    """Never that it loads without its keys, and the model answers unmarked."""
    mine = key("a")
    generation = transformers.GenerationConfig(
        do_sample=True, watermarking_config=marking.MarkingConfig([mine], sampling=True)
    )
    generation.save_pretrained(tmp_path)
    assert mine.secret.hex() not in (tmp_path / "generation_config.json").read_text()
    with pytest.raises(TypeError, match="keys_are_not_saved_so_remove_this_watermarking_config"):
        transformers.GenerationConfig.from_pretrained(tmp_path)


def test_beams_are_refused_by_the_config_alone_too(model: Any) -> None:
    config = marking.MarkingConfig([key("a")], sampling=True)
    with pytest.raises(ConfigError, match="num_beams"):
        model.generate(
            prompts(1), watermarking_config=config, max_new_tokens=3, **OPTIONS | {"do_sample": False, "num_beams": 3}
        )


def test_rows_that_change_places_are_refused() -> None:
    processor = marking.MarkingProcessor([key("a"), key("b")])
    rows = prompts(2)
    processor(rows, torch.zeros(2, VOCABULARY))
    with pytest.raises(ConfigError, match="no beams"):
        processor(torch.cat([rows.flip(0), rows[:, :1]], 1), torch.zeros(2, VOCABULARY))


def test_answers_of_one_prompt_share_its_key(model: Any) -> None:
    mine, other, asked = key("account:1"), key("account:2"), prompts(2)
    said = answers(model, [mine, other], asked, 100, num_return_sequences=2)
    assert [found(said[row], asked[row // 2], mine).log10_e > 4 for row in range(4)] == [True, True, False, False]
    assert not np.array_equal(said[0], said[1])  # the first h tokens are the sampler's own


def test_keys_of_several_schemes_are_refused() -> None:
    with pytest.raises(ConfigError, match="2 schemes"):
        marking.MarkingConfig([key("a", "gumbel"), None, key("b", "tournament")], sampling=True)


def test_a_secret_is_in_no_text_form_of_the_config(model: Any) -> None:
    mine = key("a")
    config = copy.deepcopy(marking.MarkingConfig([mine, None], sampling=True))
    assert config.row_keys == (mine, None)
    generation = transformers.GenerationConfig(do_sample=True, watermarking_config=config)
    for text in (repr(config), config.to_json_string(), str(dict(config)), repr(generation), str(generation.to_dict())):
        assert mine.secret.hex() not in text
        assert repr(mine.secret) not in text
    assert mine.id in repr(config)


def test_the_prompts_windows_are_those_that_detection_drops() -> None:
    mine = key("a", "gumbel:h=3")
    turn, scheme = Turn(mine), scheme_named("gumbel:h=3")
    turn.read(scheme, [1, 2, 3, 4], [9, 8, 7, 6])
    expected = window(turn.key, np.array([[1, 2, 3], [2, 3, 4], [9, 8, 7]], np.uint64))
    assert turn.used == set(expected.tolist())
