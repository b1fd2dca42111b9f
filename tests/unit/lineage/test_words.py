"""What is a word, in scripts with and without blanks."""

from __future__ import annotations

import numpy as np
import pytest

from gauger.lineage.words import packed, spelled, tokenize


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("Plain words, 2 of them", "plain words 2 of them"),
        ("добрый день", "добрый день"),
        ("नमस्ते दुनिया", "नमस्ते दुनिया"),
        ("გამარჯობა", "გამარჯობა"),
        ("日本", "日 本"),
        ("ไทย", "ไ ท ย"),
        ("ລາວ", "ລ າ ວ"),
        ("བོད", "བ ོ ད"),
        ("မြန်", "မ ြ န ်"),
        ("ខ្មែរ ok", "ខ ្ ម ែ រ ok"),
        ("aกb", "a ก b"),
    ],
)
def test_words(text: str, words: str) -> None:
    made = tokenize(*packed([text]))
    assert np.count_nonzero(made.word) == len(words.split(" "))
    assert spelled(text.encode(), 0, 99) == words


def test_a_character_that_is_cut_off_is_no_reason_to_read_beyond() -> None:
    for text in (b"a\xe0", b"a\xe0\xb8", b"\xe3\x81"):
        assert tokenize(np.frombuffer(text, np.uint8), np.array([0, len(text)])).starts.tolist() == [0, 1]
        assert spelled(text, 0, 9)
