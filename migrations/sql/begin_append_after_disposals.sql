-- As before, and it tells of disposals: an append that was sealed before one may use a key that is gone.
drop function {log}.begin_append(text[], text[], text[], text[], text[]);
create function {log}.begin_append(
    wanted text[], scopes text[], keys text[], states text[], state_student_ids text[],
    out head bigint, out recorded_us bigint, out partitions_end bigint, out partition_rows bigint,
    out versions bigint[], out answers jsonb, out opened boolean[], out disposals bigint
) language plpgsql set search_path = pg_catalog as $$
begin
    select h.position, case when isfinite(h.recorded_at) then (extract(epoch from h.recorded_at) * 1000000)::bigint end,
           h.partitions_end, h.partition_rows, h.disposals
      into head, recorded_us, partitions_end, partition_rows, disposals
      from {log}.head h for update;
    versions := array(
        select coalesce((select h.version from {log}.heads h where h.stream = w.stream), 0)
          from unnest(wanted) with ordinality as w(stream, n) order by w.n);
    if cardinality(scopes) > 0 then
        select jsonb_agg(jsonb_build_array(a.scope, a.key, encode(a.request_hash, 'hex'), a.status, a.position, a.ids))
          into answers
          from ledger.answers a
         where (a.scope, a.key) in (select * from unnest(scopes, begin_append.keys));
    end if;
    if cardinality(states) > 0 then
        opened := array(
            select exists (select from ledger.records r where r.state = w.state and r.state_student_id = w.ssid)
              from unnest(states, state_student_ids) with ordinality as w(state, ssid, n) order by w.n);
    end if;
end $$;
revoke all on function {log}.begin_append(text[], text[], text[], text[], text[]) from public;
grant execute on function {log}.begin_append(text[], text[], text[], text[], text[]) to sojourn_writer, sojourn_disposer;
