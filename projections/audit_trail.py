"""Read model ``audit_trail``: who did what to a student's records, when, why and from which file, one line an event.

The one invariant: one line for each event of the streams of records, of their linkage and of cases, whatever became of
it, and one for each destruction of a record or a class of it; a student's trail is the lines of the streams of the
records that it holds, and, where they are asked for, of those that it held, as long as it did. Of what can no longer be
opened the line keeps its place, instant and topic, and nothing else. Codes and values are kept, and sentences made of
them when they are read, in the reader's language.

Where records are is told by linkage alone, act by act (``projections.linked``). Of a case that is judged blind nothing
is told while it is.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any, Final, LiteralString, NamedTuple

import msgspec
import psycopg
from msgspec.structs import replace

from ledger.cases import judged_blind
from ledger.events import Erased, Event, Recorded, Sealed
from ledger.events import case as case_events
from ledger.events import record as record_events
from ledger.events.case import CaseClosed, CaseOpened, Link
from ledger.events.linkage import (
    ActReversed,
    DeclarationWithdrawn,
    DeclaredNotSame,
    LinkageEvent,
    RecordLinked,
)
from ledger.events.record import RecordOpened
from ledger.events.retention import KeyDestroyed
from ledger.store.arrays import texts
from projections import linked
from projections.gone import Gone
from projections.life_cycle import CODES, OPPOSITE
from projections.projection import Projection, statement

# -- table

TABLES = (
    linked.TABLES
    + """
create table {schema}.lines (
    stream      text collate "C" not null,
    position    bigint not null,
    recorded_at timestamptz not null,
    topic       text collate "C" not null,
    code        text collate "C" not null,
    actor       text,
    reason      text,
    submission  text collate "C",
    cause       bigint,
    said        text collate "C",
    body        bytea,
    sealed      bytea,
    primary key (stream, position)
) with (toast_tuple_target = 8160);
comment on table {schema}.lines is 'One line for each event of the streams of records, linkage and cases.';
comment on column {schema}.lines.code is 'Of ISO/TS 21089: which event in the life of a record it is.';
comment on column {schema}.lines.cause is 'Position of the event that a reactor answered.';
comment on column {schema}.lines.said is 'What the copies of an act or declaration have in common.';
comment on column {schema}.lines.body is 'The event, as JSON; null where it cannot be opened any more.';
comment on column {schema}.lines.sealed is 'Words of a person under a key of their own, as the event holds them.';

create table {schema}.records (
    record           text collate "C" primary key,
    minted           text collate "C" not null,
    state            text collate "C",
    state_student_id text collate "C"
);
comment on table {schema}.records is 'Every record, by the id that it minted.';
comment on column {schema}.records.state is 'Null where its opening cannot be opened any more.';
create index records_minting on {schema}.records (minted);

create table {schema}.stays (
    record     text collate "C" not null,
    came       bigint not null,
    came_at    timestamptz not null,
    student_id text collate "C" not null,
    went       bigint,
    went_at    timestamptz,
    primary key (record, came)
);
comment on table {schema}.stays is 'Of which student a record was, from one act to another.';
comment on column {schema}.stays.came is 'Position of its opening, or of the act that brought it.';
comment on column {schema}.stays.went is 'Position of the act that took it away; null where it is there now.';
create index stays_of_student on {schema}.stays (student_id);

create table {schema}.cases (
    case_id  text collate "C" primary key,
    next     text collate "C",
    withheld boolean not null
);
comment on column {schema}.cases.withheld is 'Judged blind, and not settled yet.';
create index cases_next on {schema}.cases (next) where withheld;
create table {schema}.cases_of (
    record  text collate "C" not null,
    case_id text collate "C" not null,
    primary key (record, case_id)
);
comment on table {schema}.cases_of is 'Which cases are about a record.';

alter table {schema}.lines alter column actor set statistics 0;
alter table {schema}.lines alter column reason set statistics 0;
alter table {schema}.lines alter column body set statistics 0;
alter table {schema}.lines alter column sealed set statistics 0;
alter table {schema}.records alter column state_student_id set statistics 0;
"""
)


class Row(NamedTuple):
    """A line as the table keeps it."""

    stream: str
    position: int
    recorded_at: datetime
    topic: str
    code: str
    actor: str | None
    reason: str | None
    submission: str | None
    cause: int | None
    said: str | None
    body: bytes | None
    sealed: bytes | None


class SealedWords(msgspec.Struct, array_like=True, frozen=True, gc=False):
    """What it takes to open a person's words when they are read: they go with their key, and not with this line."""

    event_id: str
    words: Sealed


# -- fold


def row_of(recorded: Recorded) -> Row:
    """The line of one event. Of a reversal the code is told by what it reverses (``fold``)."""
    event, meta = recorded.event, recorded.meta
    if type(event) is Erased:
        code = CODES[event.was].code
        return Row(recorded.stream, recorded.position, recorded.recorded_at, event.was, code, *(None,) * 7)
    said = sealed = None
    reason = meta.reason
    if isinstance(event, LinkageEvent):
        said = _said(event)
        if event.reason is not None:
            sealed = _seal(SealedWords(recorded.event_id, event.reason))
            event = replace(event, reason=None)
    return Row(
        recorded.stream,
        recorded.position,
        recorded.recorded_at,
        event.topic,
        CODES[event.topic].code,
        meta.actor,
        reason,
        meta.submission,
        meta.cause,
        said,
        _encode(_short(event)),
        sealed,
    )


def fold(cursor: psycopg.Cursor[Any], schema: str, batch: Sequence[Recorded]) -> None:
    """Write the lines of a batch, the records that it opens, where records went, and which cases are about them."""
    batch = [recorded for recorded in batch if recorded.stream.startswith(_STREAMS)]
    rows = [row_of(recorded) for recorded in batch]
    if any(recorded.topic == ActReversed.topic for recorded in rows):
        rows = _with_opposites(cursor, schema, batch, rows)
    _write(cursor, schema, rows)
    opened = [recorded for recorded in batch if type(recorded.event) is RecordOpened]
    if opened:
        _open(cursor, schema, opened)
    acts = [recorded for recorded in batch if type(recorded.event) in linked.ACTS]
    if acts:
        _move(cursor, schema, linked.moved_by(cursor, schema, acts))
    _hear_cases(cursor, schema, batch)


def follow(cursor: psycopg.Cursor[Any], schema: str, gone: Gone, left: Sequence[Recorded]) -> None:
    """Of what opens no more the lines keep place, instant and topic; a record that went keeps the ids by which it is
    found, and where it was; a case that went is about nothing."""
    streams = texts([stream for stream in gone.streams if stream.startswith((*_STREAMS, _RETENTION))])
    cursor.execute(statement("delete from {schema}.lines where stream = any(%s)", schema), (streams,), prepare=False)
    # That it went is among what is left: it stands in a stream of its own beside the record's.
    told = (one for one in left if one.stream.startswith(_STREAMS) or type(one.event) is KeyDestroyed)
    _write(cursor, schema, [row_of(recorded) for recorded in told])
    for text in (_DELETE_CASES, _DELETE_CASES_OF):
        cursor.execute(statement(text, schema), (texts(gone.cases),), prepare=False)
    open_still = {recorded.stream[_RECORD:] for recorded in left if type(recorded.event) is RecordOpened}
    for record, went in gone.records.items():
        if record not in open_still and went.minted is not None:
            cursor.execute(statement(_LOSE_RECORD, schema), (record, went.minted))
            cursor.execute(statement(_LOSE_STAY, schema), (record, went.minted, f"record/{record}", record))


def _write(cursor: psycopg.Cursor[Any], schema: str, rows: Iterable[Row]) -> None:
    with cursor.copy(statement(_COPY, schema)) as copy:
        copy.set_types(_TYPES)
        for row in rows:
            copy.write_row(row)


def _short(event: Event) -> Event:
    """Without what the trail does not tell: how a policy weighed, and how long each office has."""
    if isinstance(event, RecordLinked):
        return event if event.decision is None else replace(event, decision=None)
    if isinstance(event, CaseOpened):
        proposal = event.proposal
        if isinstance(proposal, Link) and proposal.decision is not None:
            proposal = replace(proposal, decision=None)
        return replace(event, proposal=proposal, asked=[replace(asked, steps=[]) for asked in event.asked])
    return event


def _said(event: LinkageEvent) -> str:
    """What is the same of every copy, and of nothing else."""
    if isinstance(event, DeclaredNotSame):
        return event.declaration
    if isinstance(event, DeclarationWithdrawn):
        return f"{event.declaration} withdrawn"
    return event.act  # type: ignore[attr-defined] - every other one is an act


def _with_opposites(
    cursor: psycopg.Cursor[Any], schema: str, batch: Sequence[Recorded], rows: Sequence[Row]
) -> list[Row]:
    """The lines, where a reversal has the opposite code of what it takes back, which stands in the same stream."""
    codes = {row.said: row.code for row in rows if row.said is not None and row.topic != ActReversed.topic}
    reversals = [recorded.event for recorded in batch if type(recorded.event) is ActReversed]
    wanted = sorted({event.reverses for event in reversals} - codes.keys())
    streams = sorted({f"linkage/{act.partition('-')[0]}" for act in wanted})
    if wanted:
        found = cursor.execute(statement(_CODES, schema), (texts(streams), texts(wanted)), prepare=False)
        codes.update(found.fetchall())
    for event in reversals:  # in order, since a reversal may be reversed
        codes[event.act] = OPPOSITE.get(codes.get(event.reverses, ""), CODES[ActReversed.topic].code)
    return [
        row._replace(code=codes[row.said]) if row.topic == ActReversed.topic and row.said is not None else row
        for row in rows
    ]


def _open(cursor: psycopg.Cursor[Any], schema: str, opened: Iterable[Recorded]) -> None:
    with cursor.copy(statement(_COPY_RECORDS, schema)) as copy:
        copy.set_types(("text", "text", "text", "text"))
        for recorded in opened:
            event = recorded.event
            assert isinstance(event, RecordOpened)
            copy.write_row((recorded.stream[_RECORD:], event.student_id, event.state, event.state_student_id))
    with cursor.copy(statement(_COPY_STAYS, schema)) as copy:
        copy.set_types(("text", "int8", "timestamptz", "text"))
        for recorded in opened:
            assert isinstance(recorded.event, RecordOpened)
            student_id = recorded.event.student_id
            copy.write_row((recorded.stream[_RECORD:], recorded.position, recorded.recorded_at, student_id))


class _Stay(msgspec.Struct):
    came: int
    came_at: datetime
    student_id: str
    went: int | None = None
    went_at: datetime | None = None


def _move(cursor: psycopg.Cursor[Any], schema: str, moved: Sequence[linked.Moved]) -> None:
    """Let records go from one student to another, act by act."""
    places = {place.record: place for act in moved for place in act.placed.values()}
    stays: dict[str, list[_Stay]] = {}
    names = texts(sorted(places))
    for record, came, came_at, student_id in cursor.execute(statement(_STAYS, schema), (names,), prepare=False):
        stays[record] = [_Stay(came, came_at, student_id)]
    lost = places.keys() - stays.keys()
    if lost:
        # Their openings cannot be opened any more; they go on joining others.
        streams = texts(sorted(f"record/{record}" for record in lost))
        for stream, came, came_at in cursor.execute(statement(_FIRST, schema), (streams,), prepare=False).fetchall():
            record = stream[_RECORD:]
            stays[record] = [_Stay(came, came_at, places[record].minted)]
        minted = [(record, places[record].minted) for record in sorted(lost & stays.keys())]
        cursor.executemany(statement("insert into {schema}.records (record, minted) values (%s, %s)", schema), minted)
    for act in moved:
        for place in act.placed.values():
            known = stays.get(place.record)
            if known is None or known[-1].student_id == place.student_id:
                continue
            known[-1].went, known[-1].went_at = act.position, act.at
            known.append(_Stay(act.position, act.at, place.student_id))
    changed = [
        (record, stay.came, stay.came_at, stay.student_id, stay.went, stay.went_at)
        for record, known in stays.items()
        if len(known) > 1 or record in lost
        for stay in known
    ]
    cursor.executemany(statement(_WRITE_STAY, schema), changed)


def _hear_cases(cursor: psycopg.Cursor[Any], schema: str, batch: Sequence[Recorded]) -> None:
    opened = [(r.stream[_CASE:], r.event) for r in batch if type(r.event) is CaseOpened]
    if opened:
        cursor.executemany(
            statement("insert into {schema}.cases (case_id, withheld) values (%s, %s)", schema),
            [(name, judged_blind(event)) for name, event in opened],
        )
        cursor.executemany(
            statement("insert into {schema}.cases_of (record, case_id) values (%s, %s)", schema),
            [
                (record, name)
                for name, event in opened
                for record in dict.fromkeys(concerned.anchor.record for concerned in event.records)
            ],
        )
    closed = {r.stream[_CASE:]: None for r in batch if type(r.event) is Erased and r.event.was == CaseClosed.topic}
    closed |= {r.stream[_CASE:]: r.event.next for r in batch if type(r.event) is CaseClosed}
    if closed:
        # A case that goes on in another is judged blind until that is settled too.
        goes_on = [(after, name) for name, after in closed.items() if after is not None]
        cursor.executemany(
            statement("update {schema}.cases set next = %s where case_id = %s and withheld", schema), goes_on
        )
        over = texts(sorted(name for name, after in closed.items() if after is None))
        cursor.execute(statement(_TOLD, schema), (over, over), prepare=False)


def event_of(topic: str, body: bytes | None) -> Event:
    """What a line tells: the event, or ``Erased``."""
    return Erased(was=topic) if body is None else _DECODE[topic].decode(body)


_RECORD: Final = len("record/")
_CASE: Final = len("case/")
_STREAMS: Final = ("record/", "linkage/", "case/")
_RETENTION: Final = "retention/"
_encode = msgspec.json.Encoder().encode
_seal = msgspec.msgpack.Encoder().encode
unsealed = msgspec.msgpack.Decoder(SealedWords).decode
_OF: Final = (*record_events.EVENTS, *linked.ALL, *case_events.EVENTS)
_TOLD_EVENTS: Final = (*_OF, KeyDestroyed)
_DECODE: Final[dict[str, msgspec.json.Decoder[Any]]] = {
    event.topic: msgspec.json.Decoder(event) for event in _TOLD_EVENTS
}
_COPY: LiteralString = (
    "copy {schema}.lines (stream, position, recorded_at, topic, code, actor, reason, submission, cause, said, body,"
    " sealed) from stdin (format binary)"
)
_TYPES: Final = (
    "text", "int8", "timestamptz", "text", "text", "text", "text", "text", "int8", "text", "bytea", "bytea"
)  # fmt: skip
_COPY_RECORDS: LiteralString = (
    "copy {schema}.records (record, minted, state, state_student_id) from stdin (format binary)"
)
_COPY_STAYS: LiteralString = "copy {schema}.stays (record, came, came_at, student_id) from stdin (format binary)"
_CODES: LiteralString = "select distinct said, code from {schema}.lines where stream = any(%s) and said = any(%s)"
_STAYS: LiteralString = (
    "select record, came, came_at, student_id from {schema}.stays where record = any(%s) and went is null"
)
_FIRST: LiteralString = (
    "select stream, min(position), min(recorded_at) from {schema}.lines where stream = any(%s) group by stream"
)
_DELETE_CASES: LiteralString = "delete from {schema}.cases where case_id = any(%s)"
_DELETE_CASES_OF: LiteralString = "delete from {schema}.cases_of where case_id = any(%s)"
_LOSE_RECORD: LiteralString = (
    "insert into {schema}.records (record, minted) values (%s, %s)"
    " on conflict (record) do update set state = null, state_student_id = null"
)
_LOSE_STAY: LiteralString = (
    "insert into {schema}.stays (record, came, came_at, student_id) select %s, position, recorded_at, %s"
    " from {schema}.lines where stream = %s and not exists (select from {schema}.stays where record = %s)"
    " order by position limit 1"
)
_WRITE_STAY: LiteralString = (
    "insert into {schema}.stays (record, came, came_at, student_id, went, went_at) values (%s, %s, %s, %s, %s, %s)"
    " on conflict (record, came) do update set went = excluded.went, went_at = excluded.went_at"
)
_TOLD: LiteralString = (
    "update {schema}.cases set withheld = false where withheld and (case_id = any(%s) or next = any(%s))"
)


PROJECTION = Projection(
    name="audit_trail",
    version=1,
    log="ledger",
    events=frozenset({*_OF, Erased}),
    tables=TABLES,
    keys={
        "lines": "stream, position",
        "records": "record",
        "stays": "record, came",
        "cases": "case_id",
        "cases_of": "record, case_id",
        **linked.KEYS,
    },
    fold=lambda: fold,
    follow=follow,
)
