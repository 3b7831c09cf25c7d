"""Who is shown what, over HTTP, and what a refusal leaves behind."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from starlette.testclient import TestClient

from ledger.application import Ledger
from ledger.errors import StoreUnavailable
from ledger.events.disclosure import Disclosed, DisclosureRefused, SearchDisclosed
from ledger.ids import student_id
from ledger.intake.submission import submit
from support.bodies import student
from support.files import EXAMPLE

NEVER = student_id(999_999)
As = Callable[..., dict[str, str]]


@pytest.fixture
def as_role(client: TestClient, make_token: Callable[..., str]) -> As:
    """Headers of somebody new."""
    return lambda role, state="OR", **more: {"Authorization": f"Bearer {make_token(role, state, **more)}"}


@pytest.fixture
def children(client: TestClient, as_role: As) -> dict[str, dict[str, Any]]:
    """One child of Oregon and one of California, of one name, as the ledger answered."""
    made = {}
    for state in ("OR", "CA"):
        office = as_role("state_data_administrator", state, name=f"office of {state}")
        answer = client.put(f"/v1/records/{state}/{state}7", json=student(), headers=office)
        assert answer.status_code == 201, answer.text
        made[state] = answer.json()
    client.get(f"/v1/students/{NEVER}?at_least={made['CA']['position']}", headers=office)  # the read models are there
    return made


def entries(ledger: Ledger) -> list[tuple[str, Any]]:
    """Stream and event of every entry."""
    return [(recorded.stream, recorded.event) for recorded in ledger.access.read(0, 1_000)]


def read(client: TestClient, child: dict[str, Any] | str, headers: dict[str, str], rest: str = "") -> Any:
    known = child if isinstance(child, str) else child["student_id"]
    return client.get(f"/v1/students/{known}{rest}", headers=headers)


# -- refusals


@pytest.mark.parametrize(("role", "rule"), [("help_desk", "none"), ("recruiter", "RC-02"), ("parent", "PA-01")])
def test_a_refusal_tells_no_more_of_a_student_than_of_an_id_that_never_was(
    client: TestClient, children: dict[str, dict[str, Any]], as_role: As, ledger: Ledger, role: str, rule: str
) -> None:
    headers = as_role(role, "OR", name="ruth")
    told = []
    for asked in (children["CA"]["student_id"], NEVER):
        answer = read(client, asked, headers)
        assert answer.status_code == 403
        told.append({name: value for name, value in answer.json().items() if name != "request_id"})
    assert told[0] == told[1]
    assert told[0]["rule"] == rule
    known, unknown = entries(ledger)
    assert known[0] == f"disclosure/{children['CA']['record_id']}"
    assert unknown[0].startswith("request/")
    for (_, entry), asked in zip((known, unknown), (children["CA"]["student_id"], NEVER), strict=True):
        assert entry == DisclosureRefused(
            student_id=asked,
            view="student",
            role=role,
            organisation="OR",
            purpose="",
            basis="",
            rule=rule,
            own_state="OR",
        )


def test_whoever_reads_of_every_state_is_told_that_an_id_never_was(
    client: TestClient, children: dict[str, dict[str, Any]], as_role: As, ledger: Ledger
) -> None:
    assert read(client, NEVER, as_role("secondary_user", None)).status_code == 404
    assert entries(ledger) == []


def test_a_child_s_disclosures_list_who_asked_and_was_refused(
    client: TestClient, children: dict[str, dict[str, Any]], as_role: As
) -> None:
    child = children["OR"]
    asking = as_role("help_desk", None, name="desk of the night")
    assert read(client, child, {**asking, "Purpose": "a call"}, "/history").status_code == 403
    assert read(client, child, as_role("secondary_user", None, name="counselor")).status_code == 200
    answer = read(client, child, as_role("privacy_officer", None), "/disclosures")
    shown, refused = answer.json()["disclosures"]
    assert (shown["outcome"], shown["actor"], shown["rule"]) == ("shown", "counselor", None)
    assert (refused["outcome"], refused["actor"], refused["role"]) == ("refused", "desk of the night", "help_desk")
    assert (refused["view"], refused["purpose"], refused["rule"]) == ("history", "a call", "none")
    assert (refused["record"], refused["student_id"]) == (child["record_id"], child["student_id"])
    assert (refused["sections"], refused["ledger_position"]) == ([], None)


def test_a_refused_search_has_its_entry(
    client: TestClient, children: dict[str, dict[str, Any]], as_role: As, ledger: Ledger
) -> None:
    headers = {**as_role("help_desk"), "Purpose": "a call"}
    answer = client.post("/v1/students/search", json={"name": "Marisol"}, headers=headers)
    assert (answer.status_code, answer.json()["rule"]) == (403, "none")
    [(stream, entry)] = entries(ledger)
    assert stream.startswith("request/")
    assert entry == DisclosureRefused(
        student_id="",
        view="search",
        role="help_desk",
        organisation="OR",
        purpose="a call",
        basis="",
        rule="none",
        own_state="OR",
    )


# -- who reads of one state


def test_a_recruiter_reads_who_a_child_of_the_own_state_is_and_nothing_else_of_her(
    client: TestClient, children: dict[str, dict[str, Any]], as_role: As, ledger: Ledger
) -> None:
    recruiter = as_role("recruiter", "OR")
    answer = read(client, children["OR"], recruiter)
    assert answer.status_code == 200
    assert {"core", "contacts"} <= answer.json().keys()
    assert not {"health", "provenance"} & answer.json().keys()
    assert answer.headers["ETag"].count("core.contacts-") == 1
    [(_, entry)] = entries(ledger)
    assert isinstance(entry, Disclosed)
    assert entry.sections == ["core", "contacts"]
    other = read(client, children["CA"], recruiter)
    assert (other.status_code, other.json()["type"]) == (403, "/problems/other-state")
    for rest in ("/history", "/disclosures"):
        assert read(client, children["OR"], recruiter, rest).status_code == 403


def test_a_recruiter_finds_children_of_the_own_state_alone(
    client: TestClient, children: dict[str, dict[str, Any]], as_role: As, ledger: Ledger
) -> None:
    everybody = client.post("/v1/students/search", json={"name": "Marisol"}, headers=as_role("auditor", None))
    assert {one["student_id"] for one in everybody.json()["students"]} == {
        children[state]["student_id"] for state in ("OR", "CA")
    }
    recruiter = as_role("recruiter", "OR")
    for asked in ({"name": "Marisol"}, {"name": "Marisol", "state": "OR"}):
        found = client.post("/v1/students/search", json=asked, headers=recruiter)
        assert [one["student_id"] for one in found.json()["students"]] == [children["OR"]["student_id"]]
    _, own, _ = (entry for _, entry in entries(ledger))
    assert isinstance(own, SearchDisclosed)
    assert (own.fields, own.records) == (["name"], [children["OR"]["record_id"]])
    other = client.post("/v1/students/search", json={"name": "Marisol", "state": "CA"}, headers=recruiter)
    assert (other.status_code, other.json()["type"], other.json()["rule"]) == (403, "/problems/other-state", "RC-01")
    _, refused = entries(ledger)[-1]
    assert isinstance(refused, DisclosureRefused)
    assert (refused.view, refused.rule) == ("search", "RC-01")


# -- purposes


def test_where_a_reader_names_no_purpose_that_of_the_rule_is_recorded(
    client: TestClient, children: dict[str, dict[str, Any]], as_role: As, ledger: Ledger
) -> None:
    auditor = as_role("auditor", None)
    assert read(client, children["OR"], auditor).status_code == 200
    assert client.post("/v1/students/search", json={"name": "Marisol"}, headers=auditor).status_code == 200
    assert client.get("/v1/cases", headers=as_role("state_data_administrator")).status_code == 200
    assert read(client, children["OR"], {**auditor, "Purpose": "a sample of May"}).status_code == 200
    assert [(entry.purpose, entry.basis) for _, entry in entries(ledger)] == [
        ("audit", "34 CFR 99.35(a)(1)"),
        ("audit", "34 CFR 99.35(a)(1)"),
        ("record-match-resolution", "34 CFR 99.31(a)(1)"),
        ("a sample of May", "34 CFR 99.35(a)(1)"),
    ]


# -- the answer to a file


def test_an_answer_to_a_file_whose_entry_cannot_be_written_is_a_problem_and_holds_nothing(
    client: TestClient, as_role: As, ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    headers = as_role("state_data_administrator")
    report = submit(ledger, EXAMPLE, "oregon")
    address = f"/v1/submissions/{report.submission}"
    client.get(address, params={"at_least": ledger.log.head()}, headers=headers).raise_for_status()
    sound = client.get(f"{address}/response", headers=headers)
    assert (sound.status_code, len(sound.text.splitlines())) == (200, report.rows + 1)

    def away(_: object) -> None:
        raise StoreUnavailable("PostgreSQL has no room left on its disk.")

    monkeypatch.setattr(ledger.access, "append", away)
    answer = client.get(f"{address}/response", headers=headers)
    assert (answer.status_code, answer.json()["type"]) == (503, "/problems/store-unavailable")
