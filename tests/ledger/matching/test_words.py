"""Two words of a name: the same, a variant, a fault, an initial, brother and sister, or two names."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.matching.repair import ANY
from ledger.matching.words import Alike, alike, alike_surnames, clearer

GIVEN = {
    Alike.EQUAL: [("ana", "ana"), (f"jos{ANY}", "jose"), (f"mart{ANY}n", "martin"), (f"{ANY}ngel", "angel")],
    Alike.VARIANT: [
        ("jose", "pepe"),
        ("jesus", "chuy"),
        ("francisco", "paco"),
        ("guadalupe", "lupita"),
        ("juan", "john"),
        ("jennifer", "yenifer"),
        ("stephany", "estefani"),
        ("ximena", "jimena"),
        ("oscar", "hoscar"),
    ],
    Alike.NEAR: [
        ("brayan", "bryan"),
        ("alexander", "alexandr"),
        ("guadalupe", "guadalup"),
        ("xochitl", "sochitl"),
        ("maximiliano", "maximili"),
        ("isabel", "isabela"),
        ("mariel", "mariela"),
        ("violet", "violeta"),
    ],
    Alike.INITIAL: [("j", "jose"), ("j", f"jos{ANY}")],
    Alike.GENDERED: [
        ("adrian", "adriana"),
        ("mario", "maria"),
        ("gabriel", "gabriela"),
        ("jose", "josefa"),
        ("jose", "josefina"),
        ("andres", "andrea"),
        ("erik", "erika"),
        ("felipe", "felipa"),
        ("angel", "angela"),
        ("angel", "angelica"),
        ("daniel", "daniela"),
        ("juan", "juana"),
        ("luis", "luisa"),
        ("alejandro", "alejandra"),
        ("alexander", "alexandra"),
        ("carlos", "carla"),
    ],
    Alike.NEARISH: [("ana", "ada"), ("tou", "tu"), ("xai", "xi")],
    Alike.OTHER: [("jose", "luis"), ("ana", "eva"), ("juan", "pedro"), ("j", "luis"), ("pao", "mai"), ("tou", "pa")],
}
SURNAMES = {
    Alike.EQUAL: [(f"mu{ANY}oz", "munoz"), (f"p{ANY}rez", f"p{ANY}rez"), (f"mu{ANY}oz", f"m{ANY}noz")],
    Alike.VARIANT: [
        ("gonzalez", "gonzales"),
        ("jimenez", "ximenez"),
        ("vasquez", "basques"),
        (f"p{ANY}rez", "prez"),
        ("vue", "vwj"),
    ],
    Alike.NEAR: [("hernandez", "hernadez"), ("ixcoy", "ixoy"), ("xiong", "xong"), ("saintil", "santil")],
    Alike.NEARISH: [("her", "hcr"), ("lee", "lea")],
    Alike.OTHER: [
        ("lopez", "perez"),
        (f"mu{ANY}oz", f"nu{ANY}ez"),
        (f"pe{ANY}a", f"lu{ANY}a"),
        ("vang", "moua"),
        ("lo", "ly"),
        ("tum", "tzul"),
    ],
}


@pytest.mark.parametrize(
    ("kind", "one", "other"), [(kind, *pair) for kind, pairs in GIVEN.items() for pair in pairs], ids=str
)
def test_two_given_names_are_alike_as_people_would_say(kind: Alike, one: str, other: str) -> None:
    assert alike(one, other) is kind


@pytest.mark.parametrize(
    ("kind", "one", "other"), [(kind, *pair) for kind, pairs in SURNAMES.items() for pair in pairs], ids=str
)
def test_two_surnames_are_alike_as_people_would_say(kind: Alike, one: str, other: str) -> None:
    assert alike_surnames(one, other) is kind


def test_surnames_know_no_nicknames_and_no_girls_forms() -> None:
    assert alike_surnames("lupe", "guadalupe") is Alike.OTHER
    assert alike_surnames("marin", "marina") is Alike.NEAR


def test_a_child_called_by_two_names_of_one_nickname_is_not_one_name() -> None:
    """Beto is Alberto and Roberto, who are two."""
    assert alike("beto", "alberto") is alike("beto", "roberto") is Alike.VARIANT
    assert alike("alberto", "roberto") > Alike.INITIAL


WORDS = st.text(alphabet=f"abeijlnorsuz{ANY}", min_size=1, max_size=8) | st.sampled_from(
    [word for pairs in (*GIVEN.values(), *SURNAMES.values()) for pair in pairs for word in pair]
)


@given(WORDS, WORDS, st.sampled_from([alike, alike_surnames]))
def test_alike_does_not_depend_on_the_side(one: str, other: str, kind: Callable[[str, str], Alike]) -> None:
    assert kind(one, other) is kind(other, one)
    assert clearer(one, other) == clearer(other, one)


@given(st.text(alphabet="abeijlnorsuz", min_size=4, max_size=9), st.data())
def test_a_word_that_has_lost_a_letter_is_equal_to_itself(word: str, data: st.DataObject) -> None:
    at = data.draw(st.integers(1, len(word) - 1))
    assert alike(word[:at] + ANY + word[at + 1 :], word) is Alike.EQUAL
    assert clearer(word[:at] + ANY + word[at + 1 :], word) == word


@given(st.text(alphabet="bcdfg", min_size=5, max_size=8), st.text(alphabet="lmnpr", min_size=5, max_size=8))
def test_a_lost_letter_makes_no_other_letter_alike(one: str, other: str) -> None:
    assert alike(one[:2] + ANY + one[3:], other[:2] + ANY + other[3:]) is Alike.OTHER
