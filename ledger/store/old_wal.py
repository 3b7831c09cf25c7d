"""Old write-ahead log: goes, or is named with what keeps it. Until it goes, what was destroyed can be read in it.

Invariant: afterwards no file of the log holds what was written before this began. Segments that PostgreSQL put by to
use again (``wal_recycle``) keep their old bytes until they are written over: so they are, with zeros, as a switch does
it for what is left of a segment.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any, Final

import psycopg
from psycopg import errors as pg
from psycopg.rows import tuple_row

PAUSE_S: Final = 0.5
Kept = tuple[str, str, str]
"""What may hold old bytes, why, and the remedy."""


def drop_old_wal(admin: psycopg.Connection[Any], wait_s: float) -> tuple[int, list[Kept]]:
    """How many segments went, and what is left. admin: a superuser, or who may checkpoint, switch and list segments."""
    try:
        boundary = _current(admin)
        before = {name for name, number in _segments(admin) if number <= boundary}
        deadline = time.monotonic() + wait_s
        while True:
            # What is written before the first checkpoint needs the old segments for a recovery; the second is behind
            # the switch, so nothing needs them any more.
            admin.execute("checkpoint")
            _switch(admin)
            admin.execute("checkpoint")
            left = sorted(name for name, number in _segments(admin) if number <= boundary)
            if not left or time.monotonic() > deadline:
                break
            time.sleep(PAUSE_S)
        _write_over(admin)
    except pg.InsufficientPrivilege:
        return 0, [_NOT_ALLOWED]
    gone = len(before - set(left))
    return gone, [("write-ahead log", f"{len(left)} old segments: {why}", remedy) for why, remedy in _why(admin, left)]


def _write_over(admin: psycopg.Connection[Any]) -> None:
    """Go through every segment that is put by, and the one that we are in, which may have been."""
    last = max([_current(admin), *(number for _, number in _segments(admin))])
    while _current(admin) <= last:
        _switch(admin)


def _switch(admin: psycopg.Connection[Any]) -> None:
    # Where nothing was written since the last one, a switch does nothing.
    admin.execute("select pg_catalog.pg_logical_emit_message(false, 'sojourn', 'scrub')")
    admin.execute("select pg_catalog.pg_switch_wal()")


def _current(admin: psycopg.Connection[Any]) -> int:
    """Number of the segment that is written."""
    row = admin.cursor(row_factory=tuple_row).execute(_CURRENT).fetchone()
    assert row is not None
    return int(row[0])


def _segments(admin: psycopg.Connection[Any]) -> list[tuple[str, int]]:
    """Name and number of each, of whatever timeline."""
    cursor = admin.cursor(row_factory=tuple_row)
    size = int(cursor.execute(_SIZE).fetchall()[0][0])
    names = cursor.execute("select name from pg_catalog.pg_ls_waldir() where name ~ '^[0-9A-F]{24}$'").fetchall()
    return [(name, int(name[8:16], 16) * ((1 << 32) // size) + int(name[16:], 16)) for (name,) in names]


def _why(admin: psycopg.Connection[Any], left: list[str]) -> Iterator[tuple[str, str]]:
    """What keeps segments, and the remedy; that nobody knows, where nothing of that is found."""
    if not left:
        return
    cursor = admin.cursor(row_factory=tuple_row)
    found = cursor.execute(_KEEPERS, {"last": left[-1]}).fetchall()
    if int(cursor.execute("show server_version_num").fetchall()[0][0]) >= 170000:
        found += cursor.execute(_SUMMARIZER, {"last": left[-1]}).fetchall()
    yield from found or [("PostgreSQL does not say why it keeps them.", "Run this again in some minutes.")]


_NOT_ALLOWED: Final[Kept] = (
    "write-ahead log",
    "The user of SOJOURN_DATABASE_URL may not checkpoint, switch segments or list them.",
    "Run this as a superuser, or grant pg_checkpoint, pg_monitor and execute on pg_switch_wal() to that user.",
)
_CURRENT: Final = """
    select pg_catalog.trunc((pg_catalog.pg_current_wal_insert_lsn() - '0/0'::pg_lsn)
           / (select setting::numeric from pg_catalog.pg_settings where name = 'wal_segment_size'))
"""
_SIZE: Final = "select setting from pg_catalog.pg_settings where name = 'wal_segment_size'"
_KEEPERS: Final = """
    select 'replication slot ' || slot_name || ' has not taken them.', 'See that its reader follows, or drop the slot.'
      from pg_catalog.pg_replication_slots
     where restart_lsn is not null and pg_catalog.pg_walfile_name(restart_lsn) <= %(last)s
    union all
    select 'wal_keep_size is ' || pg_catalog.current_setting('wal_keep_size') || '.',
           'Set wal_keep_size to 0 while this runs; a replica that is behind is better held by a slot.'
     where (select setting from pg_catalog.pg_settings where name = 'wal_keep_size') <> '0'
    union all
    select 'the archive has not taken them.', 'See why archive_command fails; then run this again.'
      from pg_catalog.pg_stat_archiver
     where pg_catalog.current_setting('archive_mode') <> 'off' and coalesce(last_archived_wal, '') < %(last)s
"""
_SUMMARIZER: Final = """
    select 'they are not summarized yet (summarize_wal).', 'Run this again in a minute.'
      from pg_catalog.pg_get_wal_summarizer_state()
     where pg_catalog.current_setting('summarize_wal') = 'on' and pg_catalog.pg_walfile_name(summarized_lsn) <= %(last)s
"""
