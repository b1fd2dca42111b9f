"""``gauger simulate``: write a labelled world."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import numpy as np
import typer

from gauger.app.cli.output import say
from gauger.detect.simulate import PRESETS
from gauger.detect.simulate import simulate as play
from gauger.edge.worlds import write_bulk, write_world
from gauger.errors import ConfigError


def simulate(
    out: Annotated[Path, typer.Option(help="Folder for the logs, the side tables and truth.csv.")],
    world: Annotated[str, typer.Option(help=f"One of {', '.join(PRESETS)}, or bulk.")] = "standard",
    seed: Annotated[int, typer.Option(min=0, help="The same seed gives the same world.")] = 1,
    layout: Annotated[str, typer.Option(help="litellm (JSON lines, zstd) or parquet.")] = "litellm",
    exchanges: Annotated[int, typer.Option(min=1, help="How many in a bulk world.")] = 1_000_000,
    accounts: Annotated[int, typer.Option(min=1, help="How many in a bulk world.")] = 24_000,
) -> None:
    """Write simulated logs and their truth, to try a scan on."""
    if world == "bulk":
        write_bulk(out, exchanges, accounts, seed)
        say(f"{exchanges:,} exchanges of {accounts:,} accounts under {out}")
        return
    if world not in PRESETS:
        raise ConfigError(f"unknown world {world!r}: choose one of {', '.join(PRESETS)}, or bulk")
    if layout not in ("litellm", "parquet"):
        raise ConfigError(f"unknown layout {layout!r}: choose litellm or parquet")
    made = play(PRESETS[world], np.random.default_rng(seed))
    path = write_world(made, out, layout)  # type: ignore[arg-type]
    say(f"{made.events.num_rows:,} exchanges in {path}; truth in {out / 'truth.csv'}")
