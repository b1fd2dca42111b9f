"""Weights: the p-values are valid where only the candidate's own chance is fresh, and the verdict where all is."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from scipy.stats import binom, kstest

from gauger.lineage.weights import order, signs
from gauger.lineage.weights.comparing import compare
from gauger.lineage.weights.layout import Floats
from gauger.lineage.weights.verdicts import judge

RUNS = 200
Rng = np.random.Generator


def most(runs: int, rate: float) -> int:
    """Hits that a valid p-value passes once in ten thousand tests."""
    return int(binom.isf(1e-4, runs, rate))


def ranks(rng: Rng) -> float:
    """A copy in an order drawn anew, with a direction that all units share: two blocks."""
    unit = rng.standard_normal((2, 20, 6)).astype(np.float32) + 2
    return order.together([order.one_to_one(order.cosines(rng.permutation(u), u), rng) for u in unit])


def pairs(rng: Rng) -> float:
    unit = rng.standard_normal((20, 6)).astype(np.float32) + 1
    other = rng.permutation(unit)
    return order.together([order.in_pairs(order.cosines(other, other), order.cosines(unit, unit), rng)])


def flips(rng: Rng) -> float:
    unit = list(rng.standard_normal((3, 50, 6)).astype(np.float32))
    drawn = rng.choice([-1, 1], 50).astype(np.float32)[:, None]
    matching = signs.Matching(unit[0], drawn * unit[1], drawn * unit[2])
    matching.add(*unit)
    return signs.log_p(matching.sign)


@pytest.mark.parametrize(("test", "uniform"), [(ranks, True), (pairs, True), (flips, False)])
def test_a_copy_whose_chance_is_drawn_anew(test: object, uniform: bool) -> None:
    assert callable(test)
    p = np.exp([test(np.random.default_rng([11, k])) for k in range(RUNS)])
    for rate in (0.01, 0.05, 0.2):
        assert (p <= rate).sum() <= most(RUNS, rate)
    assert not uniform or kstest(p, "uniform").pvalue > 1e-4


class Model:
    """Two gated MLPs whose units and channels differ in size, as trained ones do; drawn anew each time.

    Where there are more copies than one, each MLP is followed by others that began as it and have grown apart, in the
    same order of units or in one that was not drawn.
    """

    def __init__(self, rng: Rng, units: int = 40, copies: int = 1, *, turned: bool = False) -> None:
        scale, loud = rng.lognormal(0, 1, (2, 1, 24)), rng.lognormal(0, 1, (2, units, 1))
        self._held = {"embed_tokens.weight": rng.standard_normal((30, 24)) * scale[0]}
        for k, part in product(range(2), ("gate", "up", "down")):
            begun = rng.standard_normal((units, 24)) * scale[k] * loud[k]
            for copy in range(copies):
                grown = begun * (1 + 0.1 * rng.standard_normal((units, 24)))
                grown = np.roll(grown, copy * turned, axis=0)
                self._held[f"{k}.{copy}.{part}_proj.weight"] = grown.T if part == "down" else grown
        self.shapes = {name: value.shape for name, value in self._held.items()}

    def read(self, name: str, rows: slice, columns: slice) -> Floats:
        return self._held[name][rows, columns].astype(np.float32)


def test_independent_models_are_accused_as_rarely_as_said() -> None:
    runs, alpha = 60, 0.05
    accused, p = 0, list[dict[str, float]]()
    for k in range(runs):
        rng = np.random.default_rng([12, k])
        compared = compare(Model(rng), Model(rng), rng)
        found = judge(compared, subject="s", alpha=alpha, seed=k, inputs=["sha256:0"])
        accused += found.word == "not independent"
        p.append({test.name: np.exp(test.log_p) for test in compared.tests})
    assert accused <= most(runs, alpha)
    for name in ("unit order", "unit pairs", "unit signs", "channel order"):
        assert sum(row[name] <= 0.05 for row in p) <= most(runs, 0.05), name
    assert kstest([row["channel order"] for row in p], "uniform").pvalue > 1e-4


@pytest.mark.parametrize("turned", [False, True])
def test_models_upcycled_apart_are_accused_no_oftener(turned: bool) -> None:
    """Experts that began as one MLP, and layers that did, have one draw between them."""
    runs, p = 30, dict[str, list[float]]()
    for k in range(runs):
        rng = np.random.default_rng([13, k])
        mine, theirs = (Model(rng, 16, 12, turned=turned) for _ in range(2))
        for test in compare(mine, theirs, rng).tests:
            p.setdefault(test.name, []).append(float(np.exp(test.log_p)))
    for name, found in p.items():
        for rate in (0.001, 0.01, 0.05):
            assert (np.array(found) <= rate).sum() <= most(runs, rate), (name, rate)
