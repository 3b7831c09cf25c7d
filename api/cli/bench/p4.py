"""P4: one command at a time in process, durable, 64 callers: enrollments on records that there are."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Generator, Sequence
from functools import partial

from api.bootstrap import open_store
from api.cli.bench import message_db
from api.cli.bench.callers import TIMEOUT_S, together
from api.cli.bench.facts import ACTOR, Enrollments, load, state_student_ids
from api.cli.bench.ground import Ground
from api.cli.bench.library import Library
from api.cli.bench.message_db import MessageDb
from api.cli.bench.report import Goal, Row, Run, Size
from ledger.application import Ledger
from ledger.events import Meta
from ledger.record import PlaceFact

CALLERS = 64
RECORDS = 4_000
COMMANDS = 12_000
PEER_EVENTS = 3_000
PEER_THREADS = 8


def measure(ground: Ground, size: Size) -> Generator[Run, None, None]:
    """Each run has a copy of the records and a ledger that knows none of them yet: first one command to each record
    (``first_touch``, which reads the record), then the commands that are counted, by when records and keys are in
    memory. The callers are coroutines, as in the service; ``threads`` is the same by 64 threads."""
    settings = ground.new_store()
    with open_store(settings) as store, store.ledger() as ledger:
        load(ledger, ground.folder, size.of(RECORDS, CALLERS))
        records = state_student_ids(store)
    library = Library(ground.new_database())
    folder = message_db.find()
    messages = MessageDb(ground.new_database(), folder) if folder else None
    commands = size.of(COMMANDS, CALLERS)
    peer_events = size.of(PEER_EVENTS, PEER_THREADS)
    library.one_by_one(1, 10)
    while True:
        ground.settle()
        against = {
            "library_8_threads": library.one_by_one(PEER_THREADS, peer_events),
            "library_one_by_one": library.one_by_one(1, peer_events // 2),
            "message_db_8_connections": messages.one_by_one(PEER_THREADS, peer_events) if messages else None,
            "message_db_one_by_one": messages.one_by_one(1, peer_events // 2) if messages else None,
        }
        enrollments = Enrollments(records)
        with ground.copy(settings) as own, open_store(own) as store, store.ledger() as ledger:
            ground.settle()
            first_touch = _rate(ledger, enrollments.commands(len(records)), _coroutines)
            ground.settle()
            rate = _rate(ledger, enrollments.commands(commands), _coroutines)
            ground.settle()
            threads = _rate(ledger, enrollments.commands(commands), _threads)
        yield Run(rate, against, {"first_touch": first_touch, "threads": threads})


def _rate(ledger: Ledger, commands: Sequence[PlaceFact], together: Together) -> float:
    """Commands a second, by 64 callers, each waiting for its own before it gives the next."""
    before = ledger.log.head()
    seconds = together(ledger, [commands[caller::CALLERS] for caller in range(CALLERS)])
    assert ledger.log.head() - before == len(commands), "each command is one event"
    return len(commands) / seconds


def _coroutines(ledger: Ledger, shares: Sequence[Sequence[PlaceFact]]) -> float:
    """Callers as the service has them: coroutines of one event loop."""

    async def call(commands: Sequence[PlaceFact]) -> None:
        meta = Meta(actor=ACTOR)
        for command in commands:
            await ledger.execute_async(command, meta)

    async def call_all() -> float:
        started = time.perf_counter()
        async with asyncio.timeout(TIMEOUT_S), asyncio.TaskGroup() as callers:
            for share in shares:
                callers.create_task(call(share))
        return time.perf_counter() - started

    return asyncio.run(call_all())


def _threads(ledger: Ledger, shares: Sequence[Sequence[PlaceFact]]) -> float:
    """Callers as a script may have them: a thread each."""

    def call(commands: Sequence[PlaceFact]) -> None:
        meta = Meta(actor=ACTOR)
        for command in commands:
            ledger.execute(command, meta)

    return together([partial(call, share) for share in shares])


Together = Callable[[Ledger, Sequence[Sequence[PlaceFact]]], float]

ROW = Row(
    id="P4",
    work="one command at a time in process, durable, 64 callers",
    unit="commands/s",
    goals=(Goal(of="library_8_threads", must=5, stretch=8),),
    measure=measure,
)
