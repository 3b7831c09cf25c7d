"""The load generator: a process of its own that keeps many connections busy, each with one request at a time.

Invariant: every answer has the status that was expected, or the whole plan fails; a rate of errors is no rate. It
speaks just enough HTTP/1.1 to be cheap, since it shares the machine with what it measures: ``busy`` says how much of
one core it took, so that one sees whether the client was what was measured.
"""

from __future__ import annotations

import asyncio
import itertools
import sys
import time
from collections.abc import Iterator, Sequence
from typing import cast

import msgspec
import uvloop


class Plan(msgspec.Struct, kw_only=True):
    """What to send. requests: whole requests, as bytes, in order; the connections take turns. times: how often the
    list is sent. expect: the status that every answer must have."""

    port: int
    connections: int
    requests: list[bytes]
    expect: int
    times: int = 1
    timeout_s: float = 120.0


class Outcome(msgspec.Struct, kw_only=True):
    """rate: answers a second. p50_ms, p99_ms: from the request's writing to its answer's last byte. busy: share of one
    core that this process took. error: why there is no outcome; empty where there is."""

    rate: float = 0.0
    p50_ms: float = 0.0
    p99_ms: float = 0.0
    busy: float = 0.0
    error: str = ""


class _Load:
    """What the connections share."""

    def __init__(self, plan: Plan, requests: Iterator[bytes], done: asyncio.Future[None]) -> None:
        self.requests = requests
        self.expect = plan.expect
        self.took: list[float] = []
        self.done = done
        self.busy_connections = plan.connections

    def finished(self) -> None:
        self.busy_connections -= 1
        if not self.busy_connections and not self.done.done():
            self.done.set_result(None)

    def failed(self, why: str) -> None:
        if not self.done.done():
            self.done.set_exception(ConnectionError(why))


class _Connection(asyncio.Protocol):
    """One connection: sends, waits for the whole answer, sends the next."""

    def __init__(self, load: _Load) -> None:
        self._load = load
        self._buffer = b""
        self._wanted = 0
        self._status = 0
        self._sent = 0.0
        self._idle = True
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)  # uvloop's own class, of the same shape

    def send_next(self) -> None:
        """Send the next request, or be done where there is none."""
        assert self._transport is not None
        request = next(self._load.requests, None)
        if request is None:
            self._idle = True
            self._transport.close()
            self._load.finished()
            return
        self._idle = False
        self._sent = time.perf_counter()
        self._transport.write(request)

    def data_received(self, data: bytes) -> None:
        buffer = self._buffer = self._buffer + data if self._buffer else data
        if not self._wanted:
            end = buffer.find(b"\r\n\r\n")
            if end < 0:
                return
            length = _content_length(buffer[:end])
            if length is None:
                self._load.failed("an answer has no Content-Length")
                return
            self._status = int(buffer[9:12])
            self._wanted = end + 4 + length
        if len(buffer) < self._wanted:
            return
        self._load.took.append(time.perf_counter() - self._sent)
        if self._status != self._load.expect or len(buffer) > self._wanted:
            said = buffer[-400:].decode(errors="replace")
            self._load.failed(f"an answer has status {self._status}, not {self._load.expect}: {said}")
            return
        self._buffer, self._wanted = b"", 0
        self.send_next()

    def connection_lost(self, exc: Exception | None) -> None:
        if not self._idle:
            self._load.failed(f"a connection was closed in the middle ({exc})")


def _content_length(head: bytes) -> int | None:
    lower = head.lower()
    start = lower.find(b"\r\ncontent-length:")
    if start < 0:
        return None
    end = lower.find(b"\r\n", start + 2)
    return int(lower[start + 17 : end if end >= 0 else None])


async def send(plan: Plan) -> Outcome:
    """Send the plan; raises ConnectionError, OSError, TimeoutError."""
    loop = asyncio.get_running_loop()
    requests = itertools.chain.from_iterable(itertools.repeat(plan.requests, plan.times))
    load = _Load(plan, requests, loop.create_future())
    async with asyncio.timeout(plan.timeout_s):
        made = [
            await loop.create_connection(lambda: _Connection(load), "127.0.0.1", plan.port)
            for _ in range(plan.connections)
        ]
        started, cpu = time.perf_counter(), time.process_time()
        for _, connection in made:
            connection.send_next()
        await load.done
        seconds = time.perf_counter() - started
    took = sorted(load.took)
    return Outcome(
        rate=len(took) / seconds,
        p50_ms=_quantile(took, 0.5) * 1000,
        p99_ms=_quantile(took, 0.99) * 1000,
        busy=(time.process_time() - cpu) / seconds,
    )


def _quantile(took: Sequence[float], share: float) -> float:
    return took[min(len(took) - 1, int(len(took) * share))] if took else 0.0


def main() -> None:
    """Read a plan from standard input, write its outcome to standard output."""
    plan = msgspec.msgpack.decode(sys.stdin.buffer.read(), type=Plan)
    try:
        outcome = uvloop.run(send(plan))
    except (OSError, TimeoutError) as error:  # ConnectionError is an OSError
        outcome = Outcome(error=f"{type(error).__name__}: {error}")
    sys.stdout.buffer.write(msgspec.msgpack.encode(outcome))
