"""Access, as the routes tell it and ask for it: ids, authorities, applications and accounts in words of the schema.

Invariant: who decides for an area is told from the role under which he asks, and from nothing that he sends.
"""

from __future__ import annotations

import uuid
from collections.abc import Collection, Iterable, Mapping
from datetime import date
from typing import Any

from api.principal import Principal
from ledger.access import Decision
from ledger.accounts import Account, renew_on
from ledger.applications import Application, Authority
from ledger.errors import Forbidden, NotFound
from ledger.events.application import AccessApplied, AskedRole
from ledger.persons import same_person
from projections.accounts import Account as Listed
from projections.accounts import Application as Applied
from projections.accounts import Role


def uuid_named(given: str, kind: str) -> str:
    """A uuid, as it may be one. kind: of what it names. Raises NotFound."""
    try:
        found = str(uuid.UUID(given))
    except ValueError:
        found = ""
    if found != given.lower():
        raise NotFound(f"There is no such {kind}.", remedy="Compare its id with where it was read.")
    return found


def authority_of(principal: Principal) -> Authority:
    """Whose area somebody decides for. Raises Forbidden for who is narrowed to less than a region."""
    if principal.district is not None:
        raise Forbidden("A district has no authority over access.", remedy="The region's or the state's has.")
    return Authority(name=principal.name, state=principal.state, region=principal.region)


def must_oversee(
    principal: Principal, decision: Decision, regions: Collection[str | None], owners: Collection[str]
) -> None:
    """Pass where what the policy has allowed lies in the principal's region, if he is narrowed to one, or is his own.
    regions: of the roles that it is about. Raises Forbidden."""
    if decision.scope != "office" or principal.region is None or principal.region in regions:
        return
    if not any(same_person(principal.name, owner) for owner in owners):
        raise Forbidden("It reaches beyond your region.", remedy="The state's authority has it.")


def owners_of(applied: AccessApplied) -> list[str]:
    """Whose an application is: the applicant's, the supervisor's who is to verify it, and who entered it."""
    return [applied.email, applied.supervisor_email, applied.entered_by or applied.email]


def role_told(role: AskedRole | Role | Applied, grant: int | None) -> dict[str, Any]:
    """As the schema has it; of the ledger's or the read model's."""
    return {
        "grant": grant,
        "role": role.role,
        "organisation": role.organisation,
        "state": role.state,
        "region": role.region,
        "district": role.district,
    }


def roles_told(roles: Mapping[int, AskedRole]) -> list[dict[str, Any]]:
    """In the order in which they were granted."""
    return [role_told(role, grant) for grant, role in sorted(roles.items())]


def application_told(application: str, known: Application) -> dict[str, Any]:
    """As ``ApplicationAnswer``."""
    verified_by = None if known.verified is None else known.verified.by
    asked = role_told(known.applied.asked, None)
    return _application(application, known.applied, known, asked, verified_by, known.attachments)


def application_listed(one: Applied) -> dict[str, Any]:
    """The same, of the read model."""
    papers = [paper.attachment for paper in one.attachments]
    return _application(one.application, one, one, role_told(one, None), one.verified_by, papers)


def account_told(account: str, known: Account) -> dict[str, Any]:
    """As ``AccountAnswer``."""
    families = [
        {
            "grant": grant,
            "student_id": one.student_id,
            "relation": one.relation,
            "until": one.until.isoformat(),
            "ends_by": one.ends_by,
        }
        for grant, one in sorted(known.families.items())
    ]
    return _account(account, known, roles_told(known.roles), families, renew_on(known))


def account_listed(one: Listed) -> dict[str, Any]:
    """The same, of the read model: the roles that it has, and nothing of what families were granted."""
    roles = [role_told(role, role.grant) for role in one.roles if role.ended_at is None]
    return _account(one.account, one, roles, [], one.renew_on)


# -- inside


def _application(
    application: str,
    applied: AccessApplied | Applied,
    known: Application | Applied,
    asked: dict[str, Any],
    verified_by: str | None,
    papers: Iterable[str],
) -> dict[str, Any]:
    return {
        "id": application,
        "account": applied.account,
        "kind": applied.kind,
        "status": known.status,
        "email": applied.email,
        "name": applied.name,
        "title": applied.title,
        "address": applied.address,
        "phone": applied.phone,
        "asked": asked,
        "supervisor": applied.supervisor,
        "supervisor_email": applied.supervisor_email,
        "entered_by": applied.entered_by,
        "verified_by": verified_by,
        "decided_by": known.decided_by,
        "reason": known.reason,
        "attachments": sorted(papers),
    }


def _account(
    account: str,
    known: Account | Listed,
    roles: list[dict[str, Any]],
    families: list[dict[str, Any]],
    due: date | None,
) -> dict[str, Any]:
    return {
        "id": account,
        "email": known.email,
        "name": known.name,
        "status": known.status,
        "roles": roles,
        "families": families,
        "trained_on": known.trained_on,
        "rules_on": known.rules_on,
        "renew_on": due,
    }
