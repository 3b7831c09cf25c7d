"""The smallest read model, which positions it has seen, and what tests of the machinery do with it."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import psycopg

from ledger.application import Ledger
from ledger.events import Recorded
from ledger.events.record import EVENTS
from ledger.store.database import Database
from projections.projection import Projection, statement
from projections.runner import BatchRunner, Readable
from support.logs import append
from support.telling import opened, record_uuid

PROMPT_S = 2.0


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


def tell(ledger: Ledger, *numbers: int) -> int:
    """Open records; the last position."""
    return [append(ledger.log, f"record/{record_uuid(n)}", opened(n)) for n in numbers][-1]


@contextmanager
def writing(ledger: Ledger) -> Iterator[None]:
    """Somebody tells two events after the other, without a pause, for as long as the block runs."""
    over = threading.Event()

    def write() -> None:
        number = 1000
        while not over.is_set():
            tell(ledger, number, number + 1)
            number += 2

    writer = threading.Thread(target=write)
    writer.start()
    try:
        yield
    finally:
        over.set()
        writer.join()


def until(condition: Callable[[], bool], timeout_s: float = 10.0) -> None:
    """Return as soon as it holds."""
    deadline = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline, "it never came"
        time.sleep(0.005)


@contextmanager
def following(projection: Projection, database: Database, log: Readable) -> Iterator[BatchRunner]:
    """A projector in a thread, told to stop at the end of the block, which it must do promptly."""
    runner = BatchRunner(projection, database, log, batch_events_max=3)
    stop = threading.Event()
    thread = threading.Thread(target=runner.follow, args=(stop,))
    thread.start()
    try:
        yield runner
    finally:
        stop.set()
        thread.join(PROMPT_S)
        assert not thread.is_alive(), "it did not stop promptly"


def end_connections(database: Database, projection: str) -> int:
    """Cut the projectors' connections, as if the network or their processes had gone; how many there were."""
    with database.connect() as admin:
        rows = admin.execute(
            "select pg_terminate_backend(pid) from pg_stat_activity where application_name like %s"
            " and datname = current_database()",
            (f"sojourn % {projection}",),
        )
        return len(rows.fetchall())
