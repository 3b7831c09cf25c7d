"""Who was shown what, by who asked; to whom records were passed on; and who reads unusually: over HTTP."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from starlette.testclient import TestClient

from ledger import telemetry
from ledger.application import Ledger
from ledger.events.disclosure import BulkDisclosed, DisclosureRefused, RedisclosureNoted, SearchDisclosed
from ledger.ids import student_id
from ledger.intake.submission import submit
from support.bodies import student
from support.files import EXAMPLE
from support.linking import merge
from support.logs import append

NEVER = student_id(999_999)
PASSED_ON = {
    "recipient": "Oficina de María Ñandú",
    "organisation": "Woodburn School District",
    "basis": "34 CFR 99.31(a)(2)",
    "purpose": "She enrolls there.",
    "sections": ["core", "health", "core"],
    "disclosed_on": "2025-09-01",
}
As = Callable[..., dict[str, str]]


@pytest.fixture
def as_role(client: TestClient, make_token: Callable[..., str]) -> As:
    """Headers of somebody, each name's token made once."""
    made: dict[str, dict[str, str]] = {}

    def headers(role: str, state: str | None = "OR", **more: Any) -> dict[str, str]:
        name = more.setdefault("name", f"{role} of {state}")
        if name not in made:
            made[name] = {"Authorization": f"Bearer {make_token(role, state, **more)}"}
        return made[name]

    return headers


@pytest.fixture
def children(client: TestClient, as_role: As) -> dict[str, dict[str, Any]]:
    """One child of Oregon and one of California, as the ledger answered."""
    made = {}
    for state in ("OR", "CA"):
        office = as_role("state_data_administrator", state)
        answer = client.put(f"/v1/records/{state}/{state}7", json=student(), headers=office)
        assert answer.status_code == 201, answer.text
        made[state] = answer.json()
    client.get(f"/v1/students/{NEVER}?at_least={made['CA']['position']}", headers=office)  # the read models are there
    return made


def look(client: TestClient, child: dict[str, Any], headers: dict[str, str], rest: str = "") -> Any:
    return client.get(f"/v1/students/{child['student_id']}{rest}", headers=headers)


def search(client: TestClient, headers: dict[str, str], query: str = "", /, **body: Any) -> Any:
    return client.post(f"/v1/disclosures/search{query}", json=body, headers=headers)


def found(answer: Any) -> list[tuple[str, str, str]]:
    assert answer.status_code == 200, answer.text
    return [(one["actor"], one["view"], one["outcome"]) for one in answer.json()["disclosures"]]


# -- by who asked


def test_what_somebody_was_shown_is_found_by_his_name_newest_first(
    client: TestClient, children: dict[str, dict[str, Any]], as_role: As
) -> None:
    ruth, otto = as_role("secondary_user", "OR", name="ruth"), as_role("help_desk", "CA", name="otto")
    look(client, children["CA"], ruth)
    look(client, children["OR"], otto)
    look(client, children["OR"], ruth, "/records")
    auditor = as_role("auditor", None)
    assert found(search(client, auditor, actor="ruth")) == [("ruth", "records", "shown"), ("ruth", "student", "shown")]
    assert found(search(client, auditor, role="help_desk")) == [("otto", "student", "refused")]
    assert found(search(client, auditor, outcome="refused", state="CA")) == [("otto", "student", "refused")]
    assert found(search(client, auditor, actor="ruth", role="help_desk")) == []
    assert found(search(client, auditor, organisation="CA")) == [("otto", "student", "refused")]
    later = (datetime.now(UTC) + timedelta(hours=1)).isoformat()
    assert found(search(client, auditor, actor="ruth", since=later)) == []
    assert len(found(search(client, auditor, actor="ruth", until=later))) == 2


def test_a_search_among_disclosures_has_its_own_entry_with_what_it_showed_and_no_value(
    client: TestClient, children: dict[str, dict[str, Any]], as_role: As, ledger: Ledger
) -> None:
    ruth = as_role("secondary_user", "OR", name="ruth")
    look(client, children["CA"], ruth)
    look(client, children["OR"], ruth)
    auditor = {**as_role("auditor", None, name="ada"), "Purpose": "a complaint"}
    search(client, auditor, actor="ruth", role="secondary_user")
    recorded = ledger.access.read(0, 100)[-1]
    assert recorded.meta.actor == "ada"
    event = recorded.event
    assert isinstance(event, SearchDisclosed)
    assert (event.view, event.fields, event.purpose) == ("disclosures-search", ["actor", "role"], "a complaint")
    assert set(event.records) == {child["record_id"] for child in children.values()}
    assert event.position == 0, "it reflects the access log, and nothing of the ledger"
    assert found(search(client, auditor, actor="ada"))[0] == ("ada", "disclosures-search", "shown")
    assert look(client, children["OR"], auditor, "/disclosures").json()["disclosures"][0]["actor"] == "ada"


def test_pages_join_without_gap_or_repetition_while_others_read(
    client: TestClient, children: dict[str, dict[str, Any]], as_role: As
) -> None:
    ruth, auditor = as_role("secondary_user", "OR", name="ruth"), as_role("auditor", None)
    for _ in range(3):
        for child in children.values():
            look(client, child, ruth)
    whole = search(client, auditor, actor="ruth").json()["disclosures"]
    assert len(whole) == 6
    pages: list[dict[str, Any]] = []
    query = "?limit=4"
    while query:
        page = search(client, auditor, query, actor="ruth").json()
        pages += page["disclosures"]
        look(client, children["OR"], ruth)
        query = f"?limit=4&cursor={page['cursor']}" if page["cursor"] else ""
    assert pages == whole


def test_a_user_administrator_is_told_of_readers_of_the_own_state_alone(
    client: TestClient, children: dict[str, dict[str, Any]], as_role: As, ledger: Ledger
) -> None:
    for state in ("OR", "CA"):
        look(client, children["OR"], as_role("secondary_user", state))
    administrator = as_role("user_administrator", "OR", name="uma")
    readers = {actor for actor, view, _ in found(search(client, administrator)) if view == "student"}
    assert readers == {"secondary_user of OR"}
    assert found(search(client, administrator, actor="secondary_user of CA")) == []
    other = search(client, administrator, state="CA")
    assert (other.status_code, other.json()["type"]) == (403, "/problems/other-state")
    last = ledger.access.read(0, 100)[-1].event
    assert isinstance(last, DisclosureRefused)
    assert (last.view, last.role) == ("disclosures-search", "user_administrator")
    nowhere = search(client, as_role("user_administrator", None))
    assert (nowhere.status_code, nowhere.json()["type"]) == (403, "/problems/forbidden")


def test_who_oversees_one_district_is_told_of_its_readers(
    client: TestClient, children: dict[str, dict[str, Any]], as_role: As
) -> None:
    of_district = {"region": "R2", "district": "4113770"}
    look(client, children["OR"], as_role("district_data_administrator", "OR", name="dina", **of_district))
    look(client, children["OR"], as_role("secondary_user", "OR", name="ruth"))
    officer = as_role("privacy_officer", "OR", name="pia", **of_district)
    assert {actor for actor, *_ in found(search(client, officer))} == {"dina"}
    assert found(search(client, officer, organisation="OR")) == []
    whole = as_role("privacy_officer", "OR", name="paul")
    assert {"dina"} < {actor for actor, *_ in found(search(client, whole))} | {"ruth"}


@pytest.mark.parametrize("role", ["secondary_user", "state_data_administrator", "operator", "parent", "help_desk"])
def test_nobody_else_searches_and_the_refusal_has_its_entry(
    client: TestClient, as_role: As, ledger: Ledger, role: str
) -> None:
    assert search(client, as_role(role), actor="ruth").status_code == 403
    [recorded] = ledger.access.read(0, 100)
    assert isinstance(recorded.event, DisclosureRefused)
    assert recorded.event.view == "disclosures-search"


@pytest.mark.parametrize(
    "body",
    [
        {"actor": ""},
        {"actor": "a\x00b"},
        {"actor": ["ruth"]},
        {"role": "king"},
        {"outcome": "lost"},
        {"since": "yesterday"},
        {"since": "2025-09-01T00:00:00"},
        {"name": "ruth"},
    ],
)
def test_what_cannot_be_looked_for_is_refused_and_not_repeated(
    client: TestClient, as_role: As, body: dict[str, Any]
) -> None:
    answer = search(client, as_role("auditor", None), **body)
    assert (answer.status_code, answer.json()["type"]) == (422, "/problems/invalid-request")
    assert "ruth" not in answer.text


@pytest.mark.parametrize("query", ["?limit=0", "?limit=1001", "?cursor=x", "?cursor=MTo", "?limit=a"])
def test_a_page_that_cannot_be_is_refused(client: TestClient, as_role: As, query: str) -> None:
    assert search(client, as_role("auditor", None), query).status_code == 422


def test_the_ends_of_time_and_a_cursor_of_no_entry_are_taken(client: TestClient, as_role: As) -> None:
    auditor = as_role("auditor", None)
    ends = {"since": "0001-01-01T00:00:00+14:00", "until": "9999-12-31T23:59:59-14:00"}
    for query in ("", "?cursor=NzowMTk5MDAwMC0wMDAwLTcwMDAtODAwMC0wMDAwMDAwMDAwMDE"):
        assert search(client, auditor, query, **ends).status_code == 200


# -- passing on


def note(client: TestClient, child: dict[str, Any] | str, headers: dict[str, str], /, **more: Any) -> Any:
    known = child if isinstance(child, str) else child["student_id"]
    return client.post(f"/v1/students/{known}/disclosures", json={**PASSED_ON, **more}, headers=headers)


def test_whom_records_were_passed_on_to_stands_in_the_accounting(
    client: TestClient, children: dict[str, dict[str, Any]], as_role: As, ledger: Ledger
) -> None:
    child = children["OR"]
    answer = note(client, child, as_role("state_data_administrator", "OR"))
    assert answer.status_code == 201, answer.text
    position = ledger.access.head()
    assert answer.json() == {
        "student_id": child["student_id"],
        "records": [child["record_id"]],
        "position": position,
    }
    assert "Ledger-Position" not in answer.headers, "that log's positions are not the ledger's"
    [recorded] = ledger.access.read_stream(f"disclosure/{child['record_id']}")
    assert recorded.event == RedisclosureNoted(
        student_id=child["student_id"],
        authority="OR",
        role="state_data_administrator",
        recipient="Oficina de María Ñandú",
        organisation="Woodburn School District",
        basis="34 CFR 99.31(a)(2)",
        purpose="She enrolls there.",
        sections=["core", "health"],
        disclosed_on="2025-09-01",
        own_state="OR",
    )
    [entry] = look(client, child, as_role("privacy_officer", None), "/disclosures").json()["disclosures"]
    assert (entry["outcome"], entry["actor"], entry["organisation"], entry["view"]) == (
        "passed-on",
        "state_data_administrator of OR",
        "OR",
        "redisclosure",
    )
    assert (entry["recipient"], entry["recipient_organisation"], entry["disclosed_on"]) == (
        "Oficina de María Ñandú",
        "Woodburn School District",
        "2025-09-01",
    )
    assert (entry["purpose"], entry["basis"], entry["sections"]) == (
        "She enrolls there.",
        "34 CFR 99.31(a)(2)",
        ["core", "health"],
    )


def test_a_note_is_of_every_record_that_the_student_has_and_of_any_id(
    client: TestClient, children: dict[str, dict[str, Any]], as_role: As, ledger: Ledger
) -> None:
    merge(ledger, children["OR"]["student_id"], children["CA"]["student_id"])
    look(client, children["OR"], as_role("auditor", None), f"?at_least={ledger.log.head()}")
    answer = note(client, children["CA"], as_role("primary_user", "OR"))
    assert answer.status_code == 201, answer.text
    assert set(answer.json()["records"]) == {child["record_id"] for child in children.values()}
    for child in children.values():
        *_, last = ledger.access.read_stream(f"disclosure/{child['record_id']}")
        assert isinstance(last.event, RedisclosureNoted)


def test_a_note_that_is_sent_again_is_written_once(
    client: TestClient, children: dict[str, dict[str, Any]], as_role: As, ledger: Ledger
) -> None:
    headers = {**as_role("state_data_administrator", "OR"), "Idempotency-Key": "note-1"}
    first = note(client, children["OR"], headers)
    head = ledger.access.head()
    again = note(client, children["OR"], headers)
    assert (again.status_code, again.json()) == (201, first.json())
    assert again.headers["Idempotency-Replayed"] == "true"
    assert ledger.access.head() == head
    other = note(client, children["OR"], headers, recipient="Somebody else")
    assert (other.status_code, other.json()["type"]) == (422, "/problems/idempotency-key-reused")
    stolen = {**as_role("privacy_officer", "OR"), "Idempotency-Key": "note-1"}
    assert "Idempotency-Replayed" not in note(client, children["OR"], stolen).headers, "a key is one person's"


def test_a_state_that_keeps_no_record_notes_nothing_and_learns_nothing(
    client: TestClient, children: dict[str, dict[str, Any]], as_role: As, ledger: Ledger
) -> None:
    told = []
    for child in (children["CA"], NEVER):
        answer = note(client, child, as_role("state_data_administrator", "OR"))
        assert (answer.status_code, answer.json()["type"]) == (403, "/problems/other-state")
        told.append({name: value for name, value in answer.json().items() if name != "request_id"})
    assert told[0] == told[1]
    assert [type(recorded.event) for recorded in ledger.access.read(0, 100)] == [DisclosureRefused] * 2
    assert note(client, children["OR"], as_role("secondary_user", "OR")).status_code == 403
    assert note(client, NEVER, as_role("privacy_officer", None)).status_code == 404


@pytest.mark.parametrize(
    "more",
    [
        {"disclosed_on": "2025-09-03"},
        {"disclosed_on": "2025-02-29"},
        {"disclosed_on": 20250901},
        {"sections": []},
        {"sections": ["everything"]},
        {"recipient": ""},
        {"recipient": "a\nb"},
        {"purpose": "x" * 201},
        {"basis": None},
        {"child": "Marisol"},
    ],
)
def test_a_note_that_is_not_whole_is_refused_and_nothing_is_written(
    client: TestClient, children: dict[str, dict[str, Any]], as_role: As, ledger: Ledger, more: dict[str, Any]
) -> None:
    answer = note(client, children["OR"], as_role("state_data_administrator", "OR"), **more)
    assert (answer.status_code, answer.json()["type"]) == (422, "/problems/invalid-request")
    assert ledger.access.head() == 0
    assert "Marisol" not in answer.text


# -- who reads unusually


@pytest.fixture
def today(clock: Any) -> str:
    """The service's clock is the ledger's."""
    clock.now = datetime.now(UTC)
    return clock.now.date().isoformat()


def test_who_reads_unusually_is_told_as_json_and_csv_and_counted_without_a_name(
    client: TestClient, children: dict[str, dict[str, Any]], as_role: As, ledger: Ledger, today: str
) -> None:
    look(client, children["CA"], as_role("secondary_user", "OR", name="ruth"))
    look(client, children["CA"], as_role("secondary_user", "CA", name="carl"))
    ground = {"role": "secondary_user", "organisation": "OR", "purpose": "p", "basis": "b", "position": 1}
    many = [student_id(number) for number in range(200)]
    mass = BulkDisclosed(view="students", records=many, filters=[], own_state="OR", children=many, **ground)
    append(ledger.access, "request/1", mass, actor='max, "the" reader')
    auditor = as_role("auditor", None)
    answer = client.get("/v1/reports/unusual-access", headers=auditor)
    assert answer.status_code == 200, answer.text
    body = answer.json()
    assert (body["day"], body["position"]) == (today, ledger.access.head())
    assert [(one["actor"], one["children"], one["elsewhere"], one["why"]) for one in body["readers"]] == [
        ('max, "the" reader', 200, 0, ["volume"]),
        ("ruth", 1, 1, ["elsewhere"]),
    ]
    sheet = client.get("/v1/reports/unusual-access", headers={**auditor, "Accept": "text/csv"})
    assert sheet.headers["Content-Type"] == "text/csv; charset=utf-8"
    rows = list(csv.DictReader(io.StringIO(sheet.text)))
    assert [(row["actor"], row["usual"], row["why"]) for row in rows] == [
        ('max, "the" reader', "20", "volume"),
        ("ruth", "20", "elsewhere"),
    ]
    metrics = client.get("/metrics").text
    assert 'access_unusual_readers{why="volume"} 1.0' in metrics
    assert 'access_unusual_readers{why="elsewhere"} 1.0' in metrics
    assert "ruth" not in metrics
    assert ledger.access.head() == body["position"], "it shows no child"
    assert telemetry.UNUSUAL_READERS.labels == ("why",)


def test_a_report_is_of_one_day_and_of_the_readers_that_one_oversees(
    client: TestClient, children: dict[str, dict[str, Any]], as_role: As, today: str
) -> None:
    look(client, children["CA"], as_role("secondary_user", "OR", name="ruth"))
    look(client, children["OR"], as_role("secondary_user", "CA", name="carl"))

    def told(headers: dict[str, str], query: str = "") -> list[str]:
        answer = client.get(f"/v1/reports/unusual-access{query}", headers=headers)
        assert answer.status_code == 200, answer.text
        return [one["actor"] for one in answer.json()["readers"]]

    assert told(as_role("privacy_officer", None)) == ["carl", "ruth"]
    assert told(as_role("privacy_officer", None), f"?day={today}") == ["carl", "ruth"]
    assert told(as_role("privacy_officer", None), "?day=2024-02-29") == []
    assert told(as_role("user_administrator", "OR")) == ["ruth"]
    assert told(as_role("auditor", "CA")) == ["carl"]
    assert client.get("/v1/reports/unusual-access", headers=as_role("secondary_user", "OR")).status_code == 403
    for wrong in ("2025-02-29", "today", "20250228", "", "2025-W01-1"):
        answer = client.get("/v1/reports/unusual-access", params={"day": wrong}, headers=as_role("auditor", None))
        assert answer.status_code == 422, wrong


# -- of a file's answers


@pytest.mark.parametrize(
    ("role", "state", "rule"), [("state_batch_submitter", "CA", "BS-03"), ("secondary_user", None, "none")]
)
def test_a_response_that_is_refused_has_its_entry_before_that_is_told(
    client: TestClient, as_role: As, ledger: Ledger, role: str, state: str | None, rule: str
) -> None:
    submit(ledger, EXAMPLE, "operator anna")
    asking = {**as_role(role, state, name="ruth"), "Purpose": "a look"}
    for submission in ("OR-20250902020000000", "OR-20200101000000000"):
        assert client.get(f"/v1/submissions/{submission}/response", headers=asking).status_code == 403
    refused = ledger.access.read(0, 100)
    assert len(refused) == 2
    for recorded in refused:
        assert isinstance(recorded.event, DisclosureRefused)
        assert recorded.meta.actor == "ruth"
        assert (recorded.event.view, recorded.event.rule) == ("submission-response", rule)
        assert recorded.event.purpose == "a look"
