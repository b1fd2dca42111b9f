"""Cluster bootstrap: intervals for any statistic of rows that come in clusters (the events of an account).

A resample is a weight for each row, how often it was drawn, and not a copy of the rows.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from gauger.errors import ConfigError, InputError
from gauger.stats import ArrayLike, FloatArray, IntArray


class Interval(NamedTuple):
    """estimate, low, high: shape of the statistic. undefined: resamples in which it was NaN, left out.

    Where every resample was left out, low and high are NaN.
    """

    estimate: FloatArray
    low: FloatArray
    high: FloatArray
    undefined: IntArray


def interval(
    statistic: Callable[[IntArray], ArrayLike],
    clusters: ArrayLike,
    *,
    rng: np.random.Generator,
    strata: ArrayLike | None = None,
    resamples: int = 2000,
    confidence: float = 0.95,
) -> Interval:
    """Percentile interval from resampling whole clusters with replacement.

    Args:
        statistic: of the rows' weights, whole numbers of shape (n,), to a number or an array; NaN where undefined.
        clusters: the cluster of each row, shape (n,).
        strata: the stratum of each row, shape (n,). Each keeps its number of clusters, so that none comes out empty.

    Null: none; the clusters of a stratum are independent draws from one population.
    Guarantee: coverage tends to ``confidence`` as CLUSTERS grow.  Not claimed: coverage with few clusters (below some
        thirty it is too narrow, and of one it is a point), for extremes, or for a rate of which nothing was seen.
    Source: Davison & Hinkley 1997, section 3.8; Efron 1979.  Deviates: nothing.

    Raises:
        ConfigError: no resample, or a confidence outside (0, 1). InputError: clusters or strata that are no flat lists.
    """
    if resamples < 1 or not 0 < confidence < 1:
        raise ConfigError("bootstrap: needs at least one resample and a confidence between 0 and 1")
    names = np.asarray(clusters)
    apart = np.zeros(names.shape, dtype=np.int64) if strata is None else np.asarray(strata)
    if names.ndim != 1 or apart.shape != names.shape:
        raise InputError("bootstrap: needs the cluster of each row, and its stratum if there are strata, as flat lists")
    parts = [np.flatnonzero(apart == stratum) for stratum in np.unique(apart)]
    coded = [(rows, np.unique(names[rows], return_inverse=True)[1]) for rows in parts]

    def once() -> FloatArray:
        weights = np.zeros(len(names), dtype=np.int64)
        for rows, codes in coded:
            size = int(codes.max()) + 1
            weights[rows] = np.bincount(rng.integers(size, size=size), minlength=size)[codes]
        return np.asarray(statistic(weights), dtype=np.float64)

    draws = np.stack([once() for _ in range(resamples)])
    undefined = np.isnan(draws).sum(axis=0)
    kept = np.where(undefined == resamples, 0.0, draws)  # numpy warns of a quantile of nothing
    ends = np.nanquantile(kept, [(1 - confidence) / 2, (1 + confidence) / 2], axis=0)
    low, high = np.where(undefined == resamples, np.nan, ends)
    estimate = statistic(np.ones(len(names), dtype=np.int64))
    return Interval(np.asarray(estimate, dtype=np.float64), low, high, undefined)
