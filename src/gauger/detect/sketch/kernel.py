"""The compiled half of the sketch: bytes of UTF-8 in, hashes and counts out.

All compiled functions stand in this one file because numba's cache notices a change of the file
that holds the caller, not of the files it calls into. All arithmetic on hashes is modulo 2**64
and every constant is fixed, so that a sketch is the same on every machine and in every run.

``data`` is uint8[bytes] and ``offsets`` int64[n + 1] throughout: Arrow's own buffers. The bytes
need not be valid UTF-8: nothing is read beyond a text's end.
"""

from __future__ import annotations

import numpy as np
from numba import njit, uint64

from gauger.detect.tables import BANDS, ROWS, TOPICS

REGION = 1 << 16  # of a longer text the first and the last REGION bytes are sketched
QUOTE_MAX = 512  # bytes; a quoted string ends in its line and within this
MIN_KEPT = 4  # words that masking must leave; else the text is its own mask
MIN_LINE = 3  # words that a first or last line must keep to be a scaffold
WINDOW = 64  # words at either end that make elicitation features
EDGE = 8  # ... of which these many carry their position, too
MAX_FEATURES = 4 * WINDOW + 4 * EDGE
SHORT = 4  # ASCII words below this many bytes say little about a topic

SPACE, PUNCT, LETTER, DIGIT, NEWLINE, ESCAPE, QUOTE = range(7)  # classes of ASCII bytes
SEPARATOR, WORD, SINGLE, DROPPED = range(4)  # classes of other code points
PLAIN, MASKED, KEPT, FIRST_PLAIN, FIRST_MASKED, LAST_PLAIN, LAST_MASKED, BREAK, STATE = range(9)

CLASS = np.full(128, PUNCT, np.uint8)
CLASS[:33] = CLASS[127] = SPACE
CLASS[ord("a") : ord("z") + 1] = CLASS[ord("A") : ord("Z") + 1] = LETTER
CLASS[ord("0") : ord("9") + 1] = DIGIT
CLASS[[10, 13]] = NEWLINE
CLASS[27] = ESCAPE
CLASS[ord('"')] = QUOTE
LOWER = np.arange(128, dtype=np.uint64)
LOWER[ord("A") : ord("Z") + 1] += np.uint64(32)

SEED = np.uint64(0x67617567657231)
PRIME = np.uint64(0x100000001B3)  # of FNV-1a
NUMBER = np.uint64(0x9E3779B97F4A7C15)  # the masked words
QUOTED = np.uint64(0xC2B2AE3D27D4EB4F)
STARTS = np.uint64(0x165667B19E3779F9)  # salts of positioned features
ENDS = np.uint64(0x27D4EB2F165667C5)
NOTHING = np.uint64(0)


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


@njit(cache=True, nogil=True)
def mix(h):  # type: ignore[no-untyped-def]
    """The finaliser of splitmix64: a bijection of 64-bit words that spreads every bit."""
    h = uint64(h)
    h = (h ^ (h >> uint64(30))) * uint64(0xBF58476D1CE4E5B9)
    h = (h ^ (h >> uint64(27))) * uint64(0x94D049BB133111EB)
    return h ^ (h >> uint64(31))


@njit(cache=True, nogil=True)
def turn(h, bits):  # type: ignore[no-untyped-def]
    return (h << uint64(bits)) | (h >> uint64(64 - bits))


@njit(cache=True, nogil=True)
def chain(words, start, end):  # type: ignore[no-untyped-def]
    """One hash of words[start:end], in order."""
    h = SEED
    for k in range(start, end):
        h = mix(h ^ words[k])
    return h


@njit(cache=True, nogil=True)
def wide(data, i, end):  # type: ignore[no-untyped-def]
    """Class and length in bytes of the non-ASCII code point at data[i].

    Scripts written without spaces (Han, Kana, Hangul, Thai, Lao, Khmer, Burmese) are SINGLE: each
    code point is a word. Invisible code points are DROPPED, lest they split words unseen.
    """
    lead = data[i]
    if lead < 0xC0:
        return WORD, 1  # a stray continuation byte
    length = 2 if lead < 0xE0 else 3 if lead < 0xF0 else 4
    if i + length > end:
        return WORD, end - i
    point = np.int64(lead) & (0xFF >> (length + 1))
    for k in range(1, length):
        point = (point << 6) | (np.int64(data[i + k]) & 0x3F)
    return _class_of(point), length


@njit(cache=True, nogil=True)
def _class_of(p):  # type: ignore[no-untyped-def]
    if p < 0xC0:
        return DROPPED if p == 0xAD else SEPARATOR
    if p < 0xE00:
        return WORD
    if p < 0x2000:
        return SINGLE if p < 0xF00 or 0x1000 <= p < 0x10A0 or 0x1100 <= p < 0x1200 or 0x1780 <= p < 0x1800 else WORD
    if p < 0x2070:
        return DROPPED if 0x200B <= p < 0x2010 or 0x202A <= p < 0x202F or p >= 0x2060 else SEPARATOR
    if 0x2E80 <= p < 0xA000:
        return SEPARATOR if 0x3000 <= p < 0x3005 or 0x3008 <= p < 0x3021 or p == 0x3030 else SINGLE
    if 0xAC00 <= p < 0xD800 or 0xF900 <= p < 0xFB00 or 0xFF66 <= p < 0xFFA0 or 0x20000 <= p < 0x40000:
        return SINGLE
    if 0xFE00 <= p < 0xFE10 or p == 0xFEFF or 0xE0000 <= p < 0xE1000:
        return DROPPED
    if 0xFF01 <= p < 0xFF66 and not (0xFF10 <= p < 0xFF1A or 0xFF21 <= p < 0xFF3B or 0xFF41 <= p < 0xFF5B):
        return SEPARATOR
    return WORD


@njit(cache=True, nogil=True)
def closing(data, i, end):  # type: ignore[no-untyped-def]
    """Where the quotation that opens at data[i] closes, or -1; and how many bytes its marks have.

    The marks are '"', and those of which the closing one is the next code point: U+201C, U+300C, U+300E.
    """
    size = 1 if data[i] < 128 else 3
    last = data[i + size - 1] if size == 1 else data[i + size - 1] + 1
    for j in range(i + size, min(end - size + 1, i + QUOTE_MAX)):
        if data[j] == 10 or data[j] == 13:
            break
        if data[j + size - 1] == last and (size == 1 or (data[j] == data[i] and data[j + 1] == data[i + 1])):
            return j, size
    return -1, size


@njit(cache=True, nogil=True)
def opens(data, i, end):  # type: ignore[no-untyped-def]
    if data[i] < 128:
        return data[i] == 34
    if i + 3 > end or data[i + 1] != 0x80:
        return False
    return (data[i] == 0xE2 and data[i + 2] == 0x9C) or (
        data[i] == 0xE3 and (data[i + 2] == 0x8C or data[i + 2] == 0x8E)
    )


@njit(cache=True, nogil=True)
def is_key(data, j, end):  # type: ignore[no-untyped-def]
    """Whether a colon follows: the quoted string before data[j] names a field and is no slot."""
    while j < end and data[j] == 32:
        j += 1
    return j < end and data[j] == 58


@njit(cache=True, nogil=True)
def escape_end(data, i, end):  # type: ignore[no-untyped-def]
    """The end of the ANSI control sequence at data[i] (an ESC); a lone ESC is one byte of white space."""
    if i + 1 >= end or data[i + 1] != 91:
        return i + 1
    j = i + 2
    while j < end and 0x20 <= data[j] < 0x40:
        j += 1
    return j + 1 if j < end and 0x40 <= data[j] < 0x7F else i + 1


@njit(cache=True, nogil=True)
def enter_line(state):  # type: ignore[no-untyped-def]
    """Note where lines start, at the first word after a line break. Empty lines do not count."""
    if state[BREAK] and state[PLAIN] + state[MASKED] > 0:
        if state[FIRST_PLAIN] < 0:
            state[FIRST_PLAIN], state[FIRST_MASKED] = state[PLAIN], state[MASKED]
        state[LAST_PLAIN], state[LAST_MASKED] = state[PLAIN], state[MASKED]
    state[BREAK] = 0


@njit(cache=True, nogil=True)
def put_masked(masked, state, word, slot):  # type: ignore[no-untyped-def]
    """Append to the masked words; runs of one slot in a line are one slot."""
    n = state[MASKED]
    if slot and n > state[LAST_MASKED] and masked[n - 1] == word:
        return
    masked[n] = word
    state[MASKED] += 1
    state[KEPT] += not slot


@njit(cache=True, nogil=True)
def read_word(data, i, end):  # type: ignore[no-untyped-def]
    """The word at data[i]: its hash, its end, whether it holds a digit, whether it says much.

    A word is a run of ASCII letters and digits and of non-ASCII letters; it may be empty (hash 0).
    """
    h, size, digit, content = SEED, 0, False, False
    while i < end:
        c = data[i]
        if c < 128:
            kind = CLASS[c]
            if kind != LETTER and kind != DIGIT:
                break
            h = (h ^ LOWER[c]) * PRIME
            digit |= kind == DIGIT
            size += 1
            i += 1
            continue
        kind2, length = wide(data, i, end)
        if kind2 == SEPARATOR or (kind2 == SINGLE and size > 0):
            break
        if kind2 != DROPPED:
            for k in range(i, i + length):
                h = (h ^ uint64(data[k])) * PRIME
            size += length
            content = True
        i += length
        if kind2 == SINGLE:
            break
    return (mix(h) if size else NOTHING), i, digit, (content or size >= SHORT) and not digit


@njit(cache=True, nogil=True)
def read_segment(data, start, end, plain, content, masked, state, exact):  # type: ignore[no-untyped-def]
    """Append the words of data[start:end] to plain, content and masked; return the hash of the whole text.

    ``exact`` runs over words, punctuation marks and single spaces for any white space between them.
    """
    i, muted, quoted, space = start, start, start, False
    while i < end:
        c = data[i]
        kind = CLASS[c] if c < 128 else np.uint8(LETTER)
        if kind == SPACE or kind == NEWLINE or kind == ESCAPE:
            state[BREAK] |= kind == NEWLINE
            i = escape_end(data, i, end) if kind == ESCAPE else i + 1
            space = True
            continue
        if i >= quoted and opens(data, i, end):
            close, size = closing(data, i, end)
            if close >= 0:
                quoted = close + size
                if not is_key(data, quoted, end):
                    muted = close
                    enter_line(state)
                    put_masked(masked, state, QUOTED, True)
        before = i
        word = NOTHING
        digit = says = False
        if kind == LETTER or kind == DIGIT:
            word, i, digit, says = read_word(data, i, end)
        if i == before:  # a mark, or a non-ASCII separator
            i += 1 if c < 128 else wide(data, i, end)[1]
            for k in range(before, i):
                exact = mix(exact ^ (uint64(data[k]) | (uint64(space) << uint64(8))))
                space = False
        elif word != NOTHING:
            exact = mix(exact ^ (turn(word, 1) if space else word))
            space = False
            enter_line(state)
            n = state[PLAIN]
            plain[n] = word
            content[n] = says
            state[PLAIN] += 1
            if before >= muted:
                put_masked(masked, state, NUMBER if digit else word, digit)
    return exact


@njit(cache=True, nogil=True)
def boundary(data, i, step, low, high):  # type: ignore[no-untyped-def]
    """Move i by at most three bytes to the start of a code point."""
    for _ in range(3):
        if low < i < high and (data[i] & 0xC0) == 0x80:
            i += step
    return i


@njit(cache=True, nogil=True)
def read(data, start, end, plain, content, masked, state):  # type: ignore[no-untyped-def]
    """The words of one text; returns the hash of the normalised text. See ``read_segment``.

    Where masking leaves fewer than MIN_KEPT words, ``masked`` becomes a copy of ``plain``: a question
    that is all slot is no template, and must not be in one family with all others like it.
    """
    state[:] = 0
    state[FIRST_PLAIN] = state[FIRST_MASKED] = -1
    if end - start <= 2 * REGION:
        exact = read_segment(data, start, end, plain, content, masked, state, SEED)
    else:
        head, tail = boundary(data, start + REGION, -1, start, end), boundary(data, end - REGION, 1, start, end)
        exact = read_segment(data, start, head, plain, content, masked, state, SEED)
        exact = read_segment(data, tail, end, plain, content, masked, state, mix(exact ^ uint64(end - start)))
    if state[KEPT] < MIN_KEPT:
        n = state[PLAIN]
        masked[:n] = plain[:n]
        state[MASKED] = n
        state[FIRST_MASKED], state[LAST_MASKED] = state[FIRST_PLAIN], state[LAST_PLAIN]
    return exact


@njit(cache=True, nogil=True)
def bands_of(words, n, minima, out):  # type: ignore[no-untyped-def]
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


@njit(cache=True, nogil=True)
def topics_of(words, content, n, ones, out):  # type: ignore[no-untyped-def]
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


@njit(cache=True, nogil=True)
def features_of(words, n, bits, out):  # type: ignore[no-untyped-def]
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


@njit(cache=True, nogil=True)
def points_in(data, start, end):  # type: ignore[no-untyped-def]
    """How many code points: the bytes that continue none."""
    n = 0
    for i in range(start, end):
        n += (data[i] & 0xC0) != 0x80
    return n


@njit(cache=True, nogil=True)
def scratch():  # type: ignore[no-untyped-def]
    n = 2 * REGION + 2
    return np.empty(n, np.uint64), np.empty(n, np.bool_), np.empty(n, np.uint64), np.empty(STATE, np.int64)


@njit(cache=True, nogil=True)
def scaffolds_of(masked, state, out, known):  # type: ignore[no-untyped-def]
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


@njit(cache=True, nogil=True)
def prompts(data, offsets, valid, weights, bias, counts, hashes, known, bands, topics, elicit):  # type: ignore[no-untyped-def]
    """Sketch n prompts.

    Args:
        weights: float32[2**k, 6], or [0, 6] for no model; bias: float32[6].
        counts: int32[n, 2] words, characters; hashes: uint64[n, 8] exact, masked, then ``scaffolds_of``;
        known: bool[n, 6]; bands: uint64[n, BANDS]; topics: int8[n, TOPICS]; elicit: float32[n, 6]. Written to.
    """
    plain, content, masked, state = scratch()
    minima, ones = np.empty(PERMUTATIONS, np.uint32), np.empty(TOPICS, np.int32)
    ids, sums = np.empty(MAX_FEATURES, np.uint32), np.empty(weights.shape[1], np.float64)
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
                for c in range(len(sums)):
                    sums[c] += weights[ids[k], c]
            for c in range(len(sums)):
                elicit[d, c] = bias[c] + sums[c] / np.sqrt(max(count, 1))


@njit(cache=True, nogil=True)
def masked_hashes(data, offsets, valid, out):  # type: ignore[no-untyped-def]
    """prompt_masked's hash, alone, of n texts: uint64[n]."""
    plain, content, masked, state = scratch()
    for d in range(len(valid)):
        if valid[d]:
            exact = read(data, offsets[d], offsets[d + 1], plain, content, masked, state)
            out[d] = chain(masked, 0, state[MASKED]) if state[MASKED] else exact


@njit(cache=True, nogil=True)
def features(data, offsets, valid, bits, counts, out):  # type: ignore[no-untyped-def]
    """Elicitation features of n texts: how many each (int64[n]), and the ids, one text after the other."""
    plain, content, masked, state = scratch()
    at = 0
    for d in range(len(valid)):
        if valid[d]:
            read(data, offsets[d], offsets[d + 1], plain, content, masked, state)
            counts[d] = features_of(plain, state[PLAIN], bits, out[at:])
            at += counts[d]


@njit(cache=True, nogil=True)
def bucket(n):  # type: ignore[no-untyped-def]
    """0, 1, 2, 3-4, 5-8, 9-16, more: coarse, that one list item more or less is the same layout."""
    k = 0
    while k < 6 and n > ((1 << k) >> 1):
        k += 1
    return k


@njit(cache=True, nogil=True)
def shape_of(data, start, end):  # type: ignore[no-untyped-def]
    """Hash of a layout: how it opens, JSON keys, code fences, headings, list marks, numbered lines.

    Of the keys only the smallest and the largest hash count: neither order nor repetition matters.
    """
    opening, fences, headings, marks, numbers = 0, 0, 0, 0, 0
    low, high = ~NOTHING, NOTHING
    fresh = True
    i = start
    while i < end:
        c = data[i]
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


@njit(cache=True, nogil=True)
def answers(data, offsets, valid, counts, shapes):  # type: ignore[no-untyped-def]
    """Characters (int32[n]) and layout (uint64[n]) of n answers; of a long one, the layout of its first REGION bytes."""
    for d in range(len(valid)):
        if valid[d]:
            start, end = offsets[d], offsets[d + 1]
            counts[d] = points_in(data, start, end)
            shapes[d] = shape_of(data, start, min(end, start + REGION))
