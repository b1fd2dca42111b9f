"""Options that the verbs share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

PlanFile = Annotated[Path, typer.Argument(metavar="PLAN", help="What `radioactivity plan` wrote.")]
Answers = Annotated[Path, typer.Option(help="The journal of answers; it is added to, and gone on with after a kill.")]
Prompts = Annotated[
    str | None,
    typer.Option(
        metavar="FILE", help='Closed model: JSON lines {"id": "...", "messages": [...]} or {"prompt": "..."}.'
    ),
]
ServedOutputs = Annotated[
    str | None, typer.Option("--served", metavar="FILE", help="What we served, as token ids, one JSON line each.")
]
Unmarked = Annotated[
    str | None,
    typer.Option(metavar="FILE", help="Closed model: unmarked outputs, as --served: what is said anyway counts less."),
]
Digest = Annotated[str | None, typer.Option(help="The plan's digest as it was logged; another plan is refused.")]
ResponsesFile = Annotated[
    str | None, typer.Option("--responses", metavar="FILE", help='Answers of others: {"id": "...", "text": "..."}.')
]
Weights = Annotated[str | None, typer.Option(help="The suspect in a folder of this machine, as for `mark`.")]
Reference = Annotated[
    str | None, typer.Option(help="Open model: a folder with one that never saw our outputs, to compare with.")
]
Seed = Annotated[int, typer.Option(min=0, help="Of what chance decides here: waits, and a local suspect's answers.")]
