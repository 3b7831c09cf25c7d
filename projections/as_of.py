"""Rows of a read model together with the position that they reflect: one statement, so one snapshot.

The one invariant: what is said of a read model is true of the very tables that the rows come from. A position that was
heard of apart from the rows may be ahead of them: on a replica that lags behind, and after a crash of PostgreSQL, which
takes what a projector had committed and announced and what had not reached the disk.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final, LiteralString, NamedTuple

import psycopg
from psycopg.rows import tuple_row

from ledger.errors import StoreUnavailable

ATTEMPTS_MAX: Final = 5
"""How often a statement is begun anew because a rebuild put other tables in the place of those that it names."""


class AsOf(NamedTuple):
    """position: of the last event of its log that the rows reflect. version: ``projection.version`` of the tables."""

    position: int
    version: int


def query(name: LiteralString, table: LiteralString, rows: LiteralString, order: LiteralString = "") -> LiteralString:
    """The statement for ``ask``: ``rows`` (whose first column is never null), each behind position and version.

    A name is looked up when a statement is parsed, and its snapshot is taken after that. A swap that commits in between
    would have the new tables' position told of the old tables' rows. So the first thing that is looked up is a table
    itself, and in the snapshot it must still be the one that bears the read model's name; else no row comes at all.
    """
    return (
        "with model as materialized ("
        "select p.notification_id as reached, v.version from pg_catalog.pg_class c"
        f" join pg_catalog.pg_namespace n on n.oid = c.relnamespace and n.nspname = '{name}'"
        f" join tracking.positions p on p.application_name = '{name}'"
        f" join tracking.projections v on v.name = '{name}'"
        f" where c.oid = '{name}.{table}'::pg_catalog.regclass"
        f") select model.*, found.* from model left join ({rows}) as found on true{order}"
    )


async def ask(
    conn: psycopg.AsyncConnection[Any], statement: LiteralString, parameters: Sequence[Any] | Mapping[str, Any]
) -> tuple[AsOf, list[tuple[Any, ...]]]:
    """What the rows reflect, also where there is none, and the rows. conn: in autocommit.

    Raises StoreUnavailable where one rebuild after the other is swapped in.
    """
    cursor = conn.cursor(binary=True, row_factory=tuple_row)
    for _ in range(ATTEMPTS_MAX):
        if found := await (await cursor.execute(statement, parameters)).fetchall():
            return _parted(found)
    raise _replaced()


def ask_now(
    conn: psycopg.Connection[Any], statement: LiteralString, parameters: Sequence[Any] | Mapping[str, Any]
) -> tuple[AsOf, list[tuple[Any, ...]]]:
    """As ``ask``, for the command line."""
    cursor = conn.cursor(binary=True, row_factory=tuple_row)
    for _ in range(ATTEMPTS_MAX):
        if found := cursor.execute(statement, parameters).fetchall():
            return _parted(found)
    raise _replaced()


def _parted(found: list[tuple[Any, ...]]) -> tuple[AsOf, list[tuple[Any, ...]]]:
    return AsOf(found[0][0], found[0][1]), [row[2:] for row in found if row[2] is not None]


def _replaced() -> StoreUnavailable:
    return StoreUnavailable("The read model is being replaced by a rebuilt one.", remedy="Ask again in a moment.")
