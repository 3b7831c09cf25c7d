"""The outermost layer: ids, limits, headers, and what the log may hold."""

from __future__ import annotations

import io
import uuid
from collections.abc import Iterator
from typing import Any

import httpx2
import orjson
import pytest
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route
from starlette.testclient import TestClient

from api import problems
from api.edge import Edge
from ledger import telemetry
from ledger.errors import LedgerError, StoreUnavailable
from support.serving import served

SECRET = "Marisol"


async def _size(request: Request) -> Response:
    return PlainTextResponse(str(len(await request.body())))


async def _break(_: Request) -> Response:
    raise ValueError(SECRET)


async def _away(_: Request) -> Response:
    raise StoreUnavailable("PostgreSQL is away.", remedy="Wait.")


@pytest.fixture
def app(lines: io.StringIO) -> Starlette:
    return Starlette(
        routes=[
            Route("/bodies/{id}", _size, methods=["POST"]),
            Route("/broken/{id}", _break),
            Route("/away", _away),
        ],
        middleware=[Middleware(Edge, body_bytes_max=1000)],
        exception_handlers={LedgerError: problems.answer, HTTPException: problems.answer},
    )


@pytest.fixture
def client(app: Starlette) -> TestClient:
    return TestClient(app)


def test_a_request_that_brings_a_uuid_keeps_it(client: TestClient) -> None:
    given = str(uuid.uuid4())
    assert client.get("/away", headers={"X-Request-ID": given}).headers["X-Request-ID"] == given


@pytest.mark.parametrize("given", [b"", "Marisol Quiñones".encode(), b"1234", b"x" * 36])
def test_any_other_id_is_replaced_since_it_could_be_data(client: TestClient, given: bytes) -> None:
    found = client.get("/away", headers=[(b"X-Request-ID", given)] if given else [])
    assert str(uuid.UUID(found.headers["X-Request-ID"])) == found.headers["X-Request-ID"]


def test_every_answer_has_the_security_headers(client: TestClient) -> None:
    for path in ("/away", "/nowhere", "/broken/1"):
        headers = client.get(path).headers
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert headers["Referrer-Policy"] == "no-referrer"
        assert headers["Content-Security-Policy"].startswith("default-src 'none'")


def test_a_body_whose_length_is_told_is_refused_before_it_is_read(client: TestClient) -> None:
    read = 0

    def body() -> Iterator[bytes]:
        nonlocal read
        for _ in range(100):
            read += 1
            yield b"x" * 1000

    answer = client.post("/bodies/1", content=body(), headers={"Content-Length": "100000"})
    assert answer.status_code == 413
    assert answer.json()["type"] == "/problems/body-too-large"


def test_a_body_without_a_length_is_counted_and_cut_off(client: TestClient) -> None:
    answer = client.post("/bodies/1", content=iter([b"x" * 400] * 50))
    assert answer.status_code == 413
    assert answer.headers["Connection"] == "close"


def test_a_body_that_fits_passes(client: TestClient) -> None:
    assert client.post("/bodies/1", content=b"x" * 1000).text == "1000"


def test_a_defect_is_answered_with_the_id_alone(client: TestClient, lines: io.StringIO) -> None:
    answer = client.get("/broken/1")
    assert answer.status_code == 500
    assert answer.json()["type"] == "/problems/ledger-error"
    assert answer.json()["request_id"] == answer.headers["X-Request-ID"]
    assert SECRET not in answer.text
    assert SECRET not in lines.getvalue()
    defect = next(line for line in _lines(lines) if line["event"] == "defect")
    assert defect["error"] == "ValueError"
    assert defect["places"][-1].endswith("_break")


def test_lines_hold_templates_and_never_a_path(client: TestClient, lines: io.StringIO) -> None:
    client.post("/bodies/1234567890?name=Marisol", content=b"x")
    client.get("/nowhere/1234567890")
    text = lines.getvalue()
    assert "1234567890" not in text
    assert SECRET not in text
    assert [line["route"] for line in _lines(lines) if line["event"] == "request"] == ["/bodies/{id}", "unmatched"]


def test_counts_hold_templates_and_known_methods(client: TestClient) -> None:
    client.request("MARISOL", "/bodies/99887766")
    labels = {
        tuple(sample.labels.values())
        for metric in telemetry.HTTP_REQUEST_DURATION.collect()
        for sample in metric.samples
    }
    assert not [found for found in labels if SECRET.upper() in found or "99887766" in str(found)]


def test_what_is_away_is_told_in_the_log_with_its_remedy(client: TestClient, lines: io.StringIO) -> None:
    assert client.get("/away").status_code == 503
    told = next(line for line in _lines(lines) if line["event"] == "unavailable")
    assert told["problem"] == "store-unavailable"
    assert told["remedy"] == "Wait."


def _lines(stream: io.StringIO) -> list[dict[str, Any]]:
    return [orjson.loads(line) for line in stream.getvalue().splitlines()]


def test_over_a_real_connection_fifty_megabytes_are_refused_and_the_answer_arrives(app: Starlette) -> None:
    with served(app) as base:
        told = httpx2.post(f"{base}/bodies/1", content=b"x" * 50_000_000)
        assert told.status_code == 413
        counted = httpx2.post(f"{base}/bodies/1", content=iter([b"x" * 1_000_000] * 50))
        assert counted.status_code == 413
        assert httpx2.post(f"{base}/bodies/1", content=b"x").text == "1", "and it serves on"
