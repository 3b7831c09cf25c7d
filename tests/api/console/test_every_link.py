"""Whoever sits in whichever seat: every link on every page leads to a page, and every form to a route."""

from __future__ import annotations

import re
from collections import Counter, deque
from collections.abc import Iterator
from datetime import date
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from urllib.parse import urldefrag, urlsplit

import pytest
from starlette.routing import Match
from starlette.testclient import TestClient

from api.app import create_app
from api.practice import SEATS, Seat
from api.services import Services
from ledger.intake.sample import write_samples
from ledger.intake.submission import submit
from ledger.reactors.matching import MatcherRunner
from ledger.store.database import Database
from support.signing_in import Visitor

EACH = 2
"""Pages of one kind that are looked at: one child's record is like another's."""
KINDS_OF_FILES = (
    "application/json",
    "text/css",
    "text/javascript",
    "image/",
    "text/plain",
    "text/csv",
    "application/pdf",
)


class _Page(HTMLParser):
    def __init__(self, text: str) -> None:
        super().__init__()
        self.links: list[str] = []
        self.forms: list[tuple[str, str]] = []
        self.ids: Counter[str] = Counter()
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        if tag in ("a", "link", "script", "img"):
            self.links += [given[name] for name in ("href", "src") if given.get(name)]
        if tag == "form":
            self.forms.append((given.get("method", "get").upper(), given.get("action", "")))
        if "id" in given:
            self.ids[given["id"]] += 1


@pytest.fixture
def client(services: Services, projectors: object, database: Database, tmp_path: Path) -> Iterator[TestClient]:
    """A practice space with children of three states."""
    services.practice = True
    services.limits = None
    ledger = services.ledger
    for file in write_samples(tmp_path, ["OR", "CA", "TX"], 30, 11, date(2025, 9, 2)):
        submit(ledger, file, "practice")
    MatcherRunner(ledger.matcher, database, ledger.log).run(ledger.log.head())
    with TestClient(create_app(services)) as made:
        position = ledger.log.head()
        token = {"Accept": "application/json"}
        while made.get("/readyz", headers=token).json()["projections"]["students"]["position"] < position:
            pass
        yield made


def _template(client: TestClient, path: str, method: str = "GET") -> str | None:
    """The route of a path as the app has it."""
    scope: Any = {"type": "http", "path": path, "method": method, "root_path": "", "headers": []}
    for route in client.app.routes:  # type: ignore[attr-defined]
        if route.matches(scope)[0] is Match.FULL:
            return route.path
    return None


def _walk(client: TestClient, seat: Seat) -> tuple[set[str], list[str]]:
    """Templates of the pages that were seen from a seat, and what is wrong with them."""
    visitor = Visitor(client)
    taken = visitor.posts(f"/practice/{seat.code}")
    assert taken.status_code == 303, (seat, taken.text)
    seen: Counter[str] = Counter()
    wrong: list[str] = []
    asked, waiting = {"/"}, deque(["/"])
    while waiting:
        address = waiting.popleft()
        template = _template(client, urlsplit(address).path)
        if template is None:
            wrong.append(f"{address}: no such route")
            continue
        if seen[template] >= EACH:
            continue
        seen[template] += 1
        answer = visitor.get(address, headers={"Accept": "text/html"})
        kind = answer.headers.get("content-type", "")
        if answer.status_code == 303:
            here: list[str] = [answer.headers["location"]]
        elif answer.status_code != 200:
            wrong.append(f"{address}: {answer.status_code}")
            continue
        elif not kind.startswith("text/html"):
            assert kind.startswith(KINDS_OF_FILES), (address, kind)
            continue
        else:
            page = _Page(answer.text)
            twice = [name for name, times in page.ids.items() if times > 1]
            wrong += [f"{address}: two elements have the id {name}" for name in twice]
            wrong += [
                f"{address}: a form leads to {method} {action}"
                for method, action in page.forms
                if _template(client, urlsplit(action or address).path, method) is None
            ]
            here = page.links
            assert not re.search(r'(?:src|href|action)="(?:https?:)?//', answer.text), address
        for link in here:
            path = urldefrag(link).url
            if path.startswith("/") and path not in asked and not path.startswith("/language/"):
                asked.add(path)
                waiting.append(path)
    return set(seen), [f"{seat.code}: {one}" for one in wrong]


def test_every_link_of_every_seat_leads_somewhere(client: TestClient) -> None:
    found, wrong = set[str](), list[str]()
    for seat in SEATS:
        templates, faults = _walk(client, seat)
        found |= templates
        wrong += faults
    assert not wrong, "\n".join(wrong)
    assert "/students/{id}" in found
