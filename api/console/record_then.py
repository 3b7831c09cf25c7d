"""A record as it was known on a day that is over, on a screen and on paper, with what has changed since.

Invariant: what is shown of then and of today is one answer, with one entry for each record; whoever reads it must be
let in to both, as everywhere (``ledger.past.let_in``). A day is a day of the reader's own zone, to its end.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime, time, timedelta
from typing import Any
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

import orjson
from starlette.requests import Request

from api.changes import ChangesView
from api.console.days import in_zone
from api.console.record_views import StudentPage, StudentPdf, StudentPrint
from api.console.since import Since, changes_of, entries_in
from api.console.visits import BACK, Visit
from api.past import AS_OF, EFFECTIVE_ON, Then, day_in, in_turn, then_at
from api.show import Found
from ledger.errors import NoSuchPoint
from ledger.past import point_at
from projections.differences import SECTIONS


async def then_on(request: Request, here: Visit) -> Then | None:
    """As the address asks: a day, or whatever the API takes; None where it asks for today. Raises NoSuchPoint,
    StoreUnavailable."""
    as_of, effective_on = (request.query_params.get(name, "").strip() or None for name in (AS_OF, EFFECTIVE_ON))
    if as_of is None and effective_on is None:
        return None
    now = here.services.clock()
    if as_of is not None and _is_day(as_of):
        as_of = _end_of(day_in(as_of, AS_OF), here.zone, now).isoformat()
    request.scope[BACK] = f"{here.path}?{request.url.query}"
    return await in_turn(lambda: then_at(here.services.ledger.log, as_of, effective_on, now))


def _is_day(text: str) -> bool:
    return len(text) == len("2025-09-02") and not text.isdigit()


def _end_of(day: date, zone: str, now: datetime) -> datetime:
    """The last instant of a day; of today, now. Raises NoSuchPoint."""
    at = ZoneInfo(zone)
    today = now.astimezone(at).date()
    if day > today:
        raise NoSuchPoint("The day has not come yet.", remedy="Ask for one that has.", element=AS_OF)
    if day == today:
        return now
    return datetime.combine(day + timedelta(days=1), time(), at) - timedelta(microseconds=1)


class _Since(StudentPage):
    """Beside what was known then, what has changed since. then: also the reader."""

    def __init__(self, then: Then, here: Visit, *more: Any) -> None:
        super().__init__(then, here, *more)
        self._then = then
        self._changes: ChangesView | None = None
        self._sections: Sequence[str] = ()

    async def read(self, student_id: str) -> Found | None:
        """Raises StoreUnavailable, LogBroken, UnknownEvent."""
        found = await super().read(student_id)
        if found is None or found.refused is not None:
            return found
        log = self._here.services.ledger.log
        today = await in_turn(lambda: point_at(log, None, self._here.services.clock()))
        changes = self._changes = ChangesView(log, self._then.point, today, self._here.signed_in)
        both = await changes.read(student_id)
        if both is None or both.refused is not None:
            return both  # it went between the two looks
        tag = f"{found.tag}.{both.tag}.{len(self._asked())}.{self.today().isoformat()}"
        return found._replace(
            records=both.records,
            states=both.states,
            tag=tag,
            since=self._then.point.position,
            let_in=both.let_in,
        )

    def render(self, sections: Sequence[str], day: date) -> bytes:
        self._sections = sections
        return super().render(sections, day)

    def more(self) -> Mapping[str, object]:
        assert self._changes is not None, "rendered before it was read"
        assert self.row is not None, "rendered before it was read"
        assert self.row.known is not None, "it is of the past"
        shown = [name for name in SECTIONS if name in self._sections]
        body = in_zone(self._changes.body(shown), self._zone)
        sides = [
            {name: orjson.loads(row.sections[name]) for name in shown}
            for row in self._changes.sides()
            if row is not None
        ]
        changes, marks = changes_of(body, entries_in(*reversed(sides)))
        known = self.row.known
        since = Since(
            known.at.astimezone(ZoneInfo(self._zone)),
            self._asked(),
            known.position,
            known.effective_on,
            known.erased,
            changes,
            marks,
        )
        query = {
            name: value for name, value in self._here.request.query_params.items() if name in (AS_OF, EFFECTIVE_ON)
        }
        return {**super().more(), "since": since, "query": f"&{urlencode(query)}"}

    def _asked(self) -> str:
        """The day by which it was asked for; empty where that was a position or an instant."""
        asked = self._here.request.query_params.get(AS_OF, "").strip()
        return asked if _is_day(asked) else ""


class ThenPage(_Since):
    """On a screen."""

    name = "student-page"


class ThenPrint(_Since, StudentPrint):
    """For paper."""

    name = "student-print"


class ThenPdf(ThenPrint, StudentPdf):
    """The print, before it is made a PDF."""

    name = "student-pdf"
