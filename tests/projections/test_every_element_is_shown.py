"""Element by element of the national layout: shown with who said it and when, and with what it replaced."""

from __future__ import annotations

import json
from typing import Any

import pytest

from ledger.events.record import FactCorrected, FactStated, ResidencyChanged, Withdrawn
from ledger.facts import RESIDENCY, WITHDRAWAL_DATE
from ledger.intake.rows_to_events import STATED
from ledger.mde import TABLES, Element
from projections.consolidation import CONTACTS, HEALTH, SECTIONS, consolidate
from projections.record_words import fold_record
from support.telling import Teller, opened, record_uuid

RECORD = record_uuid(1)
STREAM = f"record/{RECORD}"
NOT_A_FACT = {
    "student_record_id": "joins rows inside one file",
    "reporting_state_code": "names the record",
    "state_student_identifier": "names the record",
    "action_code": "says what becomes of the record: its words tell that",
}
LISTS = {
    "D": ("core", "demographics"),
    "K": ("core", "alternate_ids"),
    "Q": ("core", "qualifying_moves"),
    "E": ("core", "enrollments"),
    "C": ("core", "courses"),
    "A": ("core", "assessments"),
    "I": ("health", "immunizations"),
}
ELEMENTS = [
    element
    for table in TABLES.values()
    for element in table.elements
    if table.letter not in "HS" and element.key not in {table.record_id, *NOT_A_FACT}
]
VALUES = {
    "date": ("2025-01-31", "2025-02-28"),
    "month": ("2025-01", "2025-02"),
    "integer": ("2024", "2025"),
    "decimal": ("0.50", "1.00"),
}
REQUIRED = {"Q": {"qualifying_arrival_date": "2024-05-05"}}
"""What a fact cannot be without."""


def values_of(element: Element) -> tuple[str, str]:
    """Two values, before and after, that no other element has."""
    return VALUES.get(element.type, (f"{element.key}-before", f"{element.key}-after"))


def section_of(element: Element) -> tuple[str, str]:
    """The section and the list in which a value of this element may stand."""
    if element.key in CONTACTS:
        return "contacts", "parents"
    if element.key in HEALTH:
        return "health", "indicators"
    return LISTS[element.letter]


def stated(element: Element, value: str) -> tuple[list[FactStated], int]:
    """The events that state a value, and the fact that holds it."""
    elements = {**REQUIRED.get(element.letter, {}), element.key: value}
    if element.key == WITHDRAWAL_DATE or element.key in RESIDENCY:
        part = Withdrawn if element.key == WITHDRAWAL_DATE else ResidencyChanged
        own = STATED["E"](fact=1, elements={}, source_row=4)
        return [own, part(fact=2, enrollment=1, elements=elements, source_row=4)], 2
    return [STATED[element.letter](fact=1, elements=elements, record_id="001", source_row=4)], 1


@pytest.mark.parametrize("element", ELEMENTS, ids=lambda e: f"{e.letter}-{e.key}")
def test_a_value_is_shown_with_its_source_and_what_it_replaced(element: Element) -> None:
    before, after = values_of(element)
    events, fact = stated(element, before)
    teller = Teller()
    teller.tell(STREAM, opened(1), *events, submission="OR-20250902")
    correction = FactCorrected(fact=fact, letter=element.letter, elements={element.key: (before, after)}, source_row=7)
    [told] = teller.tell(STREAM, correction, submission="OR-20250903")
    record = fold_record(teller.log)
    assert record is not None
    bodies = consolidate(record.student_id, [record]).sections
    sections: dict[str, Any] = {name: json.loads(body) for name, body in bodies.items()}
    at = told.recorded_at.isoformat().replace("+00:00", "Z")

    section, name = section_of(element)
    [entry] = sections[section][name]
    assert entry[element.key] == after
    holding = next((p for p in entry.get("withdrawals", entry.get("residencies", ()))), entry)
    assert holding["sources"] == [{"record": RECORD, "state": "OR", "fact": fact, "recorded_at": at}]

    words = sections["provenance"]["facts"][fact]["words"]
    assert [(word["act"], word["submission"], word["row"]) for word in words] == [
        ("stated", "OR-20250902", 4),
        ("corrected", "OR-20250903", 7),
    ]
    assert words[1]["elements"] == [element.key]
    replaced = words[1].get("superseded") or sections[section]["superseded"][0]["elements"]
    assert replaced == {element.key: before}
    if element.type not in VALUES:
        # What one section hides comes out through no other.
        may_hold = {section, "provenance"} if section == "core" else {section}
        for value in (before, after):
            assert all(value.encode() not in bodies[other] for other in SECTIONS if other not in may_hold)


@pytest.mark.parametrize("key", ["msix_identification_number", "state_student_identifier_type"])
def test_an_element_of_the_student_s_own_row_is_shown_with_its_record_and_what_it_replaced(key: str) -> None:
    teller = Teller()
    teller.tell(STREAM, opened(1), FactCorrected(fact=0, letter="S", elements={key: ("before", "after")}))
    record = fold_record(teller.log)
    assert record is not None
    sections = consolidate(record.student_id, [record]).sections
    [shown] = json.loads(sections["core"])["records"]
    assert shown[key] == "after"
    assert (shown["state"], shown["state_student_id"]) == ("OR", "OR0000001")
    own = json.loads(sections["provenance"])["facts"][0]
    assert own["words"][1]["superseded"] == {key: "before"}


def test_of_the_student_s_own_row_only_what_names_the_record_or_acts_on_it_is_left_out() -> None:
    own = {element.key for element in TABLES["S"].elements}
    assert own == {*NOT_A_FACT, "msix_identification_number", "state_student_identifier_type"}
