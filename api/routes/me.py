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
from api.csrf import csrf_token
from api.given_codes import take_family
from api.openapi import Direct, operation, operation_id
from api.policy import permitted
from api.principal import Principal
from api.schemas.admission import NAMES, AdmittedAnswer, FamilyCodeBody, MeAnswer, RulesBody
from api.services import services_of
from api.standing import wanting
from ledger.account_acts import AcceptRules
from ledger.accounts import RULES_EDITION
from ledger.admissions import Admissions, state_of
from ledger.errors import CodeRefused, NotFound
from ledger.store.sessions import Session

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
    services = services_of(request)
    told = await asyncio.to_thread(_told, services.ledger.admissions, principal)
    session: Session | None = request.scope.get("sojourn.session")
    if session is not None:
        told["session"] = {
            "ends_at": session.ends_at,
            "idle_ends_at": session.idle_ends_at,
            "csrf": csrf_token(str(session.id), services.csrf_key),
        }
    text = orjson.dumps(told, option=orjson.OPT_UTC_Z)
    return Response(text, headers={"Cache-Control": "private, no-store"}, media_type="application/json")


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


@router.post(
    "/family-grants",
    summary="Take what a school has granted",
    responses=acted(AdmittedAnswer, "The records may be read."),
    openapi_extra=operation("me.set", (), FamilyCodeBody),
)
async def post_family_code(request: Request) -> Response:
    """With the code that the school gave by hand; it is used up by it."""

    def do(asked: Asked[FamilyCodeBody]) -> Did:
        services, account = services_of(request), asked.principal.account
        standing = None if account is None else asked.ledger.admissions.standing(account)
        if standing is None or not take_family(services, standing, asked.said.code, asked.meta):
            raise CodeRefused("This code is not for this account.", remedy="Sign in as the person it was given to.")
        return Did({"account": standing.account, "moved": True}, asked.ledger.log.head())

    return await act(request, FamilyCodeBody, do, NAMES)


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
        "session": None,
    }
    if principal.account is None:
        return me
    known, standing = admissions.account(principal.account), admissions.standing(principal.account)
    told = account_told(principal.account, known)
    me |= {"roles": roles_told(known.roles), "families": told["families"], "renew_on": told["renew_on"]}
    if known.roles:
        me["renewal"] = wanting(standing, admissions.today(state_of(known)))
    return me
