"""Cluster bootstrap: whole clusters move, vectors and NaN work, refusals."""

from __future__ import annotations

import numpy as np
import pytest

from gauger.errors import ConfigError, InputError
from gauger.stats import bootstrap


def test_whole_clusters_are_drawn() -> None:
    clusters = np.array(["a", "b", "b", "c", "c", "c"])
    seen: list[tuple[int, ...]] = []

    def statistic(rows: np.ndarray) -> float:
        seen.append(tuple(np.bincount(rows, minlength=6)))
        return float(len(rows))

    bootstrap.interval(statistic, clusters, rng=np.random.default_rng(1), resamples=50)
    assert all(c[1] == c[2] and c[3] == c[4] == c[5] and c[0] + c[1] + c[3] == 3 for c in seen)
    assert len(set(seen)) > 5


def test_vector_statistics_and_the_same_seed_the_same_interval() -> None:
    x = np.random.default_rng(2).normal(size=300)
    clusters = np.arange(300) // 3

    def run() -> bootstrap.Interval:
        return bootstrap.interval(
            lambda rows: [x[rows].mean(), x[rows].std()], clusters, rng=np.random.default_rng(3), resamples=200
        )

    one, two = run(), run()
    assert np.all(one.low < one.estimate)
    assert np.all(one.estimate < one.high)
    assert one.low.tolist() == two.low.tolist()
    assert one.estimate.tolist() == [x.mean(), x.std()]


def test_undefined_resamples_are_counted() -> None:
    positive = np.array([True, False, False, False])

    def statistic(rows: np.ndarray) -> float:
        return 1.0 if positive[rows].any() else np.nan

    result = bootstrap.interval(statistic, [0, 1, 2, 3], rng=np.random.default_rng(4), resamples=400)
    # (3/4)^4 of the resamples hold no positive: 127 of 400 in the mean, standard deviation 9.
    assert 80 < int(result.undefined) < 175
    assert (float(result.low), float(result.high)) == (1.0, 1.0)


def test_refuses() -> None:
    rng = np.random.default_rng(0)
    with pytest.raises(InputError, match="at least two"):
        bootstrap.interval(len, ["a", "a"], rng=rng)
    with pytest.raises(InputError, match="no value"):
        bootstrap.interval(lambda _: np.nan, [1, 2], rng=rng, resamples=5)
    with pytest.raises(ConfigError):
        bootstrap.interval(len, [1, 2], rng=rng, confidence=1.0)
