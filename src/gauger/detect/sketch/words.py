"""How bytes become words: the compiled reader that every sketch of a text goes through.

``data`` is uint8[bytes] and ``offsets`` int64[n + 1] throughout: Arrow's own buffers. The bytes need
not be valid UTF-8: nothing is read beyond a text's end. All arithmetic on hashes is modulo 2**64 and
every constant is fixed, so that a sketch is the same on every machine and in every run.

Whoever edits this file raises ``VERSION``.
"""

# numba compiles these: no keyword-only arguments, no sets.
# ruff: noqa: PLR1714, SIM109
# mypy: allow-untyped-defs, disable-error-code="assignment, no-untyped-call"

from __future__ import annotations

import numpy as np
from numba import uint64

from gauger.compiled import compiled

REGION = 1 << 16  # of a longer text the first and the last REGION bytes are sketched
QUOTE_MAX = 512  # bytes; a quoted string ends in its line and within this
MIN_KEPT = 4  # words that masking must leave; else the text is its own mask
SHORT = 4  # ASCII words below this many bytes say little about a topic

SPACE, PUNCT, LETTER, NEWLINE, DIGIT, ESCAPE, QUOTE = range(7)  # classes of ASCII bytes
SEPARATOR, WORD, SINGLE, DROPPED = range(4)  # classes of other code points
PLAIN, MASKED, KEPT, FIRST_PLAIN, FIRST_MASKED, LAST_PLAIN, LAST_MASKED, BREAK, STATE = range(9)

CLASS = np.full(128, PUNCT, np.uint8)
CLASS[:33] = CLASS[127] = SPACE
CLASS[ord("a") : ord("z") + 1] = CLASS[ord("A") : ord("Z") + 1] = LETTER
CLASS[ord("0") : ord("9") + 1] = DIGIT
CLASS[[10, 13]] = NEWLINE
CLASS[27] = ESCAPE
CLASS[ord('"')] = QUOTE
IN_WORD = np.zeros(256, np.uint8)  # the class of ASCII letters and digits, and 0
IN_WORD[:128] = np.where((CLASS == LETTER) | (CLASS == DIGIT), CLASS, 0)

# Scripts written without spaces are SINGLE: each code point is a word. Invisible code points are
# DROPPED, lest they split words unseen.
_RANGES = (
    (SEPARATOR, ((0x00, 0xC0), (0x2000, 0x2070), (0x3000, 0x3005), (0x3008, 0x3021), (0x3030, 0x3031))),
    (SEPARATOR, ((0xFF01, 0xFF10), (0xFF1A, 0xFF21), (0xFF3B, 0xFF41), (0xFF5B, 0xFF66))),
    (DROPPED, ((0xAD, 0xAE), (0x200B, 0x2010), (0x202A, 0x202F), (0x2060, 0x2070), (0xFE00, 0xFE10), (0xFEFF, 0xFF00))),
    (SINGLE, ((0x0E00, 0x0F00), (0x1000, 0x10A0), (0x1780, 0x1800))),  # Thai, Lao; Burmese; Khmer
    (SINGLE, ((0x1100, 0x1200), (0xAC00, 0xD800))),  # Hangul
    (SINGLE, ((0x2E80, 0x3000), (0x3005, 0x3008), (0x3021, 0x3030), (0x3031, 0xA000))),  # Han, Kana
    (SINGLE, ((0xF900, 0xFB00), (0xFF66, 0xFFA0))),
)
POINT = np.full(1 << 16, WORD, np.uint8)
for _class, _spans in _RANGES:
    for _low, _high in _spans:
        POINT[_low:_high] = _class

SEED = np.uint64(0x67617567657231)
PRIME = np.uint64(0x100000001B3)  # of FNV-1a
NUMBER = np.uint64(0x9E3779B97F4A7C15)  # the masked words
QUOTED = np.uint64(0xC2B2AE3D27D4EB4F)
NOTHING = np.uint64(0)


@compiled
def mix(h):
    """The finaliser of splitmix64: a bijection of 64-bit words that spreads every bit."""
    h = uint64(h)
    h = (h ^ (h >> uint64(30))) * uint64(0xBF58476D1CE4E5B9)
    h = (h ^ (h >> uint64(27))) * uint64(0x94D049BB133111EB)
    return h ^ (h >> uint64(31))


@compiled
def turn(h, bits):
    return (h << uint64(bits)) | (h >> uint64(64 - bits))


@compiled
def chain(words, start, end):
    """One hash of words[start:end], in order."""
    h = SEED
    for k in range(start, end):
        h = mix(h ^ words[k])
    return h


@compiled
def wide(data, i, end):
    """Class and length in bytes of the non-ASCII code point at data[i]."""
    lead = data[i]
    if lead < 0xC0:
        return np.uint8(WORD), 1  # a stray continuation byte
    length = 2 if lead < 0xE0 else 3 if lead < 0xF0 else 4
    if length == 2 and i + 1 < end:  # most letters that are not ASCII
        return POINT[((np.int64(lead) & 0x1F) << 6) | (np.int64(data[i + 1]) & 0x3F)], 2
    if i + length > end:
        return np.uint8(WORD), end - i
    point = np.int64(lead) & (0xFF >> (length + 1))
    for k in range(1, length):
        point = (point << 6) | (np.int64(data[i + k]) & 0x3F)
    if point < len(POINT):
        return POINT[point], length
    return np.uint8(SINGLE if 0x20000 <= point < 0x40000 else DROPPED if 0xE0000 <= point < 0xE1000 else WORD), length


@compiled
def closing(data, i, end):
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


@compiled(inline="always")
def opens(data, i, end):
    if data[i] < 128:
        return data[i] == 34
    if i + 3 > end or data[i + 1] != 0x80:
        return False
    return (data[i] == 0xE2 and data[i + 2] == 0x9C) or (
        data[i] == 0xE3 and (data[i + 2] == 0x8C or data[i + 2] == 0x8E)
    )


@compiled
def is_key(data, j, end):
    """Whether a colon follows: the quoted string before data[j] names a field and is no slot."""
    while j < end and data[j] == 32:
        j += 1
    return j < end and data[j] == 58


@compiled
def escape_end(data, i, end):
    """The end of the ANSI control sequence at data[i] (an ESC); a lone ESC is one byte of white space."""
    if i + 1 >= end or data[i + 1] != 91:
        return i + 1
    j = i + 2
    while j < end and 0x20 <= data[j] < 0x40:
        j += 1
    return j + 1 if j < end and 0x40 <= data[j] < 0x7F else i + 1


@compiled(inline="always")
def enter_line(state):
    """Note where lines start, at the first word after a line break. Empty lines do not count."""
    if state[BREAK] and state[PLAIN] + state[MASKED] > 0:
        if state[FIRST_PLAIN] < 0:
            state[FIRST_PLAIN], state[FIRST_MASKED] = state[PLAIN], state[MASKED]
        state[LAST_PLAIN], state[LAST_MASKED] = state[PLAIN], state[MASKED]
    state[BREAK] = 0


@compiled(inline="always")
def put_masked(masked, state, word, slot):
    """Append to the masked words; runs of one slot in a line are one slot."""
    n = state[MASKED]
    if slot and n > state[LAST_MASKED] and masked[n - 1] == word:
        return
    masked[n] = word
    state[MASKED] += 1
    state[KEPT] += not slot


@compiled(inline="always")
def read_word(data, i, end):
    """The word at data[i]: its hash, its end, whether it holds a digit, whether it says much.

    A word is a run of ASCII letters and digits and of non-ASCII letters; it may be empty (hash 0).
    """
    h, size, seen, content = SEED, 0, 0, False
    while True:
        while i < end and IN_WORD[data[i]]:
            seen |= IN_WORD[data[i]]
            h = (h ^ uint64(data[i] | 0x20)) * PRIME  # lower case; digits have that bit set already
            size += 1
            i += 1
        if i == end or data[i] < 128:
            break
        kind, length = wide(data, i, end)
        if kind == SEPARATOR or (kind == SINGLE and size > 0):
            break
        if kind != DROPPED:
            for k in range(i, i + length):
                h = (h ^ uint64(data[k])) * PRIME
            size += length
            content = True
        i += length
        if kind == SINGLE:
            break
    digit = seen >= DIGIT
    return (mix(h) if size else NOTHING), i, digit, (content or size >= SHORT) and not digit


@compiled
def read_segment(data, start, end, plain, content, masked, state, exact):
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
            space = exact != SEED  # white space before the first word does not count
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


@compiled
def boundary(data, i, step, low, high):
    """Move i by at most three bytes to the start of a code point."""
    for _ in range(3):
        if low < i < high and (data[i] & 0xC0) == 0x80:
            i += step
    return i


@compiled
def read(data, start, end, plain, content, masked, state):
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


@compiled
def points_in(data, start, end):
    """How many code points: the bytes that continue none."""
    n = 0
    for i in range(start, end):
        n += (data[i] & 0xC0) != 0x80
    return n


@compiled
def scratch():
    n = 2 * REGION + 2
    return np.empty(n, np.uint64), np.empty(n, np.bool_), np.empty(n, np.uint64), np.empty(STATE, np.int64)
