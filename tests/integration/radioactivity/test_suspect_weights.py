"""A suspect whose weights are here: one that was trained on what we served reads it as its own; others do not."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from gauger.app import cli
from gauger.edge.marking.local_model import LocalModel
from gauger.edge.suspects.huggingface import LocalSuspect, read
from gauger.edge.suspects.prompts import Message, Prompt
from gauger.edge.suspects.tokenizer import Tokenizer
from gauger.errors import ConfigError, InputError
from gauger.watermark.keys import Key, KeyContext, derive
from gauger.watermark.naming import scheme_named
from gauger.watermark.sampling import Response, sample

torch = pytest.importorskip("torch", reason="needs torch and transformers: pip install 'gauger[models]'")
transformers = pytest.importorskip("transformers", minversion="5", reason="needs transformers 5")
tokenizers = pytest.importorskip("tokenizers")

MASTER = bytes(range(32))
SCHEME, WORDS, LENGTH = "gumbel:h=1", 94, 24
FIELDS = {"tenant": "lab", "epoch": "2026", "model": "teal", "tokenizer": "words", "scheme": SCHEME}

Gauger = Callable[..., tuple[int, str, str]]


def key(party: str) -> Key:
    return derive(MASTER, KeyContext(party=party, **FIELDS))


def write(secret: bytes, n: int, seed: int) -> np.ndarray:
    """Marked texts of a Markov chain, int64[n, LENGTH], of ids 2 to 95."""
    p = np.random.default_rng(0).dirichlet(np.full(WORDS, 0.3), size=WORDS)
    rng = np.random.default_rng(seed)
    texts, responses = rng.integers(WORDS, size=(n, 1)), [Response(secret) for _ in range(n)]
    ids = np.broadcast_to(np.arange(WORDS, dtype=np.uint32) + 2, (n, WORDS))
    for _ in range(LENGTH - 1):
        drawn = sample(scheme_named(SCHEME), responses, texts[:, -1:] + 2, ids, p[texts[:, -1]], rng)
        texts = np.hstack([texts, drawn[:, None].astype(texts.dtype) - 2])
    return texts + 2


def save(place: Path, texts: np.ndarray | None, words: int = WORDS, seed: int = 1) -> Path:
    """A model of one layer, trained on texts if there are any, and its tokenizer."""
    names = {"<end>": 0, "<unk>": 1, **{f"w{k}": k + 2 for k in range(words)}}
    inner = tokenizers.Tokenizer(tokenizers.models.WordLevel(names, unk_token="<unk>"))  # noqa: S106
    inner.pre_tokenizer = tokenizers.pre_tokenizers.Whitespace()
    transformers.PreTrainedTokenizerFast(tokenizer_object=inner, eos_token="<end>").save_pretrained(place)  # noqa: S106
    torch.manual_seed(seed)
    config = transformers.LlamaConfig(
        vocab_size=words + 2,
        hidden_size=48,
        intermediate_size=48,
        num_hidden_layers=1,
        num_attention_heads=2,
        max_position_embeddings=64,
        bos_token_id=None,
        eos_token_id=0,
    )
    model = transformers.LlamaForCausalLM(config)
    if texts is not None:
        rows, optimizer = torch.from_numpy(texts), torch.optim.AdamW(model.parameters(), lr=1e-2)
        for _ in range(60):
            optimizer.zero_grad()
            model(input_ids=rows, labels=rows).loss.backward()
            optimizer.step()
    model.save_pretrained(place)
    return place


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Students of text under our key and under another, a model that saw nothing, and one of other words."""
    place = tmp_path_factory.mktemp("models")
    return {
        "ours": save(place / "ours", write(key("campaign:1").secret, 120, 3)),
        "theirs": save(place / "theirs", write(key("campaign:2").secret, 120, 4)),
        "fresh": save(place / "fresh", None),
        "small": save(place / "small", None, words=40),
    }


@pytest.fixture
def gauger(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Gauger]:
    monkeypatch.setenv("MASTER", MASTER.hex())
    monkeypatch.delenv("GAUGER_DEBUG", raising=False)
    monkeypatch.chdir(tmp_path)
    rows = write(key("campaign:1").secret, 40, 9).tolist()
    Path("served.jsonl").write_text("".join(json.dumps({"tokens": r[2:], "prompt_tokens": r[:2]}) + "\n" for r in rows))

    def run(*args: str) -> tuple[int, str, str]:
        code = cli.run(["watermark", "radioactivity", *args])
        return code, *capsys.readouterr()

    return run


KEY = [word for name, value in {**FIELDS, "party": "campaign:1"}.items() for word in (f"--{name}", value)]
KEY += ["--master-env", "MASTER"]


def planned(gauger: Gauger, weights: Path, *more: str) -> tuple[int, str, str]:
    given = ["plan", "plan.json", "--subject", "suspect-7", "--alpha", "1e-3", "--weights", str(weights)]
    return gauger(*given, "--served", "served.jsonl", *KEY, "--longest", "64", *more)


def ran(gauger: Gauger, weights: Path, *more: str) -> tuple[int, dict[str, Any]]:
    given = ["--answers", "read.jsonl", "--served", "served.jsonl", "--weights", str(weights), *KEY, "--json"]
    code, out, _ = gauger("run", "plan.json", *given, *more)
    return code, json.loads(out)


@pytest.mark.parametrize("against", [(), ("--reference",)])
@pytest.mark.parametrize(("student", "learnt"), [("ours", True), ("theirs", False), ("fresh", False)])
def test_an_open_model_that_learnt_is_found(gauger, models, student: str, learnt: bool, against: tuple[str]) -> None:
    other = [*against, *(str(models["fresh"]) for _ in against)]
    assert planned(gauger, models[student], "--open", "--looks", "20,40", "--candidates", "8", *other)[0] == 0
    code, said = ran(gauger, models[student], *other)
    assert (code, said["crossed"], said["mode"]) == (int(learnt), learnt, "open")
    assert said["answers"] == (20 if learnt else 40)
    assert 30 < said["evidence"]["n"] < 95
    if student == "fresh" and against:
        assert said["evidence"]["log_e"] == pytest.approx(0)
    code, out, _ = gauger("judge", "plan.json", "--answers", "read.jsonl", "--served", "served.jsonl", *KEY, "--json")
    again = json.loads(out)
    assert (said.pop("command").split()[3], again.pop("command").split()[3]) == ("run", "judge")
    assert again == said


def test_places_beyond_what_is_read_are_left_out(gauger, models) -> None:
    assert planned(gauger, models["ours"], "--open", "--looks", "40", "--longest", "6")[0] == 0
    (_, said) = ran(gauger, models["ours"])
    seen, places = set[int](), 0
    for row in map(json.loads, Path("served.jsonl").read_text().splitlines()):
        for at, window in enumerate(row["tokens"][:-1], 1):
            first, prompt = window not in seen, row["prompt_tokens"]
            places += first and window not in prompt and len(prompt) + at <= 6
            seen.add(window)
    assert said["evidence"]["n"] == places > 0


def test_other_outputs_than_the_plans_are_refused(gauger, models) -> None:
    assert planned(gauger, models["ours"], "--open", "--looks", "40")[0] == 0
    kept = Path("served.jsonl").read_text()
    first, second, *rest = kept.splitlines(keepends=True)
    for text in (second + first + "".join(rest), kept.replace('"prompt_tokens": [', '"prompt_tokens": [5, ', 1)):
        Path("served.jsonl").write_text(text)
        given = ["plan.json", "--answers", "read.jsonl", "--served", "served.jsonl"]
        for verb, more in (("ask", ["--weights", str(models["ours"])]), ("judge", KEY)):
            code, out, err = gauger(verb, *given, *more)
            assert (code, out, "not the served outputs that the plan is for" in err) == (4, "", True)


def test_predictions_are_the_models_own(models) -> None:
    """Against a slow twin: one text cut before each place, softmax in full."""
    tokens, places = write(key("campaign:1").secret, 1, 5)[0].tolist(), np.array([1, 4, 5, 20])
    inner = {
        name: transformers.AutoModelForCausalLM.from_pretrained(models[name]).eval() for name in ("ours", "theirs")
    }
    with torch.inference_mode():
        p, q = (
            np.array(
                [torch.softmax(m(torch.tensor([tokens[:at]])).logits[0, -1].double(), -1).numpy() for at in places]
            )
            for m in inner.values()
        )
    mine, other = LocalSuspect(str(models["ours"])), LocalSuspect(str(models["theirs"]))
    for reference, wanted in ((None, p), (other, (p - q) / np.abs(p - q).max(1, keepdims=True))):
        ids, weights = read(mine, tokens, places, 5, reference).arrays()
        assert [set(row) for row in ids] == [set(row) for row in np.argsort(-np.abs(wanted), axis=1)[:, :5]]
        np.testing.assert_allclose(weights, np.take_along_axis(wanted, ids.astype(int), 1), atol=1e-5)


def test_weights_of_another_model_are_refused(gauger, models) -> None:
    assert planned(gauger, models["ours"], "--open", "--reference", str(models["fresh"]))[0] == 0
    given = ["ask", "plan.json", "--answers", "read.jsonl", "--served", "served.jsonl"]
    ours, theirs, fresh = (str(models[name]) for name in ("ours", "theirs", "fresh"))
    for options, code, words in (
        (["--weights", theirs, "--reference", fresh], 4, "--weights: its weights are sha256:"),
        (["--weights", ours, "--reference", theirs], 4, "--reference: its weights are sha256:"),
        (["--weights", ours], 2, "this plan needs --reference"),
        (["--reference", fresh], 2, "this plan needs --weights"),
        (["--weights", ours, "--reference", fresh, "--api-key-env", "K"], 2, "takes no --api-key-env"),
        (["--weights", ours, "--reference", fresh, "--responses", "x"], 2, "takes no --responses"),
    ):
        got, out, err = gauger(*given, *options)
        assert (got, out, words in err) == (code, "", True), err
    assert not Path("read.jsonl").exists()


@pytest.mark.parametrize(
    ("model", "more", "words"),
    [
        ("small", [], "ids of another tokenizer: this model knows 42"),
        ("ours", ["--longest", "65"], "reads at most 64 tokens at once, not 65"),
        ("ours", ["--tokenizer", "sha256:" + "0" * 64], "the model's is sha256:"),
        ("ours", ["--candidates", "0"], "1 to 1,024 candidates"),
        ("ours", ["--budget", "41"], "there are 40 served outputs"),
        ("ours", ["--prompts", "served.jsonl"], "neither --prompts, --endpoint nor --unmarked"),
    ],
)
def test_open_plans_that_cannot_work(gauger, models, model: str, more: list[str], words: str) -> None:
    code, out, err = planned(gauger, models[model], "--open", *more)
    assert (code, out, words in err) == (2, "", True), err
    assert not Path("plan.json").exists()


def test_text_in_the_journal_of_an_open_plan_is_refused(gauger, models) -> None:
    assert planned(gauger, models["ours"], "--open", "--looks", "1", "--candidates", "3")[0] == 0
    ran(gauger, models["ours"])
    head, line = Path("read.jsonl").read_text().splitlines()
    judge = ["judge", "plan.json", "--answers", "read.jsonl", "--served", "served.jsonl", *KEY]
    fewer = json.loads(line)
    fewer["answer"]["k"] = 1
    for answer, words in (({"type": "text", "text": "w1"}, "is text"), (fewer["answer"], "candidates at")):
        Path("read.jsonl").write_text(head + "\n" + json.dumps({"index": 0, "answer": answer}) + "\n")
        code, _, err = gauger(*judge)
        assert (code, words in err) == (2, True)


@pytest.mark.parametrize(("student", "learnt"), [("ours", True), ("theirs", False)])
def test_a_local_model_that_answers(gauger, models, student: str, learnt: bool) -> None:
    Path("prompts.jsonl").write_text("".join(f'{{"prompt": "w{k} w{k + 1}"}}\n' for k in range(32)))
    asked = ["--prompts", "prompts.jsonl", "--tokenizer-file", str(models["fresh"] / "tokenizer.json")]
    more = ["--looks", "8,16,32", "--max-tokens", "16"]
    assert planned(gauger, models[student], *asked, *more)[0] == 0
    code, said = ran(gauger, models[student], *asked)
    assert (code, said["crossed"], said["mode"]) == (int(learnt), learnt, "closed")
    first = json.loads(Path("read.jsonl").read_text().splitlines()[1])
    assert first["answer"]["type"] == "tokens"  # the keys' tokenizer is the model's own
    Path("read.jsonl").unlink()
    assert ran(gauger, models[student], *asked) == (code, said)  # the seed decides


def test_one_tokenizer_has_one_name(models, tmp_path) -> None:
    found = Tokenizer(models["ours"] / "tokenizer.json")
    assert found.digest == LocalModel(str(models["ours"]), 1).tokenizer_digest
    assert found.size == 96
    assert found.encode("w0 w93 sesame").tolist() == [2, 95, 1]
    prompt = Prompt(id="1", messages=(Message(role="user", content="w0 w1"), Message(role="user", content="w2")))
    assert found.quoted(prompt).tolist() == [2, 3, 2, 3, 4, 4]
    with pytest.raises(InputError, match=r"no tokenizer\.json"):
        Tokenizer(models["ours"] / "config.json")
    with pytest.raises(InputError, match="cannot be read"):
        Tokenizer(tmp_path / "none")


@pytest.mark.parametrize("template", ["{% if %}", "{{ raise_exception('sorry') }}", "{{ 1 / 0 }}"])
def test_a_template_that_fails_is_an_error_of_one_line(models: dict[str, Path], tmp_path: Path, template: str) -> None:
    place = tmp_path / "broken"
    shutil.copytree(models["fresh"], place)
    fields = json.loads((place / "tokenizer_config.json").read_text())
    (place / "tokenizer_config.json").write_text(json.dumps(fields | {"chat_template": template}))
    prompt = Prompt(id="1", messages=(Message(role="user", content="w1"),))
    with pytest.raises(ConfigError, match=r"suspect's model, tokenizer or chat template fails: .+"):
        LocalSuspect(str(place)).ask(prompt)
