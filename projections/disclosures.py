"""Read model ``disclosures``: who saw which record, when, why and on what ground (34 CFR 99.32), from the access log.

The one invariant: one row for every record of every showing, for every refusal, and for everybody to whom an authority
passed a record on (99.32(b)); an entry that names many records is spread over them. It holds nothing of the child
beside the ids.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any, Final, NamedTuple

import psycopg

from ledger.events import Recorded
from ledger.events.disclosure import (
    EVENTS,
    BulkDisclosed,
    Disclosed,
    DisclosureRefused,
    DisclosuresDestroyed,
    RedisclosureNoted,
    SearchDisclosed,
)
from ledger.store.arrays import int8s
from projections import as_of
from projections.as_of import AsOf
from projections.gone import Gone
from projections.projection import Projection, statement

# -- table

TABLES = """
create table {schema}.disclosures (
    position        bigint not null,
    record          text collate "C" not null,
    recorded_at     timestamptz not null,
    outcome         text not null,
    student_id      text,
    actor           text not null,
    role            text not null,
    organisation    text not null,
    purpose         text not null,
    basis           text not null,
    view            text not null,
    sections        text[] not null,
    rule            text,
    request         text,
    ledger_position bigint,
    own_state       text,
    recipient       text,
    recipient_organisation text,
    disclosed_on    text,
    fields          text[] not null,
    primary key (record, position)
);
create index disclosures_by_time on {schema}.disclosures (recorded_at, position);
create index disclosures_by_actor on {schema}.disclosures (actor, recorded_at, position);
comment on column {schema}.disclosures.position is 'Of the access log.';
comment on column {schema}.disclosures.record is 'Empty where no record is known, or nobody was found.';
comment on column {schema}.disclosures.outcome is 'shown, not-modified, refused or passed-on.';
comment on column {schema}.disclosures.student_id is 'The id that was asked for.';
comment on column {schema}.disclosures.ledger_position is 'Position of the ledger that the answer reflected.';
comment on column {schema}.disclosures.own_state is 'State that the role is narrowed to.';
comment on column {schema}.disclosures.recipient is 'To whom the actor says that the record was passed on.';
comment on column {schema}.disclosures.fields is 'Names of what was asked by, in a search or a list.';
comment on column {schema}.disclosures.disclosed_on is 'The day on which it was passed on.';
alter table {schema}.disclosures alter column student_id set statistics 0;
alter table {schema}.disclosures alter column actor set statistics 0;
alter table {schema}.disclosures alter column purpose set statistics 0;
alter table {schema}.disclosures alter column recipient set statistics 0;
"""


class Disclosure(NamedTuple):
    """One showing of one record to one party, a refusal, or a record that was passed on: then role and organisation are
    of the authority that says so. The fields are those of the events (ledger.events)."""

    position: int
    record: str
    recorded_at: datetime
    outcome: str
    student_id: str | None
    actor: str
    role: str
    organisation: str
    purpose: str
    basis: str
    view: str
    sections: list[str]
    rule: str | None
    request: str | None
    ledger_position: int | None
    own_state: str | None
    recipient: str | None
    recipient_organisation: str | None
    disclosed_on: str | None
    fields: list[str]

    @property
    def is_among_others(self) -> bool:
        """Whether the record stands in an entry that names many, or may: such a one stays when the record goes."""
        return self.outcome == "shown" and self.student_id is None

    @property
    def cursor(self) -> Cursor:
        """Place in the list, from which the next page goes on."""
        return Cursor(self.position, self.record)


PREVIEW = "reversal-preview"
RECALLED = "reversal-recall"
"""The view of what a reversal would come to."""
REDISCLOSURE = "redisclosure"
"""The view of what an authority has passed on."""
OUTCOMES: Final = ("shown", "not-modified", "refused", "passed-on")


class Cursor(NamedTuple):
    position: int
    record: str


class Told(NamedTuple):
    """Somebody to whom records of both sides were shown in one answer. first, last: when, UTC. times: how often."""

    actor: str
    role: str
    organisation: str
    purpose: str
    basis: str
    first: datetime
    last: datetime
    times: int


# -- fold


def rows_of(recorded: Recorded) -> list[Disclosure]:
    """The rows of one event."""
    event, meta = recorded.event, recorded.meta
    assert isinstance(event, Disclosed | DisclosureRefused | BulkDisclosed | SearchDisclosed | RedisclosureNoted)
    noted = event if isinstance(event, RedisclosureNoted) else None
    kind, _, name = recorded.stream.partition("/")
    row = Disclosure(
        position=recorded.position,
        record=name if kind == "disclosure" else "",
        recorded_at=recorded.recorded_at,
        outcome="shown",
        student_id=None,
        actor=meta.actor,
        role=event.role,
        organisation=noted.authority if noted else event.organisation,
        purpose=event.purpose,
        basis=event.basis,
        view=REDISCLOSURE if isinstance(event, RedisclosureNoted) else event.view,
        sections=[],
        rule=None,
        request=meta.request,
        ledger_position=None,
        own_state=event.own_state,
        recipient=noted.recipient if noted else None,
        recipient_organisation=noted.organisation if noted else None,
        disclosed_on=noted.disclosed_on if noted else None,
        fields=[],
    )
    if isinstance(event, RedisclosureNoted):
        return [row._replace(outcome="passed-on", student_id=event.student_id, sections=event.sections)]
    if isinstance(event, BulkDisclosed | SearchDisclosed):
        # That nobody was found was an answer too, and somebody had asked.
        records = dict.fromkeys(event.records or [""])
        fields = event.fields if isinstance(event, SearchDisclosed) else event.filters
        return [row._replace(record=record, ledger_position=event.position, fields=fields) for record in records]
    if isinstance(event, DisclosureRefused):
        return [row._replace(outcome="refused", student_id=event.student_id or None, rule=event.rule)]
    outcome = "not-modified" if event.not_modified else "shown"
    return [
        row._replace(
            outcome=outcome, student_id=event.student_id, sections=event.sections, ledger_position=event.position
        )
    ]


def fold(cursor: psycopg.Cursor[Any], schema: str, batch: Sequence[Recorded]) -> None:
    """Write the rows of a batch."""
    with cursor.copy(statement(_COPY, schema)) as copy:
        copy.set_types(_TYPES)
        for recorded in batch:
            for row in rows_of(recorded):
                copy.write_row(row)


def follow(cursor: psycopg.Cursor[Any], schema: str, gone: Gone, left: Sequence[Recorded]) -> None:
    """What was told of a record alone goes with it; what named many stays, by ids alone."""
    for record in gone.records:
        of_it = [recorded for recorded in left if recorded.stream == f"disclosure/{record}"]
        cursor.execute(statement(_DELETE, schema), (record, int8s([recorded.position for recorded in of_it])))
        fold(cursor, schema, [recorded for recorded in of_it if type(recorded.event) in SHOWN])


SHOWN: Final = frozenset(EVENTS) - {DisclosuresDestroyed}
_DELETE = "delete from {schema}.disclosures where record = %s and position = any(%s)"
_COPY = (
    "copy {schema}.disclosures (position, record, recorded_at, outcome, student_id, actor, role, organisation,"
    " purpose, basis, view, sections, rule, request, ledger_position, own_state, recipient, recipient_organisation,"
    " disclosed_on, fields) from stdin (format binary)"
)
_TYPES = ("int8", "text", "timestamptz", *["text"] * 8, "text[]", "text", "text", "int8", *["text"] * 4, "text[]")


# -- queries

_ROWS = (
    "select position, record, recorded_at, outcome, student_id, actor, role, organisation, purpose, basis, view,"
    " sections, rule, request, ledger_position, own_state, recipient, recipient_organisation, disclosed_on, fields"
    " from disclosures.disclosures"
)
OF_RECORDS = as_of.query(
    "disclosures",
    "disclosures",
    _ROWS + " where record = any(%s) and (position, record) < (%s, %s) order by position desc, record desc limit %s",
    " order by found.position desc, found.record desc",
)
_NEWEST = Cursor(2**62, "")


async def of_records(
    conn: psycopg.AsyncConnection[Any], records: Iterable[str], *, before: Cursor | None = None, limit: int = 100
) -> tuple[AsOf, list[Disclosure]]:
    """What is reflected, and who saw these records (all of a student's), newest first.

    conn: in autocommit. before: cursor of the last row of the page before. Raises StoreUnavailable.
    """
    reflected, rows = await as_of.ask(conn, OF_RECORDS, (list(records), *(before or _NEWEST), limit))
    return reflected, [Disclosure(*row) for row in rows]


class Wanted(NamedTuple):
    """Which entries are looked for, whomever they are about; None: any. own_state: of the reader. since, until: when
    they were recorded, the end not included."""

    actor: str | None = None
    role: str | None = None
    organisation: str | None = None
    own_state: str | None = None
    outcome: str | None = None
    since: datetime | None = None
    until: datetime | None = None


_WANTED = (
    " (recorded_at, position, record) < (coalesce((select b.recorded_at from disclosures.disclosures b"
    " where b.record = %(before_record)s and b.position = %(before_position)s), 'infinity'),"
    " %(before_position)s, %(before_record)s)"
    " and recorded_at >= coalesce(%(since)s::timestamptz, '-infinity')"
    " and recorded_at < coalesce(%(until)s::timestamptz, 'infinity')"
    " and (%(role)s::text is null or role = %(role)s)"
    " and (%(organisation)s::text is null or organisation = %(organisation)s)"
    " and (%(own_state)s::text is null or own_state = %(own_state)s)"
    " and (%(outcome)s::text is null or outcome = %(outcome)s)"
    " order by recorded_at desc, position desc, record desc limit %(limit)s"
)
_NEWEST_FIRST = " order by found.recorded_at desc, found.position desc, found.record desc"
# Two statements, so that each has its index whatever else is asked for.
OF_ACTOR = as_of.query("disclosures", "disclosures", _ROWS + " where actor = %(actor)s and" + _WANTED, _NEWEST_FIRST)
OF_ANYBODY = as_of.query("disclosures", "disclosures", _ROWS + " where" + _WANTED, _NEWEST_FIRST)


async def search(
    conn: psycopg.AsyncConnection[Any], wanted: Wanted, *, before: Cursor | None = None, limit: int = 100
) -> tuple[AsOf, list[Disclosure]]:
    """What is reflected, and the entries that are wanted, of whichever children, newest first.

    conn: in autocommit. before: cursor of the last row of the page before. Raises StoreUnavailable.
    """
    position, record = before or _NEWEST
    asked = {**wanted._asdict(), "before_position": position, "before_record": record, "limit": limit}
    reflected, rows = await as_of.ask(conn, OF_ANYBODY if wanted.actor is None else OF_ACTOR, asked)
    return reflected, [Disclosure(*row) for row in rows]


RECALL = as_of.query(
    "disclosures",
    "disclosures",
    "select l.actor, l.role, l.organisation, l.purpose, l.basis, min(l.recorded_at) as first,"
    " max(l.recorded_at) as last, count(distinct (l.request, l.ledger_position)) as times"
    " from disclosures.disclosures l"
    " where l.record = any(%(left)s) and l.outcome <> 'refused' and l.view <> all(%(apart)s)"
    " and l.ledger_position >= %(begun)s and l.ledger_position < %(ended)s"
    " and exists (select from disclosures.disclosures r where r.record = any(%(right)s)"
    " and r.request = l.request and r.ledger_position = l.ledger_position and r.actor = l.actor"
    " and r.outcome <> 'refused')"
    " group by l.actor, l.role, l.organisation, l.purpose, l.basis",
    " order by found.first, found.actor",
)


async def recall(
    conn: psycopg.AsyncConnection[Any], left: Sequence[str], right: Sequence[str], begun: int, ended: int
) -> tuple[AsOf, list[Told]]:
    """What is reflected, and everybody to whom records of both sides were shown as one student's, earliest first.

    One answer is what one reader was shown under one request as of one position: all entries of a long list are one,
    and a client that gives its requests the same id has had several. begun, ended: positions of the ledger: of the act
    that joined them, and of the one that parted them. An answer counts by the position that it reflected, so a reader
    of a moment before is not told, and one who was still shown the joined record after the reversal is. Whoever looked
    at what a reversal would come to, or has come to, was shown the two apart.
    conn: in autocommit. Raises StoreUnavailable.
    """
    reflected, rows = await as_of.ask(conn, RECALL, _sides(left, right, begun, ended))
    return reflected, [Told(*row) for row in rows]


def recall_now(
    conn: psycopg.Connection[Any], left: Sequence[str], right: Sequence[str], begun: int, ended: int
) -> list[Told]:
    """As ``recall``, for the command line."""
    _, rows = as_of.ask_now(conn, RECALL, _sides(left, right, begun, ended))
    return [Told(*row) for row in rows]


def _sides(left: Sequence[str], right: Sequence[str], begun: int, ended: int) -> dict[str, Any]:
    return {"left": list(left), "right": list(right), "begun": begun, "ended": ended, "apart": [PREVIEW, RECALLED]}


def find(
    conn: psycopg.Connection[Any], records: Iterable[str], *, before: Cursor | None = None, limit: int = 100
) -> list[Disclosure]:
    """The rows of ``of_records``, for the command line."""
    _, rows = as_of.ask_now(conn, OF_RECORDS, (list(records), *(before or _NEWEST), limit))
    return [Disclosure(*row) for row in rows]


PROJECTION = Projection(
    name="disclosures",
    version=2,
    log="access",
    events=SHOWN,
    tables=TABLES,
    keys={"disclosures": "record, position"},
    fold=lambda: fold,
    follow=follow,
)
