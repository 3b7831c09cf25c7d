"""What is written now one way and now another compares as equal, and what is another name does not."""

from __future__ import annotations

import csv
from importlib import resources

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.matching.names import ABBREVIATIONS, PARTICLES, folded, other_spellings, other_words, sound, words


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("García López", "GARCIA LOPEZ"),
        ("García-López", "garcía lópez"),
        ("de la Cruz", "Cruz"),
        ("Delacruz", "de la Cruz"),
        ("De Los Ángeles", "ANGELES"),
        ("San Juan", "Sanjuan"),
        ("O'Brien", "O\u2019Brien"),
        ("O\u00b4Brien", "Obrien"),
        ("Nu\u0301n\u0303ez", "Núñez"),
        ("Ortega y Gasset", "Ortega Gasset"),
        ("Muñoz Jr.", "Munoz"),
        ("María G.", "Maria"),
        ("Hdez", "Hernández"),
        ("Łukasz", "Lukasz"),
        ("Straße", "STRASSE"),
    ],
)
def test_two_spellings_of_a_name_have_the_same_words(one: str, other: str) -> None:
    assert words(one) == words(other)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("García García", ("garcia", "garcia")),
        ("De La O", ("o",)),
        ("De La", ("de", "la")),
        ("Lo", ("lo",)),
        ("J.", ("j",)),
        ("Jr", ("jr",)),
        ("李 小龙", ("李", "小龙")),
        ("Xóchitl Ñusta", ("xochitl", "nusta")),
        ("??", ()),
        ("", ()),
    ],
)
def test_a_name_keeps_its_words_in_order_and_never_loses_its_last_one(name: str, expected: tuple[str, ...]) -> None:
    assert words(name) == expected


@pytest.mark.parametrize("surname", ["Delgado", "Sandoval", "Santana", "Deras", "Lara", "Sanchez", "Delarosa2"])
def test_a_surname_that_only_begins_like_a_particle_is_left_whole(surname: str) -> None:
    assert words(surname) == (surname.lower(),)


@given(st.text())
def test_folding_again_changes_nothing_and_leaves_letters_digits_and_single_blanks(text: str) -> None:
    once = folded(text)
    assert folded(once) == once
    assert all(word.isalnum() for word in once.split(" ") if once)


@given(st.text(max_size=20))
def test_capitals_and_blanks_around_change_no_word(text: str) -> None:
    assert words(f"  {text} ") == words(text)
    if text.isascii():
        assert words(text.upper()) == words(text.lower())


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("gonzalez", "gonzales"),
        ("jimenez", "ximenez"),
        ("gimenez", "jimenez"),
        ("vasquez", "bazquez"),
        ("chavez", "chabes"),
        ("stephany", "estefani"),
        ("esteban", "steban"),
        ("yesenia", "jessenia"),
        ("cecilia", "sesilia"),
        ("helena", "elena"),
        ("kevin", "quevin"),
        ("guillen", "guiyen"),
        ("nancy", "nansi"),
        ("theresa", "teresa"),
        ("oswaldo", "osvaldo"),
    ],
)
def test_words_that_a_spanish_ear_hears_alike_sound_alike(one: str, other: str) -> None:
    assert sound(one) == sound(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [("maria", "mario"), ("garcia", "garza"), ("jose", "josue"), ("reyes", "rios"), ("chavez", "javez")],
)
def test_other_names_sound_otherwise(one: str, other: str) -> None:
    assert sound(one) != sound(other)


@pytest.mark.parametrize(
    ("nickname", "name"),
    [
        ("pepe", "jose"),
        ("lupe", "guadalupe"),
        ("paco", "francisco"),
        ("chuy", "jesus"),
        ("nacho", "ignacio"),
        ("beto", "roberto"),
        ("beto", "alberto"),
        ("chayo", "rosario"),
        ("memo", "guillermo"),
        ("ma", "maria"),
        ("bill", "william"),
        ("peggy", "margaret"),
        ("mike", "miguel"),
    ],
)
def test_a_nickname_and_its_name_are_other_words_for_each_other(nickname: str, name: str) -> None:
    assert name in other_words(nickname)
    assert nickname in other_words(name)


def test_two_nicknames_of_one_name_are_other_words_for_each_other() -> None:
    assert "pepito" in other_words("pepe")


def test_a_clan_is_one_name_in_every_spelling_and_no_other_clan() -> None:
    assert {"vu", "vwj"} == other_spellings("vue")
    assert "ly" in other_spellings("li")
    assert "yang" not in other_spellings("vang")


def test_names_that_share_only_a_nickname_are_not_other_words_for_each_other() -> None:
    assert "alberto" not in other_words("roberto")
    assert other_words("xochitl") == frozenset()


@pytest.mark.parametrize("table", ["nicknames.csv", "surnames.csv"])
def test_every_word_of_a_table_is_a_word_as_names_are_cut_into(table: str) -> None:
    text = resources.files("ledger.matching").joinpath(table).read_text("utf-8")
    rows = list(csv.DictReader(text.splitlines()))
    names = [row["name"] for row in rows]
    assert names == sorted(set(names))
    for row in rows:
        others = row["others"].split()
        assert others == sorted(set(others) - {row["name"]})
        for word in (row["name"], *others):
            assert words(word) == (word,)


def test_an_abbreviation_is_of_a_whole_word_and_stands_for_one() -> None:
    assert all(words(short) == words(whole) == (whole,) for short, whole in ABBREVIATIONS.items())
    assert not PARTICLES & ABBREVIATIONS.keys()
