"""Requests with idempotency keys, told as stories of one child each; sent, and sent again; and what must come of them.

What must come of a story is decided here from nothing but the story, by the pure deciders: one child's record must hold
exactly those events, however often its requests were sent and whatever died meanwhile.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from typing import NamedTuple

import msgspec

from ledger.application import Ledger, RequestKey
from ledger.errors import LedgerError, Refused, Unavailable
from ledger.events import Event, Meta
from ledger.events.record import RecordOpened
from ledger.jurisdiction import DEFAULT
from ledger.record import Command, CorrectFact, PlaceFact, PlaceStudent, Row, StudentRows, Withdraw, decide, fold
from projections import PROJECTIONS
from projections.projectors import Projectors
from support.rows import assessment, course, demographics, enrollment, move
from support.service_processes import Pipe, Store

COPY_SIZED = 410
"""Rows of a student that make the sequencer write by COPY."""

UNAVAILABLE_SECONDS_MAX = 60
META = Meta(actor="registrar")


class Asked(NamedTuple):
    """A command and the key it is sent with."""

    key: str
    command: Command


class Answered(NamedTuple):
    """What came back. refused: code of the refusal, which is an answer as well."""

    key: str
    position: int = 0
    record_id: str = ""
    student_id: str = ""
    facts: tuple[int, ...] = ()
    status: int = 0
    refused: str = ""
    replayed: bool = False

    def same_as(self, other: Answered) -> bool:
        return self._replace(replayed=False) == other._replace(replayed=False)


Story = list[Asked]


def stories(count: int, *, rows: int = 2) -> list[Story]:
    """Stories of as many children. rows: courses in the first request of each."""
    return [_story(f"OR{number:07d}", rows) for number in range(1, count + 1)]


def _story(ssid: str, rows: int) -> Story:
    def student(*children: Row) -> PlaceStudent:
        said = StudentRows(state="OR", state_student_id=ssid, rows=list(children))
        return PlaceStudent(state="OR", state_student_id=ssid, student=said, new_student_id="")

    def fact(row: Row) -> PlaceFact:
        return PlaceFact(state="OR", state_student_id=ssid, row=row)

    def withdraw(enrolled: int) -> Withdraw:
        return Withdraw(state="OR", state_student_id=ssid, enrollment=enrolled, withdrawal_date="2025-08-29")

    courses = [course(f"{n + 1:03d}", course_title=f"Course {n}") for n in range(rows)]
    first = [demographics(), move(), *courses]
    enrolled = len(first) + 1
    commands: list[Command] = [
        student(*first),
        fact(enrollment()),
        withdraw(999),  # refused: there is no such enrollment
        withdraw(enrolled),
        CorrectFact(state="OR", state_student_id=ssid, fact=1, elements={"last_name_1": "Pablo Ruiz"}),
        student(*first, *courses[:1], assessment()),
    ]
    return [Asked(f"{ssid}/{number}", command) for number, command in enumerate(commands)]


def expected_events(story: Story) -> list[Event]:
    """What the record of a story holds in the end, the minted student id left out."""
    events: list[Event] = []
    for _, command in story:
        try:
            events += decide(command, fold(events), DEFAULT).events
        except Refused:
            continue
    return events


def without_student_id(events: Sequence[Event]) -> list[Event]:
    """Events as two runs can agree upon: which number a child got depends on who asked first."""
    return [msgspec.structs.replace(e, student_id="") if isinstance(e, RecordOpened) else e for e in events]


def ask(ledger: Ledger, asked: Asked) -> Answered:
    """Send a request until it is answered: again with its key where the store is away or the outcome unknown."""
    request = RequestKey(scope="oregon", key=asked.key, body_hash=asked.key.encode())
    deadline = time.monotonic() + UNAVAILABLE_SECONDS_MAX
    while True:
        try:
            done = ledger.execute(asked.command, META, request)
        except Unavailable:
            if time.monotonic() > deadline:
                raise
        except LedgerError as e:
            return Answered(asked.key, refused=e.code, replayed=e.replayed)
        else:
            return Answered(
                asked.key,
                done.position,
                done.record_id,
                done.student_id,
                tuple(done.facts),
                done.status,
                replayed=done.replayed,
            )


def serve(pipe: Pipe, store: Store, told: Sequence[Story], writers: int) -> None:
    """A service at work: writers send stories, each child's requests in their order, while read models follow."""
    failures: list[BaseException] = []

    def write(mine: Sequence[Story]) -> None:
        try:
            for story in mine:
                for asked in story:
                    pipe.say(ask(ledger, asked))
        except BaseException as e:
            failures.append(e)

    with store.ledger() as ledger, store.logs() as logs:
        projectors = Projectors(PROJECTIONS, store.database, logs)
        projectors.start()
        threads = [threading.Thread(target=write, args=(told[n::writers],)) for n in range(writers)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        projectors.stop()
        failures += projectors.failures().values()
    if failures:
        raise failures[0]
