"""Calibrators and permutation evidence: worked numbers, limits, refusals."""

from __future__ import annotations

import math

import numpy as np
import pytest

from gauger.errors import ConfigError, InputError
from gauger.stats import calibrators


def test_worked_numbers() -> None:
    assert float(calibrators.power(math.log(0.01), kappa=0.5)) == pytest.approx(math.log(0.5 * 10))
    p = 1e-3
    direct = (1 - p + p * math.log(p)) / (p * math.log(p) ** 2)
    assert float(calibrators.mixture(math.log(p))) == pytest.approx(math.log(direct), abs=1e-12)
    assert calibrators.all_or_nothing(np.log([0.05, 0.0501]), alpha=0.05).tolist() == [-math.log(0.05), -math.inf]
    assert calibrators.e_to_p([math.log(20), -3.0]).tolist() == [-math.log(20), 0.0]


def test_mixture_at_its_limits() -> None:
    log_p = np.array([0.0, -1e-9, -1e4, -np.inf])
    expected = [math.log(0.5), math.log(0.5), 1e4 - 2 * math.log(1e4), math.inf]
    assert calibrators.mixture(log_p) == pytest.approx(expected, abs=1e-9)


def test_permutation_p_counts_ties_against_us() -> None:
    log_p = calibrators.permutation_log_p([3.0, 9.0], [[1.0, 3.0, 4.0], [1.0, 3.0, 4.0]])
    assert np.exp(log_p) == pytest.approx([3 / 4, 1 / 4])


def test_soft_rank_worked_number_and_ceiling() -> None:
    value = calibrators.soft_rank_log_e(2.0, [0.0, 1.0], rate=1.0)
    r = [math.e**2 - 1, 0.0, math.e - 1]
    assert float(value) == pytest.approx(math.log(3 * r[0] / sum(r)))
    assert float(calibrators.soft_rank_log_e(1e6, np.zeros(99))) == pytest.approx(math.log(100))
    assert float(calibrators.soft_rank_log_e(0.0, [0.0, 1.0])) == -math.inf
    assert float(calibrators.soft_rank_log_e(5.0, [5.0, 5.0])) == 0.0


@pytest.mark.parametrize(
    "call",
    [
        lambda: calibrators.power(-1.0, kappa=0.0),
        lambda: calibrators.power(-1.0, kappa=1.0),
        lambda: calibrators.all_or_nothing(-1.0, alpha=0.0),
        lambda: calibrators.soft_rank_log_e(1.0, [2.0], rate=0.0),
    ],
)
def test_refuses_impossible_parameters(call: object) -> None:
    with pytest.raises(ConfigError):
        call()  # type: ignore[operator]


@pytest.mark.parametrize("bad", [0.5, math.nan])
def test_refuses_p_values_that_are_not_logarithms(bad: float) -> None:
    with pytest.raises(InputError, match="logarithms"):
        calibrators.mixture(bad)


def test_refuses_statistics_that_are_not_finite() -> None:
    with pytest.raises(InputError):
        calibrators.permutation_log_p(1.0, [math.nan])
