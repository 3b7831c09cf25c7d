"""Keys that are not in the vault any more: of each an event says that it was destroyed, or somebody took it away."""

from __future__ import annotations

import json
from collections.abc import Sequence
from contextlib import closing
from typing import Any

import psycopg

from ledger.events.retention import KeyDestroyed
from ledger.proofs.bundle import events_in, frame
from ledger.proofs.doubt import Doubt
from ledger.proofs.fold import body_of
from ledger.proofs.writing import Shown
from ledger.store.copied_out import Stored, shown, stored
from ledger.store.vault import Vault

_TOPIC = KeyDestroyed.topic.encode()


class GoneKeys:
    """Of both logs. Memory grows with the keys that are gone."""

    def __init__(self) -> None:
        self._gone: dict[bytes, tuple[str, int, bytes]] = {}  # to log, position and id of the first event it sealed
        self._destroyed: set[bytes] = set()
        self._position = 0  # of the ledger, up to which it was looked who says so

    def see(self, log: str, events: Sequence[Stored], told: Sequence[Shown]) -> None:
        """Events, and what of them goes into evidence. Raises Doubt where one that destroys keys cannot be read."""
        for event, one in zip(events, told, strict=True):
            if one[2] is None:
                self._gone.setdefault(event[5], (log, event[0], event[4]))
            elif _TOPIC in event[1]:
                self._destroyed |= _named(one)
        if log == "ledger" and events:
            self._position = events[-1][0]

    def must_be_told_of(self, conn: psycopg.Connection[Any], beside: psycopg.Connection[Any], vault: Vault) -> int:
        """How many are gone. Keys are looked up as they are now, so the events since then are read too.

        Raises Doubt at the first that no event tells of.
        """
        if self._gone.keys() - self._destroyed:
            with closing(stored(conn, "ledger", first=self._position + 1)) as events:
                for event in events:
                    self.see("ledger", [event], shown(beside, vault, [event]))
        for key_id, (log, position, event_id) in self._gone.items():
            if key_id not in self._destroyed:
                what = f"In the {log} log: The key of this event is gone, and no event says that it was destroyed."
                raise Doubt(what, position=position, event=event_id.hex(), expected=f"key {key_id.hex()}")
        return len(self._gone)


def _named(one: Shown) -> set[bytes]:
    """The keys that an event destroys; none where it is another kind of event."""
    (event,) = events_in(frame(*one))
    if event[3] != _TOPIC:
        return set()
    try:
        return {bytes.fromhex(key_id) for key_id in json.loads(body_of(event))["event"]["key_ids"]}
    except (ValueError, KeyError, TypeError):
        raise Doubt("An event that destroys keys cannot be read.", position=event[0], event=event[4].hex()) from None
