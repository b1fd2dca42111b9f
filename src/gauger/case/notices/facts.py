"""What the case and the log bring to a notice: campaigns, evidence, and the accesses that an abuse desk asks for."""

from __future__ import annotations

import csv
import ipaddress
import math
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from gauger.case.entries import standing
from gauger.case.notices.fields import hidden, inert, said
from gauger.case.people import record_of
from gauger.case.people import rejected as rejected_in
from gauger.errors import InputError
from gauger.model import Case, digest

COLUMNS = ("address", "time_utc", "log_reference", "account")
MAX_ROWS, MAX_CELL = 50_000, 300
FORMULA = ("=", "+", "-", "@", "\t", "\r", "\uff1d", "\uff0b", "\uff0d", "\uff20")
"""A spreadsheet runs a cell that begins so."""
READING = (
    "How to read log10 e: at 3, evidence this strong or stronger would appear at most once in 1,000 if that null were "
    "true. Below 1 it says little, below 0 nothing against the null. Where a search chose a group among many, chance "
    "reaches such figures more often."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Access:
    """One line of a log: an address, when, where the line lies, and whose account."""

    address: str
    time: datetime
    reference: str
    account: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What the standing entries of a case say.

    Attributes:
        first, last: of all campaigns together, "" where there is none.
        evidence: a sentence for each evidence, with its null.
        digests: of every document and input that the case names.
        private: as they stand, the accounts that any entry names, were it rejected or corrected since. No notice says
            them: they are what a public one must not hold. A subject counts, unless it is a campaign, or a suspect
            that is no account.
    """

    case: str
    campaigns: tuple[str, ...] = ()
    accounts: tuple[str, ...] = ()
    suspects: tuple[str, ...] = ()
    first: str = ""
    last: str = ""
    exchanges: int = 0
    tokens: int = 0
    evidence: tuple[str, ...] = ()
    digests: tuple[str, ...] = ()
    rejected: int = 0
    private: tuple[str, ...] = ()


def gathered(case: Case) -> Facts:
    """The facts of a case, with the text of strangers made inert."""
    found: dict[str, list[Mapping[str, Any]]] = {"campaign": [], "evidence": [], "suspect": []}
    refused, rejected = rejected_in(case), 0
    for entry in standing(case):
        if entry.kind in found and record_of(entry) in refused:
            rejected += 1
        elif entry.kind in found:
            found[entry.kind].append(entry.body)
    # A campaign and its evidence may stand twice, with discounts and without: they are counted once.
    for kind in ("campaign", "evidence"):
        found[kind] = list({digest(body[kind]): body for body in found[kind]}.values())
    campaigns = [body["campaign"] for body in found["campaign"]]
    evidence = [body["evidence"] for body in found["evidence"]]
    digests = [body.get("document", "") for bodies in found.values() for body in bodies]
    return Facts(
        case=case.id,
        campaigns=_once(c.get("id", "") for c in campaigns),
        accounts=_once(a for c in campaigns for a in c.get("accounts", ())),
        suspects=_once(body["name"] for body in found["suspect"]),
        first=min((c["first"] for c in campaigns), default=""),
        last=max((c["last"] for c in campaigns), default=""),
        exchanges=sum(c.get("exchanges", 0) for c in campaigns),
        tokens=sum(c.get("tokens", 0) for c in campaigns),
        evidence=tuple(
            _sentence(e, body.get("verdict", "")) for e, body in zip(evidence, found["evidence"], strict=True)
        ),
        digests=_once([*digests, *(i for e in evidence for i in e.get("inputs", ()))]),
        rejected=rejected,
        private=_private(case),
    )


def summary(facts: Facts) -> list[str]:
    """What was seen and measured, a paragraph each."""
    lines = []
    if facts.campaigns:
        lines.append(
            f"Case {facts.case}: groups of accounts that a scan reported ({', '.join(facts.campaigns)}). Accounts: "
            f"{len(facts.accounts):,}. Exchanges: {facts.exchanges:,}. Tokens: {facts.tokens:,}. From {facts.first} to "
            f"{facts.last}."
        )
    if facts.evidence:
        lines += [*facts.evidence, READING]
    if facts.rejected:
        lines.append(
            f"Entries of the case that a reviewer of ours rejected, and that are left out here: {facts.rejected}."
        )
    return lines


def parse_accesses(data: bytes, source: str) -> tuple[Access, ...]:
    """A CSV with the columns address, time_utc, log_reference and account, in any order.

    Raises:
        InputError: another header, a row that is none, a control character in a cell, or too many rows.
    """
    try:
        lines = data.decode("utf-8-sig").split("\n")
    except UnicodeDecodeError:
        raise InputError("is no UTF-8", source=source) from None
    rows = csv.reader((line.removesuffix("\r") for line in lines), strict=True)
    found: list[Access] = []
    try:
        header = next(rows, [])
        if sorted(header) != sorted(COLUMNS):
            raise InputError(f"its first line should be {','.join(COLUMNS)}", source=source, line=1)
        for row in rows:
            if row:
                found.append(
                    _access(dict(zip(header, row, strict=False)), len(row) == len(header), source, rows.line_num)
                )
            if len(found) > MAX_ROWS:
                raise InputError(f"has more than {MAX_ROWS:,} rows: send the rest apart", source=source)
    except csv.Error as error:
        raise InputError(f"is no CSV: {error}", source=source, line=rows.line_num) from None
    return tuple(found)


def access_csv(accesses: Iterable[Access]) -> str:
    """The accesses as CSV, oldest first, with no cell that a spreadsheet would run."""
    rows = sorted(accesses, key=lambda a: (a.time, a.address, a.account, a.reference))
    cells = [(a.address, said(a.time), a.reference, a.account) for a in rows]
    return "".join(",".join(cell(c) for c in row) + "\r\n" for row in (COLUMNS, *cells))


def cell(text: str) -> str:
    """One cell: a formula gets an apostrophe before it, by which spreadsheets know text."""
    if text.lstrip(" ").startswith(FORMULA):
        text = "'" + text
    return '"' + text.replace('"', '""') + '"' if any(c in text for c in ',";\r\n\t') or text != text.strip() else text


def _access(row: Mapping[str, str], whole: bool, source: str, line: int) -> Access:
    if not whole:
        raise InputError(f"should have {len(COLUMNS)} cells", source=source, line=line)
    for name, text in row.items():
        if len(text) > MAX_CELL or any(hidden(c) for c in text):
            raise InputError(
                f"{name} holds a control character, or more than {MAX_CELL} characters", source=source, line=line
            )
    if not all(any(unicodedata.category(c)[0] in "LNS" for c in row[n]) for n in ("log_reference", "account")):
        raise InputError("a row needs a log_reference and an account", source=source, line=line)
    try:
        address = ipaddress.ip_address(row["address"])
        time = datetime.fromisoformat(row["time_utc"])
    except ValueError:
        raise InputError(
            "needs an IP address, and a time such as 2026-03-01T12:00:00Z", source=source, line=line
        ) from None
    if time.tzinfo is None:
        raise InputError("the time says no zone: write UTC, 2026-03-01T12:00:00Z", source=source, line=line)
    plain = str(getattr(address, "ipv4_mapped", None) or address)
    return Access(address=plain, time=time.astimezone(UTC), reference=row["log_reference"], account=row["account"])


def _private(case: Case) -> tuple[str, ...]:
    """Whoever may be a customer, in any entry."""
    bodies = {kind: [e.body for e in case.entries if e.kind == kind] for kind in ("campaign", "suspect", "evidence")}
    campaigns = [body["campaign"] for body in bodies["campaign"]]
    accounts = [a for c in campaigns for a in c.get("accounts", ())]
    accounts += [body["name"] for body in bodies["suspect"] if body["what"] == "account"]
    others = {c.get("id") for c in campaigns} | {body["name"] for body in bodies["suspect"]}
    subjects = [body["evidence"].get("subject", "") for body in bodies["evidence"]]
    return tuple(dict.fromkeys([*accounts, *(s for s in subjects if s and s not in others)]))


def _sentence(evidence: Mapping[str, Any], verdict: str) -> str:
    """Without the subject, which may be a customer's account; rounded down, so that nothing is overstated."""
    log_e = evidence["log_e"]
    strength = "an e-value of 0"
    if log_e != "-inf":
        strength = f"log10 e = {math.floor(log_e / math.log(10) * 100 + 1e-6) / 100 + 0.0:.2f}"
    verdict = f" Verdict by its own plan: {verdict}." if verdict else ""
    return inert(
        f"{evidence['method']}: {strength} ({evidence['kind']}, n = {evidence['n']:,}), of the null "
        f'"{evidence["null"]}".{verdict}'
    )


def _once(texts: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(inert(t) for t in texts if t))
