"""Laws 8 and 10 for read models: whatever is destroyed, in whatever order, they hold nothing of it, and are what a
rebuild makes of what still opens; nobody else's rows change.

Keys go in the middle of histories: of records that are one student and are parted again, of some that say more
afterwards, of several at once; batches end anywhere.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from ledger.events import Recorded
from ledger.events.record import RecordOpened
from ledger.store.database import Database, Role
from projections import PROJECTIONS
from projections.projection import Projection, digest
from support.disposing import Item, dispose
from support.linkage_tapes import STEPS, Step, act
from support.marked import mark_of, marked
from support.searched import found_in_tables
from support.stories import BATCHES, append, own_story
from support.telling import histories
from support.worlds import World

Sized = Callable[..., settings]
TAPES = st.lists(STEPS, max_size=10)
DISPOSALS = st.lists(
    st.tuples(st.sampled_from(["education", "eligibility"]), st.lists(st.integers(0, 3), min_size=1, max_size=3)),
    min_size=1,
    max_size=4,
)
LEDGER = [projection for projection in PROJECTIONS if projection.log == "ledger"]


def digests(database: Database, projections: Sequence[Projection]) -> dict[str, str]:
    with database.connect(Role.READER) as conn:
        return {one.name: digest(conn, one).sha256 for one in projections}


def test_laws_8_and_10_for_every_read_model_of_the_ledger(world: World, sized: Sized) -> None:
    @sized(6)
    @given(histories(records_max=4, steps_max=24), TAPES, DISPOSALS, BATCHES, BATCHES, st.integers(0, 9))
    def law(
        drawn: list[Recorded],
        tape: list[Step],
        disposals: list[tuple[str, list[int]]],
        batch: int,
        rebuilt_in: int,
        held_back: int,
    ) -> None:
        story = [
            msgspec.structs.replace(one, event=marked(one.event, one.stream.removeprefix("record/")))
            for one in own_story(world, drawn)
        ]
        opened = {one.stream: one.event.student_id for one in story if isinstance(one.event, RecordOpened)}
        gone: set[tuple[str, str]] = set()
        reached, pieces = world.head(), len(disposals) + 1
        for piece in range(pieces):
            size = -(-len(story) // pieces)
            said = [
                one
                for one in story[piece * size : (piece + 1) * size]
                if not {(one.stream, "education"), (one.stream, one.event.key_class().value)} & gone
            ]
            append(world.ledgers[0].log, said)
            known = dict.fromkeys(one.stream for one in story[: (piece + 1) * size])
            for step in tape[piece * 3 : piece * 3 + 3]:
                act(world.ledgers[1], [opened[stream] for stream in known], step)
            until = max(world.head() - held_back, reached)
            for projection in LEDGER:
                world.project(batch, projection, until=until)
            reached = until
            if piece < len(disposals):
                record_class, numbers = disposals[piece]
                whose = [
                    stream
                    for stream in dict.fromkeys(list(opened)[number % len(opened)] for number in numbers)
                    if not {(stream, record_class), (stream, "education")} & gone and stream in known
                ]
                if whose:
                    items = [Item(stream.removeprefix("record/"), opened[stream]) for stream in whose]
                    dispose(world.database, world.ledgers[piece % 2], record_class, *items)
                    gone |= {(stream, record_class) for stream in whose}
        for projection in LEDGER:
            world.project(batch, projection)
        live = digests(world.database, LEDGER)
        marks = [mark_of(stream.removeprefix("record/"), of) for stream, of in gone]
        marks += [mark_of(stream.removeprefix("record/"), "eligibility") for stream, of in gone if of == "education"]
        assert found_in_tables(world.database, marks) == []
        for projection in LEDGER:
            world.rebuild(rebuilt_in * 20, projection)
        assert digests(world.database, LEDGER) == live

    law()
