"""The search for a child who just walked in.

Invariant: what was asked for stands in the body, and in no address, log, metric or problem; who was found is shown
only once the entry that names them is durable (``show_many``).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import orjson
import pydantic
from fastapi import APIRouter, Request
from starlette.responses import Response

from api.edge import request_id_of
from api.openapi import AT_LEAST, PURPOSE, Direct, operation, operation_id
from api.policy import signed_in
from api.principal import Principal, who
from api.problems import Fault, Invalid, malformed, pointer
from api.reading import ask, at_least
from api.requests import at_least_of, body_of, purpose_of
from api.schemas.search import SearchAnswer, SearchBody
from api.services import Services, services_of
from api.show import FoundMany, ShownMany, show_many
from ledger.access import NOBODY, Subject, decide
from ledger.errors import UnknownState
from ledger.mde import STATES
from projections import search
from projections.as_of import AsOf
from projections.search import Hits
from projections.search_terms import EmptyField, Wanted

router = APIRouter(tags=["students"], route_class=Direct, generate_unique_id_function=operation_id)

_FIELDS: Final = tuple(SearchBody.model_fields)


class SearchView:
    """Whom a search finds. wanted: what is looked for; of several, the first that finds somebody. fields: that were
    asked for. state: of which children alone are found, whatever was."""

    action = "student.search"
    name = "search"

    def __init__(
        self, services: Services, wanted: Sequence[Wanted], state: str | None, limit: int, position: int
    ) -> None:
        self.fields: Sequence[str] = list(
            dict.fromkeys(field for one in wanted for field, value in one._asdict().items() if value is not None)
        )
        self._services = services
        self._wanted = [one if state is None else one._replace(state=state) for one in wanted]
        self._limit = limit
        self._position = position
        self._found: tuple[AsOf, Hits] | None = None

    async def read(self) -> FoundMany:
        """Raises Behind, StoreUnavailable, and EmptyField before anything is read."""

        async def look() -> tuple[AsOf, Hits]:
            *others, last = self._wanted
            for wanted in others:
                found = await self._look(wanted)
                if found[1].students:
                    return found
            return await self._look(last)

        as_of, hits = self._found = await at_least(self._services, search.PROJECTION.name, self._position, look)
        shown = [(record, hit.student_id) for hit in hits.students for record in hit.records]
        records, children = [record for record, _ in shown], [child for _, child in shown]
        return FoundMany(records, as_of.position, children=children, reached=as_of.position)

    async def _look(self, wanted: Wanted) -> tuple[AsOf, Hits]:
        return await ask(self._services.reads, lambda conn: search.search(conn, wanted, self._limit))

    @property
    def found(self) -> tuple[AsOf, Hits]:
        assert self._found is not None, "told before it was read"
        return self._found

    def render(self) -> bytes:
        as_of, hits = self.found
        students: list[dict[str, Any]] = [
            {
                "student_id": hit.student_id,
                "states": hit.states,
                "names": hit.names,
                "birth_dates": hit.birth_dates,
                "fits": [fit._asdict() for fit in hit.fits],
            }
            for hit in hits.students
        ]
        return orjson.dumps({"position": as_of.position, "students": students, "more": hits.more})


@router.post(
    "/v1/students/search",
    summary="Find a child by what is known of her",
    responses={200: {"model": SearchAnswer, "description": "Found or not, and the disclosure entry is durable."}},
    openapi_extra=operation("student.search", (AT_LEAST, PURPOSE), SearchBody),
)
async def search_students(request: Request) -> Response:
    """Names in either order, without accents, by nickname or by sound; all that is given must fit, best first."""
    principal = await signed_in(request)
    purpose, position = purpose_of(request), at_least_of(request)
    body = _read((await body_of(request)).raw)
    wanted = Wanted(**body.model_dump(exclude={"limit"}))
    view = SearchView(services_of(request), [wanted], state_of(principal), body.limit, position)
    try:
        shown = await show_found(request, principal, purpose, view, wanted.state)
    except EmptyField as empty:
        raise _nothing_to_look_for(empty.field) from None
    return Response(shown.body, headers={"Cache-Control": "private, no-store"}, media_type="application/json")


async def show_found(
    request: Request, principal: Principal, purpose: str | None, view: SearchView, state: str | None
) -> ShownMany:
    """Show whom a search finds. state: that was asked for. Raises UnknownState, EmptyField, and as ``show_many``."""
    if state is not None and state not in STATES:
        raise UnknownState("No state or territory has this code.", remedy="Use the USPS code, such as OR.")
    about = NOBODY if state is None else Subject(states=(state,))
    access = services_of(request).ledger.access
    return await show_many(principal, purpose, view, about, access=access, request_id=request_id_of(request))


def state_of(principal: Principal) -> str | None:
    """The state whose children alone a principal finds; None for one whose rule reaches further."""
    return principal.state if decide(who(principal), SearchView.action).scope == "state" else None


def _read(raw: bytes) -> SearchBody:
    """Raises Malformed, Invalid."""
    try:
        return SearchBody.model_validate_json(raw)
    except pydantic.ValidationError as error:
        raise malformed(error, _FIELDS) from None


def _nothing_to_look_for(field: str) -> Invalid:
    if field:
        fault = Fault(pointer([field]), field, "empty", "It holds no letter or digit.", "Leave it out, or say more.")
    else:
        fault = Fault("", None, "missing", "Nothing is asked for.", "Give a name, a birth date, an id or a school.")
    return Invalid("There is nothing to look for.", remedy="See `errors`.", faults=[fault])
