"""Access in a browser: applied for, verified, approved, begun, renewed and ended, each step by whom it is for."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Final

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import BrowserContext, Page, expect
from pyotp.totp import TOTP

from api.app import create_app
from api.services import Services
from ledger.application import Ledger
from ledger.store.database import Database
from projections.projectors import Projectors
from support.services import Clock
from support.serving import served

EMAIL, PASSWORD = "rosa@school.example.org", "cuatro palabras que nadie sabe"
TYPED: Final = {
    "Name": "Rosa Núñez",
    "E-mail address": EMAIL,
    "Title at work": "Registrar",
    "Address at work": "1 School Road, Hood River, OR 97031",
    "Telephone": "503-555-0101",
    "School, district or office": "Hood River School",
    "Supervisor": "Luis Ortega",
    "Supervisor's e-mail address": "recruiter@practice.example.org",
}


@pytest.fixture
def ledger(database: Database, new_ledger: Callable[..., Ledger], clock: Clock) -> Ledger:
    return new_ledger(database, clock)


@pytest.fixture
def address(services: Services, projectors: Projectors) -> Iterator[str]:
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
    """No barrier that a machine can find and that keeps somebody out."""
    found = Axe().run(page)
    grave = [one["id"] for one in found.response["violations"] if one["impact"] in ("serious", "critical")]
    assert not grave, found.generate_report()


def test_access_from_the_form_to_its_end(watched: Page, address: str, services: Services, clock: Clock) -> None:
    page = watched
    sit(page, address, "help-desk")
    page.get_by_role("link", name="Applications").first.click()
    page.get_by_role("link", name="Apply for access").click()
    for label, text in TYPED.items():
        page.get_by_label(label, exact=True).fill(text)
    page.get_by_label("State", exact=True).select_option("OR")
    look(page)
    page.get_by_role("button", name="Send the application").click()
    expect(page.get_by_text("Its supervisor verifies it next.")).to_be_visible()
    application = page.url.partition("?")[0]
    page.get_by_label("Paper (PDF").set_input_files(
        files=[{"name": "form.pdf", "mimeType": "application/pdf", "buffer": b"%PDF-1.7 signed by hand"}]
    )
    page.get_by_role("button", name="Add the paper").click()
    expect(page.get_by_text("Paper 1")).to_be_visible()
    look(page)

    sit(page, address, "recruiter")
    page.goto(application)
    page.get_by_label("Document that was seen").fill("passport")
    page.get_by_label("What the access is needed for").fill("Enrols children who move.")
    page.get_by_role("button", name="Verify").click()
    expect(page.get_by_text("A user administrator decides next.")).to_be_visible()

    sit(page, address, "user-administrator")
    page.get_by_role("navigation").get_by_role("link", name="Applications").click()
    expect(page.get_by_role("heading", name="For you to decide")).to_be_visible()
    page.get_by_role("link", name="Rosa Núñez").click()
    page.get_by_label("Course").fill("Security")
    page.get_by_label("Completed on").fill(services.ledger.admissions.today("OR").isoformat())
    page.get_by_role("button", name="Record the training").click()
    page.get_by_role("button", name="Approve").click()
    expect(page.get_by_text("It is approved")).to_be_visible()
    page.get_by_label("How you know who it is").fill("seen at the office")
    page.get_by_role("button", name="Make the code").click()
    code = page.locator(".handed code").inner_text()
    look(page)
    page.get_by_role("link", name="It is handed over").click()
    account = page.url
    page.get_by_role("button", name="Sign out").click()

    page.get_by_role("link", name="I was given a code").click()
    page.get_by_label("E-mail address").fill(EMAIL)
    page.get_by_label("Code that you were given").fill(code)
    page.get_by_label("Password that you choose").fill(PASSWORD)
    page.get_by_role("button", name="Continue").click()
    factor = TOTP(page.locator("main code").inner_text())
    page.get_by_label("Code that the app shows").fill(factor.at(clock.now))
    page.get_by_role("button", name="Add the second factor").click()
    page.get_by_role("link", name="Go on to the rules").click()
    page.get_by_role("link", name="Accept them").click()
    page.get_by_role("button", name="I have read and accept them").click()
    expect(page.get_by_text(f"Signed in as {EMAIL}.")).to_be_visible()

    page.wait_for_load_state("networkidle")  # the page's own script has asked already
    clock.now += timedelta(days=366)
    page.goto(f"{address}/sign-in")
    page.get_by_label("E-mail address").fill(EMAIL)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Continue").click()
    page.get_by_label("Code of your app").fill(factor.at(clock.now))
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("heading", name="My account")).to_be_visible()
    expect(page.get_by_text("No training of the last year is recorded.")).to_be_visible()
    page.get_by_label("Paper (PDF").set_input_files(
        files=[{"name": "paper.png", "mimeType": "image/png", "buffer": b"\x89PNG\r\n\x1a\n certificate"}]
    )
    page.get_by_role("button", name="Add the paper").click()
    page.get_by_label("Course").fill("Security, again")
    page.get_by_label("Completed on").fill(services.ledger.admissions.today("OR").isoformat())
    page.get_by_role("button", name="Record my training").click()
    expect(page.get_by_text("The training is recorded.")).to_be_visible()
    look(page)
    page.get_by_role("main").get_by_role("link", name="Read and accept the rules").first.click()
    page.get_by_role("button", name="I have read and accept them").click()
    expect(page.get_by_text("What is there for you")).to_be_visible()

    sit(page, address, "user-administrator")
    page.goto(account)
    page.get_by_text("Disable the account for a time").click()
    page.locator("details[open]").get_by_label("Reason").fill("lost her phone")
    page.get_by_role("button", name="Disable").click()
    expect(page.get_by_text("nobody is let in by it")).to_be_visible()
    look(page)


@pytest.fixture
def narrow(context: BrowserContext, address: str) -> Page:
    page = context.new_page()
    page.set_viewport_size({"width": 390, "height": 844})
    page.goto(f"{address}/language/es")
    return page


PAGES: Final = {
    "user-administrator": (
        "/me",
        "/apply",
        "/applications",
        "/accounts",
        "/disclosures",
        "/unusual",
        "/explain?rule=UA-12",
    ),
    "-": ("/sign-in", "/sign-in/first", "/rules"),
}


def test_every_page_is_read_in_spanish_on_a_telephone(narrow: Page, address: str) -> None:
    for seat, paths in PAGES.items():
        if seat == "-":
            narrow.locator('form[action="/sign-out"] button').click()
        else:
            sit(narrow, address, seat)
        for path in paths:
            narrow.goto(f"{address}{path}")
            assert narrow.locator("html").get_attribute("lang") == "es", path
            wide = narrow.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
            assert wide <= 0, path
            look(narrow)
