"""A whole population joined at once: no guard is crossed, and the order of the pairs changes nothing."""

from __future__ import annotations

from collections import Counter
from functools import cache
from itertools import combinations
from random import Random

from hypothesis import given, settings
from hypothesis import strategies as st

from ledger.matching.comparison import compared
from ledger.matching.decision import assess
from ledger.matching.joining import Joined
from ledger.matching.person import Person, person
from ledger.matching.populations import kin
from ledger.matching.training import candidates
from support.any_children import people, scale, sheets, trained


@cache
def population() -> list[Person]:
    return [person(sheet.traits, trained().policy.roles) for sheet in sheets("registers")]


@cache
def pairs() -> list[tuple[int, int]]:
    return list(candidates(population()))


@cache
def joined() -> Joined:
    found = Joined(scale(), population(), pairs())
    found.link()
    return found


class Watched(Joined):
    """Says what the policy said of each join, at the moment of it."""

    def join(self, left: int, right: int) -> int:
        found = self.assessed(left, right)
        assert found.guards == ()
        assert found.weight >= self.scale.policy.thresholds.link
        return super().join(left, right)


def students(found: Joined) -> set[frozenset[int]]:
    return {frozenset(members) for members in found.members.values()}


def test_nothing_is_joined_that_a_guard_forbids_or_that_is_under_the_threshold() -> None:
    watched = Watched(scale(), population(), pairs())
    assert watched.link() > 500
    assert students(watched) == students(joined())


def test_no_two_records_of_a_student_speak_against_each_other() -> None:
    for members in joined().members.values():
        for one, other in combinations(members, 2):
            left, right = population()[one], population()[other]
            assert scale().weigh(*compared(left, right)).bits >= 0
            assert not {"two-ids", "two-places"} & set(assess(scale(), [left], [right]).guards)


def test_most_records_of_a_child_come_together_and_hardly_any_others() -> None:
    told = sheets("registers")
    same = sum(n * (n - 1) // 2 for n in Counter(sheet.child for sheet in told).values())
    found = Counter(
        kin(told[one], told[other]) for members in joined().members.values() for one, other in combinations(members, 2)
    )
    assert found["same"] / same > 0.5
    assert found.total() - found["same"] <= 2


def test_the_order_in_which_pairs_are_given_changes_nothing() -> None:
    shuffled = [(one, other) if at % 2 else (other, one) for at, (one, other) in enumerate(pairs())]
    Random(3).shuffle(shuffled)
    again = Joined(scale(), population(), shuffled)
    again.link()
    assert students(again) == students(joined())
    asked = {(frozenset((one.left, one.right)), one.weight) for one in joined().questions()}
    assert {(frozenset((one.left, one.right)), one.weight) for one in again.questions()} == asked


def test_joining_again_joins_nothing_more() -> None:
    assert joined().link() == 0


def test_questions_are_of_two_students_each_in_the_review_band_the_likeliest_first() -> None:
    found, asked = joined(), joined().questions()
    weights = [one.weight for one in asked]
    assert weights == sorted(weights, reverse=True)
    assert weights[-1] >= scale().policy.thresholds.review
    met = [frozenset((found.student[one.left], found.student[one.right])) for one in asked]
    assert all(len(two) == 2 for two in met)
    assert len(set(met)) == len(met)
    sure = [one for one in asked if one.weight >= scale().policy.thresholds.link]
    assert sure
    assert all(found.assessed(found.student[one.left], found.student[one.right]).guards for one in sure)


def test_every_record_is_of_one_student() -> None:
    found = joined()
    assert sorted(number for members in found.members.values() for number in members) == list(range(len(population())))
    assert all(found.student[number] == name for name, members in found.members.items() for number in members)


@settings(max_examples=40, deadline=None)
@given(st.lists(people(), min_size=2, max_size=6), st.randoms(use_true_random=False))
def test_any_few_records_are_joined_the_same_in_every_order_of_the_pairs(found: list[Person], chance: Random) -> None:
    every = list(combinations(range(len(found)), 2))
    told = Watched(scale(), found, every)
    told.link()
    turned = [(one, other) if chance.random() < 0.5 else (other, one) for one, other in every]
    chance.shuffle(turned)
    again = Watched(scale(), found, turned)
    again.link()
    assert students(again) == students(told)
