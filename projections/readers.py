"""Read model ``readers``: how many children each reader was shown on each day, to see who reads unusually.

The one invariant: a child counts once for a reader and a day of UTC, however often and in however many records she was
shown. Days are those on which entries were recorded; which day it is now is for whoever asks.

Days are told for four years. What was shown of a record is destroyed with it, and that is five years after it was last
shown at the earliest (5 USC 552a(c)(3)): so no day that is told here loses anything by it.

A day is unusual by its number where it is at least ten times what is usual for the reader. And it is told where a
reader has opened children of whom her own state keeps no record: that is what the exchange is for when a child arrives,
and what somebody does who only looks around. Whom a search listed does not count for that: nobody chooses these.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, date, timedelta
from typing import Any, Final, NamedTuple

import psycopg

from ledger.events import Recorded
from ledger.events.disclosure import BulkDisclosed, Disclosed, DisclosuresDestroyed, SearchDisclosed
from ledger.store.arrays import texts
from projections import as_of
from projections.as_of import AsOf
from projections.projection import Projection, statement

# -- table

TABLES = """
create table {schema}.days (
    actor        text collate "C" not null,
    state        text collate "C" not null,
    day          date not null,
    role         text not null,
    organisation text not null,
    children     integer not null,
    elsewhere    integer not null,
    primary key (actor, state, day)
);
create index days_by_day on {schema}.days (day);
comment on column {schema}.days.state is 'That the reader is narrowed to; empty for one of every state.';
comment on column {schema}.days.role is 'Of the last entry of the day, as the organisation.';
comment on column {schema}.days.children is 'Shown on the day, each once.';
comment on column {schema}.days.elsewhere is 'Of whom a record was opened, and the state keeps none.';
alter table {schema}.days alter column actor set statistics 0;

create table {schema}.seen (
    actor     text collate "C" not null,
    state     text collate "C" not null,
    elsewhere boolean not null,
    child     text collate "C" not null,
    day       date not null,
    primary key (actor, state, elsewhere, child)
);
comment on table {schema}.seen is 'What was counted on the last day with an entry; of the days before it is gone.';
alter table {schema}.seen alter column actor set statistics 0;
alter table {schema}.seen alter column child set statistics 0;
"""

TIMES: Final = 10
"""So many times the usual is unusual."""
DAYS_LAST: Final = 30
"""Of a reader's own last days with any reads, from which the usual is taken: their median."""
DAYS_TOLD: Final = timedelta(days=4 * 366)
"""How far the days go back from the last entry."""
DAYS_KNOWN: Final = 5
"""With fewer such days a reader is new, and ``CHILDREN_USUAL`` is taken for usual, if her days were not more."""
CHILDREN_USUAL: Final = 20
"""Children a day: what is usual for a new reader; and a day of fewer is never unusual by its number."""


REASONS: Final = ("volume", "elsewhere")


class Reader(NamedTuple):
    """A reader's day. own_state: that she is narrowed to. children: that she was shown. elsewhere: that she opened, of
    whom her state keeps no record. days: before this one from which the usual is taken, DAYS_LAST at most. usual:
    children a day."""

    day: date
    actor: str
    own_state: str | None
    role: str
    organisation: str
    children: int
    elsewhere: int
    days: int
    usual: float

    @property
    def why(self) -> list[str]:
        """What is unusual about it, of ``REASONS``."""
        volume = self.children >= max(TIMES * self.usual, CHILDREN_USUAL)
        return [name for name, is_so in zip(REASONS, (volume, self.elsewhere > 0), strict=True) if is_so]


class _Looks(NamedTuple):
    """Of one reader on one day: the children shown, and those elsewhere that were opened."""

    role: str
    organisation: str
    children: set[str]
    elsewhere: set[str]


# -- fold


def fold(cursor: psycopg.Cursor[Any], schema: str, batch: Sequence[Recorded]) -> None:
    """Count the children of a batch, day by day."""
    for day, readers in sorted(_by_day(batch).items()):
        _count(cursor, schema, day, readers)
    last = batch[-1].recorded_at.astimezone(UTC).date()
    cursor.execute(statement(_FORGET, schema), (last,))
    cursor.execute(statement("delete from {schema}.days where day < %s", schema), (last - DAYS_TOLD,))


def _count(cursor: psycopg.Cursor[Any], schema: str, day: date, readers: Mapping[tuple[str, str], _Looks]) -> None:
    cursor.execute(statement(_FORGET, schema), (day,))
    known = list(readers.items())
    looks = [
        (actor, state, elsewhere, child)
        for (actor, state), of in known
        for elsewhere, children in ((False, of.children), (True, of.elsewhere))
        for child in sorted(children)
    ]
    cursor.execute(
        statement(_COUNT, schema),
        {
            "day": day,
            "actors": texts([one[0] for one in looks]),
            "states": texts([one[1] for one in looks]),
            "elsewhere": [one[2] for one in looks],
            "children": texts([one[3] for one in looks]),
            "readers": texts([actor for (actor, _), _ in known]),
            "own_states": texts([state for (_, state), _ in known]),
            "roles": texts([of.role for _, of in known]),
            "organisations": texts([of.organisation for _, of in known]),
        },
    )


_FORGET: Final = "delete from {schema}.seen where day < %s"
_COUNT: Final = (
    "with added as (insert into {schema}.seen (actor, state, elsewhere, child, day)"
    " select looked.*, %(day)s::date from unnest(%(actors)s::text[], %(states)s::text[], %(elsewhere)s::boolean[],"
    " %(children)s::text[]) as looked on conflict do nothing returning actor, state, elsewhere)"
    " insert into {schema}.days as d (actor, state, day, role, organisation, children, elsewhere)"
    " select r.actor, r.state, %(day)s::date, r.role, r.organisation, count(*) filter (where not a.elsewhere),"
    " count(*) filter (where a.elsewhere)"
    " from unnest(%(readers)s::text[], %(own_states)s::text[], %(roles)s::text[], %(organisations)s::text[])"
    " as r (actor, state, role, organisation) left join added a using (actor, state)"
    " group by r.actor, r.state, r.role, r.organisation"
    " on conflict (actor, state, day) do update set role = excluded.role, organisation = excluded.organisation,"
    " children = d.children + excluded.children, elsewhere = d.elsewhere + excluded.elsewhere"
)


def _by_day(batch: Sequence[Recorded]) -> dict[date, dict[tuple[str, str], _Looks]]:
    """Day to reader and her state to what she was shown."""
    days: dict[date, dict[tuple[str, str], _Looks]] = {}
    for recorded in batch:
        event = recorded.event
        if isinstance(event, DisclosuresDestroyed):
            continue
        assert isinstance(event, Disclosed | BulkDisclosed | SearchDisclosed)
        children = children_of(event)
        if not children:
            continue
        readers = days.setdefault(recorded.recorded_at.astimezone(UTC).date(), {})
        reader = recorded.meta.actor, event.own_state or ""
        before = readers.get(reader)
        looks = _Looks(event.role, event.organisation, *(before[2:] if before else (set(), set())))
        looks.children.update(children)
        if is_elsewhere(event):
            looks.elsewhere.update(children)
        readers[reader] = looks
    return days


def children_of(event: Disclosed | BulkDisclosed | SearchDisclosed) -> set[str]:
    """The children of an entry, each by the student id that she was shown under, or where that is not known by her
    record's uuid."""
    if isinstance(event, Disclosed):
        return {event.child or event.student_id}
    return set(event.children or event.records)


def is_elsewhere(event: Disclosed | BulkDisclosed | SearchDisclosed) -> bool:
    """Whether a record was opened of a child of whom the reader's own state keeps none, as far as the entry says."""
    if not isinstance(event, Disclosed) or event.own_state is None or not event.states:
        return False
    return event.own_state not in event.states


# -- queries

OF_DAY = as_of.query(
    "readers",
    "days",
    "select d.day, d.actor, nullif(d.state, '') as own_state, d.role, d.organisation, d.children, d.elsewhere,"
    " h.days::integer, h.median::float8 from readers.days d cross join lateral ("
    "select count(*) as days, percentile_cont(0.5) within group (order by before.children) as median from ("
    "select b.children from readers.days b where b.actor = d.actor and b.state = d.state and b.day < d.day"
    " order by b.day desc limit %(last)s) before) h"
    " where d.day = %(day)s and (%(state)s::text is null or d.state = %(state)s)"
    " and (%(organisation)s::text is null or d.organisation = %(organisation)s)",
    " order by found.children desc, found.actor, found.own_state",
)


async def of_day(
    conn: psycopg.AsyncConnection[Any], day: date, *, state: str | None = None, organisation: str | None = None
) -> tuple[AsOf, list[Reader]]:
    """What is reflected, and everybody's day, who was shown most first. state, organisation: of the readers, all where
    None. conn: in autocommit. Raises StoreUnavailable."""
    reflected, rows = await as_of.ask(conn, OF_DAY, _asked(day, state, organisation))
    return reflected, [_reader(row) for row in rows]


def of_day_now(conn: psycopg.Connection[Any], day: date) -> tuple[AsOf, list[Reader]]:
    """As ``of_day``, for the command line."""
    reflected, rows = as_of.ask_now(conn, OF_DAY, _asked(day, None, None))
    return reflected, [_reader(row) for row in rows]


def _asked(day: date, state: str | None, organisation: str | None) -> dict[str, Any]:
    return {"day": day, "state": state, "organisation": organisation, "last": DAYS_LAST}


def _reader(row: tuple[Any, ...]) -> Reader:
    day, actor, own_state, role, organisation, children, elsewhere, days, median = row
    usual = usual_of(days, median)
    return Reader(day, actor, own_state, role, organisation, children, elsewhere, days, usual)


def usual_of(days: int, median: float | None) -> float:
    """Children a day that are usual, from a reader's days before. median: of them; None without any."""
    return max(median or 0.0, CHILDREN_USUAL if days < DAYS_KNOWN else 0.0)


PROJECTION = Projection(
    name="readers",
    version=2,
    log="access",
    events=frozenset({Disclosed, BulkDisclosed, SearchDisclosed, DisclosuresDestroyed}),
    tables=TABLES,
    keys={"days": "actor, state, day", "seen": "actor, state, elsewhere, child"},
    fold=lambda: fold,
)
