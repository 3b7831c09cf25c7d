"""Every element of the layout, with a value that is missing, too long, of another type or no code of its list.

Walks ``mde.csv`` itself, so that an element whose rule is not applied is found, whatever the code makes of the layout.
"""

from __future__ import annotations

import csv
import io
from datetime import date
from pathlib import Path

import pytest

from ledger import mde
from ledger.errors import SubmissionRefused
from ledger.intake.layout import read_header
from ledger.intake.rules import CheckedRow, check_row

TODAY = date(2025, 9, 2)

with (Path(mde.__file__).parent / "mde.csv").open(encoding="utf-8", newline="") as layout:
    ROWS = list(csv.DictReader(layout))

HEADER = ["OR", "20250902020000000", "0", "0", "20250801000000000", "20250902000000000"]

GOOD = {
    "S": {
        "student_record_id": "0000001",
        "reporting_state_code": "OR",
        "state_student_identifier": "OR5540012",
        "action_code": "I",
    },
    "K": {
        "alternate_state_record_id": "001",
        "alternate_state_student_id": "OR77",
        "alternate_state_student_id_type": "02",
    },
    "D": {
        "demographics_record_id": "001",
        "first_name": "Wilber",
        "last_name_1": "Pablo",
        "birth_date": "20081102",
    },
    "Q": {
        "qualifying_moves_record_id": "001",
        "qualifying_arrival_date": "20250602",
        "qualifying_move_from_state": "CA",
        "qualifying_move_from_country": "USA",
    },
    "E": {"enrollments_record_id": "001", "enrollment_date": "20250623", "enrollment_type": "01"},
    "C": {
        "course_history_record_id": "001",
        "course_title": "Algebra I",
        "credits_granted": "0.5",
        "final_grade": "B",
    },
    "A": {"assessments_record_id": "001", "assessment_title": "State Mathematics", "score_results": "412"},
    "I": {"immunizations_record_id": "001", "cvx_code": "115", "administration_date": "20240816"},
}
"""A row of each table that no rule minds, also without any one of its optional elements."""

EXACT = {
    "msix_identification_number": "12",
    "school_identification_code": "12",
    "school_district_id": "7",
    "district_of_residence": "7",
}
"""Identifiers whose length is fixed: a shorter or longer one is malformed."""

LISTS = {
    "USPS state code": "ZZ",
    "CDC CVX": "999",
    "ISO 3166-1 alpha-2 or alpha-3": "ZZZ",
    "01|02": "03",
}
"""What is no code of a list that is named, or might be taken for one of another."""

WITH_RULE_OF_ITS_OWN = {"clock_hours": "V18", "credits_granted": "V18"}


def key_of(row: dict[str, str]) -> str:
    return mde.TABLES[row["letter"]].elements[int(row["column"]) - 1].key


def wrong_type(row: dict[str, str]) -> list[tuple[str, str]]:
    """Values of another type than the element's, each with its rule."""
    if row["codes"] and lists_codes(row):
        return []
    by_type = {
        "integer": [("x", "malformed"), ("1.5", "malformed"), ("-1", "malformed")],
        "decimal": [("x", "malformed"), ("1,5", "malformed"), ("-1", "malformed"), ("0.505", "malformed")],
        "date": [("x", "malformed"), ("00000000", "malformed"), ("20230230", "malformed"), ("45768", "malformed")],
        "month": [("x", "malformed"), ("132025", "malformed"), ("202507", "malformed")],
        "timestamp": [("x", "malformed"), ("20250230000000000", "malformed"), ("20250902", "malformed")],
        "digits": [("x", "malformed"), ("(503) 555", "malformed")],
        "email": [("x", "malformed"), ("ines at example.org", "malformed")],
    }
    wrong = by_type.get(row["type"], [("a\x07b", "control-character")])
    return wrong if key_of(row) not in EXACT else [("x", "malformed"), ("123456", "malformed")]


def lists_codes(row: dict[str, str]) -> bool:
    """Whether the layout gives a list of which a value must be one, whatever else the row holds."""
    codes = row["codes"]
    return codes in LISTS or ("|" in codes and ":" not in codes)


def too_long(row: dict[str, str]) -> tuple[str, str]:
    if lists_codes(row):
        return "X" * (int(row["length"]) + 1), "code"
    key = key_of(row)
    if key in EXACT:
        return "1" * (int(row["length"]) + 1), "malformed"
    if row["type"] == "decimal":
        whole, _, behind = row["length"].partition(",")
        return "1" * (int(whole) - int(behind) + 1), WITH_RULE_OF_ITS_OWN.get(key, "range")
    length = int(row["length"]) + 1
    value = {"text": "x" * length, "email": "a" * length + "@b.org"}.get(row["type"], "1" * length)
    return value, "malformed" if row["type"] in ("date", "month", "timestamp") else "too-long"


def out_of_bounds(row: dict[str, str]) -> list[tuple[str, str]]:
    least, dots, greatest = row["codes"].partition("..")
    if not dots or row["type"] == "decimal":
        return []
    rule = WITH_RULE_OF_ITS_OWN.get(key_of(row), "range")
    beyond = str(int(greatest) + 1)
    # One more than three digits can say is too long before it is out of range.
    found = [(beyond, rule if len(beyond) <= int(row["length"]) else "too-long")]
    return [*found, (str(int(least) - 1), rule)] if int(least) > 0 else found


def wrong_values(row: dict[str, str]) -> list[tuple[str, str]]:
    wrong = [*wrong_type(row), too_long(row), *out_of_bounds(row)]
    if lists_codes(row):
        wrong.append((LISTS.get(row["codes"], "??"), "code"))
    return wrong


WRONG = [(row, value, rule) for row in ROWS for value, rule in wrong_values(row)]


def name(value: object) -> str:
    return f"{value['letter']}{value['column']} {value['element']}" if isinstance(value, dict) else repr(value)


def checked(row: dict[str, str], **changes: str) -> CheckedRow:
    return check_row(row["letter"], {**GOOD[row["letter"]], **changes}, TODAY)


def found(of: CheckedRow) -> list[tuple[str, str | None, str]]:
    return [(one.rule, one.element, one.level) for one in of.findings]


@pytest.mark.parametrize("row", [row for row in ROWS if row["letter"] != "H"], ids=name)
def test_an_element_that_is_missing_refuses_its_row_where_it_is_required(row: dict[str, str]) -> None:
    key = key_of(row)
    for blank in ("", "  ", "\u200b"):
        answer = checked(row, **{key: blank})
        if row["required"] == "yes":
            assert found(answer) == [("missing", key, "refused")]
            assert answer.refused
        else:
            assert found(answer) == []
            assert key not in answer.elements


@pytest.mark.parametrize(("row", "value", "rule"), [w for w in WRONG if w[0]["letter"] != "H"], ids=name)
def test_a_wrong_value_does_what_the_layout_says(row: dict[str, str], value: str, rule: str) -> None:
    key = key_of(row)
    answer = checked(row, **{key: value})
    assert key not in answer.elements
    if row["required"] == "yes" or row["on_bad"] == "row":
        assert found(answer) == [(rule, key, "refused")]
        assert answer.refused
    else:
        assert row["on_bad"] == "element"
        assert found(answer) == [(rule, key, "warned")]
        assert not answer.refused
        assert mde.TABLES[row["letter"]].record_id not in answer.elements
        assert answer.record_id is not None


def header(column: int, value: str) -> io.BytesIO:
    fields = [*HEADER[: column - 1], value, *HEADER[column:]]
    return io.BytesIO("|".join(["H", *fields]).encode() + b"\n")


@pytest.mark.parametrize(
    ("row", "value", "rule"),
    [(r, v, rule) for r, v, rule in WRONG if r["letter"] == "H" and v.isprintable()]
    + [(row, "", "missing") for row in ROWS if row["letter"] == "H"],
    ids=name,
)
def test_a_header_that_is_missing_or_wrong_refuses_the_file(row: dict[str, str], value: str, rule: str) -> None:
    assert (row["required"], row["on_bad"]) == ("yes", "file")
    column = int(row["column"])
    assert read_header(header(column, HEADER[column - 1])).state == "OR"
    with pytest.raises(SubmissionRefused) as refusal:
        read_header(header(column, value))
    assert refusal.value.rule == "header", rule
    assert row["element"] in refusal.value.what
    assert refusal.value.remedy


@pytest.mark.parametrize("row", [row for row in ROWS if "|" in row["codes"] and lists_codes(row)], ids=name)
def test_every_code_of_a_list_is_taken_and_spelled_as_listed(row: dict[str, str]) -> None:
    key = key_of(row)
    changes = {"graduation_hse_date": "20250601"} if key == "graduation_hse_indicator" else {}
    changes |= {"residency_date": "20250601"} if key == "enrollment_type" else {}
    for code in row["codes"].split("|"):
        for spelled in (code, code.lower(), f" {code} "):
            answer = checked(row, **changes, **{key: spelled})
            assert found(answer) == []
            assert answer.elements[key] == code


@pytest.mark.parametrize("code", ["MEX", "MX", "mex", "GTM", "US", "USA", "PRI"])
def test_a_country_comes_as_two_letters_or_three(code: str) -> None:
    answer = checked({"letter": "Q"}, qualifying_move_from_country=code)
    assert found(answer) == []
    assert answer.elements["qualifying_move_from_country"] == code.upper()


@pytest.mark.parametrize("code", ["Mexico", "ZZ", "484", "M", "CC0"])
def test_what_names_no_country_is_left_out(code: str) -> None:
    answer = checked({"letter": "Q"}, qualifying_move_from_country=code)
    assert found(answer) == [("code", "qualifying_move_from_country", "warned")]
    alone = checked({"letter": "Q"}, qualifying_move_from_country=code, qualifying_move_from_state="")
    assert ("V8", None, "refused") in found(alone)


def test_the_countries_are_those_of_the_standard() -> None:
    assert len(mde.COUNTRIES) == 2 * 249
    assert {"MX", "MEX", "GT", "GTM", "HT", "HTI", "MH", "MHL", "US", "USA"} <= set(mde.COUNTRIES)
