"""The audit trail of a student as a view: read from the log, shown once its disclosure entries are durable."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import UTC, date, datetime
from typing import Any

import orjson

from api.show import Found
from api.words import told
from ledger.application import Ledger
from ledger.errors import NotFound
from ledger.events import Event
from ledger.events.linkage import DeclarationWithdrawn, DeclaredNotSame, LinkageEvent
from ledger.events.record import RecordOpened
from ledger.history import Happened, History, history_of


class HistoryView:
    """Every event that touches the student, in order. after: position of the last one that was shown. limit: how many.
    language: of the sentences.

    The whole of it is read, since which records are the student's is not known before.
    """

    action = "student.history"
    name = "history"
    sections: Sequence[str] = ("history",)

    def __init__(self, ledger: Ledger, after: int = 0, limit: int | None = None, language: str = "en") -> None:
        self._ledger = ledger
        self._after = after
        self._limit = limit
        self._language = language
        self.history: History | None = None

    async def read(self, student_id: str) -> Found | None:
        """Raises StoreUnavailable, LogBroken, UnknownEvent."""
        try:
            history = self.history = await asyncio.to_thread(
                history_of, self._ledger.log, self._ledger.links, student_id
            )
        except NotFound:
            return None
        last = history.happened[-1].position if history.happened else 0
        states = list(dict.fromkeys(name.split(" ", 1)[0] for name in _names(history).values()))
        return Found(history.student_id, history.records, last, f"{last}.{self._after}.{self._limit}", states)

    def page(self) -> tuple[list[dict[str, Any]], int | None]:
        """The entries, and the position after which the next page begins; None at the end."""
        assert self.history is not None, "rendered before it was read"
        names = _names(self.history)
        left = [one for one in self.history.happened if one.position > self._after]
        shown = left if self._limit is None else left[: self._limit]
        entries = [_entry(one, names, self._language) for one in shown]
        return entries, shown[-1].position if len(shown) < len(left) else None

    def render(self, sections: Sequence[str], day: date) -> bytes:  # noqa: ARG002 - the shape of every view
        assert self.history is not None, "rendered before it was read"
        entries, following = self.page()
        return orjson.dumps(
            {"student_id": self.history.student_id, "history": entries, "cursor": following and str(following)}
        )


def _names(history: History) -> dict[str, str]:
    """Record to what a person knows it by: its state, and the state's own id."""
    return {
        one.record: f"{one.event.state} {one.event.state_student_id}"
        for one in history.happened
        if one.record is not None and isinstance(one.event, RecordOpened)
    }


def _named(event: Event) -> str | None:
    """Id of the act or declaration that an event is, or withdraws."""
    if isinstance(event, DeclaredNotSame | DeclarationWithdrawn):
        return event.declaration
    return getattr(event, "act", None) if isinstance(event, LinkageEvent) else None


def _entry(one: Happened, names: dict[str, str], language: str) -> dict[str, Any]:
    name = None if one.record is None else names.get(one.record)
    state, _, ssid = (name or "").partition(" ")
    return {
        "position": one.position,
        "recorded_at": _instant(one.recorded_at),
        "event": one.topic,
        "act": _named(one.event),
        "record": one.record,
        "state": state or None,
        "state_student_id": ssid or None,
        "actor": one.actor or None,
        "submission": one.submission,
        "reason": one.reason,
        "words": told(one.event, name, language),
    }


def _instant(at: datetime) -> str:
    return at.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
