"""Accounts over HTTP: who oversees whose, what ends them, and the trainings on which they rest."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from typing import Any, Final

import pytest

from ledger.application import Ledger
from ledger.applications import Authority
from ledger.events import Meta
from ledger.store import saved_lists
from ledger.store.database import Database, Role
from support.admitting import BY_HAND, DESK, LUIS, NATION, ROSA, admitted, applied, applying, family
from support.papers import kept, paper
from support.signing_in import People, refused

NEVER: Final = "01920f8e-0b5e-7cc3-98c4-dc0c0c07398f"
WHY: Final = {"reason": "Works elsewhere now."}
DEEDS: Final = ("disablement", "enablement", "roles/1/ending", "deactivation")
TRAINING: Final = {"course": "Security and privacy", "completed_on": "2025-09-01", "hours": 3.0}


@pytest.fixture
def ledger(database: Database, new_ledger: Callable[..., Ledger], clock: Callable[[], Any]) -> Ledger:
    return new_ledger(database, clock)


@pytest.fixture
def nation(people: People) -> dict[str, str]:
    return people.bearer("user_administrator")


# -- read, disabled, enabled, ended


def test_an_account_is_read_disabled_enabled_and_deactivated(people: People, nation: dict[str, str]) -> None:
    account = admitted(people.ledger.admissions)
    path = f"/v1/accounts/{account}"
    read = people.ask(nation, "GET", path)
    assert (read.status_code, read.headers["Cache-Control"]) == (200, "private, no-store")
    known = read.json()
    assert (known["email"], known["status"], known["trained_on"]) == (ROSA, "active", "2025-09-02")
    assert (known["rules_on"], known["renew_on"], known["families"]) == (None, None, [])
    assert [role["role"] for role in known["roles"]] == ["secondary_user"]
    for deed, status in (("disablement", "disabled"), ("enablement", "active"), ("deactivation", "deactivated")):
        done = people.ask(nation, "POST", f"{path}/{deed}", WHY)
        assert (done.status_code, done.json()["moved"]) == (200, True), done.text
        assert int(done.headers["Ledger-Position"]) == people.ledger.log.head()
        again = people.ask(nation, "POST", f"{path}/{deed}", WHY)
        assert (again.status_code, again.json()["moved"]) == (200, False)
        assert people.ask(nation, "GET", path).json()["status"] == status
    for deed in ("disablement", "enablement"):
        assert refused(people.ask(nation, "POST", f"{path}/{deed}", WHY)) == (422, "account-closed")
    assert people.ask(nation, "GET", path).json()["roles"] == []


def test_the_lists_that_somebody_keeps_go_with_her_account_for_good_alone(
    people: People, nation: dict[str, str], database: Database
) -> None:
    def account_of(email: str) -> str:
        found = people.ledger.admissions.of_email(email)
        assert found is not None
        return found.account

    def kept(email: str) -> int:
        with database.connect(Role.WRITER) as conn:
            return len(saved_lists.of_account(conn, uuid.UUID(account_of(email))))

    saved = {"name": "Ending soon", "list": "ending", "parameters": {"days": 60}}
    for email in (ROSA, LUIS):
        rosa = people.person(email, "secondary_user", "OR")
        assert people.ask(rosa, "POST", "/v1/lists/saved", saved).status_code == 201
    account = account_of(ROSA)
    for deed, left in (("disablement", 1), ("enablement", 1), ("deactivation", 0), ("deactivation", 0)):
        assert people.ask(nation, "POST", f"/v1/accounts/{account}/{deed}", WHY).status_code == 200
        assert (kept(ROSA), kept(LUIS)) == (left, 1), deed


def test_a_role_is_ended_and_another_stays(people: People, nation: dict[str, str]) -> None:
    account = admitted(people.ledger.admissions)
    admitted(people.ledger.admissions, applying(role="primary_user"))
    ended = people.ask(nation, "POST", f"/v1/accounts/{account}/roles/1/ending", WHY)
    assert ended.json() == {"account": account, "grant": 1, "moved": True}
    roles = people.ask(nation, "GET", f"/v1/accounts/{account}").json()["roles"]
    assert [(role["grant"], role["role"]) for role in roles] == [(2, "primary_user")]
    for grant in ("1", "3", "0", "-1", "x", "9" * 30, "²"):
        again = people.ask(nation, "POST", f"/v1/accounts/{account}/roles/{grant}/ending", WHY)
        assert refused(again) == (404, "not-found"), grant


@pytest.mark.parametrize("given", [NEVER, "nothing", "%00", "0" * 4000])
def test_an_account_that_is_not_there_is_404(people: People, nation: dict[str, str], given: str) -> None:
    assert refused(people.ask(nation, "GET", f"/v1/accounts/{given}")) == (404, "not-found")
    for deed in (*DEEDS, "sign-in-codes"):
        body = WHY
        assert refused(people.ask(nation, "POST", f"/v1/accounts/{given}/{deed}", body)) == (404, "not-found"), deed
    said = {**TRAINING, "account": NEVER}
    assert refused(people.ask(nation, "POST", "/v1/trainings", said)) == (404, "not-found")


def test_a_reason_is_asked_for(people: People, nation: dict[str, str]) -> None:
    account = admitted(people.ledger.admissions)
    head = people.ledger.log.head()
    for body in ({}, {"reason": ""}, {"reason": "  "}, {"reason": "x\0y"}, {"reason": 7}, {"why": "left"}):
        for deed in DEEDS:
            if deed == "enablement" and str(body.get("reason", "")).replace("x", ""):
                continue  # it says what holds, so nothing is judged
            answer = people.ask(nation, "POST", f"/v1/accounts/{account}/{deed}", body)
            if deed != "enablement":
                assert answer.status_code == 422, (deed, body)
    assert people.ledger.log.head() == head


# -- whose


PLACES: Final[tuple[tuple[str, dict[str, Any], int, int], ...]] = (
    # role, place; read, deeds: of an account with a role in Oregon's region R2
    ("user_administrator", {}, 200, 200),
    ("user_administrator", {"state": "OR"}, 200, 200),
    ("user_administrator", {"state": "OR", "region": "R2"}, 200, 200),
    ("user_administrator", {"state": "OR", "region": "R3"}, 403, 403),
    ("user_administrator", {"state": "OR", "district": "4106740"}, 200, 403),
    ("user_administrator", {"state": "CA"}, 403, 403),
    ("auditor", {}, 200, 403),
    ("privacy_officer", {}, 200, 403),
    ("help_desk", {}, 403, 403),
    ("operator", {}, 403, 403),
    ("state_data_administrator", {"state": "OR"}, 403, 403),
    ("parent", {}, 403, 403),
)


@pytest.mark.parametrize(("role", "place", "read", "does"), PLACES)
def test_who_oversees_an_account(people: People, role: str, place: dict[str, Any], read: int, does: int) -> None:
    account = admitted(people.ledger.admissions, applying(role="recruiter", region="R2"), NATION)
    headers = people.bearer(role, **place)
    path = f"/v1/accounts/{account}"
    assert people.ask(headers, "GET", path).status_code == read
    code = people.ask(headers, "POST", f"{path}/sign-in-codes", WHY).status_code
    assert code == (201 if does == 200 else does)
    for deed in DEEDS:
        assert people.ask(headers, "POST", f"{path}/{deed}", WHY).status_code == does, deed


def test_an_account_that_reaches_beyond_an_area_is_the_next_higher_authoritys(people: People) -> None:
    account = admitted(people.ledger.admissions, applying(region="R2"), NATION)
    admitted(people.ledger.admissions, applying(role="recruiter", state="CA"), Authority(name="cal", state="CA"))
    for place in ({"state": "OR"}, {"state": "CA"}, {"state": "OR", "region": "R2"}):
        headers = people.bearer("user_administrator", **place)
        for deed in DEEDS:
            assert people.ask(headers, "POST", f"/v1/accounts/{account}/{deed}", WHY).status_code == 403
        assert people.ask(headers, "POST", f"/v1/accounts/{account}/sign-in-codes", WHY).status_code == 403


def test_nobody_gives_a_code_to_himself_and_anybody_may_disable_his_own_account(people: People) -> None:
    account = admitted(people.ledger.admissions, applying(role="user_administrator", state=None), NATION)
    own = people.person(ROSA, "user_administrator")
    path = f"/v1/accounts/{account}"
    assert refused(people.ask(own, "POST", f"{path}/sign-in-codes", WHY)) == (422, "own-application")
    assert people.ask(own, "POST", f"{path}/disablement", WHY).status_code == 200
    # His session ended with it, so he cannot enable himself; nor does he see anything any more.
    assert refused(people.ask(own, "POST", f"{path}/enablement", WHY)) == (401, "not-signed-in")


def test_anybody_may_end_his_own_account(people: People) -> None:
    account = admitted(people.ledger.admissions, applying(role="user_administrator", state=None), NATION)
    own = people.person(ROSA, "user_administrator")
    assert people.ask(own, "POST", f"/v1/accounts/{account}/deactivation", WHY).status_code == 200
    assert refused(people.ask(own, "GET", "/v1/me")) == (401, "not-signed-in")


def test_an_application_in_a_parents_name_makes_nobody_master_of_what_the_family_reads(people: People) -> None:
    admissions = people.ledger.admissions
    today = admissions.today("OR")
    granted = family(today, today, state="OR")
    account = str(admissions.open("familia@example.org", "María López", [granted], Meta(actor=LUIS)).ids["account"])
    admissions.apply(applying("familia@example.org"), BY_HAND)
    oregon = people.bearer("user_administrator", "OR")
    for deed in (*DEEDS[:2], "deactivation"):
        assert refused(people.ask(oregon, "POST", f"/v1/accounts/{account}/{deed}", WHY)) == (403, "forbidden"), deed
    assert refused(people.ask(oregon, "POST", f"/v1/accounts/{account}/sign-in-codes", WHY)) == (403, "forbidden")
    # What only helps the application on may be recorded.
    assert people.ask(oregon, "POST", "/v1/trainings", {**TRAINING, "account": account}).status_code == 201


# -- codes


def test_a_code_is_told_once_and_for_an_open_account_alone(people: People, nation: dict[str, str]) -> None:
    _, account = applied(people.ledger.admissions, applying())
    path = f"/v1/accounts/{account}/sign-in-codes"
    assert refused(people.ask(nation, "POST", path, WHY)) == (422, "account-closed")
    account = admitted(people.ledger.admissions)
    given = people.ask(nation, "POST", path, WHY)
    told = given.json()
    assert (given.status_code, given.headers["Cache-Control"]) == (201, "no-store")
    assert (told["account"], told["ends_at"]) == (account, "2025-09-09T18:00:00Z")
    assert told["code"] not in people.ask(nation, "GET", f"/v1/accounts/{account}").text
    people.ask(nation, "POST", f"/v1/accounts/{account}/disablement", WHY)
    assert refused(people.ask(nation, "POST", path, WHY)) == (422, "account-closed")


# -- keys


def test_a_key_is_of_one_user_and_one_path(people: People, nation: dict[str, str]) -> None:
    account = admitted(people.ledger.admissions)
    key, path = {"Idempotency-Key": "leaving"}, f"/v1/accounts/{account}"
    first = people.ask(nation, "POST", f"{path}/disablement", WHY, **key)
    people.ask(nation, "POST", f"{path}/enablement", WHY)
    again = people.ask(nation, "POST", f"{path}/disablement", WHY, **key)
    assert (again.json(), again.headers["Idempotency-Replayed"]) == (first.json(), "true")
    assert people.ledger.admissions.standing(account).status == "active", "again is nothing"
    assert refused(people.ask(nation, "POST", f"{path}/deactivation", WHY, **key)) == (422, "idempotency-key-reused")
    for place in ({"state": "CA"}, {"state": "OR", "region": "R9"}):
        thief = people.bearer("user_administrator", **place)
        assert people.ask(thief, "POST", f"{path}/disablement", WHY, **key).status_code == 403


# -- trainings


def test_who_records_whose_training(people: People) -> None:
    account = admitted(people.ledger.admissions, applying(role="recruiter", region="R2"), NATION)
    said = {**TRAINING, "account": account}
    for place, status in (
        ({}, 201),
        ({"state": "OR"}, 201),
        ({"state": "OR", "region": "R2"}, 201),
        ({"state": "OR", "region": "R3"}, 403),
        ({"state": "CA"}, 403),
    ):
        headers = people.bearer("user_administrator", **place)
        assert people.ask(headers, "POST", "/v1/trainings", said).status_code == status, place
    for role in ("help_desk", "auditor", "secondary_user", "state_data_administrator"):
        assert people.ask(people.bearer(role, "OR"), "POST", "/v1/trainings", said).status_code == 403, role


@pytest.mark.parametrize(
    ("wrong", "pointer"),
    [
        ({"completed_on": "2025-09-03"}, "/completed_on"),
        ({"completed_on": "2024-09-01"}, "/completed_on"),
        ({"completed_on": "yesterday"}, "/completed_on"),
        ({"hours": 0}, "/hours"),
        ({"hours": 101.0}, "/hours"),
        ({"course": "  "}, "/course"),
        ({"certificate": "x"}, "/certificate"),
        ({"certificate": NEVER}, "/certificate"),
        ({"account": "x"}, "/account"),
    ],
)
def test_a_training_that_cannot_be_is_refused_with_its_place(
    people: People, nation: dict[str, str], wrong: dict[str, Any], pointer: str
) -> None:
    account = admitted(people.ledger.admissions)
    answer = people.ask(nation, "POST", "/v1/trainings", {**TRAINING, "account": account, **wrong})
    assert answer.status_code == 422, answer.text
    assert [fault["pointer"] for fault in answer.json()["errors"]] == [pointer]


def test_the_last_year_begins_on_the_day_that_it_is_where_the_office_lies(
    people: People, nation: dict[str, str]
) -> None:
    account = admitted(people.ledger.admissions)
    said = {**TRAINING, "account": account}
    assert people.ask(nation, "POST", "/v1/trainings", {**said, "completed_on": "2024-09-02"}).status_code == 201
    people.clock.now = people.clock.now.replace(day=3, hour=6)  # in Oregon it is the second of September still
    assert people.ask(nation, "POST", "/v1/trainings", {**said, "completed_on": "2024-09-02"}).status_code == 201
    assert people.ask(nation, "POST", "/v1/trainings", {**said, "completed_on": "2025-09-03"}).status_code == 422


def test_ones_own_training_is_recorded_with_ones_own_certificate_alone(people: People) -> None:
    admissions, ledger = people.ledger.admissions, people.ledger
    mine, _ = applied(admissions, applying())
    others, _ = applied(admissions, applying("eva@school.example.org"))
    account = admitted(admissions, applying())
    own = people.person(ROSA, "secondary_user", "OR")
    said = {**TRAINING, "account": account}
    assert refused(people.ask(own, "POST", "/v1/trainings", said)) == (422, "own-application")
    form = kept(ledger, mine, paper(99)).attachment
    papers = {
        application: people.client.post(
            "/v1/attachments",
            params={"application": application, "what": "certificate"},
            content=paper(99),
            headers=people.bearer("help_desk", name=f"{DESK} {application}") | {"Content-Type": "application/pdf"},
        ).json()["id"]
        for application in (mine, others)
    }
    for named in (NEVER, form, papers[others]):
        answer = people.ask(own, "POST", "/v1/trainings", {**said, "certificate": named})
        assert refused(answer) == (422, "bad-value"), named
    done = people.ask(own, "POST", "/v1/trainings", {**said, "certificate": papers[mine]})
    assert (done.status_code, done.json()["moved"]) == (201, True)
    elses = {**TRAINING, "account": admitted(admissions, applying("eva@school.example.org"))}
    assert refused(people.ask(own, "POST", "/v1/trainings", elses | {"certificate": papers[others]})) == (
        403,
        "forbidden",
    )


def test_a_newer_certificate_is_sent_with_the_application_by_which_the_role_was_given(people: People) -> None:
    account = admitted(people.ledger.admissions)
    [approved] = {
        str(event.application)
        for recorded in people.ledger.log.read_stream(f"account/{account}")
        if (event := recorded.event).__class__.__name__ == "RoleGranted"
    }
    own = people.person(ROSA, "secondary_user", "OR")
    sent = {
        what: people.client.post(
            "/v1/attachments",
            params={"application": approved, "what": what},
            content=paper(99),
            headers=own | {"Content-Type": "application/pdf"},
        )
        for what in ("certificate", "signed-form")
    }
    assert refused(sent["signed-form"]) == (422, "application-closed")
    said = {**TRAINING, "account": account, "certificate": sent["certificate"].json()["id"]}
    assert people.ask(own, "POST", "/v1/trainings", said).status_code == 201
