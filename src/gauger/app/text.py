"""Show text that an attacker may have written: on a page, in a terminal, in an error message."""

from __future__ import annotations

from gauger.case.characters import unseen

SHOWN_CHARS = 600


def visible(text: str, limit: int = SHOWN_CHARS) -> str:
    """Replace what acts but does not show (controls, ANSI escapes, bidi marks, zero-width, blanks) by a sign for it.

    Newlines and tabs become spaces, the rest ``⟨U+202E⟩``. Text beyond ``limit`` characters is left out and counted.
    """
    if text.isascii() and text.isprintable() and len(text) <= limit:
        return text
    shown = "".join(_sign(c) for c in text[:limit])
    return shown if len(text) <= limit else f"{shown}… [{len(text) - limit:,} more characters]"


def _sign(c: str) -> str:
    if c in "\n\r\t":
        return " "
    if unseen(c):
        return f"⟨U+{ord(c):04X}⟩"
    return c
