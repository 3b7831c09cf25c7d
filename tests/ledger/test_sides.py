"""The two sides of an act that joined, and when it held: what a recall list is asked for."""

from __future__ import annotations

import pytest

from ledger.linkage import fold
from ledger.linkage_acts import DeclareNotSame
from ledger.sides import NEVER, Sides, sides_of
from support.linkage_histories import History


def sides(history: History, act: str) -> Sides:
    found = sides_of(fold(history.said), act)
    assert found is not None
    return found


def heard(history: History, act: str) -> int:
    """Position of an act's first copy."""
    return fold(history.said).acts[act][0]


def names(history: History, *numbers: int) -> list[str]:
    return [history.name(number) for number in numbers]


def test_an_act_that_holds_has_no_end() -> None:
    history = History(3)
    history.merge("000", "001")
    act = history.merge("000", "002")
    assert sides(history, act) == Sides(
        left=names(history, 0, 1), right=names(history, 2), begun=heard(history, act), ended=NEVER
    )


def test_the_sides_are_those_of_the_day_whatever_joined_since() -> None:
    history = History(3)
    act = history.link(1, 0)
    history.merge("000", "002")
    assert (sides(history, act).left, sides(history, act).right) == (names(history, 1), names(history, 0))


def test_an_act_ends_with_its_reversal_and_is_found_by_that_too() -> None:
    history = History(2)
    act = history.merge("000", "001")
    undone = history.reverse(act)
    assert (sides(history, act).begun, sides(history, act).ended) == (heard(history, act), heard(history, undone))
    assert sides(history, undone) == sides(history, act)


def test_an_act_that_was_brought_back_holds_until_it_is_taken_back_for_good() -> None:
    history = History(2)
    act = history.merge("000", "001")
    undone = history.reverse(act)
    back = history.reverse(undone)
    assert sides(history, back).ended == NEVER
    last = history.reverse(back)
    for known in (act, undone, back, last):
        assert (sides(history, known).begun, sides(history, known).ended) == (
            heard(history, act),
            heard(history, last),
        )


def test_the_reversal_of_another_act_ends_nothing() -> None:
    history = History(3)
    act, other = history.merge("000", "001"), history.merge("000", "002")
    history.reverse(other)
    assert sides(history, act).ended == NEVER


@pytest.mark.parametrize("wanted", ["split", "its reversal", "declaration", "unknown"])
def test_what_joined_nothing_has_no_sides(wanted: str) -> None:
    history = History(3)
    history.merge("000", "001")
    split = history.split([0], [1])
    declared = history.do(DeclareNotSame(left=history.name(0), right=history.name(2))).id
    known = {"split": split, "its reversal": history.reverse(split), "declaration": declared, "unknown": "000-99"}
    assert sides_of(fold(history.said), known[wanted]) is None
