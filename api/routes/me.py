"""One's own account: who one is here, under which role one acts, and what keeps it in force.

Invariant: whoever has signed in is answered, also where nothing else answers him any more: here he learns why.
"""

from __future__ import annotations

import asyncio
from typing import Any

import orjson
from fastapi import APIRouter, Request
from starlette.responses import Response

from api.acting import KEYED, Asked, Did, act, acted
from api.admission import account_told, roles_told
from api.openapi import Direct, operation, operation_id
from api.policy import permitted
from api.principals import Principal
from api.schemas.admission import NAMES, AdmittedAnswer, MeAnswer, RulesBody
from api.services import services_of
from api.standing import wanting
from ledger.account_acts import AcceptRules
from ledger.accounts import RULES_EDITION
from ledger.admissions import Admissions, state_of
from ledger.errors import NotFound

router = APIRouter(prefix="/v1/me", tags=["access"], route_class=Direct, generate_unique_id_function=operation_id)


@router.get(
    "",
    summary="Oneself",
    responses={200: {"model": MeAnswer, "description": "As this service knows you."}},
    openapi_extra=operation("me.read", ()),
)
async def get_me(request: Request) -> Response:
    """Name, role and place; of a person also the roles that there are to choose from, and what is to be renewed."""
    principal = await permitted(request)
    told = await asyncio.to_thread(_told, services_of(request).ledger.admissions, principal)
    return Response(orjson.dumps(told), headers={"Cache-Control": "private, no-store"}, media_type="application/json")


@router.put(
    "/rules",
    summary="Accept the rules of behaviour",
    responses=acted(AdmittedAnswer, "They were accepted, for a year."),
    openapi_extra=operation("me.set", KEYED, RulesBody),
)
async def put_rules(request: Request) -> Response:
    """After reading them at /rules; before the first access, and at least yearly."""

    def do(asked: Asked[RulesBody]) -> Did:
        account = asked.principal.account
        if account is None:
            raise NotFound("A token has no account.", remedy="Whoever holds it signs in with his own.")
        admissions = asked.ledger.admissions
        done = admissions.act(
            account,
            lambda known: AcceptRules(
                by=asked.principal.name, edition=asked.said.edition, on=admissions.today(state_of(known))
            ),
            asked.meta,
            asked.key,
        )
        return Did(done.ids | {"moved": done.moved}, done.position, done.replayed)

    return await act(request, RulesBody, do, NAMES)


def _told(admissions: Admissions, principal: Principal) -> dict[str, Any]:
    me: dict[str, Any] = {
        "name": principal.name,
        "account": principal.account,
        "role": principal.role,
        "state": principal.state,
        "region": principal.region,
        "district": principal.district,
        "organisation": principal.organisation,
        "roles": [],
        "families": [],
        "renew_on": None,
        "renewal": None,
        "rules": RULES_EDITION,
    }
    if principal.account is None:
        return me
    known, standing = admissions.account(principal.account), admissions.standing(principal.account)
    told = account_told(principal.account, known)
    me |= {"roles": roles_told(known.roles), "families": told["families"], "renew_on": told["renew_on"]}
    if known.roles:
        me["renewal"] = wanting(standing, admissions.today(state_of(known)))
    return me
