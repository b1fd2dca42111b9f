"""From p-values to e-values and back, and the two evidences of a permutation test. All in natural logarithms.

A calibrator f is fixed before the p-value is seen; f(p) is an e-value because f integrates to at most 1 over
[0, 1]. The price: a p-value of 1e-6 becomes an e-value of some thousands. Choose the calibrator beforehand:
the best of several after the fact is none.
"""

from __future__ import annotations

import math

import numpy as np
from scipy.special import logsumexp

from gauger.errors import ConfigError, InputError
from gauger.stats import ArrayLike, FloatArray
from gauger.stats.tails import log1mexp


def power(log_p: ArrayLike, *, kappa: float = 0.5) -> FloatArray:
    """log of kappa p^(kappa - 1).

    Null: P(p <= u) <= u for all u.
    Guarantee: E[exp(result)] <= 1.  Not claimed: power for p near 1, where it falls to kappa.
    Source: Shafer, Shen, Vereshchagin & Vovk 2011; Vovk & Wang 2021, section 2.  Deviates: nothing.
    """
    if not 0 < kappa < 1:
        raise ConfigError(f"power calibrator: kappa must lie strictly between 0 and 1, not {kappa}")
    return math.log(kappa) + (kappa - 1) * _log_p(log_p)


def mixture(log_p: ArrayLike) -> FloatArray:
    """log of (1 - p + p log p) / (p (log p)^2): ``power`` averaged over kappa in (0, 1), so with nothing to tune.

    Null: P(p <= u) <= u for all u.
    Guarantee: E[exp(result)] <= 1; equals 1 for uniform p.  Not claimed: more than the best ``power``.
    Source: Vovk & Wang 2021, section 2.  Deviates: nothing (a series replaces it near p = 1, where it is 0/0).
    """
    t = np.maximum(-_log_p(log_p), 0.0)
    near = np.minimum(t, 0.03)
    series = np.log(0.5 + near / 6 * (1 + near / 4 * (1 + near / 5 * (1 + near / 6 * (1 + near / 7)))))
    far = np.maximum(t, 0.03)
    with np.errstate(invalid="ignore"):
        exact = far - 2 * np.log(far) + np.log1p(-(1 + far) * np.exp(-far))
    return np.where(t < 0.03, series, np.where(np.isinf(t), np.inf, exact))


def all_or_nothing(log_p: ArrayLike, *, alpha: float) -> FloatArray:
    """1/alpha where p <= alpha, else an e-value of 0: the classical test as a bet.

    Null: P(p <= alpha) <= alpha.
    Guarantee: E[exp(result)] <= 1.  Not claimed: anything about how far below alpha p lies.
    Source: Shafer 2021, "Testing by betting".  Deviates: nothing.
    """
    if not 0 < alpha <= 1:
        raise ConfigError(f"all-or-nothing calibrator: alpha must lie in (0, 1], not {alpha}")
    return np.where(_log_p(log_p) <= np.log(alpha), -np.log(alpha), -np.inf)


def e_to_p(log_e: ArrayLike) -> FloatArray:
    """log p of p = min(1, 1/e): by Markov's inequality a p-value.

    Null: E[e] <= 1.
    Guarantee: P(p <= u) <= u; for the running maximum of an e-process also, by Ville.  Not claimed: uniformity.
    Source: Vovk & Wang 2021, section 2.  Deviates: nothing.
    """
    return np.minimum(-np.asarray(log_e, dtype=np.float64), 0.0)


def permutation_log_p(observed: ArrayLike, permuted: ArrayLike) -> FloatArray:
    """log of (1 + #{permuted >= observed}) / (B + 1). observed: shape (...); permuted: (..., B).

    Null: the observed statistic is exchangeable with the B permuted ones; ties count against us.
    Guarantee: P(p <= u) <= u for every B, not only in the limit.  Not claimed: less than the floor 1/(B + 1).
    Source: Davison & Hinkley 1997, "Bootstrap Methods"; Phipson & Smyth 2010.  Deviates: nothing.
    """
    ranked = _statistics(observed, permuted)
    return np.asarray(np.log(np.mean(ranked >= ranked[..., :1], axis=-1)))


def soft_rank_log_e(observed: ArrayLike, permuted: ArrayLike, *, rate: float = 1.0) -> FloatArray:
    """log of (B + 1) R_0 / (R_0 + ... + R_B) with R = exp(rate * (statistic - lowest)) - 1.

    Null: the observed statistic is exchangeable with the B permuted ones.
    Guarantee: E[exp(result)] <= 1 for every B and any rate fixed beforehand.  Not claimed: more than log(B + 1).
    Source: Wang & Ramdas 2022, "False discovery rate control with e-values" (soft-rank e-value).
        Deviates: e = 1 where all statistics are equal, which the source leaves as 0/0; their mean is still 1.
    """
    if not 0 < rate < np.inf:
        raise ConfigError(f"soft-rank e-value: rate must be a positive number, not {rate}")
    scaled = rate * _statistics(observed, permuted)
    lowest = scaled.min(-1, keepdims=True)
    with np.errstate(divide="ignore", invalid="ignore"):
        log_r = (scaled - lowest) + log1mexp(lowest - scaled)
        log_e = np.log(scaled.shape[-1]) + log_r[..., 0] - logsumexp(log_r, axis=-1)
    return np.where(scaled.max(-1) == lowest[..., 0], 0.0, log_e)


def _log_p(log_p: ArrayLike) -> FloatArray:
    log_p = np.asarray(log_p, dtype=np.float64)
    if not np.all(log_p <= 1e-12):  # rounding above 0 is let through, NaN is not
        raise InputError("a log p-value must be a number at or below 0: pass logarithms, not p-values")
    return np.asarray(np.minimum(log_p, 0.0))


def _statistics(observed: ArrayLike, permuted: ArrayLike) -> FloatArray:
    """Shape (..., B + 1), the observed one first."""
    permuted = np.atleast_1d(np.asarray(permuted, dtype=np.float64))
    first = np.asarray(observed, dtype=np.float64)[..., None]
    ranked = np.concatenate([np.broadcast_to(first, (*permuted.shape[:-1], 1)), permuted], axis=-1)
    if not np.isfinite(ranked).all():
        raise InputError("a permutation statistic is not a finite number")
    return ranked
