# ruff: noqa: FAST003 - a direct route reads its path by itself (api.openapi)
"""Lists for whoever oversees access: applications and accounts of the own area, and what an account was shown.

Invariant: who is narrowed to a state or region is told of nobody outside it, and what was shown of children is told by
an answer that is a disclosure itself.
"""

from __future__ import annotations

import asyncio
from typing import Any, Final

import orjson
from fastapi import APIRouter, Request
from starlette.responses import Response

from api.admission import uuid_named
from api.edge import request_id_of
from api.entries import allowed
from api.openapi import AT_LEAST, CURSOR, LIMIT, PURPOSE, UUID, Direct, operation, operation_id
from api.overseeing import readers_for
from api.policy import permitted, signed_in, who
from api.problems import Fault, Invalid
from api.reading import ask, at_least
from api.requests import at_least_of, page_of, purpose_of
from api.routes.accounts import about
from api.routes.disclosures import DisclosuresSearch
from api.routes.students import page_of_disclosures
from api.schemas.admission import AccountPage, ApplicationPage
from api.schemas.disclosures import DisclosureSearchAnswer, DisclosureSearchBody
from api.services import services_of
from api.show import show_many
from ledger.access import NOBODY, decide
from projections import accounts
from projections.accounts import Account, Application, Area
from projections.as_of import AsOf

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
    principal = await permitted(request)
    services, status = services_of(request), _status_of(request, _APPLICATION)
    limit, before = page_of(request)
    area = Area(principal.state, principal.region)

    async def look() -> tuple[AsOf, list[Application]]:
        return await ask(
            services.reads,
            lambda conn: accounts.applications(conn, area, status=status, before=before, limit=limit),
        )

    reflected, found = await at_least(services, accounts.PROJECTION.name, at_least_of(request), look)
    told = [_application(one) for one in found]
    return _page("applications", reflected.position, told, found[-1].applied if len(found) == limit else None)


@router.get(
    "/accounts",
    summary="Accounts, newest first",
    responses={200: {"model": AccountPage, "description": "A page."}},
    openapi_extra=operation("account.read", (_status(_ACCOUNT), LIMIT, CURSOR, AT_LEAST)),
)
async def get_accounts(request: Request) -> Response:
    """Those that have, had or ask for a role in the area of whoever asks; families' are told by their own address."""
    principal = await permitted(request)
    services, status = services_of(request), _status_of(request, _ACCOUNT)
    limit, before = page_of(request)
    area = Area(principal.state, principal.region)

    async def look() -> tuple[AsOf, list[Account]]:
        return await ask(
            services.reads, lambda conn: accounts.accounts(conn, area, status=status, before=before, limit=limit)
        )

    reflected, found = await at_least(services, accounts.PROJECTION.name, at_least_of(request), look)
    told = [_account(one) for one in found]
    return _page("accounts", reflected.position, told, found[-1].begun if len(found) == limit else None)


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


def _status_of(request: Request, values: tuple[str, ...]) -> str | None:
    status = request.query_params.get("status")
    if status is not None and status not in values:
        raise Invalid(
            "The status cannot be used.",
            remedy=f"Send one of {', '.join(values)}.",
            faults=[Fault("query:status", None, "status", "It is none of them.")],
        )
    return status


def _page(name: str, position: int, told: list[dict[str, Any]], cursor: int | None) -> Response:
    body = {"position": position, name: told, "cursor": None if cursor is None else str(cursor)}
    return Response(orjson.dumps(body), headers={"Cache-Control": "private, no-store"}, media_type="application/json")


def _role(one: Any, grant: int | None) -> dict[str, Any]:
    return {
        "grant": grant,
        "role": one.role,
        "organisation": one.organisation,
        "state": one.state,
        "region": one.region,
        "district": one.district,
    }


def _application(one: Application) -> dict[str, Any]:
    return {
        "id": one.application,
        "account": one.account,
        "kind": one.kind,
        "status": one.status,
        "email": one.email,
        "name": one.name,
        "title": one.title,
        "address": one.address,
        "phone": one.phone,
        "asked": _role(one, None),
        "supervisor": one.supervisor,
        "supervisor_email": one.supervisor_email,
        "entered_by": one.entered_by,
        "verified_by": one.verified_by,
        "decided_by": one.decided_by,
        "reason": one.reason,
        "attachments": sorted(paper.attachment for paper in one.attachments),
    }


def _account(one: Account) -> dict[str, Any]:
    return {
        "id": one.account,
        "email": one.email,
        "name": one.name,
        "status": one.status,
        "roles": [_role(role, role.grant) for role in one.roles if role.ended_at is None],
        "families": [],
        "trained_on": one.trained_on,
        "rules_on": one.rules_on,
        "renew_on": one.renew_on,
    }
