"""Identities in log space, monotonicity, and batches that agree with single steps bit for bit."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gauger.stats import calibrators, conformal, sequences, tails
from gauger.stats.betting import Bernoulli, BoundedMean, Paired, Process, Ranks

COUNTS = st.integers(1, 3000)
P = st.floats(1e-6, 1 - 1e-6)
UNIT = st.lists(st.floats(0, 1), max_size=20)


@settings(deadline=None)
@given(COUNTS, st.data(), P)
def test_binomial_tails_meet(n: int, data: st.DataObject, p: float) -> None:
    k = data.draw(st.integers(0, n))
    upper, below = tails.binomial_log_upper(k, n, p), tails.binomial_log_lower(k - 1, n, p)
    assert np.logaddexp(upper, below) == pytest.approx(0.0, abs=1e-9)
    mirrored = tails.binomial_log_lower(n - k, n, 1 - p)
    # 1 - p rounds: the logarithm moves by n times that rounding at most, relative to the smaller of the two.
    assert float(upper) == pytest.approx(float(mirrored), rel=1e-9, abs=1e-9)


@settings(deadline=None)
@given(COUNTS, P)
def test_tails_fall_as_k_rises(n: int, p: float) -> None:
    k = np.arange(min(n, 300) + 2)
    upper = tails.binomial_log_upper(k, n, p)
    assert np.all(upper[1:] <= upper[:-1] + 1e-12)
    assert np.all(upper <= 0)


@settings(deadline=None)
@given(st.integers(1, 400), st.data())
def test_hypergeometric_tails_meet(population: int, data: st.DataObject) -> None:
    marked, drawn = data.draw(st.integers(0, population)), data.draw(st.integers(0, population))
    k = np.arange(-1, population + 2)
    upper = tails.hypergeometric_log_upper(k, population, marked, drawn)
    below = tails.hypergeometric_log_lower(k - 1, population, marked, drawn)
    assert np.logaddexp(upper, below) == pytest.approx(np.zeros(len(k)), abs=1e-9)
    swapped = tails.hypergeometric_log_upper(k, population, drawn, marked)
    assert upper == pytest.approx(swapped, rel=1e-9, abs=1e-9)


@settings(deadline=None)
@given(st.floats(0, 5000), st.floats(0.05, 3000))
def test_gamma_tails_meet(x: float, shape: float) -> None:
    total = np.logaddexp(tails.gamma_log_upper(x, shape), tails.gamma_log_lower(x, shape))
    assert total == pytest.approx(0.0, abs=1e-9)


@settings(deadline=None)
@given(st.floats(-5000, 0), st.floats(-5000, 0))
def test_calibrators_reward_smaller_p(a: float, b: float) -> None:
    low, high = sorted((a, b))
    for calibrate in (
        calibrators.mixture,
        lambda log_p: calibrators.power(log_p, kappa=0.3),
        lambda log_p: calibrators.all_or_nothing(log_p, alpha=0.01),
    ):
        assert calibrate(low) >= calibrate(high) - 1e-12
        assert calibrators.e_to_p(calibrate(low)) >= low - 1e-9  # no calibrator creates evidence


@settings(deadline=None)
@given(UNIT, st.lists(st.floats(0, 1), min_size=1, max_size=20))
def test_conformal_stays_between_floor_and_one(calibration: list[float], test: list[float]) -> None:
    p = conformal.p_values(calibration, test)
    assert np.all((p >= conformal.floor(len(calibration))) & (p <= 1))
    order = np.argsort(test)
    assert np.all(np.diff(p[order]) <= 0)


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_batches_and_single_steps_agree_to_the_last_bit(data: st.DataObject) -> None:
    test, values = data.draw(
        st.sampled_from(
            [
                (Bernoulli(p0=0.2), st.integers(0, 1)),
                (BoundedMean(m=0.4, side="two-sided"), st.floats(0, 1)),
                (Paired(scale=0.7), st.floats(-3, 3)),
                (Ranks(others=6), st.integers(0, 6)),
            ]
        )
    )
    assert isinstance(test, Process)
    xs = data.draw(st.lists(values, min_size=1, max_size=30))
    cut = data.draw(st.integers(0, len(xs)))
    whole = test.update(test.initial(), xs)
    split = test.update(test.update(test.initial(), xs[:cut]), xs[cut:])
    single = test.initial()
    for x in xs:
        single = test.update(single, x)
    assert whole.sums.tobytes() == split.sums.tobytes() == single.sums.tobytes()
    assert whole.n == split.n == single.n == len(xs)
    assert test.log_e(whole) == test.log_e(single) == test.path(test.initial(), xs)[-1]


@settings(max_examples=50, deadline=None)
@given(COUNTS, st.data(), st.floats(0.001, 0.5))
def test_bernoulli_sequence_holds_its_estimate_and_narrows_with_alpha(
    n: int, data: st.DataObject, alpha: float
) -> None:
    k = data.draw(st.integers(0, n))
    low, high = sequences.bernoulli(k, n, alpha=alpha)
    wide_low, wide_high = sequences.bernoulli(k, n, alpha=alpha / 2)
    assert 0 <= wide_low <= low <= k / n <= high <= wide_high <= 1
