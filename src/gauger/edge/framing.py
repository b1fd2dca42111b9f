"""Conversations as the bytes that their digests run over: of each message "<role's length> <text's> <role><text>".

Texts are trimmed, as clients trim what they send back, and lengths are in characters. `gauger.edge.formats.chat`
is the definition.
"""

from __future__ import annotations

import numpy as np
from numba import uint64

from gauger.compiled import compiled
from gauger.edge.kernel import kernel

_WIDE_BLANKS = (0x1680, 0x2028, 0x2029, 0x202F, 0x205F, 0x3000)  # and those from 0x2000 to 0x200A


@compiled
def frame(owner, who, last, heads, heads_at, names_at, text, text_at, answers, answers_at, answered):  # type: ignore[no-untyped-def]
    """Write down the messages of each exchange, its answer after them.

    Args:
        owner: (messages,) the exchange of each, ascending. who: (messages,) its role, -1 for one that is not spoken.
        last: (exchanges,) the message before which the context ends, or -1.
        heads: uint8, of each role "<length> " and its name. heads_at: (roles + 1,). names_at: (roles,).
        text, answers: uint8. text_at, answers_at: where each begins, and where the last one ends.
        answered: (exchanges,) the role of the answer, -1 for one that has none or follows on nothing.

    Returns:
        The bytes, and (exchanges + 1,) where each exchange begins, (exchanges,) where its context ends.
    """
    longest = np.max(np.diff(heads_at)) + 20
    room = (len(owner) + len(answered)) * longest + text_at[-1] - text_at[0] + answers_at[-1] - answers_at[0]
    out = np.empty(room, np.uint8)
    begins, middles = np.zeros(len(last) + 1, np.int64), np.empty(len(last), np.int64)
    to = message = np.int64(0)  # not a constant, for which `_frame` would be compiled apart
    for exchange in range(len(last)):
        middles[exchange] = to
        while message < len(owner) and owner[message] == exchange:
            if message == last[exchange]:
                middles[exchange] = to
            if who[message] >= 0:
                head = heads_at[who[message]], names_at[who[message]], heads_at[who[message] + 1]
                to = _frame(out, to, heads, head, text, text_at[message], text_at[message + 1])
            message += 1
        if answered[exchange] >= 0 and to > begins[exchange]:
            head = heads_at[answered[exchange]], names_at[answered[exchange]], heads_at[answered[exchange] + 1]
            to = _frame(out, to, heads, head, answers, answers_at[exchange], answers_at[exchange + 1])
        begins[exchange + 1] = to
    return out[:to], begins, middles


@compiled
def _frame(out, to, heads, head, text, begin, end):  # type: ignore[no-untyped-def]
    begin, end = _trimmed(text, begin, end)
    to = _copy(heads, head[0], head[1], out, to)
    to = _decimal(_characters(text, begin, end), out, to)
    to = _copy(heads, head[1], head[2], out, to)
    return _copy(text, begin, end, out, to)


@kernel
def _copy(data, begin, end, out, to):  # type: ignore[no-untyped-def]
    a, b = uint64(begin), uint64(to)  # signed indices would be looked at one by one
    for k in range(uint64(end) - a):
        out[b + k] = data[a + k]
    return to + end - begin


@kernel
def _characters(text, begin, end):  # type: ignore[no-untyped-def]
    count, a = 0, uint64(begin)
    for k in range(uint64(end) - a):
        count += text[a + k] & 0xC0 != 0x80
    return count


@kernel
def _decimal(number, out, to):  # type: ignore[no-untyped-def]
    """Its digits and a blank."""
    power = 1
    while number // power > 9:
        power *= 10
    while power:
        out[to] = 48 + number // power % 10
        power //= 10
        to += 1
    out[to] = 32
    return to + 1


@compiled
def _trimmed(text, begin, end):  # type: ignore[no-untyped-def]
    """Without what str.strip takes away. The text is UTF-8, so that no byte is taken for a part of another letter."""
    size = 1
    while size and begin < end:
        size = _blank(text, begin, end)
        begin += size
    size = 1
    while size and begin < end:
        size = 0
        for width in range(1, min(3, end - begin) + 1):
            if _blank(text, end - width, end) == width:
                size = width
        end -= size
    return begin, end


@kernel
def _blank(text, at, end):  # type: ignore[no-untyped-def]
    """How many bytes the blank at `at` has; 0 where none is."""
    a = text[at]
    if a < 0x80:
        return 1 if a == 32 or 9 <= a <= 13 or 28 <= a < 32 else 0
    if a == 0xC2 and at + 1 < end:
        return 2 if text[at + 1] == 0x85 or text[at + 1] == 0xA0 else 0
    if 0xE1 <= a <= 0xE3 and at + 2 < end:
        point = (a & 15) << 12 | (text[at + 1] & 63) << 6 | (text[at + 2] & 63)
        return 3 if 0x2000 <= point <= 0x200A or point in _WIDE_BLANKS else 0
    return 0
