"""Over keys, the unbiased schemes choose as the model would: next token and whole responses. Chi-square at 1e-6."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import chisquare

from gauger.watermark.prf import key_words
from gauger.watermark.sampling import Response, sample
from gauger.watermark.schemes import Scheme
from gauger.watermark.schemes.greenlist import Greenlist
from gauger.watermark.schemes.gumbel import Gumbel
from gauger.watermark.schemes.tournament import Tournament

KEYS, LENGTH = 30_000, 4
LINE = 1e-6
NEXT = np.array([[0.6, 0.3, 0.1], [0.2, 0.2, 0.6], [0.45, 0.1, 0.45]])  # a model of three tokens


def secrets(n: int) -> list[bytes]:
    return [row.tobytes() for row in np.random.default_rng(31).integers(0, 2**64, (n, 4), np.uint64)]


def next_token_p(scheme: Scheme) -> float:
    """How well the tokens chosen under many keys fit p."""
    p = np.array([0.4, 0.25, 0.15, 0.1, 0.06, 0.03, 0.01])
    rng = np.random.default_rng(32)
    keys, states = key_words(secrets(KEYS)), rng.integers(0, 2**64, KEYS, np.uint64)
    after = scheme.tilt(keys, states, np.tile(np.arange(7, dtype=np.uint32), (KEYS, 1)), np.tile(p, (KEYS, 1)))
    drawn = (after.cumsum(-1) > rng.random(KEYS)[:, None]).argmax(-1)
    return float(chisquare(np.bincount(drawn, minlength=7), KEYS * p).pvalue)


def response_p(scheme: Scheme, kind: type[Response]) -> float:
    """How well responses of four tokens, each under a key of its own, fit the model's."""
    rng, rows = np.random.default_rng(33), np.arange(KEYS)
    responses = [kind(s) for s in secrets(KEYS)]
    tokens = np.zeros((KEYS, 1), np.int64)
    for _ in range(LENGTH):
        p = NEXT[tokens[:, -1]]
        drawn = sample(scheme, responses, tokens[:, -1:], np.tile(np.arange(3), (KEYS, 1)), p, rng)
        tokens = np.column_stack([tokens, drawn])
    wanted = np.array([1.0])
    for _ in range(LENGTH):  # P(first tokens) times P(next | last), over all sequences in order of their digits
        last = np.zeros(1, int) if wanted.size == 1 else np.tile(np.arange(3), wanted.size // 3)
        wanted = (wanted[:, None] * NEXT[last]).ravel()
    code = tokens[rows, 1:] @ 3 ** np.arange(LENGTH - 1, -1, -1)
    return float(chisquare(np.bincount(code, minlength=3**LENGTH), KEYS * wanted).pvalue)


class Forgetful(Response):
    """Marks a window as often as it comes."""

    __slots__ = ()

    def spend(self, state: int) -> bool:
        return True


@pytest.mark.parametrize("scheme", [Gumbel(), Tournament(), Tournament(layers=1)], ids=repr)
def test_the_next_token_is_the_models(scheme: Scheme) -> None:
    assert next_token_p(scheme) > LINE


@pytest.mark.parametrize("scheme", [Gumbel(h=1), Tournament(h=1)], ids=repr)
def test_a_whole_response_is_the_models(scheme: Scheme) -> None:
    assert response_p(scheme, Response) > LINE


@pytest.mark.parametrize("scheme", [Gumbel(h=1), Tournament(h=1)], ids=repr)
def test_it_would_not_be_if_windows_were_used_twice(scheme: Scheme) -> None:
    assert response_p(scheme, Forgetful) < LINE


def test_the_green_list_is_seen_to_be_biased() -> None:
    p = np.array([[0.9, 0.1]])
    after = Greenlist(delta=1.0).tilt(
        key_words(secrets(KEYS)),
        np.zeros(KEYS, np.uint64),
        np.tile(np.uint32([1, 2]), (KEYS, 1)),
        np.tile(p, (KEYS, 1)),
    )
    # Where one candidate leads, green takes more from it when the other is green than it gains when it is itself.
    assert abs(after[:, 0].mean() - 0.9) > 6 * after[:, 0].std() / np.sqrt(KEYS)
