"""Over a real socket: what is too slow, too long or crooked is refused, opens nothing, and the service serves on."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable, Iterator
from typing import NamedTuple
from urllib.parse import urlsplit

import orjson
import pytest
import uvicorn
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from api import problems
from api.app import create_app
from api.cli import serve
from api.connection import HEADERS_MAX, TARGET_BYTES_MAX, Connection
from api.edge import Edge
from api.services import Services
from ledger.errors import LedgerError
from support.serving import served

SECONDS_MAX = 30


class Impatient(Connection):
    head_s = 0.3


class Answer(NamedTuple):
    status: int
    head: str
    body: bytes


def talk(base: str, *pieces: bytes, pause_s: float = 0.0) -> Answer:
    """Send bytes as they are, and read until the other side ends. Status 0: it ended without a word."""
    place = urlsplit(base)
    with socket.create_connection((place.hostname or "", place.port or 0), timeout=SECONDS_MAX) as plain:
        said = b""
        try:
            for piece in pieces:
                plain.sendall(piece)
                time.sleep(pause_s)
        except ConnectionError:
            pass
        try:
            while piece := plain.recv(65536):
                said += piece
        except ConnectionError:
            pass
    head, _, body = said.partition(b"\r\n\r\n")
    return Answer(int(head.split(b" ")[1]) if head else 0, head.decode("latin-1").lower(), body)


def request(line: str, *headers: str, body: bytes = b"") -> bytes:
    """A request whose connection ends with its answer."""
    lines = [line, "Host: sojourn.example.org", *headers, "Connection: close", "", ""]
    return "\r\n".join(lines).encode("latin-1") + body


# -- slow and long


async def _size(request: Request) -> Response:
    return PlainTextResponse(str(len(await request.body())))


@pytest.fixture
def slow() -> Iterator[str]:
    """A service whose patience is short."""
    app = Starlette(
        routes=[Route("/", _size, methods=["GET", "POST"])],
        middleware=[Middleware(Edge, body_bytes_max=10_000, body_s=0.3)],
        exception_handlers={LedgerError: problems.answer},
    )
    with served(app, http=Impatient, ws="none") as base:
        yield base


def test_a_head_that_does_not_end_is_refused(slow: str) -> None:
    answer = talk(slow, b"GET / HTTP/1.1\r\nHost: x\r\n")
    assert answer.status == 408
    assert orjson.loads(answer.body)["type"] == "/problems/request-too-slow"
    assert "x-content-type-options: nosniff" in answer.head


def test_a_byte_now_and_then_does_not_make_a_head_longer(slow: str) -> None:
    pieces = [b"GET / HTTP/1.1\r\nHost: x\r\n", *(b"X-%d: y\r\n" % n for n in range(8)), b"\r\n"]
    assert talk(slow, *pieces, pause_s=0.2).status == 408


def test_who_says_nothing_is_left(slow: str) -> None:
    assert talk(slow) == Answer(0, "", b"")


@pytest.mark.parametrize("header", ["Content-Length: 100", "Transfer-Encoding: chunked"])
def test_a_body_that_does_not_come_is_refused(slow: str, header: str) -> None:
    answer = talk(slow, request("POST / HTTP/1.1", header))
    assert answer.status == 408
    assert "connection: close" in answer.head


def test_a_body_that_trickles_is_refused(slow: str) -> None:
    pieces = [request("POST / HTTP/1.1", "Content-Length: 100"), *([b"x"] * 12)]
    assert talk(slow, *pieces, pause_s=0.1).status == 408


def test_a_body_that_comes_in_pieces_is_taken(slow: str) -> None:
    answer = talk(slow, request("POST / HTTP/1.1", "Content-Length: 4"), b"ab", b"cd", pause_s=0.05)
    assert (answer.status, answer.body) == (200, b"4")


def test_many_headers_are_refused_and_as_many_as_are_allowed_are_taken(slow: str) -> None:
    many = [f"X-{n}: y" for n in range(HEADERS_MAX)]
    assert talk(slow, request("GET / HTTP/1.1", *many)).status == 431
    assert talk(slow, request("GET / HTTP/1.1", *many[:-2])).status == 200


def test_a_long_header_is_refused_also_where_it_never_ends(slow: str) -> None:
    assert talk(slow, request("GET / HTTP/1.1", f"X: {'y' * 40_000}")).status == 431
    endless = talk(slow, b"GET / HTTP/1.1\r\nX: ", *([b"y" * 20_000] * 10), pause_s=0.001)
    assert endless.status == 431


def test_a_long_address_is_refused(slow: str) -> None:
    assert talk(slow, request(f"GET /?{'y' * TARGET_BYTES_MAX} HTTP/1.1")).status == 414
    assert talk(slow, request(f"GET /?{'y' * (TARGET_BYTES_MAX - 10)} HTTP/1.1")).status == 200


def test_requests_one_after_the_other_on_one_connection_are_answered(slow: str) -> None:
    one = b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc"
    answer = talk(slow, one * 3 + request("GET / HTTP/1.1"))
    assert answer.status == 200
    assert (answer.head + answer.body.decode("latin-1").lower()).count("http/1.1 200") == 4


# -- tricks


NONE, GOOD, BAD = "", "Authorization: Bearer {token}", "Authorization: Bearer soj_made-up"
READ = "GET /v1/jurisdictions/OR HTTP/1.1"
"""What a token's holder may read, and nobody else."""
REFUSED = {400, 401, 404, 405, 414, 422, 501}

TRICKS = {
    "no token": request(READ),
    "a double slash": request("GET //v1/jurisdictions/OR HTTP/1.1"),
    "slashes within": request("GET /v1//jurisdictions///OR HTTP/1.1"),
    "up from a public page": request("GET /problems/../v1/jurisdictions/OR HTTP/1.1"),
    "up, in percent": request("GET /problems/%2e%2e/v1/jurisdictions/OR HTTP/1.1"),
    "up, twice encoded": request("GET /problems/%252e%252e/v1/jurisdictions/OR HTTP/1.1"),
    "a slash in percent": request("GET /livez%2f..%2fv1%2fjurisdictions%2fOR HTTP/1.1"),
    "a backslash": request("GET /livez\\..\\v1\\jurisdictions\\OR HTTP/1.1"),
    "a path parameter": request("GET /livez;/v1/jurisdictions/OR HTTP/1.1"),
    "a fragment": request("GET /v1/jurisdictions/OR#/livez HTTP/1.1"),
    "a zero byte": request("GET /v1/jurisdictions/OR%00 HTTP/1.1"),
    "a zero byte before": request("GET /livez%00/v1/jurisdictions/OR HTTP/1.1"),
    "overlong UTF-8": request("GET /problems/%c0%ae%c0%ae/v1/jurisdictions/OR HTTP/1.1"),
    "half a character": request("GET /v1/jurisdictions/%e2%82 HTTP/1.1"),
    "a surrogate": request("GET /v1/jurisdictions/%ed%a0%80 HTTP/1.1"),
    "bytes above ASCII": request("GET /v1/jurisdictions/\xff\xfe HTTP/1.1"),
    "an absolute target": request("GET http://sojourn.example.org/v1/jurisdictions/OR HTTP/1.1"),
    "an absolute target elsewhere": request("GET http://localhost/v1/jurisdictions/OR HTTP/1.1"),
    "an asterisk": request("OPTIONS * HTTP/1.1"),
    "a tunnel": request("CONNECT sojourn.example.org:443 HTTP/1.1"),
    "another path in a header": request("GET /nowhere HTTP/1.1", "X-Original-URL: /livez", "X-Rewrite-URL: /livez"),
    "this path in a header": request("GET /nowhere HTTP/1.1", "X-Original-URL: /v1/jurisdictions/OR"),
    "another method in a header": request("POST /livez HTTP/1.1", "X-HTTP-Method-Override: GET", "Content-Length: 0"),
    "a prefix in a header": request(READ, "X-Forwarded-Prefix: /livez", "X-Script-Name: /livez"),
    "a client in a header": request(READ, "X-Forwarded-For: 127.0.0.1", "X-Real-IP: 127.0.0.1"),
    "two tokens, the first holds": request(READ, GOOD, BAD),
    "two tokens, the second holds": request(READ, BAD, GOOD),
    "two hosts": request(READ, GOOD, "Host: other.example.org"),
    "a folded header": request(READ, "X-One: a", " Authorization: Bearer {token}"),
    "a folded token": request(READ, "Authorization: Bearer", "  {token}x"),
    "a blank before the colon": request(READ, "Authorization : Bearer {token}"),
    "a token in the address": request("GET /v1/jurisdictions/OR?access_token={token}&token={token} HTTP/1.1"),
    "a token in a cookie": request(READ, "Cookie: __Host-sojourn={token}; Authorization=Bearer {token}"),
    "a zero byte in a header": request(READ, "Authorization: Bearer {token}\0x"),
    "both lengths": request(
        "POST /nowhere HTTP/1.1", "Content-Length: 5", "Transfer-Encoding: chunked", body=b"0\r\n\r\n"
    ),
    "two lengths": request("POST /nowhere HTTP/1.1", "Content-Length: 5", "Content-Length: 6", body=b"abcdef"),
    "a negative length": request("POST /nowhere HTTP/1.1", "Content-Length: -1"),
    "a length in words": request("POST /nowhere HTTP/1.1", "Content-Length: five", body=b"abcde"),
    "a hidden coding": request("POST /nowhere HTTP/1.1", "Transfer-Encoding: xchunked", body=b"0\r\n\r\n"),
    "a coding before chunked": request("POST /nowhere HTTP/1.1", "Transfer-Encoding: chunked, x", body=b"0\r\n\r\n"),
    "a chunk without a size": request("POST /nowhere HTTP/1.1", "Transfer-Encoding: chunked", body=b"zz\r\nabc\r\n"),
    "no request": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\r\n\r\n",
    "another protocol": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "an upgrade": request(READ, "Upgrade: websocket", "Sec-WebSocket-Version: 13", "Sec-WebSocket-Key: eHh4eHh4eHg="),
}


class Served(NamedTuple):
    base: str
    token: str


@pytest.fixture
def real(services: Services, make_token: Callable[..., str]) -> Iterator[Served]:
    with served(create_app(services), http=Connection, ws="none", proxy_headers=False) as base:
        yield Served(base, make_token())


def test_tricks_with_paths_and_headers_open_nothing_and_break_nothing(real: Served) -> None:
    with_token = request(READ, GOOD).replace(b"{token}", real.token.encode())
    assert talk(real.base, with_token).status == 200, "it is there for whom it is"
    answered = {
        name: talk(real.base, said.replace(b"{token}", real.token.encode())).status for name, said in TRICKS.items()
    }
    assert not {name: status for name, status in answered.items() if status not in REFUSED}
    assert talk(real.base, with_token).status == 200, "and it serves on"


def test_no_second_request_is_smuggled_in_the_body_of_a_first(real: Served) -> None:
    inner = f"GET /v1/jurisdictions/OR HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {real.token}\r\n\r\n".encode()
    for headers in (
        [f"Content-Length: {len(inner)}", "Transfer-Encoding: chunked"],
        ["Transfer-Encoding: chunked", f"Content-Length: {len(inner)}"],
        [f"Content-Length: {len(inner)}", "Transfer-Encoding: identity"],
        ["Content-Length: 0", f"Content-Length: {len(inner)}"],
        [f"Content-Length: {len(inner)}", "Content-Length : 0"],
    ):
        lines = ["POST /nowhere HTTP/1.1", "Host: x", *headers, "", ""]
        answer = talk(real.base, "\r\n".join(lines).encode() + b"0\r\n\r\n" + inner)
        assert answer.status == 400, headers
        assert b"HTTP/1.1" not in answer.body, "one answer to one request"


def test_serve_runs_with_these_limits() -> None:
    config = uvicorn.Config("api.cli.serve:worker", **serve._server("127.0.0.1", 8000))
    config.load_app = lambda: None
    config.load()
    assert config.http_protocol_class is Connection
    assert config.ws_protocol_class is None
    assert not config.proxy_headers


async def _client(request: Request) -> Response:
    assert request.client is not None
    return PlainTextResponse(f"{request.client.host} {request.url.scheme}")


@pytest.mark.parametrize(
    ("trusted", "told"),
    [
        ("", "127.0.0.1 http"),
        ("10.0.0.0/8", "127.0.0.1 http"),
        ("127.0.0.1", "192.0.2.9 https"),
        ("127.0.0.0/8,192.0.2.0/24", "198.51.100.4 https"),
    ],
)
def test_only_a_proxy_that_is_named_says_for_whom_it_speaks(trusted: str, told: str) -> None:
    """What stands on the left of ``X-Forwarded-For`` is the client's own word, and is believed of nobody."""
    named = serve._server("", 0, trusted)
    how = {name: named[name] for name in ("http", "ws", "proxy_headers", "forwarded_allow_ips")}
    with served(Starlette(routes=[Route("/", _client)]), **how) as base:
        forwarded = ("X-Forwarded-For: 203.0.113.1, 198.51.100.4, 192.0.2.9", "X-Forwarded-Proto: https")
        assert talk(base, request("GET / HTTP/1.1", *forwarded)).body.decode() == told
