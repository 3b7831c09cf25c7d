-- Another policy prepares names otherwise, and every record is read anew: once, whole, from its own stream, and not as
-- often as it says something in the log. Where that was under way, it begins once more.
create table matching.unread (
    record_id uuid primary key,
    since     bigint not null
);
comment on table matching.unread is
    'Records that are known no more, and that the matcher has yet to read anew. since: position after which what a state'
    ' corrects of them is looked at.';

update tracking.positions t set notification_id = greatest(t.notification_id, s.since)
from matching.state s where t.application_name = 'reactor matcher';
update matching.state set published = 0;
alter table matching.state drop column since;
comment on table matching.state is
    'people: how many are known, since counting a million takes longer than to decide upon one. published: position of'
    ' the publication of the policy by which all this was prepared.';

grant select on matching.unread to sojourn_projector;
grant select, insert, update, delete, truncate on matching.unread to sojourn_writer, sojourn_disposer;
