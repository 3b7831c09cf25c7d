"""Read model ``students``: the consolidated record of every student, and the way from any id ever shown to it.

The one invariant: every id that was minted resolves, for ever: to the student that its record is one of now. A student
whose every record was retracted is still found, and shows that and nothing else.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import date, datetime
from typing import Any, NamedTuple

import msgspec
import psycopg
from psycopg.rows import tuple_row

from ledger.errors import LogBroken
from ledger.events import Recorded
from ledger.events.record import EVENTS, RecordEvent, RecordOpened
from ledger.store.arrays import byteas, int8s, texts
from projections import as_of, consolidation, linked
from projections.as_of import AsOf
from projections.consolidation import SECTIONS, Student, consolidate
from projections.gone import Gone
from projections.linked import NOWHERE, Placed
from projections.projection import Projection, statement
from projections.record_words import PREFIX, Record, fold_record, tell

# -- table

TABLES = (
    linked.TABLES
    + """
create table {schema}.records (
    record           text collate "C" primary key,
    student_id       text collate "C" not null,
    state            text collate "C" not null,
    state_student_id text collate "C" not null,
    status           text collate "C" not null,
    body             bytea not null
) with (toast_tuple_target = 8160);
comment on table {schema}.records is 'Per record, what its events have said, with who said it: the fold''s own state.';
comment on column {schema}.records.student_id is 'The student that the record belongs to now.';
create index records_by_state on {schema}.records (state, state_student_id) include (student_id, status);

create table {schema}.students (
    student_id text collate "C" primary key,
    records    text[] not null,
    status     text collate "C" not null,
    position   bigint not null,
    core       bytea not null,
    contacts   bytea not null,
    health     bytea not null,
    provenance bytea not null
) with (toast_tuple_target = 8160);
comment on table {schema}.students is 'The consolidated record, in sections of ready JSON.';
comment on column {schema}.students.position is 'Of the last event that touched the student, of an act its first copy.';

create table {schema}.ids (
    minted     text collate "C" primary key,
    student_id text collate "C" not null
);
comment on table {schema}.ids is 'Every student id ever minted, and the student that it shows now.';

alter table {schema}.records alter column state_student_id set statistics 0;
alter table {schema}.records alter column body set statistics 0;
alter table {schema}.students alter column core set statistics 0;
alter table {schema}.students alter column contacts set statistics 0;
alter table {schema}.students alter column health set statistics 0;
alter table {schema}.students alter column provenance set statistics 0;
"""
)
# A row stays in its page up to 8 kB: a student is read by one look, and written without squeezing it each time.


class AsKnown(NamedTuple):
    """Of a student as she was known at a point, and maybe as she was on a day. position: of the last event that counts.
    at: the instant that was asked for, else when that event was recorded, which is ``recorded_at``. erased: events that
    cannot be opened any more, and are left out. kept_now: of each student who holds one of the records now, the states
    that keep a record of her."""

    position: int
    at: datetime
    recorded_at: datetime
    effective_on: date | None
    erased: int
    kept_now: list[list[str]]


class StudentRow(NamedTuple):
    """asked: the id that was asked for; student_id: the one that is shown. position: of the last event that touched
    the student. sections: name to ready JSON. as_of: what the read model reflected when this was read. known: where it
    is not what is known now (``projections.past``)."""

    asked: str
    student_id: str
    records: list[str]
    status: str
    position: int
    sections: dict[str, bytes]
    as_of: AsOf
    known: AsKnown | None = None


class ListedRecord(NamedTuple):
    state: str
    state_student_id: str
    student_id: str
    record: str


class Name(msgspec.Struct, frozen=True):
    """What a child is called, and when she was born, as it was said last; None where it was not said."""

    first_name: str | None = None
    middle_name: str | None = None
    last_name_1: str | None = None
    last_name_2: str | None = None
    suffix: str | None = None
    birth_date: str | None = None


class Named(NamedTuple):
    """records: uuids of the student's, from which the name is told."""

    name: Name
    records: list[str]


class Count(NamedTuple):
    """state: USPS code. status: of the records, ``open`` or ``retracted``."""

    state: str
    status: str
    records: int


# -- fold

_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(Record).decode
_name_in = msgspec.json.Decoder(Name).decode
_REMEMBERED_STUDENTS_MAX = 2_000


class Heard(NamedTuple):
    """What a batch changed, as it is after it. gone: ids that no student shows any more."""

    records: list[Record]
    students: list[Student]
    gone: list[str]


class StudentsFold:
    """Folds a batch: loads the students that it touches and that are not remembered, lets their records hear it, puts
    each record to the student that it is one of now, writes each touched record and student once."""

    def __init__(self) -> None:
        self._members: OrderedDict[str, dict[str, Record]] = OrderedDict()
        """Student id to the student's records: whole students only."""
        self._student_of: dict[str, str] = {}

    def __call__(self, cursor: psycopg.Cursor[Any], schema: str, batch: Sequence[Recorded]) -> None:
        said, linkage = linked.apart(batch)
        placed = linked.placed_by(cursor, schema, linkage)
        self._load(cursor, schema, {recorded.stream[PREFIX:] for recorded in said}.union(placed))
        self._write(cursor, schema, self.hear(said, placed), placed)
        self._trim()

    def follow(self, cursor: psycopg.Cursor[Any], schema: str, gone: Gone, left: Sequence[Recorded]) -> None:
        """Of records that went, what still opens; their students are told anew, with what else they hold. Who was
        joined stays joined, and every id leads where it led. For a fold that remembers nothing."""
        of_themselves = {
            name: Placed(name, went.minted, went.minted, went.position, went.at)
            for name, went in gone.records.items()
            if went.minted is not None
        }
        placed = {**of_themselves, **linked.placed_now(cursor, schema, gone.minted())}
        self._load(cursor, schema, {*gone.records, *placed})
        cursor.execute(statement(_DELETE_RECORDS, schema), (texts(sorted(gone.records)),))
        records: list[Record] = []
        touched: dict[str, int] = {}
        for name, went in gone.records.items():
            before = self._lose(name)
            student_id = placed[name].student_id if name in placed else before
            if student_id is None:
                continue  # nothing says whose it was, and nothing was shown of it
            touched[student_id] = went.position
            said = [one for one in left if one.stream == f"record/{name}" and isinstance(one.event, RecordEvent)]
            if said and isinstance(said[0].event, RecordOpened):
                record = fold_record(said)
                assert record is not None
                records.append(record)
                self._members.setdefault(student_id, {})[name] = record
                self._student_of[name] = student_id
        students = [
            consolidate(student_id, list(self._members[student_id].values()), linked=position)
            for student_id, position in touched.items()
            if student_id in self._members
        ]
        lost = [student_id for student_id in touched if student_id not in self._members]
        self._write(cursor, schema, Heard(records, students, lost), placed)

    def _lose(self, name: str) -> str | None:
        """Forget a record; the student that it was one of."""
        student_id = self._student_of.pop(name, None)
        if student_id is not None:
            del self._members[student_id][name]
            if not self._members[student_id]:
                del self._members[student_id]
        return student_id

    def hear(
        self,
        batch: Iterable[Recorded],
        placed: Mapping[str, Placed] = NOWHERE,
        shown_of: Callable[[Record], Record] | None = None,
    ) -> Heard:
        """What a batch changes. placed: whose linkage it touches. shown_of: what of a record is to be shown, where that
        is not all. Everything needed is remembered."""
        touched: dict[str, Record] = {}
        students: dict[str, None] = {}
        for recorded in batch:
            name = recorded.stream[PREFIX:]
            student_id = self._student_of.get(name)
            known = self._members[student_id][name] if student_id is not None else None
            if known is None and not isinstance(recorded.event, RecordOpened):
                continue  # the record's opening cannot be opened any more, so there is no record to show
            record = tell(known, recorded)
            if known is None:
                student_id = record.student_id
                self._student_of[name] = student_id
                if student_id in self._members:
                    raise LogBroken(f"Position {recorded.position} mints a student id that was minted before.")
                self._members[student_id] = {name: record}
            assert student_id is not None
            touched[name] = record
            students[student_id] = None
        # Facts never move: a record has heard all that is said of it before it is put to its student.
        left = self._place(placed, touched)
        positions = {place.student_id: place.position for place in placed.values()}
        gone = [student_id for student_id in left if student_id not in self._members]
        # Of a student that an act touches every record is placed, so those that lose one are among them.
        shown = [s for s in {**students, **dict.fromkeys(positions)} if s in self._members]
        return Heard(
            list(touched.values()),
            [consolidate(s, self._records(s, shown_of), linked=positions.get(s, 0)) for s in shown],
            gone,
        )

    def _records(self, student_id: str, shown_of: Callable[[Record], Record] | None) -> list[Record]:
        records = self._members[student_id].values()
        return list(records) if shown_of is None else [shown_of(record) for record in records]

    def _place(self, placed: Mapping[str, Placed], touched: dict[str, Record]) -> dict[str, None]:
        """Put records to their students; the ids of the students that they leave. touched: gets those that moved."""
        left: dict[str, None] = {}
        for place in placed.values():
            before = self._student_of.get(place.record)
            if before is None or before == place.student_id:
                continue  # of a record that cannot be opened any more, nothing is shown
            members = self._members[before]
            record = touched[place.record] = members.pop(place.record)
            if not members:
                del self._members[before]
            self._members.setdefault(place.student_id, {})[place.record] = record
            self._student_of[place.record] = place.student_id
            left[before] = None
        return left

    def _load(self, cursor: psycopg.Cursor[Any], schema: str, names: set[str]) -> None:
        wanted = [name for name in names if name not in self._student_of]
        if not wanted:
            return
        rows = cursor.execute(statement(_LOAD, schema), (texts(wanted),), prepare=False, binary=True)
        for student_id, name, body in rows:
            self._student_of[name] = student_id
            self._members.setdefault(student_id, {})[name] = _decode(body)

    def _write(self, cursor: psycopg.Cursor[Any], schema: str, heard: Heard, placed: Mapping[str, Placed]) -> None:
        records, students, gone = heard
        student_of = [self._student_of[record.record] for record in records]
        cursor.execute(
            statement(_WRITE_RECORDS, schema),
            (
                texts([record.record for record in records]),
                texts(student_of),
                texts([record.state for record in records]),
                texts([record.state_student_id for record in records]),
                texts([record.status for record in records]),
                byteas([_encode(record) for record in records]),
            ),
        )
        ids = dict(zip([record.student_id for record in records], student_of, strict=True))
        # Also those of records of which nothing is shown: they lead to the records that theirs are joined with.
        ids.update((place.minted, place.student_id) for place in placed.values())
        cursor.execute(statement(_WRITE_IDS, schema), (texts(list(ids)), texts(list(ids.values()))))
        if gone:
            cursor.execute(statement(_DELETE_STUDENTS, schema), (texts(gone),))
        cursor.execute(
            statement(_WRITE_STUDENTS, schema),
            (
                texts([student.student_id for student in students]),
                texts([" ".join(student.records) for student in students]),
                texts([student.status for student in students]),
                int8s([student.position for student in students]),
                *(byteas([student.sections[name] for student in students]) for name in SECTIONS),
            ),
        )
        for student in students:
            self._members.move_to_end(student.student_id)

    def _trim(self) -> None:
        while len(self._members) > _REMEMBERED_STUDENTS_MAX:
            _, records = self._members.popitem(last=False)
            for name in records:
                del self._student_of[name]


_LOAD = """
with touched as materialized (
    select distinct student_id from {schema}.records where record = any(%s)
)
select r.student_id, r.record, r.body
from touched t
join {schema}.students s on s.student_id = t.student_id
join {schema}.records r on r.record = any(s.records)
"""
_WRITE_RECORDS = """
insert into {schema}.records (record, student_id, state, state_student_id, status, body)
select * from unnest(%s::text[], %s::text[], %s::text[], %s::text[], %s::text[], %s::bytea[])
on conflict (record) do update
set student_id = excluded.student_id, status = excluded.status, body = excluded.body
"""
_WRITE_IDS = """
insert into {schema}.ids (minted, student_id) select * from unnest(%s::text[], %s::text[])
on conflict (minted) do update set student_id = excluded.student_id where ids.student_id <> excluded.student_id
"""
_DELETE_RECORDS = "delete from {schema}.records where record = any(%s)"
_DELETE_STUDENTS = "delete from {schema}.students where student_id = any(%s)"
_WRITE_STUDENTS = """
insert into {schema}.students (student_id, records, status, position, core, contacts, health, provenance)
select student_id, string_to_array(records, ' '), status, position, core, contacts, health, provenance
from unnest(%s::text[], %s::text[], %s::text[], %s::bigint[], %s::bytea[], %s::bytea[], %s::bytea[], %s::bytea[])
    as n (student_id, records, status, position, core, contacts, health, provenance)
on conflict (student_id) do update
set records = excluded.records, status = excluded.status, position = excluded.position, core = excluded.core,
    contacts = excluded.contacts, health = excluded.health, provenance = excluded.provenance
"""


# -- queries

STUDENTS = as_of.query(
    "students",
    "students",
    "select i.minted, s.student_id, s.records, s.status, s.position, s.core, s.contacts, s.health, s.provenance"
    " from students.ids i join students.students s using (student_id) where i.minted = any(%s)",
)
NAMES = as_of.query(
    "students",
    "students",
    "select i.minted, s.core, s.records from students.ids i join students.students s using (student_id)"
    " where i.minted = any(%s)",
)
ALONE = as_of.query("students", "records", "select r.record, r.body from students.records r where r.record = any(%s)")
LISTING = "select state, state_student_id, student_id, record from students.records order by state, state_student_id"
COUNTS = "select state, status, count(*) from students.records group by state, status order by state, status"
SAMPLE = "select student_id from students.students where status = 'open' order by student_id limit %s"
RECORDS = "select s.records from students.ids i join students.students s using (student_id) where i.minted = %s"


async def students(conn: psycopg.AsyncConnection[Any], ids: Sequence[str]) -> tuple[AsOf, dict[str, StudentRow]]:
    """What is reflected, and the students that ids show now: id asked for to student. Ids never minted are left out.

    conn: in autocommit. Raises StoreUnavailable.
    """
    reflected, rows = await as_of.ask(conn, STUDENTS, (list(ids),))
    return reflected, {row[0]: _row(row, reflected) for row in rows}


async def names(conn: psycopg.AsyncConnection[Any], ids: Sequence[str]) -> tuple[AsOf, dict[str, Named]]:
    """What is reflected, and of the students that ids show now what they are called, and from which records that is
    told: by id asked for. Ids never minted are left out. conn: in autocommit. Raises StoreUnavailable."""
    reflected, rows = await as_of.ask(conn, NAMES, (list(ids),))
    return reflected, {asked: Named(_name_in(core), records) for asked, core, records in rows}


async def record_ids(conn: psycopg.AsyncConnection[Any], student_id: str) -> list[str]:
    """The uuids of the student's records, earliest opened first; empty where the id was never minted."""
    row = await (await conn.cursor(row_factory=tuple_row).execute(RECORDS, (student_id,))).fetchone()
    return row[0] if row else []


async def counts(conn: psycopg.AsyncConnection[Any]) -> list[Count]:
    """Records by state and status."""
    rows = await (await conn.cursor(row_factory=tuple_row).execute(COUNTS)).fetchall()
    return [Count(*row) for row in rows]


async def sample(conn: psycopg.AsyncConnection[Any], limit: int) -> list[str]:
    """Some students' ids, always the same ones for the same data."""
    rows = await (await conn.cursor(row_factory=tuple_row).execute(SAMPLE, (limit,))).fetchall()
    return [row[0] for row in rows]


def find(conn: psycopg.Connection[Any], student_id: str) -> StudentRow | None:
    """The student that an id shows now, None where it was never minted: for the command line. conn: in autocommit."""
    reflected, rows = as_of.ask_now(conn, STUDENTS, ([student_id],))
    return _row(rows[0], reflected) if rows else None


async def told_alone(
    conn: psycopg.AsyncConnection[Any], records: Sequence[str]
) -> tuple[AsOf, dict[str, dict[str, Any]]]:
    """What is reflected, and of each of these records what its state says, as ``consolidation.told_alone``. One of
    which nothing can be opened any more is left out. conn: in autocommit. Raises StoreUnavailable."""
    reflected, rows = await as_of.ask(conn, ALONE, (list(records),))
    return reflected, {record: consolidation.told_alone(_decode(body)) for record, body in rows}


def told_alone_now(conn: psycopg.Connection[Any], records: Sequence[str]) -> tuple[AsOf, dict[str, dict[str, Any]]]:
    """As ``told_alone``, for the command line."""
    reflected, rows = as_of.ask_now(conn, ALONE, (list(records),))
    return reflected, {record: consolidation.told_alone(_decode(body)) for record, body in rows}


def listing(conn: psycopg.Connection[Any]) -> Iterator[ListedRecord]:
    """Every record, retracted ones too, by state and state student id, as they come from the server."""
    with conn.transaction(), conn.cursor("listing", row_factory=tuple_row) as cursor:
        cursor.itersize = 5_000
        for row in cursor.execute(LISTING):
            yield ListedRecord(*row)


def _row(row: tuple[Any, ...], reflected: AsOf) -> StudentRow:
    return StudentRow(row[0], row[1], row[2], row[3], row[4], dict(zip(SECTIONS, row[5:], strict=True)), reflected)


PROJECTION = Projection(
    name="students",
    version=3,
    log="ledger",
    events=frozenset(EVENTS) | linked.ALL,
    tables=TABLES,
    keys={"records": "record", "students": "student_id", "ids": "minted", **linked.KEYS},
    fold=StudentsFold,
    follow=lambda *told: StudentsFold().follow(*told),
)
