"""What a request asks of a daily list: for which office, on which day, from which row on.

Invariants: nobody is told of children of another office than his own, whatever he asks for; and a walk through a list
is for the day on which it began. A cursor is sealed, since it stands in addresses: it tells nothing of the child with
whom a page ended, and opens for the very list, office and parameters that it was given for and for no other.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import os
from collections.abc import Callable
from datetime import date, datetime, time, timedelta
from typing import Final, NamedTuple
from zoneinfo import ZoneInfo

import orjson
import pydantic
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from starlette.requests import Request

from api.principal import Principal
from api.problems import Fault, Invalid
from api.schemas.lists import PARAMETERS, ListParameters
from api.services import Services
from api.show import ZoneOf, day_of
from ledger.errors import Forbidden, NotFound, UnknownState
from ledger.mde import STATES
from projections.lists import BY_NAME, DAYS_USUAL, SINCE_DAYS_USUAL, Asked, DailyList, Spot

PAGING: Final = ("limit", "cursor", "at_least")


class Office(NamedTuple):
    """state: whose records. districts: of which; None is the whole state."""

    state: str
    region: str | None = None
    district: str | None = None
    districts: tuple[str, ...] | None = None


class Start(NamedTuple):
    """Where a page begins. after: behind which row; None is at the beginning. day: for which the first page was."""

    after: Spot | None = None
    day: date | None = None


def list_named(name: str) -> DailyList:
    """Raises NotFound."""
    kind = BY_NAME.get(name)
    if kind is None:
        raise NotFound("There is no such list.", remedy="GET /v1/lists tells which there are.")
    return kind


def parameters_of(request: Request, *more: str, names: tuple[str, ...] = PARAMETERS) -> ListParameters:
    """What an address asks for. names: that it may, and more beside them that others read. A name that is not known is
    refused: a filter that is spelled wrong would show more children than were meant. Raises Invalid, UnknownState."""
    given = request.query_params
    if not set(given) <= {*names, *more} or len(given.multi_items()) != len(given):
        raise Invalid(
            "A parameter here is not known, or is named twice.",
            remedy=f"This takes {', '.join((*names, *more))}, each once.",
            faults=[Fault("query", None, "unknown-parameter", "A name here is not known, or is there twice.")],
        )
    try:
        said = ListParameters.model_validate_strings({name: given[name] for name in names if name in given})
    except pydantic.ValidationError as error:
        wrong = [str(one["loc"][0]) for one in error.errors(include_input=False, include_url=False)]
        raise unusable(*wrong) from None
    if said.state is not None and said.state not in STATES:
        raise UnknownState("No state or territory has this code.", remedy="Use the USPS code, such as OR.")
    return said


def must_suit(kind: DailyList, said: ListParameters, within: str = "query:") -> None:
    """Pass where a list takes what is asked of it. within: where its parameters stand. Raises Invalid."""
    for name in ("days", "since"):
        if getattr(said, name) is not None and name not in kind.parameters:
            raise _refused(name, "not-of-list", f"The list {kind.name} takes no such parameter.", within)


def unusable(*names: str) -> Invalid:
    """What is told of parameters that are not in the shape that was asked for."""
    faults = [Fault(f"query:{name}", name, "form", f"It is not {_FORMS[name]}.") for name in names]
    return Invalid("A parameter cannot be used.", remedy="See `errors`.", faults=faults)


_FORMS: Final = {
    "state": "the USPS code of a state",
    "district": "the NCES id of a district: seven digits",
    "school": "the NCES id of a school: twelve digits",
    "grade": "a Grade Level of the layout",
    "days": "a whole number of days, 1 to 366",
    "since": "a day of the calendar, as YYYY-MM-DD",
}


async def office_asked(services: Services, principal: Principal, said: ListParameters) -> Office:
    """Whose children are asked for: the principal's own office, or a part of it. A region has the districts that its
    state has placed in it now. Raises Invalid where no state is named, Forbidden for another office, StoreUnavailable.
    """
    state, district = said.state or principal.state, said.district
    if state is None:
        raise _refused("state", "missing", "A list is one state's: name it.")
    if principal.district is not None:
        if district not in (None, principal.district):
            raise _other_office()
        return Office(state, principal.region, principal.district, (principal.district,))
    if principal.region is not None:
        jurisdictions = services.ledger.jurisdictions
        known = jurisdictions.kept(state) or await asyncio.to_thread(jurisdictions.of, state)
        placed = tuple(sorted(d for d, region in known.offices.districts.items() if region == principal.region))
        if district is not None and district not in placed:
            raise _other_office()
        return Office(state, principal.region, district, placed if district is None else (district,))
    return Office(state, None, district, None if district is None else (district,))


def _other_office() -> Forbidden:
    return Forbidden("The role is narrowed to another office.", remedy="Ask for a district of your own.")


async def asked_of(
    services: Services, principal: Principal, said: ListParameters, office: Office, zone_of: ZoneOf, day: date | None
) -> Asked:
    """The question for the read model. day: for which the first page was; None: today, for the reader. Raises Invalid
    for a day that is yet to come."""
    now = services.clock()
    today = await day_of(principal, (office.state,), now, zone_of)
    day = day or today
    since = said.since or day - timedelta(days=SINCE_DAYS_USUAL)
    if since > day:
        raise _refused("since", "future", "The day is yet to come.")
    begins = datetime.combine(since, time.min, ZoneInfo(await zone_of(office.state)))
    return Asked(day, office.state, office.districts, said.school, said.grade, said.days or DAYS_USUAL, begins)


# -- cursors


class Cursors:
    """Of one list, office and set of parameters. key: the service's, from which the cursors' own is derived."""

    def __init__(
        self,
        key: bytes,
        kind: DailyList,
        office: Office,
        said: ListParameters,
        random_bytes: Callable[[int], bytes] = os.urandom,
    ) -> None:
        self._aead = AESGCM(hashlib.blake2b(key=key, person=b"list cursors", digest_size=32).digest())
        self._kind = kind
        self._bound = orjson.dumps(
            [kind.name, office.state, office.region, office.district, *said.model_dump().values()]
        )
        self._random_bytes = random_bytes

    def give(self, after: Spot, day: date) -> str:
        """What an answer gives for the page behind a row."""
        nonce = self._random_bytes(12)
        said = orjson.dumps([after.key, after.record, day])
        return base64.urlsafe_b64encode(nonce + self._aead.encrypt(nonce, said, self._bound)).decode().rstrip("=")

    def take(self, given: str | None) -> Start:
        """Where a page begins. given: None for the first. Raises Invalid for what was not given for this."""
        if given is None:
            return Start()
        try:
            sealed = base64.urlsafe_b64decode(given + "=" * (-len(given) % 4))
            key, record, day = orjson.loads(self._aead.decrypt(sealed[:12], sealed[12:], self._bound))
        except (ValueError, InvalidTag):
            raise Invalid(
                "The cursor is not one that an answer to this gave.",
                remedy="Take it from the page before, with the same parameters; or leave it out.",
                faults=[Fault("query:cursor", None, "cursor", "It cannot be read.")],
            ) from None
        of_day = self._kind.order != "opened_at"
        return Start(Spot((date if of_day else datetime).fromisoformat(key), record), date.fromisoformat(day))


def _refused(name: str, rule: str, message: str, within: str = "query:") -> Invalid:
    fault = Fault(f"{within}{name}", name, rule, message)
    return Invalid("The list cannot be read so.", remedy="See `errors`.", faults=[fault])
