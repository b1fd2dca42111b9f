"""A statistic of pairs freed of what each model has with all others, and one score of several statistics.

A statistic is a symmetric matrix float64[models, models] with NaN on the diagonal and where a pair cannot be compared.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from gauger.stats import FloatArray

BEYOND = 0.9


def centred(matrix: FloatArray) -> FloatArray:
    """The residual of the additive fit: overall mean plus one effect for each model, by least squares."""
    held = ~np.isnan(matrix)
    n = held.sum(axis=1)
    there = n > 0
    filled = np.where(held, matrix, 0.0)
    # The normal equations of S_ij ~ a_i + a_j: n_i a_i + sum_j a_j = sum_j S_ij; the mean lies within the effects.
    system = np.diag(n) + held
    effect = np.zeros(len(matrix))
    effect[there] = np.linalg.lstsq(system[np.ix_(there, there)], filled.sum(axis=1)[there], rcond=None)[0]
    return matrix - effect[:, None] - effect[None, :]


def score(habits: Sequence[FloatArray], contents: Sequence[FloatArray]) -> FloatArray:
    """The mean of the habits, and what the contents have beyond nine pairs in ten, all in standard deviations of pairs.

    Fixed beforehand: no weight is learned. What two models say alike tells nothing as long as it is common, and can
    prove descent where it is not; habits tell teachers from others over the whole range.
    """
    total = sum(h / spread(h) for h in habits) + sum(beyond(c / spread(c)) for c in contents)
    return np.asarray(total / len(habits))


def spread(matrix: FloatArray) -> float:
    """The standard deviation over the pairs; 1 where there is none."""
    return float(np.nanstd(matrix)) or 1.0 if np.isfinite(matrix).any() else 1.0


def beyond(matrix: FloatArray) -> FloatArray:
    """What exceeds the value that nine pairs in ten stay below, and else 0."""
    common = np.nanquantile(matrix, BEYOND) if np.isfinite(matrix).any() else 0.0
    return np.maximum(matrix - common, 0.0)  # NaN stays NaN
