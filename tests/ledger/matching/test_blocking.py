"""Records of one child meet under a key, however the child's name and date were spoilt."""

from __future__ import annotations

import subprocess
import sys

import pytest
from hypothesis import given

from ledger.matching.blocking import keys, last_resort, skeleton
from ledger.matching.person import Person, person
from support.any_children import made, people, sheets
from support.sources import ROOT

AS_BORN = ("José Luis/Hernández/Muñoz", "2012-03-07")


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
        ("José Jr/Hdez", "2012-05-20"),
    ],
)
def test_a_spoilt_copy_of_a_record_shares_a_key_with_it(name: str, born: str) -> None:
    assert keys(made(*AS_BORN)) & keys(made(name, born))


@pytest.mark.parametrize(
    ("name", "born"),
    [("Ana/Cruz", "2012-03-07"), ("José/Cruz", "2012-05-08"), ("José Luis/Hernández/Muñoz", ""), ("", "2012-03-07")],
)
def test_who_shares_only_a_date_or_a_name_shares_no_key(name: str, born: str) -> None:
    """Whole names of three words, without a date, are more than a name."""
    shared = keys(made(*AS_BORN)) & keys(made(name, born))
    assert bool(shared) == (name == AS_BORN[0])


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
    assert keys(made()) == frozenset()
    assert keys(made("J", "2012-03-07")) == frozenset()
    assert last_resort(made("José", "")) == frozenset()


def test_the_last_resort_needs_a_year_a_given_name_and_a_parents() -> None:
    one = made("José/Ruiz", "2012-03-07", female_parent_first_name="Rosa")
    other = made("José/Cruz", "2012-11-20", male_parent_first_name="Rossa María")
    assert not keys(one) & keys(other)
    assert last_resort(one) & last_resort(other)


@given(people())
def test_keys_hang_on_nothing_but_the_names_and_the_date(one: Person) -> None:
    alone = Person(given=one.given, surnames=one.surnames, birth=one.birth, year=one.year, month=one.month, day=one.day)
    assert keys(one) == keys(alone)


def test_keys_are_the_same_whatever_the_order_of_hashes_is() -> None:
    program = (
        "from ledger.matching.blocking import keys\nfrom ledger.matching.person import person\n"
        "from support.any_children import child\n"
        f"print(sorted(keys(person(child(*{AS_BORN!r})))))"
    )
    here = str(sorted(keys(made(*AS_BORN))))
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
    assert sum(pairs) / len(pairs) > 0.98


def _people(population: str) -> list[Person]:
    return [person(sheet.traits) for sheet in sheets(population)]
