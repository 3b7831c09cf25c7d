"""UmaDB, an event store with a storage of its own, as a peer: its server from its wheel, as it comes.

Invariant: the server listens on this machine only, keeps its file in the folder of the run, and ends with the run.
"""

from __future__ import annotations

import importlib.util
import shutil
import socket
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import orjson

from api.cli.bench.callers import together
from api.cli.bench.facts import elements
from ledger.errors import StoreUnavailable

if TYPE_CHECKING:
    from umadb import Client, Event

START_TIMEOUT_S = 20


def find() -> Path | None:
    """The server's program, or None where UmaDB is not installed."""
    if importlib.util.find_spec("umadb") is None:
        return None
    found = shutil.which("umadb", path=str(Path(sys.executable).parent)) or shutil.which("umadb")
    return Path(found) if found else None


class UmaDb:
    """A server of its own for as long as it is open. program: as ``find`` gives it. folder: for its file."""

    def __init__(self, program: Path, folder: Path) -> None:
        self._program = program
        self._folder = folder

    def batched(self, count: int, batch: int) -> float:
        """So many events an append, each of a new stream; events a second."""
        with self._client() as client:

            def write() -> None:
                for first in range(0, count, batch):
                    client.append([_event(number) for number in range(first, min(first + batch, count))])

            return count / together([write])

    @contextmanager
    def _client(self) -> Iterator[Client]:
        from umadb import Client

        port = _free_port()
        file = self._folder / f"uma-{port}.db"
        words = [str(self._program), "--db-path", str(file), "--listen", f"127.0.0.1:{port}"]
        with subprocess.Popen(  # noqa: S603 - the program that was found
            words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True
        ) as server:
            try:
                with _answering(Client, f"http://127.0.0.1:{port}") as client:
                    yield client
            finally:
                server.terminate()
                server.wait(START_TIMEOUT_S)
                file.unlink(missing_ok=True)


def _answering(client: type[Client], address: str) -> Client:
    """A client of the server, once that answers. Raises StoreUnavailable."""
    from umadb import TransportError

    give_up = time.monotonic() + START_TIMEOUT_S
    while True:
        try:
            made = client(address)
            made.head()
        except TransportError as error:
            if time.monotonic() > give_up:
                raise StoreUnavailable("UmaDB's server did not start.", remedy=str(error)) from error
            time.sleep(0.05)
        else:
            return made


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        return int(listening.getsockname()[1])


def _event(number: int) -> Event:
    from umadb import Event

    return Event(
        event_type="Enrolled", data=orjson.dumps(elements(number)), tags=[f"enrollment-{uuid.uuid4()}"], uuid=None
    )
