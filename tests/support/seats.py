"""Somebody who has signed in and looks at pages, without a browser."""

from __future__ import annotations

import html
import re

import httpx2
from starlette.testclient import TestClient

from support.signing_in import People

ANA = "ana@ode.example.org"


class Seated:
    """Loads pages and sends forms as whoever these headers are of."""

    def __init__(self, client: TestClient, headers: dict[str, str]) -> None:
        self._client = client
        self._headers = headers

    def page(self, path: str, status: int = 200) -> str:
        """A page's text, once it has this status."""
        self._client.cookies.clear()
        answer = self._client.get(path, headers={**self._headers, "Accept": "text/html"}, follow_redirects=False)
        assert answer.status_code == status, (path, answer.status_code, answer.text)
        return html.unescape(answer.text)

    def sends(self, path: str, **fields: str) -> httpx2.Response:
        self._client.cookies.clear()
        headers = {**self._headers, "Accept": "text/html"}
        return self._client.post(path, data=fields, headers=headers, follow_redirects=False)

    def does(self, path: str, **fields: str) -> str:
        """Send a form that is taken; the address that it leads to."""
        answer = self.sends(path, **fields)
        assert answer.status_code == 303, (path, answer.status_code, answer.text)
        return answer.headers["Location"]


class Sits:
    """Seats people: by the address, the role and the state of an account; Oregon's Ana where nothing is said."""

    def __init__(self, people: People) -> None:
        self._people = people

    def __call__(self, email: str = ANA, role: str = "state_data_administrator", state: str | None = "OR") -> Seated:
        return Seated(self._people.client, self._people.person(email, role, state))


def text_of(page: str) -> str:
    """What a page says, without its markup."""
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", page))
