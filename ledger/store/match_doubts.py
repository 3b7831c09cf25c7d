"""Records whose state has corrected who the child is, until somebody has looked whether that makes a link doubtful.

As the matcher's other tables: what stands here moves with its position.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple

import msgspec
import psycopg
from psycopg.rows import tuple_row

from ledger.matching.person import Person
from ledger.store import arrays

_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(Person).decode


class Doubt(NamedTuple):
    """position: of the correction. was: what the record said before. other: names and birth date are all others now."""

    position: int
    was: Person
    other: bool

    def then(self, next_: Doubt) -> Doubt:
        """The two as one: of several corrections what was said before the first counts."""
        return Doubt(next_.position, self.was, self.other or next_.other)


def keep(conn: psycopg.Connection[Any], doubts: Mapping[str, Doubt]) -> None:
    """Keep doubts by record; with one that nobody has looked at yet, as ``Doubt.then``."""
    for record, doubt in sorted(doubts.items()):
        conn.execute(_KEEP, (record, doubt.position, _encode(doubt.was), doubt.other))


def ask(conn: psycopg.Connection[Any], records: Iterable[str]) -> Callable[[], dict[str, Doubt]]:
    """Asks for those of these records; answers with what takes them, in the order in which they were corrected."""
    arrays.register(conn)
    cursor = conn.cursor(row_factory=tuple_row, binary=True).execute(_OF, (arrays.named(records),))
    return lambda: {record: Doubt(position, _decode(was), other) for record, position, was, other in cursor}


def looked_at(conn: psycopg.Connection[Any], doubts: Mapping[str, Doubt]) -> None:
    """These are none any more, unless the record was corrected again meanwhile."""
    if doubts:
        conn.execute(_LOOKED_AT, (list(doubts), [doubt.position for doubt in doubts.values()]))


_KEEP = """
insert into matching.doubts as d values (%s, %s, %s, %s)
on conflict (record_id) do update set position = excluded.position, other = d.other or excluded.other
"""
_OF = """
select record_id::text, position, was, other from matching.doubts
where record_id = any(%s) order by position, record_id
"""
_LOOKED_AT = """
delete from matching.doubts d using unnest(%s::uuid[], %s::bigint[]) as l(record_id, position)
where d.record_id = l.record_id and d.position = l.position
"""
