"""What a process keeps of records: until something of one of them is destroyed, in whichever process."""

from __future__ import annotations

import uuid
from collections.abc import Callable

import pytest

from ledger.application import Ledger
from ledger.events import Meta
from ledger.events.retention import KeyDestroyed
from ledger.store.append import Append, Part
from ledger.store.database import Database
from support.casework import Work
from support.gone import destroy

NewLedger = Callable[..., Ledger]


@pytest.fixture
def works(database: Database, new_ledger: NewLedger) -> tuple[Work, Work]:
    return Work(new_ledger(database)), Work(new_ledger(database))


def answers_gone(ledger: Ledger, submission: str) -> None:
    """As the timekeeper destroys what is kept of a submission."""
    key = uuid.uuid4().hex
    gone = KeyDestroyed(key_ids=[key], schedule="response_days", submission=submission)
    part = Part(stream=f"retention/{key}", subject="ledger", expected=0, events=[gone])
    ledger.log.dispose(Append(parts=[part], meta=Meta(actor="timekeeper")))


def test_records_stay_at_hand_while_submissions_go_and_not_once_a_record_did(works: tuple[Work, Work]) -> None:
    ours, other = works
    for ssid in "12":
        ours.opened("OR", ssid)
    first = ours.ledger.kept.load(("OR", "1"))
    assert first is not None
    for number in range(3):
        answers_gone(other.ledger, f"OR-{number}")
        ours.ledger.log.read_stream("jurisdiction/OR")  # whatever opens anything learns what was destroyed
        ours.opened("CA", str(number))
    assert ours.ledger.kept.get(("OR", "1")) is first
    assert ours.ledger.kept.get(("CA", "0")) is not None
    destroy(other.ledger, other.record(other.query("select minted from ledger.records where state = 'CA'")[0][0]))
    ours.ledger.log.read_stream("jurisdiction/OR")
    assert ours.ledger.kept.get(("OR", "1")) is None
    again = ours.ledger.kept.load(("OR", "1"))
    assert again is not None
    assert again.state == first.state
