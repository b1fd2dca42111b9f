"""Slow twins of the e-processes in exact rationals, and expectations summed over every possible history."""

from __future__ import annotations

import itertools
import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.integrate import quad

from gauger.stats.betting import Bernoulli, BoundedMean, Exponential, Paired, Process, Ranks


def run(test: Process, xs: list[float]) -> float:
    return float(test.log_e(test.update(test.initial(), xs)))


def cut_beta_mixture(a: int, b: int, p0: Fraction, k: int, n: int) -> Fraction:
    """E of one Beta(a, b) cut to (p0, 1), by integrating polynomials term by term."""

    def above(i: int, j: int) -> Fraction:
        """The integral of q^i (1-q)^j over (p0, 1)."""
        terms = ((-1) ** m * math.comb(j, m) * (1 - p0 ** (i + m + 1)) / (i + m + 1) for m in range(j + 1))
        return sum(terms, Fraction(0))

    return above(a - 1 + k, b - 1 + n - k) / above(a - 1, b - 1) / (p0**k * (1 - p0) ** (n - k))


@settings(max_examples=40, deadline=None)
@given(st.lists(st.integers(0, 1), max_size=40))
def test_bernoulli_greater(xs: list[int]) -> None:
    p0, strengths = Fraction(1, 4), (4, 8)
    twin = sum(cut_beta_mixture(s // 4, 3 * s // 4, p0, sum(xs), len(xs)) for s in strengths) / 2
    assert run(Bernoulli(p0=0.25, strengths=strengths), xs) == pytest.approx(math.log(twin), abs=1e-9)


@settings(max_examples=40, deadline=None)
@given(st.lists(st.integers(0, 5), max_size=60))
def test_ranks_are_a_chain_of_predictions(xs: list[int]) -> None:
    # Six ranks in four bins of sizes 2, 1, 2, 1: each rank is predicted from the counts before it.
    bin_of, size = [0, 0, 1, 2, 2, 3], [2, 1, 2, 1]
    twin = Fraction(0)
    for s in (2, 20):
        wealth, counts = Fraction(1), [0] * 4
        for t, x in enumerate(xs):
            b = bin_of[x]
            wealth *= (Fraction(s * size[b], 6) + counts[b]) / (s + t) / Fraction(size[b], 6)
            counts[b] += 1
        twin += wealth / 2
    assert run(Ranks(others=5, bins=4, strengths=(2.0, 20.0)), xs) == pytest.approx(math.log(twin), abs=1e-9)


@settings(max_examples=40, deadline=None)
@given(st.lists(st.floats(0, 20), max_size=30), st.sampled_from([1.0, 3.0, 50.0]))
def test_exponential_is_an_integral_over_rates(xs: list[float], s: float) -> None:
    n, total = len(xs), sum(xs)

    def density(r: float) -> float:
        return r ** (s - 1) * math.exp(-s * r)

    top = max(min((n + s - 1) / (total + s), 1.0), 1e-9)  # where the integrand peaks: scaled, lest it underflow
    scale = n * math.log(top) + (1 - top) * total
    gain = quad(lambda r: density(r) * math.exp(n * math.log(r) + (1 - r) * total - scale), 0, 1, points=[top])[0]
    twin = scale + math.log(gain / quad(density, 0, 1)[0])
    assert run(Exponential(strengths=(s,)), xs) == pytest.approx(twin, abs=1e-6)


def test_exponential_has_mean_one_under_its_null_and_less_inside() -> None:
    def mean(rate: float) -> float:
        def inner(x: float, y: float) -> float:
            return rate**2 * math.exp(run(Exponential(strengths=(2.0, 20.0)), [x, y]) - rate * (x + y))

        # The e-value depends on the sum alone, which is Gamma(2, rate).
        return quad(lambda t: t * inner(t, 0.0), 0, np.inf, limit=200)[0]

    assert mean(1.0) == pytest.approx(1.0, abs=1e-6)
    assert mean(1.3) < 1


@settings(max_examples=40, deadline=None)
@given(st.lists(st.fractions(0, 1, max_denominator=50), max_size=40))
def test_bounded_mean(xs: list[Fraction]) -> None:
    m, fractions = Fraction(1, 5), (Fraction(1, 2), Fraction(1, 10))
    twin = sum(math.prod((1 + c / m * (x - m) for x in xs), start=Fraction(1)) for c in fractions) / 2
    value = run(BoundedMean(m=0.2, fractions=(0.5, 0.1)), [float(x) for x in xs])
    assert value == pytest.approx(math.log(twin), abs=1e-9)


# Under the null: (process, the possible observations, their probabilities, length of the histories).
NULLS = [
    (Bernoulli(p0=0.3, side="two-sided"), [0, 1], [0.7, 0.3], 9),
    (Bernoulli(p0=0.3), [0, 1], [0.7, 0.3], 9),
    (Bernoulli(p0=0.3, side="less"), [0, 1], [0.7, 0.3], 9),
    (BoundedMean(m=0.3), [0, 0.4, 1], [0.5, 1 / 3, 1 / 6], 6),
    (BoundedMean(m=0.3, side="two-sided"), [0, 0.4, 1], [0.5, 1 / 3, 1 / 6], 6),
    (Paired(scale=1.0), [-2, -0.3, 0, 0.3, 2], [0.2, 0.25, 0.1, 0.25, 0.2], 5),
    (Ranks(others=4, bins=3), range(5), [0.2] * 5, 5),
]


@pytest.mark.parametrize(("test", "outcomes", "probabilities", "n"), NULLS, ids=lambda v: str(v)[:40])
def test_expectation_under_the_null_is_one(
    test: Process, outcomes: list[float], probabilities: list[float], n: int
) -> None:
    """Over every history, and also when stopped where it first passes 2: a martingale's mean stays 1."""
    index = np.array(list(itertools.product(range(len(outcomes)), repeat=n)))
    weight = np.asarray(probabilities)[index].prod(-1)
    path = np.exp(test.path(test.initial(), np.asarray(outcomes, dtype=float)[index]))
    assert weight @ path[:, -1] == pytest.approx(1.0, abs=1e-9)
    stop = np.where((path >= 2).any(-1), (path >= 2).argmax(-1), n - 1)
    assert weight @ path[np.arange(len(path)), stop] == pytest.approx(1.0, abs=1e-9)


@pytest.mark.parametrize("p", [0.0, 0.1, 0.29])
@pytest.mark.parametrize("test", [Bernoulli(p0=0.3), BoundedMean(m=0.3)], ids=["bernoulli", "bounded-mean"])
def test_inside_the_null_the_expectation_is_below_one(test: Process, p: float) -> None:
    histories = np.array(list(itertools.product([0, 1], repeat=8)))
    weight = np.where(histories == 1, p, 1 - p).prod(-1)
    assert weight @ np.exp(test.path(test.initial(), histories)[:, -1]) < 1
