"""The audit trail of a student as a view: lines of the read model, in words, shown once its entries are durable.

Invariant: nothing that was durable when it was asked is missing, since the read model is waited for; and nothing of
another child is shown by it: of records that the student holds no more there are lines only where they are asked for,
up to their going, and to a family never. What people wrote in cases is for those who may read cases.
"""

from __future__ import annotations

import hashlib
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from datetime import UTC, date, datetime
from typing import Any, Final, NamedTuple

import orjson
import psycopg

from api.past import in_turn
from api.principal import Principal, who
from api.reading import ask, at_least, ledger_head
from api.services import Services
from api.sheets import sheet
from api.show import Found
from api.trail_asked import Asked
from api.words import told
from ledger.access import Subject, decide
from ledger.application import Ledger
from ledger.events import Event, Meta, Recorded
from ledger.events.case import CaseAnswered, CaseClosed, CaseOpened, Doubtful, Residue, Reversal
from ledger.events.linkage import ActReversed, DeclarationWithdrawn, DeclaredNotSame, LinkageEvent
from ledger.events.record import FactCorrected, FactStated, RecordEvent, RecordOpened
from ledger.links import REASON, Seeds
from ledger.store import tombstones
from projections import as_of, trails
from projections.as_of import AsOf
from projections.audit_trail import PROJECTION, SealedWords
from projections.trails import Kept, Line, Question, Stay, Trail, Wanted

Ask = Callable[[Question], Awaitable[tuple[AsOf, list[tuple[Any, ...]]]]]
"""Asks the read model, once it reflects all that was durable before."""

COLUMNS: Final = (
    "position", "recorded_at", "event", "code", "record", "state", "state_student_id", "actor", "reason", "submission",
    "source_row", "act", "case", "cause", "before", "after", "words",
)  # fmt: skip
"""Of an export."""


def over_http(services: Services, position: int = 0) -> Callable[[], Awaitable[Ask]]:
    """How a service asks: once the read model has reached the head as it is now, and the position that the reader names
    too. Raises Behind, StoreUnavailable."""

    async def begin() -> Ask:
        durable = max(await ledger_head(services), position)

        async def put(question: Question) -> tuple[AsOf, list[tuple[Any, ...]]]:
            return await at_least(
                services,
                PROJECTION.name,
                durable,
                lambda: ask(services.reads, lambda conn: as_of.ask(conn, *question)),
            )

        return put

    return begin


def on_the_host(conn: psycopg.Connection[Any]) -> Callable[[], Awaitable[Ask]]:
    """How a command asks, that has brought the read model to the head. Raises StoreUnavailable."""

    async def put(question: Question) -> tuple[AsOf, list[tuple[Any, ...]]]:
        return as_of.ask_now(conn, *question)

    async def begin() -> Ask:
        return put

    return begin


class Part(NamedTuple):
    """Which part of the lines. begin: position of the first one; None: from the beginning. limit: None is all."""

    begin: int | None = None
    limit: int | None = None


class HistoryView:
    """A student's trail. principal: who is to read it. language: of the sentences. form: ``json`` or ``csv``."""

    action = "student.history"
    name = "history"
    sections: Sequence[str] = ("history",)

    def __init__(
        self,
        ledger: Ledger,
        principal: Principal,
        asks: Callable[[], Awaitable[Ask]],
        asked: Asked = Asked(),  # noqa: B008 - a value
        part: Part = Part(),  # noqa: B008 - a value
        *,
        language: str = "en",
        form: str = "json",
    ) -> None:
        self._ledger = ledger
        self._principal = principal
        self._asks = asks
        self._asked = asked
        self._part = part
        self._language = language
        self._form = form
        self.trail: Trail | None = None
        self.entries: list[dict[str, Any]] = []
        self.total = 0
        self.records: Sequence[Kept] = ()
        self.following: int | None = None
        """Position that the next page begins with; None at the end."""

    async def read(self, student_id: str) -> Found | None:
        """Raises Behind, StoreUnavailable, LogBroken, UnknownEvent."""
        put = await self._asks()
        reflected, rows = await put(trails.whose(student_id))
        trail = self.trail = trails.trail_of(rows) or await in_turn(lambda: self._unopened(student_id))
        if trail is None:
            return None
        gone = await in_turn(lambda: self._gone(trail))
        if all(kept.record in gone for kept in trail.held):
            return None
        states = list(dict.fromkeys(kept.state for kept in trail.held if kept.state is not None))
        held = [kept.record for kept in trail.held]
        asked = self._narrowed(Subject(states, held))
        begin, limit = self._part
        question = trails.lines_of(
            trail, asked, upto=reflected.position, begin=begin, newest=self._asked.newest, limit=limit
        )
        page = trails.page_of((await put(question))[1], limit)
        earlier = trails.before(page.lines)
        taken_back = {} if earlier is None else trails.taken_back(page.lines, (await put(earlier))[1])
        words = await in_turn(lambda: self._opened(page.lines)) if any(one.sealed for one in page.lines) else {}
        named = {kept.record: kept for kept in (*trail.held, *trail.former)}
        reads_cases = decide(who(self._principal), "case.read", Subject(states)).allowed
        self.entries = [
            _entry(line, named, words.get(line.position), taken_back.get(line.position), self._language, reads_cases)
            for line in page.lines
        ]
        self.total = page.total
        self.following = page.following
        self.records = [*trail.held, *(trail.former if asked.former else ())]
        # What is shown may also change by what is not told any more, so it is told by all of it.
        tag = hashlib.blake2b(self._body(), digest_size=12).hexdigest()
        # Of a record that is gone there is nothing to show, and no account of it any more.
        shown = [kept.record for kept in self.records if kept.record not in gone]
        return Found(trail.student_id, shown, reflected.position, tag, states, reached=reflected.position)

    def render(self, sections: Sequence[str], day: date) -> bytes:  # noqa: ARG002 - the shape of every view
        return self._body()

    # -- inside

    def _body(self) -> bytes:
        assert self.trail is not None, "rendered before it was read"
        if self._form == "csv":
            return sheet(COLUMNS, map(_flat, self.entries)).encode()
        return orjson.dumps(
            {
                "student_id": self.trail.student_id,
                "history": self.entries,
                "cursor": None if self.following is None else str(self.following),
                "total": self.total,
                "records": [_kept(kept) for kept in self.records],
            }
        )

    def _narrowed(self, subject: Subject) -> Wanted:
        """What is asked for, as far as it is this child's alone where somebody may read nobody else's."""
        own = decide(who(self._principal), self.action, subject).scope == "grant"
        return self._asked.wanted._replace(former=False, cases=False) if own else self._asked.wanted

    def _gone(self, trail: Trail) -> Collection[str]:
        """Records of a trail that were destroyed whole."""
        lost = [kept.record for kept in (*trail.held, *trail.former) if kept.state is None]
        if not lost:
            return ()
        with self._ledger.log.connection() as conn:
            return tombstones.of_records(conn, lost)

    def _unopened(self, student_id: str) -> Trail | None:
        """The trail of a student of whom nothing can be opened any more, by the guards. None where there is none."""
        reach = self._ledger.links.reach(Seeds(students=[student_id]))
        found = next((anchor for anchor in reach.records.values() if anchor.student_id == student_id), None)
        if found is None:
            return None
        students = reach.students()
        shown = students.student_of[found.record]
        members = students.members[shown]
        stays = {one.record: [Stay(shown, one.opened, None, None, None)] for one in members}
        return Trail(
            shown, [Kept(one.record, one.student_id, None, None, stays[one.record], ()) for one in members], ()
        )

    def _opened(self, lines: Sequence[Line]) -> dict[int, str | None]:
        """Position to what a person wrote; None where its key was destroyed."""
        log, sealed = self._ledger.log, [(line, line.sealed) for line in lines if line.sealed is not None]
        if not sealed:
            return {}
        with log.connection() as conn:
            disposals = log.vault.catch_up(conn)
            return {
                line.position: log.open_field(conn, _recorded(line, apart), REASON, apart.words, disposals)
                for line, apart in sealed
            }


def _recorded(line: Line, sealed: SealedWords) -> Recorded:
    """As much of the event's place as its sealed words hang on."""
    return Recorded(
        position=line.position,
        stream=line.stream,
        version=0,
        recorded_at=line.recorded_at,
        event_id=sealed.event_id,
        meta=Meta(actor=line.actor or ""),
        event=line.event,
    )


def _entry(
    line: Line,
    named: Mapping[str, Kept],
    words: str | None,
    taken_back: Mapping[str, str] | None,
    language: str,
    reads_cases: bool,
) -> dict[str, Any]:
    event, kept = line.event, named.get(line.record or "")
    state, ssid = (None, None) if kept is None else (kept.state, kept.state_student_id)
    before, after = _changed(event, taken_back)
    return {
        "position": line.position,
        "recorded_at": _instant(line.recorded_at),
        "event": line.topic,
        "code": line.code,
        "act": _act(event),
        "record": line.record,
        "state": state,
        "state_student_id": ssid,
        "actor": line.actor,
        "submission": line.submission,
        "source_row": event.source_row if isinstance(event, RecordEvent) else None,
        "reason": words or line.reason or (_said(event) if reads_cases else None),
        "before": before,
        "after": after,
        "answers": _answers(line),
        "words": told(event, state and f"{state} {ssid}", language, line.case or ""),
    }


def _changed(
    event: Event, taken_back: Mapping[str, str] | None
) -> tuple[Mapping[str, str | None] | None, Mapping[str, str | None] | None]:
    """Elements before and after it."""
    match event:
        case FactStated() | RecordOpened():
            return None, event.elements
        case FactCorrected():
            changes = event.elements.items()
            return {name: was for name, (was, _) in changes}, {name: now for name, (_, now) in changes}
        case _:
            return taken_back, None


def _act(event: Event) -> str | None:
    """Id of the act or declaration that an event is, or withdraws."""
    if isinstance(event, DeclaredNotSame | DeclarationWithdrawn):
        return event.declaration
    return getattr(event, "act", None) if isinstance(event, LinkageEvent) else None


def _answers(line: Line) -> dict[str, Any]:
    event, act = line.event, None
    match event:
        case ActReversed():
            act = event.reverses
        case DeclaredNotSame():
            act = event.by
        case CaseClosed():
            act = event.act
        case CaseOpened(proposal=Reversal() | Residue() | Doubtful() as proposal):
            act = proposal.act
        case _:
            pass
    case_id = event.case if isinstance(event, LinkageEvent) else line.case
    return {"case": case_id, "act": act, "cause": line.cause, "decision": getattr(event, "decision", None)}


def _said(event: Event) -> str | None:
    """What somebody wrote in a case."""
    return (event.reason or None) if isinstance(event, CaseOpened | CaseAnswered) else None


def _kept(kept: Kept) -> dict[str, Any]:
    stays = [{**one._asdict(), "came_at": _at(one.came_at), "went_at": _at(one.went_at)} for one in kept.stays]
    names = ("record", "state", "state_student_id", "minted")
    return {**{name: getattr(kept, name) for name in names}, "stays": stays}


def _flat(entry: Mapping[str, Any]) -> dict[str, Any]:
    """An entry as a line of a sheet."""
    values = {
        name: None if (held := entry[name]) is None else orjson.dumps(held).decode() for name in ("before", "after")
    }
    return {**entry, **values, "case": entry["answers"]["case"], "cause": entry["answers"]["cause"]}


def _at(at: datetime | None) -> str | None:
    return None if at is None else _instant(at)


def _instant(at: datetime) -> str:
    return at.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
