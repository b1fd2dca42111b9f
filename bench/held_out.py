"""Power and errors of the shipped calibration on simulated worlds that taught nothing. JSON on stdout.

    python bench/held_out.py [--worlds 12] [--honest 12] [--seed 7] [--workers 2] [--calibration FOLDER]

Half of the worlds hold campaigns with every knob drawn at random, half hold honest traffic only. Each is seen four
times: with and without side tables, with and without prompts. A campaign counts as found if the best rejected group
reaches the given Jaccard with its accounts; ``formed`` is the same for the best candidate, rejected or not, so that
what the communities lose and what the test loses are told apart.
"""

from __future__ import annotations

import argparse
import json
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from calibrate import HELD_OUT, HONEST, NULL, TARGET, WORLDS, Seen, each, random_campaigns, world_of

from gauger.detect.calibration import Calibration, parse_calibration
from gauger.detect.campaigns import find
from gauger.detect.signals import Members
from gauger.detect.verdicts import Candidate, account_table
from gauger.stats.tails import clopper_pearson

FDR = 0.05
KNOBS = ("dilution", "paraphrase", "cards", "addresses", "cover", "timing", "wording")
Rows = list[dict[str, Any]]


def jaccard(some: Members, others: Members) -> float:
    """How much two sets of accounts have in common."""
    return len(np.intersect1d(some, others)) / len(np.union1d(some, others))


def seen_by(calibration: Calibration, seen: Seen, specs: dict[str, Any]) -> tuple[dict[str, Any], Rows]:
    """What a scan makes of one view of a world: a row for the view, and a row for each campaign."""
    groups, solos, _ = find(seen.traffic, calibration, fdr=FDR)
    flagged = account_table(seen.traffic, groups, solos)["flagged"].to_numpy() == 1
    view = f"{'' if seen.sides else 'no '}sides, {'' if seen.prompts else 'no '}prompts"
    honest = seen.campaign == ""
    rejected = [c for c in (*groups, *solos) if c.rejected]
    whole = {
        "view": view,
        "rejected": len(rejected),
        "honest_rejected": sum(bool((honest[c.members]).mean() > 0.5) for c in rejected),
        "flagged": int(flagged[~honest].sum()),
        "guilty": int((~honest).sum()),
        "honest_flagged": int(flagged[honest].sum()),
        "honest": int(honest.sum()),
        "kinds_flagged": sorted(set(seen.kind[honest & flagged].tolist())),
    }
    rows = [
        {"view": view, **_best(np.flatnonzero(seen.campaign == name), [*groups, *solos], flagged), **specs[name]}
        for name in np.unique(seen.campaign[~honest])
    ]
    return whole, rows


def _best(true: Members, candidates: list[Candidate], flagged: np.ndarray) -> dict[str, Any]:
    found = (jaccard(c.members[flagged[c.members]], true) for c in candidates if c.rejected)
    formed = (jaccard(c.members, true) for c in candidates)
    return {"size": len(true), "jaccard": max(found, default=0.0), "formed": max(formed, default=0.0)}


def judged(job: tuple[int, bool], data: bytes, null: bytes) -> list[tuple[dict[str, Any], Rows]]:
    """All views of one world."""
    calibration = parse_calibration(data, null)
    seed, guilty = job
    several = random_campaigns(np.random.default_rng(seed)) if guilty else ()
    specs = {c.name: {k: getattr(c, k) for k in KNOBS} for c in several}
    return [seen_by(calibration, seen, specs) for seen in world_of(job)]


def rate(hits: int, n: int) -> dict[str, Any]:
    """A share with its exact 95 % interval."""
    low, high = clopper_pearson(hits, n)
    return {"of": n, "is": hits, "low": round(float(low), 4), "high": round(float(high), 4)}


def figures(worlds: list[dict[str, Any]], campaigns: Rows) -> dict[str, Any]:
    """The figures of one view."""
    several = pd.DataFrame([c for c in campaigns if c["size"] > 2])
    alone = pd.DataFrame([c for c in campaigns if c["size"] == 1])
    total = pd.DataFrame(worlds).drop(columns=["view", "kinds_flagged"]).sum()
    out: dict[str, Any] = {k: int(v) for k, v in total.items()}
    out["kinds_flagged"] = sorted({k for w in worlds for k in w["kinds_flagged"]})
    out["worlds_with_an_honest_group_rejected"] = rate(sum(w["honest_rejected"] > 0 for w in worlds), len(worlds))
    if len(several):
        for level in (0.5, 0.8):
            out[f"found_at_{level}"] = rate(int((several["jaccard"] >= level).sum()), len(several))
            out[f"formed_at_{level}"] = rate(int((several["formed"] >= level).sum()), len(several))
        out["mean_formed"] = round(float(several["formed"].mean()), 3)
        out["found_at_0.8_by"] = {
            knob: {str(v): rate(int((r["jaccard"] >= 0.8).sum()), len(r)) for v, r in several.groupby(knob)}
            for knob in KNOBS
        }
    if len(alone):
        out["lone_accounts_found"] = rate(int((alone["jaccard"] == 1).sum()), len(alone))
    return out


def main() -> None:
    """Judge and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--worlds", type=int, default=12)
    parser.add_argument("--honest", type=int, default=12)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--calibration", type=Path, default=TARGET.parent)
    args = parser.parse_args()
    data, null = ((args.calibration / path.name).read_bytes() for path in (TARGET, NULL))
    first = args.seed * WORLDS
    kinds = {
        "with campaigns": [(first + HELD_OUT + i, True) for i in range(args.worlds)],
        "honest": [(first + HONEST + i, False) for i in range(args.honest)],
    }
    result: dict[str, Any] = {"bench": "held_out", "fdr": FDR, "calibration": parse_calibration(data, null).digest}
    with ProcessPoolExecutor(args.workers) as pool:
        for kind, jobs in kinds.items():
            worlds = each(pool, partial(judged, data=data, null=null), jobs, f"worlds, {kind}")
            for k in range(4):
                views = [w[k] for w in worlds]
                campaigns = [row for _, rows in views for row in rows]
                result[f"{kind}; {views[0][0]['view']}"] = figures([whole for whole, _ in views], campaigns)
    print(json.dumps(result, indent=1))


if __name__ == "__main__":
    main()
