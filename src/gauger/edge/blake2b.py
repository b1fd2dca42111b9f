"""BLAKE2b of many spans of one buffer at once, without the interpreter's lock.

Two digests a line, one call each to hashlib, were a seventh of the time that reading a log takes, and all threads
waited for one another there. Source: RFC 7693. `hashlib.blake2b` is the definition; the tests compare.
"""

from __future__ import annotations

import numpy as np
from numba import uint64

from gauger.compiled import compiled
from gauger.edge.kernel import kernel, word

_BLOCK = 128  # bytes
_IV = np.array(
    [
        *(0x6A09E667F3BCC908, 0xBB67AE8584CAA73B, 0x3C6EF372FE94F82B, 0xA54FF53A5F1D36F1),
        *(0x510E527FADE682D1, 0x9B05688C2B3E6C1F, 0x1F83D9ABFB41BD6B, 0x5BE0CD19137E2179),
    ],
    np.uint64,
)
_PARAMETERS = np.uint64(0x01010000 | 8)  # no key, one lane, a digest of 8 bytes
_MORE, _LAST = np.uint64(0), np.uint64(0xFFFFFFFFFFFFFFFF)  # the flag of a block
_ORDER = np.array(
    [
        [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15],
        [14, 10, 4, 8, 9, 15, 13, 6, 1, 12, 0, 2, 11, 7, 5, 3],
        [11, 8, 12, 0, 5, 2, 15, 13, 10, 14, 3, 6, 7, 1, 9, 4],
        [7, 9, 3, 1, 13, 12, 11, 14, 2, 6, 5, 10, 4, 0, 15, 8],
        [9, 0, 5, 7, 2, 4, 10, 15, 14, 1, 11, 12, 6, 8, 3, 13],
        [2, 12, 6, 10, 0, 11, 8, 3, 4, 13, 7, 5, 15, 14, 1, 9],
        [12, 5, 1, 15, 14, 13, 4, 10, 0, 7, 6, 3, 9, 2, 8, 11],
        [13, 11, 7, 14, 12, 1, 3, 9, 5, 0, 15, 4, 8, 6, 2, 10],
        [6, 15, 14, 9, 11, 3, 0, 8, 12, 2, 13, 7, 1, 4, 10, 5],
        [10, 2, 8, 4, 7, 6, 1, 5, 15, 11, 9, 14, 3, 12, 13, 0],
        [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15],
        [14, 10, 4, 8, 9, 15, 13, 6, 1, 12, 0, 2, 11, 7, 5, 3],
    ],
    np.uint64,  # numba asks of a signed index each time whether it counts from the end
)


@compiled
def digests(text, begins, middles, ends):  # type: ignore[no-untyped-def]
    """64 bits of BLAKE2b of text[begin:middle] and of text[begin:end], uint64 each; 0 of an empty first part.

    Args:
        text: uint8. begins, middles, ends: (n,) int64, begin <= middle <= end.
    """
    first, whole = np.zeros(len(begins), np.uint64), np.empty(len(begins), np.uint64)
    state, branch = np.empty(8, np.uint64), np.empty(8, np.uint64)
    words = np.empty(16, np.uint64)
    for i in range(len(begins)):
        begin, middle, end = begins[i], middles[i], ends[i]
        state[:] = _IV
        state[0] ^= _PARAMETERS
        at = begin
        while middle - at > _BLOCK:
            _compress(state, text, at, at + _BLOCK, at + _BLOCK - begin, _MORE, words)
            at += _BLOCK
        if middle > begin:
            branch[:] = state
            _compress(branch, text, at, middle, middle - begin, _LAST, words)
            first[i] = branch[0]
        while end - at > _BLOCK:
            _compress(state, text, at, at + _BLOCK, at + _BLOCK - begin, _MORE, words)
            at += _BLOCK
        _compress(state, text, at, end, end - begin, _LAST, words)
        whole[i] = state[0]
    return first, whole


@kernel
def _compress(state, text, begin, end, count, flag, words):  # type: ignore[no-untyped-def]
    """Take one block, padded with zeros, into the state; `count` bytes were taken with it."""
    whole = (end - begin) >> 3
    for k in range(whole):
        words[k] = word(text, begin + 8 * k)
    words[whole:] = 0
    for at in range(begin + 8 * whole, end):
        words[whole] |= uint64(text[at]) << uint64(8 * ((at - begin) & 7))
    a, b, c, d, e, f, g, h = state[0], state[1], state[2], state[3], state[4], state[5], state[6], state[7]
    i, j, k, m, n, o, p, q = _IV[0], _IV[1], _IV[2], _IV[3], _IV[4] ^ uint64(count), _IV[5], _IV[6] ^ flag, _IV[7]
    for r in range(12):  # in plain variables, which stay in registers: a third of the time of an array
        s = _ORDER[r]
        a, e, i, n = _mix(a, e, i, n, words[s[0]], words[s[1]])
        b, f, j, o = _mix(b, f, j, o, words[s[2]], words[s[3]])
        c, g, k, p = _mix(c, g, k, p, words[s[4]], words[s[5]])
        d, h, m, q = _mix(d, h, m, q, words[s[6]], words[s[7]])
        a, f, k, q = _mix(a, f, k, q, words[s[8]], words[s[9]])
        b, g, m, n = _mix(b, g, m, n, words[s[10]], words[s[11]])
        c, h, i, o = _mix(c, h, i, o, words[s[12]], words[s[13]])
        d, e, j, p = _mix(d, e, j, p, words[s[14]], words[s[15]])
    state[0], state[1], state[2], state[3] = state[0] ^ a ^ i, state[1] ^ b ^ j, state[2] ^ c ^ k, state[3] ^ d ^ m
    state[4], state[5], state[6], state[7] = state[4] ^ e ^ n, state[5] ^ f ^ o, state[6] ^ g ^ p, state[7] ^ h ^ q


@kernel
def _mix(a, b, c, d, x, y):  # type: ignore[no-untyped-def]
    a = a + b + x
    d = _turned(d ^ a, 32)
    c = c + d
    b = _turned(b ^ c, 24)
    a = a + b + y
    d = _turned(d ^ a, 16)
    c = c + d
    return a, _turned(b ^ c, 63), c, d


@kernel
def _turned(word, bits):  # type: ignore[no-untyped-def]
    return (word >> uint64(bits)) | (word << uint64(64 - bits))
