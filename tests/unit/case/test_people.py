"""What was approved when, and by whom that still reviews."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from gauger.case.entries import following
from gauger.case.people import approved, guarded, named
from gauger.errors import ConfigError
from gauger.model import Case, digest

NOW = datetime(2026, 3, 1, tzinfo=UTC)
DOCUMENT = f"sha256:{'1' * 64}"
ROLES = {"mira": "analyst", "ken": "reviewer", "lea": "counsel"}
NOTICE = {"notice": "n", "kind": "dmca", "document": DOCUMENT, "to": "a@b.example"}
SENT = {**NOTICE, "state": "sent"}


def case(*rows: tuple[str, str, dict[str, Any]]) -> Case:
    """Entries in order; a review is of the draft, which is the first."""
    made = Case(id="C", entries=())
    for kind, author, body in (("notice", "mira", {**NOTICE, "state": "drafted"}), *rows):
        given = {"of": digest(made.entries[0]), **body} if kind == "review" else body
        entry = following(made, kind, given, author=author, role=ROLES[author], time=NOW)
        made = Case(id="C", entries=(*made.entries, entry))
    return made


def review(author: str, verdict: str = "approve") -> tuple[str, str, dict[str, Any]]:
    return "review", author, {"verdict": verdict}


BOTH = (review("ken"), review("lea"))
SENDING = ("note", "mira", {"text": "out", "sending": DOCUMENT, "notice": "n"})


def test_two_must_agree_and_still_review() -> None:
    guarded(case(*BOTH), "notice", SENT, ROLES)
    for rows, roles in (
        (BOTH[:1], ROLES),
        ((*BOTH, review("ken", "reject")), ROLES),
        (BOTH, ROLES | {"ken": ""}),
        (BOTH, ROLES | {"lea": "analyst"}),
        (BOTH, {"mira": "analyst", "ken": "reviewer"}),
    ):
        with pytest.raises(ConfigError, match="two people"):
            guarded(case(*rows), "notice", SENT, roles)
    assert approved(case(*BOTH), digest(case().entries[0]))


def test_what_goes_out_again_is_drafted_and_approved_again() -> None:
    proposed = {"disclosure": "d", "document": DOCUMENT, "to": "lab", "state": "proposed"}
    made = Case(id="C", entries=())
    for _ in range(2):
        with pytest.raises(ConfigError):
            guarded(made, "disclosure", {**proposed, "state": "made"}, ROLES)
        made = added(made, "disclosure", "mira", proposed)
        of = digest(made.entries[-1])
        for who in ("ken", "lea"):
            made = added(made, "review", who, {"of": of, "verdict": "approve"})
        guarded(made, "disclosure", {**proposed, "state": "made"}, ROLES)
        made = added(made, "disclosure", "mira", {**proposed, "state": "made"})


def added(to: Case, kind: str, author: str, body: dict[str, Any]) -> Case:
    entry = following(to, kind, body, author=author, role=ROLES[author], time=NOW)
    return Case(id="C", entries=(*to.entries, entry))


def test_it_goes_out_once() -> None:
    with pytest.raises(ConfigError, match="sent already"):
        guarded(case(*BOTH, ("notice", "mira", SENT)), "notice", SENT, ROLES)


def test_what_was_begun_may_be_said_and_what_failed_is_approved_anew() -> None:
    guarded(case(*BOTH, SENDING, review("ken", "reject")), "notice", SENT, ROLES)
    with pytest.raises(ConfigError, match="two people"):  # begun before it was approved
        guarded(case(SENDING, review("ken")), "notice", SENT, ROLES)
    failed = case(*BOTH, SENDING)
    not_sent = ("note", "mira", {"text": "it did not", "not_sent": digest(failed.entries[-1]), "notice": "n"})
    with pytest.raises(ConfigError, match="two people"):
        guarded(case(*BOTH, SENDING, not_sent, review("ken", "reject")), "notice", SENT, ROLES)


def test_an_attempt_to_send_a_notice_is_none_to_give_its_file_away() -> None:
    gift = {"disclosure": "n", "document": DOCUMENT, "to": "a@b.example"}
    rows = (("disclosure", "mira", {**gift, "state": "proposed"}), *BOTH, SENDING)
    with pytest.raises(ConfigError, match="two people"):
        guarded(case(*rows), "disclosure", {**gift, "state": "made"}, ROLES)


def test_after_the_close_what_was_on_its_way_may_be_said_to_be_sent() -> None:
    ended = case(*BOTH, SENDING, ("close", "lea", {"why": "settled"}))
    following(ended, "notice", SENT, author="mira", role="analyst", time=NOW)
    for body in ({**SENT, "notice": "other"}, {**SENT, "state": "withdrawn"}, {**SENT, "document": digest(b"x")}):
        with pytest.raises(ConfigError, match="is closed"):
            following(ended, "notice", body, author="mira", role="analyst", time=NOW)


def test_an_entry_is_corrected_once() -> None:
    before = case(("note", "mira", {"text": "wrong"}))
    of = digest(before.entries[-1])
    once = case(("note", "mira", {"text": "wrong"}), ("note", "mira", {"text": "right", "corrects": of}))
    with pytest.raises(ConfigError, match="was corrected by entry 2: correct that one"):
        following(once, "note", {"text": "better", "corrects": of}, author="mira", role="analyst", time=NOW)


@pytest.mark.parametrize(
    "name",
    ["ken\ufe0f", "ken\U000e0100", "k\u034fen", "ken\u3164", "ken\u2800", "k\u180ben", "\u03ba\u0435n", "KEN", "ｋen"],
)
def test_nobody_is_enrolled_under_what_looks_like_another(name: str) -> None:
    with pytest.raises(ConfigError):
        named(name, ["ken", "cora"])


def test_a_whole_word_in_another_script_that_looks_the_same() -> None:
    with pytest.raises(ConfigError, match="could be taken for 'copa'"):
        named("\u0441\u043e\u0440\u0430", ["copa"])
    assert named("\u0418\u0440\u0438\u043d\u0430", ["cora"])
    assert named("김지수", ["cora"])
