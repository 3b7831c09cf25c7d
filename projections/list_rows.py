"""The daily lists, read from ``records``: a page of one, and how many there are.

The one invariant: a student stands in a list once, by a record of the state that is asked for: of several that fit,
the one with the lowest uuid. A page goes on behind the row with which the last one ended, so a child who fits all the
while, and whose date does not change, is shown once, whatever becomes of the others.

An open record of another state takes nobody off a list (V13): it is told beside the row. Only who was withdrawn here,
and is told to have been enrolled anywhere since, has left.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from typing import Any, Final, LiteralString, NamedTuple, cast

import psycopg

from projections import as_of
from projections.as_of import AsOf
from projections.lists import LISTS, Asked, DailyList, ListedChild, Spot

Statements = Mapping[tuple[str, bool], LiteralString]
"""Name of a list, and whether it is of some districts alone, to what is asked."""
COUNTED_MAX: Final = 10_000
"""Up to which a list is counted."""


class Counted(NamedTuple):
    """children: in the list, ``COUNTED_MAX`` at most; more: there are others."""

    children: int
    more: bool


async def page(
    conn: psycopg.AsyncConnection[Any], kind: DailyList, asked: Asked, *, after: Spot | None = None, limit: int = 100
) -> tuple[AsOf, list[ListedChild]]:
    """What is reflected, and a page of a list. after: behind which row. conn: in autocommit.

    Raises StoreUnavailable.
    """
    found = _PAGES[kind.name, asked.districts is not None]
    reflected, rows = await as_of.ask(conn, found, _parameters(kind, asked, after, limit))
    return reflected, [ListedChild(*row) for row in rows]


async def count(conn: psycopg.AsyncConnection[Any], kind: DailyList, asked: Asked) -> tuple[AsOf, Counted]:
    """What is reflected, and how many are in a list. conn: in autocommit. Raises StoreUnavailable."""
    found = _COUNTS[kind.name, asked.districts is not None]
    reflected, [(children,)] = await as_of.ask(conn, found, _parameters(kind, asked, None, COUNTED_MAX + 1))
    return reflected, Counted(min(children, COUNTED_MAX), children > COUNTED_MAX)


# -- inside


def _parameters(kind: DailyList, asked: Asked, after: Spot | None, limit: int) -> Mapping[str, Any]:
    return {
        "day": asked.day,
        "state": asked.state,
        "districts": None if asked.districts is None else list(asked.districts),
        "school": asked.school,
        "grade": asked.grade,
        "until": asked.day + timedelta(days=asked.days),
        "since": asked.since or _EVER,
        "key": _BEFORE_ALL[kind.order, kind.descending] if after is None else after.key,
        "record": ("~" if kind.descending else "") if after is None else after.record,
        "limit": limit,
    }


_EVER: Final = datetime(1, 1, 2, tzinfo=UTC)
_BEFORE_ALL: Final[Mapping[tuple[str, bool], date | datetime]] = {
    ("eligible_until", False): date.min,
    ("unenrolled_since", False): date.min,
    ("opened_at", True): datetime(9999, 12, 30, tzinfo=UTC),
}
"""Where a list begins."""


def _eligible(r: LiteralString) -> LiteralString:
    return f"{r}.status = 'open' and {r}.eligible_until >= %(day)s and {r}.eligible_from <= %(day)s"


def _here(r: LiteralString) -> LiteralString:
    """Eligible, and not told to have been enrolled anywhere after she was withdrawn."""
    return (
        f"{_eligible(r)} and ({r}.withdrawal_date is null or not exists ("
        f"select from records.records s where s.student_id = {r}.student_id and s.record <> {r}.record"
        f" and s.status = 'open' and s.enrolled_on > {r}.withdrawal_date))"
    )


def _fits(name: str, r: LiteralString, *, districts: bool) -> LiteralString:
    """Who is in a list. r: name of the row.

    Nothing is known to the planner of columns with personal data, so it is not given the choice: of districts, an index
    of the few who are flagged in the whole state is none that fits what is asked.
    """
    told: Mapping[str, LiteralString] = {
        "children": _here(r),
        "ending": f"{_here(r)} and {r}.eligible_until <= %(until)s",
        "priority": f"{_here(r)} and "
        + (f"coalesce({r}.priority_for_services, false)" if districts else f"{r}.priority_for_services"),
        "out-of-school": f"{_here(r)} and "
        + (f"coalesce({r}.grade_level, '') = '00'" if districts else f"{r}.grade_level = '00'"),
        "new": f"{r}.status = 'open' and {r}.opened_at >= %(since)s",
        "not-enrolled": (
            f"{_eligible(r)} and {r}.unenrolled_since <= %(day)s and not exists ("
            f"select from records.records s where s.student_id = {r}.student_id and s.record <> {r}.record"
            f" and s.state = {r}.state and s.status = 'open' and (s.enrolled_on >= {r}.unenrolled_since"
            " or (s.withdrawal_date is null and s.enrolled_on = s.enrollment_date"
            f" and s.attended_district = {r}.unenrolled_district)))"
        ),
    }
    return (
        f"{r}.state = %(state)s and {told[name]}"
        f" and (%(school)s::text is null or {r}.school_identification_code = %(school)s)"
        f" and (%(grade)s::text is null or {r}.grade_level = %(grade)s)"
    )


def _placed(name: str, r: LiteralString) -> LiteralString:
    """Who is in one of the districts."""
    if name == "not-enrolled":
        return f"{r}.unenrolled_district = any(%(districts)s)"
    return f"({r}.attended_district = any(%(districts)s) or {r}.district_of_residence = any(%(districts)s))"


_OF_OTHERS: Final = ("elsewhere", "elsewhere_since", "elsewhere_record")
_COLUMNS: Final = cast(
    "LiteralString", ", ".join(f"r.{name}" for name in ListedChild._fields if name not in _OF_OTHERS)
)


def _arm(
    kind: DailyList, columns: LiteralString, where: LiteralString, *, districts: bool, ordered: bool
) -> LiteralString:
    """The rows of a list that fit ``where``. Not where another record of the student is in the list already."""
    once = _placed(kind.name, "o") if districts else "true"
    way, beyond = ("desc", "<") if kind.descending else ("asc", ">")
    return (
        f"select {columns} from records.records r where {_fits(kind.name, 'r', districts=districts)} and {where}"
        " and not exists (select from records.records o where o.student_id = r.student_id and o.record < r.record"
        f" and {_fits(kind.name, 'o', districts=districts)} and {once})"
        f" and (r.{kind.order}, r.record) {beyond} (%(key)s, %(record)s)"
        + (f" order by r.{kind.order} {way}, r.record {way}" if ordered else "")
        + " limit %(limit)s"
    )


def _rows(kind: DailyList, columns: LiteralString, *, districts: bool, ordered: bool) -> LiteralString:
    """The statement that reads a list.

    Of districts each has its own turn through the index in the order of the list, as many rows as are wanted at most:
    first who goes to school there, then who lives there and goes to school in none of them.
    """
    if not districts:
        return _arm(kind, columns, "true", districts=False, ordered=ordered)
    if kind.name == "not-enrolled":
        return _arm(kind, columns, _placed(kind.name, "r"), districts=True, ordered=ordered)
    attending = _arm(kind, columns, "r.attended_district = d.id", districts=True, ordered=ordered)
    lives: LiteralString = (
        "r.district_of_residence = d.id and r.district_of_residence is distinct from r.attended_district"
        " and (r.attended_district is null or r.attended_district <> all(%(districts)s))"
    )
    living = _arm(kind, columns, lives, districts=True, ordered=ordered)
    way = "desc" if kind.descending else "asc"
    return (
        "select r.* from (select distinct unnest(%(districts)s::text[]) as id) d"
        f" cross join lateral (({attending}) union all ({living})) r"
        + (f" order by r.{kind.order} {way}, r.record {way}" if ordered else "")
        + " limit %(limit)s"
    )


def _page(kind: DailyList, *, districts: bool) -> LiteralString:
    """A page, each row with where else the child is told to be."""
    way = "desc" if kind.descending else "asc"
    rows = _rows(kind, _COLUMNS, districts=districts, ordered=True)
    return as_of.query(
        "records",
        "records",
        "select f.*, e.state as elsewhere, e.enrolled_on as elsewhere_since, e.record as elsewhere_record"
        f" from ({rows}) f left join lateral ("
        "select o.state, o.enrolled_on, o.record from records.records o where o.student_id = f.student_id"
        " and o.state <> %(state)s and o.status = 'open' and o.withdrawal_date is null"
        " and o.enrolled_on = o.enrollment_date and o.enrolled_on >= coalesce(f.enrollment_date, o.enrolled_on)"
        " order by o.enrolled_on desc, o.record limit 1) e on true",
        f" order by found.{kind.order} {way}, found.record {way}",
    )


def _count(kind: DailyList, *, districts: bool) -> LiteralString:
    rows = _rows(kind, "r.record", districts=districts, ordered=False)
    return as_of.query("records", "records", f"select count(*) from ({rows}) f")


_PAGES: Final[Statements] = {
    (kind.name, within): _page(kind, districts=within) for kind in LISTS for within in (False, True)
}
_COUNTS: Final[Statements] = {
    (kind.name, within): _count(kind, districts=within) for kind in LISTS for within in (False, True)
}
