"""Guards of retention for a log that is older than they are: read from its events once, before anything is destroyed.

A migration cannot do it, since SQL opens no body. Invariant: that it was done stands in the database with what it
wrote, so it is done once, whoever comes first; and on a new database it never is.
"""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING, Any, Final

import psycopg
from psycopg.rows import tuple_row

from ledger.events.case import CaseOpened
from ledger.events.retention import KeyDestroyed
from ledger.store import disposing
from ledger.store.database import Database, Role, translated

if TYPE_CHECKING:
    from ledger.store.log import Log  # which sees to it before it destroys

DONE: Final = "retention guards"
PAGE_STREAMS: Final = 500


def are_filled(conn: psycopg.Connection[Any]) -> bool:
    """Whether they say what the log does. Raises psycopg.Error."""
    return conn.execute("select from tracking.positions where application_name = %s", (DONE,)).rowcount > 0


def fill(database: Database, log: Log) -> None:
    """See that the guards say what the log does. Raises StoreUnavailable, LogBroken."""
    with translated(), database.connect(Role.DISPOSER, name="sojourn retention") as conn:
        conn.autocommit = True
        if are_filled(conn):
            return
        said = _Said(conn, log)
        # The most of it without any lock: a log of years takes a while, and others go on writing.
        said.catch_up()
        with conn.transaction():
            # Under these two no case is opened or closed, and nothing is destroyed; in the order of a disposal.
            conn.execute("select from ledger.head for update")
            conn.execute("select from access.head for update")
            if are_filled(conn):
                return
            said.catch_up()
            said.write()
            conn.execute("insert into tracking.positions values (%s, 0)", (DONE,))


class _Said:
    """What was read so far: what was destroyed, and the records that each open case names."""

    def __init__(self, conn: psycopg.Connection[Any], log: Log) -> None:
        self._conn = conn
        self._log = log
        self._keys: dict[str, disposing.KeyGone] = {}
        self._stones: dict[str, disposing.Stone] = {}
        self._cases: dict[str, list[uuid.UUID]] = {}
        self._upto = 0

    def catch_up(self) -> None:
        """Read what came since."""
        ((upto,),) = self._rows("select position from ledger.head")
        streams = [stream for (stream,) in self._rows(_STREAMS, self._upto)]
        for start in range(0, len(streams), PAGE_STREAMS):
            self._read(streams[start : start + PAGE_STREAMS])
        open_cases = [str(case) for (case,) in self._rows("select case_id from ledger.open_cases order by 1")]
        self._cases = {case: self._cases[case] for case in open_cases if case in self._cases}
        streams = [f"case/{case}" for case in open_cases if case not in self._cases]
        for start in range(0, len(streams), PAGE_STREAMS):
            self._read(streams[start : start + PAGE_STREAMS], upto_version=1)
        self._upto = upto

    def write(self) -> None:
        """Write the guards, and have both logs tell of the last that was destroyed: of what stands there already, by
        whoever wrote it, nothing is written again."""
        disposing.say_gone(self._conn, list(self._keys.values()), list(self._stones.values()), again=True)
        for case, records in self._cases.items():
            self._conn.execute(_NAME, (case, records))
        last = max((position for *_, position in self._keys.values()), default=0)
        self._conn.execute("update ledger.head set disposals = greatest(disposals, %s)", (last,))
        self._conn.execute("update access.head set disposals = greatest(disposals, %s)", (last,))

    def _read(self, streams: list[str], upto_version: int | None = None) -> None:
        sealed = self._log.reader.events_of(self._conn, streams, lte=upto_version)
        for one in self._log.open(self._conn, sealed):
            event = one.event
            if isinstance(event, KeyDestroyed):
                self._keys |= {key[0]: key for key in disposing.keys_told(one.position, event)}
                self._stones |= {stone[0]: stone for stone in disposing.stones_told(one.position, event)}
            elif isinstance(event, CaseOpened):
                named = [uuid.UUID(concerned.anchor.record) for concerned in event.records]
                self._cases[one.stream.removeprefix("case/")] = named

    def _rows(self, query: Any, *params: object) -> list[tuple[Any, ...]]:
        return self._conn.cursor(row_factory=tuple_row).execute(query, params or None).fetchall()


_STREAMS: Final = (
    "select stream from ledger.heads where stream >= 'retention/' and stream < 'retention0' and position > %s"
    " order by stream"
)
_NAME: Final = "insert into ledger.case_records select %s::uuid, unnest(%s::uuid[]) on conflict do nothing"
