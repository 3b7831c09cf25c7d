"""The views by which a family is shown her child: the name alone, the record in plain words, and who has looked.

Invariant: as of every view: read first, rendered only once the entry is durable (``api.show``). A page's title, which a
browser keeps, names no child.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import date
from typing import Any, Final, NamedTuple

import orjson

from api.console import codes, plainly
from api.console.days import in_zone, zone_by
from api.console.lookers import lookers
from api.console.pages import rendered
from api.console.plainly import child_of, last_district, name_of
from api.console.visits import Visit
from api.routes.students import DisclosuresView, Page, Reader, StudentView
from api.show import Found
from ledger.jurisdiction import contacts_of
from ledger.jurisdictions import Held
from ledger.offices import Contact

ENTRIES_MAX: Final = 1000
"""How far back it is told who has looked: the newest entries, one for each record and time. Before that there is the
accounting itself."""


class Office(NamedTuple):
    """Whom to ask in a state. asked: level and person, the nearest first; empty where the state has named nobody."""

    state: str
    asked: list[tuple[str, Contact]]


class NameView(StudentView):
    """How a child is called, to tell one from the other in a list."""

    name = "parent-list"
    sections: Sequence[str] = ("core",)

    def render(self, sections: Sequence[str], day: date) -> bytes:
        """As a JSON string."""
        return orjson.dumps(name_of(orjson.loads(super().render(sections, day)).get("core") or {}))


class ChildView(StudentView):
    """The record in plain words, with whom to ask for a correction."""

    name = "parent-page"
    sections: Sequence[str] = ("core", "contacts", "health")

    def __init__(self, reader: Reader, visit: Visit) -> None:
        super().__init__(reader)
        self._visit = visit
        self._zone = visit.zone
        self._states: dict[str, Held] = {}

    async def read(self, student_id: str) -> Found | None:
        """Raises StoreUnavailable."""
        found = await super().read(student_id)
        if found is None:
            return None
        if self._visit.may("contact.read"):
            jurisdictions = self._visit.services.ledger.jurisdictions
            for state in dict.fromkeys(found.states):
                self._states[state] = await asyncio.to_thread(jurisdictions.read, state)
        self._zone = await zone_by(self._visit, found.states)
        versions = [str(held.jurisdiction.version) for held in self._states.values()]
        return found._replace(tag=".".join((found.tag, self._visit.language, _tag(self._zone), *versions)))

    def render(self, sections: Sequence[str], day: date) -> bytes:
        shown: dict[str, Any] = in_zone(orjson.loads(super().render(sections, day)), self._zone)
        offices = [
            Office(state, [(level, contact) for (level, _), contact in self._asked(shown, state)])
            for state in self._states
        ]
        return rendered(
            self._visit,
            "child.html",
            child=child_of(shown),
            today=day.isoformat(),
            offices=offices,
            levels=plainly.LEVELS,
            why_ends=plainly.WHY_ENDS,
            stays_as=plainly.STAYS_AS,
            needs=plainly.NEEDS,
            word=codes.word,
            vaccine=lambda code: codes.vaccine(code, self._visit.language),
        )

    def _asked(self, shown: dict[str, Any], state: str) -> list[tuple[tuple[str, str | None], Contact]]:
        return contacts_of(self._states[state].jurisdiction, last_district(shown, state))


class SeenView(DisclosuresView):
    """Who has looked, by whom; looking at it is in the next one."""

    name = "parent-seen"

    def __init__(self, reader: Reader, visit: Visit) -> None:
        super().__init__(reader, visit.services, Page(None, ENTRIES_MAX))
        self._visit = visit
        self._zone = visit.zone

    async def read(self, student_id: str) -> Found | None:
        """Raises Behind, StoreUnavailable."""
        found = await super().read(student_id)
        if found is None:
            return None
        self._zone = await zone_by(self._visit, found.states)
        return found._replace(tag=f"{found.tag}.{self._visit.language}.{_tag(self._zone)}")

    def render(self, sections: Sequence[str], day: date) -> bytes:  # noqa: ARG002 - the shape of every view
        assert self.row is not None, "rendered before it was read"
        return rendered(
            self._visit,
            "child_seen.html",
            student_id=self.row.student_id,
            lookers=lookers(self.entries, self._zone),
            older=len(self.entries) == ENTRIES_MAX,
        )


def _tag(zone: str) -> str:
    return zone.replace("/", "-")
