-- One event log; run once for ledger and once for access ({log}).
create schema {log};

create table {log}.head (
    only_row       boolean primary key default true check (only_row),
    position       bigint not null default 0,
    recorded_at    timestamptz not null default '-infinity',
    partitions_end bigint not null default 1,
    partition_rows bigint not null default 5000000
) with (fillfactor = 10);
comment on table {log}.head is
    'The last position given, locked by whoever gives the next: so positions are gap-free and in commit order.';
comment on column {log}.head.partitions_end is 'First position that no partition takes yet.';

create table {log}.events (
    position    bigint not null,
    stream      text not null,
    version     bigint not null,
    topic       text not null,
    event_id    uuid not null,
    recorded_at timestamptz not null,
    key_id      uuid not null,
    key_check   bytea not null,
    body        bytea not null,
    leaf        bytea not null,
    primary key (position)
) partition by range (position);
alter table {log}.events alter column body set storage external;
create index events_stream_version on {log}.events (stream, version);
comment on table {log}.events is 'Append-only: UPDATE, DELETE, TRUNCATE, DROP and DETACH are refused to every role.';
comment on column {log}.events.key_check is 'SHA-256 of the body key; outlives the key.';
comment on column {log}.events.body is 'AES-256-GCM ciphertext.';
comment on column {log}.events.leaf is 'SHA-256(0x00 | entry), RFC 6962 2.1.';

create table {log}.heads (
    stream   text collate "C" primary key,
    version  bigint not null,
    position bigint not null,
    leaf     bytea not null
) with (fillfactor = 70);
comment on table {log}.heads is 'Last version, position and leaf hash of each stream: what an expected version is checked against.';

create function {log}.refuse_change() returns trigger
language plpgsql set search_path = pg_catalog as $$
begin
    raise exception 'events of % are append-only: % is refused', tg_table_schema, tg_op
        using errcode = 'insufficient_privilege',
              hint = 'What was recorded stays. A correction, retraction or reversal is a new event.';
end $$;

create trigger events_are_append_only before update or delete on {log}.events
    for each row execute function {log}.refuse_change();
create trigger events_are_never_truncated before truncate on {log}.events
    for each statement execute function {log}.refuse_change();

-- A TRUNCATE trigger on the parent does not stop a TRUNCATE of a partition, so each gets its own.
create function {log}.add_partition() returns bigint
language plpgsql security definer set search_path = pg_catalog as $$
declare
    first_position bigint;
    beyond bigint;
    partition_name text;
begin
    select partitions_end, partitions_end + partition_rows into first_position, beyond
        from {log}.head for update;
    partition_name := 'events_from_' || first_position;
    execute format('create table {log}.%I partition of {log}.events for values from (%s) to (%s)',
                   partition_name, first_position, beyond);
    -- Where the event trigger stands it has made this trigger already; elsewhere it is made here.
    execute format('create or replace trigger events_are_never_truncated before truncate on {log}.%I '
                   'for each statement execute function {log}.refuse_change()', partition_name);
    execute format('revoke update, delete, truncate on {log}.%I from sojourn_owner', partition_name);
    update {log}.head set partitions_end = beyond;
    return beyond;
end $$;
revoke all on function {log}.add_partition() from public;

insert into {log}.head default values;
select {log}.add_partition();

revoke update, delete, truncate on {log}.events from sojourn_owner;
grant usage on schema {log} to sojourn_writer, sojourn_projector, sojourn_disposer;
grant select, insert on {log}.events to sojourn_writer, sojourn_disposer;
grant select, insert, update on {log}.heads to sojourn_writer, sojourn_disposer;
grant select, update on {log}.head to sojourn_writer, sojourn_disposer;
grant execute on function {log}.add_partition() to sojourn_writer, sojourn_disposer;
grant select on {log}.events, {log}.head, {log}.heads to sojourn_projector;
