"""Whether idempotency answers can be what they say: given at a position of one of the logs, at the instant of it.

Reads only. More does not follow: of a request there is a keyed hash alone, and answers go after ninety days.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import psycopg
from psycopg.rows import tuple_row


def faults(conn: psycopg.Connection[Any]) -> Iterator[str]:
    """What is wrong, a sentence each, by the position alone: a key is its sender's. conn: as the writer, who alone may
    read them, in autocommit."""
    with conn.transaction(), conn.cursor(name="answers", row_factory=tuple_row) as cursor:
        for position, at in cursor.execute(_MISPLACED):
            yield f"An answer given at {at.isoformat()} names position {position}, at which no log was then."


_MISPLACED = """
select a.position, a.answered_at from ledger.answers a
 where not (a.position between 0 and (select position from ledger.head)
        and a.answered_at >= coalesce((select recorded_at from ledger.events where position = a.position), '-infinity')
        and a.answered_at <= coalesce((select recorded_at from ledger.events where position = a.position + 1),
                                      (select recorded_at from ledger.head)))
   and not (a.position between 0 and (select position from access.head)
        and a.answered_at >= coalesce((select recorded_at from access.events where position = a.position), '-infinity')
        and a.answered_at <= coalesce((select recorded_at from access.events where position = a.position + 1),
                                      (select recorded_at from access.head)))
 order by a.answered_at
"""
