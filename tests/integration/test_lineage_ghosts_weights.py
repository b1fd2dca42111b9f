"""Ghost twins where the teacher and the suspects are models in folders of this machine."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from gauger.app import cli
from gauger.app.lineage_reaching import Question, Way, speaking
from gauger.edge.marking.local_model import Sampling
from gauger.edge.suspects.huggingface import LocalSuspect
from gauger.edge.suspects.pace import Pace
from gauger.edge.suspects.prompts import Message, Prompt
from gauger.errors import UnsupportedError

torch = pytest.importorskip("torch", reason="needs torch and transformers: pip install 'gauger[models]'")
transformers = pytest.importorskip("transformers", minversion="5", reason="needs transformers 5")
tokenizers = pytest.importorskip("tokenizers")

WORDS, RECORDS, LENGTH = 60, 40, 10


def save(place: Path, seed: int) -> Path:
    """A model of one layer that saw nothing, and its tokenizer."""
    names = {"<end>": 0, "<unk>": 1, **{f"w{k}": k + 2 for k in range(WORDS)}}
    inner = tokenizers.Tokenizer(tokenizers.models.WordLevel(names, unk_token="<unk>"))  # noqa: S106
    inner.pre_tokenizer = tokenizers.pre_tokenizers.Whitespace()
    transformers.PreTrainedTokenizerFast(tokenizer_object=inner, eos_token="<end>").save_pretrained(place)  # noqa: S106
    torch.manual_seed(seed)
    config = transformers.LlamaConfig(
        vocab_size=WORDS + 2,
        hidden_size=48,
        intermediate_size=48,
        num_hidden_layers=1,
        num_attention_heads=2,
        max_position_embeddings=64,
        bos_token_id=None,
        eos_token_id=0,
    )
    transformers.LlamaForCausalLM(config).save_pretrained(place)
    return place


def student(place: Path, texts: list[str], base: Path) -> Path:
    """The base, trained on texts."""
    tokenizer = transformers.AutoTokenizer.from_pretrained(base)
    model = transformers.LlamaForCausalLM.from_pretrained(base, dtype=torch.float32)
    tokens = [tokenizer(t)["input_ids"][: 3 + LENGTH] for t in texts]
    rows = torch.tensor([row + [0] * (3 + LENGTH - len(row)) for row in tokens])
    optimizer = torch.optim.AdamW(model.parameters(), 1e-2)
    for _ in range(40):
        optimizer.zero_grad()
        model(input_ids=rows, labels=rows).loss.backward()
        optimizer.step()
    tokenizer.save_pretrained(place)
    model.save_pretrained(place)
    return place


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A log of a teacher's answers, its twins drawn from the teacher's weights and sealed, and two students."""
    at = tmp_path_factory.mktemp("ghosts")
    rng, teacher = np.random.default_rng(1), save(at / "teacher", 1)
    words = lambda n: " ".join(f"w{k}" for k in rng.integers(WORDS, size=n))  # noqa: E731
    prompts = [f"w{k} w{(7 * k) % WORDS} w3" for k in range(RECORDS)]
    speaker, how = LocalSuspect(str(teacher), seed=2), Sampling(top_p=1.0, max_tokens=LENGTH)
    asked = [Prompt(id=p, messages=(Message(role="user", content=p),)) for p in prompts]
    answers = [speaker.ask(prompt, how).text for prompt in asked]
    common = {
        "account": "thief",
        "model": "teal",
        "status": "success",
        "temperature": 1,
        "top_p": 1,
        "time": 1_760_000_000,
    }
    rows = [
        {**common, "event_id": f"e{k}", "max_tokens": LENGTH, "prompt": p, "answer": a}
        for k, (p, a) in enumerate(zip(prompts, answers, strict=True))
    ]
    (at / "log.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    (at / "accounts.csv").write_text("account\nthief\n")
    sealing = ["--out", str(at / "g"), "--accounts", str(at / "accounts.csv")]
    assert cli.run(["lineage", "ghosts", "plan", str(at / "log.jsonl"), *sealing]) == 0
    draw = ["lineage", "ghosts", "draw", str(at / "g"), "--weights", str(teacher), "--requests-per-minute", "1000000"]
    assert cli.run(draw) == 0
    texts = [f"{p} {a}" for p, a in zip(prompts, answers, strict=True)]
    others = [f"{p} {words(LENGTH)}" for p in prompts]
    return {
        "g": at / "g",
        "base": teacher,
        "learnt": student(at / "learnt", texts, teacher),
        "other": student(at / "other", others, teacher),
    }


def tried(folders: dict[str, Path], out: Path, suspect: str, capsys: Any, *more: str) -> tuple[int, dict[str, Any]]:
    capsys.readouterr()
    given = ["lineage", "ghosts", "test", str(folders["g"]), "--out", str(out), "--subject", suspect, "--json"]
    code = cli.run([*given, "--weights", str(folders[suspect]), *more])
    return code, json.loads(capsys.readouterr().out)


@pytest.mark.parametrize("compared", [True, False])
def test_a_student_is_found_by_its_likelihoods_and_another_let_go(folders, tmp_path, capsys, compared: bool) -> None:
    more = ["--reference", str(folders["base"])] if compared else []
    code, said = tried(folders, tmp_path / "a", "learnt", capsys, *more)
    assert (code, said["verdict"], said["accounts"][0]["named"]) == (1, "learnt", True)
    assert said["exchanges"] <= RECORDS // 2
    assert tried(folders, tmp_path / "a", "learnt", capsys, *more) == (code, said)  # out of the journal
    code, said = tried(folders, tmp_path / "b", "other", capsys, *more)
    assert (code, said["verdict"]) == (0, "not shown")
    assert said["exchanges"] == json.loads((folders["g"] / "seal.json").read_text())["size"] > RECORDS * 0.8


def test_a_reference_that_reads_less_cuts_what_is_compared(folders, tmp_path, capsys) -> None:
    """It has eight places, three for the prompt: five of an answer's ten words. With three, none."""
    for places, unread in ((8, False), (3, True)):
        short = shutil.copytree(folders["base"], tmp_path / f"short-{places}")
        config = json.loads((short / "config.json").read_text())
        (short / "config.json").write_text(json.dumps({**config, "max_position_embeddings": places}))
        out = tmp_path / f"t-{places}"
        code, said = tried(folders, out, "learnt", capsys, "--reference", str(short), "--score", "total")
        assert (code, said["verdict"]) == ((0, "cannot tell") if unread else (1, "learnt"))
        asked = (folders["g"] / "twins.jsonl").read_text().splitlines()[: said["exchanges"]]
        longer = sum(len(answer.split()) > 5 for row in asked for answer in json.loads(row)["answers"])
        assert (said["unread"], said["cut"]) == ((said["exchanges"], 0) if unread else (0, longer))


def test_a_student_is_found_by_what_it_writes(folders, tmp_path, capsys) -> None:
    more = ["--by", "text", "--samples", "4", "--max-tokens", str(LENGTH), "--requests-per-minute", "1000000"]
    code, said = tried(folders, tmp_path / "a", "learnt", capsys, *more)
    assert (code, said["verdict"], said["evidence"]["params"]["samples"]) == (1, "learnt", 4)


def test_other_weights_make_another_plan(folders, tmp_path, capsys) -> None:
    assert tried(folders, tmp_path / "a", "other", capsys)[0] == 0
    given = ["lineage", "ghosts", "test", str(folders["g"]), "--out", str(tmp_path / "a"), "--subject", "other"]
    assert cli.run([*given, "--weights", str(folders["learnt"])]) == 2
    assert "is another plan" in capsys.readouterr().err


def test_what_is_taken_up_again_draws_anew(folders) -> None:
    """After a kill, the same chance once more would give the same twins."""
    way = Way(
        endpoint=None,
        ask_model=None,
        request="{}",
        api_key_env=None,
        weights=str(folders["base"]),
        responses=None,
        plain=False,
        timeout_s=1,
        skip_refused=False,
    )
    prompt = Prompt(id="1", messages=(Message(role="user", content="w1 w7 w3"),))
    question = Question(prompt=prompt, model="", temperature=1, top_p=1, max_tokens=LENGTH, more={})
    said = []
    for _ in range(2):
        with speaking(way, Pace(1e6, clock=lambda: 0, sleep=lambda _: None), [question]) as (ask, _):
            said.append([ask(0).text for _ in range(3)])
    assert said[0] != said[1]
    with (
        pytest.raises(UnsupportedError, match="min_p"),
        speaking(way, Pace(1e6, clock=lambda: 0, sleep=lambda _: None), [replace(question, more={"min_p": 0.1})]) as (
            ask,
            _,
        ),
    ):
        ask(0)


def test_log_probabilities_are_the_models(folders) -> None:
    """Each is that of the token given all before, and no more are read than asked for."""
    model = LocalSuspect(str(folders["learnt"]))
    prompt = Prompt(id="1", messages=(Message(role="user", content="w1 w7 w3"),))
    places, found = model.log_probabilities(prompt, "w5 w9 w2", 64)
    inner = transformers.LlamaForCausalLM.from_pretrained(folders["learnt"], dtype=torch.float32).eval()
    ids = torch.tensor([[3, 9, 5, 7, 11, 4]])
    with torch.inference_mode():
        wanted = inner(input_ids=ids).logits[0, 2:5].double().log_softmax(-1)[range(3), ids[0, 3:]]
    assert found == pytest.approx([*wanted.tolist(), 0], abs=1e-5)
    assert places.tolist() == [0, 3, 6, 8]
    places, cut = model.log_probabilities(prompt, "w5 w9 w2", 5)
    assert (places.tolist(), cut.tolist()) == ([0, 3, 6], [*found[:2], 0])
    for text, longest in (("w5", 3), ("w5", 2), ("", 64)):
        assert [values.tolist() for values in model.log_probabilities(prompt, text, longest)] == [[0], [0]]


def test_of_a_tokenizer_without_offsets_only_the_whole_is_known(folders) -> None:
    model = LocalSuspect(str(folders["learnt"]))
    model._tokenizer = transformers.ByT5Tokenizer()
    prompt = Prompt(id="1", messages=(Message(role="user", content="44"),))
    assert [model.log_probabilities(prompt, "555", n)[0].tolist() for n in (64, 4)] == [[0, 0, 0, 3], [0, 0]]
