"""Merging is order-free to the last bit, bounded by what goes in, and homogeneous."""

from __future__ import annotations

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gauger.stats import merging
from gauger.stats.merging import Merged, Reason

LOGS = st.floats(-700, 700) | st.just(-math.inf)
PARTS = st.lists(st.tuples(LOGS, st.integers(0, 20)), min_size=1, max_size=8).filter(lambda v: sum(w for _, w in v) > 0)


def e(log_e: float) -> Merged:
    return Merged(null="ordinary", kind="exact", log_e=log_e)


@settings(deadline=None)
@given(PARTS, st.randoms())
def test_order_never_matters(parts: list[tuple[float, int]], random: object) -> None:
    total = sum(w for _, w in parts)
    shuffled = list(parts)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    for rule in (
        lambda v: merging.mean([e(x) for x, _ in v], [w / total for _, w in v]),
        lambda v: merging.product([e(x) for x, _ in v], Reason.CONDITIONAL_ON_PAST),
        lambda v: merging.either([e(x) for x, _ in v]),
    ):
        assert rule(parts) == rule(shuffled)


@settings(deadline=None)
@given(PARTS)
def test_mean_lies_between_and_minimum_below(parts: list[tuple[float, int]]) -> None:
    total = sum(w for _, w in parts)
    used = [x for x, w in parts if w]
    mean = merging.mean([e(x) for x, _ in parts], [w / total for _, w in parts]).log_e
    assert min(used) - 1e-9 <= mean <= max(used) + 1e-9
    assert merging.either([e(x) for x in used]).log_e <= mean + 1e-9


@settings(deadline=None)
@given(PARTS, st.floats(-50, 50))
def test_mean_scales_with_its_parts(parts: list[tuple[float, int]], shift: float) -> None:
    total = sum(w for _, w in parts)
    weights = [w / total for _, w in parts]
    base = merging.mean([e(x) for x, _ in parts], weights).log_e
    moved = merging.mean([e(x + shift) for x, _ in parts], weights).log_e
    assert moved == pytest.approx(base + shift, abs=1e-9)


@settings(deadline=None)
@given(st.floats(0, 700), st.floats(0, 700))
def test_lifting_is_monotone_and_always_costs(a: float, b: float) -> None:
    low, high = sorted((a, b))
    assert merging.lifted(e(low)).log_e <= merging.lifted(e(high)).log_e + 1e-12
    assert merging.lifted(e(high)).log_e <= high
