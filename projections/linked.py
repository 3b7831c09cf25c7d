"""Who is who now, as the fold of a read model hears it: every act of linkage, kept by the records that it names.

The one invariant: after a batch, the state of each record holds all that was ever said of its linkage, each thing once,
whichever of its copies have been heard. So a batch that ends between two copies of an act leaves what the plain fold of
the same events leaves. A batch in which no linkage is spoken of asks the database nothing.

Knows records by their anchors alone: one whose own events can no longer be opened goes on joining others. Holds ids and
codes, and nothing of a child. Who is who is said by ``ledger.linkage.clusters``, and by nobody else.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from itertools import chain
from typing import Any, Final, LiteralString, NamedTuple

import msgspec
import psycopg

from ledger.errors import LogBroken
from ledger.events import EVENTS, Event, Recorded
from ledger.events.linkage import (
    ActReversed,
    Anchor,
    DeclarationWithdrawn,
    DeclaredNotSame,
    LinkageEvent,
    RecordLinked,
    RecordsSplit,
    StudentsMerged,
)
from ledger.linkage import Linkage, anchors_of, clusters, fold, live_edges
from ledger.store.arrays import byteas, int8s, texts
from projections.projection import statement

ACTS: Final[frozenset[type[Event]]] = frozenset((RecordLinked, StudentsMerged, RecordsSplit, ActReversed))
"""Events that may move records between students."""
ALL: Final[frozenset[type[Event]]] = ACTS | {DeclaredNotSame, DeclarationWithdrawn}
"""And those that say that records are, or may be again, one child's."""

# -- table

TABLES: LiteralString = """
create table {schema}.linkage (
    position bigint primary key,
    body     bytea not null
);
comment on table {schema}.linkage is 'What was said of linkage, each thing once: the fold''s own state.';
comment on column {schema}.linkage.position is 'Of the first copy.';
create table {schema}.linkage_of (
    student_id text collate "C" not null,
    position   bigint not null,
    primary key (student_id, position)
);
comment on table {schema}.linkage_of is 'What of it names the record that minted an id.';
"""
KEYS: Final[dict[LiteralString, LiteralString]] = {"linkage": "position", "linkage_of": "student_id, position"}

# -- what a fold asks for


class Placed(NamedTuple):
    """Where a record stands. minted: the id that it minted; student_id: the one that is shown for it now. position,
    at: of the last act or declaration that names a record of that student, by the first copy of it."""

    record: str
    minted: str
    student_id: str
    position: int
    at: datetime


NOWHERE: Final[Mapping[str, Placed]] = {}
"""What a batch comes to in which no linkage is spoken of."""


def apart(batch: Sequence[Recorded]) -> tuple[Sequence[Recorded], Sequence[Recorded]]:
    """What is said of records, and what of their linkage."""
    linkage = [recorded for recorded in batch if type(recorded.event) in ALL]
    if not linkage:
        return batch, ()
    return [recorded for recorded in batch if type(recorded.event) not in ALL], linkage


def placed_by(cursor: psycopg.Cursor[Any], schema: str, heard: Sequence[Recorded]) -> Mapping[str, Placed]:
    """Hear what a batch says of linkage: every record of the students that it touches, by uuid, as they are after it.

    heard: linkage events of one batch, in order. Touched are the students of the records that an act or declaration
    names which is heard for the first time. Raises LogBroken where what is answered was never said.
    """
    if not heard:
        return NOWHERE
    memory, new = _remembered(cursor, schema, heard)
    if not new:
        return NOWHERE
    return memory.placed(memory.touched(new))


def placed_of(heard: Sequence[Recorded]) -> Mapping[str, Placed]:
    """As ``placed_by``, where nothing was heard before: linkage events of whole records, in order, from the first."""
    if not heard:
        return NOWHERE
    all_of_it = _Heard()
    return all_of_it.placed(all_of_it.touched(all_of_it.hear(heard)))


def placed_now(cursor: psycopg.Cursor[Any], schema: str, minted: Iterable[str]) -> Mapping[str, Placed]:
    """Every record of the students of the records that minted these ids, by uuid, as all that was heard leaves them.

    A record of which no linkage was ever spoken is not told: it is its own student.
    """
    asked = set(minted)
    memory = _Memory(cursor, schema)
    memory.load(asked)
    while missing := memory.neighbours():
        memory.load(missing)
    return memory.placed([anchor for anchor in memory.everybody() if anchor.student_id in asked])


class Moved(NamedTuple):
    """What one act came to. position, at: of its first copy. placed: every record of the students that it touches, by
    uuid, as they are right after it."""

    position: int
    at: datetime
    placed: Mapping[str, Placed]


def moved_by(cursor: psycopg.Cursor[Any], schema: str, heard: Sequence[Recorded]) -> list[Moved]:
    """As ``placed_by``, act by act: for a read model that tells also where a record was between two acts of one batch.

    What no act connects is told apart, so that many acts cost no more than each of them alone.
    """
    if not heard:
        return []
    memory, new = _remembered(cursor, schema, heard)
    return sorted(memory.moved({entry.position for entry in new}), key=lambda moved: moved.position)


# -- inside


def _remembered(cursor: psycopg.Cursor[Any], schema: str, heard: Sequence[Recorded]) -> tuple[_Memory, list[_Entry]]:
    """Everything said of the students that a batch touches, kept by now, and what of it is new."""
    memory = _Memory(cursor, schema)
    # What a reversal or a withdrawal answers stands in the stream in which it stands itself.
    memory.load({recorded.stream[_PREFIX:] for recorded in heard})
    new = memory.hear(heard)
    if new:
        memory.load(anchor.student_id for anchor in memory.touched(new))
        while missing := memory.neighbours():
            memory.load(missing)
        memory.write(new)
    return memory, new


class _Said(msgspec.Struct, array_like=True, frozen=True, gc=False):
    """As a row keeps it. position, at: of the first copy. event: without what a person wrote."""

    position: int
    at: datetime
    topic: str
    event: msgspec.Raw


class _Entry(NamedTuple):
    position: int
    at: datetime
    event: LinkageEvent


class _Heard:
    """What was said of the linkage of some records: each thing once, by its first copy."""

    def __init__(self) -> None:
        self._entries: dict[int, _Entry] = {}
        self._linkage = Linkage()

    def hear(self, heard: Iterable[Recorded]) -> list[_Entry]:
        """What is new of it. Every state that a copy stands in is known."""
        known = {_name(entry.event) for entry in self._entries.values()}
        new: list[_Entry] = []
        for recorded in heard:
            event = recorded.event
            assert isinstance(event, LinkageEvent)
            name = _name(event)
            if name not in known:
                known.add(name)
                new.append(_Entry(recorded.position, recorded.recorded_at, event))
        self._add(new)
        return new

    def anchors(self, entry: _Entry) -> tuple[Anchor, ...]:
        try:
            return anchors_of(entry.event, self._linkage)
        except KeyError:
            raise LogBroken(f"Position {entry.position} answers what was never said.") from None

    def touched(self, entries: Iterable[_Entry]) -> Collection[Anchor]:
        """The records that these name."""
        return {anchor.record: anchor for entry in entries for anchor in self.anchors(entry)}.values()

    def everybody(self) -> Collection[Anchor]:
        """The records that anything that is known names."""
        return self.touched(self._entries.values())

    def placed(self, touched: Collection[Anchor]) -> dict[str, Placed]:
        return self._placed(touched, self._linkage, [entry for _, entry in sorted(self._entries.items())])

    def moved(self, new: Collection[int]) -> Iterator[Moved]:
        """What each of the entries at these positions came to."""
        for entries in self._apart():
            said = Linkage()
            for number, entry in enumerate(entries, start=1):
                said = fold([(entry.position, entry.event)], said)
                if entry.position in new:
                    placed = self._placed(self.anchors(entry), said, entries[:number])
                    yield Moved(entry.position, entry.at, placed)

    def _apart(self) -> Iterable[list[_Entry]]:
        """The entries in order, those apart that have no record in common, nor through others."""
        head: dict[str, str] = {}

        def head_of(record: str) -> str:
            while head.setdefault(record, record) != record:
                head[record] = record = head[head[record]]
            return record

        in_order = [entry for _, entry in sorted(self._entries.items())]
        for entry in in_order:
            first, *others = (anchor.record for anchor in self.anchors(entry))
            for other in others:
                head[head_of(other)] = head_of(first)
        groups: dict[str, list[_Entry]] = {}
        for entry in in_order:
            groups.setdefault(head_of(self.anchors(entry)[0].record), []).append(entry)
        return groups.values()

    def _placed(self, touched: Collection[Anchor], linkage: Linkage, entries: Sequence[_Entry]) -> dict[str, Placed]:
        students = clusters(linkage, touched)
        shown = {students.student_of[anchor.record] for anchor in touched}
        last: dict[str, _Entry] = {}
        for entry in entries:
            for anchor in self.anchors(entry):
                if (student_id := students.student_of.get(anchor.record)) is not None:
                    last[student_id] = entry
        return {
            anchor.record: Placed(
                anchor.record, anchor.student_id, student_id, last[student_id].position, last[student_id].at
            )
            for student_id in shown
            for anchor in students.members[student_id]
        }

    def _add(self, entries: Iterable[_Entry]) -> None:
        added = {entry.position: entry for entry in entries if entry.position not in self._entries}
        self._entries |= added
        self._linkage = fold(((entry.position, entry.event) for entry in added.values()), self._linkage)


class _Memory(_Heard):
    """That of the records that a batch concerns, as the tables keep it; no record is read in part."""

    def __init__(self, cursor: psycopg.Cursor[Any], schema: str) -> None:
        super().__init__()
        self._cursor = cursor
        self._schema = schema
        self._loaded: set[str] = set()

    def load(self, student_ids: Iterable[str]) -> None:
        """Read the states of the records that minted these ids, where they are not read yet."""
        wanted = sorted(set(student_ids) - self._loaded)
        if not wanted:
            return
        self._loaded.update(wanted)
        rows = self._cursor.execute(statement(_LOAD, self._schema), (texts(wanted),), prepare=False, binary=True)
        self._add(_entry(_decode(body)) for (body,) in rows)

    def neighbours(self) -> set[str]:
        """Ids minted by records that a live edge leads to, and whose states are not read yet."""
        ends = chain.from_iterable((edge.left, edge.right) for edge in live_edges(self._linkage))
        return {anchor.student_id for anchor in ends} - self._loaded

    def write(self, new: Sequence[_Entry]) -> None:
        """Keep what is new in the state of every record that it names."""
        named = [(anchor.student_id, entry.position) for entry in new for anchor in self.anchors(entry)]
        execute = self._cursor.execute
        execute(
            statement(_WRITE, self._schema),
            (int8s([entry.position for entry in new]), byteas([_kept(entry) for entry in new])),
        )
        execute(statement(_NAME, self._schema), (texts([one for one, _ in named]), int8s([at for _, at in named])))


def _name(event: LinkageEvent) -> tuple[str, str]:
    """What is the same of every copy, and of nothing else."""
    match event:
        case DeclaredNotSame():
            return "declaration", event.declaration
        case DeclarationWithdrawn():
            return "withdrawal", event.declaration
        case RecordLinked() | StudentsMerged() | RecordsSplit() | ActReversed():
            return "act", event.act
        case _:
            raise LogBroken(f"A linkage stream holds {event.topic}.")


def _kept(entry: _Entry) -> bytes:
    event = msgspec.structs.replace(entry.event, reason=None, case=None)
    return _encode(_Said(entry.position, entry.at, event.topic, msgspec.Raw(_encode(event))))


def _entry(said: _Said) -> _Entry:
    return _Entry(said.position, said.at, _DECODE[said.topic].decode(said.event))


_PREFIX: Final = len("linkage/")
_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(_Said).decode
_DECODE: Final[dict[str, msgspec.msgpack.Decoder[Any]]] = {
    topic: msgspec.msgpack.Decoder(event) for topic, event in EVENTS.items() if event in ALL
}
_LOAD: LiteralString = """
select body from {schema}.linkage
where position in (select position from {schema}.linkage_of where student_id = any(%s))
order by position
"""
_WRITE: LiteralString = "insert into {schema}.linkage select * from unnest(%s::bigint[], %s::bytea[])"
_NAME: LiteralString = "insert into {schema}.linkage_of select * from unnest(%s::text[], %s::bigint[])"
