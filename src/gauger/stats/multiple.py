"""Many hypotheses at once: e-BH over e-values, Benjamini-Hochberg and Holm over p-values.

For accounts, keys or suspects prefer ``e_bh``: it needs no assumption on how they depend on one another.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from gauger.errors import ConfigError, InputError
from gauger.stats import ArrayLike, BoolArray, FloatArray


class Rejections(NamedTuple):
    """mask: shape (n,), True where rejected. threshold: what a value had to reach (see each method)."""

    mask: BoolArray
    threshold: float


def e_bh(log_e: ArrayLike, alpha: float) -> Rejections:
    """Reject the k largest e-values for the largest k at which each is at least n / (alpha k).

    ``threshold`` is log(n / (alpha k)), +inf if nothing was rejected.

    Null: E[e_i] <= 1 for each true null i.
    Guarantee: false discovery rate <= alpha under any dependence.  Not claimed: control given a rejection.
    Source: Wang & Ramdas 2022, "False discovery rate control with e-values".  Deviates: nothing.
    """
    log_e = _values(log_e, alpha)
    needed = np.log(max(len(log_e), 1) / alpha) - np.log(np.arange(1, len(log_e) + 1))
    reached = np.flatnonzero(np.sort(log_e)[::-1] >= needed)
    threshold = float(needed[reached[-1]]) if len(reached) else np.inf
    return Rejections(log_e >= threshold, threshold) if len(reached) else _nothing(log_e, np.inf)


def bh(p: ArrayLike, alpha: float) -> Rejections:
    """Benjamini & Hochberg. ``threshold`` is the largest rejected p-value, -inf if nothing was rejected.

    Null: P(p_i <= u) <= u for each true null i, independent or positively dependent (PRDS), as conformal
        p-values against one calibration set are.
    Guarantee: false discovery rate <= alpha.  Not claimed: the same under arbitrary dependence (use ``e_bh``).
    Source: Benjamini & Hochberg 1995; Benjamini & Yekutieli 2001.  Deviates: nothing (scipy does it).
    """
    from scipy.stats import false_discovery_control  # noqa: PLC0415  # half a second, and few need it

    p = _p_values(p, alpha)
    return _at_or_below(p, false_discovery_control(p) <= alpha) if len(p) else _nothing(p, -np.inf)


def holm(p: ArrayLike, alpha: float) -> Rejections:
    """Holm. ``threshold`` is the largest rejected p-value, -inf if nothing was rejected.

    Null: P(p_i <= u) <= u for each true null i.
    Guarantee: P(any false rejection) <= alpha under any dependence.  Not claimed: power over thousands.
    Source: Holm 1979.  Deviates: nothing.
    """
    p = _p_values(p, alpha)
    ordered = np.sort(p)
    fails = np.flatnonzero(ordered * np.arange(len(p), 0, -1) > alpha)
    passed = ordered[: fails[0]] if len(fails) else ordered
    return _at_or_below(p, p <= passed[-1]) if len(passed) else _nothing(p, -np.inf)


def _at_or_below(p: FloatArray, mask: BoolArray) -> Rejections:
    return Rejections(mask, float(p[mask].max(initial=-np.inf)))


def _nothing(values: FloatArray, threshold: float) -> Rejections:
    return Rejections(np.zeros(len(values), dtype=np.bool_), threshold)


def _p_values(p: ArrayLike, alpha: float) -> FloatArray:
    p = _values(p, alpha)
    if np.any((p < 0) | (p > 1)):
        raise InputError("a p-value must lie in [0, 1]")
    return p


def _values(values: ArrayLike, alpha: float) -> FloatArray:
    if not 0 < alpha < 1:
        raise ConfigError(f"multiple testing: alpha must lie strictly between 0 and 1, not {alpha}")
    array = np.atleast_1d(np.asarray(values, dtype=np.float64))
    if array.ndim != 1 or np.isnan(array).any():
        raise InputError("multiple testing needs one flat list of numbers")
    return array
