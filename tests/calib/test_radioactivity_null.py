"""Radioactivity under its null: an innocent model of the very distribution that was marked, and optional stopping."""

from __future__ import annotations

import math
from datetime import UTC, datetime

import numpy as np
import pytest
from scipy.stats import binom

from gauger.watermark.habits import habits
from gauger.watermark.keys import Key, KeyContext, derive
from gauger.watermark.naming import scheme_named
from gauger.watermark.radioactivity import Closed, Opened, Plan, doubling
from gauger.watermark.reading import Reading, bets, log_e
from gauger.watermark.sampling import Response, sample
from gauger.watermark.served import reading_places, served

TOKENS, LENGTH, RUNS, ALPHA = 24, 16, 80, 0.1
CREATED = datetime(2026, 1, 1, tzinfo=UTC)


def key(n: int, scheme: str) -> Key:
    fields = {"tenant": "t", "epoch": "e", "model": "m", "tokenizer": "k"}
    return derive(bytes(32), KeyContext(party=f"p{n}", scheme=scheme, **fields))


def source(rng: np.random.Generator) -> np.ndarray:
    """A Markov chain of order two: what teacher and innocent share."""
    return rng.dirichlet(np.full(TOKENS, 0.3), size=(TOKENS, TOKENS))


def write(p: np.ndarray, n: int, scheme: str, secret: bytes | None, rng: np.random.Generator) -> np.ndarray:
    texts = rng.integers(TOKENS, size=(n, 2))
    responses = [Response(secret) for _ in range(n)]
    ids = np.broadcast_to(np.arange(TOKENS, dtype=np.uint32), (n, TOKENS))
    for _ in range(LENGTH):
        drawn = sample(scheme_named(scheme), responses, texts[:, -2:], ids, p[texts[:, -2], texts[:, -1]], rng)
        texts = np.hstack([texts, drawn[:, None].astype(texts.dtype)])
    return texts[:, 2:]


def plan(keys: list[Key], scheme: str, **fields: object) -> Plan:
    common = {"subject": "s", "keys": tuple(k.id for k in keys), "commitment": "", "scheme": scheme, "tokenizer": "k"}
    common |= {"prompts": "sha256:0", "asked": "{}", "alpha": ALPHA, "created": CREATED}
    return Plan(**(common | fields))  # type: ignore[arg-type]


def closed_crosses(seed: int, scheme: str, learnt: bool, copies: int = 1) -> bool:
    rng, ours = np.random.default_rng(seed), [key(seed, scheme), key(10_000 + seed, scheme)]
    p = source(rng)
    windows = served(list(write(p, 60, scheme, ours[0].secret, rng)), h=scheme_named(scheme).h)
    unmarked = habits(list(write(p, 60, scheme, None, rng)), h=windows.h) if seed % 2 else None
    digests = {"served": windows.digest, "unmarked": unmarked.digest if unmarked else ""}
    test = Closed(plan(ours, scheme, mode="closed", looks=doubling(64, first=4), **digests), ours, windows, unmarked)
    texts = np.repeat(write(p, 64 // copies, scheme, ours[0].secret if learnt else None, rng), copies, axis=0)
    while (until := test.next_look) is not None:
        test.add(list(texts[test.done : until]), [[]] * (until - test.done))
    return test.verdict().crossed


@pytest.mark.parametrize("copies", [1, 4])
@pytest.mark.parametrize("scheme", ["gumbel:h=1", "gumbel:h=2", "greenlist:h=1:delta=3", "tournament:h=2:layers=8"])
def test_an_innocent_model_of_the_same_distribution_is_accused_no_more_often_than_planned(
    scheme: str, copies: int
) -> None:
    crossed = sum(closed_crosses(seed, scheme, learnt=False, copies=copies) for seed in range(RUNS // copies))
    assert crossed <= binom.ppf(1 - 1e-4, RUNS // copies, ALPHA)


@pytest.mark.parametrize("scheme", ["gumbel:h=2", "greenlist:h=1:delta=3"])
def test_a_model_that_speaks_with_the_mark_is_found(scheme: str) -> None:
    assert all(closed_crosses(seed, scheme, learnt=True) for seed in range(5))


def opened(seed: int, scheme: str, learnt: float) -> Opened:
    """A model that predicts the teacher's distribution, and with probability ``learnt`` what was served instead."""
    rng, ours = np.random.default_rng(seed), [key(seed, scheme)]
    h, p = scheme_named(scheme).h, source(rng)
    outputs = write(p, 60, scheme, ours[0].secret, rng)
    test = Opened(plan(ours, scheme, mode="open", served="", looks=doubling(60, first=8)), ours)
    places = reading_places(list(outputs), h=h)
    ids = np.arange(TOKENS, dtype=np.uint32)
    while (until := test.next_look) is not None:
        at = [(text, place) for text in range(test.done, until) for place in places[text] if place >= 2]
        weights = np.array([p[outputs[t, j - 2], outputs[t, j - 1]] for t, j in at]).reshape(-1, TOKENS)
        taught = rng.random(len(at)) < learnt
        weights[taught] = np.eye(TOKENS)[np.array([outputs[t, j] for t, j in at], np.int64)][taught]
        windows = np.array([outputs[t, j - h : j] for t, j in at], np.uint32).reshape(-1, h)
        predictions = Reading(windows=windows, ids=np.broadcast_to(ids, weights.shape), weights=weights)
        test.add(predictions, outputs=until - test.done)
    return test


@pytest.mark.parametrize("scheme", ["gumbel:h=1", "gumbel:h=2", "greenlist:h=1:delta=3", "tournament:h=2:layers=8"])
def test_an_innocent_reader_is_accused_no_more_often_than_planned(scheme: str) -> None:
    crossed = sum(opened(seed, scheme, learnt=0).verdict().crossed for seed in range(RUNS))
    assert crossed <= binom.ppf(1 - 1e-4, RUNS, ALPHA)


def test_a_reader_that_learnt_a_third_of_what_was_served_is_found() -> None:
    assert all(opened(seed, "gumbel:h=2", learnt=0.3).verdict().crossed for seed in range(5))


def test_reading_a_window_again_would_accuse_the_innocent() -> None:
    """What ``reading_places`` is for: a model that repeats what it has just read has not learnt from us."""

    def run(seed: int, places_of: str) -> float:
        rng, ours = np.random.default_rng(seed), key(seed, "gumbel:h=2")
        outputs = write(source(rng), 30, "gumbel:h=2", ours.secret, rng)
        places = reading_places(list(outputs), h=2) if places_of == "first" else [np.arange(2, LENGTH)] * 30
        last: dict[tuple[int, ...], int] = {}
        windows, ids = [], []
        for text, mine in zip(outputs, places, strict=True):
            for j in range(2, LENGTH):
                window = tuple(text[j - 2 : j])
                if j in mine:
                    windows.append(window)
                    ids.append([last.get(window, 0)])
                last[window] = int(text[j])
        test = Opened(plan([ours], "gumbel:h=2", mode="open", served="", looks=(30,)), [ours])
        said = Reading(
            windows=np.array(windows, np.uint32), ids=np.array(ids, np.uint32), weights=np.ones((len(ids), 1))
        )
        test.add(said, outputs=30)
        return test.verdict().evidence.log_e

    assert np.mean([run(seed, "first") > np.log(20) for seed in range(100)]) <= binom.ppf(1 - 1e-4, 100, 0.05) / 100
    assert min(run(seed, "all") for seed in range(5)) > np.log(1e6)


def test_reading_what_quotes_its_prompt_accuses_nobody_who_copies_less() -> None:
    """The teacher copies its prompt on, or says another word, as the key has it; the innocent prefers the other word.

    Were a place left out for what follows it, the places that stay would be those where the key had the other word.
    """
    scheme, (length, outputs, copying) = scheme_named("gumbel:h=4"), (60, 150, 0.6)
    for seed in range(3):
        rng, secret = np.random.default_rng(seed), bytes([seed]) * 32
        prompts = rng.integers(0, 1 << 31, (outputs, 200))
        rows, others = prompts[:, 20:24], np.zeros((outputs, 4), np.int64)
        for k in range(4, length):
            ids = np.column_stack([prompts[:, 20 + k], rng.integers(0, 1 << 31, outputs)])
            p = np.tile([copying, 1 - copying], (outputs, 1))
            drawn = sample(scheme, [Response(secret) for _ in range(outputs)], rows, ids, p, rng)
            rows, others = np.column_stack([rows, drawn]), np.column_stack([others, ids[:, 1]])
        places = reading_places(list(rows), h=4, prompts=list(prompts))
        where = [(n, at) for n in range(outputs) for at in places[n]]
        found = Reading(
            windows=np.array([rows[n, at - 4 : at] for n, at in where], np.uint32),
            ids=np.array([[prompts[n, 20 + at], others[n, at]] for n, at in where], np.uint32),
            weights=np.tile([0.1, 0.9], (len(where), 1)),
        )
        assert len(where) > 300
        assert float(log_e(bets(found, [secret], scheme))[0]) < math.log(20)
