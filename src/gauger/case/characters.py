"""Which characters a reader sees, and text as it is compared: what looks alike is alike."""

from __future__ import annotations

import unicodedata

JOINERS = "\u200c\u200d"  # without which some scripts cannot be written
_UNSEEN = frozenset(
    # Letters, marks and symbols by category: fillers, blanks, selectors of a variant (some more lie in plane 14).
    "\u034f\u115f\u1160\u17b4\u17b5\u180b\u180c\u180d\u180f\u2028\u2029\u2800\u3164\uffa0\U0001d159"
    + "".join(map(chr, range(0xFE00, 0xFE10)))
)


def unseen(c: str) -> bool:
    """Whether a character acts, or takes room, but does not show: controls, bidi marks, joiners, fillers, selectors."""
    return unicodedata.category(c)[0] == "C" or c in _UNSEEN or 0xE0000 <= ord(c) <= 0xE0FFF


def stray(text: str) -> bool:
    """Whether a joiner stands anywhere but between two letters, or their marks."""
    around = [" ", *text, " "]
    return any(
        c in JOINERS and not all(unicodedata.category(n)[0] in "LM" for n in (before, after))
        for before, c, after in zip(around, around[1:], around[2:], strict=False)
    )


def folded(text: str) -> str:
    """Text without case, width, way of composing, unseen characters, or how its lines break."""
    spaced = " ".join(unicodedata.normalize("NFKC", text).split())
    seen = "".join(c for c in unicodedata.normalize("NFKC", spaced.casefold()) if not unseen(c))
    return unicodedata.normalize("NFC", " ".join(seen.split()))
