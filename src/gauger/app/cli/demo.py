"""``gauger demo``: simulate a world, scan it, and hold the result against the truth."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import numpy as np
import typer

from gauger.app.cli.output import say
from gauger.app.cli.scan import show
from gauger.app.evaluation import evaluate_scan
from gauger.app.options import ScanOptions
from gauger.app.scanning import scan as run_scan
from gauger.detect.simulate import PRESETS
from gauger.detect.simulate import simulate as play
from gauger.edge.worlds import write_world


def demo(
    out: Annotated[Path, typer.Option(help="Folder for the world and the result.")] = Path("out/demo"),
    seed: Annotated[int, typer.Option(min=0, help="Seed of the world.")] = 11,
) -> None:
    """Find campaigns hidden in two weeks of simulated traffic."""
    say("simulating two weeks of traffic")
    world = out / "world"
    logs = write_world(play(PRESETS["demo"], np.random.default_rng(seed)), world)
    options = ScanOptions(
        logs=[str(logs)],
        out=out / "scan",
        orgs=world / "orgs.csv",
        bans=world / "bans.csv",
        releases=world / "releases.csv",
    )
    body = run_scan(options, created=datetime.now(UTC), progress=say)
    show(body, options.out)
    truth = evaluate_scan(options.out, world / "truth.csv", seed=1)
    found = sum(c.found for c in truth.campaigns)
    wrong = sum(k.flagged for k in truth.kinds if k.kind == "all" and not k.label)
    print(f"Truth: {found} of {len(truth.campaigns)} hidden campaigns found, {wrong} honest accounts flagged.")
