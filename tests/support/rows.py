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
_DISTRICTS = st.sampled_from([None, "4110001", "4110002"])


def _rows_of(letter: str, numbers: st.SearchStrategy[str | None], **elements: st.SearchStrategy[str | None]):
    return st.builds(row, st.just(letter), numbers, **elements)


def child_rows(numbers: st.SearchStrategy[str | None] = _NUMBERS) -> st.SearchStrategy[Row]:
    """Any child row that ``rules.check_row`` would let pass."""
    one_of = st.sampled_from
    return st.one_of(
        _rows_of("D", numbers, first_name=one_of(["Ana", "Inés"]), last_name_2=one_of([None, "Ruiz"])),
        _rows_of(
            "K",
            numbers,
            alternate_state_student_id=one_of(["OR1", "OR2"]),
            alternate_state_student_id_type=one_of([None, "01"]),
        ),
        moves(numbers),
        enrollments(numbers),
        _rows_of(
            "C",
            numbers,
            course_title=one_of(["Algebra", "History"]),
            term_type=one_of([None, "0827"]),
            final_grade=one_of([None, "A", "B"]),
        ),
        _rows_of(
            "A",
            numbers,
            assessment_title=one_of(["State", "Local"]),
            assessment_type=one_of([None, "01"]),
            score_results=one_of([None, "1", "2"]),
        ),
        _rows_of(
            "I",
            numbers,
            cvx_code=one_of(["115", "003"]),
            administration_date=one_of(["2024-01-01", "2024-02-01"]),
            information_source=one_of([None, "00", "01"]),
        ),
    )


def moves(numbers: st.SearchStrategy[str | None] = _NUMBERS) -> st.SearchStrategy[Row]:
    return _rows_of(
        "Q",
        numbers,
        qualifying_arrival_date=st.sampled_from(["2025-03-01", "2025-04-01"]),
        qualifying_move_to_city=st.sampled_from([None, "Woodburn", "Madera"]),
    )


def enrollments(numbers: st.SearchStrategy[str | None] = _NUMBERS) -> st.SearchStrategy[Row]:
    one_of = st.sampled_from
    return _rows_of(
        "E",
        numbers,
        enrollment_date=one_of(["2025-01-06", "2025-02-03"]),
        enrollment_type=one_of(["01", "03"]),
        school_or_project_name=one_of([None, "Valor"]),
        school_identification_code=one_of([None, "411377000999"]),
        grade_level=one_of([None, "05"]),
        withdrawal_date=one_of([None, "2025-03-03", "2025-04-04"]),
        district_of_residence=_DISTRICTS,
        residency_date=one_of([None, "2025-01-02", "2025-02-02"]),
        residency_verification_date=one_of([None, "2025-02-20"]),
    )


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
    drawn = st.tuples(moves(), st.lists(child_rows() if rows is None else rows, max_size=10))
    shuffled = drawn.flatmap(lambda both: st.permutations([both[0], *both[1]]))
    return st.builds(
        lambda action, elements, rows: student(*rows, action=action, **elements),
        st.sampled_from("IU") if actions is None else actions,
        identity,
        shuffled,
    )
