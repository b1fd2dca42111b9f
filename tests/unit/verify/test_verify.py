"""What the house itself could sign and must not pass; hostile files; and what is said of a bundle that holds."""

from __future__ import annotations

import ast
import base64
import io
import json
import sys
import zipfile
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from gauger import verify as room
from gauger.case.signed_note import LOG, Signature, VerifierKey
from gauger.errors import UnsupportedError, VerifyError
from gauger.model import canonical_json, digest
from gauger.verify import Trusted, verify
from gauger.verify.form import MAX_BYTES, MAX_VALUES
from tests import bundles
from tests.bundles import NOW, ORIGIN, PLAN, START, World, empty, evidence, evidence_body, key, public, signer, world
from tests.forging import opened, relinked, resigned, sealed

HOUSE = [Trusted(public=public("house"))]
WATCH = Trusted(public=public("watch.example.org"), witness=True, name="watch.example.org")
DATA = world().bundle()
SEEN = "that the first 2 of the case's 6 entries (the log's first 4) were there at 2026-11-01 09:02:00+00:00"
Edit = Callable[[Any], object]


def entry(bundle: Any, seq: int) -> Any:
    return bundle["entries"][seq]["predicate"]


def put(of: Callable[[Any], Any], key: Any, value: Any) -> Edit:
    return lambda bundle: of(bundle).__setitem__(key, value)


def swap(name: str) -> Edit:
    def edit(bundle: Any) -> None:
        rows = bundle["log"][name]
        rows[0], rows[1] = rows[1], rows[0]

    return edit


LINKED: list[tuple[str, Edit, str]] = [
    ("older", put(lambda b: entry(b, 3), "time", "2026-11-01T08:00:00Z"), "entry 3: is older"),
    ("another form of time", put(lambda b: entry(b, 3), "time", "2026-11-01T09:04:00+00:00"), "entry 3: a time"),
    ("no time", put(lambda b: entry(b, 0), "time", "soon"), "entry 0: is no time"),
    ("another case", put(lambda b: entry(b, 2), "case", "C-2"), "entry 2: its place"),
    ("a number twice", put(lambda b: entry(b, 2), "seq", 1), "entry 2: its place"),
    ("an entry twice", lambda b: b["entries"].insert(2, json.loads(json.dumps(b["entries"][1]))), "entry 2: its s"),
    ("a path", lambda b: [entry(b, k).__setitem__("case", "../../etc/passwd") for k in range(6)], "name that no case"),
    ("a type", put(lambda b: entry(b, 2), "seq", "2"), "seq should be of type int"),
    ("a field more", put(lambda b: entry(b, 2), "more", 1), "should have the fields"),
    ("a text altered", put(lambda b: entry(b, 0)["body"], "name", "model-y"), "is not at the place"),
    ("no number", put(lambda b: entry(b, 2)["body"]["evidence"], "log_e", "much"), "entry 2: evidence: has no number"),
    ("true", put(lambda b: entry(b, 2)["body"]["evidence"], "log_e", True), "entry 2: evidence: has no number"),
    ("no record", put(lambda b: entry(b, 2)["body"], "evidence", 3), "entry 2: evidence: has no number"),
    ("no n", put(lambda b: entry(b, 2)["body"]["evidence"], "n", "40"), "n should be of type int"),
    ("one taken out", lambda b: b["entries"].pop(0), "entry 0: its"),
]
STANDING: list[tuple[str, Edit, str]] = [
    ("no link", put(lambda b: entry(b, 2), "prev", "sha256:" + "0" * 64), "entry 2: its"),
    ("number", put(lambda b: b["evidence"][0]["predicate"]["evidence"], "log_e", 99.5), "entry 2: evidence: is not"),
    ("rates", put(lambda b: b["evidence"][0]["predicate"]["error_rates"], "log10_false_alarm", -99), "entry 2: ev"),
    ("floor", put(lambda b: b["evidence"][0]["predicate"]["error_rates"], "floor", 0.1), "entry 2: evidence"),
    ("input", put(lambda b: b["evidence"][0]["subject"][0]["digest"], "sha256", "0" * 64), "entry 2: evidence"),
    ("command", put(lambda b: b["evidence"][1]["predicate"], "command", "rm -rf ."), "entry 3: evidence"),
    ("one less", lambda b: b["evidence"].pop(), "number of statements"),
    ("the other's", lambda b: b["evidence"].reverse(), "entry 2: evidence"),
    ("kind", put(lambda b: b["evidence"][0], "predicateType", "https://gauger.dev/predicates/entry/1"), "its type"),
    ("a field of a statement", put(lambda b: b["custody"], "more", 1), "custody: should have"),
    ("no statement", put(lambda b: b["custody"], "_type", "https://in-toto.io/Statement/v0.1"), "its type"),
    ("who", put(lambda b: b["custody"]["predicate"]["events"][1], "who", "noor"), "custody: event 1"),
    ("when", put(lambda b: b["custody"]["predicate"]["events"][1], "time", "2026-11-01T09:00:00Z"), "custody: ev"),
    ("no entry", put(lambda b: b["custody"]["predicate"]["events"][1], "entry", 99), "custody: event 1"),
    ("below", put(lambda b: b["custody"]["predicate"]["events"][1], "entry", -1), "custody: event 1"),
    ("whose", put(lambda b: b["custody"]["predicate"], "case", "C-2"), "custody: its case"),
    ("of what", put(lambda b: b["custody"]["subject"][0]["digest"], "sha256", "0" * 64), "custody: its subject"),
    ("more", put(lambda b: b["seal"]["predicate"], "more", 1), "seal: should have"),
    ("custody's more", put(lambda b: b["custody"]["predicate"], "more", 1), "custody: should have"),
    ("head", put(lambda b: b["seal"]["predicate"], "head", digest(b"")), "seal: the case"),
    ("how many", put(lambda b: b["seal"]["predicate"], "entries", 5), "seal: the case"),
    ("early", put(lambda b: b["seal"]["predicate"], "time", "2026-11-01T09:00:00Z"), "older than the last entry"),
    ("place", put(lambda b: b["log"]["inclusion"][2], "index", 4), "entry 2: is not at the place 4"),
    ("path", lambda b: b["log"]["inclusion"][2]["path"].pop(), "entry 2: is not at the place"),
    ("no hash", put(lambda b: b["log"]["inclusion"][2]["path"], 0, "AB" * 32), "inclusion 2: is no proof"),
    ("swapped", swap("inclusion"), "entry 0: is not at"),
    ("one proof less", lambda b: b["log"]["inclusion"].pop(), "a proof for each entry"),
    ("no checkpoint", lambda b: b["log"].update(checkpoints=[], consistency=[]), "there are checkpoints"),
    ("backwards", swap("checkpoints"), "not shown to begin"),
    ("not grown", lambda b: b["log"]["consistency"][0].pop(), "not shown to begin"),
    ("no step", lambda b: b["log"]["consistency"].clear(), "a proof from each"),
    ("the last is not the case's", lambda b: (b["log"]["checkpoints"].pop(), b["log"]["consistency"].clear()), "."),
    ("a key unused", lambda b: b["keys"].append({**b["keys"][2], "name": "more.example.org"}), "another witness's"),
    ("a key twice", lambda b: b["keys"].append(b["keys"][2]), "none of them twice"),
    ("a key's use", put(lambda b: b["keys"][2], "use", "friend"), "there is the case's"),
    ("a key's id", put(lambda b: b["keys"][2], "keyid", "0" * 64), "keyid"),
    ("no witness's key", lambda b: b["keys"].pop(), "unknown signer"),
    (
        "a stamp of nothing",
        lambda b: b["timestamps"].append({"authority": "", "checkpoint": 9, "response": ""}),
        "of n",
    ),
    ("no stamp", lambda b: b["timestamps"].append({"authority": "", "checkpoint": 0, "response": ""}), "does not hold"),
]


def test_forging_alone_changes_nothing() -> None:
    assert resigned(relinked(opened(DATA))) == resigned(opened(DATA)) == DATA


@pytest.mark.parametrize(("edit", "why"), [row[1:] for row in LINKED], ids=[row[0] for row in LINKED])
def test_the_house_cannot_sign_a_chain_that_is_none(edit: Edit, why: str) -> None:
    bundle = opened(DATA)
    edit(bundle)
    with pytest.raises(VerifyError, match=why):
        verify(resigned(relinked(bundle)), HOUSE, NOW)


@pytest.mark.parametrize(("edit", "why"), [row[1:] for row in STANDING], ids=[row[0] for row in STANDING])
def test_the_house_cannot_sign_what_the_rest_contradicts(edit: Edit, why: str) -> None:
    bundle = opened(DATA)
    edit(bundle)
    with pytest.raises(VerifyError, match=why):
        verify(resigned(bundle), HOUSE, NOW)


ENVELOPES: list[tuple[str, Edit, str]] = [
    ("type", lambda e: e.update(payloadType="text/plain"), "payloadType"),
    ("two signatures", lambda e: e["signatures"].append(e["signatures"][0]), "payloadType"),
    ("no signature", lambda e: e["signatures"].clear(), "payloadType"),
    ("signer", lambda e: e["signatures"][0].update(keyid="0" * 64), "the signer"),
    ("signature", lambda e: e["signatures"][0].update(sig="AAAA"), "does not hold"),
    ("base64", lambda e: e.update(payload=e["payload"] + "=="), "base64"),
    ("more", lambda e: e.update(more=""), "should have the fields"),
]


@pytest.mark.parametrize("which", ["custody", "entries", "evidence"])
@pytest.mark.parametrize(("edit", "why"), [row[1:] for row in ENVELOPES], ids=[row[0] for row in ENVELOPES])
def test_envelopes_are_what_they_should_be(which: str, edit: Edit, why: str) -> None:
    bundle = json.loads(DATA)
    bundle["seal"] = opened(DATA)["seal"]
    edit(bundle[which] if which == "custody" else bundle[which][1])
    with pytest.raises(VerifyError, match=why):
        verify(sealed(bundle, signer()), HOUSE, NOW)


def note(body: str) -> str:
    """What the log would sign if it were made to."""
    name = VerifierKey(name=ORIGIN, kind=LOG, public=public("log"))
    line = Signature(name=ORIGIN, id=name.id, value=key("log").sign(body.encode()))
    return f"{body}\n{line}"


@pytest.mark.parametrize(
    ("old", "new", "why"),
    [
        (ORIGIN, "other.example.org/log", "the log's name"),
        ("\n12\n", "\n012\n", "a checkpoint is"),
        ("\n12\n", "\n-12\n", "a checkpoint is"),
        ("\n12\n", "\n" + "9" * 5000 + "\n", "a checkpoint is"),
        ("\n12\n", "\n13\n", "is not at the place"),
        ("=\n", "=\nmore\n", "a checkpoint is"),
        ("=\n", "\n", "a checkpoint is"),
        ("=\n", "AAAA=\n", "a checkpoint is"),
    ],
)
def test_checkpoints_have_one_form(old: str, new: str, why: str) -> None:
    bundle = opened(DATA)
    body = bundle["log"]["checkpoints"][1].partition("\n\n")[0] + "\n"
    bundle["log"]["checkpoints"][1] = note(body)
    assert verify(resigned(bundle), HOUSE, NOW)
    bundle["log"]["checkpoints"][1] = note(body.replace(old, new))
    with pytest.raises(VerifyError, match=why):
        verify(resigned(bundle), HOUSE, NOW)
    for form in (7, note(body)[:-1], note(body) + "\n", note(body) + note(body).partition("\n\n")[2]):
        bundle["log"]["checkpoints"][1] = form
        with pytest.raises(VerifyError, match="checkpoint 1"):
            verify(resigned(bundle), HOUSE, NOW)


def test_signatures_of_checkpoints_count() -> None:
    for old, new in (("log", "stranger"), ("watch.example.org", "stranger")):
        bundle = opened(DATA)
        row = next(k for k in bundle["keys"] if k["public"] == base64.b64encode(public(old)).decode())
        row |= {"public": base64.b64encode(public(new)).decode(), "keyid": digest(public(new))[7:]}
        with pytest.raises(VerifyError, match="unknown signer"):
            verify(resigned(bundle), HOUSE, NOW)
    bundle = opened(DATA)
    note = bundle["log"]["checkpoints"][0]
    for at in (note.index("\n— example.org") + 60, len(note) - 10):  # of the log's signature, and the witness's
        letter = "A" if note[at] != "A" else "B"
        bundle["log"]["checkpoints"][0] = note[:at] + letter + note[at + 1 :]
        with pytest.raises(VerifyError, match=r"checkpoint 0: the signature .* does not hold"):
            verify(resigned(bundle), HOUSE, NOW)


def bomb(depth: int) -> bytes:
    return b"[" * depth + b"]" * depth


def zipped() -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("../../bundle", b"0" * 10**6)
    return file.getvalue()


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"", "cut short"),
        (b"null", "this is none"),
        (b"[]", "this is none"),
        (b"{}", "this is none"),
        (b'{"schema":"gauger/report/1"}', "this is none"),
        (b'{"schema":"gauger/bundle/1"}', "should have the fields"),
        (b'{"schema":"gauger/bundle/1","schema":"gauger/bundle/1"}', "form was changed"),
        (b'{ "schema":"gauger/bundle/1"}', "form was changed"),
        (b'{"schema":"gauger\\/bundle/1"}', "form was changed"),
        (b'{"schema":1e400}', "too large"),
        (b'{"schema":NaN}', "too large"),
        (b'{"schema":1.50}', "form was changed"),
        (b'{"schema":' + b"9" * 5000 + b"}", "no canonical JSON"),
        (b'{"schema":"\\ud800"}', "no canonical JSON"),
        (b'{"schema":"\xff"}', "no canonical JSON"),
        (bomb(65), "deep"),
        (bomb(200_000), "no canonical JSON"),
        (b"[" + b"0," * MAX_VALUES + b"0]", "values are not read"),
        (b" " * (MAX_BYTES + 1), "MiB"),
        (b"\x1f\x8b\x08\x00", "gzip"),
        (zipped(), "zip"),
        (b"\x28\xb5\x2f\xfd\x00", "zstd"),
    ],
    ids=lambda value: str(value)[:30],
)
def test_hostile_files(data: bytes, why: str) -> None:
    with pytest.raises(VerifyError, match=why):
        verify(data)


def test_statements_that_hold_too_much() -> None:
    bundle = json.loads(DATA)
    payload = base64.b64encode(b"[" + b"0," * (MAX_VALUES // 2) + b"0]").decode()
    bundle["entries"] = [{"payload": payload}] * 3
    with pytest.raises(VerifyError, match="values"):
        verify(canonical_json(bundle), HOUSE, NOW)


def test_a_newer_bundle_says_what_reads_it() -> None:
    for schema in ("gauger/bundle/2", "gauger/bundle/10"):
        with pytest.raises(UnsupportedError, match=schema):
            verify(canonical_json({"schema": schema, "anything": []}))


def test_a_clock_that_is_behind() -> None:
    with pytest.raises(VerifyError, match="one clock is wrong"):
        verify(DATA, HOUSE, START)
    assert verify(DATA, HOUSE, NOW)
    assert verify(DATA, HOUSE, None)


def test_keys_that_expire() -> None:
    key, day = public("house"), timedelta(days=1)
    assert verify(DATA, [Trusted(public=key, not_before=START, not_after=NOW)], NOW)
    with pytest.raises(VerifyError, match="good from"):
        verify(DATA, [Trusted(public=key, not_before=START + day)], NOW)
    with pytest.raises(VerifyError, match="expired"):
        verify(DATA, [Trusted(public=key, not_after=NOW - day)], NOW)
    with pytest.raises(VerifyError, match="expired"):
        verify(DATA, [Trusted(public=key, not_after=START - day)])
    for late in (replace(WATCH, not_after=START), replace(WATCH, not_before=NOW)):
        with pytest.raises(VerifyError, match="the witness's key"):
            verify(DATA, [*HOUSE, late], NOW)


def test_what_is_proven_depends_on_whom_one_trusts() -> None:
    none, house = verify(DATA, [], NOW), verify(DATA, HOUSE, NOW)
    log = verify(DATA, [*HOUSE, Trusted(public=public("log"))], NOW)
    watch = verify(DATA, [*HOUSE, WATCH], NOW)
    assert (none.trusted, house.trusted) == (False, True)
    mine = f"that the case's key {digest(public('house'))[7:]} is that of 'house': "
    assert f"{mine}you did not say that you trust it" in none.asserted
    assert f"{mine}your own file of it does not say so" in house.asserted
    first = "evidences (2): its plan (entry 1) was in"
    assert [any(claim.startswith(first) for claim in r.proven) for r in (none, house, log, watch)] == [0, 0, 1, 1]
    assert any(
        "by 2026-11-01 09:02:00+00:00 (witness watch.example.org, whom you trust)" in claim for claim in watch.proven
    )
    assert any(SEEN in claim for claim in house.asserted)
    assert not any(SEEN in claim for claim in watch.asserted)
    assert house.numbers[0]["log10_e"] == pytest.approx(5.3201074)
    assert house.numbers[0]["log10_false_alarm"] == -house.numbers[0]["log10_e"]


@pytest.mark.parametrize("whose", [0, 1, 2])
@pytest.mark.parametrize(
    "name", ["", "the National Archives", "a+b", "a\nb", "a\tb", "a\u00a0b", "a\u202eb", "a\u2028b", "a" * 201]
)
def test_a_name_is_no_sentence(name: str, whose: int) -> None:
    bundle = opened(DATA)
    bundle["keys"][whose]["name"] = name
    with pytest.raises(VerifyError, match=rf"keys\[{whose}\]: no key has such a name"):
        verify(resigned(bundle), HOUSE, NOW)


def test_what_is_proven_is_in_nobodys_words_but_the_readers(monkeypatch: pytest.MonkeyPatch) -> None:
    """The maker of a bundle names its log and its witnesses as he likes."""
    monkeypatch.setattr(bundles, "ORIGIN", "the-National-Archives/cosigned-by-NIST")
    data = world(witness="NIST,and-BSI").bundle()
    log, witness = Trusted(public=public("log")), Trusted(public=public("NIST,and-BSI"), witness=True)
    for keys in ([], HOUSE, [*HOUSE, log, witness]):
        found = verify(data, keys, NOW)
        assert not any("NIST" in text for text in (*found.proven, *(row["plan"] for row in found.numbers)))
        assert sum("NIST" in claim for claim in found.asserted) == 2
    assert any(f"witness of the key {digest(witness.public)[7:23]}, whom you trust" in said for said in found.proven)
    assert any(f"in the log of the key {digest(log.public)[7:23]} (entries: 12)" in said for said in found.proven)
    named = [replace(log, name=bundles.ORIGIN), replace(witness, name="NIST,and-BSI")]
    proven = verify(data, [*HOUSE, *named], NOW).proven
    assert any(f"each is in the log {bundles.ORIGIN} (entries: 12), signed by" in claim for claim in proven)
    assert any("witness NIST,and-BSI, whom you trust" in claim for claim in proven)


def told(plan: str, *, first: bool = True, late: bool = False) -> str:
    made = empty()
    rows = [
        ("plan", {"plan": PLAN, "subject": "model-x", "document": PLAN}),
        ("evidence", evidence_body(evidence(), plan)),
    ]
    for kind, body in rows if first else rows[::-1]:
        made.add(kind, body)
        if not late:
            made.checkpoint()
    if late:
        made.checkpoint("watch.example.org")
    said = verify(made.bundle(), [*HOUSE, WATCH, Trusted(public=public("log"))], NOW)
    return str(said.numbers[0]["plan"])


def test_plans_that_prove_nothing() -> None:
    assert told("") == "it names no plan"
    assert told(digest(b"another")) == "its plan is not in this case"
    assert told(PLAN, first=False) == "LATE: its plan is entry 1, after its inputs were measured (entry 0)"
    assert "before it in the chain; nobody you trust" in told(PLAN, late=True)  # one checkpoint, after both
    assert "was in a checkpoint of the log" in told(PLAN)


def test_an_e_value_of_zero_and_one_of_doubt() -> None:
    made = empty()
    for k, value in enumerate((-float("inf"), -2.5, 0.0)):
        made.add("evidence", evidence_body(evidence(k, log_e=value)))
    made.checkpoint()
    rows = verify(made.bundle(), HOUSE, NOW).numbers
    assert [row["log10_e"] for row in rows][::2] == ["-inf", 0]
    assert [row["log10_false_alarm"] for row in rows] == [0, 0, 0]


def test_a_witness_who_saw_an_entry_before_it_was_written() -> None:
    made = empty()
    made.add("note", {"text": "a"})
    made.time += timedelta(hours=-1)
    made.checkpoint("watch.example.org")
    made.time += timedelta(hours=2)
    assert verify(made.bundle(), HOUSE, NOW)
    with pytest.raises(VerifyError, match=r"entry 0: is of .* but the witness"):
        verify(made.bundle(), [*HOUSE, WATCH], NOW)


def test_one_key_may_sign_case_and_log_but_then_does_not_date_the_plan() -> None:
    made = empty()
    made.log_key = "house"
    made.add("plan", {"plan": PLAN, "subject": "model-x", "document": PLAN})
    made.checkpoint()
    made.add("evidence", evidence_body(evidence()))
    made.checkpoint()
    found = verify(made.bundle(), HOUSE, NOW)
    assert found.trusted
    assert "before it in the chain; nobody you trust" in found.numbers[0]["plan"]


@pytest.mark.parametrize("name", ["house", "log"])
def test_the_house_is_no_witness_of_itself(name: str) -> None:
    with pytest.raises(VerifyError, match="a key of its own"):
        verify(world(witness=name).bundle(), [*HOUSE, Trusted(public=public(name), witness=True)], NOW)


def test_a_witness_of_yours_is_not_the_house() -> None:
    with pytest.raises(VerifyError, match="unknown signer"):
        verify(world(witness="").bundle("watch.example.org"), [WATCH], NOW)
    no_witness = verify(DATA, [*HOUSE, replace(WATCH, witness=False)], NOW)
    assert any(SEEN in claim for claim in no_witness.asserted)


def test_work_grows_with_the_entries_and_no_faster(monkeypatch: pytest.MonkeyPatch) -> None:
    count = 0
    check = room.signatures.Key.check  # type: ignore[attr-defined]

    def counted(*args: Any) -> None:
        nonlocal count
        count += 1
        check(*args)

    monkeypatch.setattr(room.signatures.Key, "check", counted)  # type: ignore[attr-defined]
    verify(world(evidences=40).bundle(), HOUSE, NOW)
    assert count == 44 + 40 + 2 + 3  # entries, evidence statements, custody and seal, two checkpoints and a witness


def lines_run(data: bytes, trusted: Sequence[Trusted]) -> int:
    """How many lines of the verifier run."""
    count, outer, folder = 0, sys.gettrace(), str(Path(room.__file__).parent)

    def trace(frame: Any, event: str, _: object) -> Any:
        nonlocal count
        count += event == "line"
        return trace if frame.f_code.co_filename.startswith(folder) else None

    sys.settrace(trace)
    try:
        verify(data, trusted, NOW)
    finally:
        sys.settrace(outer)
    return count


def many_witnesses(n: int) -> World:
    """One checkpoint, cosigned in another order than that of the keys."""
    made = empty()
    made.add("note", {"text": "x"})
    made.checkpoint(*[f"w{k}" for k in range(n)])
    made.witnesses = made.witnesses[::-1]
    return made


def many_plans(n: int) -> World:
    """Each in a checkpoint that eight cosigned, and all evidence at the end."""
    made = empty()
    for k in range(n):
        made.add("plan", {"plan": digest(b"%d" % k), "subject": "model-x", "document": PLAN})
        made.checkpoint(*[f"w{k}" for k in range(8)])
    for k in range(n):
        made.add("evidence", evidence_body(evidence(k), digest(b"%d" % k)))
    made.checkpoint()
    return made


@pytest.mark.parametrize(("many", "n"), [(many_witnesses, 16), (many_plans, 8)])
def test_nobody_can_make_it_run_for_long(many: Callable[[int], World], n: int) -> None:
    keys = [*HOUSE, *(Trusted(public=public(f"w{k}"), witness=True) for k in range(8))]
    few, some, more = (lines_run(many(n * times).bundle(), keys) for times in (1, 2, 4))
    assert more - some < 2.1 * (some - few)


def test_over_64_witnesses_are_not_read() -> None:
    assert verify(many_witnesses(64).bundle(), HOUSE, NOW)
    with pytest.raises(VerifyError, match="over 64 witnesses"):
        verify(many_witnesses(65).bundle(), HOUSE, NOW)


def test_it_can_be_read_in_a_sitting() -> None:
    files = sorted(Path(room.__file__).parent.glob("*.py"))
    assert len(files) == 4
    lines = [line for file in files for line in _code(file.read_text())]
    assert len(lines) < 490


def _code(text: str) -> list[str]:
    """Lines that are neither empty nor of a docstring."""
    nodes = [n for n in ast.walk(ast.parse(text)) if isinstance(n, ast.Module | ast.ClassDef | ast.FunctionDef)]
    docs = [n.body[0] for n in nodes if n.body and ast.get_docstring(n)]
    said = {line for d in docs for line in range(d.lineno, (d.end_lineno or d.lineno) + 1)}
    return [line for at, line in enumerate(text.split("\n"), 1) if line.strip() and at not in said]


def test_a_measurement_that_is_entered_again_is_no_newer_than_it_was() -> None:
    made = empty()
    made.add("note", {"text": "x"})
    early = made.add("evidence", evidence_body(evidence(), plan=""))
    made.add("plan", {"plan": PLAN, "schema": "gauger/ghost-plan/1", "subject": "model-x", "document": PLAN})
    made.checkpoint("watch.example.org")
    made.add("evidence", evidence_body(evidence(why="said anew"), corrects=early))
    made.add("evidence", evidence_body(evidence(1)))
    made.checkpoint()
    watch = Trusted(public=public("watch.example.org"), witness=True)
    report = verify(made.bundle(), [Trusted(public=public("house")), watch], NOW)
    plans = [row["plan"] for row in report.numbers]
    assert plans[1] == "LATE: its plan is entry 2, after its inputs were measured (entry 1)"
    assert "was in the log by" in plans[2]


def test_of_the_chain_of_custody_only_who_and_when_is_checked() -> None:
    bundle = opened(world().bundle())
    bundle["custody"]["predicate"]["events"] = []
    assert any("leaves out no entry" in claim for claim in verify(resigned(bundle)).asserted)


def test_the_end_of_time_is_a_time() -> None:
    verify(world().bundle(), at=datetime.max.replace(tzinfo=UTC))


NOTICE = {"notice": "n-1", "kind": "dmca", "document": digest(b"letter"), "to": "desk@hub.example.org"}
Word = tuple[str, str]


def sent(*words: Word, late: Sequence[Word] = (), **changed: str) -> tuple[str, ...]:
    """What is asserted where a notice goes out after these words on it. late: after its sending was begun."""
    made = world()
    of = made.add("notice", {**NOTICE, "state": "drafted"})
    for name, verdict in words:
        made.add("review", {"of": of, "verdict": verdict}, name, "reviewer")
    if late:
        made.add("note", {"text": "it goes out", "notice": "n-1", "sending": NOTICE["document"]}, "noor", "reviewer")
    for name, verdict in late:
        made.add("review", {"of": of, "verdict": verdict}, name, "reviewer")
    made.add("notice", {**NOTICE, "state": "sent", **changed}, "noor", "counsel")
    made.checkpoint()
    return tuple(said for said in verify(made.bundle(), HOUSE, NOW).asserted if "two people" in said)


def test_what_left_the_house_without_two_peoples_approval_is_named() -> None:
    """The store refuses such entries; a house that signs its own need not ask the store."""
    both = [("noor", "approve"), ("ines", "approve")]
    assert sent(*both) == ()
    assert sent(*both, late=[("ines", "reject")]) == (), "it was on its way"
    for words in ([], both[:1], [both[0], both[0]], [*both, ("ines", "reject")], [*both, ("olga", "reject")]):
        (said,) = sent(*words)
        assert "entry 7: no" in said.replace(f"entry {7 + len(words)} is about", "entry 7")
    assert sent(*both[:1], late=both[1:]) == (), "the second word came before it arrived"
    for changed in ({"document": digest(b"another")}, {"to": "press@example.org"}, {"notice": "n-2"}):
        assert sent(*both, **changed), changed


def test_no_other_way_out_is_approved() -> None:
    """Whose word counts, on which draft, and once."""
    gift = {"disclosure": "d-1", "document": digest(b"letter"), "to": "lab-b"}
    noor, ines = ("noor", "reviewer"), ("ines", "counsel")

    def let_out(*, roles: Sequence[Word] = (noor, ines), before: Any = None, after: Any = None, **made_as: Any) -> bool:
        made = world()
        of = made.add("disclosure", {**gift, "state": "proposed"})
        for name, role in roles:
            made.add("review", {"of": of, "verdict": "approve"}, name, role)
        if before:
            before(made, of)
        made.add("disclosure", {**gift, "state": "made", **made_as})
        if after:
            after(made)
        made.checkpoint()
        return not any("two people" in said for said in verify(made.bundle(), HOUSE, NOW).asserted)

    def sending(made: Any, of: str, kind: str = "note") -> None:
        made.add("note", {"text": "out", "notice": "n-1", "sending": gift["document"]})

    def ended(made: Any, of: str) -> None:
        note = made.add("note", {"text": "out", "notice": "d-1", "sending": gift["document"]})
        made.add("note", {"text": "it did not go", "not_sent": note})
        made.add("review", {"of": of, "verdict": "reject"}, *ines)

    def corrected(made: Any, of: str) -> None:
        made.add("disclosure", {**gift, "disclosure": "d-2", "state": "proposed", "corrects": of})

    assert let_out()
    assert let_out(before=sending), "an attempt to send a notice is no matter of a disclosure"
    assert not let_out(roles=[noor, ("olga", "analyst")])
    assert not let_out(roles=[noor, ("olga", "janitor")])
    assert not let_out(before=corrected)
    assert not let_out(before=ended)
    assert not let_out(state="given", to="lab-c")
    assert not let_out(after=lambda made: made.add("disclosure", {**gift, "state": "made"}))


@pytest.mark.parametrize("body", [{"state": []}, {"state": {"a": 1}}, {"sending": {}}])
def test_what_no_entry_holds_is_read_or_refused(body: dict[str, Any]) -> None:
    made = world()
    made.add("note", {"text": "x", **body})
    made.checkpoint()
    verify(made.bundle(), HOUSE, NOW)


@pytest.mark.parametrize("log_e", [-1e308, 1e300, 2e9])
def test_numbers_beyond_all_measure_are_refused(log_e: float) -> None:
    made = world()
    body = evidence_body(evidence(7))
    made.add("evidence", {**body, "evidence": {**body["evidence"], "log_e": log_e}})
    made.checkpoint()
    with pytest.raises(VerifyError, match="beyond all measure"):
        verify(made.bundle(), HOUSE, NOW)


def test_a_plan_that_was_dated_after_its_evidence_proves_nothing() -> None:
    """A checkpoint that does not hold the evidence can be cosigned when the evidence is long there."""
    for later, sure in ((timedelta(0), True), (timedelta(minutes=1), False), (timedelta(hours=5), False)):
        made = empty()
        made.add("plan", {"plan": PLAN, "subject": "model-x", "document": PLAN})
        made.checkpoint("watch.example.org", later=later)
        made.add("evidence", evidence_body(evidence()))
        made.checkpoint()
        found = verify(made.bundle(), [*HOUSE, WATCH], NOW)
        assert any("its plan (entry 0) was in the log by" in said for said in found.proven) == sure
        assert ("no later" in found.numbers[0]["plan"]) != sure


def test_a_plan_that_was_dated_after_its_evidence_was_seen_proves_nothing() -> None:
    """Whatever time the evidence says, within what clocks may differ by."""
    for later, sure in ((timedelta(minutes=4), True), (timedelta(minutes=2), False)):
        made = empty()
        made.add("plan", {"plan": PLAN, "subject": "model-x", "document": PLAN})
        made.checkpoint("watch.example.org", later=timedelta(minutes=3))
        made.time += timedelta(minutes=4)
        made.add("evidence", evidence_body(evidence()))
        made.checkpoint("watch.example.org", later=later - timedelta(minutes=5))
        assert ("was in the log by" in verify(made.bundle(), [*HOUSE, WATCH], NOW).numbers[0]["plan"]) == sure


def test_a_key_is_known_by_the_readers_name_for_it() -> None:
    with pytest.raises(VerifyError, match="you know this key as"):
        verify(DATA, [*HOUSE, replace(WATCH, name="watch.example.net")], NOW)
    verify(DATA, [*HOUSE, replace(WATCH, name="watch.example.org")], NOW)


def test_of_a_key_that_is_given_twice_the_one_that_ends_counts() -> None:
    ended = Trusted(public=public("house"), not_after=START)
    for keys in ([ended, *HOUSE], [*HOUSE, ended]):
        with pytest.raises(VerifyError, match="expired"):
            verify(DATA, keys, NOW)


def test_an_ended_key_of_the_log_needs_a_checkpoint_that_was_seen_in_time() -> None:
    log = Trusted(public=public("log"), not_after=START + timedelta(minutes=2))
    with pytest.raises(VerifyError, match="the log's key expired"):
        verify(DATA, [*HOUSE, WATCH, log], NOW)
    late = replace(log, not_after=NOW)
    assert verify(DATA, [*HOUSE, WATCH, late], NOW)


def test_what_was_corrected_is_marked() -> None:
    made = world()
    first = next(e for e in made.case.entries if e.kind == "evidence")
    made.add("evidence", evidence_body(evidence(why="said anew"), corrects=digest(first)))
    made.checkpoint()
    rows = {row["entry"]: row["corrected_by"] for row in verify(made.bundle(), HOUSE, NOW).numbers}
    last = len(made.case.entries) - 1
    assert rows == {seq: last if seq == first.seq else None for seq in rows}
    assert last in rows


@pytest.mark.parametrize("wrong", [{"n": -5}, {"kind": "proof"}, {"inputs": []}, {"null": ""}])
def test_what_is_no_evidence_is_refused(wrong: dict[str, Any]) -> None:
    made = world()
    body = evidence_body(evidence(7))
    made.add("evidence", {**body, "evidence": {**body["evidence"], **wrong}})
    made.checkpoint()
    with pytest.raises(VerifyError, match="evidence"):
        verify(made.bundle(), HOUSE, NOW)
