"""What is said of what is gone: since when, by which schedule; and only where nothing is left that the id leads to."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any

import pytest

from ledger.calendar import Calendar
from ledger.errors import Gone, LogBroken
from ledger.events.retention import KeyDestroyed
from ledger.retention.schedules import Schedules
from ledger.retention.tombstone import Tombstone, gone, tombstone, tombstones_of
from support.given_retention import DISPOSAL, OTHER, RECORD, SCHEDULES, recorded

OREGON = Calendar.default("OR", "America/Los_Angeles").day_of
LATE = datetime(2033, 6, 2, 6, 30, tzinfo=UTC)
"""Still the evening of the 1st in Oregon."""


def destroyed(**changed: Any) -> KeyDestroyed:
    said = {
        "key_ids": ["0" * 32],
        "schedule": "education/OR/1",
        "record": RECORD,
        "student_id": "000000000010",
        "state": "OR",
        "record_class": "education",
        "disposal": DISPOSAL,
    }
    return KeyDestroyed(**{**said, **changed})


def stone(record: str, position: int, student_id: str = "000000000010", on: date = date(2033, 6, 1)) -> Tombstone:
    return Tombstone(
        record=record, student_id=student_id, on=on, schedule="education/OR/1", disposal=DISPOSAL, position=position
    )


def test_a_record_is_gone_since_the_day_in_its_own_state() -> None:
    assert tombstone(recorded(destroyed(), 7, at=LATE), OREGON) == stone(RECORD, 7)


@pytest.mark.parametrize(
    "event",
    [
        destroyed(record_class="eligibility"),
        destroyed(record=None, account="b1", record_class="access"),
        KeyDestroyed(key_ids=["0" * 32], schedule="response_days", submission="OR-20330601"),
    ],
)
def test_where_less_or_something_else_went_no_record_is_gone(event: KeyDestroyed) -> None:
    assert tombstone(recorded(event), OREGON) is None


def test_an_event_that_does_not_say_which_record_is_gone_stops_the_reader() -> None:
    with pytest.raises(LogBroken):
        tombstone(recorded(destroyed(student_id=None)), OREGON)


def test_an_id_whose_every_record_is_gone_answers_with_day_schedule_and_whose_certificate() -> None:
    stones = {RECORD: stone(RECORD, 7), OTHER: stone(OTHER, 9, "000000000023", date(2034, 1, 2))}
    answer = gone("000000000010", [RECORD, OTHER], stones, SCHEDULES)
    assert isinstance(answer, Gone)
    assert answer.remedy
    assert answer.members == {
        "student_id": "000000000010",
        "destroyed_on": "2034-01-02",
        "schedule": "education/OR/1",
        "authority": "OAR 166-400",
        "disposal": DISPOSAL,
    }


def test_a_student_of_several_records_keeps_the_others() -> None:
    assert gone("000000000010", [RECORD, OTHER], {RECORD: stone(RECORD, 7)}, SCHEDULES) is None


def test_an_id_that_never_stood_for_anything_is_not_gone() -> None:
    assert gone("000000000099", [], {RECORD: stone(RECORD, 7)}, SCHEDULES) is None


def test_without_its_schedule_at_hand_the_name_is_told_and_no_authority() -> None:
    answer = gone("000000000010", [RECORD], {RECORD: stone(RECORD, 7)}, Schedules())
    assert answer is not None
    assert answer.members is not None
    assert answer.members["authority"] is None
    assert answer.members["schedule"] == "education/OR/1"


def test_tombstones_are_found_among_other_events_by_record() -> None:
    log = [recorded(destroyed(), 7, at=LATE), recorded(destroyed(record_class="eligibility", record=OTHER), 8)]
    assert tombstones_of(log, OREGON) == {RECORD: stone(RECORD, 7)}
