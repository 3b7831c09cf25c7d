"""Events of a submission: what one state's file for one night did. Stream: ``submission/<state>/<submission date>``.

Bodies hold ids, codes, counts and hashes; nothing of a child, save a refused value as a sealed field: under the key of
its record, or of the submission where no record is known.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, Self

import msgspec

from ledger.events.base import Event, Sealed


class FileWarning(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A warning on what was sent as a whole. table: name of the table's file, where one is meant.

    columns: of that table, from 1. Their names are not kept: without a header row they would be a child's data.
    """

    rule: str
    table: str | None = None
    columns: tuple[int, ...] = ()


class SubmissionReceived(Event, frozen=True, kw_only=True):
    """The file was read once, its totals hold, and its content is about to be applied.

    content_hash: SHA-256 of the file's bytes, hexadecimal. submission_date, beginning, ending: of the header,
    ISO 8601 without zone (the state's own). students, rows: of the header, checked against the content. warnings: on
    the file as a whole.
    """

    topic: ClassVar[str] = "submission-received.v1"

    state: str
    submission_date: str
    content_hash: str
    students: int
    rows: int
    beginning: str
    ending: str
    warnings: tuple[FileWarning, ...] = ()


class ChunkApplied(Event, frozen=True, kw_only=True):
    """Whole students, in file order, were applied; a crash goes on after the last of them.

    students: how many students of the file are done, this chunk included. The counts are of this chunk's rows.
    """

    topic: ClassVar[str] = "chunk-applied.v1"

    chunk: int
    students: int
    accepted: int
    unchanged: int
    refused: int
    warned: int
    events: int
    students_new: int


class Finding(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One thing found in one row. value: what was sent, sealed; of a finding that names an element."""

    row: int
    letter: str
    rule: str
    element: str | None = None
    level: str = "refused"
    value: Sealed | None = None


class FindingsRecorded(Event, frozen=True, kw_only=True):
    """What was refused or warned of in one chunk. Its sealed fields are called by the number of the finding, from 0."""

    topic: ClassVar[str] = "findings-recorded.v1"

    chunk: int
    findings: list[Finding]

    def with_sealed(self, fields: Mapping[str, Sealed]) -> Self:
        findings = list(self.findings)
        for name, sealed in fields.items():
            findings[int(name)] = msgspec.structs.replace(findings[int(name)], value=sealed)
        return msgspec.structs.replace(self, findings=findings)


class SubmissionCompleted(Event, frozen=True, kw_only=True):
    """Every student of the file was applied. The counts are of the whole file."""

    topic: ClassVar[str] = "submission-completed.v1"

    rows: int
    accepted: int
    unchanged: int
    refused: int
    warned: int
    events: int
    students_new: int


class SubmissionRefused(Event, frozen=True, kw_only=True):
    """The whole file was refused, before anything of it was applied. rule: why, from the catalogue of rules."""

    topic: ClassVar[str] = "submission-refused.v1"

    state: str
    submission_date: str
    content_hash: str
    rule: str


EVENTS: tuple[type[Event], ...] = (
    SubmissionReceived,
    ChunkApplied,
    FindingsRecorded,
    SubmissionCompleted,
    SubmissionRefused,
)
