"""Schedules and holds on a real database: what is set holds at once, what is placed stands in its guard, and the words
beside it go with whom they are about."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import date, timedelta

import pytest

from ledger.application import Ledger
from ledger.errors import BadValue, IdempotencyKeyReused, NotFound, RecordDestroyed, UnknownState, VersionMoved
from ledger.events.retention import HoldPlaced, OverAccount, OverAll, OverRecords, OverState
from ledger.replay import RequestKey
from ledger.retention.schedules import LAW, Since
from ledger.store import hold_guards
from ledger.store.database import Database
from support.admitting import admitted
from support.casework import Work
from support.disposals import ANA, BEN, schedule

WHY = "A court in Salem has asked for the record of José Núñez."


def key(name: str, body: bytes = b"1") -> RequestKey:
    return RequestKey(scope="ana", key=name, body_hash=body)


def standing(work: Work) -> list[str]:
    with work.ledger.log.connection() as conn:
        return hold_guards.not_released(conn)


# -- schedules


def test_without_any_schedule_only_access_papers_ever_fall_due(ledger: Ledger) -> None:
    known = ledger.keeping.schedules()
    assert [known.of(name, "OR") for name in ("education", "eligibility", "access")] == [None, None, LAW]


def test_a_schedule_holds_at_once_and_another_process_reads_it(
    ledger: Ledger, database: Database, new_ledger: Callable[..., Ledger]
) -> None:
    other = new_ledger(database)
    assert other.keeping.schedules().version == 0
    said = ledger.keeping.set_schedule(schedule("education", (Since.LAST_ACTIVITY, 7), state="OR"), ANA)
    assert (said.version, said.changed) == (1, True)
    assert other.keeping.schedules() == ledger.keeping.schedules()
    held = other.keeping.schedules().of("education", "OR")
    assert held is not None
    assert held.by == ANA.actor


def test_what_holds_already_is_not_written_again(ledger: Ledger) -> None:
    for changed in (True, False):
        said = ledger.keeping.set_schedule(schedule("education", (Since.LAST_ACTIVITY, 7)), ANA)
        assert (said.version, said.changed) == (1, changed)
    assert len(ledger.log.read_stream("retention/schedules")) == 1


def test_a_schedule_below_the_law_is_refused_and_nothing_is_written(ledger: Ledger) -> None:
    with pytest.raises(BadValue) as refused:
        ledger.keeping.set_schedule(schedule("eligibility", (Since.ELIGIBILITY_END, 2)), ANA)
    assert refused.value.rule == "retention-floor"
    assert ledger.log.read_stream("retention/schedules") == []


def test_a_schedule_is_not_set_over_one_that_was_not_read(ledger: Ledger) -> None:
    ledger.keeping.set_schedule(schedule("education", (Since.LAST_ACTIVITY, 7)), ANA)
    with pytest.raises(VersionMoved):
        ledger.keeping.set_schedule(schedule("education", (Since.LAST_ACTIVITY, 9)), BEN, only_at={0})
    assert ledger.keeping.set_schedule(schedule("education", (Since.LAST_ACTIVITY, 9)), BEN, only_at={1}).version == 2


def test_of_many_who_set_at_once_each_is_written_once(ledger: Ledger) -> None:
    commands = [schedule("education", (Since.LAST_ACTIVITY, years)) for years in range(6, 14)]
    with ThreadPoolExecutor(len(commands)) as pool:
        done = list(pool.map(lambda command: ledger.keeping.set_schedule(command, ANA), commands))
    assert sorted(one.version for one in done) == list(range(1, 9))
    numbers = [one.event.number for one in ledger.log.read_stream("retention/schedules")]  # type: ignore[attr-defined]
    assert numbers == list(range(1, 9)), "each has a number of its own"


def test_the_same_request_again_has_the_first_answer(ledger: Ledger) -> None:
    command = schedule("education", (Since.LAST_ACTIVITY, 7))
    first = ledger.keeping.set_schedule(command, ANA, key("a"))
    again = ledger.keeping.set_schedule(command, ANA, key("a"))
    assert (again.replayed, again.version, again.position) == (True, first.version, first.position)
    with pytest.raises(IdempotencyKeyReused):
        ledger.keeping.set_schedule(command, ANA, key("a", b"2"))


# -- holds


def test_a_hold_over_a_student_names_each_of_its_records(work: Work, three: tuple[str, str, str]) -> None:
    oregon, california, texas = three
    work.merged(oregon, california)
    over = work.ledger.keeping.over_students([california])
    assert {one.student_id for one in over.records} == {oregon, california}
    hold = work.ledger.keeping.place("legal", over, WHY, ANA)
    assert (hold.status, standing(work)) == ("standing", [hold.id])
    named = work.ledger.keeping.hold(hold.id).hold.placed.over
    assert isinstance(named, OverRecords)
    assert {anchor.record for anchor in named.records} == {work.record(oregon), work.record(california)}
    assert texas not in str(over)


def test_the_words_of_a_hold_are_sealed_under_the_records_key_and_opened_again(work: Work) -> None:
    record = work.record(work.opened("OR", "1"))
    hold = work.ledger.keeping.place("legal", work.ledger.keeping.over_records([record]), WHY, ANA)
    stored = work.ledger.log.read_stream(f"retention/{hold.id}")[0].event
    assert isinstance(stored, HoldPlaced)
    assert not isinstance(stored.reason, str)
    assert work.ledger.keeping.hold(hold.id).hold.placed.reason == WHY
    with work.ledger.database.connect() as conn:
        conn.execute("delete from vault.keys where subject = %s", (record,))
    work.ledger.vault.forget((record, "education"))
    assert work.ledger.keeping.hold(hold.id).hold.placed.reason is None, "the words go with the record"


def test_a_hold_over_a_state_or_everything_has_its_words_in_clear(work: Work) -> None:
    for over in (OverState(state="OR"), OverAll()):
        hold = work.ledger.keeping.place("legal", over, "A case before the court.", ANA)
        stored = work.ledger.log.read_stream(f"retention/{hold.id}")[0].event
        assert isinstance(stored, HoldPlaced)
        assert stored.reason == "A case before the court."


def test_a_hold_that_is_released_stands_no_more_and_is_not_released_twice(work: Work) -> None:
    keeping = work.ledger.keeping
    hold = keeping.place("request", OverState(state="OR"), WHY, ANA)
    first = keeping.release(hold.id, "The parent has seen it.", BEN)
    again = keeping.release(hold.id, "Once more.", BEN)
    assert [first.status, again.status] == ["released", "released"]
    assert standing(work) == []
    assert keeping.holds() == []
    [held] = keeping.holds(released=True)
    assert held.hold.released is not None
    assert held.hold.released.reason == "The parent has seen it."
    assert held.released_at is not None
    assert len(work.ledger.log.read_stream(f"retention/{hold.id}")) == 2


def test_holds_are_told_the_last_one_first(work: Work) -> None:
    placed = [work.ledger.keeping.place("legal", OverState(state=state), WHY, ANA).id for state in ("OR", "CA", "TX")]
    assert [held.hold.placed.hold for held in work.ledger.keeping.holds()] == placed[::-1]


def test_the_same_request_places_one_hold(work: Work) -> None:
    first, again = (work.ledger.keeping.place("legal", OverAll(), WHY, ANA, key("h")) for _ in range(2))
    assert (again.id, again.replayed) == (first.id, True)
    assert standing(work) == [first.id]


def test_a_last_day_is_one_of_where_it_is_held(work: Work) -> None:
    """In Guam it is tomorrow already: what ends today in Oregon has not ended there."""
    keeping = work.ledger.keeping
    oregon, guam = keeping.today("OR"), keeping.today("GU")
    assert guam == oregon + timedelta(days=1)
    assert keeping.place("legal", OverState(state="OR"), WHY, ANA, until=oregon).status == "standing"
    with pytest.raises(BadValue) as refused:
        keeping.place("legal", OverState(state="GU"), WHY, ANA, until=oregon)
    assert refused.value.rule == "hold-until"
    with pytest.raises(BadValue):
        keeping.place("legal", OverAll(), WHY, ANA, until=oregon)


def test_what_is_not_there_is_not_held(work: Work) -> None:
    keeping = work.ledger.keeping
    nobody = "01990000-0000-7000-8000-0000000000b1"
    with pytest.raises(NotFound):
        keeping.over_students(["999999999993"])
    with pytest.raises(NotFound):
        keeping.over_records([nobody])
    with pytest.raises(RecordDestroyed):
        keeping.place("legal", OverAccount(account=nobody), WHY, ANA)
    with pytest.raises(UnknownState):
        keeping.place("legal", OverState(state="XX"), WHY, ANA)
    with pytest.raises(NotFound):
        keeping.release(nobody, WHY, ANA)
    with pytest.raises(NotFound):
        keeping.hold(nobody)


def test_an_account_is_held_with_words_under_its_own_key(work: Work) -> None:
    account = admitted(work.ledger.admissions)
    hold = work.ledger.keeping.place("legal", OverAccount(account=account), WHY, ANA, until=date(2026, 1, 31))
    assert work.ledger.keeping.hold(hold.id).hold.placed.reason == WHY
    sealed = work.query("select class from vault.keys where subject = %s", account)
    assert sealed == [("access",)], "no key was made for it"


def test_a_disposals_stream_is_no_hold(work: Work) -> None:
    keeping = work.ledger.keeping
    hold = keeping.place("legal", OverAll(), WHY, ANA)
    assert [held.placed.hold for held in keeping.standing()] == [hold.id]
    with pytest.raises(NotFound):
        keeping.hold("schedules")
