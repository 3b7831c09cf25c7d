-- What is kept of a submission until its key goes: the answer to every row, one sealed block for each chunk.
create table ledger.responses (
    submission text not null,
    chunk      bigint not null,
    block_id   uuid not null,
    key_id     uuid not null,
    block      bytea not null,
    primary key (submission, chunk)
);
alter table ledger.responses alter column block set storage external;
alter table ledger.responses alter column block set statistics 0;
comment on table ledger.responses is 'Per chunk its rows'' outcomes, sealed under the submission''s key; written with the chunk.';
grant select, insert, delete on ledger.responses to sojourn_writer, sojourn_disposer;
