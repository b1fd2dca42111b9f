"""`gauger watermark detect --foreign`: text that other software marked is found by its configuration and no other."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from gauger.app import cli

FROZEN: list[dict[str, Any]] = json.loads((Path(__file__).parents[1] / "data" / "foreign_marks.json").read_text())
LEFT, SYNTHID, MARKLLM = FROZEN[0], FROZEN[4], FROZEN[6]

Detect = Callable[..., tuple[int, str, str]]


def lines(texts: list[list[int]]) -> str:
    return "".join(json.dumps({"tokens": text}) + "\n" for text in texts)


@pytest.fixture
def detect(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Detect:
    """Run ``detect`` on texts with a tool's configuration; more options as words."""
    monkeypatch.delenv("GAUGER_DEBUG", raising=False)
    monkeypatch.chdir(tmp_path)

    def run(kind: str, config: Any, texts: list[list[int]], *more: str) -> tuple[int, str, str]:
        Path("config.json").write_text(config if isinstance(config, str) else json.dumps(config))
        Path("texts.jsonl").write_text(lines(texts))
        words = ("--tokens", "texts.jsonl", "--foreign", kind, "--foreign-config", "config.json", *more)
        code = cli.run(["watermark", "detect", *words])
        out, err = capsys.readouterr()
        return code, out, err

    return run


@pytest.mark.parametrize("case", [LEFT, SYNTHID, MARKLLM], ids=lambda case: case["kind"])
def test_its_text_is_found(detect: Detect, case: dict[str, Any]) -> None:
    kind, config = case["kind"], case["config"]
    code, out, _ = detect(kind, config, case["texts"], "--json")
    said = json.loads(out)
    (result,) = said["results"]
    evidence = result["evidence"]
    assert (code, result["found"], said["texts"], said["keys"], said["rule"]) == (1, True, 3, 1, "holm")
    assert evidence["log_e"] > 14
    assert (evidence["method"], evidence["subject"]) == (f"watermark-{kind}", "texts.jsonl")
    assert evidence["kind"] == ("exact" if kind == "hf-kgw" else "model")
    assert str(config.get("hashing_key", config.get("hash_key"))) not in out
    code, out, _ = detect(kind, config, case["texts"], "--anytime", "--subject", "s-7")
    assert (code, "s-7" in out, "carries the mark of this configuration" in " ".join(out.split())) == (1, True, True)
    code, out, _ = detect(kind, config, case["plain"])
    assert (code, "was not found at 1e-06" in " ".join(out.split()), "0 of 1 keys found" in out) == (0, True, True)


def test_copies_count_once_and_prompts_do_not(detect: Detect) -> None:
    texts, known = LEFT["texts"], {k: v for k, v in LEFT["config"].items() if k != "bias"}
    once, often = (
        json.loads(detect("hf-kgw", known, t, "--json")[1])["results"][0]["evidence"] for t in (texts, texts * 9)
    )
    assert (often["n"], often["log_e"]) == (once["n"], once["log_e"])
    Path("quoted.jsonl").write_text("".join(json.dumps({"tokens": t, "prompt_tokens": t}) + "\n" for t in texts))
    words = ["--tokens", "quoted.jsonl", "--foreign", "hf-kgw", "--foreign-config", "config.json"]
    assert cli.run(["watermark", "detect", *words]) == 0


def test_text_and_prompts_in_words_are_read_by_a_tokenizer(detect: Detect, capsys: pytest.CaptureFixture[str]) -> None:
    tokenizers = pytest.importorskip("tokenizers")
    detect("hf-kgw", LEFT["config"], [])
    made = tokenizers.Tokenizer(tokenizers.models.WordLevel({f"w{k}": k for k in range(503)}, unk_token="w0"))  # noqa: S106
    made.pre_tokenizer = tokenizers.pre_tokenizers.WhitespaceSplit()
    made.save("tokenizer.json")
    said = [" ".join(f"w{t}" for t in text) for text in LEFT["texts"]]
    rows = {
        "text": [{"text": s} for s in said],
        "quoted": [{"tokens": t, "prompt": s} for t, s in zip(LEFT["texts"], said, strict=True)],
    }
    for name, lines_of in rows.items():
        Path(name).write_text("".join(json.dumps(row) + "\n" for row in lines_of))
    words = ["watermark", "detect", "--foreign", "hf-kgw", "--foreign-config", "config.json"]
    read = ["--tokenizer-file", "tokenizer.json"]
    assert cli.run([*words, "--tokens", "text", *read]) == 1
    assert "3 of 3 texts came without their prompt" in " ".join(capsys.readouterr().out.replace("│", " ").split())
    for name in ("text", "quoted"):
        assert cli.run([*words, "--tokens", name]) == 2
        assert "--tokenizer-file" in capsys.readouterr().err
    assert cli.run([*words, "--tokens", "quoted", *read]) == 0
    assert cli.run(["watermark", "detect", "--flags", "text", "--gamma", "0.5", *read]) == 2


def test_two_keys_are_two_results(detect: Detect) -> None:
    code, out, _ = detect("vllm-gumbel", {"key": 42, "algorithm": "dual_key_gumbel"}, LEFT["texts"], "--json")
    said = json.loads(out)
    names = [result["evidence"]["params"]["key_name"] for result in said["results"]]
    assert (code, said["keys"], names) == (0, 2, ["key_a", "key_b"])
    assert detect("vllm-gumbel", {"key": 42, "context_width": None}, [[1, 2]])[:2][1].count("nothing to score") == 1


@pytest.mark.parametrize(
    ("kind", "config", "words"),
    [
        ("hf-kgw", {"hashing_key": 987654321}, "missing required field `vocab_size`"),
        ("hf-kgw", {"vocab_size": 503, "hashing_key": 987654321, "device": "cuda"}, "unknown field `device`"),
        ("hf-kgw", {"vocab_size": 503, "hashing_key": "987654321"}, "Expected `int`, got `str` - at `$.hashing_key`"),
        ("hf-kgw", {"vocab_size": 503, "seeding_scheme": "righthash"}, "`$.seeding_scheme`"),
        ("hf-kgw", {"vocab_size": 400}, "beyond the vocabulary of 400"),
        ("hf-synthid", {"ngram_len": 5}, "missing required field `keys`"),
        ("hf-synthid", {"keys": [987654321]}, "missing required field `ngram_len`"),
        ("vllm-gumbel", {"context_width": 4}, "missing required field `key`"),
        ("vllm-gumbel", {"key": 987654321, "algorithm": "sbw"}, "`$.algorithm`"),
        ("vllm-gumbel", {"key": 987654321, "prf": "hmac_sha256"}, "`$.prf`"),
        ("markllm-kgw", {**MARKLLM["config"], "f_scheme": "sum"}, "`$.f_scheme`"),
        ("hf-kgw", "[", "is no configuration of hf-kgw"),
        ("hf-kgw", "[" * 200_000, "is no configuration of hf-kgw"),
        ("kgw", {}, "there are hf-kgw, hf-synthid, vllm-gumbel, markllm-kgw"),
    ],
)
def test_a_configuration_that_cannot_be_is_named_and_its_key_not_quoted(
    detect: Detect, kind: str, config: Any, words: str
) -> None:
    code, out, err = detect(kind, config, LEFT["texts"])
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert words in err
    assert err.startswith("gauger: ")
    assert "987654321" not in err


@pytest.mark.parametrize(
    "words",
    [
        ["--foreign", "hf-kgw", "--tokens", "texts.jsonl"],
        ["--foreign-config", "config.json", "--tokens", "texts.jsonl"],
        ["--foreign", "hf-kgw", "--foreign-config", "config.json"],
        ["--foreign", "hf-kgw", "--foreign-config", "config.json", "--tokens", "texts.jsonl", "--party", "a"],
        ["--foreign", "hf-kgw", "--foreign-config", "config.json", "--tokens", "texts.jsonl", "--gamma", "0.5"],
        ["--foreign", "hf-kgw", "--foreign-config", "config.json", "--flags", "texts.jsonl", "--gamma", "0.5"],
        ["--foreign", "hf-kgw", "--foreign-config", "none.json", "--tokens", "texts.jsonl"],
    ],
)
def test_options_that_do_not_go_together(words: list[str], detect: Detect, capsys: pytest.CaptureFixture[str]) -> None:
    assert detect("hf-kgw", LEFT["config"], LEFT["texts"])[0] == 1
    assert cli.run(["watermark", "detect", *words]) == 2
    out, err = capsys.readouterr()
    assert (out, err.count("\n"), err[:8]) == ("", 1, "gauger: ")
