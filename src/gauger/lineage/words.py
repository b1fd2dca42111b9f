"""Answers as hashed words and signs: all that the statistics of behaviour see of a text."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gauger.compiled import compiled
from gauger.stats import BoolArray, IntArray

Hashes = NDArray[np.uint64]
Bytes = NDArray[np.uint8]

ENDS = b".!?:\n"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Tokens:
    """Texts, one after another.

    Attributes:
        hashes: uint64[n]. word: bool[n], False for a sign. starts: int64[texts + 1], into both.
    """

    hashes: Hashes
    word: BoolArray
    starts: IntArray

    def words(self) -> tuple[Hashes, IntArray]:
        """The words alone: their hashes and where each text's begin."""
        before = np.concatenate([[0], np.cumsum(self.word)])
        return self.hashes[self.word], before[self.starts]

    def opening(self, longest: int) -> tuple[Hashes, IntArray]:
        """The first ``longest`` words and signs of each text, and where each text's begin."""
        made = self.part(self.starts[:-1], np.minimum(np.diff(self.starts), longest))
        return made.hashes, made.starts

    def sentence_starts(self) -> tuple[Hashes, IntArray]:
        """What each sentence and line begins with (after . ! ? : or a line's end), and where each text's begin."""
        ends = tokenize(np.frombuffer(ENDS, dtype=np.uint8), np.arange(len(ENDS) + 1)).hashes
        end = np.isin(self.hashes, ends)
        first = np.concatenate([[False], end[:-1]]) if len(end) else end
        first[self.starts[:-1][np.diff(self.starts) > 0]] = True
        first &= ~end
        before = np.concatenate([[0], np.cumsum(first)])
        return self.hashes[first], before[self.starts]

    def take(self, texts: IntArray) -> Tokens:
        """Some of the texts, in the order given: indices int64[k]."""
        return self.part(self.starts[texts], np.diff(self.starts)[texts])

    def part(self, first: IntArray, size: IntArray) -> Tokens:
        """Of each text ``size`` tokens from the place ``first`` on, int64[k]."""
        starts = np.concatenate([[0], np.cumsum(size)])
        place = np.arange(starts[-1]) - np.repeat(starts[:-1] - first, size)
        return Tokens(hashes=self.hashes[place], word=self.word[place], starts=starts)


def packed(texts: Sequence[str]) -> tuple[Bytes, IntArray]:
    """Texts as UTF-8, one after another, and where each begins: int64[texts + 1]."""
    data = [text.encode("utf-8", "replace") for text in texts]
    return np.frombuffer(b"".join(data), dtype=np.uint8), np.cumsum([0, *map(len, data)])


def tokenize(text: Bytes, offsets: IntArray) -> Tokens:
    """Split UTF-8 texts. text: uint8[n]; offsets: int64[texts + 1].

    A word is a run of letters and digits; A to Z are folded. Of scripts that put no spaces between words (U+0E00 to
    U+109F, U+1780 to U+17FF, U+3000 to U+DFFF) each character is one. A sign is any other character but the space.
    """
    text = text.view()
    text.flags.writeable = False  # the kernel is compiled anew for what can be written to
    starts = np.zeros(len(offsets), dtype=np.int64)
    none, no_words = np.empty(0, dtype=np.uint64), np.empty(0, dtype=np.bool_)
    _split(text, offsets, starts, none, no_words, False)
    hashes, word = np.empty(starts[-1], dtype=np.uint64), np.empty(starts[-1], dtype=np.bool_)
    _split(text, offsets, starts, hashes, word, True)
    return Tokens(hashes=hashes, word=word, starts=starts)


def spelled(text: bytes, first: int, words: int) -> str:
    """Some words of a text, from the ``first`` on, with single spaces between: what hashes stand for, to be shown."""
    found, at = list[bytes](), 0
    while at < len(text) and len(found) < first + words:
        kind, size = _kind.py_func(text, at)
        stop = min(at + size, len(text))
        while kind == 1 and stop < len(text) and _kind.py_func(text, stop)[0] == 1:
            stop += 1
        if kind in (1, 3):
            found.append(text[at:stop])
        at = stop
    return b" ".join(found[first:]).decode("utf-8", "replace").casefold()


def grams(hashes: Hashes, starts: IntArray, n: int) -> tuple[Hashes, IntArray]:
    """Hashes of the runs of ``n`` within each text, and where each text's begin."""
    size = np.maximum(np.diff(starts) - n + 1, 0)
    begins = np.concatenate([[0], np.cumsum(size)])
    out = np.empty(begins[-1], dtype=np.uint64)
    _runs(hashes, starts, begins, n, out)
    return out, begins


def changes(values: Hashes | IntArray) -> BoolArray:
    """Where a value is not the one before it, bool[n]."""
    made = np.ones(len(values), dtype=np.bool_)
    made[1:] = values[1:] != values[:-1]
    return made


@compiled
def _runs(hashes: Hashes, starts: IntArray, begins: IntArray, n: int, out: Hashes) -> None:
    for t in range(len(starts) - 1):
        for k in range(begins[t + 1] - begins[t]):
            h = np.uint64(n)
            for j in range(n):
                h = _mixed(h ^ hashes[starts[t] + k + j])
            out[begins[t] + k] = h


@compiled(inline="always")
def _mixed(h: np.uint64) -> np.uint64:
    h = h * np.uint64(0x9E3779B97F4A7C15)
    return h ^ (h >> np.uint64(29))


@compiled(inline="always")
def _kind(text: Bytes, at: int) -> tuple[int, int]:
    """What begins here: 0 a space, 1 part of a word, 2 a sign, 3 a word of its own; and its length in bytes."""
    byte = text[at]
    if byte == 32:
        return 0, 1
    if byte < 128:
        return (1 if 97 <= byte <= 122 or 65 <= byte <= 90 or 48 <= byte <= 57 else 2), 1
    if byte in (0xC2, 0xE2):  # U+0080 to U+00BF; U+2000 to U+2FFF: quotes, dashes, bullets, arrows
        return 2, 2 if byte == 0xC2 else 3
    if byte >= 0xF0:  # emoji and the rest beyond U+FFFF
        return 2, 4
    whole = byte >= 0xE0 and at + 2 < len(text)
    code = (byte & 0x0F) << 12 | (text[at + 1] & 0x3F) << 6 | text[at + 2] & 0x3F if whole else 0
    # Thai, Lao, Tibetan and Burmese; Khmer; Chinese, Japanese, Korean and their neighbours
    return (3, 3) if 0x0E00 <= code <= 0x109F or 0x1780 <= code <= 0x17FF or 0x3000 <= code <= 0xDFFF else (1, 1)


@compiled
def _split(text: Bytes, offsets: IntArray, starts: IntArray, hashes: Hashes, word: BoolArray, fill: bool) -> None:
    """Count the tokens of each text into ``starts``; with ``fill``, write them too."""
    n = 0
    for t in range(len(offsets) - 1):
        at, end = offsets[t], offsets[t + 1]
        while at < end:
            kind, size = _kind(text, at)
            stop = min(at + size, end)
            while kind == 1 and stop < end and _kind(text, stop)[0] == 1:
                stop += 1
            if kind != 0:
                if fill:
                    h = np.uint64(kind == 2)
                    for i in range(at, stop):
                        byte = text[i] + 32 if 65 <= text[i] <= 90 else text[i]
                        h = _mixed(h ^ np.uint64(byte + 1))
                    hashes[n], word[n] = h, kind != 2
                n += 1
            at = stop
        starts[t + 1] = n
