"""Whether PostgreSQL is set so that what it acknowledges stays, and what is destroyed goes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

import psycopg
from psycopg.rows import tuple_row

Found = tuple[bool | None, str, str]
"""Whether it is as it must be (None: somebody should know), what was found, and the remedy."""

_SETTINGS: Final = (
    ("fsync", "on", False, "what was answered as recorded may be lost with the power"),
    ("full_page_writes", "on", False, "a crash may leave pages that are half new and half old"),
    ("synchronous_commit", "on", False, "what was answered as recorded may be lost in a crash"),
    ("wal_recycle", "off", None, "old WAL segments keep bytes of what was destroyed until they are written over"),
    ("log_error_verbosity", "terse", None, "details of errors quote rows, so PostgreSQL's log may hold a child's data"),
)


def look(conn: psycopg.Connection[Any]) -> Iterator[Found]:
    """What is set otherwise, or that nothing is. Raises psycopg.Error."""
    query = "select name, setting from pg_settings where name = any(%s)"
    values = dict(conn.cursor(row_factory=tuple_row).execute(query, ([name for name, *_ in _SETTINGS],)).fetchall())
    fine = True
    for name, wanted, otherwise, why in _SETTINGS:
        # The projector's own connections, and ours, may commit without waiting: asked is the server's default.
        there = values.get(name)
        good = there == wanted or (name == "synchronous_commit" and there in {"local", "remote_write", "remote_apply"})
        if not good:
            fine = False
            yield otherwise, f"{name} is {there}: {why}.", f"Set {name} = {wanted} in postgresql.conf and reload."
    if fine:
        yield True, "The server keeps what it acknowledges.", ""
