"""The batch core of marking: rows of candidates in, tokens out. Each row has its own key, or none.

Only the candidates that survived top-k and top-p are hashed, so a step costs the same at any vocabulary. Unless the
scheme ``repeats``, a window that the response has used already is sampled unmarked: its values were spent, and
using them again would make the response depend on itself.

    responses = [Response(secret), Response(None)]
    tokens = sample(scheme, responses, contexts, ids, p, rng)

Source: Dathathri et al. 2024 (repeated context masking); Christ, Gunn & Zamir 2023 for why it is needed.
Deviates: windows are remembered by their 64-bit state under the row's key.
"""

# mypy: disable-error-code="no-untyped-call"

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gauger.compiled import compiled
from gauger.errors import ConfigError, InputError
from gauger.stats import FloatArray
from gauger.watermark.prf import Words, key_words, window_before
from gauger.watermark.schemes import Candidates, Scheme

_NO_KEY = np.zeros(2, np.uint64)


class Response:
    """One response in the making: its key, and the windows that it has used.

    Args:
        secret: the derived key's 32 bytes, or None to leave the response unmarked.
    """

    __slots__ = ("key", "marked", "used")

    def __init__(self, secret: bytes | None) -> None:
        self.key: Words = _NO_KEY if secret is None else key_words([secret])[0]
        self.marked = secret is not None
        self.used: set[int] = set()

    def spend(self, state: int) -> bool:
        """Is this window new? It is not afterwards."""
        new = state not in self.used
        self.used.add(state)
        return new


def sample(
    scheme: Scheme,
    responses: Sequence[Response],
    contexts: NDArray[Any],
    ids: NDArray[Any],
    p: NDArray[Any],
    rng: np.random.Generator,
) -> Candidates:
    """The next token of each response. Remembers the windows in ``responses``.

    Args:
        contexts: the tokens before, int[rows, at least h], oldest first; only the last h count. -1 where there is
            none yet: such a row is sampled unmarked.
        ids: candidate tokens, int[rows, k], each once a row.
        p: their probabilities after top-k and top-p, float[rows, k]; 0 is padding. Rows need not sum to 1.

    Returns:
        uint32[rows].

    Raises:
        InputError: shapes that do not fit, or a row of p that is no distribution.
    """
    ids = np.ascontiguousarray(ids, np.uint32)
    drawn = np.empty(len(ids), np.int64)
    _draw(tilt(scheme, responses, contexts, ids, p), rng.random(len(ids)), drawn)
    chosen: Candidates = ids[np.arange(len(ids)), drawn]
    return chosen


def tilt(
    scheme: Scheme, responses: Sequence[Response], contexts: NDArray[Any], ids: NDArray[Any], p: NDArray[Any]
) -> FloatArray:
    """The probabilities that ``sample`` draws from, float64[rows, k]: for hosts that draw themselves.

    As ``sample``; it remembers the windows too, so call one of them, once a step.
    """
    ids, p = np.ascontiguousarray(ids, np.uint32), _distributions(p)
    if p.shape != ids.shape or len(p) != len(responses):
        raise InputError(f"marking: {len(responses)} responses, ids {ids.shape} and p {p.shape} do not fit together")
    contexts = _contexts(contexts, len(p), scheme.h)
    keys = np.array([r.key for r in responses], np.uint64).reshape(-1, 2)
    states = np.empty(len(p), np.uint64)
    _states(keys, contexts.astype(np.uint32), states)
    whole = np.all(contexts >= 0, axis=-1).tolist()
    fresh = [
        r.marked and w and (scheme.repeats or r.spend(s))
        for r, w, s in zip(responses, whole, states.tolist(), strict=True)
    ]
    if all(fresh):
        return scheme.tilt(keys, states, ids, p)
    p[fresh] = scheme.tilt(keys[fresh], states[fresh], ids[fresh], p[fresh])
    return p


def candidates(
    logits: NDArray[Any],
    *,
    temperature: float = 1.0,
    top_k: int = 0,
    top_p: float = 1.0,
    temperature_last: bool = False,
) -> tuple[Candidates, FloatArray]:
    """Candidates of one step, likeliest first, for hosts that hand over plain logits[vocabulary].

    Args:
        temperature: above 0; greedy text leaves a mark no room.
        top_k: how many to keep at most, 0 for all; top_p: the share of probability to keep at least.
        temperature_last: the host cuts first, at a temperature of 1, as llama.cpp does; others cut what is warm.

    Returns:
        ids uint32[k] and p float64[k], with a sum of 1.

    Raises:
        ConfigError: an option outside its range. InputError: logits that hold no candidate.
    """
    if not (temperature > 0 and top_k >= 0 and 0 < top_p <= 1):
        raise ConfigError("marking: needs a temperature above 0, top_k of at least 0 and top_p in (0, 1]")
    logits = np.asarray(logits, np.float64)
    if logits.ndim != 1 or not np.isfinite(logits.max(initial=-np.inf)) or np.isnan(logits).any():
        raise InputError("marking: logits must be a flat list of numbers, at least one of them finite")
    below = logits - logits.max()
    p = np.exp(below / (1.0 if temperature_last else temperature))
    p /= p.sum()
    cut = 0 < top_k < len(p)
    # Without top_k: what lies below this adds up to less than 1 - top_p, so none of it is needed, nor sorted.
    least = np.partition(p, -top_k)[-top_k] if cut else (1 - top_p) / len(p)
    kept = np.flatnonzero((p > 0) & (p >= least))
    kept = kept[np.argsort(-p[kept], kind="stable")][: top_k or None]
    before = np.cumsum(p[kept]) - p[kept]
    kept = kept[before < top_p * (p[kept].sum() if cut else 1.0)]
    left = np.exp(below[kept] / temperature) if temperature_last else p[kept]
    return kept.astype(np.uint32), left / left.sum()


def _distributions(p: NDArray[Any]) -> FloatArray:
    """A fresh copy, each row with a sum of 1."""
    p = np.asarray(p, np.float64)
    if p.ndim != 2:
        raise InputError(f"marking: p must have rows of candidates, not shape {p.shape}")
    totals = p.sum(-1, keepdims=True)
    if not ((totals > 0) & (totals < np.inf)).all() or p.min(initial=0.0) < 0:
        bad = ~((totals[:, 0] > 0) & (totals[:, 0] < np.inf) & (p >= 0).all(-1))
        raise InputError(f"marking: row {int(bad.argmax())} of p is no distribution: it needs finite numbers >= 0")
    scaled: FloatArray = p / totals
    return scaled


def _contexts(contexts: NDArray[Any], rows: int, h: int) -> NDArray[np.int64]:
    contexts = np.asarray(contexts, np.int64)
    if contexts.ndim != 2 or len(contexts) != rows or contexts.shape[1] < h:
        raise InputError(f"marking: contexts must be {rows} rows of at least {h} tokens, not shape {contexts.shape}")
    return contexts[:, contexts.shape[1] - h :]


@compiled
def _states(keys, contexts, states):  # type: ignore[no-untyped-def]
    h = contexts.shape[1]
    for row in range(len(contexts)):
        states[row] = window_before(keys[row, 0], keys[row, 1], contexts[row], h, h)


@compiled
def _draw(p, u, drawn):  # type: ignore[no-untyped-def]
    """Inverse distribution function; never a candidate of probability 0, whatever the rounding."""
    for row in range(len(p)):
        left, last = u[row], 0
        for j in range(p.shape[1]):
            if p[row, j] > 0:
                last = j
                left -= p[row, j]
                if left < 0:
                    break
        drawn[row] = last
