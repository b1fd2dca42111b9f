"""``gauger lineage ghosts``: did a suspect learn from what was released, rather than from its twins?"""

from __future__ import annotations

import typer

from gauger.app.cli.lineage import ghosts_draw, ghosts_plan, ghosts_trial

app = typer.Typer(help="Ghost twins: did a suspect learn from answers that were released?")

app.command()(ghosts_plan.plan)
app.command()(ghosts_draw.draw)
app.command("test")(ghosts_trial.trial)
