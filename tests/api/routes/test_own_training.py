"""Whoever oversees accounts has his own training recorded as everybody has."""

from __future__ import annotations

import uuid

from starlette.testclient import TestClient

from api.csrf import csrf_token
from api.services import Services
from ledger.account_acts import GrantRole
from ledger.events.application import AskedRole
from ledger.store import sessions
from support.admitting import BY_HAND, DESK, ROSA, trained


def test_a_user_administrator_is_asked_for_the_certificate_of_his_own_training_and_not_for_another_office(
    client: TestClient, services: Services
) -> None:
    admissions = services.ledger.admissions
    role = AskedRole(role="user_administrator", organisation="Office", state="OR")
    today = admissions.today("OR")
    account = str(
        admissions.open(ROSA, "Rosa", [GrantRole(by=DESK, role=role), trained(today)], BY_HAND).ids["account"]
    )
    with services.ledger.log.connection() as conn:
        made = sessions.make(conn, account=uuid.UUID(account), grant=None, method="oidc", now=services.clock())
    headers = {
        "Cookie": f"__Host-sojourn={made.secret}",
        "Sec-Fetch-Site": "same-origin",
        "Sojourn-CSRF": csrf_token(str(made.session.id), services.csrf_key),
    }
    said = {"account": account, "course": "Security", "completed_on": today.isoformat()}
    told = client.post("/v1/trainings", json=said, headers=headers)
    assert (told.status_code, told.json()["type"]) == (422, "/problems/own-application"), told.text
