"""The projector: rows and position together, one at a time, promptly there and promptly gone."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import Any

import psycopg
import pytest

from ledger.application import Ledger
from ledger.errors import Misconfigured, ProjectionBehind
from ledger.events import Recorded
from ledger.store import faults
from ledger.store.database import Database, Role
from ledger.store.following import connected, try_lock
from projections.projection import Projection, reached, status
from projections.projectors import Projectors
from projections.runner import BatchRunner
from support import projecting
from support.logs import reading
from support.projecting import PROMPT_S, counting, end_connections, following, seen, tell, until

# -- catching up


def test_catching_up_folds_every_event_once_and_says_how_far_it_came(database: Database, ledger: Ledger) -> None:
    tell(ledger, *range(1, 11))
    runner = BatchRunner(counting(), database, ledger.log, batch_events_max=3)
    assert runner.catch_up() == 10
    assert runner.catch_up() == 10
    with reading(database) as conn:
        assert seen(conn) == list(range(1, 11))
        assert reached(conn, "counting") == 10


def test_an_empty_log_makes_empty_tables(database: Database, ledger: Ledger) -> None:
    assert BatchRunner(counting(), database, ledger.log).catch_up() == 0
    with reading(database) as conn:
        assert seen(conn) == []


def test_a_position_that_the_log_has_not_reached_is_refused(database: Database, ledger: Ledger) -> None:
    tell(ledger, 1)
    with pytest.raises(ProjectionBehind):
        BatchRunner(counting(), database, ledger.log).run_to(2)


def test_events_that_a_read_model_does_not_fold_move_its_position_all_the_same(
    database: Database, ledger: Ledger
) -> None:
    deaf = Projection(
        name="deaf",
        version=1,
        log="ledger",
        events=frozenset(),
        tables="create table {schema}.nothing (n int)",
        keys={},
        fold=lambda: _never,
    )
    tell(ledger, 1, 2)
    assert BatchRunner(deaf, database, ledger.log).catch_up() == 2


def _never(_cursor: Any, _schema: str, _batch: Sequence[Recorded]) -> None:
    raise AssertionError


# -- rows and position


def test_a_batch_that_ends_half_way_leaves_neither_rows_nor_position(
    database: Database, ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    tell(ledger, 1, 2)
    runner = BatchRunner(counting(), database, ledger.log)

    def die(name: str) -> None:
        raise KeyboardInterrupt(name)

    with monkeypatch.context() as patched:
        patched.setattr(faults, "point", die)
        with pytest.raises(KeyboardInterrupt, match=r"projector\.in-transaction"):
            runner.catch_up()
    with reading(database) as conn:
        assert seen(conn) == []
        assert reached(conn, "counting") == 0
    assert runner.catch_up() == 2


def test_a_fold_that_fails_stops_its_projector_and_is_shown_without_any_value(
    database: Database, ledger: Ledger
) -> None:
    def fail(cursor: psycopg.Cursor[Any], schema: str, batch: Sequence[Recorded]) -> None:
        projecting.fold(cursor, schema, batch)
        raise ValueError("Inés")

    tell(ledger, 1, 2)
    with pytest.raises(ValueError, match="Inés"):
        BatchRunner(counting(fold=fail), database, ledger.log).follow(threading.Event())
    with reading(database) as conn:
        (shown,) = status(conn, [counting()], {"ledger": 2})
        assert (shown.state, shown.failure) == ("failed", "ValueError in positions 1 to 2")
        assert (shown.position, shown.lag_events) == (0, 2)
        assert seen(conn) == []


def test_a_mended_fold_goes_on_where_the_failed_one_stopped(database: Database, ledger: Ledger) -> None:
    tell(ledger, 1, 2)
    with pytest.raises(AssertionError):
        BatchRunner(counting(fold=_never), database, ledger.log).catch_up()
    BatchRunner(counting(), database, ledger.log).catch_up()
    with reading(database) as conn:
        assert status(conn, [counting()], {"ledger": 2})[0].state == "idle"
        assert seen(conn) == [1, 2]


def test_a_failure_of_one_read_model_does_not_stop_another(database: Database, ledger: Ledger) -> None:
    tell(ledger, 1)
    good = counting()
    bad = Projection(name="bad", version=1, log="ledger", events=good.events, tables="", keys={}, fold=lambda: _never)
    projectors = Projectors([bad, good], database, {"ledger": ledger.log})
    projectors.start()
    try:
        until(lambda: projectors.states() == {"bad": "failed", "counting": "live"})
        assert isinstance(projectors.failures()["bad"], AssertionError)
        tell(ledger, 2)
        with reading(database) as conn:
            until(lambda: seen(conn) == [1, 2])
    finally:
        projectors.stop()


# -- following


def test_a_follower_sees_what_was_there_and_what_comes(database: Database, ledger: Ledger) -> None:
    tell(ledger, *range(1, 8))
    with following(counting(), database, ledger.log), reading(database) as conn:
        BatchRunner(counting(), database, ledger.log).run_to(7, timeout_s=10)
        for number in range(8, 12):
            BatchRunner(counting(), database, ledger.log).run_to(tell(ledger, number), timeout_s=10)
        assert seen(conn) == list(range(1, 12))


def test_what_comes_while_a_batch_is_folded_is_folded_next_without_further_news(
    database: Database, ledger: Ledger
) -> None:
    at_it, go_on = threading.Event(), threading.Event()

    def slow(cursor: psycopg.Cursor[Any], schema: str, batch: Sequence[Recorded]) -> None:
        at_it.set()
        assert go_on.wait(10)
        projecting.fold(cursor, schema, batch)

    tell(ledger, 1)
    with following(counting(fold=slow), database, ledger.log), reading(database) as conn:
        assert at_it.wait(10)
        tell(ledger, 2)
        go_on.set()
        until(lambda: seen(conn) == [1, 2])


def test_every_batch_is_announced_when_it_can_be_read(database: Database, ledger: Ledger) -> None:
    with reading(database) as conn:
        conn.execute("listen projected")
        with following(counting(), database, ledger.log):
            position = tell(ledger, 1)
            news = next(conn.notifies(timeout=10, stop_after=1))
        assert news.payload == f"counting:{position}"
        assert seen(conn) == [1]


def test_an_idle_follower_stops_promptly(database: Database, ledger: Ledger) -> None:
    with following(counting(), database, ledger.log) as runner:
        until(lambda: runner.state == "live")
    assert runner.state == "stopped"


def test_a_follower_that_waits_for_its_turn_stops_promptly(database: Database, ledger: Ledger) -> None:
    with connected(database, "counting") as holder:
        assert try_lock(holder, "counting")
        with following(counting(), database, ledger.log) as runner:
            until(lambda: runner.state == "standby")
        assert runner.state == "stopped"


def test_a_follower_that_is_deep_in_a_batch_stops_promptly_and_leaves_nothing_half_done(
    database: Database, ledger: Ledger
) -> None:
    started = threading.Event()

    def slow(cursor: psycopg.Cursor[Any], schema: str, batch: Sequence[Recorded]) -> None:
        projecting.fold(cursor, schema, batch)
        started.set()
        cursor.execute("select pg_sleep(60)")

    tell(ledger, 1)
    with following(counting(fold=slow), database, ledger.log):
        assert started.wait(10)
    with reading(database) as conn:
        assert seen(conn) == []


def test_a_follower_comes_back_when_its_connection_was_cut(database: Database, ledger: Ledger) -> None:
    with following(counting(), database, ledger.log) as runner, reading(database) as conn:
        until(lambda: runner.state == "live")
        assert end_connections(database, "counting") == 1
        tell(ledger, 1, 2)
        until(lambda: seen(conn) == [1, 2])


# -- one at a time


def test_a_second_projector_waits_and_takes_over_in_the_moment_the_first_is_gone(
    database: Database, ledger: Ledger
) -> None:
    with following(counting(), database, ledger.log) as first:
        until(lambda: first.state == "live")
        tell(ledger, 1, 2)
        with following(counting(), database, ledger.log) as second, reading(database) as conn:
            until(lambda: second.state == "standby")
            until(lambda: seen(conn) == [1, 2])
            # The first is out for its pause; the second has the lock at once.
            with database.connect() as admin:
                admin.execute(
                    "select pg_terminate_backend(pid) from pg_locks where locktype = 'advisory' and granted"
                    " and database = (select oid from pg_database where datname = current_database())"
                )
            until(lambda: second.state == "live", PROMPT_S)
            tell(ledger, 3, 4)
            until(lambda: seen(conn) == [1, 2, 3, 4])
            until(lambda: first.state == "standby")


def test_many_projectors_at_once_fold_every_event_once(database: Database, ledger: Ledger) -> None:
    with (
        following(counting(), database, ledger.log),
        following(counting(), database, ledger.log),
        following(counting(), database, ledger.log),
        reading(database) as conn,
    ):
        for number in range(1, 31):
            tell(ledger, number)
            if number % 10 == 0:
                end_connections(database, "counting")
        until(lambda: seen(conn) == list(range(1, 31)))


def test_who_needs_a_position_waits_for_the_projector_that_is_at_it(database: Database, ledger: Ledger) -> None:
    with following(counting(), database, ledger.log) as runner:
        until(lambda: runner.state == "live")
        assert BatchRunner(counting(), database, ledger.log).run_to(tell(ledger, 1), timeout_s=10) == 1
        assert runner.state == "live"


def test_who_waits_for_a_projector_that_does_not_move_is_told_so_in_time(database: Database, ledger: Ledger) -> None:
    position = tell(ledger, 1)
    with connected(database, "counting") as holder:
        assert try_lock(holder, "counting")
        with pytest.raises(ProjectionBehind):
            BatchRunner(counting(), database, ledger.log).run_to(position, timeout_s=0.1)


# -- versions and privileges


@pytest.mark.parametrize(("declared", "remedy"), [(1, "later release"), (3, "project rebuild counting")])
def test_tables_of_another_version_are_not_written(
    database: Database, ledger: Ledger, declared: int, remedy: str
) -> None:
    tell(ledger, 1)
    BatchRunner(counting(version=2), database, ledger.log).catch_up()
    tell(ledger, 2)
    with pytest.raises(Misconfigured, match=remedy):
        BatchRunner(counting(version=declared), database, ledger.log).catch_up()
    with reading(database) as conn:
        assert seen(conn) == [1]


def test_the_status_names_what_is_absent_idle_live_outdated_and_newer(database: Database, ledger: Ledger) -> None:
    def state(version: int = 2) -> str:
        with reading(database) as conn:
            return status(conn, [counting(version=version)], {"ledger": 1})[0].state

    assert state() == "absent"
    tell(ledger, 1)
    BatchRunner(counting(version=2), database, ledger.log).catch_up()
    assert (state(), state(1), state(3)) == ("idle", "newer", "outdated")
    with following(counting(version=2), database, ledger.log) as runner:
        until(lambda: runner.state == "live")
        assert state() == "live"


def test_the_reader_may_read_a_read_model_and_not_write_it(database: Database, ledger: Ledger) -> None:
    BatchRunner(counting(), database, ledger.log).catch_up()
    with reading(database) as conn, pytest.raises(psycopg.errors.InsufficientPrivilege):
        conn.execute("insert into counting.seen values (1)")
    with database.connect(Role.WRITER) as conn, pytest.raises(psycopg.errors.InsufficientPrivilege):
        conn.execute("select * from counting.seen")
