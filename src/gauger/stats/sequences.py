"""Confidence sequences: intervals that hold at all sample sizes at once, so one may look and stop at will.

Each is the set of parameters that an e-process has not rejected. Intersecting the intervals of one stream
over time keeps the guarantee.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from scipy.special import betaln, lambertw, xlog1py, xlogy

from gauger.errors import ConfigError, InputError
from gauger.stats import ArrayLike, FloatArray
from gauger.stats.betting import BoundedMean

_HALVINGS = 40


def bernoulli(
    k: ArrayLike, n: ArrayLike, *, alpha: float = 0.05, prior: tuple[float, float] = (0.5, 0.5)
) -> tuple[FloatArray, FloatArray]:
    """Low and high for a probability after k ones in n trials. k and n broadcast.

    Null: given the past, each is 1 with the same probability p.
    Guarantee: P(p lies inside at every n) >= 1 - alpha.  Not claimed: the width of a fixed-n interval.
    Source: Robbins 1970; Howard et al. 2021 (Beta-binomial mixture).  Deviates: the mixture is
        inverted exactly instead of through the sub-Bernoulli bound.
    """
    _check_alpha(alpha)
    k, n = np.broadcast_arrays(np.asarray(k, dtype=np.float64), np.asarray(n, dtype=np.float64))
    if not np.all((k >= 0) & (k <= n)) or not min(prior) > 0:
        raise ConfigError("Bernoulli confidence sequence: needs 0 <= k <= n and a positive prior")
    marginal = betaln(prior[0] + k, prior[1] + n - k) - betaln(*prior)

    def kept(p: FloatArray) -> FloatArray:
        return np.asarray(marginal - xlogy(k, p) - xlog1py(n - k, -p) < -np.log(alpha))

    best = np.divide(k, n, out=np.full(k.shape, 0.5), where=n > 0)
    return _edge(kept, best, np.zeros(k.shape)), _edge(kept, best, np.ones(k.shape))


def bounded_mean(xs: ArrayLike, *, alpha: float = 0.05) -> tuple[float, float]:
    """Low and high for the mean of values in [0, 1], shape (n,), as after the last of them.

    Null: given the past, each has the same mean; nothing else is assumed.
    Guarantee: P(the mean lies inside at every n) >= 1 - alpha.  Not claimed: cheapness: every call reads all values.
    Source: Waudby-Smith & Ramdas 2024 (hedged betting).  Deviates: the mixture of bets of
        ``betting.BoundedMean``, alpha/2 on each side.
    """
    _check_alpha(alpha)
    values = np.atleast_1d(np.asarray(xs, dtype=np.float64))
    if values.ndim != 1 or not np.all((values >= 0) & (values <= 1)):
        raise InputError("a bounded mean needs a flat list of values in [0, 1]")
    return _lower(values, alpha / 2), 1 - _lower(1 - values, alpha / 2)


def normal_mixture_radius(variance: ArrayLike, *, alpha: float = 0.05, rho: float) -> FloatArray:
    """Half-width, for the SUM of deviations, after accumulated ``variance``; divide by n for the mean.

    Null: deviations from the mean are sub-Gaussian given the past; ``variance`` is the sum of their (known) variance
        proxies, 1/4 for values in [0, 1].
    Guarantee: P(|sum| < radius at every n) >= 1 - alpha, for any rho fixed beforehand.  Not claimed: validity
        with a variance estimated from the data, which is only asymptotic.
    Source: Howard, Ramdas, McAuliffe & Sekhon 2021 (two-sided normal mixture).  Deviates: nothing.
    """
    _check_alpha(alpha)
    v = np.asarray(variance, dtype=np.float64)
    if not np.all(v >= 0) or not 0 < rho < np.inf:
        raise ConfigError("normal mixture: needs a variance of at least 0 and a positive rho")
    return np.asarray(np.sqrt((v + rho) * (np.log1p(v / rho) - 2 * np.log(alpha))))


def best_rho(variance: float, *, alpha: float = 0.05) -> float:
    """The rho that makes ``normal_mixture_radius`` narrowest at this accumulated variance (Howard et al. 2021)."""
    _check_alpha(alpha)
    ratio = float(-lambertw(-(alpha**2) / np.e, -1).real) - 1
    return variance / ratio


def _lower(values: FloatArray, alpha: float) -> float:
    """The largest m found such that ``BoundedMean`` rejects "mean <= m"; 0 if there is none."""
    low, high = 0.0, float(values.mean()) if len(values) else 0.0
    if not high > 0:
        return 0.0
    for _ in range(_HALVINGS):
        m = (low + high) / 2
        test = BoundedMean(m=m)
        # log_e falls in m and is at most 0 at the sample mean, so bisection finds the crossing.
        rejected = float(test.log_e(test.update(test.initial(), values))) >= -np.log(alpha)
        low, high = (m, high) if rejected else (low, m)
    return low


def _edge(kept: Callable[[FloatArray], FloatArray], inside: FloatArray, outside: FloatArray) -> FloatArray:
    """Where ``kept`` ends between a kept and a (perhaps) rejected point; the rejected side, so never too narrow."""
    end = kept(outside)
    start = outside
    for _ in range(_HALVINGS):
        middle = (inside + outside) / 2
        keep = kept(middle)
        inside, outside = np.where(keep, middle, inside), np.where(keep, outside, middle)
    return np.where(end, start, outside)


def _check_alpha(alpha: float) -> None:
    if not 0 < alpha < 1:
        raise ConfigError(f"confidence sequence: alpha must lie strictly between 0 and 1, not {alpha}")
