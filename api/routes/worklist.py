# ruff: noqa: FAST003 - a direct route reads its path by itself (api.openapi)
"""The worklist over HTTP: the cases that lie with an office, and one of them whole.

Invariant: an office is told what lies with it now, a region what lies with its districts too, and a state all that is
asked of it; an auditor is told everything. Nothing of a case leaves before the entry that names the records it is about
is durable (``show_many``).
"""

from __future__ import annotations

import hashlib
import re
from typing import Final

from fastapi import APIRouter, Request
from starlette.responses import Response

from api.cases import case_view, worklist_view
from api.edge import request_id_of
from api.named import case_named
from api.offices import office_of
from api.openapi import AT_LEAST, CASE_ID, CURSOR, IF_NONE_MATCH, LIMIT, PURPOSE, Direct, operation, operation_id
from api.policy import signed_in
from api.principal import Principal
from api.problems import Fault, Invalid
from api.requests import at_least_of, page_of, purpose_of, truth_of
from api.schemas.worklist import CaseAnswer, WorklistAnswer
from api.services import services_of
from api.show import is_current, show_many
from ledger.cases import KINDS
from ledger.errors import Forbidden, OtherState, UnknownState
from ledger.events.case import Place
from ledger.mde import STATES
from ledger.offices import REGION_CODE
from projections.worklist import Wanted

router = APIRouter(prefix="/v1/cases", tags=["worklist"], route_class=Direct, generate_unique_id_function=operation_id)

DISTRICT: Final = "[0-9]{7}"


def _parameter(name: str, description: str, **schema: object) -> dict[str, object]:
    return {"name": name, "in": "query", "required": False, "description": description, "schema": schema}


_FILTERS: Final = (
    _parameter("state", "Of which a part is; the token's own where it has one.", type="string", enum=sorted(STATES)),
    _parameter("region", "Where a part lies, or in one of its districts.", type="string", pattern=f"^{REGION_CODE}$"),
    _parameter("district", "Where a part lies, by its NCES id.", type="string", pattern=f"^{DISTRICT}$"),
    _parameter("kind", "Of which kind.", type="string", enum=list(KINDS)),
    _parameter("open", "`false` for those that are closed.", type="boolean", default=True),
    _parameter("mine", "Only what waits for whoever asks.", type="boolean", default=False),
)


@router.get(
    "",
    summary="Cases that lie with an office",
    responses={200: {"model": WorklistAnswer, "description": "A page, and the disclosure entry is durable."}},
    openapi_extra=operation("case.read", (*_FILTERS, LIMIT, CURSOR, AT_LEAST, PURPOSE)),
)
async def get_cases(request: Request) -> Response:
    """Open ones, the longest open first; closed ones only when asked for, the last closed first."""
    principal = await signed_in(request)
    limit, after = page_of(request)
    services = services_of(request)
    position = at_least_of(request)
    purpose = purpose_of(request)
    wanted = refused = None
    try:
        wanted = _wanted(request, principal, office_of(principal))
    except (Forbidden, OtherState) as error:
        refused = error  # told once its entry is durable, like any refusal about children

    shown = await show_many(
        principal,
        purpose,
        worklist_view(
            services,
            [name for name in _NAMES if name in request.query_params],
            wanted,
            position,
            after=after,
            limit=limit,
            refused=refused,
        ),
        access=services.ledger.access,
        request_id=request_id_of(request),
    )
    return Response(shown.body, headers={"Cache-Control": "private, no-store"}, media_type="application/json")


@router.get(
    "/{id}",
    summary="A case whole",
    responses={
        200: {"model": CaseAnswer, "description": "Shown, and the disclosure entry is durable."},
        304: {"description": "What the reader holds is current. Recorded as a disclosure too."},
    },
    openapi_extra=operation("case.read", (CASE_ID, AT_LEAST, PURPOSE, IF_NONE_MATCH)),
)
async def get_case(request: Request) -> Response:
    """With its records, who is asked, every answer with its reason, and who is at it now. Where it is judged blind,
    each record with what its own state says of the child, and nothing of the student."""
    principal = await signed_in(request)
    services = services_of(request)
    shown = await show_many(
        principal,
        purpose_of(request),
        case_view(services, case_named(request.path_params["id"]), office_of(principal), at_least_of(request)),
        access=services.ledger.access,
        request_id=request_id_of(request),
    )
    # Of all that is said: a record may have moved to another student while nothing was said in the case.
    etag = f'"{hashlib.blake2b(shown.body, digest_size=16).hexdigest()}"'
    headers = {"ETag": etag, "Cache-Control": "private, no-cache"}
    if is_current(etag, request.headers.get("if-none-match", "")):
        return Response(status_code=304, headers=headers)
    return Response(shown.body, headers=headers, media_type="application/json")


# -- inside

_NAMES: Final = ("state", "region", "district", "kind", "open", "mine")


def _wanted(request: Request, principal: Principal, office: Place | None) -> Wanted:
    """What is asked for, narrowed to the office. Raises UnknownState, OtherState, Forbidden, Invalid."""
    asked = request.query_params
    state, region, district, kind = (asked.get(name) for name in _NAMES[:4])
    if state is not None and state not in STATES:
        raise UnknownState("No state or territory has this code.", remedy="Use the USPS code, such as OR.")
    if region is not None and not re.fullmatch(REGION_CODE, region):
        raise _unusable("region", "It is no code of a region.")
    if district is not None and not re.fullmatch(DISTRICT, district):
        raise _unusable("district", "It is no NCES id of a district: seven digits.")
    if kind is not None and kind not in KINDS:
        raise _unusable("kind", "There is no such kind of case.")
    mine = truth_of(request, "mine")
    if office is None:
        if mine:
            raise _unusable("mine", "Nothing waits for an auditor.")
        if region is not None and state is None:
            raise _unusable("state", "A region is one of a state's: name the state too.")
    else:
        if state not in (None, office.state):
            raise OtherState("The cases are another state's than the token.", remedy="Use a token of that state.")
        if (office.district is not None and district not in (None, office.district)) or (
            office.region is not None and region not in (None, office.region)
        ):
            raise Forbidden("The token is narrowed to another office.", remedy="Use a token of that office.")
        state, district = office.state, district or office.district
        # A district is enough: not every part that lies with one says in which region that is.
        region = region or (office.region if office.district is None else None)
    name = principal.name if mine else None
    return Wanted(state, region, district, kind, name, truth_of(request, "open", usual=True))


def _unusable(name: str, message: str) -> Invalid:
    return Invalid(
        "The parameter cannot be used.",
        remedy="See `errors`.",
        faults=[Fault(f"query:{name}", None, name, message)],
    )
