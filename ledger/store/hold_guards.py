"""Guards of holds: which there are, and which of them are not released. A fold of the holds' streams.

Invariant: a hold has a row from the append that places it, and that row says since the append that releases it that it
holds no more. What it is over, and whether its last day is over, is for whoever asks, by its stream.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from typing import Any

import psycopg
from psycopg.rows import tuple_row

from ledger.store.append import HoldStanding


def write(conn: psycopg.Connection[Any], standings: Iterable[HoldStanding]) -> None:
    """Bring the guards to what the appends of one transaction say, in their order."""
    cursor = conn.cursor(binary=True)
    for one in standings:
        cursor.execute(_STAND, (uuid.UUID(one.hold), one.released), prepare=True)


def not_released(conn: psycopg.Connection[Any]) -> list[str]:
    """Ids of all holds that nobody has released, those whose last day is over among them."""
    query = "select hold from ledger.holds where not released order by hold"
    return [str(row[0]) for row in conn.cursor(row_factory=tuple_row).execute(query).fetchall()]


def placed(conn: psycopg.Connection[Any]) -> list[str]:
    """Ids of all holds that there ever were."""
    query = "select hold from ledger.holds order by hold"
    return [str(row[0]) for row in conn.cursor(row_factory=tuple_row).execute(query).fetchall()]


_STAND = (
    "insert into ledger.holds (hold, released) values (%s, %s)"
    " on conflict (hold) do update set released = excluded.released"
)
