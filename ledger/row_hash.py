"""What the guard remembers of a record's rows, so that an unchanged row is known without opening the record.

Per live row one packed entry of fact id, Record ID and a keyed hash of the row. Promises that ``all_unchanged`` says
yes only where placing the rows would append nothing and refuse nothing. Holds no personal data in clear, and without
the key nobody can test from outside whether a record holds a given row. Of moves whose key was destroyed the hash is
hashed again, under the record's own key (``ledger.erased_rows``).
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Collection, Iterable, Sequence
from functools import lru_cache
from hashlib import blake2b

import msgspec

from ledger.events import Event
from ledger.events.record import FactCorrected, FactRetracted, FactStated
from ledger.facts import MSIX_NUMBER, HeldRow, RecordState, Row, StudentRows, held_row, held_rows

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
    for its S row: whatever is sent for it must be decided with the record open. Of moves whose key was destroyed the
    entries stay as they are, so that what a state goes on sending is not taken for new.
    """
    rows = still_erased(state) | {row.fact.id: _entry(row, key) for rows in held_rows(state).values() for row in rows}
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
        if state.erased and event.letter == "Q":
            return pack(state, key)  # it may stand in the place of one that is erased
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
    moves = any(fact.letter == "Q" and fact.status == "live" for fact in state.facts.values())
    holds_move = moves or bool(state.erased)
    if state.status != "open" or not holds_move:
        return b""
    head = ENTRY.pack(0, 0, row_hash(key, "S", state.identity))
    if MSIX_NUMBER not in state.identity:
        head += ENTRY.pack(0, 0, row_hash(key, "S", {**state.identity, MSIX_NUMBER: state.student_id}))
    return head


def _entry(row: HeldRow, key: bytes) -> bytes:
    return ENTRY.pack(row.fact.id, int(row.fact.record_id or 0), row_hash(key, row.fact.letter, row.elements))


def with_erased(state: RecordState, packed: bytes) -> RecordState:
    """A record of which some events open no more, with what its guard row keeps of their facts."""
    entries = {fact: ENTRY.pack(fact, record_id, held) for fact, record_id, held in ENTRY.iter_unpack(packed)}
    erased = {fact: entry for fact, entry in entries.items() if fact and fact not in state.facts}
    return msgspec.structs.replace(state, erased=erased)


def still_erased(state: RecordState) -> dict[int, bytes]:
    """What is kept of moves whose key was destroyed: all but those in whose place, by Record ID, the state has put
    another."""
    if not state.erased:
        return {}
    live = {int(fact.record_id or 0) for fact in state.facts.values() if fact.letter == "Q" and fact.status == "live"}
    return {fact: entry for fact, entry in state.erased.items() if ENTRY.unpack(entry)[1] not in live - {0}}


def sealed_rows(packed: bytes, facts: Collection[int], key: bytes) -> bytes:
    """A guard row in which the entries of these facts are hashed again. key: of the record's erased moves."""
    return b"".join(
        ENTRY.pack(fact, record_id, _again(key, held) if fact in facts else held)
        for fact, record_id, held in ENTRY.iter_unpack(packed)
    )


def erased_among(
    rows: Sequence[Row], state: RecordState, key: bytes, erased_key: Callable[[], bytes]
) -> dict[int, int]:
    """Of rows, by their places, those that say what an erased move said, with its fact. erased_key: of the record's
    erased moves."""
    facts = {entry[-16:]: fact for fact, entry in still_erased(state).items()}
    if not facts:
        return {}
    again = erased_key()
    found: dict[int, int] = {}
    for at, row in enumerate(rows):
        if row.letter == "Q":
            held = row_hash(key, row.letter, row.elements)
            # As it was, where whoever wrote the row last had not heard yet that it was erased.
            fact = facts.get(_again(again, held)) or facts.get(held)
            if fact is not None:
                found[at] = fact
    return found


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


def _again(key: bytes, held: bytes) -> bytes:
    return blake2b(held, key=key, digest_size=16).digest()


@lru_cache(maxsize=64)
def _keyed(key: bytes) -> blake2b:
    return blake2b(key=key, digest_size=16)
