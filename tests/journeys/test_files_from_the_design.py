"""What the design's pages promise of a state's file, tried with `sojourn submit` by somebody who saw no source.

Each test has a state of its own, because one state's submissions apply one after another, by date.
"""

from __future__ import annotations

import csv
import json
import re
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from support.front_door import (
    CHILD,
    EXAMPLE,
    House,
    Service,
    enrolled,
    moved,
    named,
    night,
    opens,
)

pytestmark = pytest.mark.database


class Sent(NamedTuple):
    """What a submission answered: exit code, counts, the row lines, later findings of rows, and its new events."""

    code: int
    told: dict[str, Any]
    rows: dict[int, dict[str, str]]
    findings: list[dict[str, str]]
    events: list[str]
    said: str

    def outcomes(self) -> str:
        """First letters in file order: a accepted, u unchanged, r refused."""
        return "".join(row["outcome"][0] for row in self.rows.values())

    def rules(self, row: int) -> set[str]:
        return {line["rule"] for line in self.findings if int(line["row"]) == row}


def send(service: Service, text: str | bytes, *words: str) -> Sent:
    folder = service.house.data.parent
    file, response = folder / "tonight.txt", folder / "tonight.csv"
    file.write_bytes(text if isinstance(text, bytes) else text.encode())
    response.unlink(missing_ok=True)
    before = service.head()
    done = service.house.command("submit", file, "--response", response, "--json", *words, code=None)
    lines = list(csv.DictReader(response.open(newline=""))) if response.exists() else []
    rows = {int(line["row"]): line for line in lines if line["outcome"]}
    told = json.loads(done.stdout) if done.stdout.strip() else {}
    events = service.topics(before)
    return Sent(done.returncode, told, rows, [line for line in lines if line["rule"]], events, done.stderr)


def shown(service: Service, state: str, ssid: str) -> Any:
    """The consolidated record of a state's child."""
    found = [row for row in service.house.told("students") if (row["state"], row["state_student_id"]) == (state, ssid)]
    return service.student(found[0]["student_id"])


def child(state: str, ssid: str, *rows: str, action: str = "I") -> list[str]:
    return [opens(1, state, ssid, action), named(1), moved(1), *rows]


# -- a whole file that is wrong


FILE_FAULTS = {
    "total of students": night("AK", "20250902", *child("AK", "1"), students=2),
    "total of records": night("AK", "20250903", *child("AK", "1"), records=4),
    "the student total of 40,001": night("AK", "20250904", *child("AK", "1"), students=40_001),
    "beginning after ending": night("AK", "20250905", *child("AK", "1")).replace("20250101000000000", "20270101000000000"),
    "no header": "\n".join(child("AK", "1")) + "\n",
    "empty": "",
    "an unknown state": night("ZZ", "20250906", *child("ZZ", "1")),
    "30 February in the header": night("AK", "20250230", *child("AK", "1")),
    "far in the future": night("AK", "29990902", *child("AK", "1")),
    "invalid UTF-8": night("AK", "20250907", *child("AK", "1")).encode().replace(b"Ana", b"Mar\xeda"),
    "a NUL byte": night("AK", "20250908", *child("AK", "1")).replace("Ana", "A\0na"),
    "no delimiter": "H;AK;20250909020000000;0;0;20250101000000000;20250909000000000\n",
}


@pytest.mark.parametrize("name", FILE_FAULTS)
def test_a_file_that_is_wrong_as_a_whole_is_refused_before_anything_is_applied(service: Service, name):
    sent = send(service, FILE_FAULTS[name])
    assert sent.code == 1
    assert sent.said.strip()
    assert "Traceback" not in sent.said
    # Its refusal may be recorded; nothing of a child is.
    assert set(sent.events) <= {"submission-refused.v1"}


def test_more_than_forty_thousand_students_are_refused_whole(service: Service):
    sent = send(service, night("AL", "20250902", *(opens(number, "AL", f"AL{number}") for number in range(1, 40_002))))
    assert sent.code == 1
    assert "40,000" in sent.said
    assert set(sent.events) <= {"submission-refused.v1"}


def test_a_refused_file_sent_again_appends_nothing(service: Service):
    text = night("AR", "20250902", *child("AR", "1"), students=2)
    assert send(service, text).code == 1
    again = send(service, text)
    assert again.code == 1
    assert again.events == []


def test_a_refused_file_may_come_again_mended_under_its_date(service: Service):
    assert send(service, night("AR", "20250903", *child("AR", "1"), students=2)).code == 1
    assert send(service, night("AR", "20250903", *child("AR", "1"))).code == 0


def test_a_file_that_is_not_there_is_said_by_name(house: House, service: Service):
    done = house.command("submit", "/nowhere/OR.txt", code=None)
    assert done.returncode in (1, 2)
    assert "OR.txt" in done.stderr


# -- wrong rows, one by one


def test_wrong_rows_are_refused_one_by_one_and_the_rest_is_applied(service: Service):
    sent = send(
        service,
        night(
            "AZ",
            "20250902",
            *child("AZ", "AZ1"),  # 2, 3, 4
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
        ),
    )
    assert sent.code == 3
    assert sent.outcomes() == "aaarrarrrrrrr"
    assert (sent.told["accepted"], sent.told["refused"], sent.told["rows"]) == (4, 9, 13)
    assert sent.events.count("enrolled.v1") == 1
    for number, row in sent.rows.items():
        if row["outcome"] == "refused":
            assert row["rule"], number
            assert row["message"], number
            assert row["remedy"], number
    assert (sent.rows[5]["element"], sent.rows[5]["value"]) == ("enrollment_date", "20250230")
    assert sent.rules(6) == {"V10"}
    assert (sent.rows[7]["outcome"], sent.rows[7]["element"]) == ("accepted", "grade_level")
    assert sent.told["warned"] == 1
    core = shown(service, "AZ", "AZ1")["core"]
    assert [row["enrollment_date"] for row in core["enrollments"]] == ["2025-04-01"]
    assert "grade_level" not in core["enrollments"][0]


def test_a_refused_student_row_refuses_its_child_rows_and_no_other(service: Service):
    sent = send(
        service,
        night(
            "CA",
            "20250902",
            *(opens(1, "CA", "CA1"), named(1)),  # no qualifying move
            *(opens(2, "TX", "TX1"), named(2), moved(2)),  # another state's child
            *(opens(3, "CA", "CA3"), named(3), moved(3, "20250230")),  # its only move is refused
            *(opens(4, "CA", "CA4", "X"), named(4), moved(4)),  # no such action
            *(opens(5, "CA", "CA5"), named(5), moved(5)),
        ),
    )
    assert sent.code == 3
    assert sent.outcomes() == "rr" "rrr" "rrr" "rrr" "aaa"
    assert "V9" in sent.rules(2)
    assert "V22" in sent.rules(4)
    assert "V9" in sent.rules(7)
    assert sent.told["students_new"] == 1
    assert sorted(set(sent.events) - {"chunk-applied.v1", "findings-recorded.v1"}) == [
        "demographics-stated.v1", "move-qualified.v1", "record-opened.v1", "submission-completed.v1",
        "submission-received.v1",
    ]  # fmt: skip


def test_child_rows_may_stand_anywhere_after_their_student(service: Service):
    rows = [opens(1, "CO", "1"), opens(2, "CO", "2"), moved(2), moved(1), named(1), named(2)]
    assert send(service, night("CO", "20250902", *rows)).outcomes() == "aaaaaa"


def test_a_row_before_its_student_is_nobodys(service: Service):
    sent = send(service, night("CT", "20250902", moved(1), *child("CT", "1")))
    assert sent.code == 3
    assert sent.outcomes() == "raaa"


def test_two_student_rows_of_one_number_or_one_child_are_told_apart_or_refused(service: Service):
    sent = send(service, night("DC", "20250902", *child("DC", "1"), opens(1, "DC", "2"), opens(3, "DC", "1")))
    assert sent.code == 3
    assert sent.outcomes()[-1] == "r"


def test_a_second_header_is_refused(service: Service):
    header = "H|DE|20250902020000000|1|4|20250101000000000|20250902000000000"
    sent = send(service, night("DE", "20250902", *child("DE", "1"), header))
    assert sent.code in (1, 3)
    assert "enrolled.v1" not in sent.events


def test_an_insert_of_a_known_record_and_an_update_of_an_unknown_one_warn(service: Service):
    first = send(service, night("FL", "20250902", *child("FL", "1", action="U")))
    assert (first.code, first.outcomes(), first.told["warned"]) == (0, "aaa", 1)
    second = send(service, night("FL", "20250903", *child("FL", "1", action="I")))
    assert (second.code, second.outcomes(), second.told["warned"]) == (0, "uuu", 1)


# -- forms that are taken


@pytest.mark.parametrize(
    ("state", "form"), [("GA", "tab"), ("HI", "comma"), ("IA", "crlf"), ("ID", "bom"), ("IL", "dashes")]
)
def test_other_spellings_of_a_file_say_the_same(service: Service, ids, state, form):
    text = EXAMPLE.replace("|OR|OR", f"|{state}|{state}").replace("H|OR", f"H|{state}")
    match form:
        case "tab":
            text = text.replace("|", "\t")
        case "comma":
            text = text.replace("|", ",").replace("Valor Middle School", '"Valor Middle School"')
        case "crlf":
            text = text.replace("\n", "\r\n")
        case "bom":
            text = "\ufeff" + text
        case "dashes":
            text = re.sub(r"\|(20\d\d)(\d\d)(\d\d)(?=[|\n])", r"|\1-\2-\3", text)
    sent = send(service, text)
    assert sent.code == 0, sent.said
    assert sent.told["accepted"] == 11
    theirs = shown(service, state, f"{state}5540012")["core"]
    ours = service.student(ids["OR5540012"])["core"]
    for part in ("first_name", "last_name_2", "birth_date", "birth_state", "eligibility"):
        assert theirs[part] == ours[part]


def test_a_file_and_http_say_the_same_in_the_same_events(service: Service):
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
    sent = send(service, night("OR", "20250903", *rows))
    assert [event for event in sent.events if event in http_events] == http_events
    left, right = (strip(answer) for answer in (service.student(by_http), shown(service, "OR", "LAW-7F")))
    assert left == right
    again = send(service, night("OR", "20250904", *(row.replace("LAW-7F", "LAW-7") for row in rows)))
    assert again.outcomes() == "uuuu"
    assert service.put("LAW-7F", CHILD).status_code == 200


def strip(answer: Any) -> Any:
    """A record without ids, positions and instants: what it says of the child."""
    if isinstance(answer, list):
        return [strip(item) for item in answer]
    if not isinstance(answer, dict):
        return answer
    told_apart = {"record", "student_id", "state_student_id", "position", "recorded_at", "submission", "row"}
    return {key: strip(value) for key, value in answer.items() if key not in told_apart}


# -- again, and later nights


def test_a_later_file_without_a_change_appends_to_its_own_submission_only(service: Service):
    rows = child("IN", "1", enrolled(1, "20250421", withdrawn="20250613", district="4113770", since="20250418"))
    send(service, night("IN", "20250902", *rows))
    before = service.head()
    sent = send(service, night("IN", "20250903", *rows))
    assert sent.outcomes() == "uuuu"
    assert (sent.told["events"], sent.told["students_new"]) == (0, 0)
    assert {event["subject"].split("/")[0] for event in service.events(before)} == {"submission"}


def test_renumbered_rows_append_nothing(service: Service):
    days = ["20250301", "20250401", "20250501", "20250601", "20250701", "20250801"]
    rows = [enrolled(1, day, f"School {day}", record_id=f"{place:03}") for place, day in enumerate(days, 1)]
    send(service, night("KS", "20250902", *child("KS", "1"), *rows))
    turned = [enrolled(1, day, f"School {day}", record_id=f"{place:03}") for place, day in enumerate(days[::-1], 501)]
    sent = send(service, night("KS", "20250903", opens(1, "KS", "1"), named(1, record_id="009"), moved(1, record_id="7"), *turned))
    assert set(sent.outcomes()) == {"u"}
    assert sent.told["events"] == 0


@pytest.mark.parametrize(
    ("state", "first", "then", "events"),
    [
        ("KY", {}, {"withdrawn": "20250613"}, ["withdrawn.v1"]),
        ("LA", {"withdrawn": "20250613"}, {"withdrawn": "20250614"}, ["fact-corrected.v1"]),
        ("MA", {"withdrawn": "20250613"}, {}, ["fact-retracted.v1"]),
        ("MD", {"grade": "07"}, {"grade": "08"}, ["fact-corrected.v1"]),
        (
            "ME",
            {"district": "4113770", "since": "20250418"},
            {"district": "4106510", "since": "20250501"},
            ["residency-changed.v1"],
        ),
    ],
)
def test_a_changed_enrollment_row_becomes_the_event_of_the_layout(service: Service, state, first, then, events):
    send(service, night(state, "20250902", *child(state, "1"), enrolled(1, "20250421", **first)))
    sent = send(service, night(state, "20250903", *child(state, "1"), enrolled(1, "20250421", **then)))
    assert sent.outcomes() == "uuua"
    assert [topic for topic in sent.events if not topic.startswith(("submission", "chunk", "findings"))] == events
    assert sent.told["events"] == len(events)


def test_a_row_that_shares_its_record_id_and_a_key_element_corrects(service: Service):
    send(service, night("MI", "20250902", *child("MI", "1"), enrolled(1, "20250421", "Valor")))
    sent = send(service, night("MI", "20250903", *child("MI", "1"), enrolled(1, "20250422", "Valor")))
    assert [topic for topic in sent.events if "submission" not in topic and "chunk" not in topic] == [
        topic for topic in ("fact-corrected.v1", "findings-recorded.v1") if topic in sent.events
    ]
    assert [row["enrollment_date"] for row in shown(service, "MI", "1")["core"]["enrollments"]] == ["2025-04-22"]


def test_a_row_that_shares_its_record_id_alone_is_a_new_fact(service: Service):
    send(service, night("MN", "20250902", *child("MN", "1"), enrolled(1, "20250421", "Valor")))
    other = enrolled(1, "20250601", "Columbia", kind="03")
    sent = send(service, night("MN", "20250903", *child("MN", "1"), other))
    assert sent.events.count("enrolled.v1") == 1
    assert len(shown(service, "MN", "1")["core"]["enrollments"]) == 2


def test_rows_that_a_file_does_not_mention_stay(service: Service):
    send(service, night("MO", "20250902", *child("MO", "1"), enrolled(1, "20250421")))
    send(service, night("MO", "20250903", *child("MO", "1")))
    assert len(shown(service, "MO", "1")["core"]["enrollments"]) == 1


def test_a_student_row_alone_needs_no_move_where_the_record_holds_one(service: Service):
    send(service, night("MS", "20250902", *child("MS", "1")))
    sent = send(service, night("MS", "20250903", opens(1, "MS", "1", "U"), named(1, "Anna")))
    assert (sent.code, sent.outcomes()) == (0, "ua")


def test_action_d_takes_the_record_back_and_a_later_one_reinstates_it(service: Service):
    rows = child("MT", "1", enrolled(1, "20250421"))
    send(service, night("MT", "20250902", *rows))
    student = shown(service, "MT", "1")["student_id"]
    gone = send(service, night("MT", "20250903", opens(1, "MT", "1", "D")))
    assert gone.code == 0
    assert "record-retracted.v1" in gone.events
    assert service.student(student)["core"]["status"] == "retracted"

    twice = send(service, night("MT", "20250904", opens(1, "MT", "1", "D")))
    assert twice.told["events"] == 0

    back = send(service, night("MT", "20250905", *child("MT", "1", action="U")))
    assert "record-reinstated.v1" in back.events
    core = service.student(student)["core"]
    assert core["status"] == "open"
    # "its facts come back as they are sent again": the enrollment was not.
    assert core["enrollments"] == []
    send(service, night("MT", "20250906", *rows))
    assert [row["enrollment_date"] for row in service.student(student)["core"]["enrollments"]] == ["2025-04-21"]
    assert shown(service, "MT", "1")["student_id"] == student


def test_another_file_of_one_date_is_refused(service: Service):
    send(service, night("NC", "20250902", *child("NC", "1")))
    sent = send(service, night("NC", "20250902", *child("NC", "2")))
    assert (sent.code, sent.events) == (1, [])
    assert "Submission Date" in sent.said


def test_an_older_date_is_refused(service: Service):
    send(service, night("ND", "20250902", *child("ND", "1")))
    sent = send(service, night("ND", "20250801", *child("ND", "2")))
    assert (sent.code, sent.events) == (1, [])


def test_a_late_file_adds_what_is_missing_and_never_corrects(service: Service):
    send(service, night("NE", "20250902", *child("NE", "1"), enrolled(1, "20250421", grade="07")))
    rows = [*child("NE", "1"), enrolled(1, "20250421", grade="06"), enrolled(1, "20250101", "Old", record_id="002")]
    sent = send(service, night("NE", "20250801", *rows), "--late")
    assert sent.code == 0, sent.said
    assert sent.outcomes() == "uuuua"
    assert "superseded" in sent.rules(5)
    core = shown(service, "NE", "1")["core"]
    assert [row.get("grade_level") for row in core["enrollments"] if row["enrollment_date"] == "2025-04-21"] == ["07"]


# -- several, and the sample


def test_several_paths_are_answered_by_a_list(house: House, service: Service):
    paths = []
    for state in ("NH", "NJ"):
        paths.append(house.data.parent / f"{state}.txt")
        paths[-1].write_text(night(state, "20250902", *child(state, "1")))
    told = house.told("submit", *paths)
    assert [entry["state"] for entry in told] == ["NH", "NJ"]
    assert {entry["accepted"] for entry in told} == {3}


def test_one_refused_file_does_not_keep_the_other_out(house: House, service: Service):
    wrong, right = (house.data.parent / name for name in ("wrong.txt", "right.txt"))
    wrong.write_text(night("NM", "20250902", *child("NM", "1"), students=5))
    right.write_text(night("NV", "20250902", *child("NV", "1")))
    assert house.command("submit", wrong, right, code=None).returncode == 1
    assert shown(service, "NV", "1")["core"]["first_name"] == "Ana"


def test_counts_for_people_go_to_stdout(house: House, service: Service):
    file = house.data.parent / "people.txt"
    file.write_text(night("NY", "20250902", *child("NY", "1")))
    done = house.command("submit", file)
    assert "3 accepted" in done.stdout
    assert "\x1b" not in done.stdout + done.stderr


def test_the_sample_is_the_same_for_the_same_seed_and_is_accepted(house: House, service: Service):
    folders = [house.data.parent / name for name in ("s1", "s2", "s3")]
    for folder, seed in zip(folders, ("7", "7", "8"), strict=True):
        house.command("sample", "--out", folder, "--states", "WA,VT,WY", "--children", "20", "--seed", seed)
    first, second, third = ({path.name: path.read_bytes() for path in folder.iterdir()} for folder in folders)
    assert first == second
    assert first != third
    assert any("truth" in name for name in first)
    files = sorted(path for path in folders[0].iterdir() if path.suffix == ".txt")
    assert len(files) == 3
    told = house.told("submit", *files)
    assert {entry["refused"] for entry in told} == {0}
    assert {entry["students_new"] for entry in told} == {20}
    assert children_of_several_states(files), "children are shared between the states"


def children_of_several_states(files: list[Path]) -> set[tuple[str, ...]]:
    """Names and birth dates that stand in more than one file; a crude key is enough to see that some do."""
    seen: list[set[tuple[str, ...]]] = []
    for file in files:
        rows = (line.split("|") for line in file.read_text().splitlines())
        seen.append({(row[5], row[9]) for row in rows if row[0] == "D" and len(row) > 9})
    return (seen[0] & seen[1]) | (seen[0] & seen[2]) | (seen[1] & seen[2])
