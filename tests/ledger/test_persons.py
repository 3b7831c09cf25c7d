"""Names by which people sign in: one person is one, however he is typed, and two are two."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.persons import person, same_person

ROSA = "rosa@school.example.org"


@pytest.mark.parametrize(
    "typed",
    [
        ROSA.upper(),
        f"\t{ROSA}\n",
        "rosa\u200b@school.example.org",
        "\ufeff" + ROSA,
        "ｒosa@school.example.org",
        "ro\u00adsa@school.example.org",
    ],
)
def test_one_person_is_the_same_however_he_is_typed(typed: str) -> None:
    assert same_person(typed, ROSA)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (ROSA, "rosa@school.example.com"),
        (ROSA, "rosa.@school.example.org"),
        ("núñez", "nunez"),
        ("help desk", "helpdesk"),
        (ROSA, ""),
    ],
)
def test_two_people_are_two(one: str, other: str) -> None:
    assert not same_person(one, other)


@pytest.mark.parametrize(("one", "other"), [("Straße", "STRASSE"), ("n\u0303un\u0303ez", "ñuñez"), ("ﬁn", "FIN")])
def test_letters_that_are_one_by_unicode_are_one(one: str, other: str) -> None:
    assert same_person(one, other)


@given(st.text(max_size=20))
def test_a_name_that_was_compared_compares_as_itself(name: str) -> None:
    assert person(person(name)) == person(name)
    assert same_person(name, f" {name}\u200b ")
