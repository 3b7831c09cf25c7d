"""Keys destroyed as a disposal does it, in one append with the events that say so, of whatever is named; nothing is
asked for: neither a schedule, nor two people."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from ledger.application import Ledger
from ledger.erased_rows import rows_without_moves
from ledger.events import Meta
from ledger.events.retention import KeyDestroyed
from ledger.retention.scope import KEYS
from ledger.store.append import Append, Part
from ledger.store.database import Database, Role

META = Meta(actor="disposer")


class Item(NamedTuple):
    """What goes. subject: uuid of a record or account. student_id: that the record minted. cases: that go with it."""

    subject: str
    student_id: str | None = None
    cases: Sequence[str] = ()


def dispose(database: Database, ledger: Ledger, record_class: str, *items: Item) -> int:
    """Destroy a class of records, or of accounts; the position of the last event that says so."""
    parts: list[Part] = []
    with database.connect(Role.WRITER) as conn:
        for item in items:
            subjects = [(item.subject, one) for one in KEYS[record_class]] + [(case, "case") for case in item.cases]
            rows = conn.execute(
                "select key_id from vault.keys"
                " where (subject, class) in (select * from unnest(%s::text[], %s::text[])) order by key_id",
                ([subject for subject, _ in subjects], [of for _, of in subjects]),
            ).fetchall()
            whose = {"account": item.subject} if record_class == "access" else {"record": item.subject}
            destroyed = KeyDestroyed(
                key_ids=[key_id.hex for (key_id,) in rows],
                schedule=f"{record_class}.1",
                student_id=item.student_id,
                record_class=record_class,
                cases=list(item.cases),
                **whose,
            )
            parts.append(Part(stream=f"retention/{item.subject}", subject="ledger", expected=None, events=[destroyed]))
    moves = [item.subject for item in items] if record_class == "eligibility" else []
    rows = rows_without_moves(ledger.log, moves)
    return ledger.log.dispose(Append(parts=parts, meta=META, rows=rows)).position
