"""One connection, and how much of it is read before anybody knows what is asked: uvicorn's own protocol, with an end.

Invariant: the head of a request (its first line and headers) is bounded in bytes, in lines and in time, so that nobody
keeps memory or a connection by never coming to the point. uvicorn bounds neither. What cannot be read is answered in
the one shape of errors, and the connection ends: of what follows nobody knows where it begins.
"""

from __future__ import annotations

import asyncio
from http import HTTPStatus
from typing import Any, Final

import orjson
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from api.edge import SECURITY_HEADERS

HEAD_BYTES_MAX: Final = 32 * 1024
"""Ours need 2 KB; a browser with many cookies of a domain may need more."""
TARGET_BYTES_MAX: Final = 8 * 1024
"""As long as RFC 9112 3 asks everybody to take."""
HEADERS_MAX: Final = 100
HEAD_S: Final = 15.0
"""From the first byte of a head, or from when the connection was made, to the head's end."""

_WORDS: Final = {
    400: ("bad-request", "The request is not HTTP, or contradicts itself.", ""),
    408: ("request-too-slow", "The request did not come in time.", "Send it again."),
    414: ("bad-request", "The address is too long.", f"Send at most {TARGET_BYTES_MAX:,} bytes; a search is a POST."),
    431: ("bad-request", "The headers are too many, or too long.", f"Send at most {HEADERS_MAX}."),
}


class Connection(HttpToolsProtocol):
    """head_s: how long a head may take; a test sets it lower."""

    head_s = HEAD_S

    def __init__(self, *arguments: Any, **more: Any) -> None:
        super().__init__(*arguments, **more)
        self._in_head = False
        self._head_bytes = 0
        self._refusal = 400
        self._late: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:
        super().connection_made(transport)
        self._late = self.loop.call_later(self.head_s, self._too_late)

    def connection_lost(self, exc: Exception | None) -> None:
        self._in_time()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        was_in_head = self._in_head
        super().data_received(data)
        if not self._in_head:
            if self._late is not None:
                self._in_time()
            return
        # A head that is not whole yet. It came with the end of what was before it, unless it had begun before.
        self._head_bytes = self._head_bytes + len(data) if was_in_head else 0
        if self._head_bytes > HEAD_BYTES_MAX:
            self._refuse(431)
        elif self._late is None:
            self._late = self.loop.call_later(self.head_s, self._too_late)

    def on_message_begin(self) -> None:
        self._in_head = True
        self._head_bytes = 0
        super().on_message_begin()

    def on_url(self, url: bytes) -> None:
        super().on_url(url)
        if len(self.url) > TARGET_BYTES_MAX:
            self._refusal = 414
            raise ValueError

    def on_header(self, name: bytes, value: bytes) -> None:
        super().on_header(name, value)
        if len(self.headers) > HEADERS_MAX or len(name) + len(value) > HEAD_BYTES_MAX:
            self._refusal = 431
            raise ValueError

    def on_headers_complete(self) -> None:
        self._in_head = False
        super().on_headers_complete()

    def send_400_response(self, msg: str) -> None:  # noqa: ARG002 - the words are ours
        """Called for what the parser refuses, and for what the methods above raise in it."""
        self._refuse(self._refusal)

    def _refuse(self, status: int) -> None:
        self._in_head = False
        self._in_time()
        if self.transport.is_closing():
            return
        if self.cycle is None or self.cycle.response_complete or not self.cycle.response_started:
            # Else an answer is on its way, and this one would stand in its middle.
            self.transport.write(_answer(status))
        self.transport.close()

    def _too_late(self) -> None:
        self._late = None
        if self._in_head:
            self._refuse(408)
        elif not self.transport.is_closing():
            self.transport.close()  # it said nothing at all

    def _in_time(self) -> None:
        if self._late is not None:
            self._late.cancel()
            self._late = None


def _answer(status: int) -> bytes:
    code, detail, remedy = _WORDS[status]
    title = HTTPStatus(status).phrase
    problem = {"type": f"/problems/{code}", "title": title, "status": status, "detail": detail}
    body = orjson.dumps({**problem, "remedy": remedy} if remedy else problem)
    headers = (
        (b"content-type", b"application/problem+json"),
        (b"content-length", str(len(body)).encode()),
        (b"cache-control", b"no-store"),
        (b"connection", b"close"),
        *SECURITY_HEADERS,
    )
    first = f"HTTP/1.1 {status} {title}\r\n".encode()
    return first + b"".join(name + b": " + value + b"\r\n" for name, value in headers) + b"\r\n" + body
