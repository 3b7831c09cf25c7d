"""Records of one child meet under a key, however the child's name and date were spoilt."""

from __future__ import annotations

import subprocess
import sys
from itertools import count
from typing import Any

import msgspec
import pytest
from hypothesis import given

from ledger.matching.blocking import keys, skeleton
from ledger.matching.person import Parent, Person, person
from support import any_children
from support.any_children import people, sheets
from support.sources import ROOT

AS_BORN = ("José Luis/Hernández/Muñoz", "2012-03-07")

_NUMBERS = count(1)


def made(names: str = "", born: str = "", **told: Any) -> Person:
    """A record with an id that no other has."""
    return any_children.made(names, born, **{"state_student_id": str(next(_NUMBERS)), **told})


@pytest.mark.parametrize(
    ("name", "born"),
    [
        ("JOSE LUIS/HERNANDEZ/MUNOZ", "2012-03-07"),
        ("José/Hernández", "2012-03-07"),
        ("Luis/Muñoz", "2012-03-07"),
        ("Pepe/Hernández", "2012-03-07"),
        ("Joséluis/Hernándes", "2012-03-07"),
        ("José/Mu?oz", "2012-03-07"),
        ("JosÃ©/HernÃ¡ndez", "2012-03-07"),
        ("Hernández/José", "2012-03-07"),
        ("José Luis/Muñoz/Hernández", "2012-03-07"),
        ("Luis/Hernández", "2012-07-03"),
        ("José/Ernandes", "2012-01-01"),
        ("José/Hernández", "2013-03-07"),
        ("José/Hernández", "2012-03-08"),
        ("Josse/Ernándes/Muños", ""),
        ("José/Hernández/Muñoz", "2018-11-30"),
        ("José Jr/Hdez", "2012-05-07"),
        ("Joséluis/Cruz", "2012-03-07"),
        ("José Luis/Hernándezmuñoz", "2012-03-07"),
        ("Jorge/Hernádnez", "2012-03-07"),
        ("Luis/Muñoz", "2012-03-15"),
        ("Luis/Muñoz", "2012-09-07"),
        ("Luis/Muñoz", "2011-07-03"),
        ("Luis/Muñoz", "2012-01-01"),
        ("Luis/Muñoz", ""),
        ("Wicho/Hernández/Muñoz", "2012-03-17"),
        ("Wicho/Muñoz/Hernández", "2012-01-01"),
        ("Wicho/Hernández/Muñoz", "2002-03-07"),
    ],
)
def test_a_spoilt_copy_of_a_record_shares_a_key_with_it(name: str, born: str) -> None:
    assert keys(made(*AS_BORN)) & keys(made(name, born))


@pytest.mark.parametrize(
    ("name", "born"),
    [
        ("Ana/Cruz", "2012-03-07"),
        ("José/Cruz", "2012-05-08"),
        ("José/Hernández", "2014-05-08"),
        ("José Luis/Cruz", ""),
        ("José/", ""),
        ("", "2012-03-07"),
    ],
)
def test_who_shares_only_a_date_or_a_name_shares_no_key(name: str, born: str) -> None:
    assert not keys(made(*AS_BORN)) & keys(made(name, born))


def test_a_whole_name_of_three_words_is_enough_without_a_date() -> None:
    assert keys(made(*AS_BORN)) & keys(made(AS_BORN[0]))


@pytest.mark.parametrize(
    ("name", "born", "city"),
    [
        ("Kevin/Smith", "2012-03-07", "Huajuápan de León"),
        ("Kevin/Smith", "2012-03-07", "HUAJUAPAN"),
        ("Kevin/Smith", "2012-03-07", "Juajuapan de Leon"),
        ("José/Hernández", "1999-11-30", "Huajuapan"),
        ("Hernández/José", "1999-11-30", "Huajuapan de Leon"),
        ("José/Hernanes", "1999-11-30", "Huajuapan de León"),
        ("Josef/Hernández", "1999-11-30", "Huajuapan de León"),
        ("Kevin/Hernández", "1999-07-03", "Huajuapan de León"),
        ("José/Smith", "", "Huajuapan de León"),
        ("/Hernández", "", "Huaju apan de León"),
    ],
)
def test_where_the_names_or_the_date_are_wrong_the_birth_place_finds_the_child(name: str, born: str, city: str) -> None:
    here = made("José/Hernández", "2012-03-07", birth_city="Huajuapan de León")
    assert keys(here) & keys(made(name, born, birth_city=city))
    assert name == "José/Hernández" or not keys(made(name, born)) & keys(made("José/Hernández", "2012-03-07"))


@pytest.mark.parametrize("city", ["", "Huajuapan de León"])
def test_what_says_little_of_a_name_finds_one_sex_and_whoever_has_none(city: str) -> None:
    jorge = ("Kevin/Smith" if city else "Jorge/Hernádnez", "2012-03-07")
    boy, girl, nobody = (made(*jorge, sex=sex, birth_city=city) for sex in ("Male", "Female", ""))
    jose = ("José/Hernández", "2012-03-07")
    assert keys(made(*jose, sex="Male", birth_city=city)) & keys(boy)
    assert not keys(made(*jose, sex="Male", birth_city=city)) & keys(girl)
    for sex in ("Male", "Female", ""):
        assert keys(made(*jose, sex=sex, birth_city=city)) & keys(nobody)
        assert keys(made(*jose, birth_city=city)) & keys(made(*jorge, sex=sex, birth_city=city))


def test_a_whole_name_finds_a_child_whose_sex_is_wrong() -> None:
    assert keys(made(*AS_BORN, sex="Male")) & keys(made(*AS_BORN, sex="Female"))


def test_the_beginning_of_a_birth_place_finds_who_names_no_parent() -> None:
    def told(**parent: str) -> tuple[frozenset[str], frozenset[str]]:
        here = made("José/Hernández", "2012-03-07", birth_city="Huajuapan", **parent)
        there = made("José/Hernández", "1999-11-30", birth_city="Huajimic", **parent)
        return keys(here), keys(there)

    alone, named = told(), told(male_parent_first_name="Raúl")
    assert alone[0] & alone[1]
    assert not named[0] & (named[1] | alone[1])


def test_a_birth_place_alone_finds_nobody() -> None:
    here = made("José/Hernández", "2012-03-07", birth_city="Huajuapan de León")
    assert not keys(here) & keys(made("Kevin/Smith", "2012-03-08", birth_city="Huajuapan de León"))
    assert not keys(here) & keys(made("Kevin/Hernández", "2012-09-08", birth_city="Huajuapan de León"))


@given(people())
def test_a_record_whose_date_was_lost_is_found_by_a_given_name_and_a_surname(one: Person) -> None:
    names = bool(keys(_undated(one)) - _ids(one))
    assert bool(keys(_others(_undated(one))) & keys(one)) == names


@given(people())
def test_a_record_whose_date_became_a_1_january_is_found_by_a_given_name_and_a_surname(one: Person) -> None:
    by_default = made(born=f"{one.year or 2012}-01-01")
    spoilt = msgspec.structs.replace(_others(one), birth=by_default.birth, year=by_default.year, month=1, day=1)
    if one.birth and keys(_undated(msgspec.structs.replace(one, place=("", "", "")))) - _ids(one):
        assert keys(spoilt) & keys(one)


def test_a_child_of_a_1_january_stands_under_every_month_and_others_under_theirs_alone() -> None:
    first, other = made("José/Cruz", "2012-01-01"), made("José/Cruz", "2012-05-20")
    assert sum(key.startswith("y2012.") for key in keys(first)) == 12
    assert sum(key.startswith("y2012.") for key in keys(other)) == 1


def test_records_of_one_state_find_each_other_by_an_id_whichever_of_the_two_names_it() -> None:
    one = made("Ana/Cruz", "2012-03-07", state="OR", state_student_id="1234")
    renamed = made("Eva/Ruiz", "2015-08-09", state="OR", state_student_id="77", other_ids=("1234", "9"))
    also = made("Isa/Sosa", "2016-08-09", state="OR", state_student_id="9")
    elsewhere = made("Leo/Vega", "2010-08-09", state="WA", state_student_id="1234")
    assert keys(one) & keys(renamed) == {"i|OR|1234"}
    assert keys(also) & keys(renamed) == {"i|OR|9"}
    assert not keys(elsewhere) & (keys(one) | keys(renamed))


def test_records_that_name_one_third_id_find_each_other() -> None:
    one = made("Ana/Cruz", "2012-03-07", state="OR", other_ids=("5",))
    other = made("Eva/Ruiz", "2015-08-09", state="OR", other_ids=("5",))
    assert keys(one) & keys(other) == {"i|OR|5"}


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("gonzalez", "gonsales"),
        ("jimenez", "ximenez"),
        ("yesenia", "llesenia"),
        ("hernandez", "ernandes"),
        ("vasquez", "basques"),
    ],
)
def test_words_that_a_spanish_ear_hears_alike_have_one_skeleton(one: str, other: str) -> None:
    assert skeleton(one) == skeleton(other) != ""


def test_an_initial_and_an_empty_record_have_no_key() -> None:
    assert keys(Person()) == frozenset()
    assert keys(made("J", "2012-03-07", state="OR", state_student_id="8")) == {"i|OR|8"}


@given(people())
def test_keys_hang_on_names_date_sex_city_and_ids_and_on_whether_a_parent_is_named(one: Person) -> None:
    alone = Person(
        given=one.given,
        surnames=one.surnames,
        sex=one.sex,
        parents=(Parent((), ()),) if one.parents else (),
        birth=one.birth,
        year=one.year,
        month=one.month,
        day=one.day,
        place=(one.place[0], "", ""),
        state=one.state,
        state_student_id=one.state_student_id,
        other_ids=one.other_ids,
    )
    assert keys(one) == keys(alone)


def test_keys_are_the_same_whatever_the_order_of_hashes_is() -> None:
    program = (
        "from ledger.matching.blocking import keys\nfrom ledger.matching.person import person\n"
        "from support.any_children import child\n"
        f"print(sorted(keys(person(child(*{AS_BORN!r}, birth_city='Reno')))))"
    )
    here = str(sorted(keys(any_children.made(*AS_BORN, birth_city="Reno"))))
    for hashes in ("1", "2"):
        ran = subprocess.run(
            [sys.executable, "-c", program],
            env={"PYTHONHASHSEED": hashes, "PYTHONPATH": f"{ROOT}:{ROOT / 'tests'}"},
            capture_output=True,
            text=True,
            check=True,
        )
        assert ran.stdout.strip() == here


@pytest.mark.parametrize("population", ["registers", "seasons"])
def test_nearly_all_pairs_of_records_of_one_child_share_a_key(population: str) -> None:
    told = [
        (sheet.child, keys(made_of)) for sheet, made_of in zip(sheets(population), _people(population), strict=True)
    ]
    by_child: dict[int, list[frozenset[str]]] = {}
    for number, found in told:
        by_child.setdefault(number, []).append(found)
    pairs = [
        bool(one & other) for records in by_child.values() for at, one in enumerate(records) for other in records[:at]
    ]
    assert len(pairs) > 1500
    assert sum(pairs) / len(pairs) > 0.985


def _undated(one: Person) -> Person:
    return msgspec.structs.replace(one, birth=0, year=0, month=0, day=0)


def _others(one: Person) -> Person:
    """The same, as another record."""
    return msgspec.structs.replace(one, state_student_id=str(next(_NUMBERS)), other_ids=())


def _ids(one: Person) -> frozenset[str]:
    return frozenset(key for key in keys(one) if key.startswith("i|"))


def _people(population: str) -> list[Person]:
    return [person(sheet.traits) for sheet in sheets(population)]
