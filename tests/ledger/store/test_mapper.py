"""An event is stored under its topic, opens in its own place only, and opens for ever."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import Any, ClassVar

import msgspec
import pytest
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from ledger.errors import LogBroken, UnknownEvent
from ledger.events import EVENTS, Event, KeyClass, Meta
from ledger.events.base import Erased
from ledger.events.record import CourseReported, Enrolled, RecordOpened
from ledger.store.mapper import (
    UPCASTERS,
    Draft,
    LedgerMapper,
    SealedEvent,
    SealedNotification,
    open_field,
    seal_field,
)
from ledger.store.vault import SubjectKey

GOLDEN = Path(__file__).parents[2] / "golden" / "stored_events.json"
STORED: list[dict[str, Any]] = json.loads(GOLDEN.read_text("utf-8"))
AT = datetime(2025, 9, 2, 2, 0, tzinfo=UTC)
EVENT_ID = bytes(range(16))


def key_of(secret: bytes, key_id: bytes = b"K" * 16) -> SubjectKey:
    return SubjectKey(key_id, HKDF.extract(SHA256(), None, secret))


KEY = key_of(b"a subject's key".ljust(32))


def placed(sealed: SealedEvent, position: int = 1) -> SealedNotification:
    """A sealed event at its position, as it is read from the log."""
    return SealedNotification(
        sealed.originator_id,
        sealed.originator_version,
        sealed.topic,
        sealed.state,
        sealed.event_id,
        sealed.key_id,
        sealed.key_check,
        position,
        AT,
        b"",
    )


def sealed(event: Event, stream: str = "record/a", mapper: LedgerMapper | None = None) -> SealedNotification:
    draft = Draft(stream, 1, event, Meta(actor="registrar"), EVENT_ID, KEY)
    return placed((mapper or LedgerMapper()).to_stored_event(draft))


# -- what is stored stays readable


def notification(stored: dict[str, Any]) -> SealedNotification:
    return SealedNotification(
        stored["stream"],
        stored["version"],
        stored["topic"],
        bytes.fromhex(stored["ciphertext"]),
        bytes.fromhex(stored["event_id"]),
        bytes.fromhex(stored["key_id"]),
        bytes.fromhex(stored["key_check"]),
        stored["position"],
        datetime.fromisoformat(stored["recorded_at"]),
        bytes.fromhex(stored["leaf"]),
    )


def golden_key(stored: dict[str, Any]) -> SubjectKey:
    return key_of(bytes.fromhex(stored["key"]), bytes.fromhex(stored["key_id"]))


each_stored = pytest.mark.parametrize("stored", STORED, ids=lambda s: f"{s['log']}-{s['position']}-{s['topic']}")


@each_stored
def test_every_stored_event_still_opens(stored: dict[str, Any]) -> None:
    recorded = LedgerMapper().open(notification(stored), golden_key(stored))
    body = json.loads(stored["body"])
    assert (recorded.position, recorded.stream, recorded.version) == (
        stored["position"],
        stored["stream"],
        stored["version"],
    )
    assert recorded.recorded_at.isoformat() == stored["recorded_at"]
    assert recorded.event_id == stored["event_id"]
    assert type(recorded.event) is EVENTS[stored["topic"]]
    assert recorded.event == msgspec.convert(body.pop("event"), EVENTS[stored["topic"]])
    assert recorded.event.key_class() == KeyClass(stored["key_class"])
    assert msgspec.to_builtins(recorded.meta) == body


@each_stored
def test_every_stored_event_would_be_sealed_to_the_same_bytes(stored: dict[str, Any]) -> None:
    recorded = LedgerMapper().open(notification(stored), golden_key(stored))
    draft = Draft(
        stored["stream"],
        stored["version"],
        recorded.event,
        recorded.meta,
        bytes.fromhex(stored["event_id"]),
        golden_key(stored),
    )
    again = LedgerMapper().to_stored_event(draft)
    assert again.topic == stored["topic"]
    assert again.state.hex() == stored["ciphertext"]
    assert again.key_check.hex() == stored["key_check"]
    assert again.key_id.hex() == stored["key_id"]


@pytest.mark.parametrize("stored", [s for s in STORED if "apart" in s], ids=lambda s: f"{s['position']}-{s['topic']}")
def test_every_field_that_was_sealed_apart_still_opens_and_would_be_sealed_to_the_same_bytes(
    stored: dict[str, Any],
) -> None:
    recorded = LedgerMapper().open(notification(stored), golden_key(stored))
    apart = stored["apart"]
    key = key_of(bytes.fromhex(apart["key"]), bytes.fromhex(apart["key_id"]))
    event_id = bytes.fromhex(stored["event_id"])
    for name, text in apart["fields"].items():
        assert text not in stored["body"]
        sealed = getattr(recorded.event, name)
        assert open_field(key, recorded, name, sealed) == text
        assert seal_field(key, stored["stream"], stored["topic"], event_id, name, text) == sealed


def test_what_has_its_default_value_is_left_out_of_the_body() -> None:
    body = next(json.loads(s["body"]) for s in STORED if s["topic"] == "course-reported.v1")
    assert None not in body.values()
    assert "raw" not in body["event"]


# -- retired events


class EnrolledNow(Event, frozen=True, kw_only=True):
    topic: ClassVar[str] = "enrolled.v3"

    school: str
    begins: str


class EnrolledOnce(Event, frozen=True, kw_only=True):
    topic: ClassVar[str] = "enrolled.v1"

    place: str


def first_to_second(event: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    return "enrolled.v2", {"school": event["place"]}


def second_to_third(event: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    return "enrolled.v3", {**event, "begins": "unknown"}


def test_a_retired_event_is_read_through_every_upcaster_on_its_way_to_today() -> None:
    written = sealed(EnrolledOnce(place="Río Vista"), mapper=LedgerMapper({EnrolledOnce.topic: EnrolledOnce}, {}))
    today = LedgerMapper(
        {EnrolledNow.topic: EnrolledNow}, {"enrolled.v1": first_to_second, "enrolled.v2": second_to_third}
    )
    recorded = today.open(written, KEY)
    assert recorded.event == EnrolledNow(school="Río Vista", begins="unknown")
    assert recorded.meta == Meta(actor="registrar")


def test_an_event_that_no_release_of_ours_knows_stops_the_reader() -> None:
    written = sealed(EnrolledNow(school="s", begins="b"), mapper=LedgerMapper({EnrolledNow.topic: EnrolledNow}, {}))
    with pytest.raises(UnknownEvent, match=r"Position 1: event 'enrolled\.v3'") as stopped:
        LedgerMapper().open(written, KEY)
    assert stopped.value.remedy


def test_an_upcaster_that_leads_nowhere_stops_the_reader() -> None:
    written = sealed(EnrolledOnce(place="p"), mapper=LedgerMapper({EnrolledOnce.topic: EnrolledOnce}, {}))
    with pytest.raises(UnknownEvent, match=r"enrolled\.v2"):
        LedgerMapper({}, {"enrolled.v1": first_to_second}).open(written, KEY)


def test_no_upcaster_stands_for_a_topic_that_is_current() -> None:
    assert not set(UPCASTERS) & set(EVENTS)


def test_topics_are_names_with_a_version_and_no_path() -> None:
    for topic in EVENTS:
        name, _, version = topic.rpartition(".v")
        assert name.replace("-", "").isalpha(), topic
        assert name == name.lower(), topic
        assert version.isdigit(), topic


# -- sealed in its place


MOVES: dict[str, Callable[[SealedNotification], SealedNotification]] = {
    "another stream": lambda s: s._replace(originator_id="record/b"),
    "another topic": lambda s: s._replace(topic=CourseReported.topic),
    "another event's ciphertext": lambda s: s._replace(state=sealed(CourseReported(fact=2, elements={})).state),
    "one bit": lambda s: s._replace(state=bytes([s.state[0] ^ 1]) + s.state[1:]),
    "a tag cut short": lambda s: s._replace(state=s.state[:-1]),
    "nothing": lambda s: s._replace(state=b""),
}


@pytest.mark.parametrize("move", MOVES)
def test_a_body_that_was_moved_or_changed_does_not_open(move: str) -> None:
    written = sealed(Enrolled(fact=1, elements={"grade_level": "07"}))
    with pytest.raises(LogBroken, match="Position 1: the body does not open in its place"):
        LedgerMapper().open(MOVES[move](written), KEY)


def test_a_body_under_another_event_id_or_key_is_known_by_its_key_check() -> None:
    written = sealed(Enrolled(fact=1, elements={}))
    other_id = written._replace(event_id=bytes(16))
    with pytest.raises(LogBroken, match="Position 1: the key check does not fit"):
        LedgerMapper().open(other_id, KEY)
    with pytest.raises(LogBroken, match="Position 1: the key check does not fit"):
        LedgerMapper().open(written, key_of(b"another key".ljust(32)))


def test_an_event_id_whose_key_check_was_made_to_fit_still_does_not_open_a_foreign_body() -> None:
    written = sealed(Enrolled(fact=1, elements={}))
    other_id = bytes(16)
    forged = written._replace(event_id=other_id, key_check=sha256(KEY.body_key(other_id)).digest())
    with pytest.raises(LogBroken, match="does not open in its place"):
        LedgerMapper().open(forged, KEY)


def test_the_version_and_position_are_no_part_of_the_seal_since_they_come_with_the_commit() -> None:
    written = sealed(Enrolled(fact=1, elements={}))._replace(originator_version=9, id=7)
    recorded = LedgerMapper().open(written, KEY)
    assert (recorded.version, recorded.position) == (9, 7)


def test_without_its_key_an_event_says_that_it_was_and_no_longer_what() -> None:
    recorded = LedgerMapper().open(sealed(Enrolled(fact=1, elements={"grade_level": "07"})), None)
    assert recorded.event == Erased(was="enrolled.v1")
    assert recorded.meta == Meta(actor="")
    assert (recorded.stream, recorded.version, recorded.position) == ("record/a", 1, 1)


def test_no_clear_column_holds_what_the_event_says() -> None:
    event = RecordOpened(state="OR", state_student_id="SECRET-1", student_id="000000000010", elements={})
    clear = sealed(event)._replace(state=b"")
    assert "SECRET" not in repr(clear)
    assert b"SECRET" not in sealed(event).state


def test_the_library_is_not_let_in_by_the_back_door() -> None:
    draft = Draft("record/a", 1, Enrolled(fact=1, elements={}), Meta(actor="registrar"), EVENT_ID, KEY)
    with pytest.raises(TypeError, match="opens with its key"):
        LedgerMapper().to_domain_event(LedgerMapper().to_stored_event(draft))
