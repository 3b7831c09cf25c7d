# ruff: noqa: FAST003 - a direct route reads its path by itself (api.openapi)
"""Students: the consolidated record and what hangs on it. Every answer goes through ``show``.

Invariant: ids in an address, nothing else of a child; and bytes that the read model has ready are passed on, not
parsed and written anew. Only what depends on today is computed here, from dates.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Awaitable, Callable, Sequence
from datetime import date
from typing import Any, Final, NamedTuple, Protocol, TypeVar

import msgspec
import orjson
from fastapi import APIRouter, Request
from starlette.responses import Response

from api.edge import request_id_of
from api.openapi import (
    AS_OF,
    AT_LEAST,
    CURSOR,
    EFFECTIVE_ON,
    GONE,
    IF_NONE_MATCH,
    LIMIT,
    PURPOSE,
    STUDENT_ID,
    Direct,
    operation,
    operation_id,
)
from api.past import Then, instant, then_of
from api.policy import signed_in
from api.principal import Principal, who
from api.problems import Fault, Invalid
from api.reading import access_head, ask, at_least
from api.requests import at_least_of, purpose_of
from api.schemas.answers import DisclosuresAnswer, RecordsAnswer, StudentAnswer
from api.services import Services, services_of
from api.show import SECTIONS, Found, Shown, View, show
from ledger.access import Subject, decide
from ledger.batching import Batches
from ledger.errors import NoSuchPoint
from ledger.ids import is_student_id
from ledger.past import NotThen, let_in
from projections import disclosures, students
from projections.as_of import AsOf
from projections.disclosures import Cursor, Disclosure
from projections.students import StudentRow

router = APIRouter(tags=["students"], route_class=Direct, generate_unique_id_function=operation_id)

LIMIT_MAX: Final = 1000
T = TypeVar("T")


class Look(NamedTuple):
    """What was seen where an id was asked for. row: None where the id was never minted."""

    as_of: AsOf
    row: StudentRow | None


Looks = Batches[str, Look]


def looks_over(services: Services) -> Looks:
    """Looks for students by id, for those that are asked for together by one query."""

    async def look(ids: Sequence[str]) -> dict[str, Look]:
        as_of, found = await ask(services.reads, lambda connection: students.students(connection, ids))
        return {asked: Look(as_of, found.get(asked)) for asked in ids}

    return Batches(look)


class Reader(Protocol):
    """Finds students by any id ever issued. None where it never was; NotThen where there is nothing of the student to
    show as of the point that was asked for."""

    async def get(self, student_id: str, /) -> StudentRow | NotThen | None: ...


class ReaderFrom:
    """Finds students as they are at a position of the ledger or later. Raises Behind where that takes too long."""

    def __init__(self, services: Services, looks: Looks, position: int) -> None:
        self._services = services
        self._looks = looks
        self._position = position

    async def get(self, student_id: str, /) -> StudentRow | None:
        async def look() -> Look:
            found = await self._looks.get(student_id)
            assert found is not None, "every id that is asked for is answered"
            return found

        _, row = await at_least(self._services, students.PROJECTION.name, self._position, look)
        return row


# -- views


class _Interval(msgspec.Struct):
    begins: str | None = None
    expires: str | None = None


class _Move(msgspec.Struct):
    eligibility: _Interval | None = None


class _Source(msgspec.Struct):
    state: str


class _Dates(msgspec.Struct):
    """What the edge needs of the core section: dates and states. The decoder skips all else."""

    records: list[_Source] = []
    qualifying_moves: list[_Move] = []

    def eligible_on(self, day: date) -> bool:
        """Whether a move makes the child eligible on a day: both ends count."""
        text = day.isoformat()
        return any(
            move.eligibility is not None
            and (move.eligibility.begins or "~") <= text <= (move.eligibility.expires or "")
            for move in self.qualifying_moves
        )


class _Records(msgspec.Struct):
    records: msgspec.Raw


_dates = msgspec.json.Decoder(_Dates).decode
_records = msgspec.json.Decoder(_Records).decode


class StudentView:
    """The consolidated record, assembled from its ready sections."""

    action = "student.read"
    name = "student"
    sections: Sequence[str] = SECTIONS

    def __init__(self, reader: Reader) -> None:
        self._reader = reader
        self.row: StudentRow | None = None
        self.dates = _Dates()

    async def read(self, student_id: str) -> Found | None:
        """One row, by any id ever issued."""
        row = await self._reader.get(student_id)
        if row is None:
            return None
        if isinstance(row, NotThen):
            return Found(student_id, row.records, 0, "", row.states, row.position, refused=row.why)
        self.row = row
        self.dates = _dates(row.sections["core"])
        states = [record.state for record in self.dates.records]
        tag = f"{row.position}.{row.as_of.version}"
        known = row.known
        if known is None:
            return Found(row.student_id, row.records, row.position, tag, states, reached=row.as_of.position)
        effective_on = None if known.effective_on is None else known.effective_on.isoformat()
        tag = f"{tag}.{known.position}.{effective_on or ''}.{known.erased}"
        return Found(
            row.student_id,
            row.records,
            row.position,
            tag,
            states,
            known.position,
            effective_on,
            let_in=let_in([states, *known.kept_now]),
        )

    def render(self, sections: Sequence[str], day: date) -> bytes:
        row = self.row
        assert row is not None, "rendered before it was read"
        if row.known is not None:
            day = row.known.effective_on or day
        head = {
            "student_id": row.student_id,
            "position": row.position,
            "day": day.isoformat(),
            "eligible_now": self.dates.eligible_on(day),
            **known_of(row),
        }
        parts = [orjson.dumps(head)[:-1]]
        parts += [b',"%b":%b' % (name.encode(), row.sections[name]) for name in sections]
        parts.append(b"}")
        return b"".join(parts)


def known_of(row: StudentRow) -> dict[str, Any]:
    """As of what a student is shown, where that was asked for."""
    known = row.known
    if known is None:
        return {}
    return {
        "as_of": known.position,
        "known_at": instant(known.recorded_at),
        "effective_on": None if known.effective_on is None else known.effective_on.isoformat(),
        "erased": known.erased,
    }


class RecordsView(StudentView):
    """The records that are now linked to the student: which state keeps which, under which id."""

    action = "student.records"
    name = "records"
    sections: Sequence[str] = ("core",)

    def render(self, sections: Sequence[str], day: date) -> bytes:  # noqa: ARG002 - the shape of every view
        row = self.row
        assert row is not None, "rendered before it was read"
        head = orjson.dumps({"student_id": row.student_id, "position": row.position, **known_of(row)})[:-1]
        return b'%b,"records":%b}' % (head, bytes(_records(row.sections["core"]).records))


class Page(NamedTuple):
    """Which part of a list, newest first. before: the last row of the page before."""

    before: Cursor | None
    limit: int


class DisclosuresView(StudentView):
    """Who was shown the student's records, when, what and why. Looking at it is a disclosure as well."""

    action = "student.disclosures"
    name = "disclosures"
    sections: Sequence[str] = ("disclosures",)

    def __init__(self, reader: Reader, services: Services, page: Page) -> None:
        super().__init__(reader)
        self._services = services
        self._page = page
        self.entries: list[Disclosure] = []

    async def read(self, student_id: str) -> Found | None:
        """Waits first for the entries that are durable by now, so that no reader is missing from the answer."""
        durable = await access_head(self._services)
        found = await super().read(student_id)
        if found is None:
            return None
        before, limit = self._page

        async def entries() -> tuple[AsOf, list[Disclosure]]:
            return await ask(
                self._services.reads,
                lambda connection: disclosures.of_records(connection, found.records, before=before, limit=limit),
            )

        as_of, self.entries = await at_least(self._services, disclosures.PROJECTION.name, durable, entries)
        first, last = (self.entries[0], self.entries[-1]) if self.entries else (None, None)
        shown = f"{first.position if first else 0}.{last.position if last else 0}"
        tag = f"{found.tag}.{as_of.version}.{shown}.{limit}"
        return found._replace(tag=tag)

    def render(self, sections: Sequence[str], day: date) -> bytes:  # noqa: ARG002 - the shape of every view
        row = self.row
        assert row is not None, "rendered before it was read"
        full = len(self.entries) == self._page.limit
        body = {
            "student_id": row.student_id,
            "disclosures": [entry._asdict() for entry in self.entries],
            "cursor": opaque(self.entries[-1].cursor) if full else None,
        }
        return orjson.dumps(body)


# -- routes


def student_id_of(request: Request) -> str:
    """The id in the path. Raises Invalid where it cannot be one."""
    student_id: str = request.path_params["id"]
    if not is_student_id(student_id):
        raise Invalid(
            "This is not a student id.",
            remedy="A student id is 12 digits, the last of them a check digit.",
            faults=[Fault("path:id", None, "student-id", "It has not the form of a student id.")],
        )
    return student_id


async def show_student(
    request: Request, principal: Principal, view: Callable[[Reader], View], then: Then | None = None
) -> Shown:
    """Show what a view makes of the student in the path, to the principal of the request. then: as known when, where
    that is not now."""
    student_id = student_id_of(request)
    services = services_of(request)
    state = request.app.state
    purpose = purpose_of(request)
    reader = ReaderFrom(services, state.students, at_least_of(request)) if then is None else then
    return await show(
        principal,
        purpose,
        view(reader),
        student_id,
        access=services.ledger.access,
        request_id=request_id_of(request),
        now=services.clock() if then is None else then.point.at,
        zone_of=state.profiles.zone_of,
        known=request.headers.get("if-none-match", ""),
    )


async def point_for(request: Request, principal: Principal, point: Awaitable[T]) -> T:
    """The point that an address asks for. Who may not read the student is refused, and that is written down, before he
    is told what is wrong with it. Raises NoSuchPoint, Forbidden, OtherState, StoreUnavailable."""
    try:
        return await point
    except NoSuchPoint:
        now = StudentView(ReaderFrom(services_of(request), request.app.state.students, 0))
        found = await now.read(student_id_of(request))
        subject = Subject((), ()) if found is None else found.subject
        if not decide(who(principal), now.action, subject).allowed:
            await show_student(request, principal, StudentView)
        raise


async def _answer(request: Request, view: Callable[[Reader], View], *, of_the_past: bool = False) -> Response:
    principal = await signed_in(request)
    then = await point_for(request, principal, then_of(request)) if of_the_past else None
    shown = await show_student(request, principal, view, then)
    headers = {"ETag": shown.etag, "Cache-Control": "private, no-cache"}
    if shown.body is None:
        return Response(status_code=304, headers=headers)
    return Response(shown.body, headers=headers, media_type="application/json")


_PARAMETERS: Final = (STUDENT_ID, AT_LEAST, PURPOSE, IF_NONE_MATCH)
_OF_THE_PAST: Final = (*_PARAMETERS, AS_OF, EFFECTIVE_ON)


def _responses(model: type[Any]) -> dict[int | str, dict[str, Any]]:
    return {
        200: {"model": model, "description": "Shown, and the disclosure entry is durable."},
        304: {"description": "What the reader holds is current. Recorded as a disclosure too."},
        **GONE,
    }


@router.get(
    "/v1/students/{id}",
    summary="Read a consolidated record",
    responses=_responses(StudentAnswer),
    openapi_extra=operation("student.read", _OF_THE_PAST),
)
async def read_student(request: Request) -> Response:
    """Takes any id ever issued. Each record shown gets a disclosure entry before the answer leaves.

    With `as_of` it is what was known then, by the linkage of then; with `effective_on` what was true on that day."""
    return await _answer(request, StudentView, of_the_past=True)


@router.get(
    "/v1/students/{id}/records",
    summary="Which states keep a record of the student",
    responses=_responses(RecordsAnswer),
    openapi_extra=operation("student.records", _OF_THE_PAST),
)
async def read_records(request: Request) -> Response:
    """The records that are linked now, or were as of a point, each with its state and the state's own id."""
    return await _answer(request, RecordsView, of_the_past=True)


@router.get(
    "/v1/students/{id}/disclosures",
    summary="Who was shown the student's records",
    responses=_responses(DisclosuresAnswer),
    openapi_extra=operation("student.disclosures", (*_PARAMETERS, LIMIT, CURSOR)),
)
async def read_disclosures(request: Request) -> Response:
    """Complete up to the moment of asking: it waits for entries that are durable already."""
    services = services_of(request)
    return await _answer(request, lambda reader: DisclosuresView(reader, services, page_of_disclosures(request)))


def page_of_disclosures(request: Request) -> Page:
    """Which part of a list of disclosures is asked for. Raises Invalid."""
    limit, cursor = request.query_params.get("limit", "100"), request.query_params.get("cursor")
    if not (limit.isascii() and limit.isdigit() and len(limit) < 5 and 1 <= int(limit) <= LIMIT_MAX):
        raise Invalid(
            "The limit cannot be used.",
            remedy=f"Ask for 1 to {LIMIT_MAX}.",
            faults=[Fault("query:limit", None, "range", f"It is not a whole number from 1 to {LIMIT_MAX}.")],
        )
    return Page(_cursor(cursor) if cursor is not None else None, int(limit))


def opaque(cursor: Cursor) -> str:
    """A place in a list of disclosures, as answers give it."""
    return base64.urlsafe_b64encode(f"{cursor.position}:{cursor.record}".encode()).decode().rstrip("=")


def _cursor(text: str) -> Cursor:
    """The place in a list that an answer gave as its cursor. Raises Invalid."""
    try:
        plain = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)).decode("ascii")
    except ValueError:
        plain = ""
    match = _CURSOR.fullmatch(plain)
    if match is None:
        raise Invalid(
            "The cursor is not one that an answer gave.",
            remedy="Take it from the page before, or leave it out.",
            faults=[Fault("query:cursor", None, "cursor", "It cannot be read.")],
        )
    return Cursor(int(match[1]), match[2])


_CURSOR: Final = re.compile(r"([0-9]{1,18}):([0-9a-f-]{36})")
