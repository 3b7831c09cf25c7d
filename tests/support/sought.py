"""What must be gone, looked for by a superuser in every row that SQL can read, and in the bytes of every file.

Shares nothing with the product but the address of its embedded server.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import LiteralString

import psycopg
from psycopg import sql

from ledger.store.embedded import EmbeddedServer

_RELATIONS: LiteralString = """
select n.nspname, c.relname, c.relkind::text
from pg_catalog.pg_class c join pg_catalog.pg_namespace n on n.oid = c.relnamespace
where c.relkind in ('r', 'm', 'v') and n.nspname <> 'information_schema'
  and c.relname <> 'pg_backend_memory_contexts'  -- it holds what is looked for, since it is looked for
order by 1, 2
"""
_FOUND: LiteralString = """
select m[1], count(*) from {}.{} as t cross join lateral regexp_matches(lower(t::text), %(words)s, 'g') m group by 1
"""


def forms(word: str) -> set[str]:
    """A word in small letters as it may stand in a row: as it is, and without accents."""
    low = word.lower()
    bare = "".join(one for one in unicodedata.normalize("NFKD", low) if not unicodedata.combining(one))
    return {low, bare}


def tables_with(data: Path, words: Sequence[str], *, count: bool = False) -> list[str]:
    """Relations of a data folder's database, the catalogue's too, in which a word stands, as text or as bytes, in
    whatever case, each with the word; with ``count`` also how often."""
    wanted = {form for word in words for form in forms(word)}
    every = {re.escape(one) for one in wanted} | {one.encode().hex() for one in wanted}
    every |= {variant.encode().hex() for one in words for variant in (one, one.upper(), one.title())}
    found: list[str] = []
    conninfo = EmbeddedServer(data).conninfo("sojourn")
    with psycopg.connect(conninfo, autocommit=True) as superuser:
        for schema, name, kind in superuser.execute(_RELATIONS).fetchall():
            query = sql.SQL(_FOUND).format(sql.Identifier(schema), sql.Identifier(name))
            try:
                rows = superuser.execute(query, {"words": f"({'|'.join(sorted(every))})"}).fetchall()
            except psycopg.Error:
                if kind != "v":
                    raise
                continue  # a view of something that this server does not have
            found += [f"{schema}.{name}: {word}" + (f" x{times}" if count else "") for word, times in rows]
    return found


def everywhere(folder: Path, words: Iterable[str]) -> list[str]:
    """Files below a folder in whose bytes a word stands: as it was sent, in small letters, in capitals, without
    accents, or in UTF-16; each with the word."""
    wanted: dict[bytes, str] = {}
    for word in words:
        for form in {word, word.lower(), word.upper(), *forms(word), *(one.upper() for one in forms(word))}:
            wanted[form.encode()] = wanted[form.encode("utf-16-le")] = word
    pattern = re.compile(b"|".join(re.escape(one) for one in sorted(wanted, key=len, reverse=True)))
    found: list[str] = []
    for path in sorted(folder.rglob("*")):
        if not path.is_file() or path.is_symlink():
            continue
        try:
            content = path.read_bytes()
        except FileNotFoundError:
            continue  # of a server at work
        hits = {wanted[one] for one in pattern.findall(content)}
        found += [f"{path.relative_to(folder)}: {word}" for word in sorted(hits)]
    return found
