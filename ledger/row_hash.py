"""What the guard remembers of a record's rows, so that an unchanged row is known without opening the record.

Per live row one packed entry of fact id, Record ID and a keyed hash of the row. Promises that ``all_unchanged`` says
yes only where placing the rows would append nothing and refuse nothing. Holds no personal data in clear, and without
the key nobody can test from outside whether a record holds a given row.
"""

from __future__ import annotations

import struct
from functools import lru_cache
from hashlib import blake2b

import msgspec

from ledger.events.record import Elements
from ledger.facts import MSIX_NUMBER, RecordState, StudentRows, held_rows

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


Hashed = dict[int, tuple[Elements, bytes]]
"""Fact id to a row and its hash, kept by a caller who packs the same record again and again."""


def packed_rows(state: RecordState, key: bytes, hashed: Hashed | None = None) -> bytes:
    """One entry per live row, in order of fact id; an enrollment's entry hashes the whole row.

    hashed: what earlier calls for this record and key have hashed; rows that are still the same are not hashed again.

    Fact 0 is the S row. It has two entries where the state has said no MSIX number: as it stands, and with the
    record's own student id, which says the same. A record that is retracted, or holds no qualifying move, has no entry
    for its S row: whatever is sent for it must be decided with the record open.
    """
    held = held_rows(state)
    entries: list[bytes] = []
    if state.status == "open" and held.get("Q"):
        entries.append(ENTRY.pack(0, 0, row_hash(key, "S", state.identity)))
        if MSIX_NUMBER not in state.identity:
            own = {**state.identity, MSIX_NUMBER: state.student_id}
            entries.append(ENTRY.pack(0, 0, row_hash(key, "S", own)))
    rows = sorted((row for rows in held.values() for row in rows), key=lambda row: row.fact.id)
    for row in rows:
        fact, elements = row.fact, row.elements
        before = None if hashed is None else hashed.get(fact.id)
        if before is not None and (before[0] is elements or before[0] == elements):
            digest = before[1]
        else:
            digest = row_hash(key, fact.letter, elements)
            if hashed is not None:
                hashed[fact.id] = (elements, digest)
        entries.append(ENTRY.pack(fact.id, int(fact.record_id or 0), digest))
    return b"".join(entries)


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
