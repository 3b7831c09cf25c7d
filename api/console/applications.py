"""Applications for access, page by page: made, verified by a supervisor, decided by an authority, and the code for the
first sign-in.

Invariant: what is done here is done by the very functions that the API's routes use; of an application that is none of
his business nobody learns anything.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import Any, Final

from fastapi import APIRouter, Request
from starlette.responses import Response

from api import admitting
from api.admission import uuid_named
from api.console.faults import NONE, Faults, faults_told
from api.console.filled import Typed, filled, number_in
from api.console.navigation import FIGURES
from api.console.pages import page, seen_other
from api.console.roles import NAMES
from api.console.rules_of_behaviour import DISCLAIMER
from api.console.visits import Visit, permitted
from api.console.words import N_
from api.listing import concerning, listed
from api.managing import record_training
from api.openapi import Direct, does, operation_id
from api.policy import action_of
from api.principal import who
from api.problems import Invalid
from api.reading import ask, at_least
from api.requests import at_least_of, page_of
from api.schemas.admission import ApplicationBody, RefusalBody, TrainingBody, VerificationBody
from ledger.access import Subject, decide
from ledger.accounts import a_year_after
from ledger.admissions import Admitted, state_of
from ledger.application import RequestKey
from ledger.applications import DISCLAIMER_EDITION, KINDS, PAPERS, Application, Command, Refuse, Withdraw
from ledger.errors import Forbidden, Refused
from ledger.events import Meta
from ledger.mde import STATES
from ledger.persons import same_person
from projections import accounts
from projections.as_of import AsOf

router = APIRouter(include_in_schema=False, route_class=Direct, generate_unique_id_function=operation_id)

SHOWN: Final = 50
"""Applications of a page."""
KIND_NAMES: Final[Mapping[str, str]] = {
    "exchange": N_("Access to the exchange of records"),
    "state-read-only": N_("Read-only access within a state"),
    "regional-administrator": N_("Administration of a region"),
}
STATUS_NAMES: Final[Mapping[str, str]] = {
    "applied": N_("waits for the supervisor"),
    "verified": N_("waits for a decision"),
    "approved": N_("approved"),
    "refused": N_("refused"),
    "withdrawn": N_("taken back"),
}
PAPER_NAMES: Final[Mapping[str, str]] = {
    "signed-form": N_("Signed form"),
    "certificate": N_("Certificate of a training"),
    "other": N_("Other paper"),
}
assert set(KIND_NAMES) == set(KINDS)
assert set(PAPER_NAMES) == set(PAPERS)
DONE: Final[Mapping[str, str]] = {
    "applied": N_("The application is made. Its supervisor verifies it next."),
    "verified": N_("It is verified. A user administrator decides next."),
    "approved": N_("It is approved: the account has the role. Give the code for the first sign-in next."),
    "refused": N_("It is refused, and closed."),
    "withdrawn": N_("It is taken back, and closed."),
    "training": N_("The training is recorded."),
}


@router.get("/apply", openapi_extra=does("application.send"))
async def apply_page(request: Request) -> Response:
    """For oneself; the help desk and user administrators enter it from paper."""
    return _form(await permitted(request), NONE)


@router.post("/apply", openapi_extra=does("application.send"))
async def post_apply(request: Request) -> Response:
    """It waits for its supervisor then."""
    here = await permitted(request)
    admissions = here.services.ledger.admissions
    try:
        nation = {"state": None} if here.said.get("state") == "none" else {}
        said = filled(here.said, ApplicationBody, **nation)
        done = await here.did(lambda meta, key: admitting.apply(admissions, here.signed_in, said, meta, key))
    except (Invalid, Refused) as refused:
        return _form(here, faults_told(refused, here.language))
    return seen_other(f"/applications/{done.ids['application']}?done=applied")


@router.get("/applications", openapi_extra=does("application.read"))
async def applications_page(request: Request) -> Response:
    """What waits for whoever looks; then those of his area, or those that are his own."""
    here = await permitted(request)
    asked, position = request.query_params, at_least_of(request)
    status, after = asked.get("status", ""), asked.get("after", "")
    after = int(after) if after.isascii() and after.isdigit() and len(after) <= 18 else 0
    _, before = page_of(request)
    waits = await _waiting(here, position, after)
    found = await _known(here, position, status if status in STATUS_NAMES else None, before)
    shown = {one.application for one in waits[:SHOWN]}
    return page(
        here,
        "applications/list.html",
        to_verify=[one for one in waits[:SHOWN] if one.status == "applied"],
        to_decide=[one for one in waits[:SHOWN] if one.status == "verified"],
        later=waits[SHOWN - 1].applied if len(waits) > SHOWN else None,
        others=[one for one in found[:SHOWN] if one.application not in shown],
        older=found[SHOWN - 1].applied if len(found) > SHOWN else None,
        oversees=here.may("account.read"),
        standing=status,
        statuses=STATUS_NAMES,
    )


async def waiting(here: Visit) -> int:
    """How many wait for whoever looks, to verify or to decide."""
    return (await ask(here.services.reads, lambda conn: accounts.how_many_wait(conn, _waits_for(here))))[1]


@router.get("/applications/{id}", openapi_extra=does("application.read"))
async def application_page(request: Request) -> Response:
    """With its papers, what was done, and what happens next."""
    return await _one(await permitted(request), NONE)


@router.post("/applications/{id}/verification", openapi_extra=does("application.verify"))
async def verify(request: Request) -> Response:
    """By the supervisor whom it names; or recorded from the form that he signed."""

    def make(here: Visit) -> Callable[[Application], Command]:
        said = filled(here.said, VerificationBody)
        return lambda _: admitting.verification(here.signed_in, said)

    return await _handled(request, make, "verified")


@router.post("/applications/{id}/refusal", openapi_extra=does("application.decide"))
async def refuse(request: Request) -> Response:
    """With a reason for the applicant."""

    def make(here: Visit) -> Callable[[Application], Command]:
        reason = filled(here.said, RefusalBody).reason
        return lambda _: Refuse(by=here.signed_in.name, reason=reason)

    return await _handled(request, make, "refused")


@router.post("/applications/{id}/withdrawal", openapi_extra=does("application.send"))
async def withdraw(request: Request) -> Response:
    """By who made it."""
    return await _handled(request, lambda here: lambda _: Withdraw(by=here.signed_in.name), "withdrawn")


@router.post("/applications/{id}/approval", openapi_extra=does("application.decide"))
async def approve(request: Request) -> Response:
    """By an authority of its area who neither made nor verified it."""
    here = await permitted(request)
    admissions, named = here.services.ledger.admissions, _named(here)
    return await _tried(
        here, lambda meta, key: admitting.approve(admissions, here.signed_in, named, meta, key), "approved"
    )


@router.post("/applications/{id}/training", openapi_extra=does("training.record"))
async def record(request: Request) -> Response:
    """The applicant's, on which the approval rests."""
    here = await permitted(request)
    ledger, named = here.services.ledger, _named(here)
    known = await asyncio.to_thread(_readable, here, named)
    hours = number_in(here.said, "hours")
    try:
        said = filled(here.said, TrainingBody, account=known.applied.account, hours=hours)
    except Invalid as wrong:
        return await _one(here, faults_told(wrong, here.language))
    return await _tried(here, lambda meta, key: record_training(ledger, here.signed_in, said, meta, key), "training")


# -- inside


def _named(here: Visit) -> str:
    return uuid_named(here.request.path_params["id"], "application")


def _readable(here: Visit, named: str) -> Application:
    return admitting.readable(here.services.ledger.admissions, here.signed_in, "application.read", named)


async def _handled(request: Request, make: Callable[[Visit], Callable[[Application], Command]], done: str) -> Response:
    here = await permitted(request)
    admissions, named, action = here.services.ledger.admissions, _named(here), action_of(request)
    try:
        command = make(here)
    except Invalid as wrong:
        return await _one(here, faults_told(wrong, here.language))
    return await _tried(
        here,
        lambda meta, key: admitting.handle(admissions, here.signed_in, action, named, command, meta, key),
        done,
    )


async def _tried(here: Visit, do: Callable[[Meta, RequestKey | None], Admitted], done: str) -> Response:
    """What a rule refuses is told on the page that asked for it."""
    try:
        await here.did(do)
    except Refused as refused:
        return await _one(here, faults_told(refused, here.language))
    return seen_other(f"/applications/{_named(here)}?done={done}")


def _form(here: Visit, wrong: Faults) -> Response:
    principal = here.signed_in
    decision = decide_for_others(here)
    usual = {} if decision else {"email": principal.name}
    return page(
        here,
        "applications/form.html",
        status=422 if wrong else 200,
        wrong=wrong,
        said=Typed(usual | {"state": principal.state or ""} | dict(here.said)),
        for_others=decision,
        kinds=KIND_NAMES,
        roles=[(role, NAMES[role]) for role in NAMES if any(role in roles for roles in KINDS.values())],
        states=sorted(STATES),
        disclaimer=DISCLAIMER,
        disclaimer_edition=DISCLAIMER_EDITION,
    )


def decide_for_others(here: Visit) -> bool:
    """Whether somebody may enter what another has applied for on paper."""
    states = (here.signed_in.state,) if here.signed_in.state else ()
    return decide(who(here.signed_in), "application.send", Subject(states=states, owners=())).allowed


async def _known(here: Visit, position: int, status: str | None, before: int | None) -> list[accounts.Application]:
    """Of the area for whoever oversees one, and what somebody made or is to verify himself; newest first. One more
    than a page, or more, where there is a page behind it."""
    found: dict[str, accounts.Application] = {}
    if here.may("account.read"):
        _, area = await listed(
            here.services,
            here.signed_in,
            accounts.applications,
            position,
            status=status,
            before=before,
            limit=SHOWN + 1,
        )
        found |= {one.application: one for one in area}
    if here.signed_in.account is not None or not here.may("account.read"):
        own = await concerning(here.services, here.signed_in.name, position, status=status, before=before)
        found |= {one.application: one for one in own}
    return sorted(found.values(), key=lambda one: -one.applied)


async def _waiting(here: Visit, position: int, after: int) -> list[accounts.Application]:
    """What waits for whoever looks, oldest first. One more than a page where there is a page behind it."""

    async def look() -> tuple[AsOf, list[accounts.Application]]:
        return await ask(
            here.services.reads,
            lambda conn: accounts.waiting(conn, _waits_for(here), after=after, limit=SHOWN + 1),
        )

    return (await at_least(here.services, accounts.PROJECTION.name, position, look))[1]


def _waits_for(here: Visit) -> accounts.WaitsFor:
    """Those of one's own making, or that one verified, wait for somebody else to decide."""
    by = here.signed_in
    area = accounts.Area(by.state, by.region) if here.may("application.decide") else None
    return accounts.WaitsFor(by.name, area)


async def _one(here: Visit, wrong: Faults) -> Response:
    named = _named(here)

    def look() -> tuple[Application, dict[str, Any]]:
        admissions = here.services.ledger.admissions
        known = _readable(here, named)
        account = admissions.account(known.applied.account)
        today = admissions.today(state_of(account) or known.applied.asked.state)
        trained = account.trained_on is not None and a_year_after(account.trained_on) >= today
        return known, {"account": account, "trained": trained}

    known, told = await asyncio.to_thread(look)
    name, applied = here.signed_in.name, known.applied
    verifier = same_person(name, applied.supervisor_email)
    maker = any(same_person(name, one) for one in (applied.email, applied.entered_by or applied.email))
    verified_by = [] if known.verified is None else [known.verified.by, known.verified.recorded_by or ""]
    told |= {
        "verifier": verifier,
        "may_verify": known.status == "applied"
        and (verifier or (not same_person(name, applied.email) and _oversees(here, "application.verify", known))),
        "may_decide": known.is_open and _oversees(here, "application.decide", known),
        "is_own": maker or any(same_person(name, one) for one in verified_by),
        "may_train": _oversees(here, "training.record", known),
        "may_manage": known.status == "approved" and _oversees(here, "account.manage", known),
        "may_send": _may(here, "attachment.send", known),
        "may_withdraw": known.is_open and maker,
        "may_account": _oversees(here, "account.read", known),
    }
    return page(
        here,
        "applications/one.html",
        status=422 if wrong else 200,
        wrong=wrong,
        done=DONE.get(here.request.query_params.get("done", "")),
        id=named,
        known=known,
        applied=applied,
        kinds=KIND_NAMES,
        statuses=STATUS_NAMES,
        papers_named=PAPER_NAMES,
        said=Typed(here.said),
        **told,
    )


def _may(here: Visit, action: str, known: Application) -> bool:
    """Whether the policy lets somebody do this to an application, so that its form is shown; it is decided again."""
    try:
        admitting.must_be_about(here.signed_in, action, known.applied)
    except Forbidden:
        return False
    return True


def _oversees(here: Visit, action: str, known: Application) -> bool:
    """As ``_may``, by his office and not because it is his own."""
    applied = known.applied
    subject = Subject(states=(applied.asked.state,) if applied.asked.state else (), owners=())
    region = here.signed_in.region
    inside = region is None or region == applied.asked.region
    return inside and here.signed_in.district is None and decide(who(here.signed_in), action, subject).allowed


FIGURES["/applications"] = waiting
