"""The scan: logs -> sketches -> accounts -> campaigns -> three files.

Everything is wired here; what is decided is decided in `gauger.detect`.
"""

from __future__ import annotations

import csv
import hashlib
import json
import shutil
from collections import Counter, deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import ibis.expr.types as ir
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from gauger import __version__
from gauger.app.alarms import alarm_times
from gauger.app.findings import (
    NOT_CLAIMED,
    account_bodies,
    campaign_body,
    campaign_of,
    evidence_body,
    evidence_of,
    family_id,
    family_tokens,
    moment,
    signal_bodies,
)
from gauger.app.report import SCHEMA_ID, render_html
from gauger.detect import calibration as calibrations
from gauger.detect.campaigns import Candidate, account_table, authorised, find
from gauger.detect.elicitation import load_model, thresholds
from gauger.detect.families import documents, families, with_family
from gauger.detect.redact import redact
from gauger.detect.sketch import sketch
from gauger.detect.traffic import SYSTEM, Sides, Traffic, fold
from gauger.edge import sides as side_tables
from gauger.edge.duplicates import Duplicates
from gauger.edge.engine import Engine, load, open_engine
from gauger.edge.examples import Place, texts_at
from gauger.edge.inputs import STDIN, expand
from gauger.edge.reading import FileReport, Position, Reading, read_logs, read_mapping
from gauger.edge.spool import Spool
from gauger.errors import ConfigError, InputError
from gauger.model import digest, to_plain

PART_ROWS = 500_000
THREADS = 2
QUARANTINE = "quarantine.jsonl"
SKEWED = "skewed:"  # a counter of the spool beside that of the exchanges read, which bears the source's name alone

Progress = Callable[[str], None]
Log = tuple[ir.Table, ir.Table]
"""The sketches, and what `detect.families.families` made of them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ScanOptions:
    """What the user asked for; paths as given."""

    logs: Sequence[str]
    out: Path
    format: str = "auto"
    mapping: Path | None = None
    orgs: Path | None = None
    bans: Path | None = None
    releases: Path | None = None
    prices: Path | None = None
    fdr: float = 0.05
    engine: str = "duckdb"
    remote: str = ""
    memory_gb: float = 4.0
    strict: bool = False
    keep_work: bool = False
    alarms: bool = False


def scan(options: ScanOptions, *, created: datetime, progress: Progress) -> dict[str, Any]:
    """Run a scan and write accounts.csv, report.json and report.html under ``options.out``.

    Returns:
        The body of report.json.

    Raises:
        InputError: nothing usable in the logs, a broken side table, or any bad line with ``strict``.
        ConfigError: options that cannot work. ExchangeError: an engine that does not answer.
    """
    if not 0 < options.fdr < 1:
        raise ConfigError(f"--fdr is a rate between 0 and 1, not {options.fdr}")
    work = options.out / "work"
    try:
        work.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigError(f"{options.out}: cannot be written to: {error.strerror}") from None
    known = _sides(options, progress)
    spool, files = _ingest(options, work, progress)
    progress(f"folding {spool.progress.rows:,} exchanges to accounts ({options.engine})")
    engine = open_engine(options.engine, scratch=work / "scratch", memory_gb=options.memory_gb, remote=options.remote)
    try:
        log = _log(engine, engine.table(spool.paths()), work)
        traffic = fold(*log, engine.collect, thresholds(), known)
        progress(f"weighing {traffic.size:,} accounts")
        body, accounts = _judge(options, traffic, files, engine, log, created, progress)
    finally:
        engine.close()
    _write(options.out, body, accounts)
    if not options.keep_work:
        shutil.rmtree(work)
    return body


def _sides(options: ScanOptions, progress: Progress) -> Sides:
    def frame(path: Path | None, read: Callable[[Path], side_tables.Side]) -> pd.DataFrame | None:
        if path is None:
            return None
        side = read(path)
        if side.ignored:
            progress(f"{path}: columns not used: {', '.join(side.ignored)}")
        return side.table.to_pandas()

    return Sides(
        orgs=frame(options.orgs, side_tables.read_orgs),
        bans=frame(options.bans, side_tables.read_bans),
        releases=frame(options.releases, side_tables.read_releases),
        prices=frame(options.prices, side_tables.read_prices),
    )


def _fingerprint(options: ScanOptions) -> str:
    """Names the inputs and what is made of them; another one makes a spool start anew."""
    stats = [(p, *((s.st_size, s.st_mtime_ns) if (s := _stat(p)) else ())) for p in expand(options.logs)]
    mapping = "" if options.mapping is None else options.mapping.read_text(errors="replace")
    said = json.dumps([__version__, calibrations.load().digest, options.format, mapping, options.strict, stats])
    return digest(said.encode())


def _stat(path: str) -> Any:
    return None if path == STDIN else Path(path).stat()


def _ingest(options: ScanOptions, work: Path, progress: Progress) -> tuple[Spool, list[FileReport]]:
    """Read and sketch what the spool does not hold yet."""
    spool = Spool(work / "sketches", _fingerprint(options))
    start = dict(spool.progress.positions)
    seen = Duplicates(int.from_bytes(hashlib.sha256(str(work).encode()).digest()[:8], "big"))
    if spool.progress.rows:
        progress(f"going on after {spool.progress.rows:,} exchanges of an interrupted scan")
        for path in spool.paths():
            for batch in pq.ParquetFile(path).iter_batches(columns=["event_id"]):
                seen.add(batch.column(0))
    reading = read_logs(
        options.logs,
        format=options.format,
        mapping=options.mapping,
        quarantine=options.out / QUARANTINE,
        strict=options.strict,
        start=start,
        duplicates=seen,
    )
    _sketch_all(reading, spool, progress)
    if not spool.progress.rows:
        raise InputError("nothing usable was read: see quarantine.jsonl", source=str(options.out))
    for file in reading.files:
        file.read = spool.progress.counters.get(file.source, 0)
        file.skewed = spool.progress.counters.get(SKEWED + file.source, 0)
    return spool, reading.files


def _sketch_all(reading: Reading, spool: Spool, progress: Progress) -> None:
    """Sketch batch by batch and keep the sketches in parts, with how far each source was read.

    The kernel runs without the interpreter's lock, so a few threads sketch while this one reads; batches
    are kept in the order of the logs.
    """
    weights, bias = load_model()
    positions, read = dict(spool.progress.positions), Counter(spool.progress.counters)
    before = Counter(read)
    held: list[pa.RecordBatch] = []
    asked: deque[tuple[Future[pa.RecordBatch], Position]] = deque()

    def flush() -> None:
        spool.append(held, positions, read)
        held.clear()
        progress(f"{spool.progress.rows:,} exchanges read")

    def take() -> None:
        sketched, position = asked.popleft()
        held.append(sketched.result())
        positions[position.source] = position.lines
        read[position.source] += held[-1].num_rows
        read[SKEWED + position.source] = before[SKEWED + position.source] + position.skewed

    with ThreadPoolExecutor(THREADS) as pool:
        for batch, position in reading:
            asked.append((pool.submit(sketch, batch, weights, bias), position))
            if len(asked) > 2 * THREADS:
                take()
            if sum(b.num_rows for b in held) >= PART_ROWS:
                flush()
        while asked:
            take()
        flush()


def _log(engine: Engine, table: ir.Table, work: Path) -> Log:
    """The sketches, and the family of near-duplicates that each prompt belongs to."""
    docs = engine.write(documents(table), work / "documents")
    return table, load(engine, families(docs, engine.collect), work / "families")


def _judge(
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
    accounts = account_table(traffic, groups, solos, fdr=options.fdr)
    flagged = accounts["flagged"].to_numpy() == 1
    named = [g for g in groups if g.rejected and flagged[g.members].any()]
    alone = [s for s in solos if s.rejected and flagged[s.members].any()]
    progress(f"{len(named)} campaigns; fetching examples")
    examples = _examples(options, traffic, named, files, engine, with_family(*log))
    hashes = _digests(options, files)
    inputs = (*sorted(hashes.values()), calibration.digest)
    body = _header(options, traffic, files, hashes, created)
    records = [campaign_of(traffic, g, accounts, calibration, inputs, examples) for g in named]
    ratios = calibration.ratios
    body["campaigns"] = [
        campaign_body(traffic, g, c, accounts, ties, ratios) for g, c in zip(named, records, strict=True)
    ]
    if options.alarms:
        times = alarm_times(
            log,
            engine.collect,
            traffic.sides,
            thresholds(),
            calibration,
            [c.accounts for c in records],
            traffic,
            fdr=options.fdr,
            progress=progress,
        )
        for campaign, at in zip(body["campaigns"], times, strict=True):
            campaign["alarm"] = None if at is None else to_plain(at)
    body["solo"] = [
        account_bodies(traffic, accounts, s.members)[0]
        | {"evidence": [evidence_body(evidence_of(s, str(traffic.accounts["account"].iloc[s.members[0]]), inputs))]}
        for s in alone
    ]
    body["authorised"] = _authorised(traffic)
    accounts["campaign"] = ""
    for group, record in zip(named, records, strict=True):
        mine = group.members[flagged[group.members]]
        accounts.iloc[mine, accounts.columns.get_loc("campaign")] = record.id
    return body, accounts


def _header(
    options: ScanOptions, traffic: Traffic, files: list[FileReport], hashes: dict[str, str], created: datetime
) -> dict[str, Any]:
    rows = traffic.accounts
    quarantined, reasons = _quarantined(options.out / QUARANTINE)
    return {
        "schema": SCHEMA_ID,
        "gauger_version": __version__,
        "created": to_plain(created),
        "inputs": [
            {"path": f.source, "format": f.format, "format_why": f.why, "events": f.read, "quarantined": f.quarantined}
            | ({"sha256": hashes[f.source].removeprefix("sha256:")} if f.source in hashes else {})
            for f in files
        ],
        "events": int(rows["n"].sum()),
        "accounts": traffic.size,
        "quarantined": {"total": quarantined, "by_reason": reasons, "file": QUARANTINE if quarantined else None},
        "period": {"first": to_plain(moment(rows["first"].min())), "last": to_plain(moment(rows["last"].max()))},
        "settings": {"fdr": options.fdr, "engine": options.engine, "strict": options.strict, "format": options.format},
        "signals": signal_bodies(traffic),
        "not_claimed": list(NOT_CLAIMED),
        "limits": _limits(traffic, files),
    }


def _limits(traffic: Traffic, files: list[FileReport]) -> list[str]:
    """What this run could not see, or saw less well."""
    said = ["The null population is honest traffic that Gauger simulates; a provider's own may differ."]
    if not traffic.has_prompts:
        said.append("The log holds no prompts: templates, elicitation and distribution shift could not be looked for.")
    if traffic.sides.orgs is None:
        said.append("No orgs table: shared cards, sign-up cohorts, plans and authorised uses are unknown.")
    if traffic.sides.bans is None:
        said.append("No bans table: replacement births could not be looked for.")
    if traffic.hours.shape[1] < 3 * 24:
        said.append("Under three days of log: rhythms and lifecycles could not be judged.")
    if skewed := sum(f.skewed for f in files):
        said.append(f"{skewed:,} exchanges had a wrong clock; their end times were dropped.")
    return said


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


def _digests(options: ScanOptions, files: list[FileReport]) -> dict[str, str]:
    """SHA-256 of every input that lies in a file, side tables included."""
    sides = [
        p for p in (options.orgs, options.bans, options.releases, options.prices, options.mapping) if p is not None
    ]
    found = {}
    for name in [*(f.source for f in files if f.source != STDIN), *map(str, sides)]:
        with Path(name).open("rb") as file:
            found[name] = "sha256:" + hashlib.file_digest(file, "sha256").hexdigest()
    return found


def _quarantined(path: Path) -> tuple[int, dict[str, int]]:
    reasons: Counter[str] = Counter()
    if path.exists():
        with path.open("rb") as file:
            reasons.update(str(json.loads(line)["reason"]) for line in file)
    return reasons.total(), dict(reasons.most_common())


def _authorised(traffic: Traffic) -> list[dict[str, Any]]:
    rows = traffic.accounts[authorised(traffic)]
    return [
        {
            "org": str(org),
            "accounts": len(group),
            "exchanges": int(group["n"].sum()),
            "use": str(group["authorised_use"].iloc[0]),
            "log10_e": None,
        }
        for org, group in rows.groupby(rows["org"].fillna(""), sort=True)
    ]


def _write(out: Path, body: dict[str, Any], accounts: pd.DataFrame) -> None:
    """The three files, each under a temporary name first, so that a reader never sees half of one."""
    columns = ["account", "org", "exchanges", "score", "log10_e", "flagged", "campaign"]
    table = accounts[columns].round({"score": 6, "log10_e": 6})
    texts = {
        "accounts.csv": table.to_csv(index=False, lineterminator="\n", quoting=csv.QUOTE_MINIMAL),
        "report.json": json.dumps(body, indent=1, ensure_ascii=False, allow_nan=False) + "\n",
        "report.html": render_html(body),
    }
    for name, text in texts.items():
        fresh = out / (name + ".tmp")
        fresh.write_text(text, encoding="utf-8", errors="replace")
        fresh.replace(out / name)
