"""The whole content of a ledger, keyed by what the states themselves know: state, state student id, Submission Date.

Student ids, record ids, positions and times are left out, so that two ledgers which were told the same have the same
content, however often one of them was interrupted. How a file was cut into chunks is left out too.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from ledger.application import Ledger
from ledger.events import Recorded
from ledger.events import submission as said
from ledger.events.record import RecordOpened
from ledger.facts import RecordState, held_rows
from ledger.intake import answers
from ledger.record import fold

Content = Mapping[str, Any]
"""``OR OR5540012`` to what the ledger holds of that record, ``OR-20250902020000000`` to what became of that file."""

_PAGE = 10_000


def content_of(ledger: Ledger, *, submissions: bool = True, history: bool = True, after: int = 0) -> Content:
    """What a ledger holds. submissions: also what became of each file, row by row. history: also each record's events.

    after: a position; records opened and files received before it are left out.
    """
    records: dict[str, RecordState] = {}
    told: dict[str, list[Any]] = {}
    files: dict[str, list[said.SubmissionReceived | said.SubmissionCompleted | said.SubmissionRefused]] = {}
    for recorded in _events(ledger, after):
        event, stream = recorded.event, recorded.stream
        if stream.startswith("record/"):
            if stream in records or isinstance(event, RecordOpened):
                state = fold([event], records.get(stream))
                assert state is not None
                records[stream] = state
                told.setdefault(stream, []).append(without_minted(recorded))
        elif isinstance(event, said.SubmissionReceived | said.SubmissionCompleted | said.SubmissionRefused):
            files.setdefault(stream, []).append(event)
    content: dict[str, Any] = {}
    for stream, state in records.items():
        held = record_content(state)
        if history:
            held["history"] = told[stream]
        content[f"{state.state} {state.state_student_id}"] = held
    assert len(content) == len(records), "no state student id has two records"
    if submissions:
        for stream, events in files.items():
            _, state, instant = stream.split("/")
            content[f"{state}-{instant}"] = _file_content(ledger, stream, f"{state}-{instant}", events)
    return content


def digest_of(content: Content) -> str:
    """SHA-256 of a content, hexadecimal."""
    digest = hashlib.sha256()
    for key in sorted(content):
        digest.update(_encode([key, content[key]]))
    return digest.hexdigest()


def record_content(state: RecordState) -> dict[str, Any]:
    """What a record says: its rows whole, each table in an order that says nothing, demographics as last spoken."""
    rows = {
        status: sorted(
            ([row.fact.letter, row.elements, row.fact.record_id] for row in held_of(state, status)), key=_encode
        )
        for status in ("live", "dormant", "retracted")
    }
    by_id = {row.fact.id: row for row in held_of(state, "live")}
    return {
        "status": state.status,
        "identity": state.identity,
        **rows,
        "child": [by_id[fact].elements for fact in state.demographics if fact in by_id],
    }


def held_of(state: RecordState, status: Any) -> list[Any]:
    """A record's rows of one status, as ``held_rows`` joins them."""
    return [row for rows in held_rows(state, status).values() for row in rows]


def without_minted(recorded: Recorded) -> list[Any]:
    """One event of a record as it was said: its topic and fields, without the student id that was minted for it."""
    fields = msgspec.structs.asdict(recorded.event)
    if isinstance(recorded.event, RecordOpened):
        del fields["student_id"]
    return [recorded.event.topic, recorded.meta.actor, recorded.meta.submission, fields]


def _file_content(ledger: Ledger, stream: str, submission: str, events: list[Any]) -> dict[str, Any]:
    rows = [
        [
            answer.row,
            answer.letter,
            answer.student_record_id,
            answer.state_student_id,
            answer.outcome,
            bool(answer.student_id),
            [[finding.rule, finding.element, finding.level] for finding in answer.findings],
            answer.values,
        ]
        for answer in answers.read(ledger.log, stream, submission)
    ]
    rows.sort(key=lambda row: row[0])
    return {"said": [[event.topic, msgspec.structs.asdict(event)] for event in events], "rows": rows}


def _events(ledger: Ledger, after: int) -> Iterator[Recorded]:
    while page := ledger.log.read(after, _PAGE):
        yield from page
        after = page[-1].position


_encode = msgspec.json.Encoder(order="deterministic").encode
