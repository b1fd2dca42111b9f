"""Which tokens of an answer quote its prompt, though not letter for letter.

A marked text that stands in a prompt carries its mark into every answer that quotes it. Windows that stand in both are
found by looking; but a quotation seldom has the prompt's form throughout. Captions have times between them, tools
number lines, JSON and HTML escape signs, lists are put in order, and at each such place the windows across it stand in
the answer alone, with the mark of whoever the quoted text was made for. So whatever lies near a seed, a run of
``WIDTH`` tokens that stands in both, is taken to be quoted too.

That hangs on the whole text, and is for texts that were made without the key. Where a text that was made with it is
read (``served``), only what stands before a token may decide whether it counts: else those are kept of which the key
had another follow. There nothing before a seed's end is left out.

Null: none of its own; it looks at text and prompt only, so a scheme's null is as it was.
Guarantee: none.  Not claimed: that a quotation is found whose form changes more often than every four tokens, as of a
text with a time at each word, or whose letters are all escaped.
Source: the seeds of sequence search.  Deviates: no chain of seeds is asked for. What lies between those of a quotation
stands in any form and at any length, so chains in one order, and near one another, passed over captions.
"""

# mypy: disable-error-code="no-untyped-def"

from __future__ import annotations

import numpy as np

from gauger.compiled import compiled
from gauger.watermark.windows import hash_of, holds

WIDTH = 4  # tokens of a seed, whatever a scheme's window is: shorter ones meet by chance in any long prompt
MARGIN = 8  # tokens on both sides of a seed: of five words in a row one seed is whole, and the next not further
REACH = 16  # tokens behind a seed where nothing may be left out before it


@compiled
def near_seeds(tokens, begin, end, seeds, before, behind):
    """Which tokens of tokens[begin:end] stand so many before a seed's end, or behind it: bool[end - begin].

    Null: it looks at texts, never at a key; with ``before`` = 0 at no token that it judges nor at one after it.

    Args:
        seeds: the prompt's ``windows`` of ``WIDTH``.
    """
    n = end - begin
    found = np.zeros(n, np.bool_)
    for at in range(WIDTH, n + 1) if len(seeds) else range(0):
        if holds(seeds, hash_of(tokens, begin + at - WIDTH, begin + at, np.uint64(WIDTH))):
            found[max(at - before, 0) : at + behind] = True
    return found
