"""Cluster bootstrap: whole clusters move, vectors and NaN work, refusals."""

from __future__ import annotations

import numpy as np
import pytest

from gauger.errors import ConfigError, InputError
from gauger.stats import bootstrap


def test_whole_clusters_are_drawn() -> None:
    clusters = np.array(["a", "b", "b", "c", "c", "c"])
    seen: list[tuple[int, ...]] = []

    def statistic(weights: np.ndarray) -> float:
        seen.append(tuple(weights))
        return float(weights.sum())

    bootstrap.interval(statistic, clusters, rng=np.random.default_rng(1), resamples=50)
    assert all(c[1] == c[2] and c[3] == c[4] == c[5] and c[0] + c[1] + c[3] == 3 for c in seen)
    assert len(set(seen)) > 5


def test_strata_are_drawn_apart() -> None:
    # Cluster 0 stands in both strata: 5 clusters in one, 3 in the other, which the rows alternate between.
    clusters = np.array([0, 0, 1, 1, 2, 2, 3, 4])
    strata = np.array(["x", "y", "x", "y", "x", "y", "x", "x"])
    sums: set[tuple[int, int]] = set()
    draws: set[tuple[int, ...]] = set()

    def statistic(weights: np.ndarray) -> float:
        draws.add(tuple(weights))
        sums.add((int(weights[strata == "x"].sum()), int(weights[strata == "y"].sum())))
        return 0.0

    bootstrap.interval(statistic, clusters, rng=np.random.default_rng(1), strata=strata, resamples=50)
    assert sums == {(5, 3)}
    assert any(w[0] != w[1] for w in draws)


def test_vector_statistics_and_the_same_seed_the_same_interval() -> None:
    x = np.random.default_rng(2).normal(size=300)
    clusters = np.arange(300) // 3

    def run() -> bootstrap.Interval:
        return bootstrap.interval(
            lambda w: [np.average(x, weights=w), np.average(x**2, weights=w)],
            clusters,
            rng=np.random.default_rng(3),
            resamples=200,
        )

    one, two = run(), run()
    assert np.all(one.low < one.estimate)
    assert np.all(one.estimate < one.high)
    assert one.low.tolist() == two.low.tolist()
    assert one.estimate.tolist() == pytest.approx([x.mean(), (x**2).mean()])


def test_undefined_resamples_are_counted() -> None:
    positive = np.array([True, False, False, False])

    def statistic(weights: np.ndarray) -> list[float]:
        return [1.0 if weights[positive].any() else np.nan, np.nan]

    result = bootstrap.interval(statistic, [0, 1, 2, 3], rng=np.random.default_rng(4), resamples=400)
    # (3/4)^4 of the resamples hold no positive: 127 of 400 in the mean, standard deviation 9.
    assert 80 < result.undefined[0] < 175
    assert (result.low[0], result.high[0]) == (1.0, 1.0)
    assert result.undefined[1] == 400
    assert np.isnan([result.low[1], result.high[1]]).all()


def test_refuses() -> None:
    rng = np.random.default_rng(0)
    with pytest.raises(InputError, match="flat lists"):
        bootstrap.interval(np.sum, [["a", "b"]], rng=rng)
    with pytest.raises(InputError, match="flat lists"):
        bootstrap.interval(np.sum, [1, 2], rng=rng, strata=[1, 1, 1])
    with pytest.raises(ConfigError):
        bootstrap.interval(np.sum, [1, 2], rng=rng, confidence=1.0)
