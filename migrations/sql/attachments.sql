-- Papers of applications for access, in sealed parts: they replicate, are backed up and are destroyed with the rest.
create table ledger.attachments (
    attachment  uuid primary key,
    account     uuid not null,
    application uuid not null,
    key_id      uuid not null,
    made_at     timestamptz not null,
    complete    boolean not null default false
);
create index attachments_by_key on ledger.attachments (key_id);
create index attachments_unnamed on ledger.attachments (made_at) where not complete;
comment on table ledger.attachments is 'Each paper that was sent. Its kind, size and hash stand in the event that names it, sealed.';
comment on column ledger.attachments.key_id is 'The account''s key, which seals its parts and destroys them.';
comment on column ledger.attachments.made_at is 'When the last part of it that is here was written.';
comment on column ledger.attachments.complete is 'Whether the log names it. What is not named within a day is swept.';

create table ledger.attachment_parts (
    attachment uuid not null,
    part       integer not null,
    sealed     bytea not null,
    primary key (attachment, part)
);
alter table ledger.attachment_parts alter column sealed set storage external;
alter table ledger.attachment_parts alter column sealed set statistics 0;
comment on table ledger.attachment_parts is 'A MiB of a paper at most, counted from 0, bound to its paper, its place, and whether it is the last.';

grant select, insert, update, delete on ledger.attachments to sojourn_writer, sojourn_disposer;
grant select, insert, delete on ledger.attachment_parts to sojourn_writer, sojourn_disposer;
