"""Conformal p-values under their null, plain, smoothed and by group; false discoveries of BH and e-BH on them."""

from __future__ import annotations

import numpy as np
from scipy.stats import binom, kstest

from gauger.stats import calibrators, conformal, multiple

RUNS, N = 2000, 39


def test_plain_p_values_are_valid_at_every_level() -> None:
    rng = np.random.default_rng(31)
    # Heavy ties: scores from six values.
    p = np.array([conformal.p_values(rng.integers(0, 6, N), rng.integers(0, 6, 1))[0] for _ in range(RUNS)])
    for u in np.arange(1, N + 2) / (N + 1):
        assert (p <= u + 1e-12).sum() <= binom.isf(1e-6, RUNS, u)
    assert (p <= 0.5).mean() < 0.45  # ties counted against us do cost


def test_smoothed_p_values_are_uniform_despite_ties() -> None:
    rng = np.random.default_rng(32)
    p = [
        conformal.smoothed_p_values(rng.integers(0, 6, N), rng.integers(0, 6, 1), rng.random(1))[0] for _ in range(RUNS)
    ]
    assert kstest(p, "uniform").pvalue > 1e-6


def test_groups_protect_the_unusual_group() -> None:
    """One tenth of accounts score three deviations higher: pooled, they are accused; in their group, they are not."""
    rng = np.random.default_rng(33)
    pooled = grouped = 0
    for _ in range(RUNS // 4):
        groups = rng.random(200) < 0.1
        scores = rng.normal(size=200) + 3 * groups
        test = rng.normal(size=1) + 3
        pooled += int(conformal.p_values(scores, test)[0] <= 0.1)
        p = conformal.p_values(scores, test, calibration_groups=groups, test_groups=[True])
        grouped += int(p[0] <= 0.1)
    bound = binom.isf(1e-6, RUNS // 4, 0.1)
    assert grouped <= bound < pooled


def test_false_discoveries_and_power_over_many_accounts() -> None:
    """All nulls true: any rejection is false, and few runs have one. Then 10 strangers of 100 are found."""
    rng = np.random.default_rng(34)
    alpha, runs, false = 0.1, 500, {"bh": 0, "e_bh": 0, "holm": 0}
    found = []
    for _ in range(runs):
        calibration, test = rng.normal(size=1000), rng.normal(size=100)
        p = conformal.p_values(calibration, test)
        false["bh"] += int(multiple.bh(p, alpha).mask.any())
        false["holm"] += int(multiple.holm(p, alpha).mask.any())
        false["e_bh"] += int(multiple.e_bh(calibrators.power(np.log(p)), alpha).mask.any())
        test[:10] += 6
        mask = multiple.bh(conformal.p_values(calibration, test), alpha).mask
        found.append((mask[:10].mean(), mask[10:].sum() / max(mask.sum(), 1)))
    assert max(false.values()) <= binom.isf(1e-6, runs, alpha)
    power, fdp = np.mean(found, axis=0)
    assert power > 0.95
    # The mean of 500 proportions in [0, 1]: by Hoeffding it passes alpha + 0.118 with P < 1e-6.
    assert fdp <= alpha + np.sqrt(np.log(1e6) / (2 * runs))


def test_e_bh_needs_no_independence() -> None:
    """One shared p-value behind 50 all-or-nothing bets: the worst dependence there is."""
    rng = np.random.default_rng(35)
    runs, alpha = 4000, 0.1
    p = rng.random(runs)
    any_false = sum(
        bool(multiple.e_bh(calibrators.all_or_nothing(np.full(50, np.log(x)), alpha=alpha), alpha).mask.any())
        for x in p
    )
    assert 0 < any_false <= binom.isf(1e-6, runs, alpha)
