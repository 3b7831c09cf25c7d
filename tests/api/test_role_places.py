"""What access itself comes to in each place: who may do what with whose application, account and child.

The cells of the table that turn on an area, an owner or a grant, each asked over HTTP: the own state and another, the
own region and another, the own application and another's, and a parent by a grant that a school gave.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import pytest

from ledger.access import EVERYBODY, LEVELS, ROLES
from ledger.application import Ledger
from ledger.store.database import Database
from support.access_cells import CELLS
from support.admitting import BY_HAND, LUIS, NATION, ROSA, admitted, applying
from support.families import HERE, child, granted, parent
from support.signing_in import People, body_of

NARROWED: Final = {"region": "R2", "district": HERE}
VERIFIED: Final = {"identity": "driver's licence", "need": "enrols children who move"}
WHY: Final = {"reason": "Works elsewhere now."}
PEOPLES: Final = tuple(role for role in ROLES if role not in ("operator", "parent"))
"""Roles that an account may have: an operator logs in to the host, and a parent is granted records."""


@pytest.fixture
def ledger(database: Database, new_ledger: Callable[..., Ledger], clock: Callable[[], Any]) -> Ledger:
    return new_ledger(database, clock)


def narrowed(role: str) -> dict[str, str]:
    return {level: NARROWED[level] for level in LEVELS.get(role, ()) if level != "state"}


def of(people: People, state: str, region: str | None) -> list[tuple[str, str, str, Any]]:
    """Action, method, path and body of every deed to an application, and to an account, for a role in a place."""
    admissions = people.ledger.admissions
    apply = applying(f"{state}.{region}@school.example.org".lower(), "recruiter", state=state, region=region)
    account = admitted(admissions, apply, NATION)
    application = str(admissions.apply(apply, BY_HAND).ids["application"])
    body = body_of(apply.email, role="recruiter", state=state, region=region)
    training = {"account": account, "course": "Privacy", "completed_on": "2025-09-01"}
    path = f"/v1/applications/{application}"
    return [
        ("application.send", "POST", "/v1/applications", body),
        ("application.read", "GET", path, None),
        ("application.verify", "POST", f"{path}/verification", VERIFIED),
        ("application.decide", "POST", f"{path}/refusal", WHY),
        ("account.read", "GET", f"/v1/accounts/{account}", None),
        ("training.record", "POST", "/v1/trainings", training),
        ("account.manage", "POST", f"/v1/accounts/{account}/disablement", WHY),
    ]


@pytest.mark.parametrize("role", ROLES)
def test_what_a_role_may_of_access_it_may_in_its_own_state_alone(people: People, role: str) -> None:
    headers = people.bearer(role, "OR", **narrowed(role))
    for state in ("OR", "CA"):
        for action, method, path, body in of(people, state, "R2"):
            scope = CELLS[role, action]
            may = scope == "any" or (scope == "office" and state == "OR")
            status = people.ask(headers, method, path, body).status_code
            assert status < 500
            assert (status != 403) is may, (action, state, status)


def test_a_regions_office_may_in_its_own_region_alone(people: People) -> None:
    headers = people.bearer("user_administrator", "OR", region="R2")
    for state, region in (("OR", "R2"), ("OR", "R3"), ("OR", None), ("CA", "R2")):
        for action, method, path, body in of(people, state, region):
            if action == "application.send" and state == "OR":
                continue  # whoever stands at the desk may have it entered; who decides it is another matter
            status = people.ask(headers, method, path, body).status_code
            assert (status != 403) is ((state, region) == ("OR", "R2")), (action, state, region, status)


def test_the_nations_office_may_everywhere(people: People) -> None:
    headers = people.bearer("user_administrator")
    for state, region in (("OR", "R2"), ("CA", None)):
        for action, method, path, body in of(people, state, region):
            assert people.ask(headers, method, path, body).status_code != 403, (action, state, region)


@pytest.mark.parametrize("role", PEOPLES)
def test_everybody_may_do_with_his_own_application_what_everybody_may_and_nothing_with_anothers(
    people: People, role: str
) -> None:
    """In another state, and whatever his role: as applicant, and as the supervisor whom it names."""
    place = narrowed(role)
    rosa = people.person(ROSA, role, "OR", **place)
    luis = people.person(LUIS, role, "OR", **place)
    admissions = people.ledger.admissions
    own = applying(ROSA, "recruiter", state="CA")
    for who, mine in (
        (rosa, True),
        (luis, True),
        (people.person("eva@school.example.org", role, "OR", **place), False),
    ):
        application = str(admissions.apply(own, BY_HAND).ids["application"])
        path = f"/v1/applications/{application}"
        for action, method, at, body in (
            ("application.read", "GET", path, None),
            ("application.verify", "POST", f"{path}/verification", VERIFIED),
            ("application.decide", "POST", f"{path}/refusal", WHY),
            ("application.decide", "POST", f"{path}/approval", {}),
        ):
            everybodys = mine and CELLS[EVERYBODY, action] == "own"
            may = everybodys or CELLS[role, action] == "any"
            status = people.ask(who, method, at, body).status_code
            assert (status != 403) is may, (action, mine, status)


# -- a parent, by a real grant


def test_a_parent_may_with_the_granted_child_what_the_table_says_and_nothing_else(people: People) -> None:
    ana, ben = child(people, "OR1"), child(people, "OR2")
    maria = parent(people, granted(people, ana))
    token = maria.get("/v1/me").json()["session"]["csrf"]
    ways = [("student.read", ""), ("student.read", None), *((f"student.{w}", f"/{w}") for w in WAYS)]
    for of_whom, is_hers in ((ana, True), (ben, False)):
        for action, rest in ways:
            path = f"/students/{of_whom}" if rest is None else f"/v1/students/{of_whom}{rest}"
            may = is_hers and CELLS["parent", action] == "grant"
            assert (maria.get(path).status_code == 200) is may, (action, path)
    for action, method, path, body in (
        *of(people, "OR", "R2"),
        ("student.search", "POST", "/v1/students/search", {"name": "Marisol"}),
        ("case.read", "GET", "/v1/cases", None),
        ("record.send", "PUT", "/v1/records/OR/OR1", {}),
        ("linkage.propose", "POST", "/v1/merges", {}),
        ("feed.read", "GET", "/v1/events?after=0", None),
        ("policy.read", "GET", "/v1/policies", None),
        ("family.grant", "POST", "/v1/family-grants", {}),
    ):
        sent = {} if body is None else {"json": body}
        status = maria.ask(method, path, headers={"Sojourn-CSRF": token}, **sent).status_code
        assert CELLS["parent", action] is None
        assert status == 403, (action, status)


WAYS: Final = ("records", "history", "disclosures")


def test_a_parents_token_has_no_grant(people: People) -> None:
    ana = child(people, "OR1")
    granted(people, ana)
    headers = people.bearer("parent", "OR", district=HERE)
    for rest in ("", *(f"/{way}" for way in WAYS)):
        assert people.ask(headers, "GET", f"/v1/students/{ana}{rest}").status_code == 403
