"""Windows of token ids as 64-bit hashes, and those of a prompt."""

# mypy: disable-error-code="no-untyped-def"

from __future__ import annotations

import numpy as np

from gauger.compiled import compiled

_MIX_A, _MIX_B = np.uint64(0x9E3779B97F4A7C15), np.uint64(0xD6E8FEB86659FD93)
_HALF, _SOME = np.uint64(32), np.uint64(29)


@compiled
def hash_of(tokens, begin, end, state):
    """Each token stirred into the state by steps that can be undone, so that two windows meet only by chance."""
    for i in range(begin, end):
        state = (state ^ np.uint64(tokens[i])) * _MIX_A
        state = (state ^ (state >> _HALF)) * _MIX_B
        state ^= state >> _SOME
    return state


@compiled
def windows(context, h):
    """States of the windows in a prompt, sorted. Of empty windows its tokens take the place."""
    width = max(h, 1)
    found = np.empty(max(len(context) - width + 1, 0), np.uint64)
    for i in range(len(found)):
        found[i] = hash_of(context, i, i + width, np.uint64(h))
    return np.sort(found)


@compiled
def holds(states, state):
    """Whether a sorted array has it."""
    i = np.searchsorted(states, state)
    return i < len(states) and states[i] == state
