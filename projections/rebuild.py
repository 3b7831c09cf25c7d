"""Makes a read model again while it serves: the live path into a shadow, then a swap in one transaction.

The one invariant: readers see the old tables until the new ones reflect at least as much, and then the new ones whole.
There is no second code: the shadow is filled by the same fold, in the same batches, as the live tables.

A rebuild that ends early goes on where it stopped, since the shadow has a position of its own; where the tables must
hold nothing old (``anew``), it begins again.

Where it is asked to, it compares what it made with what it replaced, row by row, both as they are at one position
(``projections.comparing``): the snapshot is taken while the live tables stand still, and read after the swap, when
projector and readers go on.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, Final, Self

import msgspec
import psycopg
import structlog
from psycopg import sql

from ledger.errors import Conflict
from ledger.events import Recorded
from ledger.store import faults
from ledger.store.database import Database, Role, translated
from ledger.store.following import Interruption, connected, try_lock, wait_for_lock
from projections.comparing import Compared, compare
from projections.projection import Projection, statement
from projections.runner import BATCH_EVENTS_MAX, PROJECTED, BatchRunner, Readable, Tables, tracker

LEVEL_S: Final = 60.0
"""How long a comparison waits for the live tables to come as far as the shadow."""
_log = structlog.get_logger()

Progress = Callable[[int, int], None]
"""Called after every batch with the position reached and the head of the log."""


class Rebuilt(msgspec.Struct, frozen=True, kw_only=True):
    """What a rebuild did. position: that the new tables reflect. events: read by this run. swapped: false when it was
    told to stop, or when there was nothing to do; a later run goes on. compared: with the tables that it replaced; None
    where it was not asked to, or they were of another version, or could not be brought to the same position."""

    position: int
    events: int
    seconds: float
    swapped: bool
    compared: Compared | None = None


class Rebuild:
    """One rebuild of one read model."""

    def __init__(
        self,
        projection: Projection,
        database: Database,
        log: Readable,
        *,
        progress: Progress | None = None,
        stop: threading.Event | None = None,
        batch_events_max: int = BATCH_EVENTS_MAX,
        comparing: bool = False,
        anew: bool = False,
    ) -> None:
        """anew: what an earlier rebuild left is not gone on with: of what was destroyed since, old bytes are in it."""
        self._projection = projection
        self._anew = anew
        self._comparing = comparing
        self._database = database
        self._log = log
        self._progress = progress
        self._stop = stop or threading.Event()
        self._batch_events_max = batch_events_max
        self._tracker = tracker()
        self._shadow = Tables(projection, projection.next, self._tracker, log)
        self._events = 0

    def run(self) -> Rebuilt:
        """Rebuild now. Raises Conflict when another rebuild of it runs, StoreUnavailable, and what the fold raises."""
        with connected(self._database, self._projection.next) as conn, translated():
            if not try_lock(conn, self._projection.next):
                raise Conflict(
                    f"Read model {self._projection.name} is being rebuilt by another process.",
                    remedy="See `sojourn project status`.",
                )
            return self._rebuild(conn)

    def run_if_outdated(self) -> Rebuilt:
        """Rebuild when the live tables are of an older version; waits for another rebuild rather than run beside it."""
        began = time.monotonic()
        with (
            Interruption(self._stop) as interruption,
            connected(self._database, self._projection.next) as conn,
            interruption.of(conn),
            translated(),
        ):
            if self._is_outdated(conn):
                wait_for_lock(conn, self._projection.next, self._stop)
                if self._is_outdated(conn) and not self._stop.is_set():
                    return self._rebuild(conn)
        return Rebuilt(position=0, events=0, seconds=time.monotonic() - began, swapped=False)

    def _rebuild(self, conn: psycopg.Connection[Any]) -> Rebuilt:
        began = time.monotonic()
        self._open_shadow(conn)
        swapped, compared = False, None
        with _ReadAhead(self._log, self._batch_events_max) as ahead:
            while not self._stop.is_set() and not swapped:
                batch = ahead.read(self._shadow.position)
                if batch:
                    self._fold(conn, batch)
                if len(batch) < self._batch_events_max:
                    if self._is_comparable(conn):
                        compared = self._swap_and_compare(conn)
                    else:
                        self._swap(conn)
                    swapped = True
        if swapped:
            self._drop(conn, self._projection.old)
        return Rebuilt(
            position=self._shadow.position,
            events=self._events,
            seconds=time.monotonic() - began,
            swapped=swapped,
            compared=compared,
        )

    def _is_comparable(self, conn: psycopg.Connection[Any]) -> bool:
        """Whether the live tables are of this version, and have been brought as far as the shadow."""
        if not self._comparing or self._is_outdated(conn):
            return False
        live = BatchRunner(self._projection, self._database, self._log, batch_events_max=self._batch_events_max)
        try:
            return live.run_to(self._shadow.position, timeout_s=LEVEL_S, stop=self._stop) >= self._shadow.position
        except Exception as error:
            # Whatever keeps the live tables back, a fold that stops among it, is what they are rebuilt for.
            _log.warning("live tables cannot be compared", projection=self._projection.name, exc_info=error)
            return False

    def _swap_and_compare(self, conn: psycopg.Connection[Any]) -> Compared | None:
        with self._database.connect(Role.PROJECTOR) as beside, beside.transaction():
            beside.execute("set transaction isolation level repeatable read, read only")
            position = self._swap(conn, beside)
            if position is None:
                return None
            # A name is looked up as it stands now, and the rows as they stood when the snapshot was taken.
            return compare(beside, self._projection, self._projection.old, self._projection.name, position)

    def _open_shadow(self, conn: psycopg.Connection[Any]) -> None:
        """The shadow that an earlier run left, if it is of our version and may be gone on with; else a new one."""
        self._drop(conn, self._projection.old)
        Tables(self._projection, self._projection.name, self._tracker, self._log).create(conn)
        with conn.transaction():
            version = self._tracker.hold(conn, self._projection.next).version
        if self._anew or version != self._projection.version:
            self._drop(conn, self._projection.next)
        self._shadow.create(conn)
        self._shadow.resume(conn)

    def _fold(self, conn: psycopg.Connection[Any], batch: Sequence[Recorded]) -> None:
        if self._shadow.apply(conn, batch):
            self._events += len(batch)
        else:
            self._shadow.resume(conn)
        if self._progress:
            self._progress(self._shadow.position, max(self._log.head(), self._shadow.position))

    def _swap(self, conn: psycopg.Connection[Any], beside: psycopg.Connection[Any] | None = None) -> int | None:
        """Put the shadow in the place of the live tables.

        The live projector needs the row that is held here for every batch, so the live tables stand still meanwhile,
        and what the shadow lacks of them is a few events. beside: takes its snapshot when both are at one position,
        which is returned; None where they are not.
        """
        live, shadow, old = self._projection.name, self._projection.next, self._projection.old
        try:
            with conn.transaction():
                conn.execute("set local synchronous_commit = on")
                held = self._tracker.hold(conn, live)
                level = self._level(beside, held.position) if beside is not None else None
                self._tracker.hold(conn, shadow)
                while self._shadow.position < held.position:
                    batch = self._log.read(self._shadow.position, self._batch_events_max)
                    self._shadow.write(conn, batch)
                    self._shadow.position = batch[-1].position
                    self._events += len(batch)
                _rename(conn, live, old)
                _rename(conn, shadow, live)
                # Nothing is visible yet: a process that ends here leaves live tables and shadow as they were.
                faults.point("rebuild.in-swap")
                conn.execute(
                    "update tracking.positions set notification_id = %s where application_name = %s",
                    (self._shadow.position, live),
                )
                conn.execute("delete from tracking.positions where application_name = %s", (shadow,))
                conn.execute("delete from tracking.projections where name = %s", (live,))
                conn.execute(
                    "update tracking.projections set name = %s, rebuilt_at = clock_timestamp() where name = %s",
                    (live, shadow),
                )
                conn.execute("select pg_notify(%s, %s)", (PROJECTED, f"{live}:{self._shadow.position}"))
        except BaseException:
            self._shadow.forget()
            raise
        return level

    def _level(self, beside: psycopg.Connection[Any], position: int) -> int | None:
        """Bring the shadow to the position that the live tables are held at, where others see it; then let ``beside``
        look. A process that ends here leaves a shadow that is further on, and nothing else."""
        with connected(self._database, self._projection.next) as writing, translated():
            while self._shadow.position < position:
                batch = self._log.read(self._shadow.position, self._batch_events_max)
                batch = [recorded for recorded in batch if recorded.position <= position]
                if not self._shadow.apply(writing, batch):
                    self._shadow.resume(writing)
                    continue
                self._events += len(batch)
        beside.execute("select 1")
        return position if self._shadow.position == position else None

    def _drop(self, conn: psycopg.Connection[Any], schema: str) -> None:
        """Drop a copy that nobody is led to any more; waits for reads that began on it."""
        with conn.transaction():
            conn.execute("delete from tracking.positions where application_name = %s", (schema,))
            conn.execute("delete from tracking.projections where name = %s", (schema,))
            conn.execute(statement("drop schema if exists {schema} cascade", schema))

    def _is_outdated(self, conn: psycopg.Connection[Any]) -> bool:
        with conn.transaction():
            version = self._tracker.hold(conn, self._projection.name).version
        return version is not None and version < self._projection.version


class _ReadAhead:
    """Reads the next batch while the last one is folded: half of folding is waiting for PostgreSQL.

    What it read ahead may be short of the head by now; the swap looks again.
    """

    def __init__(self, log: Readable, batch_events_max: int) -> None:
        self._log = log
        self._batch_events_max = batch_events_max
        self._reader = ThreadPoolExecutor(1, thread_name_prefix="rebuild reads")
        self._after = 0
        self._ahead: Future[Sequence[Recorded]] | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._reader.shutdown(cancel_futures=True)

    def read(self, after: int) -> Sequence[Recorded]:
        """The events after a position. Raises what the log raises."""
        ahead, self._ahead = self._ahead, None
        if ahead is not None and self._after == after:
            batch = ahead.result()
        else:
            batch = self._log.read(after, self._batch_events_max)
        if len(batch) == self._batch_events_max:
            self._after = batch[-1].position
            self._ahead = self._reader.submit(self._log.read, self._after, self._batch_events_max)
        return batch


def _rename(conn: psycopg.Connection[Any], schema: str, to: str) -> None:
    conn.execute(sql.SQL("alter schema {} rename to {}").format(sql.Identifier(schema), sql.Identifier(to)))
