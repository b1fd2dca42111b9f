"""Plain-Python twins of conformal p-values, e-BH, BH, Holm and permutation evidence."""

from __future__ import annotations

import math
from decimal import Decimal, localcontext
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gauger.stats import calibrators, conformal, multiple

SCORES = st.lists(st.tuples(st.integers(0, 6), st.sampled_from("abc")), max_size=15)


@settings(deadline=None)
@given(SCORES, SCORES, st.floats(0, 1))
def test_conformal(calibration: list[tuple[int, str]], test: list[tuple[int, str]], u: float) -> None:
    scores, groups = [s for s, _ in calibration], [g for _, g in calibration]
    wanted, theirs = [s for s, _ in test], [g for _, g in test]
    plain, smooth = [], []
    for s, g in test:
        peers = [c for c, h in calibration if h == g]
        above, equal = sum(c > s for c in peers), sum(c == s for c in peers)
        plain.append((1 + above + equal) / (len(peers) + 1))
        smooth.append((above + u * (1 + equal)) / (len(peers) + 1))
    kind = {"calibration_groups": np.array(groups, dtype="U1"), "test_groups": np.array(theirs, dtype="U1")}
    assert conformal.p_values(scores, wanted, **kind).tolist() == plain
    assert conformal.smoothed_p_values(scores, wanted, [u] * len(test), **kind).tolist() == smooth
    pooled = [(1 + sum(c >= s for c in scores)) / (len(scores) + 1) for s in wanted]
    assert conformal.p_values(scores, wanted).tolist() == pooled


# Multiples of 1/997: no product with n / k below meets alpha exactly, where rounding would decide.
PS = st.lists(st.integers(1, 996).map(lambda i: Fraction(i, 997)), max_size=12)


@settings(deadline=None)
@given(PS)
def test_bh_and_holm(ps: list[Fraction]) -> None:
    alpha, n = Fraction(1, 5), len(ps)
    floats = [float(p) for p in ps]
    k = max((k for k in range(1, n + 1) if sum(p <= alpha * k / n for p in ps) >= k), default=0)
    assert multiple.bh(floats, 0.2).mask.tolist() == [bool(k) and p <= alpha * k / n for p in ps]
    rejected: set[int] = set()
    for step, i in enumerate(sorted(range(n), key=lambda i: ps[i])):
        if ps[i] > alpha / (n - step):
            break
        rejected.add(i)
    assert multiple.holm(floats, 0.2).mask.tolist() == [
        i in rejected or ps[i] in {ps[j] for j in rejected} for i in range(n)
    ]


@settings(deadline=None)
@given(st.lists(st.integers(0, 97).map(lambda i: Fraction(i, 1) + Fraction(1, 7)), max_size=12))
def test_e_bh(es: list[Fraction]) -> None:
    alpha, n = Fraction(1, 5), len(es)
    k = max((k for k in range(1, n + 1) if sum(e >= n / (alpha * k) for e in es) >= k), default=0)
    result = multiple.e_bh([math.log(e) for e in es], 0.2)
    assert result.mask.tolist() == [bool(k) and e >= n / (alpha * k) for e in es]


@settings(deadline=None)
@given(st.integers(-5, 5), st.lists(st.integers(-5, 5), min_size=1, max_size=10))
def test_permutation_evidence(observed: int, permuted: list[int]) -> None:
    n = len(permuted) + 1
    p = Fraction(1 + sum(x >= observed for x in permuted), n)
    assert float(calibrators.permutation_log_p(observed, permuted)) == pytest.approx(math.log(p))
    r = [math.expm1(0.5 * (x - min(observed, *permuted))) for x in (observed, *permuted)]
    log_e = float(calibrators.soft_rank_log_e(observed, permuted, rate=0.5))
    if sum(r) == 0:
        assert log_e == 0.0
    else:
        assert math.exp(log_e) == pytest.approx(n * r[0] / sum(r))


@pytest.mark.parametrize("t", [1e-9, 1e-4, 0.02, 0.0299999, 0.0300001, 0.5, 40.0, 3000.0])
def test_mixture_calibrator_across_its_seam(t: float) -> None:
    with localcontext() as context:
        context.prec = 60
        d = Decimal(t)
        exact = float(((d.exp() - 1 - d) / (d * d)).ln())
    assert float(calibrators.mixture(-t)) == pytest.approx(exact, rel=1e-14, abs=5e-13)
