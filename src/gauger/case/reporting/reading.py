"""What a case says, put in order: which entries stand, what was measured, on whom.

The case is trusted in nothing but its form: bodies come from documents that strangers may have written.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from gauger.case.entries import standing, verify_chain
from gauger.case.people import record_of, rejected
from gauger.errors import InputError
from gauger.model import Case, Entry, Evidence, digest

SAYS = 1.0  # log10 e from which a figure is worth a sentence; below, chance alone often reaches it


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """One evidence, and the entry that brought it.

    Attributes:
        verdict: the test's own word by its own plan, or "". records: digests of the findings by which it is reviewed:
            its own, and the campaign's that alone holds it.
    """

    entry: Entry
    evidence: Evidence
    verdict: str = ""
    candidate: str = ""
    command: str = ""
    plan: str = ""
    records: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """A verified case, in order.

    Attributes:
        stands: the entries that no later one corrects; nothing else is ever counted.
        corrected: seq of each other entry, and of the entry that corrects it.
        figures: all evidence that stands, each once, in the order of the case. accepted: those that no reviewer
            rejects, in whichever entry they stand.
        holders: of each finding's digest the digests of the entries that hold it.
    """

    case: Case
    stands: tuple[Entry, ...]
    corrected: Mapping[int, int]
    figures: tuple[Figure, ...]
    accepted: tuple[Figure, ...]
    holders: Mapping[str, frozenset[str]]

    def of(self, *kinds: str) -> tuple[Entry, ...]:
        """The entries of these kinds that stand."""
        return tuple(e for e in self.stands if e.kind in kinds)

    def about(self, figure: Figure, kind: str) -> tuple[Entry, ...]:
        """The standing reviews or appeals of the entries that hold a figure."""
        holders = frozenset[str]().union(*(self.holders.get(record, frozenset()) for record in figure.records))
        return tuple(e for e in self.of(kind) if e.body["of"] in holders)

    @property
    def head(self) -> str:
        """The digest of the last entry, which fixes all of them."""
        return digest(self.case.entries[-1])


def read(case: Case) -> Reading:
    """Put a case in order.

    Raises:
        VerifyError: its chain does not hold. InputError: it is empty, or an entry's body is not what its kind says.
    """
    if not verify_chain(case).entries:
        raise InputError("the case has no entries, so there is nothing to report", source=case.id)
    stands = standing(case)
    by_digest = {digest(e): e.seq for e in case.entries}
    corrected = {by_digest[e.body["corrects"]]: e.seq for e in case.entries if e.body.get("corrects") in by_digest}
    figures: dict[str, Figure] = {}
    for entry in (e for e in stands if e.kind == "evidence"):
        figure = figure_of(entry)
        figures.setdefault(digest(figure.evidence), figure)
    # A campaign's record holds its evidence too, as it was before anybody corrected an entry of it.
    wrong = {digest(e.body["evidence"]) for e in case.entries if e.kind == "evidence" and e.seq in corrected}
    for entry in (e for e in stands if e.kind == "campaign"):
        for plain in (plain for plain in campaign(entry).get("evidence", ()) if digest(plain) not in wrong):
            figure = figure_of(entry, plain)
            figures.setdefault(digest(figure.evidence), figure)
    ordered = tuple(sorted(figures.values(), key=lambda f: f.entry.seq))
    refused, holders = rejected(case), dict[str, set[str]]()
    for entry in case.entries:
        if record := record_of(entry):
            holders.setdefault(record, set()).add(digest(entry))
    return Reading(
        case=case,
        stands=stands,
        corrected=corrected,
        figures=ordered,
        accepted=tuple(f for f in ordered if not refused & f.records),
        holders={record: frozenset(found) for record, found in holders.items()},
    )


def campaign(entry: Entry) -> Mapping[str, Any]:
    """The campaign that an entry holds.

    Raises:
        InputError: it holds none.
    """
    found = entry.body["campaign"]
    lists = ("accounts", "capabilities", "scores", "evidence")
    fits = isinstance(found, Mapping) and all(isinstance(found.get(name, []), (list, tuple)) for name in lists)
    fits = fits and all(_amount(found.get(name, 0)) for name in ("exchanges", "tokens"))
    if not (fits and _amount(found.get("value_usd") or 0)):
        raise InputError(f"entry {entry.seq} holds no campaign as a scan writes it", source=entry.case)
    return dict(found)


def _amount(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and value >= 0 and math.isfinite(value)


def figure_of(entry: Entry, plain: object = None) -> Figure:
    """The evidence that an entry holds, or ``plain`` of those that a campaign holds.

    Raises:
        InputError: it is none.
    """
    own = entry.body if entry.kind == "evidence" else {}
    said = {name: str(own.get(name) or "") for name in ("verdict", "candidate", "command", "plan")}
    found = _evidence(entry, plain if plain is not None else own.get("evidence"))
    return Figure(entry=entry, evidence=found, records=frozenset((digest(found), record_of(entry))), **said)


def _evidence(entry: Entry, plain: object) -> Evidence:
    try:
        given = dict(plain) if isinstance(plain, Mapping) else {}
        log_e = -math.inf if given["log_e"] == "-inf" else float(given["log_e"])
        texts = (given["subject"], given["null"], given["method"], given["why"], *given["inputs"])
        if not all(isinstance(text, str) for text in texts) or not isinstance(given["n"], int):
            raise TypeError
        return Evidence(**{**given, "log_e": log_e, "inputs": tuple(given["inputs"]), "params": dict(given["params"])})
    except (KeyError, TypeError, ValueError) as error:
        raise InputError(
            f"entry {entry.seq} holds no evidence as a test writes it ({type(error).__name__})", source=entry.case
        ) from None
