"""``sojourn keys rotate``: wrap the vault under a new master key. No event is touched."""

from __future__ import annotations

import secrets
from pathlib import Path

import typer

from api.cli.talk import opened, say
from ledger.errors import Misconfigured

app = typer.Typer(help="Master key.", no_args_is_help=True)


@app.callback()
def _keys() -> None:
    """Master key."""


@app.command()
def rotate() -> None:
    """Rewrap every key under a new master key.

    Embedded: makes the new key and keeps the old one until the last key is rewrapped. By URL: set SOJOURN_MASTER_KEY to
    "NEW,OLD", restart the services, run this, then set it to NEW alone.
    """
    from api.bootstrap import embedded_key_file
    from ledger.settings import Settings
    from ledger.store.database import Role

    settings = Settings.load()
    if settings.database_url is None and not settings.master_secrets():
        with opened():  # makes the key file if this is the first command
            file = embedded_key_file(settings)
        _prepend(file)
        with opened() as store, store.database.connect(Role.OWNER) as conn:
            count = store.vault.rewrap(conn)
        # Every key is under the new master key; the old one opens nothing any more.
        _replace(file, file.read_text().split()[:1])
        say(f"{count} keys rewrapped under a new master key in {file}.")
        return
    if len(settings.master_secrets()) < 2:
        raise Misconfigured(
            "There is one master key only.",
            remedy='Set SOJOURN_MASTER_KEY to "NEW,OLD" and restart the services first.',
        )
    with opened() as store, store.database.connect(Role.OWNER) as conn:
        count = store.vault.rewrap(conn)
    say(f"{count} keys rewrapped. Now set SOJOURN_MASTER_KEY to the new key alone.")


def _prepend(file: Path) -> None:
    lines = file.read_text().split()
    if len(lines) == 1:  # two lines: an interrupted rotation goes on
        _replace(file, [secrets.token_hex(32), *lines])


def _replace(file: Path, lines: list[str]) -> None:
    draft = file.with_name(f".{file.name}.new")
    draft.touch(mode=0o600)
    draft.write_text("\n".join(lines) + "\n")
    draft.replace(file)
