-- Declared pairs also hold where two transactions are at it at once, and a declaration is found by its id.
create index not_same_by_declaration on ledger.not_same (declaration);

-- The sequencer writes alone, under the lock of the head; this is for whoever does not. Neither of two transactions sees
-- what the other one has not committed, so each waits at its end for the records that the other may be moving; after
-- that it sees what came of them, as each statement does in `read committed`, and only there.
create or replace function ledger.refuse_joining() returns trigger
language plpgsql set search_path = pg_catalog as $$
declare
    joined boolean;
begin
    if current_setting('transaction_isolation') <> 'read committed' then
        raise exception 'who is whose student is written in read committed alone'
            using errcode = 'integrity_constraint_violation', constraint = 'not_same';
    end if;
    if tg_table_name = 'records' then
        perform from ledger.records r
            where r.record_id in (
                select unnest(array[p.left_record, p.right_record]) from ledger.not_same p
                 where p.withdrawn is null and (p.left_record = new.record_id or p.right_record = new.record_id))
            order by r.record_id for share;
        select exists (select from ledger.not_same p
            join ledger.records l on l.record_id = p.left_record
            join ledger.records r on r.record_id = p.right_record
           where p.withdrawn is null and l.student_id = r.student_id
             and (p.left_record = new.record_id or p.right_record = new.record_id)) into joined;
    else
        perform from ledger.records r where r.record_id in (new.left_record, new.right_record)
            order by r.record_id for share;
        select exists (select from ledger.not_same p
            join ledger.records l on l.record_id = p.left_record
            join ledger.records r on r.record_id = p.right_record
           where p.withdrawn is null and l.student_id = r.student_id
             and p.left_record = new.left_record and p.right_record = new.right_record) into joined;
    end if;
    if joined then
        raise exception 'two records declared not to be the same child would be one student'
            using errcode = 'integrity_constraint_violation', constraint = 'not_same';
    end if;
    return null;
end $$;
