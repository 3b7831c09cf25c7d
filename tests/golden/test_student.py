"""What a stored history comes to: the guard row and the consolidated record of the record in ``stored_events.json``."""

from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path
from typing import Any

import msgspec

from ledger.events import EVENTS, Meta, Recorded
from ledger.record import fold, packed_rows
from projections.consolidation import consolidate
from projections.record_words import fold_record

HERE = Path(__file__).parent
RECORD = "record/01990000-0000-7000-8000-000000000001"
EXPECTED: dict[str, Any] = json.loads((HERE / "student.json").read_text("utf-8"))


def history() -> list[Recorded]:
    """The record's stream, opened."""
    told = []
    for stored in json.loads((HERE / "stored_events.json").read_text("utf-8")):
        if stored["stream"] == RECORD:
            body = json.loads(stored["body"])
            event = msgspec.convert(body.pop("event"), EVENTS[stored["topic"]])
            told.append(
                Recorded(
                    position=stored["position"],
                    stream=stored["stream"],
                    version=stored["version"],
                    recorded_at=datetime.fromisoformat(stored["recorded_at"]),
                    event_id=stored["event_id"],
                    meta=msgspec.convert(body, Meta),
                    event=event,
                )
            )
    return told


def test_the_guard_row_of_a_stored_history_is_what_it_was() -> None:
    state = fold(recorded.event for recorded in history())
    assert state is not None
    assert packed_rows(state, EXPECTED["row_key"].encode()).hex() == EXPECTED["guard_row"]


def test_the_consolidated_record_of_a_stored_history_is_what_it_was() -> None:
    record = fold_record(history())
    assert record is not None
    student = consolidate("000000000010", [record])
    assert (student.status, student.position, student.records) == (
        EXPECTED["status"],
        EXPECTED["position"],
        EXPECTED["records"],
    )
    assert {name: json.loads(section) for name, section in student.sections.items()} == EXPECTED["sections"]
