"""``gauger case replay``: do the inputs give the same again?"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich import box
from rich.table import Table
from rich.text import Text

from gauger.app.case_replaying import replay as run_again
from gauger.app.cli.asking_options import AsJson
from gauger.app.cli.case.options import STORE, CaseId, StoreAt, opened
from gauger.app.cli.output import Output, say
from gauger.app.text import visible
from gauger.model import canonical_json, to_plain

DIFFERS, NOT_RUN = 4, 3


def replay(
    case: CaseId,
    at: Annotated[
        Path, typer.Option("--at", metavar="FOLDER", help="Where the commands were run: paths are from here.")
    ] = Path(),
    timeout: Annotated[float, typer.Option(min=1, max=10**6, help="Seconds for one command.")] = 3600.0,
    passphrase_env: Annotated[
        str | None, typer.Option(metavar="NAME", help="Variable with the passphrase that a command asked for.")
    ] = None,
    store: StoreAt = STORE,
    as_json: AsJson = False,
) -> int:
    """Run the commands behind a case's campaigns and evidence again.

    Exits with 4 if anything differs, 3 if one cannot be run.
    """
    with opened(store) as cases:
        found = run_again(cases.case(case), at, say, timeout_s=timeout, passphrase_env=passphrase_env)
    if as_json:
        rows = [to_plain(row) for row in found]
        print(canonical_json({"schema": "gauger/case-replayed/1", "case": case, "entries": rows}).decode())
    else:
        table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
        for head in ("entry", "method", "", "why"):
            table.add_column(head, overflow="fold")
        for row in found:
            table.add_row(f"{row.seq}", row.method, row.word, Text(visible(row.why, 400)))
        Output().print(table)
        print(f"{sum(r.word == 'same' for r in found):,} of {len(found):,} entries came out the same.")
    words = {row.word for row in found}
    return DIFFERS if "differs" in words else NOT_RUN if "cannot be run again" in words else 0
