"""Of matches that are alike to the bit, the states' own ids say which comes first, and not what came first."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from ledger.matching.group import Group
from ledger.matching.person import person
from ledger.matching.policy import Scale
from ledger.matching.shipped import shipped
from support.matching_children import twin, wilber


@pytest.mark.parametrize("names", ["abc", "acb", "bac", "bca", "cab", "cba"])
def test_of_questions_that_are_alike_the_first_is_the_same_whatever_came_first(names: str) -> None:
    """names: of the three records, in the order of their ids; they sort as the records were opened."""
    people = {name: person(wilber("TX", str(number))) for number, name in enumerate(names)}
    near = {name: set(names) - {name} for name in names}
    group = Group(Scale(shipped(), 3), people, {name: name for name in names}, near)
    first, *_ = group.questions(list(names))
    assert {people[first.record].state_student_id, people[first.member].state_student_id} == {"0", "1"}


@pytest.mark.parametrize("names", ["abc", "acb", "bac", "bca", "cab", "cba"])
def test_of_links_that_are_alike_the_first_is_the_same_whatever_came_first(names: str) -> None:
    states = ("CA", "MI", "TX")
    people = {name: person(wilber(state, "1")) for state, name in zip(states, names, strict=True)}
    near = {name: set(names) - {name} for name in names}
    group = Group(Scale(shipped(), 3), people, {name: name for name in names}, near)
    first = next(group.links(list(names)))
    assert {people[first.record].state, people[first.member].state} == {"CA", "MI"}


@pytest.mark.parametrize("names", ["abc", "acb", "bac", "bca", "cab", "cba"])
def test_a_margin_is_left_to_a_third_student_of_either_side(names: str) -> None:
    """One that is as near to the second as the first is, and that shares no key with the first."""
    first, second, third = names
    states = {first: "CA", second: "MI", third: "TX"}
    people = {name: person(wilber(state, "1")) for name, state in states.items()}
    near = {first: {second}, second: {first, third}, third: {second}}

    def linked(margin: int, waiting: str) -> list[frozenset[str]]:
        policy = replace(shipped(), thresholds=replace(shipped().thresholds, margin=margin))
        group = Group(Scale(policy, 3), people, {name: name for name in names}, near)
        return [frozenset((found.record, found.member)) for found in group.links([waiting])]

    assert linked(0, first) == [frozenset((first, second))]
    assert linked(1, first) == []
    assert linked(1, second) == []


def test_each_other_student_comes_near_once_and_by_what_is_nearest() -> None:
    told = {
        "a": wilber("CA", "1"),
        "b": wilber("MI", "1"),
        "c": twin("TX", "1"),
        "d": wilber("TX", "2", middle_name=""),
    }
    people = {name: person(traits) for name, traits in told.items()}
    near = {name: set(told) - {name} for name in told}
    policy = replace(shipped(), thresholds=replace(shipped().thresholds, margin=1))
    group = Group(Scale(policy, 4), people, {"a": "a", "b": "b", "c": "d", "d": "d"}, near)
    found = group.between("a", "b")
    assert found is not None
    assert [found.beside(other) in ("c", "d") for other in group.rest(found)] == [True]
