"""Sending facts over HTTP: the rules of a file, one answer each, and nothing twice."""

from __future__ import annotations

from typing import Any

import pytest
from starlette.testclient import TestClient

from ledger.application import Ledger
from ledger.events import Meta
from ledger.events.record import RecordOpened
from ledger.store.append import Answer, Append
from support.bodies import CHILD, ENROLLMENT, MOVE, RECORD, VALUES, student


@pytest.fixture
def record(oregon: TestClient) -> dict[str, Any]:
    """An open record with one demographics row, one move and one enrollment (fact 3)."""
    answer = oregon.put(RECORD, json=student(enrollments=[ENROLLMENT]))
    assert answer.status_code == 201, answer.text
    return answer.json()


def outcome_of(answer: Any) -> dict[str, Any]:
    [outcome] = answer.json()["outcomes"]
    return outcome


# -- one student


def test_a_put_opens_a_record_and_says_what_became_of_each_row(oregon: TestClient) -> None:
    answer = oregon.put(RECORD, json=student(enrollments=[ENROLLMENT]))
    assert answer.status_code == 201
    assert answer.headers["Ledger-Position"] == "4"
    body = answer.json()
    assert body["position"] == 4
    assert [(row["pointer"], row["outcome"], row["fact"]) for row in body["outcomes"]] == [
        ("/student", "accepted", 0),
        ("/demographics/0", "accepted", 1),
        ("/qualifying_moves/0", "accepted", 2),
        ("/enrollments/0", "accepted", 3),
    ]


def test_the_same_put_again_appends_nothing(oregon: TestClient, record: dict[str, Any], ledger: Ledger) -> None:
    before = ledger.log.head()
    answer = oregon.put(RECORD, json=student(enrollments=[ENROLLMENT]))
    assert answer.status_code == 200
    assert {row["outcome"] for row in answer.json()["outcomes"]} == {"unchanged"}
    assert ledger.log.head() == before


def test_a_put_without_an_action_is_not_warned_of_one(oregon: TestClient) -> None:
    answer = oregon.put(RECORD, json=student())
    assert answer.json()["outcomes"][0]["findings"] == []


def test_a_put_with_an_action_that_does_not_fit_is_warned(oregon: TestClient) -> None:
    answer = oregon.put(RECORD, json={**student(), "student": {"action_code": "U"}})
    assert [found["rule"] for found in answer.json()["outcomes"][0]["findings"]] == ["unknown-record"]


def test_a_row_that_a_rule_refuses_is_named_and_the_others_stand(oregon: TestClient) -> None:
    wrong = {**ENROLLMENT, "enrollment_date": "2025-02-30"}
    answer = oregon.put(RECORD, json=student(enrollments=[wrong, ENROLLMENT]))
    assert answer.status_code == 201
    refused, accepted = answer.json()["outcomes"][3:]
    assert refused["pointer"] == "/enrollments/0"
    assert refused["outcome"] == "refused"
    assert [(found["element"], found["rule"]) for found in refused["findings"]] == [("enrollment_date", "malformed")]
    assert (accepted["pointer"], accepted["outcome"]) == ("/enrollments/1", "accepted")


def test_a_wrong_value_that_may_be_left_out_is_a_warning(oregon: TestClient) -> None:
    answer = oregon.put(RECORD, json=student(enrollments=[{**ENROLLMENT, "grade_level": "77"}]))
    row = answer.json()["outcomes"][3]
    assert row["outcome"] == "accepted"
    assert [(found["element"], found["level"]) for found in row["findings"]] == [("grade_level", "warned")]


def test_a_student_without_a_move_is_refused_whole(oregon: TestClient, ledger: Ledger) -> None:
    answer = oregon.put(RECORD, json={"student": {}, "demographics": [CHILD]})
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["rule"] == "V9"
    assert ledger.log.head() == 0


@pytest.mark.parametrize(
    "named",
    [
        {"state_student_identifier": "OR777"},
        {"reporting_state_code": "CA"},
        {"reporting_state_code": "CA", "state_student_identifier": "OR777"},
        {"reporting_state_code": "OR", "state_student_identifier": "OR777"},
    ],
)
def test_a_body_that_names_another_record_is_refused(
    oregon: TestClient, record: dict[str, Any], ledger: Ledger, named: dict[str, str]
) -> None:
    """Also where both are there: else the rows of one child would go to the other."""
    other = oregon.put("/v1/records/OR/OR777", json=student()).json()
    before = ledger.log.head()
    answer = oregon.put(RECORD, json={**student(enrollments=[ENROLLMENT]), "student": named})
    assert answer.status_code == 422
    wrong = {f"/student/{key}" for key, value in named.items() if value != "OR"}
    assert {(error["pointer"], error["rule"]) for error in answer.json()["errors"]} == {
        (pointer, "address") for pointer in wrong
    }
    assert "OR777" not in answer.text
    assert ledger.log.head() == before == other["position"]


def test_a_body_that_says_the_address_again_is_taken(oregon: TestClient, ledger: Ledger) -> None:
    named = {"reporting_state_code": "OR", "state_student_identifier": " OR5540012 "}
    answer = oregon.put(RECORD, json={**student(), "student": named})
    assert answer.status_code == 201
    [opened, *_] = ledger.log.read_stream(f"record/{answer.json()['record_id']}")
    assert isinstance(opened.event, RecordOpened)
    assert (opened.event.state, opened.event.state_student_id) == ("OR", "OR5540012")


def test_a_put_does_not_retract(oregon: TestClient) -> None:
    answer = oregon.put(RECORD, json={**student(), "student": {"action_code": "D"}})
    assert answer.status_code == 422
    assert "DELETE" in answer.json()["remedy"]


def test_a_record_is_retracted_once_and_comes_back_with_a_put(oregon: TestClient, record: dict[str, Any]) -> None:
    assert oregon.delete(RECORD).json()["outcomes"][0]["outcome"] == "accepted"
    assert oregon.delete(RECORD).json()["outcomes"][0]["outcome"] == "unchanged"
    assert oregon.post(f"{RECORD}/enrollments", json=ENROLLMENT).json()["type"] == "/problems/record-retracted"
    back = oregon.put(RECORD, json=student())
    assert back.status_code == 200
    assert back.json()["record_id"] == record["record_id"]


# -- one fact


@pytest.mark.parametrize(
    ("route", "body"),
    [
        ("demographics", {**CHILD, "first_name": "Mari"}),
        ("alternate-ids", {"alternate_state_student_id": "MEP-1077", "alternate_state_student_id_type": "02"}),
        ("qualifying-moves", {**MOVE, "qualifying_arrival_date": "2025-06-02"}),
        ("enrollments", {**ENROLLMENT, "enrollment_date": "2025-08-25"}),
        ("courses", {"course_title": "Algebra I", "grade_to_date": "B"}),
        ("assessments", {"assessment_title": "State English Language Proficiency"}),
        ("immunizations", {"cvx_code": "115", "administration_date": "2024-08-16"}),
    ],
)
def test_each_kind_of_fact_is_taken_once(
    oregon: TestClient, record: dict[str, Any], route: str, body: dict[str, str]
) -> None:
    first = oregon.post(f"{RECORD}/{route}", json=body)
    assert first.status_code == 201, first.text
    assert outcome_of(first)["outcome"] == "accepted"
    again = oregon.post(f"{RECORD}/{route}", json=body)
    assert again.status_code == 200
    assert outcome_of(again)["outcome"] == "unchanged"
    assert outcome_of(again)["fact"] == outcome_of(first)["fact"]


def test_a_fact_needs_an_open_record(oregon: TestClient) -> None:
    answer = oregon.post(f"{RECORD}/enrollments", json=ENROLLMENT)
    assert answer.status_code == 404
    assert answer.json()["type"] == "/problems/record-not-open"
    assert "PUT" in answer.json()["remedy"]


def test_a_refused_value_is_pointed_at_and_never_quoted(oregon: TestClient, record: dict[str, Any]) -> None:
    answer = oregon.post(f"{RECORD}/demographics", json={**CHILD, "birth_date": "9 May 2013 Marisol"})
    assert answer.status_code == 422
    [error] = answer.json()["errors"]
    assert error["pointer"] == "/birth_date"
    assert error["rule"] == "malformed"
    assert error["remedy"]
    assert "Marisol" not in answer.text


def test_a_fact_from_the_future_is_refused_by_the_state_s_own_day(oregon: TestClient, record: dict[str, Any]) -> None:
    answer = oregon.post(f"{RECORD}/enrollments", json={**ENROLLMENT, "enrollment_date": "2025-09-03"})
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["rule"] == "future"


def test_a_withdrawal_names_its_enrollment_by_fact_or_by_key(oregon: TestClient, record: dict[str, Any]) -> None:
    by_fact = oregon.post(f"{RECORD}/withdrawals", json={"enrollment": 3, "withdrawal_date": "2025-06-13"})
    assert by_fact.status_code == 201, by_fact.text
    by_key = oregon.post(
        f"{RECORD}/withdrawals",
        json={"enrollment_date": "20250421", "enrollment_type": "01", "withdrawal_date": "20250613"},
    )
    assert by_key.status_code == 200, by_key.text


def test_a_withdrawal_before_its_enrollment_is_refused(oregon: TestClient, record: dict[str, Any]) -> None:
    answer = oregon.post(f"{RECORD}/withdrawals", json={"enrollment": 3, "withdrawal_date": "2025-04-20"})
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["rule"] == "V10"


def test_a_withdrawal_without_an_enrollment_is_refused(oregon: TestClient, record: dict[str, Any]) -> None:
    answer = oregon.post(f"{RECORD}/withdrawals", json={"enrollment": 99, "withdrawal_date": "2025-06-13"})
    assert answer.json()["type"] == "/problems/not-enrolled"
    neither = oregon.post(f"{RECORD}/withdrawals", json={"withdrawal_date": "2025-06-13"})
    assert neither.json()["errors"][0]["pointer"] == "/enrollment"
    both = oregon.post(
        f"{RECORD}/withdrawals",
        json={"enrollment": 3, "enrollment_date": "2025-04-21", "withdrawal_date": "2025-06-13"},
    )
    assert both.status_code == 422


def test_a_residency_changes(oregon: TestClient, record: dict[str, Any]) -> None:
    body = {"enrollment": 3, "district_of_residence": "4113770", "residency_date": "2025-04-18"}
    assert oregon.post(f"{RECORD}/residency-changes", json=body).status_code == 201
    assert oregon.post(f"{RECORD}/residency-changes", json=body).status_code == 200
    wrong = oregon.post(f"{RECORD}/residency-changes", json={**body, "district_of_residence": "Woodburn"})
    assert wrong.json()["errors"][0]["pointer"] == "/district_of_residence"


def test_a_correction_changes_what_it_names(oregon: TestClient, record: dict[str, Any]) -> None:
    body = {"fact": 1, "elements": {"birth_date": "20130510", "last_name_2": None}}
    assert oregon.post(f"{RECORD}/corrections", json=body).status_code == 201
    assert oregon.post(f"{RECORD}/corrections", json=body).status_code == 200, "dates are compared in their own form"


def test_a_correction_of_what_is_no_element_is_refused(oregon: TestClient, record: dict[str, Any]) -> None:
    for elements in ({"colour": "red"}, {"cvx_code": "115"}):
        answer = oregon.post(f"{RECORD}/corrections", json={"fact": 1, "elements": elements})
        assert answer.status_code == 422


def test_a_fact_is_retracted_once(oregon: TestClient, record: dict[str, Any]) -> None:
    assert oregon.post(f"{RECORD}/retractions", json={"fact": 3}).status_code == 201
    assert oregon.post(f"{RECORD}/retractions", json={"fact": 3}).status_code == 200
    assert oregon.post(f"{RECORD}/retractions", json={"fact": 77}).status_code == 404


# -- who may


def test_a_state_changes_only_its_own_facts(oregon: TestClient) -> None:
    answer = oregon.put("/v1/records/CA/CA1", json=student())
    assert answer.status_code == 403
    assert answer.json()["type"] == "/problems/other-state"


def test_an_unknown_state_is_no_state(oregon: TestClient) -> None:
    answer = oregon.put("/v1/records/ZZ/1", json=student())
    assert answer.status_code == 422
    assert answer.json()["type"] == "/problems/unknown-state"


@pytest.mark.parametrize("role", ["secondary_user", "auditor", "operator", "parent"])
def test_other_roles_do_not_send_facts(client: TestClient, make_token, role: str) -> None:
    answer = client.put(RECORD, json=student(), headers={"Authorization": f"Bearer {make_token(role)}"})
    assert answer.status_code == 403


def test_a_data_administrator_sends_facts_of_the_state(client: TestClient, make_token) -> None:
    token = make_token("state_data_administrator")
    answer = client.put(RECORD, json=student(), headers={"Authorization": f"Bearer {token}"})
    assert answer.status_code == 201


# -- again


def test_the_same_key_with_the_same_body_gives_the_first_answer(
    oregon: TestClient, record: dict[str, Any], ledger: Ledger
) -> None:
    key = {"Idempotency-Key": "5f0c8b1e"}
    body = {**ENROLLMENT, "enrollment_date": "2025-08-25"}
    first = oregon.post(f"{RECORD}/enrollments", json=body, headers=key)
    head = ledger.log.head()
    again = oregon.post(f"{RECORD}/enrollments", json=dict(reversed(body.items())), headers=key)
    assert "Idempotency-Replayed" not in first.headers
    assert again.headers["Idempotency-Replayed"] == "true"
    assert again.status_code == first.status_code
    for name in ("record_id", "student_id", "position", "facts"):
        assert again.json()[name] == first.json()[name]
    assert ledger.log.head() == head


def test_the_same_key_with_another_body_is_refused(oregon: TestClient, record: dict[str, Any]) -> None:
    key = {"Idempotency-Key": "5f0c8b1e"}
    oregon.post(f"{RECORD}/enrollments", json={**ENROLLMENT, "enrollment_date": "2025-08-25"}, headers=key)
    other = oregon.post(f"{RECORD}/enrollments", json={**ENROLLMENT, "enrollment_date": "2025-08-26"}, headers=key)
    assert other.status_code == 422
    assert other.json()["type"] == "/problems/idempotency-key-reused"


def test_the_same_key_at_another_address_is_refused(oregon: TestClient, record: dict[str, Any]) -> None:
    key = {"Idempotency-Key": "5f0c8b1e"}
    oregon.post(f"{RECORD}/retractions", json={"fact": 3}, headers=key)
    assert oregon.post("/v1/records/OR/OTHER/retractions", json={"fact": 3}, headers=key).status_code == 422


def test_a_refusal_is_an_answer_too(oregon: TestClient, record: dict[str, Any]) -> None:
    key = {"Idempotency-Key": "5f0c8b1e"}
    body = {"enrollment": 99, "withdrawal_date": "2025-06-13"}
    first = oregon.post(f"{RECORD}/withdrawals", json=body, headers=key)
    again = oregon.post(f"{RECORD}/withdrawals", json=body, headers=key)
    assert (again.status_code, again.json()["type"]) == (first.status_code, first.json()["type"])
    assert again.headers["Idempotency-Replayed"] == "true"


def test_a_student_that_was_refused_stays_refused_under_its_key(oregon: TestClient) -> None:
    key = {"Idempotency-Key": "5f0c8b1e"}
    for _ in range(2):
        answer = oregon.put(RECORD, json={"student": {}, "demographics": [CHILD]}, headers=key)
        assert answer.status_code == 422


def test_keys_of_two_users_do_not_meet(client: TestClient, make_token) -> None:
    for _ in range(2):
        headers = {"Authorization": f"Bearer {make_token()}", "Idempotency-Key": "1"}
        answer = client.put(RECORD, json=student(), headers=headers)
        assert "Idempotency-Replayed" not in answer.headers


def test_keys_of_a_token_that_is_called_like_a_reactor_do_not_meet_the_reactor_s(
    client: TestClient, make_token, ledger: Ledger
) -> None:
    headers = {"Authorization": f"Bearer {make_token(name='reactor matcher')}", "Idempotency-Key": "1"}
    assert client.put(RECORD, json=student(), headers=headers).status_code == 201
    answer = Answer(scope="reactor matcher", key="1", request_hash=b"", status=200, ids={})
    assert not ledger.log.append(Append(parts=[], meta=Meta(actor="reactor matcher"), answer=answer)).replayed


@pytest.mark.parametrize("key", ["", "x" * 256, "a\tb"])
def test_a_key_that_cannot_be_kept_is_refused(oregon: TestClient, key: str) -> None:
    answer = oregon.put(RECORD, json=student(), headers={"Idempotency-Key": key})
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["pointer"] == "header:Idempotency-Key"


# -- bad input


@pytest.mark.parametrize(
    ("content", "kind", "status", "problem"),
    [
        (b"{", "application/json", 400, "malformed-json"),
        (b'{"first_name": "\xff"}', "application/json", 400, "malformed-json"),
        (b"[" * 200_000, "application/json", 400, "malformed-json"),
        (b"{}", "text/plain", 415, "unsupported-media-type"),
        (b"{}", "", 415, "unsupported-media-type"),
        (b"x" * (11 * 1024 * 1024), "application/json", 413, "body-too-large"),
        (b"null", "application/json", 422, "invalid-request"),
        (b'{"first_name": "a\\u0000b"}', "application/json", 422, "row-refused"),
    ],
)
def test_bad_bodies_are_refused_in_one_shape(
    oregon: TestClient, record: dict[str, Any], content: bytes, kind: str, status: int, problem: str
) -> None:
    answer = oregon.post(f"{RECORD}/demographics", content=content, headers={"Content-Type": kind})
    assert answer.status_code == status, answer.text
    assert answer.json()["type"] == f"/problems/{problem}"
    assert answer.headers["Content-Type"] == "application/problem+json"


@pytest.mark.parametrize("ssid", ["%00", "x" * 16, "%20"])
def test_an_address_that_names_no_record_is_refused(oregon: TestClient, ssid: str) -> None:
    answer = oregon.post(f"/v1/records/OR/{ssid}/retractions", json={"fact": 1})
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["pointer"] == "path:ssid"


def test_a_path_with_another_method_says_which_it_takes(oregon: TestClient) -> None:
    answer = oregon.patch(RECORD, json={})
    assert answer.status_code == 405
    assert answer.headers["Allow"] == "DELETE, PUT"
    assert answer.json()["type"] == "/problems/method-not-allowed"


def test_an_answer_to_a_write_holds_no_value_that_was_sent(oregon: TestClient) -> None:
    answer = oregon.put(RECORD, json=student(enrollments=[ENROLLMENT, {**ENROLLMENT, "enrollment_date": "Marisol"}]))
    assert not [value for value in VALUES if value in answer.text]
