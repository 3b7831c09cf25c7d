"""Who has access, as what, since when and by whom; and what whoever is in charge does about it.

Invariant: whoever is narrowed to an area sees the accounts of it and no other; a code is shown in one answer alone.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from datetime import date
from typing import Any, Final

from fastapi import APIRouter, Request
from starlette.responses import Response

from api.admission import uuid_named
from api.console.faults import NONE, Faults, faults_told
from api.console.filled import Typed, filled
from api.console.pages import page, seen_other
from api.console.roles import NAMES
from api.console.visits import Visit, permitted
from api.console.words import N_
from api.listing import listed, whole_account
from api.managing import ending, give_code, manage, must_be_in_hand, must_be_readable
from api.openapi import Direct, does, operation_id
from api.problems import Invalid
from api.requests import at_least_of, page_of
from api.schemas.admission import AccountReasonBody
from ledger.account_acts import Command, Deactivate, Disable, Enable
from ledger.accounts import Account
from ledger.admissions import state_of
from ledger.errors import Forbidden, NotFound, Refused
from projections import accounts

router = APIRouter(include_in_schema=False, route_class=Direct, generate_unique_id_function=operation_id)

SHOWN: Final = 50
STATUS_NAMES: Final[Mapping[str, str]] = {
    "applied": N_("applied for"),
    "active": N_("active"),
    "disabled": N_("disabled"),
    "deactivated": N_("deactivated for good"),
}
DONE: Final[Mapping[str, str]] = {
    "disabled": N_("The account is disabled: nobody is let in by it, and its sessions have ended."),
    "enabled": N_("The account lets in again."),
    "deactivated": N_("The account is deactivated for good."),
    "ended": N_("The role has ended."),
}


@router.get("/accounts", openapi_extra=does("account.read"))
async def accounts_page(request: Request) -> Response:
    """Of the area of whoever looks, newest first; by standing and role."""
    here = await permitted(request)
    asked = request.query_params
    status, role = asked.get("status", ""), asked.get("role", "")
    _, before = page_of(request)
    found = (
        await listed(
            here.services,
            here.signed_in,
            accounts.accounts,
            at_least_of(request),
            status=status if status in STATUS_NAMES else None,
            before=before,
            limit=SHOWN,
        )
    )[1]
    today = await asyncio.to_thread(here.services.ledger.admissions.today, here.signed_in.state)
    shown = [one for one in found if not role or any(each.role == role and each.ended_at is None for each in one.roles)]
    return page(
        here,
        "accounts/list.html",
        accounts=shown,
        older=found[-1].begun if len(found) == SHOWN else None,
        today=today,
        standing=status,
        role=role,
        statuses=STATUS_NAMES,
        roles=NAMES,
    )


@router.get("/accounts/{id}", openapi_extra=does("account.read"))
async def account_page(request: Request) -> Response:
    """Its whole story."""
    return await _one(await permitted(request), NONE, at_least_of(request))


@router.post("/accounts/{id}/disablement", openapi_extra=does("account.manage"))
async def disable(request: Request) -> Response:
    """For a time."""
    return await _managed(request, lambda by, why: Disable(by=by, reason=why), "disabled")


@router.post("/accounts/{id}/enablement", openapi_extra=does("account.manage"))
async def enable(request: Request) -> Response:
    """Again, never by its own holder."""
    return await _managed(request, lambda by, why: Enable(by=by, reason=why), "enabled")


@router.get("/accounts/{id}/deactivation", openapi_extra=does("account.manage"))
async def deactivation_page(request: Request) -> Response:
    """Where it is said what cannot be taken back, before it is done."""
    return await _asking(await permitted(request), NONE)


@router.post("/accounts/{id}/deactivation", openapi_extra=does("account.manage"))
async def deactivate(request: Request) -> Response:
    """For good."""
    return await _managed(request, lambda by, why: Deactivate(by=by, reason=why), "deactivated", _asking)


@router.post("/accounts/{id}/roles/{grant}/ending", openapi_extra=does("account.manage"))
async def end_role(request: Request) -> Response:
    """One role of an account."""
    return await _managed(request, lambda by, why: ending(by, request.path_params["grant"], why), "ended")


@router.post("/accounts/{id}/sign-in-code", openapi_extra=does("account.manage"))
async def sign_in_code(request: Request) -> Response:
    """For the first time, and when password and second factor are lost: shown in this one answer."""
    here = await permitted(request)
    named = _named(here)
    try:
        why = filled(here.said, AccountReasonBody).reason
        code = await here.did(lambda meta, _: give_code(here.services, here.signed_in, named, why, meta))
    except (Invalid, Refused) as refused:
        return await _one(here, faults_told(refused, here.language, names={"reason": "code_reason"}))
    known = await asyncio.to_thread(here.services.ledger.admissions.standing, named)
    return page(
        here,
        "accounts/code.html",
        headers={"Cache-Control": "no-store"},
        code=code,
        email=known.email,
        back=f"/accounts/{named}",
        family=False,
    )


# -- inside


def _named(here: Visit) -> str:
    return uuid_named(here.request.path_params["id"], "account")


async def _managed(
    request: Request,
    make: Callable[[str, str], Command],
    done: str,
    again: Callable[[Visit, Faults], Any] | None = None,
) -> Response:
    here = await permitted(request)
    named = _named(here)
    try:
        why = filled(here.said, AccountReasonBody).reason
        command = make(here.signed_in.name, why)
        admitted = await here.did(lambda meta, key: manage(here.services, here.signed_in, named, command, meta, key))
    except (Invalid, Refused) as refused:
        return await (again or _one)(here, faults_told(refused, here.language))
    return seen_other(f"/accounts/{named}?done={done}&at_least={admitted.position}")


async def _asking(here: Visit, wrong: Faults) -> Response:
    named = _named(here)
    standing = await asyncio.to_thread(here.services.ledger.admissions.standing, named)
    must_be_readable(here.signed_in, standing)
    return page(
        here,
        "accounts/deactivation.html",
        status=422 if wrong else 200,
        id=named,
        standing=standing,
        wrong=wrong,
        said=Typed(here.said),
    )


async def _one(here: Visit, wrong: Faults, position: int = 0) -> Response:
    named, services = _named(here), here.services
    admissions = services.ledger.admissions

    def look() -> tuple[Account, bool, date]:
        standing = admissions.standing(named)
        must_be_readable(here.signed_in, standing)
        known = admissions.account(named)
        today = admissions.today(state_of(known))
        try:
            must_be_in_hand(here.signed_in, standing, known)
        except Forbidden:
            return known, False, today
        return known, True, today

    known, in_hand, today = await asyncio.to_thread(look)
    whole = await whole_account(services, named, position)
    if whole is None:
        raise NotFound("There is no such account.", remedy="Compare its id with where it was read.")
    return page(
        here,
        "accounts/one.html",
        status=422 if wrong else 200,
        id=named,
        known=known,
        whole=whole,
        account=whole.account,
        in_hand=in_hand,
        today=today,
        wrong=wrong,
        said=Typed(here.said),
        statuses=STATUS_NAMES,
        done=DONE.get(here.request.query_params.get("done", "")),
    )
