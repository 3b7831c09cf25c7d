"""A record or account destroyed at the level of the store: what it is decided on, and what must be left of it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from zoneinfo import ZoneInfo

from psycopg.rows import tuple_row

from ledger.application import Ledger
from ledger.erased_rows import rows_without_moves
from ledger.events import Meta
from ledger.events.retention import KeyDestroyed
from ledger.retention.scope import KEYS
from ledger.store import hold_guards, pending
from ledger.store.append import Append, Expected, Part, Receipt

META = Meta(actor="disposer")
PACIFIC = ZoneInfo("America/Los_Angeles")
DISPOSAL = "0190c5d2-7b1a-7c3e-8000-00000000d150"


def rows(ledger: Ledger, query: str, *params: Any) -> list[tuple[Any, ...]]:
    with ledger.log.connection() as conn:
        return conn.cursor(row_factory=tuple_row).execute(query, params).fetchall()  # type: ignore[arg-type]


def key_ids(ledger: Ledger, subject: str, classes: Sequence[str]) -> list[str]:
    """Of a subject, those of these classes, in hexadecimal digits."""
    found = rows(ledger, "select key_id from vault.keys where subject = %s and class = any(%s)", subject, list(classes))
    return sorted(key_id.hex for (key_id,) in found)


def expected(ledger: Ledger, *subjects: str) -> Expected:
    """All that is looked at, as it is now, of records and accounts that are alone as students."""
    keys: dict[str, frozenset[bytes]] = {subject: frozenset() for subject in subjects}
    for subject, ids in rows(
        ledger, "select subject, array_agg(key_id) from vault.keys where subject = any(%s) group by 1", list(subjects)
    ):
        keys[subject] = frozenset(key_id.bytes for key_id in ids)
    streams = [f"disclosure/{subject}" for subject in subjects]
    shown = dict(rows(ledger, "select stream, version from access.heads where stream = any(%s)", streams))
    with ledger.log.connection() as conn:
        return Expected(
            keys=keys,
            holds=frozenset(hold_guards.not_released(conn)),
            records=frozenset(subjects),
            cases=frozenset(pending.cases_of(conn, subjects)),
            disclosures=dict.fromkeys(streams, 0) | shown,
            shown_upto=ledger.access.head(),
            days={"America/Los_Angeles": ledger.clock().astimezone(PACIFIC).date()},
        )


def going(
    ledger: Ledger, subject: str, record_class: str = "education", *, minted: str | None = None, version: int = 0
) -> Append:
    """What says that a class of a record's, or an account's, keys goes. version: of what was said of its keys
    before."""
    of = {"account": subject} if record_class == "access" else {"record": subject, "student_id": minted}
    destroyed = KeyDestroyed(
        key_ids=key_ids(ledger, subject, KEYS[record_class]),
        schedule=f"{record_class}/OR/1",
        record_class=record_class,
        disposal=DISPOSAL,
        **of,  # type: ignore[arg-type]
    )
    part = Part(stream=f"retention/{subject}", subject="ledger", expected=version, events=[destroyed])
    rows = rows_without_moves(ledger.log, [subject]) if record_class == "eligibility" else {}
    return Append(parts=[part], meta=META, rows=rows)


def destroy(ledger: Ledger, subject: str, record_class: str = "education", *, minted: str | None = None) -> Receipt:
    """Destroy what there is now."""
    minted = (
        minted or next((row[0] for row in rows(ledger, _MINTED, subject)), None) if record_class != "access" else None
    )
    return ledger.log.dispose(going(ledger, subject, record_class, minted=minted), expected(ledger, subject))


def as_migrated(ledger: Ledger) -> None:
    """The guards of retention as the migration leaves them on a log that is older: SQL opens no body."""
    with ledger.database.connect() as conn:
        for statement in (
            "delete from ledger.destroyed",
            "delete from ledger.tombstones",
            "delete from ledger.case_records",
            "update ledger.head set disposals = 0",
            "update access.head set disposals = 0",
            "delete from tracking.positions where application_name = 'retention guards'",
        ):
            conn.execute(statement)


def left(ledger: Ledger, record: str) -> dict[str, int]:
    """How much there is of a record, table by table: nothing, or all of it."""
    queries = {
        "vault.keys": "select count(*) from vault.keys where subject = %s",
        "ledger.records": "select count(*) from ledger.records where record_id::text = %s",
        "matching.people": "select count(*) from matching.people where record_id::text = %s",
        "matching.keys": "select count(*) from matching.keys where record_id::text = %s",
        "matching.undecided": "select count(*) from matching.undecided where record_id::text = %s",
        "not destroyed": "select 1 - count(*) from ledger.tombstones where subject = %s",
        "not said": "select 1 - count(*) from ledger.heads where stream = 'retention/' || %s",
    }
    return {name: rows(ledger, query, record)[0][0] for name, query in queries.items()}


_MINTED = "select minted from ledger.records where record_id = %s::uuid"
