"""Answers to a submission's rows as they are kept: packed blocks for the outcomes, events for the findings.

A block holds its chunk's rows in the order in which they were decided, compressed and sealed; words are not kept, they
are looked up when somebody reads. Both go with the submission's key, and what it says of a child with the record's:
rows of a record that was destroyed are passed over from then on.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import msgspec
import psycopg
from psycopg.rows import tuple_row

from ledger import rulebook
from ledger.errors import BadValue
from ledger.events import Recorded
from ledger.events import submission as said
from ledger.intake.response import RowAnswer
from ledger.intake.rewriting import FileFinding, file_finding
from ledger.intake.rules import Finding
from ledger.mde import TABLES, canonical, words
from ledger.store.append import SealedBlock
from ledger.store.log import Log

_COMPRESSION = 1
"""Rows of one chunk are much alike; more effort gains little."""


class AnsweredRow(NamedTuple):
    """What became of one row. The fields are those of ``response.RowAnswer``."""

    row: int
    letter: str
    student_record_id: str
    state_student_id: str
    outcome: str
    student_id: str


def packed(rows: Sequence[AnsweredRow]) -> bytes:
    """Rows as one block."""
    return zlib.compress(_encode(rows), _COMPRESSION)


def unpacked(block: bytes) -> list[AnsweredRow]:
    """A block's rows."""
    return _decode(zlib.decompress(block))


def read(log: Log, stream: str, submission: str, language: str = "en") -> Iterator[RowAnswer]:
    """The answer to every row that was applied, chunk by chunk; of rows nothing where the submission's key is gone.

    Before them, as the header's, the warnings on the file as a whole, if there are any.

    stream: of the submission. A value whose key is gone is left out, and so is every row of a record that is. Raises
    StoreUnavailable, LogBroken.
    """
    findings: dict[int, Recorded] = {}
    applied: dict[int, int] = {}
    warnings: list[FileFinding] = []
    for recorded in log.read_stream(stream):
        if isinstance(recorded.event, said.FindingsRecorded):
            findings[recorded.event.chunk] = recorded
        elif isinstance(recorded.event, said.ChunkApplied):
            applied[recorded.event.chunk] = recorded.position
        elif isinstance(recorded.event, said.SubmissionReceived):
            warnings = [file_finding(warned, language) for warned in recorded.event.warnings]
    if warnings:
        yield _of_the_file(warnings)
    chunk = 0
    while True:
        # Nothing is held while a row is with the caller, who may take his time.
        with log.connection() as conn:
            block = _next_block(conn, submission, chunk)
            if block is None:
                return
            chunk = block.chunk
            text = log.open_block(conn, block)
            found = {} if text is None else _found(log, conn, findings.get(chunk), language)
            rows = [] if text is None else _left(conn, submission[:2], unpacked(text), applied.get(chunk, 0))
        for row in rows:
            yield _answer(row, found.get(row.row, ()))


def _next_block(conn: psycopg.Connection[object], submission: str, after: int) -> SealedBlock | None:
    with conn.cursor(row_factory=tuple_row, binary=True) as cursor:
        cursor.execute(
            "select submission, chunk, uuid_send(block_id), uuid_send(key_id), block from ledger.responses"
            " where submission = %s and chunk > %s order by chunk limit 1",
            (submission, after),
        )
        row = cursor.fetchone()
    return None if row is None else SealedBlock(*row)


def _of_the_file(warnings: Sequence[FileFinding]) -> RowAnswer:
    findings = [
        Finding(
            rule=warned.rule,
            element=None,
            level=warned.level,
            message=f"{warned.place}: {warned.message}" if warned.place else warned.message,
            remedy=warned.remedy,
        )
        for warned in warnings
    ]
    return RowAnswer(
        row=1,
        letter="H",
        student_record_id="",
        state_student_id="",
        outcome="",
        findings=findings,
        values={},
        student_id="",
    )


def _left(
    conn: psycopg.Connection[object], state: str, rows: Sequence[AnsweredRow], applied: int
) -> Sequence[AnsweredRow]:
    """Rows but for those of records that are gone: that were opened by a position, and of which there is no guard any
    more, or that of a later record of the same child."""
    named = {row.state_student_id: _as_kept(row.state_student_id) for row in rows if row.student_id}
    with conn.cursor(row_factory=tuple_row) as cursor:
        cursor.execute(_THERE, (state, list(set(named.values())), applied))
        there = {ssid for (ssid,) in cursor.fetchall()}
    return [row for row in rows if not row.student_id or named[row.state_student_id] in there]


def _as_kept(sent: str) -> str:
    """A state student identifier as its record has it."""
    try:
        return canonical(_SSID, sent) or sent
    except BadValue:
        return sent


_SSID = TABLES["S"].by_key["state_student_identifier"]
_THERE = (
    "select r.state_student_id from ledger.records r where r.state = %s and r.state_student_id = any(%s)"
    " and exists (select from ledger.events e"
    " where e.stream = 'record/' || r.record_id and e.version = 1 and e.position <= %s)"
)

_Found = tuple[Finding, str]


def _found(
    log: Log, conn: psycopg.Connection[object], recorded: Recorded | None, language: str
) -> dict[int, list[_Found]]:
    """Findings by row, each with its words and the value that it speaks of."""
    by_row: dict[int, list[_Found]] = {}
    if recorded is None or not isinstance(recorded.event, said.FindingsRecorded):
        return by_row
    disposals = log.vault.catch_up(conn)
    for number, kept in enumerate(recorded.event.findings):
        value = None if kept.value is None else log.open_field(conn, recorded, str(number), kept.value, disposals)
        message, remedy = _words(kept, language)
        finding = Finding(rule=kept.rule, element=kept.element, level=kept.level, message=message, remedy=remedy)
        by_row.setdefault(kept.row, []).append((finding, value or ""))
    return by_row


def _words(kept: said.Finding, language: str) -> tuple[str, str]:
    """A rule that this release no longer has keeps its code, and has no words."""
    return words(kept.rule, kept.letter, kept.element, language) if kept.rule in rulebook.RULES else ("", "")


def _answer(row: AnsweredRow, found: Sequence[_Found]) -> RowAnswer:
    return RowAnswer(
        row=row.row,
        letter=row.letter,
        student_record_id=row.student_record_id,
        state_student_id=row.state_student_id,
        outcome=row.outcome,
        findings=[finding for finding, _ in found],
        values={finding.element: value for finding, value in found if finding.element is not None and value},
        student_id=row.student_id,
    )


_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(list[AnsweredRow]).decode
