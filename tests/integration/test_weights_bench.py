"""The benchmark of weights still runs: a few of its cells, and two of its nulls."""

from __future__ import annotations

import importlib.util
import json
import sys
from itertools import islice
from pathlib import Path

import pytest

BENCH = Path(__file__).parents[2] / "bench"


def test_the_benchmark_of_weights(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(BENCH))
    spec = importlib.util.spec_from_file_location("lineage_weights", BENCH / "lineage_weights.py")
    assert spec is not None
    assert spec.loader is not None
    bench = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(bench)
    few, out = bench.power, tmp_path / "out.json"
    monkeypatch.setattr(bench, "power", lambda seed, scale: islice(few(seed, scale), 5))
    monkeypatch.setattr(sys, "argv", ["lineage_weights.py", "--out", str(out), "--scale", "0.002"])
    bench.main()
    made = json.loads(out.read_text())
    assert {(row["kind"], row["test"]) for row in made["nulls"]} == {
        *(("copy, units reordered", test) for test in ("unit order", "unit pairs")),
        ("copy, signs drawn anew", "unit signs"),
        ("copy, channels reordered", "channel order"),
        *(
            (kind, test)
            for kind in (
                *("trained apart, same batches", "student of its outputs"),
                *("both upcycled, 4 copies of each MLP", "both deepened, 4 copies of each MLP"),
            )
            for test in ("unit order", "unit pairs", "unit signs", "channel order", "verdict")
        ),
    }
    assert all(row["runs"] == 2 and row["0.01"]["hits"] == 0 for row in made["nulls"])
    assert [cell["word"] for cell in made["cells"]] == ["nothing found"] * 3 + ["not independent"] * 2
    monkeypatch.setattr(bench, "ANEW", 1)
    script = tmp_path / "model"
    bench.lab.write(bench.small(0, bench.lab.taught_by(bench.lab.chain(0, 24)), 0, steps=1), script)
    cells = list(islice(bench.real(script), 8))
    assert [cell["log10_p"]["unit pairs"] < -2.5 for cell in cells] == [
        *(False, True, False, False, False, True, True, False)
    ]
