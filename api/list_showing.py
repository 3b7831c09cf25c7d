"""A daily list as it is shown: a page of it, or all of it to take away.

Invariant: what leaves is what the entry names (``show_many``): every record from which something is told of a child,
since her name may come from another state's. Names of children are read for the rows that are shown, and for no others.
An export is whole or refused: what looks like all of a list, and is not, would be worked by.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime
from typing import Any, Final

import orjson

from api.list_asking import Cursors, Office, Start, asked_of, office_asked
from api.principal import Principal
from api.problems import Fault, Invalid
from api.reading import ask, at_least
from api.schemas.lists import COLUMNS, ListParameters
from api.services import Services
from api.sheets import sheet
from api.show import FoundMany, ZoneOf
from ledger.errors import Forbidden
from projections import list_rows, records, students
from projections.as_of import AsOf
from projections.lists import Asked, DailyList, ListedChild, spot_of
from projections.students import Name, Named

EXPORT_MAX: Final = 10_000
"""Children of one export."""
NAMES_AT_ONCE: Final = 500
"""Of one query for what children are called: their whole records are read for it."""

_NOBODY: Final = Named(Name(), [])


class ListView:
    """A page of a list; with ``export`` all of it. said: what is asked of it. limit: of a page. cursor: as the page
    before gave it. position: that must be reached."""

    action = "list.read"

    def __init__(
        self,
        services: Services,
        principal: Principal,
        zone_of: ZoneOf,
        kind: DailyList,
        said: ListParameters,
        *,
        limit: int,
        cursor: str | None = None,
        position: int = 0,
        export: bool = False,
    ) -> None:
        self.name = "list-export" if export else "list"
        self.fields: Sequence[str] = [kind.name, *(name for name, value in said if value is not None)]
        self._services = services
        self._principal = principal
        self._zone_of = zone_of
        self._kind = kind
        self._said = said
        self._limit = EXPORT_MAX if export else limit
        self._cursor = cursor
        self._position = position
        self._export = export
        self._office: Office | None = None
        self._asked: Asked | None = None
        self._as_of = AsOf(0, 0)
        self._reached = 0
        self._children: list[ListedChild] = []
        self._names: dict[str, Named] = {}
        self._next: str | None = None

    async def read(self) -> FoundMany:
        """Another office's list is refused with an entry. Raises Invalid, Behind, StoreUnavailable."""
        services, principal, said, kind = self._services, self._principal, self._said, self._kind
        if self._export and self._cursor is not None:
            raise _not_whole()
        try:
            office = self._office = await office_asked(services, principal, said)
        except Forbidden as refused:
            return FoundMany((), 0, refused)
        cursors = Cursors(services.body_key, kind, office, said)
        start: Start = cursors.take(self._cursor)
        asked = self._asked = await asked_of(services, principal, said, office, self._zone_of, start.day)

        async def look() -> tuple[AsOf, list[ListedChild]]:
            # One more than is shown, to know whether there are others.
            return await ask(
                services.reads,
                lambda conn: list_rows.page(conn, kind, asked, after=start.after, limit=self._limit + 1),
            )

        self._as_of, found = await at_least(services, records.PROJECTION.name, self._position, look)
        self._reached = self._as_of.position
        children = self._children = found[: self._limit]
        if len(found) > self._limit:
            if self._export:
                raise _too_long()
            self._next = cursors.give(spot_of(kind, children[-1]), asked.day)
        await self._read_names()
        shown = {record: child.student_id for child in children for record in self._told_from(child)}
        return FoundMany(list(shown), self._as_of.position, children=list(shown.values()), reached=self._reached)

    def _told_from(self, child: ListedChild) -> Iterator[str]:
        """The records of which a row tells something."""
        yield child.record
        if child.elsewhere_record is not None:
            # Of another read model than the name, which may be behind it or ahead.
            yield child.elsewhere_record
        yield from self._named(child).records

    def _named(self, child: ListedChild) -> Named:
        return self._names.get(child.student_id, _NOBODY)

    async def _read_names(self) -> None:
        ids = list(dict.fromkeys(child.student_id for child in self._children))
        for start in range(0, len(ids), NAMES_AT_ONCE):
            some = ids[start : start + NAMES_AT_ONCE]

            async def look(some: list[str] = some) -> tuple[AsOf, dict[str, Named]]:
                return await ask(self._services.reads, lambda conn: students.names(conn, some))

            # Names are of another read model, which may still be behind the position that was asked for.
            as_of, names = await at_least(self._services, students.PROJECTION.name, self._position, look)
            self._names |= names
            self._reached = min(self._reached, as_of.position)

    def told(self) -> Iterator[dict[str, Any]]:
        """The rows, once the entry is durable."""
        assert self._asked is not None, "told before it was read"
        for child in self._children:
            yield _told(child, self._named(child).name, self._asked.day)

    @property
    def filename(self) -> str:
        """Of an export: the list and its day."""
        assert self._asked is not None, "told before it was read"
        return f"{self._kind.name}-{self._asked.day.isoformat()}.csv"

    @property
    def next(self) -> str | None:
        """Cursor of the page behind this one."""
        return self._next

    def render(self) -> bytes:
        assert self._office is not None, "rendered before it was read"
        assert self._asked is not None, "rendered before it was read"
        if self._export:
            return sheet(COLUMNS, self.told()).encode()
        return orjson.dumps(
            {
                "list": self._kind.name,
                "day": self._asked.day,
                "position": self._as_of.position,
                "office": office_told(self._office),
                "children": list(self.told()),
                "next": self._next,
            }
        )


def office_told(office: Office) -> dict[str, str | None]:
    """An office as answers name it."""
    return {"state": office.state, "region": office.region, "district": office.district}


def _not_whole() -> Invalid:
    return Invalid(
        "An export is the whole list, and a cursor begins amid it.",
        remedy="Leave the cursor out.",
        faults=[Fault("query:cursor", None, "not-of-export", "An export takes none.")],
    )


def _too_long() -> Invalid:
    return Invalid(
        f"The list is longer than the {EXPORT_MAX:,} children that leave at once.",
        remedy="Name a district, a school or a grade, and export part by part; or read it page by page.",
        faults=[Fault("query", None, "too-long", "It holds more children than are exported at once.")],
    )


def _told(child: ListedChild, name: Name, day: date) -> dict[str, Any]:
    """A row by ``COLUMNS``."""
    begins, ends = child.eligible_from, child.eligible_until
    eligible = begins is not None and ends is not None and begins <= day <= ends
    said = {**child._asdict(), **{field: getattr(name, field) for field in name.__struct_fields__}}
    said["days_left"] = (ends - day).days if eligible and ends is not None else None
    return {column: _plain(said[column]) for column in COLUMNS}


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
    return value.isoformat() if isinstance(value, date) else value
