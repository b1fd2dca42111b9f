"""Answers that a host wrote into JSON, HTML or another system's lines are what they were before."""

from __future__ import annotations

import html
import json
from collections.abc import Callable

import numpy as np
import pytest

from gauger.lineage.escapes import plain

TEXTS = [
    "One line, and no more.",
    'He said "so".\nIt\'s <b>bold</b> & cheap.',
    "first\n\n- second\n- third",
    "caf\u00e9 \u2014 \U0001f600\nand on",
    'print("a\\n") # \\alpha\n\tand more',
] * 4
MODEL = np.repeat([0, 1], len(TEXTS))
HOSTS: dict[str, Callable[[str], str]] = {
    "json": lambda text: json.dumps(text)[1:-1],
    "json, not all of it ASCII": lambda text: json.dumps(text, ensure_ascii=False)[1:-1],
    "html": html.escape,
    "html with lines": lambda text: html.escape(text).replace("\n", "<br>"),
    "lines of html": lambda text: text.replace("\n", "<br />\n"),
    "lines of another system": lambda text: text.replace("\n", "\r\n"),
    "old lines": lambda text: text.replace("\n", "\r"),
    "blanks that hold": lambda text: text.replace(" ", "\u00a0"),
    "what cannot be seen": lambda text: "\ufeff" + text.replace(".", ".\u200b"),
}


@pytest.mark.parametrize("host", HOSTS)
def test_what_a_host_writes_otherwise_is_undone(host: str) -> None:
    hosted = [HOSTS[host](text) for text in TEXTS]
    assert hosted != TEXTS
    assert plain(hosted + TEXTS, MODEL) == TEXTS + TEXTS


def test_lines_alone() -> None:
    texts = [text for text in TEXTS if "\\" not in text]
    assert plain([text.replace("\n", "\\n") for text in texts], MODEL[: len(texts)]) == texts


def test_an_answer_about_escapes_stays() -> None:
    about = [
        "write \\n for a line's end,\nand &quot; for \"",
        "tables\ntake <br> and &lt;b&gt;, not <b>",
        'it\'s \\"so\\"',
    ]
    assert plain(about * 3 + TEXTS, np.repeat([0, 1], [9, len(TEXTS)])) == about * 3 + TEXTS
    one = ["a\\nb", *["no line ends here"] * 9]
    assert plain(one, np.zeros(10, dtype=np.int64)) == one


def test_no_answers() -> None:
    assert plain([], np.empty(0, dtype=np.int64)) == []
