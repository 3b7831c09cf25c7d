"""Who a record says that the child is: its facts, as the matcher reads them.

What a state says of the child now is the demographics row of which it spoke last. A retracted record says nothing any
more. Pure.
"""

from __future__ import annotations

from datetime import date
from typing import Final

from ledger.facts import MSIX_NUMBER, Elements, RecordState, held_rows
from ledger.matching.traits import Attendance, Traits

_FULL: Final = frozenset(("01", "05"))
"""Enrollment types of a child who attends school the whole day: basic school, with or without a project beside it."""
NAMES: Final = (
    "first_name",
    "middle_name",
    "last_name_1",
    "last_name_2",
    "suffix",
    "sex",
    "male_parent_first_name",
    "male_parent_last_name",
    "female_parent_first_name",
    "female_parent_last_name",
    "birth_city",
    "birth_state",
    "birth_country",
)


def traits_of(state: RecordState) -> Traits | None:
    """What a record says; None where it is retracted, or nobody has said who the child is."""
    spoken = [state.facts[fact] for fact in state.demographics if state.facts[fact].status == "live"]
    if state.status != "open" or not spoken:
        return None
    said = spoken[-1].elements
    rows = held_rows(state)
    return Traits(
        state=state.state,
        state_student_id=state.state_student_id,
        student_id=state.student_id,
        sent_id=state.identity.get(MSIX_NUMBER, ""),
        birth_date=_day(said, "birth_date"),
        multiple_birth=said.get("multiple_birth_flag", ""),
        other_ids=tuple(row.elements["alternate_state_student_id"] for row in rows.get("K", ())),
        attendances=tuple(attendance(state.state, row.elements) for row in rows.get("E", ())),
        **{name: said.get(name, "") for name in NAMES},
    )


def attendance(state: str, row: Elements) -> Attendance:
    """An enrollment of a record. state: of the school, where the row says none."""
    begins = _day(row, "enrollment_date")
    assert begins is not None, "the layout requires it"
    return Attendance(
        begins=begins,
        ends=_day(row, "withdrawal_date"),
        state=row.get("facility_state", state),
        school=row.get("school_identification_code") or row.get("school_or_project_name", ""),
        grade=row.get("grade_level", ""),
        full=row.get("enrollment_type") in _FULL,
    )


def _day(row: Elements, key: str) -> date | None:
    value = row.get(key)
    return date.fromisoformat(value) if value else None
