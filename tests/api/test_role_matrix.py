"""Every route with every role: it answers whom the policy lets, and nobody else."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any, Final, NamedTuple

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from api.openapi import ACTION
from ledger.access import ACTIONS, EVERYBODY, LEVELS, NOBODY, PUBLIC, ROLES, RULES, Subject, Who, decide
from ledger.ids import student_id
from support.access_cells import CELLS

NEVER: Final = student_id(999_999)
CASE: Final = "01920f8e-0b5e-7cc3-98c4-dc0c0c07398f"
NARROWED: Final = {"region": "R2", "district": "4113770"}
OPEN: Final = {
    "/livez",
    "/readyz",
    "/metrics",
    "/openapi.json",
    "/",
    "/static/{name}",
    "/favicon.ico",
    "/language/{language}",
    "/help",
    "/help/{role}",
    "/practice",
    "/practice/{seat}",
    "/sign-in",
    "/sign-in/provider",
    "/sign-in/callback",
    "/sign-in/first",
    "/rules",
    "/problems/{code}",
    "/parents",
}
"""What answers whoever asks; each tells nothing of anybody."""


OF_ONE_CHILD: Final = ("/v1/students/{id}", "/students/{id}", "/my-children/{id}")


class Cell(NamedTuple):
    """A method and a path as the app has them, and what the route does."""

    method: str
    path: str
    action: str

    def asked(self, client: TestClient, secret: str | None) -> int:
        """The status of an answer to a request that is whole but for what it is about."""
        named = {"state": "OR", "ssid": "OR1", "version": "none", "region": "R2", "district": "4113770"}
        named |= {"level": "state", "place": "R2", "code": "forbidden", "grant": "1"}
        named |= {"name": "children" if "/lists" in self.path else "console.css"}
        named |= {"language": "es", "role": "auditor", "seat": "auditor"}
        kind = self.path.removeprefix("/v1").split("/")[1]
        ids = {
            "cases": CASE,
            "proposals": CASE,
            "applications": CASE,
            "accounts": CASE,
            "attachments": CASE,
            "submissions": "OR-20250902020000000",
            "acts": f"{NEVER}-1",
            "not-same": f"{NEVER}-1",
        }
        path = self.path.replace("{path:path}", "0/000").format(id=ids.get(kind, NEVER), **named)
        headers = {} if secret is None else {"Authorization": f"Bearer {secret}"}
        body: dict[str, Any] = {"json": {"birth_date": "2015-03-02"} if self.action == "student.search" else {}}
        if self.path == "/v1/submissions" and self.method == "POST":
            body = {"content": b""}
        if self.method in ("GET", "DELETE"):
            body = {}
        return client.request(self.method, path, headers=headers, **body).status_code


def cells(app: FastAPI) -> list[Cell]:
    """Every route of the app. A route that says nothing of what it does is an error here."""
    found: list[Cell] = []
    for route in app.routes:
        action = (getattr(route, "openapi_extra", None) or {}).get(ACTION)
        path = getattr(route, "path", "")
        assert action is not None, f"{path} has no rule: nobody may do what is not said"
        found += [Cell(method, path, action) for method in getattr(route, "methods", ()) if method != "HEAD"]
    return found


def test_every_route_says_what_it_does_and_every_action_is_some_routes(client: TestClient) -> None:
    found = cells(client.app)  # type: ignore[arg-type]
    assert {cell.path for cell in found if cell.action == PUBLIC} == OPEN
    over_http = {rule.action for rule in RULES if rule.scope != "host"}
    assert {cell.action for cell in found} - {PUBLIC} == over_http


def test_nothing_answers_without_a_credential_but_health_and_the_public_pages(client: TestClient) -> None:
    for cell in cells(client.app):  # type: ignore[arg-type]
        for secret in (None, "soj_not-one-of-ours"):
            status = cell.asked(client, secret)
            assert (status == 401) is (cell.action != PUBLIC), cell


@pytest.mark.parametrize("role", ROLES)
def test_a_role_is_answered_where_a_rule_lets_it_and_nowhere_else(
    client: TestClient, make_token: Callable[..., str], role: str
) -> None:
    narrowed = {level: NARROWED[level] for level in LEVELS.get(role, ()) if level != "state"}
    secret = make_token(role, "OR", **narrowed)
    who = Who(role, "OR", narrowed.get("region"), narrowed.get("district"))
    for cell in cells(client.app):  # type: ignore[arg-type]
        if cell.action == PUBLIC:
            continue
        status = cell.asked(client, secret)
        # Of whom no state keeps a record, which is what is asked for: no rule of one state, or of a grant, lets that.
        # Saying who is who names two students, and is decided when it is known which.
        read = cell.path.startswith(OF_ONE_CHILD) and not cell.action.startswith("linkage.")
        nobody = Subject((), ()) if read else NOBODY
        allowed = decide(who, cell.action, nobody).allowed
        assert status < 500, cell
        assert (status not in (401, 403)) is allowed, (cell, status)


def test_every_cell_is_as_it_was_written_down() -> None:
    assert {action for _, action in CELLS} == set(ACTIONS)
    scopes = {(rule.role, rule.action): rule.scope for rule in RULES}
    assert {cell: scope for cell, scope in CELLS.items() if scope is not None} == scopes


def test_the_table_is_whole() -> None:
    assert {rule.role for rule in RULES} == {*ROLES, EVERYBODY}
    assert {rule.action for rule in RULES} == set(ACTIONS)
    assert max(Counter(rule.rule for rule in RULES).values()) == 1, "a rule's id is its own"
    for rule in RULES:
        shows = rule.action.startswith(
            ("student.", "list.read", "disclosure.search", "case.read", "submission.read", "linkage.preview")
        )
        assert bool(rule.sections) == bool(rule.purpose) == bool(rule.basis) == shows, rule


def test_who_writes_of_a_child_writes_for_the_own_state_and_who_oversees_writes_nothing() -> None:
    writing = {"record.send", "submission.send", "linkage.propose", "linkage.settle", "case.settle"}
    for rule in RULES:
        if rule.action in writing:
            assert rule.role not in ("auditor", "privacy_officer", "government_user", "help_desk", "operator", "parent")
        if rule.action in ("record.send", "submission.send"):
            assert rule.scope == "state"


@pytest.mark.parametrize(
    "role", ["operator", "help_desk", "user_administrator", "government_user", "state_batch_submitter"]
)
def test_who_has_no_need_of_a_childs_record_is_shown_none(role: str) -> None:
    assert not decide(Who(role, "OR"), "student.read", Subject(["OR"])).allowed
    assert not decide(Who(role, "OR"), "student.search").allowed
