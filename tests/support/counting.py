"""The smallest read model: which positions it has seen. For tests of the machinery."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import psycopg

from ledger.events import Recorded
from ledger.events.record import EVENTS
from projections.projection import Projection, statement


def fold(cursor: psycopg.Cursor[Any], schema: str, batch: Sequence[Recorded]) -> None:
    """A row for each event; an event that is seen twice breaks the primary key."""
    cursor.execute(
        statement("insert into {schema}.seen (position) select * from unnest(%s::bigint[])", schema),
        ([recorded.position for recorded in batch],),
    )


def counting(version: int = 1, fold: Callable[..., None] = fold) -> Projection:
    """Its declaration, with another fold where a test wants one."""
    return Projection(
        name="counting",
        version=version,
        log="ledger",
        events=frozenset(EVENTS),
        tables="create table {schema}.seen (position bigint primary key)",
        keys={"seen": "position"},
        fold=lambda: fold,
    )


def seen(conn: psycopg.Connection[Any], schema: str = "counting") -> list[int]:
    """The positions that the read model has seen."""
    rows = conn.execute(statement("select position from {schema}.seen order by position", schema)).fetchall()
    return [row[0] for row in rows]
