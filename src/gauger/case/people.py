"""Who may write what into a case, and when two people stand behind it.

Roles are kept by the store; that a name is a person is the operator's word, as with any such register.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Mapping
from typing import Literal, get_args

from gauger.case.characters import folded, unseen
from gauger.case.entries import standing
from gauger.errors import ConfigError
from gauger.model import Case, Entry, digest

Role = Literal["analyst", "reviewer", "counsel"]
ROLES: tuple[Role, ...] = get_args(Role)

_ALL = frozenset({"note", "appeal", "read"})
MAY: Mapping[str, frozenset[str]] = {
    "analyst": _ALL | {"campaign", "evidence", "plan", "suspect", "notice", "disclosure"},
    "reviewer": _ALL | {"review", "decision"},
    "counsel": _ALL | {"review", "decision", "notice", "disclosure", "close", "erasure"},
}
"""Which kinds of entry each role writes."""

GUARDED: Mapping[str, str] = {"notice": "sent", "disclosure": "made"}
"""Kinds whose named state leaves the house: two people must have approved the draft."""

DRAFTED = ("drafted", "proposed")

TWO = 2
LONGEST = 200  # characters of a name


_SCRIPTS = {"LATIN", "GREEK", "CYRILLIC"}  # whose letters look alike
_ALIKE = str.maketrans("авекмнорстухіјѕһԁԛԝαβεικνορτυχ", "abekmhopctyxijshdqwabeiknoptux")


def named(name: str, known: Iterable[str]) -> str:
    """A new person's name, if nobody could take it for one that is known.

    Raises:
        ConfigError: blanks at its ends, characters that do not show, a word in two scripts, or no difference to a known
            name but capitals, width, marks' encoding or letters of another script that look the same.
    """
    if not name.isprintable() or any(map(unseen, name)) or name != name.strip() or not 0 < len(name) <= LONGEST:
        raise ConfigError(f"a person has a name of 1 to {LONGEST} characters that show, without blanks at its ends")
    for word in name.split():
        if len(_SCRIPTS & {unicodedata.name(c, "").partition(" ")[0] for c in word}) > 1:
            raise ConfigError(f"the name {name!r} has a word in two scripts, which could be taken for another's")
    if twin := next((other for other in known if _folded(other) == _folded(name)), None):
        raise ConfigError(f"{name!r} could be taken for {twin!r}, who is enrolled: one person has one name")
    return name


def _folded(name: str) -> str:
    return folded(name).translate(_ALIKE)


def may(role: str, kind: str) -> None:
    """Nothing, if the role writes such entries.

    Raises:
        ConfigError: it does not.
    """
    if role not in MAY:
        raise ConfigError(f"unknown role {role!r}: {', '.join(ROLES)}")
    if kind not in MAY[role]:
        who = " or ".join(r for r in ROLES if kind in MAY[r])
        raise ConfigError(f"the role {role} writes no {kind}: that takes {who}")


def may_enrol(people: Mapping[str, str], author: str) -> None:
    """Nothing, if this person changes who may write: anybody, until there is counsel.

    Raises:
        ConfigError: there is, and this is somebody else.
    """
    if "counsel" in people.values() and people.get(author) != "counsel":
        raise ConfigError(f"{author[:80]!r} enrols and removes nobody: once there is counsel, that takes counsel")


def approvals(case: Case, of: str) -> dict[str, str]:
    """Each reviewer's latest verdict on the entry with this digest, by name."""
    return {e.author: e.body["verdict"] for e in case.entries if e.kind == "review" and e.body["of"] == of}


def record_of(entry: Entry) -> str:
    """The digest of the finding that an entry holds, "" where it holds none. Several entries may hold one."""
    if entry.kind in ("campaign", "evidence"):
        return digest(entry.body[entry.kind])
    return digest({name: entry.body[name] for name in ("name", "what")}) if entry.kind == "suspect" else ""


def opinions(case: Case) -> dict[str, dict[str, str]]:
    """Each reviewer's latest verdict on each finding, by its digest, whichever of its entries they reviewed."""
    of = {digest(e): record_of(e) for e in case.entries}
    found = dict[str, dict[str, str]]()
    for e in case.entries:
        if e.kind == "review" and (record := of.get(e.body["of"])):
            found.setdefault(record, {})[e.author] = e.body["verdict"]
    return found


def rejected(case: Case) -> frozenset[str]:
    """The findings that somebody's latest word is to reject: to enter one again does not bring it back."""
    return frozenset(record for record, said in opinions(case).items() if "reject" in said.values())


def approved(case: Case, of: str, roles: Mapping[str, str] | None = None) -> bool:
    """Whether two people approved it, one of whom did not write it, and nobody's latest word is to reject.

    Args:
        roles: who is enrolled as what now; who no longer reviews does not count as agreed. None: as then.
    """
    drafts = [e for e in case.entries if digest(e) == of]
    same = {_drafted(e) for e in drafts} - {None}  # who drafted it before another did so again wrote it, too
    written = {e.author for e in case.entries if e in drafts or _drafted(e) in same}
    said = approvals(case, of)
    agreed = {name for name, verdict in said.items() if verdict == "approve"}
    unanimous = len(agreed) == len(said)
    if roles is not None:
        agreed = {name for name in agreed if "review" in MAY.get(roles.get(name, ""), ())}
    return unanimous and bool(written) and len(agreed) >= TWO and bool(agreed - written)


def _drafted(entry: Entry) -> tuple[str, object] | None:
    return (entry.kind, entry.body.get("document")) if entry.body.get("state") in DRAFTED else None


def guarded(case: Case, kind: str, body: Mapping[str, object], roles: Mapping[str, str] | None = None) -> None:
    """Nothing, unless this entry says that something left the house which two people have not approved.

    What they approved is the latest draft under the same name, and what goes out must be that very document, to whom
    the draft said. A draft that was corrected, under whatever name, is none. What was begun to be sent with their
    approval may be said to be sent, though somebody rejected it meanwhile: the chain must hold what happened.

    Raises:
        ConfigError: it does, or it left before.
    """
    if kind == "disclosure" and body.get("state") not in (*DRAFTED, GUARDED[kind]):
        raise ConfigError(f"a disclosure is proposed or made, not {str(body.get('state'))[:40]!r}")
    if kind not in GUARDED or body.get("state") != GUARDED[kind]:
        return
    name = body.get(kind)
    drafts = [e for e in case.entries if e.kind == kind and e.body.get(kind) == name]
    drafts = [e for e in drafts if e.body.get("state") in DRAFTED]
    if not drafts or any(drafts[-1].body.get(field) != body.get(field) for field in ("document", "to")):
        raise ConfigError(f"{kind} {name}: nothing with this content was drafted, so nobody can have approved it")
    since = case.entries[drafts[-1].seq :]
    if any(e.kind == kind and e.body.get(kind) == name and e.body.get("state") == GUARDED[kind] for e in since):
        raise ConfigError(
            f"{kind} {name}: it is {GUARDED[kind]} already; what goes out again is drafted and approved again"
        )
    if drafts[-1] not in standing(case):
        raise ConfigError(f"{kind} {name}: its draft was corrected: what stands now is to be approved")
    of = digest(drafts[-1])
    begun = _begun(case, name, body.get("document")) if kind == "notice" else None
    if begun is not None and approved(Case(id=case.id, entries=case.entries[:begun]), of):
        return
    if not approved(case, of, roles):
        raise ConfigError(
            f"{kind} {name}: it takes two people's approval (`case add review`), one of them not its author"
        )


def _begun(case: Case, name: object, document: object) -> int | None:
    """Where sending a notice was begun, if nobody said since that it did not go out."""
    ended = {e.body.get("not_sent") for e in case.entries}
    sending = {"notice": name, "sending": document}
    notes = (e for e in case.entries if e.kind == "note" and e.body.items() >= sending.items())
    return next((e.seq for e in notes if digest(e) not in ended), None)
