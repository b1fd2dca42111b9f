"""How long a case keeps raw text, and what may be destroyed when: a fold over the case's own entries.

There is no other record of it. What is kept, held, released and erased stands in the chain as notes with a ``keep``
field and as erasures, so a hold can be neither lost nor backdated, and whoever checks the chain checks this with it.

    put      note     {"text", "object", "keep": {"state": "kept", "class", "until", "bytes"}}
    hold     note     {"text", "object", "keep": {"state": "hold"}}       anybody: to keep is the safe side
    release  note     {"text", "object", "keep": {"state": "released"}}   counts from counsel only
    erase    erasure  {"object", "why", "tombstone"}                      is void while the object is on hold
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from gauger.errors import ConfigError
from gauger.model import Case, Entry, canonical_json, digest, to_plain

CLASSES: Mapping[str, int] = {"identity": 90, "raw": 180, "exhibit": 1825}
"""Classes of objects, and for how many days they are kept unless the keeper says otherwise: what tells who somebody
is; prompts and outputs as they were logged; what a notice or an export rests on."""

MAX_DAYS = 36525
RELEASES = "counsel"


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """An object of a case.

    Attributes:
        until: when it is due. erased: the tombstone's digest, "" while it is kept.
    """

    object: str
    kind: str
    until: datetime
    size: int
    by: str
    held: bool = False
    erased: str = ""

    def due(self, now: datetime) -> bool:
        """Whether it is to be erased."""
        return not self.erased and not self.held and self.until <= now


def kept(case: Case) -> dict[str, Kept]:
    """All objects that a case ever kept, by digest."""
    found: dict[str, Kept] = {}
    for entry in case.entries:
        name = entry.body.get("object")
        if not isinstance(name, str):
            continue
        now = _after(found.get(name), entry)
        if now is not None:
            found[name] = now
    return found


def the(case: Case, name: str) -> Kept:
    """An object that is still there.

    Raises:
        ConfigError: the case has none of that name, or it was erased.
    """
    found = kept(case).get(name)
    if found is None:
        raise ConfigError(f"case {case.id} keeps no object {name}: `gauger case keep list` says what it keeps")
    if found.erased:
        raise ConfigError(f"{name} was erased; its tombstone is {found.erased}")
    return found


def kept_body(name: str, *, kind: str, until: datetime, size: int, text: str) -> dict[str, Any]:
    """The body of the note that says an object is kept from now on."""
    state = {"state": "kept", "class": kind, "until": to_plain(until), "bytes": size}
    return {"text": text, "object": name, "keep": state}


def held_body(name: str, *, why: str, held: bool) -> dict[str, Any]:
    """The body of the note that puts an object on legal hold, or takes it off."""
    return {"text": why, "object": name, "keep": {"state": "hold" if held else "released"}}


def word(entry: Entry) -> str:
    """What a note changes about an object: ``kept``, ``hold``, ``released``, ``refused`` (no counsel), or nothing."""
    keep = entry.body.get("keep")
    state = keep.get("state") if entry.kind == "note" and isinstance(keep, Mapping) else ""
    if state == "released" and entry.role != RELEASES:
        return "refused"
    return state if state in ("kept", "hold", "released") else ""


def until(kind: str, now: datetime, days: int | None = None) -> datetime:
    """When an object of this class is due.

    Raises:
        ConfigError: an unknown class, or days out of range.
    """
    if kind not in CLASSES:
        raise ConfigError(f"unknown class {kind!r}: {', '.join(CLASSES)}")
    if days is not None and not 0 <= days <= MAX_DAYS:
        raise ConfigError(f"an object is kept for 0 to {MAX_DAYS:,} days")
    return now.astimezone(UTC) + timedelta(days=CLASSES[kind] if days is None else days)


def tombstone(case: str, what: Kept, *, why: str, author: str, time: datetime) -> bytes:
    """What stays of an erased object: its name and size, who destroyed it, when and why. One canonical line."""
    plain = {
        "schema": "gauger/tombstone/1",
        "case": case,
        "object": what.object,
        "class": what.kind,
        "bytes": what.size,
        "until": what.until,
        "why": why,
        "by": author,
        "time": time,
    }
    return canonical_json(plain) + b"\n"


def erasure_body(name: str, *, why: str, stone: bytes) -> dict[str, Any]:
    """The body of an erasure; the tombstone's digest is of its canonical form, without the newline."""
    return {"object": name, "why": why, "tombstone": digest(stone.removesuffix(b"\n"))}


def _after(before: Kept | None, entry: Entry) -> Kept | None:
    """An object after an entry that speaks of it; what an entry may not say changes nothing."""
    keep = entry.body.get("keep")
    state = keep.get("state") if entry.kind == "note" and isinstance(keep, Mapping) else None
    if before is None:
        return _first(entry, keep) if state == "kept" and isinstance(keep, Mapping) else None
    if before.erased:
        return before
    if state == "hold":
        return replace(before, held=True)
    if state == "released" and entry.role == RELEASES:
        return replace(before, held=False)
    if entry.kind == "erasure" and entry.role == RELEASES and not before.held:
        return replace(before, erased=str(entry.body.get("tombstone") or "unnamed"))
    return before


def _first(entry: Entry, keep: Mapping[str, Any]) -> Kept | None:
    try:
        due = datetime.fromisoformat(keep["until"])
        if due.tzinfo is None or type(keep["bytes"]) is not int:
            return None
        return Kept(
            object=entry.body["object"], kind=str(keep["class"]), until=due, size=keep["bytes"], by=entry.author
        )
    except (KeyError, TypeError, ValueError):
        return None
