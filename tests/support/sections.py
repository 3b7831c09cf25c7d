"""The sections of a consolidated record, taken apart into the facts that they were put together from."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, NamedTuple

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
            parts = [[_without_sources(part) for part in entry.pop(n, [])] for n in ("withdrawals", "residencies")]
            facts[key] = ShownFact(letter, entry, *parts, source)
    # What of a row stands in a section of its own.
    for entry in [*opened["contacts"]["parents"], *opened["health"]["indicators"]]:
        key, source = _source(entry)
        assert facts[key].source == source
        facts[key].row.update(entry)
    return facts


def _source(entry: Elements) -> tuple[tuple[str, int], tuple[str, str]]:
    [source] = entry.pop("sources")
    return (source["record"], source["fact"]), (source["record"], source["state"])


def _without_sources(part: Elements) -> Elements:
    return {name: value for name, value in part.items() if name != "sources"}
