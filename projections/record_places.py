"""Where a record places the child: the district where she goes to school, the one where she lives, and whether she has
come to a place without having been enrolled there since. Pure; dates only, since what day it is, who reads knows.

The one invariant: every place here was said by this record's own state. What other states say of the same child is
compared by who asks (``projections.list_rows``), and nobody's enrollment is ever closed by another's (V13).
"""

from __future__ import annotations

from datetime import date
from typing import Final, NamedTuple

from ledger.events.record import Elements
from projections.record_states import RecordState

RESIDENCY_ONLY: Final = "06"
"""Enrollment Type: the child lives here, and is not told of as going to school."""
OUT_OF_SCHOOL: Final = "00"
"""Grade Level of a youth who is in no school."""
NOT_FOR_SCHOOL: Final = frozenset(("P0", "P1", "P2", "P3", "P4", "P5", "PS", "PX", OUT_OF_SCHOOL))
"""Grades in which residency alone is all that there is to tell."""


class Latest(NamedTuple):
    """The latest enrollment, by its date; of several on one date, the one that was stated last. number: 0 where there
    is none."""

    number: int
    elements: Elements
    withdrawn: str | None


class Places(NamedTuple):
    """enrolled_on: date of the latest enrollment that ``is_school``. attended_district: of the latest enrollment,
    unless the child was withdrawn from it and has lived in another district since. district_of_residence,
    resident_since: as ``_residence``. moved_to_city, moved_to_state: of the latest qualifying move.

    unenrolled_since: the day on which the latest move to this state, or the latest residency, brought the child, where
    this record tells of no enrollment since; None where it does, or where nothing brought her. unenrolled_district:
    where she lives, as far as that was told since the move.
    """

    enrolled_on: date | None = None
    attended_district: str | None = None
    district_of_residence: str | None = None
    resident_since: date | None = None
    moved_to_city: str | None = None
    moved_to_state: str | None = None
    unenrolled_since: date | None = None
    unenrolled_district: str | None = None


NOWHERE: Final = Places()


def latest_enrollment(record: RecordState) -> Latest:
    """Which it is, and its withdrawal."""
    found = max(record.of_kind("E"), key=lambda one: (one[1].elements.get("enrollment_date", ""), one[0]), default=None)
    if found is None:
        return Latest(0, {}, None)
    number, fact = found
    withdrawals = [part.elements.get("withdrawal_date") for _, part in record.of_kind("W") if part.enrollment == number]
    return Latest(number, fact.elements, withdrawals[-1] if withdrawals else None)


def is_school(enrollment: Elements) -> bool:
    """Whether an enrollment says that the child goes to school, or need not: residency only (type 06) of a child in a
    grade of school, or of nobody knows which, says that she is there and goes to none."""
    return enrollment.get("enrollment_type") != RESIDENCY_ONLY or enrollment.get("grade_level") in NOT_FOR_SCHOOL


def places_of(record: RecordState, latest: Latest) -> Places:
    """Where a record places its child. latest: of the record."""
    enrollments = record.of_kind("E")
    school = max(
        (fact.elements.get("enrollment_date", "") for _, fact in enrollments if is_school(fact.elements)), default=""
    )
    lives_in, since = _residence(record, latest)
    attended, left = latest.elements.get("school_district_id"), _day(latest.withdrawn)
    if left is not None and since is not None and since > left and lives_in != attended:
        attended = None
    moves = [(fact.elements.get("qualifying_arrival_date", ""), number, fact) for number, fact in record.of_kind("Q")]
    move: Elements = max(moves, key=lambda one: one[:2])[2].elements if moves else {}
    brought, district = _brought(record, lives_in, since)
    if brought is not None and school >= brought.isoformat():
        brought = None
    # Who goes to school in the district already has not come to it without a school.
    open_there = latest.withdrawn is None and district is not None and attended == district
    if brought is None or (open_there and is_school(latest.elements)):
        brought = district = None
    return Places(
        enrolled_on=_day(school),
        attended_district=attended,
        district_of_residence=lives_in,
        resident_since=since,
        moved_to_city=move.get("qualifying_move_to_city"),
        moved_to_state=move.get("qualifying_move_to_state"),
        unenrolled_since=brought,
        unenrolled_district=district,
    )


def _residence(record: RecordState, latest: Latest) -> tuple[str | None, date | None]:
    """The district where the child lives, and since when: the latest that was told with the latest enrollment or is of
    its date or later; what was told before she enrolled elsewhere is over. Without a Residency Date it is of the date
    of its enrollment."""
    # Of one enrollment the last that was stated is the current one (ledger.facts).
    current = {fact.enrollment: fact.elements for _, fact in record.of_kind("R")}
    enrolled = latest.elements.get("enrollment_date", "")
    found: list[tuple[str, int, str]] = []
    for enrollment, said in current.items():
        if enrollment not in record.facts or "district_of_residence" not in said:
            continue
        since = said.get("residency_date") or record.facts[enrollment].elements.get("enrollment_date", "")
        if since and (enrollment == latest.number or since >= enrolled):
            found.append((since, enrollment, said["district_of_residence"]))
    since, _, district = max(found, default=("", 0, None))
    return district, _day(since)


def _brought(record: RecordState, lives_in: str | None, since: date | None) -> tuple[date | None, str | None]:
    """When the child last came to this state, or to another district in it, and to which district, where that is
    known: a move names a city at most."""
    arrivals = [
        date.fromisoformat(fact.elements["qualifying_arrival_date"])
        for _, fact in record.of_kind("Q")
        if "qualifying_arrival_date" in fact.elements
        and fact.elements.get("qualifying_move_to_state", record.state) == record.state
    ]
    arrived = max(arrivals, default=None)
    if since is not None and (arrived is None or since >= arrived):
        return since, lives_in
    return arrived, None


def _day(text: str | None) -> date | None:
    return date.fromisoformat(text) if text else None
