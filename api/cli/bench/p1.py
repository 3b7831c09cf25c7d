"""P1: a night's file, all new. Both passes, rules, placement, deciders, sealing, leaves, guards, durable.

A first figure: without the matcher, which the row does not count, and in one process.
"""

from __future__ import annotations

from collections.abc import Generator
from pathlib import Path

from api.bootstrap import open_store
from api.cli.bench import message_db, uma
from api.cli.bench.copying import copy_in, sealed_events
from api.cli.bench.facts import ACTOR, sample
from api.cli.bench.ground import Ground
from api.cli.bench.library import SAVE_MAX, Library
from api.cli.bench.message_db import MessageDb
from api.cli.bench.report import Goal, Row, Run, Size
from ledger.application import Ledger
from ledger.intake.submission import Report, submit

CHILDREN = 5_000
PEER_EVENTS = 10_000
PEER_BATCH = 1_000
"""Of the other peers."""


def measure(ground: Ground, size: Size) -> Generator[Run, None, None]:
    """Each run: the file into an empty ledger; then as many events, of the same sizes, through COPY BINARY.

    The limits are put in rows of the file a second: as if COPY had done the file's events, and nothing else.
    """
    path = sample(ground.folder, size.of(CHILDREN, 20))
    plain, library = ground.new_database(), Library(ground.new_database())
    folder = message_db.find()
    messages = MessageDb(ground.new_database(), folder) if folder else None
    program = uma.find()
    uma_db = uma.UmaDb(program, ground.folder) if program else None
    peer_events = size.of(PEER_EVENTS, 50)
    while True:
        with open_store(ground.new_store()) as store, store.ledger() as ledger:
            ground.settle()
            report = submitted(ledger, path)
            events = sealed_events(ledger.log)
        ground.settle()
        copy_s = copy_in(plain, events)
        rows_per_event = report.rows / len(events)
        ground.settle()
        library_rate = library.batched(peer_events, SAVE_MAX)
        message_rate = messages.batched(peer_events, PEER_BATCH) if messages else None
        uma_rate = uma_db.batched(peer_events, PEER_BATCH) if uma_db else None
        yield Run(
            rate=report.rows / report.seconds,
            against={
                "copy_binary": report.rows / copy_s,
                "message_db_batches": message_rate * rows_per_event if message_rate else None,
                "uma_db_batches": uma_rate * rows_per_event if uma_rate else None,
                "library_batches": library_rate * rows_per_event,
            },
            more={
                "rows": report.rows,
                "events": len(events),
                "events_per_s": len(events) / report.seconds,
                "copy_events_per_s": len(events) / copy_s,
            },
        )


def submitted(ledger: Ledger, path: Path) -> Report:
    """A file, applied: what is measured."""
    report = submit(ledger, path, ACTOR)
    assert not report.refused, "the sample's rows are all valid"
    return report


ROW = Row(
    id="P1",
    work="a night's file, all new",
    unit="rows/s",
    goals=(
        Goal(of="copy_binary", must=0.08, stretch=0.16),
        Goal(of="message_db_batches", must=None, stretch=1.0),
    ),
    measure=measure,
)
