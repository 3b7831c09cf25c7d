"""Reading a child: shown only when the entry that says so is durable, and only what was asked for."""

from __future__ import annotations

import time
import uuid
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from starlette.testclient import TestClient

from api.services import Services
from api.show import SECTIONS
from ledger.application import Ledger
from ledger.errors import StoreUnavailable
from ledger.events import Meta
from ledger.events.disclosure import Disclosed
from ledger.ids import student_id
from ledger.jurisdiction import SetProfile
from ledger.store.database import Database
from projections import students
from projections.projectors import Projectors
from projections.rebuild import Rebuild
from support.bodies import ENROLLMENT, MOVE, RECORD, student


@pytest.fixture
def child(oregon: TestClient) -> dict[str, Any]:
    """A student whom the read model knows."""
    answer = oregon.put(RECORD, json=student(enrollments=[ENROLLMENT]))
    assert answer.status_code == 201, answer.text
    return answer.json()


def disclosed(ledger: Ledger) -> list[Disclosed]:
    return [r.event for r in ledger.access.read(0, 1000) if isinstance(r.event, Disclosed)]


def get(client: TestClient, child: dict[str, Any], rest: str = "", **headers: str) -> Any:
    return client.get(f"/v1/students/{child['student_id']}{rest}?at_least={child['position']}", headers=headers)


def test_a_student_is_shown_in_her_sections(oregon: TestClient, child: dict[str, Any]) -> None:
    answer = get(oregon, child)
    assert answer.status_code == 200
    body = answer.json()
    assert body["student_id"] == child["student_id"]
    assert body["position"] == child["position"]
    assert body["core"]["first_name"] == "Marisol"
    assert set(SECTIONS) <= body.keys()
    assert answer.headers["Cache-Control"] == "private, no-cache"


def test_a_write_is_seen_by_a_read_that_names_its_position(oregon: TestClient, child: dict[str, Any]) -> None:
    for number in range(5):
        body = {**ENROLLMENT, "enrollment_date": f"2025-08-2{number}"}
        position = oregon.post(f"{RECORD}/enrollments", json=body).headers["Ledger-Position"]
        answer = oregon.get(f"/v1/students/{child['student_id']}?at_least={position}")
        assert len(answer.json()["core"]["enrollments"]) == number + 2


def test_the_entry_says_who_what_why_and_on_which_ground(
    oregon: TestClient, child: dict[str, Any], ledger: Ledger
) -> None:
    request = str(uuid.uuid4())
    get(oregon, child, Purpose="enrollment next week", **{"X-Request-ID": request})
    [recorded] = ledger.access.read_stream(f"disclosure/{child['record_id']}")
    assert recorded.meta.actor == "oregon nightly"
    assert recorded.meta.request == request
    event = recorded.event
    assert isinstance(event, Disclosed)
    assert event == Disclosed(
        student_id=child["student_id"],
        view="student",
        sections=list(SECTIONS),
        role="state_data_administrator",
        organisation="OR",
        purpose="enrollment next week",
        basis="34 CFR 99.31(a)(1)",
        position=child["position"],
        own_state="OR",
        states=["OR"],
    )


@pytest.mark.parametrize(("view", "name"), [("", "student"), ("/records", "records"), ("/disclosures", "disclosures")])
def test_every_view_is_disclosed(
    oregon: TestClient, child: dict[str, Any], ledger: Ledger, view: str, name: str
) -> None:
    assert get(oregon, child, view).status_code == 200
    assert [event.view for event in disclosed(ledger)] == [name]


def test_nothing_leaves_when_the_entry_cannot_be_written(
    oregon: TestClient, child: dict[str, Any], services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    get(oregon, child)

    def away(_: object) -> None:
        raise StoreUnavailable("PostgreSQL is away.")

    monkeypatch.setattr(services.ledger.access.sequencer, "submit_async", away)
    answer = get(oregon, child)
    assert answer.status_code == 503
    assert "Marisol" not in answer.text


def test_what_has_not_changed_is_not_sent_again_and_disclosed_all_the_same(
    oregon: TestClient, child: dict[str, Any], ledger: Ledger
) -> None:
    etag = get(oregon, child).headers["ETag"]
    for known in (etag, f'"other", W/{etag}'):
        answer = get(oregon, child, **{"If-None-Match": known})
        assert answer.status_code == 304
        assert answer.content == b""
    assert [event.not_modified for event in disclosed(ledger)] == [False, True, True]


def test_an_etag_changes_with_the_child_and_with_the_day(oregon: TestClient, child: dict[str, Any], clock) -> None:
    etag = get(oregon, child).headers["ETag"]
    clock.now = datetime(2025, 9, 3, 18, tzinfo=UTC)
    tomorrow = get(oregon, child, **{"If-None-Match": etag})
    assert tomorrow.status_code == 200
    position = oregon.post(f"{RECORD}/enrollments", json={**ENROLLMENT, "enrollment_date": "2025-08-25"}).json()[
        "position"
    ]
    answer = get(oregon, {**child, "position": position}, **{"If-None-Match": tomorrow.headers["ETag"]})
    assert answer.status_code == 200


@pytest.mark.parametrize("view", ["", "/records"])
def test_an_etag_changes_with_the_version_of_the_read_model(
    oregon: TestClient, child: dict[str, Any], ledger: Ledger, database: Database, projectors: Projectors, view: str
) -> None:
    """A new declaration may say the same events in other words."""
    etag = get(oregon, child, view).headers["ETag"]
    projectors.stop()
    newer = replace(students.PROJECTION, version=students.PROJECTION.version + 1)
    Rebuild(newer, database, ledger.log).run()
    answer = oregon.get(f"/v1/students/{child['student_id']}{view}", headers={"If-None-Match": etag})
    assert answer.status_code == 200
    assert answer.headers["ETag"] != etag


@pytest.mark.parametrize(
    ("now", "eligible"),
    [
        (datetime(2028, 4, 17, 18, tzinfo=UTC), True),
        (datetime(2028, 4, 18, 6, tzinfo=UTC), True),
        (datetime(2028, 4, 18, 18, tzinfo=UTC), False),
    ],
    ids=["on the last day", "on the last day in Oregon, tomorrow in Greenwich", "the day after"],
)
def test_who_is_eligible_today_is_found_today(
    oregon: TestClient, child: dict[str, Any], clock, now: datetime, eligible: bool
) -> None:
    clock.now = now
    assert get(oregon, child).json()["eligible_now"] is eligible


def test_today_is_told_by_the_time_zone_of_the_state_s_profile(
    oregon: TestClient, child: dict[str, Any], clock, ledger: Ledger
) -> None:
    clock.now = datetime(2028, 4, 18, 8, 30, tzinfo=UTC)
    oregon_s_own = SetProfile(state="OR", time_zone="Pacific/Honolulu")  # where it is still the last day
    ledger.set_jurisdiction("OR", oregon_s_own, Meta(actor="oregon"))
    body = get(oregon, child).json()
    assert (body["day"], body["eligible_now"]) == ("2028-04-17", True)


def test_records_say_which_state_keeps_which(oregon: TestClient, child: dict[str, Any]) -> None:
    body = get(oregon, child, "/records").json()
    assert [(record["state"], record["state_student_id"]) for record in body["records"]] == [("OR", "OR5540012")]
    assert "core" not in body


def test_disclosures_are_complete_up_to_the_moment_of_asking(oregon: TestClient, child: dict[str, Any]) -> None:
    for number in range(1, 4):
        get(oregon, child, Purpose=f"reading {number}")
        entries = oregon.get(f"/v1/students/{child['student_id']}/disclosures").json()["disclosures"]
        assert entries[0]["purpose"] == f"reading {number}"


def test_disclosures_come_in_pages(oregon: TestClient, child: dict[str, Any]) -> None:
    for number in range(5):
        get(oregon, child, Purpose=f"reading {number}")
    address = f"/v1/students/{child['student_id']}/disclosures?limit=2"
    first = oregon.get(address).json()
    second = oregon.get(f"{address}&cursor={first['cursor']}").json()
    assert [entry["purpose"] for entry in first["disclosures"]] == ["reading 4", "reading 3"]
    assert [entry["purpose"] for entry in second["disclosures"]] == ["reading 2", "reading 1"]


@pytest.mark.parametrize("query", ["limit=0", "limit=x", "limit=1001", "cursor=!", "cursor=AAAA", "at_least=-1"])
def test_a_page_that_cannot_be_is_refused(oregon: TestClient, child: dict[str, Any], query: str) -> None:
    answer = oregon.get(f"/v1/students/{child['student_id']}/disclosures?{query}")
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["pointer"].startswith("query:")


def test_an_id_that_was_never_issued_is_not_found(oregon: TestClient, ledger: Ledger) -> None:
    assert oregon.get(f"/v1/students/{student_id(12345)}").status_code == 404
    assert disclosed(ledger) == []


@pytest.mark.parametrize("wrong", ["1", "123456789012", "abcdefghijkl", "%00"])
def test_what_is_no_student_id_is_refused(oregon: TestClient, wrong: str) -> None:
    answer = oregon.get(f"/v1/students/{wrong}")
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["rule"] == "student-id"


def test_a_position_that_is_not_reached_in_time_is_told(
    oregon: TestClient, child: dict[str, Any], projectors: Projectors
) -> None:
    get(oregon, child)
    began = time.monotonic()
    answer = oregon.get(f"/v1/students/{child['student_id']}?at_least={child['position'] + 1}")
    assert 1.9 < time.monotonic() - began < 4
    assert answer.status_code == 503
    assert answer.json()["type"] == "/problems/projection-behind"
    assert answer.json()["position"] == child["position"]
    assert answer.headers["Retry-After"] == "1"


def test_a_reader_who_waits_is_woken_by_the_projector(
    oregon: TestClient, child: dict[str, Any], ledger: Ledger
) -> None:
    """The wait begins before the write: nothing but the announcement can end it."""
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(oregon.get, f"/v1/students/{child['student_id']}?at_least={child['position'] + 1}")
        time.sleep(0.2)
        oregon.post(f"{RECORD}/enrollments", json={**ENROLLMENT, "enrollment_date": "2025-08-25"})
        assert waiting.result(10).status_code == 200


def test_a_purpose_that_cannot_be_kept_is_refused(oregon: TestClient, child: dict[str, Any], ledger: Ledger) -> None:
    for purpose in ("", "x" * 201):
        assert get(oregon, child, Purpose=purpose).status_code == 422
    assert disclosed(ledger) == []


@pytest.mark.parametrize(
    "headers",
    [{}, {"Authorization": "Basic abc"}, {"Authorization": "Bearer"}, {"Authorization": "Bearer soj_unknown"}],
)
def test_nobody_reads_without_a_token(client: TestClient, headers: dict[str, str]) -> None:
    answer = client.get(f"/v1/students/{student_id(1)}", headers=headers)
    assert answer.status_code == 401
    assert answer.headers["WWW-Authenticate"].startswith("Bearer")


@pytest.mark.parametrize("query", ["limit=0", "at_least=-1"])
def test_who_has_no_token_is_told_so_before_anything_else(client: TestClient, query: str) -> None:
    assert client.get(f"/v1/students/{student_id(1)}/disclosures?{query}").status_code == 401


def test_many_readers_at_once_are_each_recorded(oregon: TestClient, child: dict[str, Any], ledger: Ledger) -> None:
    get(oregon, child)

    def read(number: int) -> int:
        return get(oregon, child, Purpose=f"reader {number}").status_code

    with ThreadPoolExecutor(16) as pool:
        assert set(pool.map(read, range(64))) == {200}
    assert len({event.purpose for event in disclosed(ledger)}) == 65


def test_a_retracted_record_shows_that_it_was_and_nothing_else(oregon: TestClient, child: dict[str, Any]) -> None:
    position = oregon.delete(RECORD).json()["position"]
    body = get(oregon, {**child, "position": position}).json()
    assert body["core"]["status"] == "retracted"
    assert body["eligible_now"] is False
    assert MOVE["qualifying_move_from_city"] not in str(body)
