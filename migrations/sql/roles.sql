-- The five roles, and what they need of the database itself. Run by the administrator of the URL before Alembic.
do $roles$
declare
    role_name text;
    -- From 16 on, who makes a role is a member who may pass it on, and may act as it only once he is granted that too.
    membership text := case when current_setting('server_version_num')::int >= 160000 then 'set' else 'member' end;
begin
    foreach role_name in array
        array['sojourn_owner', 'sojourn_writer', 'sojourn_projector', 'sojourn_reader', 'sojourn_disposer']
    loop
        begin
            if not exists (select from pg_catalog.pg_roles where rolname = role_name) then
                execute format('create role %I login noinherit', role_name);
            end if;
        exception when duplicate_object or unique_violation then
            null; -- another migration of the same cluster was faster
        end;
        if not (select rolsuper from pg_catalog.pg_roles where rolname = current_user)
           and not pg_catalog.pg_has_role(current_user, role_name, membership) then
            execute format('grant %I to current_user', role_name);
        end if;
    end loop;
    execute format('grant create, connect, temporary on database %I to sojourn_owner', current_database());
    execute format('grant create, connect, temporary on database %I to sojourn_projector', current_database());
    execute format('grant connect on database %I to sojourn_writer, sojourn_reader, sojourn_disposer', current_database());
    execute format('revoke create on schema public from public');
end
$roles$;
