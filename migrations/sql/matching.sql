-- What the matcher remembers: who each record says the child is, under which keys it is found, and what it has yet to
-- decide. All of it can be made again from the log; it goes with a record's key.
create schema matching;

-- Keys stand with the person too: whoever changes or forgets a record knows by them which rows of matching.keys go, and
-- no index by record is needed, which takes twice the room of the array.
create table matching.people (
    record_id uuid primary key,
    person    bytea not null,
    code      integer not null,
    keys      bigint[] not null
);
comment on table matching.people is
    'Records as they are compared. code: version of what prepared them. keys: those under which they stand.';

-- No reference to people: at forty rows a record its checks would take as long as all else together.
create table matching.keys (
    key       bigint not null,
    record_id uuid not null,
    primary key (key, record_id)
);
comment on table matching.keys is 'Hashes of what records are found by; the same as in people, the other way round.';

create table matching.undecided (
    record_id uuid primary key references matching.people on delete cascade,
    position  bigint not null,
    linked    boolean not null default false
);
create table matching.doubts (
    record_id uuid primary key,
    position  bigint not null,
    was       bytea not null,
    other     boolean not null
);
comment on table matching.doubts is
    'Records whose state has corrected who the child is, where, and what it said before. other: names and birth date'
    ' all at once.';

create index undecided_by_position on matching.undecided (linked, position);
comment on table matching.undecided is
    'Records that said something new of who the child is, and where. linked: what could be linked of them is; questions'
    ' come when that is so of all.';

-- One row; whoever changes these tables locks it first, so he is alone with them.
create table matching.state (
    people    bigint not null,
    published bigint not null,
    since     bigint not null
);
insert into matching.state values (0, 0, 0);
comment on table matching.state is
    'people: how many are known, since counting a million takes longer than to decide upon one. published: position of'
    ' the publication of the policy by which all this was prepared. since: where the log ended when that began.';

-- What stands here is a child's: none of it is to be copied where statistics are kept.
alter table matching.people alter column person set statistics 0, alter column keys set statistics 0;
alter table matching.keys alter column key set statistics 0;
alter table matching.doubts alter column was set statistics 0;

grant usage on schema matching to sojourn_writer, sojourn_disposer, sojourn_projector;
grant select on matching.undecided to sojourn_projector;
grant select, insert, update, delete, truncate on matching.people, matching.undecided, matching.doubts
    to sojourn_writer, sojourn_disposer;
grant select, insert, delete, truncate on matching.keys to sojourn_writer, sojourn_disposer;
grant select, update on matching.state to sojourn_writer, sojourn_disposer;
