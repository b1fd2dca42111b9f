"""``gauger watermark verify``: check a revealed key against a commitment."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from gauger.app.text import visible
from gauger.edge.commitments import read_commitment, read_revealed
from gauger.model import canonical_json, digest, to_plain
from gauger.watermark.commitment import UNSIZED, verify_key


def verify(
    revealed: Annotated[Path, typer.Argument(metavar="REVEALED", help="What `gauger watermark reveal` wrote.")],
    commitment: Annotated[Path, typer.Argument(metavar="COMMITMENT", help="The commitment, as it was published.")],
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> int:
    """Check that a revealed key is one that was committed to. Exits with 4 if it is not."""
    record = read_commitment(commitment)
    key = verify_key(record, *read_revealed(revealed))
    if as_json:
        held = {"schema": "gauger/verify-key/1", "id": key.id, "context": to_plain(key.context)}
        sized = record.algorithm != UNSIZED
        said = {**held, "commitment": to_plain(record), "digest": digest(record), "root_fixes_size": sized}
        print(canonical_json(said).decode())
    else:
        print(f"{key.id} is one of at most {record.size:,} keys of the commitment {digest(record)}:")
        print("\n".join(f"  {name}: {visible(value, 200)}" for name, value in to_plain(key.context).items()))
        if record.algorithm == UNSIZED:
            print("An older record, whose root leaves that number open: hold its digest against the published one.")
        print(f"The record says it was made at {record.created:%Y-%m-%d %H:%M:%S} UTC: check when it was published.")
    return 0
