"""A small world to hold the laws against: one database, two services on it, and clocks that a test sets.

A property runs many examples in one world: every example tells of children of its own, so none meets another's, and a
hundred examples cost little more than one.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import psycopg

from ledger.application import Ledger
from ledger.events import Meta, Recorded
from ledger.ids import Uuid7Source
from ledger.jurisdiction import SetProfile
from ledger.store.database import Database, Role
from ledger.store.embedded import EmbeddedServer
from ledger.store.log import Log
from ledger.store.vault import MasterKey, Vault
from projections import PROJECTIONS, students
from projections.projection import Digest, Projection, digest
from projections.rebuild import Rebuild
from projections.runner import BatchRunner
from projections.students import StudentRow
from support.databases import migrated_database
from support.kept_connections import KeptConnections

META: Final = Meta(actor="registrar")
STABLE_STATE: Final = "CA"
"""Its Record IDs keep their meaning; every other state's do not."""

MASTER_KEY: Final = bytes(range(32))


class Clock:
    """A clock that goes nowhere by itself. latest: the furthest that it has been."""

    def __init__(self) -> None:
        self.now = self.latest = datetime(2025, 9, 2, 18, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now

    def step(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)
        self.latest = max(self.latest, self.now)


class World:
    """clocks, ledgers: of the two services, in the same order. minted: every student id that an example has seen."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.clocks = [Clock(), Clock()]
        self.ledgers = [
            Ledger(database, Vault([MasterKey.of(MASTER_KEY)]), Uuid7Source(time.time_ns, os.urandom), clock=clock)
            for clock in self.clocks
        ]
        stable = SetProfile(state=STABLE_STATE, time_zone="America/Los_Angeles", record_ids="stable")
        self.ledgers[0].set_jurisdiction(STABLE_STATE, stable, META)
        self._reader: psycopg.Connection[Any] = database.connect(Role.READER)
        self.minted: set[str] = set()
        self._examples = 0

    def close(self) -> None:
        self._reader.close()
        for ledger in self.ledgers:
            ledger.close()

    def next_example(self) -> str:
        """A name that no child's id holds yet."""
        self._examples += 1
        return f"{self._examples:05d}"

    # -- the ledger

    def head(self) -> int:
        return self.ledgers[0].log.head()

    def events(self, after: int = 0) -> list[Recorded]:
        """Every event after a position, read page by page."""
        events: list[Recorded] = []
        while page := self.ledgers[1].log.read(events[-1].position if events else after, 500):
            events += page
        return events

    # -- read models

    def project(
        self, batch_events_max: int, projection: Projection = students.PROJECTION, *, until: int | None = None
    ) -> None:
        """Bring a read model to the head, or to a position before it, in batches of this size at most."""
        log = self._log_of(projection)
        if until is not None:
            log = _Beginning(log, until)
        BatchRunner(projection, self.database, log, batch_events_max=batch_events_max).catch_up()

    def rebuild(self, batch_events_max: int, projection: Projection = students.PROJECTION) -> None:
        """Make it anew from the first event on, in batches of this size, and put it in the old one's place."""
        log = self._log_of(projection)
        assert Rebuild(projection, self.database, log, batch_events_max=batch_events_max).run().swapped

    def digest(self, projection: Projection = students.PROJECTION) -> Digest:
        return digest(self._reader, projection)

    def digests(self) -> list[Digest]:
        return [self.digest(projection) for projection in PROJECTIONS]

    def student(self, student_id: str) -> StudentRow | None:
        """What an id shows."""
        return students.find(self._reader, student_id)

    def _log_of(self, projection: Projection) -> Any:
        return self.ledgers[0].log if projection.log == "ledger" else self.ledgers[0].access


class _Beginning:
    """A log as it was when it ended at a position."""

    def __init__(self, log: Log, until: int) -> None:
        self.channel = log.channel
        self._log = log
        self._until = until

    def read(self, after: int, limit: int) -> Sequence[Recorded]:
        return self._log.read(after, min(limit, self._until - after)) if after < self._until else []

    def read_left(self, streams: Sequence[str], upto: int) -> Sequence[Recorded]:
        return self._log.read_left(streams, upto)

    def head(self) -> int:
        return self._until


@contextmanager
def world_on(server: EmbeddedServer) -> Iterator[World]:
    """A new world for as long as the block runs."""
    with migrated_database(server) as named:
        database = KeptConnections(named["database_url"], log_in=True)
        world = World(database)
        try:
            yield world
        finally:
            world.close()
            database.close()


def positions(events: Sequence[Recorded]) -> list[int]:
    return [recorded.position for recorded in events]
