"""A document of the provider that is kept for a while, fetched when it is wanted and no oftener than it may be.

Invariant: however many ask at once, one fetch runs; and however they ask, a failing or a hostile one causes no more
than one fetch in each pause. Belongs to one event loop.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from typing import Final, Generic, TypeVar

from ledger.errors import Unavailable

FRESH_S: Final = 900.0
"""How long a document is used before it is looked at again: a key that is withdrawn opens no door longer."""
STALE_S: Final = 86_400.0
"""How long it is used where the provider cannot be asked."""
PAUSE_S: Final = 30.0
"""Between two fetches for something unknown; and after one that failed, while an older document is at hand."""
RETRY_S: Final = 1.0
"""After a fetch that failed, while there is nothing at hand."""

T = TypeVar("T")


class Kept(Generic[T]):
    """fetch: gets the document; raises Unavailable. monotonic: seconds of a clock that never goes back."""

    def __init__(self, fetch: Callable[[], Awaitable[T]], monotonic: Callable[[], float]) -> None:
        self._fetch = fetch
        self._monotonic = monotonic
        self._found: tuple[float, T] | None = None
        self._failed: tuple[float, Unavailable] | None = None
        self._looked_at: float | None = None
        self._running: asyncio.Task[T] | None = None

    async def get(self) -> T:
        """The document: the one at hand if it is fresh, or not too old and the provider is away. Raises Unavailable."""
        found = self._found
        now = self._monotonic()
        if found is not None and now - found[0] < FRESH_S:
            return found[1]
        usable = found is not None and now - found[0] < STALE_S
        try:
            if self._failed is not None and now - self._failed[0] < (PAUSE_S if usable else RETRY_S):
                raise _again(self._failed[1])
            return await self._shared()
        except Unavailable:
            if found is not None and usable:
                return found[1]
            raise

    async def anew(self) -> T | None:
        """The document fetched now, since it lacks something that was named; None where that was done within the pause.

        Raises Unavailable; within the pause after that as well, since nobody knows yet what the provider would say.
        """
        now = self._monotonic()
        if self._running is None and self._looked_at is not None and now - self._looked_at < PAUSE_S:
            if self._failed is not None and self._failed[0] >= self._looked_at:
                raise _again(self._failed[1])
            return None
        self._looked_at = now
        return await self._shared()

    async def aclose(self) -> None:
        """End a fetch that runs."""
        if self._running is not None:
            self._running.cancel()
            with contextlib.suppress(asyncio.CancelledError, Unavailable):
                await self._running

    async def _shared(self) -> T:
        """Wait for the fetch that runs, or begin it. Whoever goes away while it runs takes it from nobody else."""
        if self._running is None:
            self._running = asyncio.create_task(self._fetched())
            # Where all who waited have gone, nobody else takes note of how it ended; ``_failed`` has it.
            self._running.add_done_callback(lambda task: task.cancelled() or task.exception())
        return await asyncio.shield(self._running)

    async def _fetched(self) -> T:
        try:
            document = await self._fetch()
        except Unavailable as e:
            self._failed = (self._monotonic(), e)
            raise
        else:
            self._found, self._failed = (self._monotonic(), document), None
            return document
        finally:
            self._running = None


def _again(error: Unavailable) -> Unavailable:
    """The same error for another caller, with a traceback of its own."""
    return type(error)(error.what, remedy=error.remedy)
