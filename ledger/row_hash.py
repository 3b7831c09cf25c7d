"""What the guard remembers of a record's rows, so that an unchanged row is known without opening the record.

Per live row one packed entry of fact id, Record ID and a keyed hash of the row. Promises that ``all_unchanged`` says
yes only where placing the rows would append nothing and refuse nothing. Holds no personal data in clear, and without
the key nobody can test from outside whether a record holds a given row.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable
from functools import lru_cache
from hashlib import blake2b

import msgspec

from ledger.events import Event
from ledger.events.record import FactCorrected, FactRetracted, FactStated
from ledger.facts import MSIX_NUMBER, HeldRow, RecordState, StudentRows, held_row, held_rows

ENTRY = struct.Struct(">IH16s")
"""Fact id, Record ID (0 where there is none), row hash."""

_HASH_AT = ENTRY.size - 16
_sorted_json = msgspec.json.Encoder(order="sorted").encode


def row_hash(key: bytes, letter: str, elements: dict[str, str]) -> bytes:
    """16 bytes that two rows of one letter share just when they are equal, in whatever order their elements come.

    key: 1 to 64 bytes, secret.
    """
    hashed = _keyed(key).copy()
    # JSON escapes what could end a value, so no two rows are written alike.
    hashed.update(letter.encode() + _sorted_json(elements))
    return hashed.digest()


class Packed(msgspec.Struct, frozen=True, gc=False):
    """A record's guard row, entry by entry. head: of its S row. rows: by fact id, of what is live."""

    head: bytes
    rows: dict[int, bytes]

    def joined(self) -> bytes:
        """The guard row: the S row's entries, then one per live row in order of fact id."""
        return self.head + b"".join([self.rows[fact] for fact in sorted(self.rows)])


def pack(state: RecordState, key: bytes) -> Packed:
    """The guard row of a record; an enrollment's entry hashes the whole row.

    Fact 0 is the S row. It has two entries where the state has said no MSIX number: as it stands, and with the
    record's own student id, which says the same. A record that is retracted, or holds no qualifying move, has no entry
    for its S row: whatever is sent for it must be decided with the record open.
    """
    rows = {row.fact.id: _entry(row, key) for rows in held_rows(state).values() for row in rows}
    return Packed(_head(state, key), rows)


def pack_after(before: Packed, events: Iterable[Event], state: RecordState, key: bytes) -> Packed:
    """What ``pack(state, key)`` gives, made of what was packed before the events that led to this state.

    Only rows that an event names are hashed again.
    """
    touched: set[int] = set()
    for event in events:
        if isinstance(event, FactStated | FactCorrected | FactRetracted):
            touched.add(event.fact)
        else:
            return pack(state, key)  # of the record as a whole
    head = before.head
    rows = dict(before.rows)
    for number in touched:
        fact = state.facts.get(number)
        if fact is None or fact.letter == "Q":
            head = _head(state, key)
        if fact is None:
            continue
        own = fact if fact.enrollment is None else state.facts[fact.enrollment]
        if own.status == "live":
            rows[own.id] = _entry(held_row(state, own), key)
        else:
            rows.pop(own.id, None)
    return Packed(head, rows)


def packed_rows(state: RecordState, key: bytes) -> bytes:
    """The guard row of a record, as bytes."""
    return pack(state, key).joined()


def _head(state: RecordState, key: bytes) -> bytes:
    holds_move = any(fact.letter == "Q" and fact.status == "live" for fact in state.facts.values())
    if state.status != "open" or not holds_move:
        return b""
    head = ENTRY.pack(0, 0, row_hash(key, "S", state.identity))
    if MSIX_NUMBER not in state.identity:
        head += ENTRY.pack(0, 0, row_hash(key, "S", {**state.identity, MSIX_NUMBER: state.student_id}))
    return head


def _entry(row: HeldRow, key: bytes) -> bytes:
    return ENTRY.pack(row.fact.id, int(row.fact.record_id or 0), row_hash(key, row.fact.letter, row.elements))


def all_unchanged(packed: bytes, student: StudentRows, key: bytes) -> bool:
    """Whether every row of the student is one that the record holds, and the record is open and fit to be left so.

    A row that asks for a retraction, and action D, are never "unchanged" here.
    """
    if student.action == "D":
        return False
    hashes = {packed[at : at + 16] for at in range(_HASH_AT, len(packed), ENTRY.size)}
    if row_hash(key, "S", student.elements) not in hashes:
        return False
    return all(row_hash(key, row.letter, row.elements) in hashes for row in student.rows)


@lru_cache(maxsize=64)
def _keyed(key: bytes) -> blake2b:
    return blake2b(key=key, digest_size=16)
