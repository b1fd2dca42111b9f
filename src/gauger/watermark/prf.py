"""The keyed pseudo-random function under every mark: SipHash-2-4 over little-endian 64-bit words.

    window(key, tokens)       = SipHash(key, count, token, token, ...)   the state that the tokens before leave
    value(key, window, token) = SipHash(key, window, token)              64 bits for one token after it
    uniform(value)            = ((value >> 12) + 1/2) / 2^52             strictly between 0 and 1

A key is the first 16 bytes of a derived secret, as two words. The message of n words is 8 n bytes, so it is SipHash of
those bytes to the letter. The steps are written once: ``register_jitable`` leaves them plain Python, which works on
numpy arrays of any shape, and lets numba compile the very same lines into the kernels at the end of this file.

Source: Aumasson & Bernstein 2012, "SipHash: a fast short-input PRF".  Deviates: nothing. Not claimed: more than the
64 bits of output allow; two of 2^32 distinct windows share a state by chance.
"""

# mypy: disable-error-code="no-untyped-call"

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numba.extending import register_jitable
from numpy.typing import NDArray

from gauger.compiled import compiled
from gauger.errors import ConfigError

VERSION = "siphash-2-4/1"
"""Enters every ``Evidence``: another function, layout of words or mapping to (0, 1) gets another number."""

Words = NDArray[np.uint64]
SECRET_BYTES = 32

_SHIFTS = {b: (np.uint64(b), np.uint64(64 - b)) for b in (13, 16, 17, 21, 32)}
_L13, _R13 = _SHIFTS[13]
_L16, _R16 = _SHIFTS[16]
_L17, _R17 = _SHIFTS[17]
_L21, _R21 = _SHIFTS[21]
_L32, _R32 = _SHIFTS[32]
_V0, _V1 = np.uint64(0x736F6D6570736575), np.uint64(0x646F72616E646F6D)
_V2, _V3 = np.uint64(0x6C7967656E657261), np.uint64(0x7465646279746573)
_LENGTH = np.uint64(59)  # 8 n bytes, in the highest byte of the last word: n << 3 << 56
_FINAL = np.uint64(0xFF)
_TWELVE = np.uint64(12)


def key_words(secrets: Sequence[bytes]) -> Words:
    """The PRF's keys, uint64[len(secrets), 2].

    Raises:
        ConfigError: a secret that is not 32 bytes long.
    """
    if any(not isinstance(s, bytes) or len(s) != SECRET_BYTES for s in secrets):
        raise ConfigError(f"a watermark secret is {SECRET_BYTES} bytes: give what the key file's key was derived to")
    return np.frombuffer(b"".join(s[:16] for s in secrets), dtype="<u8").astype(np.uint64).reshape(-1, 2)


def siphash(keys: Words, words: Words) -> Words:
    """SipHash-2-4 of each row: keys uint64[..., 2] and words uint64[..., n] to uint64[...]; both broadcast."""
    keys, words = np.asarray(keys, np.uint64), np.asarray(words, np.uint64)
    with np.errstate(over="ignore"):  # words wrap around; numpy warns of it for scalars
        state = _start(keys[..., 0], keys[..., 1])
        for i in range(words.shape[-1]):
            state = _absorb(*state, words[..., i])
        hashed: Words = np.asarray(_finish(*state, np.uint64(words.shape[-1])))
        return hashed


def window(keys: Words, contexts: NDArray[Any]) -> Words:
    """The state after the tokens contexts int[..., h], oldest first: uint64[...]. h may be 0."""
    contexts = np.asarray(contexts, np.uint64)
    count = np.full((*contexts.shape[:-1], 1), contexts.shape[-1], np.uint64)
    return siphash(keys, np.concatenate([count, contexts], axis=-1))


def value(keys: Words, windows: Words, tokens: NDArray[Any]) -> Words:
    """64 random bits for each token after its window; the arguments broadcast."""
    windows, tokens = np.broadcast_arrays(np.asarray(windows, np.uint64), np.asarray(tokens, np.uint64))
    return siphash(keys, np.stack([windows, tokens], axis=-1))


@register_jitable
def uniform(values):  # type: ignore[no-untyped-def]
    """Values (uint64, scalar or array) as float64 in (0, 1): 2^52 points, and 1 - u is one of them.

    A 53rd bit would not do: (2^53 - 1) + 1/2 is no float64, and would round to an end, 1.
    """
    return ((values >> _TWELVE) + 0.5) * 2.0**-52


@register_jitable
def _round(a, b, c, d):  # type: ignore[no-untyped-def]
    a, c = a + b, c + d
    b, d = ((b << _L13) | (b >> _R13)) ^ a, ((d << _L16) | (d >> _R16)) ^ c
    a, c = ((a << _L32) | (a >> _R32)) + d, c + b
    b, d = ((b << _L17) | (b >> _R17)) ^ c, ((d << _L21) | (d >> _R21)) ^ a
    return a, b, (c << _L32) | (c >> _R32), d


@register_jitable
def _start(k0, k1):  # type: ignore[no-untyped-def]
    return _V0 ^ k0, _V1 ^ k1, _V2 ^ k0, _V3 ^ k1


@register_jitable
def _absorb(a, b, c, d, word):  # type: ignore[no-untyped-def]
    a, b, c, d = _round(a, b, c, d ^ word)
    a, b, c, d = _round(a, b, c, d)
    return a ^ word, b, c, d


@register_jitable
def _finish(a, b, c, d, n):  # type: ignore[no-untyped-def]
    a, b, c, d = _absorb(a, b, c, d, n << _LENGTH)
    c = c ^ _FINAL
    for _ in range(4):
        a, b, c, d = _round(a, b, c, d)
    return a ^ b ^ c ^ d


@compiled
def window_before(k0, k1, tokens, at, h):  # type: ignore[no-untyped-def]
    """``window`` of tokens[at - h : at], for kernels. tokens uint32[n]."""
    a, b, c, d = _start(k0, k1)
    a, b, c, d = _absorb(a, b, c, d, np.uint64(h))
    for i in range(at - h, at):
        a, b, c, d = _absorb(a, b, c, d, np.uint64(tokens[i]))
    return _finish(a, b, c, d, np.uint64(h + 1))


@compiled
def value_of(k0, k1, state, token):  # type: ignore[no-untyped-def]
    """``value`` of one token, for kernels."""
    a, b, c, d = _start(k0, k1)
    a, b, c, d = _absorb(a, b, c, d, state)
    a, b, c, d = _absorb(a, b, c, d, np.uint64(token))
    return _finish(a, b, c, d, np.uint64(2))
