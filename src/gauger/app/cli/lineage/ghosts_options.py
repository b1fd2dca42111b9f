"""Options that the verbs of ghost twins share."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Annotated

import typer

from gauger.edge.lineage.ghost_files import read_reposts
from gauger.edge.suspects.pace import Pace

Folder = Annotated[Path, typer.Argument(metavar="FOLDER", help="That `ghosts plan` made.")]
Url = Annotated[str | None, typer.Option("--endpoint", metavar="URL", help="OpenAI-compatible: https://host/v1.")]
AskModel = Annotated[str | None, typer.Option(metavar="NAME", help="What the endpoint calls the model.")]
Request = Annotated[str, typer.Option(metavar="JSON", help="Further fields of each request; null leaves one out.")]
Weights = Annotated[str | None, typer.Option(metavar="DIR", help="The model in a folder of this machine.")]
ResponsesFile = Annotated[
    str | None,
    typer.Option("--responses", metavar="FILE", help='Ready answers: {"id": "EXCHANGE#1", "text": "..."}, then #2 ...'),
]
Plain = Annotated[bool, typer.Option("--plain", help="A local model: without its chat template.")]
Reposts = Annotated[
    str | None,
    typer.Option(metavar="FILE", help='Texts seen in public: {"text": "..."}; exchanges with an answer in one go.'),
]


def pace(per_minute: float) -> Pace:
    """No faster than so."""
    return Pace(per_minute, clock=time.monotonic, sleep=time.sleep)


def public(reposts: str | None) -> str:
    """The reposts' text; "" where none is named."""
    return "" if reposts is None else read_reposts(reposts)
