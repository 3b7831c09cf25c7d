"""One reading of a log for all who fold it: what one of them has opened, the others need not open again.

The one invariant: whoever gets fewer events than he asked for has looked at the end of the log himself, after he asked:
so nobody who has listened before he looks misses what was written in between. Before that end a page that is full, and
what another has just found at the head, are shared, since no event changes.

Opened events stay in memory only as long as one of the readers is behind them.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Sequence
from concurrent.futures import Future
from typing import Final, NamedTuple

from ledger.events import Recorded
from projections.runner import Readable

PAGE_EVENTS: Final = 1_000
PAGES_MAX: Final = 48
"""Pages in memory: how far the first reader may be ahead of the last before the last opens them again."""


class _Found(NamedTuple):
    """Events behind a position, without gaps."""

    after: int
    events: Sequence[Recorded]

    @property
    def last(self) -> int:
        return self.after + len(self.events)

    def behind(self, position: int) -> Sequence[Recorded]:
        """Those of them that follow a position; none where one between is not here."""
        return self.events[position - self.after :] if self.after <= position else ()


class SharedReading:
    """A log that several threads read at much the same time. Each takes a ``reader`` of its own."""

    def __init__(self, log: Readable, *, page_events: int = PAGE_EVENTS, pages_max: int = PAGES_MAX) -> None:
        self.log = log
        self._page_events = page_events
        self._pages_max = pages_max
        self._lock = threading.Lock()
        self._pages: OrderedDict[int, Future[Sequence[Recorded]]] = OrderedDict()
        self._head: int | None = None
        """A position that the log has come to, not before its last full page; None until somebody asks."""
        self._newest = _Found(0, ())
        self._lookout = threading.Lock()
        """Held by whoever looks at the head for all."""
        self._at: dict[Reader, int] = {}
        self._got: dict[Reader, int] = {}

    def reader(self) -> Reader:
        """A reading of the log for one thread; nothing of it is kept once it is closed."""
        return Reader(self)

    def read(self, reader: Reader, after: int, limit: int) -> Sequence[Recorded]:
        """As ``Reader.read``."""
        self._is_at(reader, after)
        found: list[Recorded] = []
        has_waited = False
        while len(found) < limit:
            at = after + len(found)
            number, behind = divmod(at, self._page_events)
            end = at - behind + self._page_events
            if self._known_head() >= end:
                found += self._page(number)[behind : behind + limit - len(found)]
            elif newest := self._newest.behind(at):
                found += newest[: limit - len(found)]
            elif has_waited or self._lookout.acquire(blocking=False):
                looked = self._look(at, min(limit - len(found), end - at), is_lookout=not has_waited)
                found += looked
                if at + len(looked) < end:
                    break
                self._head = self.log.head()  # the page is full; perhaps more are, which are read as such
            else:
                with self._lookout:
                    has_waited = True  # whoever looked has it for us; what came since then each looks for himself
        self._has_got(reader, after + len(found))
        return found

    def leave(self, reader: Reader) -> None:
        """The reader reads no more."""
        with self._lock:
            self._at.pop(reader, None)
            self._got.pop(reader, None)
            self._forget()

    # -- inside

    def _is_at(self, reader: Reader, after: int) -> None:
        with self._lock:
            self._at[reader] = self._got[reader] = after
            self._forget()

    def _has_got(self, reader: Reader, position: int) -> None:
        with self._lock:
            self._got[reader] = position
            self._forget()

    def _forget(self) -> None:
        if min(self._got.values(), default=self._newest.last) >= self._newest.last:
            self._newest = _Found(self._newest.last, ())
        needed = min(self._at.values(), default=2**63) // self._page_events
        for number in [number for number in self._pages if number < needed]:
            del self._pages[number]
        while len(self._pages) > self._pages_max:
            self._pages.popitem(last=False)

    def _known_head(self) -> int:
        if self._head is None:
            with self._lookout:
                if self._head is None:
                    self._head = self.log.head()
        return self._head

    def _look(self, after: int, limit: int, *, is_lookout: bool) -> Sequence[Recorded]:
        """What stands behind a position now."""
        try:
            found = self.log.read(after, limit)
            with self._lock:
                if found and found[-1].position > self._newest.last:
                    self._newest = _Found(after, found)
        finally:
            if is_lookout:
                self._lookout.release()
        return found

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

    def read_left(self, streams: Sequence[str], upto: int) -> Sequence[Recorded]:
        """What is left of streams: as the log has it now, never out of what was read before."""
        return self._shared.log.read_left(streams, upto)

    def head(self) -> int:
        return self._shared.log.head()

    def close(self) -> None:
        """What was kept for this reader alone goes."""
        self._shared.leave(self)
