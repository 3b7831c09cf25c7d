"""What is written down beside the two logs of a person who asks is the account's id, and never an address."""

from __future__ import annotations

import uuid

import pytest
from starlette.testclient import TestClient

from api.csrf import csrf_token
from api.services import Services
from ledger.accounts import RULES_EDITION
from ledger.store import sessions
from ledger.store.database import Database
from support.admitting import BY_HAND, ROSA


def test_neither_a_line_of_the_log_nor_a_kept_answer_holds_the_address_of_who_asked(
    client: TestClient, services: Services, database: Database, capsys: pytest.CaptureFixture[str]
) -> None:
    account = str(services.ledger.admissions.open(ROSA, "Rosa", [], BY_HAND).ids["account"])
    with services.ledger.log.connection() as conn:
        made = sessions.make(conn, account=uuid.UUID(account), grant=None, method="oidc", now=services.clock())
    headers = {
        "Cookie": f"__Host-sojourn={made.secret}",
        "Sec-Fetch-Site": "same-origin",
        "Sojourn-CSRF": csrf_token(str(made.session.id), services.csrf_key),
        "Idempotency-Key": "once",
    }
    for replayed in (None, "true"):
        answer = client.put("/v1/me/rules", json={"edition": RULES_EDITION}, headers=headers)
        assert (answer.status_code, answer.headers.get("Idempotency-Replayed")) == (200, replayed), answer.text
    assert client.get("/", headers=headers).status_code == 200
    told = capsys.readouterr()
    assert ROSA not in told.out + told.err
    assert f"account {account}" in told.out
    with database.connect() as conn:
        kept = str(conn.execute("select a::text from ledger.answers a").fetchall())
    assert "person" in kept
    assert ROSA not in kept
