"""Responses as hosts write them: token by token, in rows of a batch, and some places asked for more than once."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import ArrayLike, NDArray

from gauger.errors import ConfigError
from gauger.stats import BoolArray, FloatArray, IntArray
from gauger.watermark.keys import Key
from gauger.watermark.naming import scheme_named
from gauger.watermark.prf import window
from gauger.watermark.sampling import Response, tilt
from gauger.watermark.schemes import Scheme


class Turn(Response):
    """A response whose host says when a token is written; a window counts as used only then.

    What is marked is what detection scores. The first h tokens are sampled plainly, as their windows would reach into
    the prompt. Windows that stand in the prompt are spent: detection drops them, and where the prompt holds an earlier
    answer under the same key, they are used.
    """

    __slots__ = ("_asked", "fresh")

    def __init__(self, key: Key | None) -> None:
        super().__init__(None if key is None else key.secret)
        self._asked: int | None = None
        self.fresh = False

    def read(self, scheme: Scheme, prompt: ArrayLike, written: ArrayLike = ()) -> None:
        """Take up what is there already: the prompt, and tokens of the response from before a pause."""
        if self.marked and not scheme.repeats:
            for tokens in (np.asarray(prompt, np.uint64), np.asarray(written, np.uint64)[:-1]):
                if len(tokens) >= scheme.h:
                    self.used.update(window(self.key, sliding_window_view(tokens, scheme.h)).tolist())

    def spend(self, state: int) -> bool:
        self._asked = state
        self.fresh = state not in self.used
        return self.fresh

    def wrote(self) -> None:
        """The host has written the token that was asked for last."""
        if self._asked is not None:
            self.used.add(self._asked)
            self._asked = None


def common_scheme(keys: Iterable[Key | None]) -> Scheme | None:
    """The scheme of all keys of a batch; None if there is no key.

    Raises:
        ConfigError: the keys are for several schemes.
    """
    names = sorted({key.context.scheme for key in keys if key is not None})
    if len(names) > 1:
        raise ConfigError(f"marking: a batch has keys for {len(names)} schemes ({', '.join(names)}): split it")
    return scheme_named(names[0]) if names else None


def contexts(written: Sequence[Sequence[int]], h: int) -> NDArray[np.int64]:
    """The last h tokens of each response, int64[rows, h]; -1 where there is none yet."""
    rows = np.full((len(written), h), -1, np.int64)
    for row, tokens in zip(rows, written, strict=True):
        last = tokens[max(len(tokens) - h, 0) :]
        row[h - len(last) :] = last
    return rows


def due(turns: Sequence[Turn], before: NDArray[np.int64]) -> IntArray:
    """The rows that have a key and a whole window, int64[m]. The others are the host's own."""
    return np.flatnonzero(np.array([turn.marked for turn in turns], np.bool_) & (before >= 0).all(-1))


def bend(
    scheme: Scheme, turns: Sequence[Turn], before: NDArray[np.int64], ids: NDArray[Any], p: NDArray[Any]
) -> tuple[BoolArray, FloatArray]:
    """``sampling.tilt`` for rows that are ``due``: which of them it bent, bool[m], and to what, float64[m, k].

    A row whose window was used already is left to the host too.
    """
    after = tilt(scheme, turns, before, ids, p)
    return np.array([scheme.repeats or turn.fresh for turn in turns], np.bool_), after
