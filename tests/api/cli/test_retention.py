"""``sojourn retention`` and ``sojourn hold``: one proposes, another approves, and each is told what is in the way."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from msgspec.structs import replace

from ledger.application import Ledger
from ledger.events import Meta
from ledger.record import PlaceStudent
from ledger.retention.schedules import Since
from ledger.store.database import Database
from support.command_line import CommandLine
from support.disposals import ANA, schedule
from support.rows import demographics, move, student

BEN = ("--as", "ben@example.org")
WHY = ("--reason", "A court asks for it.")
NOBODY = "01990000-0000-7000-8000-0000000000b1"


@pytest.fixture
def student_id(database: Database, new_ledger: Callable[..., Ledger]) -> str:
    """Of one record of Oregon that is due: of age, and not eligible for years."""
    ledger = new_ledger(database)
    for record_class, since, years in (("education", Since.BIRTH, 20), ("eligibility", Since.ELIGIBILITY_END, 3)):
        ledger.keeping.set_schedule(schedule(record_class, (since, years)), ANA)
    rows = student(
        demographics(None, birth_date="2000-05-09"),
        move(None, qualifying_arrival_date="2010-04-18", eligibility_expiration_date="2013-04-17"),
    )
    command = PlaceStudent(
        state="OR",
        state_student_id="1",
        student=replace(rows, state="OR", state_student_id="1"),
        new_student_id="",
    )
    return ledger.execute(command, Meta(actor="OR batch")).student_id


def subject_of(sojourn: CommandLine) -> str:
    [line] = [one for one in sojourn.json("retention", "due") if one["record_class"] == "education"]
    return line["subject"]


def proposed(sojourn: CommandLine) -> str:
    told = sojourn.run("retention", "dispose", subject_of(sojourn), "--class", "education", "--yes")
    return told.stdout.strip()


def test_who_approves_on_the_command_line_leaves_no_certificate_in_a_folder_of_the_own(
    sojourn: CommandLine, student_id: str, tmp_path: Path
) -> None:
    """He need not be the service's user, and where the service does not look nobody finds it."""
    sojourn.environment["XDG_DATA_HOME"] = str(tmp_path / "home")
    sojourn.run("retention", "dispose", "--approve", proposed(sojourn), "--yes", *BEN)
    assert not list(tmp_path.glob("**/certificates"))


def test_what_is_due_is_listed_in_lines_and_narrowed(sojourn: CommandLine, student_id: str) -> None:
    lines = sojourn.run("retention", "due").stdout.splitlines()
    assert [line.split()[:2] for line in lines] == [["eligibility", "OR"], ["education", "OR"]]
    assert student_id not in "".join(lines)
    assert sojourn.run("retention", "due", "--state", "CA").stdout == ""
    assert [one["student_id"] for one in sojourn.json("retention", "due", "--class", "education")] == [student_id]


def test_no_birth_date_follows_from_what_is_printed_or_kept(
    sojourn: CommandLine, student_id: str, tmp_path: Path
) -> None:
    """Born on 9 May 2000 and due at twenty: since 10 May 2020."""
    told = [sojourn.run("retention", "due").stdout, json.dumps(sojourn.json("retention", "due"))]
    preview = sojourn.run("retention", "dispose", subject_of(sojourn), "--class", "education", "--yes")
    disposal = preview.stdout.strip()
    sojourn.run("retention", "dispose", "--approve", disposal, "--yes", *BEN)
    sojourn.run("retention", "dispose", "--certificate", disposal, "--out", tmp_path / "c.json")
    told += [preview.stderr, (tmp_path / "c.json").read_text()]
    for text in told:
        for day in ("2020-05-10", "2000-05-09", "2016-04-18", "2013-04-17"):
            assert day not in text


def test_one_proposes_another_approves_and_the_certificate_is_written(
    sojourn: CommandLine, student_id: str, tmp_path: Path
) -> None:
    told = sojourn.run("retention", "dispose", subject_of(sojourn), "--class", "education", "--yes")
    disposal = told.stdout.strip()
    assert "key " in told.stderr, "what goes is printed before"
    assert f"--approve {disposal}" in told.stderr
    own = sojourn.run("retention", "dispose", "--approve", disposal, "--yes", code=1)
    assert "Whoever proposed this does not approve it." in own.stderr
    assert sojourn.run("retention", "dispose", "--approve", disposal, "--yes", *BEN).stdout == (
        f"Disposal {disposal} is done.\n"
    )
    assert sojourn.json("retention", "due") == []
    sojourn.run("retention", "dispose", "--certificate", disposal, "--out", tmp_path / "c.json")
    certificate = json.loads((tmp_path / "c.json").read_text())
    assert (certificate["approved_by"], certificate["counts"]["records"]) == (BEN[1], 1)
    assert "was destroyed, as a schedule says" in sojourn.run("student", student_id, code=1).stderr


def test_a_hold_is_placed_over_a_student_and_named_where_it_is_in_the_way(
    sojourn: CommandLine, student_id: str
) -> None:
    disposal, subject = proposed(sojourn), subject_of(sojourn)
    hold = sojourn.run("hold", "place", "--records", student_id, *WHY).stdout.strip()
    refused = sojourn.run("retention", "dispose", "--approve", disposal, "--yes", *BEN, code=1).stderr
    assert f"{subject}: held_by legal {hold}" in refused
    assert [one["hold"] for one in sojourn.json("hold", "list")] == [hold]
    assert sojourn.run("hold", "release", hold, "--reason", "Settled.").stdout == f"Hold {hold} is released.\n"
    assert sojourn.run("hold", "list").stdout == ""
    assert "standing" not in sojourn.run("hold", "list", "--released").stdout


def test_nothing_is_proposed_where_who_is_asked_says_no(sojourn: CommandLine, student_id: str) -> None:
    """Standard input has ended: that is no yes."""
    sojourn.run("retention", "dispose", subject_of(sojourn), "--class", "education", code=1)
    disposal = proposed(sojourn)
    sojourn.run("retention", "dispose", "--approve", disposal, *BEN, code=1)
    assert len(sojourn.json("retention", "due", "--class", "education")) == 1


def test_it_is_refused_with_a_reason_and_withdrawn_by_who_proposed_it(sojourn: CommandLine, student_id: str) -> None:
    first, second = proposed(sojourn), proposed(sojourn)
    assert sojourn.json("retention", "dispose", "--refuse", first, *WHY, *BEN)["status"] == "refused"
    assert sojourn.json("retention", "dispose", "--withdraw", second)["status"] == "withdrawn"


def test_a_key_that_a_backup_brought_back_is_destroyed_again_and_nothing_else(
    sojourn: CommandLine, student_id: str, database: Database
) -> None:
    assert student_id
    with database.connect() as conn:
        rows = conn.execute("select count(*) from vault.keys").fetchall()
        conn.execute("create table kept_keys as select * from vault.keys")
    sojourn.run("retention", "dispose", "--approve", proposed(sojourn), "--yes", *BEN)
    with database.connect() as conn:
        conn.execute("alter table vault.keys disable trigger user")
        conn.execute("insert into vault.keys select * from kept_keys on conflict do nothing")
        conn.execute("alter table vault.keys enable trigger user")
        assert conn.execute("select count(*) from vault.keys").fetchall() == rows
    for there in (2, 0):
        assert sojourn.run("retention", "dispose", "--again").stdout.startswith(f"{there} keys ")


@pytest.mark.parametrize(
    "words",
    [
        ("retention", "dispose"),
        ("retention", "dispose", NOBODY),
        ("retention", "dispose", "--approve", NOBODY, "--refuse", NOBODY),
        ("retention", "dispose", "--refuse", NOBODY),
        ("hold", "place", *WHY),
        ("hold", "place", *WHY, "--state", "OR", "--all"),
        ("hold", "place", *WHY, "--all", "--until", "soon"),
    ],
)
def test_what_makes_no_sense_is_told_before_anything_is_opened(sojourn: CommandLine, words: tuple[str, ...]) -> None:
    sojourn.run(*words, code=2)
