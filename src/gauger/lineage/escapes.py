"""Answers as the models gave them: freed of how JSON, HTML and other systems' lines write them."""

from __future__ import annotations

import html
import re
from collections.abc import Callable, Sequence

import numpy as np

from gauger.stats import IntArray

LEAST, BARE = 1 / 10, 1 / 9
LINE_ENDS = re.compile("\r\n?")
UNSEEN = re.compile("[\u00ad\u200b-\u200f\u2060\ufeff]")
BACKSLASHED = re.compile(r"\\[nrt\"'/\\]|(?:\\u[0-9a-fA-F]{4})+")
BREAK = re.compile(r"<br ?/?>\n?", re.IGNORECASE)
LETTERS = {"n": "\n", "r": "\r", "t": "\t"}


def _of_json(text: str) -> str:
    return BACKSLASHED.sub(_one, text)


def _one(found: re.Match[str]) -> str:
    if found.group()[1] == "u":
        return bytes.fromhex(found.group().replace("\\u", "")).decode("utf-16-be", "replace")
    return LETTERS.get(found.group()[1], found.group()[1])


def _of_breaks(text: str) -> str:
    return BREAK.sub("\n", text)


# What an escape writes, what stands there where nothing is escaped, and how it is undone. In this order: a host that
# writes <br> escapes what else is < first.
ESCAPES: tuple[tuple[re.Pattern[str], re.Pattern[str], Callable[[str], str]], ...] = (
    (re.compile(r"<br ?/?>", re.IGNORECASE), re.compile(r"(?<!>)[\r\n]"), _of_breaks),
    (re.compile("&(?:quot|#34|#x22);"), re.compile('"'), html.unescape),
    (re.compile("&(?:apos|#0?39|#x27);"), re.compile("'"), html.unescape),
    (re.compile("&[lg]t;"), re.compile("[<>]"), html.unescape),
    (re.compile(r"\\n"), re.compile(r"[\r\n]"), _of_json),
    (re.compile(r"\\\""), re.compile(r'(?<!\\)"'), _of_json),
    (re.compile(r"\\u[0-9a-fA-F]{4}"), re.compile(r"[^\x00-\x7f]"), _of_json),
)


def plain(texts: Sequence[str], model: IntArray) -> list[str]:
    """The answers without escapes, and ``folded``. model: whose each is, int64[n].

    A model's answers are escaped where more than one in ten holds a sign as JSON or HTML write it (``\\n``, ``&quot;``)
    and at most a ninth as many hold it as it is. What a model says of escapes stays.
    """
    made = list(texts)
    for written, bare, undone in ESCAPES:
        for k in _escaped(made, model, written, bare):
            made[k] = undone(made[k])
    return [folded(text) for text in made]


def folded(text: str) -> str:
    """With one kind of line end and of blank, and without what cannot be seen."""
    return UNSEEN.sub("", LINE_ENDS.sub("\n", text).replace("\u00a0", " "))


def _escaped(texts: Sequence[str], model: IntArray, written: re.Pattern[str], bare: re.Pattern[str]) -> IntArray:
    """Which answers are of models that write so."""
    answers = np.bincount(model)

    def held(sign: re.Pattern[str], among: Sequence[int] | IntArray) -> IntArray:
        return np.bincount(model[[k for k in among if sign.search(texts[k])]], minlength=len(answers))

    shown = held(written, range(len(texts)))
    likely = shown > LEAST * answers
    likely &= held(bare, np.flatnonzero(likely[model])) <= BARE * shown
    return np.flatnonzero(likely[model])
