"""Which disposals were ever proposed, told by the clear columns of events."""

from __future__ import annotations

from typing import Any

import psycopg
from psycopg.rows import tuple_row


def disposals(conn: psycopg.Connection[Any], before: int, limit: int) -> list[tuple[str, int]]:
    """Disposals that were proposed, with the position of that, the last one first. before: a position."""
    rows = conn.cursor(row_factory=tuple_row).execute(_DISPOSALS, (before, limit)).fetchall()
    return [(stream.partition("/")[2], position) for stream, position in rows]


_DISPOSALS = """
select e.stream, e.position from ledger.heads h
join ledger.events e on e.stream = h.stream and e.version = 1 and e.topic = 'disposal-proposed.v1'
where h.stream >= 'retention/' and h.stream < 'retention0' and e.position < %s
order by e.position desc limit %s
"""
