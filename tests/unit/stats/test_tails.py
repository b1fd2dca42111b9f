"""Edges of the tails, and refusals. Accuracy is judged in tests/oracle."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from gauger.errors import ConfigError
from gauger.stats import tails


def test_edges() -> None:
    assert tails.binomial_log_upper([-1, 0, 4, 3], 3, 0.5) == pytest.approx([0, 0, -math.inf, -3 * math.log(2)])
    assert tails.binomial_log_lower([-1, 0, 3, 9], 3, 0.5) == pytest.approx([-math.inf, -3 * math.log(2), 0, 0])
    assert tails.binomial_log_upper(1, 3, [0.0, 1.0]).tolist() == [-math.inf, 0.0]
    assert float(tails.binomial_log_upper(0, 0, 0.3)) == 0.0
    assert tails.hypergeometric_log_upper([1, 3, 4], 5, 3, 5) == pytest.approx([0, 0, -math.inf])
    assert float(tails.hypergeometric_log_upper(0, 0, 0, 0)) == 0.0
    assert float(tails.gamma_log_upper(0.0, 2.0)) == 0.0
    assert float(tails.gamma_log_lower(0.0, 2.0)) == -math.inf


def test_scipy_gives_up_where_this_goes_on() -> None:
    assert stats.binom.logsf(899, 1000, 0.1) == -math.inf
    assert float(tails.binomial_log_upper(900, 1000, 0.1)) == pytest.approx(-1760.936940910103, abs=1e-10)


def test_scale_of_gamma() -> None:
    assert float(tails.gamma_log_upper(3000.0, 4.0, 3.0)) == float(tails.gamma_log_upper(1000.0, 4.0))


def test_clopper_pearson_inverts_the_tails() -> None:
    low, high = tails.clopper_pearson([0, 3, 10], 10, 0.9)
    assert (low[0], high[2]) == (0.0, 1.0)
    assert np.exp(tails.binomial_log_upper(3, 10, low[1])) == pytest.approx(0.05)
    assert np.exp(tails.binomial_log_lower(3, 10, high[1])) == pytest.approx(0.05)


@pytest.mark.parametrize(
    "call",
    [
        lambda: tails.binomial_log_upper(1.5, 3, 0.5),
        lambda: tails.binomial_log_upper(math.nan, 3, 0.5),
        lambda: tails.binomial_log_upper(1, math.inf, 0.5),
        lambda: tails.binomial_log_upper(1, -3, 0.5),
        lambda: tails.binomial_log_upper(1, 3, 1.5),
        lambda: tails.binomial_log_lower(1, 3, math.nan),
        lambda: tails.hypergeometric_log_upper(1, 5, 6, 2),
        lambda: tails.hypergeometric_log_lower(1, 5, 2, -1),
        lambda: tails.gamma_log_upper(-1.0, 2.0),
        lambda: tails.gamma_log_lower(1.0, 0.0),
        lambda: tails.beta_log_lower(1.5, 1.0, 1.0),
        lambda: tails.beta_log_upper(0.5, 0.0, 1.0),
        lambda: tails.clopper_pearson(4, 3),
        lambda: tails.clopper_pearson(1, 3, 1.0),
    ],
)
def test_refuses(call: object) -> None:
    with pytest.raises(ConfigError):
        call()  # type: ignore[operator]
