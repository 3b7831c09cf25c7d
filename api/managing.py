"""What is done to an account by whoever is in charge of it, alike for a route of the API and for a page.

Invariant: an authority does this to accounts each of whose roles lies in its area; one's own training alone is
recorded by oneself, with its certificate.
"""

from __future__ import annotations

from api.admission import authority_of, must_oversee
from api.given_codes import close_doors, first_code
from api.principal import Principal, decided
from api.schemas.admission import TrainingBody
from api.services import Services
from ledger.access import Subject
from ledger.account_acts import Command, Deactivate, Disable, EndRole, GiveSignInCode, RecordTraining
from ledger.accounts import Account
from ledger.admissions import Admitted, must_be_in_charge, state_of
from ledger.application import Ledger, RequestKey
from ledger.errors import BadValue, Forbidden, NotFound
from ledger.events import Meta
from ledger.persons import same_person
from ledger.store.codes import Code
from ledger.store.standings import Standing

MANAGE = "account.manage"


def about(standing: Standing) -> Subject:
    """What an account is about, for the policy: the states of its roles, of the one that was applied for where it has
    none, and whose it is."""
    roles = standing.roles.values() or ([standing.proposed] if standing.proposed else [])
    return Subject(states={role.state for role in roles if role.state}, owners=(standing.email,))


def must_be_readable(principal: Principal, standing: Standing) -> None:
    """Pass for who oversees an account's area. Raises Forbidden, OtherState."""
    decision = decided(principal, "account.read", about(standing))
    places = list(standing.roles.values()) or ([standing.proposed] if standing.proposed else [])
    must_oversee(principal, decision, {role.region for role in places}, ())


def must_be_in_hand(principal: Principal, standing: Standing, known: Account) -> None:
    """Pass for who may do something to an account, so that its forms are shown; it is decided again. Raises Forbidden,
    OtherState."""
    decided(principal, MANAGE, about(standing))
    must_be_in_charge(authority_of(principal), known)


def manage(
    services: Services,
    principal: Principal,
    account: str,
    command: Command,
    meta: Meta,
    key: RequestKey | None,
) -> Admitted:
    """Disable, enable, deactivate, or end a role. Blocks. Raises Forbidden, OtherState, and as ``Admissions.act``."""
    admissions = services.ledger.admissions
    decided(principal, MANAGE, about(admissions.standing(account)))
    done = admissions.act(account, command, meta, key, authority_of(principal))
    if isinstance(command, Disable | Deactivate):
        # Nobody is let in from the event on; what is left of secrets goes too, also where this is asked again.
        close_doors(services, account, for_good=isinstance(command, Deactivate))
    return done


def ending(by: str, grant: str, reason: str) -> EndRole:
    """Of a role. grant: its number, as it may be one. Raises NotFound."""
    return EndRole(by=by, grant=number_named(grant, "role"), reason=reason)


def number_named(given: str, kind: str) -> int:
    """The number of a role or grant of an account, as it may be one. Raises NotFound."""
    if not (given.isascii() and given.isdigit() and len(given) < 10):
        raise NotFound(f"The account has no {kind} of this number.", remedy="Read the account.")
    return int(given)


def give_code(services: Services, principal: Principal, account: str, reason: str, meta: Meta) -> Code:
    """For the first sign-in, and where password and second factor are lost. Blocks. Raises Forbidden, OtherState, as
    ``Admissions.act``."""
    admissions = services.ledger.admissions
    decided(principal, MANAGE, about(admissions.standing(account)))
    authority = authority_of(principal)
    if admissions.account(account).families and authority.state is not None:
        raise Forbidden(
            "A family's records are read by this account too.", remedy="Only the nation's authority resets it."
        )
    admissions.act(account, GiveSignInCode(by=principal.name, reason=reason), meta, authority=authority)
    # Durable: who gave it and why. A crash from here on leaves a code that nobody was told.
    return first_code(services, account)


def record_training(
    ledger: Ledger, principal: Principal, said: TrainingBody, meta: Meta, key: RequestKey | None
) -> Admitted:
    """By who oversees the account's area, or by its holder with the certificate. Raises BadValue, Forbidden,
    OtherState, and as ``Admissions.act``."""
    admissions, by = ledger.admissions, principal.name
    standing = admissions.standing(said.account)
    decision = decided(principal, "training.record", about(standing))
    # His own he records by its certificate, whatever his office.
    if decision.scope != "own" and not same_person(by, standing.email):
        must_be_in_charge(authority_of(principal), admissions.account(said.account), to_admit=True)
    if said.certificate is not None:
        _must_be_certificate(ledger, said.certificate, said.account)
    return admissions.act(
        said.account,
        lambda known: RecordTraining(
            by=by,
            course=said.course,
            completed_on=said.completed_on,
            today=admissions.today(state_of(known)),
            hours=said.hours,
            certificate=said.certificate,
        ),
        meta,
        key,
    )


def _must_be_certificate(ledger: Ledger, attachment: str, account: str) -> None:
    """Pass where a paper is a certificate that lies with an application of the account. Raises BadValue."""
    application = ledger.attachments.application_of(attachment)
    known = None if application is None else ledger.admissions.application(application)
    paper = None if known is None else known.attachments.get(attachment)
    if known is None or paper is None or paper.what != "certificate" or known.applied.account != account:
        raise BadValue(
            "No such certificate lies with an application of this account.",
            rule="certificate",
            element="certificate",
            place="/certificate",
            remedy="Send it to /v1/attachments as certificate, with the application by which the role was given.",
        )
