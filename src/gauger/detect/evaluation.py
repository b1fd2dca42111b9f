"""How well a scan did where the truth is known: error rates and curves.

All measures take integer weights, one an account, so that a bootstrap replicate is a vector of weights and
not a copy of the data. Ties are resolved against the scan.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Measure = Callable[[Ints], float]


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
