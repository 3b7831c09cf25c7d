"""Two copies of a read model side by side: whether they hold the same, and if not, which rows differ in which columns.

The one invariant: nothing that a row says is told. A difference is told by the row's key, where the column is one
of ids that were minted here, of positions, codes or days; by the names of the columns; and by counts. So a report may
stand in a terminal or a log.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Any, Final, LiteralString

import msgspec
import psycopg
from psycopg import sql
from psycopg.rows import tuple_row

from projections.projection import Digest, Projection, hashed

FIRST_MAX: Final = 20
"""Rows of one table that are told one by one."""
WITHHELD: Final = "(not told)"
"""In the place of a part of a key that may be a word of somebody."""


class DifferingRow(msgspec.Struct, frozen=True):
    """key: column to value, or ``WITHHELD``. there: ``both``, ``before`` or ``now``: in which copies the row is.
    columns: that differ, where it is in both."""

    key: dict[str, str]
    there: str
    columns: list[str] = []


class DifferingTable(msgspec.Struct, frozen=True, kw_only=True):
    """changed: rows in both copies that differ. gone, new: only in the one before, only in the one now. columns: how
    many rows differ in each. first: ``FIRST_MAX`` rows at most, in the order of their keys."""

    table: str
    changed: int
    gone: int
    new: int
    columns: dict[str, int]
    first: list[DifferingRow]


class Compared(msgspec.Struct, frozen=True, kw_only=True):
    """before: of the tables that were replaced; now: of those that were made; both at one position. tables: that
    differ; none where the digests are the same."""

    before: Digest
    now: Digest
    tables: list[DifferingTable] = []

    @property
    def same(self) -> bool:
        return self.before == self.now


def compare(conn: psycopg.Connection[Any], projection: Projection, before: str, now: str, position: int) -> Compared:
    """Compare the tables of two schemas. conn: in a transaction whose one snapshot sees both at the position."""
    with conn.cursor(row_factory=tuple_row) as cursor:
        digests = [Digest(position, hashed(cursor, projection, schema)) for schema in (before, now)]
        tables: list[DifferingTable] = []
        if digests[0] != digests[1]:
            for table, key in projection.keys.items():
                if (differing := _differing(cursor, table, _columns_of(key), before, now)) is not None:
                    tables.append(differing)
    return Compared(before=digests[0], now=digests[1], tables=tables)


def in_lines(compared: Compared) -> list[str]:
    """A difference for people to read, a line for each table and each row."""
    lines: list[str] = []
    for table in compared.tables:
        lines.append(
            f"table {table.table}: {table.changed:,} rows differ, {table.gone:,} were there and are not now,"
            f" {table.new:,} are new"
        )
        lines += [f"  column {name}: in {count:,} rows" for name, count in table.columns.items()]
        for row in table.first:
            key = ", ".join(f"{name} {value}" for name, value in row.key.items())
            said = {"both": f"differs in {', '.join(row.columns)}", "before": "is not there now", "now": "is new"}
            lines.append(f"  {key}: {said[row.there]}")
        told, all_ = len(table.first), table.changed + table.gone + table.new
        if told < all_:
            lines.append(f"  and {all_ - told:,} more")
    if not compared.tables and not compared.same:
        lines.append("no row differs in a value: the tables are made otherwise, or hold equal values in other bytes")
    return lines


# -- inside


def _differing(
    cursor: psycopg.Cursor[Any], table: str, key: Sequence[str], before: str, now: str
) -> DifferingTable | None:
    names = _names(cursor, table, before, now)
    rest = [name for name in names if name not in key]
    parts = {
        "before": sql.Identifier(before, table),
        "now": sql.Identifier(now, table),
        "using": sql.SQL(", ").join(map(sql.Identifier, key)),
        "first": sql.Identifier(key[0]),
        "columns": sql.SQL(", ").join(sql.SQL(_COLUMN).format(sql.Literal(n), sql.Identifier(n)) for n in rest),
        "differ": sql.SQL(" or ").join([sql.SQL("false"), *(sql.SQL(_DIFFER).format(sql.Identifier(n)) for n in rest)]),
        "limit": sql.Literal(FIRST_MAX),
    }
    counts = cursor.execute(sql.SQL(_COUNTS).format(**parts)).fetchone()
    assert counts is not None, "counts are a row"
    changed, gone, new = counts
    if not changed and not gone and not new:
        return None
    columns = dict(cursor.execute(sql.SQL(_BY_COLUMN).format(**parts)).fetchall())
    rows = cursor.execute(sql.SQL(_FIRST).format(**parts)).fetchall()
    first = [
        DifferingRow(
            {name: _told(name, value) for name, value in zip(key, values, strict=True)},
            there,
            columns if there == "both" else [],
        )
        for there, columns, *values in rows
    ]
    return DifferingTable(table=table, changed=changed, gone=gone, new=new, columns=columns, first=first)


def _names(cursor: psycopg.Cursor[Any], table: str, before: str, now: str) -> list[str]:
    """Columns that both copies have. Asked of the tables: the catalogue is seen as it was before the swap."""
    found: list[list[str]] = []
    for schema in (before, now):
        cursor.execute(sql.SQL("select * from {} limit 0").format(sql.Identifier(schema, table)))
        found.append([column.name for column in cursor.description or ()])
    return [name for name in found[0] if name in found[1]]


def _columns_of(key: str) -> list[str]:
    return [name.strip() for name in key.split(",")]


def _told(column: str, value: object) -> str:
    if isinstance(value, int | date | datetime):
        return str(value)
    form = _FORMS.get(column)
    return str(value) if form is not None and re.fullmatch(form, str(value), re.ASCII) else WITHHELD


_UUID: Final = r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"
_STUDENT: Final = r"[0-9]{12}"
_FORMS: Final[Mapping[str, str]] = {
    **dict.fromkeys(("record", "case_id", "application", "attachment", "account"), _UUID),
    **dict.fromkeys(("student_id", "minted"), _STUDENT),
    "child": rf"{_UUID}|{_STUDENT}",
    "stream": rf"(?:record|case)/{_UUID}|linkage/{_STUDENT}",
    "state": r"[A-Z]{2}",
}
"""Columns of what was minted here, or of a state's code, to the form of it: it says nothing of a child by itself. By
the column, since a state's own id for a child may look like an id of here."""
_COLUMN: LiteralString = "case when o.{1} is distinct from n.{1} then {0} end"
_DIFFER: LiteralString = "o.{0} is distinct from n.{0}"
_BOTH: LiteralString = "{before} o full join {now} n using ({using})"
_COUNTS: LiteralString = (
    "select count(*) filter (where o.{first} is not null and n.{first} is not null and ({differ})),"
    " count(*) filter (where n.{first} is null), count(*) filter (where o.{first} is null)"
    f" from {_BOTH}"
)
_LISTED: LiteralString = "array_remove(array[{columns}]::text[], null)"
_BY_COLUMN: LiteralString = (
    f"select name, count(*) from (select unnest({_LISTED}) as name from {_BOTH}"
    " where o.{first} is not null and n.{first} is not null) d group by name order by name"
)
_FIRST: LiteralString = (
    "select case when n.{first} is null then 'before' when o.{first} is null then 'now' else 'both' end,"
    f" {_LISTED}, {{using}} from {_BOTH}"
    " where n.{first} is null or o.{first} is null or ({differ}) order by {using} limit {limit}"
)
