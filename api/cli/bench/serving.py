"""Starts the served side and the load generator as processes, and ends them, whatever happens."""

from __future__ import annotations

import select
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import msgspec

from api.cli.bench import load, server
from api.cli.bench.ground import Ground
from ledger.errors import StoreUnavailable
from ledger.settings import Settings

START_TIMEOUT_S = 60
STOP_TIMEOUT_S = 20
LOG_TAIL_CHARS = 2_000


@dataclass(frozen=True)
class Service:
    """A service that answers. port: on 127.0.0.1. log: its words."""

    port: int
    log: Path

    def send(
        self, requests: Sequence[bytes], *, connections: int, expect: int, times: int = 1, timeout_s: float = 120
    ) -> load.Outcome:
        """Send requests from another process. Raises StoreUnavailable where not all were answered as expected."""
        plan = load.Plan(
            port=self.port,
            connections=min(connections, len(requests) * times),
            requests=list(requests),
            times=times,
            expect=expect,
            timeout_s=timeout_s,
        )
        done = subprocess.run(  # noqa: S603 - this Python, our own module
            _python(load.__name__, "main"),
            input=msgspec.msgpack.encode(plan),
            stdout=subprocess.PIPE,
            timeout=timeout_s + START_TIMEOUT_S,
            check=True,
            start_new_session=True,
        )
        outcome = msgspec.msgpack.decode(done.stdout, type=load.Outcome)
        if outcome.error:
            raise StoreUnavailable(f"The load could not be sent: {outcome.error}.", remedy=_tail(self.log))
        return outcome


@contextmanager
def serving(ground: Ground, settings: Settings, *, follow: bool = True) -> Iterator[Service]:
    """One worker and, as always where the product serves, the process that folds. follow: False leaves it out.

    Raises StoreUnavailable with the end of the log where a process does not start.
    """
    assert settings.database_url is not None
    assert settings.master_key is not None
    config = server.Config(database_url=settings.database_url, master_key=settings.master_key)
    with ExitStack() as stack:
        if follow:
            stack.enter_context(_process("main_follow", config, ground.folder / "follow.log"))
        log = ground.folder / "serve.log"
        service = Service(stack.enter_context(_process("main_serve", config, log)), log)
        # The first answer comes when the app has started.
        service.send([get(server.STATIC)], connections=1, expect=200, timeout_s=START_TIMEOUT_S)
        yield service


@contextmanager
def following(ground: Ground, settings: Settings) -> Iterator[None]:
    """The process that folds, and no other. Raises StoreUnavailable where it does not start."""
    assert settings.database_url is not None
    assert settings.master_key is not None
    config = server.Config(database_url=settings.database_url, master_key=settings.master_key)
    with _process("main_follow", config, ground.folder / "follow.log"):
        yield


@contextmanager
def _process(main: str, config: server.Config, log: Path) -> Iterator[int]:
    """A process of the service; the number that it says once it has started. It ends with its standard input."""
    with log.open("ab") as stderr:
        child = subprocess.Popen(  # noqa: S603 - this Python, our own module
            _python(server.__name__, main),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=stderr,
            start_new_session=True,  # an interrupt of the terminal is for us, and we end it
        )
    assert child.stdin is not None
    assert child.stdout is not None
    with child:
        try:
            child.stdin.write(msgspec.json.encode(config) + b"\n")
            child.stdin.flush()
            ready, _, _ = select.select([child.stdout], [], [], START_TIMEOUT_S)
            said = child.stdout.readline() if ready else b""
            if not said:
                raise StoreUnavailable("The service to be measured did not start.", remedy=_tail(log))
            yield int(said)
        finally:
            child.stdin.close()
            try:
                child.wait(STOP_TIMEOUT_S)
            except subprocess.TimeoutExpired:
                child.kill()


def _tail(log: Path) -> str:
    """The end of a log, which goes when the run ends."""
    return f"The end of its log: {log.read_text(errors='replace')[-LOG_TAIL_CHARS:]}"


def get(path: str, *headers: str) -> bytes:
    """A GET request."""
    return request("GET", path, b"", *headers)


def request(method: str, path: str, body: bytes, *headers: str) -> bytes:
    """A request as bytes; with a body it is JSON."""
    lines = [f"{method} {path} HTTP/1.1", "Host: 127.0.0.1", *headers]
    if body:
        lines += ["Content-Type: application/json", f"Content-Length: {len(body)}"]
    return "\r\n".join((*lines, "", "")).encode() + body


def _python(module: str, function: str) -> list[str]:
    return [sys.executable, "-c", f"from {module} import {function}; {function}()"]
