"""Practice space with children of three states, and a walk along every link that somebody in a seat is shown."""

from __future__ import annotations

import os
import re
import time
from collections import Counter, deque
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import date
from html.parser import HTMLParser
from pathlib import Path
from typing import Any, Final, NamedTuple
from urllib.parse import urldefrag, urlsplit

import httpx2
import pytest
from fastapi import FastAPI
from starlette.routing import Match

from api.app import create_app
from api.practice import Seat
from api.services import Services
from ledger.application import Ledger
from ledger.ids import Uuid7Source
from ledger.intake.sample import write_samples
from ledger.intake.submission import submit
from ledger.reactors.matching import MatcherRunner
from ledger.store.database import Database
from ledger.store.embedded import EmbeddedServer
from ledger.store.vault import MasterKey, Vault
from support.databases import MASTER_KEY, copied, with_read_models
from support.services import Clock, following, services_over
from support.serving import served
from support.signing_in import Visitor

EACH: Final = 2
"""Pages of one kind that are looked at: one child's record is like another's."""
FILES: Final = (
    "application/json",
    "text/css",
    "text/javascript",
    "image/",
    "text/plain",
    "text/csv",
    "application/pdf",
)


class Walked(NamedTuple):
    """pages: template of a page's address to the first such address that was seen. wrong: what should not be."""

    pages: dict[str, str]
    wrong: list[str]


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


class Space(NamedTuple):
    """A practice space that is served, and a client of it."""

    app: FastAPI
    client: httpx2.Client


@pytest.fixture
def practice_app(services: Services, projectors: object, database: Database, tmp_path: Path) -> FastAPI:
    """A practice space with children of three states, matched."""
    return _app_with_children(services, database, tmp_path)


@pytest.fixture
def practice(practice_app: FastAPI) -> Iterator[httpx2.Client]:
    """A visitor of it, over a connection, once the read models have followed."""
    with _visited(practice_app) as client:
        yield client


@contextmanager
def open_space(server: EmbeddedServer, folder: Path) -> Iterator[Space]:
    """Such a space for several tests that change nothing of it."""
    with copied(server, with_read_models) as name, ExitStack() as ends:
        database = Database(server.conninfo(name), log_in=True)
        vault = Vault([MasterKey.of(bytes.fromhex(MASTER_KEY))])
        ledger = Ledger(database, vault, Uuid7Source(time.time_ns, os.urandom))
        ends.callback(ledger.close)
        services = services_over(database, ledger, Clock(), folder)
        with following(database, ledger):
            app = _app_with_children(services, database, folder)
            with _visited(app) as client:
                yield Space(app, client)


def _app_with_children(services: Services, database: Database, folder: Path) -> FastAPI:
    services.practice = True
    services.limits = None
    ledger = services.ledger
    for file in write_samples(folder, ["OR", "CA", "TX"], 30, 11, date(2025, 9, 2)):
        submit(ledger, file, "practice")
    MatcherRunner(ledger.matcher, database, ledger.log).run(ledger.log.head())
    return create_app(services)


@contextmanager
def _visited(app: FastAPI) -> Iterator[httpx2.Client]:
    with (
        served(app) as address,
        httpx2.Client(base_url=address.replace("127.0.0.1", "localhost"), timeout=60) as client,
    ):
        while any(one["lag_events"] for one in client.get("/readyz").json()["projections"].values()):
            time.sleep(0.05)
        yield client


def walk(client: httpx2.Client, app: FastAPI, seat: Seat) -> Walked:
    """Take a seat, and follow every link from the first page on."""
    visitor = Visitor(client)
    taken = visitor.posts(f"/practice/{seat.code}")
    assert taken.status_code == 303, (seat, taken.text)
    seen: Counter[str] = Counter()
    walked = Walked({}, [])
    asked, waiting = {"/"}, deque(["/"])
    while waiting:
        address = waiting.popleft()
        template = template_of(app, urlsplit(address).path)
        if template is None:
            walked.wrong.append(f"{seat.code}: {address}: no such route")
            continue
        if seen[template] >= EACH:
            continue
        seen[template] += 1
        answer = visitor.get(address, headers={"Accept": "text/html"})
        if answer.status_code == 303:
            links = [answer.headers["location"]]
        elif answer.status_code != 200:
            walked.wrong.append(f"{seat.code}: {address}: {answer.status_code}")
            continue
        elif not answer.headers["content-type"].startswith("text/html"):
            assert answer.headers["content-type"].startswith(FILES), address
            continue
        else:
            walked.pages.setdefault(template, address)
            links = _read(app, address, answer.text, walked.wrong)
        for link in links:
            path = urldefrag(link).url
            if path.startswith("/") and path not in asked and not path.startswith("/language/"):
                asked.add(path)
                waiting.append(path)
    return walked


def template_of(app: FastAPI, path: str, method: str = "GET") -> str | None:
    """The route of a path as the app has it; None where there is none."""
    scope: Any = {"type": "http", "path": path, "method": method, "root_path": "", "headers": []}
    for route in app.routes:
        if route.matches(scope)[0] is Match.FULL:
            return getattr(route, "path", None)
    return None


def _read(app: FastAPI, address: str, text: str, wrong: list[str]) -> list[str]:
    """The links of a page."""
    page = _Page(text)
    wrong += [f"{address}: several elements have the id {name}" for name, times in page.ids.items() if times > 1]
    wrong += [
        f"{address}: a form leads to {method} {action}, where nothing is"
        for method, action in page.forms
        if template_of(app, urlsplit(action or address).path, method) is None
    ]
    if re.search(r"(?:<|&lt;)(?:built-in|bound) method", text):
        wrong.append(f"{address}: it shows a method of Python's in the place of a value")
    if re.search(r'(?:src|href|action)="(?:https?:)?//', text):
        wrong.append(f"{address}: it names another host")
    return page.links
