-- Guards of linkage: the student that each record is one of now, which case holds it, and who is never the same child.
alter table ledger.records add column minted text, add column case_id uuid;
update ledger.records set minted = student_id;
alter table ledger.records alter column minted set not null;
comment on column ledger.records.minted is 'Student id that the record minted; shown again whenever it stands alone.';
comment on column ledger.records.case_id is 'Pending case under which the record is: it takes data, and no merge or split.';
create unique index records_by_minted on ledger.records (minted);
-- A record that stands alone is found by the id that it minted.
create index records_by_student on ledger.records (student_id) where student_id <> minted;

create table ledger.not_same (
    left_record  uuid not null,
    right_record uuid not null,
    declaration  text not null,
    declared     bigint not null,
    withdrawn    bigint,
    primary key (left_record, right_record, declaration),
    check (left_record < right_record)
);
create index not_same_by_right on ledger.not_same (right_record);
comment on table ledger.not_same is 'Pairs of records declared not to be the same child, each once for every declaration.';
comment on column ledger.not_same.withdrawn is 'Position of the event that took the declaration back; null while it binds.';

-- Whatever path joins two records, at commit no student holds a pair that binds.
create function ledger.refuse_joining() returns trigger
language plpgsql set search_path = pg_catalog as $$
begin
    if tg_table_name = 'records' then
        perform from ledger.not_same p
            join ledger.records l on l.record_id = p.left_record
            join ledger.records r on r.record_id = p.right_record
           where p.withdrawn is null and l.student_id = r.student_id
             and (p.left_record = new.record_id or p.right_record = new.record_id);
    else
        perform from ledger.not_same p
            join ledger.records l on l.record_id = p.left_record
            join ledger.records r on r.record_id = p.right_record
           where p.withdrawn is null and l.student_id = r.student_id
             and p.left_record = new.left_record and p.right_record = new.right_record;
    end if;
    if found then
        raise exception 'two records declared not to be the same child would be one student'
            using errcode = 'integrity_constraint_violation', constraint = 'not_same';
    end if;
    return null;
end $$;

-- A declaration is taken back by an event of the same transaction, and by nothing else.
create function ledger.refuse_withdrawing() returns trigger
language plpgsql set search_path = pg_catalog as $$
begin
    perform from ledger.events e
      where e.position = new.withdrawn and e.xmin = pg_current_xact_id()::xid
        and e.topic in ('declaration-withdrawn.v1', 'act-reversed.v1');
    if not found then
        raise exception 'a declaration is withdrawn only with the event that says so'
            using errcode = 'integrity_constraint_violation', constraint = 'not_same_withdrawn';
    end if;
    return null;
end $$;

create function ledger.refuse_forgetting() returns trigger
language plpgsql set search_path = pg_catalog as $$
begin
    raise exception 'declarations of records that are not the same child are kept: % is refused', tg_op
        using errcode = 'insufficient_privilege', hint = 'A declaration is withdrawn by an event.';
end $$;

create constraint trigger no_pair_is_joined after update on ledger.records
    deferrable initially deferred for each row
    when (new.student_id <> old.student_id or new.record_id <> old.record_id)
    execute function ledger.refuse_joining();
create constraint trigger no_pair_is_joined_by_an_opening after insert on ledger.records
    deferrable initially deferred for each row when (new.student_id <> new.minted)
    execute function ledger.refuse_joining();
create constraint trigger no_pair_is_joined after insert or update on ledger.not_same
    deferrable initially deferred for each row when (new.withdrawn is null)
    execute function ledger.refuse_joining();
create constraint trigger no_pair_is_withdrawn_alone after insert or update on ledger.not_same
    deferrable initially deferred for each row when (new.withdrawn is not null)
    execute function ledger.refuse_withdrawing();
create trigger declarations_are_kept before delete on ledger.not_same
    for each row execute function ledger.refuse_forgetting();
create trigger declarations_are_never_truncated before truncate on ledger.not_same
    for each statement execute function ledger.refuse_forgetting();
create trigger pairs_are_never_moved before update of left_record, right_record, declaration on ledger.not_same
    for each row execute function ledger.refuse_forgetting();

revoke update on ledger.records from sojourn_writer, sojourn_disposer;
grant update (student_id, rows, case_id) on ledger.records to sojourn_writer, sojourn_disposer;
grant select, insert, update (withdrawn) on ledger.not_same to sojourn_writer, sojourn_disposer;
grant select on ledger.not_same to sojourn_projector;
revoke delete, truncate on ledger.not_same from sojourn_owner;
revoke all on function ledger.refuse_joining(), ledger.refuse_withdrawing(), ledger.refuse_forgetting() from public;
