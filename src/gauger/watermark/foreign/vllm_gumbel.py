"""vLLM's own Gumbel mark: uniforms by Philox4x32-10 from the key, the window and the token."""

# mypy: disable-error-code="no-untyped-call"

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from gauger.compiled import compiled
from gauger.errors import ConfigError
from gauger.model import EvidenceKind
from gauger.stats import FloatArray, IntArray
from gauger.stats.betting import Exponential
from gauger.stats.tails import gamma_log_upper
from gauger.watermark.corpus import Tokens
from gauger.watermark.windows import hash_of

MAX_WIDTH = 64

_LOW, _32 = np.uint64(0xFFFFFFFF), np.uint64(32)
_M0, _M1 = np.uint64(0xD2511F53), np.uint64(0xCD9E8D57)
_W0, _W1 = np.uint64(0x9E3779B9), np.uint64(0xBB67AE85)
_CONTEXT, _TOKEN = np.uint64(0x574D4358), np.uint64(0x574D544B)


def derived(key: int, domain: bytes) -> int:
    """One of the two keys that ``dual_key_gumbel`` makes of its key (``key_a``, ``key_b``)."""
    return int.from_bytes(hashlib.sha256(domain + key.to_bytes(8, "big")).digest()[:8], "big")


@dataclass(frozen=True, kw_only=True)
class VllmGumbel:
    """A scored token counts -log(1 - u), u being its uniform of 24 bits.

    Null: the text was made without the key, so the uniforms are. Each is (m + 1) / (2^24 + 1), m one of 2^24.
    Guarantee: P(log_p <= log(alpha)) <= alpha; P(ever log_e >= log(1/alpha)) <= alpha.
    Not claimed: a cryptographic function: Philox hides no key from who sees many uniforms.
    Source: Aaronson 2022; Salmon et al. 2011 for Philox; vLLM 0.30 to 0.33, ``philox4x32-10-v1``.  Deviates: counts
        -log((2^24 - m) / 2^24), which Exp(1) bounds exactly, where vLLM's own score strays from it by 6e-8. A text's
        first tokens, whose window vLLM fills up with -1, are not scored; nor windows that its text had before.

    Attributes:
        key: 64 bits. width: of the window, vLLM's ``context_width``. name: for evidence, which of several keys it is.
    """

    id: ClassVar[str] = "vllm-gumbel"
    kind: ClassVar[EvidenceKind] = "exact"
    vocab_size: ClassVar[int] = 1 << 32
    spends: ClassVar[bool] = True

    key: int
    width: int = 4
    name: str = "key"

    def __post_init__(self) -> None:
        if not 0 <= self.key < 1 << 64:
            raise ConfigError("vllm-gumbel: key must be a whole number of 64 bits, without a sign")
        if not 1 <= self.width <= MAX_WIDTH:
            raise ConfigError(f"vllm-gumbel: context_width must lie between 1 and {MAX_WIDTH}, not {self.width}")

    @property
    def h(self) -> int:
        return self.width

    @property
    def null(self) -> str:
        return f"the text was made without this vllm-gumbel {self.name}, so its uniforms are random"

    @property
    def process(self) -> Exponential:
        return Exponential()

    def params(self) -> Mapping[str, float | int | str]:
        return {"prf": "philox4x32-10-v1", "key_name": self.name}

    def keyed(self, tokens: Tokens, at: IntArray) -> IntArray:
        return at

    def draws(self, tokens: Tokens, at: IntArray) -> IntArray:
        found = np.empty(len(at), np.int64)
        _grams(tokens, at, self.width, found)
        return found

    def distinct(self, tokens: Tokens, at: IntArray) -> IntArray:
        return at

    def words(self, tokens: Tokens, at: IntArray) -> Tokens:
        """The 32 random bits of each token: uint32[len(at)]."""
        found = np.empty(len(at), np.uint32)
        _words(np.uint64(self.key) & _LOW, np.uint64(self.key) >> _32, tokens, at, self.width, found)
        return found

    def sums(self, tokens: Tokens, at: IntArray) -> FloatArray:
        left = (1 << 24) - (self.words(tokens, at) >> np.uint32(8)).astype(np.float64)
        return np.array([len(at), np.log(2.0**24 / left).sum()])

    def log_p(self, sums: FloatArray) -> FloatArray:
        n, total = sums[..., 0], sums[..., 1]
        return np.where(n > 0, gamma_log_upper(total, np.maximum(n, 1)), 0.0)

    def log_floor(self, tokens: Tokens, at: IntArray, sums: FloatArray) -> float:
        return -math.inf


@compiled
def _grams(tokens, at, width, found):  # type: ignore[no-untyped-def]
    for k in range(len(at)):
        found[k] = np.int64(hash_of(tokens, at[k] - width, at[k] + 1, np.uint64(width)))


@compiled
def _philox(a, b, c, d, k0, k1):  # type: ignore[no-untyped-def]
    """Ten rounds on 32-bit words, each held in 64."""
    for _ in range(10):
        p, q = a * _M0, c * _M1
        a, b, c, d = (q >> _32) ^ b ^ k0, q & _LOW, (p >> _32) ^ d ^ k1, p & _LOW
        k0, k1 = (k0 + _W0) & _LOW, (k1 + _W1) & _LOW
    return a, b, c, d


@compiled
def _padded(tokens, begin, end, i):  # type: ignore[no-untyped-def]
    """A window's token, or the filler of the place in its block of four."""
    return np.uint64(tokens[i]) if i < end else _LOW - np.uint64((i - begin) & 3)


@compiled
def _words(k0, k1, tokens, at, width, found):  # type: ignore[no-untyped-def]
    for k in range(len(at)):
        begin, end = at[k] - width, at[k]
        a, b, c, d = _CONTEXT, np.uint64(width), np.uint64(0), np.uint64(0)
        for i in range(begin, end, 4):
            a ^= _padded(tokens, begin, end, i)
            b ^= _padded(tokens, begin, end, i + 1)
            c ^= _padded(tokens, begin, end, i + 2)
            d ^= _padded(tokens, begin, end, i + 3)
            a, b, c, d = _philox(a, b, c, d, k0 ^ np.uint64(i - begin), k1)
        token = np.uint64(tokens[end])
        w = _philox(token >> np.uint64(2), a, b, c, k0 ^ d, k1 ^ _TOKEN)
        found[k] = w[np.int64(token & np.uint64(3))]
