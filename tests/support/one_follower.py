"""Every read model, followed by one thread on one connection: for tests of what is read, not of how it is folded.

``projections.projectors.Projectors`` gives each read model a thread and a connection of its own, so that none holds up
another. To a test that waits for all of them that is nine times the cost of starting, and nine readings of each event.
What folds, and writes rows and position in one transaction, is the same ``BatchRunner``; its tests, those of
``Projectors`` and all that run a service have the service's own threads.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence

from psycopg import sql

from ledger.events import Recorded
from ledger.store.database import Database
from ledger.store.following import Interruption, connected, try_lock, wait_for_lock
from projections.projection import Projection
from projections.runner import BatchRunner, Readable


class OneFollower:
    """Start once, stop once: as ``Projectors``, of a database that has the tables (``databases.with_read_models``)."""

    def __init__(self, projections: Sequence[Projection], database: Database, logs: Mapping[str, Readable]) -> None:
        self._database = database
        self._looks = {name: _Look(logs[name]) for name in {p.log for p in projections}}
        self._runners = [BatchRunner(p, database, self._looks[p.log]) for p in projections]
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="one follower", daemon=True)
        self._failure: BaseException | None = None

    def start(self) -> None:
        self._thread.start()

    def stop(self, timeout_s: float = 10.0) -> None:
        self._stop.set()
        self._thread.join(timeout_s)

    def failure(self) -> BaseException | None:
        """What ended it before it was told to stop."""
        return self._failure

    def _run(self) -> None:
        try:
            self._follow()
        except Exception as error:
            if not self._stop.is_set():
                self._failure = error

    def _follow(self) -> None:
        with (
            Interruption(self._stop) as interruption,
            connected(self._database, "all") as conn,
            interruption.of(conn),
        ):
            for runner in self._runners:
                if not try_lock(conn, runner.projection.name):
                    wait_for_lock(conn, runner.projection.name, self._stop)
            # It listens before it looks: what a look did not find announces itself afterwards.
            for look in self._looks.values():
                conn.execute(sql.SQL("listen {}").format(sql.Identifier(look.channel)))
            for runner in self._runners:
                runner._tables.resume(conn)
            while not self._stop.is_set():
                for look in self._looks.values():
                    look.anew()
                steps = [runner._step(conn) for runner in self._runners]
                if not any(steps):
                    interruption.wait_for_news(conn)


class _Look:
    """A log of which each page is read once for all: until the next look, what was found is what there is."""

    def __init__(self, log: Readable) -> None:
        self.channel = log.channel
        self._log = log
        self._found: dict[tuple[int, int], Sequence[Recorded]] = {}

    def anew(self) -> None:
        self._found.clear()

    def read(self, after: int, limit: int) -> Sequence[Recorded]:
        if (after, limit) not in self._found:
            self._found[after, limit] = self._log.read(after, limit)
        return self._found[after, limit]

    def head(self) -> int:
        return self._log.head()
