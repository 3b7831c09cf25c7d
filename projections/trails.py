"""What is asked of the read model ``audit_trail``: whose records they are and were, and their lines, page by page.

The one invariant: a line is told once, however many copies of an act stand in the streams that are read; and of a
record that went, nothing is told of what came after it had gone. Questions are statements with what they are asked
with, so that a service asks them of its pool and the command line of a connection.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from itertools import groupby
from typing import Any, Final, LiteralString, NamedTuple

from ledger.events import Event
from ledger.events import case as case_events
from ledger.events import linkage as linkage_events
from ledger.events import record as record_events
from ledger.events.record import Elements, FactCorrected, FactRetracted, FactStated
from projections import as_of
from projections.audit_trail import SealedWords, event_of, unsealed

Question = tuple[LiteralString, Mapping[str, Any]]


class Stay(NamedTuple):
    """Of which student a record was. came, went: positions, of its opening or of acts; None: it is there now."""

    student_id: str
    came: int
    came_at: datetime | None
    went: int | None
    went_at: datetime | None


class Kept(NamedTuple):
    """A record of a trail. state: None where its opening cannot be opened any more. minted: the id that it shows alone.
    stays: all of them, earliest first. cases: that are about it, those left out that are judged blind."""

    record: str
    minted: str
    state: str | None
    state_student_id: str | None
    stays: Sequence[Stay]
    cases: Sequence[str]

    def until(self, student_id: str) -> int | None:
        """Position at which it went from a student for the last time; None where it is there."""
        return next(stay.went for stay in reversed(self.stays) if stay.student_id == student_id)


class Trail(NamedTuple):
    """Whose records they are. student_id: shown now for the id that was asked for. held: its records, earliest opened
    first; former: those that it held once."""

    student_id: str
    held: Sequence[Kept]
    former: Sequence[Kept]


class Wanted(NamedTuple):
    """Which lines; None is all of them. since, until: when they were recorded, the end not included. topics, codes,
    actor, records, states: as the lines say, and whose streams they stand in. former: also of records that went, up to
    then. cases: also what is said in cases."""

    since: datetime | None = None
    until: datetime | None = None
    topics: Sequence[str] | None = None
    codes: Sequence[str] | None = None
    actor: str | None = None
    records: Sequence[str] | None = None
    states: Sequence[str] | None = None
    former: bool = False
    cases: bool = True


class Line(NamedTuple):
    """One line. event: ``Erased`` where it cannot be opened any more. sealed: words of a person under their own key."""

    stream: str
    position: int
    recorded_at: datetime
    topic: str
    code: str
    actor: str | None
    reason: str | None
    submission: str | None
    cause: int | None
    event: Event
    sealed: SealedWords | None

    @property
    def record(self) -> str | None:
        """Of whose stream it is, or of what of its was destroyed."""
        return self._of("record") or self._of("retention")

    @property
    def case(self) -> str | None:
        return self._of("case")

    def _of(self, kind: str) -> str | None:
        found, _, name = self.stream.partition("/")
        return name if found == kind else None


class Page(NamedTuple):
    """total: how many lines there are on all pages. following: position that the next page begins with; None at the
    end."""

    lines: Sequence[Line]
    total: int
    following: int | None


# -- questions

WHOSE: LiteralString = as_of.query(
    "audit_trail",
    "stays",
    "select s.record, r.minted, r.state, r.state_student_id, s.student_id, s.came, s.came_at, s.went, s.went_at,"
    " asked.shown, (select array_agg(o.case_id order by o.case_id) from audit_trail.cases_of o"
    " join audit_trail.cases c using (case_id) where o.record = s.record and not c.withheld) as cases"
    " from (select t.student_id as shown from audit_trail.records m join audit_trail.stays t using (record)"
    " where m.minted = %(student_id)s and t.went is null) as asked"
    " cross join lateral (select distinct i.record from audit_trail.stays i where i.student_id = asked.shown) as its"
    " join audit_trail.stays s on s.record = its.record join audit_trail.records r on r.record = s.record",
    " order by found.record, found.came",
)
_WANTED: LiteralString = (
    "with wanted as materialized ("
    "select distinct on (coalesce(l.said, l.position::text)) l.stream, l.position"
    " from unnest(%(streams)s::text[], %(ends)s::bigint[]) as t (stream, until)"
    " join audit_trail.lines l on l.stream = t.stream and l.position <= t.until"
    " where (%(since)s::timestamptz is null or l.recorded_at >= %(since)s)"
    " and (%(until)s::timestamptz is null or l.recorded_at < %(until)s)"
    " and (%(topics)s::text[] is null or l.topic = any(%(topics)s))"
    " and (%(codes)s::text[] is null or l.code = any(%(codes)s))"
    " and (%(actor)s::text is null or l.actor = %(actor)s)"
    " order by coalesce(l.said, l.position::text), l.position"
    ") select l.position, l.stream, l.recorded_at, l.topic, l.code, l.actor, l.reason, l.submission, l.cause, l.body,"
    " l.sealed, (select count(*) from wanted) as total from"
)
_PAGE: LiteralString = "limit %(limit)s) as w join audit_trail.lines l using (stream, position)"
OLDEST: LiteralString = as_of.query(
    "audit_trail",
    "lines",
    f"{_WANTED} (select * from wanted where position >= %(begin)s order by position {_PAGE}",
    " order by found.position",
)
NEWEST: LiteralString = as_of.query(
    "audit_trail",
    "lines",
    f"{_WANTED} (select * from wanted where position <= %(begin)s order by position desc {_PAGE}",
    " order by found.position desc",
)
BEFORE: LiteralString = as_of.query(
    "audit_trail",
    "lines",
    "select l.stream, l.position, l.topic, l.body from audit_trail.lines l"
    " where l.stream = any(%(streams)s) and l.position < %(position)s",
    " order by found.stream, found.position",
)
_LAST: Final = 2**62


def whose(student_id: str) -> Question:
    """Asks for the trail of an id that was ever minted: ``trail_of`` reads the answer."""
    return WHOSE, {"student_id": student_id}


def trail_of(rows: Iterable[Sequence[Any]]) -> Trail | None:
    """None where the id was never minted."""
    kept: list[Kept] = []
    shown = None
    for _, of_record in groupby(rows, key=lambda row: row[0]):
        every = list(of_record)
        record, minted, state, ssid, *_, shown, cases = every[0]
        kept.append(Kept(record, minted, state, ssid, [Stay(*row[4:9]) for row in every], cases or ()))
    if shown is None:
        return None
    kept.sort(key=lambda one: (one.stays[0].came, one.record))
    held = [one for one in kept if one.until(shown) is None]
    return Trail(shown, held, [one for one in kept if one.until(shown) is not None])


def lines_of(
    trail: Trail, wanted: Wanted, *, upto: int, begin: int | None = None, newest: bool = False, limit: int | None = None
) -> Question:
    """Asks for lines, earliest or newest first: ``page_of`` reads the answer. upto: the position that the trail was
    read at. begin: position of the first line; None: from the first one on. limit: None is all."""
    ends: dict[str, int] = {}
    for one in (*trail.held, *(trail.former if wanted.former else ())):
        if wanted.records is not None and one.record not in wanted.records:
            continue
        if wanted.states is not None and one.state not in wanted.states:
            continue
        went = one.until(trail.student_id)
        end = upto if went is None else min(went, upto)
        cases = [f"case/{case}" for case in one.cases] if wanted.cases else []
        for stream in (f"record/{one.record}", f"retention/{one.record}", f"linkage/{one.minted}", *cases):
            ends[stream] = max(ends.get(stream, 0), end)
    return (NEWEST if newest else OLDEST), {
        "streams": list(ends),
        "ends": list(ends.values()),
        "since": wanted.since,
        "until": wanted.until,
        "topics": None if wanted.topics is None else list(wanted.topics),
        "codes": None if wanted.codes is None else list(wanted.codes),
        "actor": wanted.actor,
        "begin": (_LAST if newest else 0) if begin is None else begin,
        "limit": None if limit is None else limit + 1,
    }


def page_of(rows: Sequence[Sequence[Any]], limit: int | None) -> Page:
    """limit: as it was asked for."""
    lines = [
        Line(stream, position, at, topic, code, actor, reason, submission, cause, event_of(topic, body),
             None if sealed is None else unsealed(sealed))
        for position, stream, at, topic, code, actor, reason, submission, cause, body, sealed, _ in rows
    ]  # fmt: skip
    following = lines[limit].position if limit is not None and len(lines) > limit else None
    return Page(lines[:limit], rows[0][-1] if rows else 0, following)


def before(lines: Iterable[Line]) -> Question | None:
    """Asks for what was said before facts were taken back: ``taken_back`` reads the answer. None where none was."""
    wanted = [line for line in lines if isinstance(line.event, FactRetracted)]
    if not wanted:
        return None
    streams = sorted({line.stream for line in wanted})
    return BEFORE, {"streams": streams, "position": max(line.position for line in wanted)}


def taken_back(lines: Iterable[Line], rows: Iterable[Sequence[Any]]) -> dict[int, Elements]:
    """Position of a line that takes a fact back to what the fact said until then. One is left out of which something
    cannot be opened any more."""
    said: dict[str, list[tuple[int, Event]]] = {}
    for stream, position, topic, body in rows:
        said.setdefault(stream, []).append((position, event_of(topic, body)))
    found: dict[int, Elements] = {}
    for line in lines:
        if isinstance(line.event, FactRetracted):
            elements = _said_of(line.event.fact, line.position, said.get(line.stream, ()))
            if elements is not None:
                found[line.position] = elements
    return found


def _said_of(fact: int, position: int, said: Iterable[tuple[int, Event]]) -> Elements | None:
    elements: Elements | None = None
    for at, event in said:
        if at >= position:
            break
        if isinstance(event, FactStated) and event.fact == fact:
            elements = dict(event.elements)
        elif isinstance(event, FactCorrected) and event.fact == fact and elements is not None:
            for name, (_, after) in event.elements.items():
                if after is None:
                    elements.pop(name, None)
                else:
                    elements[name] = after
    return elements


_PAGES: Final[Mapping[str, Sequence[type[Event]]]] = {
    "record": record_events.EVENTS,
    "linkage": linkage_events.EVENTS,
    "case": case_events.EVENTS,
}
KINDS: Final[Mapping[str, Sequence[str]]] = {
    **{name: [event.topic for event in events] for name, events in _PAGES.items()},
    **{event.topic.partition(".")[0]: [event.topic] for events in _PAGES.values() for event in events},
}
"""What a line may be asked for by: whose event it is, or which, to the topics."""
