"""How many rows of read models stand for some records or accounts: what a disposal takes from them, counted beforehand.

The one invariant: a table is looked at by the column that names whose a row is, and by nothing else; so a read model
that is added tomorrow is counted with the others.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import Any, Final, Literal, NamedTuple

import psycopg
from psycopg import sql
from psycopg.rows import tuple_row

from projections.projection import Projection


class _Named(NamedTuple):
    """A table, and its column that names whose a row is."""

    schema: str
    table: str
    column: str
    type: str


def rows_about(
    conn: psycopg.Connection[Any],
    projections: Iterable[Projection],
    kind: Literal["record", "account"],
    subjects: Collection[str],
) -> Mapping[str, int]:
    """Read model to how many of its rows name one of these, by uuid; those without any are left out. Raises
    psycopg.Error."""
    tables = _tables(conn, [projection.name for projection in projections], kind)
    if not tables:
        return {}
    parts = [
        sql.SQL("select {}::text, count(*) from {} where {} = any({}::{})").format(
            sql.Literal(one.schema),
            sql.Identifier(one.schema, one.table),
            sql.Identifier(one.column),
            sql.Placeholder("streams" if one.column == _STREAM else "subjects"),
            sql.SQL("uuid[]" if one.type == "uuid" else "text[]"),
        )
        for one in tables
    ]
    told = {"subjects": list(subjects), "streams": [f"{kind}/{subject}" for subject in subjects]}
    found: dict[str, int] = {}
    for name, count in conn.cursor(row_factory=tuple_row).execute(sql.SQL(" union all ").join(parts), told):
        if count:
            found[name] = found.get(name, 0) + count
    return dict(sorted(found.items()))


def _tables(conn: psycopg.Connection[Any], schemas: list[str], kind: str) -> list[_Named]:
    """One column of each: where a row has both it is the subject's stream that it was made of."""
    rows = conn.cursor(row_factory=tuple_row).execute(_TABLES, {"schemas": schemas, "columns": [_STREAM, kind]})
    named = {(one.schema, one.table): one for one in sorted(_Named(*row) for row in rows)}
    return list(named.values())


_STREAM: Final = "stream"
_TABLES: Final = """
    select n.nspname::text, c.relname::text, a.attname::text, t.typname::text
      from pg_catalog.pg_class c join pg_catalog.pg_namespace n on n.oid = c.relnamespace
      join pg_catalog.pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
      join pg_catalog.pg_type t on t.oid = a.atttypid
     where c.relkind = 'r' and n.nspname = any(%(schemas)s) and a.attname = any(%(columns)s)
       and t.typname in ('text', 'uuid')
"""
