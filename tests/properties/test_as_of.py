"""A student as of any position is what the log comes to there and no further: the naive fold, linkage included, and
byte for byte what the read model showed when it had come so far.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from datetime import timedelta
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ledger.errors import NoSuchPoint
from ledger.events import Erased, Recorded
from ledger.events.record import RecordOpened
from ledger.past import NotThen, point_at
from projections.past import student_at
from projections.students import StudentRow
from support.linkage_tapes import STEPS, Step, act
from support.naive_fold import Told, told_by
from support.naive_linkage import ToldStudent, students_told
from support.says_all import assert_says_all
from support.stored_histories import Histories
from support.stories import append, destroy, own_story
from support.telling import histories
from support.worlds import World

TAPES = st.lists(STEPS, max_size=12)
PLACES = st.integers(0, 200)
"""Places in a log; beyond its end they begin anew. The log of a world grows, so a choice from it would not be the same
when Hypothesis asks again."""
STEPS_A_HISTORY = 15


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
    @sized(20)
    @given(histories(records_max=4), TAPES, st.sets(PLACES, min_size=1, max_size=8))
    def law(drawn: list[Recorded], tape: list[Step], places: set[int]) -> None:
        minted, log = told_in(world, drawn, tape)
        for position in {log[place % len(log)].position for place in places}:
            assert_is_the_naive_fold(world, log, minted, position)

    law()


@pytest.mark.parametrize("histories", [6, pytest.param(300, marks=pytest.mark.torture)])
def test_as_of_a_position_is_what_the_read_model_showed_there_byte_for_byte(world: World, histories: int) -> None:
    """At every position of a history, so also between two copies of an act."""
    tell = Histories(world)
    for seed in range(histories):
        world.project(1_000)
        start = world.head()
        children = tell.tell(Random(f"as of {seed}"), STEPS_A_HISTORY)
        for position in range(start + 1, tell.settle() + 1):
            world.project(1_000, until=position)
            for child in children:
                live, then = world.student(child.minted), as_of(world, child.minted, position)
                if live is None:
                    assert isinstance(then, NotThen)
                else:
                    assert isinstance(then, StudentRow)
                    assert then.known is not None
                    assert (then.known.position, then.known.erased) == (position, 0)
                    assert then._replace(known=None) == live


def test_what_was_destroyed_is_left_out_of_every_past_and_counted(world: World, sized: Callable[..., settings]) -> None:
    @sized(10)
    @given(histories(records_max=3), TAPES, st.sampled_from(["education", "eligibility"]))
    def law(drawn: list[Recorded], tape: list[Step], key_class: str) -> None:
        minted, log = told_in(world, drawn, tape)
        destroyed = next(one.stream for one in log if isinstance(one.event, RecordOpened))
        destroy(world, destroyed.removeprefix("record/"), key_class)
        log = world.events(log[0].position - 1)
        for position in {log[len(log) // 2].position, log[-1].position}:
            told = told_by([one for one in log if one.position <= position])
            for student in students_told(log, position):
                there = told.keys() & student.records
                for student_id in {told[record]["student_id"] for record in there} & set(minted):
                    row = as_of(world, student_id, position)
                    if isinstance(row, NotThen):
                        # By the id of a record that is gone no state could be told; others lead to what is left.
                        assert destroyed.removeprefix("record/") in student.records
                        continue
                    assert_is_told(row, student, told)
                    assert row.known is not None
                    assert row.known.erased == sum(
                        isinstance(one.event, Erased) and one.stream[len("record/") :] in student.records
                        for one in log
                        if one.position <= position
                    )

    law()


def test_an_instant_is_the_last_position_recorded_by_it(world: World, sized: Callable[..., settings]) -> None:
    @sized(20)
    @given(histories(records_max=2), TAPES, st.sets(st.tuples(PLACES, st.integers(-1, 1)), min_size=1, max_size=8))
    def law(drawn: list[Recorded], tape: list[Step], places: set[tuple[int, int]]) -> None:
        told_in(world, drawn, tape)
        everything = world.events()
        log, now = world.ledgers[1].log, world.clocks[1].latest
        for place, beside in places:
            instant = everything[-1 - place % len(everything)].recorded_at + timedelta(microseconds=beside)
            by_then = [one for one in everything if one.recorded_at <= instant]
            if instant > max(now, everything[-1].recorded_at) or not by_then:
                with pytest.raises(NoSuchPoint):
                    point_at(log, instant, now)
                continue
            point = point_at(log, instant, now)
            assert (point.position, point.recorded_at) == (by_then[-1].position, by_then[-1].recorded_at)
            assert (point.at, point.head) == (instant, everything[-1].position)

    law()
