"""``gauger watermark``: a verb is a file here and a line below."""

from __future__ import annotations

import typer

from gauger.app.cli.watermark import commit, detect, epochs, keygen, mark, radioactivity, reveal, trace, verify

app = typer.Typer(help="Keys of marks, and what is proved with them.")

app.command()(keygen.keygen)
app.command()(epochs.epochs)
app.command()(commit.commit)
app.command()(reveal.reveal)
app.command()(verify.verify)
app.command()(mark.mark)
app.command()(detect.detect)
app.command()(trace.trace)
app.add_typer(radioactivity.app, name="radioactivity")
