"""What is due on a real ledger: records that are old enough, schedules that say so, and lists told from the logs."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import UTC, datetime

from psycopg.rows import tuple_row

from ledger.application import Ledger
from ledger.events import Meta, Recorded
from ledger.events.case import CaseOpened
from ledger.events.disclosure import BulkDisclosed, Disclosed, RedisclosureNoted, SearchDisclosed
from ledger.events.retention import After
from ledger.retention.beside import Beside
from ledger.retention.due import Latest
from ledger.retention.schedules import SetSchedule, Since
from ledger.store.log import Log

ANA, BEN, CLEO = (Meta(actor=f"{name}@example.org") for name in ("ana", "ben", "cleo"))
LATER = datetime(2045, 6, 1, 18, tzinfo=UTC)
"""When what was said in 2025 is due by ``keep_for_years``."""
BY = "OAR 166-400"


def schedule(record_class: str, *after: tuple[Since, int], state: str | None = None, by: Meta = ANA) -> SetSchedule:
    """Years after days, by who says so."""
    terms = [After(since=since, years=years) for since, years in after]
    return SetSchedule(record_class=record_class, state=state, after=terms, authority=BY, by=by.actor)


class ScannedLists:
    """What read models tell of records together, read from the logs themselves (``ledger.remains.Lists``)."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger

    def shown(self, records: Collection[str]) -> Mapping[str, datetime]:
        found: dict[str, datetime] = {}
        for one in _everything(self._ledger.access):
            named: Collection[str] = ()
            if isinstance(one.event, BulkDisclosed | SearchDisclosed):
                named = one.event.records
            elif isinstance(one.event, Disclosed | RedisclosureNoted):
                named = [one.stream.partition("/")[2]]
            found |= {record: one.recorded_at for record in named if record in records}
        return found

    def cases_about(self, records: Collection[str]) -> Collection[str]:
        return [
            one.stream.partition("/")[2]
            for one in _everything(self._ledger.log)
            if isinstance(one.event, CaseOpened)
            and any(concerned.anchor.record in records for concerned in one.event.records)
        ]

    def candidates(self, record_class: str, state: str | None, latest: Latest, after: str, limit: int) -> Sequence[str]:
        """All that are there: each is reckoned by itself."""
        query = "select account_id::text from ledger.accounts" if record_class == "access" else _OF_STATE
        with self._ledger.log.connection() as conn, conn.cursor(row_factory=tuple_row) as cursor:
            named = [name for (name,) in cursor.execute(query.encode(), {"state": state}).fetchall()]
        return sorted(name for name in named if name > after)[:limit]

    def beside(self, record_class: str, subjects: Collection[str]) -> Beside:
        """There are no read models; exports are counted from the log."""
        exports: set[str | int] = set()
        for one in _everything(self._ledger.access):
            event, named = one.event, list[str]()
            if isinstance(event, Disclosed) and event.view == "export":
                named = [one.stream.partition("/")[2]]
            elif isinstance(event, BulkDisclosed) and event.view == "export":
                named = event.records
            if not set(subjects).isdisjoint(named):
                exports.add(one.meta.request or one.position)
        return Beside(rows={}, bundles=len(exports))


_OF_STATE = "select record_id::text from ledger.records where state = %(state)s"


def keep_for_years(ledger: Ledger, state: str | None = None, years: int = 5) -> None:
    """Education and eligibility go so many years after."""
    for record_class, since in (("education", Since.LAST_ACTIVITY), ("eligibility", Since.ELIGIBILITY_END)):
        ledger.keeping.set_schedule(schedule(record_class, (since, years), state=state), ANA)


def among(*records: str) -> SearchDisclosed:
    """A search that found these among others."""
    return SearchDisclosed(
        view="search", records=[*records], fields=[], role="r", organisation="o", purpose="p", basis="b", position=1
    )


def _everything(log: Log) -> list[Recorded]:
    return log.read(0, 100_000)
