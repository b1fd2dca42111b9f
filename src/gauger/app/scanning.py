"""The scan: logs -> sketches -> accounts -> campaigns -> three files.

Everything is wired here; what is decided is decided in `gauger.detect`.
"""

from __future__ import annotations

import csv
import json
import shutil
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

import ibis.expr.types as ir
import pandas as pd

from gauger.app.body import Log, report_body
from gauger.app.ingest import ingest
from gauger.app.options import Progress, ScanOptions
from gauger.app.report import render_html
from gauger.detect.elicitation import thresholds
from gauger.detect.families import documents, families
from gauger.detect.traffic import Sides, fold
from gauger.edge import compiling
from gauger.edge import sides as side_tables
from gauger.edge.engine import ENGINES, Engine, load, open_engine
from gauger.errors import ConfigError


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
    if options.memory_gb <= 0:
        raise ConfigError(f"--memory-gb is above 0, not {options.memory_gb}")
    if options.engine not in ENGINES:  # else it is told only when all is read
        raise ConfigError(f"unknown engine {options.engine!r}: choose one of {', '.join(ENGINES)}")
    work = options.out / "work"
    try:
        work.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigError(f"{options.out}: cannot be written to: {error.strerror}") from None
    known = _sides(options, progress)
    with compiling.told(progress):
        spool, files = ingest(options, work, progress)
    progress(f"folding {spool.progress.rows:,} exchanges to accounts ({options.engine})")
    engine = open_engine(options.engine, scratch=work / "scratch", memory_gb=options.memory_gb, remote=options.remote)
    try:
        log = _log(engine, engine.table(spool.paths()), work)
        traffic = fold(*log, engine.collect, thresholds(), known)
        progress(f"weighing {traffic.size:,} accounts")
        body, accounts = report_body(options, traffic, files, engine, log, created, progress)
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


def _log(engine: Engine, table: ir.Table, work: Path) -> Log:
    """The sketches, and the family of near-duplicates that each prompt belongs to."""
    docs = engine.write(documents(table), work / "documents")
    return table, load(engine, families(docs, engine.collect), work / "families")


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
