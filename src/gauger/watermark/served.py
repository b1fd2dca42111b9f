"""The windows of what we served: where a student can have learnt from us, and where its predictions are read.

Both uses keep the null because a window is met before the key's values after it are looked at. Marking reads the
values of (window, any token) only once the window stands there, so whether a window is among those served says
nothing of its values, however much it says of other windows'.
"""

# mypy: disable-error-code="no-untyped-call"

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from gauger.compiled import compiled
from gauger.errors import ConfigError
from gauger.stats import BoolArray, IntArray
from gauger.watermark.corpus import Tokens, digest_of, joined
from gauger.watermark.prf import Words
from gauger.watermark.quotation import REACH, WIDTH, near_seeds
from gauger.watermark.windows import hash_of, windows


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Served:
    """Windows that stand in our outputs.

    Attributes:
        states: their hashes, ascending, each once, uint64[n]. h: their width. digest: of the outputs.
    """

    states: Words
    h: int
    digest: str


def served(outputs: Sequence[ArrayLike], *, h: int) -> Served:
    """The windows of served outputs (token ids of each, int[n]).

    Raises:
        ConfigError: an h of 0, whose one window stands everywhere. InputError: ids that are none.
    """
    _check_width(h)
    rows, starts, tails = _with_tails(outputs, None, h)
    states, whole = _states(rows, starts, h)
    return Served(states=np.unique(states[whole]), h=h, digest=digest_of((rows, starts, tails)))


def stand_in(rows: NDArray[np.uint32], windows: Served) -> BoolArray:
    """Which windows, uint32[n, h], stand in our outputs: bool[n].

    Null: none of its own.
    Guarantee: an e-value of texts fixed beforehand stays one if only what follows these windows is scored: in the order
        of service each is kept or not before the key's values after it are looked at.
    Not claimed: anything if outputs were left out by what they say, as those that fail are: then the key decides which
        windows are kept. That a running e-process over the texts stays one: what was kept of earlier texts tells which
        windows were served, hence a little of values that later texts are scored by, so look at planned times only
        (``stats.merging.Looks``). Nor that a tail for a fixed size holds: how many are kept hangs on the key.
    Source: Sander et al. 2024, "Watermarking makes language models radioactive" (the filter on k-grams).
        Deviates: it keeps by the window alone, never by window and token: served pairs are those with high values.
    """
    states, whole = _states(rows.ravel(), np.arange(len(rows) + 1) * windows.h, windows.h, after=1)
    return np.isin(states[whole], windows.states)


def reading_places(
    outputs: Sequence[ArrayLike], *, h: int, prompts: Sequence[ArrayLike] | None = None
) -> list[IntArray]:
    """Of each served output, in the order of service, the places whose window stands there for the first time.

    A place is the index of the token to be predicted. Only there is a prediction free of the key's values after the
    window: a model that copies from its own context would else look as if it had learnt from us. Windows that stand in
    the output's own prompt, and what follows four tokens of it, are left out for the same reason. One that reaches
    into the prompt is met, but no place.

    Raises:
        ConfigError: an h of 0. InputError: ids that are none, or lists of different lengths.
    """
    _check_width(h)
    rows, starts, tails = _with_tails(outputs, prompts, h)
    states, whole = _states(rows, starts, h)
    at = np.flatnonzero(whole & _behind(starts, tails))
    first = np.sort(at[np.unique(states[at], return_index=True)[1]])
    context, context_starts = joined("prompt", [[]] * len(outputs) if prompts is None else prompts, len(outputs))
    asked, asked_whole = _states(context, context_starts, h, after=1)
    found = []
    for k in range(len(outputs)):
        begin = starts[k] + tails[k]
        mine = first[np.searchsorted(first, begin + h) : np.searchsorted(first, starts[k + 1])]
        prompt = slice(context_starts[k] + k, context_starts[k + 1] + k + 1)
        spent = asked[prompt][asked_whole[prompt]]
        seeds = windows(context[context_starts[k] : context_starts[k + 1]], WIDTH)
        own = near_seeds(rows, begin, starts[k + 1], seeds, 0, REACH + 1)
        found.append(mine[~np.isin(states[mine], spent) & ~own[mine - begin]] - begin)
    return found


def _with_tails(
    outputs: Sequence[ArrayLike], prompts: Sequence[ArrayLike] | None, h: int
) -> tuple[Tokens, IntArray, IntArray]:
    """Each output behind the last h tokens of its prompt, where each row begins, and how long each tail is."""
    tokens, starts = joined("output", outputs, len(outputs))
    if prompts is None:
        return tokens, starts, np.zeros(len(outputs), np.int64)
    context, context_starts = joined("prompt", prompts, len(outputs))
    tails = np.minimum(np.diff(context_starts), h)
    rows = [
        part
        for k in range(len(outputs))
        for part in (
            context[context_starts[k + 1] - tails[k] : context_starts[k + 1]],
            tokens[starts[k] : starts[k + 1]],
        )
    ]
    joint = np.concatenate([np.empty(0, np.uint32), *rows])
    return joint, starts + np.concatenate([[0], np.cumsum(tails)]), tails


def _behind(starts: IntArray, tails: IntArray) -> BoolArray:
    """Which tokens of the rows are the outputs' own."""
    sizes = np.diff(starts)
    within: BoolArray = np.arange(starts[-1]) - np.repeat(starts[:-1], sizes) >= np.repeat(tails, sizes)
    return within


def _check_width(h: int) -> None:
    if h < 1:
        raise ConfigError("radioactivity: a window of width 0 stands everywhere: use a scheme with h of at least 1")


def _states(tokens: Tokens, starts: IntArray, h: int, after: int = 0) -> tuple[Words, BoolArray]:
    """The hash of the window before each token, and whether it is whole; ``after``: one more behind each text."""
    size = len(tokens) + after * (len(starts) - 1)
    states, whole = np.zeros(size, np.uint64), np.zeros(size, np.bool_)
    _fill(tokens, starts, h, after, states, whole)
    return states, whole


@compiled
def _fill(tokens, starts, h, after, states, whole):  # type: ignore[no-untyped-def]
    to = 0
    for text in range(len(starts) - 1):
        for at in range(starts[text], starts[text + 1] + after):
            if at - starts[text] >= h:
                states[to] = hash_of(tokens, at - h, at, np.uint64(h))
                whole[to] = True
            to += 1
