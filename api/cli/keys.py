"""``sojourn keys rotate``: wrap the vault under a new master key. No event is touched."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import typer

from api.cli.talk import opened, say
from ledger.errors import Conflict, Misconfigured

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
    from api.bootstrap import MASTER_KEY_FILE, data_folder, replace_secrets
    from ledger.settings import Settings

    settings = Settings.load()
    given = settings.master_secrets()
    if not given and settings.database_url is None:
        data = data_folder(settings)
        with opened():
            pass  # makes the key file if this is the first command
        file = data / MASTER_KEY_FILE
        with _alone(data):
            lines = file.read_text().split()
            if len(lines) == 1:  # two lines: an interrupted rotation goes on
                replace_secrets(file, [secrets.token_hex(32), *lines])
        count = _rewrap()
        # Every key is under the new master key, and whoever started meanwhile has read both.
        replace_secrets(file, file.read_text().split()[:1])
        say(f"{count:,} keys rewrapped under a new master key in {file}.")
        return
    if len(given) < 2:
        raise Misconfigured(
            "There is one master key only.",
            remedy='Set SOJOURN_MASTER_KEY to "NEW,OLD" and restart the services first.',
        )
    say(f"{_rewrap():,} keys rewrapped. Now set SOJOURN_MASTER_KEY to the new key alone.")


def _rewrap() -> int:
    from ledger.store.database import Role

    with opened() as store, store.database.connect(Role.OWNER) as conn:
        return store.vault.rewrap(conn)


@contextmanager
def _alone(data: Path) -> Iterator[None]:
    """While nobody uses the embedded server. Who starts meanwhile waits, and reads the key file afterwards.

    A process that runs holds the master key that it has read; what it seals under that one must stay open to all, so
    the key file does not change under it. Raises Conflict where one runs.
    """
    import fcntl

    from ledger.store.data_folder import USERS, open_lock, release, try_lock

    descriptor = open_lock(data / USERS)
    try:
        if not try_lock(descriptor, fcntl.LOCK_EX):
            raise Conflict(
                f"Another process uses the embedded server of {data}, with the master key that it has read.",
                remedy="End it (`sojourn serve`, `sojourn demo`), run this again, then start it.",
            )
        yield
    finally:
        release(descriptor)
