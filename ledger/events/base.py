"""The shape that every event shares, and what is recorded beside it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from typing import ClassVar, Self

import msgspec


class KeyClass(StrEnum):
    """Which of a subject's keys seals an event: destroying that key destroys the class and nothing else."""

    EDUCATION = "education"
    ELIGIBILITY = "eligibility"
    DISCLOSURE = "disclosure"
    SUBMISSION = "submission"
    CASE = "case"
    ACCESS = "access"
    LEDGER = "ledger"


class Event(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """A fact about the world or about the ledger, in the past tense, never changed once recorded.

    ``topic`` is the stored name with its version.
    """

    topic: ClassVar[str] = ""

    def key_class(self) -> KeyClass:
        """Which key of the stream's subject seals this event."""
        return KeyClass.LEDGER

    def with_sealed(self, fields: Mapping[str, Sealed]) -> Self:
        """The event with these sealed fields, by the names that its own page gives them. Raises KeyError."""
        if fields:
            raise KeyError(f"{self.topic} has no sealed fields")
        return self


class Sealed(msgspec.Struct, frozen=True, gc=False):
    """A value under a key of its own inside an event's body: it goes with that key, the event stays.

    key: its id, 32 hexadecimal digits. text: AES-256-GCM ciphertext.
    """

    key: str
    text: bytes


class Erased(Event, frozen=True, kw_only=True):
    """What a reader gets where the key was destroyed: that something was said, and no longer what. Never stored.

    was: the topic of the event.
    """

    was: str


class Meta(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """Who, why and from where: sealed with the event's body, so that it goes when the body goes.

    actor: the principal's name, as he signed in. reason: his words, required where a person decides.
    request: id of the request, shared by all that one request wrote. submission: ``STATE/SUBMISSION DATE`` of the
    file. cause: position of the event that a reactor answers.
    """

    actor: str
    reason: str | None = None
    request: str | None = None
    submission: str | None = None
    cause: int | None = None


class Recorded(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """An event with its place: what a reader of the log gets once the body is opened.

    position: gap-free place in the log, from 1. version: count within the stream, from 1. recorded_at: when the
    ledger learned it (UTC, microseconds, never going back). event_id: 32 hexadecimal digits.
    """

    position: int
    stream: str
    version: int
    recorded_at: datetime
    event_id: str
    meta: Meta
    event: Event
