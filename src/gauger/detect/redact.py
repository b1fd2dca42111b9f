"""Make a prompt fit for a report: short, one line, and without what may identify a person or open a door.

The output is for a reader's eye, not for a machine: what looks like a secret is masked, even where it is
none. What is masked is named, so that the reader still sees the shape of the template.
"""

from __future__ import annotations

import re
import unicodedata

SHOWN_CHARS = 240
READ_CHARS = 4_000  # so that a 50 MB prompt costs no more than a long one
CUT = " [cut]"

_MASK = re.compile(r"\[(?:e-mail|address|iban|number|key|token|query|cut)\]")
# In this order: a URL's query may hold an e-mail, a token may hold a long digit run.
_RULES: tuple[tuple[str, re.Pattern[str]], ...] = (
    ("[query]", re.compile(r"(?<=[^\s\[?#])(?<!\])[?#][\w%\[\]][^\s\"'<>]*=[^\s\"'<>]*")),
    ("[token]", re.compile(r"\beyJ[\w-]{4,}(?:\.[\w-]*){0,2}")),
    ("[key]", re.compile(r"\b(?:sk|pk|rk|ak|ghp|gho|ghs|github_pat|glpat|hf|xox[a-z]|AKIA|ASIA|AIza)[-_]?[\w-]{8,}")),
    ("[e-mail]", re.compile(r"[^\s@<>\[\](),;:\"']{1,64}@[^\s@<>\[\](),;:\"']{1,255}")),
    ("[iban]", re.compile(r"\b[A-Z]{2}\d{2}(?:[ -]?[A-Z0-9]{2,4}){3,8}\b")),
    ("[address]", re.compile(r"(?<![\d.])\d{1,3}(?:\.\d{1,3}){3}(?![\d.])")),
    ("[address]", re.compile(r"(?<![\w:])(?:[0-9A-Fa-f]{0,4}:){2,7}[0-9A-Fa-f]{1,4}(?![\w:])")),
    # Cards, phones, accounts: seven digits or more, however they are grouped.
    ("[number]", re.compile(r"[+(]{0,2}\d(?:[ \-./()_]{0,2}\d){6,}")),
    # Hex and base64 from 20 characters: a digit, or a capital after a small letter, tells them from a long word.
    ("[key]", re.compile(r"(?<![A-Za-z0-9+/_-])(?=[A-Za-z+/_-]*(?:\d|[a-z][A-Z]))[A-Za-z0-9+/_-]{20,}={0,2}")),
)


def redact(text: str) -> str:
    """Shorten ``text`` to about 240 characters on one line and mask what must not leave the log.

    Masked: e-mail and IP addresses, runs of seven digits or more however grouped (phones, cards, accounts),
    IBANs, keys and tokens (by prefix; hex or base64 from 20 characters), the query strings of URLs. Characters
    that show nothing (controls, bidi marks, zero-width) are dropped first, and compatibility forms (full-width
    digits) folded, because either would hide a secret from the rules.

    Guarantee: ``redact(redact(x)) == redact(x)``; no run of seven digits survives.
    Not claimed: names, street addresses and what is secret by meaning are not recognised.
    """
    whole = text[:READ_CHARS]
    out = _fold(whole)
    # Until nothing changes: a mask may bring together what was apart. Each turn removes unmasked text.
    while (masked := _shorten(_mask(out))) != out:
        out = masked
    if len(text) > READ_CHARS and not out.endswith(CUT):
        return redact(out + CUT)
    return out


def _fold(text: str) -> str:
    folded = unicodedata.normalize("NFKC", text)
    shown = (" " if c.isspace() else c for c in folded if c.isspace() or unicodedata.category(c)[0] != "C")
    return " ".join("".join(shown).split())


def _mask(text: str) -> str:
    for mask, pattern in _RULES:
        text = pattern.sub(mask, text)
    return text


def _shorten(text: str) -> str:
    if len(text) <= SHOWN_CHARS:
        return text
    end = SHOWN_CHARS - len(CUT)
    for mask in _MASK.finditer(text):
        if mask.start() < end < mask.end():
            end = mask.start()
    return text[:end].rstrip() + CUT
