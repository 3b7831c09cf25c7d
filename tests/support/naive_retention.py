"""Retention as a clerk would do it with slips of paper: the reference that the deciders are held against.

Knows records by number, and of each what was said of it so far. Shares no code with the deciders.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, timedelta

BEGUN = date(2030, 2, 26)
"""Before a leap year's end is in reach of a year or two."""
KEYS = ("education", "eligibility", "disclosure")


@dataclass
class Drawer:
    """One record. said: its facts, by day. shown: by day. gone: since when."""

    state: str
    said: list[date] = field(default_factory=lambda: [BEGUN])
    shown: list[date] = field(default_factory=list)
    gone: bool = False


@dataclass
class Office:
    """All of it. partition: record to a label; the same label is one student. years: of the schedule in effect, 0 for
    kept for good. settings: how often it was set. holds: records (none for all), last day, whether it was released.
    cases: records, open or not."""

    today: date = BEGUN
    drawers: list[Drawer] = field(default_factory=lambda: [Drawer("OR"), Drawer("OR"), Drawer("CA"), Drawer("CA")])
    partition: list[int] = field(default_factory=lambda: [0, 1, 2, 3])
    years: int = 0
    settings: int = 0
    holds: list[tuple[frozenset[int], date | None, bool]] = field(default_factory=list)
    cases: list[tuple[tuple[int, ...], bool]] = field(default_factory=list)

    def student(self, record: int) -> frozenset[int]:
        return frozenset(n for n, label in enumerate(self.partition) if label == self.partition[record])

    def held(self, record: int) -> bool:
        student = self.student(record)
        for records, until, released in self.holds:
            if not released and (until is None or self.today <= until) and (not records or records & student):
                return True
        return any(is_open and set(records) & student for records, is_open in self.cases)

    def due(self, record: int) -> bool:
        drawer = self.drawers[record]
        if not self.years or drawer.gone:
            return False
        return _over(drawer.said[-1], self.years, self.today) and (
            not drawer.shown or _over(drawer.shown[-1], 5, self.today)
        )

    def seen(self, record: int) -> object:
        """All that whoever approves has before him."""
        drawer = self.drawers[record]
        led = [n for n, (records, is_open) in enumerate(self.cases) if records[0] == record and not is_open]
        return len(drawer.said), len(drawer.shown), self.student(record), tuple(led), self.settings


def _over(day: date, years: int, today: date) -> bool:
    """Counted a day at a time, from the day after."""
    end = (day.year + years, day.month, day.day)
    try:
        date(*end)
    except ValueError:
        end = (day.year + years, 3, 1)
    return today - timedelta(days=1) >= date(*end)
