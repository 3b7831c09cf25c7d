"""Whether what the matcher has decided on still stands when it is written.

It looks at its own tables, and people, states and operators go on meanwhile. So each link and each question is held
against the log once more, and expects of every stream that it rests on that nothing is said there before it is
durable: the records of both sides, and the policies. What does not stand is not written; who changed it makes the
records wait again, or the policy has them all decided anew.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from psycopg.rows import tuple_row

from ledger.errors import Conflict
from ledger.events.linkage import Decision
from ledger.events.policy import PolicyPublished
from ledger.events.record import RecordReinstated, RecordRetracted
from ledger.identities import states_of
from ledger.identity import traits_of
from ledger.policies import STREAM
from ledger.reach import Reach
from ledger.store.append import Part
from ledger.store.log import Log
from ledger.store.vault import LEDGER

_RECORD = "record/"


def stands(log: Log, reach: Reach, record: str, member: str, read: int, decision: Decision | None) -> list[Part]:
    """What an append of this decision expects of the streams that it rests on. read: position to which the log was read
    for it. decision: None where a state has said itself that the two are one.

    Raises Conflict: a record was retracted since, somebody has joined or parted one of the two sides, or another policy
    is in effect. StoreUnavailable.
    """
    if decision is None:
        return _unsaid(log, dict.fromkeys((record, member), read), None)
    students = reach.students()
    for one, decided in ((record, decision.left), (member, decision.right)):
        now = {anchor.record for anchor in students.members[students.student_of[one]]}
        if not now.issuperset(decided) or _speak(log, now.difference(decided), read):
            raise Conflict("The two are no longer what they were.", remedy="They are decided anew.")
    return _unsaid(log, dict.fromkeys((*decision.left, *decision.right), read), decision.published)


def _speak(log: Log, records: Iterable[str], read: int) -> bool:
    """Whether any of these said who its child is: one that did not, was not there to be decided on."""
    return any(traits_of(state) is not None for state in states_of(log, records, read).values())


def _unsaid(log: Log, records: dict[str, int], published: int | None) -> list[Part]:
    since = {_RECORD + record: read for record, read in records.items()}
    if published is not None:
        since[STREAM] = published
    topics = [RecordRetracted.topic, RecordReinstated.topic, PolicyPublished.topic]
    with log.connection() as conn:
        rows: list[tuple[Any, ...]] = (
            conn.cursor(row_factory=tuple_row).execute(_LAST, (topics, list(since), list(since.values()))).fetchall()
        )
    if any(topic == RecordRetracted.topic for _, _, topic in rows):
        raise Conflict("A record was retracted meanwhile.", remedy="It says nothing any more, and is linked to nobody.")
    if any(topic == PolicyPublished.topic for _, _, topic in rows):
        raise Conflict("Another policy was published meanwhile.", remedy="Everything is decided anew by that.")
    return [Part(stream=stream, subject=LEDGER[0], expected=version, events=[]) for stream, version, _ in rows]


_LAST = """
with asked as (select %s::text[] as topics)
select s.stream, last.version,
    case when last.position > s.since then (
        select e.topic from ledger.events e, asked
        where e.stream = s.stream and e.position > s.since and e.topic = any(asked.topics)
        order by e.version desc limit 1
    ) end
from unnest(%s::text[], %s::bigint[]) as s(stream, since) cross join lateral (
    select e.version, e.position from ledger.events e where e.stream = s.stream order by e.version desc limit 1
) as last
"""
"""Of each stream its version, and what was last said of these topics since a position."""
