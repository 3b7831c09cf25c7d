"""From an account, as it stands, to who asks: the role under which he acts, and whether he may act at all.

Invariant: whoever is disabled, has ended, or has let training or rules grow older than a year is let to nothing but
what renews him; and no session that a password alone has begun acts as an official, whatever the account is given
while it is open. That is decided on each request, by the day that it is where his office lies: no timer has to run.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date
from typing import Final, Literal

from ledger.accounts import RULES_EDITION, a_year_after
from ledger.errors import AccountDisabled, Forbidden, RenewalNeeded
from ledger.events.application import AskedRole
from ledger.store.standings import Standing

PARENT: Final = "parent"
NO_ROLE: Final = "none"
"""As the grant of a session: of whoever has signed in by a password alone. A family is let in by it; an official has
yet to add the second factor, and is let to his own account and nothing else."""

Wanting = Literal["training", "rules", "second-factor"]


class Acting:
    """An account and the role under which it acts. role: None where it has none. grant: its number."""

    __slots__ = ("grant", "granted", "role", "standing", "wanting")

    def __init__(
        self,
        standing: Standing,
        grant: int | None,
        role: AskedRole | None,
        granted: frozenset[str],
        wanting: Wanting | None,
    ) -> None:
        self.standing = standing
        self.grant = grant
        self.role = role
        self.granted = granted
        self.wanting = wanting

    def must_be_renewed_for(self, action: str) -> None:
        """Pass where nothing is to be renewed, or the action is what renews. Raises RenewalNeeded, Forbidden."""
        if self.wanting == "second-factor":
            if action not in OWN:
                raise Forbidden("Officials sign in with a second factor.", remedy="Add one at /second-factor.")
            return
        if self.wanting is None or action in RENEWING:
            return
        raise RenewalNeeded(
            "No training of the last year is recorded."
            if self.wanting == "training"
            else "The rules of behaviour that hold were not accepted within the last year.",
            remedy="Ask your user administrator to record a newer one."
            if self.wanting == "training"
            else f"Read them at /rules, and send edition {RULES_EDITION} to PUT /v1/me/rules.",
        )


OWN: Final = frozenset({"me.read", "me.set"})
"""What an official may do before there is a second factor."""
RENEWING: Final = frozenset({"me.read", "me.set", "attachment.send", "training.record"})
"""What whoever has to renew may still do; a certificate is sent, and named as his own training."""


def acting(
    standing: Standing, wanted: str, today_of: Callable[[str | None], date], *, by_password_alone: bool = False
) -> Acting:
    """An account under one of its roles. wanted: number or name of it; empty: its first, a family's last.

    Raises Forbidden, AccountDisabled.
    """
    if standing.status == "disabled":
        raise AccountDisabled("The account is disabled.", remedy="Ask your user administrator to enable it.")
    if standing.status == "deactivated":
        raise Forbidden("The account was deactivated, for good.", remedy="Apply under another e-mail address.")
    if by_password_alone and standing.roles:
        return Acting(standing, None, None, frozenset(), "second-factor")
    grant, role = _chosen(sorted(standing.roles.items()), wanted)
    if role is not None:
        return Acting(standing, grant, role, frozenset(), wanting(standing, today_of(role.state)))
    granted = frozenset(
        record for one in standing.families.values() if today_of(one.state) <= one.until for record in one.records
    )
    if granted and wanted in ("", PARENT):
        return Acting(standing, None, AskedRole(role=PARENT, organisation="family"), granted, None)
    if wanted:
        raise Forbidden("The account has no such role.", remedy="GET /v1/me tells which it has.")
    return Acting(standing, None, None, frozenset(), None)


def wanting(standing: Standing, today: date) -> Wanting | None:
    """What keeps an official's roles from holding on a day; None where nothing does."""
    if standing.trained_on is None or a_year_after(standing.trained_on) < today:
        return "training"
    if standing.edition != RULES_EDITION or standing.rules_on is None or a_year_after(standing.rules_on) < today:
        return "rules"
    return None


def _chosen(roles: Sequence[tuple[int, AskedRole]], wanted: str) -> tuple[int | None, AskedRole | None]:
    for grant, role in roles:
        if wanted in ("", role.role, str(grant)):
            return grant, role
    return None, None
