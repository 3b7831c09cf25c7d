-- Keys changed: two kinds hold the sex, and one is there only where no parent is named. Who stands under the keys of
-- before is not found under those of now, so the matcher reads every record anew, and decides it once more.
alter table matching.state add column keys integer not null default 1;
comment on column matching.state.keys is 'Version of the keys under which records stand.';
