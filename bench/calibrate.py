"""Learn src/gauger/detect/calibration.json from simulated worlds.

    python bench/calibrate.py [--training 40] [--benign 100] [--seed 7] [--workers 2]

Three sets of worlds that share nothing but the grammar: *training* worlds with random campaigns give
the weights of ties and signals; *benign* worlds give the null population (null.parquet), and so every
threshold; and *held-out* worlds, with campaigns again, give the figures that are printed (JSON on stdout).
Each world is seen four times: with and without side tables, with and without prompts.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, fields, replace
from functools import partial
from pathlib import Path
from typing import Any

import ibis
import ibis.expr.types as ir
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from gauger.detect.calibration import (
    CAMPAIGN,
    NULL_COLUMNS,
    Calibration,
    Weights,
    dump_weights,
    learn_ratios,
    learn_weights,
    parse_calibration,
)
from gauger.detect.campaigns import candidate_groups, find, solo_candidates, weigh_ties
from gauger.detect.elicitation import load_model, thresholds
from gauger.detect.families import documents, families
from gauger.detect.links import similarities
from gauger.detect.registry import describe
from gauger.detect.simulate import KINDS, LANGUAGES, CampaignSpec, Crowd, WorldSpec, simulate
from gauger.detect.sketch import sketch
from gauger.detect.template_families import scaffold_matrix, shared_scaffolds
from gauger.detect.traffic import Sides, Traffic, fold, join_sides
from gauger.detect.verdicts import account_table
from gauger.edge.spool import signed

TARGET = Path(__file__).parents[1] / "src/gauger/detect/calibration.json"
NULL = TARGET.with_name("null.parquet")
PAIRS = 4000
TEXT = ("system", "prompt", "answer", "context", "thread", "reasoning_in", "reasoning_out", "turns")


@dataclass(frozen=True)
class Seen:
    """One simulated log as a provider may see it; the campaign of each account or "", and its kind."""

    traffic: Traffic
    campaign: np.ndarray
    kind: np.ndarray
    sides: bool
    prompts: bool


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
        wording="system" if rng.random() < 0.15 else "prompt",
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


def random_crowd(rng: np.random.Generator) -> Crowd:
    """Honest accounts, each kind scaled apart: large groups of every kind must be in the null."""
    base = Crowd().times(float(rng.uniform(0.8, 2.0)))
    chosen = {f.name: round(getattr(base, f.name) * np.exp(rng.uniform(-1.0, 1.3))) for f in fields(Crowd)}
    return Crowd(**(chosen | {"chat": base.chat, "authorised_synth": base.authorised_synth}))


def world_of(job: tuple[int, bool], texts: tuple[bool, ...] = (True, False)) -> list[Seen]:
    """Simulate one world and fold it, with text and without, with side tables and without."""
    seed, guilty = job
    rng = np.random.default_rng(seed)
    several = tuple(random_campaign(rng, f"c{i}") for i in range(int(rng.integers(2, 6)))) if guilty else ()
    spec = WorldSpec(crowd=random_crowd(rng), activity=float(rng.uniform(0.4, 1.0)), campaigns=several)
    world = simulate(spec, rng)
    known = Sides(orgs=world.orgs.to_pandas(), bans=world.bans.to_pandas(), releases=world.releases.to_pandas())
    truth = world.truth.to_pandas().set_index("account")
    seen = []
    for prompts in texts:
        connection, *log = _sketched(world.events if prompts else _without_text(world.events))
        traffic = fold(*log, collect, thresholds(), known)
        connection.disconnect()
        label = truth.loc[traffic.accounts["account"]]
        campaign, kind = label["campaign"].fillna("").to_numpy(dtype=str), label["kind"].to_numpy(dtype=str)
        bare = replace(traffic, accounts=join_sides(traffic.accounts.copy(), Sides()), sides=Sides())
        seen += [Seen(t, campaign, kind, t is traffic, prompts) for t in (traffic, bare)]
    return seen


def _without_text(events: pa.Table) -> pa.Table:
    for name in set(TEXT) & set(events.column_names):
        at = events.schema.get_field_index(name)
        events = events.set_column(at, events.schema.field(at), pa.nulls(len(events), events.schema.field(at).type))
    return events


def _sketched(events: pa.Table) -> tuple[Any, ir.Table, ir.Table]:
    weights, bias = load_model()
    parts = [sketch(b, weights, bias) for b in events.to_batches(max_chunksize=1 << 16)]
    connection = ibis.duckdb.connect(threads=1)
    connection.con.register("sketches", pa.Table.from_batches([signed(p) for p in parts]))
    sketches = connection.table("sketches")
    connection.con.register("families", families(documents(sketches), collect))
    return connection, sketches, connection.table("families")


def pairs_of(seen: Seen) -> tuple[dict[str, Any], dict[str, Any]]:
    """Similarities of random pairs of one campaign, and of random benign pairs of different orgs."""
    traffic, campaign = seen.traffic, seen.campaign
    rng = np.random.default_rng(traffic.size)
    scaffolds = scaffold_matrix(traffic, shared_scaffolds(traffic))
    org = traffic.org_codes()

    def similar(a: np.ndarray, b: np.ndarray) -> dict[str, Any]:
        low, high = np.minimum(a, b), np.maximum(a, b)
        keep = (low < high) & (org[low] != org[high])
        return similarities(traffic, scaffolds, low[keep], high[keep])

    inside = [np.flatnonzero(campaign == c) for c in np.unique(campaign[campaign != ""])]
    groups = [g for g in inside if len(g) > 1]
    draws = [(rng.choice(g, PAIRS // len(groups)), rng.choice(g, PAIRS // len(groups))) for g in groups]
    nothing = np.zeros(0, dtype=np.int64)
    together = similar(*(np.concatenate(s) for s in zip(*draws, strict=True))) if draws else similar(nothing, nothing)
    honest = np.flatnonzero(campaign == "")
    return together, similar(rng.choice(honest, 2 * PAIRS), rng.choice(honest, 2 * PAIRS))


def described(seen: Seen, ratios: dict[str, list[float]]) -> list[dict[str, Any]]:
    """Candidates of a log, a row each: unit, sides, prompts, size, kind of most, guilty share, features."""
    traffic, campaign, kind = seen.traffic, seen.campaign, seen.kind
    ties = weigh_ties(traffic, ratios)
    groups = [members for members, _, _ in candidate_groups(traffic, ties)]
    taken = np.zeros(traffic.size, dtype=bool)
    for members in groups:
        taken[members] = True
    units = [("group", g) for g in groups] + [("solo", np.array([i])) for i in solo_candidates(traffic, taken)]
    rows = []
    for unit, members in units:
        kinds, counts = np.unique(kind[members], return_counts=True)
        known = {"unit": unit, "sides": seen.sides, "prompts": seen.prompts, "size": len(members)}
        known |= {"kind": str(kinds[counts.argmax()]), "guilty": float((campaign[members] != "").mean())}
        rows.append(known | describe(traffic, members))
    return rows


def candidates_of(job: tuple[int, bool], ratios: dict[str, list[float]]) -> pd.DataFrame:
    """The candidates of a world in all views."""
    return pd.DataFrame([row for seen in world_of(job) for row in described(seen, ratios)])


def ties_of(job: tuple[int, bool]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Pairs of a world, as it is seen with everything."""
    return pairs_of(world_of(job, texts=(True,))[0])


def merged(parts: list[dict[str, np.ndarray]]) -> dict[str, np.ndarray]:
    """Concatenate similarities over worlds."""
    return {k: np.concatenate([p[k] for p in parts]) for k in parts[0]}


def held_out(job: tuple[int, bool], data: bytes, null: bytes) -> list[dict[str, Any]]:
    """Power and errors of the finished calibration on one more world, a row a view."""
    return [_figures(seen, parse_calibration(data, null)) for seen in world_of(job)]


def _figures(seen: Seen, calibration: Calibration) -> dict[str, Any]:
    traffic, campaign, kind = seen.traffic, seen.campaign, seen.kind
    groups, solos, _ = find(traffic, calibration, fdr=0.05)
    flagged = account_table(traffic, groups, solos)["flagged"].to_numpy() == 1
    names = [c for c in np.unique(campaign) if c and (campaign == c).sum() > 1]
    best = []
    for name in names:
        true = set(np.flatnonzero(campaign == name))
        found = [set(g.members[flagged[g.members]]) for g in groups if g.rejected]
        best.append(max((len(true & f) / len(true | f) for f in found), default=0.0))
    honest = campaign == ""
    rejected = [c for c in (*groups, *solos) if c.rejected]
    return {
        "view": f"{'' if seen.sides else 'no '}sides, {'' if seen.prompts else 'no '}prompts",
        "jaccard": best,
        "false_rejections": sum(float((campaign[c.members] == "").mean()) > 0.5 for c in rejected),
        "rejections": len(rejected),
        "flagged": int(flagged[~honest].sum()),
        "guilty": int((~honest).sum()),
        "false_flags": int(flagged[honest].sum()),
        "honest": int(honest.sum()),
        "false_kinds": sorted(set(kind[honest & flagged].tolist())),
    }


def learned(rows: pd.DataFrame, unit: str, *, prompts: bool) -> Weights:
    """Weights from candidates that are of one side; the mixed ones teach nothing."""
    clear = rows[
        (rows["unit"] == unit) & (rows["prompts"] == prompts) & ((rows["guilty"] > 0.5) | (rows["guilty"] == 0))
    ]
    features = [c for c in clear.columns if c not in (*NULL_COLUMNS, "guilty")]
    kinds = np.where(clear["guilty"] > 0.5, CAMPAIGN, clear["kind"])
    return learn_weights(clear[features].to_dict("records"), kinds.tolist())


def null_bytes(rows: pd.DataFrame, features: set[str]) -> bytes:
    """null.parquet: what is known of benign candidates, and the features that weigh."""
    kept = rows[[*NULL_COLUMNS, *sorted(features & set(rows.columns))]]
    kept = kept.astype(dict.fromkeys(sorted(features & set(rows.columns)), np.float32)).round(4)
    sink = pa.BufferOutputStream()
    pq.write_table(pa.Table.from_pandas(kept, preserve_index=False), sink, compression="zstd")
    return bytes(sink.getvalue().to_pybytes())


def main() -> None:
    """Learn, write, print."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--training", type=int, default=40)
    parser.add_argument("--benign", type=int, default=100)
    parser.add_argument("--heldout", type=int, default=12)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--out", type=Path, default=TARGET.parent)
    args = parser.parse_args()
    began = time.monotonic()

    def log(text: str) -> None:
        print(f"[{time.monotonic() - began:6.0f} s] {text}", file=sys.stderr, flush=True)

    seed = args.seed * 100_000
    training = [(seed + i, True) for i in range(args.training)]
    benign = [(seed + 50_000 + i, False) for i in range(args.benign)]
    with ProcessPoolExecutor(args.workers) as pool:

        def each(job: Any, jobs: Any, name: str) -> list[Any]:
            done = []
            for result in pool.map(job, jobs):
                done.append(result)
                if len(done) % 10 == 0:
                    log(f"{len(done)} of {len(jobs)} {name}")
            return done

        # Ties are learned on half of the training worlds and used on the other half, as in a scan.
        pairs = each(ties_of, training[::2], "worlds for ties")
        ratios = learn_ratios(merged([p[0] for p in pairs]), merged([p[1] for p in pairs]))
        taught = pd.concat(each(partial(candidates_of, ratios=ratios), training[1::2], "worlds for weights"))
        weights = {
            "groups": learned(taught, "group", prompts=True),
            "groups_unread": learned(taught, "group", prompts=False),
            "solos": learned(taught, "solo", prompts=True),
        }
        null = pd.concat(each(partial(candidates_of, ratios=ratios), benign, "benign worlds"))
        body = {"ratios": ratios} | {name: dump_weights(w) for name, w in weights.items()}
        data = (json.dumps(body, indent=1) + "\n").encode()
        packed = null_bytes(null, {f for w in weights.values() for f in w.features})
        args.out.mkdir(parents=True, exist_ok=True)
        (args.out / TARGET.name).write_bytes(data)
        (args.out / NULL.name).write_bytes(packed)
        log(f"written: {len(null)} benign candidates, {len(packed):,} bytes")
        tests = [(seed + 90_000 + i, True) for i in range(args.heldout)]
        figures = pd.DataFrame(
            [f for world in each(partial(held_out, data=data, null=packed), tests, "held-out worlds") for f in world]
        )
    result = {"null": null.groupby(["unit", "sides", "prompts"]).size().reset_index(name="n").to_dict("records")}
    result["seconds"] = round(time.monotonic() - began)
    for view, rows in figures.groupby("view"):
        jaccard = [j for found in rows["jaccard"] for j in found]
        counts = ("rejections", "false_rejections", "flagged", "guilty", "false_flags", "honest")
        result[str(view)] = {
            "campaigns": len(jaccard),
            "found_at_0.5": sum(j >= 0.5 for j in jaccard),
            "found_at_0.8": sum(j >= 0.8 for j in jaccard),
            **{k: int(rows[k].sum()) for k in counts},
            "false_kinds": sorted({k for kinds in rows["false_kinds"] for k in kinds}),
        }
    print(json.dumps(result, indent=1))


if __name__ == "__main__":
    main()
