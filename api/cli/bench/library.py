"""The event-sourcing library as its manual has it: aggregates, JSON, ``app.save``, the stock ProjectionRunner.

The peer that the product is compared with. Everything is the library's default; nothing of ours is in the way.
"""

from __future__ import annotations

import itertools
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from typing import Any
from uuid import UUID

import psycopg
from eventsourcing.application import Application
from eventsourcing.domain import Aggregate
from eventsourcing.persistence import Tracking
from eventsourcing.postgres import PostgresDatastore, PostgresTrackingRecorder
from eventsourcing.projection import Projection, ProjectionRunner
from psycopg.sql import SQL, Identifier

from api.cli.bench.callers import TIMEOUT_S, together
from api.cli.bench.facts import elements

SAVE_MAX = 500
"""Aggregates of one save: as fast as more, which may never come back from psycopg's pipeline over a UNIX socket."""


class Enrollment(Aggregate):
    """One enrollment, one event."""

    def __init__(self, said: dict[str, str]) -> None:
        self.said = said


class Enrollments(Application[UUID]):
    """The library's application, as it comes."""


class Seen(PostgresTrackingRecorder):
    """A read model by the library's pattern: a row for each enrollment, in one transaction with its position."""

    def __init__(self, datastore: PostgresDatastore, **more: Any) -> None:
        super().__init__(datastore, **more)
        schema = Identifier(datastore.schema)
        self.sql_create_statements.append(
            SQL("create table if not exists {}.seen (id uuid primary key, school text not null)").format(schema)
        )
        self._upsert = SQL(
            "insert into {}.seen values (%s, %s) on conflict (id) do update set school = excluded.school"
        ).format(schema)

    def put(self, enrollment: UUID, school: str, tracking: Tracking) -> None:
        """The row and the position."""
        with self.datastore.transaction(commit=True) as cursor:
            self._insert_tracking(cursor, tracking)
            cursor.execute(self._upsert, (enrollment, school), prepare=True)


class SeenProjection(Projection[Seen]):
    """Folds every event, one transaction each: the stock runner has no other way."""

    name = "seen"

    def process_event(self, domain_event: Any, tracking: Tracking) -> None:  # type: ignore[override]
        self.view.put(domain_event.originator_id, domain_event.said["school_or_project_name"], tracking)


class Library:
    """An application of the library on a database of its own. conninfo: as administrator."""

    def __init__(self, conninfo: str) -> None:
        self._conninfo = conninfo
        self._numbers = itertools.count()

    def one_by_one(self, threads: int, count: int) -> float:
        """``app.save`` of one new aggregate at a time, by so many threads; events a second."""
        with self._application() as app:
            each = max(1, count // threads)
            seconds = together([partial(self._save, app, each)] * threads)
        return each * threads / seconds

    def batched(self, count: int, batch: int) -> float:
        """``app.save`` of so many new aggregates at once; events a second."""
        with self._application() as app:
            started = time.perf_counter()
            for first in range(0, count, batch):
                app.save(*[Enrollment(elements(next(self._numbers))) for _ in range(min(batch, count - first))])
            return count / (time.perf_counter() - started)

    def projected(self, count: int) -> float:
        """The stock runner over so many events from the first on; events a second."""
        with self._application() as app:
            missing = count - (app.recorder.max_notification_id() or 0)
            for first in range(0, missing, SAVE_MAX):
                few = range(first, min(first + SAVE_MAX, missing))
                app.save(*[Enrollment(elements(next(self._numbers))) for _ in few])
            last = app.recorder.max_notification_id()
            assert last is not None
        with psycopg.connect(self._conninfo, autocommit=True) as conn:
            conn.execute("drop table if exists seen, seen_tracking")
        started = time.perf_counter()
        runner = ProjectionRunner(
            application_class=Enrollments, projection_class=SeenProjection, view_class=Seen, env=self._environment()
        )
        with runner:
            runner.wait(last, timeout=TIMEOUT_S)
            return last / (time.perf_counter() - started)

    def _save(self, app: Enrollments, count: int) -> None:
        for _ in range(count):
            app.save(Enrollment(elements(next(self._numbers))))

    @contextmanager
    def _application(self) -> Iterator[Enrollments]:
        app = Enrollments(self._environment())
        try:
            yield app
        finally:
            app.close()

    def _environment(self) -> Mapping[str, str]:
        """The library's settings: where the database is, and else its defaults."""
        with psycopg.connect(self._conninfo) as conn:
            info = conn.info
            return {
                "PERSISTENCE_MODULE": "eventsourcing.postgres",
                "POSTGRES_DBNAME": info.dbname,
                "POSTGRES_HOST": info.host,
                "POSTGRES_PORT": str(info.port),
                "POSTGRES_USER": info.user,
                "POSTGRES_PASSWORD": info.password or "none",
                "POSTGRES_SCHEMA": "public",
            }
