"""Rows with any element of the layout, most of them right, some of them wrong in one value: as systems send them.

Drawn from the layout itself, so that an element which comes later is sent too.
"""

from __future__ import annotations

from typing import Final

from hypothesis import strategies as st

from ledger.facts import Row, StudentRows
from ledger.mde import CHILD_LETTERS, TABLES, Element

_TEXTS: Final = ["Peña", "PeÃ±a", "Reyes Ordóñez", "  O'Brien ", "Woodburn", "A" * 120, "7"]
_BY_TYPE: Final = {
    "text": _TEXTS,
    "date": [
        "2012-03-14",
        "20190902",
        "2025-01-06",
        "2025-02-03",
        "2024-08-16",
        "20250230",
        "0000-00-00",
        "2031-01-01",
    ],
    "month": ["2025-05", "042024", "132025", "2031-01"],
    "digits": ["4110001", "411377000999", "5035550123", "12", "x1"],
    "email": ["ines@example.org", "none"],
    "integer": ["2024", "2025", "54", "-1", "1.5"],
    "decimal": ["0.5", "1.00", ".25", "12.00"],
}
_BY_KEY: Final = {
    "cvx_code": ["115", "03", "3", "999"],
    "qualifying_move_from_state": ["CA", "ca", "ZZ"],
    "qualifying_move_to_state": ["OR", "XX"],
    "facility_state": ["OR"],
    "birth_country": ["MEX", "GTM"],
    "birth_state": ["OAX", "CA"],
    "qualifying_move_from_country": ["GTM", "MX", "Q1"],
    "enrollment_date": ["2025-01-06", "20250203", "2025-02-03"],
    "withdrawal_date": ["2025-01-20", "2025-03-03"],
    "birth_date": ["2012-03-14", "20120413", "2031-01-01"],
    "qualifying_arrival_date": ["2025-03-01", "20250401", "2025-04-31"],
    "msix_identification_number": ["536541283423", "12"],
}
_SELDOM_MISSING: Final = 12


def _values(element: Element) -> st.SearchStrategy[str]:
    if element.key in _BY_KEY:
        return st.sampled_from(_BY_KEY[element.key])
    if element.codes is not None:
        return st.sampled_from([*element.codes[:4], element.codes[0].lower(), "?"])
    return st.sampled_from(_BY_TYPE[element.type])


@st.composite
def any_rows(draw: st.DrawFn) -> Row:
    """One child row of any table; its values as they are sent, not yet in canonical form."""
    letter = draw(st.sampled_from(CHILD_LETTERS))
    table = TABLES[letter]
    sent: dict[str, str] = {}
    some = draw(st.sets(st.sampled_from([element.key for element in table.elements]), max_size=6))
    for element in table.elements:
        if element.key == table.record_id:
            continue
        wanted = draw(st.integers(1, _SELDOM_MISSING)) > 1 if element.required else element.key in some
        if wanted:
            sent[element.key] = draw(_values(element))
    if not sent:  # a Record ID alone would ask for a retraction
        first = next(element for element in table.elements if element.key != table.record_id)
        sent[first.key] = draw(_values(first))
    return Row(letter, sent, draw(st.sampled_from(["001", "002", "003"])))


@st.composite
def any_students(draw: st.DrawFn, state: str) -> StudentRows:
    """One S row with such rows, one of them a move that can be believed; in the order in which tables are taken."""
    rows = draw(st.lists(any_rows(), max_size=7))
    rows.append(Row("Q", {"qualifying_arrival_date": "2025-03-01", "qualifying_move_from_country": "GTM"}, "009"))
    rows.sort(key=lambda row: CHILD_LETTERS.index(row.letter))
    identity = {}
    if draw(st.booleans()):
        identity["state_student_identifier_type"] = draw(st.sampled_from(["01", "02", "09"]))
    return StudentRows(state, "", draw(st.sampled_from("IU")), identity, rows)
