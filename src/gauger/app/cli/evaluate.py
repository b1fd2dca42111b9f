"""``gauger evaluate``: hold a result against the truth."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Annotated

import typer
from rich import box
from rich.table import Table
from rich.text import Text

from gauger.app.cli.output import Output
from gauger.app.evaluation import Estimate, Evaluation, evaluate_scan
from gauger.app.text import visible
from gauger.model import canonical_json

app = typer.Typer(help="Hold a result against the truth.")

TITLES = {
    "tpr_at_0.01": "TPR at 1 % FPR",
    "tpr_at_0.001": "TPR at 0.1 % FPR",
    "tpr_at_0.0001": "TPR at 0.01 % FPR",
    "auprc": "AUPRC",
    "auroc": "AUROC",
}


@app.callback()
def _group() -> None:
    """Keep ``scan`` a verb of its own while it is the only one."""


@app.command()
def scan(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="What `gauger scan --out DIR` wrote.")],
    truth: Annotated[Path, typer.Argument(metavar="TRUTH", help="CSV: account, org, kind, label (0/1), campaign.")],
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
    seed: Annotated[int, typer.Option(min=0, help="Seed of the bootstrap.")] = 1,
) -> int:
    """Error rates of a scan, with intervals, where the truth is known."""
    found = evaluate_scan(folder, truth, seed=seed)
    if as_json:
        print(canonical_json(found).decode())
    else:
        _print(found, Output())
    return 0


def _print(e: Evaluation, console: Output) -> None:
    console.print(
        f"{e.positives:,} campaign accounts in {e.positive_clusters:,} clusters, {e.negatives:,} benign accounts in "
        f"{e.negative_clusters:,} orgs; {e.without_events:,} of the truth without events, "
        f"{e.without_truth:,} scanned without a truth.",
        highlight=False,
    )
    console.print(_ranking(e), _flags(e), _kinds(e), _campaigns(e), sep="\n")
    console.print(
        f"In brackets: 95 % intervals. Figures: bootstrap over campaigns and orgs, {e.replicates:,} replicates, seed "
        f"{e.seed}. Kinds: exact (Clopper-Pearson), as if accounts were independent.",
        style="dim",
        highlight=False,
    )


def _ranking(e: Evaluation) -> Table:
    rows = [(t, _said(e.figures[n]), _said(e.figures["volume_" + n])) for n, t in TITLES.items()]
    title = f"Ranking by score (0.01 % of {e.negatives:,} benign accounts: {e.negatives // 10_000:,} may pass)"
    return _table(title, ("", "score", "volume alone"), rows)


def _flags(e: Evaluation) -> Table:
    f = e.figures
    rows = (
        ("campaign accounts flagged", _said(f["tpr_flagged"])),
        ("benign accounts flagged", _said(f["fpr_flagged"])),
        ("campaigns found", _said(f["campaigns_found"])),
        ("reported campaigns that are one", f"{e.reported_true} of {e.reported}"),
    )
    return _table("Flags", ("", ""), rows)


def _kinds(e: Evaluation) -> Table:
    rows = (
        (
            f"{k.kind}{' (campaign)' if k.kind == 'all' and k.label else ' (benign)' if k.kind == 'all' else ''}",
            f"{k.flagged:,} of {k.accounts:,}",
            f"{k.flagged / k.accounts:.2%} [{k.low:.2%}, {k.high:.2%}]",
        )
        for k in e.kinds
    )
    return _table("Flagged by kind", ("kind", "flagged", "rate"), rows)


def _campaigns(e: Evaluation) -> Table:
    rows = (
        (
            c.campaign,
            f"{c.flagged:,} of {c.accounts:,}",
            f"{c.jaccard:.2f}{'' if c.found else ' (not found)'}",
            c.nearest or "–",
            "not available" if c.leaked is None else f"{c.leaked:,} of {c.exchanges:,}",
        )
        for c in e.campaigns
    )
    return _table("Campaigns", ("campaign", "flagged", "Jaccard", "nearest", "leaked before alarm"), rows)


def _table(title: str, heads: Iterable[str], rows: Iterable[Iterable[str]]) -> Table:
    table = Table(title=title, title_justify="left", title_style="bold", box=box.SIMPLE_HEAD, pad_edge=False)
    for i, head in enumerate(heads):
        table.add_column(head, justify="right" if i else "left")
    for row in rows:
        table.add_row(*(Text(visible(cell, 80)) for cell in row))
    return table


def _said(x: Estimate) -> str:
    return "not available" if x.value is None else f"{x.value:.4f} [{x.low:.4f}, {x.high:.4f}]"
