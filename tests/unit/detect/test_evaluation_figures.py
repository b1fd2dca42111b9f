"""The curves against figures computed by hand and against slow twins that copy the data."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gauger.detect.evaluation import Curve


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
