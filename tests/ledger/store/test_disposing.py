"""The transaction that destroys: all of it or nothing, only on what it was decided on, and nothing comes back."""

from __future__ import annotations

import threading
import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest

from ledger.application import Ledger
from ledger.errors import RecordDestroyed, StaleDecision
from ledger.events import Erased, Meta
from ledger.events.disclosure import Disclosed
from ledger.events.record import CourseReported, MoveQualified
from ledger.intake.submission import submit
from ledger.record import PlaceFact, Row
from ledger.row_hash import row_hash
from ledger.store import disposing, doctor_records, tombstones
from ledger.store.append import Append, HoldStanding, Part
from ledger.store.database import Database, Role
from support.casework import ANA, WHY, Hands, Work
from support.disposals import among
from support.files import NEXT_NIGHT, student, write
from support.gone import DISPOSAL, as_migrated, destroy, expected, going, left, rows
from support.logs import append

NewLedger = Callable[..., Ledger]
SECONDS = 30
ALL = {
    "vault.keys": 2,
    "ledger.records": 1,
    "matching.people": 0,
    "matching.keys": 0,
    "matching.undecided": 0,
    "not destroyed": 1,
    "not said": 1,
}
NOTHING = dict.fromkeys(ALL, 0)
SHOWN = Disclosed(
    student_id="1", view="record", role="operator", organisation="o", purpose="p", basis="b", position=1, sections=[]
)


@pytest.fixture
def clock() -> Hands:
    return Hands()


@pytest.fixture
def work(database: Database, new_ledger: NewLedger, clock: Hands) -> Work:
    return Work(new_ledger(database, clock=clock))


@pytest.fixture
def minted(work: Work) -> str:
    """The student id of a record of Oregon's, beside others."""
    work.opened("CA", "2")
    return work.opened("OR", "1")


@pytest.fixture
def record(work: Work, minted: str) -> str:
    return work.record(minted)


def leaves(ledger: Ledger) -> list[tuple[Any, ...]]:
    return rows(ledger, "select position, leaf, body from ledger.events order by position")


def course(record: str) -> Append:
    part = Part(stream=f"record/{record}", subject=record, expected=None, events=[CourseReported(fact=90, elements={})])
    return Append(parts=[part], meta=Meta(actor="tester"))


# -- what goes


def test_a_record_goes_with_its_keys_and_guards_and_no_leaf_is_another(work: Work, record: str, minted: str) -> None:
    ledger, before = work.ledger, leaves(work.ledger)
    assert left(ledger, record) == ALL
    receipt = destroy(ledger, record)
    assert left(ledger, record) == NOTHING
    assert leaves(ledger)[:-1] == before
    assert {type(one.event) for one in ledger.log.read_stream(f"record/{record}")} == {Erased}
    with ledger.log.connection() as conn:
        (stone,) = tombstones.of_student(conn, minted)
        assert (stone.record, stone.position, stone.disposal) == (record, receipt.position, DISPOSAL)
        assert tombstones.of_records(conn, [record]) == {record: stone}
        assert len(list(tombstones.keys_gone(conn))) == 2
    assert rows(ledger, "select l.disposals, a.disposals from ledger.head l, access.head a") == [
        (receipt.position,) * 2
    ]
    assert rows(ledger, "select state from ledger.records") == [("CA",)], "and nothing else goes with it"


def test_eligibility_alone_leaves_the_record_and_may_come_again(work: Work, record: str) -> None:
    ledger = work.ledger
    destroy(ledger, record, "eligibility")
    assert left(ledger, record) == {**ALL, "vault.keys": 1, "not said": 0}
    said = [one.event for one in ledger.log.read_stream(f"record/{record}")]
    erased = [event for event in said if isinstance(event, Erased)]
    assert 0 < len(erased) < len(said), "her moves open no more, and all else does"
    with ledger.log.connection() as conn:
        ledger.vault.load(conn, [(record, "eligibility")])
    assert left(ledger, record)["vault.keys"] == 2


def test_a_night_after_eligibility_went_brings_nothing_and_goes_on(
    database: Database, new_ledger: NewLedger, clock: Hands, tmp_path: Path
) -> None:
    ours, other = new_ledger(database, clock=clock), new_ledger(database, clock=clock)
    submit(ours, write(tmp_path / "1.txt", student(1)), "nightly")
    ((record, ssid),) = rows(ours, "select record_id::text, state_student_id from ledger.records")
    destroy(ours, record, "eligibility")
    version = ours.log.read_stream(f"record/{record}")[-1].version
    again = submit(other, write(tmp_path / "2.txt", student(1), night=NEXT_NIGHT), "nightly")
    assert (again.accepted, again.unchanged, again.refused) == (0, 3, 0)
    with_school = student(1, "E|001|20250623|03|Valor")
    more = submit(other, write(tmp_path / "3.txt", with_school, night="20250904020000000"), "nightly")
    assert (more.accepted, more.unchanged, more.refused) == (1, 3, 0)
    course = Row(letter="C", elements={"course_title": "Algebra I", "begin_academic_year": "2025"})
    assert ours.execute(PlaceFact(state="OR", state_student_id=ssid, row=course), ANA).events == 1
    left = ours.log.read_stream(f"record/{record}")
    assert [type(one.event).topic for one in left[version:]] == ["enrolled.v1", "course-reported.v1"]
    assert rows(ours, "select count(*) from vault.keys where subject = %s and class = 'eligibility'", record) == [(0,)]
    with database.connect(Role.PROJECTOR) as conn:
        assert list(doctor_records.faults(conn, ours.log, [uuid.UUID(record)], ours.row_key())) == []


def test_whoever_still_has_the_moves_in_memory_brings_nothing_of_them_back_into_the_guard(
    database: Database, new_ledger: NewLedger, clock: Hands, tmp_path: Path
) -> None:
    ours, other = new_ledger(database, clock=clock), new_ledger(database, clock=clock)
    submit(ours, write(tmp_path / "1.txt", student(1)), "nightly")
    ((record, ssid),) = rows(ours, "select record_id::text, state_student_id from ledger.records")

    def takes_a_course(title: str) -> None:
        course = Row(letter="C", elements={"course_title": title, "begin_academic_year": "2025"})
        assert other.execute(PlaceFact(state="OR", state_student_id=ssid, row=course), ANA).events == 1

    takes_a_course("Algebra I")
    moves = [
        row_hash(ours.row_key(), "Q", one.event.elements)
        for one in ours.log.read_stream(f"record/{record}")
        if isinstance(one.event, MoveQualified)
    ]
    assert moves
    destroy(ours, record, "eligibility")
    takes_a_course("Algebra II")
    ((guard,),) = rows(ours, "select rows from ledger.records")
    assert not any(held in bytes(guard) for held in moves)


def test_the_matcher_forgets_in_the_same_transaction(work: Work, record: str) -> None:
    ledger = work.ledger
    with ledger.log.connection() as conn, conn.transaction():
        conn.execute(
            "insert into matching.people (record_id, person, code, keys, place) values (%s, '', 1, '{7}', 1)", (record,)
        )
        conn.execute("insert into matching.keys values (7, %s), (7, %s)", (record, uuid.UUID(int=9)))
        conn.execute("insert into matching.undecided (record_id, position, place) values (%s, 1, 1)", (record,))
        conn.execute("insert into matching.unread values (%s, 0)", (record,))
        conn.execute("update matching.state set people = 1")
    destroy(ledger, record)
    assert left(ledger, record) == NOTHING
    assert rows(ledger, "select people from matching.state") == [(0,)]
    assert rows(ledger, "select record_id from matching.keys") == [(uuid.UUID(int=9),)]
    assert rows(ledger, "select record_id from matching.unread") == []


def test_a_closed_case_goes_with_its_record_and_can_be_spoken_of_no_more(work: Work, record: str) -> None:
    ledger, case = work.ledger, str(uuid.uuid4())
    with ledger.log.connection() as conn:
        (key,) = ledger.vault.load(conn, [(case, "case")]).values()
    planned = going(ledger, record)
    (part,) = planned.parts
    (event,) = part.events
    event = msgspec.structs.replace(event, cases=[case], key_ids=[*event.key_ids, key.key_id.hex()])  # type: ignore[arg-type]
    planned = msgspec.structs.replace(planned, parts=[msgspec.structs.replace(part, events=[event])])
    ledger.log.dispose(planned, expected(ledger, record, case))
    assert rows(ledger, "select 1 from vault.keys where subject = %s", case) == []
    with ledger.log.connection() as conn, pytest.raises(RecordDestroyed):
        ledger.vault.load(conn, [(case, "case")])


# -- only on what it was decided on


def hold(ledger: Ledger, record: str) -> None:
    """As whoever places one does it; what it says does not matter here."""
    standing = HoldStanding(hold=str(uuid.uuid4()))
    ledger.log.append(msgspec.structs.replace(course(str(uuid.uuid4())), holds=[standing]))


def new_key(ledger: Ledger, record: str) -> None:
    with ledger.log.connection() as conn:
        ledger.vault.load(conn, [(record, "disclosure")])


def shown(ledger: Ledger, record: str) -> None:
    append(ledger.access, f"disclosure/{record}", SHOWN)


def found_by_a_search(ledger: Ledger, record: str) -> None:
    append(ledger.access, f"request/{uuid.uuid4()}", among(str(uuid.uuid4()), record))


@pytest.mark.parametrize("happens", [hold, new_key, shown, found_by_a_search])
def test_what_happens_after_it_was_decided_stops_it(
    work: Work, record: str, happens: Callable[[Ledger, str], None]
) -> None:
    ledger = work.ledger
    planned, seen = going(ledger, record), expected(ledger, record)
    happens(ledger, record)
    keys = left(ledger, record)["vault.keys"]
    with pytest.raises(StaleDecision, match="meanwhile"):
        ledger.log.dispose(planned, seen)
    assert left(ledger, record) == {**ALL, "vault.keys": keys}
    destroy(ledger, record)  # looked at anew it goes
    assert left(ledger, record) == NOTHING


def test_a_case_that_names_the_record_stops_it_until_it_is_closed(work: Work, record: str, minted: str) -> None:
    ledger = work.ledger
    planned, seen = going(ledger, record), expected(ledger, record)
    other = work.opened("TX", "3")
    case = work.proposals.propose_merge(minted, other, minted, WHY, ANA).case
    with pytest.raises(StaleDecision, match="case"):
        ledger.log.dispose(planned, seen)
    assert expected(ledger, record).cases == {case}
    work.cases.answer(case, WHY, Meta(actor="ben"), None, yes=False)
    assert expected(ledger, record).cases == set()
    assert rows(ledger, "select 1 from ledger.case_records") == []


def test_an_open_case_of_an_older_log_stops_it_too(work: Work, record: str, minted: str) -> None:
    """Whoever destroys reads the guards first: they are not there after the migration."""
    ledger = work.ledger
    work.proposals.propose_merge(minted, work.opened("TX", "3"), minted, WHY, ANA)
    as_migrated(ledger)
    planned, seen = going(ledger, record), expected(ledger, record)
    with pytest.raises(StaleDecision, match="case"):
        ledger.log.dispose(planned, seen)
    assert left(ledger, record) == ALL
    ledger.log.fill_guards()


def test_a_search_that_found_others_stops_nothing(work: Work, record: str) -> None:
    planned, seen = going(work.ledger, record), expected(work.ledger, record)
    append(work.ledger.access, f"request/{uuid.uuid4()}", among(str(uuid.uuid4())))
    work.ledger.log.dispose(planned, seen)
    assert left(work.ledger, record) == NOTHING


def test_a_day_that_passed_stops_it(work: Work, record: str, clock: Hands) -> None:
    planned, seen = going(work.ledger, record), expected(work.ledger, record)
    clock.now += timedelta(days=1)
    with pytest.raises(StaleDecision, match="day"):
        work.ledger.log.dispose(planned, seen)
    assert left(work.ledger, record) == ALL


def test_a_key_is_destroyed_once(work: Work, record: str) -> None:
    planned, seen = going(work.ledger, record), expected(work.ledger, record)
    work.ledger.log.dispose(planned, seen)
    with pytest.raises(StaleDecision):
        work.ledger.log.dispose(planned, seen)


def test_of_two_disposals_at_once_one_is_done(
    database: Database, new_ledger: NewLedger, work: Work, record: str
) -> None:
    ledgers = [work.ledger, new_ledger(database, clock=work.ledger.clock)]
    planned = [(ledger, going(ledger, record), expected(ledger, record)) for ledger in ledgers]

    def done(ledger: Ledger, one: Append, seen: Any) -> bool:
        try:
            ledger.log.dispose(one, seen)
        except StaleDecision:
            return False
        return True

    with ThreadPoolExecutor() as pool:
        assert sorted(pool.map(lambda one: done(*one), planned)) == [False, True]
    assert left(work.ledger, record) == NOTHING


# -- nothing comes back


def test_no_key_is_made_for_what_is_gone(work: Work, record: str) -> None:
    destroy(work.ledger, record)
    for key_class in ("education", "eligibility", "disclosure"):
        with work.ledger.log.connection() as conn, pytest.raises(RecordDestroyed):
            work.ledger.vault.load(conn, [(record, key_class)])
    with pytest.raises(StaleDecision):
        work.ledger.log.append(course(record))


def test_what_was_sealed_before_is_not_written_after(
    database: Database, new_ledger: NewLedger, work: Work, record: str
) -> None:
    other = new_ledger(database, clock=work.ledger.clock)
    for ledger in (work.ledger, other):
        append(ledger.log, f"record/{record}", CourseReported(fact=91, elements={}))
    sealed = [(ledger, ledger.log.seal(course(record))) for ledger in (work.ledger, other)]
    destroy(work.ledger, record)
    for ledger, one in sealed:
        with pytest.raises(StaleDecision, match="key"):
            ledger.log.sequencer.submit(one).result(SECONDS)
        assert ledger.log.seal_cached(course(record)) is None, "the key is at hand no more"


def test_an_entry_that_was_sealed_before_is_not_written_after(
    database: Database, new_ledger: NewLedger, work: Work, record: str
) -> None:
    other = new_ledger(database, clock=work.ledger.clock)
    shown(other, record)
    part = Part(stream=f"disclosure/{record}", subject=record, expected=None, events=[SHOWN])
    sealed = other.access.seal_cached(Append(parts=[part], meta=Meta(actor="tester")))
    assert sealed is not None
    destroy(work.ledger, record)
    with pytest.raises(StaleDecision, match="key"):
        other.access.sequencer.submit(sealed).result(SECONDS)


def test_what_others_write_in_the_same_commit_is_written(work: Work, record: str) -> None:
    ledger, kept = work.ledger, work.record(work.opened("TX", "3"))
    append(ledger.log, f"record/{kept}", CourseReported(fact=91, elements={}))
    append(ledger.log, f"record/{record}", CourseReported(fact=91, elements={}))
    sealed = [ledger.log.seal(course(record)), ledger.log.seal(course(kept))]
    destroy(ledger, record)
    gone, there = [ledger.log.sequencer.submit(one) for one in sealed]
    assert isinstance(gone.exception(SECONDS), StaleDecision)
    assert there.result(SECONDS).versions.keys() == {f"record/{kept}"}


def test_another_process_opens_nothing_that_was_destroyed_though_it_had_the_key(
    database: Database, new_ledger: NewLedger, work: Work, record: str
) -> None:
    other = new_ledger(database)
    assert not [one for one in other.log.read_stream(f"record/{record}") if isinstance(one.event, Erased)]
    destroy(work.ledger, record)
    assert {type(one.event) for one in other.log.read_stream(f"record/{record}")} == {Erased}


def test_a_child_that_is_sent_again_is_a_new_record_wherever_the_old_one_was_kept_in_memory(
    database: Database, new_ledger: NewLedger, clock: Hands, work: Work, record: str, minted: str
) -> None:
    others = [Work(new_ledger(database, clock=clock)) for _ in range(2)]
    for other in others:
        assert other.opened("OR", "1") == minted
    destroy(work.ledger, record)
    again = others[0].opened("OR", "1")
    assert again != minted
    assert [others[1].opened("OR", "1"), work.opened("OR", "1")] == [again, again]
    assert others[0].record(again) != record
    assert left(work.ledger, record) == NOTHING


# -- at the same time


def test_a_key_that_is_made_while_it_is_destroyed_is_refused_then(
    database: Database, new_ledger: NewLedger, work: Work, record: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    other, whole = new_ledger(database), disposing.write
    asked = threading.Event()
    found: list[object] = []

    def make() -> None:
        asked.set()
        try:
            with other.log.connection() as conn:
                found.append(other.vault.load(conn, [(record, "disclosure")]))
        except RecordDestroyed as error:
            found.append(error)

    maker = threading.Thread(target=make)

    def write(*args: Any) -> None:
        whole(*args)
        maker.start()
        assert asked.wait(SECONDS)
        waits_for_lock(database)

    monkeypatch.setattr(disposing, "write", write)
    destroy(work.ledger, record)
    maker.join(SECONDS)
    assert [type(one) for one in found] == [RecordDestroyed]
    assert left(work.ledger, record) == NOTHING


def waits_for_lock(database: Database) -> None:
    with database.connect() as conn:
        for _ in range(3000):
            row = conn.execute("select count(*) from pg_locks where locktype = 'advisory' and not granted").fetchone()
            if row != (0,):
                return
            threading.Event().wait(0.01)
    raise AssertionError("nobody waits")


def test_a_key_that_is_made_first_is_seen(database: Database, work: Work, record: str) -> None:
    ledger = work.ledger
    planned, seen = going(ledger, record), expected(ledger, record)
    with ThreadPoolExecutor() as pool:
        with database.connect(Role.WRITER, autocommit=False) as conn:
            ledger.vault.insert(conn, [ledger.vault.make((record, "disclosure"))])
            disposal = pool.submit(ledger.log.dispose, planned, seen)
            waits_for_lock(database)
        with pytest.raises(StaleDecision, match="key"):
            disposal.result(SECONDS)
    assert left(ledger, record) == {**ALL, "vault.keys": 3}
