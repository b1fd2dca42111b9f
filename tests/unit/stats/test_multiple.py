"""e-BH, BH and Holm: worked examples and edges."""

from __future__ import annotations

import math

import numpy as np
import pytest

from gauger.errors import ConfigError, InputError
from gauger.stats import multiple


def test_e_bh_worked_example() -> None:
    # n = 4, alpha = 0.1: needs 40, 20, 13.3, 10 for the 1st .. 4th largest.
    result = multiple.e_bh(np.log([1.0, 25.0, 14.0, 21.0]), 0.1)
    assert result.mask.tolist() == [False, True, True, True]
    assert result.threshold == pytest.approx(math.log(40 / 3))


def test_e_bh_at_the_threshold_itself_rejects() -> None:
    assert multiple.e_bh([math.log(20.0)], 0.05).mask.tolist() == [True]


def test_bh_and_holm_worked_example() -> None:
    p = [0.01, 0.04, 0.03, 0.005, 0.5]
    assert multiple.bh(p, 0.05).mask.tolist() == [True, True, True, True, False]
    assert multiple.bh(p, 0.05).threshold == 0.04
    assert multiple.holm(p, 0.05).mask.tolist() == [True, False, False, True, False]
    assert multiple.holm(p, 0.05).threshold == 0.01


def test_holm_stops_at_the_first_failure() -> None:
    # 0.026 alone would pass its own level of 0.05, but 0.03 / 2 before it fails.
    assert multiple.holm([0.026, 0.03], 0.05).mask.tolist() == [False, False]


@pytest.mark.parametrize("method", [multiple.bh, multiple.holm])
def test_nothing_and_everything(method: object) -> None:
    assert method([], 0.1).mask.size == 0  # type: ignore[operator]
    none = method([0.9, 0.8], 0.1)  # type: ignore[operator]
    assert (none.mask.any(), none.threshold) == (False, -math.inf)
    assert method([0.0, 0.0], 0.1).mask.all()  # type: ignore[operator]


def test_e_bh_nothing() -> None:
    assert multiple.e_bh([], 0.1).mask.size == 0
    none = multiple.e_bh([0.0, -math.inf], 0.1)
    assert (none.mask.any(), none.threshold) == (False, math.inf)


def test_refuses() -> None:
    for bad_alpha in (0.0, 1.0, math.nan):
        with pytest.raises(ConfigError):
            multiple.e_bh([1.0], bad_alpha)
    for method in (multiple.bh, multiple.holm):
        for bad in ([1.5], [-0.1], [math.nan], [[0.1]]):
            with pytest.raises(InputError):
                method(bad, 0.1)
