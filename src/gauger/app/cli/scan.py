"""``gauger scan``: from a gateway's logs to campaigns with evidence."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from gauger.app.cli.output import Output, say
from gauger.app.options import ScanOptions
from gauger.app.report import summary_table
from gauger.app.scanning import scan as run_scan
from gauger.edge.formats import NAMES
from gauger.model import canonical_json


def scan(
    logs: Annotated[list[str], typer.Argument(metavar="LOGS", help="Files, folders, globs, or - for JSON lines.")],
    out: Annotated[Path, typer.Option(help="Folder for accounts.csv, report.json and report.html.")],
    format: Annotated[str, typer.Option(help=f"One of {', '.join(NAMES)}.")] = "auto",
    mapping: Annotated[Path | None, typer.Option(help="TOML mapping for --format mapped.")] = None,
    orgs: Annotated[Path | None, typer.Option(help="Orgs: org, created, plan, payment_hash, authorised_use.")] = None,
    bans: Annotated[Path | None, typer.Option(help="Bans: account, banned_at.")] = None,
    releases: Annotated[Path | None, typer.Option(help="Model releases: model, released_at.")] = None,
    prices: Annotated[
        Path | None, typer.Option(help="Price list, for logs without costs: model, input_usd, output_usd.")
    ] = None,
    fdr: Annotated[float, typer.Option(help="False discovery rate over campaigns and over accounts.")] = 0.05,
    engine: Annotated[str, typer.Option(help="duckdb, or spark.")] = "duckdb",
    remote: Annotated[str, typer.Option(help="For --engine spark: a master or a Spark Connect address.")] = "",
    memory_gb: Annotated[float, typer.Option(help="Memory that the engine may use before it spills to disk.")] = 4.0,
    strict: Annotated[
        bool, typer.Option("--strict", help="Stop at the first line that cannot be read, instead of quarantining it.")
    ] = False,
    keep_work: Annotated[bool, typer.Option("--keep-work", help="Keep the sketches, in OUT/work.")] = False,
    alarms: Annotated[
        bool, typer.Option("--alarms", help="Also tell when a daily scan would first have seen each campaign.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print report.json instead of the table.")] = False,
) -> int:
    """Find coordinated distillation in request logs. Exits with 1 if it finds any, 0 if not."""
    options = ScanOptions(
        logs=logs,
        out=out,
        format=format,
        mapping=mapping,
        orgs=orgs,
        bans=bans,
        releases=releases,
        prices=prices,
        fdr=fdr,
        engine=engine,
        remote=remote,
        memory_gb=memory_gb,
        strict=strict,
        keep_work=keep_work,
        alarms=alarms,
    )
    body = run_scan(options, created=datetime.now(UTC), progress=say)
    show(body, out, as_json=as_json)
    return int(bool(body["campaigns"] or body["solo"]))


def show(body: dict[str, Any], out: Path, *, as_json: bool = False) -> None:
    """The summary on stdout, and where the files are."""
    if as_json:
        print(canonical_json(body).decode())
        return
    console = Output()
    for file in body["inputs"]:
        say(f"{file['path']}: {file['events']:,} exchanges as {file['format']} ({file['format_why']})")
    console.print(summary_table(body))
    console.print(f"Report: {out / 'report.html'}   Accounts: {out / 'accounts.csv'}", highlight=False, markup=False)
