# ruff: noqa: FAST003 - a direct route reads its path by itself (api.openapi)
"""Lists for whoever oversees access: applications and accounts of the own area, and what an account was shown.

Invariant: who is narrowed to a state or region is told of nobody outside it, and what was shown of children is told by
an answer that is a disclosure itself.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, Final

import orjson
from fastapi import APIRouter, Request
from starlette.responses import Response

from api.admission import account_listed, application_listed, uuid_named
from api.edge import request_id_of
from api.entries import allowed
from api.listing import Listing, listed
from api.managing import about
from api.openapi import AT_LEAST, CURSOR, LIMIT, PURPOSE, UUID, Direct, operation, operation_id
from api.overseeing import readers_for
from api.policy import permitted, signed_in
from api.principal import who
from api.problems import Fault, Invalid
from api.requests import at_least_of, page_of, purpose_of
from api.routes.disclosures import DisclosuresSearch
from api.routes.students import page_of_disclosures
from api.schemas.admission import AccountPage, ApplicationPage
from api.schemas.disclosures import DisclosureSearchAnswer, DisclosureSearchBody
from api.services import services_of
from api.show import show_many
from ledger.access import NOBODY, decide
from projections import accounts
from projections.accounts import Application

router = APIRouter(prefix="/v1", tags=["access"], route_class=Direct, generate_unique_id_function=operation_id)

_APPLICATION: Final = ("applied", "verified", "approved", "refused", "withdrawn")
_ACCOUNT: Final = ("applied", "active", "disabled", "deactivated")


def _status(values: tuple[str, ...]) -> dict[str, Any]:
    return {"name": "status", "in": "query", "required": False, "schema": {"type": "string", "enum": list(values)}}


@router.get(
    "/applications",
    summary="Applications, newest first",
    responses={200: {"model": ApplicationPage, "description": "A page."}},
    openapi_extra=operation("account.read", (_status(_APPLICATION), LIMIT, CURSOR, AT_LEAST)),
)
async def get_applications(request: Request) -> Response:
    """Those for roles in the area of whoever asks."""
    return await _listed(request, "applications", _APPLICATION, accounts.applications, application_listed)


@router.get(
    "/accounts",
    summary="Accounts, newest first",
    responses={200: {"model": AccountPage, "description": "A page."}},
    openapi_extra=operation("account.read", (_status(_ACCOUNT), LIMIT, CURSOR, AT_LEAST)),
)
async def get_accounts(request: Request) -> Response:
    """Those that have, had or ask for a role in the area of whoever asks; families' are told by their own address."""
    return await _listed(request, "accounts", _ACCOUNT, accounts.accounts, account_listed)


@router.get(
    "/accounts/{id}/disclosures",
    summary="What somebody was shown",
    responses={200: {"model": DisclosureSearchAnswer, "description": "A page, and the entry is durable."}},
    openapi_extra=operation("disclosure.search", (UUID, LIMIT, CURSOR, PURPOSE)),
)
async def get_account_disclosures(request: Request) -> Response:
    """Everything that an account asked for, and was shown or refused, newest first."""
    principal = await signed_in(request)
    services = services_of(request)
    purpose, page = purpose_of(request), page_of_disclosures(request)
    access, request_id = services.ledger.access, request_id_of(request)
    # Before it is looked for: who may not ask learns nothing of whether there is such an account.
    view = DisclosuresSearch.name
    await allowed(principal, purpose, DisclosuresSearch.action, NOBODY, view, access=access, request_id=request_id)
    account = uuid_named(request.path_params["id"], "account")
    standing = await asyncio.to_thread(services.ledger.admissions.standing, account)
    subject = about(standing)
    readers = readers_for(principal, decide(who(principal), DisclosuresSearch.action, subject))
    shown = await show_many(
        principal,
        purpose,
        DisclosuresSearch(services, DisclosureSearchBody(actor=standing.email), readers, page),
        subject,
        access=access,
        request_id=request_id,
    )
    return Response(shown.body, headers={"Cache-Control": "private, no-store"}, media_type="application/json")


# -- inside


async def _listed(
    request: Request, name: str, statuses: tuple[str, ...], query: Listing[Any], tell: Callable[[Any], dict[str, Any]]
) -> Response:
    principal = await permitted(request)
    status, (limit, before) = _status_of(request, statuses), page_of(request)
    reflected, found = await listed(
        services_of(request), principal, query, at_least_of(request), status=status, before=before, limit=limit
    )
    cursor = None
    if len(found) == limit:
        cursor = str(found[-1].applied if isinstance(found[-1], Application) else found[-1].begun)
    body = {"position": reflected.position, name: [tell(one) for one in found], "cursor": cursor}
    return Response(orjson.dumps(body), headers={"Cache-Control": "private, no-store"}, media_type="application/json")


def _status_of(request: Request, values: tuple[str, ...]) -> str | None:
    status = request.query_params.get("status")
    if status is not None and status not in values:
        raise Invalid(
            "The status cannot be used.",
            remedy=f"Send one of {', '.join(values)}.",
            faults=[Fault("query:status", None, "status", "It is none of them.")],
        )
    return status
