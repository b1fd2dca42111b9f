"""Power of the pooled two-sample test of prompts, by dilution and by how many requests are pooled.

    python bench/distribution_shift.py FOLDER [--campaign NAME] [--times 200]

FOLDER holds events.* and truth.csv, as ``gauger simulate`` writes them. An account of 100 requests is made of whole
benign accounts' prompts, so that accounts differ as they do; a guilty one has a share of them replaced by prompts of
a campaign. A pool of so many accounts is tested against 150 benign ones at a level of 1 %. Prints JSON: for each
pool and dilution the share of tests that reject, with its 95 % interval; dilution 0 is the test's own error.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import numpy as np
import pandas as pd

from gauger.detect.distribution_shift import asked, pool_test
from gauger.detect.elicitation import load_model, thresholds
from gauger.detect.sketch import sketch
from gauger.detect.tables import ELICITATION, TOPICS
from gauger.edge.reading import read_logs
from gauger.stats.tails import clopper_pearson

REQUESTS = 100
REFERENCE = 150
LEVEL = 0.01
POOLS = (1, 3, 5, 10, 15)
DILUTIONS = (0.0, 0.05, 0.1, 0.2, 0.5, 1.0)
BENIGN, GUILTY = 1500, 400  # accounts made to draw from

COLUMNS = [*(f"topic_{i}" for i in range(TOPICS)), *(f"elicit_{c}" for c in ELICITATION)]

Vectors = np.ndarray


def embedded(folder: Path) -> pd.DataFrame:
    """One row a prompt: account, its embedding, and 1 for each class of elicitation that it is above the bar of."""
    parts, bars = [], np.array([thresholds()[c] for c in ELICITATION])
    for batch, _ in read_logs([str(next(iter(sorted(folder.glob("events.*")))))], format="auto"):
        table = sketch(batch, *load_model())
        parts.append(table.select(["account", *COLUMNS]).to_pandas().dropna())
    rows = pd.concat(parts, ignore_index=True)
    rows[COLUMNS[:TOPICS]] /= 127.0
    rows[COLUMNS[TOPICS:]] = (rows[COLUMNS[TOPICS:]].to_numpy() > bars).astype(float)
    return rows


def account_of(blocks: list[Vectors], harvest: Vectors, share: float, rng: np.random.Generator) -> Vectors:
    """Mean of an account's prompts: whole accounts' prompts up to 100, so large a share of them harvesting."""
    held: list[Vectors] = []
    while sum(map(len, held)) < REQUESTS:
        held.append(blocks[rng.integers(len(blocks))])
    prompts = np.concatenate(held)[:REQUESTS]
    stolen = rng.random(REQUESTS) < share
    prompts = np.where(stolen[:, None], harvest[rng.integers(len(harvest), size=REQUESTS)], prompts)
    return np.asarray(prompts.mean(axis=0))


def power(benign: Vectors, guilty: Vectors, pool: int, times: int, rng: np.random.Generator) -> tuple[int, int]:
    """How many pools of so many accounts the test rejects at 1 %, of how many."""
    mine = np.arange(pool + REFERENCE) < pool
    hits = 0
    for _ in range(times):
        others = rng.permutation(len(benign))[: REFERENCE + pool]
        taken = guilty[rng.permutation(len(guilty))[:pool]] if len(guilty) else benign[others[REFERENCE:]]
        rows = np.concatenate([taken, benign[others[:REFERENCE]]])
        hits += pool_test(asked(rows[:, :TOPICS], rows[:, TOPICS:]), mine, rng, draws=499)[0] <= np.log(LEVEL)
    return hits, times


def main() -> None:
    """Embed, draw, test, print."""
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=Path)
    parser.add_argument("--campaign", default="")
    parser.add_argument("--times", type=int, default=200)
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args()
    truth = pd.read_csv(args.folder / "truth.csv")
    rows = embedded(args.folder).merge(truth[["account", "label", "campaign"]], on="account")
    vectors = rows[COLUMNS].to_numpy(dtype=float)
    benign = rows["label"].to_numpy() == 0
    names = [args.campaign] if args.campaign else sorted(rows["campaign"].dropna().unique())
    guilty = rows["campaign"].isin(names).to_numpy()
    blocks = [vectors[benign][at] for at in rows[benign].reset_index(drop=True).groupby("account").indices.values()]
    rng = np.random.default_rng(args.seed)
    made = np.stack([account_of(blocks, vectors[guilty], 0.0, rng) for _ in range(BENIGN)])
    results = []
    for share in DILUTIONS:
        thieves = [account_of(blocks, vectors[guilty], share, rng) for _ in range(GUILTY if share else 0)]
        for pool in POOLS:
            hits, times = power(made, np.array(thieves), pool, args.times, rng)
            low, high = (float(x) for x in clopper_pearson(hits, times))
            told = {"power": hits / times, "low": round(low, 4), "high": round(high, 4)}
            results.append({"requests": pool * REQUESTS, "dilution": share} | told)
    print(json.dumps({"campaigns": names, "level": LEVEL, "times": args.times, "results": results}, indent=1))


if __name__ == "__main__":
    main()
