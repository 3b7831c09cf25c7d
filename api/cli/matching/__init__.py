"""``sojourn matching``: policies. One file a command."""

from __future__ import annotations

import typer

from api.cli.matching import calibrating, explaining, publishing, training, trying

app = typer.Typer(
    help="Matching policies: train, try, publish one, explain what it decides, and see how it holds.",
    no_args_is_help=True,
)
app.command()(training.train)
app.command("try")(trying.try_)
app.command()(publishing.publish)
app.command()(explaining.explain)
app.command()(calibrating.calibrate)
