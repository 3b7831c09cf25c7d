"""Drawn histories, told in a world: with records and students of the example's own, in pieces, with keys destroyed."""

from __future__ import annotations

import uuid
from collections.abc import Sequence

import msgspec
from hypothesis import strategies as st

from ledger.events import Recorded
from ledger.events.record import RecordOpened
from ledger.ids import student_id
from ledger.store.append import Append, Opening, Part
from ledger.store.database import Role
from ledger.store.log import Log
from support.worlds import META, World

FIRST_STUDENT = 10_000_000_000
"""Numbers that the sequence of student ids does not come to in a test."""

BATCHES = st.integers(1, 12)
PIECES = st.lists(st.tuples(st.integers(1, 9), BATCHES), min_size=1, max_size=8)
"""How many events are appended, and in what batches they are folded: again and again, until none are left."""


def own_story(world: World, drawn: Sequence[Recorded]) -> list[Recorded]:
    """A drawn history, with records and students that are the example's own."""
    example = int(world.next_example()) * 10
    streams = {stream: n for n, stream in enumerate(dict.fromkeys(recorded.stream for recorded in drawn))}
    names = {stream: f"record/{uuid.UUID(int=(example + n) << 64 | 7 << 76)}" for stream, n in streams.items()}
    story: list[Recorded] = []
    for recorded in drawn:
        event = recorded.event
        if isinstance(event, RecordOpened):
            number = example + streams[recorded.stream]
            event = msgspec.structs.replace(
                event, student_id=student_id(FIRST_STUDENT + number), state_student_id=f"S{number}"
            )
        story.append(msgspec.structs.replace(recorded, stream=names[recorded.stream], event=event))
    return story


def append(log: Log, events: Sequence[Recorded]) -> None:
    """In one append, in their order; as the file said, where one did."""
    for recorded in events:
        part = Part(
            stream=recorded.stream,
            subject=recorded.stream.removeprefix("record/"),
            expected=None,
            events=[recorded.event],
        )
        meta = msgspec.structs.replace(META, submission=recorded.meta.submission)
        log.append(Append(parts=[part], meta=meta, opened=_opened(part)))


def _opened(part: Part) -> list[Opening]:
    """The guard row without which a record cannot be linked."""
    [event] = part.events
    if not isinstance(event, RecordOpened):
        return []
    return [Opening(event.state, event.state_student_id, uuid.UUID(part.subject).bytes, event.student_id)]


def destroy(world: World, record: str, key_class: str) -> None:
    """Destroy a key, as the disposer may, and let the running services forget it."""
    with world.database.connect(Role.DISPOSER) as connection:
        connection.execute("delete from vault.keys where subject = %s and class = %s", (record, key_class))
    for ledger in world.ledgers:
        ledger.vault.forget((record, key_class))
