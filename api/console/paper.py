"""A page made into a PDF for paper: tagged, so that a screen reader reads it too (PDF/UA-1), by WeasyPrint.

Invariant: making one loads nothing but our own static files: neither another host nor this one's disk; one is made at
a time, in a thread of its own, so that the service answers meanwhile (WeasyPrint promises nothing to two threads).
WeasyPrint draws text by Pango, a library of the operating system; without it everything else works.
"""

from __future__ import annotations

import asyncio
import logging
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final

from api.console.pages import KINDS, STATIC
from ledger.errors import Misconfigured, Unavailable

WAIT_S: Final = 60.0
"""How long somebody waits for a paper, his turn included."""
BASE: Final = "https://sojourn.invalid"
"""Where the page says that it comes from. There is no such host (RFC 2606), and it is never asked."""

_thread: Final = ThreadPoolExecutor(1, thread_name_prefix="paper")


async def must_be_there() -> None:
    """Raises Misconfigured where this host cannot make a PDF. Takes no turn: nobody's paper is waited for here."""
    await asyncio.to_thread(_weasyprint)


async def pdf_of(page: bytes) -> bytes:
    """The PDF of a whole page in UTF-8. Raises Misconfigured, and Unavailable where too many are being made."""
    try:
        async with asyncio.timeout(WAIT_S):
            return await asyncio.get_running_loop().run_in_executor(_thread, made, page)
    except TimeoutError:
        raise Unavailable("Many papers are being made just now.", remedy="Ask again in a minute.") from None


def made(page: bytes) -> bytes:
    """The PDF of a page. Blocks for a second or so. Raises Misconfigured."""
    weasyprint = _weasyprint()

    class Ours(weasyprint.urls.URLFetcher):
        """Static files of the console, by name; whatever else is refused without being asked for."""

        def fetch(self, url: str, headers: object = None) -> Any:  # noqa: ARG002 - the shape of WeasyPrint's own
            where, _, name = url.partition("?")[0].rpartition("/")
            if where != f"{BASE}/static" or name not in STATIC:
                raise ValueError("not a file of ours")  # WeasyPrint goes on without it
            kind = {"Content-Type": KINDS[name.rpartition(".")[2]]}
            return weasyprint.urls.URLFetcherResponse(url, STATIC[name], kind)

    document = weasyprint.HTML(string=page.decode(), base_url=BASE, url_fetcher=Ours())
    return document.write_pdf(pdf_variant="pdf/ua-1")


def _weasyprint() -> Any:
    try:
        import weasyprint
    except OSError:
        raise Misconfigured(
            "This host cannot make PDF files: the library Pango is missing.",
            remedy="Print the page instead. The operator installs libpango-1.0-0, libpangoft2-1.0-0 and"
            " libharfbuzz-subset0 (Debian's names).",
        ) from None
    # It warns of each property of the style sheet that paper has no use for.
    logging.getLogger("weasyprint").setLevel(logging.ERROR)
    return weasyprint
