"""Applications over HTTP: who makes, reads, verifies, refuses, takes back and approves which."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from typing import Any, Final

import pytest

from ledger.account_acts import Deactivate
from ledger.application import Ledger
from ledger.events import Meta
from ledger.store.database import Database
from support.admitting import BY_HAND, DESK, LUIS, NATION, OREGON, ROSA, admitted, applying, ready, trained
from support.signing_in import People, body_of, refused

NEVER: Final = "01920f8e-0b5e-7cc3-98c4-dc0c0c07398f"
VERIFIED: Final = {"identity": "driver's licence", "need": "enrols children who move"}
REASON: Final = {"reason": "The role is wider than the need."}
TODAY: Final = date(2025, 9, 2)


@pytest.fixture
def ledger(database: Database, new_ledger: Callable[..., Ledger], clock: Callable[[], Any]) -> Ledger:
    return new_ledger(database, clock)


@pytest.fixture
def desk(people: People) -> dict[str, str]:
    """The help desk, which enters what comes on paper."""
    return people.bearer("help_desk", name=DESK)


@pytest.fixture
def luis(people: People) -> dict[str, str]:
    """The supervisor that the applications name, who sends mail to nobody and reads no child."""
    return people.person(LUIS, "recruiter", "CA")


def made(people: People, headers: dict[str, str], **more: Any) -> str:
    answer = people.ask(headers, "POST", "/v1/applications", body_of(**more))
    assert answer.status_code == 201, answer.text
    return answer.json()["application"]


# -- applying


def test_an_application_is_made_read_verified_and_approved_by_three_people(
    people: People, desk: dict[str, str], luis: dict[str, str]
) -> None:
    sent = people.ask(desk, "POST", "/v1/applications", body_of(district="4106740"))
    told = sent.json()
    path = f"/v1/applications/{told['application']}"
    assert (sent.status_code, sent.headers["Location"]) == (201, path)
    assert int(sent.headers["Ledger-Position"]) == people.ledger.log.head()
    assert told == {"application": told["application"], "account": told["account"], "moved": True}
    read = people.ask(luis, "GET", path)
    assert (read.status_code, read.headers["Cache-Control"]) == (200, "private, no-store")
    known = read.json()
    assert (known["status"], known["email"], known["entered_by"]) == ("applied", ROSA, DESK)
    assert known["asked"]["district"] == "4106740"
    verified = people.ask(luis, "POST", f"{path}/verification", VERIFIED)
    assert (verified.status_code, verified.json()["moved"]) == (200, True)
    again = people.ask(luis, "POST", f"{path}/verification", VERIFIED)
    assert (again.status_code, again.json()["moved"]) == (200, False)
    authority = people.person(OREGON.name, "user_administrator", "OR")
    early = people.ask(authority, "POST", f"{path}/approval")
    assert refused(early) == (422, "not-ready")
    people.ledger.admissions.act(told["account"], trained(TODAY), BY_HAND)
    approved = people.ask(authority, "POST", f"{path}/approval")
    assert approved.json() == {**told, "grant": 1}
    known = people.ask(desk, "GET", path).json()
    assert [known[name] for name in ("status", "verified_by", "decided_by")] == ["approved", LUIS, OREGON.name]
    for deed, body in (("approval", {}), ("refusal", REASON), ("verification", VERIFIED)):
        who = luis if deed == "verification" else authority
        assert refused(people.ask(who, "POST", f"{path}/{deed}", body)) == (422, "application-closed"), deed
    assert refused(people.ask(desk, "POST", f"{path}/withdrawal")) == (422, "application-closed")


@pytest.mark.parametrize(
    ("role", "state", "named", "status"),
    [
        ("help_desk", None, None, 201),
        ("user_administrator", "OR", None, 201),
        ("user_administrator", None, None, 201),
        ("user_administrator", "CA", None, 403),
        ("recruiter", "CA", ROSA, 201),
        ("recruiter", "OR", None, 403),
        ("state_data_administrator", "OR", LUIS, 403),
        ("auditor", None, None, 403),
        ("privacy_officer", None, None, 403),
        ("operator", None, None, 403),
        ("parent", None, None, 403),
    ],
)
def test_who_may_apply_for_whom(people: People, role: str, state: str | None, named: str | None, status: int) -> None:
    headers = people.bearer(role, state) if named is None else people.person(named, role, state)
    head = people.ledger.log.head()
    answer = people.ask(headers, "POST", "/v1/applications", body_of())
    assert answer.status_code == status, answer.text
    assert (people.ledger.log.head() > head) is (status == 201)


@pytest.mark.parametrize(
    ("wrong", "pointer"),
    [
        ({"email": "rosa"}, "/email"),
        ({"email": "x"}, "/email"),
        ({"supervisor_email": "nobody"}, "/supervisor_email"),
        ({"kind": "any"}, "/kind"),
        ({"role": "operator"}, "/role"),
        ({"role": "parent"}, "/role"),
        ({"role": "queen"}, "/role"),
        ({"role": "Secondary"}, "/role"),
        ({"state": "ZZ"}, "/state"),
        ({"state": "oregon"}, "/state"),
        ({"role": "district_data_administrator"}, "/district"),
        ({"district": "12"}, "/district"),
        ({"kind": "state-read-only"}, "/disclaimer"),
        ({"kind": "regional-administrator", "role": "user_administrator"}, "/region"),
        ({"name": "   "}, "/name"),
        ({"name": "Rosa\u202e"}, "/name"),
        ({"name": "x" * 201}, "/name"),
        ({"phone": "1"}, "/phone"),
        ({"title": None}, "/title"),
        ({"title": 7}, "/title"),
    ],
)
def test_what_cannot_be_applied_for_is_refused_with_its_place(
    people: People, desk: dict[str, str], wrong: dict[str, Any], pointer: str
) -> None:
    head = people.ledger.log.head()
    answer = people.ask(desk, "POST", "/v1/applications", body_of(**wrong))
    assert answer.status_code == 422, answer.text
    assert [fault["pointer"] for fault in answer.json()["errors"]] == [pointer]
    assert people.ledger.log.head() == head


def test_a_body_that_is_none_or_names_what_is_not_known_is_refused(people: People, desk: dict[str, str]) -> None:
    assert refused(people.ask(desk, "POST", "/v1/applications", body_of(emial="x"))) == (422, "invalid-request")
    assert refused(people.ask(desk, "POST", "/v1/applications", [])) == (422, "invalid-request")
    for method, path in (("POST", "/v1/applications/x/refusal"), ("POST", "/v1/applications/x/approval")):
        authority = people.bearer("user_administrator", "OR")
        assert people.ask(authority, method, path, {"x": 1}).status_code == 422


def test_nobody_is_his_own_supervisor_and_no_address_that_was_deactivated_applies_again(
    people: People, desk: dict[str, str]
) -> None:
    own = people.ask(desk, "POST", "/v1/applications", body_of(LUIS.upper()))
    assert refused(own) == (422, "own-application")
    account = admitted(people.ledger.admissions)
    people.ledger.admissions.act(account, Deactivate(by=NATION.name, reason="left"), Meta(actor=NATION.name))
    for typed in (ROSA, ROSA.upper(), f" {ROSA} "):
        again = people.ask(desk, "POST", "/v1/applications", body_of(typed))
        assert refused(again) == (422, "email-retired"), typed


# -- keys


def test_a_key_stands_for_one_body_of_one_user(people: People, desk: dict[str, str]) -> None:
    key = {"Idempotency-Key": "form 7"}
    first = people.ask(desk, "POST", "/v1/applications", body_of(), **key)
    head = people.ledger.log.head()
    again = people.ask(desk, "POST", "/v1/applications", body_of(), **key)
    assert (again.status_code, again.json(), again.headers["Idempotency-Replayed"]) == (201, first.json(), "true")
    assert (again.headers["Ledger-Position"], again.headers["Location"]) == (
        first.headers["Ledger-Position"],
        first.headers["Location"],
    )
    other = people.ask(desk, "POST", "/v1/applications", body_of("eva@school.example.org"), **key)
    assert refused(other) == (422, "idempotency-key-reused")
    assert people.ledger.log.head() == head


def test_a_stolen_key_gives_nothing_away(people: People, desk: dict[str, str], luis: dict[str, str]) -> None:
    key = {"Idempotency-Key": "form 7"}
    first = people.ask(desk, "POST", "/v1/applications", body_of(), **key).json()
    # Who may not is refused as without a key; who may makes another one, under a key of her own.
    assert refused(people.ask(luis, "POST", "/v1/applications", body_of(), **key)) == (403, "forbidden")
    colleague = people.ask(people.bearer("help_desk"), "POST", "/v1/applications", body_of(), **key)
    assert colleague.status_code == 201
    assert colleague.json()["application"] != first["application"]
    assert "Idempotency-Replayed" not in colleague.headers
    path = f"/v1/applications/{first['application']}/verification"
    assert people.ask(luis, "POST", path, VERIFIED, **key).status_code == 200
    stranger = people.bearer("recruiter", "OR")
    assert refused(people.ask(stranger, "POST", path, VERIFIED, **key)) == (403, "forbidden")


def test_what_was_refused_by_a_rule_is_refused_again_under_its_key(people: People, desk: dict[str, str]) -> None:
    application = made(people, desk)
    authority = people.bearer("user_administrator", "OR")
    path, key = f"/v1/applications/{application}/approval", {"Idempotency-Key": "1"}
    first = people.ask(authority, "POST", path, **key)
    again = people.ask(authority, "POST", path, **key)
    assert refused(first) == refused(again) == (422, "not-ready")
    assert again.headers["Idempotency-Replayed"] == "true"


# -- who reads and decides which


DOES: Final = (("", None), ("verification", VERIFIED), ("refusal", REASON), ("withdrawal", {}), ("approval", {}))


@pytest.mark.parametrize("given", [NEVER, "nothing", "0" * 4000, "%00", NEVER.replace("-", "")])
def test_an_application_that_is_not_there_is_404_for_whoever_may_ask_at_all(people: People, given: str) -> None:
    headers = people.bearer("user_administrator", "OR")
    for deed, body in DOES:
        method = "GET" if body is None else "POST"
        answer = people.ask(headers, method, f"/v1/applications/{given}/{deed}".rstrip("/"), body)
        assert refused(answer) == (404, "not-found"), (deed, given[:40])


def test_nobody_asks_without_a_credential(people: People, desk: dict[str, str]) -> None:
    path = f"/v1/applications/{made(people, desk)}"
    for deed, body in DOES:
        answer = people.ask({}, "GET" if body is None else "POST", f"{path}/{deed}".rstrip("/"), body)
        assert refused(answer) == (401, "not-signed-in")
    assert refused(people.ask({}, "POST", "/v1/applications", body_of())) == (401, "not-signed-in")


WHO: Final[tuple[tuple[str, dict[str, Any], str, tuple[int, ...]], ...]] = (
    # read, verification, refusal, withdrawal, approval of an application for a role in Oregon's region R2
    ("user_administrator", {"state": None}, "", (200, 422, 200, 403, 422)),
    ("user_administrator", {"state": "OR"}, "", (200, 422, 200, 403, 422)),
    ("user_administrator", {"state": "OR", "region": "R2"}, "", (200, 422, 200, 403, 422)),
    ("user_administrator", {"state": "OR", "region": "R3"}, "", (403, 403, 403, 403, 403)),
    ("user_administrator", {"state": "OR", "region": "R3"}, LUIS, (200, 200, 403, 403, 403)),
    ("user_administrator", {"state": "OR", "district": "4106740"}, "", (200, 403, 403, 403, 403)),
    ("user_administrator", {"state": "CA"}, "", (403, 403, 403, 403, 403)),
    ("user_administrator", {"state": "CA"}, ROSA, (200, 422, 403, 200, 403)),
    ("help_desk", {}, DESK, (200, 422, 403, 200, 403)),
    ("help_desk", {}, "another desk", (403, 403, 403, 403, 403)),
    ("recruiter", {"state": "CA"}, LUIS, (200, 200, 403, 403, 403)),
    ("secondary_user", {"state": "OR"}, ROSA, (200, 422, 403, 200, 403)),
    ("secondary_user", {"state": "OR"}, "", (403, 403, 403, 403, 403)),
    ("auditor", {}, "", (200, 403, 403, 403, 403)),
    ("privacy_officer", {}, "", (200, 403, 403, 403, 403)),
    ("state_data_administrator", {"state": "OR"}, "", (403, 403, 403, 403, 403)),
    ("parent", {}, "", (403, 403, 403, 403, 403)),
    ("operator", {}, "", (403, 403, 403, 403, 403)),
)
"""What each is answered, each deed of an application of its own."""


@pytest.mark.parametrize(("role", "place", "name", "answers"), WHO)
def test_each_is_let_to_what_is_his_own_or_his_areas(
    people: People, role: str, place: dict[str, Any], name: str, answers: tuple[int, ...]
) -> None:
    person = "@" in name
    headers = people.person(name, role, **place) if person else people.bearer(role, **place, **named(name))
    told = []
    for deed, body in DOES:
        apply = applying(role="recruiter", region="R2")
        application = str(people.ledger.admissions.apply(apply, BY_HAND).ids["application"])
        path = f"/v1/applications/{application}/{deed}".rstrip("/")
        told.append(people.ask(headers, "GET" if body is None else "POST", path, body).status_code)
    assert tuple(told) == answers


def named(name: str) -> dict[str, str]:
    return {"name": name} if name else {}


def test_nobody_approves_himself_nor_what_he_verified(people: People) -> None:
    application, _ = ready(people.ledger.admissions, applying())
    for name in (ROSA, LUIS):
        headers = people.person(name, "user_administrator", "OR")
        answer = people.ask(headers, "POST", f"/v1/applications/{application}/approval")
        assert refused(answer) == (422, "own-application"), name


@pytest.mark.parametrize(
    ("apply", "place"),
    [
        (applying(role="auditor"), {"state": "OR"}),
        (applying(role="user_administrator"), {"state": "OR"}),
        (applying(role="state_data_administrator", region="R2"), {"state": "OR", "region": "R2"}),
        (applying(role="recruiter"), {"state": "OR", "region": "R2"}),
        (applying(role="recruiter", state="CA"), {"state": "OR"}),
    ],
)
def test_nobody_approves_what_reaches_beyond_his_area(people: People, apply: Any, place: dict[str, str]) -> None:
    application, account = ready(people.ledger.admissions, apply)
    headers = people.bearer("user_administrator", **place)
    assert people.ask(headers, "POST", f"/v1/applications/{application}/approval").status_code == 403
    assert people.ledger.admissions.standing(account).roles == {}
    nation = people.bearer("user_administrator")
    assert people.ask(nation, "POST", f"/v1/applications/{application}/approval").status_code == 200


def test_a_form_that_lies_with_another_application_verifies_nothing(people: People, desk: dict[str, str]) -> None:
    one, other = made(people, desk), made(people, desk, email="eva@school.example.org")
    pdf = {**desk, "Content-Type": "application/pdf"}
    asked = {"application": other, "what": "signed-form"}
    form = people.client.post("/v1/attachments", params=asked, content=b"%PDF-1.7 signed", headers=pdf).json()["id"]
    said = {**VERIFIED, "form": form}
    assert refused(people.ask(desk, "POST", f"/v1/applications/{one}/verification", said)) == (422, "not-ready")
    office = people.bearer("user_administrator", "OR", name="olga")
    for named in (form, NEVER):
        answer = people.ask(office, "POST", f"/v1/applications/{one}/verification", VERIFIED | {"form": named})
        assert refused(answer) == (422, "not-ready")
    answer = people.ask(office, "POST", f"/v1/applications/{other}/verification", said)
    assert answer.status_code == 200
    account = answer.json()["account"]
    people.ledger.admissions.act(account, trained(TODAY), BY_HAND)
    approval = f"/v1/applications/{other}/approval"
    assert refused(people.ask(office, "POST", approval)) == (422, "own-application"), "she recorded the verification"
    colleague = people.bearer("user_administrator", "OR")
    assert people.ask(colleague, "POST", approval).status_code == 200
