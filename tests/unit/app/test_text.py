"""Nothing that acts on a terminal or a page passes."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gauger.app.text import visible


def test_signs() -> None:
    assert visible("a\x00b\x1b[31mc\n\x7f") == "a⟨U+0000⟩b⟨U+001B⟩[31mc ⟨U+007F⟩"
    assert visible("acct\u202egnp\u200b\ud800") == "acct⟨U+202E⟩gnp⟨U+200B⟩⟨U+D800⟩"
    assert visible("naïve 数 🙂 e\u0301") == "naïve 数 🙂 e\u0301"
    assert visible("x" * 12, limit=10) == "x" * 10 + "… [2 more characters]"


@pytest.mark.parametrize("c", "\u034f\u115f\u180b\u2800\u3164\ufe00\ufe0f\uffa0\U000e0100\U000e01ef")
def test_what_is_blank_or_picks_a_variant_is_a_sign(c: str) -> None:
    assert visible(f"a{c}") == f"a⟨U+{ord(c):04X}⟩"


@given(st.text(st.characters(exclude_categories=())))
def test_only_what_shows_and_encodes(text: str) -> None:
    out = visible(text)
    out.encode()
    assert not [c for c in out if unicodedata.category(c)[0] == "C"]
