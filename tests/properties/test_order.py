"""Law 3: positions are gap-free and given in commit order, whoever writes, and whatever the clocks say.

Four writers in two services race for two children. What they did is found out from the log afterwards: told in its
order, the commands that wrote must make the records that are there, each with the answer that its writer got.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from typing import Any, NamedTuple

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from ledger.application import Done, RequestKey
from ledger.errors import LedgerError
from ledger.events import Recorded
from ledger.record import Command, CorrectFact, EnrollmentKey, PlaceFact, PlaceStudent, RetractFact, Withdraw
from support import sending
from support.reference import Record
from support.sections import assert_shows
from support.worlds import META, World, positions

STATE = "OR"
CHILDREN = ("A", "B")


class Step(NamedTuple):
    """One command of a writer. seconds: that its service's clock steps before."""

    command: Command
    seconds: float


class Told(NamedTuple):
    """began, ended: by one clock that never steps. answered: what came back."""

    step: Step
    began: float
    ended: float
    answered: Done | LedgerError


class Wrote(NamedTuple):
    """A command that wrote events."""

    command: Command
    began: float
    ended: float
    done: Done


@st.composite
def commands(draw: st.DrawFn) -> Command:
    """On a child that has no name yet; facts and enrollments are guessed."""
    ssid = draw(st.sampled_from(CHILDREN))
    named: Any = {"state": STATE, "state_student_id": ssid}
    fact = draw(st.integers(1, 4))
    kind = draw(st.sampled_from(["student", "student", "fact", "fact", "withdraw", "correct", "retract"]))
    if kind == "student":
        student = draw(sending.student_rows(STATE, ssid, rows_max=3))
        return PlaceStudent(**named, student=student, new_student_id="")
    if kind == "fact":
        return PlaceFact(**named, row=draw(sending.rows()))
    if kind == "withdraw":
        key = EnrollmentKey(enrollment_date=draw(st.sampled_from(["2025-01-06", "2025-02-03"])))
        return Withdraw(**named, enrollment=key, withdrawal_date=draw(st.sampled_from(sending.DAYS)))
    if kind == "correct":
        return CorrectFact(**named, fact=fact, elements=draw(sending.changes_of("E")))
    return RetractFact(**named, fact=fact)


STEPS = st.builds(Step, commands(), st.sampled_from([-3600.0, -0.001, 0.0, 0.001, 60.0]))
SCRIPTS = st.lists(STEPS, min_size=1, max_size=5)


def of_example(step: Step, example: str) -> Step:
    """The same step for the children of one example."""
    ssid = example + step.command.state_student_id
    command = msgspec.structs.replace(step.command, state_student_id=ssid)
    if isinstance(command, PlaceStudent):
        student = msgspec.structs.replace(command.student, state_student_id=ssid)
        command = msgspec.structs.replace(command, student=student)
    return step._replace(command=command)


def write(world: World, service: int, script: Sequence[Step], key: str, start: threading.Barrier) -> list[Told]:
    """Send a script, each command with a key of its own."""
    told: list[Told] = []
    start.wait(30)
    for number, step in enumerate(script):
        world.clocks[service].step(step.seconds)
        request = RequestKey(scope="oregon", key=f"{key}/{number}", body_hash=b"a body")
        began = time.monotonic()
        answered: Done | LedgerError
        try:
            answered = world.ledgers[service].execute(step.command, META, request)
        except LedgerError as error:
            answered = error
        told.append(Told(step, began, time.monotonic(), answered))
    return told


def tail(world: World, after: int, stop: threading.Event) -> list[Recorded]:
    """Follow the log while others write."""
    seen: list[Recorded] = []
    while True:
        last_look = stop.is_set()
        page = world.ledgers[0].log.read(seen[-1].position if seen else after, 3)
        seen += page
        if last_look and not page:
            return seen


def race(world: World, scripts: Sequence[Sequence[Step]], example: str) -> tuple[list[list[Told]], list[Recorded]]:
    """All scripts at once; the last one twice, by both services with the same keys. What was told, what was tailed."""
    writers = [(0, scripts[0], "0"), (1, scripts[1], "1"), (0, scripts[2], "2"), (1, scripts[2], "2")]
    start, stop, after = threading.Barrier(len(writers)), threading.Event(), world.head()
    with ThreadPoolExecutor(len(writers) + 1) as threads:
        reader = threads.submit(tail, world, after, stop)
        try:
            running = [
                threads.submit(write, world, service, script, f"{example}/{key}", start)
                for service, script, key in writers
            ]
            told = [future.result(120) for future in running]
        finally:
            stop.set()
        return told, reader.result(120)


def test_order_is_truth_when_writers_race(world: World, sized: Callable[..., settings]) -> None:
    @sized(60)
    @given(st.tuples(SCRIPTS, SCRIPTS, SCRIPTS))
    def law(drawn: Sequence[Sequence[Step]]) -> None:
        example, before = world.next_example(), world.head()
        scripts = [[of_example(step, example) for step in script] for script in drawn]
        told, tailed = race(world, scripts, example)
        log = world.events(before)
        assert tailed == log, "who follows the log while it is written sees what is there afterwards"
        assert_in_order(world, log, before)
        assert_same_answers(told[2], told[3])
        wrote = [written_by(script) for script in told]
        assert_commit_order(wrote)
        each = [w for script in wrote for w in script]
        assert sum(w.done.events for w in each) == len(log), "each event belongs to one answer"
        assert_log_tells_the_answers(world, each, {r.position: r for r in log})

    law()


def written_by(script: Sequence[Told]) -> list[Wrote]:
    """The commands of a writer that wrote, those left out that had another's answer."""
    return [
        Wrote(told.step.command, told.began, told.ended, told.answered)
        for told in script
        if isinstance(told.answered, Done) and not told.answered.replayed and told.answered.events
    ]


def assert_in_order(world: World, log: Sequence[Recorded], before: int) -> None:
    """Positions and versions without gaps; times never go back."""
    assert positions(log) == list(range(before + 1, before + 1 + len(log)))
    versions: dict[str, int] = {}
    for recorded in log:
        assert recorded.version == versions.get(recorded.stream, 0) + 1
        versions[recorded.stream] = recorded.version
    times = [recorded.recorded_at for recorded in world.events(before - 1)]
    assert times == sorted(times)
    assert times[-1] <= max(clock.latest for clock in world.clocks)


def assert_same_answers(ones: Sequence[Told], others: Sequence[Told]) -> None:
    """Law 2 in a race: one of two equal requests is decided, the other gets its answer."""
    for one, other in zip(ones, others, strict=True):
        if isinstance(one.answered, LedgerError) or isinstance(other.answered, LedgerError):
            assert type(one.answered) is type(other.answered)
            assert str(one.answered) == str(other.answered)
            assert {one.answered.replayed, other.answered.replayed} == {True, False}
            continue
        names = ("position", "record_id", "student_id", "facts", "status")
        assert [getattr(one.answered, name) for name in names] == [getattr(other.answered, name) for name in names]
        assert {one.answered.replayed, other.answered.replayed} == {True, False}


def assert_commit_order(wrote: Sequence[Sequence[Wrote]]) -> None:
    """What was answered before something else was asked stands before it."""
    each = [w for script in wrote for w in script]
    for one in each:
        for other in each:
            if one.ended < other.began:
                assert one.done.position <= other.done.position - other.done.events
    for script in wrote:
        assert all(earlier.done.position < later.done.position for earlier, later in pairwise(script))


def assert_log_tells_the_answers(world: World, wrote: Sequence[Wrote], log: dict[int, Recorded]) -> None:
    """The commands that wrote, told one by one in the order of the log, give their answers and what is shown."""
    records: dict[str, Record] = {}
    uuids: dict[str, str] = {}
    for command, _, _, done in sorted(wrote, key=lambda w: w.done.position):
        mine = [log[position] for position in range(done.position - done.events + 1, done.position + 1)]
        assert {recorded.stream for recorded in mine} == {f"record/{done.record_id}"}
        record = records.setdefault(command.state_student_id, Record(stable=False))
        answers = record.take(command)
        assert [outcome.outcome for outcome in done.outcomes] == [outcome for outcome, _ in answers]
        record.learn(answers, [outcome.fact for outcome in done.outcomes], [recorded.event for recorded in mine])
        assert uuids.setdefault(command.state_student_id, done.record_id) == done.record_id
    world.project(7)
    for ssid, record in records.items():
        assert_shows(world.student(record.student_id), record, STATE, ssid, uuids[ssid])
