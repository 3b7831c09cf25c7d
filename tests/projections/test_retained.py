"""Which records may be due, as read models tell it: none that anything keeps is opened for it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime
from typing import Any

import pytest

from ledger.application import Ledger
from ledger.events.disclosure import Disclosed, DisclosureRefused
from ledger.events.record import MoveQualified
from ledger.retention.due import Latest
from ledger.retention.schedules import Since
from ledger.store.database import Database
from projections.retained import ReadLists
from support.casework import Hands
from support.disposals import among
from support.logs import append
from support.telling import opened, record_uuid

SHOWN: dict[str, Any] = {"student_id": "1", "view": "student", "role": "r", "organisation": "o", "purpose": "p"}
LONG_AGO = {Since.LAST_ACTIVITY: date(2040, 1, 1)}


@pytest.fixture
def clock() -> Hands:
    return Hands()


@pytest.fixture
def ledger(database: Database, new_ledger: Callable[..., Ledger], clock: Hands) -> Ledger:
    """Five records of Oregon, from 2025."""
    made = new_ledger(database, clock)
    for number in range(1, 6):
        append(made.log, f"record/{record_uuid(number)}", opened(number))
    return made


def named(database: Database, ledger: Ledger, latest: Latest) -> list[int]:
    """The numbers of those that may be due."""
    numbers = {record_uuid(number): number for number in range(1, 6)}
    found = ReadLists(database, ledger.logs).candidates("education", "OR", latest, "", 100)
    return sorted(numbers[record] for record in found)


def test_what_was_shown_since_is_not_named_whoever_it_was_shown_among(
    database: Database, ledger: Ledger, clock: Hands
) -> None:
    def show(number: int, at: datetime) -> None:
        clock.now = at
        disclosed = Disclosed(**SHOWN, sections=["core"], basis="b", position=1)
        append(ledger.access, f"disclosure/{record_uuid(number)}", disclosed)

    show(1, datetime(2030, 6, 1, tzinfo=UTC))
    show(1, datetime(2035, 6, 1, tzinfo=UTC))
    # In a state's zone it may be the last of May yet.
    show(2, datetime(2036, 6, 2, 23, 59, tzinfo=UTC))
    show(3, datetime(2036, 6, 3, tzinfo=UTC))
    append(ledger.access, f"disclosure/{record_uuid(1)}", DisclosureRefused(**SHOWN, basis="b", rule="own-state"))
    clock.now = datetime(2037, 6, 1, tzinfo=UTC)
    append(ledger.access, "request/01990000-0000-7000-8000-0000000000b1", among(record_uuid(4)))
    assert named(database, ledger, Latest(LONG_AGO | {Since.LAST_DISCLOSURE: date(2036, 6, 1)})) == [1, 2, 5]
    assert named(database, ledger, Latest(LONG_AGO | {Since.LAST_DISCLOSURE: date(2037, 6, 1)})) == [1, 2, 3, 4, 5]
    assert named(database, ledger, Latest(LONG_AGO)) == [1, 2, 3, 4, 5]


def test_a_record_waits_for_its_moves_where_there_are_any(database: Database, ledger: Ledger) -> None:
    for number, arrival in ((1, "2024-05-01"), (2, "2030-05-01")):
        moved = MoveQualified(fact=1, elements={"qualifying_arrival_date": arrival})
        append(ledger.log, f"record/{record_uuid(number)}", moved)
    moves = {Since.ELIGIBILITY_END: date(2028, 1, 1)}
    assert named(database, ledger, Latest(LONG_AGO, moves)) == [1, 3, 4, 5]
    assert named(database, ledger, Latest(LONG_AGO, None)) == [3, 4, 5]
    assert named(database, ledger, Latest(LONG_AGO)) == [1, 2, 3, 4, 5]
