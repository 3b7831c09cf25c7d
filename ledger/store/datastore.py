"""The event-sourcing library's datastore, opened by conninfo (so: as a role, over a socket or with options)."""

from __future__ import annotations

import select
import time
from collections.abc import Callable
from threading import Lock
from typing import Any

import psycopg
from eventsourcing.postgres import ConnectionPool, PostgresDatastore
from psycopg import Connection
from psycopg.rows import dict_row
from psycopg_pool import PoolTimeout

from ledger import telemetry

WAIT_SECONDS_MAX = 10.0
"""How long a caller waits for a connection while PostgreSQL gives connections and all of the pool are in use."""

ASK_AFTER_SECONDS = 0.25
"""After how long a wait PostgreSQL is asked whether it gives connections at all."""

ANSWER_HOLDS_SECONDS = 0.1
"""For how long its answer is taken for an answer to all."""


class RoleDatastore(PostgresDatastore):
    """A pool of connections that act as one role.

    pool_size stays under the library's ten attempts, so that a restart of PostgreSQL, which leaves every pooled
    connection dead, cannot use up all attempts; a connection is looked at before it is handed out (``look_at``).
    ``enable_db_functions`` is never on: in 9.5 it skips the table lock, shares one function between applications and
    drops tracking.
    """

    def __init__(self, conninfo: str, *, schema: str, pool_size: int = 1, max_overflow: int = 7) -> None:
        super().__init__(
            dbname="", host="", port="", user="", password="", schema=schema, originator_id_type="text", pre_ping=True
        )
        self.pool.close()
        self.pool = _Pool(
            conninfo,
            connection_class=Connection,
            kwargs={"row_factory": dict_row},
            min_size=pool_size,
            max_size=pool_size + max_overflow,
            open=False,
            name=schema,
            configure=self._configured(),
            check=look_at,
            timeout=WAIT_SECONDS_MAX,
            # The pool would try again after ever longer pauses, and PostgreSQL be back for minutes before it looked.
            # So it gives up at once, and whoever needs a connection next makes it try.
            reconnect_timeout=0,
        )

    def _configured(self) -> Callable[[Connection[Any]], None]:
        configure = self.after_connect_func()

        def configured(conn: Connection[Any]) -> None:
            configure(conn)
            # Who makes a key a moment too late must see the one that was first, whatever the database was told.
            conn.execute("set default_transaction_isolation = 'read committed'")

        return configured


def look_at(conn: Connection[Any]) -> None:
    """Raise psycopg.OperationalError where a connection is dead: a pool's check.

    A server says nothing unasked on a connection that lives and listens to nothing; one that was ended has its end
    there to be read. So PostgreSQL is asked only where there is something to be read, and a look costs no wait.
    """
    there = select.poll()
    there.register(conn.fileno(), select.POLLIN)
    if there.poll(0):
        ConnectionPool.check_connection(conn)


class _Pool(ConnectionPool[Connection[Any]]):
    """A pool whose callers hear in PostgreSQL's own words that it gives no connection, and soon.

    The library's lets each of them wait for the whole timeout and then says that it timed out; while PostgreSQL is
    away a thousand callers would stand in line for that, a few threads at a time.
    """

    def __init__(self, conninfo: str, **options: Any) -> None:
        super().__init__(conninfo, **options)
        self._waited = telemetry.POOL_WAIT.labels(self.name)
        self._asking = Lock()
        self._asked_at = 0.0
        self._refusal: psycopg.OperationalError | None = None

    def getconn(self, timeout: float | None = None) -> Connection[Any]:
        """A connection. Raises psycopg.OperationalError: why PostgreSQL gives none, or PoolTimeout."""
        began = time.perf_counter()
        try:
            return self._getconn(timeout)
        finally:
            self._waited.observe(time.perf_counter() - began)

    def _getconn(self, timeout: float | None) -> Connection[Any]:
        deadline = time.monotonic() + (self.timeout if timeout is None else timeout)
        if self._refusal is not None and not self.get_stats()["pool_size"]:
            self._ask()
        try:
            return super().getconn(min(ASK_AFTER_SECONDS, deadline - time.monotonic()))
        except PoolTimeout:
            self._ask()
            return super().getconn(max(deadline - time.monotonic(), ASK_AFTER_SECONDS))

    def _ask(self) -> None:
        """Raise what PostgreSQL says to a new connection, if it refuses one; one caller asks for all."""
        with self._asking:
            if time.monotonic() - self._asked_at > ANSWER_HOLDS_SECONDS:
                self._refusal = _refusal(str(self.conninfo))
                self._asked_at = time.monotonic()
            if self._refusal is not None:
                raise type(self._refusal)(*self._refusal.args) from self._refusal


def _refusal(conninfo: str) -> psycopg.OperationalError | None:
    try:
        Connection.connect(conninfo).close()
    except psycopg.OperationalError as e:
        return e
    return None
