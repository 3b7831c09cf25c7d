"""Read models: what can be thrown away and made again from the ledger at any time."""

from __future__ import annotations

from projections import (
    accounts,
    audit_trail,
    disclosures,
    readers,
    records,
    retention,
    search,
    students,
    submissions,
    worklist,
)
from projections.projection import Projection

PROJECTIONS: tuple[Projection, ...] = (
    students.PROJECTION,
    search.PROJECTION,
    submissions.PROJECTION,
    records.PROJECTION,
    worklist.PROJECTION,
    disclosures.PROJECTION,
    accounts.PROJECTION,
    readers.PROJECTION,
    audit_trail.PROJECTION,
    retention.PROJECTION,
)
"""Every read model there is."""
