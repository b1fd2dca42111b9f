"""``gauger case show``: the cases, or the entries of one, its chain verified."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any

import typer
from rich import box
from rich.table import Table
from rich.text import Text

from gauger.app.cli.asking_options import AsJson
from gauger.app.cli.case.options import STORE, StoreAt, opened
from gauger.app.cli.evidence_table import log10
from gauger.app.cli.output import Output
from gauger.app.text import visible
from gauger.case.entries import closed, standing
from gauger.case.people import GUARDED, approvals, approved
from gauger.case.retention import word
from gauger.model import Case, Entry, canonical_json, digest, to_plain

SHORT = 19  # of a digest: sha256: and twelve digits
WIDE = 200
KEEPING = {"hold": "on legal hold: ", "released": "released from hold: ", "refused": "release refused, no counsel: "}


def show(
    case: Annotated[str | None, typer.Argument(metavar="CASE", help="One case. Default: list them all.")] = None,
    store: StoreAt = STORE,
    as_json: AsJson = False,
) -> None:
    """List the cases, or one case's entries. Exits with 4 if what the store holds was altered."""
    with opened(store) as cases:
        if case is not None:
            _show_case(cases.case(case), as_json=as_json)
            return
        every = [cases.case(name) for name in cases.cases()]
    if as_json:
        rows = [{"case": c.id, "entries": len(c.entries), "head": _head(c), "closed": closed(c)} for c in every]
        print(canonical_json({"schema": "gauger/cases/1", "cases": rows}).decode())
        return
    table = _table("case", "entries", "last entry", "state")
    for c in every:
        last = to_plain(c.entries[-1].time) if c.entries else ""
        table.add_row(visible(c.id), f"{len(c.entries):,}", last, "closed" if closed(c) else "open")
    Output().print(table)


def print_entries(case: str, made: Sequence[Entry], *, as_json: bool) -> None:
    """What a verb wrote."""
    if as_json:
        rows = [{"digest": digest(e), **to_plain(e)} for e in made]
        print(canonical_json({"schema": "gauger/case-entries/1", "case": case, "entries": rows}).decode())
        return
    print(f"case {case}" if made else f"case {case}, empty so far")
    for e in made:
        print(f"  {e.seq}  {e.kind}  {digest(e)}")


def _show_case(case: Case, *, as_json: bool) -> None:
    if as_json:
        rows = [{"digest": digest(e), **to_plain(e)} for e in case.entries]
        whole = {"schema": "gauger/case/1", "case": case.id, "head": _head(case), "closed": closed(case)}
        print(canonical_json({**whole, "entries": rows, "waiting": _waiting(case)}).decode())
        return
    table, numbers = _table("", "time", "kind", "by", "says", "digest"), {digest(e): e.seq for e in case.entries}
    corrected = {e.body.get("corrects"): e.seq for e in case.entries}
    for e, name in zip(case.entries, numbers, strict=True):
        about = f"entry {numbers[e.body['of']]} " if e.body.get("of") in numbers else KEEPING.get(word(e), "")
        by = f"corrected by entry {corrected[name]}: " if name in corrected else ""
        says = Text(visible(by + about + summary(e.kind, e.body), WIDE), style="strike dim" if by else "")
        time, who = to_plain(e.time).replace("T", " "), visible(f"{e.author}, {e.role}", 40)
        table.add_row(f"{e.seq}", time, e.kind, who, says, name[:SHORT])
    console = Output()
    console.print(table)
    for row in _waiting(case):
        console.print(Text(f"waits for approval: {row['kind']} {row['name']}, entry {row['seq']}: {row['said']}"))
    console.print(Text(f"The chain of {len(case.entries):,} entries holds. Its head: {_head(case) or 'none'}"))


def summary(kind: str, body: Mapping[str, Any]) -> str:
    """An entry's body in a line."""
    if kind == "evidence":
        e = body["evidence"]
        value = "-inf" if e["log_e"] == "-inf" else log10(float(e["log_e"]))
        return f"{e['method']}: log10 e {value}, {e['kind']}, n {e['n']:,}; {body.get('verdict') or e['why']}"
    if kind == "campaign":
        c = body["campaign"]
        return f"{c['id']}: {len(c['accounts']):,} accounts, {c['exchanges']:,} exchanges, {c['tokens']:,} tokens"
    fields = {
        "plan": ("subject", "plan"),
        "suspect": ("what", "name", "where"),
        "note": ("text",),
        "decision": ("what", "why"),
        "notice": ("kind", "state", "to"),
        "disclosure": ("state", "to"),
        "review": ("verdict", "why"),
        "appeal": ("by", "why"),
    }
    return ": ".join(str(body[name]) for name in fields.get(kind, ("why",)) if body.get(name))


def _waiting(case: Case) -> list[dict[str, Any]]:
    """Drafts that two people have not approved, and who has said what."""
    out = [(e.kind, e.body.get(e.kind)) for e in case.entries if e.body.get("state") in GUARDED.values()]
    drafts = {
        (e.kind, e.body[e.kind]): e
        for e in standing(case)
        if e.kind in GUARDED and e.body.get("state") in ("drafted", "proposed")
    }
    return [
        {
            "kind": kind,
            "name": name,
            "seq": e.seq,
            "entry": digest(e),
            "said": ", ".join(f"{who} {verdict}" for who, verdict in approvals(case, digest(e)).items())
            or "nobody yet",
        }
        for (kind, name), e in drafts.items()
        if (kind, name) not in out and not approved(case, digest(e))
    ]


def _head(case: Case) -> str:
    return digest(case.entries[-1]) if case.entries else ""


def _table(*heads: str) -> Table:
    made = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for head in heads:
        made.add_column(head, overflow="ellipsis" if head == "by" else "fold", no_wrap=head in ("", "kind"))
    return made
