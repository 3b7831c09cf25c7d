"""What is never due, who may not, and what makes no sense: schedules, holds and disposals that are refused.

Written from the pages alone. Each test has children of its own, whom nobody is shown: else the law keeps them
five years.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from support.due_children import DISPOSALS, HOLDS, NOBODY, SCHEDULES, Bench, in_days
from support.outsider import open_office


@pytest.fixture(scope="module")
def bench() -> Iterator[Bench]:
    with open_office() as office:
        yield Bench(office)


# -- the law's floor


@pytest.mark.parametrize(
    ("record_class", "after", "rule"),
    [
        ("eligibility", [("eligibility-end", 2)], "2 CFR 200.334"),
        ("eligibility", [("eligibility-end", 1), ("birth", 30)], "2 CFR 200.334"),
        ("access", [("access-end", 2)], "34 CFR 200.85"),
        ("access", [("access-end", 1)], "34 CFR 200.85"),
    ],
)
def test_a_schedule_that_is_shorter_than_the_law_is_refused_and_says_which_rule(
    bench: Bench, record_class: str, after: list[tuple[str, int]], rule: str
) -> None:
    times = [{"since": since, "years": years} for since, years in after]
    body = {"record_class": record_class, "state": "TX", "after": times, "authority": "None"}
    status, code, problem = bench.desk.no("ana", "PUT", SCHEDULES, body)
    assert (status, code) == (422, "bad-value")
    assert [one["rule"] for one in problem["errors"]] == ["retention-floor"]
    assert rule in str(problem), problem
    told = bench.desk.does("ana", "GET", SCHEDULES)
    assert not [one for one in told["schedules"] if one["state"] == "TX"]


def test_floors_and_the_schedule_of_access_papers_are_there_from_the_start(bench: Bench) -> None:
    told = bench.desk.does("auditor", "GET", SCHEDULES)
    floors = {one["record_class"]: (one["years"], one["source"]) for one in told["floors"]}
    assert floors["access"] == (3, "34 CFR 200.85")
    assert floors["eligibility"] == (3, "2 CFR 200.334")
    assert floors["education"][0] == 5
    assert "552a" in floors["education"][1]


def test_the_floor_holds_on_top_of_a_schedule_of_births(bench: Bench) -> None:
    bench.schedule("eligibility", "NM", ("birth", 1))
    # Its eligibility ended a year ago: the schedule alone would let it go.
    ended = f"{datetime.now(UTC).date() - timedelta(400)}"
    begun = f"{datetime.now(UTC).date() - timedelta(900)}"
    move = {"qualifying_arrival_date": begun, "qualifying_move_from_city": "Madera", "qualifying_move_from_state": "CA"}
    named = {"first_name": "Nenetl", "last_name_1": "Luz", "birth_date": "2012-02-29"}
    body = {"student": {}, "demographics": [named]}
    body["qualifying_moves"] = [move | {"eligibility_expiration_date": ended}]
    bench.desk.who["office NM"] = ("state_data_administrator", "--state", "NM")
    told = bench.desk.does("office NM", "PUT", "/v1/records/NM/FLOOR", body)
    assert bench.due(told["record_id"], "eligibility") is None
    preview = bench.desk.does(
        "ana",
        "POST",
        f"{DISPOSALS}?dry_run=true",
        {"record_class": "eligibility", "subjects": [told["record_id"]]},
    )
    assert [one["problem"] for one in preview["in_the_way"]] == ["not-due"]
    status, code, _ = bench.desk.no(
        "ana", "POST", DISPOSALS, {"record_class": "eligibility", "subjects": [told["record_id"]]}
    )
    assert (status, code) == (422, "not-due")


def test_a_record_that_was_shown_today_is_kept_five_years(bench: Bench) -> None:
    _, student, record = bench.child()
    due = bench.due(record)
    assert (due["schedule"], due["due_on"]) == ("education/OR/1", None), "else its birth date would follow"
    assert bench.desk.get("secondary", f"/v1/students/{student}").status_code == 200
    bench.office.command.run("project", "run")
    assert bench.due(record) is None
    status, code, problem = bench.desk.no("ana", "POST", DISPOSALS, {"record_class": "education", "subjects": [record]})
    assert (status, code) == (422, "not-due")
    assert problem["items"][0]["due_on"] > in_days(5 * 365)


# -- who may not

_SCHEDULE = {"record_class": "education", "state": "TX", "after": [{"since": "birth", "years": 30}], "authority": "x"}
_HOLD = {"kind": "legal", "state": "TX", "reason": "x"}
_DISPOSAL = {"record_class": "education", "subjects": [NOBODY]}
CHANGES = [
    ("PUT", SCHEDULES, _SCHEDULE),
    ("POST", HOLDS, _HOLD),
    ("POST", f"{HOLDS}/{NOBODY}/release", {"reason": "x"}),
    ("POST", DISPOSALS, _DISPOSAL),
    ("POST", f"{DISPOSALS}?dry_run=true", _DISPOSAL),
    ("POST", f"{DISPOSALS}/{NOBODY}/approval", {}),
]
READS = [SCHEDULES, HOLDS, "/v1/retention/due", DISPOSALS, f"{DISPOSALS}/{NOBODY}"]
NO_READERS = ("help desk", "primary", "secondary", "recruiter", "submitter", "government")


@pytest.mark.parametrize("who", [*NO_READERS, "auditor", "operator", "office", "authority"])
def test_nobody_but_a_privacy_officer_changes_anything_over_http(bench: Bench, who: str) -> None:
    head = bench.office.service.head()
    for method, path, body in CHANGES:
        status, code, _ = bench.desk.no(who, method, path, body)
        assert (status, code) == (403, "forbidden") or (who == "authority" and status in (403, 404)), (path, code)
    assert bench.office.service.head() == head


@pytest.mark.parametrize("who", NO_READERS)
def test_who_may_not_read_it_is_told_nothing(bench: Bench, who: str) -> None:
    for path in READS:
        assert bench.desk.no(who, "GET", path)[:2] == (403, "forbidden"), path


def test_a_state_reads_what_is_its_own(bench: Bench) -> None:
    _, _, of_oregon = bench.child()
    _, _, of_california = bench.child("CA")
    due = bench.desk.does("office", "GET", "/v1/retention/due?limit=500&record_class=education&state=OR")["due"]
    subjects = {one["subject"] for one in due}
    assert of_oregon in subjects
    assert of_california not in subjects
    answer = bench.desk.get("office", "/v1/retention/due", state="CA")
    assert answer.status_code == 403 or answer.json()["due"] == []
    everything = bench.desk.get("office", "/v1/retention/due", limit=500)
    assert everything.status_code == 403 or of_california not in everything.text
    disposal = bench.proposed(of_california)
    assert bench.desk.get("office", f"{DISPOSALS}/{disposal}").status_code in (403, 404)
    assert disposal not in bench.desk.get("office", DISPOSALS).text


def test_without_a_token_nobody_is_told_anything(bench: Bench) -> None:
    for path in READS:
        assert bench.office.service.client.get(path).status_code == 401, path


# -- what makes no sense

BAD_SCHEDULES: list[dict[str, Any]] = [
    {"record_class": "everything"},
    {"state": "ZZ"},
    {"state": "oregon"},
    {"authority": ""},
    {"authority": "x" * 501},
    {"authority": "  "},
    {"after": [{"since": "birth", "years": 0}]},
    {"after": [{"since": "birth", "years": -3}]},
    {"after": [{"since": "birth", "years": 151}]},
    {"after": [{"since": "birth", "years": 1.5}]},
    {"after": [{"since": "the flood", "years": 5}]},
    {"after": [{"since": "access-end", "years": 5}]},
    {"after": [{"since": "birth", "years": 20}, {"since": "birth", "years": 30}]},
    {"after": [{"since": "birth", "years": 20}] * 5},
    {"after": None},
    {"more": 1},
]


@pytest.mark.parametrize("wrong", BAD_SCHEDULES, ids=str)
def test_a_schedule_that_makes_no_sense_is_refused(bench: Bench, wrong: dict[str, Any]) -> None:
    head = bench.office.service.head()
    status, code, _ = bench.desk.no("ana", "PUT", SCHEDULES, {**_SCHEDULE, **wrong})
    assert status == 422, code
    assert bench.office.service.head() == head


def test_a_schedule_that_was_set_meanwhile_is_not_overwritten(bench: Bench) -> None:
    read = bench.desk.get("ana", SCHEDULES)
    body = {**_SCHEDULE, "state": "NV"}
    first = bench.desk.ask("ana", "PUT", SCHEDULES, body, headers={"If-Match": read.headers["ETag"]})
    assert first.status_code == 200, first.text
    answer = bench.desk.ask(
        "ben", "PUT", SCHEDULES, {**body, "authority": "y"}, headers={"If-Match": read.headers["ETag"]}
    )
    assert (answer.status_code, answer.json()["type"]) == (412, "/problems/version-moved")
    same = bench.desk.does("ben", "PUT", SCHEDULES, body)
    assert same["changed"] is False


BAD_HOLDS: list[dict[str, Any]] = [
    {"state": None},
    {"records": [NOBODY]},
    {"state": None, "records": []},
    {"state": None, "records": [NOBODY]},
    {"state": None, "account": NOBODY},
    {"state": None, "students": ["123456789012"]},
    {"state": None, "students": ["12"]},
    {"state": None, "everything": False},
    {"kind": "because"},
    {"kind": "case"},
    {"reason": ""},
    {"reason": "  "},
    {"until": "2025-02-29"},
    {"until": "tomorrow"},
    {"until": "2001-01-01"},
    {"state": "ZZ"},
]


@pytest.mark.parametrize("wrong", BAD_HOLDS, ids=str)
def test_a_hold_that_makes_no_sense_is_refused(bench: Bench, wrong: dict[str, Any]) -> None:
    head = bench.office.service.head()
    status, code, _ = bench.desk.no("ana", "POST", HOLDS, {**_HOLD, **wrong})
    assert status in (404, 422), code
    assert bench.office.service.head() == head


BAD_DISPOSALS: list[dict[str, Any]] = [
    {},
    {"subjects": []},
    {"subjects": ["x"]},
    {"subjects": [NOBODY] * 501},
    {"record_class": "disclosures"},
    {"record_class": "access"},
    {"record_class": "eligibility"},
]


@pytest.mark.parametrize("wrong", BAD_DISPOSALS, ids=lambda one: str(one)[:60])
def test_a_disposal_of_nothing_that_is_there_is_refused(bench: Bench, wrong: dict[str, Any]) -> None:
    head = bench.office.service.head()
    status, code, _ = bench.desk.no("ana", "POST", DISPOSALS, {**_DISPOSAL, **wrong})
    assert status in (404, 422), code
    assert bench.office.service.head() == head


def test_a_hold_or_disposal_that_is_not_there_is_not_found(bench: Bench) -> None:
    for path in (f"{HOLDS}/{NOBODY}", f"{DISPOSALS}/{NOBODY}", f"{DISPOSALS}/{NOBODY}/certificate"):
        assert bench.desk.no("ana", "GET", path)[0] == 404, path
    for path in (f"{HOLDS}/{NOBODY}/release", f"{DISPOSALS}/{NOBODY}/refusal"):
        assert bench.desk.no("ana", "POST", path, {"reason": "x"})[0] == 404, path
    for path in (f"{DISPOSALS}/{NOBODY}/approval", f"{DISPOSALS}/{NOBODY}/withdrawal"):
        assert bench.desk.no("ana", "POST", path, {})[0] == 404, path
    for path in (f"{HOLDS}/x", f"{DISPOSALS}/x", f"{DISPOSALS}?cursor=x", "/v1/retention/due?cursor=x"):
        assert bench.desk.no("ana", "GET", path)[0] in (404, 422), path


def test_on_the_command_line_too(bench: Bench) -> None:
    run = bench.office.command.run
    _, student, record = bench.child()
    hold = bench.office.command.json("hold", "place", "--records", student, "--reason", "A court asks.")["hold"]
    wrong: list[tuple[tuple[object, ...], int]] = [
        (("retention", "dispose", record, "--class", "education", "--yes"), 1),
        (("retention", "dispose", NOBODY, "--class", "education", "--yes"), 1),
        (("retention", "dispose", "x", "--class", "education", "--yes"), 1),
        (("retention", "dispose", "--approve", NOBODY, "--yes"), 1),
        (("retention", "dispose", "--approve", "x", "--yes"), 1),
        (("retention", "dispose", record, "--class", "nothing", "--yes"), 2),
        (("retention", "due", "--class", "nothing"), 2),
        (("retention", "due", "--state", "ZZ"), 1),
        (("hold", "place", "--reason", "x"), 2),
        (("hold", "place", "--records", "12", "--reason", "x"), 1),
        (("hold", "place", "--state", "OR"), 2),
        (("hold", "place", "--state", "OR", "--all", "--reason", "x"), 2),
        (("hold", "release", NOBODY, "--reason", "x"), 1),
    ]
    head = bench.office.service.head()
    for words, code in wrong:
        done = run(*words, code=None)
        assert done.returncode in {code, 1, 2}, (words, done.returncode, done.stderr)
        assert done.returncode != 0, words
        assert done.stdout == "", (words, done.stdout)
        assert done.stderr.strip(), words
    assert bench.office.service.head() == head
    assert hold in run("hold", "list").stdout
    run("hold", "release", hold, "--reason", "Settled.")
    disposal = bench.office.command.json("retention", "dispose", record, "--class", "education", "--yes")["disposal"]
    alone = run("retention", "dispose", "--approve", disposal, "--yes", code=1)
    assert "propos" in alone.stderr.lower()
    run("retention", "dispose", "--approve", disposal, "--yes", "--as", "ben@example.org")
    assert bench.desk.get("auditor", f"/v1/students/{student}").status_code == 410
