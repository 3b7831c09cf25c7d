-- In which order records are decided, where more wait than are decided at once: by what their states call them, and not
-- by when their file came. What there is was remembered without it, and is remembered anew from the log.
truncate matching.people, matching.keys, matching.undecided;
update tracking.positions t set notification_id = greatest(t.notification_id, s.since)
from matching.state s where t.application_name = 'reactor matcher';
update matching.state set people = 0, published = 0;

alter table matching.people add column place bigint not null;
comment on table matching.people is
    'Records as they are compared. code: version of what prepared them. keys: those under which they stand. place: hash'
    ' of state and id, by which they come to their turn.';

alter table matching.undecided add column place bigint not null;
drop index matching.undecided_by_position;
create index undecided_by_place on matching.undecided (linked, place, record_id);
