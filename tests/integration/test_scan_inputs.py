"""`gauger scan` on small logs: without prompts, with a giant one, with nothing usable; wrong options; exit codes."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import zstandard

from tests.integration.conftest import RESULTS, Run

GIANT = "many words, " * (50_000_000 // 12)


def envoy(n: int) -> bytes:
    """A line of an access log: 20 users of an office, each with an address and a client of its own."""
    user, at = n % 20, f"2026-03-{2 + n // 75:02}T{9 + n % 9:02}:{n % 60:02}:00.000Z"
    record = {
        "start_time": at,
        "response_code": 200,
        "duration": 900,
        "genai_model_name": "heron-1",
        "genai_tokens_input": 40 + n % 7,
        "genai_tokens_output": 100 + n % 31,
        "user.id": f"user-{user}",
        "x-request-id": f"r{n}",
        "downstream_remote_address": f"100.{user}.7.9:443",
        "user-agent": f"client-{user}/1",
    }
    return json.dumps(record).encode() + b"\n"


def test_a_log_without_prompts_says_what_could_not_run(tmp_path: Path, run: Run) -> None:
    (tmp_path / "access.log").write_bytes(b"".join(map(envoy, range(300))))
    got = run(["scan", str(tmp_path / "access.log"), "--out", str(tmp_path / "out"), "--json"])
    assert got.code == 0  # nothing found
    report = json.loads(got.stdout)  # one document and nothing else
    assert report == got.report
    assert (report["inputs"][0]["format"], report["events"], report["accounts"]) == ("envoy", 300, 20)
    assert (report["campaigns"], report["solo"]) == ([], [])
    could = {s["id"]: s["ran"] for s in report["signals"]}
    needs_text = ("template-families", "elicited", "distribution-shift", "conversation-hopping")
    assert [could[i] for i in (*needs_text, "timing")] == [False] * 4 + [True]
    assert all(bool(s["why_not"]) != s["ran"] for s in report["signals"])
    assert any("no prompts" in limit for limit in report["limits"])
    assert {r["flagged"] for r in got.accounts} == {"0"}


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"", "log.jsonl: the log is empty"),
        (b'{"id": "x"}\n' * 3, "no known log format"),
        (json.dumps({**json.loads(envoy(1)), "user.id": None}).encode(), "log.jsonl:1: no account"),
        (zstandard.compress(envoy(1) * 9)[:-30], "ends within a frame (truncated)"),
    ],
    ids=["empty", "unknown", "no-accounts", "truncated"],
)
def test_a_log_of_which_nothing_is_usable(tmp_path: Path, run: Run, data: bytes, said: str) -> None:
    (tmp_path / "log.jsonl").write_bytes(data)
    got = run(["scan", str(tmp_path / "log.jsonl"), "--out", str(tmp_path / "out")])
    assert (got.code, got.stdout) == (2, "")
    assert said in got.stderr.splitlines()[-1]
    assert not RESULTS & {p.name for p in got.out.iterdir()}


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (["--fdr", "1"], "--fdr"),
        (["--engine", "oracle"], "duckdb, spark"),
        (["--format", "oracle"], "unknown log format"),
        (["--memory-gb", "0"], "--memory-gb"),
        (["--orgs", "nowhere.csv"], "nowhere.csv: cannot be read: No such file"),
        (["--mapping", "nowhere.toml"], "nowhere.toml: the mapping cannot be read"),
        (["--nosuch"], "--nosuch"),
    ],
)
def test_wrong_options_are_code_2(tmp_path: Path, run: Run, change: list[str], said: str) -> None:
    (tmp_path / "log.jsonl").write_bytes(envoy(1))
    got = run(["scan", str(tmp_path / "log.jsonl"), "--out", str(tmp_path / "out"), *change])
    assert (got.code, got.stdout) == (2, "")
    assert said in got.stderr.splitlines()[-1]
    assert "exchanges read" not in got.stderr  # it is told before a long log is read


def test_a_log_that_is_not_there_is_code_2(tmp_path: Path, run: Run) -> None:
    got = run(["scan", str(tmp_path / "none.jsonl"), "--out", str(tmp_path / "out")])
    assert (got.code, got.stdout) == (2, "")
    assert "none.jsonl: no such file" in got.stderr


def chat(n: int, prompt: str) -> bytes:
    """A line of a gateway's log that holds a prompt."""
    record = {
        "id": f"e{n}",
        "startTime": 1_750_000_000 + 600 * n,
        "model": "heron-1",
        "prompt_tokens": 9,
        "messages": [{"role": "user", "content": prompt}],
        "model_parameters": {},
        "metadata": {"user_api_key_user_id": f"user-{n % 20}"},
    }
    return json.dumps(record).encode() + b"\n"


def test_an_engine_that_fails_is_code_3_and_the_next_scan_goes_on(tmp_path: Path, run: Run) -> None:
    log = tmp_path / "log.jsonl.zst"
    lines = [chat(n, f"What is {n} in words?") for n in range(200)]
    log.write_bytes(zstandard.compress(b"".join(lines) + chat(200, GIANT)))
    args = ["scan", str(log), "--out", str(tmp_path / "out")]
    failed = run([*args, "--memory-gb", "0.001"])
    assert (failed.code, failed.stdout) == (3, "")
    assert "give more memory" in failed.stderr.splitlines()[-1]
    got = run(args)
    assert got.code == 0
    assert "going on after 201 exchanges" in got.stderr
    assert (got.report["events"], got.report["quarantined"]["total"]) == (201, 0)  # with the prompt of 50 MB
    assert sum(p.stat().st_size for p in got.out.iterdir()) < 2_000_000
