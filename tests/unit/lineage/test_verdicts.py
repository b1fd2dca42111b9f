"""The words of a verdict."""

from __future__ import annotations

import numpy as np
import pytest

from gauger.lineage.calibration import null_pairs, p_values
from gauger.lineage.verdicts import verdicts

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
        ([0.01, 0.01], [99, 999], False, [CANNOT, CANNOT]),
        ([0.01, 0.01], [99, 999], True, [YES, YES]),
        ([1.0], [0], True, [CANNOT]),
        ([None], [0], False, [CANNOT]),
    ],
)
def test_one_suspect(p: list[float | None], n: list[int], per_pair: bool, said: list[str]) -> None:
    assert verdicts(["s"] * len(p), p, n, 0.01, per_pair=per_pair) == said


def test_suspects_do_not_share_their_alpha() -> None:
    assert verdicts(["s", "t", "s"], [0.008, 0.008, 0.9], [999] * 3, 0.01) == [NONE, YES, NONE]


def test_the_kin_of_both_calibrate_neither() -> None:
    """Of five models 0 and 1 are kin, 2 and 3 are kin. The test of (0, 2) leaves the pairs of these four out."""
    score = np.full((5, 5), np.nan)
    score[np.triu_indices(5, 1)] = np.arange(10.0)  # 01 02 03 04 12 13 14 23 24 34
    score = np.where(np.isnan(score), score.T, score)
    kin = np.eye(5, dtype=np.bool_)
    kin[0, 1] = kin[1, 0] = kin[2, 3] = kin[3, 2] = True
    length = np.zeros((5, 5))
    null = null_pairs(score, length, ~kin, np.array([0, 0, 1, 1, 2]))
    p, n = p_values([(0, 2), (4, 0)], score, length, null, kin)
    # Left for (0, 2): one unit of {0, 1} and 4 (3, 6) and one of {2, 3} and 4 (8, 9); both above its 1.
    assert (p[0], n[0]) == (1.0, 2)
    # Left for (4, 0), which scores 3: the unit of {0, 1} and {2, 3} (at most 5) and that of {2, 3} and 4 (9).
    assert (p[1], n[1]) == (1.0, 2)


def test_a_unit_counts_once_by_its_highest() -> None:
    score = np.array([[np.nan, 9, 5, 4], [9, np.nan, 8, 2], [5, 8, np.nan, 1], [4, 2, 1, np.nan]], dtype=float)
    null = null_pairs(score, np.zeros((4, 4)), ~np.eye(4, dtype=np.bool_), np.array([0, 1, 2, 2]))
    p, n = p_values([(0, 1)], score, np.zeros((4, 4)), null, np.eye(4, dtype=np.bool_))
    assert (p[0], n[0]) == (1 / 4, 3)  # units 0-2 (5), 1-2 (8), 2-2 (1)


def test_without_a_null_nothing_can_be_told() -> None:
    score = np.array([[np.nan, 1.0], [1.0, np.nan]])
    null = null_pairs(score, np.zeros((2, 2)), np.zeros((2, 2), dtype=np.bool_), np.arange(2))
    p, n = p_values([(0, 1)], score, np.zeros((2, 2)), null, np.eye(2, dtype=np.bool_))
    assert (p[0], n[0]) == (1.0, 0)
