"""What a reading of the log waits for, and that what was destroyed is heard of all the same.

An answer of PostgreSQL is waited for longer than it takes to find; so what is asked for one reading is asked in one go.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

import pytest

from ledger.application import Ledger
from ledger.events import Erased
from ledger.history import history_of
from ledger.past import NotThen, Past, past_as_of
from ledger.store.database import Database
from support.casework import ANA, WHY, Work
from support.gone import destroy

NewLedger = Callable[..., Ledger]
NOW = datetime(2099, 1, 1, tzinfo=UTC)
ANSWERED = "ReadyForQuery"


@pytest.fixture
def waits(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[Callable[[], Any]], int]]:
    """How often an answer of PostgreSQL is waited for on the log's connection while something is done."""
    with ledger.log.connection() as conn:

        @contextmanager
        def same() -> Iterator[Any]:
            yield conn

        def counted(do: Callable[[], Any]) -> int:
            with tempfile.TemporaryFile("w+") as trace:
                conn.pgconn.trace(trace.fileno())
                try:
                    do()
                finally:
                    conn.pgconn.untrace()
                trace.seek(0)
                return sum(ANSWERED in line for line in trace)

        monkeypatch.setattr(ledger.log, "connection", same)
        yield counted


def then(ledger: Ledger, student: str, at: int | datetime | None) -> Past:
    found = past_as_of(ledger.log, student, at, NOW)
    assert isinstance(found, Past)
    return found


@pytest.mark.parametrize("at", [2, None, NOW], ids=["a position", "the head", "an instant"])
def test_a_look_back_whose_keys_are_at_hand_waits_once(
    ledger: Ledger, waits: Callable[[Callable[[], Any]], int], at: int | datetime | None
) -> None:
    student = Work(ledger).opened("OR", "1")
    then(ledger, student, at)
    assert waits(lambda: then(ledger, student, at)) == 1


def test_a_look_back_at_one_of_several_records_waits_for_no_disposal_by_itself(
    ledger: Ledger, waits: Callable[[Callable[[], Any]], int]
) -> None:
    work = Work(ledger)
    one, other = work.opened("OR", "1"), work.opened("CA", "2")
    work.merged(one, other)
    assert len(then(ledger, one, None).records) == 2
    # For the look, for what else was said of the linkage, for the other record, and for who keeps the two now.
    assert waits(lambda: then(ledger, one, None)) == 4


def test_what_is_read_of_the_log_with_its_keys_at_hand_is_waited_for_once(
    ledger: Ledger, waits: Callable[[Callable[[], Any]], int]
) -> None:
    work = Work(ledger)
    record = work.record(work.opened("OR", "1"))
    for read in (lambda: ledger.log.read_stream(f"record/{record}"), lambda: ledger.log.read(0, 100)):
        assert read()
        assert waits(read) == 1


def test_many_reasons_of_a_history_are_opened_after_one_look(
    ledger: Ledger, waits: Callable[[Callable[[], Any]], int]
) -> None:
    work = Work(ledger)
    one, other, third = (work.opened(state, "1") for state in ("OR", "CA", "TX"))
    work.merged(one, other)

    def told() -> list[str]:
        happened = history_of(ledger.log, ledger.links, one).happened
        return [each.reason for each in happened if each.reason]

    before = told()
    few = waits(told)
    work.reversals.declare_not_same(one, third, WHY, ANA, None)
    work.reversals.declare_not_same(other, third, WHY, ANA, None)
    assert len(told()) > len(before)
    assert waits(told) <= few


def test_who_looks_back_opens_nothing_that_another_process_has_destroyed_though_he_had_the_key(
    database: Database, new_ledger: NewLedger, ledger: Ledger
) -> None:
    work, other = Work(ledger), new_ledger(database)
    one, kept = work.opened("OR", "1"), work.opened("CA", "2")
    work.merged(one, kept)
    head = ledger.log.head()
    assert (then(other, one, 2).erased, then(other, one, head).erased) == (0, 0)
    destroy(ledger, work.record(one))
    for at in (2, head, None):
        past = then(other, one, at)
        assert past.erased
        assert not [said for said in past.said if isinstance(said.event, Erased)]
        assert {said.stream for said in past.said} <= {f"record/{work.record(kept)}"}


def test_of_an_id_whose_record_went_it_is_known_that_it_was_minted(ledger: Ledger) -> None:
    work = Work(ledger)
    _, one = work.opened("OR", "1"), work.opened("CA", "2")
    destroy(ledger, work.record(one))
    found = past_as_of(ledger.log, one, 1, NOW)
    assert isinstance(found, NotThen)
    assert (found.records, found.states) == ([], [])
