"""The writer: what it is given is written once or refused with its reason, and whoever gave it is always answered."""

from __future__ import annotations

import asyncio
import threading
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest

from ledger.application import Ledger
from ledger.errors import (
    IdempotencyKeyReused,
    LedgerError,
    OutcomeUnknown,
    StaleDecision,
    StoreUnavailable,
)
from ledger.events import Meta
from ledger.events.record import CourseReported
from ledger.store import sequencer as sequencer_module
from ledger.store.append import Answer, Append, Part, Receipt, SealedAppend
from ledger.store.commit import commit_group
from ledger.store.database import Database, Role
from ledger.store.log import Log
from ledger.store.sequencer import Sequencer

SECONDS = 30
"""Nobody waits longer than this for an answer: who does has been forgotten."""


def stream(number: int) -> str:
    return f"record/{uuid.UUID(int=number)}"


def courses(number: int, count: int = 1, *, expected: int | None = None, key: str | None = None) -> Append:
    """Events for the nth record."""
    events = [CourseReported(fact=n + 1, elements={"course_title": f"Algebra {number}.{n}"}) for n in range(count)]
    part = Part(stream=stream(number), subject=str(uuid.UUID(int=number)), expected=expected, events=events)
    answer = None if key is None else Answer(scope="or", key=key, request_hash=b"h", status=201, ids={"n": number})
    return Append(parts=[part], meta=Meta(actor="tester"), answer=answer)


def answered(future: Future[Receipt]) -> Receipt | BaseException:
    """The receipt or the error; a test fails here where neither comes."""
    error = future.exception(timeout=SECONDS)
    return error if error is not None else future.result()


def positions(log: Log) -> list[int]:
    return [recorded.position for recorded in log.read(0, 100_000)]


@contextmanager
def one_group(log: Log) -> Iterator[None]:
    """All that is submitted in the block waits until its end and is then taken together."""
    writer = log.sequencer
    gate = threading.Event()
    write = writer._write

    def wait(group: Sequence[SealedAppend]) -> list[Any]:
        gate.wait(SECONDS)
        writer._write = write
        return write(group)

    writer._write = wait
    first = writer.submit(SealedAppend(parts=[]))
    while not first.running() and not first.done():
        time.sleep(0.001)
    try:
        yield
    finally:
        gate.set()
        answered(first)


@contextmanager
def groups_of(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[int]]:
    """Sizes of the groups that were given to the database."""
    seen: list[int] = []

    def count(conn: psycopg.Connection[Any], log: str, group: Sequence[SealedAppend], *rest: Any) -> list[Any]:
        seen.append(len(group))
        return commit_group(conn, log, group, *rest)

    with monkeypatch.context() as patched:
        patched.setattr(sequencer_module, "commit_group", count)
        yield seen


# -- one group, several fates


def test_what_waits_is_committed_together(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    with groups_of(monkeypatch) as groups:
        with one_group(ledger.log):
            futures = [ledger.log.sequencer.submit(ledger.log.seal(courses(n))) for n in range(50)]
        receipts = [future.result(SECONDS) for future in futures]
    assert groups == [1, 50]
    assert [receipt.position for receipt in receipts] == list(range(1, 51))
    assert len({recorded.recorded_at for recorded in ledger.log.read(0, 100)}) == 1


def test_an_append_that_is_stale_leaves_the_others_of_its_group_alone(ledger: Ledger) -> None:
    ledger.log.append(courses(1))
    with one_group(ledger.log):
        futures = [
            ledger.log.sequencer.submit(ledger.log.seal(append))
            for append in (
                courses(1, expected=0),  # stale: the stream is at 1
                courses(2, expected=0),
                courses(1, expected=1),
                courses(1, expected=1),  # stale: the one before it in the group was faster
                courses(2, expected=1),  # sees what the group did
                courses(3, 2),
            )
        ]
    outcomes = [answered(future) for future in futures]
    assert [type(outcome).__name__ for outcome in outcomes] == [
        "StaleDecision", "Receipt", "Receipt", "StaleDecision", "Receipt", "Receipt",
    ]  # fmt: skip
    assert [o.position for o in outcomes if isinstance(o, Receipt)] == [2, 3, 4, 6]
    assert positions(ledger.log) == [1, 2, 3, 4, 5, 6]
    assert [r.version for r in ledger.log.read_stream(stream(2))] == [1, 2]


def test_a_key_that_comes_twice_in_one_group_is_answered_twice_and_written_once(ledger: Ledger) -> None:
    other = courses(3, key="k")
    assert other.answer is not None
    with one_group(ledger.log):
        futures = [
            ledger.log.sequencer.submit(ledger.log.seal(append))
            for append in (
                courses(1, key="k"),
                courses(1, key="k"),
                Append(
                    parts=other.parts,
                    meta=other.meta,
                    answer=Answer(scope="or", key="k", request_hash=b"another", status=201, ids={}),
                ),
            )
        ]
    first, second, third = (answered(future) for future in futures)
    assert isinstance(first, Receipt)
    assert isinstance(second, Receipt)
    assert (first.replayed, second.replayed, second.position) == (False, True, first.position)
    assert isinstance(third, IdempotencyKeyReused)
    assert positions(ledger.log) == [1]


@pytest.fixture
def refusing(database: Database) -> Database:
    """The database refuses, at commit only, every append to the 13th record."""
    with database.connect() as conn:
        conn.execute(
            f"""
            create function public.refuse_thirteen() returns trigger language plpgsql as
                $$begin raise exception 'no' using errcode = 'integrity_constraint_violation'; end$$;
            create constraint trigger refuse_thirteen after insert or update on ledger.heads
                deferrable initially deferred for each row when (new.stream = '{stream(13)}')
                execute function public.refuse_thirteen();
            """  # type: ignore[arg-type]
        )
    return database


@pytest.mark.parametrize("count", [1, 500], ids=["insert", "copy"])
def test_an_append_that_the_database_refuses_at_commit_leaves_the_others_of_its_group_alone(
    refusing: Database, new_ledger: Callable[..., Ledger], count: int
) -> None:
    ledger = new_ledger(refusing)
    with one_group(ledger.log):
        futures = [ledger.log.sequencer.submit(ledger.log.seal(courses(n, count))) for n in (1, 13, 2, 3)]
    outcomes = [answered(future) for future in futures]
    assert [isinstance(outcome, Receipt) for outcome in outcomes] == [True, False, True, True]
    assert isinstance(outcomes[1], StoreUnavailable)
    assert "nothing was written" in outcomes[1].what
    assert positions(ledger.log) == list(range(1, 3 * count + 1))
    assert not ledger.log.read_stream(stream(13))


def test_an_append_that_cannot_be_written_down_leaves_the_others_of_its_group_alone(ledger: Ledger) -> None:
    broken = ledger.log.seal(courses(13))
    broken.parts[0].events[0] = None  # type: ignore[call-overload]
    with one_group(ledger.log):
        futures = [
            ledger.log.sequencer.submit(append)
            for append in (ledger.log.seal(courses(1)), broken, ledger.log.seal(courses(2)))
        ]
    outcomes = [answered(future) for future in futures]
    assert [isinstance(outcome, Receipt) for outcome in outcomes] == [True, False, True]
    assert isinstance(outcomes[1], LedgerError)
    assert positions(ledger.log) == [1, 2]


def test_a_group_is_bounded_by_its_events(
    database: Database, new_ledger: Callable[..., Ledger], monkeypatch: pytest.MonkeyPatch
) -> None:
    ledger = new_ledger(database)
    ledger.log.sequencer._group_events_max = 10
    with groups_of(monkeypatch) as groups:
        with one_group(ledger.log):
            futures = [ledger.log.sequencer.submit(ledger.log.seal(courses(n, 4))) for n in range(7)]
        for future in futures:
            future.result(SECONDS)
    assert groups == [1, 3, 3, 1]


# -- what the database was told


def set_for_writers(database: Database, setting: str) -> None:
    with database.connect() as conn:
        name = conn.info.dbname
        conn.execute(f"alter role sojourn_writer in database {name} set {setting}".encode())


@pytest.mark.parametrize(("told", "held"), [("off", "on"), ("local", "local")])
def test_an_answer_is_durable_whatever_the_database_was_told(
    database: Database, ledger: Ledger, told: str, held: str
) -> None:
    set_for_writers(database, f"synchronous_commit = {told}")
    assert ledger.log.sequencer._connection().execute("show synchronous_commit").fetchone() == (held,)


def test_two_processes_take_turns_also_where_the_database_was_told_to_be_serializable(
    database: Database, new_ledger: Callable[..., Ledger]
) -> None:
    set_for_writers(database, "default_transaction_isolation = serializable")
    ledgers = [new_ledger(database) for _ in range(2)]
    with ThreadPoolExecutor() as pool:
        written = [pool.submit(one.log.append, courses(n)) for n in range(40) for one in ledgers]
        assert sorted(one.result(SECONDS).position for one in written) == list(range(1, 81))


# -- the clock


def test_a_clock_that_steps_back_does_not_take_the_log_with_it(
    database: Database, new_ledger: Callable[..., Ledger]
) -> None:
    noon = datetime(2025, 9, 2, 12, 0, 0, 123_456, tzinfo=UTC)
    times = [noon, noon - timedelta(days=1), noon - timedelta(microseconds=1), noon + timedelta(microseconds=1), noon]
    ledger = new_ledger(database, clock=lambda: times[0] if len(times) == 1 else times.pop(0))
    for n in range(5):
        ledger.log.append(courses(n))
    later = noon + timedelta(microseconds=1)
    assert [r.recorded_at for r in ledger.log.read(0, 10)] == [noon, noon, noon, later, later]


def test_two_processes_whose_clocks_differ_record_in_one_order(
    database: Database, new_ledger: Callable[..., Ledger]
) -> None:
    noon = datetime(2025, 9, 2, 12, 0, tzinfo=UTC)
    fast, slow = (new_ledger(database, clock=lambda at=at: at) for at in (noon + timedelta(hours=1), noon))
    for n in range(4):
        (fast, slow)[n % 2].log.append(courses(n))
    assert [r.recorded_at for r in slow.log.read(0, 10)] == [noon + timedelta(hours=1)] * 4


def test_an_instant_is_recorded_to_the_microsecond_and_the_leaf_agrees(
    database: Database, new_ledger: Callable[..., Ledger]
) -> None:
    at = datetime(2025, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC)
    ledger = new_ledger(database, clock=lambda: at)
    for count in (1, 500):
        ledger.log.append(courses(1, count))
    assert {r.recorded_at for r in ledger.log.read(0, 1_000)} == {at}


# -- the connection goes


def kill_backends(database: Database, name: str = "sojourn ledger sequencer") -> int:
    with database.connect() as conn:
        return len(
            conn.execute(
                "select pg_terminate_backend(pid) from pg_stat_activity"
                " where application_name = %s and datname = current_database()",
                (name,),
            ).fetchall()
        )


def test_a_backend_that_is_killed_between_appends_costs_nothing(
    any_database: Database, new_ledger: Callable[..., Ledger]
) -> None:
    ledger = new_ledger(any_database)
    for n in range(1, 6):
        assert ledger.log.append(courses(n)).position == n
        assert kill_backends(any_database) == 1
    assert positions(ledger.log) == [1, 2, 3, 4, 5]


@pytest.fixture
def dying(any_database: Database) -> Database:
    """The backend that first commits something for the 13th record ends itself in the middle of that commit."""
    with any_database.connect() as conn:
        conn.execute(
            f"""
            create sequence public.deaths;
            grant usage on sequence public.deaths to public;
            create function public.die_once() returns trigger language plpgsql security definer as $$
                begin
                    if nextval('public.deaths') = 1 then
                        perform pg_terminate_backend(pg_backend_pid());
                        perform pg_sleep(10);
                    end if;
                    return null;
                end $$;
            create constraint trigger die_once after insert or update on ledger.heads
                deferrable initially deferred for each row when (new.stream = '{stream(13)}')
                execute function public.die_once();
            """  # type: ignore[arg-type]
        )
    return any_database


@pytest.mark.parametrize("count", [1, 500], ids=["insert", "copy"])
def test_a_backend_that_is_killed_in_its_commit_loses_nothing_and_doubles_nothing(
    dying: Database, new_ledger: Callable[..., Ledger], count: int
) -> None:
    ledger = new_ledger(dying)
    with one_group(ledger.log):
        futures = [ledger.log.sequencer.submit(ledger.log.seal(courses(n, count))) for n in (1, 13, 2)]
    receipts = [future.result(SECONDS) for future in futures]
    assert [receipt.position for receipt in receipts] == [count, 2 * count, 3 * count]
    assert positions(ledger.log) == list(range(1, 3 * count + 1))


def losing_the_answer(monkeypatch: pytest.MonkeyPatch, times: int = 1, *, committed: bool = True) -> list[int]:
    """The first commits reach the server, or do not; their answer is lost with the connection."""
    left = [times]

    def lose(conn: psycopg.Connection[Any], log: str, group: Sequence[SealedAppend], *rest: Any) -> list[Any]:
        if left[0] <= 0:
            return commit_group(conn, log, group, *rest)
        left[0] -= 1
        if committed:
            commit_group(conn, log, group, *rest)
        conn.close()
        raise psycopg.OperationalError("server closed the connection unexpectedly")

    monkeypatch.setattr(sequencer_module, "commit_group", lose)
    return left


def test_a_commit_whose_answer_was_lost_is_found_in_the_log(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    ledger.log.append(courses(1))
    losing_the_answer(monkeypatch)
    receipt = ledger.log.append(courses(2, 3, key="k"))
    assert (receipt.position, receipt.versions, receipt.replayed) == (4, {stream(2): 3}, False)
    assert receipt.answer is not None
    assert positions(ledger.log) == [1, 2, 3, 4]


def test_a_commit_whose_answer_was_lost_is_found_also_where_the_first_of_its_group_was_left_out(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    ledger.log.append(courses(1))
    with one_group(ledger.log):
        futures = [
            ledger.log.sequencer.submit(ledger.log.seal(append))
            for append in (courses(1, expected=0), courses(2), courses(3, expected=0))
        ]
        losing_the_answer(monkeypatch, 2)  # of the group that holds the door, and of ours
    stale, second, third = (answered(future) for future in futures)
    assert isinstance(stale, StaleDecision)
    assert isinstance(second, Receipt)
    assert isinstance(third, Receipt)
    assert (second.position, third.position) == (2, 3)
    assert positions(ledger.log) == [1, 2, 3]


def test_a_commit_that_never_reached_the_server_is_sent_again_and_written_once(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    losing_the_answer(monkeypatch, 2, committed=False)
    assert ledger.log.append(courses(1, 2)).position == 2
    assert positions(ledger.log) == [1, 2]


def test_an_append_that_takes_the_server_with_it_each_time_is_given_up_and_certainly_not_written(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    left = losing_the_answer(monkeypatch, 1_000, committed=False)
    with pytest.raises(StoreUnavailable, match="nothing was written"):
        ledger.log.append(courses(1))
    assert left[0] > 990
    left[0] = 0
    assert ledger.log.append(courses(2)).position == 1


def test_while_nobody_can_look_the_outcome_is_said_to_be_unknown(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sequencer_module, "RECONNECT_SECONDS", 0.3)
    losing_the_answer(monkeypatch)
    connect = ledger.log.sequencer._connect
    ledger.log.sequencer._connection()

    def refuse() -> psycopg.Connection[Any]:
        raise StoreUnavailable("PostgreSQL cannot be reached, or went away.", remedy="See that it runs.")

    ledger.log.sequencer._connect = refuse
    with pytest.raises(OutcomeUnknown) as unknown:
        ledger.log.append(courses(1, key="k"))
    assert "Idempotency-Key" in unknown.value.remedy
    ledger.log.sequencer._connect = connect
    again = ledger.log.append(courses(1, key="k"))
    assert (again.replayed, again.position) == (True, 1)
    assert positions(ledger.log) == [1]


def test_a_head_that_is_held_for_ever_is_heard_of(ledger: Ledger, database: Database) -> None:
    ledger.log.append(courses(1))
    conn = ledger.log.sequencer._connection()
    assert conn.execute("show lock_timeout").fetchone() == ("30s",)
    assert conn.execute("show idle_in_transaction_session_timeout").fetchone() == ("1min",)
    conn.execute("set lock_timeout = '200ms'")
    with database.connect(Role.WRITER, autocommit=False) as holder:
        holder.execute("select from ledger.head for update")
        with pytest.raises(StoreUnavailable, match="lock") as held:
            ledger.log.append(courses(2))
    assert held.value.remedy
    assert ledger.log.append(courses(2)).position == 2


def test_a_server_that_is_not_there_is_told_to_everybody_who_waits() -> None:
    def connect() -> psycopg.Connection[Any]:
        raise StoreUnavailable("PostgreSQL cannot be reached, or went away.", remedy="See that it runs.")

    writer = Sequencer("ledger", connect, lambda: datetime.now(UTC))
    futures = [writer.submit(SealedAppend(parts=[])) for _ in range(20)]
    assert {type(answered(future)) for future in futures} == {StoreUnavailable}
    writer.close()


# -- nobody is left waiting


ends_the_writer = pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
"""That the thread ends is what these tests bring about."""


def test_closing_writes_what_waits(ledger: Ledger) -> None:
    with one_group(ledger.log):
        futures = [ledger.log.sequencer.submit(ledger.log.seal(courses(n))) for n in range(20)]
        closing = threading.Thread(target=ledger.log.sequencer.close)
        closing.start()
    closing.join(SECONDS)
    assert [future.result(0).position for future in futures] == list(range(1, 21))
    with pytest.raises(StoreUnavailable, match="closing"):
        ledger.log.append(courses(99))
    assert not ledger.log.sequencer.alive


def test_who_hands_over_while_it_closes_is_answered_one_way_or_the_other(
    database: Database, new_ledger: Callable[..., Ledger]
) -> None:
    ledger = new_ledger(database)
    sealed = [ledger.log.seal(courses(n)) for n in range(400)]
    ledger.log.append(courses(1_000))
    accepted: list[Future[Receipt]] = []

    def hand_over(appends: Sequence[SealedAppend]) -> None:
        for append in appends:
            try:
                accepted.append(ledger.log.sequencer.submit(append))
            except StoreUnavailable:
                return

    with ThreadPoolExecutor(5) as pool:
        done = [pool.submit(hand_over, sealed[n::4]) for n in range(4)]
        time.sleep(0.005)
        pool.submit(ledger.log.sequencer.close).result(SECONDS)
        for future in done:
            future.result(SECONDS)
    receipts = [future.result(0) for future in accepted]
    assert sorted(receipt.position for receipt in receipts) == list(range(2, len(accepted) + 2))


def test_closing_twice_or_before_the_first_append_is_nothing(ledger: Ledger) -> None:
    ledger.log.sequencer.close()
    ledger.log.sequencer.close()
    with pytest.raises(StoreUnavailable):
        ledger.log.append(courses(1))


def test_an_append_that_its_caller_took_back_in_time_is_not_written_and_stops_nobody(ledger: Ledger) -> None:
    with one_group(ledger.log):
        futures = [ledger.log.sequencer.submit(ledger.log.seal(courses(n))) for n in range(3)]
        assert futures[1].cancel()
    assert [futures[0].result(SECONDS).position, futures[2].result(SECONDS).position] == [1, 2]
    assert not ledger.log.read_stream(stream(1))


def test_a_caller_who_gives_up_while_it_is_written_stops_nobody(ledger: Ledger) -> None:
    async def give_up() -> list[Any]:
        gone = ledger.log.sequencer.submit_async(ledger.log.seal(courses(1)))
        kept = ledger.log.sequencer.submit_async(ledger.log.seal(courses(2)))
        gone.cancel()
        return [await asyncio.wait_for(kept, SECONDS)]

    (receipt,) = asyncio.run(give_up())
    assert isinstance(receipt, Receipt)
    assert ledger.log.append(courses(3)).position == 3, "what was handed over by the loop is written"


def test_a_loop_that_has_closed_stops_nobody(ledger: Ledger) -> None:
    async def leave() -> None:
        ledger.log.sequencer.submit_async(ledger.log.seal(courses(1)))

    with one_group(ledger.log):
        asyncio.run(leave())
        future = ledger.log.sequencer.submit(ledger.log.seal(courses(2)))
    assert future.result(SECONDS).position == 2


@pytest.mark.parametrize("defect", [ValueError("a defect"), RecursionError(), MemoryError()])
def test_a_defect_is_told_to_its_caller_and_the_next_is_served(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch, defect: Exception
) -> None:
    def fail(*_: object) -> list[Any]:
        raise defect

    with monkeypatch.context() as patched:
        patched.setattr(sequencer_module, "commit_group", fail)
        with pytest.raises(StoreUnavailable) as told:
            ledger.log.append(courses(1))
    assert told.value.__cause__ is defect
    assert ledger.log.append(courses(2)).position == 1


@ends_the_writer
def test_a_writer_that_ends_answers_everybody_and_takes_nothing_more(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    def end(*_: object) -> list[Any]:
        raise SystemExit

    with one_group(ledger.log):
        waiting = [ledger.log.sequencer.submit(ledger.log.seal(courses(n))) for n in range(3)]
        monkeypatch.setattr(sequencer_module, "commit_group", end)
    assert {type(answered(future)) for future in waiting} == {StoreUnavailable}
    with pytest.raises(StoreUnavailable):
        ledger.log.append(courses(9))
    ledger.log.sequencer.close()
    assert not ledger.log.sequencer.alive


@ends_the_writer
def test_what_the_writer_had_in_hand_when_it_ended_is_said_to_be_unknown(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    def end(conn: psycopg.Connection[Any], log: str, group: Sequence[SealedAppend], *rest: Any) -> list[Any]:
        commit_group(conn, log, group, *rest)
        raise SystemExit

    monkeypatch.setattr(sequencer_module, "commit_group", end)
    with pytest.raises(OutcomeUnknown):
        ledger.log.append(courses(1))
    assert positions(ledger.log) == [1]


def test_an_append_that_is_none_is_refused_to_who_hands_it_over(ledger: Ledger) -> None:
    with pytest.raises(AttributeError):
        ledger.log.sequencer.submit(None)  # type: ignore[arg-type]
    assert ledger.log.append(courses(1)).position == 1


def test_threads_and_coroutines_together_get_each_their_own_receipt(ledger: Ledger) -> None:
    def by_thread(number: int) -> list[int]:
        return [ledger.log.append(courses(number)).versions[stream(number)] for _ in range(25)]

    async def by_loop() -> list[int]:
        sealed = [ledger.log.seal(courses(77)) for _ in range(100)]
        receipts = await asyncio.gather(*[ledger.log.sequencer.submit_async(append) for append in sealed])
        return [receipt.versions[stream(77)] for receipt in receipts]

    with ThreadPoolExecutor(9) as pool:
        loop = pool.submit(asyncio.run, by_loop())
        versions = list(pool.map(by_thread, range(8)))
        assert loop.result(SECONDS) == list(range(1, 101))
    assert versions == [list(range(1, 26))] * 8
    assert positions(ledger.log) == list(range(1, 301))
