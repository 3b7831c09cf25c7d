"""Between an event as decided and an event as stored: JSON body, upcasters, seal.

A body is JSON: ``{"actor": …, "reason": …, …, "event": {…}}``, encrypted under a key of its own and bound to stream,
topic and event id. The topic table (``ledger.events.EVENTS``) gives the class; upcasters, kept here by topic, turn
the opened body of a retired version into the current shape before it is read.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from hashlib import sha256
from typing import Any, NamedTuple

import msgspec
from cryptography.exceptions import InvalidTag
from eventsourcing.persistence import Mapper, StoredEvent

from ledger.errors import LogBroken, UnknownEvent
from ledger.events import EVENTS, Event, Meta, Recorded, Sealed
from ledger.events.base import Erased
from ledger.store import canonical
from ledger.store.vault import BegunKey, SubjectKey, seal, unseal

Upcaster = Callable[[dict[str, Any]], tuple[str, dict[str, Any]]]

UPCASTERS: dict[str, Upcaster] = {}
"""Retired topic to a function from its opened event to (current topic, event in the current shape)."""


class Body(msgspec.Struct, frozen=True, omit_defaults=True):
    """What is sealed: who, why and from where, and the event."""

    actor: str
    event: Any
    reason: str | None = None
    request: str | None = None
    submission: str | None = None
    cause: int | None = None


@dataclass(frozen=True, slots=True)
class Draft:
    """An event decided and not yet sealed, in the library's words a domain event. event_id: 16 bytes."""

    originator_id: str
    originator_version: int
    event: Event
    meta: Meta
    event_id: bytes
    key: SubjectKey


@dataclass(frozen=True, slots=True)
class SealedEvent(StoredEvent):
    """A stored event with our clear columns. ``state`` is the ciphertext. Position and leaf come with the commit."""

    originator_id: str
    event_id: bytes
    key_id: bytes
    key_check: bytes


class SealedNotification(NamedTuple):
    """A sealed event at its position (``id``), with the attributes of the library's ``Notification``.

    A tuple, because a log is read by the million and the library's frozen dataclass costs more to make than the
    event to decrypt. recorded_at: UTC.
    """

    originator_id: str
    originator_version: int
    topic: str
    state: bytes
    event_id: bytes
    key_id: bytes
    key_check: bytes
    id: int
    recorded_at: datetime
    leaf: bytes


_encode = msgspec.json.Encoder().encode


class LedgerMapper(Mapper[str]):
    """Seals and opens. Asks for no transcoder, compressor or cipher of the library: it has one key per application."""

    def __init__(self, events: dict[str, type[Event]] = EVENTS, upcasters: dict[str, Upcaster] = UPCASTERS) -> None:
        self._upcasters = upcasters
        self._events = events
        self._decoders: dict[str, Callable[[bytes], Body]] = {}
        """By topic, of what has been met."""

    def to_stored_event(self, domain_event: Draft) -> SealedEvent:  # type: ignore[override]
        """Seal a draft."""
        event, meta = domain_event.event, domain_event.meta
        body = _encode(Body(meta.actor, event, meta.reason, meta.request, meta.submission, meta.cause))
        stream, topic, event_id, key = domain_event.originator_id, event.topic, domain_event.event_id, domain_event.key
        body_key = key.body_key(event_id)
        return SealedEvent(
            stream,
            domain_event.originator_version,
            topic,
            seal(body_key, body, canonical.bound(stream, topic, event_id)),
            event_id,
            key.key_id,
            sha256(body_key).digest(),
        )

    def to_domain_event(self, stored_event: StoredEvent) -> Any:  # noqa: ARG002 - the library's signature
        """Refused: a body opens with its key only; use ``open``."""
        raise TypeError("a sealed event opens with its key: LedgerMapper.open(notification, key)")

    def open(self, sealed: SealedNotification, key: SubjectKey | BegunKey | None) -> Recorded:
        """Open a notification; with no key (it was destroyed) the event is ``Erased``.

        Raises LogBroken naming the position when key, place or bytes do not fit, UnknownEvent for a topic that this
        release does not know.
        """
        return self.open_all((sealed,), {sealed.key_id: key})[0]

    def open_all(
        self, sealed: Iterable[SealedNotification], keys: Mapping[bytes, SubjectKey | BegunKey | None]
    ) -> list[Recorded]:
        """Open notifications, each as ``open`` does. keys: by id, those of all of them."""
        opened: list[Recorded] = []
        its_stream = its_topic = ""
        alike = b""
        # Written out, not a call an event: a log is opened by the million, and calls would be half of its time.
        for stream, version, topic, ciphertext, event_id, key_id, key_check, position, recorded_at, _ in sealed:
            key = keys[key_id]
            if key is None:
                meta, event = _NOBODY, Erased(was=topic)
            else:
                body_key = key.body_key(event_id)
                if sha256(body_key).digest() != key_check:
                    raise LogBroken(f"Position {position}: the key check does not fit the key.", remedy=_REMEDY)
                if topic != its_topic or stream != its_stream:
                    its_stream, its_topic, alike = stream, topic, canonical.bound_alike(stream, topic)
                try:
                    text = unseal(body_key, ciphertext, alike + event_id)
                except InvalidTag:
                    raise LogBroken(
                        f"Position {position}: the body does not open in its place.", remedy=_REMEDY
                    ) from None
                decode = self._decoders.get(topic)
                body = self._read(position, topic, text) if decode is None else decode(text)
                event = body.event
                meta = Meta(
                    actor=body.actor,
                    reason=body.reason,
                    request=body.request,
                    submission=body.submission,
                    cause=body.cause,
                )
            opened.append(
                Recorded(
                    position=position,
                    stream=stream,
                    version=version,
                    recorded_at=recorded_at,
                    event_id=event_id.hex(),
                    meta=meta,
                    event=event,
                )
            )
        return opened

    def _read(self, position: int, topic: str, body: bytes) -> Body:
        known = self._events.get(topic)
        if known is not None:
            decode = self._decoders[topic] = _decoder(known).decode
            return decode(body)
        raw = msgspec.json.decode(body, type=Body)
        event = raw.event
        while topic in self._upcasters:
            topic, event = self._upcasters[topic](event)
        current = self._events.get(topic)
        if current is None:
            raise UnknownEvent(
                f"Position {position}: event {topic!r} is not known to this release.",
                remedy="Run the release that wrote it, or a later one.",
            )
        return Body(raw.actor, msgspec.convert(event, current), raw.reason, raw.request, raw.submission, raw.cause)


def seal_field(key: SubjectKey, stream: str, topic: str, event_id: bytes, name: str, text: str) -> Sealed:
    """Seal one field of an event under a key of its own: info is the event's id and the field's name."""
    field_key = key.body_key(event_id + name.encode())
    return Sealed(
        key.key_id.hex(), seal(field_key, text.encode(), canonical.bound_field(stream, topic, event_id, name))
    )


def open_field(key: SubjectKey, recorded: Recorded, name: str, sealed: Sealed) -> str:
    """Open a sealed field of an event. Raises LogBroken."""
    event_id = bytes.fromhex(recorded.event_id)
    bound_to = canonical.bound_field(recorded.stream, recorded.event.topic, event_id, name)
    try:
        return unseal(key.body_key(event_id + name.encode()), sealed.text, bound_to).decode()
    except InvalidTag:
        raise LogBroken(
            f"Position {recorded.position}: field {name} does not open in its place.", remedy=_REMEDY
        ) from None


_NOBODY = Meta(actor="")
_REMEDY = "Stop writing, keep the database as it is, and run `sojourn doctor`."


@cache
def _decoder(event: type[Event]) -> msgspec.json.Decoder[Any]:
    typed = msgspec.defstruct(
        f"{event.__name__}Body", [("event", event)], bases=(Body,), frozen=True, omit_defaults=True, kw_only=True
    )
    return msgspec.json.Decoder(typed)
