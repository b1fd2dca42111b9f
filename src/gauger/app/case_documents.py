"""Documents of other verbs as entries of a case: a scan's campaigns, evidences on suspects, and plans.

An entry holds the record and the document's digest; the document itself stays where it is. Examples of prompts, which
a scan's report holds in redacted form, are left there.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

import msgspec

from gauger.app.lineage_report import READERS, findings_of
from gauger.edge.small_files import read_small
from gauger.errors import ConfigError, InputError
from gauger.model import Campaign, Evidence, Family, Score, digest, to_plain

SCAN = "gauger/scan-report/1"
PLANS = ("gauger/ghost-plan/1", "gauger/canary-plan/1", "gauger/radioactivity-plan/1", "gauger/key-commitment/1")
MAX_BYTES = 1 << 28

Row = tuple[str, Mapping[str, Any]]
"""Kind and body of an entry."""


def campaign_rows(path: Path, campaign: str | None) -> list[Row]:
    """A campaign of a scan and its evidences.

    Args:
        campaign: its id; may be left out where the scan found one.

    Raises:
        InputError: the file is no report of a scan. ConfigError: the scan found no such campaign.
    """
    data, found = _read(path)
    if found.get("schema") != SCAN:
        raise InputError("is no report of a scan: name the folder of `gauger scan --out`", source=str(path))
    try:
        by_id = {str(row["id"]): row for row in found["campaigns"]}
        if campaign is None and len(by_id) != 1:
            raise ConfigError(f"the scan found {len(by_id)} campaigns ({_some(by_id)}): say which, by --campaign")
        if campaign is not None and campaign not in by_id:
            raise ConfigError(f"the scan found no campaign {campaign!r}, but {_some(by_id)}")
        record = _campaign(by_id[campaign] if campaign is not None else next(iter(by_id.values())))
        plain, settings = to_plain(record), dict(found.get("settings", {}))
    except (ValueError, TypeError, KeyError) as error:
        raise InputError(f"is no report as it was written ({type(error).__name__})", source=str(path)) from None
    base = _made_by(path, data, found)
    rows: list[Row] = [("campaign", {"campaign": plain, **base})]
    held = {"schema": SCAN, "fdr": settings.get("fdr"), **base}
    return rows + [("evidence", {"evidence": one, **_measured_on(one), **held}) for one in plain["evidence"]]


def evidence_rows(path: Path) -> list[Row]:
    """The evidences of what a test printed as JSON.

    Raises:
        InputError: the file is no such document, or none of its tests came to a number.
    """
    data, found = _read(path)
    if found.get("schema") == SCAN:
        raise InputError("is a scan's report: `case add campaign` takes it", source=str(path))
    if _text(found.get("schema")) not in READERS:
        known = ", ".join(map(str, READERS))
        raise InputError(f"is no evidence: a document of one of the schemas {known} is", source=str(path))
    findings = [f for f in findings_of(str(path), data) if f.evidence is not None]
    if not findings:
        raise InputError("no test in it came to a number: add what it says as a note", source=str(path))
    held = {"schema": found["schema"], "plan": _text(found.get("plan")), **_made_by(path, data, found)}
    if isinstance(found.get("alpha"), float):
        held["alpha"] = found["alpha"]
    return [
        (
            "evidence",
            {
                "evidence": to_plain(finding.evidence),
                "verdict": finding.word,
                "candidate": finding.candidate,
                **held,
            },
        )
        for finding in findings
    ]


def plan_rows(path: Path) -> list[Row]:
    """A plan, or a commitment to keys: what is to be in the log before what it is about.

    Raises:
        InputError: the file is none.
    """
    data, found = _read(path)
    if _text(found.get("schema")) not in PLANS:
        raise InputError(f"is no plan: a record of one of {', '.join(PLANS)} is", source=str(path))
    subject = _text(found.get("subject")) or found["schema"]
    # A plan's name is the digest of its record, which is the file's but for the end of its line.
    base = {"plan": digest(data.rstrip(b"\r\n")), "subject": subject, "schema": found["schema"]}
    return [("plan", {**base, "document": digest(data), "source": str(path)})]


def _read(path: Path) -> tuple[bytes, dict[str, Any]]:
    data = read_small(path, MAX_BYTES)
    try:
        found = msgspec.json.decode(data)
    except (ValueError, RecursionError) as error:
        raise InputError(f"is no JSON document ({error})", source=str(path)) from None
    if not isinstance(found, dict):
        raise InputError("is no JSON object", source=str(path))
    return data, found


def _made_by(path: Path, data: bytes, found: Mapping[str, Any]) -> dict[str, Any]:
    """What a document says of its making; of a stranger's only text is believed to be there."""
    return {
        "document": digest(data),
        "source": str(path),
        "command": _text(found.get("command")),
        "gauger": _text(found.get("gauger_version")),
    }


def _measured_on(evidence: Mapping[str, Any]) -> dict[str, Any]:
    """A scan's calibrated evidence rests on a null that was measured beforehand: the last of its inputs."""
    return {"calibration": [evidence["inputs"][-1]]} if evidence["kind"] == "calibrated" else {}


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


def _campaign(row: Mapping[str, Any]) -> Campaign:
    """The record behind a report's campaign. Its evidences are as exact as the report's four decimals."""
    evidence = [
        msgspec.convert(  # as strict as a reader: what an entry holds wrongly stays in it
            {
                "subject": str(row["id"]),
                "log_e": -math.inf if e["log10_e"] is None else float(e["log10_e"]) * math.log(10),
                **{name: e[name] for name in ("null", "kind", "method", "params", "n", "anytime", "inputs", "why")},
            },
            Evidence,
        )
        for e in row["evidence"]
    ]
    families = [
        Family(**{name: f[name] for name in ("id", "events", "accounts", "orgs")}, example="") for f in row["families"]
    ]
    return Campaign(
        id=str(row["id"]),
        accounts=tuple(str(account["account"]) for account in row["accounts"]),
        families=tuple(families),
        capabilities=tuple(str(c["name"]) for c in row["capabilities"]),
        first=datetime.fromisoformat(row["first"]),
        last=datetime.fromisoformat(row["last"]),
        exchanges=int(row["exchanges"]),
        tokens=int(row["tokens"]),
        value_usd=float(row["value_usd"] or 0),
        scores=tuple(msgspec.convert(score, Score) for score in row["scores"]),
        evidence=tuple(evidence),
    )


def _some(names: Mapping[str, Any]) -> str:
    return ", ".join(list(names)[:5]) + (", ..." if len(names) > 5 else "") or "none"
