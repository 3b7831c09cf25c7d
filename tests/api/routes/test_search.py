"""Looking for a child: who is found is told once that is durable, and what was asked for stands nowhere."""

from __future__ import annotations

import io
import json
from typing import Any

import pytest
from prometheus_client import generate_latest
from starlette.testclient import TestClient

from api.services import Services
from ledger.application import Ledger
from ledger.errors import StoreUnavailable
from ledger.events.disclosure import SearchDisclosed
from support.bodies import CHILD, ENROLLMENT, MOVE

SEARCH = "/v1/students/search"
LUPE = {"first_name": "Guadalupe", "last_name_1": "de la Cruz", "last_name_2": "García", "birth_date": "2012-03-04"}


@pytest.fixture
def child(oregon: TestClient) -> dict[str, Any]:
    """A student, and what the ledger answered."""
    body = {"student": {}, "demographics": [LUPE], "qualifying_moves": [MOVE], "enrollments": [ENROLLMENT]}
    answer = oregon.put("/v1/records/OR/OR5540012", json=body)
    assert answer.status_code == 201, answer.text
    return answer.json()


def look(client: TestClient, child: dict[str, Any], headers: dict[str, str] | None = None, **asked: Any) -> Any:
    return client.post(f"{SEARCH}?at_least={child['position']}", json=asked, headers=headers)


def entries(ledger: Ledger) -> list[SearchDisclosed]:
    return [r.event for r in ledger.access.read(0, 1000) if isinstance(r.event, SearchDisclosed)]


def test_a_child_is_found_by_nickname_and_the_answer_says_why(oregon: TestClient, child: dict[str, Any]) -> None:
    answer = look(oregon, child, name="Lupe Garcia", birth_date="2012-04-03", place="Woodburn")
    assert answer.status_code == 200, answer.text
    assert answer.json() == {
        "position": child["position"],
        "students": [
            {
                "student_id": child["student_id"],
                "states": ["OR"],
                "names": ["Guadalupe de la Cruz García"],
                "birth_dates": ["2012-03-04"],
                "fits": [
                    {"field": "name", "how": "nickname"},
                    {"field": "birth_date", "how": "day and month exchanged"},
                    {"field": "place", "how": "part"},
                ],
            }
        ],
        "more": False,
    }
    assert answer.headers["Cache-Control"] == "private, no-store"


def test_the_entry_names_the_fields_and_the_records_and_no_value(
    oregon: TestClient, child: dict[str, Any], ledger: Ledger
) -> None:
    look(oregon, child, {"Purpose": "enrolling today"}, name="Lupe Cruz", birth_date="2012-03-04")
    [recorded] = ledger.access.read(0, 10)
    assert recorded.stream.startswith("request/")
    assert recorded.meta.actor == "oregon nightly"
    assert recorded.event == SearchDisclosed(
        view="search",
        records=[child["record_id"]],
        fields=["name", "birth_date"],
        role="state_data_administrator",
        organisation="OR",
        purpose="enrolling today",
        basis="34 CFR 99.31(a)(1)",
        position=child["position"],
        own_state="OR",
        children=[child["student_id"]],
    )


def test_a_search_that_finds_nobody_has_its_entry_too(
    oregon: TestClient, child: dict[str, Any], ledger: Ledger
) -> None:
    answer = look(oregon, child, name="Nobody")
    assert answer.json() == {"position": child["position"], "students": [], "more": False}
    [entry] = entries(ledger)
    assert (entry.fields, entry.records) == (["name"], [])


def test_the_child_s_disclosures_show_the_search(oregon: TestClient, child: dict[str, Any]) -> None:
    look(oregon, child, {"Purpose": "enrolling today"}, birth_date="2012-03-04")
    answer = oregon.get(f"/v1/students/{child['student_id']}/disclosures")
    [entry] = answer.json()["disclosures"]
    assert (entry["view"], entry["record"], entry["purpose"]) == ("search", child["record_id"], "enrolling today")


def test_nothing_is_shown_while_the_access_log_cannot_be_written(
    oregon: TestClient, child: dict[str, Any], services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    def unwritten(_: object) -> Any:
        raise StoreUnavailable("PostgreSQL has no room left on its disk.")

    monkeypatch.setattr(services.ledger.access.sequencer, "submit_async", unwritten)
    answer = look(oregon, child, name="Lupe Cruz")
    assert answer.status_code == 503
    assert "Guadalupe" not in answer.text


def test_no_more_than_asked_for_are_shown(oregon: TestClient, child: dict[str, Any], ledger: Ledger) -> None:
    body = {"student": {}, "demographics": [LUPE], "qualifying_moves": [MOVE]}
    second = oregon.put("/v1/records/OR/OR5540013", json=body).json()
    found = look(oregon, second, last_name_1="Cruz", limit=1).json()
    assert (len(found["students"]), found["more"]) == (1, True)
    assert len(entries(ledger)[0].records) == 1


def test_a_retracted_record_is_not_found(oregon: TestClient, child: dict[str, Any]) -> None:
    gone = oregon.delete("/v1/records/OR/OR5540012").json()
    assert look(oregon, gone, student_id=child["student_id"]).json()["students"] == []


@pytest.mark.parametrize(
    ("asked", "pointer", "rule"),
    [
        ({}, "", "missing"),
        ({"state": "OR"}, "", "missing"),
        ({"name": "?"}, "/name", "empty"),
        ({"name": ""}, "/name", None),
        ({"name": 7}, "/name", None),
        ({"birth_date": "03/04/2012"}, "/birth_date", None),
        ({"name": "Lupe", "limit": 51}, "/limit", None),
        ({"name": "Lupe", "limit": "5"}, "/limit", None),
        ({"name": "Lupe", "surname": "Cruz"}, "", "unknown-element"),
        ({"name": "Lupe", "state": "Oregon"}, "/state", None),
    ],
    ids=str,
)
def test_a_question_that_cannot_be_asked_is_refused_by_its_place(
    oregon: TestClient, ledger: Ledger, asked: dict[str, Any], pointer: str, rule: str | None
) -> None:
    answer = oregon.post(SEARCH, json=asked)
    assert answer.status_code == 422
    [fault] = answer.json()["errors"]
    assert fault["pointer"] == pointer
    assert rule is None or fault["rule"] == rule
    assert "Cruz" not in answer.text
    assert entries(ledger) == []


def test_an_unknown_state_is_refused(oregon: TestClient) -> None:
    answer = oregon.post(SEARCH, json={"name": "Lupe", "state": "ZZ"})
    assert (answer.status_code, answer.json()["type"]) == (422, "/problems/unknown-state")


def test_who_has_no_token_finds_nobody(client: TestClient, ledger: Ledger) -> None:
    assert client.post(SEARCH, json=LUPE).status_code == 401
    assert entries(ledger) == []


def test_it_is_asked_by_post_alone(oregon: TestClient) -> None:
    answer = oregon.get(f"{SEARCH}?name=Lupe")
    assert answer.status_code == 422
    assert "Lupe" not in answer.text


def test_what_was_asked_for_stands_in_no_log_and_no_metric(
    oregon: TestClient, child: dict[str, Any], lines: io.StringIO
) -> None:
    look(oregon, child, name="Guadalupe Zaragoza", school="Valor", birth_date="2012-03-04")
    oregon.post(SEARCH, json={"name": "Zaragoza", "nickname": "Zaragoza"})
    oregon.post(SEARCH, content=b'{"name": "Zaragoza"', headers={"Content-Type": "application/json"})
    assert "/v1/students/search" in lines.getvalue()
    told = lines.getvalue() + generate_latest().decode()
    assert not any(value in told for value in ("Zaragoza", "Valor", "2012-03-04", "Guadalupe"))


def test_every_field_of_the_body_can_be_asked_for(oregon: TestClient, child: dict[str, Any]) -> None:
    asked = {
        "name": "Guadalupe",
        "first_name": "Lupe",
        "last_name_1": "Cruz",
        "last_name_2": "Garcia",
        "birth_date": "2012-03-04",
        "place": "Madera CA",
        "student_id": child["student_id"],
        "state": "OR",
        "state_student_id": "OR5540012",
        "school": "Valor Middle",
    }
    answer = look(oregon, child, **asked)
    [student] = answer.json()["students"]
    assert {fit["field"] for fit in student["fits"]} == {*asked, "last_names"} - {"last_name_1", "last_name_2"}
    assert json.dumps(CHILD["birth_date"]) not in answer.text
