"""Tournament bits as transformers' ``SynthIDTextWatermarkingConfig`` draws them: coins of a table, by a linear hash."""

# mypy: disable-error-code="no-untyped-call"

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from gauger.compiled import compiled
from gauger.errors import ConfigError
from gauger.model import EvidenceKind
from gauger.stats import FloatArray, IntArray
from gauger.stats.betting import Bernoulli
from gauger.stats.tails import binomial_log_upper
from gauger.watermark.corpus import Tokens
from gauger.watermark.foreign import first_of
from gauger.watermark.foreign.mt19937 import coins
from gauger.watermark.foreign.shifts import log_tail, totals

MAX_TABLE, MAX_WIDTH, MAX_KEYS = 1 << 24, 64, 1024

_FACTOR = np.int64(6364136223846793005)


@dataclass(frozen=True, kw_only=True)
class HfSynthId:
    """An n-gram's hash and a layer's key point into a table of coins; a scored token counts how many of its are 1.

    Null: the text was made without the keys, so that each coin is one of the table's at random: a 1 with the share
        that the table has, which is not 1/2: one of 65,536 strays by 0.2 %, enough for false alarms at 10^6 bits.
    Guarantee: P(log_p <= log(alpha)) <= alpha; P(ever log_e >= log(1/alpha)) <= alpha, if that null holds. With a table
        of 2^s, also for a fixed text that was written against the table, over keys whose low s bits are random: then
        each layer sees the text's coins at a random shift, which has a tail of its own, and the larger one is told.
    Not claimed: that it is exact, hence of kind "model": with a table of another size, or keys that are all small, who
        knows the table can write text that strays further than a binomial; and log_e allows for it in fixed text only.
    Source: Dathathri et al. 2024; transformers 5, ``SynthIDTextWatermarkLogitsProcessor``.  Deviates: scores are not
        weighted by layer. With a table of 2^s, only the low s bits of the hash count: n-grams that agree in them have
        the same coins under every key and are scored once, so that at most 2^s tokens of a corpus are.

    Attributes:
        ngram_len: the window and the token. keys: one a layer; those that point to the same coins count once.
        table_seed, table_size: of the table. coins: the table itself, of a text that a GPU marked.
    """

    id: ClassVar[str] = "hf-synthid"
    kind: ClassVar[EvidenceKind] = "model"
    vocab_size: ClassVar[int] = 1 << 32
    spends: ClassVar[bool] = True

    ngram_len: int
    keys: tuple[int, ...]
    table_seed: int = 0
    table_size: int = 1 << 16
    coins: tuple[int, ...] | None = None

    def __post_init__(self) -> None:
        if not 2 <= self.ngram_len <= MAX_WIDTH:
            raise ConfigError(f"hf-synthid: ngram_len must lie between 2 and {MAX_WIDTH}, not {self.ngram_len}")
        if not 1 <= len(self.keys) <= MAX_KEYS or not all(-(1 << 63) <= key < 1 << 63 for key in self.keys):
            raise ConfigError(f"hf-synthid: keys must be 1 to {MAX_KEYS} whole numbers of 64 bits, with their signs")
        if not 2 <= self.table_size <= MAX_TABLE or not 0 <= self.table_seed < 1 << 63:
            raise ConfigError(
                f"hf-synthid: sampling_table_size must lie between 2 and {MAX_TABLE:,}, its seed from 0 to 2^63 - 1"
            )
        if self.coins is not None and (len(self.coins) != self.table_size or not set(self.coins) <= {0, 1}):
            raise ConfigError(f"hf-synthid: sampling_table must hold sampling_table_size = {self.table_size:,} coins")
        if not 0 < self.table.mean() < 1:
            raise ConfigError("hf-synthid: all coins of the sampling table are the same, so they tell nothing")

    @property
    def h(self) -> int:
        return self.ngram_len - 1

    @property
    def null(self) -> str:
        return "the text was made without these hf-synthid keys, so its coins are the sampling table's at random"

    @cached_property
    def table(self) -> NDArray[np.uint8]:
        given = self.coins
        return coins(self.table_seed, self.table_size) if given is None else np.array(given, np.uint8)

    @cached_property
    def layers(self) -> IntArray:
        """The keys that draw different coins: int64[layers]."""
        size = self.table_size if self._folds else 1 << 64
        return np.array([*{key % size: key for key in self.keys}.values()], np.int64)

    @property
    def process(self) -> Bernoulli:
        return Bernoulli(p0=float(self.table.mean()))

    def params(self) -> Mapping[str, float | int | str]:
        return {
            "prf": "transformers-lcg",
            "layers": len(self.layers),
            "table_size": self.table_size,
            "p0": self.process.p0,
        }

    def keyed(self, tokens: Tokens, at: IntArray) -> IntArray:
        return at

    def draws(self, tokens: Tokens, at: IntArray) -> IntArray:
        hashed = np.empty(len(at), np.int64)
        _hash(tokens, at, self.ngram_len, hashed)
        return hashed & (self.table_size - 1) if self._folds else hashed

    def distinct(self, tokens: Tokens, at: IntArray) -> IntArray:
        return at[first_of(self.draws(tokens, at))]

    def flags(self, tokens: Tokens, at: IntArray) -> NDArray[np.uint8]:
        """The coins of each token, layer by layer: uint8[len(at), layers]."""
        hashed, drawn = np.empty(len(at), np.int64), np.empty((len(at), len(self.layers)), np.uint8)
        _hash(tokens, at, self.ngram_len, hashed)
        _draw(hashed, self.layers, self.table, drawn)
        return drawn

    def sums(self, tokens: Tokens, at: IntArray) -> FloatArray:
        ones = sum(
            int(self.flags(tokens, at[begin : begin + 8192]).sum(dtype=np.int64)) for begin in range(0, len(at), 8192)
        )
        return np.array([ones, len(at) * len(self.layers) - ones], np.float64)

    def log_p(self, sums: FloatArray) -> FloatArray:
        return binomial_log_upper(sums[..., 0], sums.sum(-1), self.process.p0)

    def log_floor(self, tokens: Tokens, at: IntArray, sums: FloatArray) -> float:
        if not self._folds:
            return -math.inf
        hashed = np.empty(len(at), np.int64)
        _hash(tokens, at, self.ngram_len, hashed)
        size = self.table_size
        around = self.table[(np.arange(size) * _FACTOR + 1) % size]  # the coins by the hash's low bits, for a key of 0
        return log_tail(totals(hashed & (size - 1), around), len(self.layers), float(sums[0]))

    @property
    def _folds(self) -> bool:
        """Is the table's size a power of two, so that only low bits of the hash count?"""
        return self.table_size & (self.table_size - 1) == 0


@compiled
def _hash(tokens, at, n, hashed):  # type: ignore[no-untyped-def]
    """Of the n tokens up to each position, in 64 bits that wrap around."""
    for i in range(len(at)):
        state = np.int64(1)
        for j in range(at[i] - n + 1, at[i] + 1):
            state = (state + np.int64(tokens[j])) * _FACTOR + 1
        hashed[i] = state


@compiled
def _draw(hashed, keys, table, drawn):  # type: ignore[no-untyped-def]
    for i in range(len(hashed)):
        for layer in range(len(keys)):
            drawn[i, layer] = table[((hashed[i] + keys[layer]) * _FACTOR + 1) % len(table)]
