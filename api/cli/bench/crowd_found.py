"""What the matcher made of records that came, held against whose they are.

Invariant: closed. What counts is with which records a new one is one student in the end, by whatever way it got there.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping
from itertools import chain
from statistics import mean
from typing import Any

import psycopg

from ledger.store import match_index

_AT_ONCE = 200
"""New records looked at together: each may share keys with hundreds."""


def figures(conn: psycopg.Connection[Any], before: Mapping[str, int], came: Mapping[str, int]) -> dict[str, float]:
    """Figures of new records. before: earlier records, to their child, of every child of whom a new one came. came: the
    new ones, to their child.

    blocking_recall: share of the pairs of a new record and an earlier one of its child that share a key. auto_recall:
    share of them that are one student. other_children: other children with whom a new record shares a key, on average;
    and other_children_p99. wrong: new records that are one student with a record of another child.
    """
    child_of = {**before, **came}
    earlier = Counter(before.values())
    real = sum(earlier[child] for child in came.values())
    others: list[int] = []
    shared = joined = wrong = 0
    names = list(came)
    for first in range(0, len(names), _AT_ONCE):
        asked = names[first : first + _AT_ONCE]
        near = match_index.near(conn, asked)
        student_of: dict[str, str] = {}
        records_of: defaultdict[str, list[str]] = defaultdict(list)
        for member in match_index.members_of(conn, {*asked, *chain.from_iterable(near.values())}):
            student_of[member.record] = member.student
            records_of[member.student].append(member.record)
        for record in asked:
            child = came[record]
            shared += sum(before.get(other) == child for other in near.get(record, ()))
            # Of a child of whom nothing new came, all records are one student.
            whose = {child_of.get(other, student_of[other]) for other in near.get(record, ())}
            others.append(len(whose - {child}))
            together = records_of[student_of[record]]
            joined += sum(before.get(other) == child for other in together)
            wrong += any(child_of.get(other) != child for other in together)
    return {
        "blocking_recall": shared / real if real else 1.0,
        "auto_recall": joined / real if real else 1.0,
        "wrong": wrong,
        "other_children": mean(others),
        "other_children_p99": sorted(others)[len(others) * 99 // 100],
    }
