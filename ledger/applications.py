"""An application for access: applied for, verified by a supervisor, approved by an authority.

State, evolve, decide, fold. Invariant: three people at least (34 CFR 200.85(f); the separation of duties of
``domain``): whoever applies does not verify, whoever verifies does not approve, and nobody approves himself. An
authority approves for its own area alone, and what reaches beyond it is the next higher one's.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date
from functools import singledispatch
from typing import Final, Literal

import msgspec
from msgspec.structs import replace

from ledger import addresses
from ledger.access import LEVELS, ROLES
from ledger.accounts import a_year_after
from ledger.errors import ApplicationIsClosed, BadValue, Forbidden, NotFound, NotReady, OwnApplication
from ledger.events.application import (
    AccessApplied,
    ApplicationApproved,
    ApplicationRefused,
    ApplicationVerified,
    ApplicationWithdrawn,
    AskedRole,
    AttachmentAdded,
)
from ledger.events.base import Event
from ledger.mde import STATES
from ledger.persons import same_person

DISCLAIMER_EDITION: Final = "2026-1"
"""Of what a read-only user of a state accepts when he applies."""
WORDS_MAX: Final = 200
ATTACHMENTS_MAX: Final = 20
PAPERS: Final = ("signed-form", "certificate", "other")

_EVERYBODY: Final = frozenset(ROLES) - {"parent", "operator"}
KINDS: Final[Mapping[str, frozenset[str]]] = {
    "exchange": _EVERYBODY,
    "state-read-only": frozenset({"secondary_user"}),
    "regional-administrator": frozenset({"regional_data_administrator", "region_administrator", "user_administrator"}),
}
"""Kind of application to the roles that may be asked for by it. A parent's access is granted by the school, and an
operator is who may log in to the host."""
_NATIONAL: Final = frozenset({"government_user", "privacy_officer", "auditor", "help_desk"})
"""Who oversees states, or serves all of them: no state makes its own."""
_ABOVE_REGIONS: Final = KINDS["regional-administrator"] | {"state_data_administrator", "state_batch_submitter"}
"""Roles that administer a region or reach beyond one, by whichever kind of application they are asked for."""


class Application(msgspec.Struct, frozen=True, kw_only=True):
    """applied: as it was made. status: ``applied``, ``verified``, ``approved``, ``refused`` or ``withdrawn``. said_by:
    who verified, approved, refused or withdrew, by status. version: events in its stream."""

    applied: AccessApplied
    status: str = "applied"
    verified: ApplicationVerified | None = None
    decided_by: str | None = None
    reason: str | None = None
    attachments: Mapping[str, AttachmentAdded] = {}
    version: int = 1

    @property
    def is_open(self) -> bool:
        return self.status in {"applied", "verified"}


class Authority(msgspec.Struct, frozen=True, kw_only=True):
    """Who decides: by name, with the area that his role is narrowed to; None for the nation."""

    name: str
    state: str | None = None
    region: str | None = None


class Command(msgspec.Struct, frozen=True, kw_only=True):
    """Base of all. by: who says so, by the name that he signs in with."""

    by: str


class Apply(Command, frozen=True, kw_only=True):
    """The fields are those of ``AccessApplied``."""

    account: str
    kind: str
    email: str
    name: str
    title: str
    address: str
    phone: str
    asked: AskedRole
    supervisor: str
    supervisor_email: str
    disclaimer: str | None = None


class AddAttachment(Command, frozen=True, kw_only=True):
    attachment: str
    what: str
    media_type: str
    size: int
    sha256: str


class Verify(Command, frozen=True, kw_only=True):
    """form: uuid of the signed form, where it is recorded for a supervisor who does not sign in."""

    identity: str
    need: str
    form: str | None = None


class Refuse(Command, frozen=True, kw_only=True):
    reason: str


class Withdraw(Command, frozen=True, kw_only=True):
    pass


class Approve(Command, frozen=True, kw_only=True):
    """authority: who approves. trained_on: day of the newest training that is recorded; None: none. today: where the
    office lies. grant: number that the role will have. district_lies_in: the region of the role's district, as its
    state has it."""

    authority: Authority
    district_lies_in: str | None = None
    trained_on: date | None
    today: date
    grant: int


# -- decide


@singledispatch
def decide(command: Command, _application: Application | None) -> list[Event]:
    """The events that a command comes to; none where it says what holds. Raises BadValue, NotFound, OwnApplication,
    NotReady, ApplicationIsClosed, Forbidden."""
    raise TypeError(type(command).__name__)


@decide.register
def _(command: Apply, application: Application | None) -> list[Event]:
    if application is not None:
        raise ApplicationIsClosed("This application was made before.", remedy="Make another one.")
    email, supervisor_email = address(command.email), address(command.supervisor_email, "supervisor_email")
    if same_person(email, supervisor_email):
        raise OwnApplication("Nobody verifies himself.", remedy="Name the supervisor, or whoever is above him.")
    roles = KINDS.get(command.kind)
    if roles is None:
        raise _bad("kind", "There is no such kind of application.", f"Say {', '.join(KINDS)}.")
    asked = command.asked
    if asked.role not in roles:
        raise _bad("role", "This role is not applied for so.", f"By this kind: {', '.join(sorted(roles))}.")
    _check_place(command.kind, asked)
    if command.kind == "state-read-only" and command.disclaimer != DISCLAIMER_EDITION:
        raise _bad(
            "disclaimer",
            "The disclaimer for read-only users was not accepted.",
            f"Read it at /rules, and send its edition, {DISCLAIMER_EDITION}.",
        )
    phone = addresses.phone(command.phone)
    if phone is None:
        raise _bad("phone", "This is no telephone number.", "Write it as +15035550101, with x12 for an extension.")
    return [
        AccessApplied(
            account=command.account,
            kind=command.kind,
            email=email,
            name=_words(command.name, "name"),
            title=_words(command.title, "title"),
            address=_words(command.address, "address"),
            phone=phone,
            asked=replace(asked, organisation=_words(asked.organisation, "organisation")),
            supervisor=_words(command.supervisor, "supervisor"),
            supervisor_email=supervisor_email,
            entered_by=None if same_person(command.by, email) else command.by,
            disclaimer=command.disclaimer if command.kind == "state-read-only" else None,
        )
    ]


@decide.register
def _(command: AddAttachment, application: Application | None) -> list[Event]:
    # A certificate is renewed yearly, and lies with the application by which the role was given.
    known = application if command.what == "certificate" and _is_approved(application) else _open(application)
    assert known is not None
    if command.what not in PAPERS:
        raise _bad("what", "There is no such kind of paper.", f"Say {', '.join(PAPERS)}.")
    if len(known.attachments) >= ATTACHMENTS_MAX:
        raise _bad("what", "The application has as many papers as one can have.", f"At most {ATTACHMENTS_MAX}.")
    return [
        AttachmentAdded(
            attachment=command.attachment,
            what=command.what,
            media_type=command.media_type,
            size=command.size,
            sha256=command.sha256,
            by=command.by,
        )
    ]


@decide.register
def _(command: Verify, application: Application | None) -> list[Event]:
    known = _open(application)
    if known.status == "verified":
        return []
    applied = known.applied
    supervisor = applied.supervisor_email
    if same_person(command.by, applied.email):
        raise OwnApplication("Nobody verifies his own application.", remedy="The supervisor that it names does.")
    if same_person(command.by, supervisor):
        return [ApplicationVerified(by=supervisor, identity=_identity(command), need=_need(command))]
    paper = known.attachments.get(command.form or "")
    if paper is None or paper.what != "signed-form":
        raise NotReady(
            "Only the supervisor that it names verifies it, or the form that he signed.",
            remedy="Send the signed form to /v1/attachments as signed-form, and name it as form.",
        )
    return [
        ApplicationVerified(
            by=supervisor,
            identity=_identity(command),
            need=_need(command),
            recorded_by=command.by,
            form=paper.attachment,
        )
    ]


@decide.register
def _(command: Refuse, application: Application | None) -> list[Event]:
    _open(application)
    return [ApplicationRefused(by=command.by, reason=_words(command.reason, "reason"))]


@decide.register
def _(command: Withdraw, application: Application | None) -> list[Event]:
    known = _open(application)
    entered_by = known.applied.entered_by or known.applied.email
    if not (same_person(command.by, known.applied.email) or same_person(command.by, entered_by)):
        raise Forbidden("Only who applied takes it back.", remedy="An authority refuses it, with a reason.")
    return [ApplicationWithdrawn(by=command.by)]


@decide.register
def _(command: Approve, application: Application | None) -> list[Event]:
    known = _open(application)
    applied, verified, authority = known.applied, known.verified, command.authority
    if same_person(authority.name, applied.email):
        raise OwnApplication("Nobody approves himself.", remedy="Another authority of the area does.")
    must_be_within(authority, applied)
    if verified is None:
        raise NotReady("The supervisor has not verified it.", remedy="Send the verification first.")
    if any(same_person(authority.name, name) for name in (verified.by, verified.recorded_by or "")):
        raise OwnApplication("Whoever verified it does not approve it.", remedy="Another authority of the area does.")
    if applied.entered_by is not None and same_person(authority.name, applied.entered_by):
        raise OwnApplication("Whoever entered it does not approve it.", remedy="Another authority of the area does.")
    asked = applied.asked
    if authority.region is not None and asked.district and command.district_lies_in != authority.region:
        raise Forbidden("The district lies in no region of yours.", remedy="The state's authority decides it.")
    if command.trained_on is None or a_year_after(command.trained_on) < command.today:
        raise NotReady(
            "No training of the last year is recorded.", remedy="Send it to /v1/trainings; access begins after it."
        )
    return [ApplicationApproved(by=authority.name, trained_on=command.trained_on.isoformat(), grant=command.grant)]


def address(text: str, element: str = "email") -> str:
    """An e-mail address as accounts are found by it. Raises BadValue."""
    found = addresses.email(text)
    if found is None:
        raise _bad(element, "This is no e-mail address.", "Write it as name@school.example.org.")
    return found.lower()


Above = Literal["state", "nation", "region"]


def above(authority: Authority, role: AskedRole) -> Above | None:
    """Why a role is not an authority's, to give, to end or to reset: it is another state's, the nation's or reaches
    beyond the region. None where it is. A nation's has each; a state's what is narrowed to the state, save its own
    authority and who oversees it; a region's what is narrowed to the region, save who would administer it."""
    if authority.state is None:
        return None
    if role.state != authority.state:
        return "state"
    if role.role in _NATIONAL or (role.role == "user_administrator" and role.region is None):
        return "nation"
    if authority.region is not None and (role.region != authority.region or role.role in _ABOVE_REGIONS):
        return "region"
    return None


def must_be_within(authority: Authority, applied: AccessApplied) -> None:
    """Pass where an application is for a role that is the authority's. Raises Forbidden."""
    match above(authority, applied.asked):
        case "state":
            raise Forbidden("The application is not for your state.", remedy="Its own state's authority decides it.")
        case "nation":
            raise Forbidden("Who has this role is made by the nation.", remedy="Ask the national authority.")
        case "region":
            raise Forbidden("The application reaches beyond your region.", remedy="The state's authority decides it.")
        case None:
            pass


# -- evolve


def evolve(event: Event, known: Application | None) -> Application:
    """The application after an event of its stream."""
    if isinstance(event, AccessApplied):
        return Application(applied=event)
    assert known is not None, "nothing is said of an application before it is made"
    match event:
        case AttachmentAdded():
            after = replace(known, attachments={**known.attachments, event.attachment: event})
        case ApplicationVerified():
            after = replace(known, status="verified", verified=event)
        case ApplicationApproved():
            after = replace(known, status="approved", decided_by=event.by)
        case ApplicationRefused():
            after = replace(known, status="refused", decided_by=event.by, reason=event.reason)
        case ApplicationWithdrawn():
            after = replace(known, status="withdrawn", decided_by=event.by)
        case _:
            raise TypeError(type(event).__name__)
    return replace(after, version=known.version + 1)


def fold(events: Iterable[Event], known: Application | None = None) -> Application | None:
    """An application after events of its stream; None before the first."""
    for event in events:
        known = evolve(event, known)
    return known


# -- inside


def _open(application: Application | None) -> Application:
    if application is None:
        raise NotFound("There is no such application.", remedy="Compare its id with where it was read.")
    if not application.is_open:
        raise ApplicationIsClosed(
            f"The application was {application.status}.", remedy="Make another one if access is needed."
        )
    return application


def _is_approved(application: Application | None) -> bool:
    return application is not None and application.status == "approved"


def _check_place(kind: str, asked: AskedRole) -> None:
    for level in LEVELS.get(asked.role, ()):
        if getattr(asked, level) is None:
            raise _bad(level, f"This role is narrowed to a {level}.", f"Name the {level} that it is for.")
    if "" in (asked.state, asked.region, asked.district):
        raise _bad("state", "A place cannot be empty.", "Leave it out, or name it.")
    if asked.state is None and (kind != "exchange" or asked.region or asked.district):
        raise _bad("state", "This is asked for within a state.", "Name the state, such as OR.")
    if asked.state is not None and asked.state not in STATES:
        raise _bad("state", "This is no USPS state code.", "Use two capital letters, such as OR.")
    if asked.role == "user_administrator" and asked.district is not None:
        raise _bad("district", "A district has no authority over access.", "Leave the district out.")
    if kind == "regional-administrator" and asked.region is None:
        raise _bad("region", "A regional administrator is narrowed to a region.", "Name its code.")


def _identity(command: Verify) -> str:
    return _words(command.identity, "identity")


def _need(command: Verify) -> str:
    return _words(command.need, "need")


def _words(text: str, element: str) -> str:
    said = " ".join(text.split())
    if not 1 <= len(said) <= WORDS_MAX or not said.isprintable():
        raise _bad(element, "This must be said in words.", f"Use 1 to {WORDS_MAX} characters.")
    return said


def _bad(element: str, what: str, remedy: str) -> BadValue:
    return BadValue(what, rule=element.replace("_", "-"), element=element, place=f"/{element}", remedy=remedy)
