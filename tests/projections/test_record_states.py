"""What is kept of a record between two batches is what its whole stream says, wherever the batches were cut."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from ledger.events import Erased, Event, Recorded
from ledger.events.record import (
    CourseReported,
    DemographicsStated,
    Enrolled,
    FactCorrected,
    FactRetracted,
    MoveQualified,
)
from projections.record_states import KINDS, RecordState, RecordStates, decode, encode
from projections.records import KEPT as OF_RECORDS
from projections.records import row_of
from projections.search_terms import KEPT as OF_SEARCH
from projections.search_terms import terms_of
from support.telling import Teller, histories, opened, record_uuid

STREAM = f"record/{record_uuid(1)}"


def heard(*events: Event, every_event: bool = False) -> list[RecordState]:
    teller = Teller()
    teller.tell(STREAM, *events)
    return RecordStates(OF_SEARCH, every_event=every_event).hear(teller.log)


@given(histories(), st.sampled_from([OF_RECORDS, OF_SEARCH]), st.booleans(), st.data())
def test_batches_and_storing_in_between_change_nothing(
    log: list[Recorded], kept: dict[str, tuple[str, ...]], every_event: bool, data: st.DataObject
) -> None:
    whole = {record.record: record for record in RecordStates(kept, every_event=every_event).hear(log)}
    states, stored = RecordStates(kept, every_event=every_event), {}
    rest = log
    while rest:
        size = data.draw(st.integers(1, len(rest)))
        for record in states.hear(rest[:size]):
            stored[record.record] = encode(record)
        states._records.update({name: decode(body) for name, body in stored.items()})
        rest = rest[size:]
    assert {name: decode(body) for name, body in stored.items()} == whole
    # Bytes too: what a digest compares.
    assert stored == {name: encode(record) for name, record in whole.items()}


@given(histories(), st.sets(st.integers(0, 30)))
def test_what_cannot_be_opened_says_nothing_and_breaks_nothing(log: list[Recorded], erased: set[int]) -> None:
    """Any event may be erased; of a record whose opening is erased, nothing is left."""
    teller = Teller()
    for number, recorded in enumerate(log):
        event = Erased(was=recorded.event.topic) if number in erased else recorded.event
        teller.tell(recorded.stream, event)
    gone = {
        recorded.stream.removeprefix("record/")
        for number, recorded in enumerate(log)
        if recorded.version == 1 and number in erased
    }
    # As the runner does: what is not of the read model's events is not handed to its fold.
    concerned = [recorded for recorded in teller.log if not isinstance(recorded.event, Erased)]
    for kept in (OF_RECORDS, OF_SEARCH):
        for record in RecordStates(kept, every_event=True).hear(concerned):
            assert record.record not in gone
            row_of(record) if kept is OF_RECORDS else terms_of(record)


def test_a_record_is_heard_for_what_is_kept_of_it_and_for_nothing_else() -> None:
    stated = DemographicsStated(fact=1, elements={"first_name": "Inés"})
    [record] = heard(opened(1), stated, CourseReported(fact=2, elements={"course_title": "Art"}))
    assert (record.position, list(record.facts)) == (2, [1])
    [record] = heard(opened(1), stated, CourseReported(fact=2, elements={}), every_event=True)
    assert (record.position, list(record.facts)) == (3, [1])


def test_only_the_elements_that_are_asked_for_are_kept() -> None:
    stated = DemographicsStated(fact=1, elements={"first_name": "Inés", "parent_1_phone_number": "5035550101"})
    corrected = FactCorrected(fact=1, letter="D", elements={"male_parent_first_name": (None, "Anselmo")})
    [record] = heard(opened(1), stated, corrected)
    assert record.facts[1].elements == {"first_name": "Inés"}
    assert record.facts[1].said == 3


def test_what_is_retracted_is_kept_no_longer() -> None:
    [record] = heard(
        opened(1),
        MoveQualified(fact=1, elements={"qualifying_move_from_city": "Yuma"}),
        Enrolled(fact=2, elements={"facility_city": "Nyssa"}),
        FactRetracted(fact=1, letter="Q"),
    )
    assert list(record.facts) == [2]
    assert b"Yuma" not in encode(record)


def test_every_event_that_states_a_fact_has_a_kind_of_its_own() -> None:
    assert len(set(KINDS.values())) == len(KINDS) == len(OF_RECORDS)
    assert set(OF_RECORDS) == set(KINDS.values())
