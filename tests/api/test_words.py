"""What happened, in words: every event that the audit trail can hold has a sentence of its own."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import msgspec
import pytest

from api.words import told
from ledger.events import EVENTS, Erased
from ledger.events.linkage import EVENTS as LINKAGE
from ledger.events.record import EVENTS as RECORD

GOLDEN = Path(__file__).parents[1] / "golden" / "stored_events.json"
STORED: list[dict[str, Any]] = [
    stored for stored in json.loads(GOLDEN.read_text("utf-8")) if EVENTS[stored["topic"]] in {*LINKAGE, *RECORD}
]


@pytest.mark.parametrize("stored", STORED, ids=lambda stored: f"{stored['position']}-{stored['topic']}")
def test_an_event_is_told_in_a_sentence_of_its_own(stored: dict[str, Any]) -> None:
    event = msgspec.convert(json.loads(stored["body"])["event"], EVENTS[stored["topic"]])
    words = told(event, "OR 123")
    assert stored["topic"] not in words
    assert words.endswith(".")
    if stored["stream"].startswith("record/"):
        assert words.startswith("OR 123")
    else:
        assert stored["stream"].removeprefix("linkage/") in words


def test_what_is_destroyed_is_told_as_that() -> None:
    assert "cannot be read any more" in told(Erased(was="enrolled.v1"), "OR 123")
