"""``gauger case add``: a kind of entry is a command. Nothing is altered: what was wrong is corrected by a new entry."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from gauger.app.case_documents import Row, campaign_rows, evidence_rows, plan_rows
from gauger.app.cli.asking_options import AsJson
from gauger.app.cli.case.new import REPORT
from gauger.app.cli.case.options import STORE, Author, CaseId, Corrects, StoreAt, now, opened, writer
from gauger.app.cli.case.show import print_entries
from gauger.edge.small_files import read_small
from gauger.errors import ConfigError
from gauger.model import Case, digest

app = typer.Typer(help="Add an entry to a case.")
Why = Annotated[str, typer.Option(help="Why, in a sentence.")]
Of = Annotated[str, typer.Argument(metavar="ENTRY", help="The entry's digest, or its number in the case.")]
MAX_BYTES = 1 << 30
DIGITS = 9  # of an entry's number


@app.callback()
def _group() -> None:
    """Add an entry to a case."""


@app.command()
def campaign(
    case: CaseId,
    scan: Annotated[Path, typer.Argument(metavar="FOLDER", help="Where `gauger scan --out` left report.json.")],
    campaign: Annotated[str | None, typer.Option(metavar="ID", help="Of the scan's campaigns, this one.")] = None,
    cached: Annotated[float | None, typer.Option(min=0, max=0.999, help="Discount on cached tokens, a share.")] = None,
    batch: Annotated[float | None, typer.Option(min=0, max=0.999, help="Discount on batches, a share.")] = None,
    price_list: Annotated[str | None, typer.Option(metavar="SOURCE", help="Where those discounts stand.")] = None,
    corrects: Corrects = None,
    store: StoreAt = STORE,
    author: Author = None,
    as_json: AsJson = False,
) -> None:
    """Add a campaign that a scan found, and the evidences for it. Discounts give its value a lower bound.

    With --corrects the campaign stands in the place of that entry; evidences that were entered are not added again.
    """
    rows = campaign_rows(scan / REPORT if scan.is_dir() else scan, campaign)
    shares = {name: share for name, share in (("cached", cached), ("batch", batch)) if share is not None}
    if bool(shares) != (price_list is not None):
        raise ConfigError("--cached and --batch go with --price-list, which says where they stand")
    if shares:
        (kind, body), *rest = rows
        rows = [(kind, {**body, "discounts": {**shares, "source": price_list}}), *rest]
    _add(case, rows, store, author, as_json=as_json, corrects=corrects)


@app.command()
def evidence(
    case: CaseId,
    documents: Annotated[list[Path], typer.Argument(metavar="DOCUMENT", help="What a test printed with --json.")],
    commitment: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Of marks: the published commitment that fixed their keys.")
    ] = None,
    corrects: Corrects = None,
    store: StoreAt = STORE,
    author: Author = None,
    as_json: AsJson = False,
) -> None:
    """Add the evidences of tests: marks, twins, canaries, behaviour, weights, radioactivity."""
    fixed = {} if commitment is None else {"commitment": plan_rows(commitment)[0][1]["plan"]}
    rows = [(kind, {**body, **fixed}) for path in documents for kind, body in evidence_rows(path)]
    _add(case, rows, store, author, as_json=as_json, corrects=corrects)


@app.command()
def plan(
    case: CaseId,
    documents: Annotated[list[Path], typer.Argument(metavar="PLAN", help="The plan of a test, or a key commitment.")],
    store: StoreAt = STORE,
    author: Author = None,
    as_json: AsJson = False,
) -> None:
    """Add a plan before its suspect is asked. Sign a checkpoint next (`case checkpoint`): that dates it."""
    _add(case, [row for path in documents for row in plan_rows(path)], store, author, as_json=as_json)


@app.command()
def suspect(
    case: CaseId,
    name: Annotated[str, typer.Argument(help="What it is called.")],
    what: Annotated[Literal["model", "account", "service"], typer.Option(help="What it is.")] = "model",
    where: Annotated[str, typer.Option(help="Where it is found: a URL, a hub's page.")] = "",
    corrects: Corrects = None,
    store: StoreAt = STORE,
    author: Author = None,
    as_json: AsJson = False,
) -> None:
    """Add a suspect."""
    body = {"name": name, "what": what, "where": where}
    _add(case, [("suspect", body)], store, author, as_json=as_json, corrects=corrects)


@app.command()
def note(
    case: CaseId,
    text: Annotated[str, typer.Argument(help="No raw prompts: a case outlives them.")],
    document: Annotated[
        Path | None, typer.Option(metavar="FILE", help="What it is about, by digest: such as a safety gap's document.")
    ] = None,
    corrects: Corrects = None,
    store: StoreAt = STORE,
    author: Author = None,
    as_json: AsJson = False,
) -> None:
    """Add a note."""
    about = {} if document is None else {"document": digest(read_small(document, MAX_BYTES)), "source": str(document)}
    _add(case, [("note", {"text": text, **about})], store, author, as_json=as_json, corrects=corrects)


@app.command()
def decision(
    case: CaseId,
    what: Annotated[str, typer.Argument(help="What was decided.")],
    why: Why,
    corrects: Corrects = None,
    store: StoreAt = STORE,
    author: Author = None,
    as_json: AsJson = False,
) -> None:
    """Add a decision. For a reviewer or counsel."""
    _add(case, [("decision", {"what": what, "why": why})], store, author, as_json=as_json, corrects=corrects)


@app.command()
def disclosure(
    case: CaseId,
    document: Annotated[Path, typer.Argument(metavar="FILE", help="What is given away.")],
    to: Annotated[str, typer.Option(metavar="WHO", help="To whom.")],
    made: Annotated[bool, typer.Option("--made", help="It was given, after two people approved the proposal.")] = False,
    why: Why = "",
    store: StoreAt = STORE,
    author: Author = None,
    as_json: AsJson = False,
) -> None:
    """Propose to give a file away; once two people approve it, say with --made that it was given."""
    name = digest(read_small(document, MAX_BYTES))
    body = {"disclosure": f"{to}: {name[:19]}", "state": "made" if made else "proposed", "document": name}
    _add(case, [("disclosure", {**body, "to": to, "why": why})], store, author, as_json=as_json)


@app.command()
def review(
    case: CaseId,
    of: Of,
    verdict: Annotated[Literal["approve", "reject"], typer.Argument(help="The latest word of each person counts.")],
    why: Why = "",
    store: StoreAt = STORE,
    author: Author = None,
    as_json: AsJson = False,
) -> None:
    """Approve an entry, or reject it. For a reviewer or counsel; what leaves the house takes two people."""
    _add_about(case, "review", of, {"verdict": verdict, "why": why}, store, author, as_json=as_json)


@app.command()
def appeal(
    case: CaseId,
    of: Of,
    by: Annotated[str, typer.Option(metavar="WHO", help="Who objects.")],
    why: Why,
    store: StoreAt = STORE,
    author: Author = None,
    as_json: AsJson = False,
) -> None:
    """Add somebody's objection to an entry."""
    _add_about(case, "appeal", of, {"by": by, "why": why}, store, author, as_json=as_json)


@app.command()
def close(case: CaseId, why: Why, store: StoreAt = STORE, author: Author = None, as_json: AsJson = False) -> None:
    """Close the case. For counsel."""
    _add(case, [("close", {"why": why})], store, author, as_json=as_json)


def _add(
    case: str, rows: Sequence[Row], store: str, author: str | None, *, as_json: bool, corrects: str | None = None
) -> None:
    with opened(store) as cases:
        if corrects is not None:
            rows = _correcting(cases.case(case), rows, corrects)
        made = cases.append_all(case, rows, author=writer(author), time=now())
    print_entries(case, made, as_json=as_json)


def _correcting(case: Case, rows: Sequence[Row], corrects: str) -> list[Row]:
    """The first of the rows in the place of an entry, and of a campaign's evidences those that were never entered."""
    (kind, body), *rest = rows
    if rest and kind != "campaign":
        raise ConfigError("one entry corrects one other: add them one by one")
    of = _entry(case, corrects)
    was = next((e.body["campaign"].get("id") for e in case.entries if digest(e) == of and e.kind == "campaign"), None)
    if was is not None and was != body["campaign"]["id"]:
        raise ConfigError(
            f"{corrects} is the campaign {was}, and this is {body['campaign']['id']}: no correction of it"
        )
    held = {digest(e.body["evidence"]) for e in case.entries if e.kind == "evidence"}  # what was corrected stays so
    new = [(k, b) for k, b in rest if digest(b["evidence"]) not in held]
    return [(kind, {**body, "corrects": of}), *new]


def _add_about(
    case: str, kind: str, of: str, body: Mapping[str, Any], store: str, author: str | None, *, as_json: bool
) -> None:
    with opened(store) as cases:
        full = {"of": _entry(cases.case(case), of), **body}
        made = cases.append(case, kind, full, author=writer(author), time=now())
    print_entries(case, [made], as_json=as_json)


def _entry(case: Case, named: str) -> str:
    """The digest of an entry that is named by it, or by its number."""
    if not named.isdecimal():
        return named
    if len(named) > DIGITS or int(named) >= len(case.entries):
        count = len(case.entries)
        raise ConfigError(f"case {case.id} has {count:,} entries, counted from 0, and no entry {named[:40]}")
    return digest(case.entries[int(named)])
