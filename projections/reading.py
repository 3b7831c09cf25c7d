"""One reading of a log for all who fold it: what one of them has opened, the others need not open again.

The one invariant: only a page that is full is shared, since it never changes; what stands at the head is read anew by
each, so that nobody who has listened before he looks misses what was written in between.

Opened events stay in memory only as long as one of the readers is behind them.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Sequence
from concurrent.futures import Future
from typing import Final

from ledger.events import Recorded
from projections.runner import Readable

PAGE_EVENTS: Final = 1_000
PAGES_MAX: Final = 48
"""Pages in memory: how far the first reader may be ahead of the last before the last opens them again."""


class SharedReading:
    """A log that several threads read at much the same time. Each takes a ``reader`` of its own."""

    def __init__(self, log: Readable, *, page_events: int = PAGE_EVENTS, pages_max: int = PAGES_MAX) -> None:
        self.log = log
        self._page_events = page_events
        self._pages_max = pages_max
        self._lock = threading.Lock()
        self._pages: OrderedDict[int, Future[Sequence[Recorded]]] = OrderedDict()
        self._head = 0
        self._at: dict[Reader, int] = {}

    def reader(self) -> Reader:
        """A reading of the log for one thread; nothing of it is kept once it is closed."""
        return Reader(self)

    def read(self, reader: Reader, after: int, limit: int) -> Sequence[Recorded]:
        """As ``Reader.read``."""
        self._is_at(reader, after)
        found: list[Recorded] = []
        while len(found) < limit:
            number, behind = divmod(after + len(found), self._page_events)
            if not self._is_full(number):
                found += self.log.read(after + len(found), limit - len(found))
                break
            page = self._page(number)
            found += page[behind : behind + limit - len(found)]
        return found

    def leave(self, reader: Reader) -> None:
        """The reader reads no more."""
        with self._lock:
            self._at.pop(reader, None)
            self._forget()

    # -- inside

    def _is_at(self, reader: Reader, after: int) -> None:
        with self._lock:
            self._at[reader] = after
            self._forget()

    def _forget(self) -> None:
        needed = min(self._at.values(), default=2**63) // self._page_events
        for number in [number for number in self._pages if number < needed]:
            del self._pages[number]
        while len(self._pages) > self._pages_max:
            self._pages.popitem(last=False)

    def _is_full(self, number: int) -> bool:
        last = (number + 1) * self._page_events
        if self._head < last:
            self._head = max(self._head, self.log.head())
        return self._head >= last

    def _page(self, number: int) -> Sequence[Recorded]:
        """A full page, opened by whoever asks for it first; the others wait for him."""
        with self._lock:
            page = self._pages.get(number)
            is_mine = page is None
            if page is None:
                page = self._pages[number] = Future()
                self._forget()
        if is_mine:
            try:
                page.set_result(self.log.read(number * self._page_events, self._page_events))
            except BaseException as error:
                with self._lock:
                    self._pages.pop(number, None)  # whoever comes next tries again
                page.set_exception(error)
        return page.result()


class Reader:
    """What a projector needs of a log (``projections.runner.Readable``), out of a shared reading."""

    def __init__(self, shared: SharedReading) -> None:
        self.channel = shared.log.channel
        self._shared = shared

    def read(self, after: int, limit: int) -> Sequence[Recorded]:
        """Events after a position, in order, without gaps. Raises StoreUnavailable, IntegrityBroken."""
        return self._shared.read(self, after, limit)

    def head(self) -> int:
        return self._shared.log.head()

    def close(self) -> None:
        """What was kept for this reader alone goes."""
        self._shared.leave(self)
