"""Commands on one record: short builders for examples, strategies for properties.

The record is that of ``support.rows``. A command that names an enrollment means fact 2, unless told otherwise.
"""

from __future__ import annotations

from datetime import date

from hypothesis import strategies as st

from ledger.events import Event
from ledger.jurisdiction import DEFAULT
from ledger.record import (
    NO_LAST_DAY,
    ChangeResidency,
    Command,
    CorrectFact,
    EnrollmentKey,
    PlaceFact,
    PlaceStudent,
    RetractFact,
    RetractRecord,
    Row,
    StudentRows,
    Withdraw,
)
from support.given import Given, given
from support.rows import MINTED, STATE, STUDENT, child_rows, students


def place(rows: StudentRows) -> PlaceStudent:
    return PlaceStudent(state=STATE, state_student_id=STUDENT, student=rows, new_student_id=MINTED)


def place_fact(row: Row) -> PlaceFact:
    return PlaceFact(state=STATE, state_student_id=STUDENT, row=row)


def withdraw(day: str, enrollment: int | EnrollmentKey = 2, today: date = NO_LAST_DAY) -> Withdraw:
    return Withdraw(state=STATE, state_student_id=STUDENT, enrollment=enrollment, withdrawal_date=day, today=today)


def correct(fact: int, **elements: str | None) -> CorrectFact:
    return CorrectFact(state=STATE, state_student_id=STUDENT, fact=fact, elements=elements)


def change_residency(**elements: str) -> ChangeResidency:
    return reside(2, elements)


def reside(enrollment: int, elements: dict[str, str]) -> ChangeResidency:
    return ChangeResidency(state=STATE, state_student_id=STUDENT, enrollment=enrollment, elements=elements)


def retract(fact: int) -> RetractFact:
    return RetractFact(state=STATE, state_student_id=STUDENT, fact=fact)


RETRACT_RECORD = RetractRecord(state=STATE, state_student_id=STUDENT)


def commands() -> st.SearchStrategy[Command]:
    facts = st.integers(min_value=0, max_value=9)
    days = st.sampled_from(["2025-01-06", "2025-02-03", "2025-03-03"])
    return st.one_of(
        students(actions=st.sampled_from("IIUUUD")).map(place),
        child_rows().map(place_fact),
        st.builds(
            Withdraw, state=st.just(STATE), state_student_id=st.just(STUDENT), enrollment=facts, withdrawal_date=days
        ),
        st.builds(
            ChangeResidency,
            state=st.just(STATE),
            state_student_id=st.just(STUDENT),
            enrollment=facts,
            elements=st.fixed_dictionaries(
                {"residency_date": days}, optional={"district_of_residence": st.sampled_from(["4110001", "4110002"])}
            ),
        ),
        st.builds(
            CorrectFact,
            state=st.just(STATE),
            state_student_id=st.just(STUDENT),
            fact=facts,
            elements=st.fixed_dictionaries(
                {},
                optional={
                    "enrollment_date": days,
                    "withdrawal_date": st.one_of(days, st.none()),
                    "residency_date": st.one_of(days, st.none()),
                    "qualifying_arrival_date": days,
                    "state_student_identifier_type": st.sampled_from(["01", None]),
                },
            ),
        ),
        facts.map(retract),
        st.just(RETRACT_RECORD),
    )


def histories() -> st.SearchStrategy[list[Event]]:
    """What the decider itself makes of up to six commands on one record, those refused left out."""

    def run(asked: list[Command]) -> list[Event]:
        history: Given = given()
        for command in asked:
            history = Given([*history.history, *history.when(command).decision.events], DEFAULT)
        return history.history

    return st.lists(commands(), max_size=6).map(run)
