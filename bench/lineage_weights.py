"""Weights: who is accused, and what kills the tests? ``python bench/lineage_weights.py --out FILE.json``.

Small gated models are trained in numpy (``weights_lab``). Null: models trained apart on the same batches, students of
the candidate's outputs, models trained apart whose MLPs were then copied, and copies of the candidate whose own chance
is drawn anew, which know all but that. Power: what is made from the candidate's weights, by how much it was changed.
With ``--real FOLDER`` the changes that need no training are made to a real model. Progress goes to stderr.
"""

from __future__ import annotations

import argparse
import json
import math
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import weights_lab as lab
from scipy.stats import binomtest

from gauger.edge.lineage.weight_files import read_weights
from gauger.lineage.weights.comparing import compare
from gauger.lineage.weights.verdicts import judge

SEEDS, NULLS, STEPS, ANEW, COPIES = 3, 1000, 1500, 20, 4
ALPHAS = (0.05, 0.01, 0.001)
DIGEST = "sha256:" + "0" * 64
Rng = np.random.Generator
Weights = lab.Weights


def judged(candidate: Weights, suspect: Weights, seed: int) -> dict[str, Any]:
    """The verdict, log10 of e and of each test's p, and the scores."""
    compared = compare(lab.Held(candidate), lab.Held(suspect), np.random.default_rng(seed))
    found = judge(compared, subject="suspect", alpha=0.01, seed=seed, inputs=[DIGEST])
    assert found.merged is not None
    return {
        "word": found.word,
        "log10_e": found.merged.log10_e,
        "log10_p": {test.name: test.log_p / math.log(10) for test in found.tests},
        "scores": {score.method.removeprefix("weights: "): score.value for score in found.scores},
    }


def small(seed: int, targets: Callable[[np.ndarray], np.ndarray], batches: int, steps: int = 60) -> Weights:
    """A model that takes a tenth of a second: 2 MLPs of 64 units on 32 channels."""
    start = lab.initial(np.random.default_rng(seed), 32, 64, 2, 24)
    return lab.train(start, targets, steps, np.random.default_rng(batches), batch=32)


def innocents(run: int) -> Iterator[tuple[str, Weights, Weights, tuple[str, ...]]]:
    """Kind, candidate, suspect, and the tests whose null holds (all, where none is named)."""
    chain = lab.chain(0, 24)
    rng = np.random.default_rng([9, run])
    candidate = small(2 * run, lab.taught_by(chain), run)
    apart = small(2 * run + 1, lab.taught_by(chain), run)
    yield "trained apart, same batches", candidate, apart, ()
    yield "student of its outputs", candidate, small(2 * run + 1, lab.answers_of(candidate), run), ()
    yield "copy, units reordered", lab.reordered(candidate, rng), candidate, ("unit order", "unit pairs")
    yield "copy, signs drawn anew", lab.flipped(candidate, rng), candidate, ("unit signs",)
    yield "copy, channels reordered", lab.turned(candidate, rng), candidate, ("channel order",)
    for kind, grown in (("both upcycled", lab.upcycled), ("both deepened", lab.deepened)):
        mine, theirs = (lab.noisy(grown(model, COPIES), 0.1, rng) for model in (candidate, apart))
        yield f"{kind}, {COPIES} copies of each MLP", mine, theirs, ()


def nulls(runs: int) -> list[dict[str, Any]]:
    """How often each test's p is at or below alpha where its null holds, and the verdict accuses."""
    p: dict[tuple[str, str], list[float]] = {}
    e: dict[str, list[float]] = {}
    for run in range(runs):
        for kind, candidate, suspect, tests in innocents(run):
            found = judged(candidate, suspect, run)
            for test in tests or found["log10_p"]:
                p.setdefault((kind, test), []).append(10 ** found["log10_p"][test])
            if not tests:
                e.setdefault(kind, []).append(10 ** found["log10_e"])
        if run % 100 == 99:
            print(f"{time.process_time():6.0f} s  {run + 1} nulls", file=sys.stderr, flush=True)
    rows = [{"kind": kind, "test": test, **_rates(np.array(found))} for (kind, test), found in p.items()]
    for kind, found in e.items():
        # At or above 1 / alpha is p <= alpha for p = 1 / e.
        rows.append({"kind": kind, "test": "verdict", "mean_e": float(np.mean(found)), **_rates(1 / np.array(found))})
    return rows


def _rates(p: np.ndarray) -> dict[str, Any]:
    made: dict[str, Any] = {"runs": len(p)}
    for alpha in ALPHAS:
        hits = int((p <= alpha * (1 + 1e-9)).sum())
        interval = binomtest(hits, len(p)).proportion_ci(method="exact")
        made[f"{alpha:g}"] = {"hits": hits, "rate": hits / len(p), "interval95": [interval.low, interval.high]}
    return made


def changed(base: Weights, stranger: Weights, rng: Rng) -> Iterator[tuple[str, float | None, Weights]]:
    """What is made from a model's weights without training: change, how much, suspect."""
    yield "copy", None, base
    yield "units reordered", None, lab.reordered(base, rng)
    yield "signs flipped", None, lab.flipped(base, rng)
    yield "units reordered, signs flipped", None, lab.flipped(lab.reordered(base, rng), rng)
    yield "channels reordered", None, lab.turned(base, rng)
    yield "rotated", None, lab.turned(base, rng, rotated=True)
    yield "rotated, units reordered", None, lab.reordered(lab.turned(base, rng, rotated=True), rng)
    for bits in (8, 4, 3, 2):
        yield "quantised, bits", bits, lab.quantised(base, bits)
    for share in (0.5, 0.8, 0.9, 0.95, 0.99):
        yield "pruned, share", share, lab.pruned(base, share)
    for ratio in (0.5, 1, 2, 4, 8, 16):
        yield "noise, ratio", ratio, lab.noisy(base, ratio, rng)
    for share in (0.5, 0.2, 0.1, 0.05, 0.02):
        yield "merged with a stranger, share", share, lab.merged(base, stranger, share)
    for share in (0.5, 0.25, 0.1, 0.05):
        yield "units kept, share", share, lab.reordered(base, rng, share)


def trained(base: Weights, chain: np.ndarray, seed: int, scale: float) -> Iterator[tuple[str, float | None, Weights]]:
    """What takes training: change, steps, suspect. The first three are independent of the candidate."""
    steps = round(STEPS * scale)

    def fresh(k: int) -> Weights:
        return lab.initial(np.random.default_rng([seed, k]))

    same = lab.taught_by(chain)
    yield "trained apart, same batches", None, lab.train(fresh(1), same, steps, np.random.default_rng(seed))
    yield "trained apart, same data", None, lab.train(fresh(2), same, steps, np.random.default_rng([seed, 2]))
    yield "student of its outputs", None, lab.train(fresh(3), lab.answers_of(base), steps, np.random.default_rng(seed))
    other = lab.taught_by(lab.chain(seed + 1000))
    yield "same start, other data", None, lab.train(fresh(0), other, steps, np.random.default_rng([seed, 4]))
    weights, done = base, 0
    for more in (300, 1000, 3000, 10_000):
        weights = lab.train(weights, other, round((more - done) * scale), np.random.default_rng([seed, more]))
        done = more
        yield "trained further on other data, steps", more, weights


def power(seed: int, scale: float) -> Iterator[dict[str, Any]]:
    """One candidate and all that is made from it."""
    chain, rng = lab.chain(seed), np.random.default_rng([seed, 7])
    steps = round(STEPS * scale)
    start = lab.initial(np.random.default_rng([seed, 0]))
    base = lab.train(start, lab.taught_by(chain), steps, np.random.default_rng(seed))
    stranger = None
    for change, amount, suspect in trained(base, chain, seed, scale):
        stranger = stranger or suspect
        yield _cell(base, suspect, change, amount, seed)
        if change.startswith("trained further"):
            yield _cell(base, lab.reordered(suspect, rng), f"{change}, reordered", amount, seed)
    assert stranger is not None
    for change, amount, suspect in changed(base, stranger, rng):
        yield _cell(base, suspect, change, amount, seed)
        if amount is not None and not change.startswith("units"):
            yield _cell(base, lab.reordered(suspect, rng), f"{change}, reordered", amount, seed)


def real(folder: Path) -> Iterator[dict[str, Any]]:
    """A real model, what is made from it without training, and copies with all its chance drawn anew: strangers."""
    files, rng = read_weights(folder), np.random.default_rng(3)
    whole = slice(None)
    wanted = [name for name in files.shapes if ".self_attn." not in name]
    base = {name: files.read(name, whole, whole).reshape(files.shapes[name]) for name in wanted}
    for run in range(ANEW):
        stranger = lab.flipped(lab.reordered(lab.turned(base, rng), rng), rng)
        yield _cell(stranger, base, "all its chance drawn anew", None, run)
    for change, amount, suspect in changed(base, stranger, rng):
        yield _cell(base, suspect, change, amount, 1)


def _cell(base: Weights, suspect: Weights, change: str, amount: float | None, seed: int) -> dict[str, Any]:
    cell = {"change": change, "amount": amount, "seed": seed, **judged(base, suspect, seed)}
    print(f"{time.process_time():6.0f} s  {change} {amount}: {cell['word']}", file=sys.stderr, flush=True)
    return cell


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--scale", type=float, default=1.0, help="of runs, seeds and steps; 0.01 is the smoke run")
    parser.add_argument("--real", type=Path, help="a folder of safetensors, judged in place of the small models")
    options = parser.parse_args()
    report: dict[str, Any] = {"bench": "lineage_weights", "cells": []}
    if options.real is not None:
        cells = real(options.real)
    else:
        report["nulls"] = nulls(max(2, round(NULLS * options.scale)))
        seeds = range(max(1, round(SEEDS * options.scale)))
        cells = (cell for seed in seeds for cell in power(seed, options.scale))
    for cell in cells:
        report["cells"].append(cell)
    report["cpu_s"] = round(time.process_time())
    options.out.write_text(json.dumps(report, indent=1))


if __name__ == "__main__":
    main()
