# ruff: noqa: FAST003 - a direct route reads its path by itself (api.openapi)

"""Accounts: read, disabled for a time, deactivated for good, and the trainings on which they rest.

Invariant: an authority does this to accounts each of whose roles lies in its area, and to its own never more than to
end it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import orjson
from fastapi import APIRouter, Request
from starlette.responses import Response

from api.acting import KEYED, Asked, Did, act, acted
from api.admission import account_told, authority_of, must_oversee, uuid_named
from api.edge import request_id_of
from api.given_codes import close_doors, first_code
from api.openapi import GRANT, UUID, Direct, operation, operation_id
from api.policy import action_of, decided, permitted
from api.requests import body_of
from api.schemas.admission import NAMES, AccountAnswer, AccountReasonBody, AdmittedAnswer, CodeAnswer, TrainingBody
from api.services import services_of
from ledger.access import Subject
from ledger.account_acts import Command, Deactivate, Disable, Enable, EndRole, GiveSignInCode, RecordTraining
from ledger.admissions import Admitted, must_be_in_charge, state_of
from ledger.application import Ledger
from ledger.errors import BadValue, Forbidden, NotFound
from ledger.events import Meta
from ledger.persons import same_person
from ledger.store.codes import Code
from ledger.store.standings import Standing

router = APIRouter(prefix="/v1", tags=["access"], route_class=Direct, generate_unique_id_function=operation_id)


@router.get(
    "/accounts/{id}",
    summary="An account",
    responses={200: {"model": AccountAnswer, "description": "As it is now."}},
    openapi_extra=operation("account.read", (UUID,)),
)
async def get_account(request: Request) -> Response:
    """For who oversees its area. One's own is at /v1/me."""
    principal = await permitted(request)
    account = uuid_named(request.path_params["id"], "account")
    admissions = services_of(request).ledger.admissions
    standing = await asyncio.to_thread(admissions.standing, account)
    decision = decided(principal, action_of(request), about(standing))
    places = list(standing.roles.values()) or ([standing.proposed] if standing.proposed else [])
    must_oversee(principal, decision, {role.region for role in places}, ())
    known = await asyncio.to_thread(admissions.account, account)
    told = orjson.dumps(account_told(account, known))
    return Response(told, headers={"Cache-Control": "private, no-store"}, media_type="application/json")


@router.post(
    "/accounts/{id}/disablement",
    summary="Disable an account",
    responses=acted(AdmittedAnswer, "Nobody is let in by it."),
    openapi_extra=operation("account.manage", (UUID, *KEYED), AccountReasonBody),
)
async def post_disablement(request: Request) -> Response:
    """For a time."""
    return await _manage(request, lambda by, reason: Disable(by=by, reason=reason))


@router.post(
    "/accounts/{id}/enablement",
    summary="Enable an account",
    responses=acted(AdmittedAnswer, "It lets in again."),
    openapi_extra=operation("account.manage", (UUID, *KEYED), AccountReasonBody),
)
async def post_enablement(request: Request) -> Response:
    """Again, after it was disabled; never by its own holder."""
    return await _manage(request, lambda by, reason: Enable(by=by, reason=reason))


@router.post(
    "/accounts/{id}/deactivation",
    summary="Deactivate an account",
    responses=acted(AdmittedAnswer, "It has ended."),
    openapi_extra=operation("account.manage", (UUID, *KEYED), AccountReasonBody),
)
async def post_deactivation(request: Request) -> Response:
    """For good: its e-mail address is never taken for an account again."""
    return await _manage(request, lambda by, reason: Deactivate(by=by, reason=reason))


@router.post(
    "/accounts/{id}/roles/{grant}/ending",
    summary="End a role",
    responses=acted(AdmittedAnswer, "The account has it no longer."),
    openapi_extra=operation("account.manage", (UUID, GRANT, *KEYED), AccountReasonBody),
)
async def post_role_ending(request: Request) -> Response:
    """One role of an account."""

    def make(by: str, reason: str) -> Command:
        given = request.path_params["grant"]
        if not (given.isascii() and given.isdigit() and len(given) < 10):
            raise NotFound("The account has no role of this number.", remedy="Read the account.")
        return EndRole(by=by, grant=int(given), reason=reason)

    return await _manage(request, make)


@router.post(
    "/accounts/{id}/sign-in-codes",
    summary="Give somebody a code to sign in with",
    status_code=201,
    responses={201: {"model": CodeAnswer, "description": "To be handed over; it is not told again."}},
    openapi_extra=operation("account.manage", (UUID,), AccountReasonBody),
)
async def post_sign_in_code(request: Request) -> Response:
    """For the first time, and when password and second factor are lost: what there was ends, and so do the sessions.
    Whoever gives it has seen who it is, and says so; that he gave it stays with the account."""
    principal = await permitted(request)
    account = uuid_named(request.path_params["id"], "account")
    services = services_of(request)
    said = (await body_of(request)).as_model(AccountReasonBody, NAMES)
    meta = Meta(actor=principal.name, request=request_id_of(request))

    def make() -> Code:
        admissions = services.ledger.admissions
        decided(principal, action_of(request), about(admissions.standing(account)))
        authority = authority_of(principal)
        if admissions.account(account).families and authority.state is not None:
            raise Forbidden(
                "A family's records are read by this account too.", remedy="Only the nation's authority resets it."
            )
        command = GiveSignInCode(by=principal.name, reason=said.reason)
        admissions.act(account, command, meta, authority=authority)
        # Durable: who gave it and why. A crash from here on leaves a code that nobody was told.
        return first_code(services, account)

    code = await asyncio.to_thread(make)
    told = {"account": account, "code": code.text, "ends_at": code.ends_at}
    text = orjson.dumps(told, option=orjson.OPT_UTC_Z)
    return Response(text, 201, {"Cache-Control": "no-store"}, "application/json")


@router.post(
    "/trainings",
    summary="Record a training",
    status_code=201,
    responses=acted(AdmittedAnswer, "Access is renewed by it.", 201),
    openapi_extra=operation("training.record", KEYED, TrainingBody),
)
async def post_training(request: Request) -> Response:
    """By who oversees the account's area, or by its holder with the certificate."""

    def do(asked: Asked[TrainingBody]) -> Did:
        said, admissions, by = asked.said, asked.ledger.admissions, asked.principal.name
        standing = admissions.standing(said.account)
        decision = decided(asked.principal, "training.record", about(standing))
        # His own he records by its certificate, whatever his office.
        if decision.scope != "own" and not same_person(by, standing.email):
            must_be_in_charge(authority_of(asked.principal), admissions.account(said.account), to_admit=True)
        if said.certificate is not None:
            _must_be_certificate(asked.ledger, said.certificate, said.account)
        done = admissions.act(
            said.account,
            lambda known: RecordTraining(
                by=by,
                course=said.course,
                completed_on=said.completed_on,
                today=admissions.today(state_of(known)),
                hours=said.hours,
                certificate=said.certificate,
            ),
            asked.meta,
            asked.key,
        )
        return _did(done, 201)

    return await act(request, TrainingBody, do, NAMES)


def about(standing: Standing) -> Subject:
    """What an account is about, for the policy: the states of its roles, of the one that was applied for where it has
    none, and whose it is."""
    roles = standing.roles.values() or ([standing.proposed] if standing.proposed else [])
    return Subject(states={role.state for role in roles if role.state}, owners=(standing.email,))


def _must_be_certificate(ledger: Ledger, attachment: str, account: str) -> None:
    """Pass where a paper is a certificate that lies with an application of the account. Raises BadValue."""
    application = ledger.attachments.application_of(attachment)
    known = None if application is None else ledger.admissions.application(application)
    paper = None if known is None else known.attachments.get(attachment)
    if known is None or paper is None or paper.what != "certificate" or known.applied.account != account:
        raise BadValue(
            "No such certificate lies with an application of this account.",
            rule="certificate",
            element="certificate",
            place="/certificate",
            remedy="Send it to /v1/attachments as certificate, with the application by which the role was given.",
        )


async def _manage(request: Request, make: Callable[[str, str], Command]) -> Response:
    def do(asked: Asked[AccountReasonBody]) -> Did:
        account = uuid_named(request.path_params["id"], "account")
        admissions = asked.ledger.admissions
        decided(asked.principal, action_of(request), about(admissions.standing(account)))
        authority = authority_of(asked.principal)
        command = make(asked.principal.name, asked.said.reason)
        done = admissions.act(account, command, asked.meta, asked.key, authority)
        if isinstance(command, Disable | Deactivate):
            # Nobody is let in from the event on; what is left of secrets goes too, also where this is asked again.
            close_doors(services_of(request), account, for_good=isinstance(command, Deactivate))
        return _did(done)

    return await act(request, AccountReasonBody, do, NAMES)


def _did(done: Admitted, status: int = 200) -> Did:
    return Did(done.ids | {"moved": done.moved}, done.position, done.replayed, status)
