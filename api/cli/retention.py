"""``sojourn retention``: what is due, disposals, and what is left of what was destroyed."""

from __future__ import annotations

import typer

from api.cli.dispose import dispose, due
from api.cli.scrub import scrub

app = typer.Typer(help="What is kept, and what goes.", no_args_is_help=True)
app.command()(due)
app.command()(dispose)
app.command()(scrub)


@app.callback()
def _retention() -> None:
    """What is kept, and what goes."""
