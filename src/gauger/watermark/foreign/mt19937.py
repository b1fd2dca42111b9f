"""PyTorch's generator on the processor: MT19937 seeded by 32 bits, and the permutations and coins drawn from it.

Source: Matsumoto & Nishimura 1998 (MT19937, ``init_genrand``); PyTorch's ``randperm`` is the shuffle of Fisher and
Yates from the front, each step's word reduced modulo what is left. Of a seed only the low 32 bits count.
Not claimed: what ``torch.Generator`` gives on a GPU, which is another generator.
"""

# mypy: disable-error-code="no-untyped-call"

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from gauger.compiled import compiled
from gauger.stats import BoolArray, IntArray
from gauger.watermark.corpus import Tokens

_WORDS, _MIDDLE = 624, 397
_TOP, _REST, _A = np.uint32(0x80000000), np.uint32(0x7FFFFFFF), np.uint32(0x9908B0DF)
_GROW = np.uint32(1812433253)
_B, _C = np.uint32(0x9D2C5680), np.uint32(0xEFC60000)
_ONE, _30, _11, _7, _15, _18 = (np.uint32(s) for s in (1, 30, 11, 7, 15, 18))
_FEW = 2  # tokens of one list that are followed through the shuffle; for more it is carried out


def permutation(seed: int, n: int) -> IntArray:
    """``torch.randperm(n)`` after ``manual_seed(seed)``: int64[n]."""
    order = np.empty(n, np.uint32)
    _shuffle(_seeded(np.uint32(seed & 0xFFFFFFFF)), order, max(n - 1, 0), np.empty(_WORDS, np.int64))
    return order.astype(np.int64)


def coins(seed: int, n: int) -> NDArray[np.uint8]:
    """``torch.randint(0, 2, (n,))`` after ``manual_seed(seed)``: uint8[n]."""
    flips = np.empty(n, np.uint8)
    _flip(_seeded(np.uint32(seed & 0xFFFFFFFF)), flips)
    return flips


def among_first(seeds: Tokens, tokens: Tokens, n: int, size: int) -> BoolArray:
    """Is each token among the first ``size`` of ``randperm(n)`` under its seed? bool[len(tokens)]."""
    order = np.argsort(seeds, kind="stable")
    found = np.empty(len(tokens), np.bool_)
    _follow(seeds, tokens, order, n, size, found)
    return found


@compiled
def _seeded(seed):  # type: ignore[no-untyped-def]
    state = np.empty(_WORDS, np.uint32)
    state[0] = seed
    for i in range(1, _WORDS):
        before = state[i - 1]
        state[i] = _GROW * (before ^ (before >> _30)) + np.uint32(i)
    return state


@compiled
def _next_words(state):  # type: ignore[no-untyped-def]
    """The next 624 words of state. In two loops without a branch, so that the compiler takes several at a time."""
    for i in range(_WORDS - _MIDDLE):
        y = (state[i] & _TOP) | (state[i + 1] & _REST)
        state[i] = state[i + _MIDDLE] ^ (y >> _ONE) ^ (_A * (y & _ONE))
    for i in range(_WORDS - _MIDDLE, _WORDS - 1):
        y = (state[i] & _TOP) | (state[i + 1] & _REST)
        state[i] = state[i + _MIDDLE - _WORDS] ^ (y >> _ONE) ^ (_A * (y & _ONE))
    y = (state[_WORDS - 1] & _TOP) | (state[0] & _REST)
    state[_WORDS - 1] = state[_MIDDLE - 1] ^ (y >> _ONE) ^ (_A * (y & _ONE))


@compiled
def _tempered(y):  # type: ignore[no-untyped-def]
    y = y ^ (y >> _11)
    y = y ^ ((y << _7) & _B)
    y = y ^ ((y << _15) & _C)
    return np.uint32(y ^ (y >> _18))


@compiled
def _next_swaps(state, begin, n, swaps):  # type: ignore[no-untyped-def]
    """Partners of the steps from ``begin`` on: how far behind the step each stands. Exact: below 2^53 all is whole."""
    _next_words(state)
    for i in range(_WORDS):
        left, word = np.float64(max(n - begin - i, 1)), np.float64(_tempered(state[i]))
        swaps[i] = np.int64(word - np.floor(word / left) * left)


@compiled
def _shuffle(state, order, steps, swaps):  # type: ignore[no-untyped-def]
    for i in range(len(order)):
        order[i] = i
    for begin in range(0, steps, _WORDS):
        _next_swaps(state, begin, len(order), swaps)
        for i in range(begin, min(begin + _WORDS, steps)):
            j = i + swaps[i - begin]
            order[i], order[j] = order[j], order[i]


@compiled
def _flip(state, flips):  # type: ignore[no-untyped-def]
    for begin in range(0, len(flips), _WORDS):
        _next_words(state)
        for i in range(begin, min(begin + _WORDS, len(flips))):
            flips[i] = _tempered(state[i - begin]) & _ONE


@compiled
def _follow(seeds, tokens, order, n, size, found):  # type: ignore[no-untyped-def]
    """Runs of one seed: few tokens are followed from swap to swap, of many the whole list is made."""
    steps, swaps = min(size, n - 1), np.empty(_WORDS, np.int64)
    shuffled, listed = np.empty(n, np.uint32), np.full(n, -1, np.int64)
    begin = 0
    while begin < len(order):
        seed, end = seeds[order[begin]], begin + 1
        while end < len(order) and seeds[order[end]] == seed:
            end += 1
        if end - begin <= _FEW:
            for k in order[begin:end]:
                found[k] = _place(_seeded(seed), np.int64(tokens[k]), n, steps, swaps) < size
        else:
            _shuffle(_seeded(seed), shuffled, steps, swaps)
            for i in range(size):
                listed[shuffled[i]] = begin
            for k in order[begin:end]:
                found[k] = listed[tokens[k]] == begin
        begin = end


@compiled
def _place(state, place, n, steps, swaps):  # type: ignore[no-untyped-def]
    """Where the token that began at ``place`` stands after so many steps of the shuffle."""
    for begin in range(0, steps, _WORDS):
        _next_swaps(state, begin, n, swaps)
        for i in range(begin, min(begin + _WORDS, steps)):
            j = i + swaps[i - begin]
            if place == j:
                return i  # no later step comes back to it
            if place == i:
                place = j
    return place
