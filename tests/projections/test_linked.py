"""The read models follow linkage: who is joined is shown as one, who is parted again as before."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import msgspec
import psycopg
import pytest

from ledger.application import Ledger
from ledger.errors import LogBroken
from ledger.events import Event, Meta
from ledger.events.linkage import ActReversed, DeclarationWithdrawn
from ledger.facts import Row
from ledger.record import PlaceStudent, RetractRecord
from ledger.store.database import Database, Role
from projections import PROJECTIONS, linked, records, search, students
from projections.rebuild import Rebuild
from projections.runner import BatchRunner
from projections.search_terms import Wanted
from projections.students import StudentRow
from support.linking import declare, link, merge, reverse, split, withdraw
from support.logs import append
from support.rows import course, demographics, enrollment, move, student
from support.telling import Teller, record_uuid
from support.telling import opened as opening

META = Meta(actor="registrar")
MODELS = [projection for projection in PROJECTIONS if projection.events >= linked.ACTS]
ALGEBRA = {"course_title": "Algebra I", "clock_hours": None, "credits_granted": "1.00", "final_grade": "A"}


def opened(ledger: Ledger, state: str, ssid: str, *rows: Row) -> str:
    """A record of a state; the student id that it minted."""
    sent = msgspec.structs.replace(student(demographics(None), move(None), *rows), state=state, state_student_id=ssid)
    return ledger.execute(
        PlaceStudent(state=state, state_student_id=ssid, student=sent, new_student_id=""), META
    ).student_id


def fold(database: Database, ledger: Ledger, batch_events_max: int = 1) -> None:
    for projection in MODELS:
        BatchRunner(projection, database, ledger.log, batch_events_max=batch_events_max).catch_up()


def shown(database: Database, *asked: str) -> list[str]:
    """The ids under which students are shown."""
    found = [row_of(database, one) for one in asked]
    return [row.student_id for row in found]


def row_of(database: Database, asked: str) -> StudentRow:
    with database.connect(Role.READER) as conn:
        row = students.find(conn, asked)
    assert row is not None
    return row


def hits(database: Database, **wanted: Any) -> list[search.Hit]:
    async def run() -> list[search.Hit]:
        async with await psycopg.AsyncConnection.connect(database.conninfo(Role.READER), autocommit=True) as conn:
            return (await search.search(conn, Wanted(**wanted)))[1].students

    return asyncio.run(run())


def page(database: Database, state: str, after: int = 0) -> list[records.StateRecord]:
    async def run() -> list[records.StateRecord]:
        async with await psycopg.AsyncConnection.connect(database.conninfo(Role.READER), autocommit=True) as conn:
            return (await records.page(conn, state, after=after))[1]

    return asyncio.run(run())


@pytest.fixture
def three(ledger: Ledger) -> tuple[str, str, str]:
    """Three records of three states, all of one name."""
    return opened(ledger, "OR", "1"), opened(ledger, "CA", "2"), opened(ledger, "TX", "3")


def test_who_is_merged_is_shown_as_one_by_either_id_and_after_the_reversal_as_two(
    database: Database, ledger: Ledger, three: tuple[str, ...]
) -> None:
    a, b, c = three
    act = merge(ledger, a, b)
    fold(database, ledger)
    assert shown(database, a, b, c) == [a, a, c]
    row = row_of(database, b)
    assert [entry["state"] for entry in json.loads(row.sections["core"])["records"]] == ["OR", "CA"]
    reverse(ledger, act.id)
    fold(database, ledger)
    assert shown(database, a, b, c) == [a, b, c]
    assert [len(row_of(database, one).records) for one in three] == [1, 1, 1]


def test_what_several_records_say_is_shown_once_and_counted_once_for_as_long_as_they_are_joined(
    database: Database, ledger: Ledger
) -> None:
    a = opened(ledger, "OR", "1", enrollment(None), course(None, **ALGEBRA))
    b = opened(ledger, "CA", "2", enrollment(None), course(None, **ALGEBRA))

    def core(asked: str) -> dict[str, Any]:
        return json.loads(row_of(database, asked).sections["core"])

    act = merge(ledger, a, b)
    fold(database, ledger)
    [algebra], [school] = core(a)["courses"], core(a)["enrollments"]
    assert [source["state"] for source in algebra["sources"]] == ["OR", "CA"]
    assert [source["state"] for source in school["sources"]] == ["OR", "CA"]
    assert core(b)["credits"]["earned"] == "1.00"
    reverse(ledger, act.id)
    fold(database, ledger)
    assert [len(core(one)["courses"][0]["sources"]) for one in (a, b)] == [1, 1]
    assert [core(one)["credits"]["earned"] for one in (a, b)] == ["1.00", "1.00"]


def test_a_search_finds_the_student_once_with_both_records_and_after_the_reversal_two(
    database: Database, ledger: Ledger, three: tuple[str, ...]
) -> None:
    a, b, c = three
    act = merge(ledger, b, a)
    fold(database, ledger)
    found = {hit.student_id: hit for hit in hits(database, name="Wilber Pablo")}
    assert set(found) == {b, c}
    assert sorted(found[b].states) == ["CA", "OR"]
    assert len(found[b].records) == 2
    reverse(ledger, act.id)
    fold(database, ledger)
    assert sorted(hit.student_id for hit in hits(database, name="Wilber Pablo")) == sorted(three)


def test_a_student_is_searched_by_any_id_of_an_open_record_and_by_the_one_that_is_shown(
    database: Database, ledger: Ledger, three: tuple[str, ...]
) -> None:
    a, b, _ = three
    merge(ledger, a, b)
    ledger.execute(RetractRecord(state="OR", state_student_id="1"), META)
    fold(database, ledger)
    for asked in (a, b):
        [hit] = hits(database, student_id=asked)
        assert (hit.student_id, hit.states) == (a, ["CA"])
    assert [hit.student_id for hit in hits(database, student_id=a, state="CA")] == [a]
    assert hits(database, student_id=a, state="OR") == []


def test_a_retracted_record_keeps_its_links(database: Database, ledger: Ledger, three: tuple[str, ...]) -> None:
    a, b, c = three
    link(ledger, a, b)
    link(ledger, c, b)
    ledger.execute(RetractRecord(state="CA", state_student_id="2"), META)
    fold(database, ledger)
    assert shown(database, a, b, c) == [b, b, b]
    core = json.loads(row_of(database, b).sections["core"])
    assert [(entry["state"], entry["status"], entry["student_id"]) for entry in core["records"]] == [
        ("OR", "open", b),
        ("CA", "retracted", b),
        ("TX", "open", b),
    ]
    [hit] = hits(database, name="Wilber Pablo")
    assert sorted(hit.states) == ["OR", "TX"]


def test_who_a_record_joined_stays_joined_when_it_can_no_longer_be_opened(
    database: Database, ledger: Ledger, three: tuple[str, ...]
) -> None:
    a, b, c = three
    link(ledger, a, b)
    link(ledger, c, b)
    fold(database, ledger)
    assert row_of(database, a).student_id == b
    gone = row_of(database, b).records[1]
    with database.connect(Role.DISPOSER) as conn:
        conn.execute("delete from vault.keys where subject = %s and class = 'education'", (gone,))
    ledger.vault.forget((gone, "education"))
    for projection in MODELS:
        assert Rebuild(projection, database, ledger.log).run().swapped
    assert shown(database, a, b, c) == [b, b, b]
    row = row_of(database, b)
    assert gone not in row.records
    assert [entry["minted"] for entry in json.loads(row.sections["core"])["records"]] == [a, c]
    [hit] = hits(database, student_id=b)
    assert sorted(hit.states) == ["OR", "TX"]


def test_a_page_of_a_states_records_tells_whose_student_has_changed(
    database: Database, ledger: Ledger, three: tuple[str, ...]
) -> None:
    a, b, c = three
    fold(database, ledger)
    before = ledger.log.head()
    assert [row.student_id for row in page(database, "CA")] == [b]
    act = merge(ledger, a, b)
    link(ledger, c, b)
    fold(database, ledger)
    [changed] = page(database, "CA", after=before)
    assert (changed.state_student_id, changed.student_id, changed.status) == ("2", a, "open")
    at = {recorded.position: recorded.recorded_at for recorded in ledger.log.read(0, 1000)}
    assert changed.changed_at == at[changed.position]
    # Texas' record is named by neither end of what is taken back, and is Oregon's no more.
    before = ledger.log.head()
    reverse(ledger, act.id)
    fold(database, ledger)
    assert [row.student_id for row in page(database, "TX", after=before)] == [b]


def test_a_declaration_moves_the_position_of_both_students_and_nothing_else(
    database: Database, ledger: Ledger, three: tuple[str, ...]
) -> None:
    a, b, c = three
    fold(database, ledger)
    before = {one: row_of(database, one) for one in three}
    head = ledger.log.head()
    declaration = declare(ledger, a, b).id
    fold(database, ledger)
    for one in (a, b):
        row = row_of(database, one)
        # Of two copies the first counts.
        assert row.position == head + 1
        assert row.sections == before[one].sections
    assert row_of(database, c).position == before[c].position
    head = ledger.log.head()
    withdraw(ledger, declaration)
    fold(database, ledger)
    assert [row_of(database, one).position for one in (a, b)] == [head + 1, head + 1]


@pytest.mark.parametrize("batch_events_max", [1, 2, 3, 1000])
def test_a_split_a_reversal_of_it_and_its_reversal_again(
    database: Database, ledger: Ledger, three: tuple[str, ...], batch_events_max: int
) -> None:
    a, b, c = three
    merge(ledger, a, b)
    merge(ledger, a, c)
    parted = split(ledger, [a, c], [b])
    fold(database, ledger, batch_events_max)
    assert shown(database, a, b, c) == [a, b, a]
    undone = reverse(ledger, parted.id)
    fold(database, ledger, batch_events_max)
    assert shown(database, a, b, c) == [a, a, a]
    reverse(ledger, undone.id)
    fold(database, ledger, batch_events_max)
    assert shown(database, a, b, c) == [a, b, a]


def test_an_act_at_one_end_of_a_chain_reaches_the_other_end(database: Database, ledger: Ledger) -> None:
    a, b, c, d, e, f = chain = [opened(ledger, "OR", f"chain {number}") for number in range(6)]
    for record, member in ((b, a), (c, b), (d, c)):
        link(ledger, record, member)
        fold(database, ledger)
    merge(ledger, e, a)
    fold(database, ledger)
    assert shown(database, *chain) == [e, e, e, e, e, f]
    # Names the records of e and f alone, and of the others' links they have heard nothing.
    joined = merge(ledger, f, e)
    fold(database, ledger)
    assert shown(database, *chain) == [f, f, f, f, f, f]
    # What a neighbour has heard since counts: the chain is cut far from its end, and then an act at the end undone.
    split(ledger, [a, b, e, f], [c, d])
    fold(database, ledger)
    assert shown(database, *chain) == [f, f, c, c, f, f]
    reverse(ledger, joined.id)
    fold(database, ledger)
    assert shown(database, *chain) == [e, e, c, c, e, f]


def test_the_guards_and_the_read_models_show_the_same_ids(
    database: Database, ledger: Ledger, three: tuple[str, ...]
) -> None:
    a, b, c = three
    merge(ledger, a, b)
    act = link(ledger, c, b)
    merge(ledger, opened(ledger, "WA", "4"), a)
    reverse(ledger, act.id)
    fold(database, ledger, 2)
    with database.connect(Role.WRITER) as conn:
        guards = dict(conn.execute("select minted, student_id from ledger.records").fetchall())
    with database.connect(Role.READER) as conn:
        for table in ("students.records", "search.records", "records.records"):
            found = conn.execute(f"select record, student_id from {table}".encode()).fetchall()
            assert sorted(student for _, student in found) == sorted(guards.values())
        assert dict(conn.execute("select minted, student_id from students.ids").fetchall()) == guards


# -- what it costs, and what it does not take


class Untouched:
    """A cursor that nobody may use."""

    def __getattr__(self, name: str) -> Any:
        raise AssertionError(name)


def test_a_batch_without_linkage_asks_nothing_of_the_database() -> None:
    teller = Teller()
    batch = teller.tell(f"record/{record_uuid(1)}", opening(1))
    said, linkage = linked.apart(batch)
    assert said is batch
    assert linked.placed_by(Untouched(), "students", linkage) == {}  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "event", [ActReversed(act="1-1", reverses="2-1"), DeclarationWithdrawn(declaration="2-1")], ids=lambda e: e.topic
)
def test_an_answer_to_what_was_never_said_stops_the_fold(database: Database, ledger: Ledger, event: Event) -> None:
    append(ledger.log, "linkage/1", event)
    with pytest.raises(LogBroken, match="Position 1 answers what was never said"):
        fold(database, ledger)
