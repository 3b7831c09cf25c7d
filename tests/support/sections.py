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
    """One fact as it is shown. row: what the state's own row would say. source: record and state. shared: what other
    records say of it too stands in the row as well, where this one is silent."""

    letter: str
    row: Elements
    withdrawals: list[Elements]
    residencies: list[Elements]
    source: tuple[str, str]
    shared: bool


def facts_shown(sections: Mapping[str, bytes]) -> dict[tuple[str, int], ShownFact]:
    """Record and fact id to what is shown of the fact. Asserts that each is shown once."""
    opened: dict[str, Any] = {name: json.loads(body) for name, body in sections.items()}
    facts: dict[tuple[str, int], ShownFact] = {}
    for letter, (section, name) in _LISTS.items():
        for entry in opened[section][name]:
            sources = entry.pop("sources")
            entry.pop("eligibility", None)
            withdrawals = [_without_sources(part) for part in entry.pop("withdrawals", [])]
            residencies = [_without_sources(part) for part in entry.pop("residencies", [])]
            for source in sources:
                key = source["record"], source["fact"]
                assert key not in facts
                row = {**entry, **source.get("differs", {})}
                of = source["record"], source["state"]
                facts[key] = ShownFact(letter, row, withdrawals, residencies, of, len(sources) > 1)
    # What of a row stands in a section of its own.
    for entry in [*opened["contacts"]["parents"], *opened["health"]["indicators"]]:
        for source in entry.pop("sources"):
            fact = facts[source["record"], source["fact"]]
            assert fact.source == (source["record"], source["state"])
            fact.row.update({**entry, **source.get("differs", {})})
    return facts


def parts_shown(sections: Mapping[str, bytes]) -> dict[tuple[str, int], Elements]:
    """Record and fact id of each withdrawal and residency to what it says. Asserts that each is shown once."""
    found: dict[tuple[str, int], Elements] = {}
    for entry in json.loads(sections["core"])["enrollments"]:
        for part in [*entry.get("withdrawals", []), *entry.get("residencies", [])]:
            for source in part["sources"]:
                key = source["record"], source["fact"]
                assert key not in found
                found[key] = _without_sources(part)
    return found


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
    minted = record.student_id
    named = {
        "record": uuid,
        "state": state,
        "state_student_id": ssid,
        "student_id": minted,
        "minted": minted,
    }
    assert core["records"] == [{**named, "status": record.status, **identity}]
    names = [fact for fact in live if fact.letter == "D"]
    latest = max(names, key=lambda fact: fact.said).own if names else {}
    for element in ("first_name", "middle_name", "birth_date"):
        assert core.get(element) == latest.get(element)


def _without_sources(part: Elements) -> Elements:
    return {name: value for name, value in part.items() if name != "sources"}
