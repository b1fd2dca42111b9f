"""What a suspect says after a window, and how often: its text, turned into predictions that can be bet on.

Where the mark was learnt, the suspect says what the key preferred *more often* than others do. Scoring each pair of
window and token once throws the number away; counting each time would break the null, for repeats are no fresh
evidence. So each window counts once, as one place of a ``Reading``: the tokens after it are weighed by how often they
came, less how often they come in unmarked text, and the bet is the open model's (``reading.bets``).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from gauger.model import digest
from gauger.stats import FloatArray, IntArray
from gauger.watermark.corpus import Selection, select
from gauger.watermark.reading import Reading
from gauger.watermark.served import Served, keep_served

CANDIDATES = 32  # tokens of a window that are bet on, those of the largest weight
_FEW = 10.0  # a share of n counts is shrunk towards 0 by n / (n + _FEW)
_NO_TOKEN = np.uint32(1 << 31)  # ids from here on fill a place up: no vocabulary is as large


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Habits:
    """Which token came how often after which window.

    Attributes:
        pairs: windows and the token after them, uint32[n, h + 1], ascending, each once. counts: int64[n].
    """

    pairs: NDArray[np.uint32]
    counts: IntArray

    @classmethod
    def of(cls, selection: Selection) -> Habits:
        """Of selected tokens, each time they stand there."""
        around = selection.at[:, None] + np.arange(-selection.h, 1)
        return cls._summed(selection.tokens[around], np.ones(len(around), np.int64))

    def __add__(self, other: Habits) -> Habits:
        pairs = np.concatenate([self.pairs, other.pairs])
        return self._summed(pairs, np.concatenate([self.counts, other.counts]))

    @classmethod
    def none(cls, h: int) -> Habits:
        """Nothing was said."""
        return cls(pairs=np.empty((0, h + 1), np.uint32), counts=np.empty(0, np.int64))

    @property
    def windows(self) -> int:
        """How many different ones."""
        return len(np.unique(_groups(self.pairs[:, :-1])[1]))

    @property
    def digest(self) -> str:
        """Of pairs and counts."""
        parts = (self.pairs.astype("<u4"), self.counts.astype("<i8"))
        return digest(
            b"gauger-habits-v1" + len(self.counts).to_bytes(8, "little") + b"".join(p.tobytes() for p in parts)
        )

    @classmethod
    def _summed(cls, pairs: NDArray[np.uint32], counts: IntArray) -> Habits:
        order, group = _groups(pairs)
        begins = np.flatnonzero(np.diff(group, prepend=-1))
        summed = np.bincount(group, counts[order]).astype(np.int64)
        return cls(pairs=pairs[order[begins]], counts=summed)


def said(texts: Sequence[ArrayLike], windows: Served, *, prompts: Sequence[ArrayLike] | None = None) -> Selection:
    """All tokens after a window that we served, those after the same one too; not where it stands in the prompt."""
    return select(texts, h=windows.h, prompts=prompts, keep=keep_served(texts, windows), repeats=True)


def predictions(suspect: Habits, unmarked: Habits) -> Reading:
    """A suspect's habits as a place for each of its windows, weighed by how far they are from what is unmarked.

    Null: as ``reading.log_e``, of texts that were made without the key. The weights hang on texts alone.
    Guarantee: the e-value of the places is one for texts fixed beforehand, whatever is called unmarked.
    Not claimed: a running e-process over texts: which windows were served hangs on the key. Look at planned times
        (``stats.merging.Looks``).
    Source: Sander et al. 2024 for the windows; the weights are ours.  Deviates: each window counts once, by the shares
        of all that was said after it, where the source counts each pair once.

    Args:
        unmarked: of unmarked text of the same kind, empty if there is none.
    """
    h = suspect.pairs.shape[1] - 1
    joint = np.concatenate([suspect.pairs, unmarked.pairs])
    order, group = _groups(joint)
    counts = np.concatenate([suspect.counts, unmarked.counts])[order]
    theirs = order < len(suspect.pairs)
    rows = joint[order[np.flatnonzero(np.diff(group, prepend=-1))]]
    mine = np.bincount(group, np.where(theirs, counts, 0)).astype(np.float64)
    return _weighed(rows, h, mine, np.bincount(group, counts) - mine)


def _weighed(pairs: NDArray[np.uint32], h: int, mine: FloatArray, others: FloatArray) -> Reading:
    """Of ascending pairs, how often each party said them."""
    window = np.cumsum(np.any(pairs[1:, :h] != pairs[:-1, :h], axis=1)) if len(pairs) else np.empty(0, np.int64)
    window = np.concatenate([np.zeros(min(len(pairs), 1), np.int64), window])
    n, m = np.bincount(window, mine)[window], np.bincount(window, others)[window]
    weights = (mine - n * others / (m + _FEW)) / (n + _FEW)
    order = np.lexsort((-np.abs(weights), window))
    order = order[n[order] > 0]
    where, place = np.unique(window[order], return_inverse=True)
    rank = np.arange(len(order)) - np.searchsorted(place, place)
    order, place, rank = (a[rank < CANDIDATES] for a in (order, place, rank))
    ids = np.tile(_NO_TOKEN + np.arange(CANDIDATES, dtype=np.uint32), (len(where), 1))
    table = np.zeros(ids.shape)
    ids[place, rank], table[place, rank] = pairs[order, h], weights[order]
    windows = pairs[order[rank == 0], :h]
    return Reading(windows=windows, ids=ids, weights=table)


def _groups(rows: NDArray[np.uint32]) -> tuple[IntArray, IntArray]:
    """The order in which rows ascend, and of each ordered row the number of its group of equal ones."""
    order = np.lexsort(rows.T[::-1])
    ordered = rows[order]
    fresh = np.any(ordered[1:] != ordered[:-1], axis=1)
    return order, np.concatenate([np.zeros(min(len(rows), 1), np.int64), np.cumsum(fresh)])
