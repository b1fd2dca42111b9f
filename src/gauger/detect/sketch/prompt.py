"""The prompt's sketch: MinHash bands, scaffolds, topics and elicitation features of its words."""

# numba compiles these: no keyword-only arguments, no sets.
# mypy: allow-untyped-defs, disable-error-code="assignment, no-untyped-call"

from __future__ import annotations

import numpy as np
from numba import uint64

from gauger.compiled import compiled
from gauger.detect.sketch.words import (
    FIRST_MASKED,
    FIRST_PLAIN,
    LAST_MASKED,
    MASKED,
    NOTHING,
    NUMBER,
    PLAIN,
    QUOTED,
    chain,
    mix,
    points_in,
    read,
    scratch,
    turn,
)
from gauger.detect.tables import BANDS, ELICITATION, ROWS, TOPICS

MIN_LINE = 3  # words that a first or last line must keep to be a scaffold
WINDOW = 64  # words at either end that make elicitation features
EDGE = 8  # ... of which these many carry their position, too
MAX_FEATURES = 4 * WINDOW + 4 * EDGE
CLASSES = len(ELICITATION)  # a constant, so that loops over it unroll
STARTS = np.uint64(0x165667B19E3779F9)  # salts of positioned features
ENDS = np.uint64(0x27D4EB2F165667C5)


def _splitmix(n: int) -> list[int]:
    """Steele, Lea and Flood's generator (2014): n constants for the permutations."""
    out, mask = [], 2**64 - 1
    for k in range(1, n + 1):
        z = (k * 0x9E3779B97F4A7C15) & mask
        z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & mask
        z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & mask
        out.append(z ^ (z >> 31))
    return out


PERMUTATIONS = BANDS * ROWS
_CONSTANTS = np.array(_splitmix(2 * PERMUTATIONS), np.uint64).astype(np.uint32)
MULTIPLY = _CONSTANTS[:PERMUTATIONS] | np.uint32(1)  # odd: x * m + a permutes the 32-bit numbers
ADD = _CONSTANTS[PERMUTATIONS:]


@compiled
def bands_of(words, n, minima, out):
    """MinHash-LSH over word 3-grams (of a shorter text, its only 1- or 2-gram): uint64[BANDS] in out."""
    minima[:] = 0xFFFFFFFF
    size = min(n, 3)
    for k in range(n - size + 1):
        h = words[k]
        if size > 1:
            h ^= turn(words[k + 1], 21)
        if size > 2:
            h ^= turn(words[k + 2], 42)
        x = np.uint32(mix(h))
        for p in range(PERMUTATIONS):
            minima[p] = min(minima[p], np.uint32(x * MULTIPLY[p] + ADD[p]))
    for b in range(BANDS):
        h = uint64(b)
        for r in range(ROWS):
            h = mix(h ^ uint64(minima[b * ROWS + r]))
        out[b] = h


@compiled
def topics_of(words, content, n, ones, out):
    """Random projection of content words and pairs of successive ones: int8[TOPICS], length 127."""
    ones[:] = 0
    total, before = 0, NOTHING
    for k in range(n):
        if not content[k]:
            continue
        h = mix(words[k])
        for t in range(TOPICS):
            ones[t] += np.int32((h >> uint64(t)) & uint64(1))
        if before != NOTHING:
            h = mix(before ^ turn(words[k], 21))
            for t in range(TOPICS):
                ones[t] += np.int32((h >> uint64(t)) & uint64(1))
        total += 1 if before == NOTHING else 2
        before = words[k]
    square = 0
    for t in range(TOPICS):
        square += (2 * ones[t] - total) ** 2
    norm = np.sqrt(max(square, 1))
    for t in range(TOPICS):
        out[t] = np.int8(np.rint((2 * ones[t] - total) * 127.0 / norm))


@compiled
def features_of(words, n, bits, out):
    """Hashed features of the words: uint32 ids below 2**bits in out; returns how many.

    Each word, and each pair of neighbours, among the first and the last WINDOW words; and once more,
    salted, where it starts among the first EDGE words, or starts among the last EDGE.
    """
    count, k, gap = 0, 0, n > 2 * WINDOW
    shift = uint64(64 - bits)
    while k < n:
        paired = k + 1 < n and not (gap and k == WINDOW - 1)
        for size in range(1 + paired):
            h = words[k] if size == 0 else words[k] ^ turn(words[k + 1], 21)
            out[count] = mix(h) >> shift
            count += 1
            if k < EDGE:
                out[count] = mix(h ^ STARTS) >> shift
                count += 1
            if k >= n - EDGE:
                out[count] = mix(h ^ ENDS) >> shift
                count += 1
        k = n - WINDOW if gap and k == WINDOW - 1 else k + 1
    return count


@compiled
def scaffolds_of(masked, state, out, known):
    """prefix_6, prefix_12, suffix_6, suffix_12, first_line, last_line into out, and which of them exist."""
    n = state[MASKED]
    for k in range(2):
        size = 6 * (k + 1)
        if n > 2 * size:
            known[k] = known[k + 2] = True
            out[k] = chain(masked, 0, size)
            out[k + 2] = chain(masked, n - size, n)
    if state[FIRST_PLAIN] < 0:
        return
    ends = ((0, state[FIRST_MASKED]), (state[LAST_MASKED], n))
    for k in range(2):
        start, end = ends[k]
        words = 0
        for j in range(start, end):
            words += masked[j] != NUMBER and masked[j] != QUOTED
        if words >= MIN_LINE:
            known[4 + k] = True
            out[4 + k] = chain(masked, start, end)


@compiled
def prompts(data, offsets, valid, weights, bias, counts, hashes, known, bands, topics, elicit):
    """Sketch n prompts.

    Args:
        weights: float32[2**k, 6], or [0, 6] for no model; bias: float32[6].
        counts: int32[n, 2] words, characters; hashes: uint64[n, 8] exact, masked, then ``scaffolds_of``;
        known: bool[n, 6]; bands: uint64[n, BANDS]; topics: int8[n, TOPICS]; elicit: float32[n, 6]. Written to.
    """
    plain, content, masked, state = scratch()
    minima, ones = np.empty(PERMUTATIONS, np.uint32), np.empty(TOPICS, np.int32)
    ids, sums = np.empty(MAX_FEATURES, np.uint32), np.empty(CLASSES, np.float64)
    bits = 0
    while (1 << bits) < weights.shape[0]:
        bits += 1
    for d in range(len(valid)):
        if not valid[d]:
            continue
        start, end = offsets[d], offsets[d + 1]
        exact = read(data, start, end, plain, content, masked, state)
        words, n = state[PLAIN], state[MASKED]
        counts[d, 0], counts[d, 1] = words, points_in(data, start, end)
        hashes[d, 0], hashes[d, 1] = exact, chain(masked, 0, n) if n else exact
        scaffolds_of(masked, state, hashes[d, 2:], known[d])
        if n:
            bands_of(masked, n, minima, bands[d])
        topics_of(plain, content, words, ones, topics[d])
        if bits:
            count = features_of(plain, words, bits, ids)
            sums[:] = 0.0
            for k in range(count):
                row = weights[ids[k]]
                for c in range(CLASSES):
                    sums[c] += row[c]
            for c in range(CLASSES):
                elicit[d, c] = bias[c] + sums[c] / np.sqrt(max(count, 1))


@compiled
def masked_hashes(data, offsets, valid, out):
    """prompt_masked's hash, alone, of n texts: uint64[n]."""
    plain, content, masked, state = scratch()
    for d in range(len(valid)):
        if valid[d]:
            exact = read(data, offsets[d], offsets[d + 1], plain, content, masked, state)
            out[d] = chain(masked, 0, state[MASKED]) if state[MASKED] else exact


@compiled
def features(data, offsets, valid, bits, counts, out):
    """Elicitation features of n texts: how many each (int64[n]), and the ids, one text after the other."""
    plain, content, masked, state = scratch()
    at = 0
    for d in range(len(valid)):
        if valid[d]:
            read(data, offsets[d], offsets[d + 1], plain, content, masked, state)
            counts[d] = features_of(plain, state[PLAIN], bits, out[at:])
            at += counts[d]
