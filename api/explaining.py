"""Which rule lets somebody do something, or does not, and what would be needed: for the command line and for a page.

Invariant: it is told as a request would be decided now. Shows nothing of a child, and so records nothing.
"""

from __future__ import annotations

from typing import Any

from api.principal import who
from api.principals import principal_from
from api.standing import acting
from ledger.access import Decision, Subject, decide
from ledger.application import Ledger
from ledger.errors import Forbidden, NotFound


def of_account(ledger: Ledger, email: str, role: str, action: str, about: Subject) -> dict[str, Any]:
    """Of an account, under one of its roles; empty: its first. Raises NotFound."""
    standing = ledger.admissions.of_email(email)
    if standing is None:
        raise NotFound(
            f"There is no token and no account of the name {email}.",
            remedy="See `sojourn token list`; an account is named by its e-mail address.",
        )
    try:
        acts = acting(standing, role, ledger.admissions.today)
        principal = principal_from(acts, "")
        told = told_of(decide(who(principal), action, about)) | {"role": principal.role}
        acts.must_be_renewed_for(action)
    except Forbidden as refused:
        gone = {"rule": "none", "scope": "any", "sections": [], "purpose": "", "basis": "", "role": role}
        return gone | {"allowed": False, "why": refused.what, "needed": refused.remedy}
    return told


def told_of(decision: Decision) -> dict[str, Any]:
    """A decision, by what there is to say of it."""
    return {
        "allowed": decision.allowed,
        "rule": decision.rule,
        "scope": decision.scope,
        "sections": list(decision.sections),
        "purpose": decision.purpose,
        "basis": decision.basis,
        "why": decision.why,
        "needed": decision.remedy,
    }
