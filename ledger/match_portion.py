"""What is read and found out of records while some of them are decided.

Invariant: it holds for as long as nobody says anything new of who a child is, and the policy stays. Keys and people are
the matcher's own: others only forget who was destroyed, and then fewer are counted. Who is of which student changes
with every link, and is kept for one portion alone, until it links.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from typing import Any, Final, NamedTuple

import msgspec
import psycopg

from ledger.cases import DIFFERENT_CHILD
from ledger.matching.group import Met
from ledger.matching.person import Person
from ledger.matching.policy import Scale
from ledger.policies import Published
from ledger.store import match_doubts, match_index, pending
from ledger.store.match_doubts import Doubt
from ledger.store.match_index import Member

KEPT_MAX: Final = 50_000
"""People who are kept in mind from one portion to the next: a hundred MB."""


class Around(NamedTuple):
    """people: by record, those that are known. doubts: corrections that nobody has looked at yet. apart: as of
    ``match_index.apart``. asked: records about which an open case asks whether they are another child now, to the
    case."""

    people: dict[str, Person]
    doubts: dict[str, Doubt]
    apart: set[tuple[str, str]]
    asked: dict[str, str]


class Seen(msgspec.Struct):
    """What came to light of records in one state of the tables, as it is told to another process. size: how many
    records were known. names: records; all else names them by their places in it. people, near, bits, kinds, far: as a
    portion has them."""

    size: int
    names: list[str]
    people: list[tuple[int, Person]]
    near: list[tuple[int, list[int]]]
    bits: list[tuple[int, int, int]]
    kinds: list[tuple[int, int, int | None]]
    far: list[tuple[list[int], list[int]]]


class Portion:
    """Records that are decided at once, and whoever is near to them.

    conn: to the matcher's tables. published: the policy that decides. scale: of that, for as many records as were known
    when this was begun. met: what was found out of pairs.
    """

    def __init__(self, conn: psycopg.Connection[Any], published: Published) -> None:
        self.conn = conn
        self.published = published
        self._size = match_index.size(conn)
        self.scale = Scale(published.policy, self._size)
        self.met = Met()
        self._near: dict[str, set[str]] = {}
        self._people: dict[str, Person] = {}
        self._student: dict[str, str] = {}
        self._members: dict[str, dict[str, Member]] = {}
        self._again: set[str] = set()

    def holds(self, conn: psycopg.Connection[Any], published: Published) -> bool:
        """Whether what is in mind is still so. Who is destroyed is forgotten by others, and then fewer are known."""
        return (
            self.conn is conn and self.published.position == published.position and match_index.size(conn) == self._size
        )

    def doubts(self, records: Collection[str]) -> dict[str, Doubt]:
        """Corrections of these that nobody has looked at yet. Who is near is asked beside it, since that comes next."""
        unread = [record for record in records if record not in self._near]
        with self.conn.pipeline():
            doubts = match_doubts.ask(self.conn, records)
            near = match_index.ask_near(self.conn, unread) if unread else dict[str, set[str]]
        self._keep_near(unread, near())
        return doubts()

    def around(self, records: Collection[str]) -> Around:
        """Who these are, and what keeps them from being decided, asked at once."""
        with self.conn.pipeline():
            people = self._ask_people(records)
            doubts = match_doubts.ask(self.conn, records)
            apart = match_index.ask_apart(self.conn, records)
            asked = pending.ask_asking(self.conn, DIFFERENT_CHILD, records)
        return Around(people(), doubts(), apart(), asked())

    def has(self, record: str) -> bool:
        """Whether it is in mind who is near to this one."""
        return record in self._near

    def near(self, records: Iterable[str]) -> dict[str, set[str]]:
        """As ``match_index.near``."""
        asked = list(records)
        if unread := [record for record in asked if record not in self._near]:
            self._keep_near(unread, match_index.near(self.conn, unread))
        return {record: self._near[record] for record in asked if self._near[record]}

    def people_of(self, records: Iterable[str]) -> dict[str, Person]:
        """As ``match_index.people_of``."""
        return self._ask_people(list(records))()

    def members_of(self, records: Iterable[str]) -> list[Member]:
        """As ``match_index.members_of``, as they were when they were first read since ``moved``."""
        asked = list(records)
        if unread := [record for record in asked if record not in self._student]:
            for member in match_index.members_of(self.conn, unread):
                self._student[member.record] = member.student
                self._members.setdefault(member.student, {})[member.record] = member
        students = {self._student[record] for record in asked if record in self._student}
        return [member for student in students for member in self._members[student].values()]

    def moved(self) -> None:
        """Something was linked, or put before people: who is of which student is read anew."""
        self._student.clear()
        self._members.clear()

    def ended(self, decided: Iterable[str], again: Iterable[str]) -> None:
        """These are decided, and come up again or not. What was found of the latter is let go of once it is too much,
        and all of it where that does not help."""
        self.moved()
        self._again.difference_update(decided)
        self._again.update(again)
        if len(self._people) > KEPT_MAX:
            self._keep_only(self._again)
        if len(self._people) > KEPT_MAX:
            self._again.clear()
            self._keep_only(())

    def seen(self) -> Seen:
        """All that was found out, to be told to another process."""
        places: dict[str, int] = {}

        def at(record: str) -> int:
            return places.setdefault(record, len(places))

        return Seen(
            size=self._size,
            people=[(at(record), person) for record, person in self._people.items()],
            near=[(at(record), [at(other) for other in others]) for record, others in self._near.items()],
            bits=[(at(left), at(right), bits) for (left, right), bits in self.met.bits.items()],
            kinds=[(at(left), at(right), kind) for (left, right), kind in self.met.kinds.items()],
            far=[([at(one) for one in mine], [at(one) for one in theirs]) for mine, theirs in self.met.far],
            names=list(places),
        )

    def learn(self, seen: Seen) -> None:
        """Take over what another process found out, if the tables hold as many records as they did for it. Only of
        tables of which nothing has been changed since: whoever asks for it knows."""
        if seen.size != self._size:
            return
        names = seen.names
        self._people |= {names[at]: person for at, person in seen.people}
        self._near |= {names[at]: {names[other] for other in others} for at, others in seen.near}
        self.met.bits |= {(names[left], names[right]): bits for left, right, bits in seen.bits}
        self.met.kinds |= {(names[left], names[right]): kind for left, right, kind in seen.kinds}
        self.met.far |= {
            (tuple(names[at] for at in mine), tuple(names[at] for at in theirs)) for mine, theirs in seen.far
        }

    # -- inside

    def _keep_near(self, records: Iterable[str], found: dict[str, set[str]]) -> None:
        self._near |= {record: found.get(record, set()) for record in records}

    def _keep_only(self, records: Collection[str]) -> None:
        beside = set(records).union(*(self._near.get(record, ()) for record in records))
        self._near = {record: self._near[record] for record in beside if record in self._near}
        kept = beside.union(*self._near.values())
        self._people = {record: person for record, person in self._people.items() if record in kept}
        self.met = Met(
            far={sides for sides in self.met.far if kept.issuperset((sides[0][0], sides[1][0]))},
            bits={pair: bits for pair, bits in self.met.bits.items() if kept.issuperset(pair)},
            kinds={pair: kind for pair, kind in self.met.kinds.items() if kept.issuperset(pair)},
            wholes={side: whole for side, whole in self.met.wholes.items() if side[0] in kept},
        )

    def _ask_people(self, records: Collection[str]) -> Callable[[], dict[str, Person]]:
        unread = [record for record in records if record not in self._people]
        take = match_index.ask_people(self.conn, unread) if unread else dict[str, Person]

        def taken() -> dict[str, Person]:
            self._people |= take()
            return {record: self._people[record] for record in records if record in self._people}

        return taken
