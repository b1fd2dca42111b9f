"""What a scan costs from one to sixteen million exchanges: time, memory, and whether the cost stays linear.

    python bench/scale.py --folder /tmp/scale --exchanges 1e6 2e6 4e6 8e6 16e6 [--memory-gb 4] [--out FILE.json]

Each world is simulated Parquet of about 1 kB of text an exchange over 24,000 accounts, kept in the folder and
used again. Each scan is a fresh process. ``--exchanges 20000 --accounts 2000`` is the smoke run. A low
``--memory-gb`` shows the engine spilling instead of dying. Stages are cut where the scan reports progress.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from gauger.app.evaluation import evaluate_scan
from gauger.app.options import ScanOptions
from gauger.app.scanning import scan
from gauger.edge.worlds import write_bulk

DONE = "truth.csv"  # written last
READ = "reading and sketching"


def world(folder: Path, exchanges: int, accounts: int) -> Path:
    """The folder of a world, made where it is missing or half made."""
    made = folder / f"{exchanges}-{accounts}"
    if not (made / DONE).exists():
        shutil.rmtree(made, ignore_errors=True)
        print(f"writing {exchanges:,} exchanges to {made}", file=sys.stderr)
        write_bulk(made, exchanges, accounts, seed=1)
    return made


def child(logs: Path, out: Path, memory_gb: float) -> None:
    """Scan in this process and print what it took."""
    marks = [(time.perf_counter(), time.process_time(), READ)]

    def progress(text: str) -> None:
        print(f"{logs.name}: {time.perf_counter() - marks[0][0]:7.1f} s  {text}", file=sys.stderr, flush=True)
        if not text.endswith("exchanges read"):
            marks.append((time.perf_counter(), time.process_time(), text))

    parts = sorted(str(p) for p in logs.glob("part-*.parquet"))
    options = ScanOptions(logs=parts, out=out, memory_gb=memory_gb, keep_work=True)
    body = scan(options, created=datetime.now(UTC), progress=progress)
    marks.append((time.perf_counter(), time.process_time(), "end"))
    usage = [resource.getrusage(w) for w in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    stages = {
        name: {"wall_s": round(end[0] - start[0], 1), "cpu_s": round(end[1] - start[1], 1)}
        for start, end in pairwise(marks)
        for name in [start[2]]
    }
    print(
        json.dumps(
            {
                "exchanges": body["events"],
                "accounts": body["accounts"],
                "wall_s": round(marks[-1][0] - marks[0][0], 1),
                "cpu_s": round(sum(u.ru_utime + u.ru_stime for u in usage), 1),
                "peak_rss_gb": round(sum(u.ru_maxrss for u in usage) / 1e6, 2),  # its own, and its largest child's
                "campaigns": len(body["campaigns"]),
                "stages": stages,
            }
        )
    )


def measure(logs: Path, memory_gb: float) -> dict[str, Any]:
    """Scan in a fresh process; its figures and those of its input."""
    size = sum(p.stat().st_size for p in logs.glob("part-*.parquet"))
    load = os.getloadavg()[0]
    with tempfile.TemporaryDirectory(dir=logs.parent) as made:
        out = Path(made)
        asked = [sys.executable, __file__, "--child", str(logs), str(out), str(memory_gb)]
        spilt = 0
        with subprocess.Popen(asked, stdout=subprocess.PIPE) as process:
            while process.poll() is None:
                time.sleep(0.5)
                spilt = max(spilt, _size(out / "work" / "scratch" / "duckdb"))
            if process.returncode or process.stdout is None:
                raise SystemExit(f"the scan of {logs} ended with code {process.returncode}")
            found: dict[str, Any] = json.loads(process.stdout.read().splitlines()[-1])
        found["families"] = _families(out / "work" / "families" / "rows.parquet")
        judged = evaluate_scan(out, logs / DONE, seed=1)
    return found | {
        "memory_gb": memory_gb,
        "spilt_gb": round(spilt / 1e9, 2),
        "parquet_gb": round(size / 1e9, 3),
        "parquet_mb_per_s": round(size / 1e6 / found["wall_s"], 1),
        "us_cpu_per_exchange": round(found["cpu_s"] / found["exchanges"] * 1e6, 1),
        "load_before": round(load, 2),
        "load_after": round(os.getloadavg()[0], 2),
        "judged": {k: round(judged.figures[k].value, 4) for k in ("tpr_flagged", "fpr_flagged", "campaigns_found")},
    }


def _size(folder: Path) -> int:
    total = 0
    for path in folder.glob("**/*"):
        try:
            total += path.stat().st_size
        except OSError:  # gone meanwhile
            continue
    return total


def _families(path: Path) -> int:
    import pyarrow.parquet as pq  # noqa: PLC0415

    return len(pq.read_table(path, columns=["family"])["family"].unique())


def growth(runs: list[dict[str, Any]]) -> dict[str, float]:
    """CPU seconds as a line in exchanges, and cost an exchange of the largest run over the smallest."""
    runs = sorted(runs, key=lambda r: r["exchanges"])
    n, cost = (np.array([r[k] for r in runs], float) for k in ("exchanges", "cpu_s"))
    slope, fixed = np.polyfit(n, cost, 1)
    return {
        "fixed_cpu_s": round(float(fixed), 1),
        "us_cpu_per_exchange": round(float(slope) * 1e6, 2),
        "largest_residual": round(float(np.max(np.abs(fixed + slope * n - cost) / cost)), 4),
        "cost_ratio_largest_to_smallest": round(float((cost[-1] / n[-1]) / (cost[0] / n[0])), 3),
    }


def main() -> None:
    """Make worlds, scan them, print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--folder", type=Path, help="where worlds are kept (default: a temporary folder)")
    parser.add_argument("--exchanges", type=float, nargs="+", default=[1e6, 2e6, 4e6, 8e6, 16e6])
    parser.add_argument("--accounts", type=int, default=24_000)
    parser.add_argument("--memory-gb", type=float, nargs="+", default=[4.0], help="each world is scanned under each")
    parser.add_argument("--out", type=Path)
    parser.add_argument("--child", nargs=3, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.child:
        child(Path(args.child[0]), Path(args.child[1]), float(args.child[2]))
        return
    with tempfile.TemporaryDirectory() as made:
        folder = args.folder or Path(made)
        runs = [
            measure(world(folder, int(n), args.accounts), memory) for n in args.exchanges for memory in args.memory_gb
        ]
    result: dict[str, Any] = {"bench": "scale", "cores": os.cpu_count(), "runs": runs}
    if len(args.exchanges) > 1:
        result["growth"] = growth([r for r in runs if r["memory_gb"] == args.memory_gb[0]])
    text = json.dumps(result, indent=1)
    print(text)
    if args.out:
        args.out.write_text(text + "\n")


if __name__ == "__main__":
    main()
