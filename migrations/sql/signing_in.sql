-- Signing in without another provider: what an account proves itself with, where it is signed in, and codes that open
-- something once. An account is its uuid here; who it is stands elsewhere.
create table ledger.credentials (
    account_id   uuid primary key,
    password     text not null,
    changed_at   timestamptz not null,
    totp_key     uuid,
    totp         bytea,
    totp_next    bytea,
    totp_step    bigint,
    recovery     bytea[] not null default '{}',
    failures     integer not null default 0,
    locks        integer not null default 0,
    locked_until timestamptz
) with (fillfactor = 80);
comment on table ledger.credentials is 'Passwords as argon2id hashes, second factors sealed, and what was tried in vain.';
comment on column ledger.credentials.totp_key is 'Key of the vault (account, access) that totp and totp_next are sealed under.';
comment on column ledger.credentials.totp is 'Secret of RFC 6238: 16 bytes that its key is derived with, then the ciphertext.';
comment on column ledger.credentials.totp_next is 'As totp: one that its holder has yet to show a code of.';
comment on column ledger.credentials.totp_step is 'Last step of 30 s of which a code was taken: none up to it is taken any more.';
comment on column ledger.credentials.recovery is 'SHA-256 of the recovery codes that were not used yet.';
comment on column ledger.credentials.failures is 'Tries in vain since the last one that was not, those while locked too.';
comment on column ledger.credentials.locks is 'How often it was locked since then: each time for twice as long.';

-- Who is asked for and is not there is counted here: so the answer takes the same statements, and the same time.
insert into ledger.credentials (account_id, password, changed_at)
values ('00000000-0000-0000-0000-000000000000', '', '1970-01-01 00:00:00+00');

create table ledger.sessions (
    session_id  uuid primary key,
    secret_hash bytea not null unique,
    account_id  uuid not null,
    grant_id    text,
    method      text not null check (method in ('local', 'oidc')),
    made_at     timestamptz not null,
    seen_at     timestamptz not null,
    ends_at     timestamptz not null,
    ended_at    timestamptz
) with (fillfactor = 80);
create index sessions_by_account on ledger.sessions (account_id);
create index sessions_by_age on ledger.sessions (ends_at);
comment on table ledger.sessions is 'Where an account is signed in: SHA-256 of a random secret, and under which grant it acts.';
comment on column ledger.sessions.seen_at is 'When it last asked for something; written once a minute at most.';
comment on column ledger.sessions.ends_at is 'When it ends at the latest, however busy.';

create table ledger.one_time_codes (
    id          text primary key,
    purpose     text not null,
    secret_hash bytea not null,
    subject     uuid not null,
    made_at     timestamptz not null,
    ends_at     timestamptz not null,
    tries_left  smallint not null check (tries_left >= 0),
    used_at     timestamptz
);
create index one_time_codes_by_subject on ledger.one_time_codes (subject, purpose);
create index one_time_codes_by_age on ledger.one_time_codes (ends_at);
comment on table ledger.one_time_codes is 'Codes that open one thing once. id: the part of a code that finds its row; SHA-256 of the rest.';

-- What stands here is of officials and parents: none of it is to be copied where statistics are kept.
alter table ledger.credentials
    alter column account_id set statistics 0, alter column password set statistics 0,
    alter column totp set statistics 0, alter column totp_next set statistics 0,
    alter column recovery set statistics 0;
alter table ledger.sessions
    alter column secret_hash set statistics 0, alter column account_id set statistics 0,
    alter column grant_id set statistics 0;
alter table ledger.one_time_codes
    alter column id set statistics 0, alter column secret_hash set statistics 0, alter column subject set statistics 0;

grant select, insert, update, delete on ledger.credentials, ledger.sessions, ledger.one_time_codes
    to sojourn_writer, sojourn_disposer;

-- A rotated token is a row of its own, of the same name; the one before holds until its revoked_at, some minutes on.
alter table ledger.tokens
    add column made_by text,
    add column revoked_by text,
    add column replaced boolean not null default false,
    drop constraint tokens_name_key;
create unique index tokens_by_name on ledger.tokens (name) where not replaced;
create index tokens_of_a_name on ledger.tokens (name);
comment on column ledger.tokens.made_by is 'Who made it, or rotated to it; null of those made before this was kept, and by the service itself.';
comment on column ledger.tokens.revoked_by is 'Who revoked it, or rotated it out.';
comment on column ledger.tokens.replaced is 'Another token has its name now.';
