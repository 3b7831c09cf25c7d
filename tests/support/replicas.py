"""A streaming replica of a server, that a test may hold back."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
from psycopg.conninfo import conninfo_to_dict

from ledger.store import postgres_programs as programs
from ledger.store.data_folder import claim, make_private, server_user
from ledger.store.database import Database
from ledger.store.embedded import EmbeddedServer
from support.servers import FAST, reachable_tmp


class Replica:
    """A replica that follows. of: a database of its primary."""

    def __init__(self, server: EmbeddedServer, of: Database) -> None:
        self.database = Database(server.conninfo(str(conninfo_to_dict(of.admin)["dbname"])), log_in=True)

    def hold_back(self) -> None:
        """What it shows stays as it is from here on, whatever the primary does."""
        self._say("select pg_wal_replay_pause()")

    def go_on(self) -> None:
        self._say("select pg_wal_replay_resume()")

    def _say(self, statement: str) -> None:
        with psycopg.connect(self.database.admin, autocommit=True) as admin:
            admin.execute(statement.encode())


@contextmanager
def replica_of(primary: EmbeddedServer, database: Database) -> Iterator[Replica]:
    """A replica of a running server for as long as the block runs. database: to which it leads."""
    with psycopg.connect(primary.conninfo("postgres")) as asked:
        row = asked.execute("show max_connections").fetchone()
    assert row is not None
    settings = {**FAST, "max_connections": row[0]}  # a replica must allow as many as its primary
    with reachable_tmp() as folder:
        server = EmbeddedServer(folder / "d", settings=settings)
        claim(server.data)
        user = server_user(server.data, server.pgdata)
        make_private(server.pgdata, user)
        # fmt: off
        copied = programs.run(
            server.binaries, user, "pg_basebackup", "-D", str(server.pgdata), "-d", primary.conninfo("postgres"),
            "--write-recovery-conf", "--checkpoint=fast", "--no-sync",
        )
        # fmt: on
        assert copied.returncode == 0, copied.stderr
        with server:
            yield Replica(server, database)
