"""Options of every verb that asks a model."""

from __future__ import annotations

from typing import Annotated

import typer

ApiKeyEnv = Annotated[
    str | None, typer.Option(metavar="NAME", help="Environment variable that holds the endpoint's key.")
]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON document.")]
PerMinute = Annotated[float, typer.Option("--requests-per-minute", help="At most so many, retries among them.")]
SkipRefused = Annotated[
    bool, typer.Option("--skip-refused", help="Take status 400, 413 and 422 for an empty answer, not an error.")
]
Timeout = Annotated[float, typer.Option(min=1, max=3600, help="Seconds for one response.")]
