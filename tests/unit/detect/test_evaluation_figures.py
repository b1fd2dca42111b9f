"""The curves against figures computed by hand and against slow twins that copy the data."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from gauger.detect.evaluation import Curve, clopper_pearson, cluster_bootstrap, rate


def curve(score: list[float], positive: list[int]) -> Curve:
    return Curve(np.array(score, dtype=float), np.array(positive, dtype=bool))


def ones(n: int) -> np.ndarray:
    return np.ones(n, dtype=np.int64)


def test_by_hand() -> None:
    # From the top: + | - + (tied) | + | - -
    c = curve([9, 7, 7, 5, 1, 0], [1, 0, 1, 1, 0, 0])
    w = ones(6)
    assert c.tpr_at(0.0, w) == pytest.approx(1 / 3)  # the tie with a negative does not pass
    assert c.tpr_at(0.34, w) == 1.0  # one of three negatives may
    assert c.auroc(w) == pytest.approx((3 + 2.5 + 2) / 9)
    assert c.auprc(w) == pytest.approx((1 * 1 + 1 * 2 / 3 + 1 * 3 / 4) / 3)


def test_all_tied_is_no_better_than_chance() -> None:
    c = curve([1] * 10, [1] * 4 + [0] * 6)
    assert c.tpr_at(0.5, ones(10)) == 0.0
    assert c.auroc(ones(10)) == 0.5
    assert c.auprc(ones(10)) == 0.4


def test_infinite_scores_and_a_rate_that_rounds_down() -> None:
    # 0.29 * 100 is 28.999999999999996 in floats: 29 of the 100 negatives may pass all the same.
    c = curve([math.inf] + [5.0] * 29 + [4.0] + [-1.0] * 71 + [-math.inf], [1] + [0] * 29 + [1] + [0] * 71 + [1])
    assert c.tpr_at(0.29, ones(103)) == pytest.approx(2 / 3)
    assert c.tpr_at(0.28, ones(103)) == pytest.approx(1 / 3)


def test_nothing_to_say_without_both_classes() -> None:
    for positive in ([1, 1], [0, 0]):
        c = curve([1, 2], positive)
        assert math.isnan(c.auroc(ones(2)))
        assert math.isnan(c.tpr_at(0.1, ones(2)))
    assert math.isnan(curve([], []).auprc(ones(0)))


# Slow twins, over a copy of the data with each account repeated by its weight.
def slow_tpr(rows: list[tuple[float, int]], fpr: Fraction) -> float:
    pos, neg = [s for s, p in rows if p], [s for s, p in rows if not p]
    best = 0
    for threshold in {s for s, _ in rows}:
        if Fraction(sum(s >= threshold for s in neg), len(neg)) <= fpr:
            best = max(best, sum(s >= threshold for s in pos))
    return best / len(pos)


def slow_auroc(rows: list[tuple[float, int]]) -> float:
    pairs = [(a, b) for a, p in rows if p for b, q in rows if not q]
    return sum((a > b) + (a == b) / 2 for a, b in pairs) / len(pairs)


def slow_auprc(rows: list[tuple[float, int]]) -> float:
    total, recall = 0.0, 0
    n_pos = sum(p for _, p in rows)
    for threshold in sorted({s for s, _ in rows}, reverse=True):
        above = [p for s, p in rows if s >= threshold]
        total += (sum(above) - recall) * sum(above) / len(above)
        recall = sum(above)
    return total / n_pos


ROWS = st.lists(st.tuples(st.integers(0, 6), st.integers(0, 1), st.integers(0, 3)), min_size=2, max_size=25)


@settings(max_examples=200)
@given(ROWS, st.sampled_from([0, 1, 10, 25, 50, 100]))
def test_as_the_slow_twins(rows: list[tuple[int, int, int]], percent: int) -> None:
    copies = [(float(s), p) for s, p, w in rows for _ in range(w)]
    if len({p for _, p in copies}) < 2:
        return
    c = curve([s for s, _, _ in rows], [p for _, p, _ in rows])
    weights = np.array([w for _, _, w in rows], dtype=np.int64)
    assert c.tpr_at(percent / 100, weights) == pytest.approx(slow_tpr(copies, Fraction(percent, 100)))
    assert c.auroc(weights) == pytest.approx(slow_auroc(copies))
    assert c.auprc(weights) == pytest.approx(slow_auprc(copies))


def test_clopper_pearson_is_exact_in_the_tails() -> None:
    assert clopper_pearson(0, 10) == (0.0, pytest.approx(1 - 0.025**0.1))
    assert clopper_pearson(10, 10) == (pytest.approx(0.025**0.1), 1.0)
    low, high = clopper_pearson(3, 20)
    assert stats.binom.sf(2, 20, low) == pytest.approx(0.025)
    assert stats.binom.cdf(3, 20, high) == pytest.approx(0.025)


def test_bootstrap_draws_clusters_whole() -> None:
    # Two clusters of 50: all hit, none hit. Clusters drawn whole can only give 0, 1/2 and 1.
    hit = np.repeat([True, False], 50)
    among = np.ones(100, dtype=bool)
    cluster = np.repeat([0, 1], 50).astype(np.int64)
    seen: set[float] = set()

    def spy(weights: np.ndarray) -> float:
        seen.add(value := rate(hit, among)(weights))
        return value

    [estimate] = cluster_bootstrap([spy], [cluster], rng=np.random.default_rng(1), replicates=200)
    assert seen == {0.0, 0.5, 1.0}
    assert (estimate.value, estimate.low, estimate.high) == (0.5, 0.0, 1.0)


def test_bootstrap_repeats_by_its_seed_and_keeps_strata_apart() -> None:
    positive = np.array([1] * 5 + [0] * 20, dtype=bool)
    strata = [np.where(positive, np.arange(25), -1), np.where(positive, -1, np.arange(25) - 5)]
    score = np.random.default_rng(0).normal(size=25) + positive
    measures = [Curve(score, positive).auroc, lambda w: float(w[positive].sum())]
    runs = [cluster_bootstrap(measures, strata, rng=np.random.default_rng(s), replicates=50) for s in (3, 3, 4)]
    assert runs[0] == runs[1] != runs[2]
    assert (runs[0][1].low, runs[0][1].high) == (5.0, 5.0)


def test_bootstrap_covers_at_its_level() -> None:
    # 60 clusters of 4, each all hit or none, rate 0.3: how often does the interval hold 0.3?
    rng = np.random.default_rng(7)
    cluster = np.repeat(np.arange(60), 4)
    covered = 0
    for _ in range(200):
        hit = np.repeat(rng.random(60) < 0.3, 4)
        [e] = cluster_bootstrap([rate(hit, np.ones(240, dtype=bool))], [cluster], rng=rng, replicates=200)
        covered += e.low <= 0.3 <= e.high
    # About 0.93 at this size; a bootstrap over accounts would be half as wide and cover about 0.67.
    assert covered >= stats.binom.ppf(1e-4, 200, 0.92)
