"""What is typed into one box: dates in every usual form, ids, states, and names out of the rest; nothing is lost."""

from __future__ import annotations

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.console.asking import date_in, understood
from api.console.states import CODES, NAMES
from ledger.ids import student_id
from ledger.mde import STATES
from projections.search_terms import Wanted

BORN = date(2015, 3, 2)
ID = student_id(7)


@pytest.mark.parametrize(
    "text",
    [
        "03/02/2015",
        "3/2/2015",
        "3/2/15",
        "3-2-2015",
        "3.2.2015",
        "2015-03-02",
        "2015/3/2",
        "20150302",
        "2 mar 2015",
        "2 Mar. 2015",
        "March 2, 2015",
        "Mar 2nd, 2015",
        "2 de marzo de 2015",
        "2 de marzo del 2015",
        "marzo 2, 2015",
        "2 MARZO 2015",
        "born 3/2/2015",
        "nacida el 2 de marzo de 2015",
    ],
)
def test_a_date_is_read_in_every_usual_form(text: str) -> None:
    assert date_in(text) == BORN


def test_a_first_number_that_can_be_no_month_is_a_day() -> None:
    assert date_in("13/2/2015") == date(2015, 2, 13)


def test_a_leap_day_is_a_date_in_its_year_alone() -> None:
    assert date_in("2/29/2016") == date(2016, 2, 29)
    assert date_in("2/29/2015") is None
    asked = understood("Ana Ruiz 2/29/2015")
    assert (asked.wanted, asked.unused) == (Wanted(name="Ana Ruiz"), ("2/29/2015",))


@pytest.mark.parametrize("text", ["", "Ana", "3/2/2015 Ana", "0/0/2015", "32/1/2015", "2015", "99/99/99", "2 foo 2015"])
def test_what_is_no_date_alone_is_none(text: str) -> None:
    assert date_in(text) is None


def test_a_name_a_date_and_a_state_come_in_any_order() -> None:
    wanted = Wanted(name="María López", birth_date=BORN, state="OR")
    for text in ("María López 3/2/2015 OR", "OR 2015-03-02 María López", "María López, or, 2 de marzo de 2015"):
        assert understood(text).wanted == wanted, text


def test_a_student_id_is_known_by_its_check_digit_also_in_groups() -> None:
    assert understood(ID).student_id == ID
    assert understood(f" {ID[:4]} {ID[4:8]} {ID[8:]} ").student_id == ID
    wrong = f"{ID[:-1]}{(int(ID[-1]) + 1) % 10}"
    assert (understood(wrong).student_id, understood(wrong).other_id) == (None, wrong)


def test_letters_with_digits_are_an_id_and_a_second_one_is_said_to_be_left_out() -> None:
    asked = understood("OR A-10 B-20")
    assert (asked.wanted, asked.other_id, asked.unused) == (Wanted(state="OR"), "A-10", ("B-20",))


def test_a_state_is_known_by_its_name_in_both_languages() -> None:
    for text in ("Cruz in New Mexico", "Cruz, nuevo mexico", "Cruz en Nuevo México"):
        assert understood(text).wanted == Wanted(name="Cruz", state="NM"), text
    assert set(NAMES) == STATES
    assert len(set(CODES.values())) == len(STATES)


def test_a_state_s_name_that_is_a_person_s_and_a_code_that_is_a_word_stay_names() -> None:
    assert understood("Georgia Vega").wanted == Wanted(name="Georgia Vega")
    assert understood("Ana Vega, Georgia").wanted == Wanted(name="Ana Vega", state="GA")
    assert understood("MARIA DE LA CRUZ").wanted == Wanted(name="MARIA DE LA CRUZ")
    assert understood("María de la Cruz, DE").wanted == Wanted(name="María de la Cruz", state="DE")
    assert understood("Oregon").wanted == Wanted(name="Oregon"), "alone it is whoever is called so"


@pytest.mark.parametrize("text", ["", "  ", " ,; ", "born in"])
def test_nothing_asks_for_nothing(text: str) -> None:
    asked = understood(text)
    assert (asked.wanted, asked.student_id, asked.other_id, asked.unused) == (Wanted(), None, None, ())


@given(st.text(max_size=200))
def test_whatever_is_typed_is_understood_somehow(text: str) -> None:
    asked = understood(text)
    assert asked.wanted.state is None or asked.wanted.state in STATES


@given(st.lists(st.sampled_from(["Ana", "Núñez", "O'Brien", "A1", "7788", "3/2/2015", "OR", "2015"]), max_size=6))
def test_no_word_is_dropped_in_silence(words: list[str]) -> None:
    asked = understood(" ".join(words))
    told = [*(asked.wanted.name or "").split(), asked.wanted.state, asked.other_id, *asked.unused]
    for word in set(words) - {"3/2/2015"}:
        assert word in told
    assert (asked.wanted.birth_date is not None) is ("3/2/2015" in words)


def test_a_text_however_long_is_read_in_time_that_grows_as_it_does() -> None:
    """A pattern that tries every division of the blanks would be at these for an hour."""
    blanks = " " * 300_000
    for text in (
        f"1{blanks}!",
        f"1{blanks}de{blanks}!",
        f"1 de marzo{blanks}de{blanks}!",
        f"marzo 2,{blanks}del{blanks}!",
    ):
        assert understood(text).wanted.birth_date is None


def test_an_id_whose_group_looks_like_a_year_is_an_id_all_the_same() -> None:
    found = next(one for number in range(10_000) if (one := student_id(number))[4:6] == "20")
    for pasted in (f"{found[:4]} {found[4:8]} {found[8:]}", f" {found[:4]}-{found[4:8]}-{found[8:]}"):
        assert understood(pasted).student_id == found
    assert understood("Ana 2013").student_id is None
