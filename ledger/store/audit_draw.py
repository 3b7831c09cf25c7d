"""What the audit of a month draws from: where in the log a month begins, and records of the matcher's tables by chance.

Reads, and writes nothing.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

import psycopg
from psycopg.rows import tuple_row

from ledger.events.policy import PolicyPublished


def first_published(conn: psycopg.Connection[Any]) -> datetime | None:
    """When a policy was published for the first time; None where none ever was: nothing was linked by any."""
    query = "select recorded_at from ledger.events where stream = 'policies' and topic = %s order by version limit 1"
    row = _one(conn, query, (PolicyPublished.topic,))
    return None if row is None else row[0]


def position_at(conn: psycopg.Connection[Any], at: datetime, head: int) -> int:
    """The last position before an instant; 0 where there is none. Found by halves, since positions are in the order of
    time and no index is by it."""
    before, behind = 0, head + 1
    while behind - before > 1:
        middle = (before + behind) // 2
        row = _one(conn, "select recorded_at < %s from ledger.events where position = %s", (at, middle))
        if row is not None and row[0]:
            before = middle
        else:
            behind = middle
    return before


def by_chance(conn: psycopg.Connection[Any], month: str, limit: int) -> list[str]:
    """Records that the matcher compares, drawn by their place in the line of a month."""
    query = (
        "select record_id::text from matching.people"
        " order by sha256(convert_to(%s || record_id::text, 'UTF8')) limit %s"
    )
    return [row[0] for row in conn.cursor(row_factory=tuple_row).execute(query, (f"{month}\n", limit)).fetchall()]


def _one(conn: psycopg.Connection[Any], query: Any, values: tuple[object, ...]) -> tuple[Any, ...] | None:
    return conn.cursor(row_factory=tuple_row).execute(query, values).fetchone()
