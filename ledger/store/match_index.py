"""The matcher's own tables: people by their keys, and the queue of records that wait to be decided.

Each ``ask`` asks, and answers with what takes the answer: asked in a pipeline, several are waited for once.

Invariant: what stands here is what the log says up to the matcher's position, which moves in the same transaction, but
of the records that are still to be read anew for another policy (``unread``), of which nothing does; so a crash leaves
nothing half known, and all of it can be made again from the log. A batch takes a handful of
statements, however many records it has; and who changes anything here is alone with it.
"""

from __future__ import annotations

import uuid
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from hashlib import blake2b
from typing import Any, LiteralString, NamedTuple

import msgspec
import psycopg
from psycopg.rows import tuple_row

from ledger.matching.blocking import KEYS, keys
from ledger.matching.person import VERSION, Person
from ledger.store import arrays

BLOCK_MAX = 500
"""Records under one key, above which the key tells nobody apart."""

_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(Person).decode


class Member(NamedTuple):
    """A record as the guards have it. held: by a case, now."""

    record: str
    student: str
    held: bool


def key_hash(key: str) -> int:
    """A key as it is stored: eight bytes, so that the table holds no name."""
    return int.from_bytes(blake2b(key.encode(), digest_size=8).digest(), "big", signed=True)


def place_of(person: Person) -> int:
    """When it comes to a record's turn: by what its state calls it, so that the order of a night's files decides
    nothing; as a hash, so that no state always comes first, and the table holds no id."""
    return key_hash(f"{person.state}/{person.state_student_id}")


def remember(conn: psycopg.Connection[Any], people: Mapping[str, tuple[Person, int]]) -> list[str]:
    """Keep what records say now, by uuid, with the position that says it; those that say something new wait to be
    decided. Answers which these are. In the caller's transaction, or in one of its own."""
    if not people:
        return []
    with _alone(conn):
        known = {str(row[0]): row[1:] for row in _rows(conn, _KNOWN, (_named(conn, people),))}
        fresh: list[_Fresh] = []
        for record, (person, position) in people.items():
            encoded = _encode(person)
            stored, code, before = known.get(record, (None, None, ()))
            # What other code has prepared is prepared anew: its keys may not be those that others now stand under.
            if (stored, code) != (encoded, VERSION):
                wanted = frozenset(map(key_hash, keys(person)))
                place = place_of(person)
                fresh.append(
                    _Fresh(record, uuid.UUID(record).bytes, encoded, position, place, wanted, frozenset(before))
                )
        if fresh:
            _write(conn, fresh)
            _count(conn, sum(one.record not in known for one in fresh))
    return [one.record for one in fresh]


def forget(conn: psycopg.Connection[Any], records: Iterable[str]) -> None:
    """Keep nothing more of these records: retracted, or destroyed. In the caller's transaction, or in one of its
    own."""
    asked = list(records)
    if not asked:
        return
    named = _named(conn, asked)
    with _alone(conn):
        _count(conn, -_run(conn, _FORGET, (named, named)))
        _run(conn, "delete from matching.doubts where record_id = any(%s)", (named,))


def destroyed(conn: psycopg.Connection[Any]) -> list[str]:
    """Records that are known and of which there is no guard any more."""
    query = (
        "select record_id from matching.people p"
        " where not exists (select from ledger.records r where r.record_id = p.record_id)"
    )
    return [str(record) for (record,) in _rows(conn, query, ())]


def wait_again(conn: psycopg.Connection[Any], records: Mapping[str, int]) -> None:
    """Records that are to be decided once more, though they say nothing new; each with the position of the reason."""
    if records:
        with _alone(conn):
            _run(conn, _WAIT_AGAIN, _each(conn, list(records.items())))


def students_wait_again(conn: psycopg.Connection[Any], students: Mapping[str, int]) -> None:
    """As ``wait_again``, of every record that minted one of these ids, or is one of such a student's now."""
    if students:
        with _alone(conn):
            asked = list(students), list(students.values())
            _run(conn, _STUDENTS_WAIT_AGAIN, (*asked, *asked))


def made_with(conn: psycopg.Connection[Any]) -> int:
    """Position of the publication of the policy that prepared what stands here; 0 where nothing has, or what stands
    here stands under keys of another release."""
    ((position, under),) = _rows(conn, "select published, keys from matching.state", ())
    return int(position) if under == KEYS else 0


def begin_again(conn: psycopg.Connection[Any], published: int, since: int) -> None:
    """Know nothing any more: another policy prepares names otherwise, so that every record is to be read and decided
    anew. since: position up to which the log was read: what people were asked of corrections there, they were asked.
    Corrections that nobody has looked at yet stay."""
    with _alone(conn):
        _run(conn, "truncate matching.people, matching.keys, matching.undecided", ())
        # One that was yet to be read for the policy before keeps the place from where its corrections count.
        _run(
            conn,
            "insert into matching.unread select record_id, %s from ledger.records on conflict do nothing",
            (since,),
        )
        _run(conn, "update matching.state set people = 0, published = %s, keys = %s", (published, KEYS))


def unread(conn: psycopg.Connection[Any], limit: int) -> dict[str, int]:
    """Records that are to be read anew, each with the position after which its corrections count."""
    query = "select record_id, since from matching.unread order by record_id limit %s"
    return {str(record): since for record, since in _rows(conn, query, (limit,))}


def read(conn: psycopg.Connection[Any], records: Iterable[str]) -> None:
    """These are read anew."""
    with _alone(conn):
        _run(conn, "delete from matching.unread where record_id = any(%s)", (_named(conn, records),))


def waiting(conn: psycopg.Connection[Any], limit: int, *, linked: bool = False) -> list[tuple[str, int]]:
    """Records that wait, with the position of what they said, in the order of their places. linked: those of which what
    could be linked is."""
    query = "select record_id, position from matching.undecided where linked = %s order by place, record_id limit %s"
    return [(str(record), position) for record, position in _rows(conn, query, (linked, limit))]


def waiting_of(
    conn: psycopg.Connection[Any], records: Iterable[str], limit: int, *, linked: bool = False
) -> list[tuple[str, int]]:
    """As ``waiting``, of these records."""
    query = (
        "select record_id, position from matching.undecided where linked = %s and record_id = any(%s)"
        " order by place, record_id limit %s"
    )
    return [(str(record), position) for record, position in _rows(conn, query, (linked, _named(conn, records), limit))]


def linked(conn: psycopg.Connection[Any], records: Sequence[tuple[str, int]]) -> None:
    """What could be linked of these is, unless they have said something new meanwhile."""
    if records:
        with _alone(conn):
            _run(conn, _LINKED, _each(conn, records))


def decided(conn: psycopg.Connection[Any], records: Sequence[tuple[str, int]]) -> None:
    """These wait no longer, unless they have said something new meanwhile."""
    if records:
        with _alone(conn):
            _run(conn, _DECIDED, _each(conn, records))


def size(conn: psycopg.Connection[Any]) -> int:
    """Records that are known."""
    ((people,),) = _rows(conn, "select people from matching.state", ())
    return int(people)


def near(conn: psycopg.Connection[Any], records: Sequence[str]) -> dict[str, set[str]]:
    """Record to the records that share a key with it; one that nobody is near to is left out. So is a key that more
    than BLOCK_MAX share, whoever asks."""
    return ask_near(conn, records)()


def ask_near(conn: psycopg.Connection[Any], records: Sequence[str]) -> Callable[[], dict[str, set[str]]]:
    """As ``near``."""
    asked = set(records)
    take = _ask(conn, _NEAR, (_named(conn, asked), BLOCK_MAX + 1, BLOCK_MAX))

    def taken() -> dict[str, set[str]]:
        found: defaultdict[str, set[str]] = defaultdict(set)
        for (sharing,) in take():
            for mine in asked.intersection(sharing):
                found[mine].update(sharing)
        for mine, others in found.items():
            others.discard(mine)
        return dict(found)

    return taken


def people_of(conn: psycopg.Connection[Any], records: Iterable[str]) -> dict[str, Person]:
    """Records as they are compared; those that are not known are left out."""
    return ask_people(conn, records)()


def ask_people(conn: psycopg.Connection[Any], records: Iterable[str]) -> Callable[[], dict[str, Person]]:
    """As ``people_of``."""
    query = "select record_id::text, person from matching.people where record_id = any(%s)"
    take = _ask(conn, query, (_named(conn, records),))
    return lambda: {record: _decode(person) for record, person in take()}


def members_of(conn: psycopg.Connection[Any], records: Iterable[str]) -> list[Member]:
    """Every record of every student that one of these records is of."""
    return [Member(*row) for row in _rows(conn, _MEMBERS, (_named(conn, records),))]


def apart(conn: psycopg.Connection[Any], records: Iterable[str]) -> set[tuple[str, str]]:
    """Pairs of these records that somebody has declared not to be one child's, each both ways round."""
    return ask_apart(conn, records)()


def ask_apart(conn: psycopg.Connection[Any], records: Iterable[str]) -> Callable[[], set[tuple[str, str]]]:
    """As ``apart``."""
    named = _named(conn, records)
    take = _ask(conn, _APART, (named, named))

    def taken() -> set[tuple[str, str]]:
        pairs = take()
        return {pair for left, right in pairs for pair in ((left, right), (right, left))}

    return taken


class _Fresh(NamedTuple):
    """A record that says something new, and the keys that it stood under before."""

    record: str
    name: bytes
    person: bytes
    position: int
    place: int
    keys: frozenset[int]
    before: frozenset[int]


def _write(conn: psycopg.Connection[Any], fresh: list[_Fresh]) -> None:
    arrays.register(conn)
    names = arrays.uuids([one.name for one in fresh])
    persons = arrays.byteas([one.person for one in fresh])
    keyed = arrays.texts(["{" + ",".join(map(str, sorted(one.keys))) + "}" for one in fresh])
    places = arrays.int8s([one.place for one in fresh])
    _run(conn, _REMEMBER, (VERSION, names, persons, keyed, places))
    _run(conn, _WAIT, (names, arrays.int8s([one.position for one in fresh]), places))
    _change(conn, _KEYS_GONE, [(key, one.name) for one in fresh for key in one.before - one.keys])
    _change(conn, _KEYS_CAME, [(key, one.name) for one in fresh for key in one.keys - one.before])


def _change(conn: psycopg.Connection[Any], query: LiteralString, pairs: list[tuple[int, bytes]]) -> None:
    if pairs:
        pairs.sort()  # as the index is: it is gone through once, from one end to the other
        _run(conn, query, (arrays.int8s([key for key, _ in pairs]), arrays.uuids([name for _, name in pairs])))


@contextmanager
def _alone(conn: psycopg.Connection[Any]) -> Iterator[None]:
    """A transaction in which nobody else changes these tables, so that no two wait for each other's rows."""
    with conn.transaction():
        _run(conn, "select from matching.state for update", ())
        yield


def _named(conn: psycopg.Connection[Any], records: Iterable[str]) -> arrays.UuidArray:
    arrays.register(conn)
    return arrays.named(records)


def _each(conn: psycopg.Connection[Any], records: Sequence[tuple[str, int]]) -> tuple[object, ...]:
    """Records, and what each has."""
    return _named(conn, [record for record, _ in records]), arrays.int8s([value for _, value in records])


def _count(conn: psycopg.Connection[Any], more: int) -> None:
    if more:
        _run(conn, "update matching.state set people = people + %s", (more,))


def _run(conn: psycopg.Connection[Any], query: LiteralString, values: tuple[object, ...]) -> int:
    """Answers how many rows it was about."""
    return conn.execute(query, values, prepare=False).rowcount


def _rows(conn: psycopg.Connection[Any], query: LiteralString, values: tuple[object, ...]) -> list[Any]:
    return _ask(conn, query, values)()


def _ask(
    conn: psycopg.Connection[Any], query: LiteralString, values: tuple[object, ...]
) -> Callable[[], list[tuple[Any, ...]]]:
    # Planned each time: a plan that is kept would be the one for the tables when they were nearly empty.
    return conn.cursor(row_factory=tuple_row, binary=True).execute(query, values, prepare=False).fetchall


_KNOWN = "select record_id, person, code, keys from matching.people where record_id = any(%s)"
_REMEMBER = """
insert into matching.people (record_id, person, code, keys, place)
select name, person, %s, keyed::bigint[], place from unnest(%s, %s, %s, %s) as t(name, person, keyed, place)
on conflict (record_id) do update
set person = excluded.person, code = excluded.code, keys = excluded.keys, place = excluded.place
"""
_KEYS_GONE = """
delete from matching.keys k using unnest(%s, %s) as gone(key, record_id)
where k.key = gone.key and k.record_id = gone.record_id
"""
_KEYS_CAME = "insert into matching.keys select * from unnest(%s, %s) on conflict do nothing"
_WAIT = """
insert into matching.undecided (record_id, position, place) select * from unnest(%s, %s, %s)
on conflict (record_id) do update set position = excluded.position, linked = false
"""
_WAIT_AGAIN = """
insert into matching.undecided as u (record_id, position, place) select p.record_id, a.position, p.place
from unnest(%s, %s) as a(record_id, position) join matching.people p using (record_id)
on conflict (record_id) do update set position = greatest(u.position, excluded.position), linked = false
"""
_STUDENTS_WAIT_AGAIN = """
insert into matching.undecided as u (record_id, position, place) select p.record_id, max(a.position), p.place
from (
    select r.record_id, a.position from unnest(%s::text[], %s::bigint[]) as a(student_id, position)
    join ledger.records r on r.minted = a.student_id
    union all
    select r.record_id, a.position from unnest(%s::text[], %s::bigint[]) as a(student_id, position)
    join ledger.records r on r.student_id = a.student_id and r.student_id <> r.minted
) as a join matching.people p using (record_id)
group by p.record_id
on conflict (record_id) do update set position = greatest(u.position, excluded.position), linked = false
"""
_LINKED = """
update matching.undecided u set linked = true
from unnest(%s, %s) as d(record, position)
where u.record_id = d.record and u.position = d.position
"""
_DECIDED = """
delete from matching.undecided u using unnest(%s, %s) as d(record, position)
where u.record_id = d.record and u.position = d.position
"""
_FORGET = """
with keyed as materialized (
    select record_id, unnest(keys) as key from matching.people where record_id = any(%s)
), unkeyed as (
    delete from matching.keys k using keyed where k.key = keyed.key and k.record_id = keyed.record_id
)
delete from matching.people where record_id = any(%s)
"""
# One row a key and not one a record and key, since a night's records share many. One more than are wanted is read of
# each, so that a key that too many share costs no more than one that many do; in an order, so that going through the
# whole table until enough are found never looks cheaper than the index. Offset 0: what is read is read once.
_NEAR = """
with asked as materialized (
    select distinct key from matching.people cross join unnest(keys) as key where record_id = any(%s)
)
select sharing from asked cross join lateral (
    select array(
        select k.record_id::text from matching.keys k where k.key = asked.key order by k.record_id limit %s
    ) as sharing offset 0
) as read
where cardinality(sharing) between 2 and %s
"""
# Each student by the index, once by the id that its first record has minted and once by what was linked to that: of
# thousands at once as two joins PostgreSQL would go through all records there are.
_MEMBERS = """
with asked as materialized (select distinct student_id from ledger.records where record_id = any(%s))
select member.* from asked cross join lateral (
    select record_id::text, student_id, case_id is not null from ledger.records r
    where r.minted = asked.student_id and r.student_id = asked.student_id
    union all
    select record_id::text, student_id, case_id is not null from ledger.records r
    where r.student_id = asked.student_id and r.student_id <> r.minted
) as member
"""
_APART = """
select left_record::text, right_record::text from ledger.not_same
where withdrawn is null and left_record = any(%s) and right_record = any(%s)
"""
