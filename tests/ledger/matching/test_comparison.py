"""What two records of children have in common, told by the names of the levels."""

from __future__ import annotations

from datetime import date

import pytest
from hypothesis import given

from ledger.matching.comparison import FIELDS, compared
from ledger.matching.person import Person, Roles, person
from ledger.matching.traits import Attendance
from support.any_children import child, made, people

WOMEN_AND_MEN = Roles(female={"rosa": 1.0, "elena": 1.0, "marta": 1.0, "pedro": 0.0, "juan": 0.0, "raul": 0.0})


def level(field: str, left: Person, right: Person) -> str:
    at = list(FIELDS).index(field)
    (one, _), (other, _) = compared(left, right), compared(right, left)
    assert one[at] == other[at]
    return FIELDS[field][one[at]]


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        ("", "Ana", "missing"),
        ("José Luis", "JOSE LUIS", "all equal, two or more"),
        ("José Luis", "Luis José", "all equal, two or more"),
        ("Ana María", "Anamaría", "all equal, two or more"),
        ("María José", "Ma. José", "all equal, two or more"),
        ("María José", "Ma. Jos?", "all equal, two or more"),
        ("María José", "José María", "all equal, two or more"),
        ("Xóchitl", "XOCHITL", "one each, equal"),
        ("Jean-Baptiste", "Jean Baptiste", "all equal, two or more"),
        ("Pa Houa", "Pahoua", "all equal, two or more"),
        ("José Luis", "José L", "equal with an initial"),
        ("José Luis", "J. Luis", "equal with an initial"),
        ("José", "Pepe", "variant"),
        ("José Luis", "Pepe Luis", "variant"),
        ("María Guadalupe", "Ma Lupita", "variant"),
        ("Yesenia", "Jesenia", "variant"),
        ("Brayan", "Bryan", "near"),
        ("Maximiliano", "Maximil", "near"),
        ("José Luis", "José", "first only"),
        ("Ana Sofía", "Ana", "first only"),
        ("Juan Luis", "Luis", "later only"),
        ("José Luis", "Luis", "later only, after María or José"),
        ("María Elena", "Elena", "later only, after María or José"),
        ("José Luis", "Pepe", "part, with a variant or a fault"),
        ("Brayan Alexis", "Bryan", "part, with a variant or a fault"),
        ("Rosa Emily", "Rosa María", "first same, second different"),
        ("José Luis", "José Ángel", "first same, second different"),
        ("Francisco Daniel", "Enrique Francisco", "share one elsewhere"),
        ("Juan Carlos", "Luis Carlos", "share one elsewhere"),
        ("Adrián", "Adriana", "a boy's and a girl's form"),
        ("José", "Josefa", "a boy's and a girl's form"),
        ("Andrés", "Andrea", "a boy's and a girl's form"),
        ("Marisela", "Maricela", "variant"),
        ("Miriam", "Marian", "nearish"),
        ("Mai", "Pao", "different"),
        ("Ana", "Eva", "different"),
    ],
)
def test_given_names(one: str, other: str, expected: str) -> None:
    assert level("given", made(one), made(other)) == expected


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        ("", "López", "missing"),
        ("García/López", "GARCIA/LOPEZ", "two equal in order"),
        ("García/López", "García-López", "two equal in order"),
        ("García/López", "García López/", "two equal in order"),
        ("de la Cruz/Pérez", "Delacruz/Perez", "two equal in order"),
        ("López/López", "López/López", "two equal in order"),
        ("Saint-Fleur", "Saintfleur", "two equal in order"),
        ("García/López", "López/García", "two equal in another order or column"),
        ("García/López", "García/Lopes", "two, one with a fault"),
        ("García/Núñez", "Garcia/N??ez", "two, one with a fault"),
        ("Xiong", "XIONG", "one each, equal"),
        ("Ba'tz", "Batz", "one each, equal"),
        ("Mu?oz", "Muñoz", "one each, equal"),
        ("Xiong", "Xong", "one each, with a fault"),
        ("González", "Gonzales", "one each, with a fault"),
        ("García/López", "García", "first equal, second absent"),
        ("López/López", "López", "first equal, second absent"),
        ("García/López", "López", "the only one equals the other's second"),
        ("García/López", "Garsia", "one with a fault, second absent"),
        ("García/López", "García/L", "first equal, second an initial"),
        ("García/López", "García/Pérez", "first equal, second different"),
        ("García/López", "Ruiz/López", "one equal elsewhere, others different"),
        ("García/López", "Garsia/Pérez", "near"),
        ("García/López", "Ruiz/Pérez", "different"),
        ("Mu?oz", "Nu?ez", "different"),
        ("Vang", "Moua", "different"),
    ],
)
def test_surnames(one: str, other: str, expected: str) -> None:
    assert level("surnames", made(f"Ana/{one}"), made(f"Ana/{other}")) == expected


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        ("José Luis/López", "López/José", ("first only", "one each, equal")),
        ("José/López", "López/José", ("one each, equal", "one each, equal")),
        ("José López/Pérez", "José/Pérez/López", ("one each, equal", "two equal in order")),
        ("Ana/López/Pérez", "Ana Pérez/López", ("one each, equal", "two equal in order")),
    ],
)
def test_a_name_in_another_column_is_the_same_name(one: str, other: str, expected: tuple[str, str]) -> None:
    left, right = made(one), made(other)
    assert (level("given", left, right), level("surnames", left, right)) == expected


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        ("", "2012-02-29", "missing"),
        ("2012-02-29", "2012-02-29", "same day"),
        ("2012-01-01", "2012-01-01", "same day, 1 January"),
        ("2012-02-29", "2012-02-28", "one day off"),
        ("2012-02-29", "2012-03-01", "one day off"),
        ("2012-12-31", "2013-01-01", "one day off"),
        ("2012-03-07", "2012-07-03", "day and month swapped"),
        ("2012-05-11", "2012-11-05", "day and month swapped"),
        ("2012-06-20", "2012-01-01", "one is 1 January of the same year"),
        ("2012-05-12", "2012-05-21", "digits of the day"),
        ("2012-05-03", "2012-05-08", "digits of the day"),
        ("2012-05-13", "2012-08-13", "other month"),
        ("2012-05-13", "2013-05-13", "year off by 1, 2, 9 or 10"),
        ("2010-05-13", "2020-05-13", "year off by 1, 2, 9 or 10"),
        ("2012-05-09", "2012-05-21", "within 40 days"),
        ("2012-12-20", "2013-01-04", "within 40 days"),
        ("2012-02-13", "2012-06-21", "under 270 days"),
        ("2012-01-13", "2012-12-21", "same year"),
        ("2012-05-13", "2014-06-21", "far"),
        ("2012-02-29", "2016-02-29", "far"),
    ],
)
def test_birth_dates(one: str, other: str, expected: str) -> None:
    assert level("birth", made("Ana", one), made("Ana", other)) == expected


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [("Male", "Male", "same"), ("Male", "Female", "different"), ("", "Male", "missing"), ("", "", "missing")],
)
def test_sexes(one: str, other: str, expected: str) -> None:
    assert level("sex", made(sex=one), made(sex=other)) == expected


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        ("", "", "both blank"),
        ("Yes", "Yes", "yes and yes"),
        ("No", "No", "no and no"),
        ("Yes", "No", "yes and no"),
        ("", "Yes", "yes and blank"),
        ("No", "", "no and blank"),
    ],
)
def test_flags(one: str, other: str, expected: str) -> None:
    assert level("flags", made(multiple_birth=one), made(multiple_birth=other)) == expected


def with_parents(told: str) -> Person:
    """``Rosa Cruz, Pedro López``: as the columns have them."""
    one, other = ([*told.split(", "), ""])[:2]
    names = [[*parent.split(" "), ""][:2] for parent in (one, other)]
    return person(
        child(
            "Ana/López/Cruz",
            male_parent_first_name=names[0][0],
            male_parent_last_name=names[0][1],
            female_parent_first_name=names[1][0],
            female_parent_last_name=names[1][1],
        ),
        WOMEN_AND_MEN,
    )


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        ("", "Rosa Cruz", "missing"),
        ("Pedro López, Rosa Cruz", "Pedro López, Rosa Cruz", "two the same"),
        ("Pedro López, Rosa Cruz", "Rosa Cruz, Pedro López", "two the same"),
        ("Pedro López, Rosa Cruz", "Rosa, Pedro", "two the same"),
        ("Rosa Cruz", "ROSA Cruz", "one each, the same"),
        ("Pedro López, Rosa Cruz", "Rosa Cruz", "one of two the same"),
        ("Pedro López, Rosa Cruz", "Raul López, Rosa Cruz", "one the same, the other different"),
        ("Rosa Cruz", "Rossa Cruz", "with faults"),
        ("Pedro López, Rosa Cruz", "Pedro López, Rossa Cruz", "with faults"),
        ("Rosa Cruz", "R Cruz", "unclear"),
        ("Pedro López", "Rosa Cruz", "mother against father"),
        ("Rosa Cruz", "Elena Cruz", "same role, different"),
        ("Pedro López, Rosa Cruz", "Raul López, Elena Cruz", "both different"),
        ("Pedro López, Rosa Cruz", "Elena Cruz, Raul López", "both different"),
    ],
)
def test_parents(one: str, other: str, expected: str) -> None:
    assert level("parents", with_parents(one), with_parents(other)) == expected


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        (("", "", ""), ("Puebla", "PUE", "MX"), "missing"),
        (("Tlaxiaco", "Oax.", "Mexico"), ("TLAXIACO", "OAX", "MEX"), "same city and state"),
        (("Tlaxiaco", "", "MX"), ("Tlaxiaco", "Oaxaca", "MX"), "same city"),
        (("Tlaxiaco", "OAX", "MX"), ("Heroica Ciudad de Tlaxiaco", "OAX", "MX"), "near city"),
        (("Tlaxiaco", "OAX", "MX"), ("Tlaxiac?", "OAX", "MX"), "same city and state"),
        (("Juchitan", "OAX", "MX"), ("Juchitn", "OAX", "MX"), "near city"),
        (("", "OAX", "MX"), ("Tlaxiaco", "Oaxaca", "MX"), "same state"),
        (("Pinotepa", "OAX", "MX"), ("Tlaxiaco", "OAX", "MX"), "same state, other city"),
        (("", "", "MX"), ("Tlaxiaco", "OAX", "MX"), "same country"),
        (("Pinotepa", "", "MX"), ("Tlaxiaco", "", "MX"), "other city"),
        (("", "PUE", "MX"), ("", "OAX", "MX"), "other state"),
        (("", "", "GT"), ("", "", "MX"), "other country"),
        (("", "Texas", ""), ("", "", "MX"), "other country"),
    ],
)
def test_places(one: tuple[str, str, str], other: tuple[str, str, str], expected: str) -> None:
    def born_in(told: tuple[str, str, str]) -> Person:
        return made(birth_city=told[0], birth_state=told[1], birth_country=told[2])

    assert level("place", born_in(one), born_in(other)) == expected


def stay(begins: str, ends: str, state: str = "TX", school: str = "", *, full: bool = True) -> Attendance:
    return Attendance(date.fromisoformat(begins), date.fromisoformat(ends) if ends else None, state, school, full=full)


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        # Nobody has ended it: that the child came is certain, that he stayed is not.
        (stay("2023-01-09", ""), stay("2023-02-01", "2023-05-01", "MI"), "missing"),
        (stay("2023-01-09", ""), stay("2023-01-20", "", "MI"), "missing"),
        (stay("2023-03-01", ""), stay("2023-01-09", "2023-05-01", "MI"), "at once, far apart"),
        (stay("2023-04-17", ""), stay("2023-01-09", "2023-05-01", "MI"), "one after the other, soon"),
        (stay("2023-06-01", ""), stay("2023-01-09", "2023-05-01", "MI"), "one after the other, soon"),
        (stay("2024-01-09", ""), stay("2023-01-09", "2023-05-01", "MI"), "one after the other, later"),
        (stay("2023-01-09", ""), stay("2023-01-09", "2023-05-01", school=""), "at once, same state"),
        (stay("2023-01-09", "2023-05-01", full=False), stay("2023-02-01", "2023-05-01", "MI"), "missing"),
        (stay("2023-01-09", "2023-05-01"), stay("2023-05-20", "2023-08-01", "MI"), "one after the other, soon"),
        (stay("2023-01-09", "2023-05-15"), stay("2023-05-01", "2023-08-01", "MI"), "one after the other, soon"),
        (stay("2023-01-09", "2023-02-01"), stay("2023-09-01", "2023-12-01", "MI"), "one after the other, later"),
        (
            stay("2023-01-09", "2023-05-01", school="7"),
            stay("2023-02-01", "2023-05-01", school="7"),
            "at once, same school",
        ),
        (
            stay("2023-01-09", "2023-05-01", school="7"),
            stay("2023-02-01", "2023-05-01", school="8"),
            "at once, same state",
        ),
        (stay("2023-01-09", "2023-05-01"), stay("2023-02-01", "2023-05-01", "NM"), "at once, states that touch"),
        (stay("2023-01-09", "2023-05-16"), stay("2023-05-01", "2023-08-01", "MI"), "at once, far apart"),
    ],
)
def test_stays(one: Attendance, other: Attendance, expected: str) -> None:
    assert level("stays", made(attendances=(one,)), made(attendances=(other,))) == expected


def test_the_worst_two_of_all_stays_tell() -> None:
    both = made(attendances=(stay("2022-08-01", "2022-12-01"), stay("2023-01-09", "2023-05-01")))
    other = made(attendances=(stay("2023-02-01", "2023-05-01", "MI"), stay("2023-06-01", "2023-07-01", "MI")))
    assert level("stays", both, other) == "at once, far apart"


def test_words_that_count_by_their_rarity_are_whole_and_equal() -> None:
    _, shared = compared(made("José M/Mu?oz/Lopes"), made("Jose M/Muñoz/López"))
    assert shared.surnames == ("munoz",)
    assert "jose" in shared.given
    _, shared = compared(made("Brayan/Xiong"), made("Bryan/Xong"))
    assert (shared.given, shared.surnames) == ((), ())


@given(people(), people())
def test_the_side_on_which_a_child_stands_changes_nothing(one: Person, other: Person) -> None:
    assert compared(one, other) == compared(other, one)


@given(people())
def test_a_record_agrees_with_itself_in_all_that_it_tells(one: Person) -> None:
    for field, told, agrees in (
        ("given", one.given, {"all equal, two or more", "one each, equal"}),
        ("surnames", one.surnames, {"two equal in order", "one each, equal"}),
        ("birth", one.birth, {"same day", "same day, 1 January"}),
        ("sex", one.sex, {"same"}),
    ):
        assert level(field, one, one) in (agrees if told else {"missing"})


@pytest.mark.parametrize(
    ("one", "other", "moved"),
    [
        ("José/López", "López/José", True),
        ("José/López", "Lópes/José", True),
        ("Jose/López", "López/Jse", True),
        ("José/López", "Lópes/Jse", False),
        ("José/López", "Ruiz/José", False),
    ],
)
def test_columns_that_were_exchanged_are_set_right_where_one_word_at_most_has_a_fault(
    one: str, other: str, moved: bool
) -> None:
    assert (level("given", made(one), made(other)) != "different") is moved
    assert (level("surnames", made(one), made(other)) != "different") is moved
