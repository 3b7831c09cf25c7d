"""The daily lists of an office, as data: which there are, what each means and by which rule, what may be asked of it.

The one invariant: a list is a question about rows of ``records`` on one day, with nothing in it of who asks. What the
questions are in SQL is ``projections.list_rows``; who may ask them, of which districts, the API's to say.
"""

from __future__ import annotations

from datetime import date, datetime
from typing import Final, Literal, NamedTuple

Order = Literal["eligible_until", "opened_at", "unenrolled_since"]
Parameter = Literal["days", "since"]

DAYS_USUAL: Final = 30
DAYS_MAX: Final = 366
"""Of ``ending``: how far ahead it looks, in days."""
DAYS_ASKED: Final = (30, 60, 90)
"""For which the lists are counted."""
SINCE_DAYS_USUAL: Final = 7
"""Of ``new``: how many days it goes back where no day is named."""


class DailyList(NamedTuple):
    """means: in words, of whom it tells. rule: where that comes from. order: the column by which it goes.
    parameters: those that are its own; every list takes a school and a grade."""

    name: str
    means: str
    rule: str
    order: Order
    parameters: tuple[Parameter, ...] = ()
    descending: bool = False


LISTS: Final[tuple[DailyList, ...]] = (
    DailyList(
        "children",
        "Children eligible today who go to school here or live here, as far as the state's record knows.",
        "34 CFR 200.81 (migratory child); V1, V2, V13",
        "eligible_until",
    ),
    DailyList(
        "ending",
        "Those of them whose eligibility ends within the days that are asked for; who ends today is still eligible.",
        "34 CFR 200.81; ESEA 1304(e) (what may go on after it); V1, V2, V16",
        "eligible_until",
        ("days",),
    ),
    DailyList(
        "priority",
        "Those of them whose latest enrollment has the flag of priority for services.",
        "ESEA 1304(d); V16",
        "eligible_until",
    ),
    DailyList(
        "out-of-school",
        "Those of them whose latest enrollment says grade 00, out of school.",
        "34 CFR 200.103 (through age 21); Grade Level 00",
        "eligible_until",
    ),
    DailyList(
        "new",
        "Children of whom the state sent its first record on the day that is asked for or later, eligible or not.",
        "34 CFR 200.85 (new records within 10 working days); V22",
        "opened_at",
        ("since",),
        descending=True,
    ),
    DailyList(
        "not-enrolled",
        "Eligible children whom the latest move or residency brought here, and whom no record of this state tells to be"
        " enrolled since.",
        "34 CFR 200.85(b); V10, V11; the missed enrollments of the mobility reports",
        "unenrolled_since",
    ),
)
BY_NAME: Final = {one.name: one for one in LISTS}


class Asked(NamedTuple):
    """What is asked of a list. day: the reader's. state: whose records. districts: of which, by NCES id; None is the
    whole state, and of none of them there is nobody. school: NCES id. days: of ``ending``. since: instant, of ``new``.
    """

    day: date
    state: str
    districts: tuple[str, ...] | None = None
    school: str | None = None
    grade: str | None = None
    days: int = DAYS_USUAL
    since: datetime | None = None


class Spot(NamedTuple):
    """A place in a list: the value by which it goes, and the record that has it."""

    key: date | datetime
    record: str


class ListedChild(NamedTuple):
    """A row. What is of the latest enrollment, residency and move is as in ``records.StateRecord``. elsewhere,
    elsewhere_since: another state whose record, ``elsewhere_record``, tells of an open enrollment as late as this one's
    latest, or later."""

    record: str
    student_id: str
    state_student_id: str
    grade_level: str | None
    enrollment_type: str | None
    school_identification_code: str | None
    school_or_project_name: str | None
    school_district_id: str | None
    enrollment_date: date | None
    withdrawal_date: date | None
    priority_for_services: bool | None
    district_of_residence: str | None
    resident_since: date | None
    qualifying_arrival_date: date | None
    moved_to_city: str | None
    moved_to_state: str | None
    eligible_from: date | None
    eligible_until: date | None
    opened_at: datetime
    unenrolled_since: date | None
    elsewhere: str | None
    elsewhere_since: date | None
    elsewhere_record: str | None


def spot_of(kind: DailyList, child: ListedChild) -> Spot:
    """Where a row stands in a list."""
    return Spot(getattr(child, kind.order), child.record)
