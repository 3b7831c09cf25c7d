"""A state's file, applied: again is nothing, wrong rows fall alone, and a run that was broken off goes on."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import pytest

from ledger.application import Ledger
from ledger.errors import (
    StaleDecision,
    StoreUnavailable,
    SubmissionDateReused,
    SubmissionLate,
    SubmissionRefused,
)
from ledger.events import Event, Meta
from ledger.events import submission as said
from ledger.events.record import (
    CourseReported,
    DemographicsStated,
    Enrolled,
    FactCorrected,
    RecordOpened,
    RecordRetracted,
)
from ledger.intake.response import RowAnswer
from ledger.intake.sample import write_samples
from ledger.intake.submission import Report, submit
from ledger.jurisdiction import SetProfile
from ledger.record import PlaceFact, PlaceStudent, RetractFact, fold
from ledger.store.append import Append, Part, Receipt, SealedAppend
from ledger.store.database import Database
from ledger.store.vault import LEDGER
from support.files import EXAMPLE, NEXT_NIGHT, child, student, write
from support.rows import course, move
from support.rows import student as student_rows

ACTOR = "nightly"
SUBMISSION = "submission/OR/20250902020000000"
NewLedger = Callable[..., Ledger]


class BrokenOff(Exception):
    """The run ends here, as if the process had."""


def events_of(ledger: Ledger, stream: str) -> list[Event]:
    return [recorded.event for recorded in ledger.log.read_stream(stream)]


def stream_of(ledger: Ledger, number: int, state: str = "OR") -> str:
    return f"record/{ledger.record_of(state, f'{state}{number:07d}')}"


def content(ledger: Ledger) -> dict[str, list[Event]]:
    """What the log says, by student and submission, without what is minted and sealed."""
    found: dict[str, list[Event]] = {}
    names: dict[str, str] = {}
    for recorded in ledger.log.read(0, 100_000):
        event = recorded.event
        if isinstance(event, RecordOpened):
            names[recorded.stream] = f"{event.state} {event.state_student_id}"
            event = msgspec.structs.replace(event, student_id="")
        if isinstance(event, said.FindingsRecorded):
            event = msgspec.structs.replace(
                event, findings=[msgspec.structs.replace(finding, value=None) for finding in event.findings]
            )
        found.setdefault(names.get(recorded.stream, recorded.stream), []).append(event)
    return found


def counts(report: Report) -> dict[str, Any]:
    return {name: value for name, value in msgspec.structs.asdict(report).items() if name != "seconds"}


def breaking_after(chunks: int) -> Callable[[int, int], None]:
    left = chunks

    def progress(done: int, total: int) -> None:
        nonlocal left
        left -= 1
        if left == 0:
            raise BrokenOff

    return progress


def answered(ledger: Ledger, path: Path, **more: Any) -> tuple[Report, dict[int, RowAnswer]]:
    """Submit and collect each row's answer; no row is answered twice."""
    answers: dict[int, RowAnswer] = {}

    def take(answer: RowAnswer) -> None:
        assert answer.row not in answers
        answers[answer.row] = answer

    return submit(ledger, path, ACTOR, answer=take, **more), answers


# -- applied


def test_the_example_is_taken_whole(ledger: Ledger) -> None:
    report, answers = answered(ledger, EXAMPLE)
    assert (report.submission, report.state) == ("OR-20250902020000000", "OR")
    assert (report.rows, report.accepted, report.unchanged, report.refused) == (11, 11, 0, 0)
    assert (report.students_new, report.events, report.warned) == (2, 15, 0)
    assert report.position == ledger.log.head()
    assert sorted(answers) == list(range(2, 13))
    for ssid in ("OR5540012", "OR5540013"):
        [opened, *rest] = events_of(ledger, f"record/{ledger.record_of('OR', ssid)}")
        assert isinstance(opened, RecordOpened)
        assert len(rest) > 4
    assert {answer.student_id for answer in answers.values()} == {
        opened.student_id
        for ssid in ("OR5540012", "OR5540013")
        for opened in events_of(ledger, f"record/{ledger.record_of('OR', ssid)}")[:1]
        if isinstance(opened, RecordOpened)
    }


def test_the_submission_says_what_it_did(ledger: Ledger) -> None:
    submit(ledger, EXAMPLE, ACTOR)
    received, chunk, completed = ledger.log.read_stream(SUBMISSION)
    assert isinstance(received.event, said.SubmissionReceived)
    assert (received.event.students, received.event.rows, received.meta.actor) == (2, 11, ACTOR)
    assert isinstance(chunk.event, said.ChunkApplied)
    assert isinstance(completed.event, said.SubmissionCompleted)
    assert (completed.event.accepted, completed.event.events) == (11, 15)
    for recorded in ledger.log.read_stream(f"record/{ledger.record_of('OR', 'OR5540012')}"):
        assert recorded.meta == Meta(actor=ACTOR, submission="OR-20250902020000000")


def test_the_same_file_again_appends_nothing_and_gives_the_same_counts(ledger: Ledger) -> None:
    first, told = answered(ledger, EXAMPLE)
    head = ledger.log.head()
    again, answers = answered(ledger, EXAMPLE)
    assert counts(again) == counts(first)
    assert ledger.log.head() == head
    assert answers == told, "the first answer"
    assert len(told) == 11


def test_a_new_night_without_a_change_appends_to_its_own_stream_only(ledger: Ledger, tmp_path: Path) -> None:
    submit(ledger, write(tmp_path / "1.txt", student(1), student(2, "E|001|20250623|03|Valor")), ACTOR)
    before = content(ledger)
    second = write(tmp_path / "2.txt", student(1, action="U"), student(2, "E|009|20250623|03|Valor"), night=NEXT_NIGHT)
    report, answers = answered(ledger, second)
    assert (report.rows, report.unchanged, report.events, report.students_new) == (7, 7, 0, 0)
    assert {answer.outcome for answer in answers.values()} == {"unchanged"}
    after = content(ledger)
    assert after.keys() - before.keys() == {"submission/OR/20250903020000000"}
    assert all(after[stream] == before[stream] for stream in before)
    assert all(answer.student_id for answer in answers.values()), "an unchanged row names its student too"


def test_a_changed_row_corrects_its_fact_alone(ledger: Ledger, tmp_path: Path) -> None:
    submit(ledger, write(tmp_path / "1.txt", student(1), student(2)), ACTOR)
    report = submit(
        ledger,
        write(tmp_path / "2.txt", student(1, action="U"), student(2, action="U", name="Isaí"), night=NEXT_NIGHT),
        ACTOR,
    )
    assert (report.accepted, report.unchanged, report.events) == (1, 5, 1)
    assert isinstance(events_of(ledger, stream_of(ledger, 2))[-1], FactCorrected)


def test_action_d_retracts_the_record(ledger: Ledger, tmp_path: Path) -> None:
    submit(ledger, write(tmp_path / "1.txt", student(1)), ACTOR)
    gone = write(tmp_path / "2.txt", ["S|0000001||OR|OR0000001|02|D"], night=NEXT_NIGHT)
    assert submit(ledger, gone, ACTOR).events == 1
    assert isinstance(events_of(ledger, stream_of(ledger, 1))[-1], RecordRetracted)


def test_the_state_s_own_rule_levels_are_followed(ledger: Ledger, tmp_path: Path) -> None:
    without_move = [row for row in student(1) if not row.startswith("Q")]
    first = write(tmp_path / "1.txt", without_move)
    report, answers = answered(ledger, first)
    assert (report.refused, report.accepted) == (2, 0)
    assert [f.rule for f in answers[2].findings] == ["V9"]
    profile = ledger.profile("OR")
    changed = SetProfile(
        state="OR",
        **{
            name: getattr(profile, name)
            for name in SetProfile.__struct_fields__
            if name not in ("state", "rule_levels")
        },
        rule_levels={"V9": "warn"},
    )
    ledger.set_jurisdiction("OR", changed, Meta(actor="state office"))
    report, answers = answered(ledger, write(tmp_path / "2.txt", without_move, night=NEXT_NIGHT))
    assert (report.refused, report.accepted, report.warned) == (0, 2, 1)
    assert [(f.rule, f.level) for f in answers[2].findings] == [("V9", "warned")]


# -- refused


BAD_ROWS = {
    "a date that is none": ("E|001|20259999|03|Valor", "enrollment_date", "20259999"),
    "a code that is none": ("E|001|20250623|99|Valor", "enrollment_type", "99"),
    "what must be there": ("E|001||03|Valor", "enrollment_date", ""),
    "a withdrawal before its enrollment": (
        child("E", enrollment_date="20250623", enrollment_type="03", withdrawal_date="20250101"),
        "withdrawal_date",
        "20250101",
    ),
    "a letter that is none": ("X|001|what", "", ""),
}


@pytest.mark.parametrize("bad", BAD_ROWS)
def test_a_wrong_row_is_refused_with_its_reason_while_the_others_apply(
    ledger: Ledger, tmp_path: Path, bad: str
) -> None:
    row, element, value = BAD_ROWS[bad]
    report, answers = answered(ledger, write(tmp_path / "1.txt", student(1, row), student(2)))
    assert (report.rows, report.accepted, report.refused) == (7, 6, 1)
    answer = answers[5]
    [finding] = [finding for finding in answer.findings if finding.level == "refused"]
    assert answer.outcome == "refused"
    assert (finding.element or "", answer.values.get(element, "")) == (element, value)
    assert finding.rule
    assert finding.message
    assert finding.remedy
    assert value not in finding.message or not value
    assert answer.student_id == answers[2].student_id != "", "the record is known, whatever became of the row"
    assert not any(isinstance(event, Enrolled) for event in events_of(ledger, stream_of(ledger, 1)))


def test_a_refused_student_takes_its_rows_along_each_named(ledger: Ledger, tmp_path: Path) -> None:
    other = [row.replace("|OR|OR0000001|", "|CA|OR0000001|") for row in student(1)]
    report, answers = answered(ledger, write(tmp_path / "1.txt", other, student(2)))
    assert (report.accepted, report.refused, report.students_new) == (3, 3, 1)
    assert [f.rule for f in answers[2].findings] == ["V22"]
    assert [f.rule for row in (3, 4) for f in answers[row].findings] == ["student-refused"] * 2
    assert {answers[row].state_student_id for row in (2, 3, 4)} == {"OR0000001"}, "its S row said so"
    assert ledger.record_of("OR", "OR0000001") is None
    assert {answers[row].student_id for row in (2, 3, 4)} == {""}


def test_an_element_that_may_be_left_out_warns_and_the_row_stands(ledger: Ledger, tmp_path: Path) -> None:
    rows = [row.replace("|Male|", "|M|") for row in student(1)]
    report, answers = answered(ledger, write(tmp_path / "1.txt", rows))
    assert (report.accepted, report.refused, report.warned) == (3, 0, 1)
    assert answers[3].values == {"sex": "M"}
    [stated] = [e for e in events_of(ledger, stream_of(ledger, 1)) if isinstance(e, DemographicsStated)]
    assert "sex" not in stated.elements


def test_findings_are_recorded_without_the_value(ledger: Ledger, tmp_path: Path) -> None:
    submit(ledger, write(tmp_path / "1.txt", student(1, "E|001|20259999|03|Valor")), ACTOR)
    [found] = [e for e in events_of(ledger, SUBMISSION) if isinstance(e, said.FindingsRecorded)]
    assert [(f.row, f.letter, f.element, f.level) for f in found.findings] == [(5, "E", "enrollment_date", "refused")]
    assert b"20259999" not in msgspec.json.encode(found)


def test_a_student_twice_in_one_file_is_refused_the_second_time(ledger: Ledger, tmp_path: Path) -> None:
    again = [row.replace("0000001|", "0000002|", 1) for row in student(1, name="Isaí")]
    report, answers = answered(ledger, write(tmp_path / "1.txt", student(1), again))
    assert (report.accepted, report.refused, report.students_new) == (3, 3, 1)
    assert "duplicate-student" in [f.rule for f in answers[5].findings]


def test_child_rows_may_stand_anywhere_behind_their_student(ledger: Ledger, tmp_path: Path) -> None:
    (s1, d1, q1), (s2, d2, q2) = student(1), student(2)
    report, answers = answered(ledger, write(tmp_path / "1.txt", [s1, s2, q1, d2, d1, q2]))
    assert (report.accepted, report.refused) == (6, 0)
    assert [answers[row].state_student_id for row in range(2, 8)] == [
        "OR0000001", "OR0000002", "OR0000001", "OR0000002", "OR0000001", "OR0000002"
    ]  # fmt: skip


@pytest.mark.parametrize("claims", ["2|3", "1|4", "0|0"])
def test_a_header_that_lies_refuses_the_whole_file(ledger: Ledger, tmp_path: Path, claims: str) -> None:
    with pytest.raises(SubmissionRefused) as refused:
        submit(ledger, write(tmp_path / "1.txt", student(1), claims=claims), ACTOR)
    assert refused.value.rule == "V24"
    assert content(ledger).keys() == {SUBMISSION}
    [event] = events_of(ledger, SUBMISSION)
    assert isinstance(event, said.SubmissionRefused)
    assert event.rule == "V24"


def test_a_file_refused_whole_is_recorded_once_and_mended_under_the_same_date(ledger: Ledger, tmp_path: Path) -> None:
    for _ in range(2):
        with pytest.raises(SubmissionRefused):
            submit(ledger, write(tmp_path / "1.txt", student(1), claims="9|9"), ACTOR)
    assert ledger.log.head() == 1, "again is nothing"
    with pytest.raises(SubmissionRefused):
        submit(ledger, write(tmp_path / "1.txt", student(1), claims="8|8"), ACTOR)
    assert ledger.log.head() == 2, "another file is another refusal"
    with pytest.raises(SubmissionRefused):
        submit(ledger, write(tmp_path / "1.txt", student(1), claims="9|9"), ACTOR)
    assert ledger.log.head() == 2, "again is nothing, also behind another"
    assert submit(ledger, write(tmp_path / "1.txt", student(1)), ACTOR).accepted == 3


def test_a_submission_date_in_the_future_is_refused(database: Database, new_ledger: NewLedger) -> None:
    # The second of September begins in Oregon at 07:00 UTC; the file may be dated one day ahead.
    early = new_ledger(database, clock=lambda: datetime(2025, 9, 1, 6, 59, tzinfo=UTC))
    with pytest.raises(SubmissionRefused) as refused:
        submit(early, EXAMPLE, ACTOR)
    assert refused.value.rule == "submission-date"
    in_time = new_ledger(database, clock=lambda: datetime(2025, 9, 1, 7, 0, tzinfo=UTC))
    assert submit(in_time, EXAMPLE, ACTOR).accepted == 11


def test_a_file_without_a_student_is_answered_once(ledger: Ledger, tmp_path: Path) -> None:
    nothing = submit(ledger, write(tmp_path / "0.txt"), ACTOR)
    assert (nothing.rows, nothing.students_new) == (0, 0)
    orphans = write(tmp_path / "1.txt", student(1)[1:], night=NEXT_NIGHT)
    with pytest.raises(BrokenOff):
        submit(ledger, orphans, ACTOR, progress=breaking_after(1))
    report = submit(ledger, orphans, ACTOR)
    assert (report.rows, report.refused) == (2, 2)


def test_a_file_that_is_not_there_is_the_caller_s_error(ledger: Ledger, tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        submit(ledger, tmp_path / "none.txt", ACTOR)
    assert ledger.log.head() == 0


# -- one after another


def test_another_file_under_the_same_date_is_refused(ledger: Ledger, tmp_path: Path) -> None:
    submit(ledger, write(tmp_path / "1.txt", student(1)), ACTOR)
    head = ledger.log.head()
    with pytest.raises(SubmissionDateReused):
        submit(ledger, write(tmp_path / "2.txt", student(2)), ACTOR)
    assert ledger.log.head() == head


def test_an_older_file_is_late(ledger: Ledger, tmp_path: Path) -> None:
    submit(ledger, write(tmp_path / "2.txt", student(1), night=NEXT_NIGHT), ACTOR)
    head = ledger.log.head()
    with pytest.raises(SubmissionLate):
        submit(ledger, write(tmp_path / "1.txt", student(1, "C|001|Algebra")), ACTOR)
    assert ledger.log.head() == head
    assert submit(ledger, write(tmp_path / "ca.txt", student(1, state="CA"), state="CA"), ACTOR).accepted == 3


def test_a_late_file_adds_what_is_missing_and_touches_nothing_that_is_there(ledger: Ledger, tmp_path: Path) -> None:
    summer = {"enrollment_date": "20250623", "enrollment_type": "03", "school_or_project_name": "Valor"}
    submit(ledger, write(tmp_path / "2.txt", student(1, child("E", **summer, grade_level="08"))), ACTOR)
    newest = student(1, "C|001|Algebra", action="U")
    submit(ledger, write(tmp_path / "3.txt", newest, night="20250904020000000"), ACTOR)
    before = content(ledger)["OR OR0000001"]
    older = student(1, child("E", **summer), "C|002|History", "C|001|Algebra", action="U", name="Wilbur")
    path = write(tmp_path / "late.txt", older, student(3), night=NEXT_NIGHT)
    report, answers = answered(ledger, path, late=True)
    assert [answers[row].outcome for row in range(2, 8)] == ["unchanged"] * 4 + ["accepted", "unchanged"]
    assert {row for row in answers if "superseded" in [f.rule for f in answers[row].findings]} == {3, 5}
    assert (report.accepted, report.unchanged, report.refused) == (4, 5, 0)
    added = content(ledger)["OR OR0000001"][len(before) :]
    assert [event.elements["course_title"] for event in added if isinstance(event, CourseReported)] == ["History"]
    assert len(added) == 1
    assert ledger.record_of("OR", "OR0000003"), "a record that is not there is opened"
    assert counts(submit(ledger, path, ACTOR, late=True)) == counts(report)


def test_a_late_file_brings_nothing_back(ledger: Ledger, tmp_path: Path) -> None:
    submit(ledger, write(tmp_path / "1.txt", student(1, "C|001|Algebra"), student(2)), ACTOR)
    ledger.execute(RetractFact(state="OR", state_student_id="OR0000001", fact=3), Meta(actor="registrar"))
    gone = [student(1, action="U"), ["S|0000002||OR|OR0000002|02|D"]]
    submit(ledger, write(tmp_path / "3.txt", *gone, night="20250904020000000"), ACTOR)
    head = ledger.log.head()
    older = [student(1, "C|001|Algebra", action="D"), student(2, "C|001|Algebra")]
    report, answers = answered(ledger, write(tmp_path / "late.txt", *older, night=NEXT_NIGHT), late=True)
    assert (report.unchanged, report.accepted, report.events) == (8, 0, 0)
    assert all("superseded" in [f.rule for f in answer.findings] for answer in answers.values())
    assert {r.stream for r in ledger.log.read(head, 100)} == {"submission/OR/20250903020000000"}
    again = write(tmp_path / "again.txt", student(1, "C|001|Algebra", action="U"), night="20250903030000000")
    report, answers = answered(ledger, again, late=True)
    assert (report.unchanged, report.events) == (4, 0)
    assert "superseded" in [f.rule for f in answers[5].findings], "the fact was retracted since"


def test_a_file_in_time_is_applied_as_ever_where_late_is_allowed(ledger: Ledger, tmp_path: Path) -> None:
    submit(ledger, write(tmp_path / "1.txt", student(1)), ACTOR)
    renamed = write(tmp_path / "2.txt", student(1, name="Isaí", action="U"), night=NEXT_NIGHT)
    assert submit(ledger, renamed, ACTOR, late=True).accepted == 1


def test_a_row_among_another_student_s_rows_names_no_child(ledger: Ledger, tmp_path: Path) -> None:
    stray = "D|0000009|001|Ana||Pablo|||Female|20100101"
    report, answers = answered(ledger, write(tmp_path / "1.txt", [*student(1), stray, "X|0000009|what"], student(2)))
    assert report.refused == 2
    assert [answers[row].state_student_id for row in (2, 5, 7)] == ["OR0000001", "", "OR0000002"]


@pytest.mark.parametrize(
    ("row", "named"),
    [
        ("X|0000001|what", ("0000001", "OR0000001")),
        ("e|1|001", ("1", "OR0000001")),
        ("X|0000002|what", ("0000002", "")),
        ("X|0000009|what", ("", "")),
        ("End of Ana's file", ("", "")),
        ("Ana|Pablo", ("", "")),
    ],
)
def test_a_row_of_no_table_names_its_student_where_it_carries_her_id(
    ledger: Ledger, tmp_path: Path, row: str, named: tuple[str, str]
) -> None:
    _, answers = answered(ledger, write(tmp_path / "1.txt", [*student(1), row], student(2)))
    assert answers[5].letter == "?"
    assert (answers[5].student_record_id, answers[5].state_student_id) == named


def test_a_refused_later_file_makes_none_late(ledger: Ledger, tmp_path: Path) -> None:
    with pytest.raises(SubmissionRefused):
        submit(ledger, write(tmp_path / "2.txt", student(1), night=NEXT_NIGHT, claims="9|9"), ACTOR)
    assert submit(ledger, write(tmp_path / "1.txt", student(1)), ACTOR).accepted == 3


def test_what_was_broken_off_is_late_once_a_later_file_was_applied(ledger: Ledger, tmp_path: Path) -> None:
    first = write(tmp_path / "1.txt", student(1), student(2, name="Isaí"))
    with pytest.raises(BrokenOff):
        submit(ledger, first, ACTOR, chunk_rows=1, progress=breaking_after(1))
    submit(ledger, write(tmp_path / "2.txt", student(1), student(2), night=NEXT_NIGHT), ACTOR)
    head = ledger.log.head()
    with pytest.raises(SubmissionLate):
        submit(ledger, first, ACTOR)
    assert ledger.log.head() == head


def test_a_completed_file_is_answered_again_behind_a_later_one(ledger: Ledger, tmp_path: Path) -> None:
    path = write(tmp_path / "1.txt", student(1))
    first = submit(ledger, path, ACTOR)
    submit(ledger, write(tmp_path / "2.txt", student(1), night=NEXT_NIGHT), ACTOR)
    assert counts(submit(ledger, path, ACTOR)) == counts(first)


# -- broken off


@pytest.fixture
def six(tmp_path: Path) -> Path:
    rows = [student(n, "E|001|20250623|03|Valor", "E|002|20259999|03|Valor") for n in range(1, 7)]
    return write(tmp_path / "six.txt", *rows)


@pytest.mark.parametrize("chunks", [1, 2, 3])
def test_a_run_that_was_broken_off_goes_on_and_ends_as_if_it_had_not_been(
    new_database: Callable[[], Database], new_ledger: NewLedger, six: Path, chunks: int
) -> None:
    undisturbed = new_ledger(new_database())
    whole, told = answered(undisturbed, six, chunk_rows=10)
    database = new_database()
    with pytest.raises(BrokenOff):
        submit(new_ledger(database), six, ACTOR, chunk_rows=10, progress=breaking_after(chunks))
    second = new_ledger(database)
    head = second.log.head()
    report, answers = answered(second, six, chunk_rows=10)
    assert counts(report) == counts(whole)
    assert content(second) == content(undisturbed)
    assert {row: answer.outcome for row, answer in answers.items()} == {row: a.outcome for row, a in told.items()}
    assert second.log.head() > head
    assert not [r for r in second.log.read(head, 1_000) if r.stream == stream_of(second, 1)]


def test_a_run_that_was_broken_off_goes_on_in_chunks_of_another_size(ledger: Ledger, six: Path) -> None:
    with pytest.raises(BrokenOff):
        submit(ledger, six, ACTOR, chunk_rows=5, progress=breaking_after(2))
    report = submit(ledger, six, ACTOR)
    assert (report.rows, report.accepted, report.refused, report.students_new) == (30, 24, 6, 6)


def test_progress_is_told_in_rows_of_the_whole_file(ledger: Ledger, six: Path) -> None:
    told: list[tuple[int, int]] = []
    with pytest.raises(BrokenOff):
        submit(ledger, six, ACTOR, chunk_rows=10, progress=breaking_after(1))
    submit(ledger, six, ACTOR, chunk_rows=10, progress=lambda done, total: told.append((done, total)))
    assert told == [(20, 30), (30, 30)]


# -- at once


def test_the_same_file_from_two_sides_at_once_is_applied_once(
    new_database: Callable[[], Database], new_ledger: NewLedger, tmp_path: Path
) -> None:
    database = new_database()
    path = write_samples(tmp_path, ["OR"], 40, 3, datetime(2025, 9, 2).date())[0]
    ledgers = [new_ledger(database) for _ in range(3)]
    with ThreadPoolExecutor() as pool:
        reports = list(pool.map(lambda one: submit(one, path, ACTOR, chunk_rows=30), ledgers))
    assert counts(reports[0]) == counts(reports[1]) == counts(reports[2])
    alone = new_ledger(new_database())
    submit(alone, path, ACTOR, chunk_rows=30)
    assert content(alone) == content(ledgers[0])


def test_one_state_waits_for_its_own_file_and_another_does_not(
    database: Database, new_ledger: NewLedger, tmp_path: Path
) -> None:
    under_way, go_on = threading.Event(), threading.Event()

    def hold(done: int, total: int) -> None:
        under_way.set()
        assert go_on.wait(30)

    oregon, later, california = new_ledger(database), new_ledger(database), new_ledger(database)
    first = write(tmp_path / "1.txt", student(1))
    second = write(tmp_path / "2.txt", student(1), night=NEXT_NIGHT)
    other = write(tmp_path / "ca.txt", student(1, state="CA"), state="CA")
    with ThreadPoolExecutor() as pool:
        running = pool.submit(submit, oregon, first, ACTOR, progress=hold)
        try:
            assert under_way.wait(30)
            waiting = pool.submit(submit, later, second, ACTOR)
            assert submit(california, other, ACTOR).accepted == 3
            assert not waiting.done()
        finally:
            go_on.set()
        assert running.result(30).position < waiting.result(30).position
    assert waiting.result().unchanged == 3


def interfering(ledger: Ledger, monkeypatch: pytest.MonkeyPatch, interfere: Callable[[], object]) -> None:
    """Do something between a chunk's decision and its append, once."""
    hand_over = ledger.log.sequencer.submit
    left = [interfere]

    def interrupted(what: SealedAppend) -> Future[Receipt]:
        if left and any(part.stream.startswith("record/") for part in what.parts):
            left.pop()()
        return hand_over(what)

    monkeypatch.setattr(ledger.log.sequencer, "submit", interrupted)


def test_a_record_that_changed_meanwhile_is_decided_anew(
    database: Database, new_ledger: NewLedger, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ledger, registrar = new_ledger(database), new_ledger(database)
    submit(ledger, write(tmp_path / "1.txt", student(1), student(2)), ACTOR)
    algebra = PlaceFact(state="OR", state_student_id="OR0000001", row=course(None))
    interfering(ledger, monkeypatch, lambda: registrar.execute(algebra, Meta(actor="registrar")))
    path = write(
        tmp_path / "2.txt",
        student(1, child("C", course_title="Algebra I", begin_academic_year="2025", clock_hours="54"), "C|002|History"),
        student(2, "C|001|Art"),
        night=NEXT_NIGHT,
    )
    report, answers = answered(ledger, path)
    assert [answers[row].outcome for row in (5, 6)] == ["unchanged", "accepted"]
    assert (report.accepted, report.unchanged, report.events) == (2, 7, 2)
    state = fold(events_of(ledger, stream_of(ledger, 1)))
    assert state is not None
    assert sorted(f.elements["course_title"] for f in state.facts.values() if f.letter == "C") == [
        "Algebra I",
        "History",
    ]


def test_a_record_that_was_opened_meanwhile_is_not_opened_twice(
    database: Database, new_ledger: NewLedger, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ledger, registrar = new_ledger(database), new_ledger(database)
    placed = msgspec.structs.replace(student_rows(move(None)), state_student_id="OR0000001")
    opens = PlaceStudent(state="OR", state_student_id="OR0000001", student=placed, new_student_id="")
    interfering(ledger, monkeypatch, lambda: registrar.execute(opens, Meta(actor="registrar")))
    report = submit(ledger, write(tmp_path / "1.txt", student(1), student(2)), ACTOR)
    assert (report.rows, report.students_new) == (6, 1)
    said_of_it = events_of(ledger, stream_of(ledger, 1))
    assert [isinstance(event, RecordOpened) for event in said_of_it] == [True] + [False] * (len(said_of_it) - 1)


def test_a_run_ends_where_another_process_has_taken_its_submission_over(
    ledger: Ledger, six: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    taken = said.ChunkApplied(
        chunk=1, students=6, accepted=24, unchanged=0, refused=6, warned=0, events=0, students_new=0
    )
    part = Part(stream=SUBMISSION, subject=LEDGER[0], expected=None, events=[taken])
    append = ledger.log.append
    interfering(ledger, monkeypatch, lambda: append(Append(parts=[part], meta=Meta(actor="another"))))
    with pytest.raises(StaleDecision):
        submit(ledger, six, ACTOR)
    assert ledger.record_of("OR", "OR0000001") is None


def test_a_run_that_has_lost_its_lock_puts_nothing_over_a_later_file(
    database: Database, new_ledger: NewLedger, tmp_path: Path
) -> None:
    ledger, other = new_ledger(database), new_ledger(database)
    older = write(tmp_path / "1.txt", student(1), student(2))
    later = write(tmp_path / "2.txt", student(1), student(2), night=NEXT_NIGHT)

    def lose(*_: int) -> None:
        with database.connect() as conn:
            conn.execute(
                "select pg_terminate_backend(pid) from pg_stat_activity"
                " where application_name = 'sojourn submission' and datname = current_database()"
            )
        submit(other, later, ACTOR)

    with pytest.raises(StoreUnavailable):
        submit(ledger, older, ACTOR, chunk_rows=1, progress=lose)
    assert {r.meta.submission for r in other.log.read_stream(stream_of(other, 2))} == {f"OR-{NEXT_NIGHT}"}
    with pytest.raises(SubmissionLate):
        submit(ledger, older, ACTOR)


# -- whatever comes


def damaged(rows: list[str], chance: random.Random) -> Iterator[str]:
    """The rows of a file with every habit of a tired exporter."""
    for row in rows:
        fields = row.split("|")
        kind = chance.randrange(14)
        if kind == 0:
            continue
        if kind == 1:
            yield row
        elif kind == 2:
            fields[0] = chance.choice("SDQECAIKX?")
        elif kind == 3:
            fields[1] = chance.choice(["", "0000001", "abc", "0000002"])
        elif kind == 4:
            fields[chance.randrange(len(fields))] = chance.choice(["", "20259999", "\u00e9" * 300, "None"])
        elif kind == 5:
            fields = fields[: chance.randrange(1, len(fields) + 1)]
        elif kind == 6:
            fields += ["more"] * 40
        elif kind == 7:
            yield ""
        yield "|".join(fields)


def test_every_row_is_counted_and_answered_once_whatever_the_file_holds(ledger: Ledger, tmp_path: Path) -> None:
    chance = random.Random(20250902)
    clean = write_samples(tmp_path, ["OR"], 12, 5, datetime(2025, 9, 2).date())[0].read_text().splitlines()[1:]
    seen: set[str] = set()
    for day in range(1, 25):
        rows = list(damaged(clean, chance))
        students, total = sum(row.split("|")[0] == "S" for row in rows), sum(1 for row in rows if row)
        night = f"202508{day:02d}020000000"
        path = write(tmp_path / "bad.txt", rows, night=night, claims=f"{students}|{total}")
        report, answers = answered(ledger, path, chunk_rows=chance.choice([1, 20, 4_000]))
        assert report.rows == total == report.accepted + report.unchanged + report.refused == len(answers)
        outcomes = [answer.outcome for answer in answers.values()]
        assert {name: outcomes.count(name) for name in ("accepted", "unchanged", "refused")} == {
            "accepted": report.accepted,
            "unchanged": report.unchanged,
            "refused": report.refused,
        }
        assert all(answer.findings for answer in answers.values() if answer.outcome == "refused")
        assert report.warned == sum(any(f.level == "warned" for f in a.findings) for a in answers.values())
        seen |= {finding.rule for answer in answers.values() for finding in answer.findings}
        head = ledger.log.head()
        assert counts(submit(ledger, path, ACTOR)) == counts(report)
        assert ledger.log.head() == head
    assert len(seen) > 10, "the damage reaches many rules"
