"""Files whose names are no UTF-8, or would act on a terminal: they are written, and told of in JSON and in words."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from gauger.app import cli

pytest.importorskip("cryptography", reason="pip install 'gauger[watermark]'")

LATIN, ACTING = os.fsdecode(b"caf\xe9.json"), "a\x1b[31m\u202e.json"
KEY = ["--tenant", "t", "--party", "p", "--epoch", "e", "--model", "m", "--tokenizer", "w", "--scheme", "gumbel"]
KEY += ["--master-env", "MASTER"]


@pytest.fixture(autouse=True)
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MASTER", bytes(range(32)).hex())
    monkeypatch.setenv("PASS", "five random words or more")
    monkeypatch.delenv("GAUGER_DEBUG", raising=False)


def said(capsys: pytest.CaptureFixture[str], *args: str) -> str:
    assert cli.run(["watermark", *args]) == 0, capsys.readouterr().err
    out = capsys.readouterr().out
    assert "\x1b" not in out
    assert "--json" in args or "\u202e" not in out
    return out


def test_names_that_are_no_utf8(capsys) -> None:
    for name in (LATIN, ACTING):
        made = json.loads(said(capsys, "keygen", name, "--passphrase-env", "PASS", "--json"))
        assert Path(name).exists()
        assert made["file"] == name.replace("\udce9", "\ufffd")
    told = said(capsys, "keygen", f"k{ACTING}", "--passphrase-env", "PASS")
    assert "a⟨U+001B⟩[31m⟨U+202E⟩.json" in told


def test_a_commitment_and_what_is_revealed_of_it(capsys) -> None:
    folder = f"d{ACTING}"
    assert f"Publish {folder[:2]}⟨U+001B⟩" in said(capsys, "commit", "--out", folder, *KEY)
    key = json.loads((Path(folder) / "proofs.jsonl").read_text())["id"]
    given = ("reveal", folder, "--id", key, "--master-env", "MASTER", "--out")
    assert "is in a⟨U+001B⟩" in said(capsys, *given, ACTING)
    assert json.loads(said(capsys, *given, LATIN, "--json"))["file"] == "caf\ufffd.json"


def test_a_plan_and_its_judgement(capsys) -> None:
    Path("prompts.jsonl").write_text('{"prompt": "a", "prompt_tokens": [1, 2]}\n')
    Path("served.jsonl").write_text(json.dumps({"tokens": list(range(30))}) + "\n")
    materials = ["--prompts", "prompts.jsonl", "--served", "served.jsonl"]
    given = ["--subject", "s", *materials, *KEY]
    assert "the plan in a⟨U+001B⟩" in said(capsys, "radioactivity", "plan", ACTING, *given)
    made = json.loads(said(capsys, "radioactivity", "plan", LATIN, *given, "--json"))
    assert made["file"] == "caf\ufffd.json"
    head = {"plan": made["digest"], "schema": "gauger/answers/1"}
    Path("answers.jsonl").write_text(json.dumps(head) + "\n")
    judge = ["radioactivity", "judge", LATIN, "--answers", "answers.jsonl", *materials, *KEY, "--json"]
    assert "caf\ufffd.json" in json.loads(said(capsys, *judge))["command"]
