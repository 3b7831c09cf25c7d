"""Every way to a child with every role: of the own state and of another, of the own office and of another.

What a cell of the table says is what is answered, and either way there is an entry that says so: of what was shown, or
of what was refused.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple

import msgspec
import pytest
from starlette.requests import Request
from starlette.testclient import TestClient

from api import policy, principals
from api.console import visits
from api.principal import Principal
from ledger.access import LEVELS, ROLES
from ledger.application import Ledger
from ledger.events import Recorded
from ledger.events.disclosure import BulkDisclosed, Disclosed, DisclosureRefused, SearchDisclosed
from ledger.intake.submission import submit
from support.access_cells import CELLS
from support.casework import ANA, Work
from support.files import EXAMPLE, student, write
from support.linking import merge

NARROWED: Final = {"region": "R2", "district": "4113770"}
REFUSED: Final = (403, 422)
"""The second where it is the case, or the act, that has nothing to do with the state (``not-asked``)."""
MakeToken = Callable[..., str]


class Look(NamedTuple):
    """One way to somebody. states: that have to do with it. district: with which it lies, if with one."""

    action: str
    method: str
    path: str
    states: Sequence[str]
    district: str | None = None
    body: Any = None


class Asked(NamedTuple):
    """What came of a look: the status, and the entries of the request."""

    status: int
    entries: list[Recorded]


class Door:
    """Asks over HTTP, and reads the access log behind it."""

    def __init__(self, client: TestClient, ledger: Ledger) -> None:
        self._client = client
        self._access = ledger.access

    def ask(self, look: Look, secret: str | None) -> Asked:
        request_id = str(uuid.uuid4())
        headers = {"X-Request-ID": request_id} | ({} if secret is None else {"Authorization": f"Bearer {secret}"})
        before = self._access.head()
        more = {} if look.body is None else {"json": look.body}
        answer = self._client.request(look.method, look.path, headers=headers, **more)
        entries = self._access.read(before, 100)
        assert {entry.meta.request for entry in entries} <= {request_id}
        return Asked(answer.status_code, entries)


class Town(NamedTuple):
    """Two children by their ids, one of Oregon and one of both states, with their records; and every way to anybody."""

    oregon: str
    both: str
    records: dict[str, list[str]]
    looks: list[Look]


@pytest.fixture
def door(client: TestClient, ledger: Ledger) -> Door:
    return Door(client, ledger)


@pytest.fixture
def town(client: TestClient, ledger: Ledger, make_token: MakeToken, tmp_path: Path) -> Town:
    work = Work(ledger)
    oregon, elsewhere = work.opened("OR", "1", "4113770"), work.opened("OR", "2", "4100009")
    california, both, and_its_other = work.opened("CA", "3"), work.opened("OR", "5"), work.opened("CA", "6")
    merge(ledger, both, and_its_other)
    cases = {
        minted: work.proposals.open_changed("different-child", work.record(minted), 1, ANA).case
        for minted in (oregon, elsewhere, california)
    }
    acts = {state: merge(ledger, work.opened(state, "7"), work.opened(state, "8")).id for state in ("OR", "CA")}
    files = {"OR": EXAMPLE, "CA": write(tmp_path / "CA.txt", student(9, state="CA"), state="CA")}
    submissions = {state: submit(ledger, file, "registrar").submission for state, file in files.items()}
    looks = [
        *_ways(oregon, ["OR"]),
        *_ways(california, ["CA"]),
        *_ways(both, ["OR", "CA"]),
        Look("case.read", "GET", f"/v1/cases/{cases[oregon]}", ["OR"], "4113770"),
        Look("case.read", "GET", f"/v1/cases/{cases[elsewhere]}", ["OR"], "4100009"),
        Look("case.read", "GET", f"/v1/cases/{cases[california]}", ["CA"]),
        Look("case.read", "GET", "/v1/cases?state=OR&region=R3&district=4100009", ["OR"], "4100009"),
    ]
    for state in ("OR", "CA"):
        looks += [
            Look("student.search", "POST", "/v1/students/search", [state], body={"name": "Marisol", "state": state}),
            Look("case.read", "GET", f"/v1/cases?state={state}", [state]),
            Look("list.read", "GET", f"/v1/lists/children?state={state}", [state]),
            Look("linkage.preview", "POST", f"/v1/acts/{acts[state]}/reversal?dry_run=true", [state], body={}),
            Look("submission.read", "GET", f"/v1/submissions/{submissions[state]}/response", [state]),
        ]
    at_head = {"at_least": ledger.log.head()}
    headers = {"Authorization": f"Bearer {make_token('auditor', None)}"}
    for path in (f"/v1/students/{oregon}", "/v1/cases", "/v1/submissions"):
        client.get(path, params=at_head, headers=headers).raise_for_status()
    client.post("/v1/students/search", params=at_head, json={"name": "x"}, headers=headers).raise_for_status()
    records = {oregon: [work.record(oregon)], both: [work.record(both), work.record(and_its_other)]}
    return Town(oregon, both, records, looks)


def _ways(child: str, states: Sequence[str]) -> Iterator[Look]:
    yield Look("student.read", "GET", f"/v1/students/{child}", states)
    yield Look("student.read", "GET", f"/students/{child}", states)
    for what in ("records", "history", "disclosures"):
        yield Look(f"student.{what}", "GET", f"/v1/students/{child}/{what}", states)


def may(role: str, look: Look) -> bool:
    """What the table says of somebody narrowed as far as the role's level asks."""
    match CELLS[role, look.action]:
        case "any":
            return True
        case "state":
            return "OR" in look.states
        case "office":
            return "OR" in look.states and (not _narrowed(role) or look.district in (None, NARROWED["district"]))
        case _:
            return False


def _narrowed(role: str) -> dict[str, str]:
    return {level: NARROWED[level] for level in LEVELS.get(role, ()) if level != "state"}


def assert_recorded(look: Look, role: str, asked: Asked, *, allowed: bool) -> None:
    where = (role, look.method, look.path, asked.status)
    assert asked.status in ((200,) if allowed else REFUSED), where
    assert asked.entries, where
    for recorded in asked.entries:
        entry: Any = recorded.event
        assert entry.role == role, where
        if allowed:
            assert isinstance(entry, Disclosed | SearchDisclosed | BulkDisclosed), where
            assert entry.purpose, where
            assert entry.basis, where
        else:
            assert isinstance(entry, DisclosureRefused), where
            assert entry.rule, where


def test_every_way_to_a_child_is_open_to_whom_the_table_says_and_recorded_either_way(
    town: Town, door: Door, make_token: MakeToken
) -> None:
    for role in ROLES:
        secret = make_token(role, "OR", **_narrowed(role))
        for look in town.looks:
            assert_recorded(look, role, door.ask(look, secret), allowed=may(role, look))


def test_an_auditor_of_every_state_sees_every_case_and_nobody_without_a_credential_leaves_an_entry(
    town: Town, door: Door, make_token: MakeToken
) -> None:
    secret = make_token("auditor", None)
    for look in town.looks:
        assert_recorded(look, "auditor", door.ask(look, secret), allowed=True)
        assert door.ask(look, None) == Asked(401, [])


@pytest.mark.parametrize("role", [role for role in ROLES if LEVELS.get(role)])
def test_a_role_that_acts_for_an_office_sees_nothing_by_it_while_it_is_narrowed_to_none(
    town: Town, door: Door, make_token: MakeToken, role: str
) -> None:
    secret = make_token(role, None)
    for look in town.looks:
        assert_recorded(look, role, door.ask(look, secret), allowed=CELLS[role, look.action] == "any")


def test_a_parent_is_shown_a_child_all_of_whose_records_were_granted_and_nobody_else(
    town: Town, door: Door, make_token: MakeToken, monkeypatch: pytest.MonkeyPatch
) -> None:
    secret = make_token("parent", None)
    known = principals.principal_of
    granted: list[str] = []

    async def with_grants(request: Request, *, by_form: bool = False) -> Principal:
        return msgspec.structs.replace(await known(request, by_form=by_form), granted=frozenset(granted))

    monkeypatch.setattr(principals, "principal_of", with_grants)
    monkeypatch.setattr(policy, "principal_of", with_grants)
    monkeypatch.setattr(visits, "principal_of", with_grants)
    own, [one, other] = town.records[town.oregon], town.records[town.both]
    for now, children in (
        ([], []),
        (own, [town.oregon]),
        ([one], []),
        ([one, other, *own], [town.oregon, town.both]),
    ):
        granted[:] = now
        for look in town.looks:
            allowed = CELLS["parent", look.action] == "grant" and any(child in look.path for child in children)
            assert_recorded(look, "parent", door.ask(look, secret), allowed=allowed)


# -- writing


def test_who_sends_or_sets_does_it_for_the_own_state_alone(
    client: TestClient, door: Door, make_token: MakeToken
) -> None:
    for role in ROLES:
        secret = make_token(role, "OR", **_narrowed(role))
        for state in ("OR", "CA"):
            for action, look in _writes(state):
                scope = CELLS[role, action]
                allowed = scope == "any" or (scope in ("state", "whole-state") and state == "OR")
                asked = door.ask(look, secret)
                assert (asked.status not in (401, 403)) is allowed, (role, look, asked)
                assert asked.entries == []


def test_who_is_narrowed_to_a_part_of_a_state_sets_nothing_for_the_whole_of_it(
    client: TestClient, door: Door, make_token: MakeToken
) -> None:
    for role in ("state_data_administrator", "region_administrator"):
        for part in ({"region": "R2"}, {"district": "4113770"}):
            secret = make_token(role, "OR", **part)
            for action, look in _writes("OR"):
                if CELLS[role, action] == "whole-state":
                    assert door.ask(look, secret).status == 403, (role, part, look)


def _writes(state: str) -> Iterator[tuple[str, Look]]:
    """Requests that are not in the shape that was asked for: whoever may is told so, and nothing is written."""
    for action, method, path in (
        ("record.send", "PUT", f"/v1/records/{state}/1"),
        ("record.send", "DELETE", f"/v1/records/{state}/none"),
        ("record.send", "POST", f"/v1/records/{state}/1/enrollments"),
        ("jurisdiction.set", "PUT", f"/v1/jurisdictions/{state}/profile"),
        ("jurisdiction.set", "PUT", f"/v1/jurisdictions/{state}/calendar"),
        ("region.set", "PUT", f"/v1/jurisdictions/{state}/regions/R2"),
    ):
        yield action, Look(action, method, path, [state], body=None if method == "DELETE" else {"x": 1})
