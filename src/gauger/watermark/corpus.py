"""Which tokens of which texts are scored: each (window, token) once over the whole corpus, none from the prompt.

This is what keeps the nulls of the schemes exact on text that repeats itself. It looks at tokens only, never at a key,
so it is done once, however many keys are tried afterwards.

Null: none of its own. Any rule that picks tokens without looking at the key leaves a scheme's null as it was.
Guarantee: no two picked tokens share window and token, here and over all calls that share a ``Seen``.
Not claimed: that none is lost: two pairs whose 64-bit hashes meet count as one (n^2 / 2^65 of n, so 3e-4 at 10^8).
Source: Kirchenbauer et al. 2023 (unique n-grams); Fernandez et al. 2023, "Three bricks". Sander et al. 2024 for windows
that stand in the prompt.  Deviates: hashed, so that 10^8 tokens need no sorting; and see ``quotation``.
"""

# mypy: disable-error-code="no-untyped-call"

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from gauger.compiled import compiled
from gauger.errors import InputError
from gauger.model import digest
from gauger.stats import BoolArray, IntArray
from gauger.watermark.prf import Words
from gauger.watermark.quotation import MARGIN, WIDTH, near_seeds
from gauger.watermark.windows import hash_of, holds, windows

Tokens = NDArray[np.uint32]

_HALF = np.uint64(32)  # of the bits, the upper hang on all of a product; a table has fewer than 2^32 slots
_SCORED, _SHORT, _LEFT_OUT, _IN_PROMPT, _REPEATED = range(5)


@dataclass(frozen=True, slots=True, kw_only=True)
class Tally:
    """What became of a corpus' tokens; the parts add up to ``tokens``.

    Attributes:
        scored: looked at by the test. short: without a full window before them in their text.
        left_out: by the caller's mask. in_prompt: their window stands in their text's prompt, or they lie in a
            quotation of it.
        repeated: their (window, token) was scored before.
    """

    tokens: int
    scored: int
    short: int
    left_out: int
    in_prompt: int
    repeated: int

    def __add__(self, other: Tally) -> Tally:
        return Tally(**{name: getattr(self, name) + getattr(other, name) for name in self.__slots__})


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Selection:
    """Tokens to score, in the order of the texts.

    Attributes:
        tokens: all texts, one after the other, uint32[tally.tokens].
        at: where in ``tokens`` the scored ones stand, int64[tally.scored].
        h: the width of the windows. digest: of the texts, prompts and mask.
    """

    tokens: Tokens
    at: IntArray
    h: int
    tally: Tally
    digest: str


class Seen:
    """The pairs that were scored, as hashes. A corpus that comes in parts shares one among its calls of ``select``.

    Where a hash stands in the table hangs on a number drawn anew: else a text could be written to crowd a corner of it.
    """

    __slots__ = ("count", "spread", "table")

    def __init__(self) -> None:
        self.table: Words = np.zeros(1024, np.uint64)
        self.count = 0
        self.spread = np.uint64(secrets.randbits(64) | 1)

    def reserve(self, more: int) -> None:
        """Room for so many more at a load of at most one half."""
        size = 1 << max(2 * (self.count + more) - 1, 1).bit_length()
        if size > len(self.table):
            old, self.table = self.table[self.table != 0], np.zeros(size, np.uint64)
            _refill(self.table, old, self.spread)


def select(
    texts: Sequence[ArrayLike],
    *,
    h: int,
    prompts: Sequence[ArrayLike] | None = None,
    keep: Sequence[ArrayLike] | None = None,
    seen: Seen | None = None,
    repeats: bool = False,
) -> Selection:
    """Choose the tokens to score.

    Args:
        texts: token ids of each, int[n].
        h: the scheme's window. prompts: the token ids that each text answers, where known.
        keep: for each text bool[n]: False leaves a token out. It must come from the text alone (say, from how sure
            a model without the mark is of the token), never from a key.
        seen: what earlier parts of the corpus held; it is added to.
        repeats: select a pair as often as it comes. Then nothing may be scored pair by pair.

    Raises:
        InputError: ids that are no whole numbers from 0 to 2^32 - 1, or lists of different lengths.
    """
    seen = Seen() if seen is None else seen
    tokens, starts = joined("text", texts, len(texts))
    context, context_starts = joined("prompt", [[]] * len(texts) if prompts is None else prompts, len(texts))
    mask = _mask(keep, starts)
    fate, pairs = np.empty(len(tokens), np.uint8), np.empty(len(tokens), np.uint64)
    _judge(tokens, starts, context, context_starts, mask, h, fate, pairs)
    begin = len(tokens) if repeats else 0
    while begin < len(tokens):
        end = min(len(tokens), begin + max(1 << 24, seen.count))  # so the table grows with what it holds
        seen.reserve(end - begin)
        seen.count += _keep_first(pairs[begin:end], fate[begin:end], seen.table, seen.spread)
        begin = end
    counts = np.bincount(fate, minlength=5).tolist()
    tally = Tally(
        tokens=len(tokens),
        scored=counts[_SCORED],
        short=counts[_SHORT],
        left_out=counts[_LEFT_OUT],
        in_prompt=counts[_IN_PROMPT],
        repeated=counts[_REPEATED],
    )
    inputs = (tokens, starts, context, context_starts, mask)
    return Selection(tokens=tokens, at=np.flatnonzero(fate == _SCORED), h=h, tally=tally, digest=digest_of(inputs))


def joined(what: str, rows: Sequence[ArrayLike], n: int) -> tuple[Tokens, IntArray]:
    """All rows in one array, and where each begins: uint32[total], int64[n + 1]."""
    if len(rows) != n:
        raise InputError(f"selection: {n} texts, but {len(rows)} {what}s: give one for each, empty where there is none")
    arrays = [_ids(f"{what} {k}", row) for k, row in enumerate(rows)]
    starts = np.cumsum([0, *map(len, arrays)], dtype=np.int64)
    return np.concatenate([np.empty(0, np.uint32), *arrays]), starts


def _ids(where: str, row: ArrayLike) -> Tokens:
    array = np.asarray(row)
    if array.size == 0 and array.ndim == 1:
        return np.empty(0, np.uint32)
    if array.ndim != 1 or array.dtype.kind not in "iu" or array.min() < 0 or array.max() >= 1 << 32:
        raise InputError(f"{where} (counted from 0): token ids must be a flat list of whole numbers from 0 to 2^32 - 1")
    return array.astype(np.uint32)


def _mask(keep: Sequence[ArrayLike] | None, starts: IntArray) -> BoolArray:
    """One mask for all tokens; an empty one keeps all."""
    if keep is None:
        return np.ones(0, np.bool_)
    rows = [np.asarray(row, np.bool_) for row in keep]
    if [len(row) for row in rows] != np.diff(starts).tolist():
        raise InputError("selection: keep must hold one mask for each text, of the text's length")
    return np.concatenate([np.empty(0, np.bool_), *rows])


def digest_of(arrays: Sequence[NDArray[Any]]) -> str:
    """Of each array's length and little-endian bytes."""
    parts = [a.astype(a.dtype.newbyteorder("<"), copy=False).tobytes() for a in arrays]
    return digest(b"gauger-tokens-v1" + b"".join(len(p).to_bytes(8, "little") + p for p in parts))


@compiled
def _judge(tokens, starts, context, context_starts, mask, h, fate, pairs):  # type: ignore[no-untyped-def]
    """Each token's fate but for repeats, and the hash of its pair where it may be scored."""
    for text in range(len(starts) - 1):
        begin, end, prompt = starts[text], starts[text + 1], context[context_starts[text] : context_starts[text + 1]]
        seeds = windows(prompt, WIDTH)
        spent = seeds if h == WIDTH else windows(prompt, h)
        quoted = near_seeds(tokens, begin, end, seeds, WIDTH + MARGIN, MARGIN)
        for at in range(begin, end):
            if at - begin < h:
                fate[at] = _SHORT
            elif len(mask) and not mask[at]:
                fate[at] = _LEFT_OUT
            else:
                state = hash_of(tokens, at - h, at, np.uint64(h))
                pairs[at] = hash_of(tokens, at, at + 1, state)
                in_prompt = quoted[at - begin] or holds(spent, state if h else pairs[at])
                fate[at] = _IN_PROMPT if in_prompt else _SCORED


@compiled
def _keep_first(pairs, fate, table, spread):  # type: ignore[no-untyped-def]
    """Mark what the table holds already as repeated; returns how many were new.

    A loop of its own, without the hashing, so that the processor waits for several slots at a time.
    """
    new = 0
    for i in range(len(pairs)):
        if fate[i] == _SCORED:
            if _insert(table, pairs[i], spread):
                new += 1
            else:
                fate[i] = _REPEATED
    return new


@compiled
def _insert(table, pair, spread):  # type: ignore[no-untyped-def]
    """Open addressing with linear probing; True if the pair is new. 0 marks an empty slot."""
    pair = pair if pair != 0 else np.uint64(1)
    last = np.uint64(len(table) - 1)
    slot = (pair * spread) >> _HALF & last
    while table[slot] != 0:
        if table[slot] == pair:
            return False
        slot = (slot + np.uint64(1)) & last
    table[slot] = pair
    return True


@compiled
def _refill(table, pairs, spread):  # type: ignore[no-untyped-def]
    for pair in pairs:
        _insert(table, pair, spread)
