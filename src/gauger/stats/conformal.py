"""Conformal p-values: how strange is a score among calibration scores of the population it should come from?

Higher is stranger. The unit is whatever is exchangeable: an account or a model, not its prompts. Groups
(Mondrian categories) compare each test score only with calibration scores of its own group. The p-values
of several test scores against one calibration set depend on one another: BH still controls the false
discovery rate over them (Bates et al. 2023), a product does not.
"""

from __future__ import annotations

import numpy as np

from gauger.errors import InputError
from gauger.stats import ArrayLike, FloatArray, IntArray


def p_values(
    calibration: ArrayLike,
    test: ArrayLike,
    *,
    calibration_groups: ArrayLike | None = None,
    test_groups: ArrayLike | None = None,
) -> FloatArray:
    """(1 + calibration scores at or above the test score) / (n + 1): ties count against us. Shape of ``test``.

    Null: the test score is exchangeable with the calibration scores (of its group).
    Guarantee: P(p <= u) <= u (within each group).  Not claimed: less than ``floor(n)``; 1 where a group is unknown.
    Source: Vovk, Gammerman & Shafer 2005, chapters 2 and 4 (Mondrian).  Deviates: nothing.
    """
    above, equal, n = _counts(calibration, test, calibration_groups, test_groups)
    return (1 + above + equal) / (n + 1)


def smoothed_p_values(
    calibration: ArrayLike,
    test: ArrayLike,
    uniforms: ArrayLike,
    *,
    calibration_groups: ArrayLike | None = None,
    test_groups: ArrayLike | None = None,
) -> FloatArray:
    """(above + u (1 + equal)) / (n + 1), with one uniform u for each test score, drawn by the caller.

    Null: as ``p_values``, and the uniforms are independent of the scores and of one another.
    Guarantee: p is exactly uniform.  Not claimed: a finding that a second draw of the uniforms would repeat.
    Source: Vovk, Gammerman & Shafer 2005, chapter 2.  Deviates: nothing.
    """
    u = np.asarray(uniforms, dtype=np.float64)
    above, equal, n = _counts(calibration, test, calibration_groups, test_groups)
    if u.shape != above.shape or not np.all((u >= 0) & (u <= 1)):
        raise InputError("smoothed p-values need one uniform in [0, 1] for each test score")
    return (above + u * (1 + equal)) / (n + 1)


def floor(n: int) -> float:
    """1/(n + 1): the least p-value that n calibration scores can give. Print it beside every p-value."""
    return 1 / (n + 1)


def _counts(
    calibration: ArrayLike,
    test: ArrayLike,
    calibration_groups: ArrayLike | None,
    test_groups: ArrayLike | None,
) -> tuple[IntArray, IntArray, IntArray]:
    """For each test score: calibration scores above it, equal to it, and all, in its group."""
    known, new = (np.asarray(s, dtype=np.float64).ravel() for s in (calibration, test))
    if np.isnan(known).any() or np.isnan(new).any():
        raise InputError("a conformal score is not a number")
    if (calibration_groups is None) != (test_groups is None):
        raise InputError("give groups for both the calibration and the test scores, or for neither")
    groups = _codes(_groups(calibration_groups, len(known)), _groups(test_groups, len(new)))
    ranks = _codes(known, new)
    # One sorted key holds group and rank, so that all groups are counted in one binary search.
    base = len(ranks) + 1
    key = groups * base + ranks
    ordered, wanted, group = np.sort(key[: len(known)]), key[len(known) :], groups[len(known) :]
    end = np.searchsorted(ordered, (group + 1) * base)
    right = np.searchsorted(ordered, wanted, side="right")
    counts = end - right, right - np.searchsorted(ordered, wanted), end - np.searchsorted(ordered, group * base)
    shape = np.shape(test)
    above, equal, total = (c.astype(np.int64).reshape(shape) for c in counts)
    return above, equal, total


def _groups(groups: ArrayLike | None, n: int) -> ArrayLike:
    labels = np.zeros(n, dtype=np.int64) if groups is None else np.asarray(groups).ravel()
    if len(labels) != n:
        raise InputError(f"{len(labels)} groups were given for {n} scores")
    return labels


def _codes(first: ArrayLike, second: ArrayLike) -> IntArray:
    """Dense integer codes, in order, over both arrays."""
    return np.unique(np.concatenate([np.asarray(first), np.asarray(second)]), return_inverse=True)[1].astype(np.int64)
