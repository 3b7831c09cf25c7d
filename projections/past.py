"""A student as the ledger knew her at a point, and as she was on a day: two kinds of time.

*As of* a point is what was known then: the fold of the read model ``students``, over the events up to there and no
others. *Effective on* a day is what was true then, by what was known: facts that bear a date count from their date on;
facts without one, and who was linked with whom, count as they were known.

The one invariant: at any position this is what the read model showed when it had come to it, save what was destroyed
since, which is left out and counted. Nothing here asks what day it is.
"""

from __future__ import annotations

from datetime import date, datetime
from functools import partial

from ledger.errors import NoSuchPoint
from ledger.past import NotThen, Past, Point, asked_in, nothing_left, past_as_of, past_of
from ledger.store.log import Log
from projections import linked
from projections.as_of import AsOf
from projections.effective import effective_on as facts_on
from projections.students import PROJECTION, AsKnown, StudentRow, StudentsFold


def student_as_of(
    log: Log,
    student_id: str,
    as_of: str | int | datetime | None = None,
    effective_on: date | None = None,
    *,
    now: datetime,
) -> StudentRow:
    """The student that an id showed, as known at a point. as_of: a position, an instant, or either as text; None: the
    head. now: UTC, after which nothing is known.

    Raises NoSuchPoint, NotFound where the id was not minted by then; StoreUnavailable, LogBroken, UnknownEvent.
    """
    asked = asked_in(as_of) if isinstance(as_of, str) else as_of
    if isinstance(asked, datetime) and asked.tzinfo is None:
        raise NoSuchPoint("The instant has no offset from UTC.", remedy="Give it a time zone.", element="as_of")
    past = past_as_of(log, student_id, asked, now)
    found = _row_of(log, past, student_id, effective_on)
    if isinstance(found, NotThen):
        raise found.why
    return found


def student_at(log: Log, student_id: str, point: Point, effective_on: date | None = None) -> StudentRow | NotThen:
    """As ``student_as_of``, at a point that was found, and without raising for an id that was minted later.

    Raises NotFound where the id never was.
    """
    return _row_of(log, past_of(log, student_id, point), student_id, effective_on)


def row_of(past: Past, asked: str, effective_on: date | None = None) -> StudentRow | None:
    """The fold of what the log held; None where nothing of it can be opened."""
    shown_of = None if effective_on is None else partial(facts_on, day=effective_on)
    heard = StudentsFold().hear(past.said, linked.placed_of(past.linkage), shown_of)
    student = next((one for one in heard.students if one.student_id == past.student_id), None)
    if student is None:
        return None
    return StudentRow(
        asked,
        student.student_id,
        student.records,
        student.status,
        student.position,
        student.sections,
        AsOf(past.point.position, PROJECTION.version),
        AsKnown(past.point.position, past.point.at, past.point.recorded_at, effective_on, past.erased, past.kept_now),
    )


def _row_of(log: Log, past: Past | NotThen, asked: str, effective_on: date | None) -> StudentRow | NotThen:
    if isinstance(past, NotThen):
        return past
    return row_of(past, asked, effective_on) or nothing_left(log, asked, past.point)
