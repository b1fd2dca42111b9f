"""The tails against exact rationals and hundreds of decimal digits, down to 1e-3000."""

from __future__ import annotations

import math
from decimal import Decimal, localcontext
from fractions import Fraction

import numpy as np
import pytest
from scipy import stats

from gauger.stats import tails

REL, ABS = 1e-13, 1e-12  # of a natural logarithm


def log(x: Fraction) -> float:
    """Natural logarithm of a rational of any size."""
    with localcontext() as context:
        context.prec = 40
        return float((Decimal(x.numerator) / Decimal(x.denominator)).ln())


def close(value: object, exact: float) -> bool:
    return bool(value == pytest.approx(exact, rel=REL, abs=ABS))


@pytest.mark.parametrize("p", [Fraction(1, 2), Fraction(1, 4), Fraction(3, 1024), Fraction(1023, 1024)])
@pytest.mark.parametrize("n", [1, 7, 60, 1200])
def test_binomial(n: int, p: Fraction) -> None:
    a, b = p.numerator, p.denominator
    weights = [math.comb(n, k) * a**k * (b - a) ** (n - k) for k in range(n + 1)]
    for k in {0, 1, n // 8, n // 4, n // 2, 3 * n // 4, n - 1, n}:
        assert close(tails.binomial_log_upper(k, n, float(p)), log(Fraction(sum(weights[k:]), b**n)))
        assert close(tails.binomial_log_lower(k, n, float(p)), log(Fraction(sum(weights[: k + 1]), b**n)))


@pytest.mark.parametrize(("population", "marked", "drawn"), [(50, 20, 10), (3000, 700, 900), (3000, 2900, 1500)])
def test_hypergeometric(population: int, marked: int, drawn: int) -> None:
    low, high = max(0, drawn + marked - population), min(marked, drawn)
    weights = {k: math.comb(marked, k) * math.comb(population - marked, drawn - k) for k in range(low, high + 1)}
    total = math.comb(population, drawn)
    for k in {low, low + 1, (3 * low + high) // 4, (low + high) // 2, marked * drawn // population, high - 1, high}:
        upper, lower = (sum(w for j, w in weights.items() if (j >= k if side else j <= k)) for side in (True, False))
        assert close(tails.hypergeometric_log_upper(k, population, marked, drawn), log(Fraction(upper, total)))
        assert close(tails.hypergeometric_log_lower(k, population, marked, drawn), log(Fraction(lower, total)))


@pytest.mark.parametrize(("x", "half_shape"), [(3, 1), (900, 1), (1200, 11), (1500, 201)])
def test_gamma_upper_of_half_integers(x: int, half_shape: int) -> None:
    exact = incomplete_gamma(x, half_shape, upper=True)
    assert close(tails.gamma_log_upper(float(x), half_shape / 2), exact)


@pytest.mark.parametrize(("x", "shape"), [(3, 1), (700, 9), (5000, 2001), (7000, 20), (20000, 16000)])
def test_gamma_upper_of_integers_is_a_poisson_sum(x: int, shape: int) -> None:
    with localcontext() as context:
        context.prec = 50
        term = total = Decimal(1)
        for j in range(shape - 1, 0, -1):
            term *= Decimal(j) / x
            total += term
        log_last = (shape - 1) * Decimal(x).ln() - Decimal(math.factorial(shape - 1)).ln()
        exact = float(total.ln() + log_last - x)
    assert close(tails.gamma_log_upper(float(x), float(shape)), exact)


@pytest.mark.parametrize(("x", "half_shape"), [(3, 1), (1, 401), (20, 2001), (900, 4001), (2000, 3)])
def test_gamma_lower(x: int, half_shape: int) -> None:
    exact = incomplete_gamma(x, half_shape, upper=False)
    assert close(tails.gamma_log_lower(float(x), half_shape / 2), exact)


def incomplete_gamma(x: int, half_shape: int, *, upper: bool) -> float:
    """log of a regularised incomplete gamma by its power series, with digits enough to subtract it from 1."""
    with localcontext() as context:
        context.prec = 60 + (x if upper else 0)
        a, z = Decimal(half_shape) / 2, Decimal(x)
        term = total = 1 / (gamma_of_half(half_shape) * a)
        j = 1
        while term > total.scaleb(-context.prec):
            term *= z / (a + j)
            total += term
            j += 1
        lower = (z**half_shape).sqrt() * (-z).exp() * total
        tail = 1 - lower if upper else +lower
        context.prec = 50
        return float(tail.ln())


def gamma_of_half(twice: int) -> Decimal:
    value, at = (Decimal(1), 2) if twice % 2 == 0 else (pi().sqrt(), 1)
    while at < twice:
        value *= Decimal(at) / 2
        at += 2
    return value


def pi() -> Decimal:
    """Machin's formula, to the precision of the context."""

    def arctan_of_inverse(n: int) -> Decimal:
        term = total = Decimal(1) / n
        j = 1
        while True:
            term = -term / (n * n)
            step = term / (2 * j + 1)
            if total + step == total:
                return total
            total, j = total + step, j + 1

    return 4 * (4 * arctan_of_inverse(5) - arctan_of_inverse(239))


def test_beta_with_fractional_parameters_meets_scipy_where_scipy_can() -> None:
    rng = np.random.default_rng(8)
    a, b, x = rng.uniform(0.1, 300, 500), rng.uniform(0.1, 300, 500), rng.uniform(0, 1, 500)
    reference = stats.beta.logsf(x, a, b)
    sound = reference > -600
    assert tails.beta_log_upper(x, a, b)[sound] == pytest.approx(reference[sound], rel=1e-10, abs=1e-10)
    assert np.all(tails.beta_log_upper(x, a, b)[~sound] < -599)


@pytest.mark.parametrize(("x", "a", "b"), [(0.25, 25880.5, 50000.5), (0.001, 300.5, 200.25), (0.25, 50000.5, 3.5)])
def test_beta_far_tail_by_its_series(x: float, a: float, b: float) -> None:
    # I_x(a,b) = x^a (1-x)^b / (a B(a,b)) * (1 + sum of products of (a+b+j)/(a+1+j) x), all terms positive.
    with localcontext() as context:
        context.prec = 50
        X, A, B = Decimal(x), Decimal(a), Decimal(b)
        term = total = Decimal(1)
        j = 0
        while term > total.scaleb(-40):
            term *= (A + B + j) / (A + 1 + j) * X
            total, j = total + term, j + 1
        log_beta = math.lgamma(a) + math.lgamma(b) - math.lgamma(a + b)
        exact = float(A * X.ln() + B * (1 - X).ln() - A.ln() + total.ln()) - log_beta
    assert float(tails.beta_log_lower(x, a, b)) == pytest.approx(exact, rel=1e-11)


def test_near_and_far_join_without_a_step() -> None:
    # scipy hands over to the fraction at 1e-280; a step there would show in the second differences.
    k = np.arange(6100, 6900)
    for values in (tails.binomial_log_upper(k, 12000, 0.4), tails.gamma_log_upper(k / 2.0, 1500.0)):
        assert values[0] > -645 > values[-1]
        assert np.abs(np.diff(values, 2)).max() < 0.01
        third = np.diff(values, 3)
        assert np.abs(third).max() < 1e-4
