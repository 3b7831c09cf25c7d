"""What a family was granted to read, as its own pages tell it: what holds, what waits for its code, and what has ended.

Invariant: of one child one thing is told, and what holds goes before what has ended. Of a child it has the id alone.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from datetime import date
from typing import Final, Literal, NamedTuple

from api.console.visits import Visit
from api.given_codes import take_family
from api.rate_limit import failed
from api.reading import ask
from ledger.access import APPLICANT
from ledger.admissions import Admissions
from ledger.application import RequestKey
from ledger.errors import CodeRefused, NotFound
from ledger.events import Meta
from projections import accounts
from projections.accounts import Family as Told

Standing = Literal["holds", "waits", "ended"]


class Grant(NamedTuple):
    """until: last day, that the grant names. why: it ended (``date``, ``court-order``, ``eighteenth-birthday``,
    ``withdrawn``); empty while it holds or waits, and where that is not known yet."""

    student_id: str
    standing: Standing
    until: date
    organisation: str
    why: str = ""


async def grants_of(visit: Visit) -> list[Grant]:
    """What whoever looks was ever granted, each child once, by its id. Raises StoreUnavailable."""
    account = None if visit.principal is None else visit.principal.account
    if account is None:
        return []
    # The log first: what the read model has not heard of yet is told by it, and never the other way round.
    held, over = await asyncio.to_thread(_of_log, visit.services.ledger.admissions, account)
    _, whole = await ask(visit.services.reads, lambda connection: accounts.one_account(connection, account))
    told = [] if whole is None else whole.families
    return _once([*held.values(), *over.values(), *(_ended(one) for one in told if one.grant not in {*held, *over})])


async def take_code(here: Visit, code: str) -> None:
    """Take what a school has granted to whoever can sign in already, with the code that it gave.

    Raises CodeRefused, also where the code is another account's; NotFound for a token's holder, StoreUnavailable.
    """
    account = here.signed_in.account
    if account is None:
        raise NotFound("A token has no account.", remedy="Whoever holds it signs in with his own.")

    def take(meta: Meta, _: RequestKey | None) -> None:
        if not take_family(here.services, here.services.ledger.admissions.standing(account), code, meta):
            raise CodeRefused("This code is not for this account.", remedy="Sign in as the person it was given to.")

    try:
        await here.did(take)
    except CodeRefused:
        failed(here.request)
        raise


async def read_once(visit: Visit) -> bool:
    """Whether somebody without a role was granted something as a family: it ended, or its code was not shown yet. She
    is to be led to where she learns why. Raises StoreUnavailable."""
    return visit.principal is not None and visit.principal.role == APPLICANT and bool(await grants_of(visit))


def _of_log(admissions: Admissions, account: str) -> tuple[dict[int, Grant], dict[int, Grant]]:
    """By number: what holds or waits, and what ended by its day with nobody having said so yet. Blocks."""
    held: dict[int, Grant] = {}
    over: dict[int, Grant] = {}
    for number, one in admissions.account(account).families.items():
        if one.until < admissions.today(one.state):
            over[number] = Grant(one.student_id, "ended", one.until, one.organisation, one.ends_by)
        else:
            standing: Standing = "holds" if one.taken else "waits"
            held[number] = Grant(one.student_id, standing, one.until, one.organisation)
    return held, over


def _ended(one: Told) -> Grant:
    return Grant(one.student_id, "ended", one.until, one.organisation, one.why or "")


def _once(grants: Iterable[Grant]) -> list[Grant]:
    """Of each child what matters most: what holds, else what waits, else what ended last."""
    best: dict[str, Grant] = {}
    for one in sorted(grants, key=lambda grant: (_ORDER[grant.standing], -grant.until.toordinal())):
        best.setdefault(one.student_id, one)
    return sorted(best.values(), key=lambda grant: (_ORDER[grant.standing], grant.student_id))


_ORDER: Final = {"holds": 0, "waits": 1, "ended": 2}
