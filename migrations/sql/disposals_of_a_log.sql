-- Both logs tell of the last disposal in the row that every writer locks, so whoever writes learns of it for nothing.
alter table {log}.head add column disposals bigint not null default 0;
comment on column {log}.head.disposals is
    'Position in the ledger of the last event that says that keys were destroyed; the same in both logs.';
