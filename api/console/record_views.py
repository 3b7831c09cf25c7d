"""The views of a record that people read: as a page, for paper, and before it is made a PDF.

Invariant: what a browser kept is told to be current only where the whole page would be the same: for this reader, in
this language, by this release.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from datetime import date, datetime
from functools import partial
from typing import Any
from zoneinfo import ZoneInfo

import orjson

from api.console import codes
from api.console.days import in_zone, zone_by
from api.console.pages import RELEASE, rendered
from api.console.record_pictures import place_from, place_to
from api.console.record_told import told_of
from api.console.states import NAMES
from api.console.visits import Visit
from api.routes.students import Reader, StudentView
from api.show import Found
from api.words import element_name
from ledger.routing import district_told


class StudentPage(StudentView):
    """The sections as a page."""

    name = "student-page"
    template = "record/page.html"

    def __init__(self, reader: Reader, here: Visit) -> None:
        super().__init__(reader)
        self._here = here
        self._zone = here.zone

    async def read(self, student_id: str) -> Found | None:
        found = await super().read(student_id)
        if found is None:
            return None
        self._zone = await zone_by(self._here, found.states)
        return found._replace(tag=f"{found.tag}.{_reader_tag(self._here, self._zone)}")

    def render(self, sections: Sequence[str], day: date) -> bytes:
        shown: dict[str, Any] = in_zone(orjson.loads(super().render(sections, day)), self._zone)
        told = told_of(shown, day)
        ours = self._is_ours(shown)
        return rendered(self._here, self.template, told=told, ours=ours, **self.words(), **self.more())

    def _is_ours(self, shown: Mapping[str, Any]) -> bool:
        """Whether the child is of the reader's own district, whose people let its family read."""
        reader = self._here.signed_in
        rows = [
            {key: value for key, value in row.items() if isinstance(value, str)}
            for row in (shown.get("core") or {}).get("enrollments", ())
            if any(source["state"] == reader.state for source in row["sources"])
        ]
        return reader.district is not None and district_told(rows) == reader.district

    def words(self) -> Mapping[str, object]:
        """By which a template says what codes and elements are."""
        return {
            "names": partial(element_name, language=self._here.language),
            "word": codes.word,
            "vaccine": codes.vaccine,
            "states": NAMES,
            "place_from": place_from,
            "place_to": place_to,
        }

    def more(self) -> Mapping[str, object]:
        """What a template is told beside. since: where it is not what is known now (``record_then``)."""
        return {"paper": False, "since": None, "query": "", "today": self.today().isoformat()}

    def today(self) -> date:
        """In the zone in which days are told."""
        return self._here.services.clock().astimezone(ZoneInfo(self._zone)).date()


class StudentPrint(StudentPage):
    """at: when it was asked for; it says so."""

    name = "student-print"
    template = "record/paper.html"

    def __init__(self, reader: Reader, here: Visit, at: datetime) -> None:
        super().__init__(reader, here)
        self._at = at

    def more(self) -> Mapping[str, object]:
        return {"paper": True, "at": self._at, "zone": self._zone, "since": None}


class StudentPdf(StudentPrint):
    """The print, before it is made a PDF."""

    name = "student-pdf"


def _reader_tag(here: Visit, zone: str) -> str:
    """What a page holds beside the child: the reader's own navigation and forms, language and zone, the release."""
    principal = here.signed_in
    place = (principal.state or "", principal.region or "", principal.district or "")
    held = "\0".join((RELEASE, here.language, principal.name, principal.role, *place, zone, here.csrf))
    return hashlib.blake2b(held.encode(), digest_size=6).hexdigest()
