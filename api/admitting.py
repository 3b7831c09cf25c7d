"""What is done with an application for access, alike for a route of the API and for a page.

Invariant: who acts by his office acts within its area; who acts for himself, wherever that is, his office or not.
"""

from __future__ import annotations

from collections.abc import Callable

from api.admission import authority_of, must_oversee, owners_of
from api.principal import Principal, decided
from api.schemas.admission import ApplicationBody, VerificationBody
from ledger.access import APPLICANT, Subject
from ledger.admissions import Admissions, Admitted
from ledger.application import RequestKey
from ledger.applications import Application, Apply, Command, Verify
from ledger.errors import Forbidden
from ledger.events import Meta
from ledger.events.application import AccessApplied, AskedRole
from ledger.persons import same_person


def about(applied: AccessApplied) -> Subject:
    """What an application is about, for the policy: its state, and whose it is."""
    return Subject(states=(applied.asked.state,) if applied.asked.state else (), owners=owners_of(applied))


def apply(
    admissions: Admissions, principal: Principal, said: ApplicationBody, meta: Meta, key: RequestKey | None
) -> Admitted:
    """Apply for oneself, or enter another's form. Raises Forbidden, OtherState, and as ``Admissions.apply``."""
    states = (said.state,) if said.state else ()
    decided(principal, "application.send", Subject(states=states, owners=(said.email,)))
    asked = AskedRole(
        role=said.role,
        organisation=said.organisation,
        state=said.state,
        region=said.region,
        district=said.district,
    )
    command = Apply(
        by=principal.name,
        account="",
        kind=said.kind,
        email=said.email,
        name=said.name,
        title=said.title,
        address=said.address,
        phone=said.phone,
        asked=asked,
        supervisor=said.supervisor,
        supervisor_email=said.supervisor_email,
        disclaimer=said.disclaimer,
    )
    return admissions.apply(command, meta, key)


def readable(admissions: Admissions, principal: Principal, action: str, application: str) -> Application:
    """An application, for who made it, who is to verify it, and who oversees its area. action: ``application.read``, or
    what is done with its papers. Raises NotFound, Forbidden, OtherState."""
    known = admissions.application(application)
    must_be_about(principal, action, known.applied)
    return known


def must_be_about(principal: Principal, action: str, applied: AccessApplied) -> None:
    """Pass where the principal may do this with what belongs to an application. Raises Forbidden, OtherState."""
    decision = decided(principal, action, about(applied))
    must_oversee(principal, decision, {applied.asked.region}, owners_of(applied))


def handle(
    admissions: Admissions,
    principal: Principal,
    action: str,
    application: str,
    make: Callable[[Application], Command],
    meta: Meta,
    key: RequestKey | None,
) -> Admitted:
    """Verify, refuse or take back. make: the command, of the application as it is. Raises Forbidden, OtherState, and as
    ``Admissions.handle``."""
    known = admissions.application(application)
    decision = decided(principal, action, about(known.applied))
    own = [known.applied.supervisor_email] if action == "application.verify" else []
    own += owners_of(known.applied) if action == "application.send" else []
    mine = decision.scope in {"own", "any"} or any(same_person(principal.name, owner) for owner in own)
    authority = None if mine else authority_of(principal)
    return admissions.handle(application, make(known), meta, key, authority)


def verification(principal: Principal, said: VerificationBody) -> Verify:
    """Raises Forbidden for whoever has shown no second factor, or has no account."""
    if principal.account is None and principal.role == APPLICANT:
        raise Forbidden(
            "A supervisor who signs in has an account here.",
            remedy="Sign the form, and have a user administrator record it.",
        )
    return Verify(by=principal.name, identity=said.identity, need=said.need, form=said.form)


def approve(
    admissions: Admissions, principal: Principal, application: str, meta: Meta, key: RequestKey | None
) -> Admitted:
    """Raises Forbidden, OtherState, and as ``Admissions.approve``."""
    decided(principal, "application.decide", about(admissions.application(application).applied))
    return admissions.approve(application, authority_of(principal), meta, key)
