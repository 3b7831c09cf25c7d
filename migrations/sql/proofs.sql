-- What the notary keeps of both logs, so that anybody may check them: hashes and signatures, nothing of a child.
create schema proofs;

create table proofs.checkpoints (
    log       text not null check (log in ('ledger', 'access')),
    size      bigint not null check (size >= 0),
    note      bytea not null,
    signed_at timestamptz not null default clock_timestamp(),
    primary key (log, size)
);
comment on table proofs.checkpoints is 'Each checkpoint that was signed: added, never changed. One for a size, whoever signs.';
comment on column proofs.checkpoints.note is 'The signed note to the byte, with the log''s own signature alone.';
comment on column proofs.checkpoints.signed_at is 'By PostgreSQL''s clock, and no part of what is signed.';

create table proofs.cosignatures (
    log     text not null,
    size    bigint not null,
    witness text not null,
    line    bytea not null,
    primary key (log, size, witness),
    foreign key (log, size) references proofs.checkpoints (log, size)
);
comment on table proofs.cosignatures is 'Signature lines of witnesses below a checkpoint, each verified when it came.';
comment on column proofs.cosignatures.witness is 'Name and id of the witness''s key: one line of each below a checkpoint.';

create table proofs.tiles (
    log    text not null,
    level  smallint not null,
    number bigint not null,
    hashes bytea not null,
    primary key (log, level, number)
) with (fillfactor = 90);
alter table proofs.tiles alter column hashes set storage external;
comment on table proofs.tiles is
    'The tree up to the last checkpoint as C2SP tiles. A tile that is not full grows in place: a narrower one is its beginning.';

create table proofs.head_pages (
    log    text not null,
    depth  smallint not null,
    prefix bytea not null,
    page   bytea not null,
    primary key (log, depth, prefix)
) with (fillfactor = 70);
-- Below 2.5 kB, and hashes do not shrink: whole in its row, so that reading one is one look.
alter table proofs.head_pages alter column page set storage plain;
comment on table proofs.head_pages is 'The tree of stream heads as of the last checkpoint, in pages.';

grant usage on schema proofs to sojourn_writer, sojourn_projector, sojourn_reader, sojourn_disposer;
grant select on proofs.checkpoints, proofs.cosignatures, proofs.tiles, proofs.head_pages
    to sojourn_writer, sojourn_projector, sojourn_reader, sojourn_disposer;
grant insert on proofs.checkpoints, proofs.cosignatures, proofs.tiles, proofs.head_pages
    to sojourn_writer, sojourn_disposer;
grant update on proofs.tiles, proofs.head_pages to sojourn_writer, sojourn_disposer;
