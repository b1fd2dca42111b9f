"""The benchmarks of marks still run, small: all figures are there, and those that cannot be luck are right."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from scipy.stats import binom

ROOT = Path(__file__).parents[2]


def run(script: str, out: Path, *words: str) -> dict[str, Any]:
    """What a script of bench/ prints, which is what it writes."""
    bench = ROOT / "bench"
    paths = os.pathsep.join([str(ROOT / "src"), str(bench)])
    made = subprocess.run(
        [sys.executable, str(bench / script), "--out", str(out), *words],
        env={**os.environ, "PYTHONPATH": paths, "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert made.returncode == 0, made.stderr[-2000:]
    assert made.stdout == out.read_text()
    figures: dict[str, Any] = json.loads(made.stdout)
    return figures


def fields(rows: list[dict[str, Any]]) -> set[str]:
    """The fields of rows, which are the same in each."""
    assert len({tuple(sorted(row)) for row in rows}) == 1
    return set(rows[0])


def test_the_benchmark_of_marks(tmp_path: Path) -> None:
    made = run("watermark.py", tmp_path / "out.json", "--scale", "0.01")
    assert {part: fields(rows if isinstance(rows, list) else [rows]) for part, rows in made.items()} == {
        "marking": {"scheme", "candidates", "rows", "step_us", "row_us", "top_p_us"},
        "detection": {
            *("scheme", "tokens", "repeated", "tokens_per_s", "tokens_per_s_first_run"),
            *("keys", "tokens_of_each", "keys_s"),
        },
        "false_alarms": {
            *("corpus", "scheme", "repeats_scored", "by", "alpha", "keys", "attainable", "rate", "interval"),
        },
        "flags": {"runs", "median_tokens_to_1e6", "null_runs_that_pass_20", "null_runs_allowed"},
        "tracing": {
            *("scheme", "accounts", "traces", "tokens", "entropy_nats", "top_1", "top_1_interval"),
            *("accused", "innocents_accused", "innocent_p", "trace_s"),
        },
        "power": {"scheme", "entropy_nats", "replaced", "median_tokens", "of"},
        "entropy": {"scheme", "sure", "nats", "log10"},
        "colluders": {"coalition", "length", "accounts", "runs", "named", "somebody_named", "innocents_accused"},
    }
    assert {row["scheme"] for row in made["detection"]} == {"gumbel", "tournament", "greenlist"}
    assert all(row["repeated"] > 0 and row["tokens_per_s"] > 0 for row in made["detection"])
    for row in made["false_alarms"]:
        if not row["repeats_scored"]:
            assert row["rate"] * row["keys"] <= binom.isf(1e-6, row["keys"], row["alpha"]), row
    assert all(row["innocents_accused"] == 0 for row in made["tracing"] + made["colluders"])
    assert any(row["accused"] == 1 for row in made["tracing"])


def test_our_side_of_the_benchmark_beside_peers(tmp_path: Path) -> None:
    made = run("watermark_peers.py", tmp_path / "out.json", "--scale", "0.01", "--alone")
    assert {part: fields(rows) for part, rows in made.items() if part != "versions"} == PEERS
    tools = {row["tool"] for part in PEERS for row in made[part]}
    assert tools == {"gauger"}
    assert sum(row["alarms"] for row in made["false_alarms"]) <= 3  # of 320 keys, at 1e-3


def test_the_benchmark_of_prompts_that_use_up_windows(tmp_path: Path) -> None:
    whole = run("used_windows.py", tmp_path / "out.json", "--corpus", "10000", "--tokens", "40")
    parts = {row["a_request"]: row["log10_p"] for row in whole["in_parts"]}
    assert parts[60] < 1.2 * parts[16] < 1.2 * parts[8] < -10
    assert parts[4] > -4
    made = whole["marked"]
    assert fields(made) == {"scheme", "ids", "log10_p", "log10_p_without_prompt"}
    alone = {row["scheme"]: row["log10_p"] for row in made if row["ids"] == 1}
    after = {row["scheme"]: row["log10_p"] for row in made if row["ids"] > 1}
    assert after["gumbel:h=1"] > 0.5 * alone["gumbel:h=1"]
    assert after["gumbel:h=4"] < 0.9 * alone["gumbel:h=4"] < -30


PEERS = {
    "detection": {"tool", "mark", "tokens", "tokens_per_s"},
    "false_alarms": {"corpus", "given_as", "tool", "mark", "keys", "alarms", "rate", "interval"},
    "marking": {"tool", "mark", "candidates", "ms_a_step"},
}


@pytest.mark.peers
@pytest.mark.slow
def test_the_benchmark_beside_peers(tmp_path: Path) -> None:
    pytest.importorskip("transformers", reason="transformers 5 is not installed")
    made = run("watermark_peers.py", tmp_path / "out.json", "--scale", "0.01")
    assert {part: fields(rows) for part, rows in made.items() if part != "versions"} == PEERS
    assert {"gauger", "transformers"} <= {row["tool"] for part in PEERS for row in made[part]}
