"""The benchmark of ghost twins still runs, on a fiftieth of its records."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def test_the_benchmark_of_ghosts(tmp_path: Path) -> None:
    pytest.importorskip("torch", reason="pip install 'gauger[models]'")
    out = tmp_path / "out.json"
    script = [sys.executable, str(ROOT / "bench" / "ghosts.py"), "--out", str(out), "--seeds", "1", "--scale", "0.02"]
    paths = os.pathsep.join([str(ROOT / "src"), str(ROOT / "bench")])
    made = subprocess.run(script, env={**os.environ, "PYTHONPATH": paths}, capture_output=True, text=True, check=False)
    assert made.returncode == 0, made.stderr[-2000:]
    cells = {cell["name"]: cell["found"] for cell in json.loads(out.read_text())["cells"]}
    assert len(cells) == 7
    by_heart, strangers = cells["20 %, 10 epochs, 500 records"], cells["other records of the same teacher"]
    assert by_heart.keys() == strangers.keys()
    assert sum(name.startswith("its text") for name in by_heart) == 4 * 3
    best = "student - base, per_root; stakes by scores"
    assert by_heart[best]["highest"] > 3
    assert strangers[best]["passes"] == {"1e3": None, "1e6": None}
