"""What a disposal checks and deletes, in the transaction that writes it: keys, and all that goes with them.

Invariant: what goes follows from the ``KeyDestroyed`` events of the append alone, so that the log says of everything
that went that it did; and nothing goes unless all is as it was when that was decided (``Expected``).

Locks, in this order: the matcher's tables, the ledger's head, the access log's head, the making of keys. Nobody else
takes two of them and waits, so no two wait for each other. Once they are held nothing is written to either log and no
key is made, so what is read here holds until the commit.
"""

from __future__ import annotations

import uuid
from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any, LiteralString
from zoneinfo import ZoneInfo

import msgspec
import psycopg
from psycopg.rows import tuple_row

from ledger.errors import StaleDecision
from ledger.events.retention import KeyDestroyed
from ledger.retention.schedules import ACCESS, EDUCATION
from ledger.store import hold_guards, match_index, pending
from ledger.store.append import Destroyed, Expected, Part
from ledger.store.standings import Standing
from ledger.store.vault import SUBMISSION

KeyGone = tuple[str, str, str, int]
"""A row of ``ledger.destroyed``: key in hexadecimal digits, subject, class, position."""
Stone = tuple[str, str, str | None, int, str | None]
"""A row of ``ledger.tombstones``: subject, kind, student id that it minted, position, disposal."""


def told_in(parts: Sequence[Part]) -> Sequence[tuple[int, KeyDestroyed]]:
    """What an append of these parts says that goes, each with its place among the append's events."""
    events = [event for part in parts for event in part.events]
    return tuple((place, event) for place, event in enumerate(events) if isinstance(event, KeyDestroyed))


def wait_for_matcher(conn: psycopg.Connection[Any]) -> None:
    """The first lock, before that of the head: a batch of the matcher may take seconds, and nobody is to wait for it
    behind a disposal."""
    conn.execute("select from matching.state for update")


def stop_others(conn: psycopg.Connection[Any]) -> None:
    """The last two locks, once the ledger's head is held."""
    conn.execute("select from access.head for update")
    conn.execute("select pg_advisory_xact_lock('ledger.tombstones'::regclass::oid::bigint)")


def refusal(conn: psycopg.Connection[Any], going: Destroyed, now: datetime) -> StaleDecision | None:
    """What has changed since that was decided; None where all is as it was. now: when it will have been recorded."""
    expected = going.expected
    if expected is None:
        return None
    keys = {subject: frozenset[bytes]() for subject in expected.keys}
    for subject, ids in _rows(conn, _KEYS, list(keys)):
        keys[subject] = frozenset(key_id.bytes for key_id in ids)
    there = frozenset[bytes]().union(*keys.values())
    moved = next(
        (
            what
            for what, is_so in (
                ("A key was made or destroyed", keys == expected.keys and there.issuperset(_ids(going))),
                ("A hold was placed or released", set(hold_guards.not_released(conn)) == expected.holds),
                ("A case was opened or closed", pending.cases_of(conn, expected.records).keys() == expected.cases),
                ("A record was shown", _versions(conn, expected.disclosures) == dict(expected.disclosures)),
                ("A record was shown among others", not _shown_among_others(conn, going, expected)),
                ("The day passed", all(now.astimezone(ZoneInfo(at)).date() == d for at, d in expected.days.items())),
            )
            if not is_so
        ),
        None,
    )
    return None if moved is None else StaleDecision(f"{moved} meanwhile.", remedy="Look at what is there now.")


def write(conn: psycopg.Connection[Any], going: Destroyed, first: int) -> None:
    """Delete the keys and what goes with them, and write the guards that say so. first: position of the append's first
    event. Not in a pipeline: it counts rows."""
    told = [(first + place, event) for place, event in going.told]
    cursor = conn.cursor(binary=True)
    keys = [key for at, event in told for key in keys_told(at, event)]
    stones = [stone for at, event in told for stone in stones_told(at, event)]
    say_gone(conn, keys, stones)
    ids = [uuid.UUID(key_id) for key_id, *_ in keys]
    for query in _SEALED_BY_KEYS:
        cursor.execute(query, (ids,))
    submissions = [event.submission for _, event in told if event.submission is not None]
    for query in _OF_SUBMISSIONS:
        cursor.execute(query, (submissions,))
    cursor.execute("select ledger.destroy_guards(%s::text[])", ([subject for subject, *_ in stones],))
    _forget_accounts(cursor, [subject for subject, kind, *_ in stones if kind == "account"])
    records = [subject for subject, kind, *_ in stones if kind == "record"]
    if records:
        match_index.forget(conn, records)
        match_index.read(conn, records)
    for query in _LAST:
        cursor.execute(query, (told[-1][0],))


def say_gone(
    conn: psycopg.Connection[Any], keys: Sequence[KeyGone], stones: Sequence[Stone], *, again: bool = False
) -> None:
    """Write the guards of what is gone. again: some of them may stand already; else that is an error."""
    cursor = conn.cursor(binary=True)
    cursor.execute(_DESTROYED + _AS_IT_IS * again, _columns(keys, 4))
    cursor.execute(_TOMBSTONES + _AS_IT_IS * again, _columns(stones, 5))


def keys_told(position: int, event: KeyDestroyed) -> list[KeyGone]:
    """The keys that an event says were destroyed."""
    subject = event.record or event.account or event.submission or ""
    record_class = event.record_class or (SUBMISSION if event.submission is not None else "")
    return [(key_id, subject, record_class, position) for key_id in event.key_ids]


def stones_told(position: int, event: KeyDestroyed) -> list[Stone]:
    """Of what nothing is left behind an event."""
    if event.record_class == EDUCATION and event.record is not None:
        record = (event.record, "record", event.student_id, position, event.disposal)
        return [record, *((case, "case", None, position, event.disposal) for case in event.cases)]
    if event.record_class == ACCESS and event.account is not None:
        return [(event.account, "account", None, position, event.disposal)]
    return []


def keys_among(conn: psycopg.Connection[Any], key_ids: Collection[bytes]) -> frozenset[bytes]:
    """Of these keys those that the log says were destroyed."""
    if not key_ids:
        return frozenset()
    query = "select key_id from ledger.destroyed where key_id = any(%s::uuid[])"
    return frozenset(row[0].bytes for row in _rows(conn, query, [uuid.UUID(bytes=key_id) for key_id in key_ids]))


def lost_since(conn: psycopg.Connection[Any], subjects: Collection[str], position: int) -> frozenset[str]:
    """Of these records those of which a key was destroyed after a position."""
    if not subjects:
        return frozenset()
    query = "select subject, position from ledger.destroyed where subject = any(%s)"
    return frozenset(subject for subject, at in _rows(conn, query, list(subjects)) if at > position)


def emptied(account: str) -> Standing:
    """What is left of the guard of an account whose papers are gone: that it was one, so that its address stays
    taken."""
    return Standing(
        account=account,
        email="",
        name="",
        status="deactivated",
        proposed=None,
        roles={},
        families={},
        trained_on=None,
        rules_on=None,
        edition="",
    )


# -- inside


def _ids(going: Destroyed) -> set[bytes]:
    return {bytes.fromhex(key_id) for _, event in going.told for key_id in event.key_ids}


def _forget_accounts(cursor: psycopg.Cursor[Any], accounts: Sequence[str]) -> None:
    if not accounts:
        return
    for query in _OF_ACCOUNTS:
        cursor.execute(query, (accounts,))
    empty = [msgspec.json.encode(emptied(account)).decode() for account in accounts]
    cursor.execute(_EMPTIED, (accounts, empty))


def _shown_among_others(conn: psycopg.Connection[Any], going: Destroyed, expected: Expected) -> bool:
    if expected.shown_upto is None:
        return False
    records = [stream.partition("/")[2] for stream in expected.disclosures]
    return going.any_was_shown(conn, expected.shown_upto, records)


def _versions(conn: psycopg.Connection[Any], streams: Collection[str]) -> dict[str, int]:
    query = "select stream, version from access.heads where stream = any(%s)"
    return dict.fromkeys(streams, 0) | dict(_rows(conn, query, list(streams)))


def _columns(rows: Sequence[tuple[Any, ...]], width: int) -> list[list[Any]]:
    return [[row[column] for row in rows] for column in range(width)]


def _rows(conn: psycopg.Connection[Any], query: LiteralString, values: list[Any]) -> list[Any]:
    return conn.cursor(row_factory=tuple_row).execute(query, (values,)).fetchall()


_KEYS = "select subject, array_agg(key_id) from vault.keys where subject = any(%s) group by subject"
_DESTROYED = (
    "insert into ledger.destroyed (key_id, subject, class, position)"
    " select * from unnest(%s::uuid[], %s::text[], %s::text[], %s::bigint[])"
)
_TOMBSTONES = (
    "insert into ledger.tombstones (subject, kind, minted, position, disposal)"
    " select * from unnest(%s::text[], %s::text[], %s::text[], %s::bigint[], %s::uuid[])"
)
_AS_IT_IS = " on conflict do nothing"
_SEALED_BY_KEYS: tuple[LiteralString, ...] = (
    (
        "delete from ledger.attachment_parts p using ledger.attachments a"
        " where p.attachment = a.attachment and a.key_id = any(%s)"
    ),
    "delete from ledger.attachments where key_id = any(%s)",
    "delete from vault.keys where key_id = any(%s)",
)
_OF_SUBMISSIONS: tuple[LiteralString, ...] = (
    "delete from ledger.responses where submission = any(%s)",
    # One that still waits is told that it waited too long, by whoever has the file.
    "delete from ledger.uploads where submission = any(%s) and status <> 'waiting'",
)
_OF_ACCOUNTS: tuple[LiteralString, ...] = (
    "delete from ledger.credentials where account_id = any(%s::uuid[])",
    "delete from ledger.sessions where account_id = any(%s::uuid[])",
    "delete from ledger.one_time_codes where subject = any(%s::uuid[])",
    "delete from ledger.saved_lists where account_id = any(%s::uuid[])",
)
_EMPTIED = (
    "update ledger.accounts a set status = 'deactivated', standing = n.standing::jsonb, looked_at_on = null"
    " from unnest(%s::uuid[], %s::text[]) as n(account, standing) where a.account_id = n.account"
)
_LAST: tuple[LiteralString, ...] = (
    "update ledger.head set disposals = %s",
    "update access.head set disposals = %s",
)
