"""What changed in a student between two points, as a view: each difference with the events behind it.

Invariant: as of every view: read first, shown only once its entries are durable; the values of a section that the
reader may not see are not compared for him. Who spoke, and the reason that a person gave, are told to whoever may read
the history.

Whoever reads needs to be let in at both points, and now (``ledger.past.let_in``).
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from itertools import chain
from typing import Any, NamedTuple

import msgspec
import orjson
import psycopg

from api.past import in_turn, instant
from api.principal import Principal, who
from api.show import Found
from ledger.access import Subject, decide
from ledger.errors import NotFound
from ledger.events import Recorded, Sealed
from ledger.events.record import RecordOpened
from ledger.links import REASON
from ledger.past import NotThen, Past, Point, let_in, nothing_left, past_of, said_between
from ledger.store.log import Log
from projections.differences import SECTIONS, Difference, differences
from projections.past import row_of
from projections.students import StudentRow


class Side(NamedTuple):
    """A student at one of the two points. row: None where there is nothing to show, and absent says why. past: None
    where the id had not been minted."""

    past: Past | None
    row: StudentRow | None
    absent: NotThen | None


class Changes(msgspec.Struct, frozen=True):
    """told: differences. events: by position, those behind them. reasons: by position, where there are any."""

    told: list[Difference]
    events: dict[int, Recorded]
    reasons: dict[int, str]


class ChangesView:
    """before, after: the two points, in the order asked for."""

    action = "student.read"
    name = "student-diff"
    sections: Sequence[str] = SECTIONS

    def __init__(self, log: Log, before: Point, after: Point, principal: Principal) -> None:
        self._log = log
        self._points = before, after
        self._principal = principal
        self._sides: tuple[Side, Side] | None = None
        self._history = False

    async def read(self, student_id: str) -> Found | None:
        """Raises StoreUnavailable, LogBroken, UnknownEvent."""
        return await in_turn(lambda: self._read(student_id))

    def changes(self, sections: Sequence[str]) -> Changes:
        """Between the two points, in these sections. Raises StoreUnavailable, LogBroken."""
        assert self._sides is not None, "rendered before it was read"
        before, after = self._sides
        between = said_between(before.past, after.past, min(point.position for point in self._points))
        told = differences(before.row, after.row, between, sections)
        wanted = {position for one in told for position in one.because}
        events = {one.position: one for one in between if one.position in wanted}
        if not self._history:
            return Changes(told, events, {})
        with self._log.connection() as conn:
            disposals = self._log.vault.catch_up(conn)
            reasons = {
                one.position: reason for one in events.values() if (reason := self._reason(conn, one, disposals))
            }
        return Changes(told, events, reasons)

    def sides(self) -> tuple[StudentRow | None, StudentRow | None]:
        """The student at the two points."""
        assert self._sides is not None, "rendered before it was read"
        return self._sides[0].row, self._sides[1].row

    def render(self, sections: Sequence[str], day: date) -> bytes:  # noqa: ARG002 - the shape of every view
        return orjson.dumps(self.body(sections))

    def body(self, sections: Sequence[str]) -> dict[str, Any]:
        """As the answer shows it."""
        changes, (before, after) = self.changes(sections), self.sides()
        shown = after or before
        assert shown is not None, "one side at least can be shown"
        names = self._names()
        return {
            "student_id": shown.student_id,
            "from": self._point(0),
            "to": self._point(1),
            "sections": list(sections),
            "differences": [
                {
                    "section": one.section,
                    "field": one.field,
                    "record": one.record,
                    "fact": one.fact,
                    "element": one.element,
                    "from": one.before,
                    "to": one.after,
                    "events": [self._event(changes, position, names) for position in one.because],
                }
                for one in changes.told
            ],
        }

    # -- inside

    def _read(self, student_id: str) -> Found | None:
        try:
            before, after = self._sides = (
                _side(self._log, student_id, self._points[0]),
                _side(self._log, student_id, self._points[1]),
            )
        except NotFound:
            return None
        absent = before.absent, after.absent
        if absent[0] is not None and absent[1] is not None:
            where = absent[1]
            return Found(student_id, where.records, 0, "", where.states, where.position, refused=where.why)
        rows = [row for row in (after.row, before.row) if row is not None]
        records = list(dict.fromkeys(record for row in rows for record in row.records))
        kept = [_states(row) for row in rows]
        now = [states for side in self._sides if side.past for states in side.past.kept_now]
        states, may = list(dict.fromkeys(chain(*kept))), let_in([*kept, *now])
        self._history = decide(who(self._principal), "student.history", Subject(may, records)).allowed
        first, last = (point.position for point in self._points)
        tag = ".".join(
            f"{point.position}.{side.past.erased if side.past else ''}"
            for point, side in zip(self._points, self._sides, strict=True)
        )
        position = max(row.position for row in rows)
        return Found(
            rows[0].student_id,
            records,
            position,
            f"{rows[0].as_of.version}.{tag}.{self._history}",
            states,
            max(first, last),
            since=min(first, last),
            let_in=may,
        )

    def _point(self, which: int) -> dict[str, Any]:
        assert self._sides is not None, "rendered before it was read"
        point, side = self._points[which], self._sides[which]
        return {
            "position": point.position,
            "recorded_at": instant(point.recorded_at),
            "student_id": side.row.student_id if side.row else None,
            "erased": side.past.erased if side.past else 0,
        }

    def _event(self, changes: Changes, position: int, names: dict[str, str]) -> dict[str, Any]:
        one = changes.events[position]
        kind, _, name = one.stream.partition("/")
        return {
            "position": one.position,
            "recorded_at": instant(one.recorded_at),
            "stream": one.stream,
            "event": one.event.topic,
            "act": getattr(one.event, "act", None),
            "record": name if kind == "record" else None,
            "record_name": names.get(name),
            "submission": one.meta.submission,
            "row": getattr(one.event, "source_row", None),
            "actor": one.meta.actor if self._history else None,
            "reason": changes.reasons.get(position),
        }

    def _names(self) -> dict[str, str]:
        """Record to its state and the state's own id."""
        assert self._sides is not None, "rendered before it was read"
        return {
            one.stream.partition("/")[2]: f"{one.event.state} {one.event.state_student_id}"
            for side in self._sides
            for one in (side.past.said if side.past else ())
            if isinstance(one.event, RecordOpened)
        }

    def _reason(self, conn: psycopg.Connection[Any], one: Recorded, disposals: int) -> str | None:
        sealed: Sealed | None = getattr(one.event, REASON, None)
        return one.meta.reason if sealed is None else self._log.open_field(conn, one, REASON, sealed, disposals)


def _side(log: Log, student_id: str, point: Point) -> Side:
    """Raises NotFound where the id was never minted."""
    past = past_of(log, student_id, point)
    if isinstance(past, NotThen):
        return Side(None, None, past)
    row = row_of(past, student_id)
    return Side(past, row, nothing_left(log, student_id, point) if row is None else None)


def _states(row: StudentRow) -> list[str]:
    """That keep a record of the student."""
    return [entry.state for entry in _records(row.sections["core"]).records]


class _Record(msgspec.Struct):
    state: str


class _Core(msgspec.Struct):
    records: list[_Record] = []


_records = msgspec.json.Decoder(_Core).decode
