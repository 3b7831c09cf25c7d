"""A family's access, as a school's official gives it: granted before the person, ended, and the code handed over.

Invariant: a code is shown in one answer alone, to the official who has seen who it is for.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from datetime import date
from typing import Final

from fastapi import APIRouter, Request
from starlette.responses import Response

from api import granting
from api.admission import uuid_named
from api.console.faults import NONE, Faults, faults_told
from api.console.filled import Typed, filled
from api.console.pages import page, seen_other
from api.console.visits import Visit, permitted, visitor
from api.console.words import N_
from api.managing import number_named
from api.openapi import Direct, does, operation_id
from api.policy import action_of
from api.principal import decided
from api.problems import Invalid
from api.reading import ask, at_least
from api.requests import at_least_of
from api.routes.students import student_id_of
from api.schemas.admission import AccountReasonBody, FamilyEndBody, FamilyGrantBody
from ledger.access import Subject
from ledger.accounts import Family
from ledger.errors import Forbidden, NotFound, Refused
from projections import accounts
from projections.accounts import Given
from projections.as_of import AsOf

router = APIRouter(include_in_schema=False, route_class=Direct, generate_unique_id_function=operation_id)

RELATIONS: Final[Mapping[str, str]] = {
    "parent": N_("parent"),
    "guardian": N_("guardian"),
    "student": N_("the student"),
}
DONE: Final[Mapping[str, str]] = {
    "ended": N_("The family's access has ended."),
    "granted": N_(
        "It is granted. Its code was shown in another answer: where that is lost, ask for another code here."
    ),
}


@router.get("/families", openapi_extra=does("family.grant"))
async def families_page(request: Request) -> Response:
    """What one's school or district has granted and nothing has ended."""
    return await _list(await permitted(request), NONE, at_least_of(request))


@router.get("/students/{id}/family", openapi_extra=does("family.grant"))
async def grant_page(request: Request) -> Response:
    """Where it is granted, for a child of one's own district."""
    here = await _for_child(request)
    return _form(here, NONE)


@router.post("/students/{id}/family", openapi_extra=does("family.grant"))
async def post_grant(request: Request) -> Response:
    """The code is shown once, to hand over."""
    here = await _for_child(request)
    try:
        said = filled(
            here.said,
            FamilyGrantBody,
            student_id=student_id_of(request),
            court_order=here.said.get("court_order") == "yes",
        )
        given = await here.did(lambda meta, key: granting.grant(here.services, here.signed_in, said, meta, key))
    except (Invalid, Refused) as refused:
        return _form(here, faults_told(refused, here.language))
    if given.code is None:
        # The form was sent twice, and a browser shows the second answer alone.
        return seen_other(f"/families?done=granted&at_least={given.done.position}")
    return _handed(here, given.code, said.email, given.family)


@router.post("/families/{id}/{grant}/ending", openapi_extra=does("family.grant"))
async def end_grant(request: Request) -> Response:
    """By court order, or because it is no longer wanted."""
    here = await permitted(request)
    account, number = _named(here)
    try:
        said = filled(here.said, FamilyEndBody)
        done = await here.did(
            lambda meta, key: granting.end(here.services.ledger, here.signed_in, account, number, said, meta, key)
        )
    except (Invalid, Refused) as refused:
        return await _list(here, faults_told(refused, here.language))
    return seen_other(f"/families?done=ended&at_least={done.position}")


@router.post("/families/{id}/{grant}/code", openapi_extra=does("family.grant"))
async def another_code(request: Request) -> Response:
    """Where the first one was lost, or the password was."""
    here = await permitted(request)
    account, number = _named(here)
    try:
        why = filled(here.said, AccountReasonBody).reason
        code = await here.did(
            lambda meta, _: granting.another_code(here.services, here.signed_in, account, number, why, meta)
        )
    except (Invalid, Refused) as refused:
        return await _list(here, faults_told(refused, here.language))
    admissions = here.services.ledger.admissions
    known, held = await asyncio.to_thread(lambda: (admissions.standing(account), admissions.account(account)))
    return _handed(here, code, known.email, held.families[number])


# -- inside


async def _for_child(request: Request) -> Visit:
    """Who asks, for a child of his own district. Raises Forbidden, OtherState, NotFound."""
    here = await visitor(request)
    student, access = student_id_of(request), here.services.ledger.family_access
    states, records = await asyncio.to_thread(access.subject_of, student)
    decided(here.signed_in, action_of(request), Subject(states, records))
    await asyncio.to_thread(access.must_be_theirs, student, granting.official_of(here.signed_in))
    return here


def _named(here: Visit) -> tuple[str, int]:
    parameters = here.request.path_params
    return uuid_named(parameters["id"], "account"), number_named(parameters["grant"], "grant")


def _form(here: Visit, wrong: Faults) -> Response:
    return page(
        here,
        "families/grant.html",
        status=422 if wrong else 200,
        student_id=student_id_of(here.request),
        relations=RELATIONS,
        wrong=wrong,
        said=Typed(here.said),
    )


def _handed(here: Visit, code: object, email: str, family: Family) -> Response:
    kept = {"Cache-Control": "no-store"}
    return page(here, "accounts/code.html", headers=kept, code=code, email=email, back="/families", family=family)


async def _list(here: Visit, wrong: Faults, position: int = 0) -> Response:
    principal, services = here.signed_in, here.services

    async def look() -> tuple[AsOf, list[Given]]:
        return await ask(
            services.reads, lambda conn: accounts.families_of(conn, principal.organisation, principal.name)
        )

    _, found = await at_least(services, accounts.PROJECTION.name, position, look)

    def ours() -> tuple[list[Given], date]:
        official = granting.official_of(principal)
        kept: list[Given] = []
        for one in found:
            try:
                services.ledger.family_access.of(one.account, one.grant, official)
            except (Forbidden, NotFound):
                continue  # another district's, now, or ended meanwhile
            kept.append(one)
        return kept, services.ledger.admissions.today(principal.state)

    families, today = await asyncio.to_thread(ours)
    return page(
        here,
        "families/list.html",
        status=422 if wrong else 200,
        families=families,
        relations=RELATIONS,
        today=today,
        district=principal.district,
        wrong=wrong,
        done=DONE.get(here.request.query_params.get("done", "")),
    )
