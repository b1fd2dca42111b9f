"""Traffic -> campaigns -> the report's body and the account table."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import ibis.expr.types as ir
import pandas as pd

from gauger.app.alarms import alarm_times
from gauger.app.findings import (
    account_bodies,
    campaign_body,
    campaign_of,
    evidence_body,
    evidence_of,
    family_id,
    family_tokens,
)
from gauger.app.header import authorised_bodies, digests, header
from gauger.app.options import Progress, ScanOptions
from gauger.detect import calibration as calibrations
from gauger.detect.campaigns import find
from gauger.detect.elicitation import thresholds
from gauger.detect.families import with_family
from gauger.detect.redact import redact
from gauger.detect.traffic import SYSTEM, Traffic
from gauger.detect.verdicts import Candidate, account_table
from gauger.edge.engine import Engine
from gauger.edge.examples import Place, texts_at
from gauger.edge.reading import FileReport, read_mapping

Log = tuple[ir.Table, ir.Table]
"""The sketches, and what `detect.families.families` made of them."""


def report_body(
    options: ScanOptions,
    traffic: Traffic,
    files: list[FileReport],
    engine: Engine,
    log: Log,
    created: datetime,
    progress: Progress,
) -> tuple[dict[str, Any], pd.DataFrame]:
    """Find campaigns and make the report's body and the account table."""
    calibration = calibrations.load()
    groups, solos, ties = find(traffic, calibration, fdr=options.fdr)
    accounts = account_table(traffic, groups, solos)
    groups, solos = _flagged(groups, accounts), _flagged(solos, accounts)
    progress(f"{len(groups)} campaigns; fetching examples")
    examples = _examples(options, traffic, groups, files, engine, with_family(*log))
    hashes = digests(options, files)
    inputs = (*sorted(hashes.values()), calibration.digest)
    campaigns = [campaign_of(traffic, g, accounts, calibration, inputs, examples) for g in groups]
    alarms: list[datetime | None] = [None] * len(campaigns)
    if options.alarms:
        members = [c.accounts for c in campaigns]
        alarms = alarm_times(
            log, engine.collect, thresholds(), calibration, members, traffic, fdr=options.fdr, progress=progress
        )
    body = header(options, traffic, files, hashes, created) | {
        "campaigns": [
            campaign_body(traffic, *each, accounts, ties, calibration.ratios)
            for each in zip(groups, campaigns, alarms, strict=True)
        ],
        "solo": [_solo_body(traffic, solo, accounts, inputs) for solo in solos],
        "authorised": authorised_bodies(traffic),
    }
    of = {account: campaign.id for campaign in campaigns for account in campaign.accounts}
    return body, accounts.assign(campaign=accounts["account"].map(of).fillna(""))


def _flagged(candidates: list[Candidate], accounts: pd.DataFrame) -> list[Candidate]:
    """The rejected candidates that an account is flagged in."""
    flagged = accounts["flagged"].to_numpy() == 1
    return [c for c in candidates if c.rejected and flagged[c.members].any()]


def _solo_body(traffic: Traffic, solo: Candidate, accounts: pd.DataFrame, inputs: tuple[str, ...]) -> dict[str, Any]:
    """An account flagged alone, in the form of report.json."""
    [account] = account_bodies(traffic, accounts, solo.members)
    return account | {"evidence": [evidence_body(evidence_of(solo, account["account"], inputs))]}


def _examples(
    options: ScanOptions,
    traffic: Traffic,
    groups: list[Candidate],
    files: list[FileReport],
    engine: Engine,
    table: ir.Table,
) -> dict[str, str]:
    """A redacted example of each family that the report names."""
    wanted: dict[str, set[int]] = {}
    for group in groups:
        for layer, token, *_ in family_tokens(traffic, group):
            wanted.setdefault(layer, set()).add(int(token))
    places: dict[str, Place] = {}
    for layer, tokens in wanted.items():
        rows = table.filter(table[layer].isin(sorted(tokens)))
        key = rows.source + ":" + rows.line.cast("string").lpad(12, "0")
        first = engine.collect(rows.group_by(token=rows[layer]).aggregate(at=key.min())).to_pylist()
        for row in first:
            source, _, line = row["at"].rpartition(":")
            places[family_id(layer, row["token"])] = (source, int(line), "system" if layer == SYSTEM else "prompt")
    mapping = read_mapping(options.mapping) if options.mapping else None
    texts = texts_at(set(places.values()), {f.source: f.format for f in files}, mapping)
    return {name: redact(texts[place]) for name, place in places.items() if place in texts}
