"""The keyed function in torch, bit for bit ``gauger.watermark.prf``, on whatever device the tensors are.

Torch has no shifts or comparisons of unsigned words on every device. So a 64-bit word is an int64 with the same
bits: sums wrap around by themselves, and a right shift is masked, because it would drag the sign along.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from gauger.watermark import prf


def _signed(word: int) -> int:
    return word - (1 << 64) if word >> 63 else word


_START = tuple(_signed(w) for w in (0x736F6D6570736575, 0x646F72616E646F6D, 0x6C7967656E657261, 0x7465646279746573))

Words = tuple[Tensor, Tensor, Tensor, Tensor]


def key_words(secrets: Sequence[bytes], device: torch.device | str | None = None) -> Tensor:
    """``prf.key_words`` as int64[len(secrets), 2] with the same bits."""
    return torch.from_numpy(prf.key_words(secrets).view(np.int64)).to(device)


def siphash(keys: Tensor, words: Tensor) -> Tensor:
    """SipHash-2-4 of each row: keys int64[..., 2] and words int64[..., n] to int64[...]; both broadcast."""
    k0, k1 = keys[..., 0], keys[..., 1]
    state: Words = (k0 ^ _START[0], k1 ^ _START[1], k0 ^ _START[2], k1 ^ _START[3])
    for i in range(words.shape[-1]):
        state = _absorb(state, words[..., i])
    a, b, c, d = _absorb(state, torch.tensor(_signed(words.shape[-1] << 59), device=words.device))
    state = (a, b, c ^ 0xFF, d)
    for _ in range(4):
        state = _round(*state)
    return state[0] ^ state[1] ^ state[2] ^ state[3]


def window(keys: Tensor, contexts: Tensor) -> Tensor:
    """The state after the tokens contexts int64[..., h], oldest first: int64[...]. h may be 0."""
    count = contexts.new_full((*contexts.shape[:-1], 1), contexts.shape[-1])
    return siphash(keys, torch.cat([count, contexts], dim=-1))


def value(keys: Tensor, windows: Tensor, tokens: Tensor) -> Tensor:
    """64 random bits for each token after its window, int64; the arguments broadcast."""
    return siphash(keys, torch.stack(torch.broadcast_tensors(windows, tokens), dim=-1))


def uniform(values: Tensor) -> Tensor:
    """Values as float64 in (0, 1), as ``prf.uniform`` maps them."""
    return (_right(values, 12).double() + 0.5) * 2.0**-52


def _right(word: Tensor, bits: int) -> Tensor:
    return (word >> bits) & ((1 << (64 - bits)) - 1)


def _rotated(word: Tensor, bits: int) -> Tensor:
    return (word << bits) | _right(word, 64 - bits)


def _round(a: Tensor, b: Tensor, c: Tensor, d: Tensor) -> Words:
    a, c = a + b, c + d
    b, d = _rotated(b, 13) ^ a, _rotated(d, 16) ^ c
    a, c = _rotated(a, 32) + d, c + b
    b, d = _rotated(b, 17) ^ c, _rotated(d, 21) ^ a
    return a, b, _rotated(c, 32), d


def _absorb(state: Words, word: Tensor) -> Words:
    a, b, c, d = state
    a, b, c, d = _round(*_round(a, b, c, d ^ word))
    return a ^ word, b, c, d
