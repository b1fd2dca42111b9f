"""Marks that other software laid: read from token ids and the configuration that the software was given.

    reader = HfKgw(key=99, gamma=0.25, vocab_size=32000, seeding="lefthash", width=1)
    found = read(reader, texts, subject="suspect-7")

A reader computes what the other software computed, bit for bit, from its published definition and without it. What is
ours is the test: each draw counts once over the whole corpus, and none that the text's own prompt has, also where the
other hash gives two windows the same draw; and the null allows for what the hash does. Keys of such software are short
numbers, so that no digest of them may be shown: anybody could try all.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from typing import Any, Protocol

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import ArrayLike, NDArray

from gauger.model import Evidence, EvidenceKind
from gauger.stats import BoolArray, FloatArray, IntArray
from gauger.stats.betting import Process, State
from gauger.stats.calibrators import mixture
from gauger.watermark.corpus import Tokens, select
from gauger.watermark.detection import why

__all__ = ["Reader", "read"]

_MIX = np.uint64(0x9E3779B97F4A7C15)


class Reader(Protocol):
    """One mark of other software under one key."""

    @property
    def id(self) -> str:
        """Its name in commands and evidence."""
        ...

    @property
    def h(self) -> int:
        """How many tokens before it a token's score hangs on."""
        ...

    @property
    def vocab_size(self) -> int:
        """Ids from here on have no draw."""
        ...

    @property
    def kind(self) -> EvidenceKind:
        """``exact``, if the null needs no more than that the hash acts as random; else ``model``."""
        ...

    @property
    def null(self) -> str:
        """What is tested, in words."""
        ...

    @property
    def spends(self) -> bool:
        """Did the software leave a window unmarked that its response had used before?"""
        ...

    @property
    def process(self) -> Process:
        """The e-process over scores."""
        ...

    def params(self) -> Mapping[str, float | int | str]:
        """All that the numbers hang on, except the key."""
        ...

    def keyed(self, tokens: Tokens, at: IntArray) -> IntArray:
        """Those of the positions ``at`` whose draw hangs on the key: int64[at most len(at)], in order.

        Raises:
            InputError: ids beyond the vocabulary.
        """
        ...

    def draws(self, tokens: Tokens, at: IntArray) -> IntArray:
        """The draw of each of the positions, by a name: int64[len(at)]."""
        ...

    def distinct(self, tokens: Tokens, at: IntArray) -> IntArray:
        """Those of the positions ``at`` that are draws of their own: int64[at most len(at)], in order."""
        ...

    def sums(self, tokens: Tokens, at: IntArray) -> FloatArray:
        """What ``process`` keeps of the scores at those positions: float64[2]."""
        ...

    def log_p(self, sums: FloatArray) -> FloatArray:
        """log P(a total at least as large), their number being fixed."""
        ...

    def log_floor(self, tokens: Tokens, at: IntArray, sums: FloatArray) -> float:
        """The same over keys, with the tokens as they are: what a text reaches that was written against the hash.

        -inf where the hash gives nothing to write against, or none is known.
        """
        ...


def read(
    reader: Reader, texts: Sequence[ArrayLike], *, prompts: Sequence[ArrayLike] | None = None, subject: str
) -> Evidence:
    """Evidence that texts carry a mark of other software. Nothing to score is evidence of zero, and says why.

    Null: the texts were made without the reader's key; see the reader for what that makes of scores.
    Guarantee: P(ever log_e >= log(1/alpha)) <= alpha as texts are added in an order set without the key;
        P(params["log_p"] <= log(alpha)) <= alpha for a corpus fixed beforehand.  Not claimed: that the software made
        the text: its keys are short, often its default, and anybody who knows them can mark.
    Source: the reader's.  Deviates: the reader's.

    Raises:
        InputError: token ids that are none, or that the reader's vocabulary does not have.
    """
    rows = [np.asarray(text) for text in texts]
    keep = [first_uses(row, reader.h) for row in rows] if reader.spends else None
    chosen = select(rows, h=reader.h, prompts=prompts, keep=keep)
    keyed = reader.keyed(chosen.tokens, chosen.at)
    fresh = keyed if prompts is None else _unprompted(reader, chosen.tokens, keyed, rows, prompts)
    at = reader.distinct(chosen.tokens, fresh)
    totals = reader.sums(chosen.tokens, at)
    keyless, tally = len(chosen.at) - len(keyed), chosen.tally
    tally = replace(
        tally,
        scored=len(at),
        left_out=tally.left_out + keyless,
        in_prompt=tally.in_prompt + len(keyed) - len(fresh),
        repeated=tally.repeated + len(fresh) - len(at),
    )
    floor = reader.log_floor(chosen.tokens, at, totals) if len(at) else 0.0
    log_p = max(float(reader.log_p(totals)), floor) + 0.0
    log_e = min(float(reader.process.log_e(State(len(at), totals))), float(mixture(floor))) if len(at) else 0.0
    return Evidence(
        subject=subject,
        null=reader.null,
        kind=reader.kind,
        method=f"watermark-{reader.id}",
        params={
            "scheme": reader.id,
            "h": reader.h,
            **reader.params(),
            **asdict(tally),
            "keyless": keyless,
            "log_p": log_p,
        },
        log_e=log_e,
        n=len(at),
        anytime=True,
        inputs=(chosen.digest,),
        why=why(tally, reader.h) + f"; of those left out, {keyless:,} have a list that no key changes" * bool(keyless),
    )


def _unprompted(
    reader: Reader, tokens: Tokens, at: IntArray, texts: Sequence[NDArray[Any]], prompts: Sequence[ArrayLike]
) -> IntArray:
    """Those of the positions whose draw their text's prompt does not have: int64[at most len(at)], in order.

    A hash that does not look at a whole window gives a copy with other words in it the draws of what it copies.
    """
    draws, fresh = reader.draws(tokens, at), np.ones(len(at), np.bool_)
    begins = np.searchsorted(at, np.cumsum([0, *map(len, texts)]))
    for begin, end, prompt in zip(begins[:-1], begins[1:], prompts, strict=True):
        asked = np.asarray(prompt, np.uint32)
        if len(asked) > reader.h:  # a picture's placeholders, say, are beyond the vocabulary
            whole = sliding_window_view(asked < reader.vocab_size, reader.h + 1).all(-1)
            known = reader.draws(asked, reader.h + np.flatnonzero(whole))
            fresh[begin:end] = ~np.isin(draws[begin:end], known)
    return at[fresh]


def first_uses(text: ArrayLike, h: int) -> BoolArray:
    """Where the window before a token stands there for the first time in the text: bool[n]; True within the first h."""
    row = np.asarray(text)
    first = np.ones(len(row), np.bool_)
    if len(row) > h:
        state = np.zeros(len(row) - h, np.uint64)
        for j in range(h):
            state = (state ^ row[j : len(row) - h + j].astype(np.uint64)) * _MIX
            state ^= state >> np.uint64(29)
        first[h:] = False
        first[h + np.unique(state, return_index=True)[1]] = True
    return first


def first_of(pairs: IntArray) -> IntArray:
    """Where each value stands for the first time, in order: int64[distinct]."""
    first: IntArray = np.sort(np.unique(pairs, return_index=True)[1])
    return first
