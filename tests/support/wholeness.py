"""Whether a database is whole after a fault: positions, versions and guards by plain SQL, read models by digest."""

from __future__ import annotations

from typing import Any, LiteralString

import psycopg
from psycopg.sql import SQL, Identifier

from ledger.events import Event
from ledger.ids import Uuid7Source
from ledger.store.database import Role
from ledger.store.log import Log
from projections.projection import Projection, digest
from projections.rebuild import Rebuild
from projections.runner import BatchRunner
from support.service_processes import Store


def assert_whole(conn: psycopg.Connection[Any], log: str = "ledger") -> int:
    """Positions are 1 to the head, versions 1 to each stream's head, times never go back. Returns the head."""
    with conn.transaction():
        # One snapshot, since others may be writing.
        conn.execute("set transaction isolation level repeatable read, read only")
        ((head,),) = _rows(conn, log, "select position from {log}.head")
        numbered = "select count(*), coalesce(min(position), 1), coalesce(max(position), 0) from {log}.events"
        assert _rows(conn, log, numbered) == [(head, 1, head)]
        for what, query in _NONE_OF.items():
            assert not _rows(conn, log, query), what
        if log == "ledger":
            for what, query in _NO_GUARD.items():
                assert not _rows(conn, log, query), what
    return head


_NONE_OF: dict[str, LiteralString] = {
    "a stream whose head is not what its events say": """
        select stream
          from (select stream, count(*) as events, count(distinct version) as versions, max(version) as version,
                       max(position) as position
                  from {log}.events group by stream) e
          full join {log}.heads h using (stream)
         where (e.events, e.versions, e.version, e.position)
            is distinct from (h.version, h.version, h.version, h.position)""",
    "an event recorded before the one before it": """
        select position
          from (select position, recorded_at, lag(recorded_at) over (order by position) as before from {log}.events) e
         where recorded_at < before""",
}
_NO_GUARD: dict[str, LiteralString] = {
    "a record without its stream, or a stream without its record": """
        select r.record_id
          from ledger.records r
          full join (select stream from ledger.heads where stream like 'record/%') h
            on h.stream = 'record/' || r.record_id
          left join ledger.tombstones t on h.stream = 'record/' || t.subject
         where r.record_id is null and t.subject is null or h.stream is null""",
    "an answer that names a position that is not there": """
        select key from ledger.answers where position > (select position from ledger.head)""",
}


def events_by_student(store: Store) -> dict[str, list[Event]]:
    """Every record's events, opened, by its state student id."""
    with store.ledger() as ledger:
        with store.database.connect(Role.WRITER) as conn:
            names = dict(conn.execute("select 'record/' || record_id, state_student_id from ledger.records").fetchall())
        told: dict[str, list[Event]] = {name: [] for name in names.values()}
        for recorded in ledger.log.read(0, ledger.log.head()):
            if recorded.stream in names:
                told[names[recorded.stream]].append(recorded.event)
        return told


def assert_read_model_is_the_fold(store: Store, projection: Projection) -> None:
    """What the live tables hold once they have caught up is what a rebuild from the beginning makes."""
    log = Log(projection.log, store.database, store.vault, Uuid7Source(lambda: 0, bytes), role=Role.PROJECTOR)
    try:
        reached = BatchRunner(projection, store.database, log).catch_up(timeout_s=60)
        assert reached >= log.head()
        with store.database.connect(Role.PROJECTOR) as conn:
            live = digest(conn, projection)
            rebuilt = Rebuild(projection, store.database, log).run()
            assert rebuilt.swapped
            assert rebuilt.events >= live.position
            assert digest(conn, projection) == live
    finally:
        log.close()


def _rows(conn: psycopg.Connection[Any], log: str, query: LiteralString) -> list[tuple[Any, ...]]:
    return conn.execute(SQL(query).format(log=Identifier(log))).fetchall()
