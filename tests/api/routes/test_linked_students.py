"""Students whose records were joined, over HTTP: by any id ever issued, in one answer, disclosed record by record."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from starlette.testclient import TestClient

from ledger.application import Ledger
from ledger.events.disclosure import Disclosed, SearchDisclosed
from ledger.record import PlaceStudent
from support.bodies import student
from support.linking import META, merge, reverse
from support.rows import demographics, move
from support.rows import student as rows


@pytest.fixture
def oregons(oregon: TestClient) -> str:
    """Oregon's child, by the id that her record minted."""
    answer = oregon.put("/v1/records/OR/OR5540012", json=student())
    assert answer.status_code == 201, answer.text
    return answer.json()["student_id"]


@pytest.fixture
def texas(ledger: Ledger) -> str:
    """A child of Texas'."""
    sent = msgspec.structs.replace(
        rows(demographics(None, first_name="Marisol"), move(None)), state="TX", state_student_id="1"
    )
    command = PlaceStudent(state="TX", state_student_id="1", student=sent, new_student_id="")
    return ledger.execute(command, META).student_id


def get(client: TestClient, student_id: str, position: int, rest: str = "", **headers: str) -> Any:
    return client.get(f"/v1/students/{student_id}{rest}?at_least={position}", headers=headers)


def test_a_retired_id_shows_the_student_that_it_is_now_and_after_the_reversal_its_own(
    oregon: TestClient, ledger: Ledger, oregons: str, texas: str
) -> None:
    act = merge(ledger, oregons, texas)
    by_either = [get(oregon, one, act.position) for one in (oregons, texas)]
    assert [answer.status_code for answer in by_either] == [200, 200]
    bodies = [answer.json() for answer in by_either]
    assert bodies[0] == bodies[1]
    assert bodies[0]["student_id"] == bodies[0]["core"]["student_id"] == oregons
    undone = reverse(ledger, act.id)
    assert [get(oregon, one, undone.position).json()["student_id"] for one in (oregons, texas)] == [oregons, texas]


def test_what_was_read_before_an_act_is_not_current_after_it(
    oregon: TestClient, ledger: Ledger, oregons: str, texas: str
) -> None:
    alone = get(oregon, oregons, ledger.log.head()).headers["ETag"]
    act = merge(ledger, oregons, texas)
    joined = get(oregon, oregons, act.position, **{"If-None-Match": alone})
    assert joined.status_code == 200
    undone = reverse(ledger, act.id)
    again = get(oregon, oregons, undone.position, **{"If-None-Match": f"{alone}, {joined.headers['ETag']}"})
    assert again.status_code == 200


def test_the_records_of_every_state_are_listed_with_the_student_that_they_belong_to_now(
    oregon: TestClient, ledger: Ledger, oregons: str, texas: str
) -> None:
    body = get(oregon, texas, merge(ledger, oregons, texas).position, "/records").json()
    assert body["student_id"] == oregons
    assert [(entry["state"], entry["student_id"], entry["minted"]) for entry in body["records"]] == [
        ("OR", oregons, oregons),
        ("TX", oregons, texas),
    ]


def test_every_record_that_is_shown_has_its_disclosure_with_the_id_that_was_asked_for(
    oregon: TestClient, ledger: Ledger, oregons: str, texas: str
) -> None:
    act = merge(ledger, oregons, texas)
    records = {entry["record"] for entry in get(oregon, texas, act.position, "/records").json()["records"]}
    said = [one for one in ledger.access.read(0, 100) if isinstance(one.event, Disclosed)]
    assert {one.stream for one in said} == {f"disclosure/{record}" for record in records}
    assert {one.event.student_id for one in said if isinstance(one.event, Disclosed)} == {texas}
    told = get(oregon, oregons, act.position, "/disclosures").json()["disclosures"]
    assert {entry["record"] for entry in told} == records


def test_a_search_shows_who_is_joined_once_and_names_every_record_in_its_entry(
    oregon: TestClient, ledger: Ledger, oregons: str, texas: str
) -> None:
    def found(position: int) -> list[dict[str, Any]]:
        answer = oregon.post(f"/v1/students/search?at_least={position}", json={"first_name": "Marisol"})
        assert answer.status_code == 200, answer.text
        return answer.json()["students"]

    act = merge(ledger, texas, oregons)
    [hit] = found(act.position)
    assert hit["student_id"] == texas
    assert sorted(hit["states"]) == ["OR", "TX"]
    entry = ledger.access.read(0, 100)[-1].event
    assert isinstance(entry, SearchDisclosed)
    assert len(entry.records) == 2
    assert sorted(one["student_id"] for one in found(reverse(ledger, act.id).position)) == sorted([oregons, texas])
