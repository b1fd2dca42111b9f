"""Tokens as servers tell of them, found again in the text that they were given."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gauger.edge.suspects.placing import placed

TEXT = "How are you? \u4f60\u597d\uff0c I am fine \U0001f600\U0001f680, a a a\n\n  end."


def cut(text: str, rng: random.Random) -> list[str]:
    """Tokens of one to five characters, with the blank before a word where there is one; no word of blanks alone."""
    tokens, at = [], 0
    while at < len(text):
        size = rng.randint(1, 5)
        while at + size < len(text) and text[at : at + size].isspace():
            size += 1
        tokens.append(text[at : at + size])
        at += size
    return tokens


def begins(tokens: list[str]) -> list[int]:
    return [sum(map(len, tokens[:k])) for k in range(len(tokens))]


@given(st.text(st.sampled_from("ab \n\u4f60\u597d.,")), st.randoms())
def test_as_they_are(text: str, rng: random.Random) -> None:
    tokens = cut(text, rng)
    assert placed(tokens, text) == (begins(tokens), len(text))


@given(st.text(st.sampled_from("ab \n\u4f60\u597d.,"), min_size=1).filter(lambda t: t[-1] != " "), st.randoms())
def test_with_a_beginning_and_without_blanks(text: str, rng: random.Random) -> None:
    tokens = [t for t in cut(text, rng) if t.strip()]
    told = ["<|begin_of_text|>", *(t.lstrip() for t in tokens), "</s>"]
    places, end = placed(told, text)
    assert (places[0], places[-1]) == (None, None)
    before = ["".join(text[:at].split()) for at in places[1:-1] if at is not None]
    assert before == ["".join("".join(tokens[:k]).split()) for k in range(len(tokens))]  # but for blanks
    assert text[end:].strip() == ""


@pytest.mark.parametrize(
    "mark", [lambda t: t.replace(" ", "\u2581"), lambda t: t.replace(" ", "\u0120").replace("\n", "\u010a")]
)
def test_in_the_vocabularys_own_signs(mark) -> None:  # type: ignore[no-untyped-def]
    tokens = ["How", " are", " you", "?", " \u4f60", "\u597d", "\uff0c I", " am", " fine", " \U0001f600"]
    assert placed([*map(mark, tokens)], TEXT) == (begins(tokens), sum(map(len, tokens)))


def test_a_sign_in_parts_is_theirs_together() -> None:
    text = "ok \U0001f600\U0001f680 go"
    places, end = placed(["ok", "\ufffd", "\ufffd", "\ufffd", "\ufffd", "\ufffd", " go"], text)
    assert (places, end) == ([0, 2, 2, 2, 2, 2, 5], len(text))


def test_a_sign_in_parts_may_end_the_text() -> None:
    text = "ok \U0001f600"
    assert placed(["ok", "\ufffd", "\ufffd", "\ufffd"], text) == ([0, 2, 2, 2], len(text))
    assert placed(["ok", " \U0001f600", "</s>"], text) == ([0, 2, None], len(text))


def test_a_dummy_blank_before_the_first_word_is_nobodys() -> None:
    assert placed(["<s>", " Hello", " world"], "Hello world") == ([None, 0, 5], 11)


def test_what_is_not_found_ends_the_reading_and_costs_no_time() -> None:
    assert placed(["a", "zz"], "a bc") == ([0, None], 1)
    assert placed([], "abc") == ([], 0)
    assert placed(["", "abc"], "abc") == ([None, 0], 3)
    assert placed(["a", *["zz"] * 2000], "a" + " " * 100_000)[1] == 1
    text = "x " * 20_000
    places, end = placed(["q"] * 20_000, text)
    assert (set(places), end) == ({None}, 0)
