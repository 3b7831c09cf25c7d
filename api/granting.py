"""What a school does about a family's access, alike for a route of the API and for a page.

Invariant: the official saw who it is and hands the code over; no mail and no log ever holds it.
"""

from __future__ import annotations

from typing import NamedTuple

from api.given_codes import family_code, first_code
from api.principal import Principal
from api.schemas.admission import FamilyEndBody, FamilyGrantBody
from api.services import Services
from ledger.account_acts import GiveSignInCode
from ledger.accounts import Family
from ledger.admissions import Admitted
from ledger.application import Ledger, RequestKey
from ledger.errors import AccountIsClosed, NotFound, OwnApplication
from ledger.events import Meta
from ledger.family_access import FamilyAsked, Official
from ledger.persons import same_person
from ledger.store.codes import Code


class Granted(NamedTuple):
    """code: None where this is the first answer again."""

    done: Admitted
    account: str
    grant: int
    family: Family
    code: Code | None


def official_of(principal: Principal) -> Official:
    return Official(
        name=principal.name,
        state=principal.state,
        district=principal.district,
        organisation=principal.organisation,
    )


def grant(
    services: Services, principal: Principal, said: FamilyGrantBody, meta: Meta, key: RequestKey | None
) -> Granted:
    """Blocks. Raises as ``FamilyAccess.grant``; NotFound where a grant that was made before has ended since."""
    ledger = services.ledger
    wanted = FamilyAsked(
        student_id=said.student_id,
        email=said.email,
        name=said.name,
        relation=said.relation,
        identification=said.identification,
        until=said.until,
        court_order=said.court_order,
        records=[(one.state, one.state_student_id) for one in said.records],
    )
    done = ledger.family_access.grant(wanted, official_of(principal), meta, key)
    account, number = str(done.ids["account"]), int(str(done.ids["grant"]))
    # Durable: the grant. After a crash here the official asks for another code of it.
    code = None if done.replayed else family_code(services, account, number)
    family = ledger.admissions.account(account).families.get(number)
    if family is None:
        raise NotFound("The grant has ended since.", remedy="Grant it again, where that is meant.")
    return Granted(done, account, number, family, code)


def end(
    ledger: Ledger,
    principal: Principal,
    account: str,
    number: int,
    said: FamilyEndBody,
    meta: Meta,
    key: RequestKey | None,
) -> Admitted:
    """Raises as ``FamilyAccess.end``."""
    meta = Meta(actor=meta.actor, request=meta.request, reason=said.reason)
    return ledger.family_access.end(account, number, said.why, official_of(principal), meta, key)


def another_code(services: Services, principal: Principal, account: str, number: int, reason: str, meta: Meta) -> Code:
    """Of a grant that was not taken yet; else to sign in again where the password was lost. Blocks. Raises NotFound,
    Forbidden, OwnApplication, AccountIsClosed."""
    ledger, official = services.ledger, official_of(principal)
    family = ledger.family_access.of(account, number, official)
    known = ledger.admissions.account(account)
    if same_person(principal.name, known.email):
        raise OwnApplication("Nobody gives himself a code.", remedy="Ask another official of the school.")
    if not family.taken:
        return family_code(services, account, number)
    if known.roles:
        raise AccountIsClosed(
            "Who has the account is an official too.", remedy="The user administrator of that role gives the code."
        )
    # Whoever signs in by it reads all that the family was granted: it must all be this district's.
    for one in known.families:
        ledger.family_access.of(account, one, official)
    ledger.admissions.act(account, GiveSignInCode(by=principal.name, reason=reason), meta)
    # Durable: who gave it and why. A crash from here on leaves a code that nobody was told.
    return first_code(services, account)
