"""The page that accounts for the disclosures of a child, to be printed whole.

Invariant: the reading is itself disclosed, before the first byte leaves; and what is sent is complete up to then. It is
sent as it is read, so that thousands of entries are as good as ten.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import date
from typing import Final

from fastapi import APIRouter, Request
from markupsafe import Markup
from starlette.responses import Response, StreamingResponse

from api.accounting import Line, answer_of, grouped, instant, line
from api.console.pages import rendered
from api.console.visits import Visit, visitor
from api.openapi import Direct, does, operation_id
from api.reading import ask
from api.routes.students import DisclosuresView, Page, Reader, show_student
from api.services import Services
from projections import disclosures
from projections.disclosures import Disclosure

router = APIRouter(include_in_schema=False, route_class=Direct, generate_unique_id_function=operation_id)

ENTRIES_AT_ONCE: Final = 500
"""Of one query, and of one piece of the page."""


class AccountingView(DisclosuresView):
    """The first entries; ``rest`` reads on from them."""

    name = "disclosures-page"

    def __init__(self, reader: Reader, services: Services) -> None:
        super().__init__(reader, services, Page(None, ENTRIES_AT_ONCE))

    def render(self, sections: object, day: date) -> bytes:  # noqa: ARG002 - the shape of every view
        """Nothing: what is sent is longer than one piece."""
        return b""

    async def pieces(self) -> AsyncIterator[list[Disclosure]]:
        """All entries, newest first, as long as there are any. What comes meanwhile is newer, and not among them."""
        assert self.row is not None, "told before it was read"
        records, entries = self.row.records, self.entries
        while entries:
            yield entries
            if len(entries) < ENTRIES_AT_ONCE:
                return
            cursor = entries[-1].cursor
            _, entries = await ask(
                self._services.reads,
                lambda conn, cursor=cursor: disclosures.of_records(conn, records, before=cursor, limit=ENTRIES_AT_ONCE),
            )


@router.get("/students/{id}/disclosures", openapi_extra=does("student.disclosures"))
async def disclosures_page(request: Request) -> Response:
    """Every entry, in the reader's language."""
    here = await visitor(request)
    services = here.services
    views: list[AccountingView] = []

    def view(reader: Reader) -> AccountingView:
        views.append(AccountingView(reader, services))
        return views[0]

    at = services.clock()
    shown = await show_student(request, here.signed_in, view)
    headers = {"Cache-Control": "private, no-store", "Vary": "Cookie, Accept-Language"}
    if shown.body is None:
        return Response(status_code=304, headers=headers)
    around = rendered(here, "disclosures.html", student_id=request.path_params["id"], at=instant(at), lines=LINES)
    before, _, after = around.partition(LINES.encode())
    return StreamingResponse(_told(before, views[0], after, here), 200, headers, "text/html; charset=utf-8")


LINES: Final = Markup("<!-- lines -->")
"""Where the lines go. Whatever is put into a page is escaped, so that it stands there once."""


async def _told(before: bytes, view: AccountingView, after: bytes, here: Visit) -> AsyncIterator[bytes]:
    """The page in pieces. An answer whose entries lie in two of them is still one line."""
    yield before
    held: list[Disclosure] = []
    begun = False
    async for entries in view.pieces():
        lines: list[Line] = []
        for together in grouped(entries):
            if held and answer_of(held[0]) == answer_of(together[0]):
                held += together
                continue
            if held:
                lines.append(line(held, here.language))
            held = together
        begun = True
        yield _lines(here, lines)
    yield _lines(here, [line(held, here.language)] if held else [], nobody=not begun)
    yield after


def _lines(here: Visit, lines: list[Line], *, nobody: bool = False) -> bytes:
    return rendered(here, "disclosures_lines.html", entries=lines, nobody=nobody)
