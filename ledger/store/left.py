"""What is left of some streams behind a destruction.

Invariant: what these streams say was destroyed does not open here, also where its key has come back with a backup.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import psycopg

from ledger.events import Recorded
from ledger.events.disclosure import DisclosuresDestroyed
from ledger.events.retention import KeyDestroyed
from ledger.store.mapper import LedgerMapper, SealedNotification
from ledger.store.vault import Vault


def open_left(
    conn: psycopg.Connection[Any], vault: Vault, mapper: LedgerMapper, sealed: Sequence[SealedNotification]
) -> list[Recorded]:
    """Events opened, ``Erased`` where their keys are gone; in the order of the log. sealed: with those that say which
    keys were destroyed, where anything says so. Raises LogBroken, UnknownEvent."""
    keys = vault.open_keys(conn, {event.key_id for event in sealed})
    recorded = {event.id: mapper.open(event, keys[event.key_id]) for event in sealed}
    gone = keys_told(recorded.values())
    recorded |= {event.id: mapper.open(event, None) for event in sealed if event.key_id in gone}
    vault.forget_ids(gone)
    return [recorded[position] for position in sorted(recorded)]


def keys_told(said: Iterable[Recorded]) -> set[bytes]:
    """Ids of the keys of which these events say that they were destroyed."""
    events = (one.event for one in said)
    return {
        bytes.fromhex(key_id)
        for event in events
        if isinstance(event, KeyDestroyed | DisclosuresDestroyed)
        for key_id in event.key_ids
    }
