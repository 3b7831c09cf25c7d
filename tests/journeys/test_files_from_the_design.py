"""What the design's pages promise of a state's file, tried with `sojourn submit` by somebody who saw no source.

Each story has a state of its own, because one state's submissions apply one after another, by date. The stories' first
nights are sent by one command, then their second nights, and so on: a start of the command costs more than its work.
"""

from __future__ import annotations

import csv
import itertools
import re
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from support.house import CHILD, EXAMPLE, House, Service, enrolled, moved, named, night, opens

pytestmark = pytest.mark.database


class Sent(NamedTuple):
    """What one file was answered: counts, row lines by row, findings, and its events in the feed."""

    told: dict[str, Any]
    rows: dict[int, dict[str, str]]
    findings: list[dict[str, str]]
    events: list[dict[str, Any]]

    def outcomes(self) -> str:
        """First letters in file order: a accepted, u unchanged, r refused."""
        return "".join(row["outcome"][0] for row in self.rows.values())

    def rules(self, row: int) -> set[str]:
        return {line["rule"] for line in self.findings if int(line["row"]) == row}

    def topics(self) -> list[str]:
        """Of events that speak of a child."""
        return [
            event["type"].removeprefix("sojourn.")
            for event in self.events
            if not event["subject"].startswith("submission/")
        ]

    def student(self) -> str:
        """Student id of the file's first child."""
        return self.rows[2]["student_id"]


def child(state: str, ssid: str = "1", *rows: str, action: str = "I") -> list[str]:
    return [opens(1, state, ssid, action), named(1), moved(1), *rows]


def spelled(state: str, form: str) -> str:
    """The example as another state would write it."""
    text = EXAMPLE.replace("|OR|OR", f"|{state}|{state}").replace("H|OR", f"H|{state}")
    match form:
        case "tab":
            return text.replace("|", "\t")
        case "comma":
            return text.replace("|", ",").replace("Valor Middle School", '"Valor Middle School"')
        case "crlf":
            return text.replace("\n", "\r\n")
        case "byte order mark":
            return "\ufeff" + text
        case _:
            return re.sub(r"\|(20\d\d)(\d\d)(\d\d)(?=[|\n])", r"|\1-\2-\3", text)


FULL = enrolled(1, "20250421", withdrawn="20250613", district="4113770", since="20250418")
DAYS = ["20250301", "20250401", "20250501", "20250601", "20250701", "20250801"]
OTHER_TABLES = [
    "K|0000001|001|ALT-1|01",
    "C|0000001|001|Algebra I|First|00|2025|2025|02|0833",
    "A|0000001|001|Reading|English|01|072025|0512|First",
]
SPELLINGS = {"GA": "tab", "HI": "comma", "IA": "crlf", "ID": "byte order mark", "IL": "dashes in dates"}
# What an E row said, what it says a night later, and the one event which that is.
CHANGES: dict[str, tuple[dict[str, str], dict[str, str], str]] = {
    "KY": ({}, {"withdrawn": "20250613"}, "withdrawn.v1"),
    "LA": ({"withdrawn": "20250613"}, {"withdrawn": "20250614"}, "fact-corrected.v1"),
    "MA": ({"withdrawn": "20250613"}, {}, "fact-retracted.v1"),
    "MD": ({"grade": "07"}, {"grade": "08"}, "fact-corrected.v1"),
    "ME": (
        {"district": "4113770", "since": "20250418"},
        {"district": "4106510", "since": "20250501"},
        "residency-changed.v1",
    ),
}
# Per state its nights; a str is a whole file.
STORIES: dict[str, list[list[str] | str]] = {
    "AZ": [
        [
            *child("AZ"),  # 2, 3, 4
            enrolled(1, "20250230"),  # 5: no such day
            enrolled(1, "20250301", record_id="002", withdrawn="20250228"),  # 6: V10
            enrolled(1, "20250401", record_id="003", grade="13"),  # 7: the grade alone is left out
            enrolled(1, "20250501", record_id="1000"),  # 8: out of 001..999
            enrolled(1, "20250601", record_id="004", kind="08"),  # 9: no such type
            "A|0000001|001",  # 10: a Record ID and nothing else
            "Z|0000001|001",  # 11: no such letter
            named(7),  # 12: nobody's child
            "C|0000001|001|Algebra I||||||||||||||extra",  # 13: more fields than elements
            "I|0000001|001|115|20990101",  # 14: in the future
        ]
    ],
    "CA": [
        [
            *(opens(1, "CA", "CA1"), named(1)),  # no qualifying move
            *(opens(2, "TX", "TX1"), named(2), moved(2)),  # another state's child
            *(opens(3, "CA", "CA3"), named(3), moved(3, "20250230")),  # its only move is refused
            *(opens(4, "CA", "CA4", "X"), named(4), moved(4)),  # no such action
            *(opens(5, "CA", "CA5"), named(5), moved(5)),
        ]
    ],
    "CO": [[opens(1, "CO", "1"), opens(2, "CO", "2"), moved(2), moved(1), named(1), named(2)]],
    "CT": [[moved(1), *child("CT")]],
    "DC": [[*child("DC"), opens(3, "DC", "1")]],
    "FL": [child("FL", action="U"), child("FL", action="I")],
    "IN": [child("IN", "1", FULL), child("IN", "1", FULL)],
    "KS": [
        child("KS", "1", *(enrolled(1, day, day, record_id=f"{place:03}") for place, day in enumerate(DAYS, 1))),
        [
            *(opens(1, "KS", "1"), named(1, record_id="009"), moved(1, record_id="007")),
            *(enrolled(1, day, day, record_id=f"{place:03}") for place, day in enumerate(reversed(DAYS), 1)),
        ],
    ],
    "MI": [child("MI", "1", enrolled(1, "20250421")), child("MI", "1", enrolled(1, "20250422"))],
    "MN": [child("MN", "1", enrolled(1, "20250421")), child("MN", "1", enrolled(1, "20250601", "Other", kind="03"))],
    "MO": [child("MO", "1", enrolled(1, "20250421")), child("MO")],
    "MS": [child("MS"), [opens(1, "MS", "1", "U"), named(1, "Anna")]],
    "MT": [
        child("MT", "1", enrolled(1, "20250421")),
        [opens(1, "MT", "1", "D")],
        [opens(1, "MT", "1", "D")],
        child("MT", action="U"),
        child("MT", "1", enrolled(1, "20250421"), action="U"),
    ],
    "NJ": [
        [opens(1, "NJ", "1"), named(1), "Q|0000001|001|20250418|Madera|CA||||20280417"],
        [*child("NJ"), "Q|0000001|002|20250501|Madera|CA||||20280430"],
    ],
    "NY": [[opens(1, "NY", "1"), named(1, born="20040301"), moved(1), opens(2, "NY", "2"), named(2), moved(2)]],
    "OH": [
        child("OH", "1", *OTHER_TABLES),
        child("OH", "1", *(row.replace("First", "Second") for row in OTHER_TABLES)),
    ],
    "OK": [[opens(1, "OK", "1"), named(1), "Q|0000001|001|20250418|Madera|CA||||20280418"]],
    "PA": [child("PA", "1", enrolled(1, "20250421", grade="07")), child("PA", "1", enrolled(1, "20250421"))],
    "RI": [
        child("RI", "1", *(enrolled(1, day, "Valor", record_id=f"{place:03}") for place, day in enumerate(DAYS, 1))),
        child(
            "RI",
            "1",
            *(enrolled(1, f"{day[:6]}15", "Valor", record_id=f"{place:03}") for place, day in enumerate(DAYS, 1)),
        ),
    ],
    "NC": [[*child("NC"), named(1)], [opens(1, "NC", "1"), named(1, "Ana "), moved(1)]],
    "ND": [[*child("ND"), *(enrolled(1, "20250421", school, record_id=school[-1]) for school in ("P1", "P2"))]],
    **{
        state: [child(state, "1", enrolled(1, "20250421", **said)) for said in then[:2]]
        for state, then in CHANGES.items()
    },
    **{state: [spelled(state, form)] for state, form in SPELLINGS.items()},
}


@pytest.fixture(scope="module")
def stories(service: Service) -> dict[str, list[Sent]]:
    told: dict[str, list[Sent]] = {state: [] for state in STORIES}
    folder = service.house.data.parent
    for number in range(max(map(len, STORIES.values()))):
        tonight = {state: nights[number] for state, nights in STORIES.items() if len(nights) > number}
        files = [folder / f"{state}-{number}.txt" for state in tonight]
        for file, (state, rows) in zip(files, tonight.items(), strict=True):
            file.write_text(rows if isinstance(rows, str) else night(state, f"2025090{number + 2}", *rows), newline="")
        response = folder / f"stories-{number}.csv"
        code = 3 if number == 0 else 0
        position = service.head()
        answers = service.house.told("submit", *files, "--response", response, code=code)
        if len(files) == 1:
            answers = [answers]
        events = {event["data"]["position"]: event for event in service.events(position)}
        with response.open(newline="") as text:
            lines = [list(group) for group in _by_file(csv.DictReader(text))]
        for state, answer, answered in zip(tonight, answers, lines, strict=True):
            assert answer["state"] == state
            rows = {int(line["row"]): line for line in answered if line["outcome"]}
            findings = [line for line in answered if line["rule"]]
            last = answer["position"]
            own = [events[place] for place in range(position + 1, last + 1)]
            told[state].append(Sent(answer, rows, findings, own))
            position = last
    return told


def _by_file(lines):
    """A response of several files holds one after another: a new one begins where the row numbers do not rise."""
    last, group = 0, []
    for line in lines:
        if line["outcome"] and int(line["row"]) <= last:
            yield group
            group = []
        group.append(line)
        last = int(line["row"])
    yield group


# -- a whole file that is wrong


FILE_FAULTS: dict[str, str | bytes] = {
    "too-few-students": night("AK", "20250902", *child("AK"), students=2),
    "too-many-records": night("AK", "20250903", *child("AK"), records=4),
    "forty-thousand-and-one-in-the-header": night("AK", "20250904", *child("AK"), students=40_001),
    "forty-thousand-and-one": night(
        "AK", "20250905", *(opens(number, "AK", f"A{number}") for number in range(1, 40_002))
    ),
    "begins-after-its-end": night("AK", "20250906", *child("AK")).replace("20250101000000000", "20270101000000000"),
    "no-header": "\n".join(child("AK")) + "\n",
    "two-headers": night(
        "AK", "20250911", *child("AK"), "H|AK|20250911020000000|1|4|20250101000000000|20250902000000000"
    ),
    "empty": "",
    "unknown-state": night("ZZ", "20250907", *child("ZZ")),
    "thirtieth-of-february": night("AK", "20250230", *child("AK")),
    "far-future": night("AK", "29990902", *child("AK")),
    # 0x81 is no character of Windows-1252, and the row is no UTF-8.
    "no-encoding": night("AK", "20250908", *child("AK")).encode().replace(b"Ana", b"Mar\x81a"),
    "nul": night("AK", "20250909", *child("AK")).replace("Ana", "A\0na"),
    "semicolons": night("AK", "20250910", *child("AK")).replace("|", ";"),
}


class Refused(NamedTuple):
    code: int
    said: str
    topics: list[str]


@pytest.fixture(scope="module")
def refused(service: Service) -> Refused:
    """All files that are wrong as a whole, sent by one command."""
    files = [service.house.data.parent / f"{name}.txt" for name in FILE_FAULTS]
    for file, content in zip(files, FILE_FAULTS.values(), strict=True):
        file.write_bytes(content if isinstance(content, bytes) else content.encode())
    before = service.head()
    done = service.house.command("submit", *files, code=None)
    return Refused(done.returncode, done.stderr, service.topics(before))


def test_files_that_are_wrong_as_a_whole_end_with_1_and_apply_nothing(refused: Refused):
    assert refused.code == 1
    # A refusal may be recorded; nothing of a child is.
    assert set(refused.topics) <= {"submission-refused.v1"}
    assert "Traceback" not in refused.said


@pytest.mark.parametrize("name", FILE_FAULTS)
def test_a_file_that_is_wrong_as_a_whole_is_named_with_its_reason(refused: Refused, name):
    lines = refused.said.splitlines()
    place = next(number for number, line in enumerate(lines) if f"/{name}.txt" in line)
    assert len(lines[place].split(f"/{name}.txt")[1]) > 10


def test_a_refused_file_sent_again_appends_nothing(house: House, service: Service, refused: Refused):
    before = service.head()
    house.command("submit", house.data.parent / "too-few-students.txt", code=1)
    assert service.head() == before


def test_a_refused_file_may_come_again_mended_under_its_date(house: House, refused: Refused):
    file = house.data.parent / "mended.txt"
    file.write_text(night("AK", "20250902", *child("AK")))
    assert house.told("submit", file)["accepted"] == 3


def test_a_file_that_is_not_there_is_said_by_name(house: House):
    done = house.command("submit", "/nowhere/OR.txt", code=None)
    assert done.returncode in (1, 2)
    assert "OR.txt" in done.stderr


def test_another_file_of_one_date_and_an_older_date_are_refused(house: House, service: Service, stories):
    reused, late = (house.data.parent / name for name in ("reused.txt", "late.txt"))
    reused.write_text(night("MO", "20250903", *child("MO", "2")))
    late.write_text(night("MO", "20250801", *child("MO", "3")))
    before = service.head()
    done = house.command("submit", reused, late, code=1)
    assert service.head() == before
    assert "reused.txt" in done.stderr
    assert "late.txt" in done.stderr


def test_a_late_file_adds_what_is_missing_and_never_corrects(house: House, service: Service, stories):
    """MD's enrollment has grade 08 since its second night."""
    file = house.data.parent / "MD-late.txt"
    changed, missing = enrolled(1, "20250421", grade="06"), enrolled(1, "20250105", "Old", record_id="002")
    file.write_text(night("MD", "20250801", *child("MD", "1", changed, missing)))
    told = house.told("submit", file, "--late")
    assert (told["accepted"], told["unchanged"], told["refused"]) == (1, 4, 0)
    enrollments = service.student(stories["MD"][0].student())["core"]["enrollments"]
    assert {row["enrollment_date"]: row.get("grade_level") for row in enrollments} == {
        "2025-01-05": None,
        "2025-04-21": "08",
    }


# -- wrong rows, one by one


def test_wrong_rows_are_refused_one_by_one_and_the_rest_is_applied(service: Service, stories):
    sent = stories["AZ"][0]
    assert sent.outcomes() == "aaarrarrrrrrr"
    assert (sent.told["accepted"], sent.told["unchanged"], sent.told["refused"], sent.told["rows"]) == (4, 0, 9, 13)
    assert sent.topics() == ["record-opened.v1", "demographics-stated.v1", "move-qualified.v1", "enrolled.v1"]
    assert sent.told["events"] == 4
    core = service.student(sent.student())["core"]
    assert [row["enrollment_date"] for row in core["enrollments"]] == ["2025-04-01"]


def test_a_refused_row_says_element_value_rule_and_remedy(stories):
    sent = stories["AZ"][0]
    for number, row in sent.rows.items():
        if row["outcome"] == "refused":
            assert row["rule"], number
            assert row["message"], number
            assert row["remedy"], number
    assert (sent.rows[5]["element"], sent.rows[5]["value"]) == ("enrollment_date", "20250230")
    assert (sent.rows[9]["element"], sent.rows[9]["value"]) == ("enrollment_type", "08")
    assert sent.rules(6) == {"V10"}


def test_a_wrong_value_of_an_optional_element_is_left_out_with_a_warning(service: Service, stories):
    sent = stories["AZ"][0]
    assert (sent.rows[7]["outcome"], sent.rows[7]["element"], sent.rows[7]["value"]) == (
        "accepted",
        "grade_level",
        "13",
    )
    assert sent.told["warned"] == 1
    assert "grade_level" not in service.student(sent.student())["core"]["enrollments"][0]


def test_a_refused_student_row_refuses_its_child_rows_and_no_other(stories):
    sent = stories["CA"][0]
    assert sent.outcomes() == "rrrrrrrrrrraaa"
    assert "V9" in sent.rules(2)
    assert "V22" in sent.rules(4)
    assert "V9" in sent.rules(7)
    assert sent.rows[10]["element"] == "action_code"
    assert sent.told["students_new"] == 1
    assert sent.topics() == ["record-opened.v1", "demographics-stated.v1", "move-qualified.v1"]


def test_a_refused_row_names_the_child_that_its_student_row_named(stories):
    assert [row["state_student_id"] for row in stories["CA"][0].rows.values()] == [
        *("CA1",) * 2, *("TX1",) * 3, *("CA3",) * 3, *("CA4",) * 3, *("CA5",) * 3,
    ]  # fmt: skip


def test_child_rows_may_stand_anywhere_after_their_student(stories):
    assert stories["CO"][0].outcomes() == "aaaaaa"


def test_a_row_before_its_student_is_nobodys(stories):
    assert stories["CT"][0].outcomes() == "raaa"


def test_a_child_that_comes_twice_in_a_file_is_taken_once(stories):
    assert stories["DC"][0].outcomes() == "aaar"


def test_an_insert_of_a_known_record_and_an_update_of_an_unknown_one_warn(stories):
    first, second = stories["FL"]
    assert (first.outcomes(), first.told["warned"]) == ("aaa", 1)
    assert (second.outcomes(), second.told["warned"]) == ("uuu", 1)


def test_counts_agree_with_the_response_and_the_feed(stories):
    for state, nights in stories.items():
        for sent in nights:
            outcomes = sent.outcomes()
            assert len(outcomes) == sent.told["rows"], state
            assert outcomes.count("a") == sent.told["accepted"], state
            assert outcomes.count("u") == sent.told["unchanged"], state
            assert outcomes.count("r") == sent.told["refused"], state
            assert len(sent.topics()) == sent.told["events"], state
            assert sent.topics().count("record-opened.v1") == sent.told["students_new"], state


# -- forms that are taken


@pytest.mark.parametrize("state", SPELLINGS, ids=SPELLINGS.values())
def test_other_spellings_of_a_file_say_the_same(service: Service, stories, ids, state):
    sent = stories[state][0]
    assert sent.outcomes() == "a" * 11
    theirs = service.student(sent.student())["core"]
    ours = service.student(ids["OR5540012"])["core"]
    for part in ("first_name", "last_name_2", "birth_date", "birth_state", "eligibility"):
        assert theirs[part] == ours[part]


def test_a_file_and_http_say_the_same_in_the_same_events(house: House, service: Service):
    """Law 7: one vocabulary."""
    before = service.head()
    by_http = service.opened("LAW-7")
    http_events = service.topics(before)
    rows = [
        opens(1, "OR", "LAW-7F"),
        "D|0000001|001|Ximena||Xicohtencatl||||20130509",
        "Q|0000001|001|20250418|Madera|CA",
        "E|0000001|001|20250421|01|Valor Middle School",
    ]
    first, second = (house.data.parent / name for name in ("law-1.txt", "law-2.txt"))
    first.write_text(night("OR", "20250903", *rows))
    second.write_text(night("OR", "20250904", *(row.replace("LAW-7F", "LAW-7") for row in rows)))
    before = service.head()
    opened, repeated = house.told("submit", first, second)
    assert [topic for topic in service.topics(before) if topic in http_events] == http_events
    assert (opened["accepted"], repeated["unchanged"]) == (4, 4)
    by_file = service.put("LAW-7F", CHILD)
    assert by_file.status_code == 200
    assert _said(service.student(by_http)) == _said(service.student(by_file.json()["student_id"]))


def _said(answer: Any) -> Any:
    """A record without ids, positions and instants: what it says of the child."""
    if isinstance(answer, list):
        return [_said(item) for item in answer]
    if not isinstance(answer, dict):
        return answer
    told_apart = {"record", "student_id", "minted", "state_student_id", "position", "recorded_at", "submission", "row"}
    return {key: _said(value) for key, value in answer.items() if key not in told_apart}


# -- later nights


def test_a_later_file_without_a_change_appends_to_its_own_submission_only(stories):
    sent = stories["IN"][1]
    assert sent.outcomes() == "uuuu"
    assert (sent.told["events"], sent.told["students_new"]) == (0, 0)
    assert {event["subject"] for event in sent.events} == {"submission/IN/20250903020000000"}


def test_renumbered_rows_append_nothing(stories):
    sent = stories["KS"][1]
    assert set(sent.outcomes()) == {"u"}
    assert sent.topics() == []


@pytest.mark.parametrize("state", CHANGES)
def test_a_changed_enrollment_row_becomes_the_event_of_the_layout(stories, state):
    sent = stories[state][1]
    assert sent.outcomes() == "uuua"
    assert sent.topics() == [CHANGES[state][2]]


def test_a_row_that_shares_its_record_id_and_a_key_element_corrects(service: Service, stories):
    first, sent = stories["MI"]
    assert sent.topics() == ["fact-corrected.v1"]
    enrollments = service.student(first.student())["core"]["enrollments"]
    assert [row["enrollment_date"] for row in enrollments] == ["2025-04-22"]


def test_a_row_that_shares_its_record_id_alone_is_a_new_fact(service: Service, stories):
    first, sent = stories["MN"]
    assert sent.topics() == ["enrolled.v1"]
    assert len(service.student(first.student())["core"]["enrollments"]) == 2


def test_five_rows_told_apart_by_record_id_alone_warn_of_renumbering(stories):
    sent = stories["RI"][1]
    assert sent.topics() == ["fact-corrected.v1"] * 6
    assert "renumbered" in {line["rule"] for line in sent.findings}


def test_a_changed_row_of_any_other_table_is_one_correction(stories):
    first, sent = stories["OH"]
    assert first.topics()[3:] == ["alternate-id-stated.v1", "course-reported.v1", "assessment-reported.v1"]
    assert sent.outcomes() == "uuuuaa"
    assert sent.topics() == ["fact-corrected.v1"] * 2


def test_a_blank_in_a_later_row_is_no_value(service: Service, stories):
    first, sent = stories["PA"]
    assert sent.topics() == ["fact-corrected.v1"]
    assert "grade_level" not in service.student(first.student())["core"]["enrollments"][0]


def test_eligibility_ends_after_36_months_less_a_day_or_before_the_22nd_birthday(service: Service, stories):
    grown, growing = (stories["NY"][0].rows[row]["student_id"] for row in (2, 5))
    assert service.student(growing)["core"]["eligibility"]["expires"] == "2028-04-17"
    assert service.student(grown)["core"]["eligibility"]["expires"] == "2026-02-28"


def test_an_expiration_date_past_36_months_is_named_by_v1_and_never_lengthens_eligibility(service: Service, stories):
    """mde.csv and domain.md do not say whether the row goes or the earlier date is used; both are right by them."""
    sent = stories["OK"][0]
    assert "V1" in sent.rules(4)
    if sent.rows[4]["outcome"] == "accepted":
        assert service.student(sent.student())["core"]["eligibility"]["expires"] == "2028-04-17"


def test_a_second_move_is_a_new_fact(stories):
    assert stories["NJ"][1].topics()[-1] == "move-qualified.v1"


def test_rows_that_a_file_does_not_mention_stay(service: Service, stories):
    first, sent = stories["MO"]
    assert sent.topics() == []
    assert len(service.student(first.student())["core"]["enrollments"]) == 1


def test_a_student_needs_no_move_in_the_file_where_the_record_holds_one(service: Service, stories):
    first, sent = stories["MS"]
    assert sent.outcomes() == "ua"
    assert sent.topics() == ["fact-corrected.v1"]
    assert service.student(first.student())["core"]["first_name"] == "Anna"


def test_equal_rows_of_one_file_state_one_fact_and_outer_blanks_change_nothing(stories):
    first, sent = stories["NC"]
    assert first.topics().count("demographics-stated.v1") == 1
    assert sent.topics() == []


def test_two_schools_on_one_day_are_two_enrollments(service: Service, stories):
    assert len(service.student(stories["ND"][0].student())["core"]["enrollments"]) == 2


def test_action_d_takes_the_record_back_and_a_later_one_reinstates_it(service: Service, stories):
    first, gone, twice, back, again = stories["MT"]
    assert gone.topics() == ["record-retracted.v1"]
    assert twice.topics() == []
    # "its facts come back as they are sent again": the enrollment was sent a night later only.
    assert back.topics()[0] == "record-reinstated.v1"
    assert "enrolled.v1" not in back.topics()
    assert again.topics() == ["enrolled.v1"]
    assert {row["student_id"] for row in again.rows.values()} == {first.student()}
    core = service.student(first.student())["core"]
    assert core["status"] == "open"
    assert [row["enrollment_date"] for row in core["enrollments"]] == ["2025-04-21"]


# -- for people, and the sample


def test_one_refused_file_does_not_keep_the_other_out_and_counts_go_to_stdout(house: House):
    wrong, right = (house.data.parent / name for name in ("wrong.txt", "right.txt"))
    wrong.write_text(night("NM", "20250902", *child("NM"), students=5))
    right.write_text(night("NV", "20250902", *child("NV")))
    done = house.command("submit", wrong, right, code=1)
    assert "3 accepted" in done.stdout
    assert "wrong.txt" in done.stderr
    assert "\x1b" not in done.stdout + done.stderr


def test_the_sample_is_the_same_for_the_same_seed_and_is_accepted(house: House):
    folders = [house.data.parent / name for name in ("s1", "s2", "s3")]
    for folder, seed in zip(folders, ("7", "7", "8"), strict=True):
        house.command("sample", "--out", folder, "--states", "WA,VT,WY", "--children", "20", "--seed", seed)
    first, second, third = ({path.name: path.read_bytes() for path in folder.iterdir()} for folder in folders)
    assert first == second
    assert first != third
    told = house.told("submit", *sorted(folders[0].glob("*.txt")))
    assert sorted(entry["state"] for entry in told) == ["VT", "WA", "WY"]
    assert {entry["refused"] for entry in told} == {0}
    assert {entry["students_new"] for entry in told} == {20}
    assert _shared_children(folders[0])


def _shared_children(folder: Path) -> list[str]:
    """Children that the truth file finds in more than one state."""
    (truth,) = folder.glob("*truth*")
    with truth.open(newline="") as lines:
        rows = sorted((row["child"], row["state"]) for row in csv.DictReader(lines))
    return [name for name, found in itertools.groupby(rows, lambda row: row[0]) if len({row[1] for row in found}) > 1]
