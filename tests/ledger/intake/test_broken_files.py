"""Every case of the corpus gets exactly the answer that it must get, and nothing of it stays behind."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from ledger.errors import SubmissionRefused
from ledger.facts import StudentRows
from ledger.intake.layout import RawStudent, scan, students
from ledger.intake.sources import opened
from ledger.intake.student import place_student
from ledger.jurisdiction import Profile
from ledger.rulebook import RULES
from support.broken_files import BrokenFile, Found, corpus, file_of, text_of

KEY = bytes(range(32))
CORPUS = corpus()


def told(
    one: StudentRows,
) -> tuple[str, str, dict[str, str], list[tuple[str, str | None, tuple[tuple[str, str], ...]]]]:
    """What is to be applied of a student, whatever the order of the rows in the file."""
    rows = sorted((row.letter, row.record_id, tuple(sorted(row.elements.items()))) for row in one.rows)
    return one.state_student_id, one.action, one.elements, rows


def applied(read: list[RawStudent]) -> dict[str, object]:
    return {one.student.state_student_id: told(one.student) for one in read if one.student is not None}


def found(read: list[RawStudent]) -> list[Found]:
    return sorted(
        Found(row.number, row.letter, one.rule, one.element, one.level)
        for raw in read
        for row in raw.found
        for one in row.findings
    )


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> dict[str, object]:
    path = file_of(text_of())(tmp_path_factory.mktemp("plain"))
    return applied(list(students(path)))


@pytest.fixture
def spool(tmp_path: Path) -> Iterator[Path]:
    folder = tmp_path / "spool"
    folder.mkdir()
    yield folder / "night.spool"
    assert not list(folder.iterdir()), "nothing stays behind"


def test_the_corpus_has_more_than_two_hundred_files() -> None:
    assert len(CORPUS) > 200


def test_the_file_that_all_are_made_of_has_no_fault_in_a_record_either(tmp_path: Path) -> None:
    for one in students(file_of(text_of())(tmp_path)):
        assert one.student is not None
        decision = place_student(one.student, None, "999999999999", Profile())
        assert {(row.outcome, *(found.rule for found in row.findings)) for row in decision.outcomes} == {("accepted",)}


@pytest.mark.parametrize("case", CORPUS, ids=[case.name for case in CORPUS])
def test_a_file_gets_its_answer(case: BrokenFile, tmp_path: Path, spool: Path, plain: dict[str, object]) -> None:
    sent = tmp_path / "sent"
    sent.mkdir()
    if case.system is not None:
        with for_everybody() as folder:
            path = case.build(folder)
            with as_nobody(), pytest.raises(case.system), opened(path, spool, KEY) as source:
                source.whole()
        return
    path = case.build(sent)
    if case.refused is not None:
        with pytest.raises(SubmissionRefused) as caught, opened(path, spool, KEY) as source:
            scan(source.whole())
        refusal = caught.value
        assert (refusal.rule, refusal.row) == case.refused[:2]
        assert RULES[refusal.rule].level == "file" or refusal.row == 1
        assert refusal.remedy
        assert refusal.what.startswith(f"{case.refused.table}: " if case.refused.table else "")
        assert not isinstance(refusal.__context__, UnicodeError), "it would carry a child's data"
        return
    with opened(path, spool, KEY) as source:
        looked = source.whole()
        assert source.header().state == "OR"
        read = list(students(looked, scanned=scan(looked)))
        assert [(one.rule, one.table) for one in source.findings] == list(case.warned)
        assert all(RULES[one.rule].level == "warned" for one in source.findings)
    assert found(read) == sorted(case.found)
    now = applied(read)
    assert tuple(now) == case.applied
    if case.as_sent:
        assert now == {student: plain[student] for student in case.applied}
    assert sum(one.row_count for one in read) == source.header().rows


@contextmanager
def for_everybody() -> Iterator[Path]:
    """A folder that any user may enter, which pytest's own is not."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        yield Path(folder)


@contextmanager
def as_nobody() -> Iterator[None]:
    """Root may read everything, so what the system refuses is asked for as nobody."""
    me = os.geteuid()
    if me == 0:
        os.seteuid(65534)
    try:
        yield
    finally:
        if me == 0:
            os.seteuid(0)
