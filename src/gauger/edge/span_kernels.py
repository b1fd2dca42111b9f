"""The kernels of `gauger.edge.spans`: strict JSON, line by line, down to the bytes.

A block ends with a newline and no step goes beyond one, so no index is ever checked.
"""

from __future__ import annotations

import numpy as np
from numba import uint64

from gauger.compiled import compiled
from gauger.edge.kernel import kernel, of, word

NULL, BOOL, INTEGER, FRACTION, TEXT, OBJECT, ARRAY, ESCAPED = (1 << n for n in range(8))  # kinds of a value
NUMBER = INTEGER | FRACTION
# A tree is one array: of each rule these, then the bytes of all names. A name's shape is compared first.
_KINDS, _FIRST, _LAST, _SLOT, _ROWS, _MOST, _SHAPE, _NAME, RULE_WIDE = range(9)
_RULE, _BASE, _STRIDE, _CLOSING, _SEEN = range(5)  # of each object or array that is open
_DEEPEST = 60  # levels of a line
_DIGITS, _DECIMALS = 18, 40  # of a number: 18 digits fit 64 bits
_LITERALS = np.frombuffer(b"null.true.false", np.uint8).reshape(3, 5)
_ONES = np.uint64(0x0101010101010101)
_ESCAPES = np.isin(np.arange(256), list(b'"\\/bfnrt'))
_STOPS = np.isin(np.arange(256), [*range(32), ord('"'), ord("\\")])  # bytes that end a run of plain ones in a string


@compiled
def find(data, tree, tables, made, ends, odd, parents, spans, kinds):  # type: ignore[no-untyped-def]
    """Fill in what `gauger.edge.spans.find_spans` made room for.

    Args:
        tables: (tables, 4) of each table of rows the cell where they begin, their columns, how many rows there is
            room for, and where their parents begin. made: (tables,) rows so far: zeros.
        parents: for the cell that each row's parent begins with.
    """
    levels = np.zeros((_DEEPEST, 5), np.int64)
    before, begin = made.copy(), 0
    for line in range(len(ends)):
        at = _blank(data, begin)
        at = _line(data, at, tree, line, len(ends), tables, made, parents, spans, kinds, levels)
        odd[line] = at < 0 or of(data, at) != 10
        if odd[line]:
            at = begin
            while of(data, at) != 10:
                at += 1
            made[:] = before
        else:
            before[:] = made
        ends[line] = at
        begin = at + 1


@kernel
def _line(data, at, tree, base, stride, tables, made, parents, spans, kinds, levels):  # type: ignore[no-untyped-def]
    """Note what is wanted of the value at `at`; returns what follows it, or -1.

    The cell of a slot is `base + slot * stride`, of the line or of a row.
    """
    rule, depth = 0, 0  # rule -1: nothing is wanted of this value
    while True:
        begin = at
        at, kind = _scalar(data, at)
        if at < 0 or not _noted(tree, rule, base, stride, begin, at, kind, spans, kinds):
            return -1
        opened = kind & (OBJECT | ARRAY) != 0
        if opened:
            if depth == _DEEPEST:
                return -1
            levels[depth, _RULE], levels[depth, _SEEN] = rule, 0
            levels[depth, _BASE], levels[depth, _STRIDE] = base, stride
            levels[depth, _CLOSING] = of(data, begin) + 2  # ] is two after [, and } after {
            depth += 1
        at, depth = _closed(data, _blank(data, at), opened, tree, spans, levels, depth)
        if at < 0 or depth == 0:
            return at
        over = levels[depth - 1, _RULE]
        base, stride = levels[depth - 1, _BASE], levels[depth - 1, _STRIDE]
        at, rule = _child(data, at, tree, over, levels, depth - 1)
        if at < 0:
            return -1
        table = of(tree, over * RULE_WIDE + _ROWS) - 1 if rule >= 0 else -1
        if table >= 0:
            row = of(made, table)
            if row == tables[table, 2]:
                return -1
            parents[tables[table, 3] + row] = base
            base, stride = tables[table, 0] + row * tables[table, 1], 1
            made[table] = row + 1
            for column in range(tables[table, 1]):
                kinds[base + column] = 0


@kernel
def _noted(tree, rule, base, stride, begin, end, kind, spans, kinds):  # type: ignore[no-untyped-def]
    """Note a value's kind and place; False where the kind is not what was wanted."""
    if rule < 0:
        return True
    cell = uint64(base + stride * of(tree, rule * RULE_WIDE + _SLOT))
    quote = 1 if kind & TEXT else 0
    kinds[cell], spans[cell, 0], spans[cell, 1] = kind, begin + quote, end - quote
    return kind & of(tree, rule * RULE_WIDE + _KINDS) != 0


@kernel
def _closed(data, at, opened, tree, spans, levels, depth):  # type: ignore[no-untyped-def]
    """Go past all brackets that close at `at`, and the comma: where the next element begins, or -1, and how deep.

    Args:
        opened: a bracket has just opened, so that no comma comes first.
    """
    while depth:
        closing = levels[depth - 1, _CLOSING]
        at = at if opened else _next(data, at, closing)
        if at < 0 or of(data, at) != closing:
            break
        depth, opened = depth - 1, False
        at = _blank(data, at + 1)
        rule = levels[depth, _RULE]
        if rule >= 0:
            slot = of(tree, rule * RULE_WIDE + _SLOT)
            spans[levels[depth, _BASE] + levels[depth, _STRIDE] * slot, 1] = at
    return at, depth


@kernel
def _child(data, at, tree, over, levels, depth):  # type: ignore[no-untyped-def]
    """Where the value of the element or member at `at` begins, or -1, and its rule, or -1."""
    first, last = (of(tree, over * RULE_WIDE + _FIRST), of(tree, over * RULE_WIDE + _LAST)) if over >= 0 else (0, 0)
    if levels[depth, _CLOSING] == 93:  # ]
        levels[depth, _SEEN] += 1
        if over >= 0 and levels[depth, _SEEN] > of(tree, over * RULE_WIDE + _MOST):
            return -1, -1
        return at, (first if first < last else -1)
    if of(data, at) != ord('"'):
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
    return (_blank(data, at + 1) if of(data, at) == ord(":") else -1), child


@kernel
def _find(data, begin, end, tree, first, last):  # type: ignore[no-untyped-def]
    """Which of the rules has this name, or -1."""
    shape = ((end - begin) << 16) | (of(data, begin) << 8) | of(data, end - 1)
    for child in range(first, last):
        if of(tree, child * RULE_WIDE + _SHAPE) == shape:
            name = of(tree, child * RULE_WIDE + _NAME) - begin
            at = begin
            while at < end and of(tree, name + at) == of(data, at):
                at += 1
            if at == end:
                return child
    return -1


@kernel
def _next(data, at, closing):  # type: ignore[no-untyped-def]
    """Where the next element begins, or where the closing bracket is, or -1."""
    at = _blank(data, at)
    if of(data, at) == closing:
        return at
    if of(data, at) != ord(","):
        return -1
    at = _blank(data, at + 1)
    return at if of(data, at) != closing else -1


@kernel
def _blank(data, at):  # type: ignore[no-untyped-def]
    while of(data, at) == 32 or of(data, at) == 9 or of(data, at) == 13:  # not newlines: they end the line
        at += 1
    return at


@kernel
def _scalar(data, at):  # type: ignore[no-untyped-def]
    """Where the scalar ends (a bracket, just after it), or -1, and its kind."""
    c = of(data, at)
    if c == ord('"'):
        return _string(data, at + 1)
    if c == ord("{"):
        return at + 1, OBJECT
    if c == ord("["):
        return at + 1, ARRAY
    if c >= ord("a"):
        return _word(data, at)
    return _number(data, at)


@kernel
def _word(data, at):  # type: ignore[no-untyped-def]
    """As `_scalar`, of null, true and false."""
    for which in range(3):
        same = 0
        while same < 4 + (which == 2) and of(data, at + same) == _LITERALS[which, same]:
            same += 1
        if same == 4 + (which == 2):
            return at + same, (BOOL if which else NULL)
    return -1, 0


@kernel
def _number(data, at):  # type: ignore[no-untyped-def]
    """A number that every reader takes for the same one: few digits, a small exponent, no integer -0."""
    negative = of(data, at) == ord("-")
    begin = at + negative
    at = _digits(data, begin)
    whole = at - begin
    if whole == 0 or whole > _DIGITS or (whole > 1 and of(data, begin) == 48):
        return -1, 0
    kind = INTEGER
    if of(data, at) == ord("."):
        kind, point = FRACTION, at
        at = _digits(data, point + 1)
        if at == point + 1 or at - point > _DECIMALS:
            return -1, 0
    if of(data, at) == 69 or of(data, at) == 101:  # E e
        kind, point = FRACTION, at + 1 + (of(data, at + 1) == 43 or of(data, at + 1) == 45)  # + -
        at = _digits(data, point)
        if at == point or at - point > 2:
            return -1, 0
    if kind == INTEGER and negative and of(data, begin) == 48:
        return -1, 0
    return at, kind


@kernel
def _digits(data, at):  # type: ignore[no-untyped-def]
    while 48 <= of(data, at) <= 57:
        at += 1
    return at


@kernel
def _string(data, at):  # type: ignore[no-untyped-def]
    """Where the string whose text begins at `at` ends, after its quote, or -1, and its kind."""
    kind, last = TEXT, len(data) - 8
    while True:
        while at < last and not _stops(word(data, at)):
            at += 8
        while not _STOPS[of(data, at)]:
            at += 1
        if of(data, at) != ord("\\"):
            return (at + 1 if of(data, at) == ord('"') else -1), kind
        kind = TEXT | ESCAPED
        at = _escape(data, at)
        if at < 0:
            return -1, kind


@kernel
def _stops(eight):  # type: ignore[no-untyped-def]
    """Is one of the eight bytes below 32, a quote or a backslash? (Mycroft's test for a zero byte, thrice.)"""
    quote, slash = eight ^ (_ONES * uint64(0x22)), eight ^ (_ONES * uint64(0x5C))
    found = (eight - _ONES * uint64(0x20)) & ~eight | (quote - _ONES) & ~quote | (slash - _ONES) & ~slash
    return found & (_ONES << uint64(7)) != 0


@kernel
def _escape(data, at):  # type: ignore[no-untyped-def]
    """Where the escape at `at` ends (of a surrogate, its pair's), or -1."""
    c = of(data, at + 1)
    at += 2
    if c != ord("u"):
        return at if _ESCAPES[c] else -1
    unit = _hex4(data, at)
    at += 4
    if unit < 0xD800 or unit >= 0xE000:
        return at if unit >= 0 else -1
    if unit >= 0xDC00 or of(data, at) != ord("\\") or of(data, at + 1) != ord("u"):
        return -1
    return at + 6 if 0xDC00 <= _hex4(data, at + 2) < 0xE000 else -1


@kernel
def _hex4(data, at):  # type: ignore[no-untyped-def]
    """The number that four hexadecimal digits write, or -1."""
    value = 0
    for i in range(4):
        c = of(data, at + i)
        if 48 <= c <= 57:
            value = value * 16 + c - 48
        elif 65 <= c <= 70 or 97 <= c <= 102:
            value = value * 16 + (c & 15) + 9
        else:
            return -1
    return value


@compiled
def first(spans, kinds, slots):  # type: ignore[no-untyped-def]
    """Of each line the first of these slots with a text: spans (lines, 2), kinds (lines,), 0 where none is."""
    found, sorts = np.zeros((kinds.shape[1], 2), np.int32), np.zeros(kinds.shape[1], np.uint8)
    for slot in slots:
        for i in range(len(sorts)):
            if sorts[i] == 0 and kinds[slot, i] > NULL and spans[slot, i, 0] < spans[slot, i, 1]:
                found[i, 0], found[i, 1], sorts[i] = spans[slot, i, 0], spans[slot, i, 1], kinds[slot, i]
    return found, sorts


@compiled
def newlines(data, begin, end):  # type: ignore[no-untyped-def]
    """How many are in data[begin:end]."""
    count, a = 0, uint64(begin)
    for k in range(uint64(end) - a):
        count += data[a + k] == 10
    return count


@compiled
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
            begin, end = uint64(spans[i, 0]), uint64(to)
            for k in range(uint64(spans[i, 1]) - begin):
                out[end + k] = data[begin + k]
            to += spans[i, 1] - spans[i, 0]
        offsets[i + 1] = to
    return offsets, out[:to]


@kernel
def _unescape(data, at, end, out, to):  # type: ignore[no-untyped-def]
    """Write the text of a string that `_string` took, from `to` on; returns where it ends."""
    while at < end:
        c = of(data, at)
        at += 1
        if c == 92:
            c = of(data, at)
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
        out[uint64(to)] = c
        to += 1
    return to


@kernel
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
