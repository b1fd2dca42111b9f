"""Which tokens of an answer quote its prompt, though not letter for letter.

A marked text that stands in a prompt carries its mark into every answer that quotes it. Windows that stand in both are
found by looking; but a quotation seldom has the prompt's form throughout. Tools number lines, mails begin them with an
angle, JSON and HTML escape signs, and at each such place the windows across it stand in the answer alone, with the
mark of whoever the quoted text was made for. So where windows stand in both, near one another and in one order, what
lies between them is taken to be quoted too.

That hangs on the whole text, and is for texts that were made without the key. Where a text that was made with it is
read (``served``), only what stands before a token may decide whether it counts: else those are kept of which the key
had another follow. ``after_seeds`` leaves out whatever follows a seed.

Null: none of its own; it looks at text and prompt only, so a scheme's null is as it was.
Guarantee: none.  Not claimed: that a quotation is found whose form changes more often than every four tokens, as of a
text whose letters are all escaped.
Source: collinear matches as in the alignment of sequences (seed and chain).
"""

# mypy: disable-error-code="no-untyped-def"

from __future__ import annotations

import numpy as np

from gauger.compiled import compiled
from gauger.watermark.windows import hash_of, holds, windows

WIDTH = 4  # tokens of a seed, whatever a scheme's window is: shorter ones meet by chance in any long prompt
REACH = 16  # so many tokens may lie between two
PLACES = 16  # in the prompt at which a seed is looked for
MORE = 2  # tokens beyond a window at the ends of a quotation, for a line's end and what marks it


@compiled
def quoted(tokens, begin, end, states, places):
    """Of the text tokens[begin:end] bool[end - begin]. states, places: the prompt's ``windows`` of ``WIDTH``.

    Null, Guarantee, Not claimed: as the module says.
    """
    n = end - begin
    found = np.zeros(n, np.bool_)
    if not len(states) or n < WIDTH:
        return found
    low, high = np.zeros(n + 1, np.int64), np.zeros(n + 1, np.int64)  # of the seed that ends before a token
    for at in range(WIDTH, n + 1):
        state = hash_of(tokens, begin + at - WIDTH, begin + at, np.uint64(WIDTH))
        low[at] = high[at] = np.searchsorted(states, state)
        while high[at] < len(states) and states[high[at]] == state and high[at] - low[at] < PLACES:
            high[at] += 1
        for earlier in range(at - 1, max(at - REACH, WIDTH) - 1, -1) if high[at] > low[at] else range(0):
            if _goes_on(places, low[earlier], high[earlier], low[at], high[at], 2 * (at - earlier) + REACH):
                found[earlier : at + 1] = True
                break
    return _with_ends(found)


@compiled
def after_seeds(tokens, begin, end, context):
    """Which tokens of tokens[begin:end] stand at most ``REACH`` behind the end of a seed: bool[end - begin].

    Null: it looks at what stands before a token and at the prompt, never at the token.
    """
    found, (states, _) = np.zeros(end - begin, np.bool_), windows(context, WIDTH)
    for at in range(WIDTH, end - begin) if len(states) else range(0):
        if holds(states, hash_of(tokens, begin + at - WIDTH, begin + at, np.uint64(WIDTH))):
            found[at : at + REACH + 1] = True
    return found


@compiled
def _goes_on(places, low, high, then_low, then_high, most):
    """Whether the prompt has one seed, and then the other not more than so many tokens later."""
    for i in range(low, high):
        for j in range(then_low, then_high):
            if 0 < places[j] - places[i] <= most:
                return True
    return False


@compiled
def _with_ends(found):
    """With what may be quoted before the first seed's end and after the last, of all but the shortest quotations."""
    wide, at = found.copy(), 0
    while at < len(found):
        if not found[at]:
            at += 1
            continue
        first = at
        while at < len(found) and found[at]:
            at += 1
        if at - first > WIDTH:
            wide[max(first - WIDTH - MORE, 0) : at + WIDTH + MORE] = True
    return wide
