"""``sojourn keys signing``: make a key that signs. ``sojourn keys rotate``: wrap the vault under a new master key.

The one invariant: a key that wraps something is never dropped, and no event is touched. So one rotation at a time,
from its first step to its last, held by locks that end with their holder; and whatever is killed leaves a vault that
the keys at hand open together, with which the next rotation goes on.
"""

from __future__ import annotations

import os
import secrets
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from api.cli.talk import opened, say
from ledger.errors import Conflict, Misconfigured

if TYPE_CHECKING:
    import psycopg

    from api.bootstrap import Store
    from ledger.settings import Settings

ROTATION: Final = "rotation.lock"
"""In the data folder of the embedded server; holds the name of whoever has it."""

app = typer.Typer(help="Master key, and keys that sign.", no_args_is_help=True)


@app.callback()
def _keys() -> None:
    """Master key, and keys that sign."""


@app.command()
def signing(
    name: Annotated[str, typer.Argument(metavar="NAME", help="Name of the key: of a log, its origin.")],
    witness: Annotated[bool, typer.Option("--witness", help="Of a witness, who cosigns.")] = False,
) -> None:
    """Make a key that signs checkpoints: the secret on stdout, the key to hand out on stderr."""
    from ledger.proofs.doubt import Malformed
    from ledger.proofs.log_keys import ACCESS, log_of
    from ledger.proofs.note import COSIGNATURE, ED25519, Signer

    if not witness and log_of(name) == ACCESS:
        what = f"names that end in /{ACCESS} are those of access logs, whose keys are derived from the ledger's"
        raise typer.BadParameter(what, param_hint="NAME")
    try:
        signer = Signer.of(name, secrets.token_bytes(32), COSIGNATURE if witness else ED25519)
    except Malformed as malformed:
        raise typer.BadParameter(malformed.what, param_hint="NAME") from None
    print(signer.text())
    say(f"Keep the secret. Hand out {signer.verifier.text()}")


@app.command()
def rotate() -> None:
    """Rewrap every key under a new master key. Killed, it goes on when it is run again.

    Embedded: makes the new key and keeps the old one until the last key is rewrapped. By URL: give the services
    "OLD,NEW", then "NEW,OLD" as SOJOURN_MASTER_KEY; run this with "NEW,OLD"; then give them NEW alone.
    """
    from api.bootstrap import data_folder
    from ledger.settings import Settings

    settings = Settings.load()
    given = settings.master_secrets()
    if not given and settings.database_url is None:
        _rotate_file(settings, data_folder(settings))
        return
    if len(set(given)) < 2:
        raise Misconfigured(
            "There is one master key only.",
            remedy='Start the services with "OLD,NEW" as SOJOURN_MASTER_KEY, then with "NEW,OLD"; then run this.',
        )
    with opened() as store:
        count, total = _rewrap(store)
    first = store.vault.fingerprint.hex()
    say(f"{count:,} keys rewrapped; all {total:,} are under master key {first}, the first of those given.")
    say("Once every process has that one first, start them with it alone. Then `sojourn doctor` says what is left.")


def _rotate_file(settings: Settings, data: Path) -> None:
    """The key file made for the embedded server: two lines for as long as keys are under the old one."""
    from api.bootstrap import MASTER_KEY_FILE, replace_secrets
    from ledger.store.data_folder import claim

    claim(data)
    with _only_rotation(data, _name_of_this(settings)):
        with opened():
            pass  # makes the key file if this is the first command
        file = data / MASTER_KEY_FILE
        with _alone(data):
            for draft in data.glob(f".{MASTER_KEY_FILE}.*"):
                draft.unlink()  # of a rotation that was killed while it wrote
            lines = file.read_text().split()
            if len(lines) == 1:  # two lines: a rotation that was killed goes on
                replace_secrets(file, [secrets.token_hex(32), *lines])
        # Both keys are durable, and whoever starts from now on reads both and wraps under the new one.
        with opened() as store:
            count, _ = _rewrap(store)
        # Every key is under the new one. No other rotation has made a newer one meanwhile: see the lock.
        replace_secrets(file, file.read_text().split()[:1])
    say(f"{count:,} keys rewrapped under a new master key in {file}.")


def _rewrap(store: Store) -> tuple[int, int]:
    """How many keys were rewrapped, and how many there are.

    Raises Conflict where another rotation is at work, and where keys were made under an older master key meanwhile.
    """
    with _only_rewrapping(store) as conn:
        found = _count(conn, "where wrapped_by <> %s", store.vault.fingerprint)
        count = store.vault.rewrap(conn)
        total = _count(conn)
    if count > found:
        raise Conflict(
            f"{count:,} keys rewrapped; {count - found:,} of them were made under an older master key while this ran.",
            remedy="A process still has that one first in SOJOURN_MASTER_KEY. Start it with the new one first, then"
            " run this again, before the older one is dropped.",
        )
    return count, total


def _count(conn: psycopg.Connection[Any], where: str = "", *params: object) -> int:
    row = conn.execute(f"select count(*) from vault.keys {where}".encode(), params).fetchone()
    assert row is not None
    return row[0]


# -- one at a time


def _name_of_this(settings: Settings) -> str:
    from api.bootstrap import actor

    return f"process {os.getpid()} of {actor(settings)} on {socket.gethostname()}"


def _under_way(who: str) -> Conflict:
    return Conflict(
        f"A rotation of the master key is under way: {who}.",
        remedy="Wait until it has ended. Where it was killed, run this again: it goes on where that one was.",
    )


_CALLED: Final = "sojourn keys rotate: "
_LOCK: Final = "hashtextextended('keys rotate', 0)"
_HOLDER: Final = f"""
    select a.application_name from pg_locks l join pg_stat_activity a using (pid)
     where l.locktype = 'advisory' and l.objsubid = 1 and l.granted
       and l.database = (select oid from pg_database where datname = current_database())
       and (l.classid::bigint << 32) | l.objid::bigint = {_LOCK}
"""


@contextmanager
def _only_rewrapping(store: Store) -> Iterator[psycopg.Connection[Any]]:
    """The one connection that rewraps: it holds the lock, so whoever loses the one loses the other.

    Raises Conflict that names who has it; by its connection's name, which every role may read.
    """
    from ledger.store.database import Role

    with store.database.connect(Role.OWNER, name=f"{_CALLED}{_name_of_this(store.settings)}"[:63]) as conn:
        row = conn.execute(f"select pg_try_advisory_lock({_LOCK})".encode()).fetchone()
        assert row is not None
        if not row[0]:
            holder = conn.execute(_HOLDER.encode()).fetchone()
            raise _under_way("another process" if holder is None else holder[0].removeprefix(_CALLED))
        yield conn


@contextmanager
def _only_rotation(data: Path, name: str) -> Iterator[None]:
    """The one rotation of a data folder's key file. Raises Conflict that names who is at it."""
    import fcntl

    from ledger.store.data_folder import open_lock, release, try_lock

    descriptor = open_lock(data / ROTATION)
    try:
        if not try_lock(descriptor, fcntl.LOCK_EX):
            raise _under_way(os.pread(descriptor, 200, 0).decode(errors="replace"))
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, name.encode(), 0)
        yield
    finally:
        release(descriptor)


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
