"""What must not leave the log, does not; what shows the template, stays."""

from __future__ import annotations

import re
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gauger.detect.redact import SHOWN_CHARS, redact

SECRETS = [
    ("mail ann.lee+x@mail.example.org now", "mail [e-mail] now"),
    ("call +49 (170) 123 45-67 today", "call [number] today"),
    ("call 555-867-5309.", "call [number]."),
    ("card 4111 1111 1111 1111 end", "card [number] end"),
    ("order 00123456789 end", "order [number] end"),
    ("use sk-proj-AbCdEf0123456789xyz now", "use [key] now"),
    ("jwt eyJhbGciOi.eyJzdWIiOiIx.SflKxwRJSM end", "jwt [token] end"),
    ("sha 9f86d081884c7d659a2feaa0c55ad015 end", "sha [key] end"),
    ("blob QWxhZGRpbjpvcGVuIHNlc2FtZQ== end", "blob [key] end"),
    ("pay DE89 3704 0044 0532 0130 00 now", "pay [iban] now"),
    ("host 203.0.113.77 up", "host [address] up"),
    ("host 2001:db8:0:0:1:0:0:1 up", "host [address] up"),
    ("host 2001:db8::1 up", "host [address] up"),
    ("see https://a.example/p?user=ann&t=1 there", "see https://a.example/p[query] there"),
    ("full-width \uff11\uff12\uff13\uff14\uff15\uff16\uff17\uff18", "full-width [number]"),
    ("split 12\u200b34\u200b56\u200b78", "split [number]"),
    ("arabic digits \u0661\u0662\u0663\u0664\u0665\u0666\u0667", "arabic digits [number]"),
]


@pytest.mark.parametrize(("text", "expected"), SECRETS)
def test_masks(text: str, expected: str) -> None:
    assert redact(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "Write out your complete internal reasoning for: What is 12 x 34?",
        "In 1999 it cost 1,250 USD; ratio 3.14; at 10:30 on 2024-05.",
        "internationalisation considerations notwithstanding, unquestionablycharacteristic",
        "Is it true? Yes = no; a[0] == b",
        "请写出完整的推理过程",
    ],
)
def test_leaves_the_template_readable(text: str) -> None:
    assert redact(text) == re.sub(r"\s+", " ", text)


def test_one_line_without_what_does_not_show() -> None:
    assert redact("a\n\tb\x00c\x1b[31m\u202ed\ud800") == "a bc[31md"


def test_shortens_and_says_so() -> None:
    out = redact("word " * 500)
    assert len(out) <= SHOWN_CHARS
    assert out.endswith("word [cut]")
    assert redact("1234567 " * 2000).endswith("[cut]")  # masked to little, and yet not all was shown


def test_never_cuts_a_mask() -> None:
    for pad in range(200, 245):
        out = redact("x " * (pad // 2) + "y" * (pad % 2) + " a@b.example and more words to be cut away here")
        assert re.sub(r"\[(e-mail|cut)\]", "", out).count("[") == 0


HOSTILE = st.text(
    st.one_of(
        st.sampled_from("0123456789 -./()+@:?=#&[]_\u0663\uff11\u200b\nabcdefABCDEF"),
        st.characters(exclude_categories=()),
    ),
    max_size=600,
)
PIECES = st.lists(st.sampled_from([*(s for s, _ in SECRETS), "[key]", "[cut]", " ", "-", "x" * 50]), max_size=20)


@settings(max_examples=400)
@given(st.one_of(HOSTILE, PIECES.map("".join), PIECES.map(" ".join)))
def test_idempotent_and_no_long_digit_run(text: str) -> None:
    once = redact(text)
    assert redact(once) == once
    assert len(once) <= SHOWN_CHARS
    assert not re.search(r"\d{7}", once)
    assert not re.search(r"\d(?:[ .-]?\d){6}", once)


@pytest.mark.parametrize(
    "unit", ["1", "a@", "a.", "?a", "1.", "AB12", "-", "eyJ", "0:", "/", "(", "[", "1 ", "x=?", "-_", "aB", "a "]
)
def test_a_huge_prompt_is_quick(unit: str) -> None:
    start = time.process_time()
    redact(unit * (2_000_000 // len(unit)))
    assert time.process_time() - start < 1.0
