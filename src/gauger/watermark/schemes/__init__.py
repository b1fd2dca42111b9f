"""The schemes: how a keyed value bends the choice of a token, and what it looks like afterwards.

A scheme has two sides that share nothing but the value of (key, window, token):

- marking: ``tilt`` turns the probabilities of the candidates into those that the key prefers;
- reading: ``sums`` folds values into the sums of an e-process whose null is exact, ``log_p`` gives the tail of the same
  sums at a size fixed beforehand.

Values are uniform and independent over distinct (window, token) pairs, whatever the text, if the text was made without
the key: that is all that the nulls need, and why a pair that repeats must be scored once. "Exact" is meant up to
the PRF's pseudo-randomness. A scheme's id is its file.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from gauger.errors import ConfigError
from gauger.stats import FloatArray
from gauger.stats.betting import Process
from gauger.watermark.prf import Words

__all__ = ["Candidates", "Scheme", "checked_width"]

Candidates = NDArray[np.uint32]


class Scheme(Protocol):
    """What marking, detection and tracing need to know of a scheme."""

    @property
    def id(self) -> str:
        """Its name in keys, commands and evidence."""
        ...

    @property
    def h(self) -> int:
        """How many tokens before it a token's value hangs on."""
        ...

    @property
    def repeats(self) -> bool:
        """May a response be marked again after a window that it has used? Not if its distribution is to stay."""
        ...

    @property
    def process(self) -> Process:
        """The e-process over ``observations``."""
        ...

    def params(self) -> Mapping[str, float | int | str]:
        """All that the numbers hang on, for the evidence."""
        ...

    def tilt(self, keys: Words, states: Words, ids: Candidates, p: FloatArray) -> FloatArray:
        """Probabilities after marking.

        Args:
            keys: uint64[rows, 2].
            states: the windows' states, uint64[rows].
            ids: candidate tokens, uint32[rows, k].
            p: their probabilities, float64[rows, k], each row with a sum of 1; padding has probability 0.

        Returns:
            float64[rows, k], each row with a sum of 1, and 0 wherever ``p`` is 0.
        """
        ...

    def observations(self, values: Words) -> FloatArray:
        """What the e-process observes of values uint64[n], in order: float64[n * observations a token]."""
        ...

    def sums(self, values: Words) -> FloatArray:
        """What ``process`` keeps of values uint64[n]: float64[2], the sum of its steps over ``observations``."""
        ...

    def log_p(self, sums: FloatArray) -> FloatArray:
        """log P(a total at least as large) for sums float64[..., 2], their number being fixed: float64[...]."""
        ...

    @property
    def spread(self) -> float:
        """The standard deviation of ``score`` under the null."""
        ...

    def score(self, values: Words) -> FloatArray:
        """One number a token that the key makes larger, of values uint64[...]: float64[...]."""
        ...

    def log_mgf(self, x: FloatArray) -> FloatArray:
        """log E[exp(x score)] under the null, +inf where there is none: float64[...]."""
        ...


def checked_width(name: str, h: Any, *, least: int) -> None:
    """Refuse a window's width that marking could not keep or detection could not find again."""
    if isinstance(h, bool) or not isinstance(h, int) or not least <= h <= 16:
        raise ConfigError(f"{name}: h must be a whole number from {least} to 16, not {h!r}")
