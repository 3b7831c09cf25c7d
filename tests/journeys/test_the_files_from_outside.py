"""Whole files: headers, dates, containers, encodings, sizes, both ways in. From the words of the pages alone."""

from __future__ import annotations

import csv
import io
import json
import subprocess
import time
import zipfile
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from support.outsider import COURSE, ENROLLED, MOVED, NAMED, SHOT, Answer, Child, Office, child, header, open_office

N, Q, E = NAMED, MOVED, ENROLLED
KEPT_OUT = 1
"""Exit code of a file that was refused whole (interface.md: 1 failed)."""


# -- the header, V24 (file-layout.md: or the whole file is refused before anything is applied)

BAD_TEXTS = {
    "a student too many": ("V24", lambda text: text.replace("|1|3|", "|2|3|")),
    "a row too many": ("V24", lambda text: text.replace("|1|3|", "|1|4|")),
    "a row too few": ("V24", lambda text: text.replace("|1|3|", "|1|2|")),
    "cut off": ("V24", lambda text: text[: text.index("Q|")]),
    "Beginning is Ending": ("V24", lambda text: text.replace("20250801000000000", "20250902020000000")),
    "Beginning after Ending": ("V24", lambda text: text.replace("20250801000000000", "20260801000000000")),
    "no total": ("header", lambda text: text.replace("|1|3|", "||3|")),
    "no state": ("header", lambda text: text.replace("H|AL", "H|")),
    "a state that is none": ("header", lambda text: text.replace("H|AL", "H|ZZ")),
    "a date that is none": ("header", lambda text: text.replace("|20250902", "|20250931", 1)),
    "no header": ("no-header", lambda text: text[text.index("S|") :]),
    "a second header": ("second-header", lambda text: text + text.splitlines()[0] + "\n"),
    "empty": ("empty", lambda text: ""),
    "semicolons": ("delimiter", lambda text: text.replace("|", ";")),
    "a NUL byte": ("nul", lambda text: text.replace("Ana", "A\0na")),
    "a row of two megabytes": ("line-too-long", lambda text: text.replace("Ana", "A" * 2_000_000)),
}


@pytest.fixture(scope="module")
def refusals(office: Office) -> dict[str, list[str]]:
    """What one command said of each of these files: two lines, what is wrong and how to mend it."""
    good = office.text("AL", child("HEAD"), on=date(2025, 9, 2))
    paths = {said: office.folder / f"bad{n}.txt" for n, said in enumerate(BAD_TEXTS)}
    for said, path in paths.items():
        path.write_text(BAD_TEXTS[said][1](good))
    before = office.service.head()
    done = office.command.run("submit", "--json", *paths.values(), code=KEPT_OUT)
    assert not [topic for topic in office.service.topics(before) if not topic.startswith("submission-refused")]
    assert json.loads(done.stdout or "[]") == []
    lines = done.stderr.splitlines()
    starts = {said: n for n, line in enumerate(lines) for said, path in paths.items() if line.startswith(str(path))}
    return {said: lines[start : start + 2] for said, start in starts.items()}


@pytest.mark.parametrize("said", BAD_TEXTS)
def test_a_file_with_such_a_fault_is_refused_whole_with_rule_and_remedy(
    refusals: dict[str, list[str]], said: str
) -> None:
    what, remedy = refusals[said]
    assert f"[{BAD_TEXTS[said][0]}]" in what
    assert remedy.startswith("  ")
    assert len(remedy) > 10


def test_the_right_file_follows_the_refused_ones_under_their_date(office: Office) -> None:
    # file-layout.md: the stream is (state, submission date); nothing of the refused ones was applied
    spoilt = office.text("NM", child("NEXT"), on=date(2025, 9, 2)).replace("|1|3|", "|1|4|")
    assert office.submit(spoilt).code == KEPT_OUT
    assert office.send("NM", child("NEXT", action="I"), on=date(2025, 9, 2)).outcomes("NEXT") == "aaa"


def test_the_submission_date_may_be_one_day_after_receipt_at_most(office: Office) -> None:
    # file-layout.md, What a bad value does; two time zones apart from the edge
    today = datetime.now(UTC).date()
    assert office.send("AZ", child("DAY"), on=today + timedelta(days=3)).code == KEPT_OUT
    assert office.send("AZ", child("DAY"), on=today).code == 0


# -- the same again, other content, late files (file-layout.md, Submissions; V25)


def test_the_same_file_again_has_the_first_answer_and_appends_nothing(office: Office) -> None:
    text = office.text("OK", child("AGAIN", E.but(type="08")))
    first, again = office.submit(text), office.submit(text)
    counts = [{key: value for key, value in one.told.items() if key != "seconds"} for one in (first, again)]
    assert counts[0] == counts[1]
    assert (first.code, again.code) == (3, 3)
    assert first.lines == again.lines
    assert (again.events, first.told["events"]) == ([], 3)


def test_other_content_under_the_same_date_is_refused(office: Office) -> None:
    night = office.next_night("OK")
    office.send("OK", child("ONE"), on=night)
    for late in (False, True):  # --late does not change that
        other = office.send("OK", child("OTHER"), on=night, late=late)
        assert (other.code, other.told, other.events) == (KEPT_OUT, {}, [])
        assert "Submission Date" in other.said


def test_a_late_file_adds_what_is_missing_and_changes_nothing(office: Office) -> None:
    told = E.but(grade="05")
    office.send("KS", child("OLD", told), child("GONE"), on=date(2025, 9, 10))
    office.send("KS", Child("GONE", [], "D"), on=date(2025, 9, 12))
    rows = [N.but(first="Anna"), Q.but(to_city="Salem"), told.but(grade="04"), SHOT, Q.but(number="002", on="20250501")]
    older = office.text("KS", Child("OLD", rows), child("GONE"), child("NEW"), on=date(2025, 9, 5))

    refused = office.submit(older)
    assert (refused.code, refused.events) == (KEPT_OUT, [])
    assert "--late" in refused.said

    late = office.submit(older, "--late")
    assert late.outcomes("OLD") == "uuuuaa"
    assert late.rules("OLD") == ["D superseded", "Q superseded", "E superseded"]
    assert late.outcomes("GONE") == "uuu"
    assert late.outcomes("NEW") == "aaa"
    assert {topic for subject, topic in late.events if subject.startswith("record/")} == {
        "immunization-reported",
        "move-qualified",
        "record-opened",
        "demographics-stated",
    }
    assert office.submit(older).told["events"] == late.told["events"]  # the same again, without --late


def test_a_late_file_retracts_nobody(office: Office) -> None:
    office.send("MN", child("STAYS"), on=date(2025, 9, 10))
    late = office.send("MN", Child("STAYS", [], "D"), on=date(2025, 9, 8), late=True)
    assert (late.outcomes("STAYS"), late.rules("STAYS"), late.told["events"]) == ("u", ["S superseded"], 0)
    # ... and the date before the last applied one stays late
    assert office.send("MN", child("STAYS"), on=date(2025, 9, 9)).code == KEPT_OUT


def test_the_same_file_from_two_terminals_at_once_is_applied_once(office: Office) -> None:
    # the requirements, Bad input
    path = office.folder / "twice.txt"
    path.write_text(office.text("WI", *(child(f"TWICE{n}", E, action="I") for n in range(50))))
    before = office.service.head()
    both = [office.command.start("submit", path, stdout=subprocess.PIPE, stderr=subprocess.PIPE) for _ in range(2)]
    for one in both:
        one.communicate(timeout=60)
    assert [one.returncode for one in both] == [0, 0]
    topics = office.service.topics(before)
    assert topics.count("record-opened.v1") == 50
    assert topics.count("submission-completed.v1") == 1


# -- rows that belong to nobody or to two (the requirements, Bad input)


def sent(office: Office, *lines: str) -> Answer:
    """A file of Iowa of these rows."""
    students = sum(line.startswith("S") for line in lines)
    return office.submit("\n".join([header("IA", office.next_night("IA"), students, len(lines)), *lines, ""]))


def opens(number: int, ssid: str) -> str:
    return f"S|{number:07d}||IA|{ssid}|01|I"


def moved(number: int) -> str:
    return f"Q|{number:07d}|001|20250418||CA"


def named(number: int) -> str:
    return f"D|{number:07d}|001|Ana||Luz||||20130509"


def test_child_rows_may_stand_anywhere_after_their_student(office: Office) -> None:
    answer = sent(office, opens(1, "I1"), opens(2, "I2"), moved(2), named(1), moved(1), named(2))
    assert [line["state_student_id"] for line in answer.lines] == ["I1", "I2", "I2", "I1", "I1", "I2"]
    assert answer.told["accepted"] == 6


def test_a_child_row_of_nobody_is_refused_and_the_others_stand(office: Office) -> None:
    answer = sent(office, moved(1), opens(1, "O1"), named(1), moved(1), named(9))
    assert [line["outcome"] for line in answer.lines] == ["refused", "accepted", "accepted", "accepted", "refused"]
    assert [line["row"] for line in answer.lines] == ["2", "3", "4", "5", "6"]
    assert answer.lines[0]["rule"] == answer.lines[4]["rule"] == "orphan"
    assert all(answer.lines[n]["remedy"] for n in (0, 4))


def test_two_students_with_one_record_id_are_refused_with_their_rows(office: Office) -> None:
    answer = sent(office, opens(1, "T1"), named(1), moved(1), opens(1, "T2"), moved(1), opens(2, "T3"), moved(2))
    assert [line["outcome"] for line in answer.lines] == ["refused"] * 5 + ["accepted"] * 2
    assert answer.told["students_new"] == 1


def test_a_student_who_comes_twice_in_a_file_is_taken_once(office: Office) -> None:
    answer = sent(office, opens(1, "W1"), named(1), moved(1), opens(2, "W1"), moved(2))
    assert answer.outcomes("W1") == "aaarr"
    assert answer.told["students_new"] == 1


def test_a_row_of_no_table_is_refused_alone(office: Office) -> None:
    answer = sent(office, opens(1, "X1"), named(1), "X|0000001|001|what", moved(1))
    assert [line["outcome"] for line in answer.lines] == ["accepted", "accepted", "refused", "accepted"]
    assert answer.lines[2]["remedy"]


def test_a_student_record_id_past_40000_is_refused_with_its_rows(office: Office) -> None:
    # mde.csv, Student 1: 0000001..0040000
    answer = sent(office, opens(40001, "M1"), moved(40001), opens(40000, "M2"), moved(40000))
    assert [line["outcome"] for line in answer.lines] == ["refused", "refused", "accepted", "accepted"]
    assert answer.lines[0]["value"] == "0040001"


def test_40001_students_refuse_the_file(office: Office) -> None:
    # mde.csv, Student 1: at most 40,000 students a file
    answer = sent(office, *(opens(n, f"M{n}") for n in range(1, 40_002)))
    assert (answer.code, answer.told) == (KEPT_OUT, {})
    assert "40,000 students" in answer.said


# -- text: delimiters and encodings (file-layout.md, The file; the requirements, Layout)

JOSE = Child("JOSE", [N.but(first="José", last="Ñuñez"), Q], "I")


@pytest.fixture(scope="module")
def jose(office: Office) -> str:
    """The student id of the child whose file came as the layout has it."""
    return office.send("NY", JOSE).student("JOSE")


@pytest.mark.parametrize(
    ("said", "written"),
    [
        ("UTF-8 with its mark", lambda text: b"\xef\xbb\xbf" + text.encode()),
        ("UTF-16 with its mark", lambda text: text.encode("utf-16")),
        ("UTF-16 big-endian", lambda text: b"\xfe\xff" + text.encode("utf-16-be")),
        ("Windows-1252", lambda text: text.encode("cp1252")),
        ("CRLF", lambda text: text.replace("\n", "\r\n").encode()),
        ("no line end at the end", lambda text: text.rstrip("\n").encode()),
        ("tabs", lambda text: text.replace("|", "\t").encode()),
        ("commas", lambda text: text.replace("|", ",").encode()),
        ("commas and quotes", lambda text: text.replace("|", ",").replace("José", '"José"').encode()),
        ("ISO dates", lambda text: text.replace("|20130509", "|2013-05-09").encode()),
    ],
)
def test_one_content_is_read_alike_however_it_is_written(
    office: Office, jose: str, said: str, written: Callable[[str], bytes]
) -> None:
    answer = office.submit(written(office.text("NY", JOSE)))
    assert (answer.outcomes("JOSE"), answer.told["events"]) == ("uuu", 0), said
    assert answer.student("JOSE") == jose


def test_windows_1252_is_read_with_a_warning_and_its_accents_are_right(office: Office) -> None:
    answer = office.submit(office.text("NJ", JOSE).encode("cp1252"))
    assert office.shown(answer.student("JOSE"))["core"]["last_name_1"] == "Ñuñez"
    assert "Windows-1252" in answer.said


def test_mojibake_is_mended_with_a_warning_that_shows_what_was_sent(office: Office) -> None:
    # the requirements: repaired only with a warning and the raw value kept
    answer = office.submit(office.text("NJ", Child("MOJI", [N.but(first="JosÃ©"), Q], "I")))
    assert office.shown(answer.student("MOJI"))["core"]["first_name"] == "José"
    (finding,) = [line for line in answer.lines if line["rule"]]
    assert (finding["outcome"], finding["value"], finding["letter"]) == ("accepted", "JosÃ©", "D")
    assert office.send("NJ", Child("MOJI", [N.but(first="José")])).outcomes("MOJI") == "uu"


def test_a_quoted_value_may_hold_the_delimiter_and_quotes(office: Office) -> None:
    # file-layout.md: with comma, RFC 4180 quoting
    text = office.text("NJ", Child("QUOTE", [N, Q, E], "I")).replace("|", ",")
    answer = office.submit(text.replace("Valor", '"Valor, ""The"" School"'))
    (enrollment,) = office.shown(answer.student("QUOTE"))["core"]["enrollments"]
    assert enrollment["school_or_project_name"] == 'Valor, "The" School'


# -- folder and zip (file-layout.md, Folder or zip)

HEADER = (
    "Submitting State,Submission Date,Total Students in File,Total Records in File,"
    "Beginning Effective Date,Ending Effective Date\r\n"
)


def tables(office: Office, *, rows: int = 3) -> dict[str, str]:
    night = f"{office.next_night('CO'):%Y%m%d}020000000"
    return {
        "Header.csv": f"{HEADER}CO,{night},1,{rows},20250801000000000,{night}\r\n",
        "Student.csv": "Action Code,State Student Identifier,Reporting State Code,Student Record ID\r\nI,ZIP,CO,1\r\n",
        "Demographics.csv": (
            "Birth Date,First Name,Student Record ID,Demographics Record ID,Last Name 1\r\n"
            '20130509,"Ana, the ""elder""",0000001,001,Luz\r\n'
        ),
        "Qualifying_Moves.csv": (
            "Student Record ID,Qualifying Moves Record ID,Qualifying Arrival Date,Qualifying Move From State\r\n"
            "0000001,001,20250418,CA\r\n"
        ),
    }


def zipped(path: Path, contents: Mapping[str, str | bytes]) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as packed:
        for name, content in contents.items():
            packed.writestr(name, content)
    return path


def test_a_folder_of_tables_with_columns_in_any_order_is_a_file(office: Office) -> None:
    folder = office.folder / "tables"
    folder.mkdir()
    for name, content in tables(office).items():
        (folder / name).write_text(content, newline="")
    answer = office.submit(folder)
    assert answer.outcomes("ZIP") == "aaa"
    assert office.shown(answer.student("ZIP"))["core"]["first_name"] == 'Ana, the "elder"'


def test_a_zip_of_tables_is_a_file_and_unknown_columns_only_warn(office: Office) -> None:
    contents = tables(office)
    contents["Demographics.csv"] = contents["Demographics.csv"].replace("Name 1", "Name 1,Shoe").replace("Luz", "Luz,9")
    answer = office.submit(zipped(office.folder / "good.zip", contents))
    assert (answer.code, answer.told["rows"], answer.told["refused"]) == (0, 3, 0)
    assert "column" in answer.said


def test_a_missing_table_means_no_rows_of_it(office: Office) -> None:
    first = office.submit(zipped(office.folder / "whole.zip", tables(office)))
    assert first.code == 0
    contents = tables(office, rows=2)
    del contents["Demographics.csv"]
    answer = office.submit(zipped(office.folder / "less.zip", contents))
    assert answer.outcomes("ZIP") == "uu"


@pytest.mark.parametrize(
    "said", ["truncated", "damaged", "nested", "of no table", "with a way out", "with a table twice", "that is a bomb"]
)
def test_a_broken_zip_is_refused_whole(office: Office, said: str) -> None:
    # the requirements, Bad input: a folder without tables, a truncated zip, a zip bomb
    path = office.folder / f"{said.replace(' ', '-')}.zip"
    contents: dict[str, str | bytes] = {**tables(office)}
    packed = zipped(path, contents).read_bytes()
    if said == "truncated":
        path.write_bytes(packed[:-60])
    elif said == "damaged":
        path.write_bytes(packed[:60] + b"\xff" * 30 + packed[90:])
    else:
        zipped(
            path,
            {
                "nested": {"inner.zip": packed},
                "of no table": {"readme.txt": "none"},
                "with a way out": {**contents, "../evil.csv": "x"},
                "with a table twice": {**contents, "demographics.CSV": "x"},
                "that is a bomb": {**contents, "Course_History.csv": b"a,b\r\n" * 30_000_000},
            }[said],
        )
    answer = office.submit(path)
    assert (answer.code, answer.told, answer.lines) == (KEPT_OUT, {}, [])
    assert len(answer.said.strip().splitlines()) == 2  # what, and how to mend it
    assert not [subject for subject, _ in answer.events if subject.startswith("record/")]


# -- the command line (interface.md)


def test_what_cannot_be_read_fails_and_wrong_usage_is_told_apart(office: Office) -> None:
    (office.folder / "nothing").mkdir()
    for words, code in [(["/nowhere.txt"], 1), ([office.folder / "nothing"], 1), ([], 2), (["--nope"], 2)]:
        done = office.command.run("submit", *words, code=code)
        assert done.stdout == ""
        assert done.stderr.strip()


def test_several_paths_are_told_as_a_list_and_one_failure_fails_the_command(office: Office) -> None:
    paths = [office.folder / f"several{n}.txt" for n in range(3)]
    for path, text in zip(
        paths, [office.text("IN", child("P1")), office.text("IN", child("P2", E.but(type="08"))), ""], strict=True
    ):
        path.write_text(text)
    told = office.command.json("submit", *paths[:2], code=3)
    assert [(one["state"], one["rows"], one["refused"]) for one in told] == [("IN", 3, 0), ("IN", 4, 1)]
    assert office.command.run("submit", *paths, code=1).stderr.strip()


def test_the_response_is_the_columns_of_the_page_in_the_files_order(office: Office) -> None:
    path = office.folder / "columns.txt"
    path.write_text(office.text("IL", child("COL", E.but(type='0,"8'))))
    response = office.folder / "columns.csv"
    office.command.run("submit", path, "--response", response, code=3)
    lines = response.read_text().splitlines()
    assert lines[0] == (
        "row,letter,student_record_id,state_student_id,outcome,element,value,rule,message,remedy,student_id"
    )
    read = list(csv.DictReader(lines))
    assert [line["letter"] for line in read] == ["S", "D", "Q", "E"]
    assert read[3]["value"] == '0,"8'
    assert read[0]["student_id"] in office.command.run("students", "--csv").stdout


def test_the_samples_of_three_states_are_taken_whole_and_again_is_nothing(office: Office) -> None:
    # the requirements, What it must show
    out = office.folder / "sample"
    words = ["--states", "GA,NC,SC", "--children", "20", "--seed", "7", "--nights", "2", "--habits", "GA=renumber"]
    paths = [Path(line) for line in office.command.run("sample", "--out", out, *words).stdout.splitlines()]
    nights = [path for path in paths if path.suffix == ".txt"]
    first = office.command.json("submit", *nights)
    assert len(first) == 6
    assert all(one["rows"] == one["accepted"] + one["unchanged"] for one in first)
    assert [one["events"] > 0 for one in first[:3]] == [True] * 3
    before = office.service.head()
    assert [one["events"] for one in office.command.json("submit", *nights)] == [one["events"] for one in first]
    assert office.service.head() == before
    office.command.run("sample", "--out", office.folder / "other", *words)
    assert all(path.read_bytes() == (office.folder / "other" / path.name).read_bytes() for path in nights)


# -- over HTTP (interface.md, HTTP)


def posted(office: Office, text: str, **rest: Any) -> Any:
    """The status of a file that the service took, when it is done with it."""
    answer = office.service.call("POST", "/v1/submissions", content=text.encode(), by="TX", **rest)
    assert answer.status_code == 202, answer.text
    deadline = time.monotonic() + 30
    while True:
        status = office.service.call("GET", answer.headers["location"], by="TX")
        if status.status_code == 200 and status.json()["status"] in ("completed", "refused", "failed"):
            return status.json()
        assert time.monotonic() < deadline, status.text
        time.sleep(0.02)


def test_a_posted_file_is_answered_as_the_command_line_answers(office: Office) -> None:
    text = office.text("TX", child("POST", E.but(type="08")))
    status = posted(office, text)
    counts = {key: status[key] for key in ("rows", "accepted", "unchanged", "refused", "warned", "events")}
    assert counts == {"rows": 4, "accepted": 3, "unchanged": 0, "refused": 1, "warned": 1, "events": 3}
    response = office.service.call("GET", f"/v1/submissions/{status['submission']}/response", by="TX")
    assert response.headers["content-type"].startswith("text/csv")
    told = office.submit(text)
    assert (told.code, told.events) == (3, [])
    assert list(csv.DictReader(io.StringIO(response.text))) == told.lines


def test_remedies_are_told_in_spanish(office: Office) -> None:
    # the requirements: remedy in English and Spanish
    status = posted(office, office.text("TX", child("ESP", E.but(type="08"))))
    path = f"/v1/submissions/{status['submission']}/response"
    spanish = office.service.call("GET", path, by="TX", params={"language": "es"}).text
    assert "Envíe 01, 02, 03" in spanish


@pytest.mark.parametrize(
    ("by", "status", "problem"),
    [
        ("TX", 409, "submission-late"),
        ("CA", 403, "other-state"),
        ("secondary_user", 403, "forbidden"),
        ("", 401, "not-signed-in"),
    ],
)
def test_a_file_that_may_not_come_is_refused_at_once(office: Office, by: str, status: int, problem: str) -> None:
    posted(office, office.text("TX", child("LAST")))
    text = header("TX", date(2025, 8, 15), 1, 3) + "\n" + "\n".join(child("EARLY").lines("TX", 1)) + "\n"
    answer = office.service.call("POST", "/v1/submissions", content=text.encode(), by=by)
    assert (answer.status_code, answer.headers["content-type"]) == (status, "application/problem+json")
    assert answer.json()["type"].endswith(problem)
    assert "EARLY" not in answer.text


def test_a_late_file_is_taken_over_http_where_it_says_so(office: Office) -> None:
    posted(office, office.text("TX", child("LATELY")))
    text = header("TX", date(2025, 8, 20), 1, 3) + "\n" + "\n".join(child("LATER").lines("TX", 1)) + "\n"
    assert posted(office, text, params={"late": "true"})["accepted"] == 3


def test_other_content_for_a_date_is_a_conflict_over_http(office: Office) -> None:
    text = office.text("TX", child("HTTP1"))
    posted(office, text)
    other = office.service.call("POST", "/v1/submissions", content=text.replace("HTTP1", "HTTP2").encode(), by="TX")
    assert (other.status_code, other.json()["type"].rsplit("/", 1)[1]) == (409, "submission-date-reused")


def test_a_header_that_lies_is_told_by_the_submission(office: Office) -> None:
    status = posted(office, office.text("TX", child("LIES")).replace("|1|3|", "|1|4|"))
    assert (status["status"], status["problem"]["rule"]) == ("refused", "V24")
    assert status["problem"]["remedy"]


@pytest.mark.parametrize("content", [b"", b"S|0000001||TX|A|01|I\n", b"PK\x03\x04 no zip"])
def test_what_is_no_file_of_the_layout_is_refused_at_once(office: Office, content: bytes) -> None:
    answer = office.service.call("POST", "/v1/submissions", content=content, by="TX")
    assert (answer.status_code, answer.headers["content-type"]) == (422, "application/problem+json")
    assert answer.json()["remedy"]


def test_a_service_that_says_it_is_ready_can_be_read() -> None:
    # docs/reference/http.md, /readyz: 200 where the database, the schema, the keys and the read models serve, each with
    # its tables. Which comes first of an empty data folder is a matter of chance, so several are asked.
    for _ in range(3):
        with open_office() as fresh:
            answer = fresh.service.get("/v1/submissions", params={"state": "TX"})
            assert answer.status_code == 200, answer.text


def test_a_file_that_the_service_just_took_is_never_told_to_be_sent_again() -> None:
    # docs/reference/http.md: `interrupted: send again` where the host that took the file is gone. It is not gone: it
    # answered 202 a moment ago.
    with open_office() as fresh:
        fresh.service.call("GET", "/v1/submissions", by="TX")  # the token is made
        answer = fresh.service.call("POST", "/v1/submissions", content=fresh.text("TX", child("A")).encode(), by="TX")
        assert answer.status_code == 202
        seen: list[object] = []
        while not seen or seen[-1] != "completed":
            seen.append(fresh.service.call("GET", answer.headers["location"], by="TX").json()["status"])
        assert set(seen) <= {"waiting", "applying", "completed"}, set(seen)


def test_a_refused_submission_names_its_rule_as_soon_as_it_is_refused(office: Office) -> None:
    # docs/reference/read-models.md, submissions: `rule` by which it was refused
    office.service.call("GET", "/v1/submissions", by="TX")
    wrong: list[object] = []
    for _ in range(25):
        text = office.text("TX", child("A")).replace("|1|3|", "|1|4|")
        where = office.service.call("POST", "/v1/submissions", content=text.encode(), by="TX").headers["location"]
        while (told := office.service.call("GET", where, by="TX").json())["status"] != "refused":
            pass
        wrong += [told] if told.get("rule") != "V24" else []
    assert not wrong, wrong[0]


def test_a_posted_file_with_its_idempotency_key_again_is_marked_as_replayed(office: Office) -> None:
    # interface.md: mutations take Idempotency-Key (same key and body: the first answer with Idempotency-Replayed: true)
    text = office.text("TX", child("IDEM")).encode()
    post = [office.service.call("POST", "/v1/submissions", content=text, by="TX", key="k-1") for _ in range(2)]
    assert post[1].headers.get("Idempotency-Replayed") == "true"


def test_an_idempotency_key_with_another_file_is_refused(office: Office) -> None:
    # interface.md: other body: 422
    one, other = (office.text("TX", child(f"IDEM{n}")).encode() for n in range(2))
    assert office.service.call("POST", "/v1/submissions", content=one, by="TX", key="k-2").status_code == 202
    assert office.service.call("POST", "/v1/submissions", content=other, by="TX", key="k-2").status_code == 422


def test_a_refused_header_is_pointed_to_by_row_and_element_over_http(office: Office) -> None:
    # interface.md: problem+json with a stable type, and for files a pointer to row and element
    text = office.text("TX", child("HEAD")).replace("|1|3|", "|one|3|")
    (error,) = office.service.call("POST", "/v1/submissions", content=text.encode(), by="TX").json()["errors"]
    assert error["pointer"].startswith("row:1")
    assert "total_students_in_file" in error["pointer"]
    assert error["element"] == "total_students_in_file"


def test_totals_that_lie_are_told_with_their_values(office: Office) -> None:
    # the requirements, Bad input: a header that lies ... a clear answer with file, row, element, value, rule and remedy
    said = office.submit(office.text("OR", child("HEAD")).replace("|1|3|", "|1|77|")).said
    assert "77" in said.split("]: ", 1)[1], said


def test_the_remedy_of_a_state_that_is_none_says_what_to_send(office: Office) -> None:
    # the requirements, Bad input: remedy; mde.csv: USPS state code
    said = office.submit(office.text("OR", child("HEAD")).replace("H|OR", "H|ZZ")).said
    assert "USPS" in said.splitlines()[1]


def test_the_answers_of_a_refused_file_are_not_promised_for_later(office: Office) -> None:
    # a submission that is refused whole never completes
    status = posted(office, office.text("TX", child("LIES")).replace("|1|3|", "|1|4|"))
    answer = office.service.call("GET", f"/v1/submissions/{status['submission']}/response", by="TX")
    assert "once it is completed" not in answer.text
    assert "V24" in answer.json()["detail"]
    assert answer.json()["remedy"]


def test_a_student_has_999_rows_of_a_table_at_most(office: Office) -> None:
    # docs/reference/file-layout.md, too-many-rows; mde.csv 001..999
    courses = [COURSE.but(number=f"{min(n, 999):03d}", title=f"Course {n}") for n in range(1, 1001)]
    answer = office.send("OR", Child("MANY", [N, Q, *courses]))
    assert (answer.code, answer.told) == (KEPT_OUT, {})
    assert "999" in answer.said
