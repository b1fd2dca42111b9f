"""Learn src/gauger/detect/calibration.json from simulated worlds.

    python bench/calibrate.py [--training 24] [--benign 40] [--seed 7] [--workers 2]

Three sets of worlds that share nothing but the grammar: *training* worlds with random campaigns give
the weights of ties and signals; *benign* worlds give the null population, and so every threshold; and
*held-out* worlds, with campaigns again, give the figures that are printed (JSON on stdout).
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import ibis
import ibis.expr.types as ir
import numpy as np
import pyarrow as pa

from gauger.detect.calibration import dump_weights, learn_ratios, learn_weights, parse_calibration
from gauger.detect.campaigns import account_table, candidate_groups, find, solo_candidates, weigh_ties
from gauger.detect.elicitation import load_model, thresholds
from gauger.detect.families import documents, families, with_family
from gauger.detect.links import candidate_pairs, similarities
from gauger.detect.registry import describe
from gauger.detect.simulate import KINDS, LANGUAGES, CampaignSpec, Crowd, WorldSpec, simulate
from gauger.detect.sketch import sketch
from gauger.detect.traffic import Sides, Traffic, fold
from gauger.edge.spool import signed

TARGET = Path(__file__).parents[1] / "src/gauger/detect/calibration.json"
NOTHING = {
    "groups": {"(intercept)": [0, 1, 0]},
    "solos": {"(intercept)": [0, 1, 0]},
    "null_groups": [],
    "null_sizes": [],
    "null_solos": [],
}
PAIRS = 4000

World = tuple[Traffic, np.ndarray, np.ndarray]
"""A folded world, the campaign of each account or "", and its kind."""


def random_campaign(rng: np.random.Generator, name: str) -> CampaignSpec:
    """A campaign with every knob drawn at random."""
    pick = rng.choice
    return CampaignSpec(
        name=name,
        kinds=tuple(str(k) for k in pick(KINDS, size=rng.integers(1, 4), replace=False)),
        languages=tuple(str(k) for k in pick(list(LANGUAGES), size=rng.integers(1, 3), replace=False)),
        accounts=1 if rng.random() < 0.15 else int(np.exp(rng.uniform(np.log(6), np.log(120)))),
        per_day=float(np.exp(rng.uniform(np.log(2), np.log(25)))),
        dilution=float(pick([1.0, 0.7, 0.4, 0.2, 0.1, 0.05])),
        cover=str(pick(["chat", "replay"])),  # type: ignore[arg-type]
        paraphrase=float(pick([0.0, 0.0, 0.4, 0.8, 1.0])),
        templates=int(rng.integers(1, 5)),
        cards=str(pick(["shared", "own", "own"])),  # type: ignore[arg-type]
        addresses=str(pick(["own", "residential", "datacentre"])),  # type: ignore[arg-type]
        agents=str(pick(["one", "few", "own"])),  # type: ignore[arg-type]
        timing=str(pick(["queue", "lockstep", "circadian", "handover"])),  # type: ignore[arg-type]
        signup=str(pick(["burst", "spread"])),  # type: ignore[arg-type]
        sampling=str(pick(["fixed", "default", "default", "many", "logprobs"])),  # type: ignore[arg-type]
        ban_share=float(pick([0.0, 0.0, 0.3])),
        pivot_h=float(pick([5, 20])) if rng.random() < 0.25 else None,
        turns=int(pick([1, 1, 1, 3])),
        hop=float(pick([0.0, 0.4])),
        replay_reasoning=float(pick([0.0, 0.0, 0.15])),
    )


def collect(expr: ir.Table) -> pa.Table:
    """Run an expression."""
    return expr.to_pyarrow()


def world_of(job: tuple[int, bool]) -> World:
    """Simulate and fold one world: (traffic, campaign name of each account or "", kind of each account)."""
    seed, guilty = job
    rng = np.random.default_rng(seed)
    crowd = Crowd().times(float(rng.uniform(0.8, 2.0)))
    several = tuple(random_campaign(rng, f"c{i}") for i in range(int(rng.integers(2, 6)))) if guilty else ()
    spec = WorldSpec(crowd=crowd, activity=float(rng.uniform(0.4, 1.0)), campaigns=several)
    world = simulate(spec, rng)
    weights, bias = load_model()
    parts = [sketch(b, weights, bias) for b in world.events.to_batches(max_chunksize=1 << 16)]
    table = pa.Table.from_batches([signed(p) for p in parts])
    sides = Sides(orgs=world.orgs.to_pandas(), bans=world.bans.to_pandas(), releases=world.releases.to_pandas())
    connection = ibis.duckdb.connect(threads=1)
    connection.con.register("sketches", table)
    sketches = connection.table("sketches")
    connection.con.register("families", families(documents(sketches), collect))
    traffic = fold(with_family(sketches, connection.table("families")), collect, thresholds(), sides)
    truth = world.truth.to_pandas().set_index("account").loc[traffic.accounts["account"]]
    return traffic, truth["campaign"].fillna("").to_numpy(dtype=str), truth["kind"].to_numpy(dtype=str)


def pairs_of(world: World) -> tuple[dict[str, Any], dict[str, Any]]:
    """Similarities of random pairs of one campaign, and of random benign pairs of different orgs."""
    traffic, campaign, _ = world
    rng = np.random.default_rng(traffic.size)
    known = candidate_pairs(traffic).set_index(["a", "b"])["cosine"]
    org = traffic.org_codes()

    def similar(a: np.ndarray, b: np.ndarray) -> dict[str, Any]:
        low, high = np.minimum(a, b), np.maximum(a, b)
        keep = (low < high) & (org[low] != org[high])
        low, high = low[keep], high[keep]
        cosine = known.reindex(list(zip(low, high, strict=True))).fillna(0.0).to_numpy() if len(low) else np.zeros(0)
        return similarities(traffic, low, high, cosine)

    inside = [np.flatnonzero(campaign == c) for c in np.unique(campaign[campaign != ""])]
    groups = [g for g in inside if len(g) > 1]
    draws = [(rng.choice(g, PAIRS // len(groups)), rng.choice(g, PAIRS // len(groups))) for g in groups]
    nothing = np.zeros(0, dtype=np.int64)
    together = similar(*(np.concatenate(s) for s in zip(*draws, strict=True))) if draws else similar(nothing, nothing)
    honest = np.flatnonzero(campaign == "")
    return together, similar(rng.choice(honest, 2 * PAIRS), rng.choice(honest, 2 * PAIRS))


def described(world: World, ratios: dict[str, list[float]]) -> dict[str, list[Any]]:
    """Candidate groups and solos of a world with their scores, sizes, labels and majority kinds."""
    traffic, campaign, kind = world
    weigher = parse_calibration(json.dumps(NOTHING | {"ratios": ratios}).encode())
    ties = weigh_ties(traffic, weigher)
    out: dict[str, list[Any]] = {"groups": [], "solos": []}
    taken = np.zeros(traffic.size, dtype=bool)
    for members, _, _ in candidate_groups(traffic, ties):
        taken[members] = True
        kinds, counts = np.unique(kind[members], return_counts=True)
        guilty = float((campaign[members] != "").mean())
        out["groups"].append((describe(traffic, members), len(members), guilty, str(kinds[counts.argmax()])))
    for i in solo_candidates(traffic, taken):
        out["solos"].append((describe(traffic, np.array([i])), 1, float(campaign[i] != ""), str(kind[i])))
    return out


def null_of(job: tuple[int, bool], ratios: dict[str, list[float]]) -> dict[str, list[Any]]:
    """The candidates of a benign world."""
    return described(world_of(job), ratios)


def merged(parts: list[dict[str, np.ndarray]]) -> dict[str, np.ndarray]:
    """Concatenate similarities over worlds."""
    return {k: np.concatenate([p[k] for p in parts]) for k in parts[0]}


def held_out(job: tuple[int, bool], data: bytes) -> dict[str, Any]:
    """Power and errors of the finished calibration on one more world."""
    traffic, campaign, kind = world_of(job)
    calibration = parse_calibration(data)
    groups, solos, _ = find(traffic, calibration, fdr=0.05)
    flagged = account_table(traffic, groups, solos, fdr=0.05)["flagged"].to_numpy() == 1
    names = [c for c in np.unique(campaign) if c and (campaign == c).sum() > 1]
    best = []
    for name in names:
        true = set(np.flatnonzero(campaign == name))
        found = [set(g.members[flagged[g.members]]) for g in groups if g.rejected]
        best.append(max((len(true & f) / len(true | f) for f in found), default=0.0))
    honest = campaign == ""
    rejected = [c for c in (*groups, *solos) if c.rejected]
    return {
        "jaccard": best,
        "false_rejections": sum(float((campaign[c.members] == "").mean()) > 0.5 for c in rejected),
        "rejections": len(rejected),
        "flagged": int(flagged[~honest].sum()),
        "guilty": int((~honest).sum()),
        "false_flags": int(flagged[honest].sum()),
        "honest": int(honest.sum()),
        "false_kinds": sorted(set(kind[honest & flagged].tolist())),
    }


def main() -> None:
    """Learn, write, print."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--training", type=int, default=24)
    parser.add_argument("--benign", type=int, default=40)
    parser.add_argument("--heldout", type=int, default=8)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--out", type=Path, default=TARGET)
    args = parser.parse_args()
    began = time.monotonic()

    def log(text: str) -> None:
        print(f"[{time.monotonic() - began:6.0f} s] {text}", file=sys.stderr, flush=True)

    training = [(args.seed * 100_000 + i, True) for i in range(args.training)]
    benign = [(args.seed * 100_000 + 50_000 + i, False) for i in range(args.benign)]
    with ProcessPoolExecutor(args.workers) as pool:
        worlds = list(pool.map(world_of, training))
        log(f"{len(worlds)} training worlds")
        pairs = list(pool.map(pairs_of, worlds))
        ratios = learn_ratios(merged([p[0] for p in pairs]), merged([p[1] for p in pairs]))
        log(f"ratios of ties from {len(training)} worlds")
        seen = list(pool.map(partial(described, ratios=ratios), worlds))
        rows = {k: [r for w in seen for r in w[k]] for k in ("groups", "solos")}
        # A mixed group teaches nothing: it is neither a campaign nor benign.
        pure = {k: [r for r in v if r[2] >= 0.7 or r[2] <= 0.1] for k, v in rows.items()}
        weights = {k: learn_weights([r[0] for r in v], [r[2] >= 0.7 for r in v]) for k, v in pure.items()}
        log(f"weights from { ({k: (len(v), sum(r[2] >= 0.7 for r in v)) for k, v in pure.items()}) }")
        null = list(pool.map(partial(null_of, ratios=ratios), benign))
        log(f"null from {len(benign)} worlds")
        groups = [r for w in null for r in w["groups"]]
        solos = [r for w in null for r in w["solos"]]
        body = {
            "ratios": ratios,
            "groups": dump_weights(weights["groups"]),
            "solos": dump_weights(weights["solos"]),
            "null_groups": weights["groups"].log_odds([r[0] for r in groups]).round(4).tolist(),
            "null_sizes": [r[1] for r in groups],
            "null_solos": weights["solos"].log_odds([r[0] for r in solos]).round(4).tolist(),
        }
        data = (json.dumps(body, indent=1) + "\n").encode()
        args.out.write_bytes(data)
        worst = sorted(zip(body["null_groups"], [f"{r[3]}:{r[1]}" for r in groups], strict=True), reverse=True)[:12]
        log(f"worst benign groups {worst}")
        tests = [(args.seed * 100_000 + 90_000 + i, True) for i in range(args.heldout)]
        figures = list(pool.map(partial(held_out, data=data), tests))
    jaccard = [j for f in figures for j in f["jaccard"]]
    print(
        json.dumps(
            {
                "null_groups": len(groups),
                "null_solos": len(solos),
                "campaigns": len(jaccard),
                "found_at_0.5": sum(j >= 0.5 for j in jaccard),
                "found_at_0.8": sum(j >= 0.8 for j in jaccard),
                **{
                    k: sum(f[k] for f in figures)
                    for k in ("rejections", "false_rejections", "flagged", "guilty", "false_flags", "honest")
                },
                "false_kinds": sorted({k for f in figures for k in f["false_kinds"]}),
                "seconds": round(time.monotonic() - began),
            }
        )
    )


if __name__ == "__main__":
    main()
