"""A case is a chain of entries, each holding the digest of the one before. Nothing is altered: corrections are entries.

entry = following(case, "note", {"text": "..."}, author="mira", role="analyst", time=now)
verify_chain(Case(id=case.id, entries=(*case.entries, entry)))
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from gauger.errors import ConfigError, VerifyError
from gauger.model import Case, Entry, canonical_json, digest, to_plain

MAX_BYTES = 1 << 20  # of an entry; what is larger stays where it is, referenced by digest
AHEAD = timedelta(days=1)
"""An entry that is further ahead of the clock would lock its case, so counsel may still keep house."""
_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")

KINDS: Mapping[str, tuple[str, ...]] = {
    "campaign": ("campaign", "document"),
    "evidence": ("evidence", "document"),
    "plan": ("plan", "subject"),
    "suspect": ("name", "what"),
    "note": ("text",),
    "decision": ("what", "why"),
    "notice": ("notice", "kind", "state", "document"),
    "disclosure": ("disclosure", "state", "document", "to"),
    "review": ("of", "verdict"),
    "appeal": ("of", "by", "why"),
    "close": ("why",),
    "read": ("object", "why"),
    "erasure": ("object", "why"),
}
"""What an entry can be, and the fields that its body must have."""

DIGESTS = ("document", "plan", "of", "object", "corrects", "tombstone")
"""Fields that hold the digest of something, or "" where there is none."""


def following(case: Case, kind: str, body: Mapping[str, Any], *, author: str, role: str, time: datetime) -> Entry:
    """The entry that would be next.

    Raises:
        ConfigError: a clock that is behind, an unknown kind, a body that lacks a field or is too large, a closed case,
            a digest of no entry.
    """
    last = case.entries[-1] if case.entries else None
    if last is not None and time < last.time:
        body, time = _behind(last, kind, body, role, time), last.time
    entry = Entry(
        case=case_id(case.id),
        seq=len(case.entries),
        time=time.astimezone(UTC),
        kind=kind,
        author=author,
        role=role,
        body=to_plain(checked(kind, body)),
        prev="" if last is None else digest(last),
    )
    try:
        size = len(canonical_json(entry))
    except ValueError as error:
        why = "text that is no UTF-8" if isinstance(error, UnicodeError) else str(error)
        raise ConfigError(f"a {kind} cannot be written: {why}") from None
    if size > MAX_BYTES:
        raise ConfigError(f"an entry has at most {MAX_BYTES:,} bytes: keep the rest in a file, and add its digest")
    if closed(case) and kind not in ("appeal", "review", "read", "erasure", "note") and not _on_its_way(case, entry):
        raise ConfigError(f"the case {case.id} is closed: only notes, appeals, reviews, reads and erasures follow")
    _check_links(case, entry)
    return entry


def _behind(last: Entry, kind: str, body: Mapping[str, Any], role: str, time: datetime) -> Mapping[str, Any]:
    """The body of an entry that is dated as the last one, which is of the future; it holds what the clock said.

    Raises:
        ConfigError: it is the clock that may be behind, or this is not counsel's to read, hold, erase or close.
    """
    ahead = last.time - time
    keeping = kind in ("read", "erasure", "close") or (kind == "note" and "keep" in body)
    if ahead > AHEAD and role == "counsel" and keeping:
        return {**body, "clock": to_plain(time)}
    way_out = "; if now is right, counsel can still read, hold and erase what it keeps, and close it for a new case"
    raise ConfigError(
        f"the clock is behind: the case's last entry, {last.seq} by {last.author}, is of {_said(last.time)}, {ahead} "
        f"after now, {_said(time)}{way_out if ahead > AHEAD else ''}"
    )


def _on_its_way(case: Case, entry: Entry) -> bool:
    """Whether it says that a notice went out which somebody had begun to send: the chain holds what happened."""
    body = entry.body
    sending = {"notice": body.get("notice"), "sending": body.get("document")}
    begun = any(e.kind == "note" and e.body.items() >= sending.items() for e in case.entries)
    return entry.kind == "notice" and body.get("state") == "sent" and begun


def _check_links(case: Case, entry: Entry) -> None:
    """What an entry is about must be there."""
    corrected = entry.body.get("corrects")
    if entry.kind not in ("review", "appeal") and corrected is None:
        return  # the digests of a long case take a while
    known = {digest(e): e.kind for e in case.entries}
    if entry.kind in ("review", "appeal") and entry.body["of"] not in known:
        raise ConfigError(f"a {entry.kind} is of an entry of this case, and {entry.body['of']} is none")
    if corrected is not None and known.get(corrected) != entry.kind:
        raise ConfigError(f"corrects: {corrected} is no {entry.kind} of this case")
    if corrected is not None and (
        by := next((e.seq for e in case.entries if e.body.get("corrects") == corrected), None)
    ):
        raise ConfigError(f"corrects: {corrected} was corrected by entry {by}: correct that one")


def checked(kind: str, body: Mapping[str, Any]) -> Mapping[str, Any]:
    """A body that has what its kind must have.

    Raises:
        ConfigError: it has not.
    """
    if kind not in KINDS:
        raise ConfigError(f"unknown kind of entry {kind!r}: {', '.join(KINDS)}")
    if missing := [name for name in KINDS[kind] if body.get(name) in (None, "", {})]:
        raise ConfigError(f"a {kind} needs {', '.join(missing)}")
    for name in DIGESTS:
        if (value := body.get(name, "")) != "" and not (isinstance(value, str) and _DIGEST.fullmatch(value)):
            raise ConfigError(f"{kind}: {name} is a digest, sha256: and 64 small hexadecimal digits")
    if kind == "review" and body["verdict"] not in ("approve", "reject"):
        raise ConfigError("a review's verdict is approve or reject")
    return body


def verify_chain(case: Case) -> Case:
    """The case, if every entry follows the one before.

    Raises:
        VerifyError: it does not; names the first entry that is wrong.
    """
    before: Entry | None = None
    for seq, entry in enumerate(case.entries):
        where = f"case {case.id}, entry {seq}"
        if (entry.case, entry.seq) != (case.id, seq):
            raise VerifyError(f"{where}: it says that it is entry {entry.seq} of {entry.case}")
        if entry.prev != ("" if before is None else digest(before)):
            raise VerifyError(f"{where}: it does not follow the entry before: one of the two was altered or taken out")
        if before is not None and entry.time < before.time:
            raise VerifyError(f"{where}: it is older than the entry before")
        before = entry
    return case


def closed(case: Case) -> bool:
    """Whether its last decision on that is to close."""
    return any(entry.kind == "close" for entry in case.entries)


def standing(case: Case) -> tuple[Entry, ...]:
    """The entries that no later entry corrects."""
    corrected = {e.body.get("corrects") for e in case.entries}
    return tuple(e for e in case.entries if digest(e) not in corrected)


def case_id(text: str) -> str:
    """A name that can stand in a file's name and a URL.

    Raises:
        ConfigError: it cannot.
    """
    if not _ID.fullmatch(text):
        raise ConfigError(f"a case's id is 1 to 64 letters, digits, dots, dashes and underscores, not {text[:80]!r}")
    return text


def _said(time: datetime) -> str:
    return time.astimezone(UTC).isoformat(timespec="seconds")
