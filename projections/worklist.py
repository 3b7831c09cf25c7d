"""Read model ``worklist``: what a person must settle, before whom each case lies, and until when.

The one invariant: one row for each case that was ever opened, open ones told from closed ones, and one for each state
that is asked in it. Which of a student's ids is shown comes from linkage, and is that of now also where the case was
opened long ago. What is due is a day: who reads compares it with his. A case whose key was destroyed is not there. Of a
case that is judged blind nothing leaves here, while it is open, but the two records that it asks about.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime
from typing import Any, Final, LiteralString, NamedTuple

import msgspec
import psycopg
from psycopg.rows import tuple_row

from ledger.cases import BLIND_CHECK, VALIDATE_NEAR_MATCH, VALIDATES, Case, evolve, judged_blind
from ledger.events import Recorded
from ledger.events.case import EVENTS, Candidate, CaseEvent, CaseOpened, Link, Merge, Split, Step
from ledger.events.linkage import Anchor
from ledger.events.record import RecordOpened
from ledger.persons import person
from ledger.store.arrays import texts
from projections import as_of, linked
from projections.as_of import AsOf
from projections.gone import Gone
from projections.linked import Placed
from projections.projection import Projection, statement

# -- table

TABLES = (
    linked.TABLES
    + """
create table {schema}.cases (
    case_id     text collate "C" primary key,
    kind        text collate "C" not null,
    opened      bigint not null,
    turn        bigint not null,
    opened_at   timestamptz not null,
    proposed_by text collate "C" not null,
    due_on      date,
    outcome     text collate "C",
    code        text collate "C",
    act         text collate "C",
    next        text collate "C",
    closed_at   timestamptz,
    position    bigint not null,
    records     text[] collate "C" not null,
    body        bytea not null
);
comment on table {schema}.cases is 'Every case; the worklist is those without an outcome.';
comment on column {schema}.cases.opened is 'Position of its first event, at opened_at.';
comment on column {schema}.cases.turn is 'Its place among the open ones: as they were opened, blind checks last.';
comment on column {schema}.cases.proposed_by is 'As two names are compared: small letters.';
comment on column {schema}.cases.due_on is 'Of the part that is due first; null where nobody is waited for.';
comment on column {schema}.cases.position is 'Of its last event.';
comment on column {schema}.cases.records is 'That it is about, by uuid.';
comment on column {schema}.cases.body is 'The case with all its words: the fold''s own state.';
create unique index cases_open on {schema}.cases (turn) where outcome is null;
create index cases_closed on {schema}.cases (position) where outcome is not null;
create index cases_by_record on {schema}.cases using gin (records);

create table {schema}.parts (
    case_id  text collate "C" not null,
    state    text collate "C" not null,
    level    text collate "C" not null,
    region   text collate "C",
    district text collate "C",
    names    text[] collate "C" not null,
    due_on   date not null,
    overdue  boolean not null,
    answered boolean not null,
    primary key (case_id, state)
);
comment on table {schema}.parts is 'Before whom a case lies, for each state that is asked.';
comment on column {schema}.parts.names is 'Who was named there, as two names are compared; nobody is everybody.';
comment on column {schema}.parts.due_on is 'Last day of the level that the time has come to.';

create table {schema}.records (
    record           text collate "C" primary key,
    state_student_id text collate "C",
    student_id       text collate "C" not null
);
comment on table {schema}.records is 'Every record, to name those of a case.';
comment on column {schema}.records.state_student_id is 'Null where its opening cannot be opened any more.';
comment on column {schema}.records.student_id is 'The student that the record belongs to now.';

alter table {schema}.cases alter column body set statistics 0;
alter table {schema}.records alter column state_student_id set statistics 0;
"""
)


class Named(NamedTuple):
    """A record as its state names it. state_student_id: None where its opening cannot be opened any more. student_id:
    shown for it now; None in a case that is open and judged blind."""

    record: str
    state: str
    state_student_id: str | None
    student_id: str | None


class Listed(NamedTuple):
    """A case, with the records that it is about. opened, position: of its first and its last event. closed_at: None
    while it is open. names: every record that is concerned, those that the question names first. blind: whether it
    is judged by two records alone and that is not over: then these are all that is named, and nobody may be told what
    it proposes."""

    case_id: str
    case: Case
    opened: int
    opened_at: datetime
    closed_at: datetime | None
    position: int
    names: Mapping[str, Named]
    blind: bool

    def side(self, anchor: Anchor | None) -> Named | None:
        """A side of the question, by its record; None where there is none."""
        return None if anchor is None else self.names.get(anchor.record)


class Urgency(NamedTuple):
    """Where an open case stands among those that an office has to answer, as ``urgent`` has them. due: last day of the
    office's own part; None where that is answered. turn: as it was opened, blind checks behind all others."""

    due: date | None
    turn: int


# -- what a case comes to


def sides_of(opened: CaseOpened) -> tuple[Anchor | None, Anchor | None]:
    """The two records that a question is about: of a near match the record and the member with the best score, of a
    merge the two that minted the ids, of a split the first of the first two parts, of what is judged blind the two
    that it names first. Else the first record concerned."""
    if judged_blind(opened):
        return opened.records[0].anchor, opened.records[1].anchor
    match opened.proposal:
        case Link() as link:
            return link.record, link.candidates[0].member
        case Merge() as merge:
            return merge.left, merge.right
        case Split() as split if len(split.groups) > 1:
            return split.groups[0][0], split.groups[1][0]
        case _:
            return (opened.records[0].anchor if opened.records else None), None


def candidates_of(opened: CaseOpened) -> Sequence[Candidate]:
    """The records that the one of a near match may be linked to, best first; none for any other kind."""
    return opened.proposal.candidates if isinstance(opened.proposal, Link) else ()


def score_of(opened: CaseOpened) -> float | None:
    """The best score of a near match, in bits."""
    return next((candidate.score for candidate in candidates_of(opened)), None)


def turn_of(kind: str, opened: int) -> int:
    """The place of an open case: a blind check, which is nobody's need, stands behind all others."""
    return opened + _BLIND_LAST if kind == BLIND_CHECK else opened


def due_of(case: Case) -> Step | None:
    """Until when the states that have yet to answer have it, by the one whose level is over first; None where nobody
    is waited for."""
    waiting = case.unanswered().values() if case.closed is None else ()
    return min((part.asked.steps[part.step] for part in waiting), key=lambda step: step.due, default=None)


# -- fold


class _Told(msgspec.Struct):
    """A case as the batch leaves it. at: when its last event was recorded."""

    case: Case
    opened: int
    opened_at: datetime
    position: int
    at: datetime


def fold(cursor: psycopg.Cursor[Any], schema: str, batch: Sequence[Recorded]) -> None:
    """Write the records that a batch opens or moves, and each case that it touches once."""
    said, acts = linked.apart(batch)
    placed = linked.placed_by(cursor, schema, acts)
    _write_records(cursor, schema, said, placed)
    heard = [recorded for recorded in said if isinstance(recorded.event, CaseEvent)]
    if heard:
        told = hear(heard, _load(cursor, schema, heard))
        cursor.executemany(statement(_WRITE, schema), [_row(name, one) for name, one in told.items()])
        cursor.executemany(
            statement(_WRITE_PART, schema), [row for name, one in told.items() for row in _parts(name, one.case)]
        )


def follow(cursor: psycopg.Cursor[Any], schema: str, gone: Gone, left: Sequence[Recorded]) -> None:
    """Cases that went are not there any more; a record that went, without its state's id, where linkage names it."""
    for text in (_DELETE_CASES, _DELETE_PARTS):
        cursor.execute(statement(text, schema), (texts(gone.cases),), prepare=False)
    cursor.execute(statement(_DELETE_RECORDS, schema), (texts(sorted(gone.records)),), prepare=False)
    placed = linked.placed_now(cursor, schema, gone.minted())
    _write_records(cursor, schema, left, {name: placed[name] for name in gone.records if name in placed})


def hear(heard: Iterable[Recorded], told: dict[str, _Told]) -> dict[str, _Told]:
    """The cases that a batch touches, as they are after it. told: those of them that were there before."""
    for recorded in heard:
        name = recorded.stream[_PREFIX:]
        known = told.get(name)
        if known is None:
            if isinstance(recorded.event, CaseOpened):
                at = recorded.recorded_at
                told[name] = _Told(evolve(None, recorded.event), recorded.position, at, recorded.position, at)
            continue  # else its opening cannot be opened any more, so there is no case
        known.case = evolve(known.case, recorded.event)
        known.position, known.at = recorded.position, recorded.recorded_at
    return told


def _write_records(
    cursor: psycopg.Cursor[Any], schema: str, said: Iterable[Recorded], placed: Mapping[str, Placed]
) -> None:
    # Nothing stands for null: a record that linkage moves has its row, unless its opening could not be opened.
    rows = {
        recorded.stream[len("record/") :]: (recorded.event.state_student_id, recorded.event.student_id)
        for recorded in said
        if isinstance(recorded.event, RecordOpened)
    }
    for place in placed.values():
        rows[place.record] = (rows.get(place.record, ("", ""))[0], place.student_id)
    if rows:
        columns = (texts(list(rows)), *(texts(list(column)) for column in zip(*rows.values(), strict=True)))
        cursor.execute(statement(_WRITE_RECORDS, schema), columns)


def _load(cursor: psycopg.Cursor[Any], schema: str, heard: Iterable[Recorded]) -> dict[str, _Told]:
    names = sorted({recorded.stream[_PREFIX:] for recorded in heard})
    rows = cursor.execute(statement(_LOAD, schema), (texts(names),), prepare=False, binary=True)
    return {name: _Told(_decode(body), opened, at, position, at) for name, opened, at, position, body in rows}


def _row(name: str, told: _Told) -> tuple[Any, ...]:
    case, closed, due = told.case, told.case.closed, due_of(told.case)
    said = (None,) * 5 if closed is None else (closed.outcome, closed.code, closed.act, closed.next, told.at)
    return (
        name,
        case.kind,
        told.opened,
        turn_of(case.kind, told.opened),
        told.opened_at,
        person(case.opened.proposed_by),
        None if due is None else date.fromisoformat(due.due_on),
        *said,
        told.position,
        [concerned.anchor.record for concerned in case.opened.records],
        _encode(case),
    )


def _parts(name: str, case: Case) -> list[tuple[Any, ...]]:
    return [
        (
            name,
            state,
            part.place.level,
            part.place.region,
            part.place.district,
            [person(one) for one in part.names],
            date.fromisoformat(part.asked.steps[part.step].due_on),
            part.overdue,
            part.answer is not None or case.waits is not None,
        )
        for state, part in case.parts.items()
    ]


_PREFIX: Final = len("case/")
_BLIND_LAST: Final = 2**59
"""Beyond every position, and short enough for a cursor."""
_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(Case).decode
_LOAD: LiteralString = "select case_id, opened, opened_at, position, body from {schema}.cases where case_id = any(%s)"
_WRITE: LiteralString = """
insert into {schema}.cases (case_id, kind, opened, turn, opened_at, proposed_by, due_on, outcome, code, act, next,
    closed_at, position, records, body)
values (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)
on conflict (case_id) do update
set due_on = excluded.due_on, outcome = excluded.outcome, code = excluded.code, act = excluded.act,
    next = excluded.next, closed_at = excluded.closed_at, position = excluded.position, body = excluded.body
"""
_WRITE_PART: LiteralString = """
insert into {schema}.parts (case_id, state, level, region, district, names, due_on, overdue, answered)
values (%s, %s, %s, %s, %s, %s, %s, %s, %s)
on conflict (case_id, state) do update
set level = excluded.level, region = excluded.region, district = excluded.district, names = excluded.names,
    due_on = excluded.due_on, overdue = excluded.overdue, answered = excluded.answered
"""
_DELETE_CASES: LiteralString = "delete from {schema}.cases where case_id = any(%s)"
_DELETE_PARTS: LiteralString = "delete from {schema}.parts where case_id = any(%s)"
_DELETE_RECORDS: LiteralString = "delete from {schema}.records where record = any(%s)"
_WRITE_RECORDS: LiteralString = """
insert into {schema}.records (record, state_student_id, student_id)
select record, nullif(state_student_id, ''), student_id
from unnest(%s::text[], %s::text[], %s::text[]) as n (record, state_student_id, student_id)
on conflict (record) do update set student_id = excluded.student_id
"""

# -- queries


class Wanted(NamedTuple):
    """Which cases are asked for; None is every one. kind: of ``ledger.cases.KINDS``. state, region, district: before
    whose office a part of it lies, and a region's districts are its own. name: of somebody there for whom it waits:
    nobody else was named, the state has yet to answer, and he may. open: those that wait, or those that are settled.
    """

    state: str | None = None
    region: str | None = None
    district: str | None = None
    kind: str | None = None
    name: str | None = None
    open: bool = True


_SELECT: LiteralString = (
    "select c.case_id, c.turn, c.opened, c.opened_at, c.closed_at, c.position, c.body, k.records, k.ids, k.students,"
    " exists (select from worklist.cases n where n.case_id = c.next and n.outcome is null"
    f" and n.kind = '{VALIDATE_NEAR_MATCH}') as is_validated"
    " from worklist.cases c cross join lateral (select array_agg(r.record) as records,"
    " array_agg(r.state_student_id) as ids, array_agg(r.student_id) as students"
    " from worklist.records r where r.record = any(c.records)) as k"
)
_WANTED: LiteralString = (
    "(%(kind)s::text is null or c.kind = %(kind)s)"
    " and (%(name)s::text is null or c.kind <> all(%(validates)s) or c.proposed_by <> %(name)s)"
    " and exists (select from worklist.parts p where p.case_id = c.case_id"
    " and (%(state)s::text is null or p.state = %(state)s)"
    " and (%(region)s::text is null or p.region = %(region)s)"
    " and (%(district)s::text is null or p.district = %(district)s)"
    " and (%(name)s::text is null or (not p.answered and (p.names = '{}' or %(name)s = any(p.names)))))"
)
OPEN = as_of.query(
    "worklist",
    "cases",
    f"{_SELECT} where c.outcome is null and c.turn > %(after)s and {_WANTED} order by c.turn limit %(limit)s",
    " order by found.turn",
)
CLOSED = as_of.query(
    "worklist",
    "cases",
    f"{_SELECT} where c.outcome is not null and c.position < %(after)s and {_WANTED}"
    " order by c.position desc limit %(limit)s",
    " order by found.position desc",
)
ONE = as_of.query("worklist", "cases", f"{_SELECT} where c.case_id = %s")
ABOUT = as_of.query("worklist", "cases", f"{_SELECT} where c.records && %s::text[]", " order by found.opened")
# Of several states asked, what is urgent for an office is its own part: a case that its state has answered stands last.
_DUE: LiteralString = (
    "(select min(p.due_on) from worklist.parts p where p.case_id = c.case_id and not p.answered"
    " and (%(state)s::text is null or p.state = %(state)s))"
)
URGENT = as_of.query(
    "worklist",
    "cases",
    f"select u.*, row_number() over (order by u.kind = '{BLIND_CHECK}', u.due nulls last, u.turn) as place from ("
    f"{_SELECT.replace(' from worklist.cases c', f', c.kind, {_DUE} as due from worklist.cases c', 1)}"
    f" where c.outcome is null and {_WANTED}) as u"
    f" where %(turn)s::bigint is null or (u.kind = '{BLIND_CHECK}', coalesce(u.due, 'infinity'), u.turn)"
    " > (%(blind)s, coalesce(%(due)s::date, 'infinity'), %(turn)s::bigint) order by place limit %(limit)s",
    " order by found.place",
)
_COUNT: LiteralString = f"select count(*) from worklist.cases c where c.outcome is null and {_WANTED}"


async def page(
    conn: psycopg.AsyncConnection[Any], wanted: Wanted, *, after: int | None = None, limit: int = 100
) -> tuple[AsOf, list[Listed]]:
    """What is reflected, and cases: open ones as they were opened, blind checks behind all others; closed ones the last
    closed first.

    after: ``place`` of the last one of the page before. conn: in autocommit. Raises StoreUnavailable.
    """
    reflected, rows = await as_of.ask(conn, *_asked(wanted, after, limit))
    return reflected, [_listed(row) for row in rows]


async def urgent(
    conn: psycopg.AsyncConnection[Any], wanted: Wanted, *, after: Urgency | None = None, limit: int = 100
) -> tuple[AsOf, list[Listed]]:
    """What is reflected, and open cases, what the office's own part of is due first first; what its state has answered
    and others have yet to stands behind that, and blind checks behind all.

    after: ``urgency`` of the last one of the page before; that one may be answered by now, and nothing is left out.
    conn: in autocommit. Raises StoreUnavailable.
    """
    statement_, parameters = _asked(wanted, None, limit)
    assert statement_ is OPEN, "what is settled is not urgent"
    due, turn = after or (None, None)
    place_ = {"due": due, "turn": turn, "blind": turn is not None and turn >= _BLIND_LAST}
    reflected, rows = await as_of.ask(conn, URGENT, parameters | place_)
    return reflected, [_listed(row) for row in rows]


async def waiting(conn: psycopg.AsyncConnection[Any], wanted: Wanted) -> int:
    """How many open cases there are. conn: in autocommit. Raises psycopg.Error."""
    _, parameters = _asked(wanted, None, 0)
    row = await (await conn.cursor(row_factory=tuple_row).execute(_COUNT, parameters)).fetchone()
    assert row is not None, "a count is a row"
    return row[0]


def page_now(
    conn: psycopg.Connection[Any], wanted: Wanted, *, after: int | None = None, limit: int = 100
) -> tuple[AsOf, list[Listed]]:
    """As ``page``, for the command line."""
    reflected, rows = as_of.ask_now(conn, *_asked(wanted, after, limit))
    return reflected, [_listed(row) for row in rows]


async def one(conn: psycopg.AsyncConnection[Any], case_id: str) -> tuple[AsOf, Listed | None]:
    """What is reflected, and a case by its id, open or closed; None where there is none.

    conn: in autocommit. Raises StoreUnavailable.
    """
    reflected, rows = await as_of.ask(conn, ONE, (case_id,))
    return reflected, _listed(rows[0]) if rows else None


def one_now(conn: psycopg.Connection[Any], case_id: str) -> tuple[AsOf, Listed | None]:
    """As ``one``, for the command line."""
    reflected, rows = as_of.ask_now(conn, ONE, (case_id,))
    return reflected, _listed(rows[0]) if rows else None


def about_now(conn: psycopg.Connection[Any], records: Sequence[str]) -> tuple[AsOf, list[Listed]]:
    """What is reflected, and every case that names one of these records, open or closed, as they were opened."""
    reflected, rows = as_of.ask_now(conn, ABOUT, (list(records),))
    return reflected, [_listed(row) for row in rows]


def place(listed: Listed) -> int:
    """Where a case stands in the list that it is in: for the page behind it."""
    return turn_of(listed.case.kind, listed.opened) if listed.case.closed is None else listed.position


def urgency(listed: Listed, wanted: Wanted) -> Urgency:
    """Where an open case stands for an office: for the page behind it. wanted: as ``urgent`` was asked."""
    parts = [part for state, part in listed.case.unanswered().items() if wanted.state in (None, state)]
    days = [date.fromisoformat(part.asked.steps[part.step].due_on) for part in parts]
    return Urgency(min(days, default=None), turn_of(listed.case.kind, listed.opened))


def _asked(wanted: Wanted, after: int | None, limit: int) -> tuple[LiteralString, dict[str, Any]]:
    parameters = {
        **wanted._asdict(),
        "name": None if wanted.name is None else person(wanted.name),
        "validates": sorted(VALIDATES),
        "limit": limit,
    }
    if wanted.open:
        return OPEN, {**parameters, "after": 0 if after is None else after}
    return CLOSED, {**parameters, "after": 2**62 if after is None else after}


def _listed(row: Sequence[Any]) -> Listed:
    case_id, _, opened, opened_at, closed_at, position, body, records, ids, students, is_validated = row[:11]
    case = _decode(body)
    # Also where another person validates the answer, else he would read here what is kept from him there.
    blind = judged_blind(case.opened) and (case.closed is None or is_validated)
    known: dict[str, tuple[str | None, str]] = {
        record: (ssid, student_id)
        for record, ssid, student_id in zip(records or (), ids or (), students or (), strict=True)
    }
    names: dict[str, Named] = {}
    # Whose student a record is, and which others are, says whether the two are linked.
    for concerned in case.opened.records[: 2 if blind else None]:
        anchor = concerned.anchor
        ssid, student_id = known.get(anchor.record, (None, anchor.student_id))
        names[anchor.record] = Named(anchor.record, concerned.state, ssid, None if blind else student_id)
    return Listed(case_id, case, opened, opened_at, closed_at, position, names, blind)


PROJECTION = Projection(
    name="worklist",
    version=3,
    log="ledger",
    events=frozenset({*EVENTS, RecordOpened}) | linked.ACTS,
    tables=TABLES,
    keys={"cases": "case_id", "parts": "case_id, state", "records": "record", **linked.KEYS},
    fold=lambda: fold,
    follow=follow,
)
