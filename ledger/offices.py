"""A state's offices: its regions, the districts that lie in them, and whom to ask at each level.

State, evolve, decide. A part of a jurisdiction (``ledger.jurisdiction``), which folds its stream and asks here.

Invariant: a district lies in a region that there is, and a region that has ended holds no district and no contact. So
whoever looks for the region of a district never has to ask whether it still stands.
"""

from __future__ import annotations

import re
import unicodedata
from itertools import islice

import msgspec
from msgspec.structs import replace

from ledger import addresses
from ledger.errors import BadValue
from ledger.events.base import Event, Sealed
from ledger.events.jurisdiction import ContactSet, DistrictPlaced, RegionDefined
from ledger.mde import FIPS

DISTRICT, REGION, STATE = LEVELS = ("district", "region", "state")
"""From the nearest to a child on: the order in which they are asked."""

CONTACT_ROLES = ("data_administrator", "records_contact", "program_director", "recruitment_coordinator")
"""What a contact is: who answers for the data, who sends and reads records, who leads the migrant education program
there, who answers for identification and recruitment."""

REGION_CODE = "[A-Za-z0-9][A-Za-z0-9-]{0,19}"
"""It stands in addresses and in tokens."""

REGIONS_MAX = 200
"""Regions of one state, ended ones too. California has 23."""

NAME_MAX = 100
"""Characters of the name of a region or a person."""

_TRIBAL = "59"
"""First digits of the NCES ids of the Bureau of Indian Education, whose schools lie in many states."""

Place = tuple[str, str | None]
"""Level, and the district's NCES id or the region's code there; None for the state."""


class Region(msgspec.Struct, frozen=True, kw_only=True):
    """ended: there is no such region now; its code is taken."""

    name: str
    ended: bool = False


class Contact(msgspec.Struct, frozen=True, kw_only=True):
    """Whom to ask. role: one of ``CONTACT_ROLES``. email, phone: as ``ledger.addresses`` gives them."""

    role: str
    name: str
    email: str
    phone: str | None = None


class Offices(msgspec.Struct, frozen=True, kw_only=True):
    """regions: by code. districts: NCES id to the code of its region. contacts: by place.

    The versions are of the jurisdiction's stream when a region, district or contact was last set, 0 where none was.
    """

    regions: dict[str, Region] = {}
    districts: dict[str, str] = {}
    contacts: dict[Place, Contact] = {}
    regions_version: int = 0
    districts_version: int = 0
    contacts_version: int = 0


class DefineRegion(msgspec.Struct, frozen=True, kw_only=True):
    """Define, rename, end or take up again. The fields are those of ``RegionDefined``."""

    state: str
    region: str
    name: str
    ended: bool = False


class PlaceDistrict(msgspec.Struct, frozen=True, kw_only=True):
    """Put a district into a region, or out of any. The fields are those of ``DistrictPlaced``."""

    state: str
    district: str
    region: str | None


class SetContact(msgspec.Struct, frozen=True, kw_only=True):
    """Say whom to ask at a place. contact: None takes back who was named."""

    state: str
    level: str
    place: str | None
    contact: Contact | None


Command = DefineRegion | PlaceDistrict | SetContact
OfficeEvent = RegionDefined | DistrictPlaced | ContactSet


def evolve(state: Offices, event: OfficeEvent, version: int) -> Offices:
    """The offices after an event, opened, at a version of the jurisdiction's stream.

    A contact whose key was destroyed is as one that was taken back: nobody can be asked there.
    """
    match event:
        case RegionDefined():
            regions = {**state.regions, event.region: Region(name=event.name, ended=event.ended)}
            return replace(state, regions=regions, regions_version=version)
        case DistrictPlaced():
            districts = {**state.districts}
            districts.pop(event.district, None)
            if event.region is not None:
                districts[event.district] = event.region
            return replace(state, districts=districts, districts_version=version)
        case ContactSet():
            contacts = {**state.contacts}
            contacts.pop((event.level, event.place), None)
            contact = _contact_of(event)
            if contact is not None:
                contacts[event.level, event.place] = contact
            return replace(state, contacts=contacts, contacts_version=version)


def decide(command: Command, state: Offices) -> list[Event]:
    """The events of a command; none where it says what already holds.

    Raises BadValue (rule ``regions``, ``districts`` or ``contacts``) for what nobody could follow.
    """
    match command:
        case DefineRegion():
            event = _region_defined(command, state)
            said = Region(name=event.name, ended=event.ended)
            return [] if state.regions.get(event.region) == said else [event]
        case PlaceDistrict():
            event = _district_placed(command, state)
            return [] if state.districts.get(event.district) == event.region else [event]
        case SetContact():
            event = _contact_set(command, state)
            return [] if state.contacts.get((event.level, event.place)) == _contact_of(event) else [event]


def district_fault(state: str, district: str) -> str | None:
    """What to send instead of a district that is none of the state's; None where it is one.

    An NCES id is seven digits, of which the first two are the state's FIPS code, or the Bureau of Indian Education's.
    """
    if not re.fullmatch("[0-9]{7}", district):
        return "Use the NCES id of the district, of seven digits."
    if district[:2] not in (FIPS[state], _TRIBAL):
        return f"A state speaks for its own districts: their NCES ids begin with {FIPS[state]}."
    return None


def _contact_of(event: ContactSet) -> Contact | None:
    match event:
        case ContactSet(role=str(role), name=str(name), email=str(email), phone=(str() | None) as phone):
            return Contact(role=role, name=name, email=email, phone=phone)
    # Sealed would be a reader of ours that forgot to open it.
    assert not any(isinstance(value, Sealed) for value in event.apart().values())
    return None


def _region_defined(command: DefineRegion, state: Offices) -> RegionDefined:
    code = command.region
    if not re.fullmatch(REGION_CODE, code):
        raise _bad_region("region", "A region's code is up to 20 letters, digits and hyphens, such as R2.")
    name = _name(command.name)
    if name is None:
        raise _bad_region("name", f"A region has a name of at most {NAME_MAX} characters, such as Willamette Valley.")
    if code not in state.regions:
        if command.ended:
            raise _bad_region("region", "There is no such region to end. See the state's regions for their codes.")
        if len(state.regions) >= REGIONS_MAX:
            raise _bad_region("region", f"A state has at most {REGIONS_MAX} regions. Give one that ended a new name.")
    if command.ended:
        within = sorted(district for district, region in state.districts.items() if region == code)
        if within:
            more = f" and {len(within) - 5} more" if len(within) > 5 else ""
            listed = ", ".join(islice(within, 5))
            raise _bad_region("ended", f"Districts lie in it. Put them elsewhere first: {listed}{more}.")
        if (REGION, code) in state.contacts:
            raise _bad_region("ended", "It has a contact. Take that back first.")
    return RegionDefined(region=code, name=name, ended=command.ended)


def _district_placed(command: PlaceDistrict, state: Offices) -> DistrictPlaced:
    fault = district_fault(command.state, command.district)
    if fault is not None:
        raise _bad("The district cannot be placed.", "districts", "district", fault)
    if command.region is not None and (fault := _region_fault(command.region, state)) is not None:
        raise _bad("The district cannot be placed.", "districts", "region", fault)
    return DistrictPlaced(district=command.district, region=command.region)


def _contact_set(command: SetContact, state: Offices) -> ContactSet:
    level, place, contact = command.level, command.place, command.contact
    if level not in LEVELS:
        raise _bad_contact("level", "A contact is of the `state`, a `region` or a `district`.")
    if level == STATE and place is not None:
        raise _bad_contact("place", "The state's own contact is set for the state, without a place.")
    if level != STATE and place is None:
        raise _bad_contact("level", f"Name the {level} as well, by its {'code' if level == REGION else 'NCES id'}.")
    fault = None
    if place is not None:
        fault = district_fault(command.state, place) if level == DISTRICT else _region_fault(place, state)
    if fault is not None:
        raise _bad_contact("place", fault)
    if contact is None:
        return ContactSet(level=level, place=place)
    if contact.role not in CONTACT_ROLES:
        *others, last = (f"`{role}`" for role in CONTACT_ROLES)
        raise _bad_contact("role", f"A contact is {', '.join(others)} or {last}.", "/contact/role")
    name = _name(contact.name)
    if name is None:
        raise _bad_contact("name", f"A contact has a name of at most {NAME_MAX} characters.", "/contact/name")
    email = addresses.email(contact.email)
    if email is None:
        raise _bad_contact("email", "Write one e-mail address, such as records@esd.example.org.", "/contact/email")
    phone = None if contact.phone is None else addresses.phone(contact.phone)
    if contact.phone is not None and phone is None:
        raise _bad_contact(
            "phone",
            "Write one number with its area code, such as 503-555-0101 or 503-555-0101 x12; of another country with a"
            " plus and its code.",
            "/contact/phone",
        )
    return ContactSet(level=level, place=place, role=contact.role, name=name, email=email, phone=phone)


def _region_fault(code: str, state: Offices) -> str | None:
    region = state.regions.get(code)
    if region is None:
        return "The state has defined no such region. Define it first, or see the state's regions for their codes."
    return "That region has ended. Name another one, or define it anew." if region.ended else None


def _name(text: str) -> str | None:
    """Blanks between words made one; None where it is no name that anybody could read."""
    name = unicodedata.normalize("NFC", " ".join(text.split()))
    return name if 1 <= len(name) <= NAME_MAX and name.isprintable() else None


def _bad_region(element: str, remedy: str) -> BadValue:
    return _bad("The region cannot be defined so.", "regions", element, remedy)


def _bad_contact(element: str, remedy: str, place: str | None = None) -> BadValue:
    return _bad("The contact cannot be set.", "contacts", element, remedy, place)


def _bad(what: str, rule: str, element: str, remedy: str, place: str | None = None) -> BadValue:
    """place: JSON pointer, where the element's name alone does not give it."""
    return BadValue(what, rule=rule, element=element, place=place, remedy=remedy)
