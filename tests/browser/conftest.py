"""A real browser before the service: Debian's Chromium, driven by Playwright."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

from support.parts import need
from support.services import clock, projectors, services, template

__all__ = ["clock", "projectors", "services", "template"]


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Started once a file; each test has a profile of its own. While it runs this thread has an event loop, so that no
    other file may be run beside it."""
    chromium = need("chromium")
    with sync_playwright() as playwright:
        # As root, as in a container, Chromium starts without its sandbox only; it opens nothing but our own pages.
        found = playwright.chromium.launch(executable_path=str(chromium), args=["--no-sandbox"])
        yield found
        found.close()


@pytest.fixture
def context(browser: Browser) -> Iterator[BrowserContext]:
    with browser.new_context() as context:
        context.set_default_timeout(15_000)
        yield context


@pytest.fixture
def page(context: BrowserContext) -> Iterator[Page]:
    """A tab. A script of a page that fails, fails the test, once it is over: nothing may be raised while Playwright
    hands an event on."""
    failed: list[str] = []
    page = context.new_page()
    page.on("pageerror", lambda error: failed.append(str(error)))
    yield page
    assert not failed, "a script of a page failed"
