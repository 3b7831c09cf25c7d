"""Somebody with a browser signs in for the first time, and again; is warned before the session ends; signs out."""

from __future__ import annotations

import re
import uuid
from collections.abc import Iterator
from datetime import timedelta

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import BrowserContext, Page, expect
from pyotp.totp import TOTP

from api.app import create_app
from api.services import Services
from ledger.account_acts import GrantRole, RecordTraining
from ledger.events import Meta
from ledger.events.application import AskedRole
from ledger.store import codes
from projections.projectors import Projectors
from support.services import Clock
from support.serving import served

EMAIL, PASSWORD = "rosa@school.example.org", "cuatro palabras que nadie sabe"
BY_HAND = Meta(actor="operator", reason="first of all")


@pytest.fixture
def address(services: Services, projectors: Projectors) -> Iterator[str]:
    """Of a service, as ``localhost``: there a browser keeps cookies that are for https alone, as it does over https."""
    with served(create_app(services)) as address:
        yield address.replace("127.0.0.1", "localhost")


@pytest.fixture
def code(services: Services) -> str:
    """Of a registrar's new account, for the first sign-in."""
    admissions = services.ledger.admissions
    today = admissions.today("OR")
    role = AskedRole(role="secondary_user", organisation="Hood River School", state="OR", district="4106740")
    commands = [
        RecordTraining(by="operator", course="Security", completed_on=today, today=today),
        GrantRole(by="operator", role=role),
    ]
    account = str(admissions.open(EMAIL, "Rosa Núñez", commands, BY_HAND).ids["account"])
    now = services.clock()
    with services.ledger.log.connection() as conn:
        made = codes.make(
            conn,
            purpose=codes.Purpose.FIRST_SIGN_IN,
            subject=uuid.UUID(account),
            now=now,
            ends_at=now + timedelta(days=7),
        )
    return made.text


def begin(page: Page, address: str, code: str) -> None:
    """The first sign-in, as far as the question for a second factor."""
    page.goto(f"{address}/sign-in")
    page.get_by_role("link", name="I was given a code").click()
    page.get_by_label("E-mail address").fill(EMAIL)
    page.get_by_label("Code that you were given").fill(code.lower())
    page.get_by_label("Password that you choose").fill(PASSWORD)
    page.get_by_role("button", name="Continue").click()
    expect(page.get_by_role("heading", name="A second factor")).to_be_visible()


def finish(page: Page, services: Services) -> TOTP:
    """The second factor, and the rules."""
    factor = TOTP(page.locator("code").inner_text().replace(" ", ""))
    page.get_by_label("Code that the app shows").fill(factor.at(services.clock()))
    page.get_by_role("button", name="Add the second factor").click()
    expect(page.locator("main li")).to_have_count(10)
    page.get_by_role("link", name="Go on to the rules of behaviour").click()
    page.get_by_role("link", name="Accept them, signed in").click()
    page.get_by_role("button", name="I have read and accept them").click()
    expect(page.get_by_text(f"Signed in as {EMAIL}.")).to_be_visible()
    return factor


def test_a_code_becomes_a_password_a_second_factor_and_access(
    page: Page, address: str, code: str, services: Services
) -> None:
    begin(page, address, code)
    finish(page, services)
    assert page.request.get(f"{address}/v1/me").json()["role"] == "secondary_user"


def test_whoever_signed_out_signs_in_again_with_password_and_code(
    page: Page, context: BrowserContext, address: str, code: str, services: Services, clock: Clock
) -> None:
    begin(page, address, code)
    factor = finish(page, services)
    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()
    assert context.cookies() == []
    clock.now += timedelta(minutes=1)  # a code is taken once
    page.get_by_label("E-mail address").fill(EMAIL)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Continue").click()
    page.get_by_label("Code of your app").fill(factor.at(services.clock()))
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_text(f"Signed in as {EMAIL}.")).to_be_visible()


def test_no_script_reads_the_cookie_and_no_other_site_sends_it(
    page: Page, context: BrowserContext, address: str, code: str
) -> None:
    begin(page, address, code)
    (cookie,) = context.cookies()
    kept = [cookie.get(name) for name in ("name", "httpOnly", "secure", "sameSite")]
    assert kept == ["__Host-sojourn", True, True, "Lax"]
    assert page.evaluate("document.cookie") == ""


def test_a_session_says_before_it_ends_and_stays_when_it_is_asked_to(
    page: Page, address: str, code: str, services: Services, clock: Clock
) -> None:
    begin(page, address, code)
    finish(page, services)
    expect(page.get_by_role("status")).to_be_empty()
    page.wait_for_load_state("networkidle")  # the page's own script has asked already
    clock.now += timedelta(minutes=16, seconds=30)
    page.evaluate("document.querySelector('#session').remove()")
    page.add_script_tag(url=f"{address}/static/session.js")
    expect(page.get_by_role("status")).to_contain_text(re.compile("The session ends in [34] min"))
    page.get_by_role("button", name="Stay signed in").click()
    expect(page.get_by_role("status")).to_be_empty()


def test_a_session_that_has_ended_leaves_nothing_to_read(
    page: Page, address: str, code: str, services: Services, clock: Clock
) -> None:
    begin(page, address, code)
    finish(page, services)
    page.wait_for_load_state("networkidle")  # the page's own script has asked already
    clock.now += timedelta(minutes=21)
    page.add_script_tag(url=f"{address}/static/session.js")
    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()


def test_a_form_of_another_site_is_not_taken(page: Page, address: str, code: str, services: Services) -> None:
    begin(page, address, code)
    finish(page, services)
    form = f'<form method="post" action="{address}/sign-out"><button>Win a prize</button></form>'
    page.goto(f"data:text/html,{form}")
    with page.expect_response(f"{address}/sign-out") as sent:
        page.get_by_role("button").click()
    # The cookie stays at home (SameSite), and were it sent, the token would be missing.
    assert sent.value.status in (401, 403)
    assert page.request.get(f"{address}/v1/me").status == 200


@pytest.mark.parametrize("path", ["/", "/sign-in", "/sign-in/first", "/rules"])
def test_a_page_of_signing_in_has_no_barrier_that_a_machine_can_find(page: Page, address: str, path: str) -> None:
    page.goto(f"{address}{path}")
    found = Axe().run(page)
    assert found.violations_count == 0, found.generate_report()
