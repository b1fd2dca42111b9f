"""The kernels of `gauger.edge.spans`: strict JSON, line by line, down to the bytes.

They stay in one file, for numba does not see that what a cached kernel calls has changed in another.
A block ends with a newline and no step goes beyond one, so no index is ever checked.
"""

from __future__ import annotations

import numpy as np
from numba import njit
from numba.core import options

NULL, BOOL, INTEGER, FRACTION, TEXT, OBJECT, ARRAY, ESCAPED = (1 << n for n in range(8))  # kinds of a value
NUMBER = INTEGER | FRACTION
# A tree is one array: of each rule these, then the bytes of all names. A name's shape is compared first.
_KINDS, _FIRST, _LAST, _SLOT, _ROWS, _MOST, _SHAPE, _NAME, RULE_WIDE = range(9)
_RULE, _BASE, _CLOSING, _SEEN = range(4)  # of each object or array that is open
_DEEPEST = 60  # levels of a line
_DIGITS, _DECIMALS = 18, 40  # of a number: 18 digits fit 64 bits
_LITERALS = np.frombuffer(b"null.true.false", np.uint8).reshape(3, 5)
_ESCAPES = np.isin(np.arange(256), list(b'"\\/bfnrt'))
_STOPS = np.isin(np.arange(256), [*range(32), ord('"'), ord("\\")])  # bytes that end a run of plain ones in a string

# The functions below make no arrays. Counting references to those they are given would take half of the time.
_UNCOUNTED = {"_nrt": False} if hasattr(getattr(options, "DefaultOptions", None), "_nrt") else {}
_kernel = njit(cache=True, nogil=True, forceinline=True, **_UNCOUNTED)


@njit(cache=True, nogil=True)
def find(data, tree, wide, row_wide, ends, odd, first_row, spans, kinds):  # type: ignore[no-untyped-def]
    """Fill in what `gauger.edge.spans.find_spans` made room for."""
    levels = np.zeros((_DEEPEST, 4), np.int64)
    begin, free = 0, len(ends) * wide
    first = free
    for line in range(len(ends)):
        at = _blank(data, begin)
        at, taken = _line(data, at, tree, line * wide, free, row_wide, spans, kinds, levels)
        odd[line] = at < 0 or data[at] != 10
        if odd[line]:
            at = begin
            while data[at] != 10:
                at += 1
        else:
            free = taken
        ends[line], first_row[line + 1] = at, (free - first) // row_wide
        begin = at + 1


@_kernel
def _line(data, at, tree, base, free, row_wide, spans, kinds, levels):  # type: ignore[no-untyped-def]
    """Note what is wanted of the value at `at`; returns what follows it, or -1, and the next free cell of rows.

    A value's cells begin at `base`: its line's, or its row's.
    """
    rule, depth = 0, 0  # rule -1: nothing is wanted of this value
    while True:
        begin = at
        at, kind = _scalar(data, at)
        if at < 0 or not _noted(tree, rule, base, begin, at, kind, spans, kinds):
            return -1, free
        opened = kind & (OBJECT | ARRAY) != 0
        if opened:
            if depth == _DEEPEST:
                return -1, free
            levels[depth, _RULE], levels[depth, _BASE], levels[depth, _SEEN] = rule, base, 0
            levels[depth, _CLOSING] = data[begin] + 2  # ] is two after [, and } after {
            depth += 1
        at, depth = _closed(data, _blank(data, at), opened, tree, spans, levels, depth)
        if at < 0 or depth == 0:
            return at, free
        over, base = levels[depth - 1, _RULE], levels[depth - 1, _BASE]
        at, rule = _child(data, at, tree, over, levels, depth - 1)
        if at >= 0 and rule >= 0 and tree[over * RULE_WIDE + _ROWS]:
            base, free = free, free + row_wide
            if free > len(kinds):
                return -1, free
            kinds[base:free] = 0
        if at < 0:
            return -1, free


@_kernel
def _noted(tree, rule, base, begin, end, kind, spans, kinds):  # type: ignore[no-untyped-def]
    """Note a value's kind and place; False where the kind is not what was wanted."""
    if rule < 0:
        return True
    cell = base + tree[rule * RULE_WIDE + _SLOT]
    quote = 1 if kind & TEXT else 0
    kinds[cell], spans[cell, 0], spans[cell, 1] = kind, begin + quote, end - quote
    return kind & tree[rule * RULE_WIDE + _KINDS] != 0


@_kernel
def _closed(data, at, opened, tree, spans, levels, depth):  # type: ignore[no-untyped-def]
    """Go past all brackets that close at `at`, and the comma: where the next element begins, or -1, and how deep.

    Args:
        opened: a bracket has just opened, so that no comma comes first.
    """
    while depth:
        closing = levels[depth - 1, _CLOSING]
        at = at if opened else _next(data, at, closing)
        if at < 0 or data[at] != closing:
            break
        depth, opened = depth - 1, False
        at = _blank(data, at + 1)
        rule = levels[depth, _RULE]
        if rule >= 0:
            spans[levels[depth, _BASE] + tree[rule * RULE_WIDE + _SLOT], 1] = at
    return at, depth


@_kernel
def _child(data, at, tree, over, levels, depth):  # type: ignore[no-untyped-def]
    """Where the value of the element or member at `at` begins, or -1, and its rule, or -1."""
    first, last = (tree[over * RULE_WIDE + _FIRST], tree[over * RULE_WIDE + _LAST]) if over >= 0 else (0, 0)
    if levels[depth, _CLOSING] == 93:  # ]
        levels[depth, _SEEN] += 1
        if over >= 0 and levels[depth, _SEEN] > tree[over * RULE_WIDE + _MOST]:
            return -1, -1
        return at, (first if first < last else -1)
    if data[at] != ord('"'):
        return -1, -1
    begin = at + 1
    at, kind = _string(data, begin)
    if at < 0 or (kind & ESCAPED and first < last):
        return -1, -1
    child = _find(data, begin, at - 1, tree, first, last) if first < last else -1
    if child >= 0:
        if (levels[depth, _SEEN] >> (child - first)) & 1:  # twice
            return -1, -1
        levels[depth, _SEEN] |= 1 << (child - first)
    at = _blank(data, at)
    return (_blank(data, at + 1) if data[at] == ord(":") else -1), child


@_kernel
def _find(data, begin, end, tree, first, last):  # type: ignore[no-untyped-def]
    """Which of the rules has this name, or -1."""
    shape = ((end - begin) << 16) | (data[begin] << 8) | data[end - 1]
    for child in range(first, last):
        if tree[child * RULE_WIDE + _SHAPE] == shape:
            name = tree[child * RULE_WIDE + _NAME] - begin
            at = begin
            while at < end and tree[name + at] == data[at]:
                at += 1
            if at == end:
                return child
    return -1


@_kernel
def _next(data, at, closing):  # type: ignore[no-untyped-def]
    """Where the next element begins, or where the closing bracket is, or -1."""
    at = _blank(data, at)
    if data[at] == closing:
        return at
    if data[at] != ord(","):
        return -1
    at = _blank(data, at + 1)
    return at if data[at] != closing else -1


@_kernel
def _blank(data, at):  # type: ignore[no-untyped-def]
    while data[at] == 32 or data[at] == 9 or data[at] == 13:  # not newlines: they end the line
        at += 1
    return at


@_kernel
def _scalar(data, at):  # type: ignore[no-untyped-def]
    """Where the scalar ends (a bracket, just after it), or -1, and its kind."""
    c = data[at]
    if c == ord('"'):
        return _string(data, at + 1)
    if c == ord("{"):
        return at + 1, OBJECT
    if c == ord("["):
        return at + 1, ARRAY
    if c >= ord("a"):
        return _word(data, at)
    return _number(data, at)


@_kernel
def _word(data, at):  # type: ignore[no-untyped-def]
    """As `_scalar`, of null, true and false."""
    for word in range(3):
        same = 0
        while same < 4 + (word == 2) and data[at + same] == _LITERALS[word, same]:
            same += 1
        if same == 4 + (word == 2):
            return at + same, (BOOL if word else NULL)
    return -1, 0


@_kernel
def _number(data, at):  # type: ignore[no-untyped-def]
    """A number that every reader takes for the same one: few digits, a small exponent, no integer -0."""
    negative = data[at] == ord("-")
    begin = at + negative
    at = _digits(data, begin)
    whole = at - begin
    if whole == 0 or whole > _DIGITS or (whole > 1 and data[begin] == 48):
        return -1, 0
    kind = INTEGER
    if data[at] == ord("."):
        kind, point = FRACTION, at
        at = _digits(data, point + 1)
        if at == point + 1 or at - point > _DECIMALS:
            return -1, 0
    if data[at] == 69 or data[at] == 101:  # E e
        kind, point = FRACTION, at + 1 + (data[at + 1] == 43 or data[at + 1] == 45)  # + -
        at = _digits(data, point)
        if at == point or at - point > 2:
            return -1, 0
    if kind == INTEGER and negative and data[begin] == 48:
        return -1, 0
    return at, kind


@_kernel
def _digits(data, at):  # type: ignore[no-untyped-def]
    while 48 <= data[at] <= 57:
        at += 1
    return at


@_kernel
def _string(data, at):  # type: ignore[no-untyped-def]
    """Where the string whose text begins at `at` ends, after its quote, or -1, and its kind."""
    kind = TEXT
    while True:
        while not _STOPS[data[at]]:
            at += 1
        if data[at] != ord("\\"):
            return (at + 1 if data[at] == ord('"') else -1), kind
        kind = TEXT | ESCAPED
        at = _escape(data, at)
        if at < 0:
            return -1, kind


@_kernel
def _escape(data, at):  # type: ignore[no-untyped-def]
    """Where the escape at `at` ends (of a surrogate, its pair's), or -1."""
    c = data[at + 1]
    at += 2
    if c != ord("u"):
        return at if _ESCAPES[c] else -1
    unit = _hex4(data, at)
    at += 4
    if unit < 0xD800 or unit >= 0xE000:
        return at if unit >= 0 else -1
    if unit >= 0xDC00 or data[at] != ord("\\") or data[at + 1] != ord("u"):
        return -1
    return at + 6 if 0xDC00 <= _hex4(data, at + 2) < 0xE000 else -1


@_kernel
def _hex4(data, at):  # type: ignore[no-untyped-def]
    """The number that four hexadecimal digits write, or -1."""
    value = 0
    for i in range(4):
        c = data[at + i]
        if 48 <= c <= 57:
            value = value * 16 + c - 48
        elif 65 <= c <= 70 or 97 <= c <= 102:
            value = value * 16 + (c & 15) + 9
        else:
            return -1
    return value


@njit(cache=True, nogil=True)
def cut(data, spans, kinds):  # type: ignore[no-untyped-def]
    """The bytes of the spans end to end, escapes resolved: (offsets, bytes). Kind 0 and null give none."""
    offsets = np.zeros(len(kinds) + 1, np.int32)
    size = 0
    for i in range(len(kinds)):
        size += spans[i, 1] - spans[i, 0] if kinds[i] > NULL else 0
    out = np.empty(size, np.uint8)  # an escape is never shorter than what it stands for
    to = 0
    for i in range(len(kinds)):
        if kinds[i] & ESCAPED:
            to = _unescape(data, spans[i, 0], spans[i, 1], out, to)
        elif kinds[i] > NULL:
            for at in range(spans[i, 0], spans[i, 1]):
                out[to] = data[at]
                to += 1
        offsets[i + 1] = to
    return offsets, out[:to]


@_kernel
def _unescape(data, at, end, out, to):  # type: ignore[no-untyped-def]
    """Write the text of a string that `_string` took, from `to` on; returns where it ends."""
    while at < end:
        c = data[at]
        at += 1
        if c == 92:
            c = data[at]
            at += 1
            if c == ord("u"):
                unit = _hex4(data, at)
                at += 4
                if 0xD800 <= unit < 0xDC00:
                    unit = 0x10000 + ((unit - 0xD800) << 10) + _hex4(data, at + 2) - 0xDC00
                    at += 6
                to = _utf8(unit, out, to)
                continue
            if c >= 98 and c != 47:
                c = 8 if c == 98 else 12 if c == 102 else 10 if c == 110 else 13 if c == 114 else 9
        out[to] = c
        to += 1
    return to


@_kernel
def _utf8(point, out, to):  # type: ignore[no-untyped-def]
    if point < 0x80:
        out[to] = point
        return to + 1
    size = 2 if point < 0x800 else 3 if point < 0x10000 else 4
    for i in range(size - 1, 0, -1):
        out[to + i] = 0x80 | (point & 0x3F)
        point >>= 6
    out[to] = (0xF00 >> size) & 0xFF | point
    return to + size
