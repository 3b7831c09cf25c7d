"""Read model ``records``: the records of each state, with what is asked of them one by one: how many facts they hold,
how long the child is eligible, where she is enrolled now, where she lives.

The one invariant: one row for each record that was ever opened; a retracted one stays, and holds no fact. Dates only:
who reads compares them with his day.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any, Final, NamedTuple

import psycopg

from ledger.eligibility import Move, eligibility
from ledger.events import Recorded
from ledger.events.record import EVENTS
from ledger.store.arrays import byteas, int8s, texts
from projections import as_of, linked
from projections.as_of import AsOf
from projections.gone import Gone
from projections.projection import Projection, statement
from projections.record_places import NOWHERE, latest_enrollment, places_of
from projections.record_states import RecordState, RecordStates, encode

# -- table

TABLES = (
    linked.TABLES
    + """
create table {schema}.records (
    record                     text collate "C" primary key,
    state                      text collate "C" not null,
    state_student_id           text collate "C" not null,
    student_id                 text collate "C" not null,
    status                     text collate "C" not null,
    opened_at                  timestamptz not null,
    changed_at                 timestamptz not null,
    position                   bigint not null,
    submission                 text collate "C",
    demographics               integer not null,
    alternate_ids              integer not null,
    moves                      integer not null,
    enrollments                integer not null,
    withdrawals                integer not null,
    residencies                integer not null,
    courses                    integer not null,
    assessments                integer not null,
    immunizations              integer not null,
    qualifying_arrival_date    date,
    eligible_from              date,
    eligible_until             date,
    enrollment_date            date,
    withdrawal_date            date,
    school_identification_code text collate "C",
    school_district_id         text collate "C",
    grade_level                text collate "C",
    enrollment_type            text collate "C",
    school_or_project_name     text collate "C",
    priority_for_services      boolean,
    moved_to_city              text collate "C",
    moved_to_state             text collate "C",
    attended_district          text collate "C",
    district_of_residence      text collate "C",
    unenrolled_district        text collate "C",
    enrolled_on                date,
    resident_since             date,
    unenrolled_since           date,
    body                       bytea not null
) with (toast_tuple_target = 8160);
comment on table {schema}.records is 'Every record, with counts of its live facts and its latest dates.';
comment on column {schema}.records.student_id is 'The student that the record belongs to now.';
comment on column {schema}.records.position is 'Of the last event of the record, or act on its student, at changed_at.';
comment on column {schema}.records.submission is 'The last file that changed the record.';
comment on column {schema}.records.qualifying_arrival_date is 'Of the latest qualifying move.';
comment on column {schema}.records.eligible_from is 'First day of the eligibility that lasts longest.';
comment on column {schema}.records.eligible_until is 'Last day of it.';
comment on column {schema}.records.enrollment_date is 'Of the latest enrollment, as are those up to the flag.';
comment on column {schema}.records.priority_for_services is 'Flag of the latest enrollment; null where it has none.';
comment on column {schema}.records.moved_to_city is 'Of the latest qualifying move, as is the state.';
comment on column {schema}.records.attended_district is 'School district, if the child has not moved out since.';
comment on column {schema}.records.enrolled_on is 'Latest enrollment in a school; residency alone is none.';
comment on column {schema}.records.unenrolled_since is 'When the child came here, if not enrolled since.';
comment on column {schema}.records.body is 'The fold''s own state.';
create index records_of_state on {schema}.records (state, position);
create index records_of_student on {schema}.records (student_id);
create index records_eligible on {schema}.records (state, eligible_until, record);
create index records_attending on {schema}.records (state, attended_district, eligible_until, record);
create index records_living on {schema}.records (state, district_of_residence, eligible_until, record)
    where district_of_residence is distinct from attended_district;
create index records_opened on {schema}.records (state, opened_at, record);
create index records_priority on {schema}.records (state, eligible_until, record) where priority_for_services;
create index records_out_of_school on {schema}.records (state, eligible_until, record) where grade_level = '00';
create index records_unenrolled on {schema}.records (state, unenrolled_since, record, unenrolled_district)
    where unenrolled_since is not null;

alter table {schema}.records alter column state_student_id set statistics 0;
alter table {schema}.records alter column qualifying_arrival_date set statistics 0;
alter table {schema}.records alter column eligible_from set statistics 0;
alter table {schema}.records alter column eligible_until set statistics 0;
alter table {schema}.records alter column enrollment_date set statistics 0;
alter table {schema}.records alter column withdrawal_date set statistics 0;
alter table {schema}.records alter column school_identification_code set statistics 0;
alter table {schema}.records alter column school_district_id set statistics 0;
alter table {schema}.records alter column grade_level set statistics 0;
alter table {schema}.records alter column enrollment_type set statistics 0;
alter table {schema}.records alter column school_or_project_name set statistics 0;
alter table {schema}.records alter column priority_for_services set statistics 0;
alter table {schema}.records alter column moved_to_city set statistics 0;
alter table {schema}.records alter column moved_to_state set statistics 0;
alter table {schema}.records alter column attended_district set statistics 0;
alter table {schema}.records alter column district_of_residence set statistics 0;
alter table {schema}.records alter column unenrolled_district set statistics 0;
alter table {schema}.records alter column enrolled_on set statistics 0;
alter table {schema}.records alter column resident_since set statistics 0;
alter table {schema}.records alter column unenrolled_since set statistics 0;
alter table {schema}.records alter column body set statistics 0;
"""
)


class StateRecord(NamedTuple):
    """One record. student_id: shown for it now. status: ``open`` or ``retracted``. opened_at, changed_at: UTC.
    position: of the last event of the record, or act of linkage that names a record of its student. The counts are of
    live facts. eligible_from, eligible_until: both days included; None where no move gives any. What is of the latest
    enrollment, by its date, is None where there is none. From moved_to_city on: as ``record_places.Places``."""

    record: str
    state: str
    state_student_id: str
    student_id: str
    status: str
    opened_at: datetime
    changed_at: datetime
    position: int
    submission: str | None
    demographics: int
    alternate_ids: int
    moves: int
    enrollments: int
    withdrawals: int
    residencies: int
    courses: int
    assessments: int
    immunizations: int
    qualifying_arrival_date: date | None
    eligible_from: date | None
    eligible_until: date | None
    enrollment_date: date | None
    withdrawal_date: date | None
    school_identification_code: str | None
    school_district_id: str | None
    grade_level: str | None
    enrollment_type: str | None
    school_or_project_name: str | None
    priority_for_services: bool | None
    moved_to_city: str | None
    moved_to_state: str | None
    attended_district: str | None
    district_of_residence: str | None
    unenrolled_district: str | None
    enrolled_on: date | None
    resident_since: date | None
    unenrolled_since: date | None


# -- fold

KEPT: Final = {
    "D": ("birth_date",),
    "K": (),
    "Q": (
        "qualifying_arrival_date",
        "eligibility_expiration_date",
        "qualifying_move_to_city",
        "qualifying_move_to_state",
    ),
    "E": (
        "enrollment_date",
        "enrollment_type",
        "school_or_project_name",
        "school_identification_code",
        "school_district_id",
        "grade_level",
        "pfs_flag",
        "graduation_hse_date",
    ),
    "W": ("withdrawal_date",),
    "R": ("district_of_residence", "residency_date"),
    "C": (),
    "A": (),
    "I": (),
}
"""Kind of fact to the elements that a row is made of; the kinds in the order of the columns that count them."""


def row_of(record: RecordState) -> StateRecord:
    """The row of a record."""
    counts = dict.fromkeys(KEPT, 0)
    for fact in record.facts.values():
        counts[fact.kind] += 1
    arrived, begins, expires = _eligible(record) if counts["Q"] else (None, None, None)
    enrollment = latest_enrollment(record)
    latest, withdrawn = enrollment.elements, enrollment.withdrawn
    places = places_of(record, enrollment) if counts["E"] or counts["Q"] else NOWHERE
    return StateRecord._make(
        (
            record.record,
            record.state,
            record.state_student_id,
            record.student_id,
            "retracted" if record.retracted else "open",
            record.opened_at,
            record.changed_at,
            record.position,
            record.submission,
            *counts.values(),
            arrived,
            begins,
            expires,
            _day(latest.get("enrollment_date")),
            _day(withdrawn),
            latest.get("school_identification_code"),
            latest.get("school_district_id"),
            latest.get("grade_level"),
            latest.get("enrollment_type"),
            latest.get("school_or_project_name"),
            latest["pfs_flag"] == "Yes" if "pfs_flag" in latest else None,
            places.moved_to_city,
            places.moved_to_state,
            places.attended_district,
            places.district_of_residence,
            places.unenrolled_district,
            places.enrolled_on,
            places.resident_since,
            places.unenrolled_since,
        )
    )


def _eligible(record: RecordState) -> tuple[date | None, date | None, date | None]:
    """Arrival of the latest move, and first and last day of the eligibility that lasts longest."""
    moves: list[Move] = []
    graduated: list[str] = []
    for number, fact in record.facts.items():
        said = fact.elements
        if fact.kind == "Q" and "qualifying_arrival_date" in said:
            stated = _day(said.get("eligibility_expiration_date"))
            moves.append(Move(date.fromisoformat(said["qualifying_arrival_date"]), stated, f"{number:08d}"))
        elif fact.kind == "E" and "graduation_hse_date" in said:
            graduated.append(said["graduation_hse_date"])
    born, graduation = _day(record.demographics().get("birth_date")), _day(min(graduated, default=None))
    found = eligibility(moves, born, graduation)
    return max((move.arrival for move in moves), default=None), found.begins, found.expires


def _day(text: str | None) -> date | None:
    return date.fromisoformat(text) if text else None


class RecordsFold:
    """Folds a batch: each record that it touches is written once."""

    def __init__(self) -> None:
        self._states = RecordStates(KEPT, every_event=True)

    def __call__(self, cursor: psycopg.Cursor[Any], schema: str, batch: Sequence[Recorded]) -> None:
        records = self._states.take(cursor, schema, batch)
        self._write(cursor, schema, records)
        self._states.trim(records)

    def follow(self, cursor: psycopg.Cursor[Any], schema: str, gone: Gone, left: Sequence[Recorded]) -> None:
        """Of records that went, what still opens."""
        placed = linked.placed_now(cursor, schema, gone.minted())
        self._write(cursor, schema, self._states.follow(cursor, schema, gone, left, placed))

    @staticmethod
    def _write(cursor: psycopg.Cursor[Any], schema: str, records: Sequence[RecordState]) -> None:
        if records:
            cursor.execute(statement(_WRITE, schema), _columns(records))


def _columns(records: Sequence[RecordState]) -> list[Any]:
    """The rows as arrays, one for each column; in texts, nothing stands for null."""
    columns = list(zip(*map(row_of, records), strict=True))
    return [
        *(texts(column) for column in columns[:5]),
        *(int8s([(at - _EPOCH) // _MICROSECOND for at in column]) for column in columns[5:7]),
        int8s(columns[7]),
        texts([name or "" for name in columns[8]]),
        *(int8s(column) for column in columns[9:18]),
        *(texts(_days(column)) for column in columns[18:23]),
        *(texts([value or "" for value in column]) for column in columns[23:28]),
        texts(["" if flag is None else "t" if flag else "f" for flag in columns[28]]),
        *(texts([value or "" for value in column]) for column in columns[29:34]),
        *(texts(_days(column)) for column in columns[34:]),
        byteas([encode(record) for record in records]),
    ]


def _days(column: Sequence[date | None]) -> list[str]:
    return ["" if day is None else day.isoformat() for day in column]


_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_WRITE = """
insert into {schema}.records
select record, state, state_student_id, student_id, status,
    'epoch'::timestamptz + opened * interval '1 microsecond', 'epoch'::timestamptz + changed * interval '1 microsecond',
    position, nullif(submission, ''), n1, n2, n3, n4, n5, n6, n7, n8, n9,
    nullif(d1, '')::date, nullif(d2, '')::date, nullif(d3, '')::date, nullif(d4, '')::date, nullif(d5, '')::date,
    nullif(t1, ''), nullif(t2, ''), nullif(t3, ''), nullif(t4, ''), nullif(t5, ''), nullif(pfs, '')::boolean,
    nullif(t6, ''), nullif(t7, ''), nullif(t8, ''), nullif(t9, ''), nullif(t10, ''),
    nullif(d6, '')::date, nullif(d7, '')::date, nullif(d8, '')::date, body
from unnest(%s::text[], %s::text[], %s::text[], %s::text[], %s::text[], %s::bigint[], %s::bigint[], %s::bigint[],
    %s::text[], %s::bigint[], %s::bigint[], %s::bigint[], %s::bigint[], %s::bigint[], %s::bigint[],
    %s::bigint[], %s::bigint[], %s::bigint[], %s::text[], %s::text[], %s::text[], %s::text[], %s::text[],
    %s::text[], %s::text[], %s::text[], %s::text[], %s::text[], %s::text[], %s::text[], %s::text[], %s::text[],
    %s::text[], %s::text[], %s::text[], %s::text[], %s::text[], %s::bytea[])
    as n (record, state, state_student_id, student_id, status, opened, changed, position, submission,
        n1, n2, n3, n4, n5, n6, n7, n8, n9, d1, d2, d3, d4, d5, t1, t2, t3, t4, t5, pfs,
        t6, t7, t8, t9, t10, d6, d7, d8, body)
on conflict (record) do update
set student_id = excluded.student_id, status = excluded.status, changed_at = excluded.changed_at,
    position = excluded.position, submission = excluded.submission, demographics = excluded.demographics,
    alternate_ids = excluded.alternate_ids, moves = excluded.moves, enrollments = excluded.enrollments,
    withdrawals = excluded.withdrawals, residencies = excluded.residencies, courses = excluded.courses,
    assessments = excluded.assessments,
    immunizations = excluded.immunizations, qualifying_arrival_date = excluded.qualifying_arrival_date,
    eligible_from = excluded.eligible_from, eligible_until = excluded.eligible_until,
    enrollment_date = excluded.enrollment_date, withdrawal_date = excluded.withdrawal_date,
    school_identification_code = excluded.school_identification_code,
    school_district_id = excluded.school_district_id, grade_level = excluded.grade_level,
    enrollment_type = excluded.enrollment_type, school_or_project_name = excluded.school_or_project_name,
    priority_for_services = excluded.priority_for_services, moved_to_city = excluded.moved_to_city,
    moved_to_state = excluded.moved_to_state, attended_district = excluded.attended_district,
    district_of_residence = excluded.district_of_residence, unenrolled_district = excluded.unenrolled_district,
    enrolled_on = excluded.enrolled_on, resident_since = excluded.resident_since,
    unenrolled_since = excluded.unenrolled_since, body = excluded.body
"""

# -- queries

_SELECT = (
    "select record, state, state_student_id, student_id, status, opened_at, changed_at, position, submission,"
    " demographics, alternate_ids, moves, enrollments, withdrawals, residencies, courses, assessments, immunizations,"
    " qualifying_arrival_date, eligible_from, eligible_until, enrollment_date, withdrawal_date,"
    " school_identification_code, school_district_id, grade_level, enrollment_type, school_or_project_name,"
    " priority_for_services, moved_to_city, moved_to_state, attended_district, district_of_residence,"
    " unenrolled_district, enrolled_on, resident_since, unenrolled_since from records.records"
)
PAGE = as_of.query(
    "records",
    "records",
    f"{_SELECT} where state = %s and position > %s and status = any(%s) order by position limit %s",
    " order by found.position",
)
STATUSES: Final = ("open", "retracted")


async def page(
    conn: psycopg.AsyncConnection[Any],
    state: str,
    *,
    after: int = 0,
    limit: int = 100,
    statuses: Sequence[str] = STATUSES,
) -> tuple[AsOf, list[StateRecord]]:
    """What is reflected, and a state's records in the order in which they last changed.

    after: the position of the last row of the page before, or any position: only what changed since is told. Who goes
    on page by page to the end misses nothing; a record that changes meanwhile comes again, as it is then.
    conn: in autocommit. Raises StoreUnavailable.
    """
    reflected, rows = await as_of.ask(conn, PAGE, (state, after, list(statuses), limit))
    return reflected, [StateRecord(*row) for row in rows]


PROJECTION = Projection(
    name="records",
    version=3,
    log="ledger",
    events=frozenset(EVENTS) | linked.ACTS,
    tables=TABLES,
    keys={"records": "record", **linked.KEYS},
    fold=RecordsFold,
    follow=lambda *told: RecordsFold().follow(*told),
)
