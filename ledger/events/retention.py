"""Events of retention: what was destroyed, when, and by which schedule. Stream: ``retention/<what>``.

Bodies hold ids, and stay when what they speak of is gone: they are what the proof of its going rests on.
"""

from __future__ import annotations

from typing import ClassVar

from ledger.events.base import Event


class KeyDestroyed(Event, frozen=True, kw_only=True):
    """Keys were destroyed, in the transaction that wrote this; what they sealed opens no more.

    key_ids: 32 hexadecimal digits each. schedule: by which rule (``response_days``). submission: whose spool, answers
    and refused values of unknown records went.
    """

    topic: ClassVar[str] = "key-destroyed.v1"

    key_ids: list[str]
    schedule: str
    submission: str | None = None


EVENTS: tuple[type[Event], ...] = (KeyDestroyed,)
