"""What the log held of one student up to a point: as if nothing had been recorded since.

The one invariant: what stands behind the point is not looked at, and what stands before it is all there: which records
were the student's is told by the linkage that held then, found from record to record and not by reading the log. An act
counts once any copy of it is reached, as everywhere.

What was destroyed since stays destroyed: it is left out, and counted.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any, Final

import msgspec
import psycopg

from ledger.errors import NoSuchPoint, NotFound, no_student
from ledger.events import Erased, Recorded
from ledger.events.linkage import LinkageEvent
from ledger.history import act_of
from ledger.linkage import Linkage, anchors_of, clusters, fold, live_edges
from ledger.store import looking_back
from ledger.store.log import Log
from ledger.store.looking_back import POSITION_MAX

_RECORD: Final = len("record/")
_LINKAGE: Final = len("linkage/")


class Point(msgspec.Struct, frozen=True):
    """A place in the ledger. position: of the last event that counts. at: the instant that was asked for, else when
    that event was recorded (UTC); its day is the day of what was known then. head: the last position that there is."""

    position: int
    at: datetime
    recorded_at: datetime
    head: int


class NotThen(msgspec.Struct, frozen=True):
    """Of an id that was minted, and of which there is nothing to show. records, states: the one that minted it; none
    where that was destroyed. position: of the point that was asked for. why: to be said to whoever may read of that
    state's children, and where there is none, of every state's."""

    records: list[str]
    states: list[str]
    position: int
    why: NotFound


class Past(msgspec.Struct, frozen=True, kw_only=True):
    """student_id: that the id showed then. records: uuids, earliest opened first. said: of these records, in order,
    what can be opened. linkage: of their acts and declarations the first copies, in order. erased: events that cannot
    be opened any more. kept_now: of each student who holds one of these records now, the states that keep a record of
    her."""

    point: Point
    student_id: str
    records: list[str]
    said: list[Recorded]
    linkage: list[Recorded]
    erased: int
    kept_now: list[list[str]]


# -- points


def asked_in(text: str, name: str = "as_of") -> int | datetime:
    """What a person writes for a point: a position, or an instant as ISO 8601 with its offset. name: of the parameter.

    Raises NoSuchPoint.
    """
    text = text.strip()
    if text.isascii() and text.isdigit():
        if len(text) <= 19 and int(text) <= POSITION_MAX:
            return int(text)
        raise NoSuchPoint("The position has too many digits.", remedy=_REMEDY, element=name)
    # In an address a plus that was not escaped arrives as a blank.
    if text[-6:-5] == " " and "T" in text:
        text = f"{text[:-6]}+{text[-5:]}"
    try:
        instant = datetime.fromisoformat(text)
    except ValueError:
        raise NoSuchPoint("This is neither a position nor an instant.", remedy=_REMEDY, element=name) from None
    if instant.tzinfo is None:
        raise NoSuchPoint("The instant has no offset from UTC.", remedy=_REMEDY, element=name)
    return instant


def point_at(log: Log, asked: int | datetime | None, now: datetime, name: str = "as_of") -> Point:
    """The point that is asked for; None: the head. now: UTC, after which nothing is known.

    Raises NoSuchPoint for an instant that has not come, a position that has not been given, and a time before the
    first event; StoreUnavailable.
    """
    with log.connection() as conn:
        return _point(conn, looking_back.place_at(conn, asked), asked, now, name)


_REMEDY: Final = "Give a position, such as 12345, or an instant with its offset, such as 2025-09-02T18:00:00-07:00."


# -- a student


def past_of(log: Log, student_id: str, point: Point) -> Past | NotThen:
    """What the log held at a point of the student that an id showed then. student_id: any that was ever minted.

    Raises NotFound where it never was, StoreUnavailable, LogBroken, UnknownEvent.
    """
    with log.connection() as conn:
        looked = looking_back.look(conn, student_id, point.position)
        return _past(log, conn, student_id, point, looked)


def past_as_of(log: Log, student_id: str, asked: int | datetime | None, now: datetime) -> Past | NotThen:
    """As ``past_of`` at ``point_at``, on one connection. Raises what they raise."""
    with log.connection() as conn:
        looked = looking_back.look(conn, student_id, asked)
        return _past(log, conn, student_id, _point(conn, looked.place, asked, now, "as_of"), looked)


def said_between(one: Past | None, other: Past | None, after: int) -> list[Recorded]:
    """What was said of a student from one point to another: of the records and the linkage of either, each thing once,
    in order. after: position of the earlier point. None: where the id had not been minted."""
    pasts = [past for past in (one, other) if past is not None]
    found = {said.position: said for past in pasts for said in (*past.said, *past.linkage) if said.position > after}
    return [found[position] for position in sorted(found)]


def let_in(kept: Iterable[Sequence[str]]) -> list[str]:
    """States whose own may read of a student then: those that keep a record of her at each point that is told, and now
    of each student who holds one of the records of then. kept: the states, of each of these."""
    each = list(kept)
    return [state for state in dict.fromkeys(each[0]) if all(state in states for states in each)]


def nothing_left(log: Log, student_id: str, point: Point) -> NotThen:
    """Of a student whose every record of then was destroyed. Raises NotFound where the id was never minted."""
    with log.connection() as conn:
        minted = _minted_by(conn, student_id)
    why = NotFound(
        "Nothing that was known of this student then can be opened any more: its keys were destroyed.",
        remedy="The proofs over the log still verify; ask the state office for the certificate of disposal.",
    )
    return _of(minted, point, why)


# -- inside


def _point(
    conn: psycopg.Connection[Any], place: looking_back.Place, asked: int | datetime | None, now: datetime, name: str
) -> Point:
    position, recorded_at, head, _ = place
    if isinstance(asked, int) and asked > head:
        raise NoSuchPoint(
            f"The ledger has come to position {head}, not yet to {asked}.",
            remedy=f"Ask for a position from 1 to {head}.",
            element=name,
        )
    # A clock that was set back may be behind what the log has stamped: that is no future.
    if isinstance(asked, datetime) and asked > max(now, recorded_at or now):
        raise NoSuchPoint(
            "The instant has not come yet.",
            remedy="Ask for one that has; what is known now is read without any.",
            element=name,
        )
    if recorded_at is None:
        first = looking_back.first_instant(conn)
        since = "" if first is None else f" The first event is position 1, of {first.isoformat()}."
        raise NoSuchPoint(f"Nothing had been recorded by then.{since}", remedy="Ask for a later point.", element=name)
    return Point(position, asked if isinstance(asked, datetime) else recorded_at, recorded_at, head)


def _past(
    log: Log, conn: psycopg.Connection[Any], student_id: str, point: Point, looked: looking_back.Looked
) -> Past | NotThen:
    rows = log.open(conn, looked.rows, looked.place.disposals)
    own: list[Recorded] = []
    heard: list[Recorded] = []
    for one in rows:
        if one.stream.startswith("record/"):
            own.append(one)
        elif isinstance(one.event, LinkageEvent):
            heard.append(one)
    if not own:
        return _not_then(conn, student_id, point)
    name, shown, records = own[0].stream[_RECORD:], student_id, [own[0].stream[_RECORD:]]
    if heard:
        heard, linkage = _linkage(log, conn, student_id, heard, point)
        students = clusters(linkage, ())
        if name in students.student_of:
            shown = students.student_of[name]
            records = [anchor.record for anchor in students.members[shown]]
    others = [f"record/{record}" for record in records if record != name]
    said = own
    if others:
        more = log.open(conn, *looking_back.rows_of(conn, others, point.position))
        said = sorted([*own, *more], key=_position)
    opened = [one for one in said if type(one.event) is not Erased]
    return Past(
        point=point,
        student_id=shown,
        records=records,
        said=opened,
        linkage=heard,
        erased=len(said) - len(opened),
        kept_now=looked.kept if records == [name] else looking_back.kept_now(conn, records),
    )


def _not_then(conn: psycopg.Connection[Any], student_id: str, point: Point) -> NotThen:
    minted = _minted_by(conn, student_id)
    why = NotFound(
        "This student id had not been minted then: its record was opened later.",
        remedy="Ask for a later point, or for the id that the child was known by then.",
    )
    return _of(minted, point, why)


def _minted_by(conn: psycopg.Connection[Any], student_id: str) -> looking_back.Minted:
    minted = looking_back.minted_by(conn, student_id)
    if minted is None:
        raise no_student(student_id)
    return minted


def _of(minted: looking_back.Minted, point: Point, why: NotFound) -> NotThen:
    records, states = ([] if one is None else [one] for one in minted)
    return NotThen(records, states, point.position, why)


def _linkage(
    log: Log, conn: psycopg.Connection[Any], student_id: str, heard: Sequence[Recorded], point: Point
) -> tuple[list[Recorded], Linkage]:
    """First copies of what had been said of the linkage of a student's records, and what that comes to."""
    read = {student_id: list(heard)}
    while True:
        first: dict[str | None, Recorded] = {}
        for one in sorted((one for stream in read.values() for one in stream), key=_position):
            first.setdefault(act_of(one.event), one)
        known = fold((one.position, one.event) for one in first.values())
        holds = [one for one in first.values() if one.position <= point.position]
        linkage = fold((one.position, one.event) for one in holds)
        ends = {anchor.student_id for edge in live_edges(linkage) for anchor in (edge.left, edge.right)}
        missing = (ends | _of_copies(first.values(), holds, known, point)) - read.keys()
        if not missing:
            return holds, linkage
        streams = [f"linkage/{one}" for one in missing]
        read |= {one: [] for one in missing}
        for one in log.open(conn, *looking_back.rows_of(conn, streams, POSITION_MAX)):
            read[one.stream[_LINKAGE:]].append(one)


def _of_copies(first: Iterable[Recorded], holds: Sequence[Recorded], known: Linkage, point: Point) -> set[str]:
    """Streams in which an earlier copy may stand, where that would tell more: of what lies just behind the point, since
    it counts from its first copy on; and of the last thing said, whose position is the student's. Copies are written
    together, so they have one instant."""
    last = max((one.recorded_at for one in holds), default=None)
    return {
        anchor.student_id
        for one in first
        if (one.recorded_at <= point.recorded_at if one.position > point.position else one.recorded_at == last)
        for anchor in anchors_of(one.event, known)
    }


def _position(one: Recorded) -> int:
    return one.position
