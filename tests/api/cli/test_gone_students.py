"""What the command line says of a student of whom all was destroyed, and hands over of one of whom a record is left."""

from __future__ import annotations

import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest

from ledger.application import Ledger
from ledger.retention.schedules import Since
from ledger.store.database import Database
from support.casework import Work
from support.command_line import CommandLine
from support.disposals import ANA, BY, schedule
from support.gone import DISPOSAL, destroy
from support.notarized import KEY

WHY = ("--reason", "The same mother.")
GONE, LEFT, OTHER = "GONE-1", "LEFT-2", "OTHER-3"


class Children(NamedTuple):
    """gone: by herself, and destroyed. shown: the id of a student whose own record was destroyed; left: that of the
    record that is left of her."""

    gone: str
    shown: str
    left: str
    other: str


@pytest.fixture
def children(database: Database, new_ledger: Callable[..., Ledger]) -> Children:
    ledger = new_ledger(database)
    ledger.keeping.set_schedule(schedule("education", (Since.BIRTH, 20), state="OR"), ANA)
    work = Work(ledger)
    made = Children(work.opened("OR", "1"), work.opened("OR", GONE), work.opened("CA", LEFT), work.opened("TX", OTHER))
    work.merged(made.shown, made.left)
    for minted in (made.gone, made.shown):
        destroy(ledger, work.record(minted))
    return made


@pytest.fixture
def signing(sojourn: CommandLine, tmp_path: Path) -> CommandLine:
    return sojourn.but(signing_key=KEY.text(), signed=tmp_path)


def test_whatever_is_asked_of_a_gone_id_says_since_when_it_is_gone_and_by_which_schedule(
    signing: CommandLine, children: Children, tmp_path: Path
) -> None:
    gone, out = children.gone, tmp_path / "gone.zip"
    for words in (
        ("student", gone),
        ("student", gone, "--as-of", 2),
        ("student", gone, "--effective-on", "2025-05-01"),
        ("history", gone),
        ("diff", gone, 1),
        ("diff", gone, 2, 3),
        ("export", out, "--student", gone),
        ("export", out, "--student", gone, "--log", "access"),
        ("merge", gone, children.other, "--master", gone, *WHY),
        ("merge", children.other, gone, "--master", gone, *WHY),
        ("split", gone, "--records", f"TX:{OTHER}", *WHY),
        ("hold", "place", "--records", gone, *WHY),
        ("access", "explain", "nobody", "student.read", gone),
    ):
        done = signing.run(*words, code=1)
        assert done.stdout == "", words
        what, when, remedy = done.stderr.splitlines()
        assert what == "sojourn: All that was kept under this student id was destroyed, as a schedule says.", words
        assert when.startswith("  On 20"), words
        assert when.endswith(f", by schedule education/OR/1 ({BY}); disposal {DISPOSAL}."), words
        assert "certificate" in remedy, words
    assert not out.exists()


def test_a_bundle_of_a_student_of_whom_a_record_is_left_opens_nothing_of_what_went(
    signing: CommandLine, children: Children, tmp_path: Path
) -> None:
    for student in (children.shown, children.left):
        out = tmp_path / f"{student} ledger.zip"
        signing.run("export", out, "--student", student)
        assert signing.run("verify", out, "--key", KEY.verifier.text()).stdout.startswith("PROVEN")
        signing.run("export", tmp_path / f"{student} access.zip", "--student", student, "--log", "access")
        with zipfile.ZipFile(tmp_path / f"{student} ledger.zip") as zipped:
            index = zipped.read("index.txt").decode()
        assert LEFT in index
        assert "students-merged" in index, "what joined her is told"
        assert GONE not in index


def test_she_is_read_and_joined_by_the_id_that_she_shows(signing: CommandLine, children: Children) -> None:
    read = [signing.json("student", student)["student_id"] for student in (children.shown, children.left)]
    assert read == [children.shown, children.shown]
    assert "destroyed" in signing.run("student", children.shown, "--as-of", 9, code=1).stderr
    case = signing.json("merge", children.shown, children.other, "--master", children.shown, *WHY)["case"]
    assert signing.json("answer", case, "yes", *WHY, "--as", "operator ben")["outcome"] == "settled"
    assert signing.json("student", children.other)["student_id"] == children.shown
    assert "hold" in signing.json("hold", "place", "--records", children.shown, *WHY)
    told = signing.run("access", "explain", "nobody", "student.read", children.shown, code=1)
    assert "There is no token and no account of the name nobody." in told.stderr
    signing.run("checkpoint")
    assert "WRONG" not in signing.run("verify").stdout, "the guards say what the log does"
