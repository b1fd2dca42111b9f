"""Forms are read strictly, and what strangers wrote does nothing."""

from __future__ import annotations

import contextlib
import csv
import tomllib
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gauger.case.notices.facts import FORMULA, Access, access_csv, gathered, parse_accesses, summary
from gauger.case.notices.fields import Field, Form, IncompleteError, hidden, read
from gauger.case.notices.objections import FORMS as OBJECTIONS
from gauger.case.notices.registry import KINDS
from gauger.case.notices.template import skeleton
from gauger.errors import InputError
from gauger.model import Campaign, Case, Entry, Evidence, to_plain
from tests.notice_forms import ACCESSES, FORMS, NOW, drafted


def value(form: Form, given: object, **more: Any) -> object:
    values, problems = read([Field(name="x", meaning="what it is for", form=form, **more)], {"x": given})
    assert not problems, [str(p) for p in problems]
    return values["x"]


def wrong(form: Form, given: object, **more: Any) -> str:
    values, problems = read([Field(name="x", meaning="what it is for", form=form, **more)], {"x": given})
    assert "x" not in values
    assert len(problems) == 1
    assert "what it is for" in str(problems[0])
    return str(problems[0])


@pytest.mark.parametrize(
    ("form", "good", "bad"),
    [
        ("line", "Zoë نامه\u200cای", "two\nlines"),
        ("line", "a", "bell\x07"),
        ("line", "a", "bidi\u202etxt"),
        ("line", "a", "x" * 301),
        ("line", "a", 7),
        ("text", "two\nlines", "bell\x07"),
        ("text", "a\r\nb", "a\rb"),
        ("lines", ["a", "b"], "a"),
        ("lines", ["a"], ["a\nb"]),
        ("email", "a.b+c@lab.example", "a@b"),
        ("email", "a@lab.example", "a@lab.example\r\nBcc: x@y.example"),
        ("email", "a@lab.example", "A <a@lab.example>"),
        ("domain", "lab.example", "https://lab.example"),
        ("address", "2001:db8::1", "999.1.1.1"),
        ("host", "lab.example", "two words"),
        ("host", "192.0.2.1", "lab"),
        ("url", "https://x.example", "javascript:alert(1)"),
        ("url", "https://x.example/a?b=c#d", "https://x.example/a b"),
        ("url", "http://[2001:db8::1]:80/", "https://user:secret@x.example/"),
        ("place", "https://x.example/a", "https://x.example/"),
        ("place", "https://x.example/?id=7", "https://x.example"),
        ("places", ["https://x.example/a"], ["https://x.example"]),
        ("time", "2026-03-01T12:00:00Z", "2026-03-01T12:00:00"),
        ("time", datetime(2026, 3, 1, tzinfo=UTC), "yesterday"),
        ("date", "2026-03-01", "1 March"),
        ("count", 1, 0),
        ("count", 5, True),
        ("share", 0.5, 1.5),
        ("share", 1, float("nan")),
        ("yes", True, "yes"),
    ],
)
def test_each_form_takes_and_refuses(form: Form, good: object, bad: object) -> None:
    assert value(form, good) is not None
    assert wrong(form, bad)


BLANKS = "\u034f\u115f\u180b\u200c\u200d\u2800\u3164\ufe00\ufe0f\uffa0\U000e0100\U000e01ef"


@pytest.mark.parametrize("blank", BLANKS)
@pytest.mark.parametrize("form", ["line", "text", "lines"])
def test_what_does_not_show_fills_nothing_in(form: Form, blank: str) -> None:
    for text in (blank, f"a {blank} b", f"{blank}a"):
        assert wrong(form, [text] if form == "lines" else text)


FILLERS = "-|.|...|…|n/a|N/A|n.a.|TODO|ＴＢＤ|xxx|<name>|[your  name]|{{ name }}|name"


@pytest.mark.parametrize("filler", FILLERS.split("|"))
@pytest.mark.parametrize("form", ["line", "text", "lines"])
def test_a_required_field_is_not_filled_in_by_a_placeholder(form: Form, filler: str) -> None:
    assert wrong(form, [filler] if form == "lines" else filler)


@pytest.mark.parametrize("text", ["7", "X", "Na", "Todorov", "<b> and <c>", "[1] is ours [2]", "क्\u200dष"])
def test_what_is_short_or_odd_is_no_placeholder(text: str) -> None:
    assert value("line", text) == text


def test_an_optional_field_may_say_that_there_is_nothing() -> None:
    assert value("line", "n/a", need="optional") == "n/a"


def test_a_zero_is_a_value() -> None:
    assert value("share", 0) == 0.0
    assert "from 1" in wrong("count", 0, need="optional")
    for nothing in (None, False, "", []):
        assert read([Field(name="x", meaning="", form="share", need="optional")], {"x": nothing}) == ({}, [])


@pytest.mark.parametrize(
    "address", ["10.1.2.3", "172.16.0.1", "192.168.1.1", "100.64.0.1", "fd00::1", "::ffff:10.1.2.3"]
)
def test_an_address_that_only_its_own_network_knows_is_refused(address: str) -> None:
    assert "own network" in wrong("address", address)


def test_an_address_has_one_form() -> None:
    assert value("address", " 2001:DB8:0::1 ") == value("host", "2001:db8::1") == "2001:db8::1"
    assert value("address", "::ffff:192.0.2.7") == "192.0.2.7"
    (row,) = parse_accesses(HEAD + b"::FFFF:192.0.2.7,2026-03-05T08:00:00Z,log:1,a\n", "a.csv")
    assert row.address == "192.0.2.7"


@pytest.mark.parametrize("rest", ["", "/", "?", "#", "/?", "/#", "//", "/./", "/..", "/?#"])
def test_a_site_is_no_place(rest: str) -> None:
    assert "a whole site" in wrong("place", f"https://x.example{rest}")


NOBODYS = ["127.0.0.1", "::1", "0.0.0.0", "169.254.1.1", "fe80::1%eth0", "224.0.0.1", "ff02::1"]  # noqa: S104


@pytest.mark.parametrize("address", [*NOBODYS, "::ffff:127.0.0.1"])
@pytest.mark.parametrize("form", ["address", "host"])
def test_an_address_is_somebodys(form: Form, address: str) -> None:
    assert "nobody" in wrong(form, address)


def test_a_choice_is_one_of_its_choices() -> None:
    assert value("choice", "a", choices=("a", "b")) == "a"
    assert "a, b" in wrong("choice", "c", choices=("a", "b"))


def test_times_come_in_utc() -> None:
    assert value("time", "2026-03-01T12:00:00+02:00") == datetime(2026, 3, 1, 10, tzinfo=UTC)


@pytest.mark.parametrize("kind", KINDS)
def test_every_required_field_is_demanded_and_all_are_named_at_once(kind: str) -> None:
    required = {f.name for f in KINDS[kind].fields if f.need == "required"}
    for name in required:
        with pytest.raises(IncompleteError) as caught:
            drafted(kind, **{name: None})
        assert [p.field for p in caught.value.problems] == [name]
        meaning = next(f.meaning for f in KINDS[kind].fields if f.name == name)
        assert meaning in caught.value.problems[0].what
    nothing = dict.fromkeys(FORMS[kind])
    with pytest.raises(IncompleteError) as caught:
        drafted(kind, **nothing)
    assert {p.field for p in caught.value.problems} == required
    assert all(name in str(caught.value) for name in required)


@pytest.mark.parametrize("kind", KINDS)
def test_a_false_declaration_is_no_declaration(kind: str) -> None:
    for name in (f.name for f in KINDS[kind].fields if f.form == "yes"):
        for word in (False, "true", 1):
            with pytest.raises(IncompleteError, match=name):
                drafted(kind, **{name: word})


def test_a_field_of_no_form_is_refused() -> None:
    with pytest.raises(IncompleteError, match="bcc"):
        drafted("dsa", bcc="x@y.example")


@pytest.mark.parametrize("kind", [*KINDS, *OBJECTIONS])
def test_a_template_is_toml_with_every_field_and_nothing_filled_in(kind: str) -> None:
    fields = KINDS[kind].fields if kind in KINDS else OBJECTIONS[kind]
    text = skeleton(["heading"], fields)
    form = tomllib.loads(text)
    assert all(f"{f.name} = " in text for f in fields)
    values, problems = read(fields, form)
    assert values == {}
    assert {p.field for p in problems} == {f.name for f in fields if f.need == "required"}


def test_the_names_of_fields_are_told_apart() -> None:
    for kind in KINDS.values():
        names = [f.name for f in kind.fields]
        assert len(set(names)) == len(names)


def access(**changed: Any) -> Access:
    return Access(**{"address": "192.0.2.7", "time": NOW, "reference": "log:1", "account": "a", **changed})


@settings(max_examples=60)
@given(st.text(st.characters(exclude_categories=["C"]), min_size=1, max_size=30))
def test_no_cell_is_a_formula_and_none_is_lost(text: str) -> None:
    rows = list(csv.reader(access_csv([access(reference=text)]).splitlines()))
    written = rows[1][2]
    assert not written.lstrip(" ").startswith(FORMULA)
    assert written in (text, "'" + text)


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@SUM(A1)", " =1", "＝1", '=HYPERLINK("http://x")'])
def test_formulas_are_neutralised(text: str) -> None:
    row = next(csv.reader([access_csv([access(account=text)]).splitlines()[1]]))
    assert row[3] == "'" + text


def test_accesses_are_read_and_sorted_by_time() -> None:
    rows = parse_accesses(ACCESSES, "a.csv")
    assert access_csv(rows).splitlines()[0] == "address,time_utc,log_reference,account"
    assert [line.split(",")[1] for line in access_csv(reversed(rows)).splitlines()[1:]] == [
        "2026-03-05T08:00:00Z",
        "2026-03-05T08:30:00Z",
        "2026-03-06T08:00:00Z",
    ]


HEAD = b"address,time_utc,log_reference,account\n"


@pytest.mark.parametrize(
    ("data", "line"),
    [
        (b"address,time,log,account\n", 1),
        (HEAD + b"192.0.2.7,2026-03-05T08:00:00Z,log:1,a\x1b[2J\n", 2),
        (HEAD + b"192.0.2.7,2026-03-05T08:00:00Z,log:1\n", 2),
        (HEAD + b"192.0.2.7,2026-03-05T08:00:00Z,log:1,a,b\n", 2),
        (HEAD + b"host,2026-03-05T08:00:00Z,log:1,a\n", 2),
        (HEAD + b"192.0.2.7,2026-03-05T08:00:00,log:1,a\n", 2),
        (HEAD + b"192.0.2.7,2026-03-05T08:00:00Z,,a\n", 2),
        (HEAD + b"192.0.2.7,2026-03-05T08:00:00Z, ,a\n", 2),
        (HEAD + b"192.0.2.7,2026-03-05T08:00:00Z,-,a\n", 2),
        (HEAD + "192.0.2.7,2026-03-05T08:00:00Z,log:1,\u3164\n".encode(), 2),
        (HEAD + "192.0.2.7,2026-03-05T08:00:00Z,log:1,\u200c\n".encode(), 2),
        (HEAD + b"192.0.2.7,2026-03-05T08:00:00Z,log:1," + b"a" * 301 + b"\n", 2),
        (HEAD + b'192.0.2.7,2026-03-05T08:00:00Z,log:1,"a\n', 3),
        (b"\xff", None),
    ],
)
def test_what_is_no_access_is_refused_with_its_line(data: bytes, line: int | None) -> None:
    with pytest.raises(InputError) as caught:
        parse_accesses(data, "a.csv")
    assert caught.value.line == line


@settings(max_examples=100)
@given(st.binary(max_size=120))
def test_a_reader_of_accesses_never_breaks(data: bytes) -> None:
    for text in (data, HEAD + data):
        with contextlib.suppress(InputError):
            parse_accesses(text, "a.csv")


def test_the_facts_of_a_case_are_its_standing_entries_made_inert() -> None:
    campaign = Campaign(
        id="c-1",
        accounts=("a\u202eb",),
        families=(),
        capabilities=(),
        first=NOW,
        last=NOW,
        exchanges=5,
        tokens=9,
        value_usd=1.0,
        scores=(),
        evidence=(),
    )
    evidence = Evidence(
        subject="acct_secret",
        null="A null.",
        kind="exact",
        method="twins",
        params={},
        log_e=4.6,
        n=10,
        anytime=True,
        inputs=("sha256:" + "11" * 32,),
        why="x",
    )
    document = "sha256:" + "22" * 32
    rows = [
        ("campaign", {"campaign": to_plain(campaign), "document": document}),
        ("evidence", {"evidence": to_plain(evidence), "document": document, "verdict": "learnt"}),
        ("suspect", {"name": "model-x", "what": "model"}),
        ("campaign", {"campaign": to_plain(campaign), "document": document, "discounts": {"batch": 0.5}}),
        ("evidence", {"evidence": to_plain(evidence), "document": document, "verdict": "learnt"}),
    ]
    entries = tuple(
        Entry(case="C", seq=k, time=NOW, kind=kind, author="m", role="analyst", body=body, prev="")
        for k, (kind, body) in enumerate(rows)
    )
    facts = gathered(Case(id="C", entries=entries))
    assert facts.accounts == ("a<U+202E>b",)
    assert (facts.exchanges, facts.first, facts.suspects) == (5, "2026-03-20T09:00:00Z", ("model-x",))
    told = "\n".join(summary(facts))
    assert told.count('log10 e = 1.99 (exact, n = 10), of the null "A null.".') == 1  # 1.9977: never rounded up
    assert "learnt" in told
    assert "as one" not in told
    assert told.endswith("Where a search chose a group among many, chance reaches such figures more often.")
    assert "acct_secret" not in told
    assert not any(hidden(c) for c in told if c != "\n")
    assert set(facts.digests) == {document, "sha256:" + "11" * 32}
