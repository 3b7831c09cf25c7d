"""What commands share: settings and an open store, data on stdout, talk on stderr, a progress bar."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated, Any

import orjson
import typer

from ledger.settings import Settings

if TYPE_CHECKING:
    from api.bootstrap import Store
    from api.principals import Principal

Json = Annotated[bool, typer.Option("--json", help="Print the data as JSON.")]
As = Annotated[str | None, typer.Option("--as", metavar="NAME", help="Act under this name.")]


@contextmanager
def opened(*, check: bool = True) -> Iterator[Store]:
    """The store of the environment's settings. Logs go to stderr."""
    from api.bootstrap import open_store

    settings = Settings.load()
    quiet_logs(settings)
    with open_store(settings, check=check) as store:
        yield store


def quiet_logs(settings: Settings) -> None:
    """Set up logs for a command: warnings and worse."""
    import logging

    from ledger.telemetry import configure_logs

    level = (
        logging.getLevelNamesMapping()[settings.log_level.upper()] if settings.log_level != "info" else logging.WARNING
    )
    configure_logs(lines=settings.log_format != "text", level=level)


def operator(store: Store, given: str | None) -> Principal:
    """Who works on the command line: the role operator, recorded and disclosed like anybody."""
    from api.bootstrap import actor
    from api.principals import Principal

    return Principal(actor(store.settings, given), "operator", None, None, None, store.settings.organisation)


def print_json(data: Any) -> None:
    """One document on stdout."""
    sys.stdout.write(orjson.dumps(data, option=orjson.OPT_INDENT_2).decode() + "\n")


def say(text: str) -> None:
    """A line of talk, on stderr."""
    print(text, file=sys.stderr)


@contextmanager
def progress(what: str) -> Iterator[Callable[[int, int], None]]:
    """A bar on stderr with rate and time left; nothing where stderr is no terminal."""
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TaskProgressColumn,
        TextColumn,
        TimeRemainingColumn,
    )

    console = Console(stderr=True)
    if not console.is_terminal:
        yield lambda done, total: None
        return
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TaskProgressColumn(show_speed=True),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=console, transient=True) as bar:
        task = bar.add_task(what, total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)
