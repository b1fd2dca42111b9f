"""``gauger watermark radioactivity``: did this model learn from our marked text? A verb is a file here."""

from __future__ import annotations

import typer

from gauger.app.cli.watermark.radioactivity import ask, judge, plan, run

app = typer.Typer(help="Test a suspect model by a plan that is fixed before it is asked.")

app.command()(plan.plan)
app.command()(ask.ask)
app.command()(judge.judge)
app.command()(run.run)
