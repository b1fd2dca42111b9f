"""The schemes' two sides in plain Python: matches played pair by pair, races run one by one, tails summed up."""

from __future__ import annotations

import math
from itertools import product

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from scipy.special import gammaincc

from gauger.errors import ConfigError
from gauger.watermark import prf
from gauger.watermark.schemes import Scheme
from gauger.watermark.schemes.greenlist import Greenlist
from gauger.watermark.schemes.gumbel import Gumbel
from gauger.watermark.schemes.tournament import Tournament

SCHEMES: list[Scheme] = [Gumbel(), Tournament(), Tournament(layers=64), Greenlist(), Greenlist(gamma=0.5)]
HALF = st.integers(0, 2**64 - 1)
WEIGHTS = st.lists(st.one_of(st.just(0.0), st.floats(1e-6, 1)), min_size=1, max_size=9).filter(any)
ROW = st.tuples(HALF, HALF, HALF, WEIGHTS)


def tilted(scheme: Scheme, row: tuple[int, int, int, list[float]]) -> tuple[list[float], list[float], list[int]]:
    """What the scheme makes of p; p; and the values of its candidates, by the array form of the PRF."""
    k0, k1, state, weights = row
    p = np.array(weights) / sum(weights)
    keys, states, ids = np.array([[k0, k1]], np.uint64), np.array([state], np.uint64), np.arange(len(p)) * 7919
    values = [int(v) for v in prf.value(keys, states, ids)]
    return scheme.tilt(keys, states, ids.astype(np.uint32)[None], p[None])[0].tolist(), p.tolist(), values


def u(value: int) -> float:
    return ((value >> 12) + 0.5) / 2**52


@given(ROW)
def test_gumbel_is_a_race(row: tuple[int, int, int, list[float]]) -> None:
    after, p, values = tilted(Gumbel(), row)
    winner = max((j for j in range(len(p)) if p[j]), key=lambda j: math.log(u(values[j])) / p[j])
    assert after == [float(j == winner) for j in range(len(p))]


@given(ROW)
def test_a_tournament_is_matches_of_two(row: tuple[int, int, int, list[float]]) -> None:
    after, p, values = tilted(Tournament(layers=5), row)
    for layer in range(5):
        bit = [v >> layer & 1 for v in values]
        won = [0.0] * len(p)
        for a, b in product(range(len(p)), repeat=2):
            for side in (a, b) if bit[a] == bit[b] else (a, a) if bit[a] else (b, b):
                won[side] += p[a] * p[b] / 2
        p = won
    assert after == pytest.approx(p, abs=1e-12)


@given(ROW, st.sampled_from([0.25, 0.5, 0.9]), st.floats(0, 4), st.floats(0, 2))
def test_the_green_are_lifted(row: tuple[int, int, int, list[float]], gamma: float, delta: float, bound: float) -> None:
    after, p, values = tilted(Greenlist(gamma=gamma, delta=delta, entropy_nats=bound), row)
    entropy = -sum(q * math.log(q) for q in p if q)
    if abs(entropy - bound) < 1e-9:
        return
    lifted = [q * (math.exp(delta) if v < gamma * 2**64 else 1) for q, v in zip(p, values, strict=True)]
    expected = [q / sum(lifted) for q in lifted] if entropy > bound else p
    assert after == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("scheme", SCHEMES, ids=repr)
@settings(max_examples=25)
@example(row=(13554, 27109, 13556, [0.0, 0.6207518774943409, 0.25, 1.0, 0.14436500327555568]))  # once negative
@given(row=ROW)
def test_a_tilt_is_a_distribution_on_the_candidates(scheme: Scheme, row: tuple[int, int, int, list[float]]) -> None:
    after, p, _ = tilted(scheme, row)
    assert sum(after) == pytest.approx(1)
    assert all(a >= 0 and (q > 0 or a == 0) for a, q in zip(after, p, strict=True))


@pytest.mark.parametrize("scheme", SCHEMES, ids=repr)
@settings(max_examples=25)
@given(values=st.lists(HALF, max_size=12))
def test_sums_are_those_of_the_process(scheme: Scheme, values: list[int]) -> None:
    array = np.array(values, np.uint64)
    process = scheme.process
    state = process.update(process.initial(), scheme.observations(array))
    assert scheme.sums(array) == pytest.approx(state.sums)


@settings(max_examples=50)
@given(st.lists(HALF, max_size=12))
def test_statistics_and_tails_are_the_written_ones(values: list[int]) -> None:
    array, n = np.array(values, np.uint64), len(values)

    def binomial(ones: int, of: int, p: float) -> float:
        return math.fsum(math.comb(of, k) * p**k * (1 - p) ** (of - k) for k in range(ones, of + 1))

    waits, ones = [-math.log(1 - u(v)) for v in values], sum((v & (2**30 - 1)).bit_count() for v in values)
    green = sum(v < 2**62 for v in values)
    assert Gumbel().observations(array) == pytest.approx(waits, rel=1e-9)
    for scheme, p in [
        (Gumbel(), gammaincc(n, sum(waits)) if n else 1.0),
        (Tournament(), binomial(ones, 30 * n, 0.5)),
        (Greenlist(), binomial(green, n, 0.25)),
    ]:
        assert float(scheme.log_p(scheme.sums(array))) == pytest.approx(math.log(p), abs=1e-8)


@pytest.mark.parametrize(
    "make",
    [
        lambda: Gumbel(h=0),
        lambda: Gumbel(h=17),
        lambda: Gumbel(h=True),
        lambda: Tournament(h=0),
        lambda: Greenlist(h=-1),
        lambda: Tournament(layers=0),
        lambda: Tournament(layers=65),
        lambda: Greenlist(gamma=0.0),
        lambda: Greenlist(gamma=1.0),
        lambda: Greenlist(gamma=math.nan),
        lambda: Greenlist(delta=-1.0),
        lambda: Greenlist(delta=math.inf),
        lambda: Greenlist(entropy_nats=math.nan),
    ],
)
def test_settings_that_cannot_work_are_refused(make: object) -> None:
    with pytest.raises(ConfigError, match=r"must|bits"):
        make()  # type: ignore[operator]
