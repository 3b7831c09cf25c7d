"""A state office's own settings: how its records are kept, which days it works on, its terms, and its offices.

Invariant: a part is replaced whole, by whoever holds the office, and what is answered is durable and holds in this
process from then on. Nothing here is of a child, so who is signed in may read it and no disclosure is written.
"""

from __future__ import annotations

import asyncio
import functools
import hashlib
import inspect
import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

import orjson
from fastapi import APIRouter, Request
from starlette.responses import Response

from api.edge import request_id_of
from api.openapi import AT_LEAST, IDEMPOTENCY_KEY, STATE, Direct, operation, operation_id
from api.policy import permitted, within
from api.problems import MEDIA_TYPE, BodyTooLarge
from api.reading import at_least
from api.requests import Model, at_least_of, body_of
from api.schemas.jurisdictions import (
    NAMES,
    CalendarBody,
    ContactBody,
    DistrictBody,
    JurisdictionAnswer,
    PersonBody,
    ProfileBody,
    RegionBody,
    SettingAnswer,
    TermsBody,
)
from api.sending import request_key
from api.services import services_of
from ledger import telemetry
from ledger.errors import BadValue
from ledger.events import Meta
from ledger.events.jurisdiction import Term
from ledger.jurisdiction import (
    WHOLE_STATE,
    Command,
    DeclaredDays,
    Jurisdiction,
    Profile,
    SetCalendar,
    SetProfile,
    SetTerms,
    default_jurisdiction,
    default_profile,
)
from ledger.jurisdictions import Held, must_be_known
from ledger.offices import (
    DISTRICT,
    LEVELS,
    REGION,
    REGION_CODE,
    Contact,
    DefineRegion,
    Offices,
    Place,
    PlaceDistrict,
    SetContact,
)
from ledger.offices import STATE as WHOLE
from ledger.rule import DOES
from ledger.rulebook import RULES
from projections.as_of import AsOf

router = APIRouter(
    prefix="/v1/jurisdictions/{state}",
    tags=["state office"],
    route_class=Direct,
    generate_unique_id_function=operation_id,
)

BODY_BYTES_MAX: Final = 256 * 1024
"""Far more than the longest calendar takes."""

_STATE: Final = {**STATE, "description": "USPS code of the state."}
_REGION: Final = {
    "name": "region",
    "in": "path",
    "required": True,
    "description": "The region's code, of the state's choice.",
    "schema": {"type": "string", "pattern": f"^{REGION_CODE}$"},
    "example": "R2",
}
DISTRICT_ID: Final = {"type": "string", "pattern": "^[0-9]{7}$"}
_DISTRICT: Final = {
    "name": "district",
    "in": "path",
    "required": True,
    "description": "NCES id of the district.",
    "schema": DISTRICT_ID,
    "example": "4113770",
}
_PLACE: Final = {
    "name": "place",
    "in": "path",
    "required": True,
    "description": "The region's code, or the district's NCES id.",
    "schema": {"type": "string", "pattern": f"^{REGION_CODE}$"},
    "example": "4113770",
}
IF_NONE_MATCH: Final = {
    "name": "If-None-Match",
    "in": "header",
    "required": False,
    "description": "ETag of what the client holds.",
    "schema": {"type": "string", "pattern": "^[ -~]*$"},
}
_IF_MATCH: Final = {
    "name": "If-Match",
    "in": "header",
    "required": False,
    "description": "ETag of what the client has read: set only where nothing was set since.",
    "schema": {"type": "string", "pattern": "^[ -~]*$"},
}
ETAG: Final = {"description": "Stands for the version of the state's settings.", "schema": {"type": "string"}}


# -- reading


@router.get(
    "",
    summary="Read how a state wants its records kept",
    responses={
        200: {
            "model": JurisdictionAnswer,
            "description": "What holds, what would hold by default, and what may be set.",
            "headers": {"ETag": ETAG},
        },
        304: {"description": "What the client holds is current."},
    },
    openapi_extra=operation("jurisdiction.read", (_STATE, AT_LEAST, IF_NONE_MATCH)),
)
async def get_jurisdiction(request: Request) -> Response:
    """For whoever is signed in: nothing in it is of a child. Read from the ledger itself, so it is never behind."""
    await permitted(request)
    state: str = request.path_params["state"]
    held = await settings_of(request, state)
    return answered(request, state, held, lambda: _told(state, held))


async def settings_of(request: Request, state: str) -> Held:
    """What holds in a state, from the position on that the request asks for. Raises Behind, Invalid, UnknownState."""
    must_be_known(state)
    services = services_of(request)
    ledger = services.ledger

    def look() -> tuple[AsOf, Held]:
        head = ledger.log.head()
        return AsOf(head, 0), ledger.jurisdictions.read(state)

    async def read() -> tuple[AsOf, Held]:
        return await asyncio.to_thread(look)

    _, held = await at_least(services, ledger.log.log_name, at_least_of(request), read)
    return held


def answered(request: Request, state: str, held: Held, told: Callable[[], dict[str, Any]]) -> Response:
    """The answer to a reader, or 304 to one who holds it."""
    etag = etag_of(state, held.jurisdiction.version)
    headers = {"ETag": etag, "Cache-Control": "private, no-cache"}
    if _matches(etag, request.headers.get("if-none-match", "")):
        return Response(status_code=304, headers=headers)
    return Response(orjson.dumps(told()), 200, headers, "application/json")


def _told(state: str, held: Held) -> dict[str, Any]:
    """The answer's body: ``JurisdictionAnswer``."""
    now, default = held.jurisdiction, default_jurisdiction(state)
    return {
        "state": state,
        "version": now.version,
        "position": held.position,
        "profile": _part(_profile(now.profile), _profile(default.profile), now.profile_version),
        "calendar": _part(_calendar(now.calendar), _calendar(default.calendar), now.calendar.version),
        "terms": {"set": now.terms_version > 0, "version": now.terms_version, "values": _terms(now)},
        **_offices(now.offices),
        "rules": [{**rule, "level": now.profile.rule_levels.get(rule["code"])} for rule in RULES_TO_SET],
    }


def _part(values: dict[str, Any], defaults: dict[str, Any], version: int) -> dict[str, Any]:
    return {
        "set": version > 0,
        "version": version,
        "values": values,
        "defaults": defaults,
        "differs": [name for name, value in values.items() if value != defaults[name]],
    }


def _profile(profile: Profile) -> dict[str, Any]:
    return {name: getattr(profile, name) for name in ProfileBody.model_fields}


def _calendar(days: DeclaredDays) -> dict[str, Any]:
    return {name: getattr(days, name) for name in CalendarBody.model_fields}


def _terms(jurisdiction: Jurisdiction) -> list[dict[str, Any]]:
    """Of the state first, then district by district; the latest school year first."""
    return [
        {
            "school_year": year,
            "district": None if district == WHOLE_STATE else district,
            "terms": [{name: getattr(term, name) for name in Term.__struct_fields__} for term in terms],
        }
        for district, years in sorted(jurisdiction.profile.terms.items())
        for year, terms in sorted(years.items(), reverse=True)
    ]


def _offices(offices: Offices) -> dict[str, Any]:
    regions = [
        {"region": code, "name": region.name, "ended": region.ended} for code, region in sorted(offices.regions.items())
    ]
    districts = [{"district": district, "region": region} for district, region in sorted(offices.districts.items())]
    nearest_first = sorted(offices.contacts.items(), key=lambda item: (LEVELS.index(item[0][0]), item[0][1] or ""))
    contacts = [contact_told(place, contact) for place, contact in nearest_first]
    return {
        part: {"set": version > 0, "version": version, "values": values}
        for part, version, values in (
            ("regions", offices.regions_version, regions),
            ("districts", offices.districts_version, districts),
            ("contacts", offices.contacts_version, contacts),
        )
    }


def contact_told(place: Place, contact: Contact) -> dict[str, Any]:
    """``ContactAnswer``."""
    said = {name: getattr(contact, name) for name in PersonBody.model_fields}
    return {"level": place[0], "place": place[1], "contact": said}


RULES_TO_SET: Final = tuple(
    {"code": rule.code, "default": rule.level, "does": rule.does or DOES[rule.level], "levels": list(rule.levels)}
    for rule in RULES.values()
    if rule.levels
)
"""Every rule whose level a state may set."""


# -- setting


_PRECONDITION: Final = {
    "description": "Something was set since the state's settings were read.",
    "content": {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}},
}
_ANSWERS: Final[dict[int | str, dict[str, Any]]] = {
    200: {
        "model": SettingAnswer,
        "description": "It holds.",
        "headers": {
            "ETag": ETAG,
            "Ledger-Position": {"description": "Position of the write.", "schema": {"type": "integer"}},
            "Idempotency-Replayed": {
                "description": "`true` where this is the first answer again.",
                "schema": {"type": "string", "enum": ["true"]},
            },
        },
    },
    412: _PRECONDITION,
}


def _level(*levels: str) -> dict[str, Any]:
    return {"name": "level", "in": "path", "required": True, "schema": {"type": "string", "enum": list(levels)}}


Address = Mapping[str, str]
"""Parameters of the path."""

Setter = Callable[[Address, Model], Command]


def _sets(
    path: str,
    body: type[Model],
    summary: str,
    parameters: Iterable[dict[str, Any]] = (),
    *,
    action: str = "jurisdiction.set",
) -> Callable[[Setter[Model]], Setter[Model]]:
    """The PUT of one part, from what makes its command of the address and the body. The part is the path's first word.

    The function's name is the operation's, its docstring the description. action: what it does.
    """
    part = path.split("/")[1]

    def declare(command: Setter[Model]) -> Setter[Model]:
        async def put(request: Request) -> Response:
            return await _put(request, part, body, command)

        router.put(
            path,
            name=command.__name__,
            summary=summary,
            description=inspect.getdoc(command),
            responses=_ANSWERS,
            openapi_extra=operation(action, (_STATE, *parameters, IDEMPOTENCY_KEY, _IF_MATCH), body),
        )(put)
        return command

    return declare


@_sets("/profile", ProfileBody, "Set a state's profile")
def put_profile(address: Address, sent: ProfileBody) -> Command:
    """Whole: what is left out falls back to the default."""
    state = address["state"]
    said = {name: getattr(sent, name) for name in ProfileBody.model_fields}
    said["time_zone"] = default_profile(state).time_zone if sent.time_zone is None else sent.time_zone
    first, second, third = sent.escalation_days
    return SetProfile(state=state, **{**said, "escalation_days": (first, second, third)})


@_sets("/calendar", CalendarBody, "Set a state's working days")
def put_calendar(address: Address, sent: CalendarBody) -> Command:
    """Whole: days that are not named follow the week and the public holidays."""
    state = address["state"]
    subdivision = sent.subdivision if "subdivision" in sent.model_fields_set else state
    return SetCalendar(state=state, subdivision=subdivision, closed=sent.closed, open=sent.open)


@_sets("/terms", TermsBody, "Set the terms of a school year")
def put_terms(address: Address, sent: TermsBody) -> Command:
    """Of the state, or of one of its districts; the terms of that school year, whole. None takes back what was set."""
    terms = [Term(name=term.name, kind=term.kind, begins=term.begins, ends=term.ends) for term in sent.terms]
    return SetTerms(state=address["state"], school_year=sent.school_year, district=sent.district, terms=terms)


@_sets("/regions/{region}", RegionBody, "Define, rename or end a region", (_REGION,), action="region.set")
def put_region(address: Address, sent: RegionBody) -> Command:
    """A region that has ended holds no district and no contact; sent again without `ended`, it is there anew."""
    return DefineRegion(state=address["state"], region=address["region"], name=sent.name, ended=sent.ended)


@_sets("/districts/{district}", DistrictBody, "Put a district into a region", (_DISTRICT,), action="region.set")
def put_district(address: Address, sent: DistrictBody) -> Command:
    """Or out of any. A district lies in one region at most."""
    return PlaceDistrict(state=address["state"], district=address["district"], region=sent.region)


@_sets("/contacts/{level}", ContactBody, "Name the contact of the state", (_level(WHOLE),))
def put_state_contact(address: Address, sent: ContactBody) -> Command:
    """Who is asked where no nearer level was set up, and last."""
    return _contact(address, None, sent)


@_sets(
    "/contacts/{level}/{place}",
    ContactBody,
    "Name the contact of a region or district",
    (_level(REGION, DISTRICT), _PLACE),
)
def put_contact(address: Address, sent: ContactBody) -> Command:
    """An official, whole. Kept sealed under a key of its own, so that who was replaced can be forgotten."""
    return _contact(address, address["place"], sent)


def _contact(address: Address, place: str | None, sent: ContactBody) -> Command:
    contact = None if sent.contact is None else Contact(**sent.contact.model_dump())
    return SetContact(state=address["state"], level=address["level"], place=place, contact=contact)


async def _put(request: Request, part: str, model: type[Model], command: Setter[Model]) -> Response:
    """Set one part, for whoever holds the office."""
    principal = await permitted(request)
    state: str = request.path_params["state"]
    must_be_known(state)
    within(request, principal, state)
    body = await body_of(request)
    if len(body.raw) > BODY_BYTES_MAX:
        raise BodyTooLarge(
            f"The body is larger than {BODY_BYTES_MAX // 1024} KB.", remedy="Name the days that differ, and no others."
        )
    said = command(request.path_params, body.as_model(model, NAMES))
    services = services_of(request)
    try:
        setting = await asyncio.to_thread(
            services.ledger.set_jurisdiction,
            state,
            said,
            Meta(actor=principal.name, request=request_id_of(request)),
            request_key(request, services, principal.name, body),
            only_at=_versions(request.headers.get("if-match")),
        )
    except BadValue as error:
        # The decider knows of no address: what is wrong there is no place in the body.
        if error.place is None and error.element in request.path_params:
            error.place = f"path:{error.element}"
        raise
    headers = {"Ledger-Position": str(setting.position), "ETag": etag_of(state, setting.version)}
    if setting.replayed:
        headers["Idempotency-Replayed"] = "true"
        telemetry.HTTP_REPLAYS.inc()
    told = {
        "state": state,
        "part": part,
        "version": setting.version,
        "position": setting.position,
        "changed": setting.changed,
    }
    return Response(orjson.dumps(told), 200, headers, "application/json")


# -- versions


def etag_of(state: str, version: int) -> str:
    """What the answer depends on: the version of the state's settings, and the defaults and rules of this release."""
    return f'"{version}-{_release(state)}"'


@functools.cache
def _release(state: str) -> str:
    default = default_jurisdiction(state)
    said = [_profile(default.profile), _calendar(default.calendar), RULES_TO_SET]
    return hashlib.blake2b(orjson.dumps(said), digest_size=4).hexdigest()


def _matches(etag: str, known: str) -> bool:
    """If-None-Match by weak comparison (RFC 9110, 13.1.2). What is asked for is always there."""
    return any(part.strip().removeprefix("W/") in (etag, "*") for part in known.split(","))


def _versions(given: str | None) -> set[int] | None:
    """Versions that If-Match names (RFC 9110, 13.1.1); None where any will do.

    A weak tag matches nothing, as the RFC has it. Of a strong one the version alone counts: a release that was put in
    its place since has set nothing.
    """
    if given is None or given.strip() == "*":
        return None
    found = (_TAG.fullmatch(part.strip()) for part in given.split(","))
    return {int(match[1]) for match in found if match}


_TAG: Final = re.compile(r'"([0-9]{1,18})-[0-9a-f]{8}"')
