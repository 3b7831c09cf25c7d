"""The read model ``students``: its fold against a plain dictionary, and what its queries answer."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from typing import Any

import msgspec
import psycopg
from hypothesis import given
from hypothesis import strategies as st

from ledger.application import Ledger
from ledger.events import Recorded
from ledger.events.record import (
    DemographicsStated,
    FactCorrected,
    FactRetracted,
    FactStated,
    RecordOpened,
    RecordReinstated,
    RecordRetracted,
    ResidencyChanged,
    Withdrawn,
)
from ledger.store.database import Database, Role
from projections import students
from projections.as_of import AsOf
from projections.consolidation import CONTACTS, HEALTH
from projections.record_words import Record
from projections.runner import BatchRunner
from projections.students import StudentsFold
from support.logs import append, reading
from support.telling import histories, opened, record_uuid

INES = {"first_name": "Inés", "last_name_1": "Reyes", "birth_date": "2012-03-14"}
LISTS = {
    "D": ("core", "demographics"),
    "K": ("core", "alternate_ids"),
    "Q": ("core", "qualifying_moves"),
    "E": ("core", "enrollments"),
    "C": ("core", "courses"),
    "A": ("core", "assessments"),
    "I": ("health", "immunizations"),
}


# -- law 8, against a reference


@given(histories(), st.data())
def test_at_any_position_the_students_equal_a_plain_dictionary_of_what_was_said(
    log: list[Recorded], data: st.DataObject
) -> None:
    until = data.draw(st.integers(1, len(log)))
    fold = StudentsFold()
    found: dict[str, dict[str, Any]] = {}
    for student in _in_batches(fold, log[:until], data):
        sections = {name: json.loads(text) for name, text in student.sections.items()}
        found[student.student_id] = {
            letter: [_plain(entry) for entry in sections[section][key]] for letter, (section, key) in LISTS.items()
        } | {"status": student.status, "first_name": sections["core"].get("first_name")}
    assert found == _reference(log[:until])


@given(histories(), st.data())
def test_however_the_log_is_cut_into_batches_the_bytes_are_the_same(log: list[Recorded], data: st.DataObject) -> None:
    whole = {student.student_id: student for student in StudentsFold().hear(log)[1]}
    cut = {student.student_id: student for student in _in_batches(StudentsFold(), log, data)}
    assert cut == whole


def _in_batches(fold: StudentsFold, log: Sequence[Recorded], data: st.DataObject) -> list[Any]:
    """Every student as last written; between two batches the fold's memory is stored and read back."""
    written: dict[str, Any] = {}
    while log:
        size = data.draw(st.integers(1, len(log)))
        for student in fold.hear(log[:size])[1]:
            written[student.student_id] = student
        log = log[size:]
        for records in fold._members.values():
            for name, record in records.items():
                records[name] = msgspec.msgpack.decode(msgspec.msgpack.encode(record), type=Record)
    return list(written.values())


def _plain(entry: dict[str, Any]) -> dict[str, str]:
    """The elements of an entry alone."""
    apart = {"sources", "eligibility", "withdrawals", "residencies"}
    return {key: value for key, value in entry.items() if key not in apart}


def _reference(log: Sequence[Recorded]) -> dict[str, dict[str, Any]]:
    """The same, the slow and obvious way: replay everything into dictionaries."""
    records: dict[str, dict[str, Any]] = {}
    for recorded in log:
        event = recorded.event
        if isinstance(event, RecordOpened):
            records[recorded.stream] = {"student_id": event.student_id, "status": "open", "facts": {}}
            continue
        record = records[recorded.stream]
        facts = record["facts"]
        if isinstance(event, FactStated):
            part_of = event.enrollment if isinstance(event, Withdrawn | ResidencyChanged) else None
            facts[event.fact] = {"letter": event.letter, "said": dict(event.elements), "of": part_of, "live": True}
        elif isinstance(event, FactCorrected):
            said = facts[event.fact]["said"]
            said.update({key: after for key, (_, after) in event.elements.items()})
            facts[event.fact]["said"] = {key: value for key, value in said.items() if value is not None}
        elif isinstance(event, FactRetracted):
            for number, fact in facts.items():
                if event.fact in (number, fact["of"]):
                    fact["live"] = False
        elif isinstance(event, RecordRetracted):
            record["status"] = "retracted"
            for fact in facts.values():
                fact["live"] = False
        elif isinstance(event, RecordReinstated):
            record["status"] = "open"
        number = getattr(event, "fact", None)
        if number is not None:
            facts[number]["last"] = recorded.position
    return {record["student_id"]: _reference_student(record) for record in records.values()}


def _reference_student(record: dict[str, Any]) -> dict[str, Any]:
    live = {number: fact for number, fact in record["facts"].items() if fact["live"]}
    lists: dict[str, list[Any]] = {letter: [] for letter in LISTS}
    for number, fact in live.items():
        if fact["of"] is not None:
            continue
        said = {key: value for key, value in fact["said"].items() if key not in CONTACTS | HEALTH}
        for _, part in sorted(live.items()):
            if part["of"] == number:
                said.update(part["said"])
        lists[fact["letter"]].append(said)
    for letter, key in (("Q", "qualifying_arrival_date"), ("E", "enrollment_date"), ("I", "administration_date")):
        lists[letter].sort(key=lambda said: said.get(key, ""))
    lists["C"].sort(key=lambda said: (said.get("begin_academic_year", ""), said.get("course_title", "")))
    lists["A"].sort(key=lambda said: said.get("assessment_administration_date", ""))
    names = [fact for fact in live.values() if fact["letter"] == "D"]
    latest = max(names, key=lambda fact: fact["last"], default=None)
    return {**lists, "status": record["status"], "first_name": latest["said"]["first_name"] if latest else None}


# -- with a database


def _told(database: Database, ledger: Ledger) -> None:
    """Two records of Oregon, one of them retracted, and one of California; folded."""
    append(ledger.log, f"record/{record_uuid(1)}", opened(1), DemographicsStated(fact=1, elements=INES))
    append(ledger.log, f"record/{record_uuid(2)}", opened(2), RecordRetracted())
    append(ledger.log, f"record/{record_uuid(3)}", opened(3, "CA"))
    BatchRunner(students.PROJECTION, database, ledger.log).catch_up()


def test_a_student_is_found_by_her_id_with_every_section(database: Database, ledger: Ledger) -> None:
    _told(database, ledger)
    with reading(database) as conn:
        row = students.find(conn, opened(1).student_id)
        assert row is not None
        assert (row.student_id, row.records, row.status, row.position) == (
            opened(1).student_id,
            [record_uuid(1)],
            "open",
            2,
        )
        assert json.loads(row.sections["core"])["first_name"] == "Inés"
        assert list(row.sections) == ["core", "contacts", "health", "provenance"]


def test_an_id_that_was_never_minted_finds_nobody(database: Database, ledger: Ledger) -> None:
    _told(database, ledger)
    with reading(database) as conn:
        assert students.find(conn, opened(9).student_id) is None


def test_the_id_of_a_retracted_record_still_resolves(database: Database, ledger: Ledger) -> None:
    _told(database, ledger)
    with reading(database) as conn:
        row = students.find(conn, opened(2).student_id)
    assert row is not None
    assert row.status == "retracted"


def test_every_record_is_listed_with_its_student(database: Database, ledger: Ledger) -> None:
    _told(database, ledger)
    with reading(database) as conn:
        assert [tuple(listed) for listed in students.listing(conn)] == [
            ("CA", "CA0000003", opened(3).student_id, record_uuid(3)),
            ("OR", "OR0000001", opened(1).student_id, record_uuid(1)),
            ("OR", "OR0000002", opened(2).student_id, record_uuid(2)),
        ]


def test_the_asynchronous_side_asks_for_many_and_for_counts(database: Database, ledger: Ledger) -> None:
    _told(database, ledger)
    one, two, absent = opened(1).student_id, opened(2).student_id, opened(9).student_id

    async def ask() -> None:
        async with await psycopg.AsyncConnection.connect(database.conninfo(Role.READER), autocommit=True) as conn:
            reflected, found = await students.students(conn, [one, two, absent])
            assert reflected == AsOf(position=5, version=students.PROJECTION.version)
            assert {asked: row.asked for asked, row in found.items()} == {one: one, two: two}
            assert await students.record_ids(conn, one) == [record_uuid(1)]
            assert await students.record_ids(conn, absent) == []
            assert await students.counts(conn) == [("CA", "open", 1), ("OR", "open", 1), ("OR", "retracted", 1)]
            assert set(await students.sample(conn, 5)) == {one, opened(3).student_id}

    asyncio.run(ask())


def test_columns_with_personal_data_have_no_statistics(database: Database, ledger: Ledger) -> None:
    _told(database, ledger)
    with reading(database) as conn:
        rows = conn.execute(
            "select attrelid::regclass::text || '.' || attname from pg_attribute"
            " where attrelid in ('students.records'::regclass, 'students.students'::regclass)"
            " and attnum > 0 and attstattarget is distinct from 0"
        ).fetchall()
    assert {row[0] for row in rows} == {
        "students.records.record",
        "students.records.student_id",
        "students.records.state",
        "students.records.status",
        "students.students.student_id",
        "students.students.records",
        "students.students.status",
        "students.students.position",
    }
