"""What stops a disposal between its proposal and its approval: holds, cases, facts, merges, readings, schedules.

Written from the pages alone. Each test has children of its own, whom nobody is shown: else the law keeps them
five years.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any

import httpx2
import pytest

from support.due_children import COURSE, DISPOSALS, HOLDS, NOBODY, Bench, in_days
from support.outsider import open_office


@pytest.fixture(scope="module")
def bench() -> Iterator[Bench]:
    with open_office() as office:
        yield Bench(office)


# -- holds


@pytest.mark.parametrize("kind", ["legal", "request"])
def test_a_hold_by_record_stops_a_disposal_that_was_proposed_before(bench: Bench, kind: str) -> None:
    _, _, record = bench.child()
    _, _, other = bench.child()
    disposal = bench.proposed(record, other)
    hold = bench.hold(kind=kind, records=[record])
    assert [one["subject"] for one in bench.stopped(disposal, "under-hold")] == [record]
    assert bench.due(record)["held_by"] == [{"id": hold, "kind": kind, "until": None}]
    assert bench.due(other)["held_by"] == [], "nothing is approved in part"
    bench.releases(hold)
    assert bench.approves(disposal).status_code == 200
    assert bench.due(record) is None
    assert bench.due(other) is None


def test_who_released_anothers_hold_on_it_is_neither_of_the_two(bench: Bench) -> None:
    _, _, record = bench.child()
    disposal = bench.proposed(record)
    hold = bench.hold(records=[record])
    bench.desk.does("carla", "POST", f"{HOLDS}/{hold}/release", {"reason": "I say so."})
    head = bench.office.service.head()
    assert bench.desk.no("carla", "POST", f"{DISPOSALS}/{disposal}/approval", {})[0] == 422
    assert bench.office.service.head() == head
    assert bench.approves(disposal, "ben").status_code == 200


@pytest.mark.parametrize("wide", [{"state": "OR"}, {"everything": True}])
def test_a_hold_over_a_state_or_everything_stops_it_and_another_states_does_not(
    bench: Bench, wide: dict[str, Any]
) -> None:
    _, _, record = bench.child()
    disposal = bench.proposed(record)
    elsewhere = bench.hold(state="CA")
    hold = bench.hold(**wide)
    bench.stopped(disposal, "under-hold")
    bench.releases(hold)
    assert bench.approves(disposal).status_code == 200
    bench.releases(elsewhere)


def test_a_hold_lasts_through_its_lastin_days(bench: Bench) -> None:
    _, _, record = bench.child()
    disposal = bench.proposed(record)
    hold = bench.hold(records=[record], until=in_days(1))
    bench.stopped(disposal, "under-hold")
    bench.releases(hold)
    status, code, _ = bench.desk.no(
        "ana", "POST", HOLDS, {"kind": "legal", "records": [record], "reason": "x", "until": in_days(-2)}
    )
    assert status == 422, code


def test_a_merge_extends_a_hold_to_what_is_one_student_with_it_and_its_reversal_ends_that(bench: Bench) -> None:
    _, left, record = bench.child()
    _, right, other = bench.child()
    hold = bench.hold(records=[other])
    told = bench.answers(bench.merge(left, right))
    assert [one["id"] for one in bench.due(record)["held_by"]] == [hold]
    status, code, problem = bench.desk.no("ana", "POST", DISPOSALS, {"record_class": "education", "subjects": [record]})
    assert (status, code, problem["items"][0]["subject"]) == (422, "under-hold", record)
    back = bench.desk.does("second", "POST", f"/v1/acts/{told['act']}/reversal", {"reason": "Son primas."})
    held = bench.due(record)
    by = [one for one in held["held_by"] if one["kind"] == "legal"]
    assert all(one.get("through") for one in by), (back, "by itself it is held no longer")
    assert by, "but the case in which they were joined would go with it, and names the one that is held"
    bench.releases(hold)


def test_an_open_case_holds_by_itself_until_it_is_answered(bench: Bench) -> None:
    _, left, record = bench.child()
    _, right, other = bench.child()
    disposal = bench.proposed(record, other)
    case = bench.merge(left, right)
    items = bench.stopped(disposal, "under-hold")
    assert {one["subject"] for one in items} == {record, other}
    assert [(one["kind"], one["id"]) for one in bench.due(record)["held_by"]] == [("case", case)]
    bench.answers(case, "no")
    changed = bench.stopped(disposal, "scope-changed")
    assert record in {one["subject"] for one in changed}, "the case goes with it, and nobody has looked at that"
    bench.desk.does("ana", "POST", f"{DISPOSALS}/{disposal}/withdrawal", {})
    again = bench.proposed(record, other)
    assert bench.approves(again).status_code == 200


# -- what comes in between


def test_a_new_fact_stops_it(bench: Bench) -> None:
    ssid, _, record = bench.child()
    disposal = bench.proposed(record)
    bench.desk.does("office", "POST", f"/v1/records/OR/{ssid}/courses", COURSE)
    assert [one["subject"] for one in bench.stopped(disposal, "scope-changed")] == [record]


def test_a_merge_stops_it(bench: Bench) -> None:
    _, left, record = bench.child()
    _, right, _ = bench.child()
    disposal = bench.proposed(record)
    bench.answers(bench.merge(left, right))
    assert [one["subject"] for one in bench.stopped(disposal, "scope-changed")] == [record]


def test_a_reading_stops_it(bench: Bench) -> None:
    _, student, record = bench.child()
    disposal = bench.proposed(record)
    assert bench.desk.get("secondary", f"/v1/students/{student}").status_code == 200
    assert [one["subject"] for one in bench.stopped(disposal, "not-due")] == [record]


def test_a_longer_schedule_stops_it(bench: Bench) -> None:
    _, _, record = bench.child("CA")
    disposal = bench.proposed(record)
    bench.schedule("education", "CA", ("birth", 90))
    assert [one["subject"] for one in bench.stopped(disposal, "not-due")] == [record]
    bench.schedule("education", "CA")
    bench.stopped(disposal, "not-due")
    assert bench.due(record) is None, "without any time it is kept for good"
    bench.schedule("education", "CA", ("birth", 20))


def test_of_two_disposals_of_one_record_the_second_has_nothing_left_to_do(bench: Bench) -> None:
    _, _, record = bench.child()
    _, _, other = bench.child()
    first, second = bench.proposed(record), bench.proposed(record, other)
    assert bench.approves(first).status_code == 200
    answer = bench.approves(second)
    assert answer.status_code == 200, answer.text
    told = bench.desk.does("ana", "GET", f"{DISPOSALS}/{second}")
    assert (told["status"], told["gone"]) == ("done", [record])
    lines = bench.desk.does("ana", "GET", f"{DISPOSALS}/{second}/certificate")["lines"]
    assert {line["subject"]: line["position"] is None for line in lines} == {record: True, other: False}


def test_a_hold_and_an_approval_at_once_leave_either_the_record_or_the_refusal(bench: Bench) -> None:
    ends = set()
    for _ in range(6):
        _, student, record = bench.child()
        disposal = bench.proposed(record)
        answers: dict[str, httpx2.Response] = {}
        body = {"kind": "legal", "records": [record], "reason": "A court asks."}

        def place(body: dict[str, Any] = body, answers: dict[str, httpx2.Response] = answers) -> None:
            answers["hold"] = bench.desk.ask("ana", "POST", HOLDS, body)

        def approve(disposal: str = disposal, answers: dict[str, httpx2.Response] = answers) -> None:
            answers["approval"] = bench.approves(disposal)

        both = [threading.Thread(target=place), threading.Thread(target=approve)]
        for one in both:
            one.start()
        for one in both:
            one.join()
        gone = bench.desk.get("auditor", f"/v1/students/{student}").status_code == 410
        assert gone == (answers["approval"].status_code == 200)
        if not gone:
            assert answers["approval"].json()["type"] == "/problems/under-hold"
            assert answers["hold"].status_code == 201
            bench.releases(answers["hold"].json()["id"])
        ends.add(gone)
    assert ends <= {True, False}


def test_eligibility_goes_alone_and_the_record_stays(bench: Bench) -> None:
    _, student, record = bench.child()
    assert bench.approves(bench.proposed(record, record_class="eligibility")).status_code == 200
    assert bench.due(record, "eligibility") is None
    told = bench.office.shown(student)
    assert told["core"]["qualifying_moves"] == []
    assert told["core"]["first_name"].startswith("Nenetl")
    assert "Madera" not in bench.desk.get("auditor", f"/v1/students/{student}/history").text


# -- closed otherwise


def test_a_disposal_that_was_refused_or_withdrawn_is_closed(bench: Bench) -> None:
    _, _, record = bench.child()
    refused, withdrawn = bench.proposed(record), bench.proposed(record)
    path = f"{DISPOSALS}/{refused}"
    assert bench.desk.no("ana", "POST", f"{path}/refusal", {"reason": "No."})[0] == 422, "not by who proposed it"
    bench.desk.does("ben", "POST", f"{path}/refusal", {"reason": "We are asked for it."})
    assert bench.desk.no("ben", "POST", f"{DISPOSALS}/{withdrawn}/withdrawal", {})[0] in (403, 422), "not by another"
    bench.desk.does("ana", "POST", f"{DISPOSALS}/{withdrawn}/withdrawal", {})
    for one in (refused, withdrawn):
        status, code, _ = bench.desk.no("ben", "POST", f"{DISPOSALS}/{one}/approval", {})
        assert (status, code) == (422, "disposal-closed")
        assert bench.desk.no("ana", "GET", f"{DISPOSALS}/{one}/certificate")[0] in (404, 422)
    assert bench.desk.does("ana", "GET", path)["reason"] == "We are asked for it."
    listed = {one["disposal"]: one["status"] for one in bench.desk.does("ana", "GET", DISPOSALS)["disposals"]}
    assert (listed[refused], listed[withdrawn]) == ("refused", "withdrawn")
    assert bench.due(record) is not None


def test_a_hold_is_released_once_and_is_told_with_both_reasons(bench: Bench) -> None:
    _, student, record = bench.child()
    hold = bench.hold(students=[student], kind="request", until=in_days(30))
    bench.releases(hold)
    head = bench.office.service.head()
    bench.desk.does("ana", "POST", f"{HOLDS}/{hold}/release", {"reason": "Again."})
    assert bench.office.service.head() == head, "what is released is not released again"
    told = bench.desk.does("auditor", "GET", f"{HOLDS}/{hold}")
    assert (told["kind"], told["until"], told["over"]["records"]) == ("request", in_days(30), [record])
    assert (told["reason"], told["released_reason"]) == (None, None)
    assert bench.desk.does("operator", "GET", f"{HOLDS}/{hold}")["reason"] is None
    told = bench.desk.does("ana", "GET", f"{HOLDS}/{hold}")
    assert (told["reason"], told["released_reason"]) == ("A court asks.", "Settled.")
    standing = {one["hold"] for one in bench.desk.does("ana", "GET", HOLDS)["holds"]}
    every = {one["hold"] for one in bench.desk.does("ana", "GET", f"{HOLDS}?released=true")["holds"]}
    assert (hold in standing, hold in every) == (False, True)


def test_an_idempotency_key_gives_the_first_answer_again(bench: Bench) -> None:
    _, _, record = bench.child()
    body = {"record_class": "education", "subjects": [record]}
    first, again = (
        bench.desk.ask("ana", "POST", DISPOSALS, body, headers={"Idempotency-Key": "propose once"}) for _ in range(2)
    )
    assert first.json() == again.json()
    assert again.headers["Idempotency-Replayed"] == "true"
    other = bench.desk.ask(
        "ana", "POST", DISPOSALS, {**body, "subjects": [NOBODY]}, headers={"Idempotency-Key": "propose once"}
    )
    assert other.status_code == 422
