"""message-db, the event store in PostgreSQL functions, as a peer: its own SQL, called as its manual says.

Invariant: its files are run as they come, found in a folder that ``make parts`` fills. Left out are pgcrypto, whose one
function PostgreSQL has by now, and the files on roles, so that nothing stays behind on the server.
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Iterable, Sequence
from functools import partial
from pathlib import Path

import orjson
import psycopg

from api.cli.bench.callers import together
from api.cli.bench.facts import elements

_FOLDER = Path(".parts", "node_modules", "@eventide", "message-db", "database")
_WRITE = "select write_message(%s::varchar, %s::varchar, %s::varchar, %s::jsonb, null, %s::bigint)"
_NEW_STREAM = -1


def find(folders: Iterable[Path] | None = None) -> Path | None:
    """The folder of message-db's SQL below one of these, or None. Without: the working folder and those above, and
    where the source of the product lies."""
    if folders is None:
        here = Path.cwd()
        folders = (here, *here.parents, Path(__file__).resolve().parents[3])
    return next((found for folder in folders if ((found := folder / _FOLDER) / "install.sh").exists()), None)


class MessageDb:
    """message-db in a database of its own. conninfo: as administrator. folder: of its SQL."""

    def __init__(self, conninfo: str, folder: Path) -> None:
        self._conninfo = conninfo
        files = ["schema/message-store.sql", "tables/messages.sql"]
        for script in ("install-functions.sh", "install-indexes.sh"):
            files += re.findall(r"run_psql_file \$base/(\S+\.sql)", (folder / script).read_text())
        with self._connect() as conn:
            for file in files:
                conn.execute((folder / file).read_bytes())

    def one_by_one(self, connections: int, count: int) -> float:
        """One message a transaction, each of a new stream, by so many connections; messages a second."""
        each = max(1, count // connections)
        conns = [self._connect() for _ in range(connections)]
        try:
            return each * connections / together([partial(_write_each, conn, each) for conn in conns])
        finally:
            for conn in conns:
                conn.close()

    def batched(self, count: int, batch: int) -> float:
        """So many messages a transaction, sent without waiting for each answer; messages a second."""
        with self._connect() as conn:

            def write() -> None:
                for first in range(0, count, batch):
                    with conn.pipeline(), conn.transaction():
                        for number in range(first, min(first + batch, count)):
                            conn.execute(_WRITE, _message(number))

            return count / together([write])

    def _connect(self) -> psycopg.Connection:
        conn = psycopg.connect(self._conninfo, autocommit=True, prepare_threshold=1)
        conn.execute("set search_path = message_store, public")
        conn.execute("set client_min_messages = warning")
        return conn


def _write_each(conn: psycopg.Connection, count: int) -> None:
    for number in range(count):
        conn.execute(_WRITE, _message(number)).fetchone()


def _message(number: int) -> Sequence[object]:
    said = orjson.dumps(elements(number)).decode()
    return str(uuid.uuid4()), f"enrollment-{uuid.uuid4()}", "Enrolled", said, _NEW_STREAM
