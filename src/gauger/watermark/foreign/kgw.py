"""Green lists that a permutation of the vocabulary draws: transformers' ``WatermarkingConfig`` and MarkLLM's KGW."""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar, Literal

import numpy as np

from gauger.errors import ConfigError, InputError
from gauger.model import EvidenceKind
from gauger.stats import BoolArray, FloatArray, IntArray
from gauger.stats.betting import Bernoulli
from gauger.stats.tails import binomial_log_upper
from gauger.watermark.corpus import Tokens
from gauger.watermark.foreign import first_of
from gauger.watermark.foreign.mt19937 import among_first, permutation

TABLE = 1_000_003  # of transformers' selfhash
MAX_VOCABULARY, MAX_WIDTH = 1 << 22, 64


@dataclass(frozen=True, kw_only=True)
class PermutedGreenlist:
    """A window seeds a permutation of the vocabulary, whose first gamma V tokens are green.

    Null: the text was made without the key; so the lists are random, and each draw is scored once. Of one list, whose
        tokens are drawn without replacement, at most ``cap`` = V / 1000 (but 1) are scored. Given those before, each is
        then green with probability at most G / (V - cap + 1), which is tested instead of gamma.
    Guarantee: P(log_p <= log(alpha)) <= alpha; P(ever log_e >= log(1/alpha)) <= alpha.
    Not claimed: a secret: the default key is public, and lists can be learned from answers. Anything of the lists of
        seed 0 and -1, which are not scored: after token 0, or where a power of 2 in the key cancels all else, they come
        whatever the key is, so that anybody can write to them.
    Source: Kirchenbauer et al. 2023, 2024; transformers 5, ``WatermarkLogitsProcessor``; MarkLLM 0.1.5.  Deviates: a
        draw is what seed and token the software came to, not the window: windows that share a seed count once.

    Attributes:
        key: the software's hashing key. gamma: share of the vocabulary that is green. vocab_size: V, the model's.
    """

    id: ClassVar[str]
    kind: ClassVar[EvidenceKind] = "exact"
    spends: ClassVar[bool] = False

    key: int
    gamma: float
    vocab_size: int

    def __post_init__(self) -> None:
        if not 2 <= self.vocab_size <= MAX_VOCABULARY:
            raise ConfigError(f"{self.id}: vocab_size must lie between 2 and {MAX_VOCABULARY:,}, not {self.vocab_size}")
        if not 0 < self.gamma < 1 or not 0 < self.green < self.vocab_size:
            raise ConfigError(f"{self.id}: a share of {self.gamma} of {self.vocab_size:,} tokens leaves no list")
        if not 0 <= self.key < 1 << 63:
            raise ConfigError(f"{self.id}: the hashing key must be a whole number from 0 to 2^63 - 1")

    @property
    @abstractmethod
    def h(self) -> int: ...

    @abstractmethod
    def seeds(self, tokens: Tokens, at: IntArray) -> Tokens:
        """The low 32 bits of the generator's seed for each token: uint32[len(at)]."""

    @property
    def null(self) -> str:
        return f"the text was made without this {self.id} key, so its green lists are random permutations"

    @property
    def green(self) -> int:
        return int(self.vocab_size * self.gamma)

    @property
    def cap(self) -> int:
        return max(1, self.vocab_size // 1000)

    @property
    def process(self) -> Bernoulli:
        return Bernoulli(p0=self.green / (self.vocab_size - self.cap + 1))

    def params(self) -> Mapping[str, float | int | str]:
        sizes = {"vocab_size": self.vocab_size, "green": self.green, "of_one_list": self.cap}
        return {"prf": "torch-mt19937", **sizes, "p0": self.process.p0}

    def keyed(self, tokens: Tokens, at: IntArray) -> IntArray:
        if len(tokens) and tokens.max() >= self.vocab_size:
            raise InputError(
                f"token id {tokens.max():,} is beyond the vocabulary of {self.vocab_size:,}: "
                "the text is of another tokenizer, or vocab_size is not that of the model's configuration"
            )
        return at[self.seeds(tokens, at) + np.uint32(1) > 1]  # neither 0 nor -1

    def draws(self, tokens: Tokens, at: IntArray) -> IntArray:
        return self.seeds(tokens, at).astype(np.int64) << 32 | tokens[at]

    def distinct(self, tokens: Tokens, at: IntArray) -> IntArray:
        draws = self.draws(tokens, at)
        first = first_of(draws)
        return at[first[_rank(draws[first] >> 32) < self.cap]]

    def flags(self, tokens: Tokens, at: IntArray) -> BoolArray:
        """Is each of these tokens green? bool[len(at)]."""
        return among_first(self.seeds(tokens, at), tokens[at], self.vocab_size, self.green)

    def sums(self, tokens: Tokens, at: IntArray) -> FloatArray:
        green = int(np.count_nonzero(self.flags(tokens, at)))
        return np.array([green, len(at) - green], np.float64)

    def log_p(self, sums: FloatArray) -> FloatArray:
        return binomial_log_upper(sums[..., 0], sums.sum(-1), self.process.p0)

    def log_floor(self, tokens: Tokens, at: IntArray, sums: FloatArray) -> float:
        return -math.inf


@dataclass(frozen=True, kw_only=True)
class HfKgw(PermutedGreenlist):
    """transformers. ``lefthash`` looks at the last token alone, whatever its width; ``selfhash`` also at the token."""

    id = "hf-kgw"
    seeding: Literal["lefthash", "selfhash"]
    width: int

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.seeding not in ("lefthash", "selfhash"):
            raise ConfigError(f"hf-kgw: seeding_scheme is lefthash or selfhash, not {self.seeding!r}")
        if not self.key:
            raise ConfigError("hf-kgw: under a hashing key of 0 all lists are one, which anybody knows")
        if not 1 <= self.width <= MAX_WIDTH:
            raise ConfigError(f"hf-kgw: context_width must lie between 1 and {MAX_WIDTH}, not {self.width}")

    @property
    def h(self) -> int:
        return 1 if self.seeding == "lefthash" else self.width - 1

    @cached_property
    def table(self) -> IntArray:
        return permutation(self.key, TABLE) + 1

    def seeds(self, tokens: Tokens, at: IntArray) -> Tokens:
        if self.seeding == "lefthash":
            return _each(tokens[at - 1], lambda token: self.key * token % (2**64 - 1))
        hashed, least = self.table[tokens % TABLE], np.full(len(at), np.iinfo(np.int64).max)
        own = hashed[at] * self.key  # 64 bits that wrap around, and so may be negative
        for back in range(self.width):
            least = np.minimum(least, own * hashed[at - back])
        return (least.astype(np.uint64) - (least < 0)).astype(np.uint32)  # modulo 2^64 - 1, as above


@dataclass(frozen=True, kw_only=True)
class MarkllmKgw(PermutedGreenlist):
    """MarkLLM. Seeds are reduced modulo the vocabulary, so there are no more lists than tokens.

    Hence of kind "model": anybody can make all lists, and see that a token is green in more of them than others: of V
    lists the best in gamma + 4 sqrt(gamma (1 - gamma) / V) or so. A text of such tokens, written for that, is greener
    than gamma under every key. A key that shares a factor with the vocabulary has fewer lists still.
    """

    id = "markllm-kgw"
    kind: ClassVar[EvidenceKind] = "model"
    window: Literal["left", "self"]
    f: Literal["time", "additive", "skip", "min"]
    prefix: int

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.window not in ("left", "self") or self.f not in ("time", "additive", "skip", "min"):
            raise ConfigError("markllm-kgw: window_scheme is left or self, f_scheme is time, additive, skip or min")
        if self.window == "left" and self.key % self.vocab_size == 0:
            raise ConfigError(
                "markllm-kgw: under a hash_key that vocab_size divides all lists are one, which anybody knows"
            )
        if not 1 <= self.prefix <= MAX_WIDTH:
            raise ConfigError(f"markllm-kgw: prefix_length must lie between 1 and {MAX_WIDTH}, not {self.prefix}")

    @property
    def h(self) -> int:
        return self.prefix

    @cached_property
    def table(self) -> IntArray:
        return permutation(self.key, self.vocab_size)

    def seeds(self, tokens: Tokens, at: IntArray) -> Tokens:
        before = [tokens[at - 1 - back].astype(np.int64) for back in range(self.prefix)]
        folded = before[-1] if self.f == "skip" else before[0]
        for token in before[1:] if self.f in ("time", "additive") else ():  # below V^2 < 2^44 at each step
            folded = (folded * token if self.f == "time" else folded + token) % self.vocab_size
        hashed = self.table[folded % self.vocab_size]
        if self.f == "min":
            hashed = np.min([self.table[token] for token in before], axis=0)
        if self.window == "self":
            return (hashed * self.table[tokens[at]] % self.vocab_size).astype(np.uint32)
        return _each(hashed, lambda value: self.key * value % self.vocab_size)


def _each(values: IntArray | Tokens, f: Callable[[int], int]) -> Tokens:
    """The low 32 bits of f of each value, in whole numbers of any size: f is asked once for each distinct value."""
    distinct, where = np.unique(values, return_inverse=True)
    return np.array([f(value) & 0xFFFFFFFF for value in distinct.tolist()], np.uint32)[where]


def _rank(seeds: IntArray) -> IntArray:
    """How many of the same seed stand before each: int64[n]."""
    order = np.argsort(seeds, kind="stable")
    ranked, ranks = seeds[order], np.empty(len(seeds), np.int64)
    ranks[order] = np.arange(len(seeds)) - np.searchsorted(ranked, ranked)
    return ranks
