"""What happened: every event that the ledger can hold, one page per kind of stream.

An event is a frozen value with a permanent topic (``enrolled.v1``). The topic, never the import path, is what
is stored; a retired event stays on its page, marked. This package knows nothing of streams, keys or databases,
save one word: the class of record that an event belongs to, since that word decides what destroys it.
"""

from __future__ import annotations

from ledger.events import (
    account,
    application,
    audit,
    case,
    disclosure,
    jurisdiction,
    linkage,
    policy,
    record,
    retention,
    submission,
)
from ledger.events.base import Erased, Event, KeyClass, Meta, Recorded, Sealed

__all__ = ["EVENTS", "Erased", "Event", "KeyClass", "Meta", "Recorded", "Sealed"]

EVENTS: dict[str, type[Event]] = {
    event.topic: event
    for page in (
        record,
        linkage,
        case,
        policy,
        audit,
        submission,
        jurisdiction,
        account,
        application,
        retention,
        disclosure,
    )
    for event in page.EVENTS
}
"""Topic to class: the whole vocabulary. A topic that is not here stops the reader, who would guess otherwise."""
