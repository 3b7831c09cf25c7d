"""What happened to a student, as sentences: every event of the audit trail, with who, when, and why.

Invariant: read from the log itself, so nothing that is durable is missing. It says what was said, act by act, in the
reader's language, and adds nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from itertools import groupby
from typing import Any, Final

from fastapi import APIRouter, Request
from starlette.responses import Response

from api.console.pages import rendered
from api.console.visits import Visit, visitor
from api.openapi import Direct, does, operation_id
from api.problems import Fault, Invalid
from api.routes.students import show_student
from api.show import Found
from api.trail import HistoryView

router = APIRouter(include_in_schema=False, route_class=Direct, generate_unique_id_function=operation_id)

SHOWN_MAX: Final = 250
"""Events on one page."""
ORDERS: Final = ("newest", "oldest")
_DIGITS_MAX: Final = 18


@router.get("/students/{id}/history", openapi_extra=does("student.history"))
async def history_page(request: Request) -> Response:
    """Newest first, or with ``order=oldest`` from the beginning. ``from``: the position that the page begins with."""
    here = await visitor(request)
    order = _asked(request, "order", ORDERS[0])
    begin = _asked(request, "from", "")
    if order not in ORDERS or not (begin == "" or (begin.isascii() and begin.isdigit() and len(begin) <= _DIGITS_MAX)):
        raise Invalid(
            "This page of the history cannot be found.",
            remedy="Begin at the history's first page.",
            faults=[Fault("query", None, "page", "The order or the position cannot be used.")],
        )
    at = int(begin) if begin else None
    shown = await show_student(request, here.signed_in, lambda _: HistoryPage(here, oldest=order == "oldest", begin=at))
    headers = {"Cache-Control": "private, no-store", "Vary": "Cookie, Accept-Language"}
    return Response(shown.body, 304 if shown.body is None else 200, headers, "text/html; charset=utf-8")


class HistoryPage(HistoryView):
    """The trail as a page. oldest: it begins with the first event. begin: position of the first event on it."""

    name = "history-page"

    def __init__(self, here: Visit, *, oldest: bool, begin: int | None) -> None:
        super().__init__(here.services.ledger, language=here.language)
        self._here = here
        self._oldest = oldest
        self._begin = begin

    async def read(self, student_id: str) -> Found | None:
        found = await super().read(student_id)
        return None if found is None else found._replace(tag=f"{found.tag}.{self._oldest}.{self._begin}")

    def render(self, sections: Sequence[str], day: date) -> bytes:  # noqa: ARG002 - the shape of every view
        assert self.history is not None, "rendered before it was read"
        every, _ = self.page()
        events, following = self._turned(every)
        return rendered(
            self._here,
            "history.html",
            student_id=self.history.student_id,
            groups=_together(events),
            count=len(every),
            oldest=self._oldest,
            following=following,
            first=self._begin is None,
        )

    def _turned(self, every: list[dict[str, Any]]) -> tuple[list[dict[str, Any]], int | None]:
        """Those of this page, and the position that the next one begins with; None at the end."""
        ordered = every if self._oldest else every[::-1]
        if self._begin is not None:
            begin = self._begin
            ordered = [one for one in ordered if (one["position"] >= begin) is self._oldest or one["position"] == begin]
        left = ordered[SHOWN_MAX:]
        return ordered[:SHOWN_MAX], left[0]["position"] if left else None


def _together(events: list[dict[str, Any]]) -> list[list[dict[str, Any]]]:
    """Events that one file, or one person at one moment, brought."""

    def brought(one: dict[str, Any]) -> tuple[object, ...]:
        return one["submission"] or one["recorded_at"], one["recorded_at"][:10], one["actor"]

    return [list(group) for _, group in groupby(events, key=brought)]


def _asked(request: Request, name: str, usual: str) -> str:
    return request.query_params.get(name, usual)
