"""Each kind says what it must, and refuses what it must not say."""

from __future__ import annotations

import base64
import json
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from gauger.case.entries import following
from gauger.case.notices.document import Notice, checked, draft, missing_recommended
from gauger.case.notices.facts import Facts, gathered, parse_accesses, summary
from gauger.case.notices.fields import IncompleteError
from gauger.case.notices.registry import KINDS, kind_of
from gauger.errors import ConfigError, InputError
from gauger.model import Case, canonical_json, digest
from tests.notice_forms import ACCESSES, FACTS, FORMS, NOW, drafted


def text(notice: Notice, name: str = "notice.txt") -> str:
    return next(p.text for p in notice.parts if p.name == name)


def flat(notice: Notice) -> str:
    return " ".join(text(notice).split())


def with_accesses(kind: str, data: bytes = ACCESSES, **changed: Any) -> Notice:
    rows = parse_accesses(data, "a.csv")
    given = {k: v for k, v in {**FORMS[kind], **changed}.items() if v is not None}
    return draft(KINDS[kind], given, FACTS, name="n-1", time=NOW, accesses=rows)


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_says_what_is_claimed_what_is_not_and_how_to_object(kind: str) -> None:
    notice = drafted(kind)
    said = flat(notice)
    for sentence in (*KINDS[kind].claims, *KINDS[kind].not_claimed):
        assert sentence in said
    for heading in ("WHAT WE CLAIM", "WHAT WE DO NOT CLAIM", "HOW TO OBJECT"):
        assert heading in said
    assert "trust@lab.example" in said.partition("HOW TO OBJECT")[2]
    assert "C-1 / n-1" in said
    assert (notice.to, notice.sender, notice.kind) == ("abuse@cloud-a.example", "trust@lab.example", kind)
    assert "probability of guilt" in said or kind == "withdrawal"


@pytest.mark.parametrize("kind", [k for k in KINDS if "good_faith" in FORMS[k]])
def test_good_faith_is_declared_by_name(kind: str) -> None:
    end = flat(drafted(kind))
    assert "good faith" in end.replace("as the person who signs believes in good faith", "")
    assert end.rpartition("HOW TO OBJECT")[2].count("Mira Kowalska") == 1


@pytest.mark.parametrize("kind", KINDS)
def test_the_same_fields_make_the_same_bytes(kind: str) -> None:
    assert canonical_json(drafted(kind)) == canonical_json(drafted(kind))
    assert digest(drafted(kind)) != digest(drafted(kind, recipient="Somebody else"))


@pytest.mark.parametrize("kind", KINDS)
def test_what_a_person_wrote_stands_in_the_letter(kind: str) -> None:
    said = "".join(p.text for p in drafted(kind).parts)
    for name, value in FORMS[kind].items():
        if isinstance(value, str) and name not in ("work_is", "signature", "to_whom", "sender_org"):
            assert all(word in said for word in value.split()), name


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("signer", ["Gauger", "Abuse Bot", "Example Lab", "Automated System", "Acme AI", "7"])
def test_only_a_human_being_signs(kind: str, signer: str) -> None:
    with pytest.raises(IncompleteError, match="signer"):
        drafted(kind, signer=signer, **({"signature": signer} if kind == "dmca" else {}))


@pytest.mark.parametrize("signer", ["Ai Tanaka", "AI TANAKA", "Sascha Bot", "Elisabeth Gauger", "한지우"])
def test_people_whose_names_are_a_programs_too_may_sign(signer: str) -> None:
    assert drafted("dmca", signer=signer, signature=f"/s/ {signer}")


def test_a_dmca_notification_has_its_six_elements() -> None:
    said = flat(drafted("dmca"))
    for element in (
        "/s/ Mira Kowalska",
        "The handbook 'How we gauge'",
        "https://files.example/d/handbook.pdf",
        "+1 555 0100",
        "I have a good faith belief that use of the material in the manner complained of is not authorised by the "
        "copyright owner, its agent, or the law.",
        "The information in this notification is accurate. - Under penalty of perjury, I am authorised to act on "
        "behalf of the owner of an exclusive right that is allegedly infringed.",
    ):
        assert element in said
    assert "512(g)(3)" in said.partition("HOW TO OBJECT")[2]


def test_a_signature_is_the_signers() -> None:
    assert "/s/" in text(drafted("dmca", signature="/s/ mira  kowalska"))
    with pytest.raises(IncompleteError, match="signature"):
        drafted("dmca", signature="M. K.")


@pytest.mark.parametrize("kind", ["dmca", "xarf-copyright"])
@pytest.mark.parametrize(
    "claim",
    [
        {"work_is": "model-outputs"},
        {"work": "The outputs of our model, of 3 to 9 March."},
        {"work": "Reasoning traces that customers were given."},
        {"work": "A corpus of LLM-generated answers"},
        {"basis": "Our assistant's responses are ours."},
    ],
)
def test_gauger_never_claims_copyright_in_model_outputs_by_itself(kind: str, claim: dict[str, str]) -> None:
    with pytest.raises(IncompleteError) as caught:
        drafted(kind, **claim)
    assert {p.field for p in caught.value.problems} == {"human_authorship", "human_author"}
    assert "by itself" in caught.value.problems[0].what
    stated = {"human_authorship": "Selection and arrangement of 900 items.", "human_author": "Mira Kowalska"}
    with pytest.raises(IncompleteError, match="human_author"):
        drafted(kind, **claim, human_authorship=stated["human_authorship"])
    assert "Selection and arrangement of 900 items." in flat(drafted(kind, **claim, **stated))


@pytest.mark.parametrize("work", ["A handbook, its maps and its model of the city", "The novel 'Completion'"])
def test_a_work_of_a_person_is_no_model_output(work: str) -> None:
    assert drafted("dmca", work=work)


@pytest.mark.parametrize(
    ("kind", "field"), [("dmca", "infringing_urls"), ("dsa", "urls"), ("hub-report", "model_urls")]
)
def test_a_location_is_exact(kind: str, field: str) -> None:
    with pytest.raises(IncompleteError, match=field):
        drafted(kind, **{field: ["https://files.example/"]})


def test_a_dsa_notice_has_the_elements_of_article_16() -> None:
    said = flat(drafted("dsa"))
    for element in (
        "trade secret",
        "Art. 4(2)",
        "https://hub.example/models/x/blob/main/data.jsonl",
        "Mira Kowalska",
        "trust@lab.example",
        "bona fide belief that the information and allegations contained in this notice are accurate and complete",
        "If you act on this, you owe whoever posted the content a statement of reasons",
        "if you are an online platform, complain to you (Art. 20)",
    ):
        assert element in said
    assert "acct_a302da3294ef" not in said


def test_an_abuse_report_brings_the_accesses() -> None:
    notice = drafted("abuse-report")
    rows = text(notice, "accesses.csv").splitlines()
    assert rows[0] == "address,time_utc,log_reference,account"
    assert rows[1] == "192.0.2.7,2026-03-05T08:00:00Z,gateway.jsonl:17,harvest-7"
    assert len(rows) == 4
    assert "lines of our log (3; addresses: 2) from 2026-03-05T08:00:00Z to 2026-03-06T08:00:00Z" in flat(notice)
    with pytest.raises(IncompleteError, match="accesses"):
        draft(KINDS["abuse-report"], FORMS["abuse-report"], FACTS, name="n-1", time=NOW)


def test_hostile_cells_do_nothing_in_any_kind() -> None:
    hostile = ACCESSES + b"192.0.2.7,2026-03-07T08:00:00Z,\"=cmd|' /C calc'!A0\",@harvest\n"
    assert "'=cmd" in text(with_accesses("abuse-report", hostile), "accesses.csv")
    assert ",'@harvest" in text(with_accesses("abuse-report", hostile), "accesses.csv")
    report = json.loads(text(with_accesses("xarf-connection", hostile, **COUNTED), "report.json"))
    rows = base64.b64decode(report["evidence"][0]["payload"]).decode().splitlines()
    assert rows[-1].endswith(",'=cmd|' /C calc'!A0,'@harvest")


@pytest.mark.parametrize("kind", [k for k in KINDS if KINDS[k].accesses == "refused"])
def test_accesses_stay_out_of_other_kinds(kind: str) -> None:
    with pytest.raises(IncompleteError, match="accesses"):
        with_accesses(kind)


@pytest.mark.parametrize(
    "reasons",
    [
        "See sha256:" + "ab" * 32,
        "See " + "AB" * 32,
        "It was acct_a302da3294ef again.",
        "It was HARVEST-7.",
        "From 192.0.2.7 and others.",
        "From 2001:db8::9 and others.",
        "From 192.0.2.7:443 and others.",
        "See https://192.0.2.7:8443/x",
        "IP:192.0.2.7",
        "IP:2001:db8::9",
        "See [2001:db8::9]:443",
        "It was har\u200dvest-7.",
        "It was ｈarvest－7.",
        "It was ℋarvest-7.",
        "It was har\nvest-7.",
        "It was Jose\u0301 SA, they said.",
        "It was José\nSA, they said.",
        "그것은 Contoso가 보았다.",
        "Ask kim@customer.example about it.",
        "Ask kim [at] customer[.]example about it.",
        "Ask kim(AT)customer(dot)example about it.",
        "From 192[.]0[.]2[.]7 and others.",
        "From 192 (.) 0 (.) 2 (.) 7 and others.",
        "From 2001[:]db8[:][:]9 and others.",
        "See hxxps://192[.]0[.]2[.]7/x",
        "It was acct%5Fa302da3294ef again.",
        r"It was acct\_a302da3294ef again.",
        "It was acct&#95;a302da3294ef again.",
        "Our customer Contoso saw it.",
    ],
)
def test_a_hub_report_holds_nothing_private(reasons: str) -> None:
    given = {**FORMS["hub-report"], "reasons": reasons}
    with pytest.raises(IncompleteError, match="reasons"):
        draft(KINDS["hub-report"], given, FACTS, name="n-1", time=NOW, withheld=("Contoso", "Jose\u200b\u0301 SA."))


def names(*rows: tuple[str, dict[str, Any]]) -> Facts:
    """The facts of a case with these entries; ``of`` and ``corrects`` say which by its place."""
    made = Case(id="C-1", entries=())
    for kind, body in rows:
        linked = {k: digest(made.entries[v]) if k in ("of", "corrects") else v for k, v in body.items()}
        entry = following(made, kind, linked, author="ken", role="reviewer", time=NOW)
        made = Case(id="C-1", entries=(*made.entries, entry))
    return gathered(made)


def campaign(*accounts: str) -> dict[str, Any]:
    said = {"id": "c-1", "accounts": accounts, "first": "2026-03-05", "last": "2026-03-06"}
    return {"campaign": said, "document": f"sha256:{'0' * 64}"}


def evidence(subject: str) -> dict[str, Any]:
    said = {"subject": subject, "null": "n", "kind": "exact", "method": "m", "log_e": 3.0, "n": 9, "inputs": []}
    return {"evidence": said, "document": f"sha256:{'0' * 64}"}


@pytest.mark.parametrize(
    "rows",
    [
        [("campaign", campaign("blameless-9")), ("review", {"of": 0, "verdict": "reject"})],
        [("campaign", campaign("blameless-9")), ("campaign", {**campaign("other-1"), "corrects": 0})],
        [("campaign", campaign("blame\u200bless-9"))],
        [("suspect", {"name": "blameless-9", "what": "account"})],
        [("evidence", evidence("blameless-9"))],
    ],
)
def test_whoever_any_entry_names_stays_out_of_a_hub_report(rows: list[tuple[str, dict[str, Any]]]) -> None:
    facts, given = names(*rows), {**FORMS["hub-report"], "reasons": "It was blameless-9."}
    assert len(facts.private) == len([kind for kind, _ in rows if kind != "review"])
    with pytest.raises(IncompleteError, match="reasons"):
        draft(KINDS["hub-report"], given, facts, name="n-1", time=NOW)
    assert "blameless-9" not in "".join([*summary(facts), *facts.suspects * (rows[0][0] != "suspect")])


def test_the_model_that_a_hub_report_is_about_may_be_named() -> None:
    facts = names(
        ("campaign", campaign("other-1")),
        ("suspect", {"name": "student-7b", "what": "model"}),
        ("evidence", evidence("student-7b")),
        ("evidence", evidence("c-1")),
    )
    assert facts.private == ("other-1",)
    assert draft(KINDS["hub-report"], FORMS["hub-report"], facts, name="n-1", time=NOW)


def test_a_hub_report_has_no_evidence_and_no_name_of_a_customer_in_its_reference() -> None:
    notice = drafted("hub-report")
    assert [p.name for p in notice.parts] == ["notice.txt"]
    assert "e-value of" not in text(notice)
    assert FACTS.campaigns[0] not in text(notice)
    private = replace(FACTS, case="contoso")
    with pytest.raises(IncompleteError, match="case"):
        draft(KINDS["hub-report"], FORMS["hub-report"], private, name="n", time=NOW, withheld=("Contoso",))


def test_a_clock_time_is_no_address() -> None:
    assert drafted("hub-report", reasons="Seen at 12:30:05, version 1.2.3, key:value")


COUNTED = {"first_seen": None, "last_seen": None, "total_requests": None}


def test_an_xarf_report_counts_the_accesses_of_its_address() -> None:
    report = json.loads(text(with_accesses("xarf-connection", **COUNTED), "report.json"))
    assert (report["first_seen"], report["last_seen"]) == ("2026-03-05T08:00:00Z", "2026-03-05T08:30:00Z")
    assert report["total_requests"] == 2
    assert report["timestamp"] == report["last_seen"]
    item = report["evidence"][0]
    data = base64.b64decode(item["payload"])
    assert (digest(data), len(data)) == (item["hash"], item["size"])
    assert b"192.0.2.7" in data
    assert b"2001:db8::9" not in data, "another address is another report's"


@pytest.mark.parametrize(
    ("changed", "field"),
    [
        ({"total_requests": 3}, "total_requests"),
        ({"source_identifier": "192.0.2.99"}, "source_identifier"),
        ({"last_seen": "2026-03-05T09:00:00Z"}, "last_seen"),
        ({"source_identifier": "192.0.2.7 ", "total_requests": 3}, "total_requests"),
        ({"source_identifier": "2001:DB8::9", "total_requests": 3}, "total_requests"),
    ],
)
def test_a_person_does_not_contradict_the_log(changed: dict[str, Any], field: str) -> None:
    with pytest.raises(IncompleteError, match=field):
        with_accesses("xarf-connection", **changed)


@pytest.mark.parametrize(
    ("changed", "field"),
    [
        ({"source_port": 70_000}, "source_port"),
        ({"description": "x" * 1001}, "description"),
        ({"organisation": "x" * 201}, "organisation"),
        ({"last_seen": "2026-03-04T08:00:00Z"}, "last_seen"),
    ],
)
def test_xarf_has_bounds(changed: dict[str, Any], field: str) -> None:
    with pytest.raises(IncompleteError, match=field):
        drafted("xarf-connection", **changed)


def test_whoever_is_not_sure_at_all_may_say_so() -> None:
    report = json.loads(text(drafted("xarf-connection", confidence=0), "report.json"))
    assert report["confidence"] == 0
    given = {**FORMS["xarf-connection"], "confidence": 0}
    assert "confidence" not in [f.name for f in missing_recommended(KINDS["xarf-connection"], given)]


@pytest.mark.parametrize(
    ("kind", "field"),
    [("xarf-connection", "first_seen"), ("xarf-connection", "last_seen"), ("xarf-copyright", "seen")],
)
def test_nobody_has_seen_the_future(kind: str, field: str) -> None:
    late = {"last_seen": NOW + timedelta(days=1)} if kind == "xarf-connection" else {}
    assert drafted(kind, **{**late, field: NOW + timedelta(days=1)})
    with pytest.raises(IncompleteError, match=field):
        drafted(kind, **{**late, field: NOW + timedelta(days=1, seconds=1)})


def test_nor_has_a_log() -> None:
    late = ACCESSES + b"192.0.2.8,2026-03-22T08:00:00Z,gateway.jsonl:99,harvest-7\n"
    with pytest.raises(IncompleteError, match="accesses"):
        with_accesses("abuse-report", late)


def test_a_report_in_xarf_never_carries_an_e_value_as_confidence() -> None:
    report = json.loads(text(drafted("xarf-connection", confidence=None), "report.json"))
    assert "confidence" not in report


def test_who_transmits_may_be_another() -> None:
    report = json.loads(
        text(drafted("xarf-connection", sender_org="Relay", sender_email="r@relay.example"), "report.json")
    )
    assert report["sender"] == {"org": "Relay", "contact": "r@relay.example", "domain": "lab.example"}
    assert report["reporter"]["org"] == "Example Lab"


def test_a_referral_to_counsel_is_marked_and_says_what_speaks_against() -> None:
    assert "Privileged" in text(drafted("referral", to_whom="counsel"))
    assert "Privileged" not in text(drafted("referral"))
    assert "A reseller's customers could look like this." in flat(drafted("referral"))


@pytest.mark.parametrize("name", ["", "../x", "a/b", ".x", "x" * 65])
def test_a_notices_name_can_be_a_files(name: str) -> None:
    with pytest.raises(ConfigError, match="name"):
        draft(KINDS["dsa"], FORMS["dsa"], FACTS, name=name, time=NOW)


@pytest.mark.parametrize("part", ["../../x.txt", "a.exe", "x.TXT", ".txt", "/etc/passwd.txt"])
def test_a_part_cannot_leave_its_folder(part: str) -> None:
    notice = drafted("dsa")
    with pytest.raises(InputError, match="names that no notice has"):
        checked(replace(notice, parts=(replace(notice.parts[0], name=part),)), "x")
    with pytest.raises(InputError, match="names that no notice has"):
        checked(replace(notice, parts=notice.parts * 2), "x")


def test_an_unknown_kind_is_refused() -> None:
    with pytest.raises(ConfigError, match="hub-report"):
        kind_of("subpoena")


def test_what_a_reviewer_rejected_is_left_out_and_said() -> None:
    evidence = {"null": "n", "kind": "exact", "method": "m", "params": {}, "log_e": 3.0, "n": 9, "inputs": []}

    def case(*reviews: str | None) -> Case:
        """None: the same evidence is entered again."""
        made = Case(id="C-1", entries=())
        rows: list[tuple[str, dict[str, Any]]] = [
            ("evidence", {"evidence": evidence, "document": f"sha256:{'0' * 64}"})
        ]
        for verdict in (None, *reviews):
            kind, body = rows[0] if verdict is None else ("review", {"of": digest(made.entries[0]), "verdict": verdict})
            entry = following(made, kind, body, author="ken", role="reviewer", time=NOW)
            made = Case(id="C-1", entries=(*made.entries, entry))
        return made

    for reviews, told, left in (
        *(((), 1, 0), (("reject",), 0, 1), (("reject", "approve"), 1, 0)),
        *((("reject", None), 0, 2), ((None, "reject"), 0, 2), (("reject", None, "approve"), 1, 0)),
    ):
        facts = gathered(case(*reviews))
        assert (len(facts.evidence), facts.rejected) == (told, left)
        assert any("rejected" in line for line in summary(facts)) == bool(left)
