"""Whether the guards of accounts follow from their events: who may sign in as what, and whose each address is.

Reads only, all of it in one snapshot. Of one whose key was destroyed nothing is known any more but that it was.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, LiteralString

import msgspec
import psycopg
from psycopg.rows import tuple_row

from ledger import accounts
from ledger.events import Erased, Recorded
from ledger.store import standings
from ledger.store.disposing import emptied
from ledger.store.log import Log
from ledger.store.standings import Standing

PAGE_STREAMS = 500


def faults(conn: psycopg.Connection[Any], log: Log) -> Iterator[str]:
    """What is wrong, a sentence each, by no more than an account's id. conn: in autocommit, of a role that reads
    events. Raises LogBroken, UnknownEvent, psycopg.Error."""
    with conn.transaction(), conn.cursor(row_factory=tuple_row) as cursor:
        cursor.execute("set transaction isolation level repeatable read, read only")
        guards: dict[str, tuple[Any, ...]] = {str(row[0]): row[1:] for row in cursor.execute(_ACCOUNTS).fetchall()}
        linked: dict[str, set[bytes]] = {}
        for account, identity in cursor.execute(_IDENTITIES).fetchall():
            linked.setdefault(str(account), set()).add(bytes(identity))
        said = dict(_streams(conn, log, "account/%"))
        gone = {row[0] for row in cursor.execute(_GONE).fetchall()}
        key = standings.hash_key(conn, log.vault) if guards else b""
    for account in sorted({*guards, *said}):
        guard, events = guards.get(account), [one.event for one in said.get(account, ())]
        identities = linked.pop(account, set())
        if guard is None:
            yield f"Account {account} has no guard row."
        elif any(isinstance(event, Erased) for event in events):
            if account in gone and (guard[0], _decoded(guard[1]), identities) != _left_of(account):
                yield f"Account {account} was destroyed, and its guard row says more than that it was one."
        elif not events:
            yield f"Account {account} has a guard row and no events."
        else:
            known = accounts.fold(events)
            stands = standings.stands(account, known, lambda *parts: standings.hash_of(key, *parts))
            status, standing, email_hash, looked_at_on = guard
            if (status, looked_at_on) != (known.status, stands.looked_at_on) or _decoded(standing) != stands.standing:
                yield f"The guard row of account {account} does not follow from its events."
            if bytes(email_hash) != stands.email_hash:
                yield f"The guard row of account {account} is of another address than its events."
            if identities != set(stands.identities):
                yield f"Account {account} has other identities than its events say."
    yield from (f"An identity is linked to account {account}, which is not there." for account in sorted(linked))


def _streams(conn: psycopg.Connection[Any], log: Log, like: LiteralString) -> Iterator[tuple[str, list[Recorded]]]:
    with conn.cursor(row_factory=tuple_row) as cursor:
        streams = [row[0] for row in cursor.execute(_STREAMS, (like,)).fetchall()]
    for start in range(0, len(streams), PAGE_STREAMS):
        page: dict[str, list[Recorded]] = {}
        for recorded in log.open(conn, log.reader.events_of(conn, streams[start : start + PAGE_STREAMS])):
            page.setdefault(recorded.stream.partition("/")[2], []).append(recorded)
        yield from page.items()


def _left_of(account: str) -> tuple[str, Standing, set[bytes]]:
    empty = emptied(account)
    return empty.status, empty, set()


def _decoded(standing: str) -> Standing | None:
    """None where it is none: somebody else wrote it."""
    try:
        return standings.decode(standing)
    except msgspec.MsgspecError:
        return None


_STREAMS = "select stream from ledger.heads where stream like %s order by position"
_ACCOUNTS = "select account_id, status, standing::text, email_hash, looked_at_on from ledger.accounts"
_GONE = "select subject from ledger.tombstones where kind = 'account'"
_IDENTITIES = "select account_id, identity_hash from ledger.identities"
