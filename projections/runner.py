"""Follows a log and folds it into a read model: batch by batch, rows and position in one transaction.

The one invariant: a read model's rows and its position are never apart, and one projector writes at a time. A
projector has one connection; on it stand its lock, its transactions and its ear for new events, so that whoever loses
the connection loses all three at once, and whoever waits for the lock takes over in that moment.

No timer decides that an event does not exist: the projector listens before its last look at the log, and an event
that the look did not find announces itself afterwards.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from datetime import datetime
from functools import cache
from typing import Any, NamedTuple, Protocol

import psycopg
import structlog
from eventsourcing.persistence import Tracking
from eventsourcing.postgres import PostgresDatastore, PostgresTrackingRecorder
from psycopg import sql
from psycopg.rows import dict_row, tuple_row

from ledger import telemetry
from ledger.errors import Misconfigured, ProjectionBehind
from ledger.events import Recorded
from ledger.store import faults
from ledger.store.database import Database, translated
from ledger.store.datastore import RoleDatastore
from ledger.store.following import Interruption, connected, is_passing, lock_key, try_lock, wait_for_lock
from projections.gone import Gone, apart
from projections.projection import Fold, Projection, reached, statement

BATCH_EVENTS_MAX = 5_000
PROJECTED = "projected"
"""Channel on which every batch is announced, as ``NAME:POSITION``, when it is committed."""

_BACKOFF_S = (0.1, 5.0)
_log = structlog.get_logger()


class Readable(Protocol):
    """What a projector needs of an event log. channel: on which PostgreSQL announces what was appended."""

    channel: str

    def read(self, after: int, limit: int) -> Sequence[Recorded]:
        """Events after a position, in order, without gaps. Raises StoreUnavailable, IntegrityBroken."""
        ...

    def read_left(self, streams: Sequence[str], upto: int) -> Sequence[Recorded]:
        """Events of streams up to a position, in order, ``Erased`` where their keys are gone by now. Raises as
        ``read``."""
        ...

    def head(self) -> int: ...


class Held(NamedTuple):
    """A read model's row of tracking, locked until the end of the transaction.

    built: when these tables came to serve; another value means that others stand in their place.
    """

    position: int
    version: int | None
    built: datetime | None


class Tracker(PostgresTrackingRecorder):
    """The event-sourcing library's tracking table, moved inside the projector's own transaction."""

    def __init__(self, datastore: PostgresDatastore) -> None:
        super().__init__(datastore, tracking_table_name="positions")

    def knows(self, conn: psycopg.Connection[Any], name: str) -> bool:
        """Whether a copy was made; one look, that holds nobody up."""
        with conn.cursor(row_factory=tuple_row) as cursor:
            found = cursor.execute("select version from tracking.projections where name = %s", (name,)).fetchone()
        return found is not None and found[0] is not None

    def hold(self, conn: psycopg.Connection[Any], name: str) -> Held:
        """Lock the position of a copy, so that neither a projector nor a swap moves it beside us."""
        with conn.cursor(row_factory=tuple_row) as cursor:
            row = cursor.execute(
                "select notification_id from tracking.positions where application_name = %s for update", (name,)
            ).fetchone()
            # A statement of its own: it must see what a swap committed while we waited for the row.
            copy = cursor.execute(
                "select version, rebuilt_at from tracking.projections where name = %s", (name,)
            ).fetchone()
        return Held(row[0] if row else 0, *(copy or (None, None)))

    def move(self, conn: psycopg.Connection[Any], name: str, position: int) -> None:
        """Set the position, further on than it was."""
        with conn.cursor(row_factory=dict_row) as cursor:
            self._insert_tracking(cursor, Tracking(name, position))


@cache
def tracker() -> Tracker:
    """The one of this process. It takes the connection that it is given, and opens none."""
    return Tracker(RoleDatastore("", schema="tracking"))


class Tables:
    """One copy of a read model: the live tables, or the shadow that a rebuild fills. Both are written here only."""

    def __init__(self, projection: Projection, schema: str, tracker: Tracker, log: Readable) -> None:
        self.projection = projection
        self.schema = schema
        self._log = log
        self.position = 0
        self._built: datetime | None = None
        self._tracker = tracker
        self._fold: Fold = projection.fold()

    def create(self, conn: psycopg.Connection[Any]) -> None:
        """Make the tables where there are none, in one transaction; two processes may try at once."""
        if self._tracker.knows(conn, self.schema):
            return
        with conn.transaction():
            conn.execute("select pg_advisory_xact_lock(%s)", (lock_key(f"{self.schema} tables"),))
            if self._tracker.hold(conn, self.schema).version is not None:
                return
            conn.execute(statement("create schema {schema}", self.schema))
            conn.execute(statement(self.projection.tables, self.schema))
            conn.execute(
                statement(
                    "create table {schema}.failure ("
                    " only_row boolean primary key default true check (only_row), what text not null)",
                    self.schema,
                )
            )
            conn.execute(statement("grant usage on schema {schema} to sojourn_reader", self.schema))
            conn.execute(statement("grant select on all tables in schema {schema} to sojourn_reader", self.schema))
            conn.execute(
                "insert into tracking.projections (name, version, rebuilt_at) values (%s, %s, clock_timestamp())",
                (self.schema, self.projection.version),
            )
            conn.execute("insert into tracking.positions values (%s, 0)", (self.schema,))

    def resume(self, conn: psycopg.Connection[Any]) -> None:
        """Take the position from the database and forget all else. Raises Misconfigured: tables of another version."""
        with conn.transaction():
            held = self._tracker.hold(conn, self.schema)
        self._must_fit(held)
        self.position, self._built = held.position, held.built
        self.forget()

    def apply(self, conn: psycopg.Connection[Any], batch: Sequence[Recorded]) -> bool:
        """Fold a batch in one transaction; False, and nothing written, where the copy has moved beside us."""
        try:
            with conn.transaction():
                held = self._tracker.hold(conn, self.schema)
                self._must_fit(held)
                if (held.position, held.built) != (self.position, self._built):
                    return False
                self.write(conn, batch)
        except BaseException:
            self.forget()
            raise
        self.position = batch[-1].position
        return True

    def write(self, conn: psycopg.Connection[Any], batch: Sequence[Recorded]) -> None:
        """Rows and position of a batch, in the caller's transaction, which holds the copy."""
        with conn.cursor(row_factory=tuple_row) as cursor:
            for gone, part in apart(batch):
                if gone is not None:
                    self._follow(cursor, gone)
                self._hear(cursor, part)
        # Rows are written, the position is not: a process that ends here leaves neither.
        faults.point("projector.in-transaction")
        position = batch[-1].position
        self._tracker.move(conn, self.schema, position)
        conn.execute("select pg_notify(%s, %s)", (PROJECTED, f"{self.schema}:{position}"))

    def _hear(self, cursor: psycopg.Cursor[Any], part: Sequence[Recorded]) -> None:
        events = self.projection.events
        concerned = [recorded for recorded in part if type(recorded.event) in events]
        if concerned:
            self._fold(cursor, self.schema, concerned)

    def _follow(self, cursor: psycopg.Cursor[Any], gone: Gone) -> None:
        """Let go of what was destroyed: the one way in which any read model does, live or in a rebuild."""
        if self.projection.follow is None:
            return
        left = self._log.read_left(gone.streams, gone.position) if gone.streams else ()
        self.projection.follow(cursor, self.schema, gone, left)
        self.forget()

    def forget(self) -> None:
        """Start a fold anew: what the last one remembers may not be what the tables hold."""
        self._fold = self.projection.fold()

    def note_failure(self, conn: psycopg.Connection[Any], what: str | None) -> None:
        """Keep, or with None clear, the reason why the fold stopped, for whoever asks for the status."""
        conn.execute(statement("delete from {schema}.failure", self.schema))
        if what is not None:
            conn.execute(statement("insert into {schema}.failure (what) values (%s)", self.schema), (what,))

    def _must_fit(self, held: Held) -> None:
        declared = self.projection.version
        if held.version == declared:
            return
        if held.version is None or held.version < declared:
            remedy = f"Run `sojourn project rebuild {self.projection.name}`; the old tables serve until it is done."
        else:
            remedy = "A later release wrote them: run that one."
        raise Misconfigured(
            f"Read model {self.schema} has version {held.version} in the database, this release declares {declared}.",
            remedy=remedy,
        )


class BatchRunner:
    """The projector of one read model. One thread uses it; many processes may run one each, and one is active.

    state: ``starting``, ``standby`` another projector is active, ``live``, ``waiting`` for PostgreSQL to come back,
    ``failed``, ``stopped``.
    """

    def __init__(
        self, projection: Projection, database: Database, log: Readable, *, batch_events_max: int = BATCH_EVENTS_MAX
    ) -> None:
        self.projection = projection
        self.state = "starting"
        self._database = database
        self._log = log
        self._batch_events_max = batch_events_max
        self._tables = Tables(projection, projection.name, tracker(), log)
        self._backoff_s = _BACKOFF_S[0]
        self._healthy = False

    @property
    def position(self) -> int:
        """Position that this runner last committed or took over at."""
        return self._tables.position

    def prepare(self, conn: psycopg.Connection[Any]) -> None:
        """Make the read model's tables where there are none. conn: a projector's own (``connected``)."""
        self._tables.create(conn)

    def catch_up(self, *, timeout_s: float | None = None, stop: threading.Event | None = None) -> int:
        """As ``run_to`` the log's head as it is now."""
        return self.run_to(self._log.head(), timeout_s=timeout_s, stop=stop)

    def run_to(self, position: int, *, timeout_s: float | None = None, stop: threading.Event | None = None) -> int:
        """Return when the read model reflects a position: do it, or see another projector do it.

        stop: set where it shall end before. Returns the position reached. Raises ProjectionBehind after the timeout,
        StoreUnavailable, Misconfigured, and whatever the fold raises.
        """
        deadline = None if timeout_s is None else time.monotonic() + timeout_s
        with connected(self._database, self.projection.name) as conn, translated():
            self._tables.create(conn)
            conn.execute(sql.SQL("listen {}").format(sql.Identifier(PROJECTED)))
            while (so_far := reached(conn, self.projection.name)) < position and not _is_set(stop):
                if try_lock(conn, self.projection.name):
                    return self._run(conn, position, stop)
                if deadline is not None and time.monotonic() > deadline:
                    raise ProjectionBehind(
                        f"Read model {self.projection.name} has reached position {so_far} of {position}.",
                        remedy="Ask again in a moment.",
                    )
                # Another is at it. Its batches wake us; its end does not, so the lock is tried now and then.
                for _ in conn.notifies(timeout=0.2, stop_after=1):
                    pass
            return so_far

    def follow(self, stop: threading.Event) -> None:
        """Fold what there is and whatever comes, until told to stop.

        Waits while another projector is active. When PostgreSQL is away, tries again with growing pauses. Raises
        Misconfigured (tables of another version) and whatever the fold raises; that stops this projector, is kept for
        ``status``, and is for the caller to show.
        """
        try:
            with Interruption(stop) as interruption:
                while not stop.is_set():
                    try:
                        self._follow(stop, interruption)
                    except Exception as error:
                        if stop.is_set():
                            break
                        if not is_passing(error):
                            raise
                        self.state, self._healthy = "waiting", False
                        _log.warning("projector waits for PostgreSQL", projection=self.projection.name, exc_info=error)
                        stop.wait(self._backoff_s)
                        self._backoff_s = min(self._backoff_s * 2, _BACKOFF_S[1])
        except BaseException:
            self.state = "failed"
            raise
        self.state = "stopped"

    def _follow(self, stop: threading.Event, interruption: Interruption) -> None:
        with connected(self._database, self.projection.name) as conn, interruption.of(conn):
            self._tables.create(conn)
            self.state = "standby"
            wait_for_lock(conn, self.projection.name, stop)
            # From here on this is the one projector. It listens before it looks: see the module's promise.
            conn.execute(sql.SQL("listen {}").format(sql.Identifier(self._log.channel)))
            self._tables.resume(conn)
            self.state = "live"
            while not stop.is_set():
                if not self._step(conn):
                    interruption.wait_for_news(conn)

    def _run(self, conn: psycopg.Connection[Any], position: int, stop: threading.Event | None) -> int:
        self._tables.resume(conn)
        self.state = "live"
        while self._tables.position < position and not _is_set(stop) and self._step(conn):
            pass
        if self._tables.position < position and not _is_set(stop):
            raise ProjectionBehind(
                f"The log ends at position {self._tables.position}, before {position}.", remedy="Ask for one it has."
            )
        self.state = "stopped"
        return self._tables.position

    def _step(self, conn: psycopg.Connection[Any]) -> bool:
        """Fold the next batch; False when that was all there was, so that the next event is news."""
        batch = self._log.read(self._tables.position, self._batch_events_max)
        if not batch:
            return False
        name, began = self.projection.name, time.perf_counter()
        try:
            applied = self._tables.apply(conn, batch)
        except Exception as error:
            if not is_passing(error):
                self._keep_failure(conn, batch, error)
            raise
        if not applied:
            self._tables.resume(conn)
            return True
        if not self._healthy:
            # The first batch since the start: whatever stopped the fold before does so no longer.
            self._tables.note_failure(conn, None)
            self._healthy, self._backoff_s = True, _BACKOFF_S[0]
        telemetry.PROJECTION_BATCH_DURATION.labels(name).observe(time.perf_counter() - began)
        telemetry.PROJECTION_BATCH_EVENTS.labels(name).observe(len(batch))
        return len(batch) == self._batch_events_max

    def _keep_failure(self, conn: psycopg.Connection[Any], batch: Sequence[Recorded], error: Exception) -> None:
        first, last = batch[0].position, batch[-1].position
        with suppress(psycopg.Error):
            self._tables.note_failure(conn, f"{type(error).__qualname__} in positions {first} to {last}")
        _log.error("projector stopped", projection=self.projection.name, first=first, last=last, exc_info=error)


def _is_set(stop: threading.Event | None) -> bool:
    return stop is not None and stop.is_set()
