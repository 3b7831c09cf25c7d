"""A log of the real store that a notary signs: what fills it, and what it holds, read without the notary's code."""

from __future__ import annotations

import random
import uuid

from psycopg.rows import tuple_row

from ledger.application import Ledger
from ledger.events import Meta
from ledger.events.record import CourseReported
from ledger.proofs.note import Signer
from ledger.proofs.sparse import Head
from ledger.store.append import Append, Part
from ledger.store.database import Database, Role

KEY = Signer.of("sojourn.example.org", b"N" * 32)
OTHER_KEY = Signer.of("sojourn.example.org", b"O" * 32)


def filled(ledger: Ledger, events: int, seed: int = 1) -> int:
    """Append so many events to some streams, in runs of chance; the last position."""
    chance = random.Random(seed)
    records = [str(uuid.UUID(int=chance.getrandbits(128), version=4)) for _ in range(max(2, events // 6))]
    parts: list[Part] = []
    left = events
    while left:
        record, count = chance.choice(records), min(left, chance.randint(1, 5))
        said = [CourseReported(fact=n + 1, elements={"course_title": "Algebra"}) for n in range(count)]
        parts.append(Part(stream=f"record/{record}", subject=record, expected=None, events=said))
        left -= count
    return ledger.log.append(Append(parts=parts, meta=Meta(actor="tester"))).position


def leaves_of(database: Database, log: str = "ledger") -> list[bytes]:
    """Each leaf of a log, in order."""
    with database.connect(Role.PROJECTOR) as conn:
        rows = conn.execute(f"select leaf from {log}.events order by position".encode()).fetchall()
    return [row[0] for row in rows]


def heads_of(database: Database, log: str = "ledger") -> dict[str, Head]:
    """Stream to its head, out of the events alone."""
    with database.connect(Role.PROJECTOR) as conn, conn.cursor(row_factory=tuple_row) as cursor:
        rows = cursor.execute(f"select stream, version, leaf from {log}.events order by position".encode()).fetchall()
    return {stream: Head(version, leaf) for stream, version, leaf in rows}
