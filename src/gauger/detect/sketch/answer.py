"""The answer's sketch: its layout, which is the same for all answers to one template."""

# numba compiles these: no keyword-only arguments, no sets.
# ruff: noqa: PLR1714
# mypy: allow-untyped-defs, disable-error-code="assignment, no-untyped-call"

from __future__ import annotations

import numpy as np
from numba import uint64

from gauger.compiled import compiled
from gauger.detect.sketch.words import (
    CLASS,
    DIGIT,
    LETTER,
    NOTHING,
    PRIME,
    REGION,
    SEED,
    closing,
    is_key,
    mix,
    points_in,
)

STOPS = np.zeros(256, np.bool_)
STOPS[[10, 13, 34]] = True


@compiled
def bucket(n):
    """0, 1, 2, 3-4, 5-8, 9-16, more: coarse, that one list item more or less is the same layout."""
    k = 0
    while k < 6 and n > ((1 << k) >> 1):
        k += 1
    return k


@compiled
def next_stop(data, i, end):
    """Where a line that has begun ends or quotes, or the end: most bytes are neither."""
    while i < end and not STOPS[data[i]]:
        i += 1
    return i


@compiled
def shape_of(data, start, end):
    """Hash of a layout: how it opens, JSON keys, code fences, headings, list marks, numbered lines.

    Of the keys only the smallest and the largest hash count: neither order nor repetition matters.
    """
    opening, fences, headings, marks, numbers = 0, 0, 0, 0, 0
    low, high = ~NOTHING, NOTHING
    fresh = True
    i = start
    while i < end:
        if not fresh:
            i = next_stop(data, i, end)
        c = data[i] if i < end else np.uint8(10)
        if c == 10 or c == 13:
            fresh = True
        elif c == 34:
            close, _ = closing(data, i, end)
            if close >= 0:
                if is_key(data, close + 1, end):
                    h = SEED
                    for k in range(i + 1, close):
                        h = (h ^ uint64(data[k])) * PRIME
                    low, high = min(low, mix(h)), max(high, mix(h))
                if opening == 0:
                    opening = 34
                i = close
        if c > 32:
            letter = c >= 128 or CLASS[c] == LETTER
            digit = c < 128 and CLASS[c] == DIGIT
            if opening == 0:
                opening = 97 if letter else 48 if digit else np.int64(c)
            if fresh and c != 34:
                after = data[i + 1] if i + 1 < end else np.uint8(10)
                fences += c == 96 and after == 96
                headings += c == 35
                marks += (c == 45 or c == 42 or c == 43) and after <= 32
                numbers += digit
            fresh = False
        i += 1
    h = mix(SEED ^ uint64(opening))
    h = mix(mix(h ^ low) ^ high)
    for n in (fences, headings, marks, numbers):
        h = mix(h ^ uint64(bucket(n)))
    return h


@compiled
def answers(data, offsets, valid, counts, shapes):
    """Characters (int32[n]) and layout (uint64[n]) of n answers; only the first REGION bytes make the layout."""
    for d in range(len(valid)):
        if valid[d]:
            start, end = offsets[d], offsets[d + 1]
            counts[d] = points_in(data, start, end)
            shapes[d] = shape_of(data, start, min(end, start + REGION))
