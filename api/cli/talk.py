"""What commands share: settings and an open store, data on stdout, talk on stderr, a progress bar."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from api.bootstrap import Store
    from api.principal import Principal
    from ledger.settings import Settings

Json = Annotated[bool, typer.Option("--json", help="Print the data as JSON.")]
As = Annotated[str | None, typer.Option("--as", metavar="NAME", help="Act under this name.")]


@contextmanager
def opened(*, check: bool = True) -> Iterator[Store]:
    """The store of the environment's settings. Logs go to stderr."""
    from api.bootstrap import open_store
    from ledger.settings import Settings

    settings = Settings.load()
    quiet_logs(settings)
    with open_store(settings, check=check) as store:
        yield store


def quiet_logs(settings: Settings) -> None:
    """Logs of a command that ends: warnings and worse, unless the level is set."""
    service_logs(settings, usual="warning")


def service_logs(settings: Settings, *, usual: str = "info") -> None:
    """Logs on stderr, text on a terminal. usual: the level where none is set."""
    import logging

    from ledger.telemetry import configure_logs

    level = settings.log_level if "log_level" in settings.model_fields_set else usual
    lines = settings.log_format == "json" or (settings.log_format == "auto" and not sys.stderr.isatty())
    configure_logs(lines=lines, level=logging.getLevelNamesMapping()[level.upper()])


def operator(store: Store, given: str | None) -> Principal:
    """Who works on the command line: the role operator, recorded and disclosed like anybody."""
    from api.bootstrap import actor
    from api.principal import Principal

    name, organisation = actor(store.settings, given), store.settings.organisation
    return Principal(name, "operator", None, None, None, organisation, local=True)


def print_json(data: Any) -> None:
    """One document on stdout: UTF-8 as JSON is, whatever the terminal's own code."""
    import orjson

    sys.stdout.flush()
    sys.stdout.buffer.write(orjson.dumps(data, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE))


def say(text: str) -> None:
    """A line of talk, on stderr."""
    print(text, file=sys.stderr)


@contextmanager
def progress(what: str) -> Iterator[Callable[[int, int], None]]:
    """A bar on stderr with rate and time left; nothing where stderr is no terminal."""
    if not sys.stderr.isatty():
        yield lambda *_: None
        return
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TaskProgressColumn,
        TextColumn,
        TimeRemainingColumn,
    )

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TaskProgressColumn(show_speed=True),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(what, total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)
