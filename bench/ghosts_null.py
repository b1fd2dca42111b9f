"""Ghost twins: how often is an innocent suspect accused? ``python bench/ghosts_null.py --out FILE.json``.

The whole path but the network: released answers and twins of one teacher are dropped by the rules, shuffled, sealed and
opened; the plan is made; a suspect that trained on none of them answers exchange by exchange; its scores are bet on
until the plan's bound is reached or the budget is spent. Progress goes to stderr.
"""

from __future__ import annotations

import argparse
import json
import math
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from scipy.stats import binomtest

from gauger.lineage import ghost_seal
from gauger.lineage.ghost_choice import dropped
from gauger.lineage.ghost_scores import Reading, Scored, by_likelihood, likeness, per_root, words_of
from gauger.lineage.ghost_trial import TEXT_SCORE, Plan, Trial
from gauger.model import digest

K, BUDGET, ACCOUNTS, WORDS = 3, 40, 3, 40
ALPHAS = (1e-2, 1e-3)
Rng = np.random.Generator
Suspect = Callable[[tuple[str, ...], np.ndarray, Rng], Scored]
NONE = np.empty(0)
REFUSED, WINDOW = 0.02, 20  # by each model of two: a share of answers; characters that it reads


def answer(rng: Rng) -> str:
    """Three to nine words, or one of two canned answers: so twins tie with what was released, and with each other."""
    if rng.random() < 0.2:
        return ("yes it is", "no it is not")[rng.integers(2)]
    return " ".join(f"w{w}" for w in rng.zipf(1.5, rng.integers(3, 10)) % WORDS)


def by_style(answers: tuple[str, ...], past: np.ndarray, rng: Rng) -> Scored:
    """A student of the same teacher on other records: its likelihoods are sharp, and differ from a reference's."""
    p = {text: -np.abs(rng.standard_cauchy(len(text.split()))) for text in sorted(set(answers))}
    return Scored(np.array([per_root(p[text], 0.7 * p[text] + rng.normal(scale=0.01)) for text in answers]))


def by_length(answers: tuple[str, ...], past: np.ndarray, rng: Rng) -> Scored:
    """Likes long answers, and knows nothing else."""
    return Scored(np.array([per_root(-np.ones(len(text.split())), NONE) for text in answers]))


def by_text(answers: tuple[str, ...], past: np.ndarray, rng: Rng) -> Scored:
    """Writes in the teacher's words; it is judged by four texts."""
    return Scored(likeness(words_of([answer(rng) for _ in range(4)]), words_of(answers)))


def by_hindsight(answers: tuple[str, ...], past: np.ndarray, rng: Rng) -> Scored:
    """Is told after each exchange which column was released, and puts all on the commonest."""
    return Scored(np.where(np.arange(len(answers)) == np.bincount(past, minlength=len(answers)).argmax(), 5.0, 0.0))


def by_reading(answers: tuple[str, ...], past: np.ndarray, rng: Rng) -> Scored:
    """Reads words, and a reference characters; either may refuse an answer, or end before it does."""
    read = {text: [_read(text, at, rng) for at in (_words(text), range(len(text)))] for text in sorted(set(answers))}
    return by_likelihood("per-root", answers, [read[text] for text in answers])


def _words(text: str) -> list[int]:
    return [0, *(at + 1 for at, character in enumerate(text) if character == " ")]


def _read(text: str, at: Sequence[int], rng: Rng) -> Reading:
    """As far as ``WINDOW``, or nothing."""
    if rng.random() < REFUSED:
        return np.empty(0, int), NONE
    begins = [place for place in at if place < WINDOW]
    end = at[len(begins)] if len(begins) < len(at) else len(text)
    return np.array([*begins, end]), np.append(-np.abs(rng.standard_cauchy(len(begins))), 0.0)


SUSPECTS: dict[str, Suspect] = {f.__name__: f for f in (by_style, by_reading, by_hindsight, by_text, by_length)}


def trial_of(rng: Rng, alpha: float, text: bool) -> tuple[Trial, list[tuple[str, ...]], list[int]]:
    """Draw, drop, shuffle, seal, open and plan: a trial, the answers in its order and what was released."""
    twins, openings = [], []
    while len(twins) < BUDGET:
        row = [answer(rng) for _ in range(K + 1)]
        if dropped(row, ()):
            continue
        below = lambda n: int(rng.integers(n))  # noqa: E731
        name, account = f"e{len(twins)}", f"a{rng.integers(ACCOUNTS)}"
        made = ghost_seal.shuffled(name, account, digest(name), row, below=below, salt=rng.bytes(32))
        twins.append(made[0])
        openings.append(made[1])
    root = ghost_seal.root(twins, openings)
    plan = Plan(
        mode="text" if text else "likelihood",
        subject="innocent",
        seal=digest(root),
        root=root,
        k=K,
        order=digest([t.id for t in twins]),
        budget=BUDGET,
        republished=0,
        samples=4 if text else 0,
        score=TEXT_SCORE if text else "per-root",
        asked="{}",
        alpha=alpha,
    )
    released = [o.released for o in openings]
    return Trial(plan, [o.account for o in openings], released), [t.answers for t in twins], released


def run(suspect: Suspect, rng: Rng) -> tuple[float, int, float]:
    """The highest log e on the way to the smallest alpha's bound, how many accounts were named, and e at the end.

    A plan of a larger alpha sees the same up to the bound where it stops.
    """
    trial, answers, released = trial_of(rng, ALPHAS[-1], suspect is by_text)
    highest = -math.inf
    while not trial.over:
        found = suspect(answers[trial.done], np.array(released[: trial.done], int), rng)
        trial.add(found.scores, unread=found.unread, cut=found.cut)
        highest = max(highest, trial.merged)
    verdict = trial.verdict(["sha256:" + "0" * 64])
    return highest, sum(a.named for a in verdict.accounts), math.exp(trial.merged)


def measured(name: str, runs: int, seed: int) -> dict[str, Any]:
    """How many of the runs accuse, at each alpha."""
    rng = np.random.default_rng([seed, *name.encode()])
    ends = [run(SUSPECTS[name], rng) for _ in range(runs)]
    result: dict[str, Any] = {"suspect": name, "runs": runs, "mean e": float(np.mean([e[2] for e in ends]))}
    for alpha in ALPHAS:
        accused = sum(e[0] >= -math.log(alpha) for e in ends)
        interval = binomtest(accused, runs).proportion_ci(method="exact")
        result[f"{alpha:g}"] = {"accused": accused, "rate": accused / runs, "interval95": [interval.low, interval.high]}
    return {**result, "an account named": sum(e[1] > 0 for e in ends)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--runs", type=int, default=10_000, help="of each suspect; 20 is the smoke run")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    rows = []
    for name in SUSPECTS:
        rows.append(measured(name, options.runs, options.seed))
        print(f"{time.process_time():6.0f} s  {rows[-1]}", file=sys.stderr, flush=True)
        report = {"bench": "ghosts_null", "k": K, "budget": BUDGET, "cpu_s": round(time.process_time()), "cells": rows}
        options.out.write_text(json.dumps(report, indent=1))


if __name__ == "__main__":
    main()
