"""Answers to rows are kept sealed: refused values under the record's key, outcomes under the submission's."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from concurrent.futures import Future
from pathlib import Path
from typing import Any

import pytest

from ledger.application import Ledger
from ledger.events import Meta
from ledger.events import submission as said
from ledger.intake import chunk
from ledger.intake.answers import read
from ledger.intake.response import RowAnswer
from ledger.intake.student import Decision
from ledger.intake.submission import stream_of, submit
from ledger.record import RetractRecord, StudentRows, fold
from ledger.store.append import Receipt, SealedAppend
from ledger.store.database import Database, Role
from support.files import NEXT_NIGHT, student, write
from support.gone import destroy

ACTOR = "nightly"
SSID = "OR0000001"
NewLedger = Callable[..., Ledger]


def answered(ledger: Ledger, path: Path) -> dict[int, RowAnswer]:
    answers: dict[int, RowAnswer] = {}
    submit(ledger, path, ACTOR, answer=lambda answer: answers.update({answer.row: answer}))
    return answers


def test_a_refused_value_is_kept_under_the_record_s_key_and_comes_back_in_the_answer(
    ledger: Ledger, tmp_path: Path
) -> None:
    path = write(tmp_path / "1.txt", student(1, "E|001|20250623|99|Valor"))
    answers = answered(ledger, path)
    (finding,) = next(a.findings for a in answers.values() if a.outcome == "refused")
    assert (finding.element, finding.rule) == ("enrollment_type", "code")
    assert finding.remedy
    assert [a.values for a in answers.values() if a.values] == [{"enrollment_type": "99"}]
    (recorded,) = [r for r in ledger.log.read(0, 1_000) if isinstance(r.event, said.FindingsRecorded)]
    assert isinstance(recorded.event, said.FindingsRecorded)
    value = recorded.event.findings[0].value
    assert value is not None
    with ledger.database.connect(Role.WRITER) as conn:
        row = conn.execute("select subject, class from vault.keys where key_id = %s", (value.key,)).fetchone()
    assert row == (ledger.record_of("OR", SSID), "education")


def test_answers_go_with_the_submission_s_key_and_values_with_the_record_s(
    database: Database, new_ledger: NewLedger, tmp_path: Path
) -> None:
    path = write(tmp_path / "1.txt", student(1, "E|001|20250623|99|Valor"))
    first = new_ledger(database)
    submit(first, path, ACTOR)
    record = first.record_of("OR", SSID)
    with database.connect(Role.DISPOSER) as conn:
        conn.execute("delete from vault.keys where subject = %s and class = 'education'", (record,))
    answers = answered(new_ledger(database), path)
    assert answers
    assert not [a.values for a in answers.values() if a.values]
    with database.connect(Role.DISPOSER) as conn:
        conn.execute("delete from vault.keys where class = 'submission'")
    answers = answered(new_ledger(database), path)
    assert not answers


def test_only_the_students_whose_records_moved_are_decided_anew(
    database: Database, new_ledger: NewLedger, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ours, other = new_ledger(database), new_ledger(database)
    submit(ours, write(tmp_path / "1.txt", student(1)), ACTOR)
    enrolled = [student(n, "E|001|20250623|03|Valor") for n in range(1, 7)]
    decided: list[str] = []
    place = chunk.place_student
    hand_over = ours.log.sequencer.submit

    def counted(sent: StudentRows, *more: Any, **options: Any) -> Decision:
        decided.append(sent.state_student_id)
        return place(sent, *more, **options)

    def overtaken(one: SealedAppend) -> Future[Receipt]:
        if one.opened:
            monkeypatch.setattr(ours.log.sequencer, "submit", hand_over)
            other.execute(RetractRecord(state="OR", state_student_id=SSID), Meta(actor=ACTOR))
        return hand_over(one)

    monkeypatch.setattr(chunk, "place_student", counted)
    monkeypatch.setattr(ours.log.sequencer, "submit", overtaken)
    report = submit(ours, write(tmp_path / "2.txt", *enrolled, night=NEXT_NIGHT), ACTOR)
    assert report.students_new == 5
    assert sorted(Counter(decided).values()) == [1] * 5 + [2]
    assert decided[-1] == SSID
    state = fold(r.event for r in ours.log.read_stream(f"record/{ours.record_of('OR', SSID)}"))
    assert state is not None
    assert state.status == "open", "the file came after the retraction"


def test_whoever_reads_answers_slowly_holds_nothing(ledger: Ledger, tmp_path: Path) -> None:
    report = submit(ledger, write(tmp_path / "1.txt", student(1), student(2)), ACTOR)
    stream = stream_of(report.submission)
    readers = [read(ledger.log, stream, report.submission) for _ in range(20)]
    assert [next(reader).row for reader in readers] == [2] * 20
    assert ledger.log.head() > 0
    assert [len(list(reader)) for reader in readers] == [5] * 20


def test_rows_of_a_record_that_was_destroyed_are_passed_over(ledger: Ledger, tmp_path: Path) -> None:
    sent = [student(n, "E|001|20250623|99|Valor") for n in (1, 2)]
    path = write(tmp_path / "1.txt", *sent)
    before = answered(ledger, path)
    record = ledger.record_of("OR", SSID)
    assert record is not None
    hers = {row for row, answer in before.items() if answer.state_student_id == SSID}
    assert hers
    destroy(ledger, record)
    after = answered(ledger, path)
    assert after == {row: answer for row, answer in before.items() if row not in hers}
    # The same child again: of her new record the earlier file tells nothing, and the later one all.
    later = write(tmp_path / "2.txt", *sent, night=NEXT_NIGHT)
    assert answered(ledger, later).keys() == before.keys()
    assert answered(ledger, path) == after


def test_a_refused_value_of_a_move_goes_with_the_moves(ledger: Ledger, tmp_path: Path) -> None:
    refused = "Q|002|20250601|Zzyzx|QQ||Woodburn|OR"
    path = write(tmp_path / "1.txt", student(1, refused, "E|001|20250623|99|Valor"))
    before = answered(ledger, path)
    assert sorted(key for a in before.values() for key in a.values) == [
        "enrollment_type",
        "qualifying_move_from_state",
    ]
    record = ledger.record_of("OR", SSID)
    assert record is not None
    destroy(ledger, record, "eligibility")
    assert [a.values for a in answered(ledger, path).values() if a.values] == [{"enrollment_type": "99"}]
