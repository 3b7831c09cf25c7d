"""A state office sets how its records are kept: read by all, set by whoever holds the office, answered once."""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from pathlib import Path
from typing import Any

import httpx2
import orjson
import pytest
from starlette.testclient import TestClient

from api.app import create_app
from api.routes.jurisdictions import etag_of
from api.schemas.jurisdictions import BODIES
from api.services import Services
from ledger.access import ROLES
from ledger.application import Ledger
from ledger.events import Meta
from ledger.events.jurisdiction import Term
from ledger.intake.submission import submit
from ledger.jurisdiction import SetTerms
from ledger.mde import STATES
from ledger.rulebook import RULES
from ledger.store.database import Database
from projections.projectors import Projectors
from support.bodies import ENROLLMENT, RECORD, student
from support.files import NEXT_NIGHT, write
from support.files import student as rows_of
from support.serving import served
from support.sources import ROOT

MakeToken = Callable[..., str]
OREGON = "/v1/jurisdictions/OR"
PROFILE = {"time_zone": "America/Los_Angeles", "expected_hour": 4, "rule_levels": {"V12": "off"}}
CALENDAR = {"subdivision": "OR", "closed": ["2025-11-28"], "open": ["2025-10-13"]}
FALL = {"name": "Fall 2025", "kind": "regular", "begins": "2025-09-02", "ends": "2025-12-19"}
SPRING = {"name": "Spring 2026", "kind": "regular", "begins": "2026-01-05", "ends": "2026-06-12"}
TERMS = {"school_year": 2025, "terms": [FALL, SPRING]}
PARTS: dict[str, dict[str, Any]] = {"profile": PROFILE, "calendar": CALENDAR, "terms": TERMS}


@pytest.fixture
def office(client: TestClient, make_token: MakeToken) -> TestClient:
    """The client with the token of Oregon's state office."""
    client.headers["Authorization"] = f"Bearer {make_token('state_data_administrator', name='oregon office')}"
    return client


@pytest.fixture
def as_role(make_token: MakeToken) -> Callable[..., dict[str, str]]:
    """Headers of somebody else."""
    return lambda role, state="OR", **more: {"Authorization": f"Bearer {make_token(role, state, **more)}"}


def said(client: TestClient) -> dict[str, Any]:
    """What is read now."""
    answer = client.get(OREGON)
    assert answer.status_code == 200, answer.text
    return answer.json()


def stated(ledger: Ledger) -> list[str]:
    return [r.event.topic for r in ledger.log.read_stream("jurisdiction/OR")]


# -- reading


def test_a_state_that_set_nothing_is_told_what_holds_by_default(office: TestClient) -> None:
    body = said(office)
    assert (body["state"], body["version"], body["position"]) == ("OR", 0, 0)
    for part in ("profile", "calendar"):
        assert (body[part]["set"], body[part]["version"], body[part]["differs"]) == (False, 0, [])
        assert body[part]["values"] == body[part]["defaults"]
    assert body["profile"]["values"]["time_zone"] == "America/Los_Angeles"
    assert body["calendar"]["values"] == {"subdivision": "OR", "closed": [], "open": []}
    assert body["terms"] == {"set": False, "version": 0, "values": []}
    assert {rule["code"]: tuple(rule["levels"]) for rule in body["rules"]} == {
        code: rule.levels for code, rule in RULES.items() if rule.levels
    }
    assert {rule["level"] for rule in body["rules"]} == {None}


def test_what_was_set_is_told_apart_from_what_is_default(office: TestClient) -> None:
    for part, body in PARTS.items():
        assert office.put(f"{OREGON}/{part}", json=body).status_code == 200
    body = said(office)
    assert (body["version"], body["position"]) == (3, 3)
    assert (body["profile"]["set"], body["profile"]["version"]) == (True, 1)
    assert body["profile"]["differs"] == ["expected_hour", "rule_levels"]
    assert body["profile"]["defaults"]["expected_hour"] == 6
    assert (body["calendar"]["version"], body["calendar"]["differs"]) == (2, ["closed", "open"])
    assert body["terms"] == {
        "set": True,
        "version": 3,
        "values": [{"school_year": 2025, "district": None, "terms": [FALL, SPRING]}],
    }
    assert [rule["code"] for rule in body["rules"] if rule["level"]] == ["V12"]


@pytest.mark.parametrize("part", ["profile", "calendar"])
def test_what_is_read_can_be_sent_back_as_it_is(office: TestClient, ledger: Ledger, part: str) -> None:
    office.put(f"{OREGON}/{part}", json=PARTS[part])
    again = office.put(f"{OREGON}/{part}", json=said(office)[part]["values"])
    assert (again.status_code, again.json()["changed"]) == (200, False)


def test_terms_are_told_by_district_and_school_year(office: TestClient) -> None:
    older = {"name": "Year", "kind": "regular", "begins": "2024-09-03", "ends": "2025-06-12"}
    own = {"name": "All year", "kind": "regular", "begins": "2025-07-21", "ends": "2026-06-30"}
    for sent in (
        {"school_year": 2025, "district": "4113770", "terms": [own]},
        {"school_year": 2024, "terms": [older]},
        TERMS,
    ):
        answer = office.put(f"{OREGON}/terms", json=sent)
        assert answer.status_code == 200, answer.text
    told = [(one["district"], one["school_year"], one["terms"]) for one in said(office)["terms"]["values"]]
    assert told == [(None, 2025, [FALL, SPRING]), (None, 2024, [older]), ("4113770", 2025, [own])]
    taken_back = office.put(f"{OREGON}/terms", json={"school_year": 2024, "terms": []})
    assert taken_back.json()["changed"]
    assert [one["school_year"] for one in said(office)["terms"]["values"]] == [2025, 2025]


def test_every_role_reads_it_and_no_disclosure_is_written(
    client: TestClient, ledger: Ledger, as_role: Callable[..., dict[str, str]]
) -> None:
    statuses = {role: client.get(OREGON, headers=as_role(role, "CA")).status_code for role in ROLES}
    assert statuses == dict.fromkeys(ROLES, 200)
    assert ledger.access.head() == 0


def test_who_is_not_signed_in_reads_and_sets_nothing(client: TestClient, ledger: Ledger) -> None:
    assert client.get(OREGON).status_code == 401
    assert client.put(f"{OREGON}/profile", json=PROFILE).status_code == 401
    assert ledger.log.head() == 0


def test_what_is_no_state_has_no_settings(client: TestClient, as_role: Callable[..., dict[str, str]]) -> None:
    headers = as_role("operator", None)
    for state in ("ZZ", "or", "%00", "OREGON"):
        for answer in (
            client.get(f"/v1/jurisdictions/{state}", headers=headers),
            client.put(f"/v1/jurisdictions/{state}/profile", json=PROFILE, headers=headers),
        ):
            assert (answer.status_code, answer.json()["type"]) == (422, "/problems/unknown-state"), state


def test_a_reader_who_holds_what_is_current_gets_nothing_again(office: TestClient) -> None:
    first = office.get(OREGON)
    tag = first.headers["ETag"]
    for known in (tag, f"W/{tag}", f'"other", {tag}', "*"):
        answer = office.get(OREGON, headers={"If-None-Match": known})
        assert (answer.status_code, answer.content, answer.headers["ETag"]) == (304, b"", tag)
    put = office.put(f"{OREGON}/calendar", json=CALENDAR)
    answer = office.get(OREGON, headers={"If-None-Match": tag})
    assert answer.status_code == 200
    assert answer.headers["ETag"] == put.headers["ETag"] != tag


def test_a_read_waits_for_the_position_that_it_must_have_reached(office: TestClient) -> None:
    position = office.put(f"{OREGON}/profile", json=PROFILE).headers["Ledger-Position"]
    assert office.get(OREGON, params={"at_least": position}).status_code == 200
    behind = office.get(OREGON, params={"at_least": str(int(position) + 1)})
    assert (behind.status_code, behind.json()["type"]) == (503, "/problems/projection-behind")
    assert behind.json()["position"] == int(position)
    assert office.get(OREGON, params={"at_least": "soon"}).status_code == 422


# -- who may


def test_other_roles_set_nothing(client: TestClient, ledger: Ledger, as_role: Callable[..., dict[str, str]]) -> None:
    for role in set(ROLES) - {"state_data_administrator", "operator"}:
        headers = as_role(role)
        for part, body in PARTS.items():
            answer = client.put(f"{OREGON}/{part}", json=body, headers=headers)
            assert (answer.status_code, answer.json()["type"]) == (403, "/problems/forbidden"), (role, part)
            assert answer.json()["remedy"]
    assert ledger.log.head() == 0


def test_a_state_office_sets_nothing_of_another_state(
    client: TestClient, ledger: Ledger, as_role: Callable[..., dict[str, str]]
) -> None:
    for state, problem in (("CA", "other-state"), (None, "forbidden")):
        headers = as_role("state_data_administrator", state)
        for part, body in PARTS.items():
            answer = client.put(f"{OREGON}/{part}", json=body, headers=headers)
            assert (answer.status_code, answer.json()["type"]) == (403, f"/problems/{problem}"), part
    assert ledger.log.head() == 0


def test_an_office_narrowed_to_a_part_of_the_state_sets_nothing_for_all_of_it(
    client: TestClient, as_role: Callable[..., dict[str, str]]
) -> None:
    for narrowed in ({"district": "4113770"}, {"region": "Willamette"}):
        headers = as_role("state_data_administrator", **narrowed)
        assert client.put(f"{OREGON}/profile", json=PROFILE, headers=headers).status_code == 403


def test_an_operator_sets_what_any_state_asks_for(
    client: TestClient, ledger: Ledger, as_role: Callable[..., dict[str, str]]
) -> None:
    headers = as_role("operator", None, name="night operator")
    for state in ("OR", "CA"):
        answer = client.put(f"/v1/jurisdictions/{state}/calendar", json={"closed": ["2025-11-28"]}, headers=headers)
        assert answer.status_code == 200, answer.text
        [recorded] = ledger.log.read_stream(f"jurisdiction/{state}")
        assert (recorded.meta.actor, recorded.meta.request) == ("night operator", answer.headers["X-Request-ID"])


# -- setting


@pytest.mark.parametrize("part", PARTS)
def test_a_part_that_is_set_again_appends_nothing(office: TestClient, ledger: Ledger, part: str) -> None:
    first = office.put(f"{OREGON}/{part}", json=PARTS[part])
    assert first.json() == {"state": "OR", "part": part, "version": 1, "position": 1, "changed": True}
    assert first.headers["Ledger-Position"] == "1"
    again = office.put(f"{OREGON}/{part}", json=PARTS[part])
    assert again.json() == {**first.json(), "changed": False}
    assert again.headers["ETag"] == first.headers["ETag"] == etag_of("OR", 1)
    assert ledger.log.head() == 1


def test_a_part_is_replaced_whole_and_the_others_stay(office: TestClient) -> None:
    for part, body in PARTS.items():
        office.put(f"{OREGON}/{part}", json=body)
    before = said(office)
    assert office.put(f"{OREGON}/profile", json={}).json()["version"] == 4
    after = said(office)
    assert after["profile"]["values"] == after["profile"]["defaults"]
    assert (after["profile"]["set"], after["profile"]["differs"]) == (True, [])
    assert (after["calendar"], after["terms"]) == (before["calendar"], before["terms"])


def test_the_default_is_a_word_of_the_state_also_where_its_terms_were_set_before(office: TestClient) -> None:
    office.put(f"{OREGON}/terms", json=TERMS)
    assert office.put(f"{OREGON}/profile", json={}).json()["changed"]
    assert said(office)["profile"]["set"]


def test_a_calendar_follows_the_state_s_own_holidays_unless_it_says_otherwise(office: TestClient) -> None:
    office.put(f"{OREGON}/calendar", json={})
    assert said(office)["calendar"]["values"]["subdivision"] == "OR"
    office.put(f"{OREGON}/calendar", json={"subdivision": None})
    assert said(office)["calendar"]["values"]["subdivision"] is None


def test_a_term_may_begin_on_a_leap_day(office: TestClient) -> None:
    leap = {"name": "Spring 2028", "kind": "regular", "begins": "2028-02-29", "ends": "2028-06-09"}
    answer = office.put(f"{OREGON}/terms", json={"school_year": 2027, "terms": [leap]})
    assert answer.status_code == 200, answer.text


def test_a_tribal_school_s_district_has_terms_in_the_state_where_it_lies(office: TestClient) -> None:
    assert office.put(f"{OREGON}/terms", json={**TERMS, "district": "5900123"}).status_code == 200


# -- what nobody could follow


def term(**changes: Any) -> dict[str, Any]:
    return {"school_year": 2025, "terms": [FALL, {**SPRING, **changes}]}


REFUSED: list[tuple[str, dict[str, Any], str]] = [
    ("profile", {"time_zone": "Oregon/Salem"}, "/time_zone"),
    ("profile", {"time_zone": ""}, "/time_zone"),
    ("profile", {"time_zone": "../../etc/localtime"}, "/time_zone"),
    ("profile", {"time_zone": "x" * 5000}, "/time_zone"),
    ("profile", {"time_zone": "a\u0000b"}, "/time_zone"),
    ("profile", {"time_zone": "localtime"}, "/time_zone"),
    ("profile", {"time_zone": "right/America/Los_Angeles"}, "/time_zone"),
    ("profile", {"expected_hour": 24}, "/expected_hour"),
    ("profile", {"expected_hour": -1}, "/expected_hour"),
    ("profile", {"response_days": 0}, "/response_days"),
    ("profile", {"response_days": 10**9}, "/response_days"),
    ("profile", {"response_days": 10**30}, "/response_days"),
    ("profile", {"record_ids": "sometimes"}, "/record_ids"),
    ("profile", {"rule_levels": {"V99": "warn"}}, "/rule_levels"),
    ("profile", {"rule_levels": {"V9": "warn", "V10": "shrug"}}, "/rule_levels/V10"),
    ("profile", {"rule_levels": {"V24": "off"}}, "/rule_levels/V24"),
    ("profile", {"rule_levels": {"missing": "off"}}, "/rule_levels/missing"),
    ("profile", {"escalation_days": [7, 0, 16]}, "/escalation_days/1"),
    ("profile", {"escalation_days": [7, 7, 10**12]}, "/escalation_days/2"),
    ("calendar", {"closed": ["2025-11-28", "Christmas"]}, "/closed/1"),
    ("calendar", {"closed": ["20251128"]}, "/closed/0"),
    ("calendar", {"closed": ["2025-W48-5"]}, "/closed/0"),
    ("calendar", {"open": ["2025-02-29"]}, "/open/0"),
    ("calendar", {"closed": ["2025-11-27", "2025-11-28"], "open": ["2025-11-28"]}, "/closed/1"),
    ("calendar", {"subdivision": "ZZ"}, "/subdivision"),
    ("terms", {**TERMS, "district": "0622710"}, "/district"),
    ("terms", {**TERMS, "district": "Woodburn"}, "/district"),
    ("terms", {**TERMS, "school_year": 25}, "/school_year"),
    ("terms", {**TERMS, "school_year": 10**20}, "/school_year"),
    ("terms", term(name=" "), "/terms/1/name"),
    ("terms", term(name="Spring\u00002026"), "/terms/1/name"),
    ("terms", term(name=" Fall  2025 "), "/terms/1/name"),
    ("terms", term(kind="spring"), "/terms/1/kind"),
    ("terms", term(begins="2026-02-29"), "/terms/1/begins"),
    ("terms", term(ends="2026-06-31"), "/terms/1/ends"),
    ("terms", term(ends="2027-01-01"), "/terms/1/ends"),
    ("terms", term(begins="2026-06-12", ends="2026-01-05"), "/terms/1/begins"),
    ("terms", term(begins="2025-12-19"), "/terms/1/begins"),
    ("terms", {"school_year": 2025, "terms": [SPRING, {**FALL, "ends": "2026-01-05"}]}, "/terms/0/begins"),
]


def test_a_value_that_nobody_could_follow_is_pointed_at_with_its_remedy(office: TestClient, ledger: Ledger) -> None:
    for part, body, pointer in REFUSED:
        answer = office.put(f"{OREGON}/{part}", json=body)
        assert answer.status_code == 422, (body, answer.text)
        assert answer.headers["Content-Type"] == "application/problem+json"
        assert answer.json()["type"] == "/problems/bad-value"
        [error] = answer.json()["errors"]
        assert (error["pointer"], error["rule"]) == (pointer, part), body
        assert error["message"]
        assert error["remedy"]
    assert ledger.log.head() == 0


SHAPELESS: list[tuple[str, dict[str, Any], str]] = [
    ("profile", {"expected_hour": "4"}, "/expected_hour"),
    ("profile", {"expected_hour": True}, "/expected_hour"),
    ("profile", {"expected_hours": 4}, ""),
    ("profile", {"escalation_days": [7, 7]}, "/escalation_days"),
    ("profile", {"rule_levels": {"V10": 1}}, "/rule_levels/V10"),
    ("profile", {"rule_levels": {f"V{n}": "warn" for n in range(1000)}}, "/rule_levels"),
    ("calendar", {"closed": "2025-11-28"}, "/closed"),
    ("calendar", {"closed": ["2025-11-28"] * 1001}, "/closed"),
    ("terms", {"school_year": 2025}, "/terms"),
    ("terms", {"terms": [FALL]}, "/school_year"),
    ("terms", {"school_year": 2025, "terms": [FALL] * 51}, "/terms"),
    ("terms", {"school_year": 2025, "terms": [{**FALL, "begins": 20250902}]}, "/terms/0/begins"),
    ("terms", {"school_year": 2025, "terms": [{"name": "Fall"}]}, "/terms/0/kind"),
]


def test_a_body_of_another_shape_is_pointed_at(office: TestClient, ledger: Ledger) -> None:
    for part, body, pointer in SHAPELESS:
        answer = office.put(f"{OREGON}/{part}", json=body)
        assert answer.status_code == 422, answer.text
        assert answer.json()["type"] == "/problems/invalid-request"
        assert pointer in {error["pointer"] for error in answer.json()["errors"]}, body
    assert ledger.log.head() == 0


def test_a_name_that_is_not_known_is_told_the_one_that_was_likely_meant(office: TestClient) -> None:
    answer = office.put(f"{OREGON}/profile", json={"expected_hours": 4})
    assert answer.json()["errors"][0]["remedy"] == "Perhaps expected_hour was meant."


UNREADABLE = [
    (b"{", "application/json", 400),
    (b'{"time_zone": "\\ud800"}', "application/json", 400),
    (b'{"expected_hour": NaN}', "application/json", 422),
    (b"[" * 100_000, "application/json", 400),
    (b"{}", "text/plain", 415),
    (b'{"closed": [' + b'"2025-11-28",' * 30_000 + b'"2025-11-28"]}', "application/json", 413),
    (b"x" * (11 * 1024 * 1024), "application/json", 413),
]


def test_a_body_that_cannot_be_read_or_is_huge_is_refused(office: TestClient, ledger: Ledger) -> None:
    for part in PARTS:
        for content, kind, status in UNREADABLE:
            answer = office.put(f"{OREGON}/{part}", content=content, headers={"Content-Type": kind})
            assert answer.status_code == status, (part, content[:40], answer.text)
    assert ledger.log.head() == 0


# -- answered once


@pytest.mark.parametrize("part", PARTS)
def test_the_same_key_gives_the_first_answer_whatever_was_set_since(
    office: TestClient, ledger: Ledger, part: str
) -> None:
    key = {"Idempotency-Key": "5f0c8b1e"}
    first = office.put(f"{OREGON}/{part}", json=PARTS[part], headers=key)
    ledger.set_jurisdiction("OR", SetTerms(state="OR", school_year=2030, terms=[_term(2030)]), Meta(actor="x"))
    other = {"terms": {"school_year": 2025, "terms": []}}.get(part, {})
    assert office.put(f"{OREGON}/{part}", json=other).json()["changed"]
    head = ledger.log.head()
    again = office.put(f"{OREGON}/{part}", json=dict(reversed(PARTS[part].items())), headers=key)
    assert again.headers["Idempotency-Replayed"] == "true"
    assert "Idempotency-Replayed" not in first.headers
    assert (again.status_code, again.json()) == (first.status_code, first.json())
    for name in ("ETag", "Ledger-Position"):
        assert again.headers[name] == first.headers[name]
    assert ledger.log.head() == head


def test_that_nothing_changed_is_an_answer_too(office: TestClient) -> None:
    office.put(f"{OREGON}/profile", json=PROFILE)
    key = {"Idempotency-Key": "5f0c8b1e"}
    first = office.put(f"{OREGON}/profile", json=PROFILE, headers=key)
    office.put(f"{OREGON}/profile", json={})
    again = office.put(f"{OREGON}/profile", json=PROFILE, headers=key)
    assert first.json()["changed"] is False
    assert again.json() == first.json()
    assert said(office)["profile"]["differs"] == []


def test_the_same_key_with_another_body_or_for_another_part_is_refused(office: TestClient, ledger: Ledger) -> None:
    key = {"Idempotency-Key": "5f0c8b1e"}
    office.put(f"{OREGON}/calendar", json={}, headers=key)
    for part, body in (("calendar", CALENDAR), ("profile", {})):
        answer = office.put(f"{OREGON}/{part}", json=body, headers=key)
        assert (answer.status_code, answer.json()["type"]) == (422, "/problems/idempotency-key-reused")
    assert stated(ledger) == ["calendar-set.v1"]


def test_a_refusal_is_kept_with_its_place_and_its_remedy(office: TestClient, ledger: Ledger) -> None:
    key = {"Idempotency-Key": "5f0c8b1e"}
    wrong = term(begins="2025-12-19")
    first, again = (office.put(f"{OREGON}/terms", json=wrong, headers=key) for _ in range(2))
    assert again.headers["Idempotency-Replayed"] == "true"
    assert first.status_code == again.status_code == 422
    assert first.json()["errors"] == again.json()["errors"]
    assert again.json()["errors"][0]["pointer"] == "/terms/1/begins"
    other = office.put(f"{OREGON}/terms", json=TERMS, headers=key)
    assert other.json()["type"] == "/problems/idempotency-key-reused"
    assert ledger.log.head() == 0


def test_a_key_that_cannot_be_kept_is_refused(office: TestClient, ledger: Ledger) -> None:
    answer = office.put(f"{OREGON}/profile", json=PROFILE, headers={"Idempotency-Key": "x" * 256})
    assert answer.status_code == 422
    assert ledger.log.head() == 0


# -- only where nothing was set since


def test_what_was_set_since_is_not_set_over(office: TestClient, ledger: Ledger) -> None:
    read = office.get(OREGON).headers["ETag"]
    office.put(f"{OREGON}/calendar", json=CALENDAR)
    for given in (read, f"W/{etag_of('OR', 1)}", '"1"', "garbage", ""):
        answer = office.put(f"{OREGON}/profile", json=PROFILE, headers={"If-Match": given})
        assert (answer.status_code, answer.json()["type"]) == (412, "/problems/version-moved"), given
        assert answer.json()["remedy"]
    assert stated(ledger) == ["calendar-set.v1"]


def test_what_was_read_is_set_over(office: TestClient) -> None:
    tag = office.get(OREGON).headers["ETag"]
    tag = office.put(f"{OREGON}/profile", json=PROFILE, headers={"If-Match": tag}).headers["ETag"]
    second = office.put(f"{OREGON}/calendar", json=CALENDAR, headers={"If-Match": f'"x", {tag}'})
    assert second.json()["version"] == 2
    assert office.put(f"{OREGON}/terms", json=TERMS, headers={"If-Match": "*"}).json()["version"] == 3


def test_a_request_that_was_done_and_comes_again_is_not_told_that_it_moved_the_version_itself(
    office: TestClient,
) -> None:
    headers = {"If-Match": office.get(OREGON).headers["ETag"], "Idempotency-Key": "5f0c8b1e"}
    first, again = (office.put(f"{OREGON}/profile", json=PROFILE, headers=headers) for _ in range(2))
    assert again.headers["Idempotency-Replayed"] == "true"
    assert (again.status_code, again.json()) == (200, first.json())


# -- many at once, and in other processes


def _term(year: int) -> Term:
    return Term(name=f"Year {year}", kind="regular", begins=f"{year}-09-02", ends=f"{year + 1}-06-12")


@pytest.fixture
def served_office(
    services: Services, projectors: Projectors, make_token: MakeToken
) -> Iterator[Callable[..., httpx2.Response]]:
    """The service over a real connection, asked as Oregon's office."""
    headers = {"Authorization": f"Bearer {make_token('state_data_administrator')}"}
    with served(create_app(services)) as base, httpx2.Client(base_url=base, headers=headers, timeout=60) as client:
        yield client.request


def test_writers_at_once_are_all_done_one_after_the_other(
    served_office: Callable[..., httpx2.Response], ledger: Ledger
) -> None:
    years = list(range(2000, 2040))

    def put(year: int) -> httpx2.Response:
        body = {"school_year": year, "terms": [{n: getattr(_term(year), n) for n in Term.__struct_fields__}]}
        return served_office("PUT", f"{OREGON}/terms", json=body)

    with ThreadPoolExecutor(16) as pool:
        answers = list(pool.map(put, years))
    assert {answer.status_code for answer in answers} == {200}
    assert sorted(answer.json()["version"] for answer in answers) == list(range(1, 41))
    told = served_office("GET", OREGON).json()
    assert sorted(one["school_year"] for one in told["terms"]["values"]) == years
    assert len(stated(ledger)) == 40


def test_of_writers_at_once_who_have_read_the_same_one_is_done(
    served_office: Callable[..., httpx2.Response], ledger: Ledger
) -> None:
    tag = served_office("GET", OREGON).headers["ETag"]

    def put(hour: int) -> int:
        body = {"expected_hour": hour}
        return served_office("PUT", f"{OREGON}/profile", json=body, headers={"If-Match": tag}).status_code

    with ThreadPoolExecutor(8) as pool:
        statuses = list(pool.map(put, range(8)))
    assert sorted(statuses) == [200] + [412] * 7
    assert len(stated(ledger)) == 1


def test_what_another_process_sets_is_read_at_once(
    office: TestClient, database: Database, new_ledger: Callable[..., Ledger]
) -> None:
    tag = office.get(OREGON).headers["ETag"]
    other = new_ledger(database)
    other.set_jurisdiction("OR", SetTerms(state="OR", school_year=2025, terms=[_term(2025)]), Meta(actor="other"))
    assert [one["school_year"] for one in said(office)["terms"]["values"]] == [2025]
    assert office.put(f"{OREGON}/profile", json={}, headers={"If-Match": tag}).status_code == 412


# -- what is set reaches what is sent

EARLY = {"enrollment": 3, "withdrawal_date": "2025-04-20"}


def test_a_level_that_was_set_holds_for_the_next_fact(office: TestClient) -> None:
    assert office.put(RECORD, json=student(enrollments=[ENROLLMENT])).status_code == 201
    refused = office.post(f"{RECORD}/withdrawals", json=EARLY)
    assert (refused.status_code, refused.json()["errors"][0]["rule"]) == (422, "V10")
    office.put(f"{OREGON}/profile", json={"rule_levels": {"V10": "warn"}})
    taken = office.post(f"{RECORD}/withdrawals", json=EARLY)
    assert taken.status_code == 201, taken.text
    assert [found["rule"] for found in taken.json()["outcomes"][0]["findings"]] == ["V10"]


def test_a_time_zone_that_was_set_moves_the_state_s_day_at_once(office: TestClient) -> None:
    office.put(RECORD, json=student())
    tomorrow = {**ENROLLMENT, "enrollment_date": "2025-09-03"}
    assert office.post(f"{RECORD}/enrollments", json=tomorrow).status_code == 422
    office.put(f"{OREGON}/profile", json={"time_zone": "Pacific/Kiritimati"})  # where it is 3 September already
    assert office.post(f"{RECORD}/enrollments", json=tomorrow).status_code == 201


def test_terms_that_were_set_hold_for_the_next_fact(office: TestClient) -> None:
    office.put(RECORD, json=student())
    summer = {**ENROLLMENT, "enrollment_type": "03"}

    def findings(day: str) -> list[str]:
        answer = office.post(f"{RECORD}/enrollments", json={**summer, "enrollment_date": day})
        assert answer.status_code == 201, answer.text
        return [found["rule"] for found in answer.json()["outcomes"][0]["findings"]]

    assert "V20" not in findings("2025-04-22")
    spring = {"name": "Spring 2025", "kind": "regular", "begins": "2025-01-06", "ends": "2025-06-13"}
    assert office.put(f"{OREGON}/terms", json={"school_year": 2024, "terms": [spring]}).status_code == 200
    assert "V20" in findings("2025-04-23")


def test_a_level_and_terms_that_were_set_hold_for_the_next_file(
    office: TestClient, ledger: Ledger, tmp_path: Path
) -> None:
    without_move = [row for row in rows_of(1) if not row.startswith("Q")]
    first = submit(ledger, write(tmp_path / "1.txt", without_move), "oregon")
    assert (first.refused, first.accepted) == (len(without_move), 0)
    office.put(f"{OREGON}/profile", json={"rule_levels": {"V9": "warn", "V20": "refuse"}})
    year = {"name": "Year", "kind": "regular", "begins": "2025-01-06", "ends": "2025-12-19"}
    office.put(f"{OREGON}/terms", json={"school_year": 2025, "terms": [year]})
    in_term = [*without_move, "E|0000001|001|20250623|03|Valor Middle School"]
    second = submit(ledger, write(tmp_path / "2.txt", in_term, night=NEXT_NIGHT), "oregon")
    assert (second.refused, second.accepted) == (1, len(without_move)), second


# -- the schema, and the page that shows how


def test_the_examples_of_the_schema_are_taken_as_they_stand(office: TestClient) -> None:
    paths = [*PARTS, "regions/R2", "districts/4113770", "contacts/district/4113770"]
    for body, part in zip(BODIES, paths, strict=True):
        [example] = body.model_json_schema()["examples"]
        answer = office.put(f"{OREGON}/{part}", json=example)
        assert answer.status_code == 200, answer.text


def test_defaults_of_every_state_can_be_sent_as_they_are_read(
    client: TestClient, as_role: Callable[..., dict[str, str]]
) -> None:
    headers = as_role("operator", None)
    for state in sorted(STATES):
        body = client.get(f"/v1/jurisdictions/{state}", headers=headers).json()
        for part in ("profile", "calendar"):
            path = f"/v1/jurisdictions/{state}/{part}"
            assert client.put(path, json=body[part]["defaults"], headers=headers).status_code == 200, (state, part)


def _requests_of(page: Path) -> Iterator[tuple[str, str, dict[str, str], str | None]]:
    """Method, path, headers and body of every curl of a page, in order."""
    for block in re.findall(r"^```sh\n(.*?)^```", page.read_text(), re.MULTILINE | re.DOTALL):
        words = shlex.split(block.replace("\\\n", " "), comments=True)
        starts = [place for place, word in enumerate(words) if word == "curl"]
        for begin, end in pairwise([*starts, len(words)]):
            method, path, headers, body = "GET", "", {}, None
            given = iter(words[begin + 1 : end])
            for word in given:
                if word in ("-X", "--request"):
                    method = next(given)
                elif word in ("-H", "--header"):
                    name, _, value = next(given).partition(": ")
                    headers[name] = value
                elif word in ("-d", "--data", "--json"):
                    body = next(given)
                elif word.startswith("http"):
                    path = "/" + word.split("/", 3)[3]
            yield method, path, headers, body


def test_the_requests_of_the_page_are_taken_as_they_stand(office: TestClient) -> None:
    asked = 0
    for method, path, headers, body in _requests_of(ROOT / "docs" / "how-to" / "set-up-a-state.md"):
        sent = {name: value for name, value in headers.items() if name != "Authorization"}
        tag = office.get(OREGON).headers["ETag"]
        if "If-Match" in sent:
            sent["If-Match"] = tag  # the page says to put there what was read
        answer = office.request(method, path, headers=sent, content=body)
        assert answer.status_code == 200, (method, path, answer.text)
        if body is not None:
            assert answer.json()["changed"], path
            assert orjson.loads(body)
        asked += 1
    body = said(office)
    assert asked >= 5
    assert body["profile"]["set"]
    assert body["calendar"]["set"]
    assert {one["district"] for one in body["terms"]["values"]} > {None}
    assert {one["level"] for one in body["contacts"]["values"]} == {"district", "region", "state"}
