"""A record against a student: the weight, and the guards that keep it from being linked by itself."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from random import Random
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ledger.matching.decision import GUARDS, PAIR_BELOW, Assessed, assess, is_hopeless, other_child, pair_bits
from ledger.matching.person import Person, person
from ledger.matching.policy import TWIN, Policy, Scale
from ledger.matching.traits import Attendance
from support.any_children import child, people, scale, trained

PARENTS = {
    "male_parent_first_name": "Pedro",
    "male_parent_last_name": "Hernández",
    "female_parent_first_name": "Rosa",
    "female_parent_last_name": "Xicoténcatl",
}
OTHER_PARENTS = {**PARENTS, "male_parent_first_name": "Raúl", "female_parent_first_name": "Elena"}


def told(names: str = "José Luis/Hernández/Xicoténcatl", born: str = "2012-03-07", **more: Any) -> Person:
    """A boy whose parents are known; each record from a state of its own, unless it says which."""
    return person(child(names, born, **{"state": "TX", "sex": "Male", **PARENTS, **more}), trained().policy.roles)


def elsewhere(names: str = "José Luis/Hernández/Xicoténcatl", born: str = "2012-03-07", **more: Any) -> Person:
    """The same, as another state tells it."""
    return told(names, born, **{"state": "MI", **more})


def test_the_same_child_told_by_two_states_is_over_the_threshold_without_any_guard() -> None:
    found = assess(scale(), [told()], [elsewhere()])
    assert found.weight == found.pair.bits == found.whole.bits >= 9000
    assert (found.best, found.guards) == ((0, 0), ())


def test_the_weight_is_the_mean_of_the_best_pair_and_of_the_two_put_together() -> None:
    found = assess(scale(), [told("José/Hernández"), told()], [elsewhere("José Luis/Hernández")])
    assert found.weight == (found.pair.bits + found.whole.bits) // 2
    assert found.best == (1, 0)


def stay(begins: str, ends: str, state: str, school: str = "") -> tuple[Attendance, ...]:
    return (Attendance(date.fromisoformat(begins), date.fromisoformat(ends), state, school),)


Pair = tuple[list[Person], list[Person]]
SPRING = ("2023-01-09", "2023-05-01")
FIRED = [
    ("no-surname", lambda: ([told()], [elsewhere("José Luis/Ruiz/Cruz")])),
    ("no-surname", lambda: ([told()], [elsewhere("José Luis")])),
    ("no-surname", lambda: ([told()], [elsewhere("José Luis//")])),
    ("parents-differ", lambda: ([told()], [elsewhere(**OTHER_PARENTS)])),
    ("two-ids", lambda: ([told()], [told(state_student_id="2")])),
    ("two-ids", lambda: ([elsewhere(), told()], [told(state_student_id="2")])),
    (
        "two-places",
        lambda: (
            [told(attendances=stay(*SPRING, "TX"))],
            [elsewhere(attendances=stay("2023-02-01", "2023-06-01", "MI"))],
        ),
    ),
    ("pair-speaks-against", lambda: ([told(), told("Ana/Ruiz", "2009-11-20", sex="Female")], [elsewhere()])),
]


@pytest.mark.parametrize(("code", "told_of"), FIRED)
def test_a_guard_fires_from_either_side(code: str, told_of: Callable[[], Pair]) -> None:
    left, right = told_of()
    assert code in assess(scale(), left, right).guards
    assert code in assess(scale(), right, left).guards


QUIET = [
    ("no-surname", lambda: ([told()], [elsewhere("José Luis/Hernández")])),
    ("parents-differ", lambda: ([told()], [elsewhere(**{**PARENTS, "male_parent_first_name": "Raúl"})])),
    ("two-ids", lambda: ([told()], [told()])),
    ("two-ids", lambda: ([told(other_ids=("2",))], [told(state_student_id="2")])),
    ("two-ids", lambda: ([told()], [told(state_student_id="2", other_ids=("1",))])),
    ("two-ids", lambda: ([told()], [elsewhere(state_student_id="2")])),
    (
        "two-places",
        lambda: (
            [told(attendances=stay(*SPRING, "TX"))],
            [elsewhere(attendances=stay("2023-04-17", "2023-06-01", "MI"))],
        ),
    ),
    (
        "two-places",
        lambda: (
            [told(attendances=stay(*SPRING, "TX"))],
            [elsewhere(attendances=stay("2023-02-01", "2023-06-01", "NM"))],
        ),
    ),
    ("pair-speaks-against", lambda: ([told()], [elsewhere("Ana/Ruiz", "2009-11-20", sex="Female")])),
    ("pair-speaks-against", lambda: ([told(), told("José/Hernández")], [elsewhere()])),
]


@pytest.mark.parametrize(("code", "told_of"), QUIET)
def test_a_guard_is_quiet_where_its_reason_is_absent(code: str, told_of: Callable[[], Pair]) -> None:
    left, right = told_of()
    assert code not in assess(scale(), left, right).guards
    assert code not in assess(scale(), right, left).guards


@pytest.mark.parametrize(
    ("left", "right", "twin", "fires"),
    [
        ("José Luis", "José Luis", "Carlos Daniel", False),
        ("José Luis", "José", "Carlos Daniel", True),  # whose second name is gone, one cannot tell
        ("José Luis", "José Luis", "José", True),  # the twin's one name is this child's too
        ("José Luis", "José L", "Carlos Daniel", True),
        ("José", "José", "Carlos", False),
        ("José", "Pepe", "Carlos", True),
    ],
)
def test_where_a_twin_is_known_only_whole_names_that_are_not_the_twins_will_do(
    left: str, right: str, twin: str, *, fires: bool
) -> None:
    one, other, third = (told(f"{name}/Hernández/Xicoténcatl") for name in (left, right, twin))
    assert ("co-twin" in assess(scale(), [one], [other], [third]).guards) == fires
    assert "co-twin" not in assess(scale(), [one], [other]).guards


NOBODY = dict.fromkeys(PARENTS, "")


@pytest.mark.parametrize(
    ("left", "right", "fires"),
    [
        (NOBODY, {}, True),
        (NOBODY, NOBODY, True),
        ({}, {}, False),
        ({**NOBODY, "birth_city": "Tlaxiaco"}, {**NOBODY, "birth_city": "Tlaxiaco"}, False),
    ],
)
def test_where_a_namesake_is_known_a_parent_or_the_town_must_tell(
    left: dict[str, str], right: dict[str, str], *, fires: bool
) -> None:
    one, other, rival = told(**left), elsewhere(**right), told(state="OH", **OTHER_PARENTS)
    assert ("namesake" in assess(scale(), [one], [other], (), [rival]).guards) == fires
    assert ("namesake" in assess(scale(), [other], [one], (), [rival]).guards) == fires
    assert "namesake" not in assess(scale(), [one], [other]).guards


def test_guards_come_in_the_order_of_the_policy_and_only_those_that_it_has() -> None:
    left, right = [told()], [told("José Luis/Ruiz/Cruz", state_student_id="2", **OTHER_PARENTS)]
    assert assess(scale(), left, right).guards == ("no-surname", "parents-differ", "two-ids")
    turned = msgspec.structs.replace(trained().policy, guards=("two-ids", "no-surname"))
    assert assess(Scale(turned, 4096), left, right).guards == ("two-ids", "no-surname")


def test_every_guard_has_words_for_people_and_a_case_that_fires_it() -> None:
    assert {code for code, _ in FIRED} | {"co-twin", "namesake"} == set(GUARDS)
    assert all(words and not words.endswith(".") for words in GUARDS.values())


@pytest.mark.parametrize(
    ("name", "born", "sex", "twins"),
    [
        ("Adriana/Hernández/Xicoténcatl", "2012-03-07", "Female", True),
        ("Carlos/Hernández/Xicoténcatl", "2012-03-07", "Male", True),
        ("Adrián/Hernández/Xicoténcatl", "2012-03-07", "Male", False),  # the same child
        ("Carlos/Hernández/Xicoténcatl", "2014-09-21", "Male", False),  # a brother
        ("Carlos/Ruiz/Cruz", "2012-03-07", "Male", False),  # nobody
    ],
)
def test_twins_are_told_from_the_child_the_brother_and_the_stranger(
    name: str, born: str, sex: str, *, twins: bool
) -> None:
    one = told("Adrián/Hernández/Xicoténcatl", multiple_birth="Yes")
    other = elsewhere(name, born, sex=sex, multiple_birth="Yes")
    assert (other_child(scale(), one, other) == TWIN) is (other_child(scale(), other, one) == TWIN) is twins


def test_twins_are_never_linked_by_themselves_however_much_of_their_family_agrees() -> None:
    place = {"birth_city": "Tlaxiaco", "birth_state": "OAX", "birth_country": "MX", "multiple_birth": "Yes"}
    for one, other in (("Brayan", "Adrián"), ("Rosa Emily", "Rosa María"), ("Adrián", "Adriana"), ("Andrés", "Andrea")):
        left = [told(f"{one}/Hernández/Xicoténcatl", **place), elsewhere(f"{one}/Hernández/Xicoténcatl", **place)]
        found = assess(scale(), left, [told(f"{other}/Hernández/Xicoténcatl", state="OH", **place)])
        assert found.weight < 9000 or found.guards, (one, other)


def _order_free(found: Assessed) -> tuple[object, ...]:
    return found.weight, found.pair.bits, found.whole, found.levels, found.guards


SOME = st.lists(people(), min_size=1, max_size=3)


@settings(max_examples=40, deadline=None)
@given(SOME, SOME, st.lists(people(), max_size=2), st.randoms(use_true_random=False))
def test_neither_the_side_nor_the_order_of_records_and_twins_changes_a_decision(
    left: list[Person], right: list[Person], twins: list[Person], chance: Random
) -> None:
    found = assess(scale(), left, right, twins)
    assert _order_free(assess(scale(), right, left, twins)) == _order_free(found)
    for line in (left, right, twins):
        chance.shuffle(line)
    assert _order_free(assess(scale(), left, right, twins)) == _order_free(found)


_READ: list[Scale] = []


@settings(max_examples=40, deadline=None)
@given(SOME, SOME, st.lists(people(), max_size=1))
def test_a_policy_read_back_from_json_decides_the_same(
    left: list[Person], right: list[Person], twins: list[Person]
) -> None:
    if not _READ:
        again = msgspec.json.decode(msgspec.json.encode(trained().policy), type=Policy)
        _READ.append(Scale(again, scale().records))
    assert assess(_READ[0], left, right, twins) == assess(scale(), left, right, twins)


@given(SOME, SOME)
def test_no_question_is_hopeless_whose_best_two_records_come_within_reach_of_one(
    left: list[Person], right: list[Person]
) -> None:
    thresholds = scale().policy.thresholds
    found = assess(scale(), left, right)
    assert is_hopeless(scale(), pair_bits(scale(), left, right)) == (
        found.pair.bits < min(thresholds.review, thresholds.link) - PAIR_BELOW
    )
    assert is_hopeless(scale(), pair_bits(scale(), right, left)) == is_hopeless(
        scale(), pair_bits(scale(), left, right)
    )
    if len(left) == len(right) == 1 and is_hopeless(scale(), pair_bits(scale(), left, right)):
        assert found.weight - found.number < thresholds.review, "two records alone lose nothing by it"
