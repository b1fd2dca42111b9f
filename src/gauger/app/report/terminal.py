"""A scan's findings for the terminal."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rich import box
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from gauger.app.report import words
from gauger.app.text import visible

SHOWN = 20  # campaigns; the rest are in the report


def summary_table(report: Mapping[str, Any]) -> RenderableType:
    """The verdict, a row for each campaign, and what a reader must know to trust it (quarantine, silent signals)."""
    parts: list[RenderableType] = [Text(words.verdict(report), style="bold")]
    if report["campaigns"]:
        parts.append(_campaigns(report["campaigns"]))
    parts += [Text(line, style="dim") for line in _footnotes(report)]
    return Group(*parts)


def _campaigns(campaigns: list[Mapping[str, Any]]) -> Table:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    table.add_column("campaign")
    for name in ("accounts", "exchanges", "tokens", "value", "log10 e"):
        table.add_column(name, justify="right")
    table.add_column("first to last")
    table.add_column("sought")
    for c in campaigns[:SHOWN]:
        cells = (
            visible(c["id"], 40),
            words.number(len(c["accounts"])),
            words.number(c["exchanges"]),
            words.short(c["tokens"]),
            words.usd(c["value_usd"]),
            words.log10(words.strongest(c)),
            f"{words.day(c['first'])} – {words.day(c['last'])}",
            visible(", ".join(x["name"] for x in c["capabilities"][:3]), 60),
        )
        table.add_row(*(Text(cell) for cell in cells))  # Text: no markup in names is obeyed
    return table


def _footnotes(report: Mapping[str, Any]) -> list[str]:
    silent = [s["id"] for s in report["signals"] if not s["ran"]]
    notes = []
    if len(report["campaigns"]) > SHOWN:
        notes.append(f"{len(report['campaigns']) - SHOWN} further campaigns are in the report.")
    if total := report["quarantined"]["total"]:
        notes.append(
            f"{words.count(total, 'line')} could not be read: {visible(report['quarantined']['file'] or '', 200)}"
        )
    if silent:
        notes.append(f"Could not run: {visible(', '.join(silent), 400)}")
    if report["authorised"]:
        notes.append(f"{words.count(len(report['authorised']), 'authorised org')} reported apart, not flagged.")
    return notes
