# ruff: noqa: FAST003 - a direct route reads its path by itself (api.openapi)
"""Daily lists over HTTP: which there are and how many stand in each, and one of them.

Invariant: an office is told of its own children; whoever is in a list, or in an export of it, is named by an entry
that is durable before anything leaves (``show_many``). A count is of nobody. What stands in an address is a list, a
district, a school, a grade and days: nothing of a child.
"""

from __future__ import annotations

from typing import Any, Final

import orjson
from fastapi import APIRouter, Request
from starlette.responses import Response

from api.edge import request_id_of
from api.list_asking import PAGING, asked_of, list_named, must_suit, office_asked, parameters_of
from api.list_showing import ListView, office_told
from api.openapi import AT_LEAST, CURSOR, LIMIT, PURPOSE, Direct, operation, operation_id
from api.policy import permitted, signed_in, within
from api.principal import Principal
from api.problems import Fault, Invalid
from api.reading import ask
from api.requests import LIMIT_MAX, at_least_of, purpose_of
from api.schemas.lists import PARAMETERS, ListAnswer, ListParameters, ListsAnswer
from api.services import services_of
from api.sheets import MEDIA_TYPE
from api.show import show_many
from ledger.access import NOBODY, Subject
from projections import list_rows
from projections.list_rows import Counted
from projections.lists import DAYS_ASKED, LISTS, Asked, DailyList

router = APIRouter(prefix="/v1/lists", tags=["lists"], route_class=Direct, generate_unique_id_function=operation_id)

_PRIVATE: Final = {"Cache-Control": "private, no-store"}
_SHAPES: Final[dict[str, Any]] = ListParameters.model_json_schema()["properties"]
_QUERY: Final = {
    name: {
        "name": name,
        "in": "query",
        "required": False,
        "description": shape["description"],
        "schema": next(one for one in shape["anyOf"] if one["type"] != "null"),
    }
    for name, shape in _SHAPES.items()
}
OFFICE: Final = ("state", "district")
"""Parameters that name one."""
_NAME: Final = {
    "name": "name",
    "in": "path",
    "required": True,
    "description": "Which list.",
    "schema": {"type": "string", "enum": [one.name for one in LISTS]},
}


@router.get(
    "",
    summary="Which daily lists there are",
    responses={200: {"model": ListsAnswer, "description": "Each with what it means, and how many stand in it."}},
    openapi_extra=operation("list.keep", [_QUERY[name] for name in OFFICE]),
)
async def get_lists(request: Request) -> Response:
    """Counted for one's own office, or a part of it; uncounted for who acts for no state and names none."""
    principal = await permitted(request)
    told = await lists_told(request, principal, parameters_of(request, names=OFFICE))
    return Response(orjson.dumps(told), headers=_PRIVATE, media_type="application/json")


async def lists_told(request: Request, principal: Principal, said: ListParameters) -> dict[str, Any]:
    """Every list, counted where an office is asked for. Raises Forbidden, OtherState, Invalid, StoreUnavailable."""
    told: dict[str, Any] = {"day": None, "position": None, "office": None}
    if said.state is None and principal.state is None:
        lists = [_described(kind, None, {}) for kind in LISTS]
    else:
        if said.state is not None:
            within(request, principal, said.state)
        services = services_of(request)
        office = await office_asked(services, principal, said)
        asked = await asked_of(services, principal, said, office, request.app.state.profiles.zone_of, None)
        told |= {"day": asked.day, "office": office_told(office)}
        lists = []

        async def count(kind: DailyList, question: Asked) -> Counted:
            as_of, counted = await ask(services.reads, lambda conn: list_rows.count(conn, kind, question))
            told["position"] = as_of.position
            return counted

        for kind in LISTS:
            ahead = {days: asked._replace(days=days) for days in DAYS_ASKED} if "days" in kind.parameters else {}
            inside = {days: await count(kind, question) for days, question in ahead.items()}
            lists.append(_described(kind, await count(kind, asked), inside))
    return told | {"lists": lists}


@router.get(
    "/{name}",
    summary="A daily list",
    responses={
        200: {
            "model": ListAnswer,
            "description": "A page, or with `Accept: text/csv` all of it; and the disclosure entry is durable.",
            "content": {"text/csv": {"schema": {"type": "string"}}},
        }
    },
    openapi_extra=operation("list.read", (_NAME, *_QUERY.values(), LIMIT, CURSOR, AT_LEAST, PURPOSE)),
)
async def get_list(request: Request) -> Response:
    """The children of one's own office, or of a part of it. An export is whole, or refused above 10,000 children."""
    principal = await signed_in(request)
    services = services_of(request)
    kind = list_named(request.path_params["name"])
    said = parameters_of(request, *PAGING)
    must_suit(kind, said)
    view = ListView(
        services,
        principal,
        request.app.state.profiles.zone_of,
        kind,
        said,
        limit=_limit_of(request),
        cursor=request.query_params.get("cursor"),
        position=at_least_of(request),
        export="text/csv" in request.headers.get("accept", ""),
    )
    shown = await show_many(
        principal,
        purpose_of(request),
        view,
        NOBODY if said.state is None else Subject(states=(said.state,)),
        access=services.ledger.access,
        request_id=request_id_of(request),
    )
    headers = {**_PRIVATE, "Vary": "Accept"}
    if view.name == "list":
        return Response(shown.body, headers=headers, media_type="application/json")
    headers["Content-Disposition"] = f'attachment; filename="{view.filename}"'
    return Response(shown.body, 200, headers, MEDIA_TYPE)


# -- inside


def _limit_of(request: Request) -> int:
    """Raises Invalid."""
    given = request.query_params.get("limit", "100")
    if not (given.isascii() and given.isdigit() and len(given) <= 6 and 1 <= int(given) <= LIMIT_MAX):
        raise Invalid(
            "The page is too large or too small.",
            remedy=f"Ask for 1 to {LIMIT_MAX}.",
            faults=[Fault("query:limit", None, "page", f"It is not 1 to {LIMIT_MAX}.")],
        )
    return int(given)


def _described(kind: DailyList, counted: Counted | None, inside: dict[int, Counted]) -> dict[str, Any]:
    return {
        "name": kind.name,
        "means": kind.means,
        "rule": kind.rule,
        "parameters": [name for name in PARAMETERS if name in kind.parameters or name not in ("days", "since")],
        "counted": counted and counted._asdict(),
        "within": [{"days": days, **one._asdict()} for days, one in inside.items()],
    }
