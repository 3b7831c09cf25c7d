"""The event-sourcing library's datastore, opened by conninfo (so: as a role, over a socket or with options)."""

from __future__ import annotations

from typing import Any

from eventsourcing.postgres import ConnectionPool, PostgresDatastore
from psycopg import Connection
from psycopg.rows import dict_row


class RoleDatastore(PostgresDatastore):
    """A pool of connections that act as one role.

    pool_size stays under the library's ten attempts, so that a restart of PostgreSQL, which leaves every pooled
    connection dead, cannot use up all attempts; pre_ping looks at a connection before it is handed out.
    ``enable_db_functions`` is never on: in 9.5 it skips the table lock, shares one function between applications and
    drops tracking.
    """

    def __init__(self, conninfo: str, *, schema: str, pool_size: int = 1, max_overflow: int = 7) -> None:
        super().__init__(
            dbname="", host="", port="", user="", password="", schema=schema, originator_id_type="text", pre_ping=True
        )
        self.pool.close()
        self.pool = ConnectionPool[Connection[Any]](
            conninfo,
            connection_class=Connection,
            kwargs={"row_factory": dict_row},
            min_size=pool_size,
            max_size=pool_size + max_overflow,
            open=False,
            configure=self.after_connect_func(),
            check=ConnectionPool.check_connection,
            timeout=10.0,
        )
