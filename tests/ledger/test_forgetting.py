"""The access log is told of each record that is gone, once, and in the order in which they went."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor

import pytest

from ledger import forgetting
from ledger.application import Ledger
from ledger.errors import RecordDestroyed, StaleDecision
from ledger.events.disclosure import Disclosed, DisclosuresDestroyed
from ledger.reactors.timekeeper import Timekeeper
from ledger.store.database import Database
from support.disposing import Item, dispose
from support.logs import append
from support.telling import opened, record_uuid

SHOWN = Disclosed(
    student_id="1", view="student", sections=["core"], role="auditor", organisation="OR", purpose="p", basis="b",
    position=1,
)  # fmt: skip


@pytest.fixture
def records(ledger: Ledger) -> list[Item]:
    for number in range(1, 8):
        append(ledger.log, f"record/{record_uuid(number)}", opened(number))
        append(ledger.access, f"disclosure/{record_uuid(number)}", SHOWN)
    return [Item(record_uuid(number), opened(number).student_id) for number in range(1, 8)]


def told(ledger: Ledger) -> list[tuple[str, int]]:
    """Records and positions of the ledger, in the order of the access log."""
    events = (one.event for one in ledger.access.read(0, 1_000))
    return [(event.record, event.position) for event in events if isinstance(event, DisclosuresDestroyed)]


def named(items: Iterable[Item]) -> list[str]:
    return [item.subject for item in items]


def test_each_record_that_went_is_told_of_once_where_it_stood(
    database: Database, ledger: Ledger, records: list[Item]
) -> None:
    assert ledger.forgetting.tell() == 0
    last = dispose(database, ledger, "education", *records[:2])
    assert ledger.forgetting.tell() == 2
    assert ledger.forgetting.tell() == 0
    assert told(ledger) == [(records[0].subject, last - 1), (records[1].subject, last)]
    said = ledger.access.read_stream(f"disclosure/{records[0].subject}")
    assert [type(one.event).__name__ for one in said] == ["Erased", "DisclosuresDestroyed"]


def test_what_was_not_told_before_a_crash_is_told_at_the_next_look(
    database: Database, ledger: Ledger, new_ledger: Callable[..., Ledger], records: list[Item]
) -> None:
    dispose(database, ledger, "education", records[0])
    dispose(database, ledger, "education", records[1])
    fresh = new_ledger(database)
    Timekeeper(
        database,
        fresh.log,
        fresh.profile,
        fresh.clock,
        fresh.casework,
        fresh.audits,
        fresh.admissions,
        fresh.forgetting,
        fresh.keeping,
    ).look()
    assert [record for record, _ in told(ledger)] == named(records[:2])


def test_many_are_told_piece_by_piece_and_in_order(
    database: Database, ledger: Ledger, records: list[Item], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(forgetting, "AT_ONCE", 2)
    for some in (records[5:], records[:5]):
        dispose(database, ledger, "education", *some)
    assert ledger.forgetting.tell() == 7
    assert [record for record, _ in told(ledger)] == named(records[5:] + records[:5])


def test_two_who_tell_at_once_tell_it_once(
    database: Database, ledger: Ledger, new_ledger: Callable[..., Ledger], records: list[Item]
) -> None:
    dispose(database, ledger, "education", *records)
    other = new_ledger(database)
    with ThreadPoolExecutor(4) as pool:
        tellers = [pool.submit(one.forgetting.tell) for one in (ledger, other, ledger, other)]
        assert sum(teller.result() for teller in tellers) == 7
    assert [record for record, _ in told(ledger)] == named(records)


def test_who_lost_her_moves_alone_keeps_the_account_of_who_saw_her(
    database: Database, ledger: Ledger, records: list[Item]
) -> None:
    dispose(database, ledger, "eligibility", records[0])
    assert ledger.forgetting.tell() == 0
    assert told(ledger) == []
    [said] = ledger.access.read_stream(f"disclosure/{records[0].subject}")
    assert said.event == SHOWN


def test_nothing_is_disclosed_of_a_record_that_is_gone(database: Database, ledger: Ledger, records: list[Item]) -> None:
    dispose(database, ledger, "education", records[0])
    with pytest.raises((RecordDestroyed, StaleDecision)):
        append(ledger.access, f"disclosure/{records[0].subject}", SHOWN)
