"""Retention in a browser: due, proposed, held, released, approved, certified; by two people, in two languages, at a
desk and on a telephone."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

from api.app import create_app
from api.services import Services
from ledger.application import Ledger
from ledger.store.database import Database
from projections.projectors import Projectors
from support.casework import Work
from support.disposals import LATER, keep_for_years
from support.services import Clock
from support.serving import served

WIDTHS = {"es": 390, "en": 1280}
"""Language to the width at which its pages are looked at."""


@pytest.fixture
def ledger(database: Database, new_ledger: Callable[..., Ledger], clock: Clock) -> Ledger:
    return new_ledger(database, clock)


@pytest.fixture
def student(ledger: Ledger, clock: Clock) -> str:
    """Of one record in Oregon, which is due."""
    one = Work(ledger).opened("OR", "7")
    clock.now = LATER
    keep_for_years(ledger)
    return one


@pytest.fixture
def address(services: Services, projectors: Projectors, student: str) -> Iterator[str]:
    services.practice = True
    with served(create_app(services)) as address:
        yield address.replace("127.0.0.1", "localhost")


@pytest.fixture
def watched(page: Page, address: str) -> Iterator[Page]:
    """A tab that may ask no other host, and whose console stays silent."""
    said: list[str] = []
    page.on("console", lambda message: said.append(message.text) if message.type == "error" else None)
    page.on("request", lambda request: None if request.url.startswith(address) else said.append(request.url))
    yield page
    assert not said


def sit(page: Page, address: str, seat: str) -> None:
    page.goto(f"{address}/practice")
    page.locator(f'form[action="/practice/{seat}"] button').click()
    page.wait_for_url(f"{address}/")


def look(page: Page) -> None:
    """In either language, at its width: no barrier that a machine can find, and nothing that scrolls sideways."""
    here = page.url
    for language, width in WIDTHS.items():
        page.set_viewport_size({"width": width, "height": 800})
        page.goto(here.partition("/retention")[0] + f"/language/{language}?return_to=/retention")
        page.goto(here)
        found = Axe().run(page)
        grave = [one["id"] for one in found.response["violations"] if one["impact"] in ("serious", "critical")]
        assert not grave, found.generate_report()
        assert page.evaluate("document.documentElement.scrollWidth") <= width, (here, width)


def test_what_is_due_goes_by_two_people_unless_it_is_held(watched: Page, address: str, student: str) -> None:
    page = watched
    sit(page, address, "privacy-officer")
    page.get_by_role("navigation", name="Main").get_by_role("link", name="Retention").click()
    expect(page.get_by_role("heading", name="What is due")).to_be_visible()
    look(page)
    page.locator('input[name^="item-"]').check()
    page.get_by_role("button", name="Look at exactly what would go").click()
    expect(page.get_by_text("Nothing is done yet.")).to_be_visible()
    assert not [one for one in Axe().run(page).response["violations"] if one["impact"] in ("serious", "critical")]
    page.get_by_role("button", name="Propose this disposal").click()
    expect(page.get_by_text("Another person approves it")).to_be_visible()
    disposal = page.url.partition("?")[0]
    expect(page.get_by_role("button", name="Approve and destroy")).to_have_count(0)

    page.get_by_role("link", name="Holds").click()
    look(page)
    page.get_by_label("Kind", exact=True).select_option("legal")
    page.get_by_label("What is held").select_option("student")
    page.get_by_label("Which one").fill(student)
    page.get_by_label("Reason").fill("Matter 7 of the county court")
    page.get_by_role("button", name="Place the hold").click()
    expect(page.get_by_text("It holds from now on")).to_be_visible()
    hold = page.url.partition("?")[0]
    look(page)

    sit(page, address, "second-privacy-officer")
    page.goto(disposal)
    expect(page.get_by_text("In the way is:")).to_be_visible()
    look(page)
    sit(page, address, "privacy-officer")
    page.goto(hold)
    page.get_by_label("Reason").fill("The matter is settled.")
    page.get_by_role("button", name="Release the hold").click()
    expect(page.get_by_text("It is released.")).to_be_visible()

    sit(page, address, "second-privacy-officer")
    page.goto(disposal)
    look(page)
    page.get_by_label("How many").fill("1")
    page.get_by_role("button", name="Approve and destroy").click()
    expect(page.get_by_text("It is done")).to_be_visible()
    look(page)
    page.get_by_role("link", name="The certificate").click()
    expect(page.get_by_role("heading", name="Certificate of disposal")).to_be_visible()
    look(page)
    page.get_by_role("link", name="Print", exact=True).click()
    expect(page.get_by_text("It names nothing of a child")).to_be_visible()
    look(page)
    page.goto(f"{address}/retention")
    expect(page.get_by_text("Nothing of this is due.")).to_be_visible()


def test_a_schedule_is_tried_before_it_is_set(watched: Page, address: str) -> None:
    page = watched
    sit(page, address, "privacy-officer")
    page.goto(f"{address}/retention/schedules")
    look(page)
    page.get_by_label("What goes").select_option("education")
    page.get_by_label("Years after the record last said anything new").fill("30")
    page.get_by_label("By which authority").fill("OAR 166-400-0060")
    page.get_by_role("button", name="See what would be due by it").click()
    expect(page.get_by_text("By this, 0 would be due today.")).to_be_visible()
    page.get_by_role("button", name="Set the schedule").click()
    expect(page.get_by_text("The schedule holds.")).to_be_visible()
    expect(page.get_by_role("cell", name="30 years after the record last said anything new")).to_be_visible()
