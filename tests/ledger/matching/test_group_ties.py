"""Of matches that are alike to the bit, the states' own ids say which comes first, and not what came first."""

from __future__ import annotations

import pytest

from ledger.matching.group import Group
from ledger.matching.person import person
from ledger.matching.policy import Scale
from ledger.matching.shipped import shipped
from support.matching_children import wilber


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
