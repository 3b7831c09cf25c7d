"""The next partition of a log, ready before the head comes to it."""

from __future__ import annotations

from typing import Any

import psycopg
from psycopg.errors import LockNotAvailable
from psycopg.rows import tuple_row


def partition_ahead(conn: psycopg.Connection[Any], log: str) -> int:
    """Make the next partition where the head has passed the middle of the last one. conn: as ``commit_group`` takes it.

    A new partition locks the whole table for a moment. Behind a long reader that lock, and everybody who queues up
    after it, would wait; so it waits for a tenth of a second and is given up, to be tried again a little further on.
    Returns the position from which on it is worth asking again. Raises psycopg.Error.
    """
    head, end, rows = _fetch(conn, _PARTITIONS, log)
    if head >= end - rows // 2:
        try:
            with conn.transaction():
                conn.execute("set local lock_timeout = '100ms'")
                # Under the lock, since another process may have been faster.
                head, end, rows = _fetch(conn, f"{_PARTITIONS} for update", log)
                if head >= end - rows // 2:
                    (end,) = _fetch(conn, "select {log}.add_partition()", log)
        except LockNotAvailable:
            return head + max(1, rows // 64)
    return end - rows // 2


def _fetch(conn: psycopg.Connection[Any], query: str, log: str) -> tuple[Any, ...]:
    assert log.isidentifier()
    row = conn.cursor(row_factory=tuple_row).execute(query.replace("{log}", log).encode()).fetchone()
    assert row is not None
    return row


_PARTITIONS = "select position, partitions_end, partition_rows from {log}.head"
