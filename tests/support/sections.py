"""The sections of a consolidated record, taken apart into facts again, and held against the reference."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, NamedTuple

from projections.students import StudentRow
from support.reference import Record

Elements = dict[str, Any]

_LISTS = {
    "D": ("core", "demographics"),
    "K": ("core", "alternate_ids"),
    "Q": ("core", "qualifying_moves"),
    "E": ("core", "enrollments"),
    "C": ("core", "courses"),
    "A": ("core", "assessments"),
    "I": ("health", "immunizations"),
}


class ShownFact(NamedTuple):
    """One fact as it is shown. row: what the state's own row would say. source: record and state."""

    letter: str
    row: Elements
    withdrawals: list[Elements]
    residencies: list[Elements]
    source: tuple[str, str]


def facts_shown(sections: Mapping[str, bytes]) -> dict[tuple[str, int], ShownFact]:
    """Record and fact id to what is shown of the fact. Asserts that each is shown once."""
    opened: dict[str, Any] = {name: json.loads(body) for name, body in sections.items()}
    facts: dict[tuple[str, int], ShownFact] = {}
    for letter, (section, name) in _LISTS.items():
        for entry in opened[section][name]:
            key, source = _source(entry)
            assert key not in facts
            entry.pop("eligibility", None)
            withdrawals = [_without_sources(part) for part in entry.pop("withdrawals", [])]
            residencies = [_without_sources(part) for part in entry.pop("residencies", [])]
            facts[key] = ShownFact(letter, entry, withdrawals, residencies, source)
    # What of a row stands in a section of its own.
    for entry in [*opened["contacts"]["parents"], *opened["health"]["indicators"]]:
        key, source = _source(entry)
        assert facts[key].source == source
        facts[key].row.update(entry)
    return facts


def assert_shows(student: StudentRow | None, record: Record, state: str, ssid: str, uuid: str) -> None:
    """A student shows what the reference says that his one record says: values, and where they come from."""
    assert student is not None
    assert (student.asked, student.student_id, student.status) == (record.student_id, record.student_id, record.status)
    assert student.records == [uuid]
    shown = facts_shown(student.sections)
    live = record.live() if record.status == "open" else []
    assert {key: (fact.letter, fact.row) for key, fact in shown.items()} == {
        (uuid, fact.id): (fact.letter, fact.row) for fact in live
    }
    for fact in live:
        entry = shown[uuid, fact.id]
        assert entry.source == (uuid, state)
        assert entry.residencies == fact.residencies
        assert entry.withdrawals == ([fact.withdrawal] if fact.withdrawal else [])
    core = json.loads(student.sections["core"])
    identity = record.identity if record.status == "open" else {}
    named = {"record": uuid, "state": state, "state_student_id": ssid, "student_id": record.student_id}
    assert core["records"] == [{**named, "status": record.status, **identity}]
    names = [fact for fact in live if fact.letter == "D"]
    latest = max(names, key=lambda fact: fact.said).own if names else {}
    for element in ("first_name", "middle_name", "birth_date"):
        assert core.get(element) == latest.get(element)


def _source(entry: Elements) -> tuple[tuple[str, int], tuple[str, str]]:
    [source] = entry.pop("sources")
    return (source["record"], source["fact"]), (source["record"], source["state"])


def _without_sources(part: Elements) -> Elements:
    return {name: value for name, value in part.items() if name != "sources"}
