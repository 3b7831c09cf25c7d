"""A parent on a telephone, in Spanish: her child's record, who has looked, and the public page for families."""

from __future__ import annotations

from collections.abc import Iterator

import httpx2
import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, BrowserContext, Page, expect

from api.app import create_app
from api.services import Services
from ledger.store.database import Database, Role
from ledger.store.tokens import create
from projections.projectors import Projectors
from support.bodies import CHILD, ENROLLMENT, MOVE, student
from support.families import HERE
from support.serving import served

PHONE = {"width": 390, "height": 844}
TARGET_MIN = 24
"""CSS pixels, WCAG 2.2 AA 2.5.8."""


@pytest.fixture
def address(services: Services, projectors: Projectors, database: Database) -> Iterator[str]:
    """Of a practice space with one child of Oregon."""
    services.practice = True
    with database.connect(Role.WRITER) as connection:
        token = create(connection, name="oregon", role="state_data_administrator", state="OR")
    body = student(
        demographics=[CHILD],
        qualifying_moves=[MOVE],
        enrollments=[ENROLLMENT | {"school_district_id": HERE, "facility_city": "Woodburn", "facility_state": "OR"}],
        assessments=[{"assessment_title": "Una prueba con un nombre muy largo", "score_results": "1" * 40}],
    )
    headers = {"Authorization": f"Bearer {token}"}
    with served(create_app(services)) as address:
        with httpx2.Client(base_url=address, headers=headers) as client:
            made = client.put("/v1/records/OR/OR1", json=body).json()
            client.get(f"/v1/students/{made['student_id']}?at_least={made['position']}").raise_for_status()
        yield address.replace("127.0.0.1", "localhost")


@pytest.fixture
def context(browser: Browser) -> Iterator[BrowserContext]:
    with browser.new_context(viewport=PHONE, locale="es-US", has_touch=True, is_mobile=True) as context:  # type: ignore[arg-type]
        context.set_default_timeout(15_000)
        yield context


def looks_right(page: Page, address: str) -> None:
    """Spanish, nothing that scrolls sideways, targets that a thumb hits, and no barrier that a machine can find."""
    assert page.locator("html").get_attribute("lang") == "es"
    assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
    for link in page.locator(".doors a, main button, main .button").all():
        box = link.bounding_box()
        assert box is not None
        assert box["height"] >= TARGET_MIN
    found = Axe().run(page)
    assert found.violations_count == 0, found.generate_report()
    assert page.url.startswith(address)


def test_a_parent_reads_her_childs_record_and_who_has_looked_on_a_telephone_in_spanish(
    page: Page, address: str, browser: Browser
) -> None:
    wrong: list[str] = []
    page.on("console", lambda message: wrong.append(message.text) if message.type == "error" else None)
    page.on("request", lambda asked: None if asked.url.startswith(address) else wrong.append(asked.url))
    page.goto(f"{address}/practice")
    page.locator('form[action="/practice/parent"] button').click()
    page.locator(".cards").get_by_role("link", name="Mis hijas e hijos").click()
    expect(page.get_by_role("heading", name="Marisol Quiñones Abarca")).to_be_visible()
    looks_right(page, address)
    page.get_by_role("link", name="Leer el expediente").click()
    expect(page.get_by_text("Nació el 9 de mayo de 2013")).to_be_visible()
    expect(page.get_by_text("En 30 días corridos")).to_be_visible()
    assert "Marisol" not in page.title(), "the browser keeps it"
    looks_right(page, address)
    page.get_by_role("link", name="Ver quién lo ha consultado").first.click()
    expect(page.get_by_role("heading", name="Usted o su familia")).to_be_visible()
    looks_right(page, address)
    expect(page.get_by_role("link", name="La lista completa")).to_be_visible()
    kept = page.context.storage_state()
    with browser.new_context(viewport=PHONE, locale="es-US", java_script_enabled=False, storage_state=kept) as bare:  # type: ignore[arg-type]
        again = bare.new_page()
        again.goto(f"{address}/my-children")
        again.get_by_role("link", name="Leer el expediente").click()
        expect(again.get_by_text("Nació el 9 de mayo de 2013")).to_be_visible()
    assert not wrong


def test_the_page_for_families_is_in_spanish_first_and_one_touch_from_english(
    page: Page, address: str, browser: Browser
) -> None:
    page.goto(f"{address}/parents")
    expect(page.get_by_role("heading", name="Sus derechos")).to_be_visible()
    looks_right(page, address)
    page.get_by_role("link", name="Read this page in English").click()
    expect(page.get_by_role("heading", name="Your rights")).to_be_visible()
    with browser.new_context(viewport=PHONE, locale="en-US", java_script_enabled=False) as english:  # type: ignore[arg-type]
        first = english.new_page()
        first.goto(address)
        first.get_by_role("link", name="Para familias").first.click()
        expect(first.get_by_role("heading", name="Sus derechos")).to_be_visible()
