"""Conformal p-values: worked numbers, groups, refusals."""

from __future__ import annotations

import numpy as np
import pytest

from gauger.errors import InputError
from gauger.stats import conformal


def test_ties_count_against_us() -> None:
    assert conformal.p_values([1, 2, 2, 3], [0, 2, 2.5, 3, 4]).tolist() == [1.0, 4 / 5, 2 / 5, 2 / 5, 1 / 5]


def test_the_least_p_is_the_floor() -> None:
    assert conformal.p_values(np.arange(99), [1e9]) == pytest.approx([conformal.floor(99)])
    assert conformal.floor(99) == 0.01


def test_smoothing_spreads_over_the_tie() -> None:
    low, high = conformal.smoothed_p_values([1, 2, 2, 3], [2, 2], [0.0, 1.0])
    assert (low, high) == (1 / 5, 4 / 5)


def test_groups_are_judged_apart() -> None:
    p = conformal.p_values(
        [1, 2, 3, 10, 20], [5, 5, 5], calibration_groups=["a", "a", "a", "b", "b"], test_groups=["a", "b", "unseen"]
    )
    assert p.tolist() == [1 / 4, 1.0, 1.0]


def test_shape_is_kept_and_infinity_is_a_score() -> None:
    p = conformal.p_values([0.0, np.inf], [[np.inf], [-np.inf]])
    assert p.tolist() == [[2 / 3], [1.0]]
    assert conformal.p_values([], [1.0]).tolist() == [1.0]
    assert conformal.p_values([1.0], []).tolist() == []


@pytest.mark.parametrize(
    "call",
    [
        lambda: conformal.p_values([1.0, np.nan], [1.0]),
        lambda: conformal.p_values([1.0], [1.0], calibration_groups=["a"]),
        lambda: conformal.p_values([1.0], [1.0], calibration_groups=["a", "b"], test_groups=["a"]),
        lambda: conformal.smoothed_p_values([1.0], [1.0], [0.1, 0.2]),
        lambda: conformal.smoothed_p_values([1.0], [1.0], [1.1]),
    ],
)
def test_refuses(call: object) -> None:
    with pytest.raises(InputError):
        call()  # type: ignore[operator]
