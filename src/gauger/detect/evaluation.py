"""How well a scan did where the truth is known: error rates, curves and intervals.

All measures take integer weights, one an account, so that a bootstrap replicate is a vector of weights and
not a copy of the data. Ties are resolved against the scan.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import stats

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Measure = Callable[[Ints], float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """A figure with its interval; all None where the data cannot say (no positives, no negatives)."""

    value: float | None
    low: float | None
    high: float | None


class Curve:
    """The operating points of a score, one after each group of tied values, from the highest down.

    Args:
        score: shape (accounts,); higher is more suspect; may hold -inf and +inf, not NaN.
        positive: shape (accounts,), bool.
    """

    def __init__(self, score: Floats, positive: npt.NDArray[np.bool_]) -> None:
        self._order = np.argsort(-score, kind="stable")
        ranked = score[self._order]
        new = np.ones(len(ranked), dtype=bool)
        new[1:] = ranked[1:] != ranked[:-1]
        self._starts = np.flatnonzero(new)
        self._positive = positive[self._order]

    def counts(self, weights: Ints) -> tuple[Ints, Ints]:
        """True and false positives (weighted) at each operating point, shape (points,) each."""
        w = weights[self._order]
        if not len(w):
            return np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.int64)
        tp = np.add.reduceat(np.where(self._positive, w, 0), self._starts)
        fp = np.add.reduceat(np.where(self._positive, 0, w), self._starts)
        return np.cumsum(tp), np.cumsum(fp)

    def tpr_at(self, fpr: float, weights: Ints) -> float:
        """The share of positives above a threshold that lets at most ``fpr`` of the negatives through.

        A group of ties is taken whole or not at all, so the threshold never splits equal scores.
        """
        tp, fp = self.counts(weights)
        if not len(tp) or tp[-1] == 0 or fp[-1] == 0:
            return np.nan
        # The small term undoes the rounding of, say, 0.01 * 700.
        passing = tp[fp <= np.floor(fpr * fp[-1] + 1e-9)]
        return float(passing[-1] / tp[-1]) if len(passing) else 0.0

    def auroc(self, weights: Ints) -> float:
        """P(a positive scores above a negative), ties counting one half."""
        tp, fp = self.counts(weights)
        if not len(tp) or tp[-1] == 0 or fp[-1] == 0:
            return np.nan
        before = np.concatenate([[0], tp[:-1]])
        steps = np.diff(fp, prepend=0)
        return float(np.sum(steps * (before + tp)) / (2 * tp[-1] * fp[-1]))

    def auprc(self, weights: Ints) -> float:
        """Average precision: the precision at each operating point, weighted by the recall it adds."""
        tp, fp = self.counts(weights)
        if not len(tp) or tp[-1] == 0:
            return np.nan
        return float(np.sum(np.diff(tp, prepend=0) * tp / np.maximum(tp + fp, 1)) / tp[-1])


def rate(hit: npt.NDArray[np.bool_], among: npt.NDArray[np.bool_]) -> Measure:
    """The weighted share of ``among`` that is ``hit``."""

    def measure(weights: Ints) -> float:
        n = weights[among].sum()
        return float(weights[among & hit].sum() / n) if n else np.nan

    return measure


def clopper_pearson(k: int, n: int, level: float = 0.95) -> tuple[float, float]:
    """The exact interval for a rate of which ``k`` in ``n`` were seen.

    Null: none; the n units are independent and share one rate. Fails if accounts of one org go together.
    Guarantee: covers the rate with probability >= level.  Not claimed: shortest width.
    Source: Clopper and Pearson 1934.  Deviates: nothing.
    """
    tail = (1 - level) / 2
    low = float(stats.beta.ppf(tail, k, n - k + 1)) if k else 0.0
    high = float(stats.beta.ppf(1 - tail, k + 1, n - k)) if k < n else 1.0
    return low, high


def cluster_bootstrap(
    measures: Sequence[Measure],
    strata: Sequence[Ints],
    *,
    rng: np.random.Generator,
    replicates: int = 1000,
    level: float = 0.95,
) -> list[Estimate]:
    """Percentile intervals of measures when whole clusters are drawn anew.

    Args:
        measures: each maps weights, shape (accounts,), to a figure or NaN.
        strata: one array for each stratum (positives, negatives), shape (accounts,): the cluster's number from 0,
            or -1 where the account is of another stratum. Each replicate draws as many clusters as there are.

    Null: none; clusters (campaigns, orgs) are exchangeable draws from those that could be.
    Guarantee: asymptotic coverage in the number of clusters.  Not claimed: coverage with few clusters, or of a
        rate of which nothing was seen (its interval is a point: read the exact one).
    Source: Davison and Hinkley 1997, section 3.8.  Deviates: strata resampled apart, so that none comes out empty.
    """
    size = len(strata[0]) if strata else 0
    one = np.ones(size, dtype=np.int64)
    drawn = np.full((replicates, len(measures)), np.nan)
    for b in range(replicates):
        weights = np.zeros(size, dtype=np.int64)
        for cluster in strata:
            inside = cluster >= 0
            clusters = int(cluster.max(initial=-1)) + 1
            if clusters:
                times = np.bincount(rng.integers(clusters, size=clusters), minlength=clusters)
                weights[inside] = times[cluster[inside]]
        drawn[b] = [measure(weights) for measure in measures]
    return [_estimate(measure(one), column, level) for measure, column in zip(measures, drawn.T, strict=True)]


def _estimate(value: float, column: Floats, level: float) -> Estimate:
    column = column[~np.isnan(column)]
    if np.isnan(value) or not len(column):
        return Estimate(value=None, low=None, high=None)
    low, high = np.quantile(column, [(1 - level) / 2, (1 + level) / 2])
    return Estimate(value=float(value), low=float(low), high=float(high))
