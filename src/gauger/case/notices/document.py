"""A notice: the bytes that people approve and that then go out, whole and unaltered.

notice = draft(KIND, given, facts, name="n-1", time=now)    # refuses, with all that is missing, until complete
canonical_json(notice)                                      # what is kept, approved by its digest, and sent
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from gauger.case.notices.facts import Access, Facts
from gauger.case.notices.fields import Field, IncompleteError, Problem, Value, empty, read, said
from gauger.errors import ConfigError, InputError

SCHEMA: Literal["gauger/notice/1"] = "gauger/notice/1"
MAX_BYTES = 16 << 20
AHEAD = timedelta(days=1)  # by so much may somebody's clock, or zone, be ahead of ours
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_PART = re.compile(r"[a-z0-9][a-z0-9-]{0,40}\.(txt|json|csv)")
MEDIA = {"txt": "text/plain", "json": "application/json", "csv": "text/csv"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """One file of a notice. The first is what the recipient reads."""

    name: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """What is approved and sent.

    Attributes:
        notice: its name within the case. to: the recipient's address, "" where it goes into a form.
        sender: the contact's address.
    """

    notice: str
    case: str
    kind: str
    to: str
    sender: str
    subject: str
    drafted: str
    parts: tuple[Part, ...]
    schema: Literal["gauger/notice/1"] = SCHEMA


@dataclass(frozen=True, slots=True, kw_only=True)
class Material:
    """All that a notice is made of."""

    fields: Mapping[str, Value]
    facts: Facts
    accesses: tuple[Access, ...]
    withheld: tuple[str, ...]
    name: str
    time: datetime

    def get(self, name: str) -> str:
        """A field as text, "" where it was left out."""
        return said(self.fields[name]) if name in self.fields else ""

    def all(self, name: str) -> tuple[str, ...]:
        """A list's lines."""
        value = self.fields.get(name, ())
        return value if isinstance(value, tuple) else (said(value),)


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """A kind of notice.

    Attributes:
        claims, not_claimed, objection: in plain words, for the recipient and for who is reported.
        due_days: after how many days we look again, if no law sets a date.
        provided: what accesses and case fill in by themselves; a person's word that contradicts it is a problem.
    """

    id: str
    title: str
    law: str
    fields: tuple[Field, ...]
    claims: tuple[str, ...]
    not_claimed: tuple[str, ...]
    objection: str
    parts: Callable[[Material], tuple[Part, ...]]
    subject: Callable[[Material], str]
    problems: Callable[[Material], Sequence[Problem]] = dataclasses.field(default=lambda material: ())
    provided: Callable[[Mapping[str, object], tuple[Access, ...]], Mapping[str, object]] = dataclasses.field(
        default=lambda given, accesses: {}
    )
    warnings: tuple[str, ...] = ()
    due_days: int = 14
    accesses: Literal["required", "optional", "refused"] = "refused"
    schema: str = ""


def draft(
    kind: Kind,
    given: Mapping[str, object],
    facts: Facts,
    *,
    name: str,
    time: datetime,
    accesses: tuple[Access, ...] = (),
    withheld: tuple[str, ...] = (),
) -> Notice:
    """A complete notice.

    Args:
        withheld: names that a public notice must not hold, besides the case's own accounts.

    Raises:
        IncompleteError: a field is missing or wrong; all of them are named. ConfigError: a name that cannot be one.
    """
    if not _NAME.fullmatch(name):
        raise ConfigError("a notice's name is 1 to 64 letters, digits, dots, dashes and underscores")
    provided = kind.provided(given, accesses)
    filled = {field: value for field, value in given.items() if not empty(value)}
    values, problems = read(kind.fields, {**provided, **filled})
    problems += [
        Problem(field, f"says {said(values[field])}, but the accesses say {value}")
        for field, value in provided.items()
        if field in values and said(values[field]) != str(value)
    ]
    problems += [*_accesses(kind, accesses), *_future(values, accesses, time + AHEAD)]
    if problems:
        raise IncompleteError(kind.id, problems)
    material = Material(fields=values, facts=facts, accesses=accesses, withheld=withheld, name=name, time=time)
    if problems := list(kind.problems(material)):
        raise IncompleteError(kind.id, problems)
    notice = Notice(
        notice=name,
        case=facts.case,
        kind=kind.id,
        to=material.get("recipient_email"),
        sender=material.get("email"),
        subject=kind.subject(material)[:200],
        drafted=said(time),
        parts=kind.parts(material),
    )
    return checked(notice, name)


def missing_recommended(kind: Kind, given: Mapping[str, object], accesses: tuple[Access, ...] = ()) -> list[Field]:
    """Recommended fields that were left out."""
    filled = {**kind.provided(given, accesses), **given}
    return [f for f in kind.fields if f.need == "recommended" and empty(filled.get(f.name))]


def checked(notice: Notice, source: str) -> Notice:
    """A notice whose parts can be files, no path in a name, none twice; and whose headers are one line of text each.

    Raises:
        InputError: it is none.
    """
    names = [part.name for part in notice.parts]
    if not names or len(set(names)) != len(names) or not all(_PART.fullmatch(n) for n in names):
        raise InputError("is no notice of this version: its parts have names that no notice has", source=source)
    if not _NAME.fullmatch(notice.notice):
        raise InputError("is no notice of this version: its name is none", source=source)
    headers = (notice.to, notice.sender, notice.subject)
    if not all(text.isprintable() and "=?" not in text for text in headers):  # encoded words may hold line breaks
        raise InputError("is no notice of this version: a header holds more than a line of plain text", source=source)
    return notice


def _accesses(kind: Kind, accesses: tuple[Access, ...]) -> list[Problem]:
    if kind.accesses == "required" and not accesses:
        return [
            Problem("accesses", "are missing: a CSV of address, time_utc, log_reference and account, by --accesses")
        ]
    if kind.accesses == "refused" and accesses:
        return [Problem("accesses", f"have no place in a {kind.id}")]
    return []


def _future(values: Mapping[str, Value], accesses: tuple[Access, ...], latest: datetime) -> list[Problem]:
    """Whatever is said to have been seen after it was written down."""
    late = [name for name, value in values.items() if isinstance(value, datetime) and value > latest]
    late += ["accesses"] if any(a.time > latest for a in accesses) else []
    return [Problem(name, "lies in the future: nobody can have seen it yet") for name in late]
