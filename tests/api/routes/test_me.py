"""One's own account over HTTP: told to whoever has signed in, and renewed by its holder alone."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from ledger.accounts import RULES_EDITION
from ledger.application import Ledger
from ledger.store.database import Database
from support.admitting import NATION, ROSA, admitted, applying
from support.signing_in import People, refused


@pytest.fixture
def ledger(database: Database, new_ledger: Callable[..., Ledger], clock: Callable[[], Any]) -> Ledger:
    return new_ledger(database, clock)


def test_a_tokens_holder_is_told_what_the_token_is(people: People) -> None:
    headers = people.bearer("district_data_administrator", "OR", district="4106740", name="nightly")
    me = people.ask(headers, "GET", "/v1/me")
    assert (me.status_code, me.headers["Cache-Control"]) == (200, "private, no-store")
    assert me.json() == {
        "name": "nightly",
        "account": None,
        "role": "district_data_administrator",
        "state": "OR",
        "region": None,
        "district": "4106740",
        "organisation": "4106740",
        "roles": [],
        "families": [],
        "renew_on": None,
        "renewal": None,
        "rules": RULES_EDITION,
        "session": None,
    }


def test_a_person_is_told_role_and_place_and_how_long_the_session_lasts(people: People) -> None:
    who = people.official(applying(role="recruiter", region="R2"))
    me = who.get("/v1/me").json()
    session = me.pop("session")
    assert me == {
        "name": ROSA,
        "account": who.account,
        "role": "recruiter",
        "state": "OR",
        "region": "R2",
        "district": None,
        "organisation": "Hood River School",
        "roles": [
            {
                "grant": 1,
                "role": "recruiter",
                "organisation": "Hood River School",
                "state": "OR",
                "region": "R2",
                "district": None,
            }
        ],
        "families": [],
        "renew_on": "2026-09-02",
        "renewal": None,
        "rules": RULES_EDITION,
    }
    assert (session["ends_at"], session["idle_ends_at"]) == ("2025-09-03T06:00:00Z", "2025-09-02T18:20:00Z")
    assert len(session["csrf"]) == 43
    assert session["csrf"] not in who.cookies.values()


def test_everybody_is_answered_who_has_signed_in_and_nobody_else(people: People) -> None:
    assert refused(people.ask({}, "GET", "/v1/me")) == (401, "not-signed-in")
    assert refused(people.ask({}, "PUT", "/v1/me/rules", {"edition": RULES_EDITION})) == (401, "not-signed-in")
    assert refused(people.ask({}, "POST", "/v1/me/family-grants", {"code": "x"})) == (401, "not-signed-in")


# -- the rules


def test_the_rules_are_accepted_once_a_day_and_by_a_person_alone(people: People) -> None:
    who = people.with_second_factor()
    said = {"edition": RULES_EDITION}
    first = who.sends("PUT", "/v1/me/rules", said)
    assert (first.status_code, first.json()["moved"]) == (200, True)
    assert int(first.headers["Ledger-Position"]) == people.ledger.log.head()
    assert who.sends("PUT", "/v1/me/rules", said).json()["moved"] is False
    for role in ("auditor", "parent"):
        assert refused(people.ask(people.bearer(role), "PUT", "/v1/me/rules", said)) == (404, "not-found")


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        ({"edition": "2019-1"}, "bad-value"),
        ({"edition": ""}, "invalid-request"),
        ({"edition": 2026}, "invalid-request"),
        ({}, "invalid-request"),
        ({"edition": RULES_EDITION, "on": "2030-01-01"}, "invalid-request"),
    ],
)
def test_what_is_no_edition_that_holds_is_not_accepted(people: People, body: dict[str, Any], kind: str) -> None:
    who = people.with_second_factor()
    head = people.ledger.log.head()
    assert refused(who.sends("PUT", "/v1/me/rules", body)) == (422, kind)
    assert people.ledger.log.head() == head


def test_a_key_is_of_one_person(people: People) -> None:
    rosa, eva = people.with_second_factor(), people.with_second_factor(applying("eva@school.example.org"))
    key, said = {"Idempotency-Key": "1"}, {"edition": RULES_EDITION}
    first = rosa.sends("PUT", "/v1/me/rules", said, **key)
    again = rosa.sends("PUT", "/v1/me/rules", said, **key)
    assert (again.json(), again.headers["Idempotency-Replayed"]) == (first.json(), "true")
    others = eva.sends("PUT", "/v1/me/rules", said, **key)
    assert (others.json()["account"], "Idempotency-Replayed" in others.headers) == (eva.account, False)


def test_who_has_two_roles_accepts_for_both(people: People) -> None:
    who = people.official()
    admitted(people.ledger.admissions, applying(role="recruiter"), NATION)
    for role in ("secondary_user", "recruiter"):
        asked = who.get("/v1/jurisdictions/OR", headers={"Sojourn-Role": role})
        assert asked.status_code == 200, role


# -- codes of families


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        ({"code": "K7QF-2M9T-XW4R-PV3C-9D2E"}, "code-refused"),
        ({"code": "x"}, "code-refused"),
        ({"code": ""}, "invalid-request"),
        ({"code": "x" * 101}, "invalid-request"),
        ({}, "invalid-request"),
    ],
)
def test_what_is_no_familys_code_opens_nothing(people: People, body: dict[str, Any], kind: str) -> None:
    who = people.official()
    assert refused(who.sends("POST", "/v1/me/family-grants", body)) == (422, kind)
    assert refused(people.ask(people.bearer("parent"), "POST", "/v1/me/family-grants", body)) == (422, kind)


def test_a_code_for_the_first_sign_in_is_no_familys(people: People) -> None:
    who = people.admitted()
    code = people.code_for(who.account)
    eva = people.official(applying("eva@school.example.org"))
    assert refused(eva.sends("POST", "/v1/me/family-grants", {"code": code})) == (422, "code-refused")
    assert who.begins(code).status_code == 303, "nor is it used up by being tried there"
