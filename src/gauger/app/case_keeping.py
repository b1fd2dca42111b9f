"""Raw text kept for a case: what is sealed, read, held and destroyed, and what the case's chain says of it.

The chain comes first: a read is entered before anything is opened, an erasure before anything is destroyed. Only what
is put is sealed first, and destroyed again if it cannot be entered.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, BinaryIO, Protocol

from gauger.case import retention
from gauger.case.people import may
from gauger.case.retention import Kept
from gauger.edge.case.sealed import Sealed
from gauger.errors import ConfigError
from gauger.model import Case, Entry


class Cases(Protocol):
    """What is needed of the store of cases."""

    def case(self, case: str) -> Case: ...

    def cases(self) -> list[str]: ...

    def people(self) -> dict[str, str]: ...

    def last(self) -> str: ...

    def position(self, of: str) -> int: ...

    def append(self, case: str, kind: str, body: Mapping[str, Any], *, author: str, time: datetime) -> Entry: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Expired:
    """What ``expire`` did.

    Attributes:
        erased: objects, with their tombstones. held: due, but on legal hold. remains: of what was erased or never
            entered, destroyed; None if somebody was writing, so that they were not looked for.
        strange: objects that no case of this store speaks of, left as another store may keep them, and their cases.
    """

    erased: tuple[Kept, ...]
    held: tuple[Kept, ...]
    remains: int | None
    strange: Mapping[str, str]


def put(
    cases: Cases,
    sealed: Sealed,
    case: str,
    source: BinaryIO,
    *,
    kind: str,
    days: int | None,
    text: str,
    author: str,
    time: datetime,
) -> Kept:
    """Seal a text and enter it into its case."""
    due = retention.until(kind, time, days)
    cases.case(case)  # before anything is sealed for a case that is none
    with sealed.writing():
        header = sealed.put(source, case, cases.last())
        body = retention.kept_body(header.object, kind=kind, until=due, size=header.bytes, text=text)
        try:
            cases.append(case, "note", body, author=author, time=time)
        except BaseException:
            if header.object not in retention.kept(cases.case(case)):
                sealed.shred(header.object)
            raise
        sealed.entered(header.object)
    return retention.the(cases.case(case), header.object)


def read(
    cases: Cases, sealed: Sealed, case: str, name: str, *, why: str, author: str, time: datetime
) -> Iterator[bytes]:
    """The bytes of an object, after the reading stands in the case.

    Raises:
        ConfigError: the case keeps no such object, it was erased, or the reader may not write into the case.
    """
    retention.the(cases.case(case), name)
    cases.append(case, "read", {"object": name, "why": why}, author=author, time=time)
    retention.the(cases.case(case), name)  # an erasure may have come between
    return sealed.open(name, case)


def hold(cases: Cases, case: str, name: str, *, on: bool, why: str, author: str, time: datetime) -> Kept:
    """Put an object on legal hold, or take it off.

    Raises:
        ConfigError: somebody other than counsel would take it off.
    """
    retention.the(cases.case(case), name)
    cases.append(case, "note", retention.held_body(name, why=why, held=on), author=author, time=time)
    after = retention.the(cases.case(case), name)
    if after.held != on:
        raise ConfigError(f"{name} stays on hold: only {retention.RELEASES} releases one; that it was tried is noted")
    return after


def erase(cases: Cases, sealed: Sealed, case: str, name: str, *, why: str, author: str, time: datetime) -> Kept:
    """Destroy an object for good, and leave a tombstone.

    The chain decides who was first: an erasure that follows a hold is void, and destroys nothing. What a kill left of
    an erased object is destroyed by another call.

    Raises:
        ConfigError: the case or the sealed store has no such object, it was sealed for another case, whatever this one
            says of it, it is on hold, or the author is not counsel.
    """
    _may_erase(cases, author)
    if not _sealed_for(sealed, case, name):
        raise ConfigError(f"{name} was sealed for the case {sealed.case_of(name)}: only that one has it erased")
    found = retention.kept(cases.case(case)).get(name)
    if found is None or not found.erased:
        found = retention.the(cases.case(case), name)
        if name not in sealed.names():
            raise ConfigError(f"{name} is not in this sealed store: name the one that holds it")
        if found.held:
            raise ConfigError(f"{name} is on legal hold: counsel releases it with `gauger case keep release`")
        stone = retention.tombstone(case, found, why=why, author=author, time=time)
        sealed.bury(stone)
        cases.append(case, "erasure", retention.erasure_body(name, why=why, stone=stone), author=author, time=time)
        found = retention.kept(cases.case(case))[name]
    if not found.erased:
        raise ConfigError(f"{name} was put on legal hold just now, so its erasure is void and nothing was destroyed")
    sealed.shred(name)
    return found


def expire(cases: Cases, sealed: Sealed, *, author: str, time: datetime) -> Expired:
    """Erase what is due in all cases, but what is on hold; then destroy what kills left of what was this store's.

    Raises:
        ConfigError: the author is not counsel.
    """
    _may_erase(cases, author)
    erased, held = list[Kept](), list[Kept]()
    here = set(sealed.names())
    for case in cases.cases():
        for found in retention.kept(cases.case(case)).values():
            if found.object in here and found.due(time) and _sealed_for(sealed, case, found.object):
                why = f"kept until {found.until.isoformat()}"
                erased.append(erase(cases, sealed, case, found.object, why=why, author=author, time=time))
            elif not found.erased and found.held and found.until <= time:
                held.append(found)
    remains, left = sweep(cases, sealed) or (None, ())
    strange = {name: sealed.case_of(name) for name in left}
    return Expired(erased=tuple(erased), held=tuple(held), remains=remains, strange=strange)


def sweep(cases: Cases, sealed: Sealed) -> tuple[int, list[str]] | None:
    """As ``Sealed.sweep``, for this store's cases."""
    return sealed.sweep(lambda: _spoken_of(cases), lambda entry: _has(cases, entry))


def _sealed_for(sealed: Sealed, case: str, name: str) -> bool:
    """Whether an object's key says so; of what a kill left, there may be none."""
    return sealed.case_of(name) in (case, "")


def _may_erase(cases: Cases, author: str) -> None:
    role = cases.people().get(author)
    if role is None:
        raise ConfigError(f"nobody is enrolled as {author[:80]!r} in this case store")
    may(role, "erasure")


def _spoken_of(cases: Cases) -> dict[str, bool]:
    """All objects that cases speak of, and whether they keep them."""
    every = [found for case in cases.cases() for found in retention.kept(cases.case(case)).values()]
    keeping = {found.object for found in every if not found.erased}
    return {found.object: found.object in keeping for found in every}


def _has(cases: Cases, entry: str) -> bool:
    try:
        cases.position(entry)
    except ConfigError:
        return False
    return True
