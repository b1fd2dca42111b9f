"""Served windows with plain sets of plain tuples beside the hashed ones, and bets beside their definition."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.integrate import quad

from gauger.errors import ConfigError, InputError
from gauger.watermark.naming import scheme_named
from gauger.watermark.prf import key_words, value, window
from gauger.watermark.reading import BETS, Reading, bets
from gauger.watermark.served import reading_places, served, stand_in

TEXT = st.lists(st.integers(0, 2), max_size=10)
TEXTS = st.lists(TEXT, max_size=5)
SECRET = bytes(range(32))
SCHEMES = ["gumbel:h=2", "tournament:h=1:layers=5", "greenlist:h=3:gamma=0.3"]


@given(TEXTS, TEXTS, st.integers(1, 3))
def test_windows_that_were_served_are_known(outputs: list[list[int]], texts: list[list[int]], h: int) -> None:
    # A window counts as served where a token follows it: only there were values looked at.
    windows = {tuple(o[i - h : i]) for o in outputs for i in range(h, len(o))}
    rows = [t[i - h : i] for t in texts for i in range(h, len(t) + 1)]
    found = stand_in(np.array(rows, np.uint32).reshape(-1, h), served(outputs, h=h))
    assert found.tolist() == [tuple(row) in windows for row in rows]


@given(
    st.lists(st.tuples(st.lists(st.integers(0, 2), max_size=6), st.lists(st.integers(0, 2), max_size=9)), max_size=5)
)
def test_places_are_first_occurrences_that_do_not_stand_in_the_prompt(pairs: list[tuple[list[int], list[int]]]) -> None:
    h, seen, expected = 2, set[tuple[int, ...]](), []
    for prompt, output in pairs:
        asked = {tuple(prompt[i : i + h]) for i in range(len(prompt) - h + 1)}
        mine, row = [], [*prompt, *output]
        for i in range(len(output)):
            end = len(prompt) + i
            gram = tuple(row[max(0, end - h) : end])
            seeds = {tuple(prompt[k : k + 4]) for k in range(len(prompt) - 3)}
            after = any(tuple(output[k - 4 : k]) in seeds for k in range(max(4, i - 16), i + 1))
            if i >= h and gram not in seen and gram not in asked and not after:
                mine.append(i)
            if end >= h:
                seen.add(gram)
        expected.append(mine)
    found = reading_places([o for _, o in pairs], h=h, prompts=[p for p, _ in pairs])
    assert [f.tolist() for f in found] == expected


def test_what_follows_four_tokens_of_the_prompt_is_no_place() -> None:
    prompt, output = [1, 2, 3, 4, 5], [9, 8, 2, 3, 4, 5, *range(20, 50)]
    (places,) = reading_places([output], h=2, prompts=[prompt])
    assert places.tolist() == [2, 3, *range(23, 36)]  # six tokens up to the seed's end, and seventeen that it may reach
    (free,) = reading_places([output], h=2, prompts=[[1, 2, 3]])
    assert free.tolist() == [2, 3, *range(5, 36)]


def test_a_width_of_zero_is_refused() -> None:
    for make in (lambda: served([[1]], h=0), lambda: reading_places([[1]], h=0)):
        with pytest.raises(ConfigError, match="width 0"):
            make()


@pytest.mark.parametrize("name", SCHEMES)
def test_bets_are_their_definition(name: str) -> None:
    scheme, rng = scheme_named(name), np.random.default_rng(3)
    windows = rng.integers(9, size=(7, scheme.h)).astype(np.uint32)
    ids, weights = rng.permuted(np.tile(np.arange(12, dtype=np.uint32), (7, 1)), axis=1), rng.uniform(-1, 1, (7, 12))
    key = key_words([SECRET])[0]
    scores = scheme.score(value(key, window(key, windows)[:, None], ids))
    expected = []
    for power, bet in itertools.product((1, 0.5), BETS):
        x = bet / scheme.spread * np.sign(weights) * np.abs(weights) ** power
        expected.append(math.fsum((x * scores).ravel()) - math.fsum(np.vectorize(scheme.log_mgf)(x).ravel()))
    reading, secrets = Reading(windows=windows, ids=ids, weights=weights), [bytes(32), SECRET]
    found = bets(reading, secrets, scheme, powers=(1, 0.5))
    assert bets(reading, secrets, scheme) == pytest.approx(found[:, : len(BETS)])
    assert found[1] == pytest.approx(expected, rel=1e-9)
    assert found[0] != pytest.approx(expected, rel=1e-2)


@pytest.mark.parametrize("x", [-3.0, -0.5, 0.0, 0.3, 0.85])
def test_the_moments_are_those_of_the_scores(x: float) -> None:
    gumbel = quad(lambda s: math.exp(x * s - s), 0, np.inf)[0]
    assert scheme_named("gumbel").log_mgf(np.array(x)) == pytest.approx(math.log(gumbel), rel=1e-6, abs=1e-9)
    ones = math.fsum(math.comb(5, k) / 32 * math.exp(x * k) for k in range(6))
    assert scheme_named("tournament:layers=5").log_mgf(np.array(x)) == pytest.approx(math.log(ones), abs=1e-12)
    green = 0.7 + 0.3 * math.exp(x)
    assert scheme_named("greenlist:gamma=0.3").log_mgf(np.array(x)) == pytest.approx(math.log(green), abs=1e-12)


def test_where_there_is_no_moment_a_bet_is_lost() -> None:
    assert scheme_named("gumbel").log_mgf(np.array([1.0, 1.5])).tolist() == [math.inf, math.inf]


@pytest.mark.parametrize("name", SCHEMES)
def test_the_spread_is_that_of_the_scores(name: str) -> None:
    scheme, rng = scheme_named(name), np.random.default_rng(5)
    scores = scheme.score(rng.integers(2**64, size=200_000, dtype=np.uint64))
    assert scores.std() == pytest.approx(scheme.spread, rel=0.02)


def test_predictions_that_do_not_fit_are_refused() -> None:
    windows, ids = np.zeros((2, 2), np.uint32), np.zeros((2, 3), np.uint32)
    for weights in (np.zeros((2, 2)), np.full((2, 3), 1.1), np.full((2, 3), np.nan)):
        with pytest.raises(InputError, match="reading"):
            Reading(windows=windows, ids=ids, weights=weights)
    with pytest.raises(InputError, match="h=4"):
        bets(Reading(windows=windows, ids=ids, weights=np.zeros((2, 3))), [SECRET], scheme_named("gumbel:h=4"))
