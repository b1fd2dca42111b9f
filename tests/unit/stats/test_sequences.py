"""Confidence sequences: duality with the tests they invert, edges, refusals."""

from __future__ import annotations

import math

import numpy as np
import pytest

from gauger.errors import ConfigError, InputError
from gauger.stats import sequences
from gauger.stats.betting import BoundedMean


def test_bernoulli_ends_lie_on_the_rejection_line() -> None:
    low, high = sequences.bernoulli(30, 100, alpha=0.05, prior=(1.0, 1.0))
    for p in (float(low), float(high)):
        log_e = -math.log(101 * math.comb(100, 30)) - 30 * math.log(p) - 70 * math.log1p(-p)
        assert log_e == pytest.approx(math.log(20), abs=1e-6)


def test_bernoulli_edges_and_shape() -> None:
    low, high = sequences.bernoulli([0, 0, 5], [0, 5, 5])
    assert (low[0], high[0]) == (0.0, 1.0)
    assert low[1] == 0.0
    assert high[2] == 1.0
    assert low[2] == pytest.approx(1 - high[1])


def test_bounded_mean_agrees_with_the_test_it_inverts() -> None:
    xs = np.random.default_rng(5).beta(2, 5, 400)
    low, high = sequences.bounded_mean(xs, alpha=0.1)
    assert low < xs.mean() < high
    for m, side in ((low, "greater"), (high, "less")):
        inside, outside = (m + 1e-6, m - 1e-6) if side == "greater" else (m - 1e-6, m + 1e-6)
        values = [
            float(test.path(test.initial(), xs)[-1])
            for test in (BoundedMean(m=v, side=side) for v in (inside, outside))
        ]
        assert values[0] < math.log(20) <= values[1]


def test_bounded_mean_knows_nothing_from_nothing() -> None:
    assert sequences.bounded_mean([]) == (0.0, 1.0)
    assert sequences.bounded_mean([0.0, 0.0])[0] == 0.0
    assert sequences.bounded_mean([1.0])[1] == 1.0


def test_best_rho_is_best() -> None:
    rho = sequences.best_rho(500.0, alpha=0.05)
    at = [float(sequences.normal_mixture_radius(500.0, alpha=0.05, rho=rho * f)) for f in (0.9, 1.0, 1.1)]
    assert at[1] < min(at[0], at[2])


def test_refuses() -> None:
    for call in (
        lambda: sequences.bernoulli(3, 2),
        lambda: sequences.bernoulli(1, 2, alpha=0.0),
        lambda: sequences.bernoulli(1, 2, prior=(0.0, 1.0)),
        lambda: sequences.normal_mixture_radius(-1.0, rho=1.0),
        lambda: sequences.normal_mixture_radius(1.0, rho=0.0),
        lambda: sequences.best_rho(1.0, alpha=1.0),
    ):
        with pytest.raises(ConfigError):
            call()
    for xs in ([1.1], [math.nan], [[0.5]]):
        with pytest.raises(InputError):
            sequences.bounded_mean(xs)
