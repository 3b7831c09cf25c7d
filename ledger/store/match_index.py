"""The matcher's own tables: people by their keys, and the queue of records that wait to be decided.

Invariant: what stands here is what the log says up to the matcher's position, which moves in the same transaction; so
a crash leaves nothing half known, and all of it can be made again from position 1.
"""

from __future__ import annotations

import uuid
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from hashlib import blake2b
from typing import Any, NamedTuple

import msgspec
import psycopg
from psycopg.rows import tuple_row

from ledger.matching.blocking import keys
from ledger.matching.person import VERSION, Person

BLOCK_MAX = 500
"""Records under one key, above which the key tells nobody apart."""

_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(Person).decode


class Member(NamedTuple):
    """A record as the guards have it. case: that holds it now."""

    record: str
    student: str
    held: bool


def key_hash(key: str) -> int:
    """A key as it is stored: eight bytes, so that the table holds no name."""
    return int.from_bytes(blake2b(key.encode(), digest_size=8).digest(), "big", signed=True)


def remember(conn: psycopg.Connection[Any], people: Mapping[str, tuple[Person, int]]) -> list[str]:
    """Keep what records say now, by uuid, with the position that says it; those that say something new wait to be
    decided. Answers which these are."""
    known = people_of(conn, people)
    new = {record: said for record, said in people.items() if known.get(record) != said[0]}
    cursor = conn.cursor()
    for record, (person, position) in new.items():
        name = uuid.UUID(record)
        cursor.execute(_REMEMBER, (name, _encode(person), VERSION), prepare=True)
        wanted = sorted(key_hash(key) for key in keys(person))
        cursor.execute(
            "delete from matching.keys where record_id = %s and key <> all(%s)", (name, wanted), prepare=True
        )
        cursor.execute(
            "insert into matching.keys select unnest(%s::bigint[]), %s on conflict do nothing",
            (wanted, name),
            prepare=True,
        )
        cursor.execute(_WAIT, (name, position), prepare=True)
    return list(new)


def made_with(conn: psycopg.Connection[Any]) -> int:
    """Position of the publication of the policy that prepared what stands here; 0 where nothing has."""
    found = _rows(conn, "select published from matching.made_with", ())
    return found[0][0] if found else 0


def begin_again(conn: psycopg.Connection[Any], published: int) -> None:
    """Know nothing any more: another policy prepares names otherwise, and everything is to be decided anew."""
    conn.execute("delete from matching.people")
    conn.execute(_MADE_WITH, (published,))


def forget(conn: psycopg.Connection[Any], records: Iterable[str]) -> None:
    """Keep nothing more of these records: retracted, or destroyed."""
    conn.execute("delete from matching.people where record_id = any(%s::uuid[])", (list(records),))


def wait_again(conn: psycopg.Connection[Any], records: Mapping[str, int]) -> None:
    """Records that are to be decided once more, though they say nothing new; each with the position of the reason."""
    conn.execute(_WAIT_AGAIN, (list(records), list(records.values())))


def students_wait_again(conn: psycopg.Connection[Any], students: Mapping[str, int]) -> None:
    """As ``wait_again``, of every record that minted one of these ids, or is one of such a student's now."""
    conn.execute(_STUDENTS_WAIT_AGAIN, (list(students), list(students.values())))


def waiting(conn: psycopg.Connection[Any], limit: int) -> list[tuple[str, int]]:
    """Records that wait, with the position of what they said, the earliest first."""
    query = "select record_id, position from matching.undecided order by position, record_id limit %s"
    return [(str(record), position) for record, position in _rows(conn, query, (limit,))]


def decided(conn: psycopg.Connection[Any], records: Sequence[tuple[str, int]]) -> None:
    """These wait no longer, unless they have said something new meanwhile."""
    conn.execute(
        "delete from matching.undecided u using unnest(%s::uuid[], %s::bigint[]) as d(record, position)"
        " where u.record_id = d.record and u.position = d.position",
        ([record for record, _ in records], [position for _, position in records]),
    )


def size(conn: psycopg.Connection[Any]) -> int:
    """Records that are known."""
    ((count,),) = _rows(conn, "select count(*) from matching.people", ())
    return int(count)


def near(conn: psycopg.Connection[Any], records: Sequence[str]) -> dict[str, set[str]]:
    """Record to the records that share a key with it. A key that too many share is left out."""
    found: defaultdict[str, set[str]] = defaultdict(set)
    for mine, others in _rows(conn, _NEAR, (BLOCK_MAX + 1, list(records))):
        if len(others) <= BLOCK_MAX:
            found[str(mine)].update(str(other) for other in others if other != mine)
    return found


def people_of(conn: psycopg.Connection[Any], records: Iterable[str]) -> dict[str, Person]:
    """Records as they are compared; those that are not known are left out."""
    query = "select record_id, person from matching.people where record_id = any(%s::uuid[])"
    return {str(record): _decode(bytes(person)) for record, person in _rows(conn, query, (list(records),))}


def members_of(conn: psycopg.Connection[Any], records: Iterable[str]) -> list[Member]:
    """Every record of every student that one of these records is of."""
    return [Member(str(record), student, held) for record, student, held in _rows(conn, _MEMBERS, (list(records),))]


def apart(conn: psycopg.Connection[Any], records: Iterable[str]) -> set[tuple[str, str]]:
    """Pairs of these records that somebody has declared not to be one child's, each both ways round."""
    asked = list(records)
    pairs = [(str(left), str(right)) for left, right in _rows(conn, _APART, (asked, asked))]
    return {*pairs, *((right, left) for left, right in pairs)}


def _rows(conn: psycopg.Connection[Any], query: str, values: tuple[object, ...]) -> list[Any]:
    return conn.cursor(row_factory=tuple_row, binary=True).execute(query, values, prepare=True).fetchall()  # type: ignore[arg-type]


_REMEMBER = """
insert into matching.people values (%s, %s, %s)
on conflict (record_id) do update set person = excluded.person, code = excluded.code
"""
_WAIT = """
insert into matching.undecided values (%s, %s) on conflict (record_id) do update set position = excluded.position
"""
_MADE_WITH = """
insert into matching.made_with (published) values (%s)
on conflict (only_row) do update set published = excluded.published
"""
_WAIT_AGAIN = """
insert into matching.undecided as u select p.record_id, a.position
from unnest(%s::uuid[], %s::bigint[]) as a(record_id, position) join matching.people p using (record_id)
on conflict (record_id) do update set position = greatest(u.position, excluded.position)
"""
_STUDENTS_WAIT_AGAIN = """
insert into matching.undecided as u select p.record_id, max(a.position)
from unnest(%s::text[], %s::bigint[]) as a(student_id, position)
join ledger.records r on r.minted = a.student_id or r.student_id = a.student_id
join matching.people p using (record_id)
group by p.record_id
on conflict (record_id) do update set position = greatest(u.position, excluded.position)
"""
_NEAR = """
select mine.record_id, array(select k.record_id from matching.keys k where k.key = mine.key limit %s)
from matching.keys mine where mine.record_id = any(%s::uuid[])
"""
_MEMBERS = """
with asked as materialized (select distinct student_id from ledger.records where record_id = any(%s::uuid[]))
select r.record_id, r.student_id, r.case_id is not null from asked a join ledger.records r on r.minted = a.student_id
where r.student_id = a.student_id
union
select r.record_id, r.student_id, r.case_id is not null from asked a
join ledger.records r on r.student_id = a.student_id and r.student_id <> r.minted
"""
_APART = """
select left_record, right_record from ledger.not_same
where withdrawn is null and left_record = any(%s::uuid[]) and right_record = any(%s::uuid[])
"""
