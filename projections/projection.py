"""What a read model is: a declaration, and what can be asked of any of them (position, digest, status).

The one invariant: a read model is a fold of its log, nothing else. It can be thrown away and made again at any time,
and two copies at the same position have the same digest. A fold is given events and a place to write; it never asks
what day it is, who reads, or what another read model holds.

The tables of a read model live in a schema that bears its name, owned by the projector, readable by the reader. While
it is rebuilt, the new tables stand beside them in ``NAME__next``.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any, Literal, LiteralString, Protocol

import msgspec
import psycopg
from psycopg import sql
from psycopg.rows import tuple_row

from ledger.events import Event, Recorded
from ledger.store.following import lock_key
from projections.gone import Follow


class Fold(Protocol):
    """Writes a batch into the tables of a schema, in the caller's transaction.

    It may remember what it wrote, to save itself a query; the machinery drops it, and starts another, whenever a
    transaction fails or somebody else may have written.
    """

    def __call__(self, cursor: psycopg.Cursor[Any], schema: str, batch: Sequence[Recorded], /) -> None: ...


@dataclass(frozen=True, kw_only=True)
class Projection:
    """The declaration of a read model.

    name: singular or plural noun, also the schema of its tables. version: raised whenever the same events would give
    other rows; tables of an older version serve until a rebuild swaps them. log: which log it follows. events: the
    classes that it folds; all others only move its position. tables: SQL that makes the tables, ``{schema}`` where
    the schema stands; columns with personal data have ``set statistics 0`` from the start. keys: table to its key
    columns, in which order the digest reads the rows. fold: makes a fold. follow: lets the tables follow a destruction
    (``projections.gone``); None where they hold nothing that a record's, an account's or a case's keys seal.
    """

    name: str
    version: int
    log: Literal["ledger", "access"]
    events: frozenset[type[Event]]
    tables: LiteralString
    keys: Mapping[LiteralString, LiteralString]
    fold: Callable[[], Fold]
    follow: Follow | None = None

    @property
    def next(self) -> str:
        """Schema and tracking name of the shadow that a rebuild fills."""
        return f"{self.name}__next"

    @property
    def old(self) -> str:
        """Schema of the tables that a rebuild has replaced, until they are dropped."""
        return f"{self.name}__old"


class Digest(msgspec.Struct, frozen=True):
    """What a read model holds at a position. sha256: hexadecimal, over every column of every row in key order."""

    position: int
    sha256: str


class Status(msgspec.Struct, frozen=True, kw_only=True):
    """Where a read model stands.

    version: declared here. stored_version: of the tables; None without tables. head: last position of its log.
    state: ``absent`` no tables yet; ``outdated`` the tables are of an older version, ``newer`` of a later release;
    ``failed`` its fold stopped, see failure; ``live`` a projector holds it; ``idle`` none does. rebuild: position of
    the shadow, where one stands. failure: kind of the error and the positions of the batch; never a value.
    """

    name: str
    version: int
    stored_version: int | None
    log: str
    position: int
    head: int
    lag_events: int
    state: str
    rebuild: int | None = None
    failure: str | None = None


@cache
def statement(text: LiteralString, schema: str) -> sql.Composed:
    """A statement about the tables of a schema: ``{schema}`` filled in, quoted."""
    return sql.SQL(text).format(schema=sql.Identifier(schema))


REACHED = "select notification_id from tracking.positions where application_name = %s"
"""Position that the live tables of a read model reflect."""


def reached(conn: psycopg.Connection[Any], name: str) -> int:
    """Position that the live tables reflect; 0 before the first event."""
    row = conn.cursor(row_factory=tuple_row).execute(REACHED, (name,)).fetchone()
    return row[0] if row else 0


async def reached_now(conn: psycopg.AsyncConnection[Any], name: str) -> int:
    """As ``reached``, for the asynchronous side."""
    cursor = await conn.cursor(row_factory=tuple_row).execute(REACHED, (name,))
    row = await cursor.fetchone()
    return row[0] if row else 0


def digest(conn: psycopg.Connection[Any], projection: Projection, schema: str | None = None) -> Digest:
    """Read every row in key order, in one snapshot. conn: in autocommit, not in a transaction.

    PostgreSQL's binary form is hashed as it comes: two copies are equal when every byte of every column is.
    """
    schema = schema or projection.name
    while True:
        built = _built(conn, schema)
        read = _digest(conn, projection, schema)
        # A name leads to the newest tables even where the snapshot is older than their rows. So a swap that came
        # meanwhile would show tables that are empty; it is read again.
        if _built(conn, schema) == built:
            return read


def _digest(conn: psycopg.Connection[Any], projection: Projection, schema: str) -> Digest:
    with conn.transaction(), conn.cursor(row_factory=tuple_row) as cursor:
        cursor.execute("set transaction isolation level repeatable read, read only")
        row = cursor.execute(REACHED, (schema,)).fetchone()
        return Digest(row[0] if row else 0, hashed(cursor, projection, schema))


def hashed(cursor: psycopg.Cursor[Any], projection: Projection, schema: str) -> str:
    """The hash of ``Digest``, of the tables of a schema as the cursor's transaction sees them."""
    sha256 = hashlib.sha256()
    for table, key in projection.keys.items():
        sha256.update(table.encode())
        rows = sql.SQL("copy (select * from {}.{} order by {}) to stdout (format binary)")
        with cursor.copy(rows.format(sql.Identifier(schema), sql.Identifier(table), sql.SQL(key))) as copy:
            for data in copy:
                sha256.update(data)
    return sha256.hexdigest()


def _built(conn: psycopg.Connection[Any], schema: str) -> datetime | None:
    """When the tables that bear this name came to bear it."""
    with conn.cursor(row_factory=tuple_row) as cursor:
        row = cursor.execute("select rebuilt_at from tracking.projections where name = %s", (schema,)).fetchone()
    return row[0] if row else None


def status(conn: psycopg.Connection[Any], projections: Iterable[Projection], heads: Mapping[str, int]) -> list[Status]:
    """Where each read model stands. heads: log to its last position, asked for before this is called."""
    with conn.cursor(row_factory=tuple_row) as cursor:
        positions: dict[str, int] = dict(
            cursor.execute("select application_name, notification_id from tracking.positions").fetchall()
        )
        versions: dict[str, int] = dict(cursor.execute("select name, version from tracking.projections").fetchall())
        return [_status(cursor, p, positions, versions, heads[p.log]) for p in projections]


def _status(
    cursor: psycopg.Cursor[Any], p: Projection, positions: dict[str, int], versions: dict[str, int], head: int
) -> Status:
    position, stored = positions.get(p.name, 0), versions.get(p.name)
    failure = None
    if stored is None:
        state = "absent"
    else:
        row = cursor.execute(statement("select what from {schema}.failure", p.name)).fetchone()
        failure = row[0] if row else None
        if stored != p.version:
            state = "outdated" if stored < p.version else "newer"
        elif failure:
            state = "failed"
        else:
            state = "live" if _is_held(cursor, lock_key(p.name)) else "idle"
    return Status(
        name=p.name,
        version=p.version,
        stored_version=stored,
        log=p.log,
        position=position,
        head=max(head, position),
        lag_events=max(head - position, 0),
        state=state,
        rebuild=positions.get(p.next, 0) if p.next in versions else None,
        failure=failure,
    )


def _is_held(cursor: psycopg.Cursor[Any], key: int) -> bool:
    row = cursor.execute(
        "select exists (select from pg_catalog.pg_locks where locktype = 'advisory' and granted and objsubid = 1"
        " and (classid::bigint << 32) | objid::bigint = %s"
        " and database = (select oid from pg_catalog.pg_database where datname = current_database()))",
        (key,),
    ).fetchone()
    return bool(row and row[0])
