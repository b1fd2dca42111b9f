"""The benchmark of behaviour still runs, on a few models that are made here."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

ROOT = Path(__file__).parents[2]


def lineages(folder: Path, *, one_base: bool = True) -> None:
    """Twelve strangers and a child."""
    rng = np.random.default_rng(5)
    said = {f"m{k}": [" ".join(rng.choice(200, 40).astype(str)) for _ in range(30)] for k in range(12)}
    said["child"] = [text[:100] for text in said["m0"]]
    rows = [(p, name, text) for name, texts in said.items() for p, text in enumerate(texts)]
    columns = dict(zip(("prompt_id", "model", "output"), map(list, zip(*rows, strict=True)), strict=True))
    pq.write_table(pa.table(columns), folder / "responses.parquet")
    bases = {name: "base" if one_base else f"base of {name}" for name in said}
    models = "".join(f"{name},maker of {name},{bases[name]},{'m0' if name == 'child' else ''}\n" for name in said)
    (folder / "models.csv").write_text("model,maker,base,parent\n" + models)
    (folder / "pairs.csv").write_text("kind,parent_or_teacher,child_or_student\nparent-child,m0,child\n")
    (folder / "time_impossible.csv").write_text("candidate_teacher,suspect\nm1,m2\nm1,m3\n")


def test_the_benchmark_of_few_prompts(tmp_path: Path) -> None:
    lineages(tmp_path, one_base=False)
    script = [sys.executable, str(ROOT / "bench" / "few_prompts.py"), str(tmp_path), "--draws", "1"]
    paths = os.pathsep.join([str(ROOT / "src"), str(ROOT / "bench")])
    made = subprocess.run(
        [*script, "--out", str(tmp_path / "out.json")],
        env={**os.environ, "PYTHONPATH": paths, "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert made.returncode == 0, made.stderr[-2000:]
    rows = json.loads(made.stdout)
    assert [(row["few"], row["of"]) for row in rows] == [(21, 200), (50, 100), (30, 100)]
    assert all(row["0.01"]["judged"] > 30 and not row["0.01"]["called"] for row in rows)  # a dozen cannot make 1 %


def test_the_benchmark_of_behaviour(tmp_path: Path) -> None:
    lineages(tmp_path)
    script = [sys.executable, str(ROOT / "bench" / "lineage_behaviour.py"), str(tmp_path), "--scale", "0.03"]
    made = subprocess.run(
        [*script, "--out", str(tmp_path / "out.json")],
        env={**os.environ, "PYTHONPATH": str(ROOT / "src"), "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert made.returncode == 0, made.stderr[-2000:]
    assert made.stdout == (tmp_path / "out.json").read_text()
    figures = json.loads(made.stdout)
    assert [run["prompts"] for run in figures["runs"]] == [20, 30]
    for run in figures["runs"]:
        child = run["parent-child"]["unrelated"]["score"]
        # 66 pairs of twelve strangers, and 11 of the child with those that are not its parent: all lower.
        assert (child["positives"], child["nulls"], child["auroc"][0], child["tpr_at_1pct"][0]) == (1, 77, 1.0, 1.0)
        assert run["parent-child"]["impossible"]["score"]["nulls"] == 2
        assert set(run["parent-child"]["unrelated"]) == {
            *("score", "p", "length_only", "wording", "rare_runs", "opening_style", "sentence_style", "openers")
        }
        assert len(run["held_out_makers"]["mean"]) == 3
        assert run["ordered_pairs_called"]["impossible"]["pairs"] == 2
        assert set(run["innocents"]) == {
            *("pairs_unrelated", "pairs_same_foundation", "pairs_impossible"),
            *("open_set_of_1", "open_set_of_5"),
        }
    made = subprocess.run(
        [*script, "--statistic", "leaks", "--out", str(tmp_path / "out.json")],
        env={**os.environ, "PYTHONPATH": str(ROOT / "src"), "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert made.returncode == 0, made.stderr[-2000:]
    alone = json.loads(made.stdout)
    assert "in_turn" not in alone
    child = alone["runs"][0]["parent-child"]["unrelated"]["score"]
    assert (child["positives"], child["nulls"]) == (1, 154)  # of leaks either way round is a pair
    turns = figures["in_turn"]
    assert turns["family_left_out"]["pairs"] == 1
    assert turns["looks"] == [4, 5, 6, 8, 10, 12, 15, 18, 20]
    for how in ("as_it_is", "bases_ignored"):
        child = turns[how]["parent-child"]
        assert (child["pairs"], child["median_prompts"]) == (1, 20.0)  # twelve strangers cannot make 1 %
        assert turns[how]["unrelated"]["called"][0] == 0
