-- Needs a superuser, once. Without one the owner of the tables is held by privileges, triggers and the proofs only.
create or replace function public.sojourn_refuse_ddl() returns event_trigger
language plpgsql set search_path = pg_catalog as $$
declare
    command record;
    guarded boolean;
begin
    if current_setting('is_superuser') = 'on' then
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
        guarded := command.object_identity ~ '\m(ledger|access)\.(events|refuse_change|add_partition)'
                   or (command.object_type = 'schema' and command.object_identity in ('ledger', 'access'));
        if guarded and not (command.command_tag = 'CREATE TABLE'
                            or (command.command_tag = 'CREATE TRIGGER'
                                and (select p.proname = 'refuse_change' and t.tgenabled = 'O'
                                       from pg_trigger t join pg_proc p on p.oid = t.tgfoid
                                      where t.oid = command.objid))
                            or command.command_tag in ('CREATE INDEX', 'COMMENT', 'GRANT', 'REVOKE')) then
            raise exception '% of % is refused: events are append-only', command.command_tag, command.object_identity
                using errcode = 'insufficient_privilege',
                      hint = 'A schema change of the event log is made by a superuser, in a release of its own.';
        end if;
    end loop;
end $$;

drop event trigger if exists sojourn_refuse_ddl;
drop event trigger if exists sojourn_refuse_drop;
create event trigger sojourn_refuse_ddl on ddl_command_end execute function public.sojourn_refuse_ddl();
create event trigger sojourn_refuse_drop on sql_drop execute function public.sojourn_refuse_ddl();
