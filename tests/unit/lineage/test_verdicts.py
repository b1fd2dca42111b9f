"""The words of a verdict."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import binom

from gauger.lineage.calibration import null_pairs, p_values
from gauger.lineage.verdicts import verdicts
from gauger.stats import BoolArray, FloatArray, IntArray

NONE, NOT, YES, CANNOT = "none of the candidates", "not shown", "related", "cannot tell"


@pytest.mark.parametrize(
    ("p", "n", "per_pair", "said"),
    [
        ([0.2], [999], False, [NONE]),
        ([0.01], [999], False, [YES]),
        ([0.006, 0.5], [999, 999], False, [NONE, NONE]),
        ([0.006, 0.5], [999, 999], True, [YES, NOT]),
        ([0.005, 0.5], [999, 999], False, [YES, NOT]),
        ([0.005, 0.009], [999, 999], False, [YES, YES]),
        ([0.02, None], [999, 0], False, [NOT, CANNOT]),
        ([0.01, None], [999, 0], False, [YES, CANNOT]),
        ([0.01, 0.01], [99, 999], False, [CANNOT, NOT]),
        ([0.01, 0.001], [99, 999], False, [YES, YES]),
        ([1.0, 0.001], [0, 999], False, [CANNOT, YES]),
        ([1.0, 0.5], [0, 999], False, [CANNOT, NOT]),
        ([0.01, 0.01], [99, 999], True, [YES, YES]),
        ([1.0], [0], True, [CANNOT]),
        ([None], [0], False, [CANNOT]),
    ],
)
def test_one_suspect(p: list[float | None], n: list[int], per_pair: bool, said: list[str]) -> None:
    assert verdicts(["s"] * len(p), p, n, 0.01, per_pair=per_pair) == said


def test_what_is_undecided_clears_nobody_and_hides_nothing() -> None:
    assert verdicts(["s", "s"], [0.2, 0.5], [999, 999], 0.01, undecided=[1]) == [NOT, CANNOT]
    assert verdicts(["s", "s"], [0.2, 0.001], [999, 999], 0.01, undecided=[0, 1]) == [CANNOT, YES]


def test_suspects_do_not_share_their_alpha() -> None:
    assert verdicts(["s", "t", "s"], [0.008, 0.008, 0.9], [999] * 3, 0.01) == [NONE, YES, NONE]


def calibrated(
    pairs: list[tuple[int, int]],
    score: FloatArray,
    cluster: IntArray,
    *,
    kin: BoolArray | None = None,
    base: BoolArray | None = None,
    known: BoolArray | None = None,
    listed: BoolArray | None = None,
) -> tuple[FloatArray, IntArray]:
    """p-values where lengths are equal, all models known and none of one base, unless said otherwise."""
    size, length = len(score), np.zeros_like(score)
    apart = np.eye(size, dtype=np.bool_)
    kin, base = (apart if m is None else m for m in (kin, base))
    known = np.ones(size, dtype=np.bool_) if known is None else known
    null = null_pairs(score, length, kin, cluster, base, known, listed)
    return p_values(pairs, score, length, null, kin, base)


def symmetric(values: FloatArray, size: int) -> FloatArray:
    made = np.full((size, size), np.nan)
    made[np.triu_indices(size, 1)] = values
    return np.where(np.isnan(made), made.T, made)


def test_the_kin_of_both_calibrate_neither() -> None:
    """Of five models 0 and 1 are kin, 2 and 3 are kin. The test of (0, 2) leaves the pairs of these four out."""
    score = symmetric(np.arange(10.0), 5)  # 01 02 03 04 12 13 14 23 24 34
    kin = np.eye(5, dtype=np.bool_)
    kin[0, 1] = kin[1, 0] = kin[2, 3] = kin[3, 2] = True
    p, n = calibrated([(0, 2), (4, 0)], score, np.array([0, 0, 1, 1, 2]), kin=kin)
    # Left for (0, 2): one unit of {0, 1} and 4 (3, 6) and one of {2, 3} and 4 (8, 9); both above its 1.
    assert (p[0], n[0]) == (1.0, 2)
    # Left for (4, 0), which scores 3: the unit of {0, 1} and {2, 3} (at most 5) and that of {2, 3} and 4 (9).
    assert (p[1], n[1]) == (1.0, 2)


def test_a_unit_counts_once_by_its_highest() -> None:
    score = np.array([[np.nan, 9, 5, 4], [9, np.nan, 8, 2], [5, 8, np.nan, 1], [4, 2, 1, np.nan]], dtype=float)
    p, n = calibrated([(0, 1)], score, np.array([0, 1, 2, 2]))
    assert (p[0], n[0]) == (1 / 4, 3)  # units 0-2 (5), 1-2 (8), 2-2 (1)


def test_without_a_null_nothing_can_be_told() -> None:
    score = symmetric(np.ones(1), 2)
    p, n = calibrated([(0, 1)], score, np.arange(2), kin=np.ones((2, 2), dtype=np.bool_))
    assert (p[0], n[0]) == (1.0, 0)


def test_a_suspect_that_nobody_knows_is_ranked_among_its_own_pairs_too() -> None:
    """A model that is like everybody: its pairs with the population speak for it, whatever its history is."""
    score = symmetric(np.array([1.0, 2, 3, 9, 4, 5, 8, 6, 7, 8.5]), 5)  # 4 scores 8 and more with all
    known = np.arange(5) < 4
    p, n = calibrated([(0, 4)], score, np.arange(5), known=known)
    assert n[0] == 6 + 3
    assert p[0] == pytest.approx(1 / 10)
    p, n = calibrated([(1, 4)], score, np.arange(5), known=known)
    assert p[0] == pytest.approx(3 / 10)
    assert calibrated([(0, 1)], score, np.arange(5), known=known)[1][0] == 5


def test_listed_pairs_are_null_pairs_whatever_is_known_of_the_two() -> None:
    score, listed = symmetric(np.arange(10.0), 5), np.zeros((5, 5), dtype=np.bool_)
    listed[4, 3] = True
    known = np.arange(5) < 2
    assert calibrated([(0, 1)], score, np.arange(5), known=known)[1][0] == 0
    assert calibrated([(0, 1)], score, np.arange(5), known=known, listed=listed)[1][0] == 1


def of_bases(size: int, same: int, shift: float, seed: int = 3) -> tuple[FloatArray, BoolArray]:
    """Scores of strangers, of whom the first ``same`` have one base and are more alike for it."""
    base = np.zeros((size, size), dtype=np.bool_)
    base[:same, :same] = True
    score = symmetric(np.random.default_rng(seed).normal(size=size * (size - 1) // 2), size)
    return score + shift * base, base


def test_pairs_of_one_base_are_measured_by_their_own_kind() -> None:
    score, base = of_bases(40, 14, 2.0)
    pairs = [(i, j) for i in range(14) for j in range(i)]
    p = calibrated(pairs, score, np.arange(40), base=base)[0]
    assert (p <= 0.1).sum() <= binom.isf(1e-4, len(pairs), 0.1)
    assert (p <= 0.1).sum() >= binom.isf(1 - 1e-4, len(pairs), 0.1)
    flat = calibrated(pairs, score, np.arange(40), base=np.eye(40, dtype=np.bool_))[0]
    assert (flat <= 0.1).sum() > binom.isf(1e-9, len(pairs), 0.1)
    score[0, 1] = score[1, 0] = 9.0
    found, n = calibrated([(0, 1)], score, np.arange(40), base=base)
    assert found[0] == pytest.approx(1 / (n[0] + 1))


def test_few_pairs_of_one_base_prove_little() -> None:
    """Student's correction: of three strangers' pairs of one base, a score five spreads out is no proof."""
    score, base = of_bases(40, 3, 0.0)
    score[0, 1] = score[1, 0] = 5.0
    score[0, 2] = score[2, 0] = -0.5
    score[1, 2] = score[2, 1] = 0.5
    found = calibrated([(0, 1)], score, np.arange(40), base=base)[0][0]
    assert 0.02 < found < 0.2


def test_without_pairs_of_one_base_a_pair_of_one_base_cannot_be_judged() -> None:
    score, base = of_bases(10, 2, 0.0)
    assert calibrated([(0, 1)], score, np.arange(10), base=base)[1][0] == 0
    assert calibrated([(0, 5)], score, np.arange(10), base=base)[1][0] == 43
    p, n = calibrated([(0, 1)], score, np.arange(10), base=np.ones((10, 10), dtype=np.bool_))
    assert (n[0], p[0]) == (44, (1 + (score[np.triu_indices(10, 1)][1:] >= score[0, 1]).sum()) / 45)
