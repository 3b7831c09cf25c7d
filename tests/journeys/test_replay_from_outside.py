"""What was known, when, and who said so: as of, effective on, what differs, and the history. From the pages alone.

One child's story is told once (``support.looked_back``). After each step what every role reads is kept. Later each step
is asked for again, and must be what was read then.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import httpx2
import psycopg
import pytest

from ledger.store.embedded import EmbeddedServer
from support.looked_back import SECTIONS, Story, tell, told_by
from support.outsider import open_office
from support.town import WHY, Town

CODES = {  # of ISO/TS 21089, as the page on the audit trail lists them
    "record-opened.v1": "originate",
    "demographics-stated.v1": "originate",
    "move-qualified.v1": "originate",
    "enrolled.v1": "originate",
    "withdrawn.v1": "originate",
    "course-reported.v1": "originate",
    "fact-corrected.v1": "amend",
    "students-merged.v1": "merge",
    "records-split.v1": "unlink",
    "declared-not-same.v1": "attest",
    "declaration-withdrawn.v1": "deprecate",
    "case-opened.v1": "verify",
    "case-answered.v1": "attest",
    "case-closed.v1": "verify",
}


@pytest.fixture(scope="module")
def story() -> Iterator[Story]:
    with open_office() as office:
        opened = Story(Town(office), office)
        tell(opened)
        yield opened


# -- as of


JOINED = ("merged", "corrected", "joined again")
"""When children of two states were one by mistake. Since they were parted, no state reads the other's as of then."""


def test_as_of_a_position_is_what_was_read_there_by_every_role(story: Story) -> None:
    refused: list[bool] = []
    for step, kept in story.kept.items():
        for (role, state, student), then in kept.items():
            if step == "first night" and student == story.beto.id:
                continue
            now = story.ask(f"/v1/students/{student}", role, state, as_of=story.steps[step])
            parted = step in JOINED and role == "eligibility_reviewer"
            assert told_by(now) == ((403, "/problems/other-state") if parted else then), (step, role)
            refused.append(now.status_code == 403)
            if not refused[-1]:
                point = now.json()
                assert (point["as_of"], point["erased"], point["effective_on"]) == (story.steps[step], 0, None)
    assert refused.count(False) > 40
    assert any(refused), "California's reviewer, as long as the child had no record there"


def test_a_merge_shows_the_joined_child_from_its_position_on_and_not_before(story: Story) -> None:
    [act] = [line for line in story.history() if line["event"] == "students-merged.v1"]
    before = story.get(f"/v1/students/{story.beto.id}", as_of=act["position"] - 1)
    after = story.get(f"/v1/students/{story.beto.id}", as_of=act["position"])
    assert (before["student_id"], len(before["core"]["records"])) == (story.beto.id, 1)
    assert (after["student_id"], len(after["core"]["records"])) == (story.ana, 2)
    ids = [story.at(step, story.beto.id)["student_id"] for step in ("merged", "reversed", "joined again", "split")]
    assert ids == [story.ana, story.beto.id, story.ana, story.beto.id]


def test_the_records_of_then_are_told_too(story: Story) -> None:
    for step, both in (("both", False), ("merged", True), ("reversed", False), ("joined again", True)):
        told = story.get(f"/v1/students/{story.ana}/records", as_of=story.steps[step])
        assert {one["state"] for one in told["records"]} == ({"OR", "CA"} if both else {"OR"}), step
        assert told["as_of"] == story.steps[step]


def test_an_instant_is_the_last_position_that_was_recorded_by_it(story: Story) -> None:
    events = {event["data"]["position"]: event["time"] for event in story.town.service.events(0)}
    for step in ("first night", "merged", "reversed"):
        instant = events[story.steps[step]]
        last = max(position for position, time in events.items() if time == instant)
        assert story.at(step)["known_at"] == instant
        path = f"/v1/students/{story.ana}"
        assert story.get(path, as_of=instant)["as_of"] == last
        local = datetime.fromisoformat(instant).astimezone(datetime.fromisoformat("2025-01-01T00:00:00-07:00").tzinfo)
        assert story.get(path, as_of=local.isoformat())["as_of"] == last
        earlier = (datetime.fromisoformat(instant) - timedelta(microseconds=1)).isoformat()
        assert story.get(path, as_of=earlier)["as_of"] < min(p for p, time in events.items() if time == instant)
    bare = story.town.service.call("GET", f"{path}?as_of={instant.replace('Z', '+00:00')}", by="auditor")
    assert (bare.status_code, bare.json()["as_of"]) == (200, last), "a + that is not encoded is understood"


def test_the_command_line_tells_the_same(story: Story) -> None:
    point = story.steps["corrected"]
    told = story.town.command.json("student", story.beto.id, "--as-of", point, "--effective-on", "2025-05-01")
    over_http = story.at("corrected", story.beto.id, effective_on="2025-05-01")
    assert {key: told[key] for key in SECTIONS} == {key: over_http[key] for key in SECTIONS}
    assert (told["as_of"], told["effective_on"]) == (point, "2025-05-01")
    assert "Ñandú" in story.town.command.run("student", story.beto.id, "--as-of", story.steps["both"]).stdout


# -- effective on


def test_dated_facts_come_true_on_their_day_and_undated_ones_are_as_known(story: Story) -> None:
    def on(day: str, step: str = "second night") -> Any:
        return story.at(step, effective_on=day)["core"]

    assert on("2025-04-17")["qualifying_moves"] == []
    assert len(on("2025-04-18")["qualifying_moves"]) == 1
    assert on("2025-04-20")["enrollments"] == []
    [enrolled] = on("2025-06-12")["enrollments"]
    assert "withdrawal_date" not in enrolled
    [ended] = on("2025-06-13")["enrollments"]
    assert ended["withdrawal_date"] == "2025-06-13"
    [not_yet] = on("2025-07-01", "first night")["enrollments"]
    assert "withdrawal_date" not in not_yet
    assert on("1999-02-28")["courses"] == on("2025-06-13")["courses"] != []
    assert on("2030-01-01") == story.at("second night")["core"], "a day that has not come is what is known"


def test_what_was_thought_then_of_a_day_is_not_what_is_thought_now(story: Story) -> None:
    def schools(day: str, **point: Any) -> list[str]:
        told = story.get(f"/v1/students/{story.beto.id}", effective_on=day, **point)["core"]["enrollments"]
        return [one["school_or_project_name"] for one in told]

    assert schools("2025-04-25", as_of=story.steps["both"]) == ["Escuela Ñandú"]
    assert schools("2025-04-25", as_of=story.steps["split"]) == [], "it was corrected to the fifth of May"
    assert schools("2025-04-25") == []
    assert schools("2025-05-05") == ["Escuela Ñandú"]


def test_a_retraction_and_a_flag_of_health_follow_the_day_as_well(story: Story) -> None:
    shots = {
        day: len(story.at("corrected", story.beto.id, effective_on=day)["health"]["immunizations"])
        for day in ("2024-02-29", "2024-08-15", "2024-08-16")
    }
    assert shots == {"2024-02-29": 0, "2024-08-15": 0, "2024-08-16": 1}


# -- points that cannot be

NO_POINTS = [
    *("0", "-1", "1.5", "1e3", "９", "9" * 19, "9" * 40, "", " ", "yesterday", "2025-02-30T00:00:00Z"),
    *("2025-09-02", "2025-09-02T18:00:00", "2999-01-01T00:00:00Z", "2001-01-01T00:00:00Z", "2025-13-01T00:00:00Z"),
    *("0001-01-01T00:00:00+23:59", "9999-12-31T23:59:59-23:59", "2025-09-02T18:00:00+99:99", "2025-09-02T25:61:00Z"),
]
NO_DAYS = ["2025-02-29", "2025-13-01", "tomorrow", "", "20250901", "2025-9-1", "0000-01-01", "10000-01-01"]


@pytest.mark.parametrize("point", NO_POINTS)
def test_no_such_point_is_told_plainly_and_what_to_ask_for_instead(story: Story, point: str) -> None:
    for path, name in (("", "as_of"), ("/records", "as_of"), ("/diff", "from")):
        answer = story.ask(f"/v1/students/{story.ana}{path}", **{name: point})
        _refused(answer, name)
    done = story.town.command.run("student", story.ana, f"--as-of={point}", code=None)
    assert done.returncode in (1, 2), done.stderr
    assert done.stdout == ""
    assert done.stderr.strip()


@pytest.mark.parametrize("day", NO_DAYS)
def test_no_such_day_is_told_plainly(story: Story, day: str) -> None:
    _refused(story.ask(f"/v1/students/{story.ana}", effective_on=day), "effective_on")


def test_a_position_behind_the_head_is_refused_with_the_head(story: Story) -> None:
    head = story.town.service.head()
    answer = story.ask(f"/v1/students/{story.ana}", as_of=head + 1)
    _refused(answer, "as_of")
    assert str(head) in answer.text
    done = story.town.command.run("diff", story.ana, "1", head + 1, code=None)
    assert done.returncode == 1
    assert str(head) in done.stderr


def _refused(answer: httpx2.Response, element: str) -> None:
    assert answer.status_code == 422, answer.text
    assert answer.headers["Content-Type"] == "application/problem+json"
    [error] = answer.json()["errors"]
    assert error["element"] == element or element in error["pointer"], error
    assert error["remedy"]
    assert error["message"]


def test_an_id_that_never_was_and_one_minted_later_are_not_found(story: Story) -> None:
    never = "000000000019" if story.ana != "000000000019" else "000000000027"
    for path in ("", "/records", "/diff"):
        point = {"from" if path else "as_of": 1} if path != "/records" else {"as_of": 1}
        for student in (never, story.beto.id):
            answer = story.ask(f"/v1/students/{student}{path}", **point)
            assert answer.status_code in ((404,) if path != "/diff" else (404, 200)), (path, answer.text)
    for words in (("student", never, "--as-of", 3), ("diff", never, 1), ("history", never)):
        done = story.town.command.run(*words, code=1)
        assert done.stdout == ""
        assert done.stderr.strip()
    later = story.ask(f"/v1/students/{story.beto.id}", as_of=story.steps["first night"])
    assert (later.status_code, "later" in later.json()["detail"]) == (404, True)


# -- what differs


def test_each_difference_names_the_file_and_row_behind_it(story: Story) -> None:
    told = story.diff("both", "second night")
    [difference] = told["differences"]
    assert (difference["field"], difference["element"]) == ("enrollments", "withdrawal_date")
    assert (difference["from"], difference["to"]) == (None, "2025-06-13")
    [event] = difference["events"]
    assert event["event"] == "withdrawn.v1"
    assert event["position"] in range(story.steps["both"] + 1, story.steps["second night"] + 1)
    [line] = [one for one in story.history() if one["position"] == event["position"]]
    assert (event["submission"], event["row"]) == (line["submission"], line["source_row"]) != (None, None)


def test_differences_of_links_name_the_act_and_the_person_who_decided(story: Story) -> None:
    for one, other, act in (
        ("second night", "merged", "merge"),
        ("corrected", "reversed", "reversal"),
        ("reversed", "joined again", "again"),
        ("joined again", "split", "split"),
    ):
        told = story.diff(one, other)
        assert told["differences"], act
        for difference in told["differences"]:
            assert story.acts[act] in {event["act"] for event in difference["events"]}, (act, difference)
            for event in difference["events"]:
                assert story.steps[one] < event["position"] <= story.steps[other]
                assert event["actor"]
    merged = story.diff("second night", "merged")["differences"][0]["events"][0]
    assert merged["reason"] == WHY
    assert merged["actor"].startswith("second")


def test_there_is_a_difference_exactly_where_the_two_records_differ(story: Story) -> None:
    seen = set()
    names = list(story.steps)
    for student in (story.ana, story.beto.id):
        for one in names[1:]:
            for other in names[1:]:
                left, right = story.at(one, student), story.at(other, student)
                facts = [_facts(read) for read in (left, right)]
                told = story.diff(one, other, student)["differences"]
                assert bool(told) == (facts[0] != facts[1]), (one, other)
                assert all(difference["events"] for difference in told), (one, other, told)
                seen.add(bool(told))
    assert seen == {True, False}


def _facts(read: Any) -> Any:
    """What the two say of the child, without who said it when."""

    def bare(what: Any) -> Any:
        if isinstance(what, dict):
            gone = ("recorded_at", "position", "superseded", "history")
            return {key: bare(value) for key, value in what.items() if key not in gone}
        return [bare(one) for one in what] if isinstance(what, list) else what

    return read["student_id"], [bare(read[section]) for section in SECTIONS[:3]]


def test_backwards_is_the_same_the_other_way_round(story: Story) -> None:
    forth, back = story.diff("both", "merged"), story.diff("merged", "both")

    def turned(told: Any, one: str, other: str) -> list[str]:
        kept = [
            json.dumps([d["section"], d["field"], d["record"], d["fact"], d["element"], d[one], d[other]])
            for d in told["differences"]
            if d["element"] != "said_by"
        ]
        return sorted(kept)

    assert turned(forth, "from", "to") == turned(back, "to", "from") != []
    assert [event["position"] for d in back["differences"] for event in d["events"]]


def test_whoever_is_not_shown_health_is_told_no_difference_of_it(story: Story) -> None:
    path = f"/v1/students/{story.beto.id}/diff"
    points = {"from": story.steps["both"], "to": story.steps["reversed"]}
    whole = story.get(path, **points)
    assert "immunizations" in {one["field"] for one in whole["differences"]}
    part = story.get(path, "eligibility_reviewer", "CA", **points)
    assert "health" not in part["sections"]
    assert "mmuniz" not in json.dumps(part)
    assert story.ask(path, "operator", **points).status_code == 403


def test_nothing_differs_between_a_point_and_itself(story: Story) -> None:
    assert story.diff("merged", "merged")["differences"] == []
    assert story.town.command.run("diff", story.ana, story.steps["merged"], story.steps["merged"]).stdout.strip()


# -- the history


def test_each_event_of_the_child_stands_there_once_and_in_order(story: Story) -> None:
    [record] = story.get(f"/v1/students/{story.ana}/records", at_least=story.town.service.head())["records"]
    streams = (f"record/{record['record']}", f"linkage/{story.ana}")
    events = story.town.service.events(0)
    of = [event["data"]["position"] for event in events if event["subject"] in streams]
    lines = story.history()
    positions = [line["position"] for line in lines]
    assert positions == sorted(set(positions))
    assert set(of) <= set(positions)
    cases = [line for line in lines if line["event"].startswith("case-")]
    assert set(positions) - set(of) == {line["position"] for line in cases}
    assert len({line["answers"]["case"] for line in cases}) == 4


def test_each_line_has_its_code_its_person_and_its_place_in_the_file(story: Story) -> None:
    lines = story.history()
    for line in lines:
        if line["event"] != "act-reversed.v1":
            assert line["code"] == CODES[line["event"]], line
        assert line["actor"]
        assert line["words"]
        in_file = line["actor"] not in {"matcher", "timekeeper"} and line["state"] == "OR"
        assert (line["submission"] is not None) == (line["source_row"] is not None) == in_file, line
    taken_back = [line["code"] for line in lines if line["event"] == "act-reversed.v1"]
    assert taken_back == ["unmerge", "merge"]
    rows = [line["source_row"] for line in lines if line["event"] in ("record-opened.v1", "enrolled.v1")]
    assert rows == [2, 5], "S is the second row of the file, E the fifth"


def test_a_correction_tells_what_stood_there_before_and_what_stands_there_since(story: Story) -> None:
    [line] = [one for one in story.history(story.beto.id) if one["event"] == "fact-corrected.v1"]
    assert line["before"]["enrollment_date"] == "2025-04-21"
    assert line["after"]["enrollment_date"] == "2025-05-05"
    assert "2025-04-21" in line["words"]
    assert "2025-05-05" in line["words"]
    [stated] = [one for one in story.history(story.beto.id) if one["event"] == "enrolled.v1"]
    assert stated["before"] is None


def test_what_it_answers_leads_back(story: Story) -> None:
    lines = {line["act"]: line for line in story.history() if line["act"]}
    assert lines[story.acts["reversal"]]["answers"]["act"] == story.acts["merge"]
    assert lines[story.acts["again"]]["answers"]["act"] == story.acts["reversal"]
    opened = {line["answers"]["case"] for line in story.history() if line["event"] == "case-opened.v1"}
    assert lines[story.acts["merge"]]["answers"]["case"] in opened


def test_pages_and_newest_first_come_to_the_same(story: Story) -> None:
    path, head = f"/v1/students/{story.ana}/history", story.town.service.head()
    paged: list[Any] = []
    cursor: str | None = ""
    while cursor is not None:
        more = {"cursor": cursor} if cursor else {}
        page = story.get(path, limit=3, at_least=head, **more)
        assert len(page["history"]) <= 3
        paged += page["history"]
        cursor = page["cursor"]
    assert paged == story.history()
    assert story.history(order="newest") == paged[::-1]
    for broken in ("x", "-1", "ñ", "%00", "A" * 200):
        answer = story.ask(path, cursor=broken)
        assert answer.status_code == 422, (broken, answer.text)


def test_filters_leave_exactly_the_lines_that_fit(story: Story) -> None:
    lines = story.history()
    middle = lines[len(lines) // 2]["recorded_at"]
    token = {"Authorization": f"Bearer {story.town.service.house.token('auditor')}"}
    path = f"/v1/students/{story.ana}/history"
    wanted: list[tuple[dict[str, Any], Any]] = [
        ({"kind": "linkage"}, lambda one: one["act"] is not None and not one["event"].startswith("case")),
        ({"kind": "enrolled,withdrawn"}, lambda one: one["event"] in ("enrolled.v1", "withdrawn.v1")),
        ({"code": "verify"}, lambda one: one["code"] == "verify"),
        ({"state": "OR", "kind": "record"}, lambda one: one["state"] == "OR"),
        ({"since": middle}, lambda one: one["recorded_at"] >= middle),
    ]
    for params, fits in wanted:
        expected = [one for one in lines if fits(one)]
        assert story.history(**params) == expected != [], params
        sent = {key: value.split(",") if key in ("kind", "code", "state") else value for key, value in params.items()}
        body = story.town.service.client.post(f"{path}/search", headers=token, json=sent, params={"limit": 1000})
        assert body.json()["history"] == expected, (params, body.text)
    body = story.town.service.client.post(f"{path}/search", headers=token, json={"actor": "second OR"})
    assert {one["actor"] for one in body.json()["history"]} == {"second OR"}
    for wrong in (
        {"kind": "x"},
        {"code": "x"},
        {"since": "x"},
        {"record": "x"},
        {"until": "2025-02-30"},
        {"state": "ZZ"},
    ):
        assert story.ask(path, **wrong).status_code == 422, wrong


def test_former_records_are_told_up_to_their_going_and_only_where_asked(story: Story) -> None:
    assert {one["state"] for one in story.history() if one["state"]} == {"OR"}
    former = story.history(former="true")
    of = [one["position"] for one in former if one["state"] == "CA"]
    assert of
    assert max(of) < story.steps["split"]
    assert {one["event"] for one in former} >= {"fact-corrected.v1", "immunization-reported.v1"}


def test_it_is_told_in_spanish(story: Story) -> None:
    english = story.town.command.run("history", story.ana).stdout.splitlines()
    spanish = story.town.command.run("history", story.ana, "--language", "es").stdout.splitlines()
    assert len(english) == len(spanish) > 10
    assert "se unieron" in "\n".join(spanish)
    for line, other in zip(spanish, story.history(language="es"), strict=False):
        assert other["words"] in line
    assert story.ask(f"/v1/students/{story.ana}/history", language="fr").status_code == 422
    for word in (" was ", " were ", " stated ", "Reason:", "Enrollment Date", "withdraw", " records"):
        assert word not in "\n".join(spanish), word


def test_as_a_table_it_has_every_line_and_nothing_that_a_spreadsheet_runs(story: Story) -> None:
    path, head = f"/v1/students/{story.ana}/history", story.town.service.head()
    token = {"Authorization": f"Bearer {story.town.service.house.token('auditor')}", "Accept": "text/csv"}
    over_http = story.town.service.client.get(path, headers=token, params={"at_least": head}).text
    for text in (over_http, story.town.command.run("history", story.ana, "--csv").stdout):
        rows = list(csv.DictReader(io.StringIO(text)))
        assert [int(one["position"]) for one in rows] == [one["position"] for one in story.history()]
        cells = [cell for one in rows for cell in one.values() if "HYPERLINK" in (cell or "")]
        assert cells
        assert not any(cell.startswith(("=", "+", "@")) for cell in cells), cells


# -- who was told


def test_every_look_back_is_disclosed_and_names_its_point(story: Story) -> None:
    point, later = story.steps["corrected"], story.steps["reversed"]
    path = f"/v1/students/{story.ana}"
    asked = [
        story.ask(path, "secondary_user", "OR", as_of=point, effective_on="2025-05-02"),
        story.ask(f"{path}/diff", "secondary_user", "OR", **{"from": point, "to": later}),
        story.ask(f"{path}/history", "secondary_user", "OR", former="true"),
    ]
    entries = story.get(f"{path}/disclosures", limit=1000)["disclosures"]
    for answer in asked:
        [entry] = {one["request"]: one for one in entries if one["request"] == answer.headers["x-request-id"]}.values()
        assert (entry["outcome"], entry["role"]) == ("shown", "secondary_user")
    bodies = [json.loads(line) for line in story.exported("--log", "access").splitlines() if line.startswith("    {")]
    said = {body["request"]: body["event"] for body in bodies}
    first, second, _ = (said[answer.headers["x-request-id"]] for answer in asked)
    assert (first["as_of"], first["effective_on"]) == (point, "2025-05-02")
    assert (second["as_of"], second["since"]) == (later, point)


def test_the_joined_child_of_then_is_disclosed_for_both_records(story: Story) -> None:
    answer = story.ask(f"/v1/students/{story.ana}", "secondary_user", "CA", as_of=story.steps["merged"])
    assert {one["state"] for one in answer.json()["core"]["records"]} == {"OR", "CA"}
    for student in (story.ana, story.beto.id):
        entries = story.get(f"/v1/students/{student}/disclosures", limit=1000)["disclosures"]
        assert answer.headers["x-request-id"] in {one["request"] for one in entries}, student


# -- what was destroyed (last: it destroys)


def test_what_was_destroyed_is_destroyed_for_the_past_as_well(story: Story) -> None:
    data = story.town.service.house.data
    with psycopg.connect(EmbeddedServer(data).conninfo("sojourn"), autocommit=True) as superuser:
        superuser.execute(
            "delete from vault.keys where class = 'eligibility' and subject ="
            " (select record_id::text from ledger.records where minted = %s)",
            (story.ana,),
        )
    told = story.town.command.json("student", story.ana, "--as-of", story.steps["second night"])
    assert told["erased"] == 1
    assert told["core"]["qualifying_moves"] == []
    assert told["core"]["enrollments"]
    assert "Madera" not in json.dumps(told)
