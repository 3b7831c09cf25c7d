"""Busy routes are found by one walk, and answered as the app would answer them."""

from __future__ import annotations

import pytest
from fastapi import APIRouter, FastAPI
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import BaseRoute
from starlette.testclient import TestClient
from starlette.types import Receive, Scope, Send

from api.openapi import Direct
from api.shortcut import Shortcut


async def told(request: Request) -> Response:
    return PlainTextResponse(f"{request.scope['route'].path} {sorted(request.path_params.items())}")


def routes() -> list[BaseRoute]:
    router = APIRouter(route_class=Direct)
    router.get("/v1/things/{id}")(told)
    router.post("/v1/things/search")(told)
    router.put("/v1/records/{state}/{ssid}")(told)
    router.post("/v1/records/{state}/{ssid}/enrollments")(told)
    router.get("/")(told)
    return list(router.routes)


def app(*, short: bool) -> TestClient:
    made = FastAPI(redirect_slashes=False)
    made.router.routes.extend(routes())
    if short:
        made.add_middleware(Shortcut, routes=made.router.routes)
    return TestClient(made)


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/"),
        ("GET", "/v1/things/1"),
        ("GET", "/v1/things/a%20b"),
        ("GET", "/v1/things/a%2Fb"),
        ("GET", "/v1/things/search"),
        ("POST", "/v1/things/search"),
        ("POST", "/v1/things/1"),
        ("GET", "/v1/things/"),
        ("GET", "/v1/things"),
        ("GET", "/v1//1"),
        ("PUT", "/v1/records/OR/OR1"),
        ("PUT", "/v1/records/OR/Ñandú"),
        ("PUT", "/v1/records/OR/OR1/"),
        ("HEAD", "/v1/things/1"),
        ("OPTIONS", "/v1/things/1"),
        ("POST", "/v1/records/OR/OR1/enrollments"),
        ("POST", "/v1/records/OR/OR1/nothing"),
        ("GET", "/v1/records/{state}/{ssid}"),
        ("GET", "/nowhere"),
    ],
)
def test_the_short_way_answers_as_the_long_one(method: str, path: str) -> None:
    short, long = (app(short=way).request(method, path) for way in (True, False))
    assert (short.status_code, short.text) == (long.status_code, long.text)


def test_the_busy_routes_take_the_short_way() -> None:
    asked: list[str] = []

    async def the_long_way(scope: Scope, receive: Receive, send: Send) -> None:
        asked.append(scope["path"])
        await PlainTextResponse("long")(scope, receive, send)

    client = TestClient(Shortcut(the_long_way, routes=routes()))
    assert client.get("/v1/things/7").text == "/v1/things/{id} [('id', '7')]"
    assert client.post("/v1/records/OR/OR1/enrollments").text.startswith("/v1/records/{state}/{ssid}/enrollments")
    assert client.delete("/v1/things/7").text == "long"
    assert asked == ["/v1/things/7"]
