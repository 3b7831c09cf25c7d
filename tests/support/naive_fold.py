"""What events say of a record, told one by one into plain dictionaries: what a read model must show."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

from ledger.events import Recorded
from ledger.events.record import (
    FactCorrected,
    FactRetracted,
    FactStated,
    RecordEvent,
    RecordOpened,
    RecordReinstated,
    RecordRetracted,
    ResidencyChanged,
    Withdrawn,
)

Told = dict[str, Any]


def told_by(log: Iterable[Recorded]) -> dict[str, Told]:
    """Record uuid to what is told of it. What cannot be opened says nothing."""
    records: dict[str, Told] = {}
    for recorded in log:
        event, uuid = recorded.event, recorded.stream.removeprefix("record/")
        if isinstance(event, RecordOpened):
            own: Told = {"letter": "S", "elements": event.elements, "enrollment": None, "status": "live", "words": []}
            records[uuid] = {"student_id": event.student_id, "status": "open", "facts": {0: own}}
            _word(own, "stated", recorded, {})
        elif uuid in records and isinstance(event, RecordEvent):
            _tell(records[uuid], recorded)
        if uuid in records and isinstance(event, RecordEvent):
            records[uuid]["position"] = recorded.position
    return records


def _tell(record: Told, recorded: Recorded) -> None:
    event, facts = recorded.event, record["facts"]
    if isinstance(event, FactStated):
        before = facts.get(event.fact, {})
        enrollment = event.enrollment if isinstance(event, Withdrawn | ResidencyChanged) else None
        fact = facts[event.fact] = {**before, "letter": event.letter, "elements": event.elements, "status": "live"}
        fact |= {"enrollment": enrollment, "withdrawal": isinstance(event, Withdrawn), "words": before.get("words", [])}
        old = _changed(before["elements"], event.elements) if before else {}
        _word(fact, "restated" if before else "stated", recorded, old)
    elif isinstance(event, FactCorrected):
        fact = facts[event.fact]
        after = {**fact["elements"], **{name: now for name, (_, now) in event.elements.items()}}
        old = _changed(fact["elements"], after)
        fact["elements"] = {name: value for name, value in after.items() if value is not None}
        _word(fact, "corrected", recorded, old)
    elif isinstance(event, FactRetracted):
        for number, fact in facts.items():
            if event.fact == number or (event.fact == fact["enrollment"] and fact["status"] != "retracted"):
                fact["status"] = "retracted"
                _word(fact, "retracted", recorded, {})
    elif isinstance(event, RecordRetracted):
        record["status"] = "retracted"
        for number, fact in facts.items():
            if fact["status"] == "live" and number:
                fact["status"] = "dormant"
    elif isinstance(event, RecordReinstated):
        record["status"] = "open"


def _changed(before: Mapping[str, Any], after: Mapping[str, Any]) -> Told:
    return {name: before.get(name) for name in {*before, *after} if before.get(name) != after.get(name)}


def _word(fact: Told, act: str, recorded: Recorded, old: Told) -> None:
    instant = recorded.recorded_at.isoformat().replace("+00:00", "Z")
    fact["words"].append((act, recorded.position, instant, recorded.meta.submission, old))


def live_rows(record: Told) -> dict[int, tuple[str, Told]]:
    """Fact id to letter and whole row; of several residencies, the one with the highest id counts."""
    live = {n: f for n, f in record["facts"].items() if f["status"] == "live" and n and record["status"] == "open"}
    rows = {n: (f["letter"], dict(f["elements"])) for n, f in live.items() if f["enrollment"] is None}
    current: dict[tuple[int, bool], Told] = {}
    for _, fact in sorted(live.items()):
        if fact["enrollment"] in rows:
            current[fact["enrollment"], fact["withdrawal"]] = fact["elements"]
    for (enrollment, _), elements in current.items():
        rows[enrollment][1].update(elements)
    return rows


def parts_told(record: Told) -> dict[int, Told]:
    """Fact id of each withdrawal and residency of an enrollment that is shown, to what it says."""
    rows = live_rows(record)
    return {
        number: fact["elements"]
        for number, fact in record["facts"].items()
        if rows and fact["status"] == "live" and fact["enrollment"] in rows
    }


def words_shown(sections: Mapping[str, bytes]) -> dict[tuple[str, int], list[tuple[Any, ...]]]:
    """Record and fact id to the words of the provenance section, with the values they replaced put back from every
    section."""
    opened = {name: json.loads(body) for name, body in sections.items()}
    words: dict[tuple[str, int], list[tuple[Any, ...]]] = {}
    for entry in opened["provenance"]["facts"]:
        key = entry["record"], entry["fact"]
        for word in entry["words"]:
            old = dict.fromkeys(word.get("elements", ()), "not shown") | word.get("superseded", {})
            for section in ("contacts", "health"):
                for replaced in opened[section]["superseded"]:
                    if (replaced["record"], replaced["fact"], replaced["position"]) == (*key, word["position"]):
                        old |= replaced["elements"]
            told = (word["act"], word["position"], word["recorded_at"], word.get("submission"), old)
            words.setdefault(key, []).append(told)
    return words


def words_told(record: Told) -> dict[int, list[tuple[Any, ...]]]:
    """Fact id to words, as ``words_shown``: of a fact that is not live, who spoke and when, and no values."""
    if record["status"] != "open":
        return {}
    return {
        number: [
            (*word[:4], word[4] if fact["status"] == "live" else dict.fromkeys(word[4], "not shown"))
            for word in fact["words"]
        ]
        for number, fact in record["facts"].items()
    }
