"""Predictions after windows that we served: do they lean towards what our key preferred there?

An open model reads our outputs (teacher forcing) and we read its next-token probabilities at the places of
``served.reading_places``; of a closed one its text says what follows a window (``habits``). A bet on them is exact
however large or skewed they are: they were fixed before the key's values of that place were looked at, and of those
values the null knows the whole distribution.
"""

# mypy: disable-error-code="no-untyped-call"

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import logsumexp

from gauger.compiled import compiled
from gauger.errors import InputError
from gauger.model import digest
from gauger.stats import FloatArray
from gauger.watermark.prf import Words, key_words, value_of, window_before
from gauger.watermark.schemes import Candidates, Scheme

BETS = tuple(0.9 * 2.0**-k for k in range(8))
"""Of a score's standard deviation, mixed evenly: 0.9 down to 0.007, at a cost of log 8 at most."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """A model's predictions at some places, in the order of service.

    Attributes:
        windows: the h tokens before each, uint32[places, h].
        ids: its candidates, uint32[places, k], each once a row. weights: what it gives each, float64[places, k]: its
            probability, or how much more likely it is to it than to a model that never saw our outputs. From -1 to 1.
    """

    windows: NDArray[np.uint32]
    ids: Candidates
    weights: FloatArray

    def __post_init__(self) -> None:
        if self.ids.shape != self.weights.shape or len(self.ids) != len(self.windows):
            raise InputError(f"reading: ids {self.ids.shape} and weights {self.weights.shape} do not fit together")
        if self.weights.size and not np.abs(self.weights).max() <= 1:
            raise InputError("reading: a weight must be a number from -1 to 1")


def bets(reading: Reading, secrets: Sequence[bytes], scheme: Scheme, *, powers: Sequence[float] = (1.0,)) -> FloatArray:
    """What each bet gains over the places under each key, float64[keys, bets]; of further places, add.

    The bets are ``BETS`` on each of the powers of the weights, len(powers) * len(BETS); a weight keeps its sign.

    A bet b gains, at each place, sum over candidates of b w s - log E[exp(b w S)], with the candidate's weight w, its
    score s under the key in units of ``spread``, and S a score under the null.
    """
    steps = np.array(BETS) / scheme.spread
    weights = [np.copysign(np.abs(reading.weights) ** power, reading.weights) for power in powers]
    prices = np.array([[np.sum(scheme.log_mgf(step * w)) for step in steps] for w in weights])
    scores = (scheme.score(values) for values in _values(reading, secrets, scheme.h))
    leans = np.array([[np.vdot(w, score) for w in weights] for score in scores])
    gains: FloatArray = leans[:, :, None] * steps - prices
    return gains.reshape(len(secrets), -1)


def log_e(gains: FloatArray) -> FloatArray:
    """The e-process of bets' gains, float64[..., bets], mixed evenly: float64[...].

    Null: the model's predictions at each place were made without the key: neither it nor what it learnt from has seen a
        text made with the key, or the key. Then the scores there are independent of them and of all before.
    Guarantee: P(ever log_e >= log(1/alpha)) <= alpha over the places in order of service, whatever the weights.
    Not claimed: the null of a model that was shown the rest of the outputs (as a demonstration, or by retrieval); or
        exactness if outputs of the key that were served are missing and prompts quote them.
    Source: Sander et al. 2024 (reading mode); Cramer's transform for the bets.  Deviates: predictions are weighed by
        the model's own probabilities instead of counting its first choice, and bet on by a mixture.
    """
    mixed: FloatArray = logsumexp(gains, axis=-1) - np.log(gains.shape[-1])
    return mixed


def digest_of(reading: Reading) -> str:
    """Of windows, candidates and weights."""
    arrays = (reading.windows.astype("<u4"), reading.ids.astype("<u4"), reading.weights.astype("<f8"))
    return digest(b"gauger-reading-v1" + b"".join(a.shape[1].to_bytes(8, "little") + a.tobytes() for a in arrays))


def _values(reading: Reading, secrets: Sequence[bytes], h: int) -> Iterator[Words]:
    if reading.windows.shape[1] != h:
        raise InputError(f"reading: windows of {reading.windows.shape[1]} tokens, but the scheme has h={h}")
    windows, ids = np.ascontiguousarray(reading.windows), np.ascontiguousarray(reading.ids)
    found = np.empty(ids.shape, np.uint64)
    for key in key_words(secrets):
        _fill(key, windows, ids, found)
        yield found


@compiled
def _fill(key, windows, ids, found):  # type: ignore[no-untyped-def]
    h = windows.shape[1]
    for place in range(len(ids)):
        state = window_before(key[0], key[1], windows[place], h, h)
        for j in range(ids.shape[1]):
            found[place, j] = value_of(key[0], key[1], state, ids[place, j])
