-- Needs a superuser, once. Without one the owner of the tables is held by privileges, triggers and the proofs only.
--
-- A command is known by the name that it leaves behind, so whatever renames or moves a guarded thing would go unseen.
-- Therefore two looks: at what the command touched, and at whether all that guards the events still stands.
--
-- A superuser is refused too: a slip must not cost a fact. Who means it says so first, in his session alone:
-- set session_replication_role = replica.
create or replace function public.sojourn_refuse_ddl() returns event_trigger
language plpgsql set search_path = pg_catalog as $$
declare
    command record;
    log text;
    unguarded text;
begin
    if tg_event = 'ddl_command_start' then
        -- DETACH CONCURRENTLY works in two transactions: at its end it would be too late to refuse it. It must stand
        -- alone in its query, and keywords cannot be written otherwise.
        if current_query() ~* 'detach' and current_query() ~* 'concurrently' then
            raise exception 'DETACH PARTITION CONCURRENTLY is refused in this database: events are append-only'
                using errcode = 'insufficient_privilege';
        end if;
        return;
    end if;
    if tg_event = 'sql_drop' then
        for command in select * from pg_event_trigger_dropped_objects() loop
            if (command.object_type = 'schema' and command.object_name in ('ledger', 'access'))
               or (command.schema_name in ('ledger', 'access')
                   and command.object_identity ~ '(\mevents|refuse_change|add_partition)') then
                raise exception 'dropping % is refused: events are append-only', command.object_identity
                    using errcode = 'insufficient_privilege';
            end if;
        end loop;
        return;
    end if;
    for command in select * from pg_event_trigger_ddl_commands() loop
        if (command.object_identity ~ '\m(ledger|access)\.(events|refuse_change|add_partition)'
            or (command.object_type = 'schema' and command.object_identity in ('ledger', 'access')))
           and command.command_tag not in ('CREATE TABLE', 'CREATE TRIGGER', 'CREATE INDEX', 'COMMENT', 'GRANT', 'REVOKE')
        then
            raise exception '% of % is refused: events are append-only', command.command_tag, command.object_identity
                using errcode = 'insufficient_privilege',
                      hint = 'A schema change of the event log is made by a superuser, in a release of its own.';
        end if;
        if command.command_tag = 'CREATE TABLE' then
            -- Whoever makes a partition, it is born with its trigger.
            for log in select n.nspname from pg_inherits i join pg_class p on p.oid = i.inhparent
                         join pg_namespace n on n.oid = p.relnamespace
                        where i.inhrelid = command.objid and p.relname = 'events' and n.nspname in ('ledger', 'access')
            loop
                execute format('create or replace trigger events_are_never_truncated before truncate on %s '
                               'for each statement execute function %I.refuse_change()', command.objid::regclass, log);
            end loop;
        end if;
    end loop;
    foreach log in array array['ledger', 'access'] loop
        with guarded as (
            select c.oid, c.relkind = case when i.inhrelid is null then 'p' else 'r' end
                          and c.relpersistence = 'p'
                          and n.nspname = log
                          and c.relname ~ case when i.inhrelid is null then '^events$' else '^events_from_\d+$' end
                          as in_place
              from pg_class c join pg_namespace n on n.oid = c.relnamespace
              left join pg_inherits i on i.inhrelid = c.oid
             where c.oid = to_regclass(log || '.events') or i.inhparent = to_regclass(log || '.events')
        ), guards as (
            select t.tgrelid, t.tgqual is null and t.tgattr = '' and t.tgenabled = 'O'
                              and t.tgfoid = to_regprocedure(log || '.refuse_change()')
                              -- 27: before update or delete, each row; 34: before truncate, each statement
                              and (t.tgname, t.tgtype) in (('events_are_append_only', 27), ('events_are_never_truncated', 34))
                              as fits
              from pg_trigger t join guarded g on g.oid = t.tgrelid where not t.tgisinternal
        )
        select string_agg(g.oid::regclass::text, ', ') into unguarded from guarded g
         where not g.in_place
            or (select count(*) filter (where fits) <> 2 or count(*) <> 2 from guards where tgrelid = g.oid);
        if unguarded is not null or to_regclass(log || '.events') is null
           or to_regprocedure(log || '.refuse_change()') is null or to_regprocedure(log || '.add_partition()') is null then
            raise exception '% is refused: it would leave % without what guards it',
                            tg_tag, coalesce(unguarded, log || '.events')
                using errcode = 'insufficient_privilege',
                      hint = 'Events are append-only. If another session brought this about, run `sojourn doctor`.';
        end if;
    end loop;
end $$;

drop event trigger if exists sojourn_refuse_detach;
drop event trigger if exists sojourn_refuse_ddl;
drop event trigger if exists sojourn_refuse_drop;
create event trigger sojourn_refuse_detach on ddl_command_start when tag in ('ALTER TABLE')
    execute function public.sojourn_refuse_ddl();
create event trigger sojourn_refuse_ddl on ddl_command_end execute function public.sojourn_refuse_ddl();
create event trigger sojourn_refuse_drop on sql_drop execute function public.sojourn_refuse_ddl();
