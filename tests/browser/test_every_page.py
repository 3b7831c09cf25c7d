"""Whoever sits in whichever seat: every link leads to a page, every form to a route; and every such page is seen as it
is used, on a telephone in Spanish, and at a desk in English."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page

from api.practice import SEATS
from ledger.store.embedded import EmbeddedServer
from support.console_walk import Space, Walked, open_space, walk

WIDTHS = {"es-US": 390, "en-US": 1280}
"""Language to the width at which its pages are looked at."""
RULES = {"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"], "resultTypes": ["violations"]}
"""Every node that breaks one is told; of what keeps them one node is enough, since finding words for each takes most of
the time."""


@pytest.fixture(scope="module")
def space(server: EmbeddedServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Space]:
    with open_space(server, tmp_path_factory.mktemp("space")) as opened:
        yield opened


@pytest.fixture(scope="module")
def walked(space: Space) -> dict[str, Walked]:
    """Seat to the walk along every link that is shown there."""
    return {seat.code: walk(space.client, space.app, seat) for seat in SEATS}


def pages_of(walked: dict[str, Walked]) -> dict[str, dict[str, str]]:
    """Seat to the pages that are looked at from it: each kind of page from the first seat that is led to it."""
    seen: set[str] = set()
    found: dict[str, dict[str, str]] = {}
    for seat, way in walked.items():
        found[seat] = {template: address for template, address in way.pages.items() if template not in seen}
        seen |= set(way.pages)
    return found


def test_every_link_of_every_seat_leads_to_a_page_and_every_form_to_a_route(walked: dict[str, Walked]) -> None:
    wrong = [fault for one in walked.values() for fault in one.wrong]
    assert not wrong, "\n".join(wrong)
    assert "/students/{id}" in {template for one in walked.values() for template in one.pages}


def look(page: Page, url: str) -> list[str]:
    """What is wrong with a page as a browser shows it."""
    answer = page.goto(url)
    assert answer is not None
    found = [] if answer.status == 200 else [f"{answer.status}"]
    width = page.viewport_size["width"] if page.viewport_size else 0
    wide = page.evaluate("document.documentElement.scrollWidth")
    if wide > width:
        found.append(f"it is {wide} wide on a screen of {width}")
    result = Axe().run(page, options=RULES)
    found += [
        f"axe: {one['id']} ({one['impact']}) at {[node['target'] for node in one['nodes']][:3]}"
        for one in result.response["violations"]
        if one["impact"] in ("serious", "critical")
    ]
    return found


def test_every_page_can_be_read_by_everybody(browser: Browser, space: Space, walked: dict[str, Walked]) -> None:
    wrong = [
        fault
        for seat, pages in pages_of(walked).items()
        if pages
        for language in WIDTHS
        for fault in look_from(browser, str(space.client.base_url).rstrip("/"), language, seat, pages)
    ]
    assert not wrong, "\n".join(wrong)


def look_from(browser: Browser, address: str, language: str, seat: str, pages: dict[str, str]) -> list[str]:
    """What is wrong with the pages of a seat."""
    wrong: list[str] = []
    with browser.new_context(viewport={"width": WIDTHS[language], "height": 800}, locale=language) as context:
        page = context.new_page()
        page.on("console", lambda said: wrong.append(f"{said.location}: {said.text}") if said.type == "error" else None)
        page.on("pageerror", lambda error: wrong.append(f"{page.url}: {error}"))
        page.on("request", lambda one: None if one.url.startswith(address) else wrong.append(f"it asks for {one.url}"))
        page.goto(f"{address}/practice")
        page.locator(f'form[action="/practice/{seat}"] button').click()
        page.wait_for_url(f"{address}/")
        for template, path in pages.items():
            wrong += [f"{seat} at {template}: {fault}" for fault in look(page, f"{address}{path}")]
        page.close()
    return wrong
