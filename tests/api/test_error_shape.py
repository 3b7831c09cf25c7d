"""One shape of errors over every family of routes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from starlette.testclient import TestClient

from api.problems import families

REQUIRED = {"type", "title", "status", "detail", "request_id"}
ALLOWED = REQUIRED | {"remedy", "errors", "position", "rule"}

WRONG: list[tuple[str, str, dict[str, Any], int]] = [
    ("PUT", "/v1/records/OR/OR1", {"json": {"first_name": "x"}}, 422),
    ("PUT", "/v1/records/OR/OR1", {"content": b"{"}, 400),
    ("POST", "/v1/records/OR/OR1/enrollments", {"json": {}}, 422),
    ("POST", "/v1/records/OR/OR1/withdrawals", {"json": {"enrollment": "x"}}, 422),
    ("POST", "/v1/records/OR/OR1/retractions", {"json": {"fact": 1}}, 404),
    ("POST", "/v1/records/CA/CA1/retractions", {"json": {"fact": 1}}, 403),
    ("DELETE", "/v1/records/OR/OR1", {}, 404),
    ("GET", "/v1/students/310890258979", {}, 404),
    ("GET", "/v1/students/x", {}, 422),
    ("GET", "/v1/students/310890258979/records", {}, 404),
    ("GET", "/v1/students/310890258979/disclosures?limit=x", {}, 422),
    ("GET", "/v1/events?after=x", {}, 422),
    ("GET", "/v1/jurisdictions/ZZ", {}, 422),
    ("PUT", "/v1/jurisdictions/OR/profile", {"json": {}}, 403),
    ("GET", "/v1/policies/none", {}, 403),
    ("POST", "/v1/merges", {"json": {}}, 403),
    ("POST", "/v1/acts/310890258979-1/reversal", {"json": {"reason": "x"}}, 403),
    ("POST", "/v1/acts/310890258979-1/reversal?dry_run=1", {"json": {}}, 422),
    ("POST", "/v1/cases/01920f8e-0b5e-7cc3-98c4-dc0c0c07398f/answer", {"json": {}}, 403),
    ("PUT", "/v1/cases/01920f8e-0b5e-7cc3-98c4-dc0c0c07398f/lease", {"json": {}}, 403),
    ("GET", "/v1/nothing", {}, 404),
    ("GET", "/students/310890258979", {}, 404),
    ("GET", "/problems/none", {}, 404),
    ("DELETE", "/livez", {}, 405),
    ("POST", "/openapi.json", {}, 405),
]


@pytest.mark.parametrize(("method", "path", "sent", "status"), WRONG, ids=[f"{m} {p}" for m, p, *_ in WRONG])
def test_every_family_of_routes_answers_errors_in_one_shape(
    oregon: TestClient,
    make_token: Callable[..., str],
    method: str,
    path: str,
    sent: dict[str, Any],
    status: int,
) -> None:
    if "content" in sent:
        sent = {**sent, "headers": {"Content-Type": "application/json"}}
    if status == 403:
        oregon.headers["Authorization"] = f"Bearer {make_token('state_batch_submitter')}"
    answer = oregon.request(method, path, **sent)
    assert answer.status_code == status, answer.text
    assert answer.headers["Content-Type"] == "application/problem+json"
    body = answer.json()
    assert set(body) >= REQUIRED
    assert set(body) <= ALLOWED
    assert body["status"] == status
    assert ("rule" in body) is (status == 403)
    assert body["type"].removeprefix("/problems/") in families()
    assert body["request_id"] == answer.headers["X-Request-ID"]
    for error in body.get("errors", ()):
        assert {"pointer", "message"} <= set(error) <= {"pointer", "element", "rule", "message", "remedy"}


@pytest.mark.parametrize("path", ["/v1/records/OR/OR1", "/v1/students/310890258979", "/v1/events"])
def test_who_is_not_signed_in_learns_nothing_else(client: TestClient, path: str) -> None:
    method = "PUT" if "records" in path else "GET"
    answer = client.request(method, path, content=b"{")
    assert answer.status_code == 401
    assert answer.json()["type"] == "/problems/not-signed-in"
