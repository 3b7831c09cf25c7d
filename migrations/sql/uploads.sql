-- Files that came over HTTP and wait, sealed, on the host that took them. What became of them stands in the log.
create table ledger.uploads (
    upload      uuid primary key,
    submission  text not null,
    state       text not null,
    host        uuid not null,
    actor       text not null,
    late        boolean not null,
    received_at timestamptz not null,
    status      text not null check (status in ('waiting', 'done', 'refused', 'failed')),
    problem     jsonb,
    key_id      uuid not null,
    spool_key   bytea
);
comment on table ledger.uploads is 'Each file sent over HTTP, until its answers go: who sent it, where it lies, what came of it.';
comment on column ledger.uploads.host is 'Whose spool holds the file; only that host can apply it.';
comment on column ledger.uploads.problem is 'Why it was refused or failed, in our own words: code, what, remedy, row, rule, element.';
comment on column ledger.uploads.spool_key is 'The file''s key, sealed under the submission''s (key_id); gone when it was applied.';
create index uploads_by_submission on ledger.uploads (submission, received_at);
create index uploads_waiting on ledger.uploads (host, received_at) where status = 'waiting';
grant select, insert, update, delete on ledger.uploads to sojourn_writer, sojourn_disposer;
