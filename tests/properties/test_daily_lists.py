"""The daily lists are what a plain reading of their words finds among all rows: any children, any districts, in pages
of any size."""

from __future__ import annotations

import asyncio
import dataclasses
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from typing import Any

import psycopg
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from psycopg import sql

from ledger.application import Ledger
from ledger.store.database import Database, Role
from projections import list_rows, records
from projections.lists import BY_NAME, LISTS, Asked, DailyList, ListedChild, spot_of
from projections.records import StateRecord
from projections.runner import BatchRunner

Sized = Callable[..., settings]
TODAY = date(2028, 2, 29)
DAYS = [TODAY + timedelta(days=n) for n in (-400, -31, -1, 0, 1, 30, 31)]
D1, D2, D3 = "4113770", "4110820", "4100009"
PLACES = st.sampled_from([None, D1, D2, D3])
SOME_DAY = st.sampled_from([None, *DAYS])


def empty(**said: Any) -> StateRecord:
    """A row in which nothing else stands."""
    nothing: dict[str, Any] = dict.fromkeys(StateRecord._fields) | dict.fromkeys(StateRecord._fields[9:18], 0)
    return StateRecord(**nothing | said)


@st.composite
def record(draw: st.DrawFn, number: int) -> StateRecord:
    """The nth row, of one of few children, so that some have several records."""
    eligible = draw(st.sampled_from([True, True, True, False]))
    enrolled = draw(SOME_DAY)
    came = draw(SOME_DAY)
    opened = datetime(2028, 2, draw(st.integers(20, 29)), 12, tzinfo=UTC)
    return empty(
        record=f"{draw(st.integers(0, 9))}{number:035d}",
        state=draw(st.sampled_from(["OR", "OR", "OR", "CA"])),
        state_student_id=f"S{number}",
        student_id=f"{draw(st.integers(1, 4)):012d}",
        status=draw(st.sampled_from(["open", "open", "open", "open", "retracted"])),
        opened_at=opened,
        changed_at=opened,
        position=number,
        eligible_from=draw(st.sampled_from(DAYS)) if eligible else None,
        eligible_until=draw(st.sampled_from(DAYS)) if eligible else None,
        enrollment_date=enrolled,
        enrolled_on=draw(st.sampled_from([enrolled, enrolled, None])),
        withdrawal_date=draw(SOME_DAY) if enrolled else None,
        school_identification_code=draw(st.sampled_from([None, "410133700102"])),
        grade_level=draw(st.sampled_from([None, "00", "07"])),
        priority_for_services=draw(st.sampled_from([None, True, False])),
        attended_district=draw(PLACES),
        district_of_residence=draw(PLACES),
        unenrolled_since=came,
        unenrolled_district=draw(PLACES) if came else None,
    )


@st.composite
def towns(draw: st.DrawFn) -> list[StateRecord]:
    return [draw(record(number)) for number in range(1, draw(st.integers(1, 12)) + 1)]


QUESTIONS = st.builds(
    Asked,
    day=st.just(TODAY),
    state=st.sampled_from(["OR", "OR", "CA", "TX"]),
    districts=st.sampled_from([None, (), (D1,), (D2,), (D1, D2), (D1, D1, D3)]),
    school=st.sampled_from([None, None, "410133700102"]),
    grade=st.sampled_from([None, None, "00"]),
    days=st.sampled_from([30, 60]),
    since=st.sampled_from([None, datetime(2028, 2, 25, 8, tzinfo=UTC)]),
)


# -- the plain reading


def eligible(r: StateRecord, asked: Asked) -> bool:
    return r.eligible_from is not None and r.eligible_from <= asked.day <= (r.eligible_until or date.min)


def others(r: StateRecord, town: Sequence[StateRecord]) -> list[StateRecord]:
    """Open records of the same child."""
    return [o for o in town if o.student_id == r.student_id and o.record != r.record and o.status == "open"]


def has_left(r: StateRecord, town: Sequence[StateRecord]) -> bool:
    left = r.withdrawal_date
    return left is not None and any(o.enrolled_on is not None and o.enrolled_on > left for o in others(r, town))


def enrolled_by_another(r: StateRecord, town: Sequence[StateRecord]) -> bool:
    came = r.unenrolled_since
    assert came is not None
    for o in others(r, town):
        if o.state == r.state and o.enrolled_on is not None:
            there = o.attended_district is not None and o.attended_district == r.unenrolled_district
            if o.enrolled_on >= came or (o.withdrawal_date is None and o.enrolled_on == o.enrollment_date and there):
                return True
    return False


def fits(kind: DailyList, r: StateRecord, asked: Asked, town: Sequence[StateRecord]) -> bool:
    here = [r.attended_district, r.district_of_residence]
    if kind.name == "not-enrolled":
        here = [r.unenrolled_district]
    if (
        r.status != "open"
        or r.state != asked.state
        or (asked.districts is not None and not {*here} & {*asked.districts})
        or asked.school not in (None, r.school_identification_code)
        or asked.grade not in (None, r.grade_level)
    ):
        return False
    if kind.name == "new":
        return asked.since is None or r.opened_at >= asked.since
    if not eligible(r, asked):
        return False
    if kind.name == "not-enrolled":
        came = r.unenrolled_since
        return came is not None and came <= asked.day and not enrolled_by_another(r, town)
    told = {
        "children": True,
        "ending": (r.eligible_until or date.max) <= asked.day + timedelta(days=asked.days),
        "priority": bool(r.priority_for_services),
        "out-of-school": r.grade_level == "00",
    }
    return told[kind.name] and not has_left(r, town)


def elsewhere(r: StateRecord, town: Sequence[StateRecord]) -> tuple[str | None, date | None]:
    """The one enrolled last; of several on one day, the lowest uuid."""
    found = [
        o
        for o in others(r, town)
        if o.state != r.state
        and o.enrolled_on is not None
        and o.withdrawal_date is None
        and o.enrolled_on == o.enrollment_date
        and (r.enrollment_date is None or o.enrolled_on >= r.enrollment_date)
    ]
    if not found:
        return None, None
    latest = min(found, key=lambda o: (-(o.enrolled_on or date.min).toordinal(), o.record))
    return latest.state, latest.enrolled_on


def plainly(kind: DailyList, asked: Asked, town: Sequence[StateRecord]) -> list[tuple[str, Any, Any]]:
    """Record, and where else she is, in the order of the list."""
    first: dict[str, StateRecord] = {}
    for r in sorted(town, key=lambda r: r.record):
        if fits(kind, r, asked, town):
            first.setdefault(r.student_id, r)
    found = sorted(first.values(), key=lambda r: (getattr(r, kind.order), r.record), reverse=kind.descending)
    return [(r.record, *elsewhere(r, town)) for r in found]


# -- the database


@dataclasses.dataclass
class Rows:
    """The table, filled anew for each example."""

    database: Database

    @contextmanager
    def of(self, town: Sequence[StateRecord]) -> Iterator[None]:
        with self.database.connect(Role.PROJECTOR) as conn:
            conn.execute("truncate records.records")
            names = sql.SQL(", ").join(map(sql.Identifier, (*StateRecord._fields, "body")))
            places = sql.SQL(", ").join([sql.Placeholder()] * (len(StateRecord._fields) + 1))
            insert = sql.SQL("insert into records.records ({}) values ({})").format(names, places)
            conn.cursor().executemany(insert, [(*r, b"") for r in town])
        yield

    def pages(self, kind: DailyList, asked: Asked, limit: int) -> list[ListedChild]:
        async def walk() -> list[ListedChild]:
            found: list[ListedChild] = []
            conninfo = self.database.conninfo(Role.READER)
            async with await psycopg.AsyncConnection.connect(conninfo, autocommit=True) as conn:
                while True:
                    after = spot_of(kind, found[-1]) if found else None
                    _, page = await list_rows.page(conn, kind, asked, after=after, limit=limit)
                    found += page
                    if len(page) < limit:
                        return found

        return asyncio.run(walk())

    def counted(self, kind: DailyList, asked: Asked) -> list_rows.Counted:
        async def ask() -> list_rows.Counted:
            conninfo = self.database.conninfo(Role.READER)
            async with await psycopg.AsyncConnection.connect(conninfo, autocommit=True) as conn:
                return (await list_rows.count(conn, kind, asked))[1]

        return asyncio.run(ask())


@pytest.fixture
def table(database: Database, ledger: Ledger) -> Rows:
    BatchRunner(records.PROJECTION, database, ledger.log).catch_up()
    return Rows(database)


@pytest.mark.parametrize("kind", LISTS, ids=lambda kind: kind.name)
def test_a_list_is_what_a_plain_reading_of_its_words_finds(table: Rows, sized: Sized, kind: DailyList) -> None:
    @sized(60)
    @given(towns(), QUESTIONS, st.integers(1, 4))
    def law(town: list[StateRecord], asked: Asked, limit: int) -> None:
        with table.of(town):
            told = plainly(kind, asked, town)
            assert [(c.record, c.elsewhere, c.elsewhere_since) for c in table.pages(kind, asked, limit)] == told
            assert table.counted(kind, asked) == (len(told), False)

    law()


def test_a_page_goes_on_where_the_last_one_ended_whatever_became_of_the_others(table: Rows, database: Database) -> None:
    """While somebody walks, rows before and behind her come, go and change."""
    kind, asked = BY_NAME["children"], Asked(TODAY, "OR")
    at = datetime(2028, 2, 1, tzinfo=UTC)

    def row(number: int, until: date) -> StateRecord:
        return empty(
            record=f"{number:036d}",
            state="OR",
            state_student_id="S",
            student_id=f"{number:012d}",
            status="open",
            opened_at=at,
            changed_at=at,
            position=number,
            eligible_from=date(2027, 1, 1),
            eligible_until=until,
        )

    town = [row(number, TODAY + timedelta(days=number // 2)) for number in range(10)]
    with table.of(town):
        first = table.pages(kind, asked, 100)[:4]
        after = spot_of(kind, first[-1])
        with database.connect(Role.PROJECTOR) as conn:
            conn.execute("delete from records.records where position in (1, 3, 6)")
            conn.execute("update records.records set status = 'retracted' where position = 0")

        async def rest() -> list[ListedChild]:
            conninfo = database.conninfo(Role.READER)
            async with await psycopg.AsyncConnection.connect(conninfo, autocommit=True) as conn:
                return (await list_rows.page(conn, kind, asked, after=after))[1]

        assert [child.record for child in asyncio.run(rest())] == [town[n].record for n in (4, 5, 7, 8, 9)]
