"""A log of the real store, for tests that append events without deciding them, and a reader's connection."""

from __future__ import annotations

import psycopg

from ledger.events import Event, Meta
from ledger.store.append import Append, Part
from ledger.store.database import Database, Role
from ledger.store.log import Log


def append(log: Log, stream: str, *events: Event, actor: str = "tester", request: str | None = None) -> int:
    """Append events at the end of a stream; the position of the last."""
    subject = stream.partition("/")[2] if stream.startswith(("record/", "disclosure/")) else "ledger"
    part = Part(stream=stream, subject=subject, expected=None, events=events)
    return log.append(Append(parts=[part], meta=Meta(actor=actor, request=request))).position


def reading(database: Database) -> psycopg.Connection:
    """A connection as the reader, who may read read models and nothing else."""
    return database.connect(Role.READER)
