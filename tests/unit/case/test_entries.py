"""What follows an entry whose clock was ahead."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from gauger.case.entries import following, verify_chain
from gauger.errors import ConfigError
from gauger.model import Case

NOW = datetime(2026, 3, 1, tzinfo=UTC)
OBJECT = f"sha256:{'1' * 64}"
HOLD = {"text": "court", "object": OBJECT, "keep": {"state": "hold"}}


def after(case: Case, kind: str, body: dict[str, Any], time: datetime, role: str = "analyst") -> Case:
    entry = following(case, kind, body, author="mira", role=role, time=time)
    return Case(id=case.id, entries=(*case.entries, entry))


def ahead(by: timedelta) -> Case:
    return after(Case(id="C", entries=()), "note", {"text": "x"}, NOW + by)


@pytest.mark.parametrize("role", ["analyst", "counsel"])
@pytest.mark.parametrize("by", [timedelta(seconds=1), timedelta(hours=20)])
def test_a_clock_that_steps_back_is_refused_for_everybody(role: str, by: timedelta) -> None:
    with pytest.raises(ConfigError, match=f"the clock is behind.*0 by mira.*{by} after now") as error:
        after(ahead(by), "read", {"object": OBJECT, "why": "x"}, NOW, role)
    assert "counsel" not in str(error.value)


def test_who_was_ahead_and_by_how_much_is_said_and_what_to_do() -> None:
    with pytest.raises(ConfigError) as error:
        after(ahead(timedelta(days=3000)), "note", {"text": "x"}, NOW)
    for said in ("the clock is behind", "0 by mira", "2034-05-18", "3000 days", "2026-03-01", "counsel", "a new case"):
        assert said in str(error.value)


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        ("read", {"object": OBJECT, "why": "x"}),
        ("erasure", {"object": OBJECT, "why": "x"}),
        ("note", HOLD),
        ("close", {"why": "x"}),
    ],
)
def test_counsel_still_keeps_house_and_says_what_the_clock_said(kind: str, body: dict[str, Any]) -> None:
    stuck = ahead(timedelta(days=3000))
    case = verify_chain(after(stuck, kind, body, NOW, "counsel"))
    assert case.entries[-1].time == stuck.entries[-1].time
    assert case.entries[-1].body == {**body, "clock": "2026-03-01T00:00:00Z"}
    with pytest.raises(ConfigError, match="the clock is behind"):
        after(stuck, kind, body, NOW)


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        ("note", {"text": "x"}),
        ("note", {"text": "about to go out", "sending": OBJECT, "notice": "n"}),
        ("notice", {"notice": "n", "kind": "dmca", "state": "sent", "document": OBJECT}),
        ("decision", {"what": "x", "why": "y"}),
    ],
)
def test_nothing_else_is_dated_by_a_clock_that_was_ahead(kind: str, body: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match="the clock is behind"):
        after(ahead(timedelta(days=3000)), kind, body, NOW, "counsel")


def test_nothing_is_noted_once_the_clock_has_caught_up() -> None:
    case = after(ahead(timedelta(days=3000)), "note", HOLD, NOW + timedelta(days=3000), "counsel")
    assert case.entries[-1].body == HOLD
