"""Read models of one process, each on a thread of its own: followed, brought to the head, or made again.

The one invariant: a read model that stops does not stop another, and that it stopped is shown, never swallowed. Those
of one log read it together: what one has opened, the others need not open again.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from typing import Any, NamedTuple, TypeVar

import psycopg
import structlog
from psycopg.rows import tuple_row

from ledger.store.database import Database, translated
from ledger.store.following import connected
from projections.projection import Projection
from projections.reading import Reader, SharedReading
from projections.rebuild import Progress, Rebuild, Rebuilt
from projections.runner import BatchRunner, Readable

T = TypeVar("T")
_log = structlog.get_logger()


class Projectors:
    """Start once, stop once."""

    def __init__(self, projections: Sequence[Projection], database: Database, logs: Mapping[str, Readable]) -> None:
        """logs: ``ledger`` and ``access``."""
        self._stop = threading.Event()
        self._database = database
        shared = _shared(projections, logs)
        self._projectors = [_Projector(p, database, shared[p.log].reader(), self._stop) for p in projections]

    def start(self) -> None:
        """Make tables that are missing, then follow. Raises StoreUnavailable, Misconfigured."""
        with connected(self._database, "projectors") as conn, translated():
            standing = _standing(conn)
            for projector in self._projectors:
                at = standing.get(projector.runner.projection.name)
                if at is None:
                    projector.runner.prepare(conn)
                else:
                    projector.outdated = at.version < projector.runner.projection.version
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
    def __init__(self, projection: Projection, database: Database, log: Reader, stop: threading.Event) -> None:
        super().__init__(name=f"projector {projection.name}", daemon=True)
        self.runner = BatchRunner(projection, database, log)
        self.failure: BaseException | None = None
        self.outdated = False
        """Whether the tables were of an older version when all were looked at, before the start."""
        self._database = database
        self._log = log
        self._stop_asked = stop
        self._rebuilding = False

    @property
    def state(self) -> str:
        if self.failure is not None:
            return "failed"
        return "rebuilding" if self._rebuilding else self.runner.state

    def run(self) -> None:
        try:
            if self.outdated:
                self._rebuilding = True
                Rebuild(self.runner.projection, self._database, self._log, stop=self._stop_asked).run_if_outdated()
                self._rebuilding = False
            self.runner.follow(self._stop_asked)
        except Exception as error:
            if not self._stop_asked.is_set():
                self.failure = error
                _log.error("projector ended", projection=self.runner.projection.name, exc_info=error)
        finally:
            self._log.close()


def bring_to_head(
    projections: Sequence[Projection], database: Database, logs: Mapping[str, Readable], *, timeout_s: float | None = 60
) -> None:
    """Before a read on the command line: return when the read models reflect what the logs hold now.

    Raises ProjectionBehind after the timeout, StoreUnavailable, and what a fold raises.
    """
    heads = {name: logs[name].head() for name in {p.log for p in projections}}
    with connected(database, "projectors") as conn, translated():
        standing = _standing(conn)
    # Where a service runs, all stand at the head as a rule: one look tells it of all.
    behind = [p for p in projections if _is_behind(p, standing.get(p.name), heads[p.log])]

    def bring(projection: Projection, log: Readable, stop: threading.Event) -> None:
        if (at := standing.get(projection.name)) is not None and at.version < projection.version:
            Rebuild(projection, database, log, stop=stop).run_if_outdated()
        BatchRunner(projection, database, log).catch_up(timeout_s=timeout_s, stop=stop)

    _each(behind, logs, bring)


def rebuild_all(
    projections: Sequence[Projection],
    database: Database,
    logs: Mapping[str, Readable],
    *,
    progress: Progress | None = None,
    comparing: bool = False,
    anew: bool = False,
) -> dict[str, Rebuilt]:
    """Make read models again from position 1, side by side; what became of each by its name.

    progress: called with the positions of all, added up, and their heads. comparing: each with the tables that it
    replaces. anew: as for ``Rebuild``. Raises the first of what ``Rebuild.run`` raises, once all have ended.
    """
    told: dict[str, tuple[int, int]] = {p.name: (0, logs[p.log].head()) for p in projections}

    def rebuild(projection: Projection, log: Readable, stop: threading.Event) -> Rebuilt:
        def tell(position: int, head: int) -> None:
            told[projection.name] = (position, head)
            if progress is not None:
                progress(sum(at for at, _ in told.values()), sum(head for _, head in told.values()))

        made = Rebuild(projection, database, log, progress=tell, stop=stop, comparing=comparing, anew=anew)
        return made.run()

    return dict(zip([p.name for p in projections], _each(projections, logs, rebuild), strict=True))


class _Standing(NamedTuple):
    """Where the live tables of a read model stand, as of a look that held nobody up."""

    version: int
    position: int


def _standing(conn: psycopg.Connection[Any]) -> dict[str, _Standing]:
    """Of every copy there is, by its name."""
    with conn.cursor(row_factory=tuple_row) as cursor:
        rows = cursor.execute(
            "select name, version, notification_id from tracking.projections"
            " join tracking.positions on application_name = name"
        )
        return {name: _Standing(*at) for name, *at in rows}


def _is_behind(projection: Projection, at: _Standing | None, head: int) -> bool:
    """Whether there is anything to make, to rebuild or to fold, or to say of tables that a later release wrote."""
    return at is None or at.version != projection.version or at.position < head


def _shared(projections: Sequence[Projection], logs: Mapping[str, Readable]) -> dict[str, SharedReading]:
    return {name: SharedReading(logs[name]) for name in {p.log for p in projections}}


def _each(
    projections: Sequence[Projection],
    logs: Mapping[str, Readable],
    work: Callable[[Projection, Readable, threading.Event], T],
) -> list[T]:
    """Work on each, side by side, on a shared reading of its log. Raises the first error, once all have ended."""
    shared, stop = _shared(projections, logs), threading.Event()

    def run(projection: Projection, log: Reader) -> T:
        try:
            return work(projection, log, stop)
        finally:
            log.close()

    # All are readers before the first begins: nothing that a later one needs is let go.
    readers = [shared[p.log].reader() for p in projections]
    with ThreadPoolExecutor(max(1, len(projections)), thread_name_prefix="projecting") as pool:
        try:
            running = [pool.submit(run, p, log) for p, log in zip(projections, readers, strict=True)]
            wait(running)
        except BaseException:
            stop.set()  # each ends after the batch at hand
            raise
    return [one.result() for one in running]
