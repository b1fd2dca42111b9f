"""False alarms under optional stopping, and power. Bounds are exact binomial quantiles at 1e-6."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import binom

from gauger.stats.betting import Bernoulli, BoundedMean, Exponential, Paired, Process, Ranks, State

ALPHA, RUNS, LENGTH = 0.1, 600, 250
BOUND = binom.isf(1e-6, RUNS, ALPHA)  # more false alarms than this: P < 1e-6 if the guarantee holds
LINE = -np.log(ALPHA)


def drifting(rng: np.random.Generator) -> np.ndarray:
    """Each probability is set by the past (an adversary who moves after every loss) but never above 0.3."""
    xs, wins = np.empty((RUNS, LENGTH)), np.zeros(RUNS)
    for t in range(LENGTH):
        xs[:, t] = rng.random(RUNS) < np.where(wins > 0.3 * t, 0.05, 0.3)
        wins += xs[:, t]
    return xs


def beta_means(rng: np.random.Generator) -> np.ndarray:
    """Mean 0.3, of a shape that changes at every step."""
    strength = rng.uniform(0.1, 30, (1, LENGTH))
    return rng.beta(0.3 * strength, 0.7 * strength, (RUNS, LENGTH))


def swapped(rng: np.random.Generator) -> np.ndarray:
    """Skewed, heavy-tailed magnitudes under a fair coin for the sign."""
    return rng.choice([-1, 1], (RUNS, LENGTH)) * rng.pareto(1.0, (RUNS, LENGTH)) * np.arange(1, LENGTH + 1)


NULLS = [
    (Bernoulli(p0=0.3), lambda rng: rng.random((RUNS, LENGTH)) < 0.3),
    (Bernoulli(p0=0.3), drifting),
    (Bernoulli(p0=0.3, side="less"), lambda rng: rng.random((RUNS, LENGTH)) < 0.3),
    (Bernoulli(p0=0.3, side="two-sided"), lambda rng: rng.random((RUNS, LENGTH)) < 0.3),
    (Exponential(), lambda rng: rng.exponential(1.0, (RUNS, LENGTH))),
    (Exponential(), lambda rng: np.minimum(rng.exponential(1.0, (RUNS, LENGTH)), rng.uniform(1, 30, (1, LENGTH)))),
    (BoundedMean(m=0.3), beta_means),
    (BoundedMean(m=0.3, side="less"), beta_means),
    (BoundedMean(m=0.3, side="two-sided"), beta_means),
    (Paired(), swapped),
    (Paired(scale=5.0), swapped),
    (Ranks(others=9), lambda rng: rng.integers(0, 10, (RUNS, LENGTH))),
]


@pytest.mark.parametrize(("test", "draw"), NULLS, ids=[f"{i}-{type(t).__name__}" for i, (t, _) in enumerate(NULLS)])
def test_false_alarms_at_the_best_moment_to_stop(test: Process, draw: object) -> None:
    peak = test.path(test.initial(), draw(np.random.default_rng(11))).max(-1)  # type: ignore[operator]
    assert (peak >= LINE).sum() <= BOUND


def test_the_bound_bites() -> None:
    """A likelihood ratio chosen in hindsight, and a p0 that is a little off, are both caught."""
    xs = np.random.default_rng(12).random((RUNS, LENGTH)) < 0.3
    n, k = np.arange(1, LENGTH + 1), xs.cumsum(-1)
    p = np.clip(k / n, 0.3, 1 - 1e-9)
    hindsight = (k * np.log(p / 0.3) + (n - k) * np.log((1 - p) / 0.7)).max(-1)
    assert (hindsight >= LINE).sum() > BOUND
    off = Bernoulli(p0=0.25)
    assert (off.path(off.initial(), xs).max(-1) >= LINE).sum() > BOUND
    slow = np.random.default_rng(12).exponential(1.2, (RUNS, LENGTH))
    assert (Exponential().path(Exponential().initial(), slow).max(-1) >= LINE).sum() > BOUND


def median_crossing(test: Process, draw: object, line: float, step: int, limit: int) -> float:
    """Median observations until log_e, looked at every ``step``, first reaches ``line``; inf if not by ``limit``."""
    state, crossed = test.initial(), np.full(101, np.inf)
    while np.isinf(np.median(crossed)) and state.n < limit:
        state = test.update(state, draw((101, step)))  # type: ignore[operator]
        crossed[(test.log_e(state) >= line) & np.isinf(crossed)] = state.n
    return float(np.median(crossed))


def test_power_on_a_faint_watermark() -> None:
    """0.2588 against 0.25 reaches an e-value of a million by 85,000 observations in the median."""
    rng, test, runs = np.random.default_rng(13), Bernoulli(p0=0.25), 1000
    state, crossed = test.initial(), np.zeros(runs, dtype=bool)
    while state.n < 85_000:
        ones = rng.binomial(1000, 0.2588, runs)  # counts are all that the state keeps
        state = State(state.n + 1000, state.sums + np.stack([ones, 1000 - ones], axis=-1))
        crossed |= test.log_e(state) >= np.log(1e6)
    # Were the true median above 85,000, so many runs would be below it with P < 1e-6.
    assert crossed.sum() > binom.isf(1e-6, runs, 0.5)


@pytest.mark.parametrize(
    ("test", "draw", "limit"),
    [
        (Bernoulli(p0=0.5), lambda rng, shape: rng.random(shape) < 0.9, 60),
        (Exponential(), lambda rng, shape: rng.exponential(1.5, shape), 150),
        (BoundedMean(m=0.5), lambda rng, shape: rng.beta(3, 2, shape), 250),
        (Paired(scale=2.0), lambda rng, shape: rng.normal(0.5, 1.0, shape), 200),
        (Ranks(others=9), lambda rng, shape: np.maximum(rng.integers(0, 10, shape), rng.integers(0, 10, shape)), 150),
    ],
    ids=["bernoulli", "exponential", "bounded-mean", "paired", "ranks"],
)
def test_power_on_plain_effects(test: Process, draw: object, limit: int) -> None:
    rng = np.random.default_rng(14)
    assert median_crossing(test, lambda shape: draw(rng, shape), np.log(1000), 10, 1000) <= limit  # type: ignore[operator]


def test_magnitudes_help_where_large_differences_are_surer() -> None:
    """Small differences are coin flips, large ones favour the release: the scale sees that, the signs do not."""

    def draw(rng: np.random.Generator, shape: tuple[int, int]) -> np.ndarray:
        large = rng.random(shape) < 0.1
        sign = np.where(rng.random(shape) < np.where(large, 0.95, 0.5), 1, -1)
        return sign * np.where(large, 1.0, 0.05)

    medians = []
    for test in (Paired(scale=1.0), Paired()):
        rng = np.random.default_rng(15)
        medians.append(median_crossing(test, lambda shape, rng=rng: draw(rng, shape), np.log(1000), 20, 2000))
    assert medians[0] < medians[1] / 2
