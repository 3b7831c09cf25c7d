create schema vault;
create schema tracking;

create table vault.keys (
    key_id     uuid primary key,
    subject    text not null,
    class      text not null,
    wrapped    bytea not null,
    wrapped_by bytea not null,
    created_at timestamptz not null,
    unique (subject, class)
);
comment on table vault.keys is
    'Subject keys, wrapped by the master key. Deleting a row destroys all that the key sealed, and nothing else.';
comment on column vault.keys.wrapped_by is 'Fingerprint of the master key that wraps this row.';

-- The event-sourcing library's single-row tracking table: how far each projection and reactor has come.
create table tracking.positions (
    application_name text primary key,
    notification_id  bigint not null
) with (fillfactor = 50);
comment on column tracking.positions.notification_id is 'Last position whose effects are committed.';

create table tracking.projections (
    name    text primary key,
    version integer not null,
    rebuilt_at timestamptz
);
comment on table tracking.projections is 'Which version of each read model''s declaration its live tables hold.';

grant usage on schema vault to sojourn_writer, sojourn_projector, sojourn_disposer;
grant select on vault.keys to sojourn_writer, sojourn_projector, sojourn_disposer;
grant insert on vault.keys to sojourn_writer, sojourn_disposer;
grant delete on vault.keys to sojourn_disposer;
revoke delete, truncate on vault.keys from sojourn_owner;

grant usage on schema tracking to sojourn_writer, sojourn_projector, sojourn_reader, sojourn_disposer;
grant select on tracking.positions, tracking.projections
    to sojourn_writer, sojourn_projector, sojourn_reader, sojourn_disposer;
grant insert, update, delete on tracking.positions, tracking.projections to sojourn_projector;
grant insert, update on tracking.positions to sojourn_writer, sojourn_disposer;
