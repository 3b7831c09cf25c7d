"""Photographs every page of the console in a fresh demo, as a desk and as a telephone show it. ``make screenshots``.

The demo runs on an embedded database in a temporary folder, so nothing of the machine's own data is shown or touched.
Whoever photographs takes the seats of practice space in turn (/practice). Pictures go to ``build/screenshots``, and
three of them, for the README, into this folder.
"""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final, NamedTuple

from playwright.sync_api import Browser, Page, sync_playwright
from starlette.routing import Match

from api.console.routers import ROUTERS
from api.openapi import Direct

HERE: Final = Path(__file__).resolve().parent
OUT: Final = HERE.parents[1] / "build" / "screenshots"
SOJOURN: Final = Path(sys.executable).with_name("sojourn")
START_S_MAX: Final = 180
WIDTHS: Final = {"desk": 1280, "telephone": 390}


JOINED: Final = "a student of several records"
"""In the place of a selector."""


class Shot(NamedTuple):
    """A page as one person sees it. seat: of practice space; None for who has not signed in. path: where to begin.
    follow: selectors of links to follow from there, one after the other. fill: fields to fill in and send before.
    language: en or es."""

    name: str
    seat: str | None
    path: str
    follow: tuple[str, ...] = ()
    fill: tuple[tuple[str, str], ...] = ()
    language: str = "en"


SHOTS: Final = (
    Shot("start-signed-out", None, "/"),
    Shot("practice", None, "/practice"),
    Shot("sign-in", None, "/sign-in"),
    Shot("sign-in-first", None, "/sign-in/first"),
    Shot("rules", None, "/rules"),
    Shot("rules-accepted", "registrar", "/rules/acceptance"),
    Shot("problem", None, "/problems/forbidden"),
    Shot("help-of-a-role", None, "/help/auditor"),
    Shot("parents", None, "/parents", language="es"),
    Shot("help", "registrar", "/help"),
    Shot("help-spanish", "registrar", "/help", language="es"),
    Shot("start-registrar", "registrar", "/"),
    Shot("find", "registrar", "/find", fill=(("q", "ramiro suarez"),)),
    Shot("record", "counselor", "/", (JOINED,)),
    Shot("record-spanish", "counselor", "/", (JOINED,), language="es"),
    Shot("record-history", "registrar", "/", ("main .ids a", 'main a[href$="/history"]')),
    Shot("record-print", "registrar", "/", ("main .ids a", 'main a[href*="/print"]')),
    Shot("record-disclosures", "registrar", "/", ("main .ids a", 'main a[href$="/disclosures"]')),
    Shot("lists", "registrar", "/lists"),
    Shot("list", "registrar", "/lists/children"),
    Shot("worklist", "state-administrator", "/worklist"),
    Shot("case", "state-administrator", "/worklist", ('main a[href^="/cases/"]',)),
    Shot("case-spanish", "second-state-administrator", "/worklist", ('main a[href^="/cases/"]',), language="es"),
    Shot("merge", "counselor", "/", (JOINED, 'main a[href$="/merge"]')),
    Shot("split", "counselor", "/", (JOINED, 'main a[href$="/split"]')),
    Shot("not-same", "state-administrator", "/", (JOINED, 'main a[href$="/not-same"]')),
    Shot("act", "state-administrator", "/", (JOINED, 'main a[href$="/history"]', 'main a[href^="/acts/"]')),
    Shot(
        "reversal",
        "state-administrator",
        "/",
        (JOINED, 'main a[href$="/history"]', 'main a[href^="/acts/"]', 'main a[href$="/reversal"]'),
    ),
    Shot("settled", "state-administrator", "/worklist/settled"),
    Shot("submissions", "batch-submitter", "/submissions"),
    Shot("submission", "batch-submitter", "/submissions", (".files th a",)),
    Shot("submission-new", "batch-submitter", "/submissions/new"),
    Shot("submissions-auditor", "auditor", "/submissions"),
    Shot("operations", "operator", "/operations"),
    Shot("offices", "government-user", "/offices"),
    Shot("office", "region-administrator", "/offices"),
    Shot("me", "registrar", "/me"),
    Shot("apply", "registrar", "/apply"),
    Shot("applications", "user-administrator", "/applications"),
    Shot("accounts", "user-administrator", "/accounts"),
    Shot("account", "user-administrator", "/accounts", ('main a[href^="/accounts/"]',)),
    Shot("family", "registrar", "/lists/children", ('main a[href^="/students/"]', 'main a[href$="/family"]')),
    Shot("families", "registrar", "/families"),
    Shot("disclosures", "privacy-officer", "/disclosures"),
    Shot("unusual", "privacy-officer", "/unusual"),
    Shot("explain", "registrar", "/explain"),
    Shot("my-children", "parent", "/my-children", language="es"),
    Shot("my-child", "parent", "/my-children", ('main a[href^="/my-children/"]',), language="es"),
    Shot("my-child-seen", "parent", "/my-children", ('main a[href$="/seen"]',), language="es"),
)
README: Final = {
    "record.png": ("record", "desk"),
    "case.png": ("case", "desk"),
    "my-child.png": ("my-child", "telephone"),
}
"""Picture of the README to the shot whose upper part it is, and at which width."""
SEEN_IN_TESTS: Final = (
    "/static/{name}",
    "/favicon.ico",
    "/language/{language}",
    "/session",
    "/sign-in/callback",
    "/sign-in/provider",
    "/second-factor",
    "/lists/{name}/export",
    "/students/{id}/record.pdf",
    "/applications/{id}",
    "/accounts/{id}/deactivation",
    "/proposals/{id}",
    "/acts/{id}/reversed",
    "/not-same/{id}",
)
"""What is no page, and pages to which only something that was done leads: tests/browser looks at them."""


def main() -> int:
    """Write each shot in both widths; 1 where Chromium is missing or the demo does not start."""
    chromium = shutil.which("chromium") or shutil.which("chromium-browser")
    if chromium is None:
        print("Needs Chromium. On Debian, as root, run: apt-get install -y chromium", file=sys.stderr)
        return 1
    OUT.mkdir(parents=True, exist_ok=True)
    seen: set[str] = set()
    with _demo() as address, sync_playwright() as playwright:
        if address is None:
            print("The demo did not get ready.", file=sys.stderr)
            return 1
        # As root Chromium has no sandbox to start; it opens nothing but our own pages.
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"] * (os.geteuid() == 0))
        for width in WIDTHS:
            for shot in SHOTS:
                seen.add(_take(browser, address, shot, width))
        browser.close()
    left = sorted(_pages() - {_page_of(path) for path in seen} - set(SEEN_IN_TESTS))
    if left:
        print(f"No shot is of {', '.join(left)}.", file=sys.stderr)
        return 1
    return 0


def _take(browser: Browser, address: str, shot: Shot, width: str) -> str:
    """The path of the page that was photographed."""
    with browser.new_context(
        viewport={"width": WIDTHS[width], "height": 900}, locale="es-US" if shot.language == "es" else "en-US"
    ) as context:
        page = context.new_page()
        if shot.seat is not None:
            page.goto(f"{address}/practice")
            page.locator(f'form[action="/practice/{shot.seat}"] button').click()
        _lead(page, address, shot)
        picture = OUT / f"{shot.name}-{width}.png"
        page.screenshot(path=picture, full_page=True)
        for name, shown in README.items():
            if shown == (shot.name, width):
                page.screenshot(path=HERE / name)
        path = page.url.removeprefix(address)
        print(f"{picture.name}  {path}")
        return path.partition("?")[0]


def _pages() -> set[str]:
    """Templates of the addresses of all pages."""
    return {
        route.path
        for router in ROUTERS
        for route in router.routes
        if isinstance(route, Direct) and "GET" in route.methods
    }


def _page_of(path: str) -> str:
    scope = {"type": "http", "path": path, "method": "GET", "root_path": "", "headers": []}
    found = (route.path for router in ROUTERS for route in router.routes if route.matches(scope)[0] is Match.FULL)
    return next(found, path)


def _lead(page: Page, address: str, shot: Shot) -> None:
    page.goto(f"{address}{shot.path}")
    for name, value in shot.fill:
        page.locator(f'[name="{name}"]').first.fill(value)
    if shot.fill:
        page.locator("main form button").first.click()
    for selector in shot.follow:
        if selector == JOINED:
            _open_joined(page, address)
        else:
            page.locator(selector).first.click()
    page.wait_for_load_state("networkidle")


def _open_joined(page: Page, address: str) -> None:
    """A student of whom two states or more keep a record."""
    samples = [link.get_attribute("href") for link in page.locator("main .ids a").all()]
    for sample in samples:
        page.goto(f"{address}{sample}")
        if page.locator('main a[href$="/split"]').count():
            return


@contextmanager
def _demo() -> Iterator[str | None]:
    """The address of a demo that is ready; None where it does not get so far."""
    port = _free_port()
    with tempfile.TemporaryDirectory(prefix="sojourn-") as folder:
        Path(folder).chmod(0o711)  # as root the embedded server runs as another user, who must come through
        settings = {**os.environ, "SOJOURN_DATA": f"{folder}/d"}
        settings.pop("SOJOURN_DATABASE_URL", None)
        command = [SOJOURN, "demo", "--port", str(port), "--children", "400"]
        demo = subprocess.Popen(command, env=settings, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            ready = _ready(f"http://127.0.0.1:{port}/readyz", demo)
            yield f"http://127.0.0.1:{port}" if ready else None
        finally:
            demo.terminate()
            demo.wait(timeout=60)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def _ready(url: str, demo: subprocess.Popen[bytes]) -> bool:
    ends = time.monotonic() + START_S_MAX
    while time.monotonic() < ends and demo.poll() is None:
        try:
            with urllib.request.urlopen(url, timeout=2):
                return True
        except (urllib.error.URLError, OSError):
            time.sleep(0.2)
    return False


if __name__ == "__main__":
    sys.exit(main())
