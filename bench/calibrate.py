"""Learn src/gauger/detect/calibration.json and null.parquet from simulated worlds.

    python bench/calibrate.py [--training 30] [--benign 70] [--seed 7] [--workers 2]

Two sets of worlds that share nothing but the grammar: *training* worlds with random campaigns give the
weights of ties and signals; *benign* worlds give the null population, and so every threshold. Each world is
seen four times: with and without side tables, with and without prompts. `bench/held_out.py` judges the result.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, fields, replace
from functools import cache, partial
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
    Weights,
    dump_weights,
    learn_ratios,
    learn_weights,
)
from gauger.detect.campaigns import candidate_groups, solo_candidates, weigh_ties
from gauger.detect.elicitation import load_model, thresholds
from gauger.detect.families import documents, families
from gauger.detect.links import similarities
from gauger.detect.registry import describe
from gauger.detect.simulate import KINDS, LANGUAGES, CampaignSpec, Crowd, WorldSpec, simulate
from gauger.detect.sketch import sketch
from gauger.detect.template_families import scaffold_matrix, shared_scaffolds
from gauger.detect.traffic import Sides, Traffic, fold, join_sides
from gauger.edge.spool import signed

TARGET = Path(__file__).parents[1] / "src/gauger/detect/calibration.json"
NULL = TARGET.with_name("null.parquet")
PAIRS = 4000
WORLDS, BENIGN, HELD_OUT, HONEST = 100_000, 50_000, 90_000, 95_000
"""Seeds a calibration seed has, and where those of benign, held-out and honest held-out worlds begin."""
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


class Folding:
    """Folds one log after another with one connection, so that each expression is compiled once."""

    def __init__(self) -> None:
        self._backend = ibis.duckdb.connect(threads=1)
        self._compiled = cache(lambda op: self._backend.compile(op.to_expr()))

    def collect(self, expr: ir.Table) -> pa.Table:
        """Run an expression."""
        found = self._backend.con.sql(self._compiled(expr.op())).to_arrow_table()
        return found.cast(expr.schema().to_pyarrow())

    def fold(self, events: pa.Table, sides: Sides) -> Traffic:
        """Sketch events and fold them to accounts."""
        weights, bias = load_model()
        parts = [sketch(b, weights, bias) for b in events.to_batches(max_chunksize=1 << 16)]
        self._backend.con.register("sketches", pa.Table.from_batches([signed(p) for p in parts]))
        sketches = self._backend.table("sketches")
        self._backend.con.register("families", families(documents(sketches), self.collect))
        return fold(sketches, self._backend.table("families"), self.collect, thresholds(), sides)


folding = cache(Folding)  # one a process


def random_crowd(rng: np.random.Generator) -> Crowd:
    """Honest accounts, each kind scaled apart: large groups of every kind must be in the null."""
    base = Crowd().times(float(rng.uniform(0.8, 2.0)))
    chosen = {f.name: round(getattr(base, f.name) * np.exp(rng.uniform(-1.0, 1.3))) for f in fields(Crowd)}
    return Crowd(**(chosen | {"chat": base.chat, "authorised_synth": base.authorised_synth}))


def random_campaigns(rng: np.random.Generator) -> tuple[CampaignSpec, ...]:
    """The first that a world with campaigns draws."""
    return tuple(random_campaign(rng, f"c{i}") for i in range(int(rng.integers(2, 6))))


def world_of(job: tuple[int, bool], texts: tuple[bool, ...] = (True, False)) -> list[Seen]:
    """Simulate one world and fold it, with text and without, with side tables and without."""
    seed, guilty = job
    rng = np.random.default_rng(seed)
    several = random_campaigns(rng) if guilty else ()
    spec = WorldSpec(
        crowd=random_crowd(rng),
        activity=float(rng.uniform(0.4, 1.6)),
        sessions=float(rng.uniform(0.0, 1.0)),
        sdks=float(rng.uniform(0.1, 0.9)),
        campaigns=several,
    )
    world = simulate(spec, rng)
    known = Sides(orgs=world.orgs.to_pandas(), bans=world.bans.to_pandas(), releases=world.releases.to_pandas())
    truth = world.truth.to_pandas().set_index("account")
    seen = []
    for prompts in texts:
        traffic = folding().fold(world.events if prompts else _without_text(world.events), known)
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
    parser.add_argument("--training", type=int, default=30)
    parser.add_argument("--benign", type=int, default=70)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--out", type=Path, default=TARGET.parent)
    args = parser.parse_args()
    began = time.monotonic()
    first = args.seed * WORLDS
    training = [(first + i, True) for i in range(args.training)]
    benign = [(first + BENIGN + i, False) for i in range(args.benign)]
    with ProcessPoolExecutor(args.workers) as pool:
        # Ties are learned on half of the training worlds and used on the other half, as in a scan.
        pairs = each(pool, ties_of, training[::2], "worlds for ties")
        ratios = learn_ratios(merged([p[0] for p in pairs]), merged([p[1] for p in pairs]))
        taught = pd.concat(each(pool, partial(candidates_of, ratios=ratios), training[1::2], "worlds for weights"))
        null = pd.concat(each(pool, partial(candidates_of, ratios=ratios), benign, "benign worlds"))
    weights = {
        "groups": learned(taught, "group", prompts=True),
        "groups_unread": learned(taught, "group", prompts=False),
        "solos": learned(taught, "solo", prompts=True),
    }
    body = {"ratios": ratios} | {name: dump_weights(w) for name, w in weights.items()}
    packed = null_bytes(null, {f for w in weights.values() for f in w.features})
    args.out.mkdir(parents=True, exist_ok=True)
    (args.out / TARGET.name).write_text(json.dumps(body, indent=1) + "\n")
    (args.out / NULL.name).write_bytes(packed)
    counts = null.groupby(["unit", "sides", "prompts"]).size().reset_index(name="n").to_dict("records")
    print(json.dumps({"null": counts, "bytes": len(packed), "seconds": round(time.monotonic() - began)}, indent=1))


def each(pool: ProcessPoolExecutor, job: Callable[[Any], Any], jobs: Sequence[Any], name: str) -> list[Any]:
    """The results of all jobs in order; progress on stderr."""
    began, done = time.monotonic(), []
    for result in pool.map(job, jobs):
        done.append(result)
        print(f"[{time.monotonic() - began:6.0f} s] {len(done)} of {len(jobs)} {name}", file=sys.stderr, flush=True)
    return done


if __name__ == "__main__":
    main()
