"""Practice space has a seat for every role: whoever practises takes one, and is that person until he leaves it.

Invariant: a seat is taken in practice space alone, where every child is invented; elsewhere there is none. Behind each
seat is an account like any other, opened when it is first taken, so that what is done there is done, recorded and
disclosed as it would be.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Sequence
from contextlib import suppress
from typing import Final, NamedTuple

from api.entering import begin
from api.services import Services
from ledger.account_acts import AcceptRules, Command, GrantRole, RecordTraining, TakeFamily
from ledger.accounts import RULES_EDITION
from ledger.errors import BadValue, NotFound
from ledger.events import Meta
from ledger.events.application import AskedRole
from ledger.family_access import FamilyAsked, Official
from ledger.identities import states_of
from ledger.offices import DefineRegion, PlaceDistrict
from ledger.routing import district_of
from ledger.store import relinking
from ledger.store.sessions import Made, Session

BY: Final = "practice space"
COURSE: Final = "Practice"
REGION: Final = "R1"


class Seat(NamedTuple):
    """code: in an address. role, state: of the account behind it. narrowed: to a district, or to a region."""

    code: str
    role: str
    state: str | None
    narrowed: bool = False

    @property
    def email(self) -> str:
        return f"{self.code}@practice.example.org"


SEATS: Final[Sequence[Seat]] = (
    Seat("registrar", "secondary_user", "OR", narrowed=True),
    Seat("counselor", "primary_user", "OR", narrowed=True),
    Seat("district-administrator", "district_data_administrator", "OR", narrowed=True),
    Seat("regional-administrator", "regional_data_administrator", "OR", narrowed=True),
    Seat("state-administrator", "state_data_administrator", "OR"),
    Seat("second-state-administrator", "state_data_administrator", "OR"),
    Seat("california-administrator", "state_data_administrator", "CA"),
    Seat("texas-administrator", "state_data_administrator", "TX"),
    Seat("region-administrator", "region_administrator", "OR"),
    Seat("user-administrator", "user_administrator", "OR"),
    Seat("batch-submitter", "state_batch_submitter", "OR"),
    Seat("recruiter", "recruiter", "OR"),
    Seat("eligibility-reviewer", "eligibility_reviewer", "OR"),
    Seat("government-user", "government_user", None),
    Seat("privacy-officer", "privacy_officer", None),
    Seat("second-privacy-officer", "privacy_officer", None),
    Seat("auditor", "auditor", None),
    Seat("help-desk", "help_desk", None),
    Seat("operator", "operator", None),
    Seat("parent", "parent", "OR"),
)
"""Two of a kind where two people are needed, and an administrator of each state that holds a record."""


def seat_named(code: str) -> Seat:
    """Raises NotFound."""
    for seat in SEATS:
        if seat.code == code:
            return seat
    raise NotFound("There is no such seat in practice space.", remedy="See /practice.")


def take(services: Services, seat: Seat, students: Sequence[str], former: Session | None = None) -> Made:
    """A session of whoever sits there. Blocks. students: ids of some that are loaded, by which a district is found that
    has children, and a child for a parent. former: session of the seat that the browser had before, which ends.

    Raises NotFound outside practice space, and where no child of the seat's state is loaded yet; StoreUnavailable.
    """
    if not services.practice:
        raise NotFound("This is no practice space.", remedy="Sign in at /sign-in.")
    account = _parent(services, seat, students) if seat.role == "parent" else _official(services, seat, students)
    return begin(services, uuid.UUID(account), "practice", None, former)


def _official(services: Services, seat: Seat, students: Sequence[str]) -> str:
    admissions = services.ledger.admissions
    today = admissions.today(seat.state)
    commands: list[Command] = [
        RecordTraining(by=BY, course=COURSE, completed_on=today, today=today),
        AcceptRules(by=seat.email, edition=RULES_EDITION, on=today),
    ]
    known = admissions.of_email(seat.email)
    if known is None or not known.roles:
        district = next(_children(services, seat, students))[1] if seat.narrowed else None
        by_region = seat.role == "regional_data_administrator"
        region = _region_of(services, seat.state or "", district or "") if by_region else None
        role = AskedRole(
            role=seat.role,
            organisation=COURSE,
            state=seat.state,
            region=region,
            district=None if by_region else district,
        )
        commands.insert(0, GrantRole(by=BY, role=role))
    elif known.trained_on == today:
        return known.account
    return str(admissions.open(seat.email, COURSE, commands, Meta(actor=BY)).ids["account"])


def _region_of(services: Services, state: str, district: str) -> str:
    """The region in which a district lies; where there is none, one is drawn around it."""
    ledger = services.ledger
    placed = ledger.jurisdictions.of(state).offices.districts.get(district)
    if placed is not None:
        return placed
    ledger.set_jurisdiction(state, DefineRegion(state=state, region=REGION, name=COURSE), Meta(actor=BY))
    ledger.set_jurisdiction(state, PlaceDistrict(state=state, district=district, region=REGION), Meta(actor=BY))
    return REGION


def _parent(services: Services, seat: Seat, students: Sequence[str]) -> str:
    admissions, today = services.ledger.admissions, services.ledger.admissions.today(seat.state)
    known = admissions.of_email(seat.email)
    if known is not None and any(today <= family.until for family in known.families.values()):
        return known.account
    for child, district in _children(services, seat, students):
        with suppress(BadValue):  # this one is of age, and reads for herself
            return _granted(services, seat, child, district)
    raise _nobody()


def _granted(services: Services, seat: Seat, child: str, district: str) -> str:
    admissions = services.ledger.admissions
    official = Official(name=BY, state=seat.state, district=district, organisation=COURSE)
    asked = FamilyAsked(student_id=child, email=seat.email, name=COURSE, relation="parent", identification="practice")
    granted = services.ledger.family_access.grant(asked, official, Meta(actor=BY))
    account = str(granted.ids["account"])
    admissions.act(account, TakeFamily(by=seat.email, grant=int(str(granted.ids["grant"]))), Meta(actor=seat.email))
    return account


def _children(services: Services, seat: Seat, students: Sequence[str]) -> Iterator[tuple[str, str]]:
    """Students whom the seat's state keeps a record of, and the district that each lives in. Raises NotFound behind the
    last one."""
    log = services.ledger.log
    for student in students:
        with log.connection() as conn:
            records = relinking.records_of(conn, student)
        ours = [state for state in states_of(log, records).values() if state.state == seat.state]
        district = district_of(ours) if ours else None
        if district is not None:
            yield student, district
    raise _nobody()


def _nobody() -> NotFound:
    return NotFound("No child of this state is loaded here yet.", remedy="Wait until the first files are in.")
