"""How something follows a log alone: its own connection, a lock that one process holds, news, and an end on request.

The one invariant: whoever loses the connection loses lock, transaction and ear at once, so there is never a second
one at work. Nothing here waits by a clock for an event; clocks only repeat what a lost packet could have eaten.
"""

from __future__ import annotations

import hashlib
import selectors
import socket
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from typing import Any, Self

import psycopg
from eventsourcing.persistence import InterfaceError, OperationalError
from psycopg import errors as pg
from psycopg.rows import tuple_row

from ledger.errors import OutcomeUnknown, StoreUnavailable
from ledger.store import arrays
from ledger.store.database import Database, Role, translate

_STANDBY_MS = 30_000


def lock_key(name: str) -> int:
    """The advisory lock of a follower: a signed 64-bit number that is the same in every process and release."""
    return int.from_bytes(hashlib.blake2b(f"projection {name}".encode(), digest_size=8).digest(), signed=True)


class Interruption:
    """Lets a ``threading.Event`` end whatever a follower waits for: a lock, a statement, or silence on its socket.

    A statement is cancelled, which rolls its transaction back: a batch is whole or not at all, so nothing is lost.
    """

    def __init__(self, stop: threading.Event) -> None:
        self._stop = stop
        self._over = threading.Event()
        self._near, self._far = socket.socketpair()
        self._conn: psycopg.Connection[Any] | None = None
        self._heard = False
        """Whether news came while a statement was under way: its answer may be older than they are."""
        self._watcher = threading.Thread(target=self._watch, name="projector stop", daemon=True)

    def __enter__(self) -> Self:
        self._watcher.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._near.close()
        self._far.close()

    @contextmanager
    def of(self, conn: psycopg.Connection[Any]) -> Iterator[None]:
        """While this connection is the one in use."""
        self._conn, self._heard = conn, False
        conn.add_notify_handler(self._hear)
        try:
            yield
        finally:
            conn.remove_notify_handler(self._hear)
            self._conn = None

    def wait_for_news(self, conn: psycopg.Connection[Any]) -> None:
        """Return when a notification has come since this was last asked, or it is time to stop.

        Raises OperationalError: the server went.
        """
        if self._heard:
            self._heard = False
            return
        pgconn = conn.pgconn
        with selectors.DefaultSelector() as selector:
            selector.register(pgconn.socket, selectors.EVENT_READ)
            selector.register(self._near, selectors.EVENT_READ)
            while not self._stop.is_set():
                pgconn.consume_input()
                heard = False
                while pgconn.notifies() is not None:
                    heard = True
                if heard:
                    return
                selector.select()

    def _hear(self, _: psycopg.Notify) -> None:
        self._heard = True

    def _watch(self) -> None:
        while not self._stop.wait(0.5):
            if self._over.is_set():
                return
        with suppress(OSError):
            self._far.send(b"x")
        # A cancel that arrives between two statements is lost, so it is repeated until the follower has noticed.
        while not self._over.wait(0.05):
            conn = self._conn
            if conn is not None:
                with suppress(Exception):
                    conn.cancel_safe(timeout=1)


@contextmanager
def connected(
    database: Database, name: str, *, role: Role = Role.PROJECTOR, kind: str = "projector", durable: bool = False
) -> Iterator[psycopg.Connection[Any]]:
    """A follower's own connection, in autocommit. Raises StoreUnavailable, Misconfigured.

    kind: of follower, as the server's list of connections shows it. durable: whether commits wait for the disk. A
    projector's and the matcher's need not: rows and position come back together or not at all, and what a crash of
    PostgreSQL takes is made again from the log.
    """
    with database.connect(role, name=f"sojourn {kind} {name}") as conn:
        arrays.register(conn)
        if not durable:
            conn.execute("set synchronous_commit = off")
        try:
            yield conn
        finally:
            # A closed connection lets go of its locks too, but only when the server gets to it, and whoever comes next
            # would find them held.
            with suppress(psycopg.Error):
                conn.execute("select pg_advisory_unlock_all()")


def try_lock(conn: psycopg.Connection[Any], name: str) -> bool:
    """Take a follower's lock until the connection ends, if nobody holds it."""
    row = conn.execute("select pg_try_advisory_lock(%s)", (lock_key(name),)).fetchone()
    return bool(row and row[0])


def held(conn: psycopg.Connection[Any], names: Iterable[str]) -> set[str]:
    """Those of these locks that somebody holds, alone or with others."""
    by_key = {lock_key(name): name for name in names}
    with conn.cursor(row_factory=tuple_row) as cursor:
        return {by_key[key] for (key,) in cursor.execute(_HELD, (list(by_key),)).fetchall()}


_HELD = (
    "select distinct (classid::bigint << 32) | objid::bigint from pg_catalog.pg_locks"
    " where locktype = 'advisory' and granted and objsubid = 1"
    " and database = (select oid from pg_catalog.pg_database where datname = current_database())"
    " and (classid::bigint << 32) | objid::bigint = any(%s::bigint[])"
)


def wait_for_lock(conn: psycopg.Connection[Any], name: str, stop: threading.Event) -> None:
    """Take a follower's lock until the connection ends; returns as soon as its holder is gone.

    The wait is a statement, whose snapshot would keep VACUUM from old rows for as long as it stands; so it is asked
    anew twice a minute, which loses no time: a lock that is free is taken at once.
    """
    if try_lock(conn, name):
        return
    conn.execute("select set_config('lock_timeout', %s, false)", (f"{_STANDBY_MS}ms",))
    while not stop.is_set():
        with suppress(pg.LockNotAvailable):
            conn.execute("select pg_advisory_lock(%s)", (lock_key(name),))
            break
    conn.execute("reset lock_timeout")


def is_passing(error: Exception) -> bool:
    """Whether the error is PostgreSQL's absence, which ends by itself. What a follower does can be done again, so that
    an outcome that is not known ends too: its key, or its position, tells."""
    if isinstance(error, psycopg.Error):
        return isinstance(translate(error), StoreUnavailable)
    return isinstance(error, StoreUnavailable | OutcomeUnknown | OperationalError | InterfaceError)
