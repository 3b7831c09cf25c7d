"""What the audit trail must hold, told plainly from all of a log: its lines, where records were, and what is withheld.

Who is who at a position is asked of ``students_told`` for the log as it was then, act by act.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from ledger.events import Erased, Recorded
from ledger.events.case import CaseClosed, CaseOpened
from ledger.events.linkage import (
    ActReversed,
    DeclarationWithdrawn,
    DeclaredNotSame,
    LinkageEvent,
)
from ledger.events.record import RecordOpened
from support.naive_linkage import students_told

Row = dict[str, Any]
Stay = tuple[int, datetime, str, int | None, datetime | None]
KINDS = ("record", "linkage", "case")


def lines_told(log: Sequence[Recorded]) -> dict[tuple[str, int], Row]:
    """Stream and position to what stands beside the event."""
    reversed_: dict[str, str] = {}
    made_by: dict[str, str] = {}
    found: dict[tuple[str, int], Row] = {}
    for one in log:
        if one.stream.partition("/")[0] not in KINDS:
            continue
        event, meta = one.event, one.meta
        row: Row = {"recorded_at": one.recorded_at, **dict.fromkeys(("actor", "submission", "cause", "said", "reason"))}
        row["readable"] = not isinstance(event, Erased)
        row["topic"] = event.was if isinstance(event, Erased) else event.topic
        if not isinstance(event, Erased):
            row |= {"actor": meta.actor, "submission": meta.submission, "cause": meta.cause, "reason": meta.reason}
        if isinstance(event, DeclaredNotSame):
            row["said"] = event.declaration
        elif isinstance(event, DeclarationWithdrawn):
            row["said"] = f"{event.declaration} withdrawn"
        elif isinstance(event, LinkageEvent):
            row["said"] = event.act  # type: ignore[attr-defined]
            made_by[event.act] = _code(row["topic"])  # type: ignore[attr-defined]
            if isinstance(event, ActReversed):
                reversed_[event.act] = event.reverses
        row["code"] = _code(row["topic"])
        if isinstance(event, ActReversed):
            row["code"] = _reversal(event.act, reversed_, made_by)
        found[one.stream, one.position] = row
    return found


def _code(topic: str) -> str:
    name = topic.partition(".")[0]
    known = {
        "fact-corrected": "amend",
        "fact-retracted": "deprecate",
        "record-retracted": "deprecate",
        "record-reinstated": "reactivate",
        "record-linked": "link",
        "students-merged": "merge",
        "records-split": "unlink",
        "declared-not-same": "attest",
        "declaration-withdrawn": "deprecate",
        "case-answered": "attest",
    }
    return known.get(name, "verify" if name.startswith("case-") else "originate")


def _reversal(act: str, reversed_: dict[str, str], made_by: dict[str, str]) -> str:
    turns = 0
    while act in reversed_:
        act, turns = reversed_[act], turns + 1
    code = made_by[act]
    opposite = {"merge": "unmerge", "link": "unlink", "unlink": "link"}[code]
    return opposite if turns % 2 else code


def stays_told(log: Sequence[Recorded], until: int) -> dict[str, list[Stay]]:
    """Record to where it was, earliest first. log: whole; until: how much of it was heard."""
    found: dict[str, list[Stay]] = {}
    began: dict[str, tuple[int, datetime]] = {}
    for one in log:
        if one.position > until:
            break
        kind, _, name = one.stream.partition("/")
        if kind == "record":
            began.setdefault(name, (one.position, one.recorded_at))
            if isinstance(one.event, RecordOpened):
                found[name] = [(one.position, one.recorded_at, one.event.student_id, None, None)]
        elif isinstance(one.event, LinkageEvent) and not isinstance(one.event, DeclaredNotSame | DeclarationWithdrawn):
            minted = _minted(log, one.position)
            for student in students_told(log, one.position):
                for record in student.records:
                    if record not in found and student.acted:
                        found[record] = [(*began[record], minted[record], None, None)]
                    known = found.get(record)
                    if known is None or known[-1][2] == student.student_id:
                        continue
                    known[-1] = (*known[-1][:3], one.position, one.recorded_at)
                    known.append((one.position, one.recorded_at, student.student_id, None, None))
    return found


def _minted(log: Sequence[Recorded], until: int) -> dict[str, str]:
    from support.naive_linkage import _anchors

    return {anchor.record: anchor.student_id for anchor in _anchors(log, until)}


def cases_told(log: Sequence[Recorded]) -> tuple[dict[str, bool], set[tuple[str, str]]]:
    """Case to whether it is withheld; and which records cases are about."""
    opened: dict[str, CaseOpened] = {}
    closed: dict[str, str | None] = {}
    for one in log:
        kind, _, name = one.stream.partition("/")
        if kind != "case":
            continue
        if isinstance(one.event, CaseOpened):
            opened[name] = one.event
        elif isinstance(one.event, CaseClosed):
            closed[name] = one.event.next
        elif isinstance(one.event, Erased) and one.event.was == CaseClosed.topic:
            closed[name] = None
    withheld: dict[str, bool] = {}
    for name, event in opened.items():
        blind = event.kind == "blind-check" or event.blind
        after = closed.get(name)
        withheld[name] = blind and (name not in closed or (after is not None and after not in closed))
    return withheld, {(concerned.anchor.record, name) for name, event in opened.items() for concerned in event.records}
