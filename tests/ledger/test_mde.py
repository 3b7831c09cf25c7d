"""The elements and the canonical form of a value."""

from __future__ import annotations

import csv
import unicodedata
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger import mde
from ledger.errors import BadValue

ELEMENTS = [element for table in mde.TABLES.values() for element in table.elements]


def element(letter: str, key: str) -> mde.Element:
    return mde.TABLES[letter].by_key[key]


def refused(letter: str, key: str, raw: str) -> str:
    with pytest.raises(BadValue) as caught:
        mde.canonical(element(letter, key), raw)
    assert caught.value.element == key
    return caught.value.rule


def test_every_element_of_the_layout_is_there_in_its_place() -> None:
    with (Path(mde.__file__).parent / "mde.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [(one.letter, str(one.number), one.name, one.type) for one in ELEMENTS] == [
        (row["letter"], row["column"], row["element"], row["type"]) for row in rows
    ]


def test_keys_are_the_names_in_lower_case_with_underscores() -> None:
    assert element("E", "lep_indicator_el").name == "LEP Indicator (EL)"
    assert element("E", "graduation_hse_date").name == "Graduation/HSE Date"
    assert element("C", "grade_to_date").name == "Grade-to-Date"


def test_tables_have_their_json_keys() -> None:
    assert {letter: table.key for letter, table in mde.TABLES.items()} == {
        "H": "header",
        "S": "student",
        "K": "alternate_ids",
        "D": "demographics",
        "Q": "qualifying_moves",
        "E": "enrollments",
        "C": "courses",
        "A": "assessments",
        "I": "immunizations",
    }


def test_the_states_are_those_of_the_post() -> None:
    assert len(mde.STATES) == 50 + 9
    assert {"OR", "CA", "TX", "DC", "PR", "GU"} <= mde.STATES


def test_each_vaccine_has_a_code_of_two_or_three_digits_and_a_name() -> None:
    assert all(code.isdigit() and 2 <= len(code) <= 3 and name for code, name in mde.VACCINES.items())


@pytest.mark.parametrize(
    ("letter", "key", "raw", "value"),
    [
        ("D", "first_name", "  María  ", "María"),
        ("D", "first_name", "Mari\u0301a", "María"),
        ("D", "first_name", "\ufeffWilber\u200b", "Wilber"),
        ("D", "first_name", "", None),
        ("D", "first_name", " \u00a0\u3000", None),
        ("D", "first_name", "\u200b", None),
        ("D", "first_name", "\u2000Ana", "Ana"),
        ("D", "birth_date", "20120314", "2012-03-14"),
        ("D", "birth_date", " 2012-03-14 ", "2012-03-14"),
        ("D", "birth_date", "20240229", "2024-02-29"),
        ("D", "sex", "female", "Female"),
        ("D", "sex", " ", None),
        ("D", "parent_1_phone_number", "5035550100", "5035550100"),
        ("D", "parent_1_email_address", "ines@example.org", "ines@example.org"),
        ("Q", "qualifying_move_from_state", "or", "OR"),
        ("Q", "qualifying_move_from_country", "GTM", "GTM"),
        ("D", "birth_state", "Oaxaca", "Oaxaca"),
        ("E", "enrollments_record_id", "7", "007"),
        ("E", "grade_level", "p3", "P3"),
        ("E", "school_district_id", "4113770", "4113770"),
        ("S", "student_record_id", "0000001", "0000001"),
        ("S", "student_record_id", "40000", "0040000"),
        ("C", "clock_hours", "0054", "54"),
        ("C", "clock_hours", "0", "0"),
        ("C", "clock_hours", "1080", "1080"),
        ("C", "credits_granted", "1", "1.00"),
        ("C", "credits_granted", ".5", "0.50"),
        ("C", "credits_granted", "0.500", "0.50"),
        ("C", "credits_granted", "9.99", "9.99"),
        ("A", "assessment_administration_date", "072025", "2025-07"),
        ("A", "assessment_administration_date", "2025-07", "2025-07"),
        ("I", "cvx_code", "115", "115"),
        ("I", "cvx_code", "8", "08"),
        ("I", "cvx_code", "008", "08"),
        ("H", "submission_date", "20250902020000000", "2025-09-02T02:00:00.000"),
        ("H", "submission_date", "2025-09-02T02:00:00.000", "2025-09-02T02:00:00.000"),
        ("H", "total_students_in_file", "2", "2"),
        ("H", "submitting_state", "OR", "OR"),
    ],
)
def test_a_value_comes_to_its_canonical_form(letter: str, key: str, raw: str, value: str | None) -> None:
    assert mde.canonical(element(letter, key), raw) == value


@pytest.mark.parametrize(
    ("letter", "key", "raw", "rule"),
    [
        ("D", "birth_date", "00000000", "malformed"),
        ("D", "birth_date", "0000-00-00", "malformed"),
        ("D", "birth_date", "20230230", "malformed"),
        ("D", "birth_date", "20230229", "malformed"),
        ("D", "birth_date", "45768", "malformed"),
        ("D", "birth_date", "45768.0", "malformed"),
        ("D", "birth_date", "18991231", "malformed"),
        ("D", "birth_date", "99991231", "malformed"),
        ("D", "birth_date", "3/14/2012", "malformed"),
        ("D", "birth_date", "2012-0314", "malformed"),
        ("D", "birth_date", "2012031", "malformed"),
        ("D", "birth_date", "٢٠١٢٠٣١٤", "malformed"),
        ("D", "birth_date", "20120314\x00", "control-character"),
        ("D", "first_name", "Ana\x00", "control-character"),
        ("D", "first_name", "Ana\tMaría", "control-character"),
        ("D", "first_name", "Ana\nMaría", "control-character"),
        ("D", "first_name", "Ana\x7f", "control-character"),
        ("D", "first_name", "María\u202eanA", "control-character"),
        ("D", "first_name", "María\ud800", "control-character"),
        ("D", "first_name", "x" * 51, "too-long"),
        ("D", "first_name", "ñ" * 51, "too-long"),
        ("D", "sex", "F", "code"),
        ("D", "sex", "Male|Female", "code"),
        ("D", "multiple_birth_flag", "ＹＥＳ", "code"),
        ("D", "parent_1_phone_number", "(503) 555-0100", "malformed"),
        ("D", "parent_1_phone_number", "٥٠٣٥٥٥٠١٠٠", "malformed"),
        ("D", "parent_1_phone_number", "1234567890123456", "too-long"),
        ("D", "parent_1_email_address", "ines at example.org", "malformed"),
        ("D", "parent_1_email_address", "ines@example", "malformed"),
        ("E", "enrollments_record_id", "0", "range"),
        ("E", "enrollments_record_id", "000", "range"),
        ("E", "enrollments_record_id", "1000", "too-long"),
        ("E", "enrollments_record_id", "１", "malformed"),
        ("E", "enrollments_record_id", "-1", "malformed"),
        ("E", "enrollments_record_id", "1e2", "malformed"),
        ("E", "school_district_id", "622710", "malformed"),
        ("S", "student_record_id", "0040001", "range"),
        ("S", "msix_identification_number", "12345", "malformed"),
        ("S", "reporting_state_code", "ZZ", "code"),
        ("C", "clock_hours", "1081", "range"),
        ("C", "credits_granted", "10", "range"),
        ("C", "credits_granted", "0.333", "malformed"),
        ("C", "credits_granted", "1,5", "malformed"),
        ("C", "credits_granted", ".", "malformed"),
        ("C", "credits_granted", "-1", "malformed"),
        ("C", "credits_granted", "NaN", "malformed"),
        ("A", "assessment_administration_date", "132025", "malformed"),
        ("A", "assessment_administration_date", "202507", "malformed"),
        ("I", "cvx_code", "998", "code"),
        ("H", "submission_date", "20250902", "malformed"),
        ("H", "submission_date", "20250902240000000", "malformed"),
        ("H", "submission_date", "20250902236000000", "malformed"),
    ],
)
def test_a_wrong_value_is_refused_with_its_rule(letter: str, key: str, raw: str, rule: str) -> None:
    assert refused(letter, key, raw) == rule


@pytest.mark.parametrize("raw", ["Quetzalcóatl-de-los-Santos-" * 3, "Ana\x00Quetzalcóatl"])
def test_a_refusal_never_repeats_the_value(raw: str) -> None:
    with pytest.raises(BadValue) as caught:
        mde.canonical(element("D", "first_name"), raw)
    assert "Quetzal" not in str(caught.value)


@given(st.sampled_from(ELEMENTS), st.data())
def test_canonical_is_idempotent(one: mde.Element, data: st.DataObject) -> None:
    raw = data.draw(st.text(max_size=20) | st.from_regex(r"\A[0-9]{1,17}\Z") | st.sampled_from(one.codes or ("",)))
    try:
        value = mde.canonical(one, raw)
    except BadValue:
        return
    if value is not None:
        assert value
        assert value == value.strip()
        assert value == unicodedata.normalize("NFC", value)
        assert mde.canonical(one, value) == value


@given(st.sampled_from([one for one in ELEMENTS if one.codes]), st.data())
def test_every_listed_code_stands_as_it_is_in_any_case(one: mde.Element, data: st.DataObject) -> None:
    code = data.draw(st.sampled_from(one.codes or ()))
    for raw in (code, code.lower(), code.upper(), f" {code} "):
        assert mde.canonical(one, raw) == code


@pytest.mark.parametrize("language", ["en", "es"])
@pytest.mark.parametrize("rule", ["missing", "malformed", "code", "range", "too-long", "control-character"])
def test_every_element_has_words_for_what_can_be_wrong_with_it(rule: str, language: str) -> None:
    for one in ELEMENTS:
        message, remedy = mde.words(rule, one.letter, one.key, language)
        assert one.name in message
        assert message.endswith(".")
        assert remedy.endswith(".")
        assert "{" not in message + remedy
