"""What gets twins hangs on the account, the key and the question; a rule about answers treats all k + 1 alike."""

from __future__ import annotations

from itertools import permutations

import pytest

from gauger.errors import ConfigError
from gauger.lineage.ghost_choice import (
    BLANK,
    COMMON,
    MOST_ASKED,
    REPUBLISHED,
    RETRY,
    SAID_ELSEWHERE,
    Coin,
    Sighting,
    answer_digest,
    dropped,
    folded,
    placed,
    settings,
)

ROW = {"temperature": 0.7, "top_p": 0.9, "max_tokens": 64}


def seen(id: str, account: str, time_s: float, answer: str) -> Sighting:
    return Sighting(id=id, account=account, time_us=round(time_s * 1e6), answer=answer_digest(answer))


def reasons(*sightings: Sighting, window_s: float = 60) -> dict[str, str]:
    return {name: p.reason for name, p in placed(sightings, {s.id for s in sightings}, window_s).items()}


def test_of_a_retry_the_first_stays() -> None:
    said = [seen("b", "x", 50, "2"), seen("a", "x", 0, "1"), seen("c", "x", 111, "3"), seen("d", "y", 51, "4")]
    assert reasons(*said) == {"a": "", "b": RETRY, "c": "", "d": ""}
    assert reasons(*said, window_s=61)["c"] == RETRY
    assert reasons(seen("a", "x", 0, "1"), seen("b", "x", 0, "2")) == {"a": "", "b": RETRY}  # the log knows no times


def test_what_the_account_asks_later_is_not_held_against_the_first() -> None:
    """It asked again because of the answer it had; that must not decide whether this answer stays."""
    first, later, other = seen("a", "x", 0, "one"), seen("b", "x", 9, "two"), seen("c", "y", 9, "three")
    found = placed([first, later, other], {"a"}, 60)
    assert found["a"].elsewhere == {other.answer}
    assert reasons(first, seen("b", "x", 9, "ONE"))["a"] == ""
    assert reasons(first, seen("b", "y", 9, " ONE ")) == {"a": SAID_ELSEWHERE, "b": SAID_ELSEWHERE}


def test_everybodys_prompt_is_nobodys() -> None:
    said = [seen(f"e{k}", f"a{k}", k, str(k)) for k in range(MOST_ASKED + 1)]
    assert set(reasons(*said).values()) == {COMMON}
    assert set(reasons(*said[:-1]).values()) == {""}


@pytest.mark.parametrize(
    ("answers", "elsewhere", "reposts", "reason"),
    [
        (("a b", "c", "d"), (), "", ""),
        (("a b", " \n", "d"), (), "", BLANK),
        (("a b", "c", "d"), ("C",), "", SAID_ELSEWHERE),
        (("a b", "c", "d"), (), "they said: a b, and", REPUBLISHED),
        (("a b", "a b", "a b"), (), "", ""),
    ],
)
def test_the_order_of_the_answers_decides_nothing(answers, elsewhere, reposts, reason: str) -> None:
    others = [answer_digest(text) for text in elsewhere]
    assert {dropped(order, others, reposts) for order in permutations(answers)} == {reason}


def test_the_coin_hangs_on_key_and_id() -> None:
    ids = [f"event-{k}" for k in range(4000)]
    tosses = [Coin(bytes(16)).toss(name) for name in ids]
    assert tosses == [Coin(bytes(16)).toss(name) for name in ids]
    assert tosses != [Coin(bytes(15) + b"\1").toss(name) for name in ids]
    assert min(tosses) >= 0
    assert max(tosses) < 1
    assert abs(sum(t < 0.3 for t in tosses) - 1200) < 4.5 * (4000 * 0.21) ** 0.5
    with pytest.raises(ConfigError, match="16 bytes"):
        Coin(bytes(15))


def test_settings_that_cannot_be_asked_for_again_are_none() -> None:
    known = settings(ROW, {"temperature": 0.7, "logprobs": True, "top_k": 40, "reasoning_effort": "high"}, {})
    assert known is not None
    assert dict(known.more) == {"top_k": 40, "reasoning_effort": "high"}
    for params in ({"seed": 3}, {"stop": "#0011223344556677"}, {"thinking": "#0"}, {"top_k": "#0"}):
        assert settings(ROW, params, {}) is None
    silent = {**ROW, "max_tokens": None}
    assert settings(silent, {}, {}) is None
    assert settings(silent, {}, {"max_tokens": 99}).max_tokens == 99
    assert settings(ROW, {}, {"max_tokens": 99}).max_tokens == 64


def test_folding() -> None:
    assert folded(" A\tb\n\nC ") == "a b c"
    assert answer_digest("A b") == answer_digest(" a  B")
