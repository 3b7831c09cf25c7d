"""The hashed form of an event never changes: every stored leaf and every checkpoint rests on it."""

from __future__ import annotations

import json
import struct
from datetime import datetime
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.events import EVENTS
from ledger.store import canonical
from ledger.store.commit import microseconds

GOLDEN = Path(__file__).parents[2] / "golden" / "stored_events.json"
STORED: list[dict[str, Any]] = json.loads(GOLDEN.read_text("utf-8"))

numbers = st.integers(0, 2**63 - 1)
ids = st.binary(min_size=16, max_size=16)
hashes = st.binary(min_size=32, max_size=32)
entries = st.tuples(numbers, st.text(), numbers, st.text(), ids, numbers, ids, hashes, st.binary())


def test_an_entry_is_made_as_the_design_says() -> None:
    event_id, key_id, check, sealed = b"E" * 16, b"K" * 16, b"C" * 32, b"sealed"
    made = canonical.entry(7, "record/é", 3, "enrolled.v1", event_id, 1_756_778_400_123_457, key_id, check, sealed)
    assert made == b"".join(
        (
            b"\x01",
            b"\x00\x00\x00\x08\x00\x00\x00\x00\x00\x00\x00\x07",
            b"\x00\x00\x00\x09record/\xc3\xa9",
            b"\x00\x00\x00\x08\x00\x00\x00\x00\x00\x00\x00\x03",
            b"\x00\x00\x00\x0benrolled.v1",
            b"\x00\x00\x00\x10" + event_id,
            b"\x00\x00\x00\x08\x00\x06\x3d\xc7\xd8\x7d\x0a\x41",
            b"\x00\x00\x00\x10" + key_id,
            b"\x00\x00\x00\x20" + check,
            sha256(sealed).digest(),
        )
    )


def test_a_leaf_is_that_of_rfc_6962() -> None:
    # RFC 6962, 2.1: the leaf of the empty entry.
    assert canonical.leaf(b"").hex() == "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d"


@pytest.mark.parametrize("stored", STORED, ids=lambda s: f"{s['log']}-{s['position']}-{s['topic']}")
def test_entry_and_leaf_of_every_stored_event_are_what_they_were(stored: dict[str, Any]) -> None:
    entry = canonical.entry(
        stored["position"],
        stored["stream"],
        stored["version"],
        stored["topic"],
        bytes.fromhex(stored["event_id"]),
        microseconds(datetime.fromisoformat(stored["recorded_at"])),
        bytes.fromhex(stored["key_id"]),
        bytes.fromhex(stored["key_check"]),
        bytes.fromhex(stored["ciphertext"]),
    )
    assert entry.hex() == stored["entry"]
    assert canonical.leaf(entry).hex() == stored["leaf"]


def test_every_event_that_can_be_stored_has_golden_bytes() -> None:
    assert {stored["topic"] for stored in STORED} == set(EVENTS)


@given(entries, entries)
def test_two_entries_are_equal_only_where_every_field_is(one: tuple, other: tuple) -> None:
    assert (canonical.entry(*one) == canonical.entry(*other)) == (one == other)


@given(entries)
def test_every_field_can_be_read_back_out_of_an_entry(fields: tuple) -> None:
    *clear, ciphertext = fields
    entry = canonical.entry(*fields)
    assert entry[:1] == b"\x01"
    read, at = [], 1
    for kind in (int, str, int, str, bytes, int, bytes, bytes):
        (length,) = struct.unpack_from(">I", entry, at)
        raw = entry[at + 4 : at + 4 + length]
        read.append(int.from_bytes(raw, "big") if kind is int else raw.decode() if kind is str else raw)
        at += 4 + length
    assert read == clear
    assert entry[at:] == sha256(ciphertext).digest()


def test_an_entry_of_the_longest_names_there_are_stays_under_a_kilobyte() -> None:
    streams = ("disclosure/" + "0" * 36, "submission/OR/2025-09-02T23:59:59.999999")
    for stream in streams:
        for topic in EVENTS:
            assert (
                len(canonical.entry(2**62, stream, 2**62, topic, bytes(16), 2**62, bytes(16), bytes(32), b"")) < 1_024
            )


@given(st.text(), st.text(), ids, st.text(), st.text(), ids)
def test_a_body_is_bound_to_one_place(a: str, b: str, c: bytes, d: str, e: str, f: bytes) -> None:
    assert (canonical.bound(a, b, c) == canonical.bound(d, e, f)) == ((a, b, c) == (d, e, f))
