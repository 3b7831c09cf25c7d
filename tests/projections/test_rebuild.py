"""A rebuild: the same fold into a shadow, while everything goes on, then one swap."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings

from ledger.application import Ledger
from ledger.errors import Conflict, Misconfigured
from ledger.events import Recorded
from ledger.store import faults
from ledger.store.database import Database
from ledger.store.following import connected, try_lock
from projections import students
from projections.projection import digest, reached, status
from projections.projectors import Projectors, bring_to_head, rebuild_all
from projections.rebuild import Rebuild
from projections.runner import BatchRunner
from support.logs import append, reading
from support.projecting import counting, following, seen, tell, until, writing
from support.telling import histories


def caught_up(database: Database, ledger: Ledger, version: int = 1) -> None:
    """Tables of a version, with three events in them."""
    tell(ledger, 1, 2, 3)
    BatchRunner(counting(version=version), database, ledger.log).catch_up()


def test_a_rebuilt_read_model_equals_the_live_one(database: Database, ledger: Ledger) -> None:
    caught_up(database, ledger)
    with reading(database) as conn:
        live = digest(conn, counting())
        done = Rebuild(counting(), database, ledger.log).run()
        assert (done.position, done.events, done.swapped) == (3, 3, True)
        assert digest(conn, counting()) == live
        assert reached(conn, "counting") == 3


def test_a_rebuild_mends_rows_that_were_damaged(database: Database, ledger: Ledger) -> None:
    caught_up(database, ledger)
    with database.connect() as admin:
        admin.execute("delete from counting.seen where position = 2")
    Rebuild(counting(), database, ledger.log).run()
    with reading(database) as conn:
        assert seen(conn) == [1, 2, 3]


def test_a_rebuild_leaves_nothing_of_shadow_or_old_tables(database: Database, ledger: Ledger) -> None:
    caught_up(database, ledger)
    Rebuild(counting(), database, ledger.log).run()
    with reading(database) as conn:
        schemas = conn.execute("select nspname from pg_namespace where nspname like 'counting%'").fetchall()
        assert schemas == [("counting",)]
        tracked = "select application_name from tracking.positions where application_name like 'counting%'"
        assert conn.execute(tracked).fetchall() == [("counting",)]
        assert conn.execute("select name from tracking.projections").fetchall() == [("counting",)]


def test_progress_is_told_after_every_batch(database: Database, ledger: Ledger) -> None:
    tell(ledger, *range(1, 6))
    told: list[tuple[int, int]] = []
    Rebuild(counting(), database, ledger.log, progress=lambda *at: told.append(at), batch_events_max=2).run()
    assert told == [(2, 5), (4, 5), (5, 5)]


def test_the_live_tables_serve_and_are_written_until_the_swap_and_after_it(database: Database, ledger: Ledger) -> None:
    tell(ledger, *range(1, 6))
    numbers = iter(range(6, 100))
    during: list[list[int]] = []
    with following(counting(), database, ledger.log) as live, reading(database) as conn:
        until(lambda: live.position == 5)

        def write_on(position: int, _head: int) -> None:
            if position < 20:
                last = tell(ledger, next(numbers), next(numbers))
                until(lambda: live.position == last)
                during.append(seen(conn))

        done = Rebuild(counting(), database, ledger.log, progress=write_on, batch_events_max=2).run()
        assert during[0] == list(range(1, 8))
        assert done.position >= 20
        last = tell(ledger, next(numbers))
        until(lambda: seen(conn) == list(range(1, last + 1)))
        assert live.state == "live"


def test_writers_in_full_swing_do_not_keep_a_rebuild_from_its_end_nor_lose_an_event(
    database: Database, ledger: Ledger
) -> None:
    tell(ledger, *range(1, 50))
    with following(counting(), database, ledger.log), reading(database) as conn:
        with writing(ledger):
            for _ in range(3):
                assert Rebuild(counting(), database, ledger.log, batch_events_max=10).run().swapped
        until(lambda: reached(conn, "counting") == ledger.log.head())
        assert seen(conn) == list(range(1, ledger.log.head() + 1))


def test_a_rebuild_that_was_stopped_goes_on_where_it_was(database: Database, ledger: Ledger) -> None:
    tell(ledger, *range(1, 8))
    stop = threading.Event()
    first = Rebuild(
        counting(), database, ledger.log, progress=lambda *_: stop.set(), stop=stop, batch_events_max=3
    ).run()
    assert (first.position, first.swapped) == (3, False)
    with reading(database) as conn:
        assert status(conn, [counting()], {"ledger": 7})[0].rebuild == 3
    second = Rebuild(counting(), database, ledger.log, batch_events_max=3).run()
    assert (second.events, second.position, second.swapped) == (4, 7, True)
    with reading(database) as conn:
        assert seen(conn) == list(range(1, 8))


def test_where_nothing_old_may_be_left_a_shadow_is_not_gone_on_with(database: Database, ledger: Ledger) -> None:
    tell(ledger, *range(1, 8))
    stop = threading.Event()
    Rebuild(counting(), database, ledger.log, progress=lambda *_: stop.set(), stop=stop, batch_events_max=3).run()
    logs = {"ledger": ledger.log}
    assert rebuild_all([counting()], database, logs, anew=True)["counting"].events == 7


def test_a_shadow_of_another_version_is_begun_anew(database: Database, ledger: Ledger) -> None:
    tell(ledger, *range(1, 8))
    stop = threading.Event()
    Rebuild(counting(), database, ledger.log, progress=lambda *_: stop.set(), stop=stop, batch_events_max=3).run()
    assert Rebuild(counting(version=2), database, ledger.log).run().events == 7


def test_a_swap_that_ends_half_way_leaves_live_tables_and_shadow_as_they_were(
    database: Database, ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    caught_up(database, ledger)

    def die(name: str) -> None:
        if name == "rebuild.in-swap":
            raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(faults, "point", die)
        with pytest.raises(KeyboardInterrupt):
            Rebuild(counting(), database, ledger.log).run()
    with reading(database) as conn:
        assert seen(conn) == seen(conn, "counting__next") == [1, 2, 3]
        tell(ledger, 4)
        assert BatchRunner(counting(), database, ledger.log).catch_up() == 4
        assert Rebuild(counting(), database, ledger.log).run().events == 1
        assert seen(conn) == [1, 2, 3, 4]


def test_a_reader_in_the_middle_of_the_old_tables_reads_them_to_the_end(database: Database, ledger: Ledger) -> None:
    caught_up(database, ledger)
    done = threading.Event()

    def rebuild() -> None:
        Rebuild(counting(), database, ledger.log).run()
        done.set()

    thread = threading.Thread(target=rebuild)
    with reading(database) as slow, reading(database) as other:
        with slow.transaction(), slow.cursor("slow") as cursor:
            cursor.itersize = 1
            rows = iter(cursor.execute("select position from counting.seen order by position"))
            first = next(rows)[0]
            thread.start()
            until(lambda: _has_old_tables(other))
            # Swapped, though the slow reader still holds the old tables: new readers do not wait for her.
            assert seen(other) == [1, 2, 3]
            assert not done.is_set()
            assert [first, *[row[0] for row in rows]] == [1, 2, 3]
        thread.join(10)
        assert done.is_set()


def _has_old_tables(conn: psycopg.Connection[Any]) -> bool:
    return conn.execute("select from pg_namespace where nspname = 'counting__old'").fetchone() is not None


def test_two_rebuilds_of_one_read_model_do_not_run_side_by_side(database: Database, ledger: Ledger) -> None:
    with connected(database, "counting__next") as other:
        assert try_lock(other, "counting__next")
        with pytest.raises(Conflict):
            Rebuild(counting(), database, ledger.log).run()


# -- versions


def test_old_tables_serve_until_a_new_version_has_caught_up_and_old_code_then_stops(
    database: Database, ledger: Ledger
) -> None:
    caught_up(database, ledger, version=1)
    old = BatchRunner(counting(version=1), database, ledger.log)
    with reading(database) as conn:
        assert status(conn, [counting(version=2)], {"ledger": 3})[0].state == "outdated"
        assert seen(conn) == [1, 2, 3]
        assert Rebuild(counting(version=2), database, ledger.log).run_if_outdated().swapped
        assert status(conn, [counting(version=2)], {"ledger": 3})[0].state == "idle"
    tell(ledger, 4)
    with pytest.raises(Misconfigured, match="later release"):
        old.catch_up()


def test_a_follower_of_old_code_does_not_write_into_the_tables_of_the_new(database: Database, ledger: Ledger) -> None:
    caught_up(database, ledger, version=1)
    errors: list[Exception] = []
    runner = BatchRunner(counting(version=1), database, ledger.log)

    def follow() -> None:
        try:
            runner.follow(threading.Event())
        except Misconfigured as error:
            errors.append(error)

    thread = threading.Thread(target=follow)
    thread.start()
    until(lambda: runner.state == "live")
    Rebuild(counting(version=2), database, ledger.log).run()
    tell(ledger, 4)
    thread.join(10)
    assert len(errors) == 1
    with reading(database) as conn:
        assert seen(conn) == [1, 2, 3]


def test_nothing_is_rebuilt_where_the_version_fits_or_there_are_no_tables(database: Database, ledger: Ledger) -> None:
    assert not Rebuild(counting(), database, ledger.log).run_if_outdated().swapped
    caught_up(database, ledger)
    assert not Rebuild(counting(), database, ledger.log).run_if_outdated().swapped


def test_projectors_rebuild_what_is_outdated_and_then_follow(database: Database, ledger: Ledger) -> None:
    caught_up(database, ledger, version=1)
    projectors = Projectors([counting(version=2)], database, {"ledger": ledger.log})
    projectors.start()
    try:
        until(lambda: projectors.states() == {"counting": "live"})
        tell(ledger, 4)
        with reading(database) as conn:
            until(lambda: seen(conn) == [1, 2, 3, 4])
    finally:
        projectors.stop()
    assert projectors.states() == {"counting": "stopped"}


def test_before_a_read_on_the_command_line_everything_is_brought_to_the_head(
    database: Database, ledger: Ledger
) -> None:
    caught_up(database, ledger, version=1)
    tell(ledger, 4)
    bring_to_head([counting(version=2)], database, {"ledger": ledger.log})
    with reading(database) as conn:
        assert seen(conn) == [1, 2, 3, 4]


# -- law 8 on the real thing


@settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(log=histories())
def test_students_rebuilt_in_other_batches_equal_the_live_ones(
    log: list[Recorded], new_database: Callable[[], Database], new_ledger: Callable[[Database], Ledger]
) -> None:
    database = new_database()
    ledger = new_ledger(database)
    for recorded in log:
        append(ledger.log, recorded.stream, recorded.event)
    BatchRunner(students.PROJECTION, database, ledger.log, batch_events_max=3).catch_up()
    with reading(database) as conn:
        live = digest(conn, students.PROJECTION)
        for size in (1, 7, 5_000):
            Rebuild(students.PROJECTION, database, ledger.log, batch_events_max=size).run()
            assert digest(conn, students.PROJECTION) == live
    ledger.close()
