-- What the matcher remembers: who each record says the child is, under which keys it is found, and what it has yet to
-- decide. All of it can be made again from the log; it goes with a record's key.
create schema matching;

create table matching.made_with (
    only_row  boolean primary key default true check (only_row),
    published bigint not null
);
comment on table matching.made_with is 'Position of the publication of the policy by which all this was prepared.';

create table matching.people (
    record_id uuid primary key,
    person    bytea not null,
    code      integer not null
);
comment on table matching.people is 'Records as they are compared. code: version of what prepared them.';

create table matching.keys (
    key       bigint not null,
    record_id uuid not null references matching.people on delete cascade,
    primary key (key, record_id)
);
create index keys_by_record on matching.keys (record_id);
comment on table matching.keys is 'Hashes of what records are found by.';

create table matching.undecided (
    record_id uuid primary key references matching.people on delete cascade,
    position  bigint not null
);
create index undecided_by_position on matching.undecided (position);
comment on table matching.undecided is 'Records that said something new of who the child is, and where.';

grant usage on schema matching to sojourn_writer, sojourn_disposer;
grant select, insert, update, delete on matching.made_with, matching.people, matching.keys, matching.undecided
    to sojourn_writer, sojourn_disposer;
