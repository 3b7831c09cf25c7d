"""Words looked for in every row that SQL can read, as a superuser, and in files: what must be gone is found by its
bytes."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import LiteralString

from psycopg import sql

from ledger.store.database import Database


def found_in_tables(database: Database, words: Iterable[str]) -> list[str]:
    """Tables, pg_catalog's among them, in a row of which one of these words stands, as text, as bytes, or in small
    letters; each with the first such row's first word."""
    wanted = sorted({word.lower() for word in words})
    found: list[str] = []
    if not wanted:
        return found
    patterns = [f"%{form}%" for word in wanted for form in (word, word.encode().hex())]
    with database.connect() as conn:
        for schema, table in conn.execute(_TABLES).fetchall():
            query = sql.SQL(_HOLDS).format(sql.Identifier(schema), sql.Identifier(table))
            row = conn.execute(query, (patterns,)).fetchone()
            if row is not None:
                which = next(word for word in wanted if word in row[0] or word.encode().hex() in row[0])
                found.append(f"{schema}.{table}: {which}")
    return found


def found_in_files(folder: Path, words: Iterable[str], *, but: Iterable[str] = ()) -> list[str]:
    """Files below a folder that hold one of these words, as it is or in small letters. but: names of folders in it
    that are left out."""
    wanted = {form.encode() for word in words for form in (word, word.lower())}
    left_out = {folder / name for name in but}
    found: list[str] = []
    for path in sorted(folder.rglob("*")):
        if not left_out.isdisjoint(path.parents):
            continue
        # The server makes and takes away files while it runs.
        with suppress(FileNotFoundError, IsADirectoryError):
            if path.is_file() and any(word in path.read_bytes() for word in wanted):
                found.append(str(path.relative_to(folder)))
    return found


_TABLES: LiteralString = """
select n.nspname, c.relname from pg_catalog.pg_class c join pg_catalog.pg_namespace n on n.oid = c.relnamespace
where c.relkind in ('r', 'm') and n.nspname <> 'information_schema' and n.nspname not like 'pg_toast%'
order by 1, 2
"""
_HOLDS: LiteralString = "select lower(t::text) from {}.{} as t where lower(t::text) like any(%s) limit 1"
"""A row as text has its bytes as hexadecimal digits."""
