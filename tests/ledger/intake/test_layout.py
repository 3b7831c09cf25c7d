"""The text layout: header, totals, and students with their rows."""

from __future__ import annotations

import hashlib
import io
import unicodedata
from collections.abc import Sequence
from contextlib import suppress
from datetime import date
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.errors import SubmissionRefused
from ledger.intake import lines
from ledger.intake.layout import FoundRow, RawStudent, check_received, read_header, scan, students
from ledger.rulebook import RULES

EXAMPLE = """\
H|OR|20250902020000000|2|7|20250801000000000|20250902000000000
S|0000001||OR|OR5540012|02|I
D|0000001|001|María Guadalupe||Reyes|Ordóñez||Female|20120314
Q|0000001|001|20250418|Madera|CA||Woodburn|OR|20280417
S|0000002||OR|OR5540013|02|U
D|0000002|001|Wilber|Isaí|Pablo|Ramírez||Male|20081102
Q|0000002|001|20250602|Huehuetenango||GTM|Hood River|OR
E|0000002|001|20250623|03|Columbia Gorge Summer Program
"""
BODY = EXAMPLE.splitlines()[1:]
HEADER = "H|OR|20250902020000000|{}|{}|20250801000000000|20250902000000000"


def file(text: str | bytes) -> io.BytesIO:
    return io.BytesIO(text if isinstance(text, bytes) else text.encode())


def submission(rows: Sequence[str], count: int | None = None, *, end: str = "\n") -> io.BytesIO:
    found = sum(row.startswith("S|") for row in rows) if count is None else count
    total = sum(1 for row in rows if row.strip())
    return file(end.join([HEADER.format(found, total), *rows, ""]))


def refused(source: io.BytesIO) -> tuple[str, int | None]:
    with pytest.raises(SubmissionRefused) as caught:
        list(students(source))
    assert caught.value.rule in RULES
    assert caught.value.remedy
    return caught.value.rule, caught.value.row


def applied(read: list[RawStudent]) -> dict[str, list[tuple[str, str | None]]]:
    return {
        one.student.state_student_id: [(row.letter, row.record_id) for row in one.student.rows]
        for one in read
        if one.student is not None
    }


def rules(read: list[RawStudent]) -> list[tuple[int, str, list[str]]]:
    return [(row.number, row.letter, [one.rule for one in row.findings]) for one in read for row in one.found]


def test_the_header_is_read_alone() -> None:
    header = read_header(file(EXAMPLE))
    assert (header.state, header.students, header.rows, header.delimiter) == ("OR", 2, 7, "|")
    assert header.submission_date == "2025-09-02T02:00:00.000"
    assert header.submitted_on == date(2025, 9, 2)


def test_pass_one_counts_and_hashes_the_file() -> None:
    known = scan(file(EXAMPLE))
    assert (known.students, known.rows) == (2, 7)
    assert known.content_hash == hashlib.sha256(EXAMPLE.encode()).hexdigest()
    assert len(known.apart) == 0


def test_pass_two_gives_each_student_with_its_rows() -> None:
    first, second = students(file(EXAMPLE))
    assert first.student is not None
    assert second.student is not None
    assert (first.ordinal, first.number, first.student_record_id, first.row_count) == (0, 2, "0000001", 3)
    assert (second.ordinal, second.number, second.row_count) == (1, 5, 4)
    assert first.student.action == "I"
    assert first.student.elements == {"state_student_identifier_type": "02"}
    assert [(row.letter, row.number, row.record_id) for row in second.student.rows] == [
        ("D", 6, "001"),
        ("Q", 7, "001"),
        ("E", 8, "001"),
    ]
    assert second.student.rows[0].elements == {
        "first_name": "Wilber",
        "middle_name": "Isaí",
        "last_name_1": "Pablo",
        "last_name_2": "Ramírez",
        "sex": "Male",
        "birth_date": "2008-11-02",
    }
    assert first.found == []


def test_a_path_is_read_as_well_as_an_open_file(tmp_path: Path) -> None:
    path = tmp_path / "OR-20250902.txt"
    path.write_text(EXAMPLE, encoding="utf-8")
    assert read_header(path) == read_header(file(EXAMPLE))
    assert list(students(path)) == list(students(file(EXAMPLE)))


@pytest.mark.parametrize(
    "text",
    [
        EXAMPLE.replace("\n", "\r\n"),
        "\ufeff" + EXAMPLE,
        EXAMPLE.removesuffix("\n"),
        EXAMPLE.replace("|", "\t"),
        EXAMPLE.replace("|", ","),
        EXAMPLE.replace("\n", "\n\n", 3) + "\n \n",
        EXAMPLE.replace("H|", '"H",').replace("|", ",").replace("Reyes", '"Reyes"'),
    ],
    ids=["crlf", "bom", "no last line feed", "tab", "comma", "blank lines", "quoted"],
)
def test_the_same_file_in_another_dress_says_the_same(text: str) -> None:
    wanted, read = list(students(file(EXAMPLE))), list(students(file(text)))
    assert applied(read) == applied(wanted)
    assert [one.found for one in read] == [[], []]
    for one, other in zip(read, wanted, strict=True):
        assert one.student is not None
        assert other.student is not None
        assert [row.elements for row in one.student.rows] == [row.elements for row in other.student.rows]


def test_quoted_fields_hold_delimiters_and_quotes() -> None:
    rows = [
        "H,OR,20250902020000000,1,2,20250801000000000,20250902000000000",
        "S,0000001,,OR,OR1,02,I",
        'D,0000001,001,"María, ""Lupe""",,Reyes,,,,20120314',
    ]
    (one,) = students(file("\n".join(rows)))
    assert one.student is not None
    assert one.student.rows[0].elements["first_name"] == 'María, "Lupe"'


def test_a_line_break_inside_quotes_does_not_end_the_row() -> None:
    rows = [
        "H,OR,20250902020000000,1,3,20250801000000000,20250902000000000",
        "S,0000001,,OR,OR1,02,I",
        'D,0000001,001,"María\nLupe",,Reyes,,,,20120314',
        "Q,0000001,001,20250418,,CA",
    ]
    (one,) = students(file("\n".join(rows)))
    assert rules([one]) == [(3, "D", ["control-character"])]
    assert one.student is not None
    assert [row.number for row in one.student.rows] == [4]


def test_child_rows_may_stand_anywhere_behind_their_student() -> None:
    apart = sorted(BODY, key=lambda row: "SKDQECAI".index(row[0]))
    read = list(students(submission(apart)))
    assert applied(read) == applied(list(students(file(EXAMPLE))))
    assert [one.found for one in read] == [[], []]
    assert len(scan(submission(apart)).apart) == 5  # all, for a row of the first stands behind the last S row


def test_child_rows_that_stand_apart_are_found_in_quoted_files_too() -> None:
    apart = [row.replace("|", ",") for row in sorted(BODY, key=lambda row: "SKDQECAI".index(row[0]))]
    apart[2] = apart[2].replace("María Guadalupe", '"María\u2028 ""G,"""')
    header = "H,OR,20250902020000000,2,7,20250801000000000,20250902000000000"
    read = list(students(file("\n".join([header, *apart, ""]))))
    assert rules(read) == [(4, "D", ["control-character"])]
    assert sum(one.row_count for one in read) == 7


def test_a_student_record_id_is_a_number_however_it_is_padded() -> None:
    rows = [row.replace("D|0000001|", "D|1|").replace("Q|0000001|", "Q| 01 |") for row in BODY]
    assert applied(list(students(submission(rows)))) == applied(list(students(file(EXAMPLE))))


def test_students_already_done_are_skipped() -> None:
    every = list(students(file(EXAMPLE)))
    assert list(students(file(EXAMPLE), skip=1)) == every[1:]
    assert list(students(file(EXAMPLE), skip=2)) == []


def test_a_row_that_belongs_to_nobody_is_refused() -> None:
    rows = [BODY[1], BODY[0], BODY[2], "E|0000009|001|20250623|03", *BODY[3:]]
    read = list(students(submission(rows)))
    assert rules(read) == [(2, "D", ["orphan"]), (5, "E", ["orphan"])]
    assert read[0].found[0].student_record_id == "0000001"
    assert sum(one.row_count for one in read) == len(rows)


@pytest.mark.parametrize(("row", "rule"), [("E|0000009|001|20250623|03", "orphan"), ("X|0000001", "unknown-letter")])
def test_a_row_of_nobody_is_told_though_it_stands_behind_all_that_stand_apart(row: str, rule: str) -> None:
    apart = sorted(BODY, key=lambda row: "SKDQECAI".index(row[0]))
    found = rules(list(students(submission([*apart, row]))))
    assert [(number, codes) for number, _, codes in found] == [(9, [rule])]


def test_a_child_row_before_its_student_is_refused() -> None:
    rows = [*BODY[:3], BODY[4], BODY[3], *BODY[5:]]
    read = list(students(submission(rows)))
    assert rules(read) == [(5, "D", ["orphan"])]
    assert [one.found != [] for one in read] == [True, False]


def test_rows_without_any_student_are_refused_all_the_same() -> None:
    (one,) = students(submission([BODY[1], BODY[2]]))
    assert one.student is None
    assert one.number is None
    assert rules([one]) == [(2, "D", ["orphan"]), (3, "Q", ["orphan"])]
    assert one.row_count == 2


def test_a_file_without_rows_has_no_students() -> None:
    assert list(students(submission([]))) == []


@pytest.mark.parametrize("row", ["X|0000001|001", "s|0000001|001", "garbage", "|||", "SS|0000001"])
def test_a_row_of_an_unknown_letter_is_refused_and_counted(row: str) -> None:
    read = list(students(submission([BODY[0], row, *BODY[1:]])))
    assert rules(read) == [(3, "?", ["unknown-letter"])]
    assert sum(one.row_count for one in read) == 8


def test_a_row_with_too_many_fields_is_refused() -> None:
    rows = [BODY[0], BODY[1] + "|" * 14 + "x", *BODY[2:]]
    assert rules(list(students(submission(rows)))) == [(3, "D", ["too-many-fields"])]


def test_empty_fields_behind_the_last_element_do_not_matter() -> None:
    assert rules(list(students(submission([row + "|" * 40 for row in BODY])))) == []


def test_a_refused_s_row_refuses_its_child_rows_each_by_name() -> None:
    rows = [BODY[0].replace("|I", "|X"), *BODY[1:]]
    read = list(students(submission(rows)))
    assert rules(read) == [(2, "S", ["code"]), (3, "D", ["student-refused"]), (4, "Q", ["student-refused"])]
    assert read[0].student is None
    assert read[0].row_count == 3
    assert read[0].found[0].values == {"action_code": "X"}


def test_a_state_submits_only_its_own_records() -> None:
    rows = [BODY[0].replace("|OR|", "|CA|"), *BODY[1:]]
    assert rules(list(students(submission(rows))))[0] == (2, "S", ["V22"])


def test_students_that_share_a_student_record_id_are_refused_with_all_rows_of_that_id() -> None:
    rows = [row.replace("0000002", "0000001") for row in BODY]
    read = list(students(submission(rows)))
    assert [one.student for one in read] == [None, None]
    assert {rule for _, _, found in rules(read) for rule in found} == {"duplicate-student-record-id"}
    assert sorted(number for number, _, _ in rules(read)) == list(range(2, 9))


def test_shared_student_record_ids_are_named_once_though_rows_stand_apart() -> None:
    rows = sorted((row.replace("0000002", "1") for row in BODY), key=lambda row: "SKDQECAI".index(row[0]))
    read = list(students(submission(rows)))
    assert sorted(number for number, _, _ in rules(read)) == list(range(2, 9))


def test_a_row_apart_is_named_once_though_its_student_is_refused_for_its_form_and_shares_its_id() -> None:
    third = BODY[3].replace("0000002", "0000001").replace("OR5540013", "OR5540014")
    read = list(students(submission([BODY[0] + "|" * 10 + "more", BODY[3], BODY[1], third])))
    assert sorted(number for number, _, _ in rules(read)) == [2, 4, 5]


def test_the_same_student_twice_in_a_file_counts_once() -> None:
    rows = [row.replace("OR5540013", "OR5540012") for row in BODY]
    read = list(students(submission(rows)))
    assert read[0].student is not None
    assert rules(read)[0] == (5, "S", ["duplicate-student"])
    assert read[1].student is None


def test_a_row_with_a_warning_stands_and_tells_what_was_sent() -> None:
    rows = [BODY[0], BODY[1].replace("Female", "F"), *BODY[2:]]
    (found,) = next(students(submission(rows))).found
    assert isinstance(found, FoundRow)
    assert not found.refused
    assert found.values == {"sex": "F"}


def test_the_raw_value_stands_beside_a_repair() -> None:
    one = next(students(submission([BODY[0], BODY[1].replace("Female", "FEMALE"), *BODY[2:]])))
    assert one.student is not None
    assert one.student.rows[0].raw == {"sex": "FEMALE"}


def test_a_row_with_nothing_but_its_record_id_is_handed_on() -> None:
    one = next(students(submission([*BODY[:3], "E|0000001|004", *BODY[3:]])))
    assert one.student is not None
    assert one.student.rows[-1].elements == {}
    assert one.student.rows[-1].record_id == "004"


@pytest.mark.parametrize(
    ("sent", "carried"), [("0040001", "40001"), ("two", " two"), ("0040001", "0040001"), ("0", "000")]
)
def test_the_rows_of_a_student_whose_record_id_cannot_be_used_are_found_with_her_wherever_they_stand(
    sent: str, carried: str
) -> None:
    rows = [row.replace("|0000002|", f"|{sent if row.startswith('S') else carried}|") for row in EXAMPLE.splitlines()]
    apart = [rows[0], rows[4], *rows[1:4], *rows[5:], ""]
    read = list(students(file("\n".join(apart))))
    assert [one.student is not None for one in read] == [False, True]
    assert rules(read[:1])[1:] == [(n, letter, ["student-refused"]) for n, letter in ((6, "D"), (7, "Q"), (8, "E"))]


def test_a_record_id_that_is_longer_than_anybodys_is_nobodys() -> None:
    read = list(students(file(EXAMPLE.replace("|0000002|", f"|{'x' * 41}|"))))
    assert rules(read)[1:] == [(n, letter, ["orphan"]) for n, letter in ((6, "D"), (7, "Q"), (8, "E"))]


def test_two_students_whose_record_id_cannot_be_used_share_it_all_the_same() -> None:
    read = list(students(file(EXAMPLE.replace("|0000001|", "|x|").replace("|0000002|", "|x|"))))
    assert {codes[-1] for _, _, codes in rules(read)} == {"duplicate-student-record-id"}


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ('"Columbia Gorge, North"', "Columbia Gorge, North"),
        ('"The ""Gorge"" School"', 'The "Gorge" School'),
        ('"""Gorge"""', '"Gorge"'),
        ('The "Gorge" School', 'The "Gorge" School'),
        ('"The" and "Gorge"', '"The" and "Gorge"'),
        ('"', '"'),
        ('5" Gorge', '5" Gorge'),
    ],
)
def test_what_a_spreadsheet_quotes_in_a_file_with_tabs_is_read_as_it_was(written: str, read: str) -> None:
    text = EXAMPLE.replace("Columbia Gorge Summer Program", written)
    for end in ("\n", "\r\n"):
        tabs = list(students(file(text.replace("|", "\t").replace("\n", end))))
        assert rules(tabs) == []
        assert tabs[1].student is not None
        assert tabs[1].student.rows[-1].elements["school_or_project_name"] == read
    bars = list(students(file(text)))[1].student
    assert bars is not None
    assert bars.rows[-1].elements["school_or_project_name"] == written


def test_ids_that_are_quoted_in_a_file_with_tabs_bring_rows_and_students_together() -> None:
    lines = EXAMPLE.replace("|", "\t").splitlines()
    lines[2] = lines[2].replace("0000001", '"0000001"')
    lines[4] = lines[4].replace("0000002", '"0000002"').replace("OR5540013", '"OR5540013"')
    lines.insert(5, lines.pop(2))  # apart from its S row
    read = list(students(file("\n".join([*lines, ""]))))
    assert rules(read) == []
    assert applied(read)["OR5540012"] == [("Q", "001"), ("D", "001")]
    assert applied(read)["OR5540013"] == applied(list(students(file(EXAMPLE))))["OR5540013"]


def test_the_future_begins_after_the_submission_date_unless_a_day_is_given() -> None:
    assert rules(list(students(file(EXAMPLE)))) == []
    found = rules(list(students(file(EXAMPLE), date(2025, 1, 1))))
    assert (8, "E") in [(number, letter) for number, letter, codes in found if "future" in codes]


@pytest.mark.parametrize(
    ("text", "rule", "row"),
    [
        ("", "empty", None),
        ("\ufeff \r\n\n", "empty", None),
        (EXAMPLE.partition("\n")[2], "no-header", 1),
        ("\n" + EXAMPLE, "no-header", 1),
        ("h" + EXAMPLE[1:], "no-header", 1),
        (EXAMPLE.replace("|", ";"), "delimiter", 1),
        ("H\n", "delimiter", 1),
        (EXAMPLE.replace("\n", "\r"), "line-end", 1),
        (EXAMPLE.replace("|OR|2025", "|ZZ|2025"), "header", 1),
        (EXAMPLE.replace("20250902020000000", ""), "header", 1),
        (EXAMPLE.replace("20250902020000000", "20250230020000000"), "header", 1),
        (EXAMPLE.replace("|2|7|", "|two|7|"), "header", 1),
        (EXAMPLE.replace("20250902000000000\n", "20250902000000000|x\n"), "too-many-fields", 1),
        (EXAMPLE.replace("20250801000000000", "20250902000000000"), "V24", 1),
        (EXAMPLE.replace("|2|7|", "|3|7|"), "V24", 1),
        (EXAMPLE.replace("|2|7|", "|2|8|"), "V24", 1),
        (EXAMPLE + EXAMPLE, "second-header", 9),
        (EXAMPLE.replace("Wilber", "Wil\x00ber"), "nul", 6),
        ("H|OR\x00|", "nul", 1),
        (EXAMPLE.replace("|", ",").replace("Wilber", '"Wilber'), "quoting", 6),
        (EXAMPLE.replace("|", ",").replace("Wilber", '"Wil"ber'), "quoting", 6),
        (EXAMPLE.replace("|", ",").replace("Wilber", '"' + "x" * 200_000 + '"'), "line-too-long", 6),
        (EXAMPLE.replace("Wilber", "x" * 1_000_001), "line-too-long", 6),
        (EXAMPLE.replace("Wilber", "x" * 3_000_000), "line-too-long", 6),
        ("H|" + "x" * 1_000_001, "line-too-long", 1),
    ],
)
def test_a_file_that_cannot_be_trusted_is_refused_whole(text: str, rule: str, row: int | None) -> None:
    assert refused(file(text)) == (rule, row)


@pytest.mark.parametrize(
    ("was", "sent", "element", "said"),
    [
        ("|OR|2025", "|ZZ|2025", "submitting_state", 'It says "ZZ".'),
        ("|OR|2025", "| |2025", "submitting_state", "It is blank."),
        ("|2|7|", "|two|7|", "total_students_in_file", 'It says "two".'),
        ("|2|7|", "|t\u202ew\x07o|7|", "total_students_in_file", 'It says "t\ufffdw\ufffdo".'),
        ("|2|7|", f"|{'9' * 41}|7|", "total_students_in_file", f'It says "{"9" * 40}…".'),
        ("|2|7|", "|1|7|", "total_students_in_file", "It says 1; the file has 2 students."),
        ("|2|7|", "|2|7000|", "total_records_in_file", "It says 7,000; the file has 7 rows."),
        (
            "20250801000000000",
            "20250903000000000",
            "ending_effective_date",
            "It says 2025-09-02T00:00:00.000; Beginning Effective Date says 2025-09-03T00:00:00.000.",
        ),
    ],
)
def test_an_element_of_the_header_is_named_with_what_it_says(was: str, sent: str, element: str, said: str) -> None:
    with pytest.raises(SubmissionRefused) as caught:
        scan(file(EXAMPLE.replace(was, sent)))
    assert caught.value.element == element
    assert caught.value.what.endswith(f". {said}")


def test_a_submission_date_of_the_future_is_told_with_the_day_of_receipt() -> None:
    with pytest.raises(SubmissionRefused) as caught:
        check_received(read_header(file(EXAMPLE)), date(2025, 8, 31))
    assert caught.value.element == "submission_date"
    assert caught.value.what.endswith("It says 2025-09-02, and was received on 2025-08-31.")


@pytest.mark.parametrize(
    ("content", "row"),
    [
        (EXAMPLE.encode("latin-1"), 3),
        (EXAMPLE.encode("utf-16"), 1),
        (EXAMPLE.encode() + b"\xc3", 9),
        (b"H|OR\xff|", 1),
    ],
)
def test_a_file_that_is_not_utf_8_is_refused_with_the_row(content: bytes, row: int) -> None:
    assert refused(file(content)) == ("encoding", row)


@pytest.mark.parametrize("size", [1, 2, 3, 7, 64])
def test_what_is_found_does_not_hang_on_where_a_block_ends(size: int, monkeypatch: pytest.MonkeyPatch) -> None:
    wanted = list(students(file(EXAMPLE)))
    monkeypatch.setattr(lines, "BLOCK_BYTES", size)
    assert list(students(file(EXAMPLE))) == wanted
    assert refused(file(EXAMPLE.encode("latin-1"))) == ("encoding", 3)
    assert refused(file(EXAMPLE.encode() + b"\xc3")) == ("encoding", 9)
    assert refused(file(EXAMPLE.replace("Wilber", "Wil\x00ber"))) == ("nul", 6)


def test_more_students_than_the_layout_allows_refuse_the_file() -> None:
    rows = [f"S|{number}||OR|{number}|02|I" for number in range(1, 40_002)]
    assert refused(submission(rows)) == ("too-many-students", 40_002)


@pytest.mark.parametrize("behind", [True, False])
def test_more_rows_of_a_student_than_the_layout_has_record_ids_for_refuse_the_file(behind: bool) -> None:
    heads = ["S|0000001||OR|1|02|I", "S|0000002||OR|2|02|I"]
    shots = [f"I|{'1' if n % 2 and not behind else '0000001'}|{n:03d}|115|20250101" for n in range(1, 1_000)]
    others = [f"K|0000001|{n:03d}|K{n}|01" for n in range(1, 1_000)]

    def written(*rows: str) -> list[str]:
        return [heads[0], *rows, heads[1]] if behind else [*heads, *rows]

    for delimiter in ("|", ","):

        def read(rows: list[str], by: str = delimiter) -> io.BytesIO:
            return file(submission(rows).read().replace(b"|", by.encode()))

        assert sum(len(student.found) for student in students(read(written(*shots, *others)))) == 0
        one_more = written(*others, *shots, shots[0])
        assert refused(read(one_more)) == ("too-many-rows", len(one_more) if behind else len(one_more) + 1)


def test_rows_of_several_students_do_not_count_together() -> None:
    heads = [f"S|{n}||OR|{n}|02|I" for n in range(1, 4)]
    rows = [f"{letter}|{n}|{number:03d}|x" for n in (1, 2, 3) for letter in "KI" for number in range(1, 800)]
    assert len(list(students(submission([*heads, *rows])))) == 3


def test_more_rows_of_nobody_than_a_mistake_explains_refuse_the_file() -> None:
    rows = ["S|0000001||OR|1|02|I", *["I|0000009|001|115|20250101"] * 10_000]
    assert sum(len(student.found) for student in students(submission(rows))) == 10_000
    assert refused(submission([*rows, "?|0000001"])) == ("too-many-loose-rows", 10_003)


def test_a_submission_date_may_be_a_day_ahead_of_receipt_and_no_more() -> None:
    header = read_header(file(EXAMPLE))
    check_received(header, date(2025, 9, 1))
    with pytest.raises(SubmissionRefused) as caught:
        check_received(header, date(2025, 8, 31))
    assert caught.value.rule == "submission-date"


@given(st.permutations(BODY), st.sampled_from(["\n", "\r\n"]))
def test_every_row_is_accounted_for_once_whatever_the_order(rows: list[str], end: str) -> None:
    read = list(students(submission(rows, end=end)))
    numbers: list[int] = []
    for one in read:
        numbers += [row.number for row in one.found]
        if one.student is not None:
            numbers.append(one.student.number or 0)
            numbers += [row.number or 0 for row in one.student.rows]
    assert sorted(numbers) == list(range(2, 9))
    assert sum(one.row_count for one in read) == 7


written_ids = st.sampled_from(["1", "0000001", " 2", "02", "3", "0000003", "9", "one", ""])
some_rows = st.lists(st.tuples(st.sampled_from("SSDQKX"), written_ids), max_size=14)


@given(some_rows, st.sampled_from(["|", ","]), st.integers(1, 3))
def test_a_row_goes_to_the_student_whose_id_it_has_wherever_it_stands(
    sent: list[tuple[str, str]], delimiter: str, resumed: int
) -> None:
    def number(written: str) -> str:
        return written.strip().lstrip("0")

    rows = []
    for place, (letter, key) in enumerate(sent):
        values = f"||OR|OR{place}|02|I" if letter == "S" else f"|{place:03d}|x"
        rows.append(f"{letter}|{key}{values}".replace("|", delimiter))
    students_sent = [(place, number(key)) for place, (letter, key) in enumerate(sent) if letter == "S"]
    ids = [key for _, key in students_sent]
    owned: dict[int, list[int]] = {place: [] for place, key in students_sent}
    for place, (letter, key) in enumerate(sent):
        above = [at for at, own in students_sent if own == number(key) and at < place]
        if letter in "DQK" and above and ids.count(number(key)) == 1 and number(key):
            owned[above[0]].append(place)
    header = HEADER.format(len(students_sent), len(rows)).replace("|", delimiter)
    source = "\n".join([header, *rows, ""])
    scanned = scan(file(source))
    read = list(students(file(source), scanned=scanned))

    # A row that is wrong by itself is told with its student's, one that belongs to nobody as such.
    told = {found.number: [one.rule for one in found.findings] for one in read for found in one.found}
    applied_to = {
        one.number or 0: [row.number or 0 for row in one.student.rows] for one in read if one.student is not None
    }
    taken = [number for numbers in applied_to.values() for number in numbers] + list(applied_to)
    assert sorted([*told, *taken]) == sorted({*told, *taken}), "a row is either told or taken, once"
    refused = {found.number for one in read for found in one.found if found.refused}
    assert sorted({*refused, *taken}) == list(range(2, len(rows) + 2))
    nobodys = {"orphan", "unknown-letter", "duplicate-student-record-id"}
    for place, (letter, _) in enumerate(sent):
        if letter != "S":
            is_owned = any(place in places for places in owned.values())
            assert is_owned == (not nobodys & set(told.get(place + 2, ())))
    for place, places in owned.items():
        if place + 2 in applied_to:
            assert applied_to[place + 2] == [at + 2 for at in places if at + 2 in taken]
    assert list(students(file(source), scanned=scanned, skip=resumed)) == read[resumed:] or not students_sent


@given(st.binary(max_size=200) | st.text(max_size=200).map(lambda text: (EXAMPLE + text).encode("utf-8", "replace")))
def test_any_bytes_at_all_are_read_or_refused(content: bytes) -> None:
    with suppress(SubmissionRefused):
        for one in students(file(content)):
            assert {found.rule for row in one.found for found in row.findings} <= RULES.keys()


words = st.text(st.characters(categories=["L", "N"], include_characters=' ,"|'), min_size=1, max_size=20)


@given(st.lists(words, min_size=1, max_size=6))
def test_what_is_written_with_quotes_is_read_back(names: list[str]) -> None:
    def quoted(text: str) -> str:
        return '"' + text.replace('"', '""') + '"'

    rows = [f"H,OR,20250902020000000,1,{len(names) + 1},20250801000000000,20250902000000000", "S,1,,OR,OR1,02,I"]
    rows += [f"K,1,{number:03d},{quoted('x' + name[:13])},01" for number, name in enumerate(names, 1)]
    (one,) = students(file("\n".join(rows)))
    assert one.student is not None
    read = [row.elements["alternate_state_student_id"] for row in one.student.rows]
    assert read == [unicodedata.normalize("NFC", "x" + name[:13]).strip() for name in names]
