"""A policy weighs a pair in whole numbers, and the same wherever it is read back."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ledger.matching.comparison import FIELDS, Levels, Shared, compared
from ledger.matching.person import Person
from ledger.matching.policy import CHANCE, KINDS, SAME, TWIN, UNRELATED, Policy, Scale, Thresholds, Words
from support.any_children import made, people, scale, trained

WORDS = Words(common={"lopez": -4000, "garcia": -5000}, rare=-12_000, usual=-7000)


def read_back(policy: Policy) -> Policy:
    return msgspec.json.decode(msgspec.json.encode(policy), type=Policy)


def test_a_rare_word_that_two_share_is_less_likely_chance_than_a_common_one() -> None:
    assert WORDS.surprise(["lopez"]) == 3000
    assert WORDS.surprise(["lopez", "garcia"]) == 3000 + 2000
    assert WORDS.surprise(["ixcoy"]) == -5000
    assert WORDS.surprise([]) == 0


def test_a_policy_read_back_from_json_is_the_policy() -> None:
    policy = trained().policy
    again = read_back(policy)
    assert again == policy
    assert msgspec.json.encode(again) == msgspec.json.encode(policy)


def test_no_number_that_takes_part_in_a_weight_has_a_fraction() -> None:
    told = json.loads(msgspec.json.encode(trained().policy))
    weighing = [told["rates"], told["levels"], told["words"], told["thresholds"]]

    def numbers(value: object) -> list[object]:
        if isinstance(value, dict):
            value = list(value.values())
        return [n for one in value for n in numbers(one)] if isinstance(value, list) else [value]

    found = numbers(weighing)
    assert len(found) > 500
    assert all(type(number) is int for number in found)


def test_every_level_of_every_field_has_a_share_for_every_kind() -> None:
    levels = trained().policy.levels
    assert {field: len(rows) for field, rows in levels.items()} == {field: len(told) for field, told in FIELDS.items()}
    assert all(len(row) == len(KINDS) for rows in levels.values() for row in rows)


@settings(max_examples=40, deadline=None)
@given(st.lists(people(), min_size=2, max_size=4))
def test_a_policy_read_back_weighs_the_same_in_whole_thousandths(found: list[Person]) -> None:
    policy, again = scale(), Scale(read_back_once(), scale().records)
    for one in found[1:]:
        levels, shared = compared(found[0], one)
        weight = policy.weigh(levels, shared)
        assert again.weigh(levels, shared) == weight
        assert type(weight.bits) is int
        assert all(type(kind) is int for kind in weight.kinds)
        assert abs(weight.bits - (weight.kinds[SAME] - in_all(weight.kinds[1:]))) <= 2.5  # half of one for each sum


def in_all(kinds: Sequence[int]) -> float:
    return 1000 * (max(kinds) / 1000 + math.log2(sum(2 ** ((kind - max(kinds)) / 1000) for kind in kinds)))


_READ: list[Policy] = []


def read_back_once() -> Policy:
    if not _READ:
        _READ.append(read_back(trained().policy))
    return _READ[0]


@pytest.mark.parametrize(("records", "counted"), [(1, 2), (2, 2), (3, 4), (1024, 1024), (1025, 2048), (10**6, 1 << 20)])
def test_records_are_counted_as_the_next_power_of_two(records: int, counted: int) -> None:
    assert Scale(trained().policy, records).records == counted


def test_in_a_ledger_twice_as_large_chance_weighs_a_bit_more_and_kin_does_not() -> None:
    levels, shared = compared(made("Ana/Cruz", "2014-03-09"), made("Ana/Cruz", "2014-03-09"))
    small, large = (Scale(trained().policy, size).weigh(levels, shared) for size in (1024, 2048))
    grown = [after - before for before, after in zip(small.kinds, large.kinds, strict=True)]
    assert grown == [1000, 1000, 1000, 1000, 1000, 2000]
    assert 0 <= small.bits - large.bits <= 1000


def test_the_more_two_records_agree_the_more_they_weigh() -> None:
    one = made("José Luis/Hernández/Xicoténcatl", "2012-03-07", sex="Male")
    weights = [
        scale().weigh(*compared(one, other)).bits
        for other in (
            made("José Luis/Hernández/Xicoténcatl", "2012-03-07", sex="Male"),
            made("José Luis/Hernández", "2012-03-07", sex="Male"),
            made("José/Hernández", "2012-03-08", sex="Male"),
            made("Ana/Hernández", "2014-11-20", sex="Female"),
            made("Ana/Cruz", "2014-11-20", sex="Female"),
        )
    ]
    assert weights == sorted(weights, reverse=True)
    assert len(set(weights)) == len(weights)
    assert weights[0] > 5000
    assert weights[-1] < -20_000


def test_brother_and_sister_of_one_day_are_likelier_twins_than_one_child() -> None:
    weight = scale().weigh(
        *compared(
            made("Adrián/Hernández/Cruz", "2012-03-07", sex="Male"),
            made("Adriana/Hernández/Cruz", "2012-03-07", sex="Female"),
        )
    )
    assert weight.bits < -4000
    assert weight.against == TWIN


def test_what_is_said_against_is_the_likeliest_kind_but_the_same() -> None:
    weight = scale().weigh(*compared(made("Ana/Cruz", "2014-03-09"), made("Luis/Ruiz", "2010-11-20")))
    assert KINDS[weight.against] == "unrelated"
    assert weight.against == UNRELATED


@pytest.mark.parametrize(("link", "one_in"), [(9000, 513), (0, 2), (-3000, 2), (6500, 91)])
def test_a_threshold_says_one_error_in_how_many_it_expects(link: int, one_in: int) -> None:
    policy = msgspec.structs.replace(trained().policy, thresholds=Thresholds(link=link, review=-4000, margin=0))
    assert Scale(policy, 1000).expected_wrong == one_in


def test_a_weight_is_a_function_of_levels_and_words_alone() -> None:
    nothing = Levels(*[0] * len(FIELDS))
    assert scale().weigh(nothing, Shared()) == scale().weigh(nothing, Shared())
    assert scale().weigh(nothing, Shared(given=("unheardof",))).bits > scale().weigh(nothing, Shared()).bits


@pytest.mark.parametrize("column", Shared._fields)
def test_a_rare_word_that_is_shared_counts_where_the_kind_has_it_by_chance_and_nowhere_else(column: str) -> None:
    nothing = Levels(*[0] * len(FIELDS))
    told = trained().policy.words[column].surprise(("unheardof",))
    before = scale().weigh(nothing, Shared()).kinds
    after = scale().weigh(nothing, Shared(**{column: ("unheardof",)})).kinds
    assert told < 0
    assert [two - one for one, two in zip(before, after, strict=True)] == [
        told if kind in CHANCE[column] else 0 for kind in range(len(KINDS))
    ]
