"""Whether the guards of retention follow from the events, and whether what must be gone is.

Reads only, all of it in one snapshot. Of an older log, of which nobody has read the guards yet, none is missed
(``ledger.store.retention_guards``): a disposal reads them first. A vault that was restored from before a disposal has
the keys again: the log says that they were destroyed, and so does each certificate that was kept outside
(``ledger.store.certificate_files``), which knows also where the whole database was restored.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, LiteralString

import psycopg
from psycopg.rows import tuple_row

from ledger.events.retention import HoldPlaced, HoldReleased, KeyDestroyed
from ledger.store import disposing, retention_guards
from ledger.store.log import Log

PAGE_STREAMS = 500


def faults(conn: psycopg.Connection[Any], log: Log) -> Iterator[str]:
    """What of the guards is wrong, a sentence each, by ids alone. conn: in autocommit, of a role that reads events.
    Raises LogBroken, UnknownEvent, psycopg.Error."""
    with conn.transaction(), conn.cursor(row_factory=tuple_row) as cursor:
        cursor.execute("set transaction isolation level repeatable read, read only")
        filled = retention_guards.are_filled(conn)
        there = {name: set(cursor.execute(query).fetchall()) for name, query in _GUARDS.items()}
        said: dict[str, set[tuple[Any, ...]]] = {name: set() for name in _GUARDS}
        last = 0
        for one in _events(conn, log):
            event = one.event
            if isinstance(event, KeyDestroyed):
                said["keys"] |= set(disposing.keys_told(one.position, event))
                said["tombstones"] |= set(disposing.stones_told(one.position, event))
                last = max(last, one.position)
            elif isinstance(event, HoldPlaced):
                said["holds"].add((event.hold, False))
            elif isinstance(event, HoldReleased):
                said["holds"] = said["holds"] - {(event.hold, False)} | {(event.hold, True)}
        heads = cursor.execute("select l.disposals, a.disposals from ledger.head l, access.head a").fetchall()
        risen = cursor.execute(_RISEN).fetchall()
        trigger = cursor.execute(_TRIGGER).fetchall()
    for name in _GUARDS:
        missing, surplus = said[name] - there[name], there[name] - said[name]
        if not filled and name in _FILLED:
            missing = set()
        if missing or surplus:
            first = min(str(row[0]) for row in missing or surplus)
            yield f"{len(missing)} {name} are missing and {len(surplus)} are too many, beginning with {first}."
    if filled and any(told < last for row in heads for told in row):
        yield "A log's head does not tell of the last disposal."
    yield from (f"{kind.capitalize()} {subject} was destroyed, and keys are there for it." for subject, kind in risen)
    if trigger != [(True,)]:
        yield "The trigger that keeps keys from being made for what is gone does not stand."


def notes(conn: psycopg.Connection[Any]) -> Iterator[tuple[str, str]]:
    """What is no fault, and what becomes of it."""
    if not retention_guards.are_filled(conn):
        what = "What is gone, and what open cases keep from going, was not read from this older log yet."
        yield what, "`sojourn serve` reads it when it starts, and so does whoever looks at what is due."


def brought_back(conn: psycopg.Connection[Any], certified: Mapping[bytes, str]) -> Iterator[tuple[str, str]]:
    """Keys that stand in the vault and must not: what is wrong, and its remedy. certified: ids, 16 bytes, of keys that
    went by certificates kept outside, to the disposal."""
    with conn.cursor(row_factory=tuple_row) as cursor:
        ((back, first),) = cursor.execute(_BACK).fetchall()
        ids = [key_id.hex() for key_id in certified]
        outside = cursor.execute(_OUTSIDE, (ids,)).fetchall()
    if back:
        what = f"{back} keys are in the vault of which the log says that they were destroyed (position {first} on)."
        yield f"{what} The vault was restored from before that.", "Run `sojourn retention dispose --again`."
    if disposals := sorted({certified[key_id.bytes] for (key_id,) in outside}):
        what = f"{len(outside)} keys are in the vault that went by certificates kept here: {', '.join(disposals[:5])}."
        remedy = "Propose what these certificates list, and have it approved anew: this log does not know that it went."
        yield f"{what} The database was restored from before that.", remedy


def _events(conn: psycopg.Connection[Any], log: Log) -> Iterator[Any]:
    with conn.cursor(row_factory=tuple_row) as cursor:
        streams = [row[0] for row in cursor.execute(_STREAMS).fetchall()]
    for start in range(0, len(streams), PAGE_STREAMS):
        yield from log.open(conn, log.reader.events_of(conn, streams[start : start + PAGE_STREAMS]))


_STREAMS: LiteralString = "select stream from ledger.heads where stream like 'retention/%' order by position"
_GUARDS: dict[str, LiteralString] = {
    "keys": "select replace(key_id::text, '-', ''), subject, class, position from ledger.destroyed",
    "tombstones": "select subject, kind, minted, position, disposal::text from ledger.tombstones",
    "holds": "select hold::text, released from ledger.holds",
}
_FILLED = ("keys", "tombstones")
"""Those that are read from an older log."""
_BACK: LiteralString = "select count(*), min(d.position) from vault.keys k join ledger.destroyed d using (key_id)"
_OUTSIDE: LiteralString = (
    "select key_id from vault.keys where key_id = any(%s::uuid[])"
    " and not exists (select from ledger.destroyed d where d.key_id = keys.key_id)"
)
_RISEN: LiteralString = (
    "select distinct t.subject, t.kind from vault.keys k join ledger.tombstones t using (subject)"
    " where not exists (select from ledger.destroyed d where d.key_id = k.key_id) order by 1 limit 5"
)
_TRIGGER: LiteralString = (
    "select tgenabled in ('O', 'A') from pg_trigger"
    " where tgrelid = 'vault.keys'::regclass and tgname = 'nothing_is_gone'"
)
