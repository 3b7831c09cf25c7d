"""Several records of one child make one profile: the fullest names, what most of them say."""

from __future__ import annotations

from datetime import date
from random import Random

from hypothesis import given
from hypothesis import strategies as st

from ledger.matching.person import Person, Roles, person
from ledger.matching.student import profile
from ledger.matching.traits import Attendance
from support.any_children import child, made, people

ROLES = Roles(female={"rosa": 1.0, "elena": 1.0, "pedro": 0.0})


def test_one_record_is_its_own_profile() -> None:
    one = made("Ana/Cruz", "2014-03-09")
    assert profile([one]) is one


def test_names_are_the_fullest_that_most_records_have() -> None:
    told = [made("José/López"), made("José L/López"), made("José Luis/López/Pérez"), made("José Luis/López/Peres")]
    whole = profile([*told, made("José Luis/López/Pérez")])
    assert (whole.given, whole.surnames) == (("jose", "luis"), ("lopez", "perez"))


def test_a_third_name_on_one_record_does_not_outweigh_two_that_most_have() -> None:
    assert profile([made("Ana Sofía Cruz"), made("Ana Sofía"), made("Ana Sofía")]).given == ("ana", "sofia")


def test_date_sex_and_flag_are_those_of_most_and_a_blank_is_no_vote() -> None:
    whole = profile(
        [
            made("Ana", "2014-03-09", sex="Female", multiple_birth="Yes"),
            made("Ana", "2014-09-03", sex="Male"),
            made("Ana", "2014-03-09", sex="Female"),
            made("Ana"),
            made("Ana"),
            made("Ana"),
        ]
    )
    assert (whole.birth, whole.year, whole.month, whole.day) == (date(2014, 3, 9).toordinal(), 2014, 3, 9)
    assert (whole.sex, whole.flag) == ("F", "Y")


def test_parents_are_put_together_from_records_that_name_one_each() -> None:
    mother = person(child("Ana/López", female_parent_first_name="Rosa", female_parent_last_name="Cruz"), ROLES)
    short = person(child("Ana/López", male_parent_first_name="Rosa"), ROLES)
    father = person(child("Ana/López", male_parent_first_name="Pedro", male_parent_last_name="López"), ROLES)
    whole = profile([father, short, mother])
    assert [(one.given, one.surnames, one.role) for one in whole.parents] == [
        (("rosa",), ("cruz",), "F"),
        (("pedro",), ("lopez",), "M"),
    ]


def test_of_two_mothers_the_one_that_more_records_name_stands() -> None:
    def of(mother: str) -> Person:
        return person(child("Ana/López", female_parent_first_name=mother), ROLES)

    assert [one.given for one in profile([of("Elena"), of("Rosa"), of("Rosa")]).parents] == [("rosa",)]


def test_the_place_is_the_one_that_says_the_most() -> None:
    told = [
        made(birth_country="MX"),
        made(birth_country="MX"),
        made(birth_city="Tlaxiaco", birth_state="OAX", birth_country="MX"),
    ]
    assert profile(told).place == ("tlaxiaco", "OAX", "MX")


def test_every_enrollment_and_every_other_id_is_kept_and_no_state_stands_for_all() -> None:
    here, there = Attendance(date(2023, 1, 9), None, "TX"), Attendance(date(2023, 5, 1), date(2023, 8, 1), "MI")
    whole = profile(
        [
            made("Ana", state="TX", attendances=(here,), other_ids=("8",)),
            made("Ana", state="MI", attendances=(there, here), other_ids=("9",)),
        ]
    )
    assert (whole.attendances, whole.other_ids) == ((here, there), ("8", "9"))
    assert (whole.state, whole.state_student_id) == ("", "")


@given(st.lists(people(), min_size=1, max_size=4), st.randoms(use_true_random=False))
def test_the_order_of_the_records_changes_nothing(members: list[Person], chance: Random) -> None:
    shuffled = list(members)
    chance.shuffle(shuffled)
    assert profile(shuffled) == profile(members)


@given(st.lists(people(), min_size=2, max_size=4))
def test_a_profile_says_nothing_that_no_record_says(members: list[Person]) -> None:
    whole = profile(members)
    assert whole.given in [one.given for one in members]
    assert whole.surnames in [one.surnames for one in members]
    assert whole.birth in [one.birth for one in members]
    assert whole.place in [one.place for one in members]
    assert all(any(parent in one.parents for one in members) for parent in whole.parents)
