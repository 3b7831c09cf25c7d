"""The students around some records that wait, as the matcher's tables have them, put together to be decided.

Invariant: a function of the tables, the policy and the records; who else waits decides nothing. Writes nothing.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence

from ledger.match_portion import Portion
from ledger.match_reading import is_other
from ledger.matching.group import Group
from ledger.store import match_index


def grown(portion: Portion, waiting: Sequence[tuple[str, int]], most: int, *, linked: bool) -> list[tuple[str, int]]:
    """With those that wait too and come so near to one of these, or to one of those, that they may be linked or asked
    about: what is decided at once then hangs on nothing that is decided later. most: about so many in all."""
    found, fresh = dict(waiting), [record for record, _ in waiting]
    while fresh and len(found) < most:
        near = portion.near(fresh)
        members = portion.members_of(set(fresh).union(*near.values()))
        people = portion.people_of({member.record for member in members})
        students = {member.record: member.student for member in members if member.record in people}
        group = Group(portion.scale, people, students, _both_ways(near), met=portion.met)
        close = group.close(fresh)
        more = match_index.waiting_of(portion.conn, close - set(found), most - len(found), linked=linked)
        found |= more
        fresh = [record for record, _ in more]
    return list(found.items())


def group_of(
    portion: Portion, records: Sequence[str], refused: Collection[tuple[str, str]] = ()
) -> tuple[Group, set[str]]:
    """Everybody whom records may be linked with, or asked about, and whoever the guards look at. refused: pairs that
    cannot be linked now, each both ways. Answers also records that are known and were destroyed since."""
    near = portion.near(records)
    known = set(records).union(*near.values())
    members = portion.members_of(known)
    known |= {member.record for member in members}
    around = portion.around(known)
    people = around.people
    students = {member.record: member.student for member in members if member.record in people}
    gone = set(people) - set(students)  # there is no guard of them any more
    held = {member.record for member in members if member.held}.union(around.asked)
    held |= {
        record
        for record, doubt in around.doubts.items()
        if doubt.other and record in people and is_other(doubt.was, people[record])
    }
    group = Group(portion.scale, people, students, _both_ways(near), around.apart.union(refused), held, portion.met)
    # Who may be a twin or a namesake of somebody is seen from that one, not from the record that waits.
    close = group.close(records) - set(records)
    beside = portion.near(close)
    unknown = set[str]().union(*beside.values()) - set(people)
    beyond: dict[str, str] = {}
    if portion.scale.policy.thresholds.margin:
        beyond = {member.record: member.student for member in portion.members_of(unknown)}
    others = portion.people_of(unknown.union(beyond) - set(people))
    beyond = {record: student for record, student in beyond.items() if record in others}
    group.know(others, _both_ways(near, beside), close.union(records), beyond)
    return group, gone


def _both_ways(*near: Mapping[str, Iterable[str]]) -> dict[str, set[str]]:
    both: dict[str, set[str]] = {}
    for one in near:
        for record, others in one.items():
            both.setdefault(record, set()).update(others)
            for other in others:
                both.setdefault(other, set()).add(record)
    return both
