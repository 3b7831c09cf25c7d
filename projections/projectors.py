"""The projectors of one process: a thread for each read model, that rebuilds what is outdated and then follows.

The one invariant: a read model that stops does not stop another, and that it stopped is shown, never swallowed.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence

import structlog

from ledger.store.database import Database
from projections.projection import Projection
from projections.rebuild import Rebuild
from projections.runner import BatchRunner, Readable

_log = structlog.get_logger()


class Projectors:
    """Start once, stop once."""

    def __init__(self, projections: Sequence[Projection], database: Database, logs: Mapping[str, Readable]) -> None:
        """logs: ``ledger`` and ``access``."""
        self._stop = threading.Event()
        self._projectors = [_Projector(p, database, logs[p.log], self._stop) for p in projections]

    def start(self) -> None:
        """Make tables that are missing, then follow. Raises StoreUnavailable, Misconfigured."""
        for projector in self._projectors:
            projector.runner.prepare()
        for projector in self._projectors:
            projector.start()

    def stop(self, timeout_s: float = 10.0) -> None:
        """End every projector; what it was at is rolled back and folded by the next."""
        self._stop.set()
        for projector in self._projectors:
            if projector.is_alive():
                projector.join(timeout_s)

    def states(self) -> dict[str, str]:
        """Read model to the state of its projector in this process (``projections.runner.BatchRunner``)."""
        return {p.runner.projection.name: p.state for p in self._projectors}

    def failures(self) -> dict[str, BaseException]:
        """Read models whose projector in this process has stopped on an error."""
        return {p.runner.projection.name: p.failure for p in self._projectors if p.failure is not None}


class _Projector(threading.Thread):
    def __init__(self, projection: Projection, database: Database, log: Readable, stop: threading.Event) -> None:
        super().__init__(name=f"projector {projection.name}", daemon=True)
        self.runner = BatchRunner(projection, database, log)
        self.failure: BaseException | None = None
        self._rebuild = Rebuild(projection, database, log, stop=stop)
        self._stop_asked = stop
        self._rebuilding = False

    @property
    def state(self) -> str:
        if self.failure is not None:
            return "failed"
        return "rebuilding" if self._rebuilding else self.runner.state

    def run(self) -> None:
        try:
            self._rebuilding = True
            self._rebuild.run_if_outdated()
            self._rebuilding = False
            self.runner.follow(self._stop_asked)
        except Exception as error:
            if not self._stop_asked.is_set():
                self.failure = error
                _log.error("projector ended", projection=self.runner.projection.name, exc_info=error)


def bring_to_head(
    projections: Sequence[Projection], database: Database, logs: Mapping[str, Readable], *, timeout_s: float | None = 60
) -> None:
    """Before a read on the command line: return when the read models reflect what the logs hold now.

    Raises ProjectionBehind after the timeout, StoreUnavailable, and what a fold raises.
    """
    for projection in projections:
        Rebuild(projection, database, logs[projection.log]).run_if_outdated()
        BatchRunner(projection, database, logs[projection.log]).catch_up(timeout_s=timeout_s)
