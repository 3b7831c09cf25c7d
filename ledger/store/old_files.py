"""Stray files: copies of a table's rows that no table owns. PostgreSQL leaves one where it is killed while it rewrites
a table, and never looks at it again.

Invariant: a file is called stray only if no table has it, and it was there, as it is, before we began to look.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any, Final

import psycopg
from psycopg import errors as pg
from psycopg.rows import tuple_row


def stray_files(admin: psycopg.Connection[Any], before: datetime) -> Iterator[tuple[str, str, str]]:
    """What there is, why, and the remedy. before: by the server's clock; nobody who had begun a table by then is still
    at it. admin: a superuser, or who may list files."""
    try:
        found = admin.cursor(row_factory=tuple_row).execute(_STRAY, {"before": before}).fetchall()
    except pg.InsufficientPrivilege:
        yield (
            "stray files",
            "The user of SOJOURN_DATABASE_URL may not list the database's files.",
            "Run this as a superuser, or grant it pg_read_server_files and execute on pg_ls_dir and pg_stat_file.",
        )
        return
    for (path,) in found:
        yield (
            path,
            "No table has this file: PostgreSQL was killed while it rewrote one.",
            "Stop PostgreSQL, delete the file from its data folder, and start it again.",
        )


# The database's own tablespace only: tables are made there, and Sojourn makes none elsewhere. A number behind a dot is
# a further part of a file, one behind an underscore its map.
_STRAY: Final = """
    with folder as (
        select 'base/' || oid as path from pg_catalog.pg_database where datname = pg_catalog.current_database()
    ), files as (
        select path || '/' || name as path, (pg_catalog.regexp_match(name, '^\\d+'))[1]::oid as node
          from folder, pg_catalog.pg_ls_dir(path) name where name ~ '^\\d+(\\.\\d+)?$'
    )
    select f.path from files f, pg_catalog.pg_stat_file(f.path, true) s
     where pg_catalog.pg_filenode_relation(0, f.node) is null and s.size > 0 and s.modification < %(before)s
     order by f.path
"""
