"""Records that a process destroys one after another, killed as it does: of each all is there, or nothing is."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import psycopg

from ledger.errors import Unavailable
from ledger.store import doctor_retention, tombstones
from ledger.store.database import Role
from ledger.store.embedded import EmbeddedServer
from support.casework import Work
from support.crash_scenarios import Scenario, Settings
from support.gone import destroy, left, rows
from support.service_processes import Pipe, Store, open_store_of
from support.wholeness import assert_whole

RECORDS = 6
DISPOSAL_POINTS = ("disposal.decided", "sequencer.before-commit", "sequencer.after-commit", "disposal.told")


def dispose(pipe: Pipe, store: Store, records: Sequence[str]) -> None:
    """Whatever of them is there goes; each is told once it has."""
    with store.ledger() as ledger:
        for record in records:
            while True:
                try:
                    with ledger.log.connection() as conn:
                        gone = record in tombstones.of_records(conn, [record])
                    if not gone:
                        destroy(ledger, record)
                    break
                except Unavailable:
                    continue
            pipe.say(record)


class Disposing(Scenario):
    """settings, server, tmp, size: as of any scenario."""

    work = staticmethod(dispose)

    def __init__(self, settings: Settings, server: EmbeddedServer, tmp: Path, size: int = 1) -> None:
        super().__init__(settings, server, tmp, size)
        with open_store_of(settings) as store, store.ledger() as ledger:
            work = Work(ledger)
            minted = [work.opened("OR", str(number)) for number in range(RECORDS * size)]
            self.records = [work.record(one) for one in minted]
            self.kept = work.record(work.opened("CA", "1"))
            self.whole = left(ledger, self.records[0])
            self.leaves = rows(ledger, "select position, leaf from ledger.events order by position")
        self.arguments = (self.records,)
        self.told: set[str] = set()

    def heard(self, word: str) -> None:
        self.told.add(word)

    def after_kill(self) -> None:
        """Of each record all or nothing, and nothing of those of which it was told that they are gone."""
        with psycopg.connect(self.settings["database_url"], autocommit=True) as conn:
            assert_whole(conn)
        with open_store_of(self.settings) as store, store.ledger() as ledger:
            for record in self.records:
                found = left(ledger, record)
                assert found == self.whole or not any(found.values()), found
                assert record not in self.told or not any(found.values())
            assert left(ledger, self.kept) == self.whole, "nothing else goes"
            upto = len(self.leaves)
            query = "select position, leaf from ledger.events where position <= %s order by position"
            assert rows(ledger, query, upto) == self.leaves
            with store.database.connect(Role.PROJECTOR) as conn:
                assert list(doctor_retention.faults(conn, ledger.log)) == []
                assert list(doctor_retention.brought_back(conn, {})) == []

    def done(self) -> None:
        assert self.told == set(self.records)
        self.after_kill()
        with open_store_of(self.settings) as store, store.ledger() as ledger:
            said: list[Any] = rows(ledger, "select count(*) from ledger.destroyed")
            assert said == [(2 * len(self.records),)], "each key once"
