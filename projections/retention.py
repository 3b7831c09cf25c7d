"""Read model ``retention``: from which days the years of each record and account are counted, to find what may be due;
and what became of holds and disposals, to count them.

What can be asked of it; its tables and what fills them are in ``projections.retention_fold``. Invariant: by the days
here nothing is missed that falls due, and nothing is destroyed by them: what is found is reckoned by its own events
(``ledger.retention.due``).
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime
from typing import Any, Final, LiteralString, NamedTuple, cast

import psycopg
from psycopg.rows import tuple_row

from ledger.retention.due import Latest
from ledger.retention.schedules import Since
from projections import retention_fold
from projections.projection import Projection

# -- queries

_DAYS: Final[Mapping[Since, LiteralString]] = {
    # A state's day may begin before that of UTC: what is found a day early is reckoned, and nothing is missed.
    Since.LAST_ACTIVITY: "((r.last_activity at time zone 'UTC')::date - 1)",
    Since.BIRTH: "r.born",
    Since.ELIGIBILITY_END: "coalesce(r.eligibility_end, (r.eligibility_said at time zone 'UTC')::date - 1)",
    Since.ACCESS_END: "((r.access_end at time zone 'UTC')::date - 1)",
}
"""What years may be counted from. Since when a record was last shown stands in another read model (``unless``)."""
_OF_CLASS: Final[Mapping[str, tuple[LiteralString, LiteralString]]] = {
    "education": ("r.record", "retention.records r where r.state = %(state)s"),
    "eligibility": ("r.record", "retention.records r where r.state = %(state)s and r.eligibility_said is not null"),
    "access": ("r.account", "retention.accounts r where r.access_end is not null"),
}
"""Class to the name of whose it is, and where those stand of whom any is left."""


def candidates(
    record_class: str, state: str | None, latest: Latest, after: str, limit: int, unless: LiteralString = ""
) -> tuple[LiteralString, Mapping[str, Any]]:
    """Asks for the subjects of which a class may be due, in the order of their uuids, behind one of them: one column.

    state: whose records; accounts are those of every state. latest: as ``ledger.retention.due.latest_days`` tells.
    unless: of which records it is known from elsewhere that they are not due, in SQL, of table ``r``.
    """
    subject, there = _OF_CLASS[record_class]
    # Of parts that are written here: nobody's input stands in the statement.
    over, asked = _not_after("days", latest.days)
    if latest.moves is None:
        over.append("r.eligibility_said is null")
    elif latest.moves:
        moves, of_moves = _not_after("moves", latest.moves)
        over.append(f"(r.eligibility_said is null or {' and '.join(moves)})")
        asked |= of_moves
    over += [f"not {unless}"] if unless else []
    rows = " and ".join([f"select {subject} from {there}", *over, f"{subject} > %(after)s"])
    asked |= {"state": state, "after": after, "limit": limit}
    return cast("LiteralString", f"{rows} order by {subject} limit %(limit)s"), asked


def _not_after(name: str, latest: Mapping[Since, date]) -> tuple[list[str], dict[str, Any]]:
    """That each day that is known here is not after the latest, in SQL, with the days that this asks for."""
    known = {_DAYS[since]: day for since, day in latest.items() if since in _DAYS}
    said = [f"{day} <= (%({name})s::date[])[{number}]" for number, day in enumerate(known, start=1)]
    return said, {name: list(known.values())}


class Counts(NamedTuple):
    """disposals: by status. oldest: when the one that has waited longest was proposed. holds: by kind, that hold."""

    disposals: Mapping[str, int]
    oldest: datetime | None
    holds: Mapping[str, int]


async def counts(conn: psycopg.AsyncConnection[Any], now: datetime) -> Counts:
    """How many there are. A hold's last day is one of UTC here. Raises psycopg.Error."""
    cursor = conn.cursor(row_factory=tuple_row)
    await cursor.execute(
        "select status, count(*), min(proposed_at) filter (where status = 'proposed') from retention.disposals"
        " group by status"
    )
    rows = await cursor.fetchall()
    await cursor.execute(
        "select kind, count(*) from retention.holds where released_at is null and (until is null or until >= %s)"
        " group by kind",
        (now.date(),),
    )
    holds = dict(await cursor.fetchall())
    oldest = next((at for status, _, at in rows if status == "proposed"), None)
    return Counts({status: number for status, number, _ in rows}, oldest, holds)


PROJECTION = Projection(
    name="retention",
    version=1,
    log="ledger",
    events=retention_fold.EVENTS,
    tables=retention_fold.TABLES,
    keys={
        "records": "record",
        "accounts": "account",
        "applications": "application",
        "holds": "hold",
        "disposals": "disposal",
    },
    fold=retention_fold.RetentionFold,
    follow=lambda *told: retention_fold.RetentionFold().follow(*told),
)
