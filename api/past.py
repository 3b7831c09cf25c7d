"""A student as known at a point, for the ways in: what a request or a command asks for, found before it is shown.

Invariant: the point is found once, before anybody is read, so that all of an answer is as of one position, and its day
is the day of that point. Of what is read from the log itself a few are read at once (``in_turn``).
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable
from datetime import UTC, date, datetime
from typing import Final, TypeVar
from weakref import WeakKeyDictionary

from starlette.requests import Request

from api.services import services_of
from ledger.errors import NoSuchPoint, NotFound
from ledger.past import NotThen, Point, asked_in, point_at
from ledger.store.log import Log
from projections.past import student_at
from projections.students import StudentRow

AS_OF: Final = "as_of"
EFFECTIVE_ON: Final = "effective_on"
_DAY: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")


AT_ONCE: Final = 3
"""Readings of the past at once, in one process. Each holds a connection and a thread while it opens what was said, and
writers have no others."""
T = TypeVar("T")
_turns: WeakKeyDictionary[asyncio.AbstractEventLoop, asyncio.Semaphore] = WeakKeyDictionary()


async def in_turn(find: Callable[[], T]) -> T:
    """What a reading of the log comes to, done in a thread once it is its turn. Raises what it raises."""
    turns = turns_here()
    await turns.acquire()
    found = asyncio.create_task(asyncio.to_thread(find))
    # A thread is not ended with who waits for it, and has its connection until it has done.
    found.add_done_callback(lambda _: turns.release())
    return await asyncio.shield(found)


def turns_here() -> asyncio.Semaphore:
    """Of the event loop that runs."""
    return _turns.setdefault(asyncio.get_running_loop(), asyncio.Semaphore(AT_ONCE))


class Then:
    """Reads students as known at a point: a reader for views (``api.routes.students.Reader``)."""

    def __init__(self, log: Log, point: Point, effective_on: date | None) -> None:
        self._log = log
        self._effective_on = effective_on
        self.point = point

    async def get(self, student_id: str, /) -> StudentRow | NotThen | None:
        """Raises StoreUnavailable, LogBroken, UnknownEvent."""
        return await in_turn(lambda: self._get(student_id))

    def _get(self, student_id: str) -> StudentRow | NotThen | None:
        try:
            return student_at(self._log, student_id, self.point, self._effective_on)
        except NotFound:
            return None


def then_at(log: Log, as_of: str | None, effective_on: str | None, now: datetime) -> Then | None:
    """As two parameters ask; None where neither is given: what is known now is the read model's to say. now: UTC.

    Raises NoSuchPoint, StoreUnavailable.
    """
    if as_of is None and effective_on is None:
        return None
    day = None if effective_on is None else day_in(effective_on)
    asked = None if as_of is None else asked_in(as_of, AS_OF)
    return Then(log, point_at(log, asked, now, AS_OF), day)


async def then_of(request: Request) -> Then | None:
    """As the address asks. Raises as ``then_at``."""
    as_of, effective_on = (_once(request, name) for name in (AS_OF, EFFECTIVE_ON))
    if as_of is None and effective_on is None:
        return None
    services = services_of(request)
    return await in_turn(lambda: then_at(services.ledger.log, as_of, effective_on, services.clock()))


def points_of(request: Request) -> tuple[Point, Point]:
    """The two points that the address names as from and to. Raises NoSuchPoint, StoreUnavailable."""
    first = _once(request, "from")
    if first is None:
        raise NoSuchPoint("It is not said from when on.", remedy="Send `from`, a point.", element="from")
    services = services_of(request)
    return points_at(services.ledger.log, first, _once(request, "to"), services.clock())


def points_at(log: Log, first: str, last: str | None, now: datetime) -> tuple[Point, Point]:
    """Two points as text names them; without a last one, the head. Raises NoSuchPoint, StoreUnavailable."""
    asked = asked_in(first, "from"), None if last is None else asked_in(last, "to")
    return point_at(log, asked[0], now, "from"), point_at(log, asked[1], now, "to")


def day_in(text: str, name: str = EFFECTIVE_ON) -> date:
    """name: of the parameter. Raises NoSuchPoint."""
    try:
        if _DAY.fullmatch(text):
            return date.fromisoformat(text)
    except ValueError:
        pass
    raise NoSuchPoint("This is no day.", remedy="Give it as 2025-09-02.", element=name)


def instant(at: datetime) -> str:
    """As answers say it: UTC, microseconds."""
    return at.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


def _once(request: Request, name: str) -> str | None:
    given = request.query_params.getlist(name)
    if len(given) > 1:
        raise NoSuchPoint("It is asked for twice.", remedy="Send it once.", element=name)
    return given[0] if given else None
