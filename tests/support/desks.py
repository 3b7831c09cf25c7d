"""People before the console without a browser: they load a page, and press what stands on it."""

from __future__ import annotations

import html
import re
from typing import Any

import httpx2
from starlette.testclient import TestClient

from support.signing_in import People, Visitor


class Desk(Visitor):
    """Somebody who has signed in. language: that his browser prefers."""

    def __init__(self, client: TestClient, headers: dict[str, str], language: str = "en") -> None:
        super().__init__(client)
        name, _, secret = headers["Cookie"].partition("=")
        self.cookies[name] = secret
        self.language = language

    def ask(self, method: str, path: str, **more: Any) -> httpx2.Response:
        headers = {"Accept": "text/html", "Accept-Language": self.language} | dict(more.pop("headers", {}))
        return super().ask(method, path, headers=headers, **more)

    def hidden(self, page: str, action: str) -> dict[str, str]:
        """What a form of a page sends beside what is typed. action: of the form."""
        text = self.get(page).text
        for found, content in re.findall(r'<form method="post" action="([^"]*)">(.*?)</form>', text, re.DOTALL):
            if found == action:
                fields = re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)"', content)
                return {name: html.unescape(value) for name, value in fields}
        raise AssertionError(f"{page} has no form that is sent to {action}")

    def presses(self, page: str, to: str, /, **typed: str) -> httpx2.Response:
        """Type into a form of a page, which is sent to an address, and send it."""
        return self.ask("POST", to, data=self.hidden(page, to) | typed)

    def offers(self, page: str, action: str) -> bool:
        """Whether a page has a form that is sent to this address."""
        return f'action="{action}"' in self.get(page).text


def desk(people: People, email: str, role: str, state: str | None = None, **place: str) -> Desk:
    """Of somebody with an account and this role."""
    return Desk(people.client, people.person(email, role, state, **place))


def at(answer: httpx2.Response) -> str:
    """Where a form has led to, without what stands behind ``?``."""
    assert answer.status_code == 303, answer.text
    return answer.headers["Location"].partition("?")[0]
