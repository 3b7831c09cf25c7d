"""The log: what is appended is read back, once, in order, and a stale decision is refused."""

from __future__ import annotations

import uuid

import pytest

from ledger.application import Ledger
from ledger.errors import IdempotencyKeyReused, StaleDecision
from ledger.events import Event, Meta
from ledger.events.record import CourseReported, MoveQualified, RecordOpened
from ledger.ids import NUMBERS, student_id
from ledger.store.append import Answer, Append, Opening, Part

META = Meta(actor="registrar")


def minted(record: uuid.UUID) -> str:
    """A student id that no other record mints."""
    return student_id(record.int % NUMBERS)


def opening(answer: Answer | None = None, ssid: str = "OR1") -> tuple[str, Append]:
    record = uuid.uuid4()
    stream = f"record/{record}"
    events: list[Event] = [
        RecordOpened(state="OR", state_student_id=ssid, student_id=minted(record), elements={}),
        MoveQualified(fact=1, elements={"qualifying_arrival_date": "2025-04-18"}),
    ]
    part = Part(stream=stream, subject=str(record), expected=0, events=events)
    opened = Opening("OR", ssid, record.bytes, minted(record))
    return stream, Append(parts=[part], meta=META, answer=answer, opened=[opened], rows={record.bytes: b"packed"})


def courses(stream: str, count: int, expected: int | None) -> Append:
    events = [CourseReported(fact=i + 2, elements={"course_title": f"Algebra {i}"}) for i in range(count)]
    part = Part(stream=stream, subject=stream.removeprefix("record/"), expected=expected, events=events)
    return Append(parts=[part], meta=META)


@pytest.mark.parametrize("count", [1, 3, 399, 400, 2_000])
def test_what_is_appended_is_read_back_in_order(ledger: Ledger, count: int) -> None:
    stream, append = opening()
    ledger.log.append(append)
    receipt = ledger.log.append(courses(stream, count, 2))
    assert receipt.position == count + 2
    assert receipt.versions == {stream: count + 2}
    read = ledger.log.read(0, 10_000)
    assert [r.position for r in read] == list(range(1, count + 3))
    assert [r.version for r in read] == list(range(1, count + 3))
    assert [r.event for r in read] == [*append.parts[0].events, *courses(stream, count, 2).parts[0].events]
    assert ledger.log.read_stream(stream) == read
    assert {r.meta.actor for r in read} == {"registrar"}


def test_a_decision_on_an_old_version_is_refused_and_leaves_nothing(ledger: Ledger) -> None:
    stream, append = opening()
    ledger.log.append(append)
    with pytest.raises(StaleDecision):
        ledger.log.append(courses(stream, 1, 1))
    assert ledger.log.head() == 2


def test_opening_the_same_state_student_id_twice_is_refused(ledger: Ledger) -> None:
    ledger.log.append(opening()[1])
    with pytest.raises(StaleDecision):
        ledger.log.append(opening()[1])
    assert ledger.log.head() == 2


def test_the_same_key_gets_the_first_answer_and_appends_nothing(ledger: Ledger) -> None:
    answer = Answer(scope="or", key="k", request_hash=b"h", status=201, ids={"student_id": "000000000010"})
    _, append = opening(answer)
    first = ledger.log.append(append)
    again = ledger.log.append(append)
    assert not first.replayed
    assert again.replayed
    assert (again.position, again.answer) == (first.position, answer)
    assert ledger.log.head() == 2


def test_the_same_key_with_another_request_is_refused(ledger: Ledger) -> None:
    answer = Answer(scope="or", key="k", request_hash=b"h", status=201, ids={})
    ledger.log.append(opening(answer)[1])
    other = Answer(scope="or", key="k", request_hash=b"other", status=201, ids={})
    with pytest.raises(IdempotencyKeyReused):
        ledger.log.append(opening(other, "OR2")[1])
    assert ledger.log.head() == 2
