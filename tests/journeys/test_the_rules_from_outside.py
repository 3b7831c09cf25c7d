"""The rules that a row can break, at their levels, from the words of the design's pages alone.

All children of ``RULES`` are in one file of Ohio with the Submission Date 2 September 2025, so that no case can
lean on another one's file.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Any, NamedTuple

import pytest

from support.outsider import ENROLLED, MOVED, NAMED, SHOT, TESTED, Answer, Child, Office, Row, child, row

N, Q, E = NAMED, MOVED, ENROLLED
NIGHT = date(2025, 9, 2)
Q2 = Q.but(number="002", on="20250501")
N2 = N.but(number="002")
OPEN = row("C", title="Algebra I", hours="54", so_far="B")
DONE = row("C", title="Algebra I", credits="0.50", grade="B")
AT_HOME = E.but(type="06", school="", residence="4113770", resident="20250418")
ELSEWHERE = E.but(number="002", on="20250501", school="Nuevo")
SENIOR = N.but(born="20070510")


class Case(NamedTuple):
    """One child. outcomes: of the child's rows without the S row. rules: letter and rule of each finding."""

    said: str
    rows: Sequence[Row | str]
    outcomes: str
    rules: Sequence[str] = ()


RULES = [
    # V1: the eligible interval is closed; mde.csv: on_bad of the Eligibility Expiration Date is row
    Case("V1: it ends before the arrival", [N, Q, Q2.but(expires="20250430")], "aar", ["Q V1"]),
    Case("V1: it ends on the day of arrival", [N, Q.but(expires="20250418")], "aa"),
    Case("V1: it ends on the last day of 36 months", [N, Q.but(expires="20280417")], "aa"),
    Case("V1: it ends past 36 months", [N, Q.but(expires="20280418")], "aa", ["Q V1"]),
    Case("V1: a move of 29 February, 28 February", [N, Q.but(on="20240229", expires="20270228")], "aa"),
    Case("V1: a move of 29 February, 1 March", [N, Q.but(on="20240229", expires="20270301")], "aa", ["Q V1"]),
    # V2, W: never after the day before the 22nd birthday, nor after graduation
    Case(
        "V2: the day before the 22nd birthday", [N.but(born="20030510"), Q.but(on="20240601", expires="20250509")], "aa"
    ),
    Case("V2: the 22nd birthday", [N.but(born="20030510"), Q.but(on="20240601", expires="20250510")], "aa", ["Q V2"]),
    Case("V2: nothing stated", [N.but(born="20030510"), Q.but(on="20240601")], "aa"),
    Case("V2: born on 29 February", [N.but(born="20040229"), Q.but(on="20240601", expires="20260228")], "aa"),
    Case(
        "V2: born on 29 February, late",
        [N.but(born="20040229"), Q.but(on="20240601", expires="20260301")],
        "aa",
        ["Q V2"],
    ),
    Case(
        "V2: past graduation",
        [SENIOR, Q.but(on="20240601", expires="20270531"), E.but(graduation="Graduation", graduated="20250606")],
        "aaa",
        ["Q V2"],
    ),
    # V3, R: birth <= QAD, none in the future; "future" is after the Submission Date (file-layout.md)
    Case("V3: born in the future", [N, N2.but(born="20250903"), Q], "ara", ["D V3"]),
    Case("V3: moved in the future", [N, Q, Q2.but(on="20250903")], "aar", ["Q V3"]),
    Case("V3: born and moved today", [N.but(born="20250902"), Q.but(on="20250902")], "aa"),
    # V4, R: birth after QAD
    Case("V4: born the day after the move", [N.but(born="20250419"), Q, Q2], "ara", ["Q V4"]),
    Case("V4: born on the day of the move", [N.but(born="20250418"), Q], "aa"),
    # V5, R: age 0-21 at QAD; under 3 kept; over 21 refused
    Case("V5: 22 on the day of the move", [N.but(born="20030418"), Q, Q2.but(on="20250417")], "ara", ["Q V5"]),
    Case("V5: 21 on the day of the move", [N.but(born="20030419"), Q], "aa"),
    Case("V5: under 3", [N.but(born="20240101"), Q], "aa"),
    # V8, R: from-state or from-country
    Case("V8: from nowhere", [N, Q, Q2.but(from_state="")], "aar", ["Q V8"]),
    Case("V8: a country of two letters", [N, Q.but(from_state="", from_country="MX")], "aa"),
    Case("V8: a country of three letters", [N, Q.but(from_state="", from_country="GTM")], "aa"),
    Case("V8: a state that is none", [N, Q, Q2.but(from_state="ZZ")], "aar", ["Q code", "Q V8"]),
    Case("V8: a state that is none, and a country", [N, Q.but(from_state="ZZ", from_country="MEX")], "aa", ["Q code"]),
    # V10, R and W
    Case("V10: withdrawn before enrolled", [N, Q, E.but(withdrawn="20250420")], "aar", ["E V10"]),
    Case("V10: withdrawn on the same day", [N, Q, E.but(withdrawn="20250421")], "aaa"),
    Case("V10: resident after enrolled", [N, Q, E.but(residence="4113770", resident="20250422")], "aaa", ["E V10"]),
    Case("V10: verified before resident", [N, Q, E.but(resident="20250410", verified="20250409")], "aaa", ["E V10"]),
    Case("V10: verified on the same day", [N, Q, E.but(resident="20250410", verified="20250410")], "aaa"),
    # V11, W
    Case("V11: residency only without a date", [N, Q, AT_HOME.but(resident="")], "aaa", ["E V11"]),
    Case("V11: residency only", [N, Q, AT_HOME], "aaa"),
    Case("V11: a course beside a school", [N, Q, AT_HOME, E.but(number="002"), DONE], "aaaaa"),
    # V12, C per state: same school, same type
    Case("V12: overlap", [N, Q, E, E.but(number="002", on="20250501")], "aaaa", ["E V12"]),
    Case("V12: other types", [N, Q, E, E.but(number="002", on="20250501", type="02")], "aaaa"),
    Case("V12: other schools", [N, Q, E, ELSEWHERE], "aaaa"),
    Case("V12: one after the other", [N, Q, E.but(withdrawn="20250430"), E.but(number="002", on="20250501")], "aaaa"),
    # V14, R, on_bad element: the date needs its indicator and the reverse
    Case("V14: an indicator alone", [N, Q, E.but(graduation="HSE")], "aaa", ["E V14"]),
    Case("V14: a date alone", [N, Q, E.but(graduated="20250606")], "aaa", ["E V14"]),
    Case("V14: both", [SENIOR, Q, E.but(graduation="HSE", graduated="20250606")], "aaa"),
    # V15, W
    Case(
        "V15: two graduation schools at a time",
        [N, Q, E.but(graduation_school="411377000999"), ELSEWHERE.but(graduation_school="411377000998")],
        "aaaa",
        ["E V15"],
    ),
    Case(
        "V15: two graduation schools one after the other",
        [
            N,
            Q,
            E.but(graduation_school="411377000999", withdrawn="20250430"),
            ELSEWHERE.but(graduation_school="411377000998"),
        ],
        "aaaa",
    ),
    # V16, W: continuation only when eligibility has passed; PFS needs eligibility
    Case("V16: continuation while eligible", [N, Q, E.but(continuation="01")], "aaa", ["E V16"]),
    Case("V16: continuation after eligibility", [N, Q.but(on="20210601"), E.but(continuation="02")], "aaa"),
    Case("V16: priority after eligibility", [N, Q.but(on="20210601"), E.but(pfs="Yes")], "aaa", ["E V16"]),
    Case("V16: priority while eligible", [N, Q, E.but(pfs="Yes")], "aaa"),
    Case("V16: no priority after eligibility", [N, Q.but(on="20210601"), E.but(pfs="No")], "aaa"),
    # V17, W: exactly one pair
    Case("V17: both pairs", [N, Q, DONE.but(hours="54", so_far="B")], "aaa", ["C V17"]),
    Case("V17: halves of both", [N, Q, row("C", title="Algebra I", credits="0.50", hours="54")], "aaa", ["C V17"]),
    Case("V17: completed", [N, Q, DONE], "aaa"),
    Case("V17: not completed", [N, Q, OPEN], "aaa"),
    # V18, R, on_bad element
    Case("V18: 1081 hours", [N, Q, OPEN.but(hours="1081")], "aaa", ["C V18"]),
    Case("V18: 1080 hours", [N, Q, OPEN.but(hours="1080")], "aaa"),
    Case("V18: no hours yet", [N, Q, OPEN.but(hours="0")], "aaa"),
    Case("V18: 10 credits", [N, Q, DONE.but(credits="10.00")], "aaa", ["C V18"]),
    Case("V18: 9.99 credits", [N, Q, DONE.but(credits="9.99")], "aaa"),
    Case("V18: it ends before it begins", [N, Q, DONE.but(begins="2025", ends="2024")], "aaa", ["C V18"]),
    Case("V18: it ends as it begins", [N, Q, DONE.but(begins="2025", ends="2025")], "aaa"),
    # V19, R, on_bad element
    Case("V19: before birth", [N, Q, TESTED.but(month="042013")], "aaa", ["A V19"]),
    Case("V19: in the month of birth", [N, Q, TESTED.but(month="052013")], "aaa"),
    Case("V19: next month", [N, Q, TESTED.but(month="102025")], "aaa", ["A V19"]),
    Case("V19: this month", [N, Q, TESTED.but(month="092025")], "aaa"),
    Case("V19: a meaning that is not listed", [N, Q, TESTED.but(type="09", meaning="Great")], "aaa", ["A V19"]),
    Case("V19: a meaning that is listed", [N, Q, TESTED.but(type="11", meaning="Far Below Basic")], "aaa"),
    Case("V19: a meaning of another type", [N, Q, TESTED.but(meaning="Great")], "aaa"),
    # V20: nothing where no term is known; V21: blanks are not missing
    Case("V20: no terms", [N, Q, E.but(type="03")], "aaa"),
    Case("V21: a senior without secondary elements", [SENIOR, Q, E.but(grade="12")], "aaa"),
    # mde.csv, on_bad, and the bad values of the requirements
    Case("date 0000-00-00", [N, N2.but(born="0000-00-00"), Q], "ara", ["D malformed"]),
    Case("date 30 February", [N, N2.but(born="20130230"), Q], "ara", ["D malformed"]),
    Case("date 29 February of no leap year", [N, N2.but(born="20130229"), Q], "ara", ["D malformed"]),
    Case("date 29 February of a leap year", [N.but(born="20120229"), Q], "aa"),
    Case("date as a spreadsheet's serial", [N, Q, E.but(on="45768")], "aar", ["E malformed"]),
    Case("date of withdrawal 00000000", [N, Q, E.but(withdrawn="00000000")], "aar", ["E malformed"]),
    Case("date of residency 00000000", [N, Q, E.but(resident="00000000")], "aaa", ["E malformed"]),
    Case("month 13", [N, Q, TESTED.but(month="132025")], "aaa", ["A malformed"]),
    Case("future enrollment", [N, Q, E.but(on="20250903")], "aar", ["E future"]),
    Case("enrollment today", [N, Q, E.but(on="20250902")], "aaa"),
    Case("future withdrawal", [N, Q, E.but(withdrawn="20250903")], "aar", ["E future"]),
    Case("future shot", [N, Q, SHOT.but(on="20250903")], "aar", ["I future"]),
    Case("future residency", [N, Q, E.but(residence="4113770", resident="20250903")], "aaa", ["E future"]),
    Case("required element blank", [N, N2.but(first="  "), Q], "ara", ["D missing"]),
    Case("Record ID blank", [N, Q, E.but(number="")], "aar", ["E missing"]),
    Case("Record ID 000", [N, Q, E.but(number="000")], "aar", ["E range"]),
    Case("code that is none, required", [N, Q, E.but(type="08")], "aar", ["E code"]),
    Case("code that is none, not required", [N.but(sex="X"), Q], "aa", ["D code"]),
    Case("vaccine that is none", [N, Q, SHOT.but(code="999")], "aar", ["I code"]),
    Case("name of 50 letters", [N.but(first="é" * 50), Q], "aa"),
    Case("name of 50 letters in two code points each", [N.but(first="e\u0301" * 50), Q], "aa"),
    Case("name of 51 letters", [N, N2.but(first="e" * 51), Q], "ara", ["D too-long"]),
    Case("middle name of 51 letters", [N.but(middle="e" * 51), Q], "aa", ["D too-long"]),
    Case("e-mail address that is none", [N.but(email="nobody"), Q], "aa", ["D malformed"]),
    Case("phone number in words", [N.but(phone="call me"), Q], "aa", ["D malformed"]),
    Case("three wrong values", [N.but(sex="X", twin="?", proof="1"), Q], "aa", ["D code"] * 3),
    Case("a control character", [N, Q.but(from_city="Mad\x07era")], "aa", ["Q control-character"]),
    Case("more fields than elements", [N, Q, "E|#|001|20250421|01" + "|" * 31 + "x"], "aar", ["E too-many-fields"]),
    Case("empty fields at the end", [N, Q, "I|#|001|115|20240816|01|"], "aaa"),
]

REFUSED = [
    # V9 refuses the S row; a refused S row refuses its child rows, each named (file-layout.md)
    Child("V9NONE", [N, E]),
    Child("V9BAD", [N, Q.but(from_state=""), E]),
    # V22: another state's rows
    Child("V22", [N, Q, E], state="CA"),
    # mde.csv, Student: wrong required elements
    Child("ACTION", [N, Q, E], action="X"),
    Child("NOACTION", [N, Q, E], action=""),
    Child("A" * 16, [N, Q, E]),
]


@pytest.fixture(scope="module")
def night(office: Office) -> Answer:
    ruled = [Child(f"OH{n:03d}", case.rows, "I") for n, case in enumerate(RULES)]
    return office.send("OH", *ruled, *REFUSED, on=NIGHT)


@pytest.mark.parametrize("case", RULES, ids=lambda case: case.said)
def test_a_rule_says_what_the_pages_say(night: Answer, case: Case) -> None:
    ssid = f"OH{RULES.index(case):03d}"
    assert (night.outcomes(ssid), night.rules(ssid)) == ("a" + case.outcomes, list(case.rules))


@pytest.mark.parametrize("one", REFUSED, ids=lambda one: one.ssid)
def test_a_refused_s_row_refuses_its_child_rows_each_named(night: Answer, one: Child) -> None:
    assert night.outcomes(one.ssid) == "r" * (1 + len(one.rows))
    lines = [line for line in night.lines if line["state_student_id"] == one.ssid]
    assert all(line["rule"] and line["message"] and line["remedy"] for line in lines)
    assert lines[0]["rule"] != "student-refused"
    assert lines[-1]["rule"] == "student-refused"


def of(night: Answer, said: str) -> str:
    return f"OH{[case.said for case in RULES].index(said):03d}"


def test_a_finding_names_file_row_element_value_rule_and_remedy(night: Answer) -> None:
    # the requirements, Bad input: a clear answer with row, element, value, rule and remedy
    line = next(
        line
        for line in night.lines
        if line["state_student_id"] == of(night, "code that is none, not required") and line["rule"]
    )
    assert (line["letter"], line["value"], line["rule"], line["outcome"]) == ("D", "X", "code", "accepted")
    assert "sex" in line["element"].lower()
    assert "Male, Female or Other" in line["remedy"]


def test_further_findings_of_a_row_have_an_empty_outcome(night: Answer) -> None:
    # file-layout.md, Response
    lines = [line for line in night.lines if line["state_student_id"] == of(night, "three wrong values")]
    assert [line["outcome"] for line in lines] == ["accepted", "accepted", "", "", "accepted"]
    assert [line["value"] for line in lines] == ["", "X", "?", "1", ""]
    assert len({line["row"] for line in lines}) == 3


@pytest.mark.parametrize(
    ("said", "table", "element"),
    [
        ("V14: an indicator alone", "enrollments", "graduation_hse_indicator"),
        ("V14: a date alone", "enrollments", "graduation_hse_date"),
        ("V18: 1081 hours", "courses", "clock_hours"),
        ("V18: 10 credits", "courses", "credits_granted"),
        ("V19: before birth", "assessments", "assessment_administration_date"),
        ("V19: a meaning that is not listed", "assessments", "assessment_interpretation"),
        ("code that is none, not required", "demographics", "sex"),
        ("date of residency 00000000", "enrollments", "residency_date"),
    ],
)
def test_on_bad_element_leaves_the_value_out_and_the_row_stands(
    office: Office, night: Answer, said: str, table: str, element: str
) -> None:
    (shown,) = office.shown(night.student(of(night, said)))["core"][table]
    assert element not in shown


@pytest.mark.parametrize(
    ("said", "expires"),
    [
        ("V1: it ends past 36 months", "2028-04-17"),
        ("V1: a move of 29 February, 1 March", "2027-02-28"),
        ("V2: the 22nd birthday", "2025-05-09"),
        ("V2: nothing stated", "2025-05-09"),
        ("V2: born on 29 February", "2026-02-28"),
        ("V2: past graduation", "2025-06-06"),
    ],
)
def test_eligibility_never_lasts_longer_than_the_rules_allow(
    office: Office, night: Answer, said: str, expires: str
) -> None:
    assert office.shown(night.student(of(night, said)))["core"]["eligibility"]["expires"] == expires


# V1 and mde.csv: default QAD + 36 months - 1 day; domain.md 5.4: QAD 2016-09-01, end 2019-08-31
DEFAULTS = {
    "20160901": "2019-08-31",
    "20240229": "2027-02-28",
    "20250301": "2028-02-29",
    "20250228": "2028-02-27",
    "20220831": "2025-08-30",
}


def test_eligibility_lasts_36_months_less_a_day_where_nothing_is_stated(office: Office) -> None:
    born = N.but(born="20120229")
    answer = office.send(
        "VA", *(Child(on, [born, Q.but(on=on)]) for on in DEFAULTS), child("STATED", Q2.but(expires="20251231"))
    )
    shown = {on: office.shown(answer.student(on))["core"]["eligibility"] for on in DEFAULTS}
    assert {on: one["expires"] for on, one in shown.items()} == DEFAULTS
    assert shown["20240229"]["begins"] == "2024-02-29"
    moves = office.shown(answer.student("STATED"))["core"]["qualifying_moves"]
    assert {move["eligibility"]["expires"] for move in moves} == {"2028-04-17", "2025-12-31"}


def test_who_was_born_on_29_february_is_21_until_28_february(office: Office) -> None:
    # V5: age 0-21 at QAD
    born = N.but(born="20040229")
    answer = office.send(
        "VT",
        Child("LAST", [born, Q.but(on="20260228")]),
        Child("OVER", [born, Q, Q.but(number="002", on="20260301")]),
        on=date(2026, 4, 1),
    )
    assert (answer.outcomes("LAST"), answer.outcomes("OVER")) == ("aaa", "aaar")
    assert "Q V5" in answer.rules("OVER")


def test_a_birth_date_that_contradicts_an_earlier_move_is_refused_later_too(office: Office) -> None:
    # V4 on the second night: the fact stands as it was
    office.send("VA", child("LATER"))
    later = office.send("VA", Child("LATER", [N.but(born="20250601"), Q2]))
    assert (later.outcomes("LATER"), later.rules("LATER")) == ("ura", ["D V4"])
    assert office.shown(later.student("LATER"))["core"]["birth_date"] == "2013-05-09"


def test_a_course_makes_a_residency_only_record_wrong(office: Office) -> None:
    # V11: no course rows
    answer = office.send("VA", child("ONLY", AT_HOME, DONE))
    assert answer.outcomes("ONLY") == "aaaaa"
    assert [rule.split()[1] for rule in answer.rules("ONLY")][1:] == ["V11"]


def set_for_nevada(office: Office, part: str, said: dict[str, Any]) -> None:
    answer = office.service.call("PUT", f"/v1/jurisdictions/NV/{part}", by="operator", json=said)
    assert answer.status_code == 200, answer.text


def test_a_state_sets_terms_and_levels_of_its_own(office: Office) -> None:
    # the requirements: per-state levels in the jurisdiction profile; V20: outside the regular term
    regular = {"name": "Year", "kind": "regular", "begins": "2024-09-03", "ends": "2025-06-12"}
    set_for_nevada(office, "terms", {"school_year": 2024, "terms": [regular]})
    set_for_nevada(office, "profile", {"rule_levels": {"V12": "refuse", "V10": "off", "V17": "refuse"}})
    answer = office.send(
        "NV",
        Child("WITHIN", [N, Q, E.but(type="03", withdrawn="20250530")], "I"),
        Child("OUTSIDE", [N, Q, E.but(type="03", on="20250616", withdrawn="20250801")], "I"),
        Child("BASIC", [N, Q, E.but(withdrawn="20250530")], "I"),
        Child("OVERLAP", [N, Q, E, E.but(number="002", on="20250501")], "I"),
        Child("BEFORE", [N, Q, E.but(withdrawn="20250420")], "I"),
        Child("PAIRS", [N, Q, DONE.but(hours="54", so_far="B")], "I"),
    )
    told = {ssid: (answer.outcomes(ssid), answer.rules(ssid)) for ssid in ("WITHIN", "OUTSIDE", "BASIC", "OVERLAP")}
    assert told == {
        "WITHIN": ("aaaa", ["E V20"]),
        "OUTSIDE": ("aaaa", []),
        "BASIC": ("aaaa", []),
        "OVERLAP": ("aaaar", ["E V12"]),
    }
    assert (answer.outcomes("BEFORE"), answer.rules("BEFORE")) == ("aaaa", [])
    assert (answer.outcomes("PAIRS"), answer.rules("PAIRS")) == ("aaar", ["C V17"])


def test_warned_counts_rows_and_not_findings(office: Office) -> None:
    # file-layout.md, Submissions: `warned` counts rows with a warning
    wrong = N.but(sex="X", twin="?", proof="1")
    answer = office.send("MT", Child("ROWS", [wrong, Q, E.but(graduation="HSE")], "I"))
    assert (answer.told["warned"], answer.told["accepted"]) == (2, 4)


def test_the_same_facts_over_http_give_the_same_record_and_events(office: Office) -> None:
    # architecture.md, law 7
    answer = office.send("UT", Child("FILE", [N, Q, E.but(withdrawn="20250613"), SHOT], "I"))
    body = {
        "student": {"state_student_identifier_type": "01"},
        "demographics": [
            {"demographics_record_id": "001", "first_name": "Ana", "last_name_1": "Luz", "birth_date": "20130509"}
        ],
        "qualifying_moves": [
            {
                "qualifying_moves_record_id": "001",
                "qualifying_arrival_date": "20250418",
                "qualifying_move_from_city": "Madera",
                "qualifying_move_from_state": "CA",
            }
        ],
        "enrollments": [
            {
                "enrollments_record_id": "001",
                "enrollment_date": "2025-04-21",
                "enrollment_type": "01",
                "school_or_project_name": "Valor",
                "withdrawal_date": "20250613",
            }
        ],
        "immunizations": [
            {
                "immunizations_record_id": "001",
                "cvx_code": "115",
                "administration_date": "20240816",
                "information_source": "01",
            }
        ],
    }
    before = office.service.head()
    put = office.service.call("PUT", "/v1/records/UT/HTTP", by="UT", json=body)
    assert put.status_code == 201, put.text
    topics = [topic.removesuffix(".v1") for topic in office.service.topics(before)]
    assert topics == office.topics(answer, answer.student("FILE"))
    by_file, over_http = (office.shown(one) for one in (answer.student("FILE"), put.json()["student_id"]))
    for section in ("core", "contacts", "health"):
        assert plain(by_file[section]) == plain(over_http[section])
    again = office.service.call("PUT", "/v1/records/UT/HTTP", by="UT", json=body)
    assert {one["outcome"] for one in again.json()["outcomes"]} == {"unchanged"}


def test_credits_are_told_by_subject_earned_and_in_progress(office: Office) -> None:
    # the requirements, Projections: credits earned and in progress by subject
    half = DONE.but(subject="Mathematics", section="02")
    rest = half.but(number="002", section="03", credits="0.25")
    answer = office.send("VA", child("CREDIT", half, rest, OPEN.but(number="003", title="English", subject="English")))
    told = {one["subject"]: one for one in office.shown(answer.student("CREDIT"))["core"]["credits"]["subjects"]}
    assert (told["Mathematics"]["earned"], told["Mathematics"]["completed"]) == ("0.75", 2)
    assert (told["English"]["earned"], told["English"]["in_progress"]) == ("0.00", 1)


@pytest.mark.parametrize("name", ["Ordonez Reyes Maria", "Lupe Reyes", "maría reyes", "Reyes Ordóñez"])
def test_a_child_is_found_by_either_surname_order_without_accents_and_by_nickname(office: Office, name: str) -> None:
    # interface.md, /v1/students/search
    both = N.but(first="María Guadalupe", last="Reyes", last_2="Ordóñez")
    student = office.send("VA", Child("FOUND", [both, Q])).student("FOUND")
    said = {"name": name, "birth_date": "2013-05-09"}
    found = office.service.call(
        "POST", "/v1/students/search", by="secondary_user", json=said, params={"at_least": office.service.head()}
    )
    assert [one["student_id"] for one in found.json()["students"]] == [student]


def plain(value: Any) -> Any:
    """Without minted ids and times."""
    minted = {"record", "records", "student_id", "recorded_at"}
    if isinstance(value, dict):
        return {key: plain(one) for key, one in value.items() if key not in minted}
    return [plain(one) for one in value] if isinstance(value, list) else value


def test_a_put_is_judged_by_the_same_rules(office: Office) -> None:
    # interface.md: PUT one student in the file's shape; errors are problem+json
    moveless = {
        "demographics": [
            {"demographics_record_id": "001", "first_name": "Ana", "last_name_1": "Luz", "birth_date": "20130509"}
        ]
    }
    answer = office.service.put("PUTV9", moveless)
    assert (answer.status_code, answer.headers["content-type"]) == (422, "application/problem+json")
    assert "V9" in {error["rule"] for error in answer.json()["errors"]}
    other = office.service.call("PUT", "/v1/records/CA/PUTV9", by="OR", json=moveless)
    assert other.status_code == 403


def test_a_child_row_of_a_refused_s_row_is_not_called_an_orphan(office: Office) -> None:
    # file-layout.md: a refused S row refuses its child rows, each named; also where it is refused for the very
    # Student Record ID by which they are hers
    answer = office.send("OR", child("RANGE", number="0040001"))
    assert answer.outcomes("RANGE") == "rrr"
    assert [line["rule"] for line in answer.lines[1:]] == ["student-refused"] * 2


def test_a_refused_row_of_a_known_student_names_the_student(office: Office) -> None:
    # file-layout.md, Response: ... student_id.
    answer = office.send("OR", child("KNOWN", E.but(type="99")))
    assert {line["student_id"] for line in answer.lines} == {answer.student("KNOWN")}
