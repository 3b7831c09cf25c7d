"""The accounting of disclosures of a child, entry by entry, in English or Spanish.

Invariant: it says who, in which role and for whom, when, what, for what purpose and on which ground; of the child it
holds nothing but the id. An answer that showed several records of the child is one line. Pure but for its words, which
are read once, when this is imported.
"""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from importlib import resources
from itertools import groupby
from typing import Final, NamedTuple

from projections.disclosures import Disclosure


class Line(NamedTuple):
    """One answer, one refusal, or one party to whom the records were passed on, in words. when: UTC."""

    when: str
    who: str
    role: str
    organisation: str
    outcome: str
    what: str
    purpose: str
    basis: str


def grouped(entries: Iterable[Disclosure]) -> Iterator[list[Disclosure]]:
    """Entries of the child's records that were written together, for one answer. entries: newest first."""
    for _, together in groupby(entries, key=answer_of):
        yield list(together)


def answer_of(entry: Disclosure) -> tuple[object, ...]:
    """What entries of one answer have in common."""
    return (
        entry.request,
        entry.recorded_at,
        entry.actor,
        entry.outcome,
        entry.view,
        entry.recipient,
        entry.disclosed_on,
        entry.rule,
    )


def line(entries: list[Disclosure], language: str) -> Line:
    """entries: of one answer, one for each record."""
    one = entries[0]
    outcome = word(f"outcome.{one.outcome}", language).format(
        rule=told("rule", one.rule or "", language),
        recipient=one.recipient,
        organisation=one.recipient_organisation,
        day=one.disclosed_on,
    )
    count = len({entry.record for entry in entries})
    records = word("records.one" if count == 1 else "records.many", language).format(n=count)
    sections = ", ".join(told("section", section, language) for section in one.sections)
    view = told("view", one.view, language)
    # A view whose only section is called as itself is not named twice.
    what = [view, *([sections] if sections and sections.casefold() != view.casefold() else []), records]
    return Line(
        when=instant(one.recorded_at),
        who=one.actor,
        role=told("role", one.role, language),
        organisation=told("organisation", one.organisation, language),
        outcome=outcome,
        what="; ".join(what),
        purpose=told("purpose", one.purpose, language),
        basis=one.basis,
    )


def word(key: str, language: str) -> str:
    """Raises KeyError where there is none."""
    return _WORDS[key][language]


def told(kind: str, name: str, language: str) -> str:
    """A code in words: of a view, a purpose, a role; as it is where it is somebody's own words."""
    words = _WORDS.get(f"{kind}.{name}")
    return name if words is None else words[language]


def instant(at: datetime) -> str:
    """As a line has it: to the minute, in UTC."""
    return at.astimezone(UTC).strftime("%Y-%m-%d %H:%M")


def _read() -> dict[str, Mapping[str, str]]:
    text = resources.files("api").joinpath("accounting.csv").read_text("utf-8")
    return {line["key"]: line for line in csv.DictReader(text.splitlines())}


_WORDS: Final = _read()
