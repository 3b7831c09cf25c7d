"""What the worklist must show, told plainly from all that a log says of cases and records, event by event."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from typing import Any

from ledger.events import Recorded
from ledger.events.case import (
    LEVELS,
    CaseAnswered,
    CaseAssigned,
    CaseClosed,
    CaseEscalated,
    CaseOpened,
    Place,
    Step,
)
from ledger.events.record import RecordOpened
from support.naive_linkage import students_told

Row = dict[str, Any]
_VALIDATE = {"validate-near-match", "validate-merge", "validate-split", "validate-reversal"}


def cases_told(log: Sequence[Recorded]) -> tuple[dict[str, Row], dict[tuple[str, str], Row]]:
    """The cases by id, and their parts by id and state. What cannot be opened says nothing."""
    cases: dict[str, Row] = {}
    parts: dict[tuple[str, str], Row] = {}
    steps: dict[tuple[str, str], list[Step]] = {}
    for recorded in log:
        kind, _, case = recorded.stream.partition("/")
        if kind != "case" or not (isinstance(recorded.event, CaseOpened) or case in cases):
            continue
        match recorded.event:
            case CaseOpened() as said:
                cases[case] = {
                    "kind": said.kind,
                    "opened": recorded.position,
                    "turn": recorded.position + (2**59 if said.kind == "blind-check" else 0),
                    "opened_at": recorded.recorded_at,
                    "proposed_by": said.proposed_by.lower(),
                    "records": [concerned.anchor.record for concerned in said.records],
                    **dict.fromkeys(("outcome", "code", "act", "next", "closed_at")),
                }
                for asked in said.asked:
                    steps[case, asked.state] = asked.steps
                    parts[case, asked.state] = {
                        **_before(asked.place, []),
                        "due_on": asked.steps[0].due_on,
                        "overdue": False,
                        "answered": False,
                    }
            case CaseAssigned() as said:
                parts[case, said.state].update(_before(said.place, said.names))
            case CaseEscalated() as said:
                there = steps[case, said.state]
                left = [step for step in there if LEVELS.index(step.level) >= LEVELS.index(said.place.level)]
                parts[case, said.state].update(
                    _before(said.place, []),
                    due_on=there[-1].due_on if said.overdue else left[0].due_on,
                    overdue=said.overdue,
                )
            case CaseAnswered() as said:
                for state in said.states:
                    parts[case, state]["answered"] = True
            case CaseClosed() as said:
                cases[case].update(outcome=said.outcome, code=said.code, act=said.act, next=said.next)
                cases[case]["closed_at"] = recorded.recorded_at
        cases[case]["position"] = recorded.position
    for part in parts.values():
        part["due_on"] = date.fromisoformat(part["due_on"])
    for name, case in cases.items():
        of_case = [part for key, part in parts.items() if key[0] == name]
        if case["kind"] not in _VALIDATE and case["outcome"] is None and any(part["answered"] for part in of_case):
            # The one answer that counts is given, though it has yet to take effect.
            for part in of_case:
                part["answered"] = True
        waiting = [
            (_due(steps[key], part["due_on"]), part["due_on"])
            for key, part in parts.items()
            if key[0] == name and not part["answered"]
        ]
        case["due_on"] = min(waiting)[1] if waiting and case["outcome"] is None else None
    return cases, parts


def records_told(log: Sequence[Recorded], until: int) -> dict[str, tuple[str | None, str]]:
    """Record to the state's id of it, None where that cannot be opened, and to the student shown for it.

    log: whole; until: how much of it was heard.
    """
    students = students_told(log, until)
    shown = {record: student.student_id for student in students for record in student.records}
    found: dict[str, tuple[str | None, str]] = {
        record: (None, student.student_id) for student in students if student.acted for record in student.records
    }
    for recorded in log:
        if isinstance(recorded.event, RecordOpened) and recorded.position <= until:
            record = recorded.stream.removeprefix("record/")
            found[record] = (recorded.event.state_student_id, shown[record])
    return found


def _before(place: Place, names: Sequence[str]) -> Row:
    level = "district" if place.district else "region" if place.region else "state"
    return {"level": level, "region": place.region, "district": place.district, "names": [one.lower() for one in names]}


def _due(steps: Sequence[Step], day: date) -> datetime:
    return next(step.due for step in steps if step.due_on == day.isoformat())
