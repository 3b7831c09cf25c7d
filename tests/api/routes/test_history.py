"""The audit trail: every event that touches a student, in order, in words, and only once its entry is durable."""

from __future__ import annotations

from typing import Any

import pytest
from starlette.testclient import TestClient

from ledger.application import Ledger
from ledger.events import Meta
from ledger.events.disclosure import Disclosed
from ledger.linkage_acts import Merge, Reverse, decide
from ledger.links import Beside, Seeds
from ledger.reach import minting
from support.bodies import ENROLLMENT, student

META = Meta(actor="ana")


def put(client: TestClient, path: str) -> str:
    answer = client.put(path, json=student(enrollments=[ENROLLMENT]))
    assert answer.status_code == 201, answer.text
    return answer.json()["student_id"]


@pytest.fixture
def two(oregon: TestClient) -> tuple[str, str]:
    """Two students of Oregon."""
    return put(oregon, "/v1/records/OR/1"), put(oregon, "/v1/records/OR/2")


def history(client: TestClient, student_id: str, **params: Any) -> list[dict[str, Any]]:
    answer = client.get(f"/v1/students/{student_id}/history", params=params)
    assert answer.status_code == 200, answer.text
    return answer.json()["history"]


def test_a_students_events_are_told_in_order(oregon: TestClient, two: tuple[str, str]) -> None:
    told = history(oregon, two[0])
    assert told[0]["event"] == "record-opened.v1"
    assert [one["position"] for one in told] == sorted({one["position"] for one in told})
    assert {(one["state"], one["state_student_id"]) for one in told} == {("OR", "1")}
    assert {one["actor"] for one in told} == {"oregon nightly"}


def test_an_act_is_told_once_and_to_both(oregon: TestClient, ledger: Ledger, two: tuple[str, str]) -> None:
    a, b = two

    def merged(reach: Any) -> Any:
        one, other = minting(reach, a).record, minting(reach, b).record
        return decide(Merge(left=one, right=other, master=one), reach), Beside(reason="the same mother")

    act = ledger.links.act(Seeds(students=[a, b]), merged, META).id
    for asked in (a, b):
        told = history(oregon, asked)
        [merge] = [one for one in told if one["event"] == "students-merged.v1"]
        assert (merge["act"], merge["actor"], merge["reason"]) == (act, "ana", "the same mother")
        assert {one["state_student_id"] for one in told if one["record"]} == {"1", "2"}
    undone = ledger.links.act(Seeds(acts=[act]), lambda reach: (decide(Reverse(act=act), reach), Beside()), META).id
    told = history(oregon, b)
    assert [one["act"] for one in told if one["act"]] == [act, undone, f"{undone}.1"]
    assert {one["state_student_id"] for one in told if one["record"]} == {"2"}


def test_it_comes_in_pages_that_together_are_the_whole(oregon: TestClient, two: tuple[str, str]) -> None:
    whole = history(oregon, two[0], limit=1000)
    pages: list[dict[str, Any]] = []
    cursor: str | None = "0"
    while cursor is not None:
        answer = oregon.get(f"/v1/students/{two[0]}/history", params={"limit": 2, "cursor": cursor}).json()
        assert len(answer["history"]) <= 2
        pages += answer["history"]
        cursor = answer["cursor"]
    assert pages == whole


def test_it_is_told_in_english_or_spanish(oregon: TestClient, two: tuple[str, str]) -> None:
    spanish, english = history(oregon, two[0], language="es"), history(oregon, two[0], language="en")
    assert english == history(oregon, two[0])
    assert [{**one, "words": ""} for one in spanish] == [{**one, "words": ""} for one in english]
    assert "se abrió" in spanish[0]["words"]


def test_reading_it_is_a_disclosure_of_every_record(oregon: TestClient, ledger: Ledger, two: tuple[str, str]) -> None:
    history(oregon, two[0])
    last = ledger.access.read(0, 1000)[-1].event
    assert isinstance(last, Disclosed)
    assert (last.view, last.student_id, last.not_modified) == ("history", two[0], False)


def test_what_the_reader_holds_is_not_sent_again(oregon: TestClient, two: tuple[str, str]) -> None:
    path = f"/v1/students/{two[0]}/history"
    etag = oregon.get(path).headers["ETag"]
    assert oregon.get(path, headers={"If-None-Match": etag}).status_code == 304


@pytest.mark.parametrize(("asked", "status"), [("000000000000", 422), ("482019283746", 422), ("x", 422)])
def test_what_is_no_student_is_refused(oregon: TestClient, asked: str, status: int) -> None:
    assert oregon.get(f"/v1/students/{asked}/history").status_code == status


@pytest.mark.parametrize(
    "params", [{"limit": "0x"}, {"limit": "1001"}, {"cursor": "-1"}, {"cursor": "a"}, {"language": "fr"}]
)
def test_a_page_that_cannot_be_is_refused(oregon: TestClient, two: tuple[str, str], params: dict[str, str]) -> None:
    assert oregon.get(f"/v1/students/{two[0]}/history", params=params).status_code == 422
