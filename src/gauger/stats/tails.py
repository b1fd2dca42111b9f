"""Exact binomial, hypergeometric, beta and gamma tails as natural logarithms, and exact binomial intervals.

scipy's ``sf`` underflows at 1e-308 and its ``logsf`` is mostly the logarithm of that, so ``-inf`` just
where evidence is strongest. Here scipy's incomplete beta and gamma are used where they are above 1e-280;
beyond that a continued fraction or a series takes over, times a leading term in Loader's saddle-point
form, whose error does not grow with n. Tails include their end: "upper" is P(X >= k), "lower" P(X <= k).

Sources: Loader 2000, "Fast and accurate computation of binomial probabilities"; DLMF 8.9.2, 8.11.4, 8.17.22;
Lentz 1976 for evaluating the fractions; Clopper & Pearson 1934.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from scipy.special import betainc, betaincc, betaincinv, gammainc, gammaincc, gammaln, xlogy

from gauger.errors import ConfigError, UnsupportedError
from gauger.stats import ArrayLike, FloatArray

_TINY = 1e-280  # below this scipy's tails near their underflow
_STEPS = 1_000_000  # terms after which a series counts as not converging
_EPS = 1e-16


def binomial_log_upper(k: ArrayLike, n: ArrayLike, p: ArrayLike) -> FloatArray:
    """log P(X >= k) for X ~ Binomial(n, p). The arguments broadcast; k and n are whole numbers.

    Raises:
        ConfigError: a count that is negative or not whole (k may be negative), or p outside [0, 1].
    """
    k, n, p = _binomial(k, n, p)
    inside = beta_log_lower(p, np.clip(k, 1, n + 1), np.clip(n - k, 0, None) + 1)
    return np.select([k <= 0, k > n], [0.0, -np.inf], inside)


def binomial_log_lower(k: ArrayLike, n: ArrayLike, p: ArrayLike) -> FloatArray:
    """log P(X <= k) for X ~ Binomial(n, p); as ``binomial_log_upper``."""
    k, n, p = _binomial(k, n, p)
    inside = beta_log_upper(p, np.clip(k, 0, None) + 1, np.clip(n - k, 1, None))
    return np.select([k < 0, k >= n], [-np.inf, 0.0], inside)


def hypergeometric_log_upper(k: ArrayLike, population: ArrayLike, marked: ArrayLike, drawn: ArrayLike) -> FloatArray:
    """log P(X >= k), X the marked ones among ``drawn`` taken without replacement from ``population``.

    Raises:
        ConfigError: counts that are not whole, are negative, or exceed the population.
    """
    k, population, marked, drawn = _whole(k, population, marked, drawn)
    if np.any((marked < 0) | (drawn < 0) | (marked > population) | (drawn > population)):
        raise ConfigError("hypergeometric tail: marked and drawn must lie between 0 and the population")
    # Sum the smaller tail: below the mean that is P(X <= k - 1), an upper tail of the unmarked.
    above = k * np.maximum(population, 1) > marked * drawn
    side_k, side_marked = np.where(above, k, drawn - k + 1), np.where(above, marked, population - marked)
    tail = _hypergeometric_sum(side_k, population, side_marked, drawn)
    return np.where(above, tail, log1mexp(tail))


def hypergeometric_log_lower(k: ArrayLike, population: ArrayLike, marked: ArrayLike, drawn: ArrayLike) -> FloatArray:
    """log P(X <= k); as ``hypergeometric_log_upper``."""
    k, population, marked, drawn = _whole(k, population, marked, drawn)
    return hypergeometric_log_upper(drawn - k, population, population - marked, drawn)


def beta_log_lower(x: ArrayLike, a: ArrayLike, b: ArrayLike) -> FloatArray:
    """log P(X <= x) for X ~ Beta(a, b): the regularised incomplete beta. a, b > 0, x in [0, 1]."""
    x, a, b = _floats(x, a, b)
    _check_beta(x, a, b)
    return _far(_near(betainc, betaincc, a, b, x, upper=False), _log_beta_fraction, x, 1 - x, a, b)


def beta_log_upper(x: ArrayLike, a: ArrayLike, b: ArrayLike) -> FloatArray:
    """log P(X >= x) for X ~ Beta(a, b)."""
    x, a, b = _floats(x, a, b)
    _check_beta(x, a, b)
    return _far(_near(betainc, betaincc, a, b, x, upper=True), _log_beta_fraction, 1 - x, x, b, a)


def gamma_log_upper(x: ArrayLike, shape: ArrayLike, scale: ArrayLike = 1.0) -> FloatArray:
    """log P(X >= x) for X ~ Gamma(shape, scale), of mean shape * scale. x >= 0."""
    x, shape = _gamma(x, shape, scale)
    return _far(_near(gammainc, gammaincc, shape, x, upper=True), _log_gamma_fraction, x, shape)


def gamma_log_lower(x: ArrayLike, shape: ArrayLike, scale: ArrayLike = 1.0) -> FloatArray:
    """log P(X <= x) for X ~ Gamma(shape, scale)."""
    x, shape = _gamma(x, shape, scale)
    return _far(_near(gammainc, gammaincc, shape, x, upper=False), _log_gamma_series, x, shape)


def clopper_pearson(k: ArrayLike, n: ArrayLike, confidence: float = 0.95) -> tuple[FloatArray, FloatArray]:
    """Exact two-sided interval for a binomial probability.

    Null: none; k ~ Binomial(n, p) with n fixed beforehand.
    Guarantee: P(low <= p <= high) >= confidence for every p.  Not claimed: validity when n was chosen by
    looking (use ``sequences.bernoulli``), or for trials that depend on one another.
    Source: Clopper & Pearson 1934.  Deviates: nothing.
    """
    k, n, _ = _binomial(k, n, 0.5)
    if np.any((k < 0) | (k > n)) or not 0 < confidence < 1:
        raise ConfigError("exact interval: needs 0 <= k <= n and a confidence between 0 and 1")
    tail = (1 - confidence) / 2
    low = np.where(k > 0, betaincinv(np.maximum(k, 1), n - k + 1, tail), 0.0)
    high = np.where(k < n, betaincinv(k + 1, np.maximum(n - k, 1), 1 - tail), 1.0)
    return low, high


def log1mexp(x: ArrayLike) -> FloatArray:
    """log(1 - exp(x)) for x <= 0 without cancellation (Maechler 2012)."""
    x = np.asarray(x, dtype=np.float64)
    with np.errstate(divide="ignore"):
        return np.asarray(np.where(x > -np.log(2), np.log(-np.expm1(x)), np.log1p(-np.exp(x))))


def _floats(*values: ArrayLike) -> tuple[FloatArray, ...]:
    return np.broadcast_arrays(*(np.asarray(v, dtype=np.float64) for v in values))


def _whole(*counts: ArrayLike) -> tuple[FloatArray, ...]:
    arrays = _floats(*counts)
    if any(np.any((a != np.floor(a)) | np.isinf(a)) for a in arrays):  # NaN != NaN
        raise ConfigError("a tail of counts needs whole numbers")
    return arrays


def _binomial(k: ArrayLike, n: ArrayLike, p: ArrayLike) -> tuple[FloatArray, ...]:
    k, n, p = _floats(*_whole(k, n), p)
    if np.any(n < 0) or not np.all((p >= 0) & (p <= 1)):
        raise ConfigError("binomial tail: needs n >= 0 and a probability between 0 and 1")
    return k, n, p


def _gamma(x: ArrayLike, shape: ArrayLike, scale: ArrayLike) -> tuple[FloatArray, ...]:
    x, shape, scale = _floats(x, shape, scale)
    if not (np.all(x >= 0) and np.all(shape > 0) and np.all(scale > 0)):
        raise ConfigError("gamma tail: needs x >= 0, shape > 0 and scale > 0")
    return x / scale, shape


def _check_beta(x: FloatArray, a: FloatArray, b: FloatArray) -> None:
    if not (np.all((a > 0) & (b > 0)) and np.all((x >= 0) & (x <= 1))):
        raise ConfigError("beta tail: needs a > 0, b > 0 and x between 0 and 1")


def _near(
    lower_tail: Callable[..., FloatArray], upper_tail: Callable[..., FloatArray], *args: FloatArray, upper: bool
) -> FloatArray:
    """log of one of scipy's two tails, from the smaller of them; NaN where it is too small to trust."""
    low = np.asarray(lower_tail(*args))
    high = np.asarray(1 - low)
    over = low > 0.5
    high[over] = upper_tail(*(a[over] for a in args))  # slow in scipy, so only where it is the smaller
    wanted, other = (high, low) if upper else (low, high)
    with np.errstate(divide="ignore"):
        value = np.where(wanted > 0.5, np.log1p(-other), np.log(wanted))
    return np.where(wanted < _TINY, np.nan, value)


def _far(near: FloatArray, formula: Callable[..., FloatArray], *args: FloatArray) -> FloatArray:
    """Fill the NaNs of ``near`` by ``formula`` of the arguments there."""
    far = np.isnan(near)
    if far.any():
        with np.errstate(divide="ignore", invalid="ignore"):
            near[far] = formula(*(a[far] for a in args))
    return near


def _log_beta_fraction(x: FloatArray, y: FloatArray, a: FloatArray, b: FloatArray) -> FloatArray:
    def term(j: int) -> tuple[FloatArray, float]:
        m = j // 2
        even, odd = m * (b - m), -(a + m) * (a + b + m)
        return (odd if j % 2 else even) * x / ((a + j - 1) * (a + j)), 1.0

    leading = _log_binomial(a, a + b, x, y) + np.log(b / (a + b))
    return np.where(x > 0, leading - np.log(_fraction(np.ones_like(x), term)), -np.inf)


def _log_gamma_fraction(x: FloatArray, shape: FloatArray) -> FloatArray:
    fraction = _fraction(x + 1 - shape, lambda j: (-j * (j - shape), x + 2 * j + 1 - shape))
    return _log_poisson(shape, x) + np.log(shape / fraction)


def _log_gamma_series(x: FloatArray, shape: FloatArray) -> FloatArray:
    return _log_poisson(shape, x) + np.log(_series(lambda j: x / (shape + j), x.shape))


def _hypergeometric_sum(k: FloatArray, population: FloatArray, marked: FloatArray, drawn: FloatArray) -> FloatArray:
    """log P(X >= k) for k above the mean, by adding up from k."""
    start = np.minimum(k, np.minimum(marked, drawn))
    odd = population - marked - drawn + start + 1  # positive: a count above the mean can occur
    total = _series(
        lambda j: (marked - start - j + 1) * (drawn - start - j + 1) / ((start + j) * (odd + j - 1)), start.shape
    )
    p = drawn / np.maximum(population, 1)
    first = _log_binomial(start, marked, p, 1 - p) + _log_binomial(drawn - start, population - marked, p, 1 - p)
    return np.where(k > start, -np.inf, first - _log_binomial(drawn, population, p, 1 - p) + np.log(total))


def _log_binomial(k: FloatArray, n: FloatArray, p: FloatArray, q: FloatArray) -> FloatArray:
    """log of Gamma(n+1) / (Gamma(k+1) Gamma(n-k+1)) p^k q^(n-k): three Poisson terms, so nothing large cancels."""
    return _log_poisson(k, n * p) + _log_poisson(n - k, n * q) - _log_poisson(n, n)


def _log_poisson(k: FloatArray, mean: FloatArray) -> FloatArray:
    """log(mean^k exp(-mean) / Gamma(k + 1)) for real k >= 0 (Loader 2000)."""
    big = np.maximum(k, 15.0)
    r = 1 / (big * big)
    stirling = (1 / 12 - r * (1 / 360 - r * (1 / 1260 - r * (1 / 1680 - r / 1188)))) / big
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        deviance = big * np.log1p((big - mean) / mean) - (big - mean)
    saddle = -stirling - deviance - 0.5 * np.log(2 * np.pi * big)
    return np.where(k < 15, xlogy(k, mean) - mean - gammaln(k + 1), saddle)


def _series(ratio: Callable[[int], FloatArray], shape: tuple[int, ...]) -> FloatArray:
    """1 + r1 + r1 r2 + ... for ratios that fall below 1 and stay there."""
    term, total = np.ones(shape), np.ones(shape)
    for j in range(1, _STEPS):
        term = term * ratio(j)
        total = total + term
        if np.all(np.abs(term) <= _EPS * total):
            return total
    raise UnsupportedError(f"a tail did not converge in {_STEPS} terms: its counts are too large")


def _fraction(first: FloatArray, term: Callable[[int], tuple[FloatArray, FloatArray | float]]) -> FloatArray:
    """first + a1/(b1 + a2/(b2 + ...)), where ``term(j)`` is (a_j, b_j), by the modified Lentz algorithm."""
    value, c, d = first, first, np.zeros_like(first)
    for j in range(1, _STEPS):
        a, b = term(j)
        d = 1 / _nonzero(b + a * d)
        c = _nonzero(b + a / c)
        value = value * c * d
        if np.all(np.abs(c * d - 1) <= 4 * _EPS):
            return value
    raise UnsupportedError(f"a tail did not converge in {_STEPS} terms: its parameters are too large")


def _nonzero(x: FloatArray) -> FloatArray:
    return np.where(x == 0, 1e-300, x)
