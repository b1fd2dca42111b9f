"""E[e] <= 1 for every calibrator, by integral; permutation evidence, over every possible position of the observed."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from scipy.integrate import quad

from gauger.stats import calibrators


@pytest.mark.parametrize(
    "calibrate",
    [
        calibrators.mixture,
        lambda log_p: calibrators.power(log_p, kappa=0.5),
        lambda log_p: calibrators.power(log_p, kappa=0.05),
        lambda log_p: calibrators.power(log_p, kappa=0.95),
    ],
    ids=["mixture", "half", "steep", "flat"],
)
def test_calibrators_integrate_to_one(calibrate: object) -> None:
    # With t = -log p the integral over p is that of exp(log_e - t) over t > 0.
    def density(t: float) -> float:
        return float(np.exp(calibrate(-t) - t))  # type: ignore[operator]

    total = quad(density, 0, 1)[0] + quad(density, 1, np.inf)[0]
    assert total == pytest.approx(1.0, abs=1e-6)


def test_all_or_nothing_is_fair() -> None:
    p = (np.arange(1000) + 0.5) / 1000
    assert np.exp(calibrators.all_or_nothing(np.log(p), alpha=0.02)).mean() == pytest.approx(1.0)


@pytest.mark.parametrize("statistics", [[3.0, 1.0, 4.0, 1.5, -9.0], [0.0, 0.0, 2.0], [7.0, 7.0, 7.0], [-1e3, 0.0, 1e3]])
def test_permutation_evidence_over_all_positions(statistics: list[float]) -> None:
    """Exchangeability means that each value was equally likely to be the observed one."""
    turns = [np.roll(statistics, -i) for i in range(len(statistics))]
    for rate in (0.01, 1.0, 20.0):
        e = [np.exp(calibrators.soft_rank_log_e(t[0], t[1:], rate=rate)) for t in turns]
        assert np.mean(e) == pytest.approx(1.0)
    p = np.exp([calibrators.permutation_log_p(t[0], t[1:]) for t in turns])
    for u in p:
        assert np.mean(p <= u + 1e-12) <= u + 1e-12


def test_permutation_test_of_two_samples_is_exact() -> None:
    """All 20 splits of six values: the p-value is at most u in at most a share u of them."""
    values = np.array([0.3, 1.1, 1.9, 2.2, 4.0, 4.1])
    splits = [list(c) for c in itertools.combinations(range(6), 3)]
    means = np.array([values[s].mean() for s in splits])
    p = np.exp([calibrators.permutation_log_p(m, np.delete(means, i)) for i, m in enumerate(means)])
    assert sorted(p) == pytest.approx(np.arange(1, 21) / 20)
