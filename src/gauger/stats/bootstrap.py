"""Cluster bootstrap: intervals for any statistic of rows that come in clusters (the events of an account)."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from gauger.errors import ConfigError, InputError
from gauger.stats import ArrayLike, FloatArray, IntArray


class Interval(NamedTuple):
    """estimate, low, high: shape of the statistic. undefined: resamples in which it was NaN, left out."""

    estimate: FloatArray
    low: FloatArray
    high: FloatArray
    undefined: IntArray


def interval(
    statistic: Callable[[IntArray], ArrayLike],
    clusters: ArrayLike,
    *,
    rng: np.random.Generator,
    resamples: int = 2000,
    confidence: float = 0.95,
) -> Interval:
    """Percentile interval from resampling whole clusters with replacement.

    Args:
        statistic: of row numbers (with repeats), to a number or an array; NaN where it has no value.
        clusters: the cluster of each row, shape (n,).

    Null: none; clusters are independent draws from one population.
    Guarantee: coverage tends to ``confidence`` as CLUSTERS grow.  Not claimed: coverage with few clusters (below some
        thirty it is too narrow), or for extremes.
    Source: Davison & Hinkley 1997 (clustered data); Efron 1979.  Deviates: nothing.
    """
    if resamples < 1 or not 0 < confidence < 1:
        raise ConfigError("bootstrap: needs at least one resample and a confidence between 0 and 1")
    names, codes = np.unique(np.asarray(clusters), return_inverse=True)
    if np.ndim(clusters) != 1 or len(names) < 2:
        raise InputError("bootstrap: needs the clusters of the rows as a flat list, at least two of them")
    rows = np.arange(len(codes), dtype=np.int64)

    def once() -> FloatArray:
        times = np.bincount(rng.integers(len(names), size=len(names)), minlength=len(names))
        return np.asarray(statistic(np.repeat(rows, times[codes])), dtype=np.float64)

    draws = np.stack([once() for _ in range(resamples)])
    undefined = np.isnan(draws).sum(axis=0)
    if np.any(undefined == resamples):
        raise InputError("bootstrap: the statistic had no value in any resample")
    low, high = np.nanquantile(draws, [(1 - confidence) / 2, (1 + confidence) / 2], axis=0)
    return Interval(np.asarray(statistic(rows), dtype=np.float64), low, high, undefined)
