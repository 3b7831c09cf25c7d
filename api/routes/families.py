# ruff: noqa: FAST003 - a direct route reads its path by itself (api.openapi)
"""A family's access to a child's records: granted and ended by an official of the child's own school or district.

Invariant: the official saw who it is and hands the code over; no mail and no log ever holds it.
"""

from __future__ import annotations

import asyncio

import orjson
from fastapi import APIRouter, Request
from starlette.responses import Response

from api.acting import KEYED, Asked, Did, act, acted
from api.admission import uuid_named
from api.edge import request_id_of
from api.given_codes import family_code, first_code
from api.openapi import GRANT, UUID, Direct, operation, operation_id
from api.policy import permitted
from api.principals import Principal
from api.requests import body_of
from api.schemas.admission import (
    NAMES,
    AccountReasonBody,
    AdmittedAnswer,
    CodeAnswer,
    FamilyEndBody,
    FamilyGrantAnswer,
    FamilyGrantBody,
)
from api.services import services_of
from ledger.account_acts import GiveSignInCode
from ledger.errors import AccountIsClosed, NotFound, OwnApplication
from ledger.events import Meta
from ledger.family_access import FamilyAsked, Official
from ledger.persons import same_person
from ledger.store.codes import Code

router = APIRouter(prefix="/v1", tags=["access"], route_class=Direct, generate_unique_id_function=operation_id)


@router.post(
    "/family-grants",
    summary="Grant a family access",
    status_code=201,
    responses=acted(FamilyGrantAnswer, "It holds once the code is shown.", 201),
    openapi_extra=operation("family.grant", KEYED, FamilyGrantBody),
)
async def post_family_grant(request: Request) -> Response:
    """To a parent, guardian or eligible student who showed identification (34 CFR 99.10, 99.5). Until the day that is
    named, a year at most, and never beyond the student's eighteenth birthday."""

    def do(asked: Asked[FamilyGrantBody]) -> Did:
        services, said = services_of(request), asked.said
        wanted = FamilyAsked(
            student_id=said.student_id,
            email=said.email,
            name=said.name,
            relation=said.relation,
            identification=said.identification,
            until=said.until,
            court_order=said.court_order,
            records=[(one.state, one.state_student_id) for one in said.records],
        )
        done = asked.ledger.family_access.grant(wanted, _official(asked.principal), asked.meta, asked.key)
        # Durable: the grant. After a crash here the official asks for another code of it.
        code = None
        if not done.replayed:
            code = family_code(services, str(done.ids["account"]), int(str(done.ids["grant"])))
        known = asked.ledger.admissions.account(str(done.ids["account"]))
        family = known.families.get(int(str(done.ids["grant"])))
        if family is None:
            raise NotFound("The grant has ended since.", remedy="Grant it again, where that is meant.")
        body = done.ids | {
            "moved": done.moved,
            "until": family.until.isoformat(),
            "ends_by": family.ends_by,
            "code": code and code.text,
            "code_ends_at": code and code.ends_at.isoformat(timespec="seconds").replace("+00:00", "Z"),
        }
        return Did(body, done.position, done.replayed, 201)

    return await act(request, FamilyGrantBody, do, NAMES)


@router.post(
    "/accounts/{id}/family-grants/{grant}/ending",
    summary="End a family's access",
    responses=acted(AdmittedAnswer, "Nothing is shown by it any more."),
    openapi_extra=operation("family.grant", (UUID, GRANT, *KEYED), FamilyEndBody),
)
async def post_family_ending(request: Request) -> Response:
    """By court order, or because it is no longer wanted. Days, and the eighteenth birthday, end it by themselves."""

    def do(asked: Asked[FamilyEndBody]) -> Did:
        account, given = uuid_named(request.path_params["id"], "account"), request.path_params["grant"]
        if not (given.isascii() and given.isdigit() and len(given) < 10):
            raise NotFound("The account has no grant of this number.", remedy="Read the account.")
        meta = Meta(actor=asked.meta.actor, request=asked.meta.request, reason=asked.said.reason)
        done = asked.ledger.family_access.end(
            account, int(given), asked.said.why, _official(asked.principal), meta, asked.key
        )
        return Did(done.ids | {"moved": done.moved}, done.position, done.replayed)

    return await act(request, FamilyEndBody, do, NAMES)


@router.post(
    "/accounts/{id}/family-grants/{grant}/codes",
    summary="Give a family another code",
    status_code=201,
    responses={201: {"model": CodeAnswer, "description": "To be handed over; it is not told again."}},
    openapi_extra=operation("family.grant", (UUID, GRANT), AccountReasonBody),
)
async def post_family_grant_code(request: Request) -> Response:
    """Where the first one was lost, or has ended; or, once the grant was taken, to sign in again where the password was
    lost. Whoever gives it has seen identification again, and says so."""
    principal = await permitted(request)
    services = services_of(request)
    account, given = uuid_named(request.path_params["id"], "account"), request.path_params["grant"]
    if not (given.isascii() and given.isdigit() and len(given) < 10):
        raise NotFound("The account has no grant of this number.", remedy="Read the account.")

    said = (await body_of(request)).as_model(AccountReasonBody, NAMES)
    meta = Meta(actor=principal.name, request=request_id_of(request))

    def make() -> Code:
        family = services.ledger.family_access.of(account, int(given), _official(principal))
        known = services.ledger.admissions.account(account)
        if same_person(principal.name, known.email):
            raise OwnApplication("Nobody gives himself a code.", remedy="Ask another official of the school.")
        if not family.taken:
            return family_code(services, account, int(given))
        if known.roles:
            raise AccountIsClosed(
                "Who has the account is an official too.", remedy="The user administrator of that role gives the code."
            )
        # Whoever signs in by it reads all that the family was granted: it must all be this district's.
        for grant in known.families:
            services.ledger.family_access.of(account, grant, _official(principal))
        command = GiveSignInCode(by=principal.name, reason=said.reason)
        services.ledger.admissions.act(account, command, meta)
        # Durable: who gave it and why. A crash from here on leaves a code that nobody was told.
        return first_code(services, account)

    code = await asyncio.to_thread(make)
    told = orjson.dumps({"account": account, "code": code.text, "ends_at": code.ends_at}, option=orjson.OPT_UTC_Z)
    return Response(told, 201, {"Cache-Control": "no-store"}, "application/json")


def _official(principal: Principal) -> Official:
    return Official(
        name=principal.name,
        state=principal.state,
        district=principal.district,
        organisation=principal.organisation,
    )
