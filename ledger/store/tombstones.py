"""What stands where something was: which records, accounts and cases are gone, and which keys. Ids alone."""

from __future__ import annotations

import uuid
from collections.abc import Collection, Iterator, Sequence
from typing import Any, NamedTuple

import psycopg
from psycopg.rows import tuple_row

from ledger.store.vault import SUBMISSION, Subject


class Buried(NamedTuple):
    """A record that was destroyed whole. student_id: that it minted. position: of the event that says so, which tells
    day and schedule (``ledger.retention.tombstone``). disposal: uuid, whose certificate proves it."""

    record: str
    student_id: str
    position: int
    disposal: str


def of_student(conn: psycopg.Connection[Any], student_id: str) -> list[Buried]:
    """The record that minted an id, where it is gone; else nothing."""
    return [_buried(row) for row in _rows(conn, f"{_BURIED} and minted = %s", student_id)]


def of_records(conn: psycopg.Connection[Any], records: Collection[str]) -> dict[str, Buried]:
    """Of these records those that are gone."""
    found = [_buried(row) for row in _rows(conn, f"{_BURIED} and subject = any(%s)", list(records))]
    return {one.record: one for one in found}


def records_after(conn: psycopg.Connection[Any], position: int, limit: int) -> list[Buried]:
    """Records that went after a position, in the order of their going."""
    query = f"{_BURIED} and position > %s order by position limit {int(limit)}"
    return [_buried(row) for row in _rows(conn, query, position)]


def of_accounts(conn: psycopg.Connection[Any], accounts: Collection[str]) -> dict[str, int]:
    """Of these accounts those that are gone, with the position of the event that says so."""
    query = "select subject, position from ledger.tombstones where kind = 'account' and subject = any(%s)"
    return dict(_rows(conn, query, list(accounts)))


def with_key(conn: psycopg.Connection[Any], subjects: Sequence[Subject]) -> set[Subject]:
    """Of these subjects, each with a class, those whose key is there still."""
    query = "select subject, class from vault.keys where subject = any(%s)"
    return set(_rows(conn, query, [subject for subject, _ in subjects])).intersection(subjects)


def last(conn: psycopg.Connection[Any]) -> int:
    """The position by which a record or an account lost something last; 0 where none did."""
    return _rows(conn, "select coalesce(max(position), 0) from ledger.destroyed where class <> %s", SUBMISSION)[0][0]


def versions(conn: psycopg.Connection[Any], subjects: Collection[str]) -> dict[str, int]:
    """Of these records and accounts the streams that say what of them was destroyed, with their versions."""
    streams = [f"retention/{subject}" for subject in subjects]
    found = _rows(conn, "select stream, version from ledger.heads where stream = any(%s)", streams)
    return dict.fromkeys(streams, 0) | dict(found)


def keys_gone(conn: psycopg.Connection[Any]) -> Iterator[bytes]:
    """Ids, 16 bytes, of every key that the log says was destroyed, in the order of its going."""
    for (key_id,) in _rows(conn, "select key_id from ledger.destroyed where %s order by position, key_id", True):
        assert isinstance(key_id, uuid.UUID)
        yield key_id.bytes


# -- inside


def _buried(row: tuple[Any, ...]) -> Buried:
    record, student_id, position, disposal = row
    return Buried(record, student_id, position, str(disposal))


def _rows(conn: psycopg.Connection[Any], query: Any, value: object) -> list[Any]:
    return conn.cursor(row_factory=tuple_row).execute(query, (value,)).fetchall()


_BURIED = "select subject, minted, position, disposal from ledger.tombstones where kind = 'record'"
