"""What read models tell of records together, for whoever looks what of them may go: which may be due, where they were
shown among others, and which cases name them.

The one invariant: an answer on which a disposal is decided reflects everything that the logs held when it was asked
for; so no showing and no case is missing from it.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import UTC, datetime, time, timedelta
from typing import Any, LiteralString

from psycopg.rows import tuple_row

from ledger.retention.beside import Beside
from ledger.retention.due import Latest
from ledger.retention.schedules import ACCESS, Since
from ledger.store.database import Database, Role, translated
from projections import PROJECTIONS, disclosures, retention, worklist
from projections.projection import Projection
from projections.projectors import bring_to_head
from projections.rows_about import rows_about
from projections.runner import Readable


class ReadLists:
    """Over the read models of a database (``ledger.remains.Lists``). Safe for threads. logs: both, by name."""

    def __init__(self, database: Database, logs: Mapping[str, Readable]) -> None:
        self._database = database
        self._logs = logs

    def shown(self, records: Collection[str]) -> Mapping[str, datetime]:
        """When each was last shown to anybody, or passed on. Raises ProjectionBehind, StoreUnavailable."""
        return dict(self._rows(_SHOWN, {"records": list(records)}, disclosures.PROJECTION))

    def cases_about(self, records: Collection[str]) -> Collection[str]:
        """Cases that name one of these records, open or closed. Raises as ``shown``."""
        return [case for (case,) in self._rows(_CASES, {"records": list(records)}, worklist.PROJECTION)]

    def candidates(self, record_class: str, state: str | None, latest: Latest, after: str, limit: int) -> Sequence[str]:
        """Subjects of which a class may be due, behind one of them. Raises as ``shown``."""
        shown = latest.days.get(Since.LAST_DISCLOSURE)
        if shown is None:
            query, asked = retention.candidates(record_class, state, latest, after, limit)
            return [subject for (subject,) in self._rows(query, asked, retention.PROJECTION)]
        # A state's day may be the one before that of UTC: who was shown on this day there may be due.
        since = datetime.combine(shown + timedelta(days=2), time(), UTC)
        query, asked = retention.candidates(record_class, state, latest, after, limit, _SHOWN_SINCE)
        rows = self._rows(query, {**asked, "shown_since": since}, retention.PROJECTION, disclosures.PROJECTION)
        return [subject for (subject,) in rows]

    def beside(self, record_class: str, subjects: Collection[str]) -> Beside:
        """How far a disposal of these reaches beside the log. Raises as ``shown``."""
        kind = "account" if record_class == ACCESS else "record"
        ((bundles,),) = self._rows(_EXPORTS, {"records": list(subjects)}, disclosures.PROJECTION)
        # These are as they stand: nothing is decided on them, and one that has stopped is in nobody's way.
        with translated(), self._database.connect(Role.READER, name="sojourn retention") as conn:
            return Beside(rows=rows_about(conn, PROJECTIONS, kind, subjects), bundles=bundles)

    def _rows(self, query: LiteralString, asked: Mapping[str, Any], *projections: Projection) -> list[Any]:
        bring_to_head(projections, self._database, self._logs)
        with translated(), self._database.connect(Role.READER, name="sojourn retention") as conn:
            return conn.cursor(row_factory=tuple_row).execute(query, asked).fetchall()


_SHOWN: LiteralString = (
    "select record, max(recorded_at) from disclosures.disclosures"
    " where record = any(%(records)s) and outcome <> 'refused' group by record"
)
_EXPORTS: LiteralString = (
    "select count(distinct coalesce(request, position::text)) from disclosures.disclosures"
    " where record = any(%(records)s) and view = 'export' and outcome <> 'refused'"
)
# By positions, which are given in the order of time: whoever was shown often is found by the first row.
_SHOWN_SINCE: LiteralString = (
    "exists (select from disclosures.disclosures d where d.record = r.record and d.outcome <> 'refused'"
    " and d.position >= (select b.position from disclosures.disclosures b where b.recorded_at >= %(shown_since)s"
    " order by b.recorded_at, b.position limit 1))"
)
_CASES: LiteralString = "select case_id from worklist.cases where records && %(records)s"
