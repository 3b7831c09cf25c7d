"""Keeps the embedded server running for as long as a service uses it: one that ended by itself is started again.

It ends for want of room, of memory, or by a kill. The one invariant: a server is started where its data is, and never
made anew where that is gone. There is no haste: at once the first time, then after pauses that grow for as long as it
does not stay up. Every service that shares the server looks; the gate of the data folder lets one start it, and the
others find it running.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import structlog

from ledger import telemetry
from ledger.errors import LedgerError
from ledger.store.embedded import EmbeddedServer

LOOK_SECONDS = 0.5
PAUSE_SECONDS = (1.0, 60.0)
STEADY_SECONDS = 120.0
"""A server that stayed up for so long has ended for a reason of its own, and is started again at once."""

_log = structlog.get_logger(__name__)


@contextmanager
def kept_running(server: EmbeddedServer | None) -> Iterator[None]:
    """While the block runs, the server does. None: one that is reached by URL, and is its operator's to keep.

    For a server that this process uses (``start``), within the time that it uses it.
    """
    if server is None:
        yield
        return
    ending = threading.Event()
    keeper = threading.Thread(target=_keep, args=(server, ending), name="postgres keeper", daemon=True)
    keeper.start()
    try:
        yield
    finally:
        ending.set()
        keeper.join()  # a start that is under way holds the gate that our own stop would wait for


def _keep(server: EmbeddedServer, ending: threading.Event) -> None:
    pause, started, away = 0.0, 0.0, False
    while not ending.wait(LOOK_SECONDS):
        if _runs(server):
            if away:
                _log.warning("PostgreSQL runs again", data=str(server.data))
                away = False
            continue
        if not away:
            _log.error("PostgreSQL has ended, starting it again", data=str(server.data), see=str(server.log_file))
            away = True
        if time.monotonic() - started > STEADY_SECONDS:
            pause = 0.0
        if ending.wait(pause):
            return
        pause = min(max(2 * pause, PAUSE_SECONDS[0]), PAUSE_SECONDS[1])
        try:
            _start(server)
            telemetry.EMBEDDED_RESTARTS.inc()
        except LedgerError as e:
            _log.error("PostgreSQL cannot be started", what=e.what, remedy=e.remedy, again_in_seconds=pause)
        except Exception:  # a defect of ours must not leave the service without its server for ever
            _log.exception("PostgreSQL cannot be started", again_in_seconds=pause)
        started = time.monotonic()


def _runs(server: EmbeddedServer) -> bool:
    try:
        return server.pid() is not None
    except LedgerError:
        return False  # starting it says what is wrong


def _start(server: EmbeddedServer) -> None:
    """Raises LedgerError: why it cannot be started."""
    if not (server.pgdata / "PG_VERSION").exists():
        raise LedgerError(
            f"The data of the embedded server is gone from {server.pgdata}.",
            remedy="Bring it back, or end the service; the next command would begin an empty ledger there.",
        )
    server.start()
