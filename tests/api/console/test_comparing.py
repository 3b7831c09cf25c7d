"""Two records beside each other: what is the same, nearly, or different, in words that a person can follow."""

from __future__ import annotations

import itertools
from typing import Any

import pytest

from api.console.comparing import Row, Sign, Speech, compare, sheet, sign_of
from ledger.matching.comparison import FIELDS

ENGLISH = Speech("en", str, str)
CHILD = {"first_name": "José", "last_name_1": "Peña", "last_name_2": "Ruiz", "birth_date": "2012-02-29", "sex": "Male"}


def facts(**more: Any) -> dict[str, Any]:
    """Of one record; None leaves an element out."""
    core = {name: value for name, value in {**CHILD, **more}.items() if value is not None}
    return {"core": core, "contacts": {}}


def row(name: str, left: dict[str, Any], right: dict[str, Any], speech: Speech = ENGLISH) -> Row:
    return next(one for one in compare(left, right, speech).rows if one.name == name)


@pytest.mark.parametrize(
    ("name", "more", "sign", "how"),
    [
        ("Given names", {}, Sign.SAME, ""),
        ("Given names", {"first_name": "JOSE"}, Sign.NEARLY, "accents, capitals or hyphens"),
        ("Given names", {"first_name": "Pepe"}, Sign.NEARLY, "a nickname, or spelled as it sounds"),
        ("Given names", {"first_name": "Josefa"}, Sign.DIFFERS, "a boy's form and a girl's"),
        ("Given names", {"first_name": None}, Sign.ONLY, ""),
        ("Surnames", {"last_name_1": "Pena-Ruiz", "last_name_2": None}, Sign.NEARLY, "accents, capitals or hyphens"),
        (
            "Surnames",
            {"last_name_1": "Ruiz", "last_name_2": "Peña"},
            Sign.NEARLY,
            "both the same, in another order or column",
        ),
        ("Surnames", {"last_name_2": "Ruis"}, Sign.NEARLY, "one letter"),
        ("Surnames", {"last_name_1": "Tzintzun", "last_name_2": "Cuautle"}, Sign.DIFFERS, "different"),
        ("Birth date", {"birth_date": "2012-02-28"}, Sign.NEARLY, "one day apart"),
        ("Birth date", {"birth_date": "2008-02-29"}, Sign.DIFFERS, "far apart"),
        ("Sex", {"sex": "Female"}, Sign.DIFFERS, "different"),
    ],
)
def test_a_field_says_how_its_two_values_stand(name: str, more: dict[str, Any], sign: Sign, how: str) -> None:
    found = row(name, facts(), facts(**more))
    assert (found.sign, found.how) == (sign, how)


def test_it_is_the_same_from_either_side() -> None:
    several = [facts(), facts(first_name="Jose"), facts(last_name_1="Ruiz", last_name_2="Peña"), facts(sex=None)]
    for left, right in itertools.combinations(several, 2):
        there, back = compare(left, right, ENGLISH).rows, compare(right, left, ENGLISH).rows
        assert [(one.name, one.sign, one.how) for one in there] == [(one.name, one.sign, one.how) for one in back]


def test_words_that_the_other_side_has_not_are_marked() -> None:
    found = row("Surnames", facts(), facts(last_name_2="Ruis"))
    assert [(piece.text, piece.differs) for piece in found.values[0][0]] == [("Peña", False), ("Ruiz", True)]


def test_it_is_said_in_spanish_too() -> None:
    spanish = Speech("es", str, str)
    assert row("Sex", facts(), facts(sex="Female"), spanish).how == "diferente"


def test_schools_fit_where_one_child_can_have_been_at_both() -> None:
    def at(begins: str, ends: str | None, state: str) -> dict[str, Any]:
        entry = {"enrollment_date": begins, "enrollment_type": "01", "facility_state": state}
        return facts(enrollments=[entry if ends is None else {**entry, "withdrawal_date": ends}])

    first = at("2025-01-07", "2025-03-01", "OR")
    assert row("Schools", first, at("2025-03-10", None, "CA")).sign is Sign.FITS
    assert row("Schools", first, at("2025-01-08", "2025-06-01", "TX")).sign is Sign.DIFFERS


def test_nothing_is_said_of_what_neither_record_says_and_a_record_without_facts_is_empty() -> None:
    assert compare({}, {}, ENGLISH).rows == []
    found = compare(facts(), {}, ENGLISH).rows
    assert {one.sign for one in found} == {Sign.ONLY}
    assert sheet({}, ENGLISH) == []


def test_in_every_field_two_records_can_agree_and_can_differ() -> None:
    for field, levels in FIELDS.items():
        assert {sign_of(field, level) for level in levels} & {Sign.SAME, Sign.FITS}, field
        assert any(sign_of(field, level) is Sign.DIFFERS for level in levels), field
