"""A wrong merge, a week of data from both states, and its reversal: what comes out is as if it had never been.

Through HTTP, beside a second ledger that is told the same and never hears of the merge.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Mapping
from datetime import date, timedelta
from typing import Any, NamedTuple

import pytest

from support.outsider import COURSE, ENROLLED, MOVED, NAMED, SHOT, TESTED, Child, Office, Row, child, open_office

ANA, ANNA = "OR ana", "CA anna"
FIRST = date(2025, 9, 2)
DAYS = 7
PROMPT_S = 60.0
READERS = {day: f"secondary_user {state}" for day, state in enumerate(("OR", "CA", "TX"), start=2)}
"""Who reads on which day of the week."""
SECOND = "regional_data_administrator"
"""Another person of Oregon than the one who takes the merge back: of the region that Ana's district lies in."""
REGION, DISTRICT = "R2", "4113770"
LINKAGE = {"record-linked.v1", "students-merged.v1", "records-split.v1", "act-reversed.v1"}


class Story(NamedTuple):
    """What was said over the week. since: topics from the preview on. alone: content of the students in the ledger that
    never heard of the merge."""

    joined: list[dict[str, Any]]
    preview: dict[str, Any]
    written_by_preview: int
    reversal: dict[str, Any]
    after: dict[str, dict[str, Any]]
    validated: dict[str, Any]
    since: list[str]
    again: tuple[int, str]
    students: dict[str, str]
    content: Any
    alone: Any


@pytest.fixture(scope="module")
def story() -> Story:
    with open_office() as office, open_office() as beside:
        _draw_the_map(office)
        students = _first_night(office)
        assert _first_night(beside).keys() == students.keys()
        act = _merge(office, students)
        joined: list[dict[str, Any]] = []
        for day in range(1, DAYS):
            for one in (office, beside):
                _day(one, day)
            if day in READERS:
                joined.append(_read(office, READERS[day], students[ANNA]))
        before = office.service.head()
        preview = _does(office, "state_data_administrator CA", f"/v1/acts/{act}/reversal?dry_run=true", {})
        written = office.service.head() - before
        reversal = _does(
            office, "state_data_administrator OR", f"/v1/acts/{act}/reversal", {"reason": "They are cousins."}
        )
        after = {one: _read(office, "auditor ", one, reversal["position"]) for one in students.values()}
        for one in (office, beside):
            _send(one, DAYS - 1, FIRST + timedelta(DAYS - 1))  # the same files, byte by byte
            _send(one, DAYS - 1, FIRST + timedelta(DAYS))  # and what is in them as the next night's
        [case] = reversal["cases"]
        _answers(office, "state_data_administrator CA", case)
        validated = _answers(office, f"{SECOND} OR", case)
        proposed = _ask(office, "primary_user OR", "POST", "/v1/merges", _merging(students))
        return Story(
            joined=joined,
            preview=preview,
            written_by_preview=written,
            reversal=reversal,
            after=after,
            validated=validated,
            since=office.service.topics(before),
            again=(proposed.status_code, proposed.json().get("type", "")),
            students=students,
            content=_content(office),
            alone=_content(beside),
        )


# -- what happened


def test_while_the_merge_held_everybody_was_shown_one_child(story: Story) -> None:
    assert {one["student_id"] for one in story.joined} == {story.students[ANA]}
    states = [{record["state"] for record in one["core"]["records"]} for one in story.joined]
    assert states == [{"OR", "CA"}] * 3
    assert {one["core"]["last_name_1"] for one in story.joined} == {"Luz"}


def test_the_preview_says_what_the_reversal_then_does(story: Story) -> None:
    assert story.written_by_preview == 0
    then = {one["student_id"]: one for one in story.preview["then"]}
    assert then.keys() == set(story.students.values())
    for student, shown in story.after.items():
        for section in ("core", "contacts", "health"):
            assert then[student][section] == shown[section], (student, section)
    assert [one["student_id"] for one in story.preview["now"]] == [story.students[ANA]]
    assert {one["field"] for one in story.preview["differs"]} >= {"core.records", "core.demographics", "core.courses"}


def test_the_recall_list_is_of_those_three(story: Story) -> None:
    for told in (story.preview, story.reversal):
        assert [(one["actor"], one["times"]) for one in told["recall"]] == [(name, 1) for name in READERS.values()]


def test_the_reversal_stands(story: Story) -> None:
    assert story.validated["outcome"] == "settled"
    assert LINKAGE & set(story.since) == {"act-reversed.v1"}, "the nightly files joined nobody"
    assert story.again == (422, "/problems/bound-by-not-same")


def test_both_students_are_what_they_would_be_without_the_merge(story: Story) -> None:
    for name in story.alone:
        assert story.content[name] == story.alone[name], name
    assert _digest(story.content) == _digest(story.alone)
    assert len(story.alone[ANA]["student"]["core"]["courses"]) > 1, "the week has told something"


# -- the week


def _rows(state: str, day: int) -> list[Child]:
    """A night's file of a state: its own child, to whom each night adds, and another of the same name."""
    grown: list[Row] = [COURSE.but(number=f"{n:03}", title=f"Course {n}") for n in range(1, day + 1)]
    if state == "OR":
        enrolled = ENROLLED.but(grade=f"{day + 1:02}", district_id=DISTRICT, district="Woodburn SD 103")
        own = Child("ana", [NAMED.but(mother="Inés", phone="5035550101"), MOVED, enrolled, *grown])
        return [own, child("other", SHOT)]
    tests = [TESTED.but(number=f"{n:03}", month=f"{n:02}2025") for n in range(1, day + 1)]
    own = Child(
        "anna", [NAMED.but(first="Anna", born="20130509", mother="Lucía"), MOVED, *tests, *([SHOT] if day > 3 else [])]
    )
    return [own, child("other", COURSE)]


def _send(office: Office, day: int, on: date) -> None:
    """Both states' files, one after the other, until they are applied."""
    for state in ("OR", "CA"):
        text = office.text(state, *_rows(state, day), on=on)
        taken = office.service.call("POST", "/v1/submissions", by=state, content=text.encode())
        assert taken.status_code == 202, taken.text
        until = time.monotonic() + PROMPT_S
        while (told := office.service.get(taken.headers["Location"], by=state).json())["status"] != "completed":
            assert told["status"] in ("waiting", "applying"), told
            assert time.monotonic() < until, told
            time.sleep(0.05)


def _day(office: Office, day: int) -> None:
    """The night's files, and by day a fact that is stated and one that is corrected."""
    _send(office, day, FIRST + timedelta(day))
    body = {
        "enrollment_date": f"2025-09-{day + 2:02}",
        "enrollment_type": "03",
        "school_or_project_name": f"Project {day}",
    }
    for state, ssid in (("OR", "ana"), ("CA", "anna")):
        records = f"/v1/records/{state}/{ssid}"
        [stated] = office.service.call("POST", f"{records}/enrollments", by=state, json=body).json()["outcomes"]
        correction = {"fact": stated["fact"], "elements": {"grade_level": f"{day + 3:02}"}}
        if day % 2:
            corrected = office.service.call("POST", f"{records}/corrections", by=state, json=correction)
        else:
            corrected = office.service.call("POST", f"{records}/retractions", by=state, json={"fact": stated["fact"]})
        assert corrected.is_success, corrected.text


def _draw_the_map(office: Office) -> None:
    """Oregon has a region, in which a district lies."""
    for path, body in (
        (f"regions/{REGION}", {"name": "Willamette Valley"}),
        (f"districts/{DISTRICT}", {"region": REGION}),
    ):
        set_ = _ask(office, "state_data_administrator OR", "PUT", f"/v1/jurisdictions/OR/{path}", body)
        assert set_.is_success, set_.text


def _first_night(office: Office) -> dict[str, str]:
    """State and child to the student id that was minted."""
    _send(office, 0, FIRST)
    listed = office.command.json("students")
    found = {f"{row['state']} {row['state_student_id']}": row["student_id"] for row in listed}
    return {name: found[name] for name in (ANA, ANNA)}


def _merge(office: Office, students: Mapping[str, str]) -> str:
    """The act of a merge that one proposes and both states validate."""
    case = _does(office, "primary_user OR", "/v1/merges", _merging(students))["case"]
    assert _answers(office, "state_data_administrator OR", case)["outcome"] is None
    settled = _answers(office, "state_data_administrator CA", case)
    assert settled["outcome"] == "settled", settled
    return settled["act"]


def _merging(students: Mapping[str, str]) -> dict[str, str]:
    left, right = students[ANA], students[ANNA]
    return {"left": left, "right": right, "master": left, "reason": "The same birth date."}


# -- asking


def _ask(office: Office, who: str, method: str, path: str, body: Any = None, **rest: Any) -> Any:
    """who: role and state."""
    role, _, state = who.partition(" ")
    narrowed = ("--region", REGION) if role == SECOND else ()
    headers = {"Authorization": f"Bearer {office.service.house.token(role, state, *narrowed)}"}
    return office.service.call(method, path, by="", json=body, headers=headers, **rest)


def _does(office: Office, who: str, path: str, body: Any) -> dict[str, Any]:
    answer = _ask(office, who, "POST", path, body)
    assert answer.is_success, (path, answer.text)
    return answer.json()


def _answers(office: Office, who: str, case: str) -> dict[str, Any]:
    return _does(office, who, f"/v1/cases/{case}/answer", {"answer": "yes", "reason": "I asked both schools."})


def _read(office: Office, who: str, student: str, position: int = 0) -> dict[str, Any]:
    answer = _ask(office, who, "GET", f"/v1/students/{student}", params={"at_least": position or office.service.head()})
    assert answer.status_code == 200, answer.text
    return answer.json()


# -- content


def _content(office: Office) -> dict[str, Any]:
    """All that is shown of the students, by what their states call them: without ids, positions and times."""
    head = office.service.head()
    names: dict[str, str] = {}
    found: dict[str, Any] = {}
    for row in office.command.json("students"):
        name, student = f"{row['state']} {row['state_student_id']}", row["student_id"]
        shown = _read(office, "auditor ", student, head)
        [record] = shown["core"]["records"]
        names |= {student: name, record["record"]: name}
        told = office.service.get(f"/v1/students/{student}/history", params={"limit": 1000}).json()["history"]
        found[name] = {"student": shown, "history": [one for one in told if one["record"]]}
    asked = {"last_name_1": "Luz"}
    search = office.service.call("POST", f"/v1/students/search?at_least={head}", by="auditor", json=asked).json()
    found["search"] = sorted(search["students"], key=lambda hit: names[hit["student_id"]])
    text = json.dumps(found)
    for minted, name in names.items():
        text = text.replace(minted, name)
    return _timeless(json.loads(text))


def _timeless(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _timeless(held) for key, held in value.items() if key not in ("position", "recorded_at")}
    return [_timeless(held) for held in value] if isinstance(value, list) else value


def _digest(content: Any) -> str:
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()
