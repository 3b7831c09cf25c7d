"""Reads that come together are answered by one query.

Invariant: an answer is read after its question came, never before: a question that comes while a query runs waits for
the next one. No timer collects: under load the running query is what collects, and alone a question leaves at once.
Belongs to one event loop.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Generic, TypeVar

from ledger import telemetry

Key = TypeVar("Key")
Answer = TypeVar("Answer")

BATCH_MAX = 256


class Batches(Generic[Key, Answer]):
    """read: answers many keys at once; a key without an answer is left out of the dictionary. batched: is told how
    many keys each query answers."""

    def __init__(
        self,
        read: Callable[[Sequence[Key]], Awaitable[dict[Key, Answer]]],
        batched: Callable[[int], None] = telemetry.READ_BATCH.observe,
    ) -> None:
        self._read = read
        self._batched = batched
        self._waiting: dict[Key, list[asyncio.Future[Answer | None]]] = {}
        self._running: asyncio.Task[None] | None = None

    async def get(self, key: Key) -> Answer | None:
        """The answer, or None where there is none. Raises what ``read`` raises."""
        future: asyncio.Future[Answer | None] = asyncio.get_running_loop().create_future()
        self._waiting.setdefault(key, []).append(future)
        if self._running is None:
            self._running = asyncio.create_task(self._run(), name="read-batches")
        return await future

    async def _run(self) -> None:
        try:
            while self._waiting:
                keys = list(self._waiting)[:BATCH_MAX]
                asked = {key: self._waiting.pop(key) for key in keys}
                self._batched(len(keys))
                try:
                    answers = await self._read(keys)
                except Exception as error:  # each asker gets the reason; the next batch tries anew
                    _settle(asked, error)
                    continue
                for key, futures in asked.items():
                    found = answers.get(key)
                    for future in futures:
                        if not future.done():
                            future.set_result(found)
        finally:
            self._running = None


def _settle(asked: dict[Key, list[asyncio.Future[Answer | None]]], error: Exception) -> None:
    for futures in asked.values():
        for future in futures:
            if not future.done():
                future.set_exception(error)
