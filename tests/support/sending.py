"""What states may send, drawn from so few values that keys, Record IDs and whole rows collide all the time.

Every value is one that the layout takes; what is refused is refused for what it says beside other values.
"""

from __future__ import annotations

from hypothesis import strategies as st

from ledger.record import Row, StudentRows

NUMBERS = ("001", "002", "003")
DAYS = ("2025-01-20", "2025-03-03", "2025-04-04")
"""The first lies between the two enrollment dates, so that a withdrawal may come before its enrollment."""

RESIDENCIES: dict[str, list[str | None]] = {
    "district_of_residence": [None, "4110001", "4110002"],
    "residency_date": [None, "2025-01-02", "2025-02-02"],
    "residency_verification_date": [None, "2025-02-20"],
}
VALUES: dict[str, dict[str, list[str | None]]] = {
    "D": {
        "first_name": ["Ana", "Inés"],
        "last_name_1": ["Pablo"],
        "birth_date": ["2012-03-14", "2012-04-13"],
        "middle_name": [None, "Luz"],
        "male_parent_last_name": [None, "Reyes", "Ruiz"],
    },
    "K": {"alternate_state_student_id": ["OR1", "OR2"], "alternate_state_student_id_type": [None, "01"]},
    "Q": {
        "qualifying_arrival_date": ["2025-03-01", "2025-04-01"],
        "qualifying_move_from_country": ["GTM"],
        "qualifying_move_to_city": [None, "Woodburn", "Madera"],
    },
    "E": {
        "enrollment_date": ["2025-01-06", "2025-02-03"],
        "enrollment_type": ["01", "03"],
        "school_or_project_name": [None, "Valor"],
        "school_identification_code": [None, "411377000999"],
        "grade_level": [None, "05"],
        "iep_indicator": [None, "Yes", "No"],
        "withdrawal_date": [None, *DAYS],
        **RESIDENCIES,
    },
    "C": {"course_title": ["Algebra", "History"], "term_type": [None, "0827"], "final_grade": [None, "A", "B"]},
    "A": {"assessment_title": ["State", "Local"], "assessment_type": [None, "01"], "score_results": [None, "1", "2"]},
    "I": {
        "cvx_code": ["115", "03"],
        "administration_date": ["2024-01-01", "2024-02-01"],
        "information_source": [None, "00", "01"],
    },
}
"""Letter to element to the values that it takes; an element that may be None is not required."""

OTHERS_ID = "536541283423"
"""A student id that no test has ledgers enough to mint."""

_IDENTITY = {
    "msix_identification_number": [OTHERS_ID],
    "state_student_identifier_type": ["01", "02"],
}


@st.composite
def rows(draw: st.DrawFn, letters: str = "DKQEEECAI", *, bare: bool = False, numbered: bool = False) -> Row:
    """One child row. bare: it may hold its Record ID alone. numbered: it has a Record ID, as in a file."""
    letter = draw(st.sampled_from(letters))
    number = draw(st.sampled_from(NUMBERS if numbered else (*NUMBERS, None)))
    if bare and draw(st.integers(0, 5)) == 5:
        return Row(letter, {}, number)
    drawn = {name: draw(st.sampled_from(values)) for name, values in VALUES[letter].items()}
    return Row(letter, {name: value for name, value in drawn.items() if value is not None}, number)


@st.composite
def student_rows(
    draw: st.DrawFn, state: str, ssid: str, *, actions: str = "IUUUUD", numbered: bool = False, rows_max: int = 6
) -> StudentRows:
    """One S row with child rows, most of them with a move."""
    children = draw(st.lists(rows(bare=not numbered, numbered=numbered), max_size=rows_max))
    if draw(st.integers(0, 7)):
        children.insert(draw(st.integers(0, len(children))), draw(rows("Q", numbered=numbered)))
    identity = draw(st.fixed_dictionaries({}, optional={k: st.sampled_from(v) for k, v in _IDENTITY.items()}))
    return StudentRows(state, ssid, draw(st.sampled_from(actions)), identity, children)


def changes_of(letter: str) -> st.SearchStrategy[dict[str, str | None]]:
    """Elements of one table that a correction may name; None takes a value away, never a required one."""
    return changes_among(VALUES[letter])


def changes_among(values: dict[str, list[str | None]]) -> st.SearchStrategy[dict[str, str | None]]:
    return st.lists(st.sampled_from(sorted(values)), unique=True, max_size=3).flatmap(
        lambda names: st.fixed_dictionaries({name: st.sampled_from(values[name]) for name in names})
    )
