"""How well a scan does on labelled traffic: the whole log, each campaign alone in it, and without side tables.

    python bench/scan_traffic.py FOLDER [--fdr 0.05]

FOLDER holds events.* (any format that is recognised), orgs.csv, bans.csv and truth.csv (account, org, kind,
label, campaign), as ``gauger simulate`` writes them. Nothing is trained here: the weights and thresholds are
those that ship, so every campaign, prompt source and honest kind of the folder is held out. Prints JSON.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from gauger.app.evaluation import evaluate_scan
from gauger.app.options import ScanOptions
from gauger.app.scanning import scan
from gauger.detect import calibration as calibrations
from gauger.detect.campaigns import find
from gauger.detect.elicitation import thresholds
from gauger.detect.families import documents, families
from gauger.detect.traffic import Sides, fold
from gauger.detect.verdicts import account_table
from gauger.edge.engine import load, open_engine
from gauger.edge.sides import read_bans, read_orgs
from gauger.model import to_plain


def tpr_at(score: np.ndarray, label: np.ndarray, rate: float) -> float:
    """Share of positives above the score that at most ``rate`` of the negatives reach (ties against us)."""
    negatives = np.sort(score[label == 0])[::-1]
    allowed = int(rate * len(negatives))
    return float((score[label == 1] > negatives[allowed]).mean()) if (label == 1).any() else float("nan")


def alone(log: Any, collect: Any, sides: Sides, truth: pd.DataFrame, keep: str, fdr: float) -> dict[str, Any]:
    """The scan on benign traffic and one campaign."""
    others = truth.loc[truth["campaign"].notna() & (truth["campaign"] != keep), "account"].tolist()
    table, mapping = log
    kept = table.filter(~table.account.isin(others)) if others else table
    traffic = fold(kept, mapping, collect, thresholds(), sides)
    groups, solos, _ = find(traffic, calibrations.load(), fdr=fdr)
    accounts = account_table(traffic, groups, solos).merge(truth.drop(columns="org"), on="account")
    label, flagged = accounts["label"].to_numpy(), accounts["flagged"].to_numpy() == 1
    true = set(accounts.index[accounts["campaign"] == keep])
    found = [set(g.members[flagged[g.members]]) for g in groups if g.rejected]
    return {
        "accounts": len(true),
        "jaccard": round(max((len(true & f) / len(true | f) for f in found if f), default=0.0), 4),
        "tpr_flagged": round(float(flagged[label == 1].mean()), 4) if true else None,
        "fpr_flagged": round(float(flagged[label == 0].mean()), 6),
        **{f"tpr_at_{r}": round(tpr_at(accounts["score"].to_numpy(), label, r), 4) for r in (0.01, 0.001, 0.0001)},
        "flagged_by_kind": {
            str(k): int(n) for k, n in accounts[accounts["flagged"] == 1].groupby("kind").size().items()
        },
    }


def main() -> None:
    """Scan, evaluate, take campaigns out, print."""
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=Path)
    parser.add_argument("--fdr", type=float, default=0.05)
    args = parser.parse_args()
    events = next(iter(sorted(args.folder.glob("events.*"))))
    side = {n: args.folder / f"{n}.csv" for n in ("orgs", "bans", "releases") if (args.folder / f"{n}.csv").exists()}
    result: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as made:
        out = Path(made) / "scan"
        options = ScanOptions(logs=[str(events)], out=out, fdr=args.fdr, keep_work=True, alarms=True, **side)
        began = time.monotonic()
        body = scan(options, created=datetime.now(UTC), progress=lambda text: print(text, file=sys.stderr))
        result["seconds"] = round(time.monotonic() - began, 1)
        result["whole"] = to_plain(evaluate_scan(out, args.folder / "truth.csv", seed=1))
        result["campaigns"] = [
            {k: c[k] for k in ("id", "exchanges", "alarm")}
            | {"accounts": len(c["accounts"]), "log10_e": c["evidence"][0]["log10_e"]}
            for c in body["campaigns"]
        ]
        engine = open_engine("duckdb", scratch=Path(made) / "scratch")
        table = engine.table(out / "work" / "sketches")
        mapping = families(documents(table), engine.collect)
        log = table, load(engine, mapping, Path(made) / "families")
        truth = pd.read_csv(args.folder / "truth.csv")
        bans = read_bans(side["bans"]).table.to_pandas() if "bans" in side else None
        known = Sides(orgs=read_orgs(side["orgs"]).table.to_pandas() if "orgs" in side else None, bans=bans)
        for name in (*sorted(truth["campaign"].dropna().unique()), ""):
            result[f"only {name or 'honest traffic'}"] = alone(log, engine.collect, known, truth, name, args.fdr)
        result["no side tables"] = {
            n: alone(log, engine.collect, Sides(), truth, n, args.fdr)
            for n in sorted(truth["campaign"].dropna().unique())
        }
        engine.close()
    print(json.dumps(result, indent=1))


if __name__ == "__main__":
    main()
