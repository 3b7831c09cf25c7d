"""The check of one row."""

from __future__ import annotations

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger import mde
from ledger.intake.rules import CheckedRow, Finding, check_fields, check_row, finding
from ledger.rulebook import RULES

TODAY = date(2025, 9, 2)

CHILD = {
    "demographics_record_id": "001",
    "first_name": "Wilber",
    "last_name_1": "Pablo",
    "birth_date": "20081102",
}
MOVE = {
    "qualifying_moves_record_id": "001",
    "qualifying_arrival_date": "20250602",
    "qualifying_move_from_country": "GTM",
}
ENROLLMENT = {"enrollments_record_id": "001", "enrollment_date": "20250623", "enrollment_type": "03"}
COURSE = {"course_history_record_id": "001", "course_title": "Algebra I", "credits_granted": "0.5"}
TEST = {"assessments_record_id": "001", "assessment_title": "State Mathematics", "score_results": "412"}
SHOT = {"immunizations_record_id": "001", "cvx_code": "115", "administration_date": "20240816"}


def found(checked: CheckedRow) -> list[tuple[str, str | None, str]]:
    return [(one.rule, one.element, one.level) for one in checked.findings]


@pytest.mark.parametrize(
    ("letter", "row"), [("D", CHILD), ("Q", MOVE), ("E", ENROLLMENT), ("C", COURSE), ("A", TEST), ("I", SHOT)]
)
def test_a_row_with_what_is_required_stands(letter: str, row: dict[str, str]) -> None:
    checked = check_row(letter, row, TODAY)
    assert not checked.refused
    assert checked.findings == []
    assert checked.record_id == "001"
    assert mde.TABLES[letter].record_id not in checked.elements
    assert checked.raw is None


@pytest.mark.parametrize(
    ("letter", "row"), [("D", CHILD), ("Q", MOVE), ("E", ENROLLMENT), ("C", COURSE), ("A", TEST), ("I", SHOT)]
)
def test_a_row_without_a_required_element_is_refused(letter: str, row: dict[str, str]) -> None:
    for element in mde.TABLES[letter].elements:
        if element.required:
            checked = check_row(letter, {key: value for key, value in row.items() if key != element.key}, TODAY)
            assert checked.refused
            assert ("missing", element.key, "refused") in found(checked)


def test_a_single_fact_needs_no_record_id() -> None:
    checked = check_row("D", CHILD | {"demographics_record_id": None}, TODAY, record_id_required=False)
    assert not checked.refused
    assert checked.record_id is None
    assert checked.findings == []


def test_a_wrong_required_element_is_named_once_and_refuses_the_row() -> None:
    checked = check_row("D", CHILD | {"birth_date": "20230230"}, TODAY)
    assert checked.refused
    assert found(checked) == [("malformed", "birth_date", "refused")]


def test_a_wrong_optional_element_is_left_out_with_a_warning() -> None:
    checked = check_row("D", CHILD | {"sex": "F"}, TODAY)
    assert not checked.refused
    assert "sex" not in checked.elements
    assert found(checked) == [("code", "sex", "warned")]


def test_a_wrong_optional_element_whose_layout_says_row_refuses_the_row() -> None:
    checked = check_row("E", ENROLLMENT | {"withdrawal_date": "00000000"}, TODAY)
    assert checked.refused
    assert found(checked) == [("malformed", "withdrawal_date", "refused")]


def test_a_row_with_nothing_but_its_record_id_asks_for_a_retraction() -> None:
    checked = check_row("E", {"enrollments_record_id": "004"}, TODAY)
    assert checked == CheckedRow({}, [], refused=False, record_id="004")


def test_a_row_with_nothing_at_all_is_refused() -> None:
    assert check_row("E", {}, TODAY).refused
    assert check_row("E", {}, TODAY, record_id_required=False).refused


def test_an_element_that_the_table_lacks_is_warned_of() -> None:
    checked = check_row("D", CHILD | {"shoe_size": "34", "grade_level": None}, TODAY)
    assert not checked.refused
    assert found(checked) == [("unknown-element", "shoe_size", "warned")]


def test_the_raw_value_is_kept_only_where_letters_changed() -> None:
    checked = check_row(
        "D", CHILD | {"first_name": " Mari\u0301a ", "sex": "female", "birth_date": "2008-11-02"}, TODAY
    )
    assert checked.elements["first_name"] == "María"
    assert checked.raw == {"sex": "female"}


def test_a_fact_is_mended_as_a_row_of_a_file_is() -> None:
    checked = check_row("D", CHILD | {"first_name": "MarÃ\xada"}, TODAY)
    assert found(checked) == [("mojibake", "first_name", "warned")]
    assert checked.elements["first_name"] == "María"
    assert checked.raw == {"first_name": "MarÃ\xada"}


@pytest.mark.parametrize(
    ("letter", "row", "rule", "key", "level"),
    [
        ("D", CHILD, "V3", "birth_date", "refused"),
        ("Q", MOVE, "V3", "qualifying_arrival_date", "refused"),
        ("E", ENROLLMENT, "future", "enrollment_date", "refused"),
        ("E", ENROLLMENT, "future", "withdrawal_date", "refused"),
        ("E", ENROLLMENT, "future", "residency_date", "warned"),
        ("I", SHOT, "future", "administration_date", "refused"),
    ],
)
def test_what_lies_in_the_future_has_not_happened(
    letter: str, row: dict[str, str], rule: str, key: str, level: str
) -> None:
    checked = check_row(letter, row | {key: "20250903"}, TODAY)
    assert (rule, key, level) in found(checked)
    assert checked.refused is (level == "refused")
    assert (rule, key, level) not in found(check_row(letter, row | {key: "20250902"}, TODAY))


def test_the_end_of_eligibility_lies_ahead_as_it_should() -> None:
    assert found(check_row("Q", MOVE | {"eligibility_expiration_date": "20280601"}, TODAY)) == []


@pytest.mark.parametrize(
    ("arrival", "last_day", "first_day_too_late"),
    [
        ("20250602", "20280601", "20280602"),
        # A move of 29 February has its anniversary on 1 March where there is no 29th.
        ("20240229", "20270228", "20270301"),
        ("20210301", "20240229", "20240301"),
    ],
)
def test_a_move_lasts_36_months_less_a_day(arrival: str, last_day: str, first_day_too_late: str) -> None:
    def ending(day: str) -> CheckedRow:
        dates = {"qualifying_arrival_date": arrival, "eligibility_expiration_date": day}
        return check_row("Q", MOVE | dates, TODAY)

    assert found(ending(last_day)) == []
    late = ending(first_day_too_late)
    assert found(late) == [("V1", "eligibility_expiration_date", "warned")]
    assert "eligibility_expiration_date" in late.elements, "kept as sent"
    assert found(ending(arrival)) == []


@pytest.mark.parametrize(
    ("letter", "row", "change", "expected"),
    [
        ("Q", MOVE, {"qualifying_move_from_country": None}, ("V8", None, "refused")),
        ("Q", MOVE, {"eligibility_expiration_date": "20250601"}, ("V1", "eligibility_expiration_date", "refused")),
        ("Q", MOVE, {"eligibility_expiration_date": "20280602"}, ("V1", "eligibility_expiration_date", "warned")),
        ("E", ENROLLMENT, {"withdrawal_date": "20250622"}, ("V10", "withdrawal_date", "refused")),
        ("E", ENROLLMENT, {"residency_date": "20250624"}, ("V10", "residency_date", "warned")),
        (
            "E",
            ENROLLMENT,
            {"residency_date": "20250601", "residency_verification_date": "20250531"},
            ("V10", "residency_verification_date", "warned"),
        ),
        ("E", ENROLLMENT, {"enrollment_type": "06"}, ("V11", "residency_date", "warned")),
        ("E", ENROLLMENT, {"graduation_hse_date": "20250601"}, ("V14", "graduation_hse_date", "warned")),
        ("E", ENROLLMENT, {"graduation_hse_indicator": "HSE"}, ("V14", "graduation_hse_indicator", "warned")),
        ("C", COURSE, {"clock_hours": "40"}, ("V17", None, "warned")),
        ("C", COURSE, {"credits_granted": None}, ("V17", None, "warned")),
        ("C", COURSE, {"clock_hours": "1081"}, ("V18", "clock_hours", "warned")),
        ("C", COURSE, {"credits_granted": "10.00", "final_grade": "A"}, ("V18", "credits_granted", "warned")),
        (
            "C",
            COURSE,
            {"begin_academic_year": "2025", "end_academic_year": "2024"},
            ("V18", "end_academic_year", "warned"),
        ),
        ("A", TEST, {"assessment_administration_date": "102025"}, ("V19", "assessment_administration_date", "warned")),
        (
            "A",
            TEST,
            {"assessment_type": "09", "assessment_interpretation": "Splendid"},
            ("V19", "assessment_interpretation", "warned"),
        ),
    ],
)
def test_values_that_do_not_fit_together_break_their_rule(
    letter: str, row: dict[str, str], change: dict[str, str | None], expected: tuple[str, str | None, str]
) -> None:
    checked = check_row(letter, {**row, **change}, TODAY)
    assert found(checked) == [expected]
    assert checked.refused is (expected[2] == "refused")


def test_a_residency_date_that_is_only_unusual_stands() -> None:
    checked = check_row("E", ENROLLMENT | {"residency_date": "20250624"}, TODAY)
    assert checked.elements["residency_date"] == "2025-06-24"


def test_a_graduation_without_its_pair_is_left_out() -> None:
    checked = check_row("E", ENROLLMENT | {"graduation_hse_date": "20250601"}, TODAY)
    assert "graduation_hse_date" not in checked.elements


def test_an_interpretation_of_the_list_is_spelled_as_listed_and_others_are_free() -> None:
    listed = check_row("A", TEST | {"assessment_type": "10", "assessment_interpretation": "below basic"}, TODAY)
    assert listed.elements["assessment_interpretation"] == "Below Basic"
    free = check_row("A", TEST | {"assessment_type": "01", "assessment_interpretation": "Splendid"}, TODAY)
    assert free.findings == []


def test_a_move_whose_only_origin_is_wrong_is_refused() -> None:
    checked = check_row("Q", MOVE | {"qualifying_move_from_country": None, "qualifying_move_from_state": "ZZ"}, TODAY)
    assert found(checked) == [("code", "qualifying_move_from_state", "warned"), ("V8", None, "refused")]


@pytest.mark.parametrize(("level", "refused", "levels"), [("refuse", True, ["refused"]), ("warn", False, ["warned"])])
def test_a_state_sets_the_level_of_a_rule(level: str, refused: bool, levels: list[str]) -> None:
    checked = check_row("C", COURSE | {"clock_hours": "40"}, TODAY, levels={"V17": level})
    assert checked.refused is refused
    assert [one.level for one in checked.findings] == levels


@pytest.mark.parametrize(
    ("level", "rule", "refused"),
    [(None, "V18", False), ("warn", "V18", False), ("refuse", "V18", True), ("off", "range", False)],
)
def test_a_value_out_of_the_layouts_bounds_is_left_out_at_every_level(
    level: str | None, rule: str, refused: bool
) -> None:
    levels = {} if level is None else {"V18": level}
    for row in ({"clock_hours": "1081", "credits_granted": None}, {"credits_granted": "10", "final_grade": "A"}):
        checked = check_row("C", {**COURSE, **row}, TODAY, levels=levels)
        assert (rule, refused) in [(one.rule, one.level == "refused") for one in checked.findings]
        assert checked.refused is refused
        assert not {"clock_hours", "credits_granted"} & checked.elements.keys()


def test_a_rule_that_a_state_turns_off_is_silent() -> None:
    assert check_row("C", COURSE | {"clock_hours": "40"}, TODAY, levels={"V17": "off"}).findings == []


def test_every_finding_has_words() -> None:
    for rule in RULES:
        one = finding(rule, "E", "enrollment_date")
        assert isinstance(one, Finding)
        assert one.message
        assert one.remedy


@given(
    st.sampled_from(list(mde.TABLES)),
    st.lists(st.text(max_size=20) | st.from_regex(r"\A[0-9]{1,8}\Z"), max_size=40),
)
def test_whatever_a_row_holds_the_check_answers(letter: str, fields: list[str]) -> None:
    checked = check_fields(letter, fields, "2025-09-02")
    assert checked.refused is any(one.level == "refused" for one in checked.findings)
    table = mde.TABLES[letter]
    for key, value in checked.elements.items():
        assert mde.canonical(table.by_key[key], value) == value
    for one in checked.findings:
        assert one.rule in RULES
