"""Somebody who asks, and what the policy of access lets him do: by HTTP or at the command line.

Invariant: knows no request, so that a command need not load what a service needs.
"""

from __future__ import annotations

from typing import NoReturn

import msgspec

from ledger.access import APPLICANT, NOBODY, Decision, Lack, Subject, Who, decide
from ledger.errors import Forbidden, OtherState


class Principal(msgspec.Struct, frozen=True):
    """name: as signed in, and the actor of all he does. state, region, district: what the role is narrowed to.
    organisation: on whose behalf, for disclosures. granted: uuids of the records that were granted to him alone.
    local: he works on the service's own host, at the command line. account: uuid; None for a machine's token."""

    name: str
    role: str
    state: str | None
    region: str | None
    district: str | None
    organisation: str
    granted: frozenset[str] = frozenset()
    local: bool = False
    account: str | None = None

    @property
    def logged(self) -> str:
        """Who asked, as a log may say it: a machine by its name, a person by nothing but the account's id."""
        if self.account is not None:
            return f"account {self.account}"
        return APPLICANT if self.role == APPLICANT else self.name


def who(principal: Principal) -> Who:
    """A principal as the policy knows him."""
    return Who(
        principal.role,
        principal.state,
        principal.region,
        principal.district,
        principal.granted,
        principal.local,
        principal.name,
    )


def decided(principal: Principal, action: str, subject: Subject = NOBODY) -> Decision:
    """What the policy lets a principal do. Raises Forbidden, OtherState."""
    decision = decide(who(principal), action, subject)
    if not decision.allowed:
        refuse(decision)
    return decision


def refuse(decision: Decision) -> NoReturn:
    """Raises what a refusal is told by: OtherState where only the state is wrong, else Forbidden."""
    kind = OtherState if decision.lacks is Lack.STATE else Forbidden
    error = kind(decision.why, remedy=decision.remedy)
    error.members = {"rule": decision.rule}
    raise error
