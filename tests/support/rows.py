"""Rows as states send them, in canonical form: builders for examples, strategies for properties.

The strategies draw from very few values on purpose, so that keys, Record IDs and whole rows collide often.
"""

from __future__ import annotations

from hypothesis import strategies as st

from ledger.record import Row, StudentRows

STATE = "OR"
STUDENT = "OR5540012"
MINTED = "100000000007"


def row(letter: str, record_id: str | None = None, number: int | None = None, **elements: str | None) -> Row:
    held = {name: value for name, value in elements.items() if value is not None}
    return Row(letter=letter, elements=held, record_id=record_id, number=number)


def demographics(record_id: str | None = "001", **changes: str | None) -> Row:
    child = {"first_name": "Wilber", "last_name_1": "Pablo", "birth_date": "2008-11-02"}
    return row("D", record_id, **{**child, **changes})


def alternate_id(record_id: str | None = "001", **changes: str | None) -> Row:
    other = {"alternate_state_student_id": "OR77", "alternate_state_student_id_type": "02"}
    return row("K", record_id, **{**other, **changes})


def move(record_id: str | None = "001", **changes: str | None) -> Row:
    arrival = {"qualifying_arrival_date": "2025-06-02", "qualifying_move_from_country": "GTM"}
    return row("Q", record_id, **{**arrival, **changes})


def enrollment(record_id: str | None = "001", **changes: str | None) -> Row:
    summer = {
        "enrollment_date": "2025-06-23",
        "enrollment_type": "03",
        "school_or_project_name": "Columbia Gorge Summer Program",
    }
    return row("E", record_id, **{**summer, **changes})


def course(record_id: str | None = "001", **changes: str | None) -> Row:
    algebra = {"course_title": "Algebra I", "begin_academic_year": "2025", "clock_hours": "54"}
    return row("C", record_id, **{**algebra, **changes})


def assessment(record_id: str | None = "001", **changes: str | None) -> Row:
    test = {"assessment_title": "State Mathematics", "assessment_administration_date": "2025-05"}
    return row("A", record_id, **{**test, **changes})


def immunization(record_id: str | None = "001", **changes: str | None) -> Row:
    shot = {"cvx_code": "115", "administration_date": "2024-08-16"}
    return row("I", record_id, **{**shot, **changes})


def student(*rows: Row, action: str = "U", number: int | None = None, **elements: str) -> StudentRows:
    return StudentRows(
        state=STATE, state_student_id=STUDENT, action=action, elements=elements, rows=list(rows), number=number
    )


_NUMBERS = st.sampled_from(["001", "002", "003", None])


def rows_of(letter: str, numbers: st.SearchStrategy[str | None] = _NUMBERS) -> st.SearchStrategy[Row]:
    """Any row of one child table that ``rules.check_row`` would let pass."""
    return st.builds(row, st.just(letter), numbers, **{name: st.sampled_from(v) for name, v in _VALUES[letter].items()})


def child_rows(numbers: st.SearchStrategy[str | None] = _NUMBERS) -> st.SearchStrategy[Row]:
    """Any row of any child table."""
    return st.sampled_from(sorted(_VALUES)).flatmap(lambda letter: rows_of(letter, numbers))


def students(
    rows: st.SearchStrategy[Row] | None = None, actions: st.SearchStrategy[str] | None = None
) -> st.SearchStrategy[StudentRows]:
    """An S row with a move, so that V9 is content, and up to ten other rows in any order."""
    identity = st.fixed_dictionaries(
        {},
        optional={
            "msix_identification_number": st.sampled_from([MINTED, "200000000003"]),
            "state_student_identifier_type": st.sampled_from(["01", "02"]),
        },
    )
    drawn = st.tuples(rows_of("Q"), st.lists(child_rows() if rows is None else rows, max_size=10))
    shuffled = drawn.flatmap(lambda both: st.permutations([both[0], *both[1]]))
    return st.builds(
        lambda action, elements, rows: student(*rows, action=action, **elements),
        st.sampled_from("IU") if actions is None else actions,
        identity,
        shuffled,
    )


_VALUES: dict[str, dict[str, list[str | None]]] = {
    "D": {"first_name": ["Ana", "Inés"], "last_name_1": ["Pablo"], "last_name_2": [None, "Ruiz"]},
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
        "withdrawal_date": [None, "2025-03-03", "2025-04-04"],
        "district_of_residence": [None, "4110001", "4110002"],
        "residency_date": [None, "2025-01-02", "2025-02-02"],
        "residency_verification_date": [None, "2025-02-20"],
    },
    "C": {
        "course_title": ["Algebra", "History"],
        "term_type": [None, "0827"],
        "final_grade": [None, "A", "B"],
    },
    "A": {
        "assessment_title": ["State", "Local"],
        "assessment_type": [None, "01"],
        "score_results": [None, "1", "2"],
    },
    "I": {
        "cvx_code": ["115", "003"],
        "administration_date": ["2024-01-01", "2024-02-01"],
        "information_source": [None, "00", "01"],
    },
}
"""Values of each table; None leaves the element out."""
