"""What each read model holds behind a disposal: of what went nothing, and of everybody else what it held before."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from typing import Any, LiteralString

import pytest

from ledger.application import Ledger
from ledger.events import Event
from ledger.events.disclosure import BulkDisclosed, Disclosed, DisclosuresDestroyed
from ledger.events.record import (
    DemographicsStated,
    Enrolled,
    FactCorrected,
    FactRetracted,
    MoveQualified,
    RecordRetracted,
)
from ledger.events.retention import KeyDestroyed
from ledger.store.database import Database
from projections import (
    PROJECTIONS,
    audit_trail,
    disclosures,
    readers,
    search,
    students,
)
from projections.gone import apart, gone_by
from projections.past import student_as_of
from projections.projection import Projection, digest, statement
from projections.rebuild import Rebuild
from projections.runner import BatchRunner
from support.admitting import admitted
from support.casework import ANA, WHY, Work
from support.disposing import Item, dispose
from support.linking import link, merge, reverse
from support.logs import append, reading
from support.telling import Teller, opened, record_uuid

LEDGER = [projection for projection in PROJECTIONS if projection.log == "ledger"]
SHOWN: dict[str, Any] = {
    "student_id": "1",
    "view": "student",
    "sections": ["core"],
    "role": "auditor",
    "organisation": "OR",
    "purpose": "p",
    "basis": "b",
    "position": 1,
}


def fold_all(database: Database, ledger: Ledger, projections: Iterable[Projection] = LEDGER) -> None:
    for projection in projections:
        log = ledger.log if projection.log == "ledger" else ledger.access
        BatchRunner(projection, database, log, batch_events_max=7).catch_up()


def rows(database: Database, query: LiteralString, *given: Any) -> list[tuple[Any, ...]]:
    with database.connect() as conn:
        return conn.execute(query, given).fetchall()


def rebuilt_alike(database: Database, ledger: Ledger, projections: Iterable[Projection] = LEDGER) -> None:
    """A rebuild leaves the same bytes."""
    with reading(database) as conn:
        for projection in projections:
            live = digest(conn, projection)
            log = ledger.log if projection.log == "ledger" else ledger.access
            assert Rebuild(projection, database, log).run().swapped
            assert digest(conn, projection) == live, projection.name


@pytest.fixture
def two(database: Database, ledger: Ledger) -> tuple[Work, list[str], list[str]]:
    """Two records that are one student: work, the ids that they minted, their uuids."""
    work = Work(ledger)
    minted = [work.opened("OR", "R1"), work.opened("CA", "R2")]
    merge(ledger, *minted)
    fold_all(database, ledger)
    return work, minted, [work.record(one) for one in minted]


def test_a_student_keeps_what_her_other_records_say_and_every_id_leads_to_it(
    database: Database, ledger: Ledger, two: tuple[Work, list[str], list[str]]
) -> None:
    _, minted, uuids = two
    at = dispose(database, ledger, "education", Item(uuids[0], minted[0]))
    fold_all(database, ledger)
    with reading(database) as conn:
        for asked in minted:
            row = students.find(conn, asked)
            assert row is not None
            assert (row.student_id, row.records, row.position) == (minted[0], uuids[1:], at)
            core = json.loads(row.sections["core"])
            assert [one["state_student_id"] for one in core["records"]] == ["R2"]
    rebuilt_alike(database, ledger)


def test_a_student_of_whom_nothing_is_left_is_not_shown_but_her_id_is_not_forgotten(
    database: Database, ledger: Ledger, two: tuple[Work, list[str], list[str]]
) -> None:
    _, minted, uuids = two
    dispose(database, ledger, "education", *(Item(*both) for both in zip(uuids, minted, strict=True)))
    fold_all(database, ledger)
    with reading(database) as conn:
        assert [students.find(conn, asked) for asked in minted] == [None, None]
    assert rows(database, "select minted, student_id from students.ids order by minted") == sorted(
        (one, minted[0]) for one in minted
    )
    for table in ("students.records", "students.students", "records.records", "search.records", "search.words"):
        assert rows(database, f"select * from {table}".encode()) == []  # type: ignore[arg-type]
    rebuilt_alike(database, ledger)


def test_records_that_a_destroyed_one_joined_are_parted_by_a_reversal_as_before(
    database: Database, ledger: Ledger
) -> None:
    work = Work(ledger)
    one, middle, other = (work.opened(state, state) for state in ("OR", "CA", "TX"))
    merge(ledger, one, middle)
    last = link(ledger, other, middle)
    dispose(database, ledger, "education", Item(work.record(middle), middle))
    fold_all(database, ledger)
    with reading(database) as conn:
        found = students.find(conn, other)
        assert found is not None
        assert found.student_id == students.find(conn, one).student_id  # type: ignore[union-attr]
        reverse(ledger, last.id)
        fold_all(database, ledger)
        assert [students.find(conn, asked).records for asked in (one, other)] == [  # type: ignore[union-attr]
            [work.record(one)],
            [work.record(other)],
        ]
    rebuilt_alike(database, ledger)


def test_who_lost_her_moves_alone_has_all_else_and_is_told_to_have_changed(
    database: Database, ledger: Ledger, two: tuple[Work, list[str], list[str]]
) -> None:
    _, minted, uuids = two
    with reading(database) as conn:
        before = students.find(conn, minted[1])
    at = dispose(database, ledger, "eligibility", Item(uuids[1], minted[1]))
    fold_all(database, ledger)
    with reading(database) as conn:
        after = students.find(conn, minted[1])
    assert before is not None
    assert after is not None
    assert after.position == at
    told, left = json.loads(before.sections["core"]), json.loads(after.sections["core"])
    assert [one["sources"][0]["record"] for one in left["qualifying_moves"]] == [uuids[0]]
    for name in ("enrollments", "demographics", "records"):
        assert left[name] == told[name]
    found = rows(database, "select moves, enrollments, position from records.records where record = %s", uuids[1])
    assert found == [(0, 1, at)]
    assert rows(database, "select eligibility_said from retention.records where record = %s", uuids[1]) == [(None,)]
    rebuilt_alike(database, ledger)


def test_what_lost_its_moves_may_go_whole_and_nothing_comes_back(
    database: Database, ledger: Ledger, two: tuple[Work, list[str], list[str]]
) -> None:
    _, minted, uuids = two
    dispose(database, ledger, "eligibility", Item(uuids[0], minted[0]))
    fold_all(database, ledger)
    dispose(database, ledger, "education", Item(uuids[0], minted[0]))
    fold_all(database, ledger)
    assert rows(database, "select record from students.records") == [(uuids[1],)]
    rebuilt_alike(database, ledger)


def test_a_state_may_tell_of_another_move_where_the_first_ones_went(database: Database, ledger: Ledger) -> None:
    stream = f"record/{record_uuid(1)}"
    first = {"qualifying_arrival_date": "2020-01-02", "qualifying_move_to_city": "Woodburn"}
    append(ledger.log, stream, opened(1), MoveQualified(fact=1, elements=first))
    fold_all(database, ledger)
    dispose(database, ledger, "eligibility", Item(record_uuid(1), opened(1).student_id))
    # And what somebody still said of the one that went says nothing.
    append(
        ledger.log,
        stream,
        FactCorrected(fact=1, letter="Q", elements={"qualifying_move_to_city": ("Woodburn", "Gervais")}),
    )
    append(ledger.log, stream, MoveQualified(fact=2, elements={"qualifying_arrival_date": "2026-01-02"}))
    fold_all(database, ledger)
    assert rows(database, "select moves, qualifying_arrival_date::text from records.records") == [(1, "2026-01-02")]
    assert rows(database, "select word from search.words where word like %s", "p wood%") == []
    rebuilt_alike(database, ledger)


def test_a_word_of_a_school_goes_with_the_last_who_went_there(database: Database, ledger: Ledger) -> None:
    for number, school in enumerate(("Nellie Muir", "Nellie Muir", "Valor"), start=1):
        enrolled = Enrolled(fact=1, elements={"enrollment_date": "2025-09-02", "school_or_project_name": school})
        append(ledger.log, f"record/{record_uuid(number)}", opened(number), enrolled)
    fold_all(database, ledger, [search.PROJECTION])
    dispose(database, ledger, "education", *(Item(record_uuid(number), opened(number).student_id) for number in (2, 3)))
    fold_all(database, ledger, [search.PROJECTION])
    assert rows(database, "select word from search.words order by word") == [("c muir",), ("c nellie",)]
    append(
        ledger.log,
        f"record/{record_uuid(4)}",
        opened(4),
        Enrolled(fact=1, elements={"school_or_project_name": "Valor"}),
    )
    fold_all(database, ledger, [search.PROJECTION])
    assert ("c valor",) in rows(database, "select word from search.words")
    rebuilt_alike(database, ledger, [search.PROJECTION])


@pytest.mark.parametrize("many", [search.WORDS_MANY, 1])
def test_a_word_goes_when_it_is_taken_back_and_with_whoever_said_it_last(
    database: Database, ledger: Ledger, monkeypatch: pytest.MonkeyPatch, many: int
) -> None:
    monkeypatch.setattr(search, "WORDS_MANY", many)
    streams = [f"record/{record_uuid(number)}" for number in range(1, 5)]
    for number, stream in enumerate(streams, start=1):
        enrolled = Enrolled(fact=1, elements={"school_or_project_name": f"Nellie Muir {number}"})
        append(ledger.log, stream, opened(number), enrolled)
    fold_all(database, ledger, [search.PROJECTION])
    corrected = FactCorrected(fact=1, letter="E", elements={"school_or_project_name": ("Nellie Muir 1", "Valor")})
    append(ledger.log, streams[0], corrected)
    append(ledger.log, streams[1], FactRetracted(fact=1, letter="E"))
    append(ledger.log, streams[2], RecordRetracted())
    fold_all(database, ledger, [search.PROJECTION])
    words = "select word from search.words order by word"
    assert rows(database, words) == [("c 4",), ("c muir",), ("c nellie",), ("c valor",)]
    again = Enrolled(fact=2, elements={"school_or_project_name": "Nellie Muir 2"})
    append(ledger.log, streams[1], again)
    fold_all(database, ledger, [search.PROJECTION])
    assert ("c 2",) in rows(database, words), "what was let go comes again"
    dispose(database, ledger, "education", *(Item(record_uuid(number), opened(number).student_id) for number in (1, 2)))
    fold_all(database, ledger, [search.PROJECTION])
    assert rows(database, words) == [("c 4",), ("c muir",), ("c nellie",)]
    rebuilt_alike(database, ledger, [search.PROJECTION])


def test_of_all_words_those_alone_are_looked_at_whose_record_went(database: Database, ledger: Ledger) -> None:
    for number in (1, 2):
        enrolled = Enrolled(fact=1, elements={"school_or_project_name": f"Valor {number}"})
        append(ledger.log, f"record/{record_uuid(number)}", opened(number), enrolled)
    fold_all(database, ledger, [search.PROJECTION])
    with database.connect() as admin:
        admin.execute("insert into search.words values ('c nobody')")
    dispose(database, ledger, "education", Item(record_uuid(1), opened(1).student_id))
    fold_all(database, ledger, [search.PROJECTION])
    assert rows(database, "select word from search.words order by word") == [("c 2",), ("c nobody",), ("c valor",)]


def test_no_statistics_of_postgresql_hold_a_word_of_a_child(database: Database, ledger: Ledger) -> None:
    work = Work(ledger)
    for number in range(1, 9):
        work.opened("OR", f"Quetzal{number}")
    fold_all(database, ledger)
    words = [word.partition(" ")[2] for (word,) in rows(database, "select word from search.words")]
    assert "columbia" in words
    with database.connect() as conn:
        conn.execute("analyze")
        found = conn.execute(_STATISTICS).fetchall()
    assert found, "some columns keep them"
    kept = [(table, word) for table, held in found for word in [*words, "quetzal"] if word in held]
    assert kept == []


_STATISTICS: LiteralString = """
select schemaname || '.' || tablename || '.' || attname, lower(concat_ws(' ', most_common_vals, histogram_bounds,
       most_common_elems))
from pg_stats where schemaname not in ('pg_catalog', 'information_schema')
"""


def test_a_case_goes_with_its_record_and_others_name_the_record_by_its_id_alone(
    database: Database, ledger: Ledger
) -> None:
    work = Work(ledger)
    minted = [work.opened(state, state) for state in ("OR", "CA", "TX")]
    uuids = [work.record(one) for one in minted]
    act = work.merged_act(minted[0], minted[1])
    kept = work.proposals.propose_merge(minted[2], minted[0], minted[2], WHY, ANA).case
    fold_all(database, ledger)
    [(gone,)] = rows(database, "select case_id from worklist.cases where act = %s", act)
    dispose(database, ledger, "education", Item(uuids[0], minted[0], [gone]))
    fold_all(database, ledger)
    assert rows(database, "select case_id from worklist.cases") == [(kept,)]
    assert rows(database, "select distinct case_id from worklist.parts") == [(kept,)]
    found = rows(database, "select state_student_id, student_id from worklist.records where record = %s", uuids[0])
    assert found == [(None, minted[0])]
    assert rows(database, "select case_id from audit_trail.cases where case_id = %s", gone) == []
    rebuilt_alike(database, ledger)


def test_the_audit_trail_keeps_the_place_of_every_line_and_no_word_of_it(
    database: Database, ledger: Ledger, two: tuple[Work, list[str], list[str]]
) -> None:
    _, minted, uuids = two
    lines: LiteralString = (
        "select position, recorded_at, topic, code from audit_trail.lines where stream = %s order by 1"
    )
    stream = f"record/{uuids[0]}"
    before = rows(database, lines, stream)
    stays = rows(database, "select * from audit_trail.stays order by record, came")
    dispose(database, ledger, "education", Item(uuids[0], minted[0]))
    fold_all(database, ledger)
    assert rows(database, lines, stream) == before
    words = "select distinct actor, reason, submission, body, sealed from audit_trail.lines where stream = %s"
    assert rows(database, words, stream) == [(None,) * 5]
    assert rows(database, "select * from audit_trail.stays order by record, came") == stays
    found = rows(
        database, "select minted, state, state_student_id from audit_trail.records where record = %s", uuids[0]
    )
    assert found == [(minted[0], None, None)]
    rebuilt_alike(database, ledger, [audit_trail.PROJECTION])


def test_of_an_account_whose_papers_went_nothing_is_left(database: Database, ledger: Ledger) -> None:
    rosa = admitted(ledger.admissions)
    fold_all(database, ledger)
    dispose(database, ledger, "access", Item(rosa))
    fold_all(database, ledger)
    for table in ("accounts", "applications", "attachments", "roles", "trainings"):
        assert rows(database, statement("select * from {schema}." + table, "accounts")) == []  # type: ignore[arg-type]
    assert rows(database, "select account from retention.accounts") == []
    rebuilt_alike(database, ledger)


def test_a_key_that_came_back_with_a_backup_opens_nothing_in_a_rebuild(database: Database, ledger: Ledger) -> None:
    stream = f"record/{record_uuid(1)}"
    append(ledger.log, stream, opened(1), DemographicsStated(fact=1, elements={"first_name": "Inés"}))
    with database.connect() as conn:
        conn.execute("create temporary table backup as select * from vault.keys")
        dispose(database, ledger, "education", Item(record_uuid(1), opened(1).student_id))
        conn.execute("alter table vault.keys disable trigger nothing_is_gone")
        conn.execute("insert into vault.keys select * from backup on conflict do nothing")
        conn.execute("alter table vault.keys enable trigger nothing_is_gone")
    fold_all(database, ledger)
    for table in ("students.records", "records.records", "search.records", "retention.records"):
        assert rows(database, f"select * from {table}".encode()) == []  # type: ignore[arg-type]
    assert rows(database, "select body from audit_trail.lines where body is not null and stream = %s", stream) == []


def test_a_disposal_while_a_rebuild_runs_leaves_nothing_in_the_tables_that_are_swapped_in(
    database: Database, ledger: Ledger
) -> None:
    for number in (1, 2, 3):
        append(ledger.log, f"record/{record_uuid(number)}", opened(number), DemographicsStated(fact=1, elements={}))
    fold_all(database, ledger)
    for projection in LEDGER:
        fold_all(database, ledger, [projection])
    told: list[int] = []

    def in_between(position: int, _head: int) -> None:
        # The shadow has heard of the record by now; the live tables are behind the disposal first.
        if position >= 2 and not told:
            told.append(dispose(database, ledger, "education", Item(record_uuid(1), opened(1).student_id)))
            fold_all(database, ledger, [students.PROJECTION])

    done = Rebuild(students.PROJECTION, database, ledger.log, progress=in_between, batch_events_max=2).run()
    assert done.swapped
    assert done.position >= told[0]
    fold_all(database, ledger)
    assert {row[0] for row in rows(database, "select record from students.records")} == {record_uuid(2), record_uuid(3)}
    rebuilt_alike(database, ledger)


def test_known_then_is_nothing_of_what_was_destroyed_since(
    database: Database, ledger: Ledger, two: tuple[Work, list[str], list[str]]
) -> None:
    _, minted, uuids = two
    before = ledger.log.head()
    dispose(database, ledger, "education", Item(uuids[0], minted[0]))
    then = student_as_of(ledger.log, minted[0], before, now=datetime.now(UTC))
    assert then.records == uuids[1:]
    assert b"R1" not in b"".join(then.sections.values())
    assert then.known is not None
    assert then.known.erased > 0


# -- the access log


def test_who_saw_a_record_goes_with_it_and_what_named_many_stays(database: Database, ledger: Ledger) -> None:
    one, other = record_uuid(1), record_uuid(2)
    for record in (one, other):
        append(ledger.log, f"record/{record}", opened(1 if record == one else 2))
        append(ledger.access, f"disclosure/{record}", Disclosed(**SHOWN))
    listed = {name: value for name, value in SHOWN.items() if name not in ("student_id", "sections")}
    many = BulkDisclosed(records=[one, other], filters=[], **listed)
    append(ledger.access, f"request/{uuid.uuid4()}", many)
    both = (disclosures.PROJECTION, readers.PROJECTION)
    fold_all(database, ledger, both)
    dispose(database, ledger, "education", Item(one, opened(1).student_id))
    assert ledger.forgetting.tell() == 1
    fold_all(database, ledger, both)
    found = rows(database, "select record, position from disclosures.disclosures order by position, record")
    assert found == [(other, 2), (one, 3), (other, 3)]
    rebuilt_alike(database, ledger, [disclosures.PROJECTION])


def test_days_of_readers_end_before_any_of_them_may_change(
    database: Database, new_ledger: Callable[..., Ledger]
) -> None:
    now = [datetime(2025, 9, 2, tzinfo=UTC)]
    ledger = new_ledger(database, lambda: now[0])
    append(ledger.log, f"record/{record_uuid(1)}", opened(1))
    append(ledger.access, f"disclosure/{record_uuid(1)}", Disclosed(**SHOWN))
    fold_all(database, ledger, [readers.PROJECTION])
    assert rows(database, "select children from readers.days") == [(1,)]
    now[0] += timedelta(days=5 * 366)
    dispose(database, ledger, "education", Item(record_uuid(1), opened(1).student_id))
    ledger.forgetting.tell()
    fold_all(database, ledger, [readers.PROJECTION])
    assert rows(database, "select children from readers.days") == []
    rebuilt_alike(database, ledger, [readers.PROJECTION])


# -- where a batch is cut


def test_a_batch_in_which_nothing_was_destroyed_is_not_cut_and_asks_for_nothing() -> None:
    teller = Teller()
    teller.tell(f"record/{record_uuid(1)}", opened(1), DemographicsStated(fact=1, elements={}))
    teller.tell("retention/1", KeyDestroyed(key_ids=["00" * 16], schedule="response_days", submission="OR-1"))
    told = teller.log[:2]
    assert [(gone, part is told) for gone, part in apart(told)] == [(None, True)]
    assert [gone for gone, _ in apart(teller.log)] == [None, None]


def test_what_goes_together_is_told_together_and_in_its_place() -> None:
    teller = Teller()

    def destroyed(**whose: Any) -> KeyDestroyed:
        return KeyDestroyed(key_ids=["00" * 16], schedule="education.1", **whose)

    events: list[Event] = [
        opened(1),
        destroyed(record="r1", student_id="1", cases=["c1"]),
        destroyed(record="r2", student_id="2"),
        opened(2),
        destroyed(account="a1"),
        DisclosuresDestroyed(record="r1", position=2, key_ids=[]),
    ]
    for number, event in enumerate(events):
        teller.tell(f"any/{number}", event)
    parts = list(apart(teller.log))
    assert [[one.position for one in part] for _, part in parts] == [[1], [2, 3], [4], [5, 6]]
    first, second = parts[1][0], parts[3][0]
    assert first is not None
    assert second is not None
    assert {name: went.position for name, went in first.records.items()} == {"r1": 2, "r2": 3}
    assert (first.cases, first.position, first.minted()) == (["c1"], 3, ["1", "2"])
    assert set(first.streams) == {"record/r1", "retention/r1", "record/r2", "retention/r2", "case/c1"}
    assert (list(second.accounts), second.streams) == (["a1"], ["disclosure/r1"])
    assert gone_by(teller.log[:1]) is None
