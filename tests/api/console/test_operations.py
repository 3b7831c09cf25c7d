"""How the service stands, as its operator sees it: what is not known is never green, and a lag is a lag."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from typing import Any

import pytest
from starlette.testclient import TestClient

from api import operating
from api.app import create_app
from api.operating import Head, Hour, Matcher, Model, Operating
from api.services import Check, Services
from ledger.application import Ledger
from ledger.errors import StoreUnavailable
from projections import PROJECTIONS
from support.bodies import VALUES, student
from support.files import EXAMPLE
from support.services import Clock
from support.signing_in import Visitor


@pytest.fixture
def practice(services: Services, client: TestClient) -> TestClient:
    services.practice = True
    return client


@pytest.fixture
def unfolded(services: Services) -> Iterator[TestClient]:
    """A service whose read models nobody has made or keeps up."""
    services.practice = True
    with TestClient(create_app(services)) as client:
        yield client


def page_of(client: TestClient, language: str = "en", token: str = "") -> str:
    headers = {"Accept-Language": language}
    if token:
        answer = client.get("/operations", headers={**headers, "Authorization": f"Bearer {token}"})
    else:
        visitor = Visitor(client)
        assert visitor.posts("/practice/operator").status_code == 303
        answer = visitor.get("/operations", headers=headers)
    assert answer.status_code == 200
    return answer.text


def row_of(page: str, name: str) -> str:
    found = re.search(rf'<tr><th scope="row"[^>]*>{name}</th>.*?</tr>', page, re.DOTALL)
    assert found is not None, name
    return found[0]


def folded(client: TestClient) -> str:
    """The page once the read models are at the head."""
    page = page_of(client)
    for _ in range(100):
        if all("At the head" in row_of(page, projection.name) for projection in PROJECTIONS):
            return page
        time.sleep(0.1)
        page = page_of(client)
    raise AssertionError(page)


def test_what_holds_and_how_far_each_read_model_is_is_told(practice: TestClient, make_token, ledger: Ledger) -> None:
    token = {"Authorization": f"Bearer {make_token()}"}
    body = practice.put("/v1/records/OR/OR1", json=student(), headers=token).json()
    practice.get(f"/v1/students/{body['student_id']}?at_least={body['position']}", headers=token).raise_for_status()
    page_of(practice)  # whoever takes the seat for the first time adds to the ledger
    head = ledger.log.head()
    page = folded(practice)
    assert "Everything that is checked holds." in page
    for projection in PROJECTIONS:
        assert '<span class="badge good">At the head</span>' in row_of(page, projection.name)
    assert f'class="number">{head}</td>' in row_of(page, "Ledger")
    assert not [value for value in VALUES if value in page]


def test_a_check_that_fails_says_what_to_do_and_nothing_is_called_well(
    services: Services, practice: TestClient
) -> None:
    def fails() -> str:
        raise StoreUnavailable("The schema is of another release.", remedy="Run `sojourn migrate`.")

    services.checks = [Check("schema", fails)]
    page = page_of(practice)
    assert "1 thing does not hold." in page
    assert "Everything that is checked holds." not in page
    assert "Run `sojourn migrate`." in row_of(page, "Schema")
    assert "Does not hold" in row_of(page, "Schema")
    spanish = page_of(practice, "es")
    assert "1 cosa no se cumple." in spanish
    assert re.search(r'<span lang="en">[^<]*Run `sojourn migrate`', row_of(spanish, "Esquema"))


def test_read_models_that_nobody_keeps_up_are_red_or_not_known_and_never_green(
    unfolded: TestClient, make_token
) -> None:
    page = page_of(unfolded, token=make_token("operator", None))
    for projection in PROJECTIONS:
        assert "badge good" not in row_of(page, projection.name)
        # With tables of which nobody holds the lock, or without tables, as before the first start.
        assert re.search("Nobody folds it|Not known", row_of(page, projection.name)), projection.name
    assert "Does not run" in row_of(page, "Matcher")


def test_files_that_wait_are_named_the_oldest_first(practice: TestClient, make_token) -> None:
    assert "No file waits" in page_of(practice)
    token = {"Authorization": f"Bearer {make_token()}", "Content-Type": "text/plain"}
    practice.post("/v1/submissions", content=EXAMPLE.read_bytes(), headers=token).raise_for_status()
    page = page_of(practice)
    assert "1 file waits to be applied." in page
    assert "OR-20250902020000000" in page


def test_what_cannot_be_found_out_says_so(practice: TestClient, monkeypatch: Any, clock: Clock) -> None:
    """Every part unknown at once, as where the database has just gone away."""

    async def nothing(services: Services) -> Operating:
        return Operating(
            at=clock.now,
            checks={"database": "PostgreSQL does not answer."},
            models=[Model("students", "ledger", None, None, None, None, None)],
            heads=[Head("ledger", None, None, None, True)],
            matcher=Matcher(None, None, None),
            waiting=None,
            overdue=None,
            audit=None,
            audit_known=False,
            disk=None,
        )

    monkeypatch.setattr("api.console.operations.operating", nothing)
    page = page_of(practice)
    for name in ("students", "Matcher", "Timekeeper", "Monthly audit"):
        assert "Not known" in row_of(page, name), name
        assert "badge good" not in row_of(page, name), name
    assert page.count("Not known") >= 10


@pytest.mark.parametrize(
    ("model", "told"),
    [
        (Model("students", "ledger", 90, 100, 10, 3.0, runs=True), "Catching up"),
        (Model("students", "ledger", 90, 100, 10, 90.0, runs=True), "Late"),
        (Model("students", "ledger", 90, 100, 10, None, runs=True), "Not known"),
        (Model("students", "ledger", 100, 100, 0, 0.0, runs=False), "Nobody folds it"),
        (Model("students", "ledger", 100, 100, 0, 0.0, runs=None), "Not known"),
        (Model("students", "ledger", 100, 100, 0, 0.0, runs=True), "At the head"),
    ],
)
def test_a_read_model_is_called_by_the_worst_that_is_known_of_it(
    practice: TestClient, monkeypatch: Any, clock: Clock, model: Model, told: str
) -> None:
    async def one(services: Services) -> Operating:
        found = await operating.operating(services)
        return found._replace(models=[model], heads=[Head("ledger", 100, clock.now, Hour([0] * 11 + [7], False), True)])

    monkeypatch.setattr("api.console.operations.operating", one)
    page = page_of(practice)
    badges = re.findall(r'class="badge (\w+)">([^<]+)<', row_of(page, "students"))
    assert badges[0][1] == told
    assert (badges[0][0] == "good") is (told == "At the head")
    assert "more than 7" in " ".join(row_of(page, "Ledger").split())


def test_whoever_has_nothing_to_do_with_it_is_not_told(practice: TestClient) -> None:
    for code, status in (("auditor", 200), ("help-desk", 200), ("batch-submitter", 403), ("privacy-officer", 403)):
        visitor = Visitor(practice)
        visitor.posts(f"/practice/{code}")
        assert visitor.get("/operations").status_code == status, code
        assert ('href="/operations"' in visitor.get("/").text) is (status == 200), code
