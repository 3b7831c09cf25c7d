"""A student as of any position is what the log comes to there and no further: the naive fold, linkage included, and
byte for byte what the read model showed when it had come so far.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from random import Random

from hypothesis import given, settings
from hypothesis import strategies as st

from ledger.events import Recorded
from ledger.events.record import RecordOpened
from ledger.past import NotThen, point_at
from projections.past import student_at
from projections.students import StudentRow
from support.linkage_tapes import STEPS, Step, act
from support.naive_fold import Told, told_by
from support.naive_linkage import ToldStudent, students_told
from support.says_all import assert_says_all
from support.stories import append, own_story
from support.telling import histories
from support.worlds import World

TAPES = st.lists(STEPS, max_size=12)
POSITIONS_A_STORY = 8


def as_of(world: World, student_id: str, position: int) -> StudentRow | NotThen:
    log = world.ledgers[1].log
    return student_at(log, student_id, point_at(log, position, world.clocks[1].latest))


def assert_is_the_naive_fold(world: World, log: Sequence[Recorded], minted: Sequence[str], position: int) -> None:
    """Of every id. log: of the example, whole."""
    told = told_by([recorded for recorded in log if recorded.position <= position])
    of = {
        told[record]["student_id"]: one for one in students_told(log, position) for record in told.keys() & one.records
    }
    for student_id in minted:
        row = as_of(world, student_id, position)
        if student_id not in of:
            assert isinstance(row, NotThen)
        else:
            assert isinstance(row, StudentRow)
            assert_is_told(row, of[student_id], told)


def assert_is_told(row: StudentRow, student: ToldStudent, told: dict[str, Told]) -> None:
    there = {record: told[record] for record in student.records if record in told}
    status = "open" if any(record["status"] == "open" for record in there.values()) else "retracted"
    assert (row.student_id, row.status, row.records) == (student.student_id, status, list(there))
    assert row.position == max(student.linked, *(record["position"] for record in there.values()))
    core = json.loads(row.sections["core"])
    assert [(one["record"], one["student_id"]) for one in core["records"]] == [
        (record, student.student_id) for record in there
    ]
    assert_says_all(row.sections, there)


def minted_by(story: Sequence[Recorded]) -> list[str]:
    return [recorded.event.student_id for recorded in story if isinstance(recorded.event, RecordOpened)]


def told_in(world: World, drawn: Sequence[Recorded], tape: Sequence[Step]) -> tuple[list[str], list[Recorded]]:
    """Tell a drawn story with acts in between, at instants that differ now and then; its ids, and its events."""
    story, start = own_story(world, drawn), world.head()
    each = max(1, len(story) // (len(tape) + 1))
    for number, at in enumerate(range(0, len(story), each)):
        append(world.ledgers[0].log, story[at : at + each])
        for step in tape[number : number + 1]:
            act(world.ledgers[0], minted_by(story[: at + each]), step)
        if number % 2:
            world.clocks[0].step(1)
            world.clocks[1].step(1)
    return minted_by(story), world.events(start)


def test_as_of_a_position_is_the_naive_fold_up_to_there(world: World, sized: Callable[..., settings]) -> None:
    @sized(30)
    @given(histories(records_max=4), TAPES, st.randoms(use_true_random=False))
    def law(drawn: list[Recorded], tape: list[Step], chance: Random) -> None:
        minted, log = told_in(world, drawn, tape)
        for position in {chance.choice(log).position for _ in range(POSITIONS_A_STORY)}:
            assert_is_the_naive_fold(world, log, minted, position)

    law()
