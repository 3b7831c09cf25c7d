"""What differs between two points of any history, and by what: everything that differs, nothing else, and of each
difference an event that lies between.
"""

from __future__ import annotations

import json
from random import Random
from typing import Any

import pytest

from ledger.past import NotThen, Past, past_of, point_at, said_between
from projections.differences import SECTIONS, Difference, differences
from projections.past import row_of
from projections.students import StudentRow
from support.stored_histories import Child, Histories
from support.worlds import World

STEPS = 20


class Side:
    """A student as of a position."""

    def __init__(self, world: World, child: Child, position: int) -> None:
        log = world.ledgers[0].log
        past = past_of(log, child.minted, point_at(log, position, world.clocks[0].latest))
        self.past: Past | None = None if isinstance(past, NotThen) else past
        self.row: StudentRow | None = None if self.past is None else row_of(self.past, child.minted)
        self.position = position

    def fields(self) -> dict[str, Any]:
        """What is compared, as it stands."""
        return {} if self.row is None else {name: _plain(json.loads(self.row.sections[name])) for name in SECTIONS}


def _plain(value: Any) -> Any:
    """Without what tells who said it when, and what stood there before."""
    if isinstance(value, dict):
        told = {key: _plain(held) for key, held in value.items() if key not in ("sources", "superseded")}
        if "sources" in value:
            told["said_by"] = sorted({source["state"] for source in value["sources"]})
        return told
    return [_plain(held) for held in value] if isinstance(value, list) else value


def compared(one: Side, other: Side) -> list[Difference]:
    return differences(one.row, other.row, said_between(one.past, other.past, min(one.position, other.position)))


@pytest.mark.parametrize("histories", [10, pytest.param(500, marks=pytest.mark.torture)])
def test_each_step_of_a_history_is_the_cause_of_what_it_changes(world: World, histories: int) -> None:
    tell = Histories(world)
    changed = 0
    for seed in range(histories):
        start = tell.settle()
        children = tell.tell(Random(f"steps {seed}"), STEPS)
        end = tell.settle()
        child = children[seed % len(children)]
        before = Side(world, child, max(start, 1))
        for position in range(start + 1, end + 1):
            after = Side(world, child, position)
            told = compared(before, after)
            assert all(one.because == [position] for one in told), (
                seed,
                position,
                [one for one in told if one.because != [position]],
            )
            if order_free(before.fields()) != order_free(after.fields()):
                assert told, (seed, position)
                changed += 1
            else:
                assert not told, (seed, position, told)
            before = after
    assert changed > 5 * histories, "there is something to tell"


@pytest.mark.parametrize("histories", [25, pytest.param(1_000, marks=pytest.mark.torture)])
def test_between_any_two_points_each_difference_has_a_cause_that_lies_between(world: World, histories: int) -> None:
    tell = Histories(world)
    for seed in range(histories):
        chance, start = Random(f"any {seed}"), tell.settle()
        children = tell.tell(chance, STEPS)
        end = tell.settle()
        child = chance.choice(children)
        points = sorted(chance.sample(range(max(start, 1), end + 1), 2))
        one, other = (Side(world, child, position) for position in points)
        told = compared(one, other)
        for difference in told:
            assert difference.before != difference.after
            assert difference.because, (seed, points, difference)
            assert points[0] < difference.because[0] <= difference.because[-1] <= points[1]
        assert bool(told) == (order_free(one.fields()) != order_free(other.fields()))
        back = compared(other, one)
        assert sorted(map(_key, back)) == sorted(_key(d._replace(before=d.after, after=d.before)) for d in told)


def _key(one: Difference) -> str:
    # An entry that several records speak of is named by a source of the side that is shown last.
    return json.dumps(one._replace(record=None, fact=None), sort_keys=True)


def order_free(value: Any) -> Any:
    """Lists without their order: where a thing stands in a list is not a field of it."""
    if isinstance(value, dict):
        return {key: order_free(held) for key, held in value.items()}
    if isinstance(value, list):
        return sorted((order_free(held) for held in value), key=lambda held: json.dumps(held, sort_keys=True))
    return value
