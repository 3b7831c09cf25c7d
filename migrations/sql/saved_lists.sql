-- Daily lists that people keep under names of their own: which list, and what is asked of it. No answer, and no child.
create table ledger.saved_lists (
    id         uuid primary key,
    account_id uuid not null,
    name       text not null,
    list       text not null,
    parameters jsonb not null,
    saved_at   timestamptz not null,
    unique (account_id, name)
);
comment on table ledger.saved_lists is 'Daily lists that a person has saved, by account; parameters are days, districts, schools and grades.';
comment on column ledger.saved_lists.name is 'In its holder''s own words: shown to nobody else.';

-- A person's own words are not to be copied where statistics are kept.
alter table ledger.saved_lists
    alter column account_id set statistics 0, alter column name set statistics 0,
    alter column parameters set statistics 0;

grant select, insert, update, delete on ledger.saved_lists to sojourn_writer, sojourn_disposer;
