"""Scrubbing: old bytes of rows that are gone leave PostgreSQL's files too. Deleting a row leaves them in the heap, the
indexes, the write-ahead log; a key that can be read there again was not destroyed.

Invariant: it never says that all is gone where it could not see that. Whatever keeps old bytes, or may, is named with
the remedy, and scrubbing goes on with the rest. Nothing is marked on the way, so whoever was killed runs it again.

Rewritten is every table of ours but those of the events: what stands there is sealed, and stays. It runs beside a
service. A table is locked for as long as it is rewritten; one that somebody else holds is passed over and tried again,
so that no line of waiting requests forms behind us.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from typing import Any, Final, LiteralString, NamedTuple

import msgspec
import psycopg
from psycopg import errors as pg
from psycopg import sql
from psycopg.rows import tuple_row

from ledger.errors import Conflict
from ledger.store.database import Database, Role, translated
from ledger.store.old_files import stray_files
from ledger.store.old_wal import drop_old_wal

WAIT_S: Final = 60.0
"""How long it waits, at each of its steps, for whoever is in the way."""
LOCK_MS: Final = 2_000
"""How long requests may stand in line behind us for a table that somebody else holds. Longer than the second after
which PostgreSQL makes autovacuum give way."""
PAUSE_S: Final = 0.2
NONE_FRESH: Final[Mapping[str, int]] = {}

BEYOND: Final = (
    "Copies elsewhere are not reached: backups and archives of the write-ahead log, replicas' own logs, snapshots of",
    "the disk, swap, PostgreSQL's server log. Keep them for so many days as SOJOURN_BACKUP_DAYS says, and no longer.",
)
"""What no scrub can speak for: lines for people."""


class Left(msgspec.Struct, frozen=True, kw_only=True):
    """What may still hold old bytes. why: who or what keeps it. remedy: what to do before scrubbing again."""

    what: str
    why: str
    remedy: str


class Scrubbed(msgspec.Struct, frozen=True, kw_only=True):
    """What was done. tables: rewritten ones. bytes: their size before. wal_segments: of the write-ahead log, those that
    went. left: nothing where all that was destroyed before it began is gone from the database's files."""

    tables: int
    bytes: int
    wal_segments: int
    seconds: float
    left: list[Left] = []


Progress = Callable[[int, int], None]
"""Called with the bytes of the tables that are rewritten, and of all."""


class _Table(NamedTuple):
    oid: int
    schema: str
    name: str
    owner: str
    size: int


def scrub(
    database: Database,
    followers: Mapping[str, str],
    *,
    fresh: Mapping[str, int] = NONE_FRESH,
    wait_s: float = WAIT_S,
    progress: Progress | None = None,
) -> Scrubbed:
    """Scrub now. followers: read models, and reactors that delete, to the log that each follows. fresh: schemas whose
    tables were begun anew, each with ``last_disposal`` as it was before that. They are passed over where nothing was
    destroyed since: what went while they were filled stood in them, and its old bytes still do.

    Needs at least half the size of the largest table as free room. Raises Conflict where another scrub runs,
    StoreUnavailable (also where there is no room), Misconfigured.
    """
    began = time.monotonic()
    with _alone(database) as admin, translated():
        instant, last = _one(admin, "select clock_timestamp(), disposals from ledger.head")
        unspoilt = {schema for schema, behind in fresh.items() if behind == last}
        left = [*_behind(admin, followers)]
        left += _waited_for(admin, wait_s)
        done, held = _rewritten(database, admin, unspoilt, wait_s, progress or (lambda *_: None))
        left += [_held(table) for table in held]
        left += _statistics(admin)
        segments, kept = drop_old_wal(admin, wait_s)
        left += [Left(what=what, why=why, remedy=remedy) for what, why, remedy in kept]
        # After the checkpoints: a file that a table has left is there until the next one.
        left += [Left(what=what, why=why, remedy=remedy) for what, why, remedy in stray_files(admin, instant)]
    return Scrubbed(
        tables=len(done),
        bytes=sum(table.size for table in done),
        wal_segments=segments,
        seconds=time.monotonic() - began,
        left=left,
    )


def last_disposal(database: Database) -> int:
    """Position of the last one that is over. Raises StoreUnavailable, Misconfigured."""
    with database.connect(None, name=_NAME) as conn, translated():
        return _one(conn, "select disposals from ledger.head")[0]


# -- what would be copied with the rest


def _behind(admin: psycopg.Connection[Any], followers: Mapping[str, str]) -> Iterator[Left]:
    """Who has yet to hear of what was destroyed: there it stands in rows that are alive."""
    cursor = admin.cursor(row_factory=tuple_row)
    reached: dict[str, int] = dict(
        cursor.execute("select application_name, notification_id from tracking.positions").fetchall()
    )
    heads = {log: _one(admin, _HEADS[log])[0] for log in set(followers.values())}
    schemas = {row[0] for row in cursor.execute("select nspname from pg_catalog.pg_namespace").fetchall()}
    for name, log in sorted(followers.items()):
        there = [(name, "Run `sojourn project run`.")] if name in reached else []
        there += [(f"{name}__{copy}", f"Run `sojourn project rebuild {name}` to its end.") for copy in ("next", "old")]
        for copy, remedy in there:
            if copy == name or copy in schemas:
                position = reached.get(copy, 0)
                if position < heads[log]:
                    why = f"It is at position {position} of {heads[log]}: what was destroyed since stands in it."
                    yield Left(what=copy, why=why, remedy=remedy)


# -- who still sees it


def _waited_for(admin: psycopg.Connection[Any], wait_s: float) -> list[Left]:
    """Wait until nobody sees what was deleted before this began: what somebody sees is copied as if it were alive."""
    started = _one(admin, "select pg_catalog.pg_snapshot_xmax(pg_catalog.pg_current_snapshot())::xid::text")[0]
    deadline = time.monotonic() + wait_s
    while True:
        seeing = admin.cursor(row_factory=tuple_row).execute(_SEEING, {"started": started}).fetchall()
        if not seeing or time.monotonic() > deadline:
            return [
                Left(what="every table", why=f"What was deleted is still seen by {who}.", remedy=remedy)
                for who, remedy in seeing
            ]
        time.sleep(PAUSE_S)


# -- tables


def _rewritten(
    database: Database, admin: psycopg.Connection[Any], fresh: Collection[str], wait_s: float, progress: Progress
) -> tuple[list[_Table], list[_Table]]:
    """Those that were rewritten, and those that were not. The vault first: it opens all else."""
    tables = _tables(admin, fresh)
    total = sum(table.size for table in tables)
    done, refused = dict[int, _Table](), set[int]()
    deadline = time.monotonic() + wait_s
    with ExitStack() as stack:
        owners = {role.value: stack.enter_context(_rewriting(database, role)) for role in (Role.OWNER, Role.PROJECTOR)}
        while pending := [table for table in tables if table.oid not in done and table.oid not in refused]:
            for table in pending:
                try:
                    rewritten = _rewrite(owners[table.owner], table)
                except (pg.LockNotAvailable, pg.UndefinedTable, pg.InvalidSchemaName):
                    continue  # somebody holds it; or a rebuild has just put another in its place
                if rewritten:
                    done[table.oid] = table
                    progress(sum(one.size for one in done.values()), total)
                else:
                    refused.add(table.oid)
            if time.monotonic() > deadline:
                break
            tables = _tables(admin, fresh)
    # A rebuild that goes on makes tables for as long as we look; what it makes now holds nothing that is gone.
    there = {table.oid for table in _tables(admin, fresh)}
    return list(done.values()), [table for table in tables if table.oid in there and table.oid not in done]


def _rewrite(conn: psycopg.Connection[Any], table: _Table) -> bool:
    """Into a new file, with its TOAST and its indexes. A process that ends here leaves the old one in place, and maybe
    the new one as a stray: the next scrub names it."""
    name = sql.Identifier(table.schema, table.name)
    before = _file_of(conn, name.as_string(conn))
    # PostgreSQL only warns where the role may not, so what came of it is looked at.
    conn.execute(sql.SQL("vacuum (full) {}").format(name))
    return _file_of(conn, name.as_string(conn)) != before


def _statistics(admin: psycopg.Connection[Any]) -> Iterator[Left]:
    """What PostgreSQL copied of columns before somebody told it not to. It keeps none of what is a person's."""
    before = _file_of(admin, "pg_catalog.pg_statistic")
    admin.execute("vacuum (full) pg_catalog.pg_statistic")
    if _file_of(admin, "pg_catalog.pg_statistic") == before:
        yield Left(
            what="pg_catalog.pg_statistic",
            why="The user of SOJOURN_DATABASE_URL may not rewrite it.",
            remedy="Run this as a superuser, or as the owner of the database.",
        )


def _file_of(conn: psycopg.Connection[Any], table: str) -> object:
    return _one(conn, "select pg_catalog.pg_relation_filenode(%s::regclass)", table)[0]


def _held(table: _Table) -> Left:
    return Left(
        what=f"{table.schema}.{table.name}",
        why="Somebody else used it without a pause, or it is not ours to rewrite.",
        remedy="Run this again when less is going on; `sojourn doctor` says whether each table has its owner.",
    )


def _tables(admin: psycopg.Connection[Any], fresh: Collection[str]) -> list[_Table]:
    """The vault's first, then small ones first: what there is room for is done."""
    found = [_Table(*row) for row in admin.cursor(row_factory=tuple_row).execute(_TABLES).fetchall()]
    found = [table for table in found if table.schema not in fresh]
    return sorted(found, key=lambda table: (table.schema != "vault", table.size, table.oid))


@contextmanager
def _rewriting(database: Database, role: Role) -> Iterator[psycopg.Connection[Any]]:
    with database.connect(role, name=_NAME) as conn:
        conn.execute(f"set lock_timeout = {LOCK_MS}".encode())
        conn.execute("set statement_timeout = 0")
        yield conn


# -- one at a time


@contextmanager
def _alone(database: Database) -> Iterator[psycopg.Connection[Any]]:
    """The administrator's connection, which holds the lock. Raises Conflict."""
    with database.connect(None, name=_NAME) as conn:
        conn.execute("set statement_timeout = 0")
        if not _one(conn, "select pg_catalog.pg_try_advisory_lock(hashtextextended('retention scrub', 0))")[0]:
            raise Conflict("Another scrub of this database runs.", remedy="Wait until it has ended.")
        yield conn


def _one(conn: psycopg.Connection[Any], query: LiteralString, *params: object) -> tuple[Any, ...]:
    row = conn.cursor(row_factory=tuple_row).execute(query, params).fetchone()
    assert row is not None
    return row


_NAME: Final = "sojourn retention scrub"
_HEADS: Final[Mapping[str, LiteralString]] = {
    "ledger": "select position from ledger.head",
    "access": "select position from access.head",
}
_TABLES: Final = """
    select c.oid::int8, n.nspname::text, c.relname::text, r.rolname::text, pg_catalog.pg_total_relation_size(c.oid)
      from pg_catalog.pg_class c join pg_catalog.pg_namespace n on n.oid = c.relnamespace
      join pg_catalog.pg_roles r on r.oid = c.relowner
     where c.relkind = 'r' and c.relpersistence <> 't' and not c.relispartition
       and r.rolname in ('sojourn_owner', 'sojourn_projector')
       -- Positions, hashes and signatures: of these, and of the events, nothing is ever destroyed.
       and n.nspname not in ('tracking', 'proofs', 'access') and (n.nspname, c.relname) not in (
           ('ledger', 'head'), ('ledger', 'heads'))
"""
# A session of another user tells nothing of what it sees, and so may see everything.
_SEEING: Final = """
    select 'process ' || pid || ' (' || coalesce(nullif(application_name, ''), backend_type, 'unknown') || ')',
           'End it, or wait for it; then run this again.'
      from pg_catalog.pg_stat_activity
     where pid <> pg_catalog.pg_backend_pid() and backend_type is distinct from 'autovacuum worker'
       and (datname is null or datname = pg_catalog.current_database())
       and greatest(pg_catalog.age(backend_xmin), pg_catalog.age(backend_xid)) > pg_catalog.age(%(started)s::xid)
    union all
    select 'process ' || pid || ', perhaps: its user is another',
           'Let the user of SOJOURN_DATABASE_URL look: grant pg_read_all_stats to it.'
      from pg_catalog.pg_stat_activity
     where datname = pg_catalog.current_database() and query = '<insufficient privilege>'
    union all
    select 'replication slot ' || slot_name, 'See that its replica follows, or drop the slot.'
      from pg_catalog.pg_replication_slots where pg_catalog.age(xmin) > pg_catalog.age(%(started)s::xid)
    union all
    select 'prepared transaction ' || gid, 'Commit it or roll it back.'
      from pg_catalog.pg_prepared_xacts
     where database = pg_catalog.current_database()
       and pg_catalog.age(transaction) > pg_catalog.age(%(started)s::xid)
"""
