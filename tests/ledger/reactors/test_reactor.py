"""Reactors: in order, one active, each cause answered once whatever happens in between."""

from __future__ import annotations

import threading
import time
import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import psycopg
import pytest

from ledger.application import Ledger
from ledger.errors import LedgerError, OutcomeUnknown, StaleDecision
from ledger.events import Meta, Recorded
from ledger.events.record import CourseReported, RecordOpened
from ledger.events.submission import ChunkApplied, SubmissionCompleted
from ledger.ids import NUMBERS, student_id
from ledger.reactors import reactor as reactor_module
from ledger.reactors.reactor import ATTEMPTS_MAX, Reactor, ReactorRunner, Reactors
from ledger.store.append import Append, Opening, Part, Receipt
from ledger.store.database import Database, Role

META = Meta(actor="registrar")


def open_records(ledger: Ledger, count: int) -> list[int]:
    """Positions of the openings."""
    positions = []
    for _ in range(count):
        record = uuid.uuid4()
        minted = student_id(record.int % NUMBERS)
        events = [
            RecordOpened(state="OR", state_student_id=str(record)[:15], student_id=minted, elements={}),
            CourseReported(fact=1, elements={"course_title": "Algebra I"}),
        ]
        part = Part(stream=f"record/{record}", subject=str(record), expected=0, events=events)
        opening = Opening("OR", str(record)[:15], record.bytes, minted)
        positions.append(ledger.log.append(Append(parts=[part], meta=META, opened=[opening])).position - 1)
    return positions


def counting(heard: list[int] | None = None) -> Reactor:
    """Answers every opened record with an event that names the position of its cause."""

    def react(recorded: Recorded) -> Append:
        if heard is not None:
            heard.append(recorded.position)
        n = recorded.position
        event = ChunkApplied(
            chunk=n, students=0, accepted=0, unchanged=0, refused=0, warned=0, events=0, students_new=0
        )
        part = Part(stream="submission/OR/answers", subject="ledger", expected=None, events=[event])
        return Append(parts=[part], meta=META)

    return Reactor("counting", frozenset({RecordOpened}), react)


def answers(ledger: Ledger) -> list[int]:
    """Causes answered, in the order of their answers."""
    return [r.event.chunk for r in ledger.log.read_stream("submission/OR/answers") if isinstance(r.event, ChunkApplied)]


def position(database: Database) -> int:
    with database.connect(Role.WRITER) as conn:
        row = conn.execute(
            "select notification_id from tracking.positions where application_name = 'reactor counting'"
        ).fetchone()
    return row[0] if row else 0


def until(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 20
    while not holds():
        assert time.monotonic() < deadline, "it did not come to hold"
        time.sleep(0.01)


def test_every_cause_is_answered_in_order_and_named_in_the_answer(database: Database, ledger: Ledger) -> None:
    causes = open_records(ledger, 5)
    runner = ReactorRunner(counting(), database, ledger.log)
    assert runner.run_to(ledger.log.head()) >= causes[-1]
    assert answers(ledger) == causes
    recorded = ledger.log.read_stream("submission/OR/answers")
    assert [r.meta.cause for r in recorded] == causes
    assert {r.meta.actor for r in recorded} == {"reactor counting"}


def test_a_reactor_whose_position_was_lost_answers_nothing_twice(database: Database, ledger: Ledger) -> None:
    causes = open_records(ledger, 3)
    ReactorRunner(counting(), database, ledger.log).run_to(ledger.log.head())
    with psycopg.connect(database.conninfo(), autocommit=True) as admin:
        admin.execute("delete from tracking.positions where application_name = 'reactor counting'")
    heard: list[int] = []
    ReactorRunner(counting(heard), database, ledger.log).run_to(ledger.log.head())
    assert heard == causes
    assert answers(ledger) == causes


def test_the_position_moves_with_the_answer_and_past_what_needs_none(database: Database, ledger: Ledger) -> None:
    causes = open_records(ledger, 2)
    ReactorRunner(counting(), database, ledger.log).run_to(causes[-1])
    assert position(database) >= causes[-1]
    head = ledger.log.head()
    ReactorRunner(counting(), database, ledger.log).run_to(head)
    assert position(database) == head


def test_one_runner_is_active_and_the_next_takes_over_when_it_ends(database: Database, ledger: Ledger) -> None:
    first, second = (ReactorRunner(counting(), database, ledger.log) for _ in range(2))
    ends = [threading.Event(), threading.Event()]
    threads = [threading.Thread(target=r.follow, args=(e,)) for r, e in zip((first, second), ends, strict=True)]
    threads[0].start()
    until(lambda: first.state == "live")
    threads[1].start()
    until(lambda: second.state == "standby")
    causes = open_records(ledger, 2)
    until(lambda: answers(ledger) == causes)
    assert second.state == "standby"
    ends[0].set()
    until(lambda: second.state == "live")
    causes += open_records(ledger, 2)
    until(lambda: answers(ledger) == causes)
    ends[1].set()
    for thread in threads:
        thread.join(20)
    assert (first.state, second.state) == ("stopped", "stopped")


def test_a_reaction_that_was_overtaken_is_decided_anew(database: Database, ledger: Ledger) -> None:
    (cause,) = open_records(ledger, 1)
    tries: list[int] = []
    done = SubmissionCompleted(rows=0, accepted=0, unchanged=0, refused=0, warned=0, events=0, students_new=0)

    def react(recorded: Recorded) -> Append:
        tries.append(recorded.position)
        version = 7 if len(tries) == 1 else 0  # the first try knows a version that is not there
        part = Part(stream="submission/OR/once", subject="ledger", expected=version, events=[done])
        return Append(parts=[part], meta=META)

    reactor = Reactor("overtaken", frozenset({RecordOpened}), react)
    ReactorRunner(reactor, database, ledger.log).run_to(cause)
    assert tries == [cause, cause]
    assert len(ledger.log.read_stream("submission/OR/once")) == 1


@pytest.mark.parametrize(
    ("error", "times"),
    [(OutcomeUnknown("the connection went"), 2), (StaleDecision("others were faster"), ATTEMPTS_MAX + 1)],
)
def test_a_reactor_goes_on_after_what_passes_by_itself(
    database: Database, ledger: Ledger, monkeypatch: pytest.MonkeyPatch, error: LedgerError, times: int
) -> None:
    append, refusals = ledger.log.append, [error] * times

    def unlucky(what: Append) -> Receipt:
        if refusals:
            raise refusals.pop()
        return append(what)

    causes = open_records(ledger, 1)
    monkeypatch.setattr(ledger.log, "append", unlucky)
    monkeypatch.setattr(reactor_module, "_BACKOFF_S", (0.01, 0.01))
    runner, end = ReactorRunner(counting(), database, ledger.log), threading.Event()
    with ThreadPoolExecutor() as pool:
        following = pool.submit(runner.follow, end)
        try:
            until(lambda: answers(ledger) == causes or following.done())
        finally:
            end.set()
    following.result()
    assert answers(ledger) == causes


def test_a_reactor_that_fails_stands_still_at_its_cause(database: Database, ledger: Ledger) -> None:
    (cause,) = open_records(ledger, 1)

    def react(recorded: Recorded) -> Append:
        raise StaleDecision("never fits")

    reactor = Reactor("counting", frozenset({RecordOpened}), react)
    with pytest.raises(StaleDecision):
        ReactorRunner(reactor, database, ledger.log).run_to(cause)
    assert position(database) < cause


def test_a_reactor_that_stops_does_not_stop_another(database: Database, ledger: Ledger) -> None:
    def react(recorded: Recorded) -> Append:
        raise ValueError("a defect")

    broken = Reactor("broken", frozenset({RecordOpened}), react)
    reactors = Reactors((broken, counting()), database, ledger.log)
    reactors.start()
    causes = open_records(ledger, 2)
    until(lambda: answers(ledger) == causes)
    until(lambda: reactors.states()["broken"] == "failed")
    reactors.stop()
    assert reactors.states() == {"broken": "failed", "counting": "stopped"}
