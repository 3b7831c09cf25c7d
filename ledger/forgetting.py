"""Tells the access log that a record is gone: what it held of its disclosures opens no more, and whoever follows that
log lets go of them.

Invariant: each record that was destroyed whole is told of once that is durable, in the order of the ledger, by whoever
looks first: how far that came moves in the transaction that tells. So a crash in between leaves nothing out; it is told
at the next look, behind the next disposal or the timekeeper's.
"""

from __future__ import annotations

import threading
from typing import Final

from ledger.actors import TIMEKEEPER
from ledger.events import Meta
from ledger.events.disclosure import DisclosuresDestroyed
from ledger.events.retention import KeyDestroyed
from ledger.store import tombstones
from ledger.store.append import Append, Moved, Part
from ledger.store.database import Database, Role, translated
from ledger.store.following import connected, wait_for_lock
from ledger.store.log import Log
from ledger.store.vault import LEDGER

TRACKED_AS: Final = "forgetting"
AT_ONCE: Final = 500
"""Records that one append tells of."""


class Forgetting:
    """Safe for threads. log: of the ledger. access: the access log, which is told."""

    def __init__(self, database: Database, log: Log, access: Log) -> None:
        self._database = database
        self._log = log
        self._access = access

    def tell(self) -> int:
        """Tell of all that went since it was told last; how many records. Waits for whoever is at it.

        Raises StoreUnavailable, OutcomeUnknown.
        """
        told = 0
        with translated(), connected(self._database, TRACKED_AS, role=Role.WRITER, kind="reactor") as conn:
            wait_for_lock(conn, TRACKED_AS, threading.Event())
            while True:
                row = conn.execute(
                    "select notification_id from tracking.positions where application_name = %s", (TRACKED_AS,)
                ).fetchone()
                gone = tombstones.records_after(conn, row[0] if row else 0, AT_ONCE)
                if not gone:
                    return told
                self._tell(gone)
                told += len(gone)

    def _tell(self, gone: list[tombstones.Buried]) -> None:
        at = {one.position for one in gone}
        said = self._log.read_streams([f"retention/{one.record}" for one in gone])
        parts = [
            Part(
                stream=f"disclosure/{one.event.record}",
                subject=LEDGER[0],
                expected=None,
                events=[
                    DisclosuresDestroyed(record=one.event.record, position=one.position, key_ids=one.event.key_ids)
                ],
            )
            for one in said
            if one.position in at and isinstance(one.event, KeyDestroyed) and one.event.record is not None
        ]
        moved = Moved(TRACKED_AS, gone[-1].position)
        # Nothing of it is told yet, or all of it with how far that came.
        self._access.append(Append(parts=parts, meta=Meta(actor=TIMEKEEPER), moved=moved))
