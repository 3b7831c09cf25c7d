"""One reading of a log for several readers: the same events for each, opened once, and let go."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.errors import StoreUnavailable
from ledger.events import Meta, Recorded
from ledger.events.submission import SubmissionCompleted
from projections.reading import SharedReading

AT = datetime(2025, 9, 2, tzinfo=UTC)
NOTHING = SubmissionCompleted(rows=0, accepted=0, unchanged=0, refused=0, warned=0, events=0, students_new=0)


class Written:
    """A log in memory. opened: position to how often it was read."""

    channel = "written"

    def __init__(self, head: int) -> None:
        self.positions = head
        self.opened: Counter[int] = Counter()
        self.away = False

    def head(self) -> int:
        return self.positions

    def read(self, after: int, limit: int) -> Sequence[Recorded]:
        if self.away:
            raise StoreUnavailable("PostgreSQL is away.")
        found = range(after + 1, min(after + limit, self.positions) + 1)
        self.opened.update(found)
        return [_recorded(position) for position in found]

    def read_left(self, streams: Sequence[str], upto: int) -> Sequence[Recorded]:
        raise AssertionError("nothing was destroyed")


class Failing(Written):
    """Its first reading waits until it is told to go on, and fails."""

    def __init__(self, head: int) -> None:
        super().__init__(head)
        self.looking, self.go_on = threading.Event(), threading.Event()

    def read(self, after: int, limit: int) -> Sequence[Recorded]:
        if not self.looking.is_set():
            self.looking.set()
            assert self.go_on.wait(10)
            raise StoreUnavailable("PostgreSQL is away.")
        return super().read(after, limit)


def _recorded(position: int) -> Recorded:
    return Recorded(
        position=position,
        stream="submission/OR/1",
        version=position,
        recorded_at=AT,
        event_id=f"{position:032x}",
        meta=Meta(actor="x"),
        event=NOTHING,
    )


def positions(batch: Sequence[Recorded]) -> list[int]:
    return [recorded.position for recorded in batch]


@given(
    head=st.integers(0, 60), page=st.integers(1, 9), asked=st.lists(st.tuples(st.integers(0, 70), st.integers(1, 30)))
)
def test_whoever_asks_gets_what_the_log_has(head: int, page: int, asked: list[tuple[int, int]]) -> None:
    log = Written(head)
    shared = SharedReading(log, page_events=page, pages_max=2)
    readers = [shared.reader() for _ in range(2)]
    for number, (after, limit) in enumerate(asked):
        wanted = list(range(after + 1, min(after + limit, head) + 1))
        assert positions(readers[number % 2].read(after, limit)) == wanted


def test_what_one_has_opened_the_others_do_not_open_again() -> None:
    log = Written(1_000)
    shared = SharedReading(log, page_events=100)
    readers = [shared.reader() for _ in range(4)]
    meet = threading.Barrier(4)

    def all_of_it(reader_number: int) -> int:
        reader, at = readers[reader_number], 0
        meet.wait(10)
        while batch := reader.read(at, 250):
            at = batch[-1].position
        return at

    for reader in readers:
        assert positions(reader.read(0, 1)) == [1]
    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(all_of_it, range(4))) == [1_000] * 4
    assert set(log.opened.values()) == {1}


def test_what_came_at_the_head_is_seen_by_each_who_looks_afterwards() -> None:
    log = Written(150)
    shared = SharedReading(log, page_events=100)
    first, second = shared.reader(), shared.reader()
    assert positions(first.read(100, 500))[-1] == 150
    log.positions = 151
    assert positions(second.read(100, 500))[-1] == 151
    assert positions(first.read(150, 500)) == [151]


def test_what_one_has_found_at_the_head_the_others_do_not_open_again() -> None:
    log = Written(150)
    shared = SharedReading(log, page_events=100)
    readers = [shared.reader() for _ in range(4)]
    for reader in readers:
        assert positions(reader.read(100, 500)) == list(range(101, 151))
    log.positions = 153
    log.opened.clear()
    meet = threading.Barrier(4)

    def news(reader_number: int) -> list[int]:
        meet.wait(10)
        return positions(readers[reader_number].read(150, 500))

    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(news, range(4))) == [[151, 152, 153]] * 4
    assert set(log.opened.values()) == {1}


def test_of_what_was_found_at_the_head_nothing_is_kept_once_each_has_it() -> None:
    log = Written(150)
    shared = SharedReading(log, page_events=100)
    first, second = shared.reader(), shared.reader()
    assert second.read(0, 100)
    first.read(100, 500)
    second.read(100, 500)
    log.opened.clear()
    assert positions(first.read(149, 500)) == [150]
    assert log.opened, "it was let go, and is opened again"


def test_who_waited_for_one_who_could_not_look_looks_himself() -> None:
    log = Failing(150)
    shared = SharedReading(log, page_events=100)
    first, second = shared.reader(), shared.reader()
    with ThreadPoolExecutor(2) as pool:
        failed = pool.submit(first.read, 100, 500)
        assert log.looking.wait(10)
        waiting = pool.submit(second.read, 100, 500)
        log.go_on.set()
        with pytest.raises(StoreUnavailable):
            failed.result(10)
        assert positions(waiting.result(10))[-1] == 150


def test_pages_that_filled_meanwhile_are_read_as_pages() -> None:
    log = Written(50)
    shared = SharedReading(log, page_events=100)
    first, second = shared.reader(), shared.reader()
    assert len(first.read(0, 500)) == len(second.read(0, 500)) == 50
    log.positions = 1_050
    log.opened.clear()
    for reader in (first, second):
        assert positions(reader.read(50, 2_000)) == list(range(51, 1_051))
    assert {position for position, times in log.opened.items() if times > 1} <= set(range(51, 101))


def test_nothing_is_kept_that_all_have_passed() -> None:
    log = Written(1_000)
    shared = SharedReading(log, page_events=100)
    fast, slow = shared.reader(), shared.reader()
    assert slow.read(0, 100)
    assert fast.read(0, 1_000)
    fast.read(1_000, 10)
    slow.read(1_000, 10)
    log.opened.clear()
    assert fast.read(500, 100)
    assert log.opened, "it was let go, and is opened again"


def test_a_reader_who_leaves_holds_nothing_back() -> None:
    log = Written(1_000)
    shared = SharedReading(log, page_events=100)
    fast, slow = shared.reader(), shared.reader()
    assert slow.read(0, 100)
    assert fast.read(0, 1_000)
    slow.close()
    fast.read(1_000, 10)
    log.opened.clear()
    assert fast.read(0, 100)
    assert log.opened, "it was let go with the last who needed it"


def test_a_log_that_is_away_is_told_to_each_and_tried_again() -> None:
    log = Written(1_000)
    shared = SharedReading(log, page_events=100)
    readers = [shared.reader() for _ in range(3)]
    assert readers[0].read(0, 1)
    log.away = True
    for reader in readers:
        with pytest.raises(StoreUnavailable):
            reader.read(200, 10)
    log.away = False
    assert positions(readers[2].read(200, 3)) == [201, 202, 203]
