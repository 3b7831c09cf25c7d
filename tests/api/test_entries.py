"""Entries of the access log: none is larger than can be sealed and read back, and a long list loses no record."""

from __future__ import annotations

import asyncio

import pytest

from api.entries import allowed, make_durable, of_each, of_many, refused
from api.principal import Principal
from ledger.access import Subject
from ledger.application import Ledger
from ledger.errors import Forbidden, Gone
from ledger.events.disclosure import RECORDS_MAX, BulkDisclosed, SearchDisclosed
from ledger.ids import student_id
from ledger.store.append import Part
from ledger.store.database import Database
from projections import disclosures
from projections.runner import BatchRunner
from support.casework import Work
from support.gone import destroy
from support.logs import reading
from support.telling import record_uuid

OFFICE = Principal("oregon", "state_data_administrator", "OR", None, None, "OR")
DESK = Principal("desk", "help_desk", None, None, None, "Sojourn")


def listed(count: int) -> BulkDisclosed:
    return BulkDisclosed(
        view="students",
        records=[record_uuid(number) for number in range(count)],
        filters=[],
        role=OFFICE.role,
        organisation="OR",
        purpose="a list",
        basis="34 CFR 99.31(a)(1)",
        position=9,
        own_state="OR",
        children=[student_id(number) for number in range(count)],
    )


@pytest.mark.parametrize(
    ("count", "sizes"),
    [(0, [0]), (1, [1]), (RECORDS_MAX, [5_000]), (RECORDS_MAX + 1, [5_000, 1]), (10_000, [5_000] * 2)],
)
def test_a_list_is_one_entry_or_as_many_as_it_takes_and_names_every_record_once(count: int, sizes: list[int]) -> None:
    whole = listed(count)
    part = of_many(whole, "r1")
    assert (part.stream, part.subject, part.expected) == ("request/r1", "ledger", None)
    events = [event for event in part.events if isinstance(event, BulkDisclosed)]
    assert [len(event.records) for event in events] == [len(event.children) for event in events] == sizes
    assert [record for event in events for record in event.records] == whole.records
    assert [child for event in events for child in event.children] == whole.children
    assert {(event.view, event.purpose, event.position, event.own_state) for event in events} == {
        ("students", "a list", 9, "OR")
    }


def test_a_list_of_which_no_student_is_known_is_parted_too() -> None:
    entry = SearchDisclosed(
        view="worklist",
        records=[record_uuid(number) for number in range(RECORDS_MAX + 1)],
        fields=[],
        role="auditor",
        organisation="Sojourn",
        purpose="audit",
        basis="34 CFR 99.35(a)(1)",
        position=9,
    )
    assert [event.children for event in of_many(entry, "r1").events] == [[], []]  # type: ignore[attr-defined]


def test_ten_thousand_records_are_durable_together_and_spread_over_each(database: Database, ledger: Ledger) -> None:
    async def story() -> int:
        return await make_durable(ledger.access, [of_many(listed(10_000), "r1")], OFFICE, "r1")

    assert asyncio.run(story()) == 2
    with ledger.access.connection() as conn:
        sizes = [len(row["body"]) for row in conn.execute("select body from access.events").fetchall()]
    assert max(sizes) < 512 * 1024
    BatchRunner(disclosures.PROJECTION, database, ledger.access).catch_up()
    with reading(database) as conn:
        for number in (0, 4_999, 5_000, 9_999):
            [row] = disclosures.find(conn, [record_uuid(number)])
            assert (row.actor, row.request, row.view, row.own_state) == ("oregon", "r1", "students", "OR")


@pytest.mark.parametrize("shown_before", [True, False], ids=["its key at hand", "its first entry"])
def test_of_a_record_that_is_destroyed_meanwhile_nothing_is_shown_and_a_refusal_names_none(
    ledger: Ledger, shown_before: bool
) -> None:
    work = Work(ledger)
    record, other = (work.record(work.opened("OR", number)) for number in "12")

    def entry() -> list[Part]:
        told = refused(OFFICE, "p", "other-state", "student")
        return of_each([record, other], told, "r1")

    if shown_before:
        asyncio.run(durable(ledger, entry()))
    before = ledger.access.head()
    destroy(ledger, record)
    with pytest.raises(Gone):
        asyncio.run(durable(ledger, entry()))
    assert ledger.access.head() == before, "none of what was to be written together is"
    subject = Subject(states=frozenset({"CA"}), records=frozenset({record, other}))
    with pytest.raises(Forbidden):
        asyncio.run(allowed(DESK, "p", "student.read", subject, "student", access=ledger.access, request_id="r2"))
    assert len(ledger.access.read_stream("request/r2")) == 1


async def durable(ledger: Ledger, parts: list[Part]) -> int:
    return await make_durable(ledger.access, parts, OFFICE, "r1")
