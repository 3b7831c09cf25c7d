"""The layer that refuses who asks too often, or tries too many secrets, before anything else is done for him.

Invariant: on the way of a busy caller stand a digest and a dictionary, and no database. Whose credential has held has a
bucket of his own. Everybody else shares that of his address, also with a credential that nobody has looked at yet: else
each made-up token would bring a bucket of its own. What is kept of a credential is a digest, of an address the address;
neither is logged, and what is counted is the kind of a refusal alone.
"""

from __future__ import annotations

import ipaddress
import time
from collections.abc import Callable
from dataclasses import dataclass
from hashlib import blake2b
from typing import Final

from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.cookies import session_value
from api.problems import NotSignedIn, TooOften
from api.rates import Buckets
from ledger import telemetry

GUESSED: Final = ("/sign-in", "/v1/applications", "/v1/me/family-grants", "/my-children/codes", "/me/family")
"""Beginnings of paths where somebody without a credential may try secrets: passwords, one-time codes, who has an
account. Each request there that no credential stands behind costs a try."""
FREE: Final = frozenset({"/livez"})
"""Never refused: who may not hear that the process lives ends it. It touches nothing."""
FAILED_TRIES: Final = 5
"""What a secret that did not hold costs in tries, beyond the request itself."""
STRAY_REQUESTS: Final = 10
"""What a request costs that needed a credential and had none."""
_FAILED: Final = "sojourn.failed"


@dataclass(frozen=True, slots=True)
class Limits:
    """requests: by caller. tries: of secrets, by address; None: not counted. clock: seconds, never going back."""

    requests: Buckets
    tries: Buckets | None
    clock: Callable[[], float] = time.monotonic


def limits(
    per_second: int, burst: int, tries_per_minute: int, clock: Callable[[], float] = time.monotonic
) -> Limits | None:
    """What the settings come to; None where ``per_second`` is 0, which switches all of it off.

    Tries may come all at once up to those of two minutes: an office whose people share one address signs in at eight.
    """
    if not per_second:
        return None
    tries = Buckets(tries_per_minute / 60, 2 * tries_per_minute) if tries_per_minute else None
    return Limits(Buckets(per_second, max(burst, 1)), tries, clock)


def failed(request: Request) -> None:
    """Say that the secret of this request did not hold, where the answer is not a 401: a form that is shown again."""
    request.scope[_FAILED] = True


class RateLimit:
    """A plain ASGI layer. Raises TooOften, which the edge around it answers."""

    def __init__(self, app: ASGIApp, *, limits: Limits) -> None:
        self._app = app
        self._requests = limits.requests
        self._tries = limits.tries
        self._clock = limits.clock

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"] in FREE:
            await self._app(scope, receive, send)
            return
        credential = _credential(scope)
        known = credential is not None and credential in self._requests
        self._admit(scope, credential, known=known)
        status = 0

        async def watched(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self._app(scope, receive, watched)
        except NotSignedIn:
            status = 401
            raise
        finally:
            if status == 401 or _FAILED in scope:
                self._failed(scope, credential)
            elif not known and credential is not None and "sojourn.principal" in scope:
                self._requests.spend(credential, self._clock())  # it has held: from now on with a bucket of its own

    def _admit(self, scope: Scope, credential: bytes | None, *, known: bool) -> None:
        """Raises TooOften."""
        now = self._clock()
        if known:
            if wait := self._requests.take(credential, now):
                raise _too_often("caller", wait)
            return
        address = _address(scope)
        if wait := self._requests.take(address, now):
            raise _too_often("address", wait)
        if self._tries is None:
            return
        if _is_guessed(scope["path"]):
            if wait := self._tries.take(address, now):
                raise _too_often("tries", wait)
        elif credential is not None and (wait := self._tries.wait(address, now)):
            raise _too_often("tries", wait)

    def _failed(self, scope: Scope, credential: bytes | None) -> None:
        now = self._clock()
        address = _address(scope)
        if credential is None and _FAILED not in scope and not _is_guessed(scope["path"]):
            self._requests.spend(address, now, STRAY_REQUESTS)
            return
        if credential is not None:
            self._requests.forget(credential)
        if self._tries is not None:
            self._tries.spend(address, now, FAILED_TRIES)


def _too_often(kind: str, wait_s: float) -> TooOften:
    telemetry.HTTP_RATE_REFUSALS.labels(kind).inc()
    if kind == "tries":
        return TooOften("Too many tries from this address.", remedy=_WAIT, after_s=wait_s)
    return TooOften("Too many requests in a short time.", remedy=_WAIT, after_s=wait_s)


_WAIT: Final = "Wait as many seconds as Retry-After says, then go on."


def _is_guessed(path: str) -> bool:
    return path.startswith(GUESSED) and any(path == begin or path.startswith(f"{begin}/") for begin in GUESSED)


def _credential(scope: Scope) -> bytes | None:
    """Digest of what the request signs in with: its bearer token, else its session's cookie; None for neither.

    Of the secret alone: what may stand around it would bring one caller as many buckets as he likes.
    """
    cookie: bytes | None = None
    for name, value in scope["headers"]:
        if name == b"authorization":
            scheme, _, secret = value.partition(b" ")
            if scheme.lower() == b"bearer":
                return blake2b(secret.strip(), digest_size=16).digest()
        elif name == b"cookie":
            cookie = value
    session = session_value(cookie) if cookie is not None else None
    return blake2b(session, digest_size=16, person=b"session").digest() if session else None


def _address(scope: Scope) -> str:
    """Of whoever is at the other end, or said to be by a proxy that is trusted (``SOJOURN_TRUSTED_PROXIES``).

    Of IPv6 the first 64 bits: the others are the host's own to choose, as often as it likes (RFC 4291 2.5.4).
    """
    client = scope.get("client")
    if client is None:
        return ""  # over a unix socket
    try:
        address = ipaddress.ip_address(client[0])
    except ValueError:
        return "unknown"
    if isinstance(address, ipaddress.IPv6Address):
        if address.ipv4_mapped is not None:
            return str(address.ipv4_mapped)
        return str(int(address) >> 64)
    return str(address)
