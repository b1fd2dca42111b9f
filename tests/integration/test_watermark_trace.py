"""`gauger watermark trace`: the accounts in a text are named and nobody else is."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from gauger.app import cli
from gauger.watermark.keys import KeyContext, derive
from gauger.watermark.sampling import Response, sample
from gauger.watermark.schemes.gumbel import Gumbel

MASTER, ACCOUNTS, CULPRITS = bytes(range(32)), 300, (41, 7)

Gauger = Callable[..., tuple[int, str, str]]


def secret(account: int) -> bytes:
    context = KeyContext(
        tenant="lab", party=f"account:{account}", epoch="2026-01", model="teal", tokenizer="bpe", scheme="gumbel"
    )
    return derive(MASTER, context).secret


@pytest.fixture(scope="module")
def harvest() -> str:
    """One answer of 120 tokens to each culprit."""
    rng, rows = np.random.default_rng(8), len(CULPRITS)
    responses, tokens = [Response(secret(a)) for a in CULPRITS], rng.integers(0, 5000, (rows, 4))
    for _ in range(120):
        ids = rng.integers(0, 250, (rows, 20)) * 20 + np.arange(20)
        drawn = sample(Gumbel(), responses, tokens, ids, rng.dirichlet(np.full(20, 0.7), rows), rng)
        tokens = np.column_stack([tokens, drawn])
    return "".join(json.dumps(row[4:].tolist()) + "\n" for row in tokens)


@pytest.fixture
def gauger(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path, harvest: str) -> Gauger:
    """Run the verb beside a harvest and the contexts of all accounts but the culprits, and of all."""
    monkeypatch.setenv("MASTER", MASTER.hex())
    monkeypatch.delenv("GAUGER_DEBUG", raising=False)
    monkeypatch.chdir(tmp_path)
    Path("harvest.jsonl").write_text(harvest)
    for name, left_out in (("all.csv", ()), ("others.csv", CULPRITS)):
        rows = [f"lab,account:{k},2026-01,teal,bpe,gumbel" for k in range(ACCOUNTS) if k not in left_out]
        Path(name).write_text("\n".join(["tenant,party,epoch,model,tokenizer,scheme", *rows, ""]))

    def run(*args: str) -> tuple[int, str, str]:
        code = cli.run(["watermark", "trace", "--master-env", "MASTER", *args])
        out, err = capsys.readouterr()
        assert MASTER.hex() not in out + err
        return code, out, err

    return run


def traced(gauger: Gauger, *args: str) -> tuple[int, dict[str, Any]]:
    code, out, err = gauger("--json", *args)
    assert err == ""
    return code, json.loads(out)


def test_the_accounts_are_named(gauger: Gauger) -> None:
    args = ("--tokens", "harvest.jsonl", "--contexts", "all.csv", "--decoys", "200", "--top", "3")
    code, said = traced(gauger, *args)
    assert (code, said["schema"], said["keys"], said["decoys"], said["alpha"]) == (1, "gauger/trace/1", 300, 200, 1e-6)
    accused = {a["context"]["party"]: a["evidence"] for a in said["accused"]}
    assert accused.keys() == {"account:7", "account:41"}
    assert all(e["kind"] == "exact" and e["params"]["log_p"] < -14 for e in accused.values())
    assert [c["accused"] for c in said["candidates"]] == [True, True, False]
    assert [c["context"]["party"] for c in said["candidates"][:2]] == list(accused)
    assert [c["id"] for c in said["candidates"][:2]] == [e["inputs"][0] for e in accused.values()]
    assert said["decoy_p"] == 1 / 201
    code, out, _ = gauger(*args)
    assert code == 1
    assert out.count("accused") >= 2
    for words in ("account:41", "2 of 300 keys accused", "of 200 unused keys fall below 1 %", "at most 1e-06"):
        assert words in " ".join(out.split())


def test_nobody_else_is(gauger: Gauger) -> None:
    code, said = traced(gauger, "--tokens", "harvest.jsonl", "--contexts", "others.csv", "--decoys", "0")
    assert (code, said["keys"], said["accused"], len(said["candidates"])) == (0, 298, [], 10)
    code, out, _ = gauger("--tokens", "harvest.jsonl", "--contexts", "others.csv", "--decoys", "0")
    assert (code, "0 of 298 keys accused" in out, "no unused keys to check the null by" in out) == (0, True, True)
    assert "Share of unused keys" not in out


def test_nothing_to_score_accuses_nobody(gauger: Gauger) -> None:
    Path("empty.jsonl").write_text("")
    code, said = traced(gauger, "--tokens", "empty.jsonl", "--contexts", "all.csv")
    assert (code, said["accused"]) == (0, [])
    assert "nothing to score" in said["why"]


@pytest.mark.parametrize(
    ("args", "words"),
    [
        (["--contexts", "all.csv", "--tokenizer-of-text", "sp"], "the keys are for bpe"),
        (["--contexts", "all.csv", "--scheme-of-text", "greenlist"], "marked by greenlist"),
        (["--contexts", "all.csv", "--alpha", "2"], "--alpha must lie"),
        (["--contexts", "none.csv"], "none.csv"),
        ([], "contexts"),
    ],
)
def test_what_does_not_fit_is_refused(gauger: Gauger, args: list[str], words: str) -> None:
    code, out, err = gauger("--tokens", "harvest.jsonl", *args)
    assert (code, out) == (2, "")
    assert words in err
