-- Guards of accounts: who may sign in as what, and which addresses and identities are taken. Folds of their streams.
create table ledger.accounts (
    account_id   uuid primary key,
    email_hash   bytea not null unique,
    status       text not null,
    standing     jsonb not null,
    looked_at_on date
);
alter table ledger.accounts alter column email_hash set statistics 0;
alter table ledger.accounts alter column standing set statistics 0;
create index accounts_by_day on ledger.accounts (looked_at_on) where looked_at_on is not null;
comment on table ledger.accounts is 'Who may sign in, and as what. A row stays when its account is deactivated.';
comment on column ledger.accounts.email_hash is 'Keyed hash of the address: that of a deactivated account is never taken again.';
comment on column ledger.accounts.looked_at_on is 'First day on which the timekeeper has something to tell of it.';

create table ledger.identities (
    identity_hash bytea primary key,
    account_id    uuid not null
);
alter table ledger.identities alter column identity_hash set statistics 0;
comment on table ledger.identities is 'Keyed hash of issuer and subject of an identity provider, to the account that signs in by it.';

grant select, insert, update on ledger.accounts, ledger.identities to sojourn_writer, sojourn_disposer;
grant select on ledger.accounts, ledger.identities to sojourn_projector;
