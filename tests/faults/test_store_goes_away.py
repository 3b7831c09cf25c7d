"""PostgreSQL goes away, fills up, refuses, or does not fit: a clear problem with a remedy, nothing half-done.

And when it is back, the same process goes on.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest

from ledger.application import Done, Ledger, RequestKey
from ledger.errors import Misconfigured, OutcomeUnknown, StaleDecision, StoreUnavailable
from ledger.events.submission import SubmissionRefused
from ledger.store import sequencer
from ledger.store.append import Append, Part, Receipt
from ledger.store.embedded import EmbeddedServer
from support.databases import migrated_database
from support.delayed_commits import delay_commits
from support.keyed_requests import META, Asked, stories
from support.parts import need
from support.servers import Process, reachable_tmp, running_server
from support.service_processes import open_store_of
from support.wholeness import assert_whole

Settings = dict[str, str]

CONNECTIONS_MAX = 24
CALLERS = 1_000
COMMIT_SECONDS = 0.4


@pytest.fixture(scope="module")
def mortal() -> Iterator[EmbeddedServer]:
    """A server of this module's own, that may be stopped; every test leaves it running."""
    with running_server({"max_connections": str(CONNECTIONS_MAX)}) as running:
        yield running


@pytest.fixture
def settings(mortal: EmbeddedServer) -> Iterator[Settings]:
    with migrated_database(mortal) as named:
        yield named
        mortal.start()


@pytest.fixture
def ledger(settings: Settings) -> Iterator[Ledger]:
    with open_store_of(settings) as store, store.ledger() as opened:
        yield opened


def ask(ledger: Ledger, asked: Asked) -> int:
    return ledger.execute(asked.command, META, request_of(asked)).position


def request_of(asked: Asked) -> RequestKey:
    return RequestKey(scope="oregon", key=asked.key, body_hash=asked.key.encode())


async def call_all(ledger: Ledger, told: list[Asked]) -> list[Done | BaseException]:
    """Ask all of them at once."""
    calls = (ledger.execute_async(asked.command, META, request_of(asked)) for asked in told)
    return await asyncio.gather(*calls, return_exceptions=True)


def failures_of(answers: list[Done | BaseException]) -> list[BaseException]:
    return [answer for answer in answers if isinstance(answer, BaseException)]


def unkeyed(name: str, expected: int | None = None) -> Append:
    """An append that is told apart by its name only."""
    event = SubmissionRefused(state="OR", submission_date=name, content_hash="", rule="V1")
    part = Part(stream=f"submission/OR/{name}", subject="ledger", expected=expected, events=[event])
    return Append(parts=[part], meta=META)


def submitted(ledger: Ledger, append: Append) -> Future[Receipt]:
    return ledger.log.sequencer.submit(ledger.log.seal(append))


def recorded(ledger: Ledger) -> list[str]:
    """Names of the unkeyed appends in the log, in order."""
    events = [r.event for r in ledger.log.read(0, 10_000)]
    return [event.submission_date for event in events if isinstance(event, SubmissionRefused)]


def whole(settings: Settings) -> int:
    with psycopg.connect(settings["database_url"], autocommit=True) as conn:
        return assert_whole(conn)


def in_time(true: Callable[[], object], seconds: float = 20) -> None:
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def works(ledger: Ledger) -> bool:
    try:
        ledger.log.head()
    except StoreUnavailable:
        return False
    return True


# It stops


def test_a_server_that_was_restarted_between_two_commands_is_not_noticed(
    mortal: EmbeddedServer, settings: Settings, ledger: Ledger
) -> None:
    first, second = (story[0] for story in stories(2))
    position = ask(ledger, first)
    mortal.stop()
    mortal.start()
    assert ask(ledger, second) > position
    assert whole(settings) == ledger.log.head()


def test_while_it_is_away_everybody_is_told_soon_and_when_it_is_back_it_works_at_once(
    mortal: EmbeddedServer, settings: Settings, ledger: Ledger
) -> None:
    told = stories(3)
    position = ask(ledger, told[0][0])
    mortal.stop()
    began = time.monotonic()
    for command in (told[0][1], told[1][0]):  # of a record that is known, and of one that must be looked for
        for _ in range(3):
            with pytest.raises(StoreUnavailable, match="PostgreSQL cannot be reached") as away:
                ask(ledger, command)
            assert "send it again" in away.value.remedy
    with pytest.raises(StoreUnavailable):
        ledger.log.read(0, 10)
    assert time.monotonic() - began < 10, "callers must not wait for a pool's timeouts"
    time.sleep(3)  # long enough for a pool to be in one of its pauses
    mortal.start()
    in_time(lambda: works(ledger), 3)  # nor may it take long to notice that PostgreSQL is back
    assert ask(ledger, told[0][1]) > position
    assert ask(ledger, told[1][0]) > position
    assert whole(settings) == ledger.log.head()


def test_a_thousand_callers_are_told_that_it_is_away(
    mortal: EmbeddedServer, settings: Settings, ledger: Ledger
) -> None:
    told = [story[0] for story in stories(CALLERS)]

    ask(ledger, told[0])
    mortal.stop()
    began = time.monotonic()
    answers = asyncio.run(call_all(ledger, told))
    assert all(isinstance(answer, StoreUnavailable) and answer.remedy for answer in answers)
    assert time.monotonic() - began < 20
    mortal.start()
    in_time(lambda: works(ledger), 3)
    assert not failures_of(asyncio.run(call_all(ledger, told)))
    assert whole(settings) == ledger.log.head()


def test_a_command_that_is_cut_off_before_its_commit_is_told_at_once_that_it_was_not_written(
    mortal: EmbeddedServer, settings: Settings, ledger: Ledger
) -> None:
    ledger.log.append(unkeyed("before"))
    with psycopg.connect(settings["database_url"]) as other:
        other.execute("select from ledger.head for update")  # the next waits for this, in the middle of itself
        cut_off = submitted(ledger, unkeyed("cut off"))
        in_time(lambda: backends(settings, "wait_event_type = 'Lock'"))
        [waiting] = backends(settings, "wait_event_type = 'Lock'")
        # Nobody is let in any more, yet `other` goes on: the one that waits is cut off while it still waits.
        postmaster = int((mortal.pgdata / "postmaster.pid").read_text().split("\n", 1)[0])
        os.kill(postmaster, signal.SIGTERM)
        in_time(lambda: not lets_in(settings))
        began = time.monotonic()
        other.execute("select pg_terminate_backend(%s)", [waiting])
        with pytest.raises(StoreUnavailable) as told:
            cut_off.result(20)
        assert "end it again" in told.value.remedy
        assert time.monotonic() - began < 5
    mortal.stop()
    mortal.start()
    ledger.log.append(unkeyed("after"))
    assert recorded(ledger) == ["before", "after"]
    assert whole(settings) == 2


def test_a_command_that_is_cut_off_in_its_commit_says_that_its_outcome_is_unknown_and_its_key_tells(
    mortal: EmbeddedServer, settings: Settings, ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sequencer, "RECONNECT_SECONDS", 0.5)
    first, second = (story[0] for story in stories(2))
    ask(ledger, first)
    with psycopg.connect(settings["database_url"], autocommit=True) as admin:
        delay_commits(admin, COMMIT_SECONDS, at_least=COMMIT_SECONDS)
    with ThreadPoolExecutor() as threads:
        cut_off = threads.submit(ask, ledger, second)
        in_time(lambda: backends(settings, "wait_event = 'PgSleep'"))
        mortal.stop()
        with pytest.raises(OutcomeUnknown) as told:
            cut_off.result(20)
    assert "same Idempotency-Key" in told.value.remedy
    mortal.start()
    position = ask(ledger, second)
    assert ask(ledger, second) == position == whole(settings)


def lets_in(settings: Settings) -> bool:
    try:
        psycopg.connect(settings["database_url"]).close()
    except psycopg.OperationalError:
        return False
    return True


def backends(settings: Settings, where: str) -> list[int]:
    """The sequencer's backends that are at it."""
    query = (
        "select pid from pg_stat_activity where datname = current_database()"
        f" and application_name = 'sojourn ledger sequencer' and {where}"
    )
    with psycopg.connect(settings["database_url"], autocommit=True) as conn:
        return [pid for (pid,) in conn.execute(query.encode()).fetchall()]


# Its answer is lost


@pytest.mark.parametrize("committed", [True, False])
def test_a_commit_whose_answer_was_lost_is_acknowledged_once_whether_it_came_through_or_not(
    settings: Settings, ledger: Ledger, committed: bool
) -> None:
    """Three appends share the group: one that is refused in it comes first, and must not hide the others."""
    with psycopg.connect(settings["database_url"], autocommit=True) as admin:
        delay_commits(admin, COMMIT_SECONDS, at_least=COMMIT_SECONDS)
    before = submitted(ledger, unkeyed("before"))
    at_commit = "wait_event = 'PgSleep'"
    in_time(lambda: backends(settings, at_commit))
    group = [
        submitted(ledger, append)
        for append in (unkeyed("stale", expected=7), unkeyed("one"), unkeyed("two", expected=0))
    ]
    before.result(20)
    in_time(lambda: backends(settings, at_commit))
    if committed:
        cut(ledger)  # PostgreSQL does not look at the line while it commits
    else:
        with psycopg.connect(settings["database_url"], autocommit=True) as admin:
            admin.execute("select pg_terminate_backend(%s)", backends(settings, at_commit))
    with pytest.raises(StaleDecision):
        group[0].result(20)
    assert [future.result(20).position for future in group[1:]] == [2, 3]
    assert recorded(ledger) == ["before", "one", "two"]
    assert whole(settings) == 3


def cut(ledger: Ledger) -> None:
    """Cut the sequencer's line, as a network would."""
    conn: psycopg.Connection[Any] | None = ledger.log.sequencer._conn
    assert conn is not None
    with socket.socket(fileno=os.dup(conn.fileno())) as line:
        line.shutdown(socket.SHUT_RDWR)


def test_a_disk_that_fails_in_a_commits_sync_doubles_and_loses_nothing(
    mortal: EmbeddedServer, settings: Settings, ledger: Ledger
) -> None:
    """PostgreSQL aborts and recovers, and what it could not sync is there afterwards: only the log can tell."""
    strace = need("strace")
    ledger.log.append(unkeyed("before"))
    (backend,) = backends(settings, "state = 'idle'")
    tracer = subprocess.Popen(
        [strace, "-p", str(backend), "-e", "trace=fdatasync", "-e", "inject=fdatasync:error=EIO:when=1"],
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert tracer.stderr is not None
        attached = tracer.stderr.readline()
        if "attached" not in attached:
            pytest.skip(f"not run: needs leave to trace another process ({attached.strip()})")
        assert ledger.log.append(unkeyed("at the fault")).position == 2
    finally:
        tracer.terminate()
        tracer.communicate(timeout=20)
    mortal.start()
    assert ledger.log.append(unkeyed("after")).position == 3
    assert recorded(ledger) == ["before", "at the fault", "after"]
    assert whole(settings) == 3


# It is full


def test_a_full_disk_is_told_leaves_nothing_half_done_and_works_again_when_there_is_room() -> None:
    mount = ["unshare", "--mount"]
    if os.geteuid() != 0 or shutil.which("unshare") is None or subprocess.run([*mount, "true"], check=False).returncode:
        pytest.skip("not run: needs root, unshare (util-linux) and leave to mount")
    code = """
    sys.path.insert(0, "tests")
    from support.full_disk import fill_and_make_room
    fill_and_make_room(Path(sys.argv[1]))
    """
    with reachable_tmp() as tmp:
        lines = Process(code, tmp, prefix=tuple(mount)).end().splitlines()
    tables, wal = (json.loads(line) for line in lines if line.startswith("{"))
    assert tables["error"] == "StoreUnavailable"
    assert "no room left" in tables["what"]
    assert "Make room" in tables["remedy"]
    # Beside the WAL PostgreSQL may end and come back by itself: then nobody notices.
    assert wal["error"] in {"StoreUnavailable", "OutcomeUnknown"}
    assert wal["remedy"]
    for phase in (tables, wal):
        assert phase["position"] == phase["again"] == phase["head"]


def test_when_it_takes_no_more_connections_newcomers_are_told_and_a_running_service_goes_on(
    settings: Settings, ledger: Ledger
) -> None:
    told = [story[0] for story in stories(CALLERS)]
    ask(ledger, told[0])

    with every_connection(settings):
        began = time.monotonic()
        with (
            pytest.raises(StoreUnavailable, match="takes no more connections") as refused,
            open_store_of(settings) as store,
            store.ledger(),
        ):
            pass
        assert refused.value.remedy
        assert time.monotonic() - began < 8
        failed = failures_of(asyncio.run(call_all(ledger, told)))
        assert all(isinstance(e, StoreUnavailable) and e.remedy for e in failed)
        assert len(failed) < CALLERS / 2
    assert not failures_of(asyncio.run(call_all(ledger, told)))
    with open_store_of(settings) as store, store.ledger() as newcomer:
        assert newcomer.log.head() == whole(settings)


@contextlib.contextmanager
def every_connection(settings: Settings) -> Iterator[None]:
    """Hold all that PostgreSQL gives."""
    with contextlib.ExitStack() as held:
        try:
            while True:
                held.enter_context(psycopg.connect(settings["database_url"], autocommit=True))
        except psycopg.OperationalError as e:
            if "too many clients" not in str(e):
                raise
        yield


# It does not fit


def test_a_wrong_master_key_is_refused_before_anything_is_written(settings: Settings, ledger: Ledger) -> None:
    first, second = (story[0] for story in stories(2))
    position = ask(ledger, first)
    with open_store_of({**settings, "master_key": "f" * 64}) as store, store.ledger() as other:
        for _ in range(2):
            with pytest.raises(Misconfigured, match="wrapped by master key") as told:
                ask(other, second)
            assert "SOJOURN_MASTER_KEY" in told.value.remedy
        with pytest.raises(Misconfigured):
            other.log.read(0, 10)
    assert whole(settings) == position
    assert ask(ledger, second) > position


def test_a_missing_or_malformed_master_key_is_refused_and_its_value_is_not_told(settings: Settings) -> None:
    for key in (None, "no key at all"):
        given = {name: value for name, value in settings.items() if name != "master_key"}
        if key is not None:
            given["master_key"] = key
        with pytest.raises(Misconfigured, match="SOJOURN_MASTER_KEY") as told, open_store_of(given):
            pass
        assert told.value.remedy
        assert "no key at all" not in str(told.value)


def test_a_database_without_a_schema_is_refused_with_the_command_that_makes_it(mortal: EmbeddedServer) -> None:
    mortal.ensure_database("empty")
    given = {"database_url": mortal.conninfo("empty"), "master_key": "0" * 64}
    with pytest.raises(Misconfigured, match="no schema yet") as told, open_store_of(given):
        pass
    assert "sojourn migrate" in told.value.remedy


def test_a_database_that_does_not_exist_is_named_as_such(mortal: EmbeddedServer) -> None:
    given = {"database_url": mortal.conninfo("nowhere"), "master_key": "0" * 64}
    with pytest.raises(Misconfigured, match="does not exist"), open_store_of(given):
        pass


def test_a_database_of_a_newer_release_is_refused_and_left_as_it_is(settings: Settings) -> None:
    with psycopg.connect(settings["database_url"], autocommit=True) as admin:
        admin.execute("update migrations.alembic_version set version_num = '9999_of_the_future'")
    with (
        pytest.raises(Misconfigured, match="9999_of_the_future, which this release does not know") as told,
        open_store_of(settings),
    ):
        pass
    assert "newer" in str(told.value)
    assert "Install the release" in told.value.remedy


def test_an_embedded_database_of_a_newer_release_is_refused_too() -> None:
    with reachable_tmp() as tmp:
        with open_store_of({"data": str(tmp / "d")}) as store, store.database.connect() as admin:
            admin.execute("update migrations.alembic_version set version_num = '9999_of_the_future'")
        with (
            pytest.raises(Misconfigured, match="which this release does not know"),
            open_store_of({"data": str(tmp / "d")}),
        ):
            pass


# Its clock


def test_a_clock_that_steps_back_does_not_take_the_ledger_with_it(settings: Settings) -> None:
    noon = datetime(2025, 9, 2, 12, 0, tzinfo=UTC)
    steps = [0, 1, -3600, -3599, 2, -86400 * 365]
    now = iter([noon + timedelta(seconds=step) for step in steps])
    with open_store_of(settings) as store:
        ledger = Ledger(store.database, store.vault, store.ids, clock=lambda: next(now))
        try:
            for number in range(len(steps)):
                ledger.log.append(unkeyed(f"night {number}"))
            stamped = [r.recorded_at for r in ledger.log.read(0, 100)]
        finally:
            ledger.close()
    assert stamped == [noon + timedelta(seconds=s) for s in (0, 1, 1, 1, 2, 2)]
    whole(settings)


def test_nor_does_a_second_process_whose_clock_is_late(settings: Settings) -> None:
    noon = datetime(2025, 9, 2, 12, 0, tzinfo=UTC)
    with open_store_of(settings) as store:
        ledgers = [
            Ledger(store.database, store.vault, store.ids, clock=lambda late=late: noon - timedelta(hours=late))
            for late in (0, 1)
        ]
        try:
            for number in range(6):
                ledgers[number % 2].log.append(unkeyed(f"night {number}"))
            assert {r.recorded_at for r in ledgers[0].log.read(0, 100)} == {noon}
        finally:
            for ledger in ledgers:
                ledger.close()
