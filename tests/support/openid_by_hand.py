"""A provider whose every word a test writes: real HTTP on loopback, tokens signed by the test's own keys.

What a well-behaved provider never does (sign for somebody else, answer without end, name another issuer) is said by
this one. What it is asked is counted.
"""

from __future__ import annotations

import asyncio
import base64
import json
import threading
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, TypeVar
from urllib.parse import parse_qsl

from joserfc.jwk import ECKey, OKPKey, RSAKey

from api.oidc import OpenId
from api.oidc.keys import ALGORITHMS, Key
from api.oidc.refusals import REASONS
from api.oidc.registration import Client, Registration
from api.problems import NotSignedIn
from ledger import telemetry
from support.openid import AUDIENCE, CLIENT_ID, CLIENT_SECRET, REDIRECT

NOW = datetime(2028, 2, 29, 12, 0, tzinfo=UTC)
SEAL_KEY = bytes(range(32))
RSA = RSAKey.generate_key(2048, {"kid": "rsa"})
OTHER_RSA = RSAKey.generate_key(2048, {"kid": "rsa"})
EC = ECKey.generate_key("P-256", {"kid": "ec"})
ED = OKPKey.generate_key("Ed25519", {"kid": "ed"})
KINDS: Mapping[str, Key] = {"RS256": RSA, "PS256": RSA, "ES256": EC, "EdDSA": ED}

Answer = Callable[[BaseHTTPRequestHandler], None]
T = TypeVar("T")


class Clocks:
    """Of a test: the time of day, and the seconds that go by."""

    def __init__(self) -> None:
        self.now = NOW
        self.seconds = 1_000.0


class ProviderByHand:
    """keys: published now. document: members that differ from a sound one's. answers: path to what is done there
    instead. asked: how often each path was. forms: posted to the token endpoint. tokens: what that gives."""

    def __init__(self, port: int = 0) -> None:
        self.keys: list[Key] = [RSA, EC, ED]
        self.document: dict[str, Any] = {}
        self.answers: dict[str, Answer] = {}
        self.asked: Counter[str] = Counter()
        self.forms: list[dict[str, str]] = []
        self.tokens: tuple[int, dict[str, Any]] = (400, {"error": "invalid_grant"})
        self._server = ThreadingHTTPServer(("127.0.0.1", port), self._handler())
        self._server.daemon_threads = True
        self.port: int = self._server.server_address[1]
        self.issuer = f"http://127.0.0.1:{self.port}/hand"
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01})
        self._thread.start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    @property
    def registration(self) -> Registration:
        return Registration(self.issuer, AUDIENCE, Client(CLIENT_ID, CLIENT_SECRET, REDIRECT))

    def claims(self, **more: Any) -> dict[str, Any]:
        """Of a sound access token; ``None`` leaves one out."""
        at = int(NOW.timestamp())
        sound = {"iss": self.issuer, "aud": AUDIENCE, "sub": "u-1", "iat": at, "exp": at + 300}
        return {name: value for name, value in {**sound, **more}.items() if value is not None}

    def token(self, key: Key = RSA, algorithm: str = "RS256", header: Mapping[str, Any] = {}, **claims: Any) -> str:
        """A signed access token, sound but for what is given."""
        whole = {"alg": algorithm, "typ": "at+jwt", "kid": key.kid, **header}
        signed = joined({name: value for name, value in whole.items() if value is not None}, self.claims(**claims))
        return f"{signed}.{base64url(ALGORITHMS[algorithm].sign(signed.encode(), key))}"

    def id_token(self, nonce: str, **claims: Any) -> str:
        return self.token(header={"typ": None}, **{"aud": CLIENT_ID, "nonce": nonce, **claims})

    def _sound(self, path: str) -> dict[str, Any]:
        if path == "/hand/keys":
            return {"keys": [key.as_dict(private=False) for key in self.keys]}
        return {
            "issuer": self.issuer,
            "jwks_uri": f"{self.issuer}/keys",
            "authorization_endpoint": f"{self.issuer}/auth",
            "token_endpoint": f"{self.issuer}/token",
            "code_challenge_methods_supported": ["S256"],
            **self.document,
        }

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        told = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self._do(200, lambda: told._sound(self.path))

            def do_POST(self) -> None:
                form = self.rfile.read(int(self.headers["Content-Length"])).decode()
                given = {**dict(parse_qsl(form)), "authorization": self.headers.get("Authorization", "")}
                told.forms.append(given)
                status, answer = told.tokens
                self._do(status, lambda: answer)

            def _do(self, status: int, sound: Callable[[], dict[str, Any]]) -> None:
                told.asked[self.path] += 1
                with suppress(OSError):  # whoever asked may have gone: that is what some tests are about
                    if special := told.answers.get(self.path):
                        special(self)
                    else:
                        answer(self, json.dumps(sound()).encode(), status)

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name is the base's
                pass

        return Handler


def answer(handler: BaseHTTPRequestHandler, body: bytes, status: int = 200, **headers: str) -> None:
    """headers: with ``_`` for ``-``."""
    handler.send_response(status)
    for name, value in {"Content-Length": str(len(body)), **headers}.items():
        handler.send_header(name.replace("_", "-"), value)
    handler.end_headers()
    handler.wfile.write(body)


@contextmanager
def provider_by_hand(port: int = 0) -> Iterator[ProviderByHand]:
    """One that serves for as long as the block runs."""
    running = ProviderByHand(port)
    try:
        yield running
    finally:
        running.close()


def asking(registration: Registration, work: Callable[[OpenId], Awaitable[T]], clocks: Clocks | None = None) -> T:
    """What a piece of work with a fresh ``OpenId`` gives."""
    at = clocks or Clocks()

    async def run() -> T:
        open_id = OpenId(registration, seal_key=SEAL_KEY, clock=lambda: at.now, monotonic=lambda: at.seconds)
        try:
            return await work(open_id)
        finally:
            await open_id.aclose()

    return asyncio.run(run())


async def reason(awaited: Awaitable[object]) -> str | None:
    """Why it was refused, which must have been counted too; None where it was not refused."""
    before = {name: _counted(name) for name in REASONS}
    try:
        await awaited
    except NotSignedIn as e:
        refused = e
    else:
        return None
    found = next(name for name, words in REASONS.items() if words.what == refused.what)
    assert refused.remedy == REASONS[found].remedy
    assert {name for name in REASONS if _counted(name) > before[name]} == {found}
    return found


def joined(header: object, claims: object) -> str:
    """The part of a token that is signed."""
    return ".".join(base64url(json.dumps(part).encode()) for part in (header, claims))


def base64url(octets: bytes) -> str:
    return base64.urlsafe_b64encode(octets).decode().rstrip("=")


def _counted(name: str) -> float:
    return telemetry.REGISTRY.get_sample_value("sign_in_refusals_total", {"reason": name}) or 0.0
