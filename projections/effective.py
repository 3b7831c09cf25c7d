"""What of a record had come true by a day: facts that bear a date, from their date on.

The one invariant: nothing is added and nothing is changed; what had not come true yet is left out, with all that was
ever said of it. Facts without a date count as they were known. Pure.

Which element dates a fact stands in ``DATES``. A month counts from its first day on. A course bears school years and no
date; names, ids and flags bear none.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Final

import msgspec

from projections.record_words import Fact, Record

DATES: Final[Mapping[str, str]] = {
    "move": "qualifying_arrival_date",
    "enrollment": "enrollment_date",
    "withdrawal": "withdrawal_date",
    "residency": "residency_date",
    "assessment": "assessment_administration_date",
    "immunization": "administration_date",
}
"""Kind of fact to the element by which it is dated."""

_WITHIN: Final[Mapping[str, Mapping[str, tuple[str, ...]]]] = {
    "enrollment": {"graduation_hse_date": ("graduation_hse_date", "graduation_hse_indicator")},
    "residency": {"residency_verification_date": ("residency_verification_date",)},
}
"""Kind of fact to what comes true within it on a day of its own: the date, and the elements that say so."""


def effective_on(record: Record, day: date) -> Record:
    """The record, with what had come true by a day."""
    text = day.isoformat()
    facts: dict[int, Fact] = {}
    for number, fact in record.facts.items():
        dated = DATES.get(fact.kind)
        if dated is not None and fact.elements.get(dated, "") > text:
            continue
        facts[number] = _without_later(fact, text)
    # A withdrawal or a residency that bears no date is as true as its enrollment.
    facts = {n: fact for n, fact in facts.items() if fact.enrollment is None or fact.enrollment in facts}
    return msgspec.structs.replace(record, facts=facts)


def _without_later(fact: Fact, day: str) -> Fact:
    later = {
        name
        for dated, said in _WITHIN.get(fact.kind, {}).items()
        if fact.elements.get(dated, "") > day
        for name in said
    }
    if not later:
        return fact
    kept = {name: value for name, value in fact.elements.items() if name not in later}
    return msgspec.structs.replace(fact, elements=kept)
