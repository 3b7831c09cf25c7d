"""``sojourn sample`` and ``sojourn submit``: data on stdout, talk on stderr, an answer for each row, exit codes."""

from __future__ import annotations

import csv
import errno
import json
import os
import tempfile
from pathlib import Path

import pytest

from api.cli.submit import _unread
from ledger.application import Ledger
from ledger.errors import BadValue
from ledger.events import Meta
from ledger.events.disclosure import BulkDisclosed
from ledger.record import EnrollmentKey, Withdraw
from ledger.store.database import Database
from support.command_line import CommandLine
from support.files import EXAMPLE, NEXT_NIGHT, child, student, write

FIELDS = [
    "submission",
    "state",
    "rows",
    "accepted",
    "unchanged",
    "refused",
    "warned",
    "events",
    "students_new",
    "students_linked",
    "near_matches",
    "position",
    "seconds",
]


def read(path: Path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as lines:
        return list(csv.DictReader(lines))


def test_the_example_is_submitted_shown_and_again_nothing(sojourn: CommandLine) -> None:
    first = sojourn.json("submit", EXAMPLE)
    assert list(first) == FIELDS
    assert (first["submission"], first["state"]) == ("OR-20250902020000000", "OR")
    assert (first["rows"], first["accepted"], first["students_new"], first["events"]) == (11, 11, 2, 15)
    again = sojourn.json("submit", EXAMPLE)
    assert {**again, "seconds": 0} == {**first, "seconds": 0}
    listed = sojourn.run("students", "--csv").stdout.splitlines()
    assert listed[0] == "state,state_student_id,student_id"
    assert [line.split(",")[1] for line in listed[1:]] == ["OR5540012", "OR5540013"]
    names = [sojourn.json("student", line.split(",")[2])["core"]["first_name"] for line in listed[1:]]
    assert names == ["María Guadalupe", "Wilber"]


def test_a_warning_on_the_file_as_a_whole_is_told_wherever_its_rows_are(sojourn: CommandLine, tmp_path: Path) -> None:
    path = tmp_path / "1.txt"
    path.write_bytes(EXAMPLE.read_bytes().decode().encode("windows-1252"))
    response = tmp_path / "response.csv"
    done = sojourn.run("submit", path, "--response", response)
    first = read(response)[0]
    assert (first["row"], first["letter"], first["outcome"], first["rule"]) == ("1", "H", "", "windows-1252")
    assert f"{path}: {first['message']}\n  {first['remedy']}" in done.stderr
    assert "no longer kept" not in done.stderr
    again = sojourn.json("submit", path)
    assert list(again) == [*FIELDS, "warnings"]
    assert [(w["rule"], w["message"]) for w in again["warnings"]] == [("windows-1252", first["message"])]
    assert again["rows"] == again["accepted"] == 11


def test_a_small_file_s_students_are_named_to_a_reader(sojourn: CommandLine) -> None:
    done = sojourn.run("submit", EXAMPLE)
    assert done.stdout.startswith("OR-20250902.txt: 11 rows: 11 accepted, 0 unchanged, 0 refused")
    ids = [line.split()[-1] for line in done.stderr.splitlines() if "sojourn student" in line]
    assert len(ids) == 2
    assert "Valor Middle School" in sojourn.run("student", ids[0]).stdout


def test_refused_rows_are_exit_3_and_stand_in_the_response(sojourn: CommandLine, tmp_path: Path) -> None:
    bad = student(1, "E|001|20259999|03|Valor")
    path = write(tmp_path / "1.txt", [row.replace("|Male|", "|M|") for row in bad], student(2))
    response = tmp_path / "response.csv"
    report = sojourn.json("submit", path, "--response", response, code=3)
    assert (report["rows"], report["accepted"], report["refused"], report["warned"]) == (7, 6, 1, 1)
    rows = read(response)
    assert response.read_text().splitlines()[0] == (
        "row,letter,student_record_id,state_student_id,outcome,element,value,rule,message,remedy,student_id"
    )
    assert [int(row["row"]) for row in rows] == list(range(2, 9))
    refused = rows[3]
    assert (refused["letter"], refused["outcome"], refused["element"], refused["value"]) == (
        "E",
        "refused",
        "enrollment_date",
        "20259999",
    )
    assert refused["rule"]
    assert refused["message"]
    assert refused["remedy"]
    warned = rows[1]
    assert (warned["outcome"], warned["element"], warned["value"]) == ("accepted", "sex", "M")
    assert {row["student_id"] for row in rows if row["outcome"] == "accepted"} == {
        line.split(",")[2] for line in sojourn.run("students").stdout.splitlines()[1:]
    }


def test_a_withdrawal_before_its_enrollment_is_told_in_the_same_words_in_a_file_and_as_a_command(
    sojourn: CommandLine, ledger: Ledger, tmp_path: Path
) -> None:
    early = child("E", enrollment_date="20250623", enrollment_type="01", withdrawal_date="20250622")
    response = tmp_path / "response.csv"
    sojourn.run("submit", write(tmp_path / "1.txt", student(1, early)), "--response", response, code=3)
    told = next(row for row in read(response) if row["outcome"] == "refused")
    whole = child("E", enrollment_date="20250623", enrollment_type="01")
    sojourn.run("submit", write(tmp_path / "2.txt", student(1, whole), night=NEXT_NIGHT))
    with pytest.raises(BadValue) as refused:
        ledger.execute(
            Withdraw(
                state="OR",
                state_student_id="OR0000001",
                enrollment=EnrollmentKey(enrollment_date="2025-06-23"),
                withdrawal_date="2025-06-22",
            ),
            Meta(actor="registrar"),
        )
    e = refused.value
    assert (told["rule"], told["element"], told["message"], told["remedy"]) == (e.rule, e.element, e.what, e.remedy)
    assert (e.rule, e.element) == ("V10", "withdrawal_date")


def test_the_response_is_in_the_order_of_the_file(sojourn: CommandLine, tmp_path: Path) -> None:
    (s1, d1, q1), (s2, d2, q2) = student(1), student(2)
    response = tmp_path / "response.csv"
    sojourn.run("submit", write(tmp_path / "1.txt", [s1, s2, q1, d2, d1, q2]), "--response", response)
    assert [(row["row"], row["letter"]) for row in read(response)] == list(zip("234567", "SSQDDQ", strict=True))


def test_the_response_is_recorded_with_the_records_that_it_tells_of_and_nothing_is_without_one(
    sojourn: CommandLine, ledger: Ledger, tmp_path: Path
) -> None:
    sojourn.run("submit", EXAMPLE)
    assert ledger.access.head() == 0
    sojourn.run("submit", EXAMPLE, "--response", tmp_path / "response.csv", "--as", "ruth")
    [recorded] = ledger.access.read(0, 10)
    event = recorded.event
    assert isinstance(event, BulkDisclosed)
    assert (recorded.meta.actor, recorded.meta.submission) == ("ruth", "OR-20250902020000000")
    assert (event.view, event.role, event.purpose) == ("submission-response", "operator", "command line")
    assert len(event.records) == len(set(event.children)) == 2
    assert set(event.children) == {row["student_id"] for row in read(tmp_path / "response.csv")}


def test_the_response_comes_again_for_a_file_that_was_applied_before(sojourn: CommandLine, tmp_path: Path) -> None:
    sojourn.run("submit", EXAMPLE, "--response", tmp_path / "first.csv")
    done = sojourn.run("submit", EXAMPLE, "--response", tmp_path / "again.csv")
    assert (tmp_path / "again.csv").read_text() == (tmp_path / "first.csv").read_text()
    assert "no longer kept" not in done.stderr


def test_what_answers_there_were_stays_where_they_are_no_longer_kept(
    sojourn: CommandLine, database: Database, tmp_path: Path
) -> None:
    response = tmp_path / "response.csv"
    sojourn.run("submit", EXAMPLE, "--response", response)
    first = response.read_bytes()
    with database.connect() as admin:
        admin.execute("delete from ledger.responses")
    done = sojourn.run("submit", EXAMPLE, "--response", response)
    assert response.read_bytes() == first
    assert "The answers to 11 of its rows are no longer kept." in done.stderr
    sojourn.run("submit", EXAMPLE, "--response", tmp_path / "new.csv")
    assert read(tmp_path / "new.csv") == []
    assert (tmp_path / "new.csv").read_text().startswith("row,letter,")


def test_a_response_that_cannot_be_written_is_told_before_anything_is_applied(
    sojourn: CommandLine, tmp_path: Path
) -> None:
    path = tmp_path / "none" / "response.csv"
    done = sojourn.run("submit", EXAMPLE, "--response", path, code=1)
    assert f"The response cannot be written to {path}: No such file or directory." in done.stderr
    assert "nothing was applied" in done.stderr
    assert sojourn.run("students").stdout.splitlines()[1:] == []


def test_a_response_that_cannot_be_written_any_more_ends_the_run_and_says_so(
    sojourn: CommandLine, tmp_path: Path
) -> None:
    first = write(tmp_path / "1.txt", *(student(n) for n in range(1, 2_001)))
    second = write(tmp_path / "2.txt", student(1), night=NEXT_NIGHT)
    done = sojourn.run("submit", first, second, "--response", "/dev/full", code=1)
    assert "The response cannot be written to /dev/full: No space left on device." in done.stderr
    assert "with a --response that can be written" in done.stderr
    assert "cannot be read" not in done.stderr, "the file that was submitted has no part in it"
    assert len(sojourn.run("students").stdout.splitlines()) - 1 == 2_000, "what was applied stays"
    again = sojourn.json("submit", first, second, "--response", tmp_path / "response.csv")
    assert len(read(tmp_path / "response.csv")) == again[0]["rows"] + again[1]["rows"] == 6_003
    assert again[1]["unchanged"] == 3, "the second file had not been begun"


def test_a_response_is_never_written_over_a_file_to_submit(sojourn: CommandLine, tmp_path: Path) -> None:
    path = write(tmp_path / "1.txt", student(1))
    before = path.read_bytes()
    (tmp_path / "link.csv").symlink_to(path)
    for response in (path, tmp_path / "link.csv", "1.txt"):
        done = sojourn.run("submit", path, "--response", response, code=2)
        assert "would be written over" in done.stderr
    assert path.read_bytes() == before
    assert sojourn.run("students").stdout.splitlines()[1:] == []


def test_the_response_to_several_files_says_which_file_each_row_is_of(sojourn: CommandLine, tmp_path: Path) -> None:
    (tmp_path / "ca").mkdir()
    paths = [
        write(tmp_path / "night.txt", student(1)),
        write(tmp_path / "ca" / "night.txt", student(1, state="CA"), student(2, state="CA"), state="CA"),
        write(tmp_path / "tx.txt", student(1, state="TX"), state="TX"),
    ]
    sojourn.run("submit", *paths, "--response", tmp_path / "response.csv")
    rows = read(tmp_path / "response.csv")
    assert list(rows[0])[-2:] == ["student_id", "file"]
    assert [(row["file"], row["row"]) for row in rows] == [
        *((str(paths[0]), str(n)) for n in range(2, 5)),
        *((str(paths[1]), str(n)) for n in range(2, 8)),
        *((str(paths[2]), str(n)) for n in range(2, 5)),
    ]


def test_what_is_no_file_is_told_at_once(sojourn: CommandLine, tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    empty = tmp_path / "empty"
    empty.mkdir()
    done = sojourn.run("submit", pipe, tmp_path, empty, "/dev/null", "/proc/self/mem", code=1)
    assert f"{pipe}: cannot be read (it is a pipe or a device, and a file is read twice)." in done.stderr
    assert f"{tmp_path} [no-tables]: " in done.stderr
    assert f"{empty} [no-tables]: " in done.stderr
    assert "/dev/null: cannot be read (it is a pipe or a device" in done.stderr
    assert "/proc/self/mem: cannot be read (Input/output error). Give a readable file." in done.stderr


def test_several_files_are_a_list_and_a_bad_one_does_not_stop_the_others(sojourn: CommandLine, tmp_path: Path) -> None:
    paths = [
        write(tmp_path / "or.txt", student(1)),
        write(tmp_path / "ca.txt", student(1, state="CA"), state="CA", claims="9|9"),
        tmp_path / "none.txt",
        write(tmp_path / "tx.txt", student(1, state="TX"), state="TX"),
    ]
    done = sojourn.run("submit", *paths, "--json", code=1)
    assert [report["state"] for report in json.loads(done.stdout)] == ["OR", "TX"]
    assert "ca.txt, row 1 [V24]" in done.stderr
    assert "none.txt: cannot be read (No such file or directory)" in done.stderr
    listed = sojourn.json("submit", paths[0], paths[3])
    assert [report["rows"] for report in listed] == [3, 3]


def test_conflicts_between_files_are_told(sojourn: CommandLine, tmp_path: Path) -> None:
    sojourn.run("submit", write(tmp_path / "2.txt", student(1), night=NEXT_NIGHT))
    other = sojourn.run("submit", write(tmp_path / "3.txt", student(2), night=NEXT_NIGHT), code=1)
    assert "Another file of OR came under this Submission Date" in other.stderr
    late = sojourn.run("submit", write(tmp_path / "1.txt", student(1)), code=1)
    assert "A later file of OR was applied already" in late.stderr


def test_who_submits_is_recorded(sojourn: CommandLine, database: Database, tmp_path: Path) -> None:
    from ledger.ids import Uuid7Source
    from ledger.store.log import Log
    from ledger.store.vault import MasterKey, Vault

    sojourn.run("submit", write(tmp_path / "1.txt", student(1)))
    sojourn.run("submit", write(tmp_path / "2.txt", student(1), night=NEXT_NIGHT), "--as", "night clerk")
    ids = Uuid7Source(lambda: 0, os.urandom)
    log = Log("ledger", database, Vault([MasterKey.of(bytes(range(32)))]), ids)
    try:
        actors = [recorded.meta.actor for recorded in log.read(0, 100)]
    finally:
        log.close()
    assert set(actors) == {"operator anna", "matcher", "night clerk"}
    assert actors[-1] == "night clerk"


def test_two_processes_send_the_same_file_at_once(sojourn: CommandLine, tmp_path: Path) -> None:
    path = write(tmp_path / "1.txt", *(student(n) for n in range(1, 41)))
    running = [sojourn.start("submit", path, "--json", stdout=-1, stderr=-1) for _ in range(2)]
    reports = []
    for process in running:
        out, err = process.communicate(timeout=60)
        assert process.returncode == 0, err
        reports.append({**json.loads(out), "seconds": 0})
    assert reports[0] == reports[1]
    assert reports[0]["students_new"] == 40
    assert len(sojourn.run("students").stdout.splitlines()) == 41


def test_a_run_that_was_killed_goes_on(sojourn: CommandLine, database: Database, tmp_path: Path) -> None:
    path = write(tmp_path / "1.txt", *(student(n) for n in range(1, 2_001)))
    assert sojourn.but(fault="intake.between-chunks:1").run("submit", path, code=None).returncode == -9
    report = sojourn.json("submit", path)
    assert (report["rows"], report["accepted"], report["students_new"]) == (6_000, 6_000, 2_000)


def test_samples_of_several_nights_are_taken_in_the_order_in_which_they_are_printed(
    sojourn: CommandLine, tmp_path: Path
) -> None:
    words = ("sample", "--out", tmp_path, "--states", "OR,CA", "--children", 8, "--nights", 3, "--apart", 20)
    paths = sojourn.json(*words, "--habits", "OR=renumber, CA=changes+tab", "--years", 2, "--date", "2025-03-01")
    assert [Path(path).name for path in paths] == [
        f"{state}-{night}.txt" for night in ("20250301", "20250321", "20250410") for state in ("OR", "CA")
    ]
    assert "\t" in Path(paths[1]).read_text()
    reports = sojourn.json("submit", *paths)
    assert [report["refused"] + report["warned"] for report in reports] == [0] * 6
    assert reports[2]["unchanged"] > 0
    assert all(report["events"] for report in reports)
    for habits in ("OR=upside-down", "TX=plain", "OR"):
        assert (
            "--habits" in sojourn.run("sample", "--out", tmp_path, "--habits", habits, "--states", "OR", code=2).stderr
        )
    done = sojourn.run("sample", "--out", tmp_path, "--nights", 3, "--apart", 300, code=2)
    assert "further than a year" in done.stderr


def test_samples_are_the_same_for_the_same_seed_and_are_taken_whole(sojourn: CommandLine, tmp_path: Path) -> None:
    said = sojourn.run("sample", "--out", tmp_path / "a", "--states", "OR,CA", "--children", 5, "--seed", 7)
    paths = [Path(line) for line in said.stdout.splitlines()]
    assert sojourn.json("sample", "--out", tmp_path / "a", "--states", "OR,CA", "--children", 5, "--seed", 7) == [
        str(path) for path in paths
    ]
    files = sorted(path for path in (tmp_path / "a").iterdir() if path.suffix == ".txt")
    assert [path.name for path in files] == ["CA-20250902.txt", "OR-20250902.txt"]
    assert sum(report["refused"] for report in sojourn.json("submit", *files)) == 0
    done = sojourn.run("sample", "--out", tmp_path / "b", "--states", "OR,ZZ", code=2)
    assert "ZZ is no USPS state code" in done.stderr


def test_no_room_to_make_a_file_ready_is_told_with_where_and_what_to_do() -> None:
    told = _unread(Path("OR.zip"), OSError(errno.ENOSPC, os.strerror(errno.ENOSPC)))
    assert told.startswith(f"OR.zip: there is no room to make it ready in {tempfile.gettempdir()} (No space left")
    assert "TMPDIR" in told
    assert "cannot be read (Permission denied)" in _unread(
        Path("OR.zip"), PermissionError(errno.EACCES, "Permission denied")
    )
