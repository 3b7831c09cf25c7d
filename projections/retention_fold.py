"""The tables of the read model ``retention``, and what each event writes into them.

The one invariant: of a record dates alone stand here, as its live and dormant facts leave them; of holds and disposals
who did what and when, and no reason.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Any, Final, LiteralString

import psycopg

from ledger.eligibility import Move, eligibility
from ledger.events import KeyClass, Recorded
from ledger.events import account as account_events
from ledger.events import application as application_events
from ledger.events import record as record_events
from ledger.events.retention import (
    DisposalApproved,
    DisposalProposed,
    DisposalRefused,
    DisposalWithdrawn,
    HoldPlaced,
    HoldReleased,
    OverAccount,
    OverRecords,
    OverState,
)
from ledger.store.arrays import byteas, texts
from projections import retained_accounts
from projections.gone import Gone
from projections.projection import statement
from projections.record_states import RecordState, RecordStates, encode
from projections.record_words import PREFIX

# -- table

TABLES = """
create table {schema}.records (
    record           text collate "C" primary key,
    state            text collate "C" not null,
    student_id       text collate "C" not null,
    last_activity    timestamptz not null,
    born             date,
    eligibility_said timestamptz,
    eligibility_end  date,
    body             bytea not null
);
comment on table {schema}.records is 'Every record that opens, by the days from which its years are counted.';
comment on column {schema}.records.student_id is 'That the record minted.';
comment on column {schema}.records.last_activity is 'When it last said anything, be it of what is gone.';
comment on column {schema}.records.born is 'The latest birth date that it holds.';
comment on column {schema}.records.eligibility_said is 'When it last spoke of a move; null where no such word opens.';
comment on column {schema}.records.eligibility_end is 'Last day by any move; null where no move gives a day.';
comment on column {schema}.records.body is 'The fold''s own state.';
create index records_by_activity on {schema}.records (state, last_activity, record);

create table {schema}.accounts (
    account    text collate "C" primary key,
    states     text[] collate "C" not null,
    access_end timestamptz,
    body       bytea not null
);
comment on table {schema}.accounts is 'Every account of which papers are kept.';
comment on column {schema}.accounts.states is 'Of every role or grant that was given or asked for, had or not.';
comment on column {schema}.accounts.access_end is 'Null while access is had or waited for.';
comment on column {schema}.accounts.body is 'The fold''s own state.';
create index accounts_by_end on {schema}.accounts (access_end, account) where access_end is not null;
create table {schema}.applications (
    application text collate "C" primary key,
    account     text collate "C" not null
);
create index applications_of_account on {schema}.applications (account);

create table {schema}.holds (
    hold        text collate "C" primary key,
    kind        text collate "C" not null,
    over        text collate "C" not null,
    records     text[] collate "C" not null,
    account     text collate "C",
    state       text collate "C",
    placed      bigint not null,
    placed_at   timestamptz not null,
    placed_by   text not null,
    until       date,
    released_at timestamptz,
    released_by text,
    position    bigint not null
);
comment on table {schema}.holds is 'Every hold that was ever placed; those that stand have no released_at.';
comment on column {schema}.holds.over is 'What is held: records, account, state or all.';
comment on column {schema}.holds.placed is 'Position of its first event, at placed_at.';
comment on column {schema}.holds.position is 'Of its last event.';
create unique index holds_by_time on {schema}.holds (placed);

create table {schema}.disposals (
    disposal     text collate "C" primary key,
    record_class text collate "C" not null,
    status       text collate "C" not null,
    subjects     text[] collate "C" not null,
    states       text[] collate "C" not null,
    proposed     bigint not null,
    proposed_at  timestamptz not null,
    proposed_by  text not null,
    closed_at    timestamptz,
    closed_by    text,
    position     bigint not null
);
comment on table {schema}.disposals is 'Every disposal that was ever proposed, with what became of it.';
comment on column {schema}.disposals.subjects is 'Records or accounts, by uuid, as they were proposed.';
comment on column {schema}.disposals.states is 'Whose these are.';
comment on column {schema}.disposals.proposed is 'Position of its first event, at proposed_at.';
comment on column {schema}.disposals.position is 'Of its last event.';
create unique index disposals_by_time on {schema}.disposals (proposed);
create index disposals_waiting on {schema}.disposals (proposed) where status = 'proposed';

alter table {schema}.records alter column born set statistics 0;
alter table {schema}.records alter column eligibility_end set statistics 0;
alter table {schema}.records alter column body set statistics 0;
alter table {schema}.accounts alter column body set statistics 0;
alter table {schema}.holds alter column placed_by set statistics 0, alter column released_by set statistics 0;
alter table {schema}.disposals alter column proposed_by set statistics 0, alter column closed_by set statistics 0;
"""

KEPT: Final = {
    "D": ("birth_date",),
    "Q": ("qualifying_arrival_date", "eligibility_expiration_date"),
    "E": ("graduation_hse_date",),
}


# -- fold


class RetentionFold:
    """Folds a batch: each record and account that it touches is written once."""

    def __init__(self) -> None:
        self._states = RecordStates(KEPT, every_event=True, dormant=True)

    def __call__(self, cursor: psycopg.Cursor[Any], schema: str, batch: Sequence[Recorded]) -> None:
        said = [recorded for recorded in batch if isinstance(recorded.event, record_events.RecordEvent)]
        if said:
            records = self._states.take(cursor, schema, said)
            _write(cursor, schema, records, said)
            self._states.trim(records)
        if len(said) < len(batch):
            retained_accounts.fold(cursor, schema, batch)
            for recorded in batch:
                _tell(cursor, schema, recorded)

    def follow(self, cursor: psycopg.Cursor[Any], schema: str, gone: Gone, left: Sequence[Recorded]) -> None:
        """Of records that went, what still opens; of accounts nothing."""
        of_records = [recorded for recorded in left if recorded.stream.startswith("record/")]
        _write(cursor, schema, self._states.follow(cursor, schema, gone, left, {}), of_records)
        retained_accounts.follow(cursor, schema, gone)


def _write(cursor: psycopg.Cursor[Any], schema: str, records: Sequence[RecordState], said: Sequence[Recorded]) -> None:
    """said: of these records, in order; ``Erased`` where it opens no more, which was activity all the same."""
    if not records:
        return
    active: dict[str, datetime] = {}
    moves: dict[str, datetime] = {}
    for recorded in said:
        name = recorded.stream[PREFIX:]
        active[name] = recorded.recorded_at
        if recorded.event.key_class() is KeyClass.ELIGIBILITY:
            moves[name] = recorded.recorded_at
    days = [_days(record) for record in records]
    cursor.execute(
        statement(_WRITE, schema),
        (
            texts([record.record for record in records]),
            texts([record.state for record in records]),
            texts([record.minted for record in records]),
            [active[record.record] for record in records],
            [born for born, _ in days],
            [moves.get(record.record) for record in records],
            [ends for _, ends in days],
            byteas([encode(record) for record in records]),
        ),
    )


def _days(record: RecordState) -> tuple[date | None, date | None]:
    """The latest birth date, and the last day of eligibility by any move, as ``ledger.retention.days`` has them."""
    births, moves, graduated = list[date](), list[Move](), list[date]()
    for fact in record.facts.values():
        said = fact.elements
        if fact.kind == "D" and "birth_date" in said:
            births.append(date.fromisoformat(said["birth_date"]))
        elif fact.kind == "Q" and "qualifying_arrival_date" in said:
            stated = said.get("eligibility_expiration_date")
            arrival = date.fromisoformat(said["qualifying_arrival_date"])
            moves.append(Move(arrival, None if stated is None else date.fromisoformat(stated)))
        elif fact.kind == "E" and "graduation_hse_date" in said:
            graduated.append(date.fromisoformat(said["graduation_hse_date"]))
    born = max(births, default=None)
    found = eligibility(moves, born, max(graduated, default=None))
    return born, max((max(move.begins, move.expires) for move in found.moves), default=None)


def _tell(cursor: psycopg.Cursor[Any], schema: str, recorded: Recorded) -> None:
    """Write one event of retention: there are as many as people decide."""
    event, at, position = recorded.event, recorded.recorded_at, recorded.position
    match event:
        case HoldPlaced():
            over = event.over
            cursor.execute(
                statement(_HOLD, schema),
                (
                    event.hold,
                    event.kind,
                    type(over).__struct_config__.tag,
                    [anchor.record for anchor in over.records] if isinstance(over, OverRecords) else [],
                    over.account if isinstance(over, OverAccount) else None,
                    over.state if isinstance(over, OverState) else None,
                    position,
                    at,
                    event.by,
                    None if event.until is None else date.fromisoformat(event.until),
                    position,
                ),
            )
        case HoldReleased():
            cursor.execute(statement(_RELEASED, schema), (at, event.by, position, event.hold))
        case DisposalProposed():
            scopes = [item.scope for item in event.items]
            cursor.execute(
                statement(_PROPOSED, schema),
                (
                    event.disposal,
                    scopes[0].record_class,
                    [scope.subject for scope in scopes],
                    sorted({scope.state for scope in scopes if scope.state is not None}),
                    position,
                    at,
                    event.by,
                    position,
                ),
            )
        case DisposalApproved() | DisposalRefused() | DisposalWithdrawn():
            cursor.execute(statement(_CLOSED, schema), (_STATUS[type(event)], at, event.by, position, event.disposal))
        case _:
            pass


_STATUS: Final[Mapping[type, str]] = {
    DisposalApproved: "done",
    DisposalRefused: "refused",
    DisposalWithdrawn: "withdrawn",
}
_WRITE: LiteralString = """
insert into {schema}.records (record, state, student_id, last_activity, born, eligibility_said, eligibility_end, body)
select * from unnest(%s::text[], %s::text[], %s::text[], %s::timestamptz[], %s::date[], %s::timestamptz[], %s::date[],
    %s::bytea[])
on conflict (record) do update
set last_activity = excluded.last_activity, born = excluded.born, eligibility_end = excluded.eligibility_end,
    eligibility_said = coalesce(excluded.eligibility_said, records.eligibility_said), body = excluded.body
"""
_HOLD: LiteralString = (
    "insert into {schema}.holds (hold, kind, over, records, account, state, placed, placed_at, placed_by, until,"
    " position) values (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)"
)
_RELEASED: LiteralString = "update {schema}.holds set released_at = %s, released_by = %s, position = %s where hold = %s"
_PROPOSED: LiteralString = (
    "insert into {schema}.disposals (disposal, record_class, status, subjects, states, proposed, proposed_at,"
    " proposed_by, position) values (%s, %s, 'proposed', %s, %s, %s, %s, %s, %s)"
)
_CLOSED: LiteralString = (
    "update {schema}.disposals set status = %s, closed_at = %s, closed_by = %s, position = %s where disposal = %s"
)
EVENTS: Final = frozenset(
    {
        *record_events.EVENTS,
        *account_events.EVENTS,
        *application_events.EVENTS,
        HoldPlaced,
        HoldReleased,
        DisposalProposed,
        DisposalApproved,
        DisposalRefused,
        DisposalWithdrawn,
    }
)
"""What the fold hears."""
