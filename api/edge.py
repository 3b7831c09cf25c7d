"""The outermost layer: what holds for every request, whatever answers it.

Invariant: each request gets an id, a line in the log, a count, and an answer in the one shape of errors. Lines and
counts hold the route's template, never the path or the query: those hold ids of children. A plain ASGI layer, since
it stands in every request's way.
"""

from __future__ import annotations

import asyncio
import random
import re
import time
import uuid
from collections.abc import Iterable
from typing import Final

import structlog
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.problems import BodyTooLarge, TooSlow, Unsent, answer
from ledger import telemetry
from ledger.store import faults

BODY_BYTES_MAX: Final = 10 * 1024 * 1024
FILE_BYTES_MAX: Final = 4 * 1024 * 1024 * 1024
BODY_S: Final = 30.0
BODY_BYTES_S: Final = 1024
"""The slowest pace at which a body may come for long: a connection is not kept by a byte now and then."""
FILES: Final = "/v1/submissions"
"""Where whole files come in, which are never held in memory."""
REQUEST_ID: Final = "sojourn.request_id"
"""Key of the request's id in the ASGI scope."""

_UUID_LIKE: Final = re.compile(rb"[0-9a-fA-F]{8}-?(?:[0-9a-fA-F]{4}-?){3}[0-9a-fA-F]{12}\Z")
CONTENT_SECURITY_POLICY: Final = (
    "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; connect-src 'self'; form-action 'self';"
    " frame-ancestors 'none'; base-uri 'none'"
)
"""Styles, scripts and pictures from here alone, none within a page, and forms that are sent here alone."""
PERMISSIONS_POLICY: Final = ", ".join(
    f"{feature}=()"
    for feature in (
        "accelerometer",
        "browsing-topics",
        "camera",
        "display-capture",
        "geolocation",
        "gyroscope",
        "microphone",
        "payment",
        "usb",
    )
)
SECURITY_HEADERS: Final = (
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    (b"referrer-policy", b"no-referrer"),
    (b"content-security-policy", CONTENT_SECURITY_POLICY.encode()),
    (b"permissions-policy", PERMISSIONS_POLICY.encode()),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"cross-origin-resource-policy", b"same-origin"),
)
"""``no-referrer`` because an address may hold a student's id."""
_OVER_HTTPS: Final = (*SECURITY_HEADERS, (b"strict-transport-security", b"max-age=31536000"))
"""A year of https alone; over plain http nobody may ask for that (RFC 6797 7.2)."""
_NOT_KEPT: Final = (b"cache-control", b"no-store")
"""Of an answer that says nothing of its keeping: problems, receipts, whatever a route forgot."""

_now: Final = time.perf_counter
log = structlog.get_logger()


def request_id_of(request: Request) -> str:
    """The id that this request is known by, in its answer, the log, and the events that it writes."""
    return request.scope[REQUEST_ID]


class Edge:
    """body_bytes_max: a longer body is refused as soon as that is known, by its header or by counting. body_s: how long
    a body may pause, and how long it has beyond the time that its bytes take at ``BODY_BYTES_S``."""

    def __init__(self, app: ASGIApp, *, body_bytes_max: int = BODY_BYTES_MAX, body_s: float = BODY_S) -> None:
        self._app = app
        self._body_s = body_s
        self._body_bytes_max = body_bytes_max

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started = _now()
        bytes_max = FILE_BYTES_MAX if scope["path"] == FILES else self._body_bytes_max
        given, length, fault = _wanted_headers(scope["headers"])
        request_id = scope[REQUEST_ID] = _request_id(given)
        status = 0
        read = 0
        whole = False

        async def counted() -> Message:
            nonlocal read, whole
            if whole:
                return await receive()  # waits for the client to go, as long as the answer takes
            try:
                async with asyncio.timeout(min(self._body_s, self._body_s + read / BODY_BYTES_S + started - _now())):
                    message = await receive()
            except TimeoutError:
                raise TooSlow("The body did not come in time.", remedy="Send it again.") from None
            if message["type"] == "http.request":
                read += len(message.get("body", b""))
                whole = not message.get("more_body", False)
                if read > bytes_max:
                    raise _too_large(bytes_max, close=True)
            return message

        async def stamped(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"] = _stamped(message["headers"], request_id, scope["scheme"])
            await send(message)
            if message["type"] == "http.response.start" or message.get("more_body"):
                if faults.armed("edge.answer-begun"):
                    # uvloop sends a small part at the end of a turn of its loop, and not before it goes on here.
                    await asyncio.sleep(0)
                # The client may have this much; every entry of it is durable.
                faults.point("edge.answer-begun")

        telemetry.HTTP_REQUESTS_RUNNING.inc()
        try:
            _must_fit(length, bytes_max, fault)
            await self._app(scope, counted, stamped)
        except Exception as error:  # the last place that can answer, and keep what the error quotes out of the log
            if status:
                log.exception("broken-answer", request=request_id)
                raise _Broken from None
            response = await answer(Request(scope), error)
            await response(scope, receive, stamped)
        finally:
            telemetry.HTTP_REQUESTS_RUNNING.dec()
            self._tell(scope, status, _now() - started, request_id)

    def _tell(self, scope: Scope, status: int, seconds: float, request_id: str) -> None:
        route = getattr(scope.get("route"), "path", None) or "unmatched"
        method = scope["method"] if scope["method"] in _METHODS else "other"
        _duration(route, method, status).observe(seconds)
        if route not in _QUIET:
            log.info(
                "request",
                route=route,
                method=method,
                status=status,
                duration_ms=round(seconds * 1000, 2),
                request=request_id,
                principal=scope.get("sojourn.principal"),
            )


def _must_fit(length: int | None, bytes_max: int, fault: str | None) -> None:
    if fault is not None:
        raise Unsent(fault, remedy="Send one.")
    if length is not None and length > bytes_max:
        raise _too_large(bytes_max)


def _too_large(bytes_max: int, *, close: bool = False) -> BodyTooLarge:
    error = BodyTooLarge(
        f"The body is larger than {bytes_max // 1024 // 1024:,} MB.",
        remedy="Send one student a request; a whole night's rows go as a file, to /v1/submissions.",
    )
    # A body of unknown length may have no end, so the connection ends. One of known length is left to run out unread:
    # cutting it off could keep the answer from the client.
    error.close = close
    return error


def _stamped(headers: Iterable[tuple[bytes, bytes]], request_id: str, scheme: str) -> list[tuple[bytes, bytes]]:
    """The headers of an answer, with those that every answer has."""
    stamped = [*headers, (b"x-request-id", request_id.encode())]
    for name, _ in headers:
        if name == b"cache-control":
            break
    else:
        stamped.append(_NOT_KEPT)
    stamped += _OVER_HTTPS if scheme == "https" else SECURITY_HEADERS
    return stamped


class _Broken(Exception):
    """An answer broke off after it had begun: the server ends the connection. Without the cause, which was logged."""


_METHODS: Final = frozenset({"GET", "PUT", "POST", "DELETE", "HEAD", "OPTIONS", "PATCH"})
_chance: Final = random.Random()  # noqa: S311 - seeded by the system
_QUIET: Final = frozenset({"/livez", "/readyz", "/metrics"})
"""Asked every few seconds by machines: counted, not told."""
_DURATIONS: Final[dict[tuple[str, str, int], telemetry.Histogram]] = {}


def _duration(route: str, method: str, status: int) -> telemetry.Histogram:
    """The counter of one route, method and status: kept, since finding it costs more than counting."""
    key = (route, method, status)
    found = _DURATIONS.get(key)
    if found is None:
        found = _DURATIONS[key] = telemetry.HTTP_REQUEST_DURATION.labels(route, method, str(status))
    return found


def _wanted_headers(headers: Iterable[tuple[bytes, bytes]]) -> tuple[bytes | None, int | None, str | None]:
    """X-Request-ID and Content-Length; and what is wrong where a header that there is one of comes twice.

    Else who stands before us might go by the first and we by the last (RFC 9110 5.3).
    """
    given = length = fault = None
    authorized = hosted = 0
    for name, value in headers:
        if name == b"x-request-id":
            given = value
        elif name == b"content-length" and value.isdigit():
            length = int(value)
        elif name == b"authorization":
            authorized += 1
        elif name == b"host":
            hosted += 1
    if authorized > 1 or hosted > 1:
        fault = f"There is more than one header {'Authorization' if authorized > 1 else 'Host'}."
    return given, length, fault


def _request_id(given: bytes | None) -> str:
    """The client's own where it looks like a UUID: any other text could be data, and would be in every log."""
    if given is not None and _UUID_LIKE.match(given):
        return given.decode().lower()
    # It tells requests apart and guards nothing, so it need not ask the system for its chance each time.
    return str(uuid.UUID(int=_chance.getrandbits(128), version=4))
