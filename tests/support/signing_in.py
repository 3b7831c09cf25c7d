"""People who sign in at the service itself: a browser's part of it, and how somebody comes to an account."""

from __future__ import annotations

import html
import re
import uuid
from collections.abc import Callable
from datetime import timedelta
from http.cookies import SimpleCookie
from typing import Any, Final, Protocol

import httpx2
from pyotp.totp import TOTP
from starlette.testclient import TestClient

from api.cookies import COOKIE
from api.csrf import csrf_token
from api.entering import begin
from ledger.account_acts import AcceptRules, GrantRole
from ledger.accounts import RULES_EDITION
from ledger.applications import Apply
from ledger.events import Meta
from ledger.events.application import AskedRole
from support.admitting import DESK, LUIS, NATION, ROSA, admitted, applying, trained

PASSWORD: Final = "violet kettle orbit lantern"
OTHER_PASSWORD: Final = "seven copper marble harbours"


class Clock(Protocol):
    """A clock that a test sets."""

    now: Any


SEEN = {"reason": "Seen at the office."}


class Visitor:
    """A browser: keeps the cookies that it is given, and sends forms from the pages of this site.

    site: what it says of where its requests come from; None: nothing, as a program.
    """

    def __init__(self, client: httpx2.Client) -> None:
        self._client = client
        self.cookies: dict[str, str] = {}
        self.site: str | None = "same-origin"

    def ask(self, method: str, path: str, **more: Any) -> httpx2.Response:
        headers = dict(more.pop("headers", {}))
        if self.cookies:
            headers["Cookie"] = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        if self.site is not None:
            headers.setdefault("Sec-Fetch-Site", self.site)
        answer = self._client.request(method, path, headers=headers, follow_redirects=False, **more)
        self._client.cookies.clear()
        for line in answer.headers.get_list("set-cookie"):
            for name, morsel in SimpleCookie(line).items():
                self.cookies.pop(name, None)
                if morsel.value:
                    self.cookies[name] = morsel.value
        return answer

    def get(self, path: str, **more: Any) -> httpx2.Response:
        return self.ask("GET", path, **more)

    def fills(self, path: str, **fields: str) -> httpx2.Response:
        """Load the page of a form, and send it with the hidden fields that it holds."""
        page = self.get(path)
        hidden = dict(re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)"', page.text))
        return self.posts(path, **{name: html.unescape(value) for name, value in hidden.items()} | fields)

    def posts(self, path: str, **fields: str) -> httpx2.Response:
        return self.ask("POST", path, data=fields)

    def sends(self, method: str, path: str, json: Any, **headers: str) -> httpx2.Response:
        """What a script of this site would send."""
        token = self.get("/v1/me").json()["session"]["csrf"]
        return self.ask(method, path, json=json, headers={"Sojourn-CSRF": token, **headers})


class Official(Visitor):
    """A person with an account and a role, and what she signs in with. secret: of her second factor."""

    def __init__(self, client: TestClient, clock: Clock, email: str, account: str) -> None:
        super().__init__(client)
        self._clock = clock
        self.email = email
        self.account = account
        self.secret = ""
        self.recovery: list[str] = []

    def code(self, later_s: int = 0) -> str:
        """That her app shows."""
        return TOTP(self.secret).at(self._clock.now + timedelta(seconds=later_s))

    def begins(self, code: str, password: str = PASSWORD) -> httpx2.Response:
        return self.posts("/sign-in/first", email=self.email, code=code, password=password)

    def adds_second_factor(self) -> httpx2.Response:
        page = self.get("/second-factor")
        found = re.search(r"<code>([A-Z2-7]{32})</code>", page.text)
        assert found is not None, page.text
        self.secret = found[1]
        token: str = re.findall(r'name="csrf" value="([^"]+)"', page.text)[0]
        answer = self.posts("/second-factor", code=self.code(), csrf=token)
        self.recovery = re.findall(r"<code>([^<]+)</code>", answer.text)
        return answer

    def accepts_rules(self) -> httpx2.Response:
        return self.fills("/rules/acceptance", edition=RULES_EDITION)

    def signs_in(self, password: str = PASSWORD) -> httpx2.Response:
        """With password and code at once, a step later than any code before."""
        self._clock.now += timedelta(seconds=60)
        return self.posts("/sign-in", email=self.email, password=password, code=self.code())


class People:
    """Who works here, over a service in this process whose ledger has the test's clock."""

    def __init__(self, client: TestClient, services: Any, clock: Clock, make_token: Callable[..., str]) -> None:
        self.client = client
        self.ledger = services.ledger
        self.clock = clock
        self.services = services
        self._make_token = make_token

    def visitor(self) -> Visitor:
        return Visitor(self.client)

    def bearer(self, role: str, state: str | None = None, **more: Any) -> dict[str, str]:
        """Headers of a token's holder."""
        return {"Authorization": f"Bearer {self._make_token(role, state, **more)}"}

    def person(self, email: str, role: str, state: str | None = None, **place: str) -> dict[str, str]:
        """Headers of somebody with an account and this role, in a session that the provider's sign-in began."""
        admissions, services = self.ledger.admissions, self.services
        asked, today = (
            AskedRole(role=role, organisation="Hood River School", state=state, **place),
            admissions.today(state),
        )
        commands = [GrantRole(by=NATION.name, role=asked), trained(today)]
        account = str(admissions.open(email, "Rosa Núñez", commands, Meta(actor=NATION.name)).ids["account"])
        accept = AcceptRules(by=email, edition=RULES_EDITION, on=today)
        admissions.act(account, accept, Meta(actor=email))
        made = begin(services, uuid.UUID(account), "oidc", None)
        token = csrf_token(str(made.session.id), services.csrf_key)
        return {"Cookie": f"{COOKIE}={made.secret}", "Sec-Fetch-Site": "same-origin", "Sojourn-CSRF": token}

    def ask(self, headers: dict[str, str], method: str, path: str, json: Any = None, **more: Any) -> httpx2.Response:
        """As whoever these headers are of. more: further headers."""
        self.client.cookies.clear()
        body: dict[str, Any] = {} if method == "GET" else {"json": {} if json is None else json}
        return self.client.request(method, path, headers={**headers, **more}, **body)

    def admitted(self, apply: Apply | None = None) -> Official:
        """Somebody with a role, whom the nation approved, and no password yet."""
        apply = apply or applying()
        account = admitted(self.ledger.admissions, apply, NATION)
        return Official(self.client, self.clock, apply.email, account)

    def code_for(self, account: str) -> str:
        """For the first sign-in, from the nation's user administrator."""
        given = self.ask(
            self.bearer("user_administrator"),
            "POST",
            f"/v1/accounts/{account}/sign-in-codes",
            SEEN,
        )
        assert given.status_code == 201, given.text
        return given.json()["code"]

    def begun(self, apply: Apply | None = None) -> Official:
        """Who has shown a password and no second factor yet."""
        official = self.admitted(apply)
        answer = official.begins(self.code_for(official.account))
        assert answer.status_code == 303, answer.text
        return official

    def with_second_factor(self, apply: Apply | None = None) -> Official:
        """Who has yet to accept the rules."""
        official = self.begun(apply)
        answer = official.adds_second_factor()
        assert answer.status_code == 200, answer.text
        return official

    def official(self, apply: Apply | None = None) -> Official:
        """Who is in, under her role."""
        official = self.with_second_factor(apply)
        answer = official.accepts_rules()
        assert answer.status_code == 303, answer.text
        return official


def refused(answer: httpx2.Response) -> tuple[int, str]:
    """Status and problem type of an answer that is a problem."""
    assert answer.headers["Content-Type"] == "application/problem+json", (answer.status_code, answer.text)
    return answer.status_code, answer.json()["type"].removeprefix("/problems/")


def body_of(email: str = ROSA, **more: Any) -> dict[str, Any]:
    """Of an application for a role in Oregon."""
    return {
        "kind": "exchange",
        "email": email,
        "name": "Rosa Núñez",
        "title": "Registrar",
        "address": "1 School Road, Hood River, OR 97031",
        "phone": "503-555-0101",
        "role": "secondary_user",
        "organisation": "Hood River School",
        "state": "OR",
        "supervisor": "Luis Ortega",
        "supervisor_email": LUIS,
    } | more


__all__ = ["DESK", "OTHER_PASSWORD", "PASSWORD", "Official", "People", "Visitor", "body_of", "refused"]
