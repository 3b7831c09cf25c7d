"""Histories of records, as a log would hand them out: told by hand, or drawn by Hypothesis."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from hypothesis import strategies as st

from ledger.events import Event, Meta, Recorded
from ledger.events.record import (
    AlternateIdStated,
    AssessmentReported,
    CourseReported,
    DemographicsStated,
    Elements,
    Enrolled,
    FactCorrected,
    FactRetracted,
    FactStated,
    ImmunizationReported,
    MoveQualified,
    RecordOpened,
    RecordReinstated,
    RecordRetracted,
    ResidencyChanged,
    Withdrawn,
)
from ledger.ids import student_id
from ledger.record import fold

START = datetime(2025, 9, 2, 2, 0, tzinfo=UTC)


class Teller:
    """Gives events their places: positions without gaps, versions by stream, instants a second apart."""

    def __init__(self) -> None:
        self.log: list[Recorded] = []
        self._versions: dict[str, int] = {}

    def tell(
        self, stream: str, *events: Event, actor: str = "OR batch", submission: str | None = None
    ) -> list[Recorded]:
        """Append events to a stream."""
        told = []
        for event in events:
            version = self._versions[stream] = self._versions.get(stream, 0) + 1
            position = len(self.log) + 1
            recorded = Recorded(
                position=position,
                stream=stream,
                version=version,
                recorded_at=START + timedelta(seconds=position),
                event_id=f"{position:032x}",
                meta=Meta(actor=actor, submission=submission),
                event=event,
            )
            self.log.append(recorded)
            told.append(recorded)
        return told


def record_uuid(number: int) -> str:
    """The uuid of the nth record of a test."""
    return f"01990000-0000-7000-8000-{number:012x}"


def opened(number: int, state: str = "OR") -> RecordOpened:
    """The opening of the nth record of a test."""
    return RecordOpened(
        state=state,
        state_student_id=f"{state}{number:07d}",
        student_id=student_id(number),
        elements={"state_student_identifier_type": "02"},
    )


STATED: dict[str, tuple[type[FactStated], dict[str, tuple[str, ...]]]] = {
    "D": (
        DemographicsStated,
        {
            "first_name": ("Inés", "Wilber", "María"),
            "last_name_1": ("Reyes", "Pablo"),
            "birth_date": ("2012-03-14", "2008-02-29"),
            "male_parent_first_name": ("Anselmo", "Juan"),
            "parent_1_phone_number": ("5035550101",),
        },
    ),
    "K": (AlternateIdStated, {"alternate_state_student_id": ("A1", "A2")}),
    "Q": (
        MoveQualified,
        {
            "qualifying_arrival_date": ("2025-04-18", "2024-02-29", "2025-06-02"),
            "qualifying_move_to_city": ("Woodburn", "Peñitas"),
            "qualifying_move_to_state": ("OR", "TX"),
        },
    ),
    "E": (
        Enrolled,
        {
            "enrollment_date": ("2025-04-21", "2025-06-23"),
            "enrollment_type": ("01", "06"),
            "school_district_id": ("4113770", "4110820"),
            "grade_level": ("07", "08", "00"),
            "pfs_flag": ("Yes", "No"),
            "med_alert_indicator": ("Chronic", "None"),
            "graduation_hse_date": ("2026-06-12",),
        },
    ),
    "C": (CourseReported, {"course_title": ("Algebra I", "Biology"), "begin_academic_year": ("2024", "2025")}),
    "A": (AssessmentReported, {"assessment_title": ("ELPA",), "assessment_administration_date": ("2025-05",)}),
    "I": (ImmunizationReported, {"cvx_code": ("115", "003"), "administration_date": ("2024-08-16", "2025-01-02")}),
}
"""Letter to the event that states a fact, and values to draw its elements from; the first element is always there."""

ALWAYS = {"D": ("first_name", "birth_date"), "I": ("cvx_code", "administration_date")}


@st.composite
def elements_of(draw: st.DrawFn, letter: str) -> Elements:
    """Elements of one fact."""
    values = STATED[letter][1]
    always = ALWAYS.get(letter, (next(iter(values)),))
    return {
        key: draw(st.sampled_from(choice)) for key, choice in values.items() if key in always or draw(st.booleans())
    }


@st.composite
def histories(draw: st.DrawFn, *, records_max: int = 3, steps_max: int = 30) -> list[Recorded]:
    """What some records' streams say, interleaved: every event that may follow, nothing that may not."""
    teller = Teller()
    events: dict[int, list[Event]] = {}
    for _ in range(draw(st.integers(1, steps_max))):
        number = draw(st.integers(1, records_max))
        said = events.setdefault(number, [])
        event = draw(_next_event(number, said))
        said.append(event)
        teller.tell(f"record/{record_uuid(number)}", event, submission=draw(st.sampled_from([None, "OR/2025-09-02"])))
    return teller.log


@st.composite
def _next_event(draw: st.DrawFn, number: int, said: Sequence[Event]) -> Event:
    state = fold(said)
    if state is None:
        return opened(number, draw(st.sampled_from(["OR", "CA"])))
    if state.status == "retracted":
        return RecordReinstated()
    live = [fact for fact in state.facts.values() if fact.status == "live"]
    enrollments = [fact.id for fact in live if fact.kind == "enrollment"]
    choice = draw(st.sampled_from(["state"] * 6 + ["part"] * 2 + ["correct"] * 3 + ["retract", "again", "retract all"]))
    if choice == "part" and enrollments:
        enrollment = draw(st.sampled_from(enrollments))
        if any(fact.kind == "withdrawal" and fact.enrollment == enrollment for fact in live):
            lives = {"district_of_residence": draw(st.sampled_from(["4113770", "4110820"]))}
            since = draw(st.sampled_from([{}, {"residency_date": "2025-06-02"}, {"residency_date": "2025-06-23"}]))
            return ResidencyChanged(fact=state.next_fact, enrollment=enrollment, elements=lives | since)
        return Withdrawn(fact=state.next_fact, enrollment=enrollment, elements={"withdrawal_date": "2025-06-13"})
    rows = [fact for fact in live if fact.enrollment is None]
    if choice == "correct" and rows:
        fact = draw(st.sampled_from(rows))
        after = draw(elements_of(fact.letter))
        changes = {
            key: (fact.elements.get(key), after.get(key))
            for key in STATED[fact.letter][1]
            if fact.elements.get(key) != after.get(key)
        }
        if changes:
            return FactCorrected(fact=fact.id, letter=fact.letter, elements=changes)
    if choice == "retract" and live:
        fact = draw(st.sampled_from(live))
        return FactRetracted(fact=fact.id, letter=fact.letter)
    dormant = [fact for fact in state.facts.values() if fact.status == "dormant" and fact.enrollment is None]
    if choice == "again" and dormant:
        fact = draw(st.sampled_from(dormant))
        return STATED[fact.letter][0](fact=fact.id, elements=draw(elements_of(fact.letter)))
    if choice == "retract all":
        return RecordRetracted()
    letter = draw(st.sampled_from(list(STATED)))
    return STATED[letter][0](
        fact=state.next_fact, elements=draw(elements_of(letter)), record_id=draw(st.sampled_from([None, "001", "002"]))
    )
