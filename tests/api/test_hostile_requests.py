"""Whatever is sent, by whomever: no fault of ours, and no answer but those that the schema declares."""

from __future__ import annotations

import logging
import secrets
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Final

import pytest
import structlog
from starlette.testclient import TestClient

from ledger.access import LEVELS, ROLES
from ledger.application import Ledger
from ledger.intake.sample import write_samples
from ledger.intake.submission import submit
from support.bodies import CHILD, ENROLLMENT, student
from support.hostile_requests import Hostile, Known
from support.linking import declare, merge

NARROWED: Final = {"region": "R2", "district": "4113770"}
SIX: Final = (
    "state_data_administrator",
    "secondary_user",
    "auditor",
    "state_batch_submitter",
    "privacy_officer",
    None,
)
"""One of every kind: who writes and settles, who reads, who sees all, a machine, who sees one thing alone, nobody."""
CASES: Final = 2_000
CASES_LONG: Final = 20_000
CHILDREN: Final = (("OR", "OR1", {}), ("CA", "CA1", {}), ("OR", "OR2", {"last_name_1": "Ñandú"}), ("CA", "CA2", {}))

# The service's connection pool draws from ``random`` in threads of its own, also while a request is being made up.
pytestmark = pytest.mark.filterwarnings("ignore:Do not use the `random` module inside strategies")


@pytest.fixture
def known(client: TestClient, make_token: Callable[..., str], ledger: Ledger, tmp_path: Path) -> Known:
    """Invented children of two states: linked, asked about, declared different, sent in a file; what names them."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))
    offices = {state: {"Authorization": f"Bearer {make_token(state=state)}"} for state in ("OR", "CA")}
    children = []
    for state, ssid, other in CHILDREN:
        body = student(enrollments=[ENROLLMENT], demographics=[CHILD | other])
        answer = client.put(f"/v1/records/{state}/{ssid}", json=body, headers=offices[state])
        assert answer.status_code == 201, answer.text
        children.append(answer.json()["student_id"])
    act = merge(ledger, children[0], children[1])
    declared = declare(ledger, children[2], children[3])
    (file,) = write_samples(tmp_path, ["OR"], 3, 11, date(2025, 9, 2))
    submission = submit(ledger, file, "oregon").submission
    proposal = {"left": children[0], "right": children[2], "master": children[0], "reason": "The same mother."}
    asked = client.post("/v1/merges", json=proposal, headers=offices["OR"])
    assert asked.status_code == 201, asked.text
    at_least = {"at_least": asked.headers["Ledger-Position"]}
    listed = client.get("/v1/policies", headers=offices["OR"])
    for address in (f"students/{children[0]}", "cases", f"submissions/{submission}"):
        client.get(f"/v1/{address}", params=at_least, headers=offices["OR"]).raise_for_status()
    return {
        ("students", "id"): children,
        ("records", "state"): ["OR", "OR", "CA"],
        ("records", "ssid"): ["OR1", "OR2", "CA1"],
        ("jurisdictions", "state"): ["OR", "CA"],
        ("cases", "id"): [asked.json()["case"]],
        ("acts", "id"): [act.id],
        ("not-same", "id"): [declared.id],
        ("merges", "left"): children[:1],
        ("merges", "right"): children[3:],
        ("merges", "master"): children[:1],
        ("not-same", "left"): children[1:2],
        ("not-same", "right"): children[2:3],
        ("policies", "version"): [one["version"] for one in listed.json()["policies"]] or ["sojourn-1"],
        ("submissions", "id"): [submission],
    }


def secret_of(role: str | None, make_token: Callable[..., str]) -> str | None:
    """A token of a role, narrowed as far as its level asks; none for nobody."""
    if role is None:
        return None
    return make_token(role, "OR", **{level: NARROWED[level] for level in LEVELS.get(role, ()) if level in NARROWED})


def test_nothing_that_is_sent_by_any_of_six_breaks_it(
    client: TestClient, known: Known, make_token: Callable[..., str]
) -> None:
    hostile = Hostile(client, {role: secret_of(role, make_token) for role in SIX}, known, seed=0)
    hostile.ask(CASES)
    assert not hostile.wrong, hostile.told()
    assert sum(hostile.asked.values()) >= CASES
    assert max(hostile.asked.values()) <= 2 * min(hostile.asked.values()), "every operation as every role alike"
    assert {200, 201, 403, 404, 422} <= hostile.statuses.keys(), "done as well as refused, found as well as not"


@pytest.mark.torture
def test_nothing_that_is_sent_by_any_role_breaks_it(
    client: TestClient, known: Known, make_token: Callable[..., str]
) -> None:
    tokens: dict[str | None, str | None] = {role: secret_of(role, make_token) for role in ROLES}
    hostile = Hostile(client, tokens, known, seed=secrets.randbits(32), as_each=True)
    hostile.ask(CASES_LONG)
    assert not hostile.wrong, hostile.told()
    for role in ROLES:
        assert sum(times for (_, asked), times in hostile.asked.items() if asked == role) >= CASES_LONG, role
