-- Guards of the ledger: what a decision is checked against in the transaction that writes it. Folds, like read models.
create sequence ledger.student_numbers as bigint minvalue 0 start 0 maxvalue 99999999999 cache 1;
comment on sequence ledger.student_numbers is 'Drawn before deciding; gaps mean nothing (ledger.ids makes the student id).';

create table ledger.records (
    record_id        uuid primary key,
    state            text not null,
    state_student_id text not null,
    student_id       text not null,
    rows             bytea not null default '',
    unique (state, state_student_id)
) with (fillfactor = 80);
alter table ledger.records alter column state_student_id set statistics 0;
alter table ledger.records alter column rows set statistics 0;
alter table ledger.records alter column rows set storage external;
comment on column ledger.records.student_id is 'Current student of the record.';
comment on column ledger.records.rows is 'Per live fact: fact id, Record ID, keyed hash of its row, packed.';

create table ledger.answers (
    scope        text not null,
    key          text not null,
    request_hash bytea not null,
    status       smallint not null,
    position     bigint not null,
    ids          jsonb not null,
    answered_at  timestamptz not null,
    primary key (scope, key)
);
comment on table ledger.answers is 'First answer to each idempotency key: status, position and ids, never a body. Kept 90 days.';
create index answers_by_age on ledger.answers (answered_at);

create function ledger.forget_answers(before timestamptz) returns bigint
language sql security definer set search_path = pg_catalog as $$
    with gone as (
        delete from ledger.answers where answered_at < least(before, now() - interval '90 days') returning 1
    )
    select count(*) from gone
$$;
revoke all on function ledger.forget_answers(timestamptz) from public;

create table ledger.tokens (
    token_hash bytea primary key,
    name       text not null unique,
    role       text not null,
    state      text,
    region     text,
    district   text,
    created_at timestamptz not null,
    expires_at timestamptz not null,
    revoked_at timestamptz
);
comment on table ledger.tokens is 'Machine users: SHA-256 of a random token, and what it may do.';

grant usage on sequence ledger.student_numbers to sojourn_writer, sojourn_disposer;
grant select, insert, update on ledger.records, ledger.answers to sojourn_writer, sojourn_disposer;
grant select, insert, update on ledger.tokens to sojourn_writer, sojourn_disposer;
grant execute on function ledger.forget_answers(timestamptz) to sojourn_writer, sojourn_disposer;
grant select on ledger.records to sojourn_projector;
