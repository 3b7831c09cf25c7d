"""One's own account: who one is here and as what, until when that holds, how it is renewed, and where one is signed in.

Invariant: whoever has signed in is answered, also where nothing else answers him any more; and a session that a
password alone has begun comes to no role here.
"""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Mapping
from typing import Any, Final

from fastapi import APIRouter, Request
from starlette.responses import Response

from api.admission import uuid_named
from api.console.family import take_code
from api.console.faults import NONE, Faults, faults_told, in_words
from api.console.filled import Typed, filled, number_in
from api.console.pages import page, seen_other
from api.console.visits import Visit, own, permitted
from api.console.words import N_
from api.entering import give
from api.managing import record_training
from api.openapi import Direct, does, operation_id
from api.problems import Invalid
from api.reading import ask
from api.schemas.admission import TrainingBody
from api.services import Services
from api.standing import NO_ROLE, PARENT, wanting
from ledger.accounts import renew_on
from ledger.admissions import state_of
from ledger.errors import CodeRefused, Forbidden, NotFound, Refused
from ledger.events.application import AskedRole
from ledger.store import passwords, sessions
from ledger.store.credentials import Checked
from ledger.store.sessions import Made, Session
from projections import accounts

router = APIRouter(include_in_schema=False, route_class=Direct, generate_unique_id_function=operation_id)

DONE: Final[Mapping[str, str]] = {
    "role": N_("You act under this role now."),
    "session": N_("That session has ended."),
    "password": N_("The password is changed, and every other session has ended."),
    "family": N_("The records may be read now."),
    "training": N_("The training is recorded."),
}
WANTING: Final[Mapping[str, str]] = {
    "training": N_("No training of the last year is recorded. Until one is, you can do nothing but renew."),
    "rules": N_(
        "The rules of behaviour were not accepted within the last year. Until they are, you can do nothing else."
    ),
    "second-factor": N_("Officials sign in with a second factor. Until you add one, you can do nothing else."),
}
"""What keeps somebody from everything else, in words."""


@router.get("/me", openapi_extra=does("me.read"))
async def me_page(request: Request) -> Response:
    """For everybody who has signed in."""
    return await _page(await permitted(request))


@router.post("/me/role", openapi_extra=does("me.set"))
async def choose_role(request: Request) -> Response:
    """Act under another of one's roles: a session of its own, which ends when the first would have."""
    here = await own(request)
    session, wanted = _session(here), here.said.get("grant", "")
    if session.grant == NO_ROLE:
        raise Forbidden("Officials sign in with a second factor.", remedy="Add one at /second-factor.")
    made = await asyncio.to_thread(_chosen, here.services, session, wanted)
    answer = seen_other("/me?done=role")
    give(request, answer, made)
    return answer


@router.post("/me/sessions/{id}/ending", openapi_extra=does("me.set"))
async def end_session(request: Request) -> Response:
    """On another device, for example one that was lost."""
    here = await own(request)
    session, named = _session(here), uuid.UUID(uuid_named(request.path_params["id"], "session"))

    def end() -> None:
        with here.services.ledger.log.connection() as conn:
            if not sessions.end(conn, named, now=here.services.clock(), account=session.account):
                raise NotFound("There is no such session any more.", remedy="See the list at /me.")

    await asyncio.to_thread(end)
    return seen_other("/me?done=session")


@router.post("/me/password", openapi_extra=does("me.set"))
async def change_password(request: Request) -> Response:
    """By showing the present one, and the second factor."""
    here = await own(request)
    session, credentials = _session(here), here.services.credentials
    known = await asyncio.to_thread(here.services.ledger.admissions.standing, str(session.account))
    chosen, old, code = (here.said.get(name, "") for name in ("new_password", "password", "code"))
    own_words = (known.email, known.name)

    def change() -> Checked:
        passwords.chosen(chosen, own_words)
        shown = credentials.check(session.account, old, code.strip() or None)
        if shown in (Checked.REFUSED, Checked.CODE_WANTED):
            return shown
        credentials.set_password(session.account, chosen, own=own_words)
        with here.services.ledger.log.connection() as conn:
            sessions.end_all(conn, session.account, now=here.services.clock(), but=session.id)
        return shown

    try:
        shown = await credentials.aside(change)
    except Refused as refused:
        return await _page(here, faults_told(refused, here.language, names={"password": "new_password"}))
    if shown is Checked.REFUSED:
        return await _page(here, Faults(password=in_words(N_("The password or the code is not right."), here.language)))
    if shown is Checked.CODE_WANTED:
        return await _page(here, Faults(code=in_words(N_("Show the code of your app too."), here.language)))
    return seen_other("/me?done=password")


@router.post("/me/recovery-codes", openapi_extra=does("me.set"))
async def new_recovery_codes(request: Request) -> Response:
    """In the place of all that were left; shown once."""
    here = await own(request)
    session, credentials = _session(here), here.services.credentials
    code = here.said.get("app_code", "")

    def make() -> tuple[str, ...] | None:
        if credentials.check_code(session.account, code.strip()) is Checked.REFUSED:
            return None
        return credentials.new_recovery_codes(session.account)

    made = await credentials.aside(make)
    if made is None:
        return await _page(here, Faults(app_code=in_words(N_("That code is not right."), here.language)))
    return page(here, "signing_in/recovery.html", recovery=made, go_on=("/me", N_("My account")))


@router.post("/me/family", openapi_extra=does("me.set"))
async def post_family_code(request: Request) -> Response:
    """With the code that a school gave by hand."""
    here = await own(request)
    try:
        await take_code(here, here.said.get("family_code", ""))
    except CodeRefused as refused:
        return await _page(here, faults_told(refused, here.language, "family_code"))
    return seen_other("/me?done=family")


@router.post("/me/training", openapi_extra=does("training.record"))
async def record_own_training(request: Request) -> Response:
    """With the certificate."""
    here = await own(request)
    account = str(_session(here).account)
    try:
        said = filled(here.said, TrainingBody, account=account, hours=number_in(here.said, "hours"))
        await here.did(lambda meta, key: record_training(here.services.ledger, here.signed_in, said, meta, key))
    except (Invalid, Refused, Forbidden) as refused:
        return await _page(here, faults_told(refused, here.language))
    return seen_other("/me?done=training")


# -- inside


def _session(here: Visit) -> Session:
    assert here.session is not None, "the page is a session's own"
    return here.session


def _chosen(services: Services, session: Session, wanted: str) -> Made:
    """Raises NotFound where the account has no such role."""
    standing, now = services.ledger.admissions.standing(str(session.account)), services.clock()
    if wanted not in {str(grant) for grant in standing.roles} | ({PARENT} if standing.families else set()):
        raise NotFound("The account has no such role.", remedy="See the list at /me.")
    with services.ledger.log.connection() as conn, conn.transaction():
        sessions.end(conn, session.id, now=now, account=session.account)
        return sessions.make(
            conn,
            account=session.account,
            grant=wanted,
            method=session.method,
            now=now,
            absolute=session.ends_at - now,
        )


async def _page(here: Visit, wrong: Faults = NONE) -> Response:
    services, principal = here.services, here.signed_in
    account = principal.account
    told: dict[str, Any] = {"known": None, "roles": [], "families": [], "sessions": [], "certificates": []}
    if account is not None:
        told |= await asyncio.to_thread(_told, services, account)
        _, whole = await ask(services.reads, lambda conn: accounts.one_account(conn, account))
        if whole is not None:
            told |= await asyncio.to_thread(_papers, services, whole.applications)
    return page(
        here,
        "me.html",
        status=422 if wrong else 200,
        wrong=wrong,
        done=DONE.get(here.request.query_params.get("done", "")),
        alone=here.session is not None and here.session.grant == NO_ROLE,
        words_of=WANTING,
        said=Typed(here.said),
        # Of two roles that differ by district or region alone, one is held now; two alike are never given.
        now=AskedRole(
            role=principal.role,
            organisation=principal.organisation,
            state=principal.state,
            region=principal.region,
            district=principal.district,
        ),
        **({"wanting": None, "renew_on": None, "local": None, "approved": None} | told),
    )


def _told(services: Services, account: str) -> dict[str, Any]:
    admissions, named = services.ledger.admissions, uuid.UUID(account)
    known, standing = admissions.account(account), admissions.standing(account)
    with services.ledger.log.connection() as conn:
        opened = sessions.open_of(conn, named, now=services.clock())
    return {
        "known": known,
        "roles": sorted(known.roles.items()),
        "families": [
            (grant, one, _over(services, one.until, one.state)) for grant, one in sorted(known.families.items())
        ],
        "sessions": opened,
        "local": services.credentials.standing(named),
        "wanting": wanting(standing, admissions.today(state_of(known))) if known.roles else None,
        "renew_on": renew_on(known) if known.roles else None,
    }


def _over(services: Services, until: Any, state: str) -> bool:
    return until < services.ledger.admissions.today(state)


def _papers(services: Services, applications: list[str]) -> dict[str, Any]:
    """The certificates that lie with somebody's applications, and the newest application that can take another."""
    certificates: list[str] = []
    approved: str | None = None
    for one in applications:
        known = services.ledger.admissions.application(one)
        certificates += [paper.attachment for paper in known.attachments.values() if paper.what == "certificate"]
        if known.status in ("applied", "verified", "approved"):
            approved = approved or one
    return {"certificates": certificates, "approved": approved}
