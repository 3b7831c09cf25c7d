-- Guards of cases: which are open and when time moves them next, and who is at one now.
create table ledger.open_cases (
    case_id uuid primary key,
    kind    text not null,
    due     timestamptz
);
create index open_cases_by_due on ledger.open_cases (due) where due is not null;
comment on table ledger.open_cases is 'Cases that nobody has settled. A row comes and goes with the events that say so.';
comment on column ledger.open_cases.due is 'When the timekeeper looks at it next; null where time does nothing more.';

create table ledger.case_leases (
    case_id uuid primary key,
    holder  text not null,
    until   timestamptz not null
);
comment on table ledger.case_leases is 'Who is at a case, so that two people do not answer it; an answer ends it.';
create index case_leases_by_age on ledger.case_leases (until);

grant select, insert, update, delete on ledger.open_cases, ledger.case_leases to sojourn_writer, sojourn_disposer;
grant select on ledger.open_cases to sojourn_projector;
