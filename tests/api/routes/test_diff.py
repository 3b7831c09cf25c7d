"""What changed between two points, over HTTP: each difference with its events, to whom, and how it is written down."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from starlette.testclient import TestClient

from ledger.application import Ledger
from ledger.events.disclosure import Disclosed
from ledger.ids import student_id
from ledger.store.database import Database
from support.acting import Children, Office
from support.bodies import CHILD, ENROLLMENT, RECORD, student
from support.linking import merge, reverse
from support.services import Clock


@pytest.fixture
def ledger(database: Database, new_ledger: Callable[..., Ledger], clock: Clock) -> Ledger:
    return new_ledger(database, clock)


def diff(client: TestClient, student_id: str, first: object, last: object = None) -> dict[str, Any]:
    params = {"from": str(first)} | ({} if last is None else {"to": str(last)})
    answer = client.get(f"/v1/students/{student_id}/diff", params=params)
    assert answer.status_code == 200, answer.text
    assert answer.headers["Cache-Control"] == "private, no-cache"
    return answer.json()


def differing(told: dict[str, Any]) -> list[tuple[Any, ...]]:
    return [(d["field"], d["element"], d["from"], d["to"]) for d in told["differences"]]


def last_entry(ledger: Ledger) -> Any:
    return ledger.access.read(0, 1000)[-1].event


def test_a_difference_is_told_with_the_event_behind_it(oregon: TestClient, ledger: Ledger, child: str) -> None:
    then = ledger.log.head()
    withdrawn = {"enrollment": 3, "withdrawal_date": "2025-06-13"}
    position = int(oregon.post(f"{RECORD}/withdrawals", json=withdrawn).headers["Ledger-Position"])
    told = diff(oregon, child, then)
    assert differing(told) == [("enrollments", "withdrawal_date", None, "2025-06-13")]
    [difference] = told["differences"]
    [event] = difference["events"]
    assert (difference["section"], difference["fact"]) == ("core", 3)
    assert (event["position"], event["event"], event["actor"]) == (position, "withdrawn.v1", "oregon nightly")
    assert event["stream"] == f"record/{difference['record']}"
    assert event["record_name"] == "OR OR5540012"
    assert (told["from"]["position"], told["to"]["position"]) == (then, position)


def test_backwards_is_the_same_the_other_way_round(oregon: TestClient, ledger: Ledger, child: str) -> None:
    then = ledger.log.head()
    oregon.post(f"{RECORD}/corrections", json={"fact": 1, "elements": {"first_name": "Marisól"}})
    now = ledger.log.head()
    there, back = diff(oregon, child, then, now), diff(oregon, child, now, then)
    assert ("first_name", None, "Marisol", "Marisól") in differing(there)
    assert [(f, e, t, o) for f, e, o, t in differing(there)] == differing(back)


def test_between_a_point_and_itself_nothing_differs(oregon: TestClient, ledger: Ledger, child: str) -> None:
    head = ledger.log.head()
    assert diff(oregon, child, head, head)["differences"] == []


def test_before_the_id_was_minted_there_was_nothing(office: Office, ledger: Ledger, children: Children) -> None:
    told = office.does("cid", "GET", f"/v1/students/{children.texas}/diff?from=1")
    assert told["from"]["student_id"] is None
    assert ("student_id", None, None, children.texas) in differing(told)
    assert all(one["events"] for one in told["differences"])
    answer = office.ask("cid", "GET", f"/v1/students/{children.texas}/diff?from=1&to=2")
    assert (answer.status_code, answer.json()["type"]) == (404, "/problems/not-found")


def test_a_merge_and_its_reversal_are_named_with_their_reasons(
    office: Office, ledger: Ledger, children: Children
) -> None:
    alone = ledger.log.head()
    act = merge(ledger, children.oregon, children.texas)
    parted = reverse(ledger, act.id)
    path = f"/v1/students/{children.texas}/diff"
    joined = office.does("amy", "GET", f"{path}?from={alone}&to={act.position}")
    assert ("student_id", None, children.texas, children.oregon) in differing(joined)
    causes = {(e["event"], e["act"], e["reason"]) for d in joined["differences"] for e in d["events"]}
    assert causes == {("students-merged.v1", act.id, "the same mother")}
    undone = office.does("amy", "GET", f"{path}?from={act.position}&to={parted.position}")
    assert {e["act"] for d in undone["differences"] for e in d["events"]} == {parted.id}
    assert office.does("amy", "GET", f"{path}?from={alone}&to={parted.position}")["differences"] == []


def test_what_two_states_said_alike_and_one_corrects_comes_apart_by_that_word(
    office: Office, oregon: TestClient, ledger: Ledger, child: str
) -> None:
    there = office.record("CA", "CA1", enrollments=[ENROLLMENT])
    then = merge(ledger, child, there).position
    corrected = {"fact": 3, "elements": {"enrollment_date": "2025-03-03"}}
    now = int(oregon.post(f"{RECORD}/corrections", json=corrected).headers["Ledger-Position"])
    for points in ((then, now), (now, then)):
        told = diff(oregon, child, *points)["differences"]
        whole = [one["element"] for one in told if one["field"] == "enrollments"]
        assert None in whole, "one enrollment more, or one fewer"
        assert [event["position"] for one in told for event in one["events"]] == [now] * len(told)


def test_a_name_that_comes_back_with_a_word_about_another_element_is_told_with_that_word(
    oregon: TestClient, ledger: Ledger
) -> None:
    shorter = {key: value for key, value in CHILD.items() if key != "last_name_2"}
    sent = oregon.put(RECORD, json=student(demographics=[CHILD, shorter]))
    then, child = int(sent.headers["Ledger-Position"]), sent.json()["student_id"]
    assert "last_name_2" not in oregon.get(f"/v1/students/{child}?at_least={then}").json()["core"]
    corrected = {"fact": 1, "elements": {"first_name": "Marisól"}}
    now = int(oregon.post(f"{RECORD}/corrections", json=corrected).headers["Ledger-Position"])
    told = diff(oregon, child, then, now)["differences"]
    assert ("last_name_2", None, CHILD["last_name_2"]) in [(one["field"], one["from"], one["to"]) for one in told]
    assert [[event["position"] for event in one["events"]] for one in told] == [[now]] * len(told)


def test_the_entry_says_between_which_points(oregon: TestClient, ledger: Ledger, child: str) -> None:
    then = ledger.log.head()
    oregon.post(f"{RECORD}/withdrawals", json={"enrollment": 3, "withdrawal_date": "2025-06-13"})
    diff(oregon, child, then)
    entry = last_entry(ledger)
    assert isinstance(entry, Disclosed)
    assert (entry.view, entry.since, entry.as_of) == ("student-diff", then, ledger.log.head())
    assert entry.sections == ["core", "contacts", "health"]


def test_what_the_reader_holds_is_not_sent_again(oregon: TestClient, ledger: Ledger, child: str) -> None:
    path, params = f"/v1/students/{child}/diff", {"from": "1"}
    held = {"If-None-Match": oregon.get(path, params=params).headers["ETag"]}
    assert oregon.get(path, params=params, headers=held).status_code == 304
    assert oregon.get(path, params={"from": "2"}, headers=held).status_code == 200


def test_who_may_not_read_the_history_is_told_no_actor_and_no_hidden_section(
    office: Office, oregon: TestClient, ledger: Ledger, child: str
) -> None:
    office.gives("rico", "recruiter", "OR")
    then = ledger.log.head()
    seen = {**ENROLLMENT, "enrollment_date": "2025-08-25", "med_alert_indicator": "Chronic"}
    oregon.post(f"{RECORD}/enrollments", json=seen)
    told = office.does("rico", "GET", f"/v1/students/{child}/diff?from={then}")
    assert {d["section"] for d in told["differences"]} == {"core"}
    assert {e["actor"] for d in told["differences"] for e in d["events"]} == {None}
    whole = diff(oregon, child, then)
    assert {d["section"] for d in whole["differences"]} == {"core", "health"}


def test_whoever_reads_of_his_state_alone_needs_it_at_both_points(
    office: Office, ledger: Ledger, children: Children
) -> None:
    office.gives("rita", "recruiter", "CA")
    alone = ledger.log.head()
    act = merge(ledger, children.oregon, children.california)
    path = f"/v1/students/{children.oregon}/diff?from={alone}&to={act.position}"
    assert office.refused("rita", "GET", path) == (403, "other-state")


@pytest.mark.parametrize(
    ("params", "place"),
    [
        ({}, "query:from"),
        ({"from": "x"}, "query:from"),
        ({"from": "1", "to": "999999"}, "query:to"),
        ({"from": "1", "to": "2199-01-01T00:00:00Z"}, "query:to"),
        ({"from": ["1", "2"]}, "query:from"),
    ],
)
def test_what_is_no_point_is_refused(oregon: TestClient, child: str, params: dict[str, Any], place: str) -> None:
    answer = oregon.get(f"/v1/students/{child}/diff", params=params)
    problem = answer.json()
    assert (answer.status_code, problem["type"]) == (422, "/problems/no-such-point")
    assert problem["errors"][0]["pointer"] == place


def test_an_id_that_was_never_minted_is_not_found(oregon: TestClient, child: str) -> None:
    assert oregon.get(f"/v1/students/{student_id(7_000)}/diff?from=1").status_code == 404
