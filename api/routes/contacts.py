"""Who is to be asked for a district of a state: the officials that the state named, the nearest first.

Invariant: for whoever is signed in. Nothing in it is of a child, so no disclosure is written.
"""

from __future__ import annotations

from typing import Any, Final

from fastapi import APIRouter, Request
from starlette.responses import Response

from api.openapi import AT_LEAST, STATE, Direct, operation, operation_id
from api.policy import permitted
from api.problems import Fault, Invalid
from api.routes.jurisdictions import DISTRICT_ID, ETAG, IF_NONE_MATCH, answered, contact_told, settings_of
from api.schemas.jurisdictions import AskedAnswer
from ledger.jurisdiction import contacts_of
from ledger.jurisdictions import must_be_known
from ledger.offices import district_fault

router = APIRouter(
    prefix="/v1/contacts", tags=["state office"], route_class=Direct, generate_unique_id_function=operation_id
)

_STATE: Final = {**STATE, "in": "query", "description": "USPS code of the state."}
_DISTRICT: Final = {
    "name": "district",
    "in": "query",
    "required": False,
    "description": "NCES id of the district. Left out: the state's own contact alone.",
    "schema": DISTRICT_ID,
}


@router.get(
    "",
    summary="Read who is to be asked for a district",
    responses={
        200: {
            "model": AskedAnswer,
            "description": "The contacts of district, region and state, of each level that has one.",
            "headers": {"ETag": ETAG},
        },
        304: {"description": "What the client holds is current."},
    },
    openapi_extra=operation("contact.read", (_STATE, _DISTRICT, AT_LEAST, IF_NONE_MATCH)),
)
async def get_contacts(request: Request) -> Response:
    """In the order in which they are asked. A district that the state never named has the state's contact alone."""
    await permitted(request)
    state = request.query_params.get("state", "")
    must_be_known(state)
    district = request.query_params.get("district")
    fault = None if district is None else district_fault(state, district)
    if fault is not None:
        raise Invalid(
            "This is no district of the state.",
            remedy=fault,
            faults=[Fault("query:district", "district", "districts", "It names no district of the state.", fault)],
        )
    held = await settings_of(request, state)

    def told() -> dict[str, Any]:
        asked = contacts_of(held.jurisdiction, district)
        return {
            "state": state,
            "district": district,
            "position": held.position,
            "contacts": [contact_told(place, contact) for place, contact in asked],
        }

    return answered(request, state, held, told)
