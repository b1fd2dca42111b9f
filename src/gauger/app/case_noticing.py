"""Notices of a case: draft them, let them out once two people approved, and note what comes back.

Only the store knows where a notice stands; files hold what was approved, byte for byte.
"""

from __future__ import annotations

import json
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Protocol

from gauger.case.notices.document import MAX_BYTES, Kind, Notice, checked, draft
from gauger.case.notices.facts import gathered, parse_accesses
from gauger.case.notices.fields import said
from gauger.case.notices.objections import REJECTED, UPHELD, Objection, authors, held, open_objections, taken_in
from gauger.case.notices.registry import kind_of
from gauger.case.notices.states import Standing, attempts, in_order, may_follow, sent, standing, standings
from gauger.case.people import guarded, may
from gauger.edge.canonical import canonical_line, parse_canonical
from gauger.edge.case.abuse_schemas import checked_xarf
from gauger.edge.case.mail import Server, UnsureError, check, deliver, message
from gauger.edge.small_files import read_small, write_new
from gauger.errors import ConfigError, ExchangeError, GaugerError, InputError
from gauger.model import Case, Entry, digest

FORM_BYTES, ACCESS_BYTES = 1 << 20, 8 << 20
BEHIND = timedelta(minutes=2)  # by so much may this machine's clock be behind another writer's
TRIES = 5
Clock = Callable[[], datetime]


class Cases(Protocol):
    """What is needed of a case store."""

    def people(self) -> dict[str, str]: ...
    def cases(self) -> list[str]: ...
    def case(self, case: str) -> Case: ...
    def append(self, case: str, kind: str, body: Mapping[str, Any], *, author: str, time: datetime) -> Entry: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What sending did. ``again``: it had gone out before, and nothing was sent now."""

    how: str
    when: str
    again: bool = False
    files: tuple[Path, ...] = ()


def read_form(path: Path) -> dict[str, object]:
    """What a person filled in, TOML or JSON.

    Raises:
        InputError: it is neither.
    """
    data = read_small(path, FORM_BYTES)
    try:
        form = json.loads(data) if path.suffix == ".json" else tomllib.loads(data.decode())
    except tomllib.TOMLDecodeError as error:
        raise InputError(f"is no TOML: {error}", source=str(path)) from None
    except (ValueError, RecursionError):
        raise InputError("is no JSON or TOML in UTF-8", source=str(path)) from None
    if not isinstance(form, dict):
        raise InputError("should be fields and their values", source=str(path))
    return form


def prepared(
    case: Case,
    kind: Kind,
    form: Mapping[str, object],
    *,
    name: str,
    time: datetime,
    accesses: Path | None = None,
    withhold: Path | None = None,
) -> bytes:
    """A complete notice's document.

    Raises:
        IncompleteError: it is not complete. InputError: XARF's validator, or a file, refuses.
    """
    rows = () if accesses is None else parse_accesses(read_small(accesses, ACCESS_BYTES), str(accesses))
    names = () if withhold is None else _names(withhold)
    notice = draft(kind, form, gathered(case), name=name, time=time, accesses=rows, withheld=names)
    if kind.schema == "xarf":
        report = next(part for part in notice.parts if part.name == "report.json")
        checked_xarf(report.text, f"notice {name}")
    document = canonical_line(notice)
    if len(document) > MAX_BYTES:
        raise ConfigError(f"a notice has at most {MAX_BYTES:,} bytes: send fewer accesses, split by time")
    return document


def keep(
    store: Cases, case: str, document: bytes, path: Path, *, author: str, time: datetime, overwrite: bool
) -> Entry:
    """Write a draft to its file and into the case.

    Raises:
        ConfigError: its name went out before, the file exists, or this person writes no notices.
    """
    notice = parse_notice(document, str(path))
    found = store.case(case)
    may_follow(found, notice.notice, "drafted")
    may(_role(store, author), "notice")
    if attempts(found, notice.notice):
        raise ConfigError(
            f"an attempt to send {notice.notice} was cut off: say first how it ended, by `send --it-went`"
        )
    write_new(path, document, overwrite=overwrite)
    return store.append(case, "notice", _body(notice, digest(document), "drafted"), author=author, time=time)


def parse_notice(data: bytes, source: str) -> Notice:
    """A notice's document.

    Raises:
        InputError: it is none, or was altered.
    """
    return checked(parse_canonical(data, Notice, source), source)


def read_notice(path: Path) -> tuple[Notice, str]:
    """A notice, and its document's digest."""
    data = read_small(path, MAX_BYTES)
    return parse_notice(data, str(path)), digest(data)


def send(
    store: Cases, path: Path, *, author: str, clock: Clock, server: Server | None, due: datetime | None = None
) -> Outcome:
    """Let a notice out: by mail, or, without a server, as files beside it. Never twice.

    Raises:
        ConfigError: not approved, held, refused, or an attempt before whose outcome nobody knows. ExchangeError: it did
            not go out. UnsureError: it may have.
    """
    notice, of = read_notice(path)
    case = store.case(notice.case)
    if before := sent(case, notice.notice):
        if before.body["document"] != of:
            raise ConfigError(f"as {notice.notice} another document went out: draft this one under another name")
        return Outcome(how=str(before.body.get("how", "")), when=said(before.time), again=True)
    until = due or clock() + timedelta(days=kind_of(notice.kind).due_days)
    body = _body(notice, of, "sent") | {"due": said(until), "how": "file" if server is None else "smtp"}
    _allowed(store, case, notice, body, author)
    if open_ := attempts(case, notice.notice):
        raise ConfigError(
            f"an attempt of {said(open_[-1].time)} by {open_[-1].author} to send {notice.notice} was cut off, and may "
            "have gone out: look in the outbox or ask the recipient, then say --it-went or --it-did-not"
        )
    # What can be seen to be wrong is seen before anything is noted.
    mail = None if server is None else message(notice, of=of, time=clock())
    if server is not None:
        check(server)
    attempt = _attempt(store, notice, body, author, clock, "file" if server is None else server.host)
    try:
        files = _files(notice, path) if server is None or mail is None else ()
        answer = "" if server is None or mail is None else deliver(mail, notice, server)
    except UnsureError:
        raise
    except (GaugerError, OSError) as error:
        _not_sent(store, notice, attempt, author, clock, f"It did not go out: {type(error).__name__}")
        raise
    entry = _noted(store, notice.case, "notice", body | {"answer": answer}, author, clock)
    return Outcome(how=str(body["how"]), when=said(entry.time), files=files)


def settle(store: Cases, path: Path, *, went: bool, author: str, clock: Clock) -> None:
    """Say of an attempt that was cut off whether it went out.

    Raises:
        ConfigError: there is no such attempt; not approved.
    """
    notice, of = read_notice(path)
    case = store.case(notice.case)
    open_ = attempts(case, notice.notice)
    if not open_:
        raise ConfigError(f"no attempt to send {notice.notice} is open")
    if any(attempt.body["sending"] != of for attempt in open_):
        raise ConfigError(f"the attempt to send {notice.notice} was of another document: name that file")
    if went:
        due = said(clock() + timedelta(days=kind_of(notice.kind).due_days))
        body = _body(notice, of, "sent") | {
            "due": due,
            "how": "as somebody says",
            "why": "cut off, then found to be out",
        }
        _noted(store, notice.case, "notice", body, author, clock)
        return
    for attempt in open_:
        _not_sent(store, notice, attempt, author, clock, "It did not go out, as somebody who looked says")


def note_state(
    store: Cases,
    case: str,
    name: str,
    state: str,
    *,
    author: str,
    time: datetime,
    why: str,
    due: datetime | None,
    document: str,
) -> Entry:
    """What came of a notice.

    Raises:
        ConfigError: that does not follow, or belongs to ``send``, ``draft`` or ``objection``.
    """
    if state in ("drafted", "sent", "counter-notice"):
        raise ConfigError(f"{state} is written by `gauger case notice`: draft, send or objection")
    if state == "due" and due is None:
        raise ConfigError("a notice that is due needs --due")
    found = store.case(case)
    now = standing(found, name, time)
    may_follow(found, name, state)
    body: dict[str, Any] = {"notice": name, "kind": now.kind, "state": state, "document": document or now.document}
    body |= {"to": now.to, "due": said(due) if due else "", "why": why}
    return store.append(case, "notice", body, author=author, time=time)


def take_in(
    store: Cases, case: str, name: str, form: str, path: Path, *, author: str, time: datetime
) -> tuple[Objection, Entry]:
    """An objection to a notice: an appeal, which stops what is not out, and a new state of the notice.

    While it waits for a decision on this notice the same file is taken in once; what was cut off is made whole.

    Raises:
        ConfigError, IncompleteError: nothing that can be taken in.
    """
    found = store.case(case)
    now = standing(found, name, time)
    document = digest(read_small(path, FORM_BYTES))
    objection = taken_in(form, read_form(path), now.kind)
    ours = {digest(e) for e in found.entries if e.kind == "notice" and e.body["notice"] == name}
    waiting = (e for e in open_objections(found) if e.body["of"] in ours and e.body.get("document") == document)
    appeal = next(waiting, None)
    if appeal is None:
        body = {"of": now.entry, "by": objection.by, "why": objection.why, "form": form, "document": document}
        appeal = store.append(case, "appeal", body, author=author, time=time)
    after = [e for e in found.entries if e.kind == "notice" and e.body.get("objection") == digest(appeal)]
    closed = any(e.kind == "close" for e in found.entries)
    if not after and not closed and now.state not in ("drafted", "withdrawn"):  # a draft is held by the appeal alone
        due, until = (said(t) if t else "" for t in (objection.due, objection.until))
        state = {"notice": name, "kind": now.kind, "state": objection.state, "document": now.document, "to": now.to}
        state |= {"due": due, "until": until, "why": objection.why, "objection": digest(appeal), "received": document}
        store.append(case, "notice", state, author=author, time=time)
    return objection, appeal


def decide(store: Cases, case: str, appeal: str, *, right: bool, why: str, author: str, time: datetime) -> Entry:
    """Decide on an objection.

    Raises:
        ConfigError: none such is open, or this person wrote what it is about.
    """
    found = store.case(case)
    about = next((e for e in open_objections(found) if digest(e) == appeal), None)
    if about is None:
        raise ConfigError(f"no open objection has the digest {appeal[:80]}: `gauger case notice track` lists them")
    if author in authors(found, about):
        raise ConfigError("who drafted a notice does not decide on an objection to it")
    body = {"what": UPHELD if right else REJECTED, "of": appeal, "why": why}
    return store.append(case, "decision", body, author=author, time=time)


def tracked(store: Cases, cases: list[str], now: datetime) -> tuple[list[Standing], list[Entry]]:
    """All notices, overdue first, and all open objections, the oldest first."""
    found = [store.case(case) for case in cases or store.cases()]
    rows = in_order(row for case in found for row in standings(case, now))
    return rows, sorted((e for case in found for e in open_objections(case)), key=lambda e: e.time)


def _allowed(store: Cases, case: Case, notice: Notice, body: Mapping[str, Any], author: str) -> None:
    """Nothing, if this notice may go out by what the case holds."""
    may(_role(store, author), "notice")
    may_follow(case, notice.notice, "sent")
    guarded(case, "notice", body, store.people())
    if why := held(case, notice.kind, notice.notice):
        raise ConfigError(f"the notice {notice.notice} is on hold: {why}")
    if any(e.kind == "close" for e in case.entries):
        raise ConfigError(f"the case {case.id} is closed: nothing goes out of it")


def _attempt(store: Cases, notice: Notice, body: Mapping[str, Any], author: str, clock: Clock, way: str) -> Entry:
    """Note that it is about to go out; step back if, before the note, somebody noted so too or it was forbidden."""
    text = f"The notice {notice.notice} is about to go out by {way}."
    note = {"text": text, "sending": body["document"], "notice": notice.notice}
    mine = _noted(store, notice.case, "note", note, author, clock)
    case = store.case(notice.case)
    others = [e for e in attempts(case, notice.notice) if e.seq < mine.seq]
    if others or sent(case, notice.notice):
        _not_sent(store, notice, mine, author, clock, "Somebody else is sending it")
        raise ExchangeError(
            f"somebody else is sending {notice.notice}, or just did: look again with `track`", retry=True
        )
    try:  # of two that write at once the chain says who was first
        _allowed(store, replace(case, entries=case.entries[: mine.seq]), notice, body, author)
    except ConfigError:
        _not_sent(store, notice, mine, author, clock, "It did not go out: it was no longer allowed")
        raise
    return mine


def _not_sent(store: Cases, notice: Notice, attempt: Entry, author: str, clock: Clock, text: str) -> None:
    body = {"text": text, "not_sent": digest(attempt), "notice": notice.notice}
    _noted(store, notice.case, "note", body, author, clock)


def _noted(store: Cases, case: str, kind: str, body: Mapping[str, Any], author: str, clock: Clock) -> Entry:
    """An entry that must not fail because another writer's clock is a little ahead of ours."""
    for left in reversed(range(TRIES)):
        entries, time = store.case(case).entries, clock()
        if entries and time < entries[-1].time <= time + BEHIND:
            time = entries[-1].time
        try:
            return store.append(case, kind, body, author=author, time=time)
        except ConfigError:
            if not left or store.case(case).entries == entries:
                raise
    raise AssertionError("the last try returns or raises")


def _files(notice: Notice, path: Path) -> tuple[Path, ...]:
    """Each part in a file of its own beside the document, for its owner only. The same again is no error."""
    made = []
    for part in notice.parts:
        to, data = path.with_name(f"{path.stem}.{part.name}"), part.text.encode()
        if not (to.exists() and read_small(to, MAX_BYTES) == data):
            write_new(to, data)
        made.append(to)
    return tuple(made)


def _body(notice: Notice, of: str, state: str) -> dict[str, Any]:
    return {
        "notice": notice.notice,
        "kind": notice.kind,
        "state": state,
        "document": of,
        "to": notice.to,
        "due": "",
        "why": "",
    }


def _role(store: Cases, author: str) -> str:
    role = store.people().get(author)
    if role is None:
        raise ConfigError(f"nobody is enrolled as {author[:80]!r}")
    return role


def _names(path: Path) -> tuple[str, ...]:
    try:
        lines = read_small(path, FORM_BYTES).decode().splitlines()
    except UnicodeDecodeError:
        raise InputError("is no UTF-8", source=str(path)) from None
    return tuple(line.strip() for line in lines if line.strip())
