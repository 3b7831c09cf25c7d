"""The codes that officials give by hand: for the first sign-in, and for what a child's school has granted to a family.

Invariant: a code is of one account, or of one grant of it. Whoever finds a family's code cannot use it with another
account, and an account of another person, whose address was mistyped, is shown nothing without it.
"""

from __future__ import annotations

import uuid
from datetime import timedelta
from typing import Final

from api.services import Services
from ledger.account_acts import TakeFamily
from ledger.admissions import family_subject
from ledger.events import Meta
from ledger.store import codes, saved_lists, sessions
from ledger.store.codes import Code, Purpose
from ledger.store.standings import Standing

HOLDS: Final = timedelta(days=30)
"""How long a family has to use its code."""


FIRST_HOLDS: Final = timedelta(days=7)
"""How long somebody has to sign in for the first time."""


def first_code(services: Services, account: str) -> Code:
    """A code for the first sign-in, or for another one where password and second factor were lost: what there was of
    them ends, and every session with it. Blocks. Raises StoreUnavailable."""
    now, named = services.clock(), uuid.UUID(account)
    services.credentials.remove(named)
    with services.ledger.log.connection() as conn:
        sessions.end_all(conn, named, now=now)
        # Durable: nobody is signed in, and nobody can sign in. After a crash here another code is asked for.
        return codes.make(conn, purpose=Purpose.FIRST_SIGN_IN, subject=named, now=now, ends_at=now + FIRST_HOLDS)


def close_doors(services: Services, account: str, *, for_good: bool) -> None:
    """End what lets somebody in: sessions and codes; for_good: password and second factor too, and the lists that were
    kept. Blocks. Raises StoreUnavailable."""
    now, named = services.clock(), uuid.UUID(account)
    if for_good:
        services.credentials.remove(named)
    with services.ledger.log.connection() as conn, conn.transaction():
        sessions.end_all(conn, named, now=now)
        codes.void(conn, purpose=Purpose.FIRST_SIGN_IN, subject=named, now=now)
        if for_good:
            saved_lists.delete_all(conn, named)


def family_code(services: Services, account: str, grant: int) -> Code:
    """A code for a grant; one that was given before for it ends. Blocks. Raises StoreUnavailable."""
    now = services.clock()
    with services.ledger.log.connection() as conn:
        return codes.make(
            conn, purpose=Purpose.FAMILY_ACCESS, subject=family_subject(account, grant), now=now, ends_at=now + HOLDS
        )


def take_family(services: Services, standing: Standing, code: str, meta: Meta) -> bool:
    """Take the family's access that a code is for; whether it is one of this account. The code is used up by it.

    Blocks. Raises CodeRefused, StoreUnavailable.
    """
    now = services.clock()
    with services.ledger.log.connection() as conn:
        subject = codes.check(conn, purpose=Purpose.FAMILY_ACCESS, code=code, now=now)
    # Between two connections, not within one: as many at once as the pool has would each wait for a second.
    waiting = services.ledger.admissions.families_waiting(standing.account)
    if subject not in waiting:
        return False
    with services.ledger.log.connection() as conn:
        codes.redeem(conn, purpose=Purpose.FAMILY_ACCESS, code=code, now=now)
    # Used up, and not taken yet: after a crash here the school gives another.
    command = TakeFamily(by=standing.email, grant=waiting[subject])
    services.ledger.admissions.act(standing.account, command, meta)
    return True
