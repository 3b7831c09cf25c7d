"""Every answer says to browsers what they may not do with it: of every route, good or bad, by the shortcut or not."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from starlette.requests import Request
from starlette.responses import Response
from starlette.testclient import TestClient

from api.app import create_app
from api.rate_limit import limits
from api.services import Services
from ledger.ids import student_id
from projections.projectors import Projectors

NEVER = student_id(999_999)
NAMED = {
    "state": "OR",
    "ssid": "OR1",
    "version": "none",
    "region": "R2",
    "district": "4113770",
    "level": "state",
    "grant": "1",
}
NAMED |= {"place": "R2", "code": "forbidden", "id": NEVER, "name": "console.css", "language": "es"}
NAMED |= {"role": "auditor", "seat": "auditor"}
POLICY = {
    "default-src": "'none'",
    "style-src": "'self'",
    "script-src": "'self'",
    "connect-src": "'self'",
    "img-src": "'self'",
    "form-action": "'self'",
    "frame-ancestors": "'none'",
    "base-uri": "'none'",
}
HTTPS, HTTP = "https://testserver", "http://testserver"


def assert_guarded(answer: Response, *, https: bool) -> None:
    """The headers of one answer, each there once."""
    found = answer.headers
    names = [name.lower() for name, _ in found.multi_items()]  # type: ignore[attr-defined]
    assert found["X-Content-Type-Options"] == "nosniff"
    assert found["X-Frame-Options"] == "DENY"
    assert found["Referrer-Policy"] == "no-referrer"
    assert found["Cross-Origin-Opener-Policy"] == "same-origin"
    assert found["Cross-Origin-Resource-Policy"] == "same-origin"
    directives = dict(part.strip().split(" ", 1) for part in found["Content-Security-Policy"].split(";"))
    assert directives == POLICY
    assert {"camera=()", "geolocation=()", "microphone=()"} <= set(found["Permissions-Policy"].split(", "))
    assert found.get("Strict-Transport-Security") == ("max-age=31536000" if https else None)
    kept = set(found["Cache-Control"].split(", "))
    assert kept & {"no-store", "no-cache"} or found["Content-Type"].startswith(
        ("text/css", "text/javascript", "image/svg+xml")
    ), kept
    assert "Server" not in found
    assert "Set-Cookie" not in found
    assert len(names) == len(set(names)), "none is said twice"


def asks(services: Services) -> Iterator[tuple[str, str]]:
    """Every method of every route, with paths that lead nowhere in particular."""
    for route in create_app(services).routes:
        for method in sorted(getattr(route, "methods", ())):
            yield method, getattr(route, "path", "").replace("{path:path}", "0/000").format(**NAMED)


@pytest.mark.parametrize("base", [HTTP, HTTPS])
def test_every_route_answers_with_them_to_anybody(services: Services, projectors: Projectors, base: str) -> None:
    with TestClient(create_app(services), base_url=base) as client:
        for method, path in asks(services):
            answer = client.request(method, path)
            assert_guarded(answer, https=base == HTTPS)  # type: ignore[arg-type]


@pytest.mark.parametrize("role", ["state_data_administrator", "auditor"])
def test_every_route_answers_with_them_to_whom_it_lets(
    services: Services, projectors: Projectors, make_token: Callable[..., str], role: str
) -> None:
    headers = {"Authorization": f"Bearer {make_token(role)}"}
    statuses = set()
    with TestClient(create_app(services), base_url=HTTPS) as client:
        for method, path in asks(services):
            answer = client.request(method, path, headers=headers, content=b"{" if method in ("PUT", "POST") else None)
            assert_guarded(answer, https=True)  # type: ignore[arg-type]
            statuses.add(answer.status_code)
    assert statuses >= {200, 404}


def test_so_do_refusals_of_the_edge_and_defects(services: Services, projectors: Projectors) -> None:
    services.limits = limits(1, 4, 60, lambda: 0.0)
    app = create_app(services)

    async def broken(_: Request) -> Response:
        raise ValueError

    app.add_api_route("/broken", broken)
    with TestClient(app, base_url=HTTPS, raise_server_exceptions=False) as client:
        answers = [client.get("/broken"), client.get("/nowhere"), client.request("BREW", "/livez")]
        answers += [client.put("/v1/records/OR/OR1", content=b"x", headers={"Content-Length": str(10**9)})]
        answers += [client.get("/") for _ in range(3)]
        assert [answer.status_code for answer in answers] == [500, 404, 405, 413, 200, 200, 429]
        for answer in answers:
            assert_guarded(answer, https=True)  # type: ignore[arg-type]
