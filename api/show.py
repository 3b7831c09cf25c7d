"""The one door through which a child's data leaves.

Invariant (law 9): before an answer about a child leaves, the entry that says who was shown what, why and on which
ground is durable in the access log; one entry for each record shown, all with the request's id. That holds for an
answer that only says "nothing has changed" as well. Every route, page and command that reads a child calls ``show``,
a search, which shows many and names what it was asked, ``show_many``.

Who is shown what is decided here and nowhere else, by the policy (``ledger.access``), once it is known which states
keep a record of the child. A refusal has its entry as well, for each record that it was refused of.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from datetime import date, datetime
from typing import Final, NamedTuple, Protocol
from zoneinfo import ZoneInfo

from api.entries import allowed, make_durable, of_each, of_many, refused
from api.followed import followed, must_have_followed
from api.principal import Principal
from ledger import telemetry
from ledger.access import ALL, NOBODY, Decision, Subject
from ledger.errors import Gone, LedgerError, no_student
from ledger.events.disclosure import Disclosed, SearchDisclosed
from ledger.jurisdiction import DEFAULT, default_profile
from ledger.store.log import Log

SECTIONS: Final = ("core", "contacts", "health", "provenance")


class Found(NamedTuple):
    """What a view has read, before any of it leaves.

    records: uuids. position: of the last ledger event that it reflects. tag: changes whenever what is shown would.
    states: that keep the records. as_of: the position as of which it was asked for, effective_on: the day, where that
    was. since: the position from which on changes were asked for. refused: why nothing is shown of a child that
    there is; it is said only to whoever may read of her. let_in: the states whose own may read it, where that takes
    more than to keep one of the records. reached: as ``api.followed.Reached``.
    """

    student_id: str
    records: Sequence[str]
    position: int
    tag: str
    states: Sequence[str]
    as_of: int | None = None
    effective_on: str | None = None
    since: int | None = None
    refused: LedgerError | None = None
    let_in: Sequence[str] | None = None
    reached: int | None = None

    @property
    def subject(self) -> Subject:
        """Whom it is about, for the policy."""
        return Subject(self.states if self.let_in is None else self.let_in, self.records)


class View(Protocol):
    """A way to show a student: read first, rendered only once the entry is durable.

    action: what looking at it is, for the policy. name: as recorded in the entry. sections: of what it can show, in
    order.
    """

    action: str
    name: str
    sections: Sequence[str]

    async def read(self, student_id: str) -> Found | None:
        """What is known of the student, or None. Raises StoreUnavailable."""
        ...

    def render(self, sections: Sequence[str], day: date) -> bytes:
        """The answer's bytes, of what ``read`` has found."""
        ...


class Shown(NamedTuple):
    """An answer that may leave now. body: None where what the reader holds is current."""

    body: bytes | None
    etag: str
    position: int
    disclosed_at: int


def sections_of(decision: Decision, view: View) -> tuple[str, ...]:
    """Sections of a view that are shown under a decision, in the view's order."""
    allowed = decision.sections
    return tuple(view.sections) if allowed == ALL else tuple(name for name in view.sections if name in allowed)


ZoneOf = Callable[[str], Awaitable[str]]
"""A state's time zone, as its profile has it."""


async def usual_zone_of(state: str) -> str:
    """The zone of a state that never set its own."""
    return default_profile(state).time_zone


async def day_of(principal: Principal, states: Sequence[str], now: datetime, zone_of: ZoneOf) -> date:
    """The day that it is for the reader: in her own state, else in the first that keeps a record (V30)."""
    state = principal.state or next(iter(states), None)
    zone = DEFAULT.time_zone if state is None else await zone_of(state)
    return now.astimezone(ZoneInfo(zone)).date()


async def show(
    principal: Principal,
    purpose: str | None,
    view: View,
    student_id: str,
    *,
    access: Log,
    request_id: str,
    now: datetime,
    zone_of: ZoneOf = usual_zone_of,
    known: str = "",
) -> Shown:
    """Show a student to a principal: read, decide, make the entries durable, render.

    purpose: what it is read for; None: that of the rule. student_id: any id ever issued. now: UTC. zone_of: by which
    the day is told. known: the reader's If-None-Match.

    Errors: NotFound where the id was never issued; Forbidden, OtherState; why the view refuses; ProjectionBehind,
    StoreUnavailable, and then nothing was shown.
    """
    found = await followed(access, lambda: view.read(student_id))
    # One whom no state keeps is nobody's: whoever may not read learns nothing of whether there is such a student.
    subject = Subject((), ()) if found is None else found.subject
    decision = await allowed(
        principal,
        purpose,
        view.action,
        subject,
        view.name,
        access=access,
        request_id=request_id,
        student_id=student_id,
    )
    if found is None:
        raise no_student(student_id)
    if found.refused is not None and not found.records:
        # Nothing is there any more that an entry could be made of.
        found.refused.asked_for = student_id
        raise found.refused
    sections = () if found.refused is not None else sections_of(decision, view)
    day = await day_of(principal, found.states, now, zone_of)
    etag = f'"{found.tag}-{".".join(sections)}-{day.isoformat()}"'
    not_modified = etag in known and is_current(etag, known)
    disclosed = Disclosed(
        student_id=student_id,
        view=view.name,
        sections=list(sections),
        role=principal.role,
        organisation=principal.organisation,
        purpose=purpose or decision.purpose,
        basis=decision.basis,
        position=found.position,
        not_modified=not_modified,
        own_state=principal.state,
        states=list(dict.fromkeys(found.states)),
        child=None if found.student_id == student_id else found.student_id,
        as_of=found.as_of,
        effective_on=found.effective_on,
        since=found.since,
    )
    parts = of_each(found.records, disclosed, request_id)
    try:
        disclosed_at = await make_durable(access, parts, principal, request_id)
    except Gone as gone:
        gone.asked_for = student_id
        raise
    must_have_followed(access, found)
    if found.refused is not None:
        raise found.refused
    _shown_count(view.name, principal.role, len(found.records))
    return Shown(None if not_modified else view.render(sections, day), etag, found.position, disclosed_at)


class FoundMany(NamedTuple):
    """Whom a search found, before anybody was shown it. records: uuids, of the records of all students found.
    position: of the ledger, that the answer reflects. refused: why nothing of them is shown, where the office that
    asks has nothing to do with what was found. children: of each record in turn, the id that its student is shown
    under; none where that is not known. reached: as ``api.followed.Reached``."""

    records: Sequence[str]
    position: int
    refused: LedgerError | None = None
    children: Sequence[str] = ()
    reached: int | None = None


class ManyView(Protocol):
    """A way to show many students: read first, rendered only once the entry is durable.

    action: what it is, for the policy. name: as recorded in the entry. fields: names of what was asked for.
    """

    action: str
    name: str
    fields: Sequence[str]

    async def read(self) -> FoundMany:
        """What is found, which may be nobody. Raises StoreUnavailable."""
        ...

    def render(self) -> bytes:
        """The answer's bytes, of what ``read`` has found."""
        ...


class ShownMany(NamedTuple):
    """An answer that may leave now."""

    body: bytes
    position: int
    disclosed_at: int


async def show_many(
    principal: Principal,
    purpose: str | None,
    view: ManyView,
    about: Subject = NOBODY,
    *,
    access: Log,
    request_id: str,
) -> ShownMany:
    """Show a principal whom a search found: read, make the one entry durable, render. That nobody was found is an
    answer about a child too, and has its entry.

    purpose: what it is read for; None: that of the rule. about: what is known of whom is asked for; a view whose rule
    is of one state, office or grant finds nobody else.

    Errors: Forbidden, OtherState, and why the view refuses; ProjectionBehind, StoreUnavailable, and then nothing was
    shown.
    """
    decision = await allowed(principal, purpose, view.action, about, view.name, access=access, request_id=request_id)
    found = await followed(access, view.read)
    if found.refused is not None:
        told = refused(principal, purpose, decision.rule, view.name)
        await make_durable(access, of_each(found.records, told, request_id), principal, request_id)
        raise found.refused
    entry = SearchDisclosed(
        view=view.name,
        records=list(found.records),
        fields=list(view.fields),
        role=principal.role,
        organisation=principal.organisation,
        purpose=purpose or decision.purpose,
        basis=decision.basis,
        position=found.position,
        own_state=principal.state,
        children=list(found.children),
    )
    disclosed_at = await make_durable(access, [of_many(entry, request_id)], principal, request_id)
    must_have_followed(access, found)
    _shown_count(view.name, principal.role, len(found.records))
    return ShownMany(view.render(), found.position, disclosed_at)


def is_current(etag: str, known: str) -> bool:
    """If-None-Match by weak comparison (RFC 9110, 13.1.2)."""
    return any(part.strip().removeprefix("W/") == etag for part in known.split(","))


_COUNTERS: dict[tuple[str, str], telemetry.Counter] = {}


def _shown_count(view: str, role: str, records: int) -> None:
    counter = _COUNTERS.get((view, role))
    if counter is None:
        counter = _COUNTERS[view, role] = telemetry.DISCLOSURES.labels(view, role)
    counter.inc(records)
