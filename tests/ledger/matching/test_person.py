"""A record made comparable: its names in one line, whatever column, spelling or spoiling they came in."""

from __future__ import annotations

from datetime import date

import pytest
from hypothesis import given

from ledger.matching.person import NOBODY, Parent, Roles, day_of, person, roles_of
from ledger.matching.repair import ANY
from ledger.matching.traits import Traits
from support.any_children import child, made, records

ROLES = Roles(
    given={"jose": 400, "luis": 300, "ana": 200, "maria": 500, "cruz": 20, "guadalupe": 90, "jean": 60},
    surname={
        "lopez": 500,
        "perez": 400,
        "hernandez": 300,
        "cruz": 200,
        "fuentes": 50,
        "luz": 40,
        "xiong": 60,
        "jean": 60,
    },
    female={"guadalupe": 0.6, "maria": 0.99, "jose": 0.01, "ana": 0.98, "yuridia": 1.0, "concepcion": 0.95},
)


@pytest.mark.parametrize(
    ("first", "middle", "expected"),
    [
        ("José Luis", "", ("jose", "luis")),
        ("José", "Luis", ("jose", "luis")),
        ("JOSE-LUIS", "", ("jose", "luis")),
        ("José", "L.", ("jose", "l")),
        ("Ma. Guadalupe", "", ("maria", "guadalupe")),
        ("M", "Guadalupe", ("maria", "guadalupe")),
        ("Mª", "Elena", ("maria", "elena")),
        ("María de los Ángeles", "", ("maria", "angeles")),
        ("María del Carmen", "", ("maria", "carmen")),
        ("Fco.", "Javier", ("francisco", "javier")),
        ("Jos?", "Mar?a", (f"jos{ANY}", f"mar{ANY}a")),
        ("JosÃ©", "", ("jose",)),
        ("Jean-Baptiste", "", ("jean", "baptiste")),
        ("Pa Houa", "", ("pa", "houa")),
        ("Xóchitl", "", ("xochitl",)),
        ("K'inich", "", ("kinich",)),
        ("José Jr.", "", ("jose",)),
        ("", "", ()),
    ],
)
def test_given_names_are_one_line_of_words(first: str, middle: str, expected: tuple[str, ...]) -> None:
    assert made(first, middle_name=middle).given == expected


@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [
        ("García", "López", ("garcia", "lopez")),
        ("García López", "", ("garcia", "lopez")),
        ("García-López", "", ("garcia", "lopez")),
        ("GARCIA", "LOPEZ", ("garcia", "lopez")),
        ("López", "López", ("lopez", "lopez")),
        ("de la Cruz", "Pérez", ("cruz", "perez")),
        ("Delacruz", "Pérez", ("cruz", "perez")),
        ("De La", "", ("de", "la")),
        ("Hdez", "Mtz", ("hernandez", "martinez")),
        ("Santana", "Sandoval", ("santana", "sandoval")),
        ("Saint-Fleur", "", ("saint", "fleur")),
        ("Xiong", "", ("xiong",)),
        ("Lo", "", ("lo",)),
        ("Ba'tz", "Ixcoy", ("batz", "ixcoy")),
        ("Mu?oz", "", (f"mu{ANY}oz",)),
        ("", "", ()),
    ],
)
def test_surnames_are_one_line_of_words_without_what_an_office_adds(
    first: str, second: str, expected: tuple[str, ...]
) -> None:
    assert made(f"Ana/{first}/{second}").surnames == expected


@pytest.mark.parametrize(
    "told",
    [
        {"suffix": "Jr."},
        {"last_name_1": "López Jr"},
        {"last_name_2": "Pérez JR"},
        {"first_name": "José Jr"},
    ],
)
def test_a_suffix_is_found_wherever_it_was_written(told: dict[str, str]) -> None:
    one = made("José/López/Pérez", **told)
    assert one.suffix in ("jr", "")
    assert "jr" not in (*one.given, *one.surnames)
    assert one.suffix == "jr" or told == {"suffix": "Jr."}


def test_a_middle_name_that_is_a_surname_joins_the_surnames_and_is_not_told_twice() -> None:
    assert person(child("Ana/López", middle_name="Pérez"), ROLES).surnames == ("lopez", "perez")
    assert person(child("Ana/López", middle_name="López"), ROLES).surnames == ("lopez",)
    assert person(child("Ana/López", middle_name="Pérez"), ROLES).given == ("ana",)


def test_a_middle_name_that_is_as_often_a_given_name_stays_one() -> None:
    assert person(child("Ana/López", middle_name="Guadalupe"), ROLES).given == ("ana", "guadalupe")
    assert person(child("Pierre/Louis", middle_name="Jean"), ROLES).given == ("pierre", "jean")
    assert person(child("Ana/López", middle_name="Pérez"), NOBODY).given == ("ana", "perez")


def test_columns_that_were_swapped_are_swapped_back_where_the_tables_leave_no_doubt() -> None:
    swapped = person(child("López Pérez/José/Luis"), ROLES)
    assert (swapped.given, swapped.surnames) == (("jose", "luis"), ("lopez", "perez"))
    haitian = person(child("Jean/José"), ROLES)
    assert (haitian.given, haitian.surnames) == (("jean",), ("jose",))


def test_a_particle_that_has_grown_to_a_surname_comes_off_where_the_rest_is_one() -> None:
    assert person(child("Ana/Delafuentes"), ROLES).surnames == ("fuentes",)
    assert person(child("Ana/Delgado"), ROLES).surnames == ("delgado",)


@pytest.mark.parametrize(
    ("given", "last", "role"),
    [
        ("María", "", "F"),
        ("José", "", "M"),
        ("Concepción", "", "F"),
        ("Guadalupe", "López", "M"),
        ("Guadalupe", "Pérez", "F"),
        ("Guadalupe", "Cruz", ""),
        ("Rosa", "", "F"),
        ("Pedro", "", "M"),
        ("", "López", "M"),
        ("", "Pérez", "F"),
        ("Xue", "Vang", ""),
    ],
)
def test_a_parents_role_is_told_by_the_name_else_by_which_surname_of_the_child_it_is(
    given: str, last: str, role: str
) -> None:
    for column in ("male", "female"):  # forms call the columns parent 1 and 2, and say nothing
        told = {f"{column}_parent_first_name": given, f"{column}_parent_last_name": last}
        (parent,) = person(child("Ana/López/Pérez", **told), ROLES).parents
        assert parent.role == role


def test_one_parent_told_twice_is_one() -> None:
    told = child(
        "Ana/López",
        male_parent_first_name="María",
        male_parent_last_name="López",
        female_parent_first_name="MARIA",
        female_parent_last_name="Lopez",
    )
    assert person(told, ROLES).parents == (Parent(("maria",), ("lopez",), "F"),)


def test_dates_sexes_and_flags_become_codes_and_what_was_not_sent_stays_empty() -> None:
    leap = made("Ana/Cruz", "2012-02-29", sex="Female", multiple_birth="Yes")
    assert (leap.year, leap.month, leap.day, leap.sex, leap.flag) == (2012, 2, 29, "F", "Y")
    assert day_of(leap.birth) == date(2012, 2, 29)
    nothing = made()
    assert (nothing.birth, nothing.year, nothing.sex, nothing.flag, nothing.parents) == (0, 0, "", "", ())
    assert nothing.place == ("", "", "")


def test_a_place_is_mended_before_it_is_looked_up() -> None:
    assert made(birth_city="JuchitÃ¡n", birth_state="Michoac?n", birth_country="M?xico").place == (
        "juchitan",
        "MIC",
        "MX",
    )


def test_roles_are_counted_by_column_and_the_share_of_girls_by_the_first_name() -> None:
    told = [child("Guadalupe/Cruz", sex="Female")] * 4 + [child("Guadalupe Ana/Cruz", sex="Male")] * 4
    roles = roles_of([*told, child("Cruz/de la Cruz")])
    assert roles.given == {"guadalupe": 8, "ana": 4, "cruz": 1}
    assert roles.surname == {"cruz": 9}
    assert roles.female == {"guadalupe": 0.5}


@given(records())
def test_the_same_record_always_gives_the_same_person_of_four_words_at_most(record: Traits) -> None:
    one, again = person(record), person(record)
    assert one == again
    assert max(len(one.given), len(one.surnames)) <= 4
    assert len(one.parents) <= 2
