"""``gauger watermark epochs``: what the epochs are called, for tables of contexts and for ``--epoch``."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated

import typer

from gauger.errors import ConfigError
from gauger.model import canonical_json
from gauger.watermark.keys import MAX_PERIOD_DAYS
from gauger.watermark.keys import epochs as epochs_between

FORMATS = ["%Y-%m-%d"]


def epochs(
    period_days: Annotated[
        int, typer.Option(metavar="N", min=1, max=MAX_PERIOD_DAYS, help="How long a key serves, as the server has it.")
    ],
    first: Annotated[
        datetime | None, typer.Option("--from", metavar="DATE", formats=FORMATS, help="A day, UTC. Default: today.")
    ] = None,
    last: Annotated[
        datetime | None, typer.Option("--to", metavar="DATE", formats=FORMATS, help="A later day. Default: --from.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> int:
    """Name the epochs from the one in force on a day to that of a later day, in order."""
    start = today() if first is None else first.replace(tzinfo=UTC)
    end = start if last is None else last.replace(tzinfo=UTC)
    if end < start:
        raise ConfigError(f"--to {end:%Y-%m-%d} lies before --from {start:%Y-%m-%d}")
    names = epochs_between(start, end, period_days=period_days)
    if as_json:
        print(canonical_json({"schema": "gauger/epochs/1", "period_days": period_days, "epochs": names}).decode())
    else:
        print("\n".join(names))
    return 0


def today() -> datetime:
    """The beginning of the day that it is, UTC."""
    return datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
