"""Commands through the application: many at once, decided from memory and never answered from it, answered once."""

from __future__ import annotations

import asyncio
import threading
import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest

from ledger.application import Done, Ledger, RequestKey
from ledger.errors import (
    BadValue,
    IdempotencyKeyReused,
    LedgerError,
    LogBroken,
    NotEnrolled,
    NotOpen,
    RecordIsRetracted,
    StillRunning,
    UnknownState,
)
from ledger.events import Event, Meta
from ledger.events.record import CourseReported, Enrolled, RecordOpened, RecordRetracted, Withdrawn
from ledger.jurisdiction import SetCalendar, SetProfile
from ledger.record import Command, PlaceFact, PlaceStudent, RetractRecord, StudentRows, Withdraw, fold
from ledger.store.database import Database
from support.rows import STATE, STUDENT, course, demographics, enrollment, move, student

META = Meta(actor="registrar")
NewLedger = Callable[..., Ledger]


def put(ssid: str = STUDENT, rows: StudentRows | None = None) -> PlaceStudent:
    rows = rows or student(demographics(None), move(None))
    return PlaceStudent(
        state=STATE,
        state_student_id=ssid,
        student=msgspec.structs.replace(rows, state_student_id=ssid),
        new_student_id="",
    )


def teach(title: str, ssid: str = STUDENT) -> PlaceFact:
    return PlaceFact(state=STATE, state_student_id=ssid, row=course(None, course_title=title))


def withdraw(day: str) -> Withdraw:
    return Withdraw(state=STATE, state_student_id=STUDENT, enrollment=3, withdrawal_date=day)


ENROLL = PlaceFact(state=STATE, state_student_id=STUDENT, row=enrollment(None))
RETRACT = RetractRecord(state=STATE, state_student_id=STUDENT)


def key(name: str = "1", body: bytes = b"body") -> RequestKey:
    return RequestKey(scope="registrar", key=name, body_hash=body)


def events_of(ledger: Ledger, ssid: str = STUDENT) -> list[Event]:
    return [r.event for r in ledger.log.read_stream(f"record/{ledger.record_of(STATE, ssid)}")]


def titles(ledger: Ledger, ssid: str = STUDENT) -> list[str]:
    return [e.elements["course_title"] for e in events_of(ledger, ssid) if isinstance(e, CourseReported)]


Execute = Callable[..., Done]


@pytest.fixture(params=["from a thread", "from an event loop"])
def execute(request: pytest.FixtureRequest) -> Execute:
    """Both ways in: they must do the same."""
    if request.param == "from a thread":
        return lambda ledger, *given: ledger.execute(*given)
    return lambda ledger, *given: asyncio.run(ledger.execute_async(*given))


# -- one command


def test_a_command_is_written_and_answered(ledger: Ledger, execute: Execute) -> None:
    opened = execute(ledger, put(), META)
    assert (opened.status, opened.position, opened.replayed) == (201, ledger.log.head(), False)
    assert str(uuid.UUID(opened.record_id)) == ledger.record_of(STATE, STUDENT)
    assert len(opened.student_id) == 12
    enrolled = execute(ledger, ENROLL, META)
    assert (enrolled.status, enrolled.events, enrolled.facts) == (201, 1, [3])
    assert enrolled.student_id == opened.student_id
    assert isinstance(events_of(ledger)[-1], Enrolled)


def test_a_command_that_brings_nothing_appends_nothing(ledger: Ledger, execute: Execute) -> None:
    execute(ledger, put(), META)
    head = ledger.log.head()
    again = execute(ledger, put(), META)
    assert (again.status, again.events, again.position) == (200, 0, head)
    assert [outcome.outcome for outcome in again.outcomes] == ["unchanged"] * 3
    assert ledger.log.head() == head


def test_a_refusal_appends_nothing(ledger: Ledger, execute: Execute) -> None:
    execute(ledger, put(), META)
    head = ledger.log.head()
    with pytest.raises(NotEnrolled):
        execute(ledger, withdraw("2025-07-01"), META)
    with pytest.raises(NotOpen):
        execute(ledger, teach("Algebra", "OR9999999"), META)
    assert ledger.log.head() == head
    assert ledger.record_of(STATE, "OR9999999") is None


def test_a_state_that_is_none_is_refused(ledger: Ledger, execute: Execute) -> None:
    nowhere = msgspec.structs.replace(ENROLL, state="ZZ")
    with pytest.raises(UnknownState):
        execute(ledger, nowhere, META)
    with pytest.raises(UnknownState):
        ledger.profile("ZZ")
    assert ledger.log.head() == 0


def test_a_student_id_is_never_given_twice(ledger: Ledger) -> None:
    with ThreadPoolExecutor(8) as pool:
        ids = list(pool.map(lambda _: ledger.new_student_id(), range(200)))
    ids += ledger.new_student_ids(10)
    assert len(set(ids)) == 210
    assert ledger.new_student_ids(0) == []


# -- many at once


def test_many_threads_on_one_record_lose_and_double_nothing(ledger: Ledger) -> None:
    ledger.execute(put(), META)
    wanted = [f"Course {n:03d}" for n in range(60)]
    with ThreadPoolExecutor(12) as pool:
        done = list(pool.map(lambda title: ledger.execute(teach(title), META), wanted))
    assert sorted(titles(ledger)) == wanted
    assert sorted(d.position for d in done) == list(range(4, 64))
    assert len({d.facts[0] for d in done}) == 60, "each got a fact of its own"


def test_many_tasks_on_one_record_lose_and_double_nothing(ledger: Ledger) -> None:
    ledger.execute(put(), META)
    wanted = [f"Course {n:03d}" for n in range(40)]

    async def all_at_once() -> list[Done]:
        return await asyncio.gather(*(ledger.execute_async(teach(title), META) for title in wanted))

    done = asyncio.run(all_at_once())
    assert sorted(titles(ledger)) == wanted
    assert len({d.facts[0] for d in done}) == 40


def test_two_ledgers_and_many_threads_open_a_record_once(database: Database, new_ledger: NewLedger) -> None:
    ledgers = [new_ledger(database) for _ in range(2)]
    with ThreadPoolExecutor(8) as pool:
        done = list(pool.map(lambda n: ledgers[n % 2].execute(put(), META), range(16)))
    assert len({d.student_id for d in done}) == len({d.record_id for d in done}) == 1
    assert [d.status for d in done].count(201) == 1
    assert sum(isinstance(r.event, RecordOpened) for r in ledgers[0].log.read(0, 100)) == 1


def test_the_same_fact_from_many_sides_is_stated_once(database: Database, new_ledger: NewLedger) -> None:
    ledgers = [new_ledger(database) for _ in range(2)]
    ledgers[0].execute(put(), META)
    with ThreadPoolExecutor(8) as pool:
        done = list(pool.map(lambda n: ledgers[n % 2].execute(teach("Algebra"), META), range(16)))
    assert titles(ledgers[0]) == ["Algebra"]
    assert sum(d.events for d in done) == 1


def test_records_side_by_side_do_not_disturb_each_other(ledger: Ledger) -> None:
    names = [f"OR{n:07d}" for n in range(20)]
    with ThreadPoolExecutor(10) as pool:
        list(pool.map(lambda ssid: ledger.execute(put(ssid), META), names))
        list(pool.map(lambda ssid: [ledger.execute(teach(t, ssid), META) for t in "abc"], names))
    assert all(titles(ledger, ssid) == ["a", "b", "c"] for ssid in names)


# -- memory


def test_nothing_to_do_is_never_said_from_memory_alone(
    database: Database, new_ledger: NewLedger, execute: Execute
) -> None:
    ours, other = new_ledger(database), new_ledger(database)
    execute(ours, put(), META)
    execute(ours, teach("Algebra"), META)
    other.execute(RETRACT, META)
    with pytest.raises(RecordIsRetracted):
        execute(ours, teach("Algebra"), META)  # in memory: unchanged
    other.execute(put(), META)
    assert execute(ours, teach("Algebra"), META).events == 1


def test_no_is_never_said_from_memory_alone(database: Database, new_ledger: NewLedger, execute: Execute) -> None:
    ours, other = new_ledger(database), new_ledger(database)
    execute(ours, put(), META)
    with pytest.raises(NotEnrolled):
        execute(ours, withdraw("2025-07-01"), META)
    other.execute(ENROLL, META)
    assert execute(ours, withdraw("2025-07-01"), META).events == 1, "in memory there is no enrollment"
    assert isinstance(events_of(ours)[-1], Withdrawn)


def test_what_is_decided_from_memory_is_checked_when_it_is_written(
    database: Database, new_ledger: NewLedger, execute: Execute
) -> None:
    ours, other = new_ledger(database), new_ledger(database)
    execute(ours, put(), META)
    other.execute(teach("Algebra"), META)
    other.execute(teach("Art"), META)
    done = execute(ours, teach("History"), META)
    assert titles(ours) == ["Algebra", "Art", "History"]
    assert done.facts == [5]
    other.execute(RETRACT, META)
    with pytest.raises(RecordIsRetracted):
        execute(ours, teach("Biology"), META)


def test_a_record_that_another_process_opened_is_found(
    database: Database, new_ledger: NewLedger, execute: Execute
) -> None:
    ours, other = new_ledger(database), new_ledger(database)
    with pytest.raises(NotOpen):
        execute(ours, ENROLL, META)
    opened = other.execute(put(), META)
    assert ours.record_of(STATE, STUDENT) == opened.record_id
    assert execute(ours, ENROLL, META).student_id == opened.student_id


def test_what_is_remembered_is_bounded(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ledger.kept, "RECORDS_MAX", 3)
    names = [f"OR{n:07d}" for n in range(8)]
    for name in names:
        ledger.execute(put(name), META)
    assert [name for name in names if ledger.kept.get((STATE, name)) is not None] == names[-3:]
    assert ledger.execute(teach("Algebra", "OR0000000"), META).events == 1


def test_commands_that_come_together_have_their_records_read_together(
    database: Database, new_ledger: NewLedger, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = [f"OR{n:07d}" for n in range(40)]
    before, ours = new_ledger(database), new_ledger(database)
    for name in names:
        before.execute(put(name), META)
    read: list[int] = []
    load_many = ours.kept.load_many
    monkeypatch.setattr(ours.kept, "load_many", lambda keys: read.append(len(keys)) or load_many(keys))

    async def all_at_once() -> list[Done]:
        asked = [ours.execute_async(teach("Algebra", name), META) for name in [*names, "OR9999999"]]
        return await asyncio.gather(*asked, return_exceptions=True)  # type: ignore[return-value]

    *done, unknown = asyncio.run(all_at_once())
    assert [one.events for one in done] == [1] * 40
    assert isinstance(unknown, NotOpen)
    assert max(read) >= 39
    assert all(titles(ours, name) == ["Algebra"] for name in names)


def test_nothing_is_written_on_top_of_a_log_that_was_tampered_with(
    database: Database, new_ledger: NewLedger, execute: Execute
) -> None:
    before, ours = new_ledger(database), new_ledger(database)
    before.execute(put(), META)
    before.execute(put("OR0000001"), META)
    with database.connect() as conn:
        conn.execute("set session_replication_role = replica")
        conn.execute("update ledger.events set body = set_byte(body, 3, 255 - get_byte(body, 3)) where position = 2")
    with pytest.raises(LogBroken):
        execute(ours, ENROLL, META)
    head = before.log.head()
    with pytest.raises(LogBroken, match="writes nothing more"):
        execute(ours, teach("Algebra", "OR0000001"), META)
    assert before.log.head() == head
    assert not ours.log.sequencer.alive


# -- once


def test_the_same_request_is_answered_with_its_first_answer(ledger: Ledger, execute: Execute) -> None:
    first = execute(ledger, put(), META, key())
    head = ledger.log.head()
    again = execute(ledger, put(), META, key())
    assert again.replayed
    assert (again.status, again.position) == (first.status, first.position) == (201, head)
    assert (again.record_id, again.student_id, again.facts) == (first.record_id, first.student_id, first.facts)
    assert ledger.log.head() == head


def test_a_request_that_brought_nothing_is_remembered_too(ledger: Ledger, execute: Execute) -> None:
    ledger.execute(put(), META)
    first = execute(ledger, put(), META, key())
    assert (first.status, first.replayed) == (200, False)
    ledger.execute(RETRACT, META)
    again = execute(ledger, put(), META, key())
    assert (again.status, again.replayed, again.events) == (200, True, 0)
    assert isinstance(events_of(ledger)[-1], RecordRetracted), "the record is not reinstated by an old request"


def test_a_request_is_answered_once_by_whichever_process(
    database: Database, new_ledger: NewLedger, execute: Execute
) -> None:
    ledgers = [new_ledger(database) for _ in range(2)]
    ledgers[0].execute(put(), META)
    first = execute(ledgers[0], teach("Algebra"), META, key())
    again = execute(ledgers[1], teach("Algebra"), META, key())
    assert (again.position, again.facts, again.replayed) == (first.position, first.facts, True)


def test_another_body_under_the_same_key_is_refused(ledger: Ledger, execute: Execute) -> None:
    execute(ledger, put(), META, key())
    head = ledger.log.head()
    with pytest.raises(IdempotencyKeyReused):
        execute(ledger, teach("Algebra"), META, key(body=b"another"))
    assert ledger.log.head() == head
    other = RequestKey(scope="somebody else", key="1", body_hash=b"another")
    assert execute(ledger, teach("Algebra"), META, other).events == 1, "keys are of whoever sends them"


def test_a_refusal_is_the_first_answer_too(ledger: Ledger, execute: Execute) -> None:
    execute(ledger, put(), META)
    with pytest.raises(NotEnrolled) as first:
        execute(ledger, withdraw("2025-07-01"), META, key())
    execute(ledger, ENROLL, META)
    with pytest.raises(NotEnrolled) as again:
        execute(ledger, withdraw("2025-07-01"), META, key())
    assert not first.value.replayed
    assert again.value.replayed
    assert (again.value.what, again.value.remedy, again.value.code) == (
        first.value.what,
        first.value.remedy,
        first.value.code,
    )
    assert execute(ledger, withdraw("2025-07-01"), META, key("2")).events == 1


def test_a_refused_value_s_rule_and_element_come_back(ledger: Ledger, execute: Execute) -> None:
    execute(ledger, put(), META)
    execute(ledger, ENROLL, META)
    found: list[BadValue] = []
    for _ in range(2):
        with pytest.raises(BadValue) as refused:
            execute(ledger, withdraw("2020-01-01"), META, key())
        found.append(refused.value)
    assert (found[0].rule, found[0].element) == (found[1].rule, found[1].element) == ("V10", "withdrawal_date")


def test_the_first_request_still_running_is_said(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    ledger.execute(put(), META)
    under_way, go_on = threading.Event(), threading.Event()
    submit = ledger.log.sequencer.submit

    def slow(*given: Any) -> Any:
        under_way.set()
        assert go_on.wait(30)
        return submit(*given)

    monkeypatch.setattr(ledger.log.sequencer, "submit", slow)
    with ThreadPoolExecutor() as pool:
        first = pool.submit(ledger.execute, teach("Algebra"), META, key())
        try:
            assert under_way.wait(30)
            with pytest.raises(StillRunning):
                ledger.execute(teach("Algebra"), META, key())
            with pytest.raises(StillRunning):
                asyncio.run(ledger.execute_async(teach("Algebra"), META, key()))
        finally:
            go_on.set()
        assert first.result(30).events == 1
    assert ledger.execute(teach("Algebra"), META, key()).replayed


def test_one_request_sent_many_times_at_once_is_written_once(database: Database, new_ledger: NewLedger) -> None:
    ledgers = [new_ledger(database) for _ in range(2)]
    ledgers[0].execute(put(), META)

    def send(n: int) -> Done | LedgerError:
        try:
            return ledgers[n % 2].execute(teach(f"Algebra {n}"), META, key())
        except StillRunning as e:
            return e

    with ThreadPoolExecutor(12) as pool:
        answers = list(pool.map(send, range(24)))
    done = [answer for answer in answers if isinstance(answer, Done)]
    assert len(titles(ledgers[0])) == 1
    assert len({d.position for d in done}) == 1
    assert sum(not d.replayed for d in done) == 1


def test_a_client_that_goes_away_leaves_its_key_free(ledger: Ledger) -> None:
    ledger.execute(put(), META)

    async def gone() -> None:
        task = asyncio.create_task(ledger.execute_async(teach("Algebra"), META, key()))
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(gone())
    ledger.execute(teach("Algebra"), META, key())
    assert titles(ledger) == ["Algebra"], "whether the first was written or not"


# -- jurisdictions


def profile_of(ledger: Ledger, **changes: Any) -> SetProfile:
    profile = ledger.profile(STATE)
    held = {name: getattr(profile, name) for name in SetProfile.__struct_fields__ if name != "state"}
    return SetProfile(state=STATE, **{**held, **changes})


def test_a_state_sets_its_profile_and_calendar(ledger: Ledger) -> None:
    assert ledger.profile(STATE).time_zone == "America/Los_Angeles"
    ledger.set_jurisdiction(STATE, profile_of(ledger, record_ids="stable"), META)
    assert (ledger.profile(STATE).record_ids, ledger.profile(STATE).version) == ("stable", 1)
    ledger.set_jurisdiction(STATE, SetCalendar(state=STATE, subdivision="OR", closed=["2025-12-24"], open=[]), META)
    assert ledger.jurisdiction(STATE).calendar.closed == ["2025-12-24"]
    head = ledger.log.head()
    ledger.set_jurisdiction(STATE, profile_of(ledger), META)
    assert ledger.log.head() == head, "again is nothing"


def test_another_process_s_profile_is_seen_after_seconds_on_both_ways_in(
    database: Database, new_ledger: NewLedger, monkeypatch: pytest.MonkeyPatch, execute: Execute
) -> None:
    ours, other = new_ledger(database), new_ledger(database)
    execute(ours, put(), META)
    execute(ours, ENROLL, META)
    other.set_jurisdiction(STATE, profile_of(other, rule_levels={"V10": "warn"}), META)
    with pytest.raises(BadValue):
        execute(ours, withdraw("2020-01-01"), META)
    monkeypatch.setattr(ours, "PROFILE_SECONDS", 0.0)
    assert execute(ours, withdraw("2020-01-01"), META).events == 1


def test_the_clock_is_the_ledger_s(database: Database, new_ledger: NewLedger) -> None:
    then = datetime(2025, 9, 2, 12, tzinfo=UTC)
    ledger = new_ledger(database, clock=lambda: then)
    ledger.execute(put(), META)
    assert {r.recorded_at for r in ledger.log.read(0, 10)} == {then}


def test_what_the_application_says_folds_to_what_it_remembers(ledger: Ledger) -> None:
    commands: list[Command] = [put(), ENROLL, teach("Algebra"), withdraw("2025-07-01"), RETRACT, put()]
    for command in commands:
        ledger.execute(command, META)
    kept = ledger.kept.get((STATE, STUDENT))
    assert kept is not None
    assert fold(events_of(ledger)) == kept.state
