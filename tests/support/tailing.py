"""Readers that follow the ledger while others write: one that listens and then looks, one that looks all the time."""

from __future__ import annotations

import threading

import psycopg

from ledger.errors import StoreUnavailable
from ledger.events import Recorded
from ledger.ids import Uuid7Source
from ledger.store.database import Role
from ledger.store.log import Log
from support.service_processes import Store

SECONDS_MAX = 120
PAGE_EVENTS = 500


class Reader(threading.Thread):
    """Reads until it has seen the position at which it is told to end; what it raised is raised by ``result``."""

    def __init__(self, name: str) -> None:
        super().__init__(name=name, daemon=True)
        self.positions: list[int] = []
        self._failure: BaseException | None = None

    @property
    def last(self) -> int:
        return self.positions[-1] if self.positions else 0

    def run(self) -> None:
        try:
            self.read()
        except BaseException as e:
            self._failure = e

    def read(self) -> None:
        raise AssertionError("a reader reads")

    def result(self) -> list[int]:
        """Every position that it saw, in the order in which it saw them."""
        self.join(SECONDS_MAX)
        if self._failure is not None:
            raise self._failure
        assert not self.is_alive(), f"{self.name} waits at position {self.last} for what will not come"
        return self.positions


class Tail(Reader):
    """Listens, reads what there is, and then waits to be told of more: no timer, no second look without a word."""

    def __init__(self, store: Store, name: str, *, last_actor: str) -> None:
        super().__init__(name)
        self.recorded: list[Recorded] = []
        self._store = store
        self._last_actor = last_actor

    def read(self) -> None:
        store = self._store
        log = Log("ledger", store.database, store.vault, Uuid7Source(lambda: 0, bytes), role=Role.PROJECTOR)
        try:
            with store.database.connect(Role.PROJECTOR, name="tail") as conn:
                conn.execute(f"listen {log.channel}".encode())
                while True:
                    try:
                        page = log.read(self.last, PAGE_EVENTS)
                    except StoreUnavailable:
                        continue  # its backend was ended: no answer is not an empty answer
                    self.recorded += page
                    self.positions += [recorded.position for recorded in page]
                    if page and page[-1].meta.actor == self._last_actor:
                        return
                    if len(page) < PAGE_EVENTS:
                        for _ in conn.notifies(stop_after=1):
                            pass
        finally:
            log.close()


class Poller(Reader):
    """A stranger with plain SQL, who asks in READ COMMITTED for what comes after, as fast as PostgreSQL answers."""

    def __init__(self, conninfo: str) -> None:
        super().__init__("poller")
        self._conninfo = conninfo
        self._last = threading.Event()
        self.looks = 0

    def read(self) -> None:
        with psycopg.connect(self._conninfo, autocommit=True, application_name="poller") as conn:
            while True:
                ending = self._last.is_set()
                page = conn.execute(
                    "select position from ledger.events where position > %s order by position", (self.last,)
                ).fetchall()
                self.positions += [position for (position,) in page]
                self.looks += 1
                if ending:
                    return

    def end(self) -> None:
        """Let it look once more, and end."""
        self._last.set()
