"""Which fact of a record a row speaks of."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given as each
from hypothesis import strategies as st

from ledger.facts import Fact, HeldRow, Row
from ledger.intake.placement import NATURAL_KEYS, Place, Step, place_table
from support.rows import (
    alternate_id,
    assessment,
    course,
    demographics,
    enrollment,
    immunization,
    move,
    rows_of,
)


def held(number: int, row: Row) -> HeldRow:
    return HeldRow(Fact(number, row.letter, "any", row.elements, row.record_id), row.elements)


def placed(
    rows: list[Row], live: list[Row] | None = None, dormant: list[Row] | None = None, *, stable: bool = False
) -> list[tuple[Step, list[int]]]:
    """Each row's step and the facts that it found. Live facts are numbered from 1, dormant ones from 11."""
    letter = rows[0].letter
    key = NATURAL_KEYS[letter]
    places = place_table(
        letter,
        [(index, row, key(row.elements)) for index, row in enumerate(rows)],
        [held(number, row) for number, row in enumerate(live or [], start=1)],
        [held(number, row) for number, row in enumerate(dormant or [], start=11)],
        stable=stable,
    )
    assert sorted(places) == list(range(len(rows)))
    return [_told(places[index]) for index in range(len(rows))]


def _told(place: Place) -> tuple[Step, list[int]]:
    return place.step, [row.fact.id for row in place.held]


# -- step 1: equal


def test_a_row_equal_to_a_fact_is_unchanged_whatever_its_record_id() -> None:
    assert placed([course("009")], [course("001")]) == [(Step.EQUAL, [1])]


def test_equality_goes_before_the_record_id() -> None:
    other = course("002", course_title="History")
    assert placed([course("002")], [course("001"), other]) == [(Step.EQUAL, [1])]


def test_of_two_equal_facts_the_one_with_the_record_id_is_meant() -> None:
    assert placed([course("002")], [course("001"), course("002")]) == [(Step.EQUAL, [2])]


def test_two_equal_rows_of_one_equal_fact_are_both_unchanged() -> None:
    assert placed([course("001"), course("002")], [course("001")]) == [(Step.EQUAL, [1]), (Step.EQUAL, [1])]


def test_two_equal_rows_of_two_equal_facts_take_one_each() -> None:
    assert placed([course("007"), course("008")], [course("001"), course("002")]) == [
        (Step.EQUAL, [1]),
        (Step.EQUAL, [2]),
    ]


# -- step 2: natural key


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (move("001"), move("002", qualifying_move_to_city="Woodburn")),
        (enrollment("001"), enrollment("002", grade_level="10")),
        (enrollment("001"), enrollment("002", withdrawal_date="2025-08-01")),
        (course("001"), course("002", final_grade="A")),
        (assessment("001"), assessment("002", score_results="2")),
        (immunization("001"), immunization("002", information_source="01")),
    ],
)
def test_a_changed_row_with_the_same_key_corrects_under_any_record_id(before: Row, after: Row) -> None:
    assert placed([after], [before]) == [(Step.NATURAL_KEY, [1])]


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (alternate_id(), alternate_id(alternate_state_student_id="OR78", alternate_state_student_id_type=None)),
        (move(), move(qualifying_arrival_date="2025-06-03")),
        (enrollment(), enrollment(enrollment_date="2025-06-24")),
        (enrollment(), enrollment(enrollment_type="01")),
        (enrollment(), enrollment(school_or_project_name="Valor Middle School")),
        (enrollment(), enrollment(school_identification_code="411377000999")),
        (course(), course(course_title="History")),
        (course(), course(begin_academic_year="2024")),
        (course(), course(end_academic_year="2025")),
        (course(), course(term_type="0827")),
        (course(), course(course_section="02")),
        (assessment(), assessment(assessment_title="Local")),
        (assessment(), assessment(assessment_content="Algebra")),
        (assessment(), assessment(assessment_type="09")),
        (assessment(), assessment(assessment_administration_date="2025-04")),
        (immunization(), immunization(cvx_code="003")),
        (immunization(), immunization(administration_date="2024-08-17")),
    ],
)
def test_each_element_of_the_key_tells_facts_apart(before: Row, after: Row) -> None:
    unnumbered = msgspec.structs.replace(after, record_id=None)
    assert placed([unnumbered], [before]) == [(Step.NEW, [])]


def test_a_school_is_its_id_whatever_its_name() -> None:
    school = {"school_identification_code": "411377000999"}
    renamed = enrollment(None, **school, school_or_project_name="Valor M.S.")
    assert placed([renamed], [enrollment("001", **school)]) == [(Step.NATURAL_KEY, [1])]


def test_of_two_facts_with_one_key_the_one_with_the_record_id_is_corrected() -> None:
    live = [course("001", clock_hours="1"), course("002", clock_hours="2")]
    assert placed([course("002", clock_hours="3")], live) == [(Step.NATURAL_KEY, [2])]


def test_of_two_rows_with_one_key_the_one_with_the_record_id_corrects_and_the_other_is_new() -> None:
    rows = [course("005", clock_hours="5"), course("001", clock_hours="6")]
    assert placed(rows, [course("001", clock_hours="1")]) == [(Step.NEW, []), (Step.NATURAL_KEY, [1])]


def test_without_record_ids_file_order_and_fact_order_break_the_tie() -> None:
    rows = [course(None, clock_hours="5"), course(None, clock_hours="6"), course(None, clock_hours="7")]
    live = [course(None, clock_hours="1"), course(None, clock_hours="2")]
    assert placed(rows, live) == [(Step.NATURAL_KEY, [1]), (Step.NATURAL_KEY, [2]), (Step.NEW, [])]


def test_a_fact_that_an_equal_row_claims_is_not_corrected_by_another() -> None:
    rows = [course("001", clock_hours="5"), course("009", clock_hours="1")]
    assert placed(rows, [course("001", clock_hours="1")]) == [(Step.NEW, []), (Step.EQUAL, [1])]


# -- step 3: Record ID


def test_a_row_with_another_key_corrects_the_fact_with_its_record_id_if_it_shares_an_element() -> None:
    assert placed([enrollment("001", enrollment_date="2025-06-24")], [enrollment("001")]) == [(Step.RECORD_ID, [1])]


def test_a_row_that_shares_no_element_of_the_key_is_new_although_its_record_id_fits() -> None:
    other = immunization("001", cvx_code="003", administration_date="2025-01-01")
    assert placed([other], [immunization("001")]) == [(Step.NEW, [])]


def test_where_record_ids_are_stable_no_shared_element_is_needed() -> None:
    other = immunization("001", cvx_code="003", administration_date="2025-01-01")
    assert placed([other], [immunization("001")], stable=True) == [(Step.RECORD_ID, [1])]


def test_blanks_are_not_shared() -> None:
    before = course("001", begin_academic_year=None)
    after = course("001", begin_academic_year=None, course_title="History")
    assert placed([after], [before]) == [(Step.NEW, [])]


def test_a_school_name_is_not_shared_with_a_school_id() -> None:
    before = enrollment("001", school_or_project_name="411377000999")
    after = enrollment(
        "001", enrollment_date="2025-01-06", enrollment_type="01", school_identification_code="411377000999"
    )
    assert placed([after], [before]) == [(Step.NEW, [])]


def test_a_fact_claimed_by_its_key_is_not_claimed_by_its_record_id() -> None:
    rows = [course("001", course_title="History"), course("002", clock_hours="9")]
    assert placed(rows, [course("001")]) == [(Step.NEW, []), (Step.NATURAL_KEY, [1])]


# -- demographics, which have no key


def test_demographics_are_found_by_record_id_alone() -> None:
    live = [demographics("001"), demographics("002", first_name="Ana")]
    after = demographics("002", first_name="Inés", last_name_1="Reyes", birth_date="2012-03-14")
    assert placed([after], live) == [(Step.RECORD_ID, [2])]


def test_the_one_demographics_row_corrects_the_one_fact_whatever_its_record_id() -> None:
    assert placed([demographics("005", first_name="Ana")], [demographics("001")]) == [(Step.NATURAL_KEY, [1])]
    assert placed([demographics(None, first_name="Ana")], [demographics("001")]) == [(Step.NATURAL_KEY, [1])]


def test_one_demographics_row_does_not_guess_between_two_facts() -> None:
    live = [demographics("001"), demographics("002", suffix="Jr")]
    assert placed([demographics("005", first_name="Ana")], live) == [(Step.NEW, [])]


def test_two_demographics_rows_do_not_guess_which_of_them_corrects() -> None:
    rows = [demographics("005", first_name="Ana"), demographics("006", first_name="Inés")]
    assert placed(rows, [demographics("001")]) == [(Step.NEW, []), (Step.NEW, [])]


# -- new facts, twins, dormant facts, retractions


def test_rows_of_an_empty_record_are_new_and_a_repeated_row_is_its_twins() -> None:
    rows = [course("001"), course("002", clock_hours="9"), course("003")]
    assert placed(rows) == [(Step.NEW, []), (Step.NEW, []), (Step.TWIN, [])]


def test_a_dormant_fact_is_found_by_the_same_steps() -> None:
    dormant = [course("001"), course("002", course_title="History"), course("003", course_title="Music")]
    rows = [
        course("009"),
        course("009", course_title="History", clock_hours="9"),
        course("003", course_title="Choir"),
        course("004", course_title="Art"),
    ]
    assert placed(rows, dormant=dormant) == [
        (Step.RESTATED, [11]),
        (Step.RESTATED, [12]),
        (Step.RESTATED, [13]),
        (Step.NEW, []),
    ]


def test_live_facts_go_before_dormant_ones() -> None:
    assert placed([course("001", clock_hours="9")], [course("001")], [course("001", clock_hours="9")]) == [
        (Step.NATURAL_KEY, [1])
    ]


def test_a_bare_row_retracts_every_unclaimed_fact_with_its_record_id() -> None:
    live = [course("001"), course("001", course_title="History"), course("002", course_title="Music")]
    rows = [Row("C", {}, "001"), course("007"), Row("C", {}, "001")]
    assert placed(rows, live, stable=True) == [(Step.RETRACTION, [2]), (Step.EQUAL, [1]), (Step.RETRACTION, [])]


# -- properties


@st.composite
def cases(draw: st.DrawFn) -> tuple[list[Row], list[Row], list[Row]]:
    """Rows, live facts and dormant facts of one table."""
    letter = draw(st.sampled_from("KDQECAI"))
    some = st.lists(rows_of(letter), max_size=5)
    return draw(some.filter(bool)), draw(some), draw(some)


def plain_steps(rows: list[Row], live: list[Row], *, stable: bool) -> list[int | str]:
    """The four steps as the layout's page words them, one loop each; twins are no matter of these and are left out.

    Answers the fact of each row, or "new".
    """
    key = NATURAL_KEYS[rows[0].letter]
    is_child = rows[0].letter == "D"
    found: dict[int, int | str] = {}
    facts = dict(enumerate(live, start=1))

    def free() -> dict[int, Row]:
        return {number: fact for number, fact in facts.items() if number not in found.values()}

    def left() -> list[int]:
        return [index for index in range(len(rows)) if index not in found]

    for index in left():
        equal = [n for n in free() if facts[n].elements == rows[index].elements]
        numbered = [n for n in equal if facts[n].record_id == rows[index].record_id]
        again = [n for n in facts if facts[n].elements == rows[index].elements]
        if equal or again:
            found[index] = (numbered or equal or again)[0]
    for same_number in (True, False):
        for index in left():
            for n, fact in free().items():
                numbered = rows[index].record_id is not None and fact.record_id == rows[index].record_id
                if not is_child and key(fact.elements) == key(rows[index].elements) and numbered >= same_number:
                    found.setdefault(index, n)
    for index in left():
        for n, fact in free().items():
            numbered = rows[index].record_id is not None and fact.record_id == rows[index].record_id
            shared = set(enumerate(key(fact.elements))) & set(enumerate(key(rows[index].elements)))
            if numbered and (is_child or stable or any(value is not None for _, value in shared)):
                found.setdefault(index, n)
    if is_child and len(rows) == len(facts) == 1:
        found.setdefault(0, 1)
    return [found.get(index, "new") for index in range(len(rows))]


@each(cases(), st.booleans())
def test_placement_does_what_the_four_steps_say_word_by_word(
    case: tuple[list[Row], list[Row], list[Row]], stable: bool
) -> None:
    rows, live, _ = case
    distinct = [row for at, row in enumerate(rows) if all(row.elements != other.elements for other in rows[:at])]
    told = [facts[0] if facts else "new" for _, facts in placed(distinct, live, stable=stable)]
    assert told == plain_steps(distinct, live, stable=stable)


@each(cases(), st.booleans())
def test_no_two_different_rows_speak_of_one_fact(case: tuple[list[Row], list[Row], list[Row]], stable: bool) -> None:
    rows, live, dormant = case
    claimed: dict[int, Row] = {}
    for row, (step, facts) in zip(rows, placed(rows, live, dormant, stable=stable), strict=True):
        assert (step in (Step.NEW, Step.TWIN)) == (facts == [])
        for fact in facts:
            assert claimed.setdefault(fact, row).elements == row.elements
