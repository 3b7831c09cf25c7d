"""What holds of rules and their levels, whatever a record holds, whatever is sent, and whatever a state has set."""

from __future__ import annotations

from datetime import date

import msgspec
from hypothesis import given as each
from hypothesis import strategies as st

from ledger import mde
from ledger.events import Event
from ledger.events.jurisdiction import Term
from ledger.facts import Row, StudentRows
from ledger.intake.rules import check_row
from ledger.intake.student import Decision, place_student
from ledger.jurisdiction import Profile
from ledger.record import fold
from ledger.rulebook import RULES
from support.rows import MINTED, row, student

TODAY = date(2025, 9, 2)
SETTABLE = sorted(code for code, rule in RULES.items() if rule.levels)
OF_RECORDS = ["V2", "V4", "V5", "V9", "V11", "V12", "V15", "V16", "V19", "V20", "V21"]
TERMS = {
    "": {2024: [Term(name="Year", kind="regular", begins="2024-09-03", ends="2025-06-13")]},
    "4110001": {2024: [Term(name="Year", kind="regular", begins="2024-09-03", ends="2025-01-31")]},
}

VALUES: dict[str, dict[str, list[str | None]]] = {
    "D": {
        "first_name": ["Ana", "Inés"],
        "last_name_1": ["Pablo"],
        "birth_date": ["2003-02-28", "2004-02-29", "2010-01-01", "2025-03-15"],
    },
    "Q": {
        "qualifying_arrival_date": ["2021-03-01", "2024-02-29", "2025-03-01", "2025-04-01"],
        "qualifying_move_from_country": ["GTM"],
        "eligibility_expiration_date": [None, "2026-02-28", "2028-02-28"],
        "qualifying_move_to_city": [None, "Woodburn"],
    },
    "E": {
        "enrollment_date": ["2024-09-03", "2025-01-06", "2025-06-16"],
        "enrollment_type": ["01", "03", "06"],
        "school_or_project_name": [None, "Valor"],
        "school_district_id": [None, "4110001"],
        "grade_level": [None, "05", "10"],
        "withdrawal_date": [None, "2025-01-06", "2025-06-13", "2025-08-01"],
        "residency_date": [None, "2024-09-01"],
        "designated_graduation_school": [None, "411377000999", "484497000111"],
        "pfs_flag": [None, "Yes"],
        "continuation_of_services_reason": [None, "01"],
        "graduation_hse_date": [None, "2025-06-13"],
    },
    "C": {"course_title": ["Algebra", "History"], "final_grade": ["A", "B"]},
    "A": {
        "assessment_title": ["State", "Local"],
        "assessment_administration_date": [None, "2003-01", "2009-12", "2025-03"],
        "score_results": [None, "1"],
    },
}
"""Values that break every rule about the record, and keep every one."""

numbers = st.sampled_from(["001", "002", "003", None])


def _row_itself_is_right(one: Row) -> bool:
    ends = one.elements.get("withdrawal_date")
    return ends is None or ends >= one.elements["enrollment_date"]


def rows_of(letter: str) -> st.SearchStrategy[Row]:
    drawn = {name: st.sampled_from(values) for name, values in VALUES[letter].items()}
    return st.builds(row, st.just(letter), numbers, **drawn).filter(_row_itself_is_right)


rows = st.lists(st.sampled_from(sorted(VALUES)).flatmap(rows_of), max_size=8)
sent = st.builds(lambda move, rows: student(*rows, move, action="U"), rows_of("Q"), rows).map(
    lambda one: msgspec.structs.replace(
        one, rows=[msgspec.structs.replace(row, number=number) for number, row in enumerate(one.rows, start=2)]
    )
)
profiles = st.builds(
    Profile,
    rule_levels=st.dictionaries(st.sampled_from(OF_RECORDS), st.sampled_from(["refuse", "warn", "off"])),
    terms=st.sampled_from([{}, TERMS]),
    record_ids=st.sampled_from(["stable", "renumbered"]),
)


def placed(one: StudentRows, events: list[Event], profile: Profile) -> Decision:
    return place_student(one, fold(events), MINTED, profile, today=TODAY)


def told(decision: Decision) -> set[str]:
    return {found.rule for outcome in decision.outcomes for found in outcome.findings}


@st.composite
def histories(draw: st.DrawFn) -> list[Event]:
    events: list[Event] = []
    for one in draw(st.lists(sent, max_size=2)):
        events += placed(one, events, draw(profiles)).events
    return events


@each(histories(), sent, profiles)
def test_law_2_the_same_student_again_is_nothing_under_any_profile(
    events: list[Event], one: StudentRows, profile: Profile
) -> None:
    first = placed(one, events, profile)
    again = placed(one, [*events, *first.events], profile)
    assert again.events == []
    before = [outcome.outcome for outcome in first.outcomes]
    assert [outcome.outcome for outcome in again.outcomes] == [
        "refused" if was == "refused" else "unchanged" for was in before
    ]


@each(histories(), sent, profiles, st.sets(st.sampled_from(OF_RECORDS)))
def test_a_rule_that_is_switched_off_never_appears(
    events: list[Event], one: StudentRows, profile: Profile, off: set[str]
) -> None:
    silenced = msgspec.structs.replace(profile, rule_levels={**profile.rule_levels, **dict.fromkeys(off, "off")})
    assert not told(placed(one, events, silenced)) & off


@each(histories(), sent, profiles, st.sets(st.sampled_from(OF_RECORDS)))
def test_a_rule_that_only_warns_changes_no_event(
    events: list[Event], one: StudentRows, profile: Profile, soft: set[str]
) -> None:
    def with_levels(level: str) -> Decision:
        levels = {**profile.rule_levels, **dict.fromkeys(soft, level)}
        return placed(one, events, msgspec.structs.replace(profile, rule_levels=levels))

    warned, silent = with_levels("warn"), with_levels("off")
    assert warned.events == silent.events
    assert [outcome.outcome for outcome in warned.outcomes] == [outcome.outcome for outcome in silent.outcomes]


@each(histories(), sent, profiles)
def test_what_is_refused_leaves_no_part_behind(events: list[Event], one: StudentRows, profile: Profile) -> None:
    """As if the refused rows had never been sent."""
    decision = placed(one, events, profile)
    if decision.outcomes[0].outcome == "refused":
        assert decision.events == []
        return
    refused = {outcome.row for outcome in decision.outcomes if outcome.outcome == "refused"}
    assert not refused & {getattr(event, "source_row", None) for event in decision.events}
    kept = [row for row in one.rows if row.number not in refused]
    without = placed(msgspec.structs.replace(one, rows=kept), events, profile)
    assert without.events == decision.events
    assert "refused" not in {outcome.outcome for outcome in without.outcomes}


@each(histories(), sent, profiles)
def test_a_row_that_brings_nothing_is_warned_of_nothing_about_the_record(
    events: list[Event], one: StudentRows, profile: Profile
) -> None:
    decision = placed(one, events, profile)
    again = placed(one, [*events, *decision.events], profile)
    for outcome in again.outcomes[1:]:
        if outcome.outcome == "unchanged":
            # A month that was left out is sent again, and left out again.
            assert {found.rule for found in outcome.findings} <= {"V19"}


RAW: dict[str, dict[str, list[str]]] = {
    "Q": {
        "qualifying_arrival_date": ["20250602", "20250903"],
        "qualifying_move_from_state": ["", "CA", "ZZ"],
        "eligibility_expiration_date": ["", "20250601", "20280602", "20270101"],
    },
    "E": {
        "enrollment_date": ["20250623", "20250903"],
        "enrollment_type": ["01", "06"],
        "withdrawal_date": ["", "20250601", "20250701"],
        "residency_date": ["", "20250701", "20250601"],
        "residency_verification_date": ["", "20250501"],
        "graduation_hse_indicator": ["", "HSE"],
        "graduation_hse_date": ["", "20250601"],
    },
    "C": {
        "course_title": ["Algebra"],
        "begin_academic_year": ["", "2025"],
        "end_academic_year": ["", "2024"],
        "clock_hours": ["", "54", "2000"],
        "credits_granted": ["", "0.5", "12"],
    },
    "A": {
        "assessment_title": ["State"],
        "assessment_type": ["", "09"],
        "assessment_administration_date": ["", "102025"],
        "assessment_interpretation": ["", "Splendid"],
    },
}
raw_rows = st.sampled_from(sorted(RAW)).flatmap(
    lambda letter: st.tuples(
        st.just(letter),
        st.fixed_dictionaries({name: st.sampled_from(values) for name, values in RAW[letter].items()}),
    )
)


@each(raw_rows, st.sets(st.sampled_from(SETTABLE)))
def test_a_row_is_the_same_whether_a_rule_warns_or_is_silent(raw: tuple[str, dict[str, str]], rules: set[str]) -> None:
    def checked(level: str) -> tuple[dict[str, str], bool, set[str]]:
        answer = check_row(*raw, TODAY, record_id_required=False, levels=dict.fromkeys(rules, level))
        return answer.elements, answer.refused, {found.rule for found in answer.findings}

    warned, silent = checked("warn"), checked("off")
    assert warned[:2] == silent[:2]
    assert not silent[2] & rules
    letter = raw[0]
    for elements, refused, _ in (warned, silent):
        assert refused or all(mde.canonical(mde.TABLES[letter].by_key[k], v) == v for k, v in elements.items())


@each(raw_rows, st.sets(st.sampled_from([code for code in SETTABLE if "refuse" in RULES[code].levels])))
def test_a_rule_that_is_set_to_refuse_refuses_the_row_that_breaks_it(
    raw: tuple[str, dict[str, str]], rules: set[str]
) -> None:
    answer = check_row(*raw, TODAY, record_id_required=False, levels=dict.fromkeys(rules, "refuse"))
    for found in answer.findings:
        if found.rule in rules:
            assert found.level == "refused"
            assert answer.refused
