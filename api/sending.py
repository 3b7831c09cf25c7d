"""Who sends for which record, and that a request is answered once.

Invariant: with an Idempotency-Key the first answer is kept, whoever gave it: the ledger that decided, or a rule that
refused the row before the ledger heard of it. What a key is compared with is a keyed hash; no body is kept.
"""

from __future__ import annotations

import asyncio
import functools
import hashlib
from collections.abc import Awaitable, Callable, Mapping
from datetime import date
from typing import Final
from zoneinfo import ZoneInfo

from fastapi import Request
from starlette.responses import Response

from api.edge import request_id_of
from api.policy import permitted, within
from api.problems import Fault, Invalid, RowRefused
from api.requests import Body, idempotency_key
from api.services import Services, services_of
from ledger.actors import is_a_persons
from ledger.application import Done, Ledger, RequestKey
from ledger.errors import BadValue, UnknownState
from ledger.events import Meta
from ledger.intake.rules import CheckedRow, check_row
from ledger.jurisdiction import Profile
from ledger.mde import CHILD_LETTERS, STATES, TABLES, Element, canonical
from ledger.record import Command

ELEMENTS: Final[Mapping[str, Element]] = {
    element.key: element for letter in f"S{CHILD_LETTERS}" for element in TABLES[letter].elements
}
"""Every element by its key: no two tables share one."""
SSID_ELEMENT: Final = ELEMENTS["state_student_identifier"]


class Sender:
    """Who sends for which record, and what the state's profile says of it. day: the state's own."""

    __slots__ = ("day", "principal", "profile", "services", "ssid", "state")

    def __init__(self, services: Services, principal: str, state: str, ssid: str, profile: Profile) -> None:
        self.services = services
        self.principal = principal
        self.state = state
        self.ssid = ssid
        self.profile = profile
        self.day: date = services.clock().astimezone(ZoneInfo(profile.time_zone)).date()

    def check(self, letter: str, raw: Mapping[str, str | None]) -> CheckedRow:
        """What the rules say of one row on this day."""
        return check_row(letter, raw, self.day, record_id_required=False, levels=self.profile.rule_levels)


async def sender_of(request: Request) -> Sender:
    """Raises NotSignedIn, UnknownState, Forbidden, OtherState, Invalid."""
    principal = await permitted(request)
    state: str = request.path_params["state"]
    if state not in STATES:
        raise UnknownState("No state or territory has this code.", remedy="Use the USPS code, such as OR.")
    within(request, principal, state)  # V22
    profile = await request.app.state.profiles.of(state)
    sender = Sender(services_of(request), principal.name, state, _ssid(request.path_params["ssid"]), profile)
    request.scope["sojourn.sender"] = sender
    return sender


class Profiles:
    """Profiles of states for the event loop: from the ledger's memory, else read in a thread."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger

    async def of(self, state: str) -> Profile:
        """The state's profile. Raises StoreUnavailable."""
        kept = self._ledger.jurisdictions.kept(state)
        return await asyncio.to_thread(self._ledger.profile, state) if kept is None else kept.profile

    async def zone_of(self, state: str) -> str:
        """IANA name of the state's time zone. Raises StoreUnavailable."""
        return (await self.of(state)).time_zone


def _ssid(given: str) -> str:
    try:
        ssid = canonical(SSID_ELEMENT, given)
    except BadValue as error:
        fault = Fault("path:ssid", SSID_ELEMENT.key, error.rule, error.what, error.remedy)
    else:
        if ssid is not None:
            return ssid
        fault = Fault("path:ssid", SSID_ELEMENT.key, "missing", "The state student identifier is blank.")
    raise Invalid("The address names no record.", remedy="Put the state's own id of the child there.", faults=[fault])


def request_key(request: Request, services: Services, principal: str, body: Body | None) -> RequestKey | None:
    """The request's Idempotency-Key with what it was sent with; None where none came. Raises Invalid."""
    key = idempotency_key(request)
    if key is None:
        return None
    hashed = (body or Body(b"")).hash(services.body_key, request.method, request.scope["path"])
    return keyed(services, principal, key, hashed)


def keyed(services: Services, principal: str, key: str, body_hash: bytes) -> RequestKey:
    """A key that a client chose, as it is kept. principal: whose it is. body_hash: of what was sent with it."""
    # The key is the client's to choose and may be made of a child's ids, so it is kept as a hash like the body.
    kept = _hashed(key, services)
    # A scope of their own: a token may be called like a reactor, whose keys anybody can guess. A person's address is
    # kept as a hash too; what is kept of answers is of nobody.
    scope = f"person {_hashed(principal, services)}" if is_a_persons(principal) else f"token {principal}"
    return RequestKey(scope=scope, key=kept, body_hash=body_hash)


def _hashed(text: str, services: Services) -> str:
    return hashlib.blake2b(text.encode(), key=services.body_key, digest_size=24).hexdigest()


async def execute(request: Request, sender: Sender, command: Command, body: Body | None) -> Done:
    """Decide a command and wait until it is durable. Raises what ``Ledger.execute_async`` raises, Invalid."""
    meta = Meta(actor=sender.principal, request=request_id_of(request))
    key = request_key(request, sender.services, sender.principal, body)
    return await sender.services.ledger.execute_async(command, meta, key)


Handler = Callable[[Request], Awaitable[Response]]


def keeps_refusals(handler: Handler) -> Handler:
    """A row that a rule refuses here, before the ledger hears of it, is the answer to its key like any other."""

    @functools.wraps(handler)
    async def handled(request: Request) -> Response:
        try:
            return await handler(request)
        except RowRefused as refusal:
            sender: Sender | None = request.scope.get("sojourn.sender")
            if sender is not None:
                key = request_key(request, sender.services, sender.principal, request.scope.get("sojourn.body"))
                if key is not None:
                    meta = Meta(actor=sender.principal, request=request_id_of(request))
                    await sender.services.ledger.keep_refusal(refusal, meta, key)
            raise

    return handled
