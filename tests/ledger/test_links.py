"""Linkage through the real store: two services, guards in the transaction that writes, and NOT-SAME on every path."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import msgspec
import psycopg
import pytest
from psycopg.rows import tuple_row

from ledger.application import Ledger
from ledger.errors import BoundByNotSame, IdempotencyKeyReused, RetiredId, SameStudent
from ledger.events import Meta
from ledger.events.linkage import ActReversed, StudentsMerged
from ledger.linkage_acts import Acted, DeclareNotSame, Merge, Reverse, Withdraw, decide
from ledger.links import Beside, Linked, Seeds
from ledger.reach import Reach, minting
from ledger.record import PlaceStudent
from ledger.replay import RequestKey
from ledger.store.append import Append, Part, Relinked
from ledger.store.database import Database, Role
from support.rows import demographics, move, student

META = Meta(actor="ana")
NewLedger = Callable[..., Ledger]


def opened(ledger: Ledger, state: str, ssid: str) -> str:
    """A record of its own; the student id that it minted."""
    rows = msgspec.structs.replace(student(demographics(None), move(None)), state=state, state_student_id=ssid)
    command = PlaceStudent(state=state, state_student_id=ssid, student=rows, new_student_id="")
    return ledger.execute(command, META).student_id


def merge(ledger: Ledger, left: str, right: str, request: RequestKey | None = None) -> Linked:
    def decided(reach: Reach) -> tuple[Acted, Beside]:
        one, other = minting(reach, left).record, minting(reach, right).record
        return decide(Merge(left=one, right=other, master=one), reach), Beside(reason="the same mother")

    return ledger.links.act(Seeds(students=[left, right]), decided, META, request)


def reverse(ledger: Ledger, act: str) -> Linked:
    return ledger.links.act(Seeds(acts=[act]), lambda reach: (decide(Reverse(act=act), reach), Beside()), META)


def shown(ledger: Ledger, *minted: str) -> list[str]:
    """What the guards show for the records that minted these ids."""
    with ledger.log.connection() as conn, conn.cursor(row_factory=tuple_row) as cursor:
        rows = cursor.execute("select minted, student_id from ledger.records where minted = any(%s)", (list(minted),))
        found = {row[0]: row[1] for row in rows.fetchall()}
    return [found[one] for one in minted]


@pytest.fixture
def three(ledger: Ledger) -> tuple[str, str, str]:
    """Three records of three states."""
    return opened(ledger, "OR", "1"), opened(ledger, "CA", "2"), opened(ledger, "TX", "3")


def test_a_merge_shows_one_id_and_its_reversal_brings_back_both(ledger: Ledger, three: tuple[str, ...]) -> None:
    a, b, c = three
    act = merge(ledger, a, b)
    assert act.students == [a]
    assert shown(ledger, a, b, c) == [a, a, c]
    undone = reverse(ledger, act.id)
    assert undone.students == sorted([a, b])
    assert shown(ledger, a, b, c) == [a, b, c]
    with pytest.raises(BoundByNotSame):
        merge(ledger, a, b)
    assert reverse(ledger, undone.id).students == [a]
    assert shown(ledger, a, b) == [a, a]


def test_the_act_stands_once_in_the_stream_of_each_record_that_it_names(ledger: Ledger, three: tuple[str, ...]) -> None:
    a, b, _ = three
    act = merge(ledger, a, b)
    events = [one.event for one_of in (a, b) for one in ledger.log.read_stream(f"linkage/{one_of}")]
    assert [type(event) for event in events] == [StudentsMerged, StudentsMerged]
    assert {event.act for event in events if isinstance(event, StudentsMerged)} == {act.id} == {f"{a}-1"}
    reverse(ledger, act.id)
    assert [one.event.topic for one in ledger.log.read_stream(f"linkage/{b}")] == [
        "students-merged.v1",
        "act-reversed.v1",
        "declared-not-same.v1",
    ]


def test_a_persons_words_are_sealed_under_the_first_records_key(ledger: Ledger, three: tuple[str, ...]) -> None:
    a, b, _ = three
    merge(ledger, a, b)
    recorded = ledger.log.read_stream(f"linkage/{b}")[0]
    assert isinstance(recorded.event, StudentsMerged)
    assert recorded.event.reason is not None
    assert recorded.meta.reason is None
    with ledger.log.connection() as conn:
        assert ledger.log.open_field(conn, recorded, "reason", recorded.event.reason) == "the same mother"
        key = conn.cursor(row_factory=tuple_row).execute(
            "select subject, class from vault.keys where key_id = %s", (uuid.UUID(recorded.event.reason.key),)
        )
        assert key.fetchone() == (recorded.event.left_anchor.record, "education")


def test_a_retired_id_is_not_merged_and_the_answer_names_the_one_that_is_shown(
    ledger: Ledger, three: tuple[str, ...]
) -> None:
    a, b, c = three
    merge(ledger, a, b)
    with pytest.raises(RetiredId, match=a):
        merge(ledger, b, c)
    with pytest.raises(SameStudent):
        merge(ledger, a, a)


def test_of_two_merges_at_one_instant_one_is_decided_anew(
    database: Database, new_ledger: NewLedger, ledger: Ledger
) -> None:
    other = new_ledger(database)
    for number in range(12):
        a, b = opened(ledger, "OR", f"a{number}"), opened(ledger, "CA", f"b{number}")

        def attempt(which: tuple[Ledger, str, str]) -> str:
            try:
                return merge(*which).id
            except (SameStudent, RetiredId) as refusal:
                return refusal.code

        with ThreadPoolExecutor(2) as pool:
            answers = list(pool.map(attempt, [(ledger, a, b), (other, b, a)]))
        assert len([answer for answer in answers if "-" in answer and answer[0].isdigit()]) == 1, answers
        assert len(set(shown(ledger, a, b))) == 1


def test_the_same_key_again_is_the_same_act(ledger: Ledger, three: tuple[str, ...]) -> None:
    a, b, c = three
    key = RequestKey(scope="ana", key="1", body_hash=b"1")
    first = merge(ledger, a, b, key)
    replayed = ledger.links.act(
        Seeds(students=[a, b]), lambda reach: (decide(Reverse(act=first.id), reach), Beside()), META, key
    )
    assert (replayed.id, replayed.position, replayed.replayed) == (first.id, first.position, True)
    with pytest.raises(IdempotencyKeyReused):
        merge(ledger, a, c, RequestKey(scope="ana", key="1", body_hash=b"2"))


def test_what_is_declared_apart_is_not_joined_until_it_is_withdrawn(ledger: Ledger, three: tuple[str, ...]) -> None:
    a, b, c = three

    def declared(reach: Reach) -> tuple[Acted, Beside]:
        command = DeclareNotSame(left=minting(reach, a).record, right=minting(reach, b).record)
        return decide(command, reach), Beside()

    declaration = ledger.links.act(Seeds(students=[a, b]), declared, META).id
    merge(ledger, a, c)
    with pytest.raises(BoundByNotSame, match=declaration):
        merge(ledger, b, a)
    ledger.links.act(
        Seeds(acts=[declaration]), lambda reach: (decide(Withdraw(declaration=declaration), reach), Beside()), META
    )
    assert merge(ledger, b, a).students == [b]
    assert shown(ledger, a, b, c) == [b, b, b]


# -- by SQL, as each role


@pytest.fixture
def parted(ledger: Ledger, three: tuple[str, ...]) -> tuple[str, str]:
    """Two records that a reversal has declared not to be the same child."""
    a, b, _ = three
    reverse(ledger, merge(ledger, a, b).id)
    return a, b


JOIN = "update ledger.records set student_id = %(a)s where minted = %(b)s"
FORGET = "delete from ledger.not_same"
EMPTY = "truncate ledger.not_same"
WITHDRAW = "update ledger.not_same set withdrawn = (select position from ledger.head)"
OLD_EVENT = (
    "update ledger.not_same"
    " set withdrawn = (select position from ledger.events where topic = 'act-reversed.v1' limit 1)"
)
MOVE = "update ledger.not_same set left_record = gen_random_uuid()"


@pytest.mark.parametrize("role", list(Role))
@pytest.mark.parametrize("statement", [JOIN, FORGET, EMPTY, WITHDRAW, OLD_EVENT, MOVE])
def test_no_role_joins_a_declared_pair_or_loses_the_declaration(
    database: Database, parted: tuple[str, str], role: Role, statement: str
) -> None:
    a, b = parted
    with (
        database.connect(role) as conn,
        pytest.raises((psycopg.errors.InsufficientPrivilege, psycopg.errors.IntegrityConstraintViolation)),
    ):
        conn.execute(statement.encode(), {"a": a, "b": b} if statement == JOIN else None)
    with database.connect(Role.WRITER) as conn:
        assert conn.execute("select count(*) from ledger.not_same where withdrawn is null").fetchone() == (1,)
        assert conn.execute("select count(distinct student_id) from ledger.records").fetchone() == (3,)


DECLARE = (
    "insert into ledger.not_same (left_record, right_record, declaration, declared)"
    " select min(record_id::text)::uuid, max(record_id::text)::uuid, 'by hand', 1 from ledger.records"
    " where minted in (%(a)s, %(b)s)"
)
JOINED = (
    "select from ledger.not_same p join ledger.records l on l.record_id = p.left_record"
    " join ledger.records r on r.record_id = p.right_record where l.student_id = r.student_id"
)
MEET = "update ledger.records set student_id = %(c)s where minted = %({})s"


@pytest.mark.parametrize("isolation", ["read committed", "repeatable read"])
@pytest.mark.parametrize(
    ("one", "other"),
    [(DECLARE, JOIN), (JOIN, DECLARE), (MEET.format("a"), MEET.format("b"))],
    ids=["declared-then-joined", "joined-then-declared", "both-moved"],
)
def test_two_transactions_at_once_do_not_join_a_declared_pair_between_them(
    database: Database, ledger: Ledger, three: tuple[str, ...], one: str, other: str, isolation: str
) -> None:
    a, b, c = three
    if DECLARE not in (one, other):
        reverse(ledger, merge(ledger, a, b).id)

    def write(conn: psycopg.Connection, statement: str) -> str | None:
        """Write and be checked; the error that this met."""
        try:
            conn.execute(statement.encode(), {"a": a, "b": b, "c": c})
            conn.execute("set constraints all immediate")
        except psycopg.Error as error:
            return error.sqlstate
        return None

    def end(conn: psycopg.Connection, met: str | None) -> str | None:
        conn.rollback() if met else conn.commit()
        return met

    with database.connect(Role.WRITER) as first, database.connect(Role.WRITER) as second, ThreadPoolExecutor(1) as pool:
        for conn in (first, second):
            conn.autocommit = False
            conn.execute(f"set transaction isolation level {isolation}".encode())
            conn.execute("select from ledger.records")
        met = write(first, one)
        later = pool.submit(write, second, other)
        with database.connect() as looking:
            while not later.done() and not _waits_for(looking, second, first):
                pass
        ended = [end(first, met), end(second, later.result(30))]
        assert any(ended), "one of the two is refused"
        assert set(ended) - {None} <= {"23000", "40P01", "40001"}
    with database.connect(Role.WRITER) as conn:
        assert conn.execute(JOINED.encode()).fetchall() == []


def _waits_for(looking: psycopg.Connection, one: psycopg.Connection, other: psycopg.Connection) -> bool:
    query = "select %s = any(pg_blocking_pids(%s))"
    row = looking.execute(query, (other.info.backend_pid, one.info.backend_pid)).fetchone()
    return row is not None and row[0]


def test_an_append_that_would_join_a_declared_pair_is_left_out_by_the_sequencer(
    ledger: Ledger, parted: tuple[str, str]
) -> None:
    raw = [uuid.UUID(anchor.record).bytes for anchor in ledger.links.reach(Seeds(students=parted)).records.values()]
    joining = Append(parts=[_some_part(ledger, parted[0])], meta=META, relinked=Relinked(together=[raw]))
    with pytest.raises(BoundByNotSame):
        ledger.log.append(joining)


def test_what_the_sequencer_overlooks_the_database_refuses_and_others_of_the_group_are_written(
    ledger: Ledger, parted: tuple[str, str]
) -> None:
    a, b = parted
    record = next(r for r in ledger.links.reach(Seeds(students=[b])).records.values())
    overlooked = Append(
        parts=[_some_part(ledger, a)], meta=META, relinked=Relinked(students={uuid.UUID(record.record).bytes: a})
    )
    head = ledger.log.head()
    with pytest.raises(BoundByNotSame):
        ledger.log.append(overlooked)
    assert ledger.log.head() == head
    assert shown(ledger, b) == [b]
    opened(ledger, "WA", "4")


def _some_part(ledger: Ledger, minted: str) -> Part:
    version = len(ledger.log.read_stream(f"linkage/{minted}"))
    act = ActReversed(act=f"{minted}-{version + 1}", reverses="1-1")
    return Part(stream=f"linkage/{minted}", subject="ledger", expected=version, events=[act])


def test_an_act_begins_with_its_first_copy_whichever_stream_is_read_first(
    ledger: Ledger, three: tuple[str, ...]
) -> None:
    """Else who was shown the joined record as of that very position is on no recall list."""
    a, b, c = sorted(three)
    for left, right in ((c, b), (a, c)):
        act = merge(ledger, left, right)
        copies = [
            said.position
            for said in ledger.log.read(0, 1000)
            if isinstance(said.event, StudentsMerged) and said.event.act == act.id
        ]
        linkage = ledger.links.reach(Seeds(acts=[act.id])).linkage
        assert len(copies) > 1
        assert linkage.acts[act.id][0] == min(copies)
