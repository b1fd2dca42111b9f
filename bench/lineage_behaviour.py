"""Behaviour against known lineages: ``python bench/lineage_behaviour.py FOLDER --out FILE.json``.

FOLDER has responses.parquet, models.csv, pairs.csv (kind, parent_or_teacher, child_or_student) and time_impossible.csv
(candidate_teacher, suspect). Nothing is fitted, and the p-value of a pair rests on no pair of its two families, so all
figures are of clusters left out. Intervals resample clusters: of positives the family (what the pairs of their kind
join), of nulls the pair of makers. ``--scale 0.05`` is the smoke run.

``--statistic leaks`` and ``phrases`` are measured alone, all prompts at once. Of leaks the candidate comes first in a
pair, the other way round is another pair, and what prompts.parquet (prompt_id, prompt) says is heeded if it is there.
"""

from __future__ import annotations

import argparse
import csv
import json
import resource
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
from scipy.sparse.csgraph import connected_components

from gauger.app.lineage import judge
from gauger.app.lineage_comparing import Compared, compare, compare_in_turn
from gauger.app.lineage_saying import compare_leaks, compare_phrases
from gauger.edge.lineage.responses import Responses, read_responses
from gauger.edge.lineage.tables import read_pairs, read_population
from gauger.lineage import calibration, leaks, population
from gauger.lineage.centring import centred
from gauger.lineage.population import Origin
from gauger.lineage.verdicts import verdicts
from gauger.stats import BoolArray, FloatArray, IntArray, bootstrap
from gauger.stats.tails import clopper_pearson

KINDS = ("parent-child", "sibling", "distilled", "distilled-multi-teacher")
ALPHA = 0.01


def auroc(positive: FloatArray, null: FloatArray, wp: FloatArray, wn: FloatArray) -> float:
    """Weighted share of (positive, null) couples in the right order, ties half."""
    order = np.argsort(null)
    total = np.concatenate([[0.0], np.cumsum(wn[order])])
    left, right = (total[np.searchsorted(null[order], positive, side=side)] for side in ("left", "right"))
    return float((wp * (left + right) / 2).sum() / max(wp.sum() * wn.sum(), 1e-300))


def tpr(positive: FloatArray, null: FloatArray, wp: FloatArray, wn: FloatArray) -> float:
    """Share of positives above all but 1 % of the nulls."""
    order = np.argsort(-null)
    reached = np.cumsum(wn[order]) / max(wn.sum(), 1)
    threshold = null[order][np.searchsorted(reached, ALPHA, side="right")] if len(null) else np.inf
    return float((wp * (positive > threshold)).sum() / max(wp.sum(), 1))


class World:
    """What is known of the models, as matrices over those that answered."""

    def __init__(self, folder: Path, names: tuple[str, ...]) -> None:
        table = {o.name: o for o in read_population(folder / "models.csv")}
        self.origins = [table.get(n, Origin(name=n)) for n in names]
        code = {n: k for k, n in enumerate(names)}
        size = len(names)
        self.kind = {kind: np.zeros((size, size), np.bool_) for kind in KINDS}
        with (folder / "pairs.csv").open(newline="") as file:
            for row in csv.DictReader(file):
                a, b = code.get(row["parent_or_teacher"]), code.get(row["child_or_student"])
                if a is not None and b is not None:
                    self.kind[row["kind"]][a, b] = True
        named = np.any(list(self.kind.values()), axis=0)
        whole = np.array([o.known for o in self.origins])
        self.related = population.related(self.origins) | named | named.T
        self.null = whole[:, None] & whole[None, :] & ~self.related
        self.foundation = self.null & population.of_one_base(self.origins)[0]
        self.impossible = np.zeros((size, size), np.bool_)
        for a, b in read_pairs(folder / "time_impossible.csv"):
            if a in code and b in code:
                self.impossible[code[a], code[b]] = True
        self.impossible &= ~self.related
        makers = {m: k for k, m in enumerate(dict.fromkeys(o.maker for o in self.origins))}
        self.maker = np.array([makers[o.maker] for o in self.origins])
        self.kin, self.cluster = population.related(self.origins), population.clusters(self.origins)
        self.same, self.may_be_same = population.of_one_base(self.origins)
        self.known = whole


def figures(
    value: FloatArray,
    positive: BoolArray,
    null: BoolArray,
    maker: IntArray,
    rng: np.random.Generator,
    resamples: int,
    directed: bool = False,
) -> dict[str, Any]:
    """AUROC and TPR at 1 % FPR of a matrix of scores, with intervals. None where there is nothing to compare."""
    held = ~np.isnan(value)
    pos, neg = np.argwhere(positive & held), np.argwhere((null if directed else np.triu(null | null.T, 1)) & held)
    if not len(pos) or not len(neg):
        return {"positives": len(pos), "nulls": len(neg)}
    x, y = value[tuple(pos.T)], value[tuple(neg.T)]
    low, high = np.sort([maker[neg[:, 0]], maker[neg[:, 1]]], axis=0)
    family = connected_components(positive | positive.T)[1][pos[:, 0]]
    clusters = np.concatenate([family, 10**6 + low * 10**3 + high])
    strata = np.repeat([0, 1], [len(x), len(y)])

    def both(weights: IntArray) -> FloatArray:
        wp, wn = weights[: len(x)].astype(float), weights[len(x) :].astype(float)
        return np.array([measure(x, y, wp, wn) for measure in (auroc, tpr)])

    made = bootstrap.interval(both, clusters, rng=rng, strata=strata, resamples=resamples)
    said = {"positives": len(x), "families": len(np.unique(family)), "nulls": len(y)}
    for k, name in enumerate(("auroc", "tpr_at_1pct")):
        said[name] = [round(float(v[k]), 4) for v in (made.estimate, made.low, made.high)]
    return said


def p_matrix(world: World, compared: Compared) -> tuple[FloatArray, IntArray]:
    """The p-value of every pair, and the units it rests on."""
    size = len(world.origins)
    directed = compared.leaks is not None
    held = np.isfinite(compared.score[0])
    pairs = [(i, j) for i in range(size) for j in range(size if directed else i) if held[i, j]]
    found, counts = calibrated(world, compared, pairs, world.known)
    p, n = np.full((size, size), np.nan), np.zeros((size, size), dtype=np.int64)
    for (i, j), value, count in zip(pairs, found, counts, strict=True):
        p[i, j], n[i, j] = value, count
        if not directed:
            p[j, i], n[j, i] = value, count
    return p, n


def calibrated(
    world: World, compared: Compared, pairs: list[tuple[int, int]], known: BoolArray
) -> tuple[FloatArray, IntArray]:
    """The p-values that the population of the ``known`` models gives."""
    if compared.leaks is not None:
        return leaks.p_values(pairs, compared.leaks, world.kin, world.cluster, known)
    score, length = compared.score[0], compared.length
    null = calibration.null_pairs(score, length, world.related, world.cluster, world.same, known)
    return calibration.p_values(pairs, score, length, null, world.kin, world.may_be_same)


def accused(world: World, p: FloatArray, n: IntArray, rng: np.random.Generator) -> dict[str, Any]:
    """Innocents accused. Each suspect meets candidates that it is unrelated to, one to a maker, drawn anew."""
    said: dict[str, Any] = {}
    for name, mask in (
        ("unrelated", world.null),
        ("same_foundation", world.foundation),
        ("impossible", world.impossible),
    ):
        rate = p[mask & ~np.isnan(p)] <= ALPHA
        low, high = clopper_pearson(rate.sum(), len(rate)) if len(rate) else (0, 1)
        said[f"pairs_{name}"] = {"pairs": len(rate), "accused": int(rate.sum()), "interval": [float(low), float(high)]}
    for candidates in (1, 5):
        hit, suspect = [], []
        for s in range(len(world.origins)):
            open_set = np.flatnonzero(world.null[:, s] & ~np.isnan(p[:, s]))
            for _ in range(20 if len(open_set) else 0):
                drawn = rng.permutation(open_set)
                drawn = drawn[np.sort(np.unique(world.maker[drawn], return_index=True)[1])][:candidates]
                words = verdicts(["s"] * len(drawn), list(p[drawn, s]), list(n[drawn, s]), ALPHA)
                hit, suspect = [*hit, "related" in words], [*suspect, world.maker[s]]
        hits = np.array(hit, dtype=np.float64)

        def rate(weights: IntArray, hits: FloatArray = hits) -> float:
            return float((weights * hits).sum() / max(weights.sum(), 1))

        low = bootstrap.interval(rate, suspect, rng=rng, resamples=500)
        said[f"open_set_of_{candidates}"] = {
            "trials": len(hit),
            "makers": len(set(suspect)),
            "rate": [round(float(v), 4) for v in low[:3]],
        }
    return said


def held_out(world: World, compared: Compared, rng: np.random.Generator) -> dict[str, Any]:
    """Half of the makers calibrate, the pairs of the other half are judged: the share of innocents called, 20 times."""
    shares = []
    for _ in range(20):
        inside = (rng.random(world.maker.max() + 1) < 0.5)[world.maker]
        apart = np.triu(world.null & ~inside[:, None] & ~inside[None, :] & ~np.isnan(compared.score[0]), 1)
        pairs = [(int(i), int(j)) for i, j in np.argwhere(apart)]
        p, _ = calibrated(world, compared, pairs, world.known & inside)
        shares.append([float(np.mean(p <= alpha)) if len(p) else 0.0 for alpha in (0.01, 0.05, 0.1)])
    return {"alpha": [0.01, 0.05, 0.1], "mean": np.mean(shares, axis=0).tolist(), "sd": np.std(shares, axis=0).tolist()}


def in_turn(world: World, read: Responses, prompts: int, rng: np.random.Generator, resamples: int) -> dict[str, Any]:
    """Prompt by prompt, every pair at alpha 1 % each: the share called at any time, and after how many prompts.

    Twice by p-values: as it is, and as if no two makers' models had one base, which is what pairs of one base cost. And
    by the score alone: above what 1 % of unrelated pairs ever reach, given up by nobody.
    """
    start = time.process_time()
    compared = compare_in_turn(read, prompts, np.random.default_rng(1))
    said: dict[str, Any] = {"looks": list(compared.looks), "compare_cpu_s": time.process_time() - start}
    size = len(read.models)
    places = [(i, j) for i in range(size) for j in range(i) if np.isfinite(compared.score[-1, i, j])]
    pairs = [(read.models[i], read.models[j]) for i, j in places]
    apart = [replace(o, base=f"{o.base} of {o.maker or o.name}") for o in world.origins]
    masks = {**world.kind, "unrelated": world.null, "same_foundation": world.foundation, "impossible": world.impossible}
    said["family_left_out"] = family_left_out(world, read, prompts)
    called, used, known = by_score(world, compared)
    said["by_score"] = {
        kind: shares_in_turn(mask & known, called, used, world.maker, rng, resamples) for kind, mask in masks.items()
    }
    for name, origins in (("as_it_is", world.origins), ("bases_ignored", apart)):
        rows = judge(compared, pairs, origins, alpha=ALPHA, inputs=["sha256:"], per_pair=True)
        called, used = np.zeros((size, size)), np.zeros((size, size))
        known = np.zeros((size, size), dtype=np.bool_)
        for (i, j), row in zip(places, rows, strict=True):
            called[i, j] = called[j, i] = row.verdict == "related"
            used[i, j] = used[j, i] = row.prompts
            known[i, j] = known[j, i] = True
        said[name] = {
            kind: shares_in_turn(mask & known, called, used, world.maker, rng, resamples)
            for kind, mask in masks.items()
        }
    return said


def family_left_out(world: World, read: Responses, prompts: int) -> dict[str, Any]:
    """Parents and children by the score: their family teaches neither the order nor how far means are drawn in."""
    mask = world.kind["parent-child"]
    places = np.argwhere(mask)
    family = connected_components(mask | mask.T)[1][places[:, 0]]
    used: list[float] = []
    for one in np.unique(family):
        inside = places[family == one]
        pairs = [(read.models[i], read.models[j]) for a, b in inside for i, j in ((a, b), (b, a))]
        called, after, known = by_score(world, compare_in_turn(read, prompts, np.random.default_rng(1), pairs))
        used += [after[a, b] if called[a, b] else np.inf for a, b in inside if known[a, b]]
    called_after = sorted(n for n in used if np.isfinite(n))
    return {"pairs": len(used), "called": len(called_after), "prompts_of_called": called_after}


def by_score(world: World, compared: Compared) -> tuple[FloatArray, FloatArray, BoolArray]:
    """Which pairs ever score above all but 1 % of unrelated ones, after how many prompts, and which have a score."""
    highest = np.fmax.accumulate(np.nan_to_num(compared.score, nan=-np.inf), axis=0)
    known = np.isfinite(compared.score[-1])
    above = highest > np.quantile(highest[-1][world.null & known], 1 - ALPHA)
    called = above.any(axis=0)
    used = np.array(compared.looks)[np.where(called, above.argmax(axis=0), len(compared.looks) - 1)]
    return called.astype(np.float64), used.astype(np.float64), known


def shares_in_turn(
    mask: BoolArray, called: FloatArray, used: FloatArray, maker: IntArray, rng: np.random.Generator, resamples: int
) -> dict[str, Any]:
    pairs = np.argwhere(mask)
    if not len(pairs):
        return {"pairs": 0}
    hit, prompts = called[mask], used[mask]
    makers = len(maker) * np.minimum(maker[pairs[:, 0]], maker[pairs[:, 1]]) + np.maximum(*maker[pairs.T])
    family = connected_components(mask | mask.T)[1][pairs[:, 0]]
    clusters = family if len(np.unique(family)) > 1 else makers

    def both(weights: IntArray) -> FloatArray:
        of_called = np.repeat(prompts, (weights * hit).astype(np.int64))
        median = float(np.median(of_called)) if len(of_called) else np.nan
        return np.array([(weights * hit).sum() / max(weights.sum(), 1), median])

    made = bootstrap.interval(both, clusters, rng=rng, resamples=resamples)
    share, median = ([round(float(v[k]), 4) for v in (made.estimate, made.low, made.high)] for k in range(2))
    by_12 = float(np.mean(hit * (prompts <= 12)))
    return {
        "pairs": len(pairs),
        "called": share,
        "called_by_12_prompts": round(by_12, 4),
        "median_prompts_of_called": median if hit.any() else None,
        "median_prompts": float(np.median(prompts)),
    }


def report(world: World, compared: Compared, rng: np.random.Generator, resamples: int) -> dict[str, Any]:
    """All figures at one number of prompts."""
    p, n = p_matrix(world, compared)
    nulls = {"unrelated": world.null, "same_foundation": world.foundation, "impossible": world.impossible}
    values = {"score": compared.score[0], "p": -np.log(p), "length_only": centred(compared.length)}
    held, directed = compared.statistics, compared.leaks is not None
    made: dict[str, Any] = {
        kind: {
            against: {
                name: figures(value, world.kind[kind], nulls[against], world.maker, rng, resamples, directed)
                for name, value in {**values, **held}.items()
            }
            for against in nulls
        }
        for kind in KINDS
    }
    for kind in KINDS:
        mask = world.kind[kind] & ~np.isnan(p)
        made[kind]["called_related"] = {"pairs": int(mask.sum()), "share": float(np.mean(p[mask] <= ALPHA))}
    masks = {**world.kind, **nulls}
    called = {
        name: {"pairs": int((m & ~np.isnan(p)).sum()), "at_5pct": int((p[m] <= 0.05).sum())}
        for name, m in masks.items()
    }
    return {
        "prompts": compared.looks[-1],
        **made,
        "ordered_pairs_called": called,
        "innocents": accused(world, p, n, rng),
        "held_out_makers": held_out(world, compared, np.random.default_rng(0)),
        "units": float(np.median(n)),
    }


def measured(statistic: str, folder: Path, read: Responses, world: World, prompts: int) -> Compared:
    """The comparison that is asked for; of leaks with the texts of the prompts, if the folder has prompts.parquet."""
    rng = np.random.default_rng(1)
    if statistic == "phrases":
        return compare_phrases(read, prompts, rng)
    if statistic == "leaks":
        if (folder / "prompts.parquet").exists():
            texts = {str(r["prompt_id"]): r["prompt"] for r in pq.read_table(folder / "prompts.parquet").to_pylist()}
            read = replace(read, asked=tuple(texts.get(name, "") for name in read.prompts))
        return compare_leaks(read, prompts, rng, (), world.origins)
    return compare(read, prompts, rng)


def main(say: Callable[[str], None] = print) -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("folder", type=Path)
    options.add_argument("--out", type=Path, required=True)
    options.add_argument("--scale", type=float, default=1.0)
    options.add_argument("--statistic", choices=("likeness", "leaks", "phrases"), default="likeness")
    asked = options.parse_args()
    start = time.process_time()
    read = read_responses(asked.folder / "responses.parquet")
    read_s, world = time.process_time() - start, World(asked.folder, read.models)
    runs, resamples = [], max(20, int(400 * asked.scale))
    for prompts in sorted({max(20, int(n * asked.scale)) for n in (50, 200, 10**6)}):
        start = time.process_time()
        compared = measured(asked.statistic, asked.folder, read, world, prompts)
        seconds = time.process_time() - start
        runs.append({**report(world, compared, np.random.default_rng(2), resamples), "compare_cpu_s": seconds})
    made: dict[str, Any] = {"models": len(read.models), "read_cpu_s": read_s, "runs": runs}
    if asked.statistic == "likeness":
        made["in_turn"] = in_turn(world, read, max(20, int(200 * asked.scale)), np.random.default_rng(3), resamples)
    made["peak_gib"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    asked.out.write_text(json.dumps(made, indent=1) + "\n")
    say(asked.out.read_text()[:-1])


if __name__ == "__main__":
    main()
