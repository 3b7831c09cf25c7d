-- Retention: what is held, and what is gone. Guards, so folds of the log; of what is gone they hold ids alone.
create table ledger.destroyed (
    key_id   uuid primary key,
    subject  text not null,
    class    text not null,
    position bigint not null
);
create index destroyed_by_position on ledger.destroyed (position);
create index destroyed_by_subject on ledger.destroyed (subject);
comment on table ledger.destroyed is 'Keys that the log says were destroyed: none of them may stand in the vault.';
comment on column ledger.destroyed.subject is 'Record, account or submission that it went with.';
comment on column ledger.destroyed.class is 'Class of record that went: what was disposed of, not what this key sealed.';
comment on column ledger.destroyed.position is 'Of the event that says so.';

create table ledger.tombstones (
    subject  text primary key,
    kind     text not null check (kind in ('record', 'account', 'case')),
    minted   text unique,
    position bigint not null,
    disposal uuid
);
comment on table ledger.tombstones is 'Records, accounts and cases of which nothing is left: no key is made for them again.';
comment on column ledger.tombstones.minted is 'Student id that a record minted: whoever asks for it is told that it is gone.';

create table ledger.holds (
    hold     uuid primary key,
    released boolean not null
);
create index holds_that_stand on ledger.holds (hold) where not released;
comment on table ledger.holds is 'Each hold that was ever placed; what it is over, and until when, stands in its stream.';

create table ledger.case_records (
    case_id   uuid not null,
    record_id uuid not null,
    primary key (case_id, record_id)
);
create index case_records_by_record on ledger.case_records (record_id);
comment on table ledger.case_records is 'Records that open cases name: while one is open, nothing of its students is destroyed.';

-- What stands in an older log is read from it once, by whoever disposes first: SQL opens no body.
insert into tracking.positions (application_name, notification_id)
select 'retention guards', 0 from ledger.head where position = 0;

-- A key that is made while a disposal is under way waits for its end: so it either was seen by it, or is refused.
create function vault.refuse_for_what_is_gone() returns trigger language plpgsql set search_path = pg_catalog as $$
begin
    perform pg_advisory_xact_lock_shared('ledger.tombstones'::regclass::oid::bigint);
    if exists (select from made join ledger.tombstones t on t.subject = made.subject) then
        raise exception 'a key is wanted for what was destroyed'
            using errcode = 'integrity_constraint_violation', constraint = 'nothing_is_gone';
    end if;
    return null;
end $$;
revoke all on function vault.refuse_for_what_is_gone() from public;
create trigger nothing_is_gone after insert on vault.keys referencing new table as made
    for each statement execute function vault.refuse_for_what_is_gone();

-- Guard rows go with their record or account, and with nothing else.
create function ledger.destroy_guards(gone text[]) returns void
language sql security definer set search_path = pg_catalog as $$
    delete from ledger.records r using ledger.tombstones t
     where t.kind = 'record' and t.subject = any(gone) and r.record_id = t.subject::uuid;
    delete from ledger.identities i using ledger.tombstones t
     where t.kind = 'account' and t.subject = any(gone) and i.account_id = t.subject::uuid;
$$;
revoke all on function ledger.destroy_guards(text[]) from public;
grant execute on function ledger.destroy_guards(text[]) to sojourn_disposer;

grant select on ledger.destroyed, ledger.tombstones, ledger.holds, ledger.case_records
    to sojourn_writer, sojourn_disposer, sojourn_projector;
grant insert on ledger.destroyed, ledger.tombstones to sojourn_disposer;
grant insert, update on ledger.holds to sojourn_writer, sojourn_disposer;
grant insert, delete on ledger.case_records to sojourn_writer, sojourn_disposer;
