"""Three bugs of the event-sourcing library (9.5, with POSTGRES_ENABLE_DB_FUNCTIONS) that must not become ours.

Its function for inserting takes no lock, so a tailing reader misses events; the function's name has no table in it, so
two applications in one schema write into one another's table; and tracking given to it is dropped without a word. Each
is tried here on our recorders, through the library's own interface.
"""

from __future__ import annotations

import threading
import uuid
from collections.abc import Callable, Iterator

import pytest
from eventsourcing.persistence import IntegrityError, Tracking
from eventsourcing.postgres import PostgresDatastore

from ledger.application import Ledger
from ledger.events import Meta
from ledger.events.record import CourseReported
from ledger.store.append import Append, Part
from ledger.store.database import Database, Role
from ledger.store.datastore import RoleDatastore
from ledger.store.log import LOGS, Log
from ledger.store.mapper import SealedEvent
from projections.runner import Tracker

SECONDS = 60


def sealed(log: Log, number: int, *versions: int) -> list[SealedEvent]:
    """Events of the nth record, sealed, at these versions."""
    subject = str(uuid.UUID(int=number))
    events = [CourseReported(fact=version, elements={}) for version in versions]
    part = Part(stream=f"record/{subject}", subject=subject, expected=None, events=events)
    made = log.seal(Append(parts=[part], meta=Meta(actor="tester"))).parts[0].events
    return [
        SealedEvent(e.originator_id, version, e.topic, e.state, e.event_id, e.key_id, e.key_check)
        for e, version in zip(made, versions, strict=True)
    ]


@pytest.fixture
def own_tracker(database: Database) -> Iterator[Tracker]:
    with RoleDatastore(database.conninfo(Role.PROJECTOR), schema="tracking") as datastore:
        yield Tracker(datastore)


# -- the way that has the bugs is shut


def test_the_librarys_functions_are_off_whatever_the_environment_says(
    database: Database, new_ledger: Callable[..., Ledger], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("POSTGRES_ENABLE_DB_FUNCTIONS", "y")
    monkeypatch.setenv("EVENTS_POSTGRES_ENABLE_DB_FUNCTIONS", "y")
    ledger = new_ledger(database)
    for log in (ledger.log, ledger.access):
        assert isinstance(log.reader.datastore, PostgresDatastore)
        assert log.reader.datastore.enable_db_functions is False
        log.reader.create_table()
    with database.connect() as conn:
        made = conn.execute("select proname from pg_proc where proname like 'es\\_%'").fetchall()
    assert made == []


def test_nobody_can_turn_them_on() -> None:
    with pytest.raises(TypeError):
        RoleDatastore("", schema="ledger", enable_db_functions=True)  # type: ignore[call-arg]


# -- the first: no lock


def test_a_tailing_reader_misses_nothing_while_many_insert(
    database: Database, new_ledger: Callable[..., Ledger]
) -> None:
    writers, rounds = 8, 25
    ledgers = [new_ledger(database) for _ in range(2)]
    prepared = [
        [sealed(ledgers[n % 2].log, n, *range(3 * r + 1, 3 * r + 4)) for r in range(rounds)] for n in range(writers)
    ]
    total = writers * rounds * 3

    def write(number: int) -> None:
        log = ledgers[number % 2].log
        for batch in prepared[number]:
            log.reader.insert_events(batch)

    seen: list[int] = []

    def tail() -> None:
        reader = new_ledger(database).log.reader
        while len(seen) < total:
            last = seen[-1] if seen else None
            seen.extend(n.id for n in reader.select_notifications(last, 50, inclusive_of_start=False))

    threads = [threading.Thread(target=tail), *(threading.Thread(target=write, args=(n,)) for n in range(writers))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(SECONDS)
    assert seen == list(range(1, total + 1))


def test_the_subscription_of_the_library_misses_nothing_either(ledger: Ledger) -> None:
    writers, each = 6, 20

    def write(number: int) -> None:
        for version in range(1, each + 1):
            ledger.log.reader.insert_events(sealed(ledger.log, number, version))

    with ledger.log.reader.subscribe(gt=None) as subscription:
        threads = [threading.Thread(target=write, args=(n,)) for n in range(writers)]
        for thread in threads:
            thread.start()
        seen = [next(subscription).id for _ in range(writers * each)]
        for thread in threads:
            thread.join(SECONDS)
    assert seen == list(range(1, writers * each + 1))


def test_a_writer_who_rolls_back_leaves_no_gap(ledger: Ledger) -> None:
    recorder = ledger.log.reader
    assert recorder.insert_events(sealed(ledger.log, 1, 1, 2)) == [1, 2]
    for taken in ((1,), (2, 3), (4,)):
        with pytest.raises(IntegrityError):
            recorder.insert_events([*sealed(ledger.log, 2, 1), *sealed(ledger.log, 1, *taken)])
    assert recorder.insert_events(sealed(ledger.log, 1, 3)) == [3]
    assert recorder.max_notification_id() == 3


def test_versions_of_a_stream_follow_each_other(ledger: Ledger) -> None:
    recorder = ledger.log.reader
    for left_out in ((2,), (99,), (1, 3)):
        with pytest.raises(IntegrityError):
            recorder.insert_events(sealed(ledger.log, 1, *left_out))
    assert recorder.max_notification_id() is None


def test_the_positions_come_back_in_the_order_of_the_events(ledger: Ledger) -> None:
    one, other = sealed(ledger.log, 1, 1, 2), sealed(ledger.log, 2, 1, 2)
    mixed = [one[0], other[0], one[1], other[1]]
    given = ledger.log.reader.insert_events(mixed)
    assert given is not None
    read = {n.event_id: n.id for n in ledger.log.reader.select_notifications(1, 10)}
    assert given == [read[event.event_id] for event in mixed]
    assert ledger.log.reader.insert_events([]) == []


# -- the second: one function for all


def test_two_logs_write_each_into_its_own_table(ledger: Ledger, database: Database) -> None:
    for number, log in enumerate((ledger.log, ledger.access, ledger.log), 1):
        log.reader.insert_events(sealed(log, number, 1, 2))
    with database.connect() as conn:
        counts = [conn.execute(f"select count(*) from {log}.events").fetchone() for log in LOGS]
    assert counts == [(4,), (2,)]
    assert (ledger.log.head(), ledger.access.head()) == (4, 2)


def test_two_applications_on_one_log_share_its_positions(database: Database, new_ledger: Callable[..., Ledger]) -> None:
    one, other = new_ledger(database), new_ledger(database)
    given = [(one, other)[n % 2].log.reader.insert_events(sealed((one, other)[n % 2].log, n, 1)) for n in range(6)]
    assert given == [[1], [2], [3], [4], [5], [6]]
    assert one.log.read(0, 10) == other.log.read(0, 10)


def test_news_of_one_log_is_no_news_of_the_other(ledger: Ledger, database: Database) -> None:
    assert ledger.log.reader.channel_name != ledger.access.reader.channel_name
    with database.connect(Role.READER) as conn:
        for log in (ledger.log, ledger.access):
            conn.execute(f"listen {log.channel}")  # type: ignore[arg-type]
        ledger.access.reader.insert_events(sealed(ledger.access, 1, 1))
        heard = [(n.channel, n.payload) for n in conn.notifies(timeout=5, stop_after=1)]
    assert heard == [("access_events", "1")]


# -- the third: tracking dropped


def test_tracking_given_with_events_is_refused_and_never_dropped(ledger: Ledger) -> None:
    with pytest.raises(TypeError, match="tracking"):
        ledger.log.reader.insert_events(sealed(ledger.log, 1, 1), tracking=Tracking("students", 1))
    assert ledger.log.head() == 0


def test_a_position_moves_with_its_transaction_or_not_at_all(database: Database, own_tracker: Tracker) -> None:
    with database.connect(Role.PROJECTOR) as conn:
        with conn.transaction(force_rollback=True):
            own_tracker.move(conn, "students", 7)
        assert own_tracker.max_tracking_id("students") is None
        with conn.transaction():
            own_tracker.move(conn, "students", 7)
        assert own_tracker.max_tracking_id("students") == 7
        assert own_tracker.has_tracking_id("students", 7)


def test_a_position_is_taken_once(database: Database, own_tracker: Tracker) -> None:
    own_tracker.insert_tracking(Tracking("students", 7))
    for again in (7, 6):
        with pytest.raises(IntegrityError):
            own_tracker.insert_tracking(Tracking("students", again))
    own_tracker.insert_tracking(Tracking("search", 7))
    assert own_tracker.max_tracking_id("students") == 7
    assert own_tracker.max_tracking_id("search") == 7
