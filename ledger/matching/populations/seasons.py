"""The population ``seasons``: families of farm workers on the road, told from the family up.

Clans have families, families have children and a road through states and years, states have offices, and offices have
habits: each record is what an office made of a child whom the rest of the program knows in full. What comes out
depends on the seed alone, on every machine and version of Python: chance is used through ``Draw`` only, no order of a
set or hash is. Its chances stand in ``seasons_rates``.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import NamedTuple

from ledger.matching.populations import Sheet
from ledger.matching.populations.seasons_families import Child, families
from ledger.matching.populations.seasons_journeys import Record, records
from ledger.matching.populations.seasons_offices import country
from ledger.matching.populations.seasons_rates import RATES, Rates
from ledger.matching.populations.seasons_records import Writer
from ledger.matching.traits import Traits


class Paper(NamedTuple):
    """One record beside the truth. written_on: ordinal day. record: what the state had to write down."""

    written_on: int
    traits: Traits
    record: Record


def seasons(children: int, seed: int) -> list[Sheet]:
    """The sheets of so many children, one to five each, in the order in which they were written."""
    days: list[int] = []
    sheets: list[Sheet] = []
    bearers: dict[tuple[int, tuple[str, str, str, str]], list[tuple[int, int]]] = {}
    for child, papers in told(children, seed):
        bearers.setdefault((child.born, child.full_name()), []).append((child.number, child.family))
        for paper in papers:
            days.append(paper.written_on)
            sheets.append(Sheet(paper.traits, child.number, child.birth, child.family, child.clan, child.group))
    shared = _shared(bearers)
    del bearers
    order = sorted(range(len(sheets)), key=days.__getitem__)
    return [
        sheet._replace(namesake=shared[sheet.child]) if sheet.child in shared else sheet
        for sheet in map(sheets.__getitem__, order)
    ]


def told(children: int, seed: int, rates: Rates = RATES) -> Iterator[tuple[Child, list[Paper]]]:
    """The same with the whole truth, child by child: what measures how often each fault happens."""
    draw = random.Random(seed).random  # noqa: S311 - an invented population, to be repeated from its seed
    land = country(draw, rates)
    writer = Writer(draw, rates)
    for family in families(land, draw, rates):
        for child in family.children:
            if child.number > children:
                return
            yield child, _papers(child, records(family.terms, child.born, child.behind, draw, rates), writer)


def _papers(child: Child, found: list[Record], writer: Writer) -> list[Paper]:
    papers: list[Paper] = []
    for record in found:
        earlier = papers[-1].traits.state_student_id if record.second else ""
        papers.append(Paper(*writer.write(child, record, earlier), record))
    return papers


def _shared(bearers: dict[tuple[int, tuple[str, str, str, str]], list[tuple[int, int]]]) -> dict[int, int]:
    """Child to the number of those who share his name and birth date, of children of several families."""
    shared: dict[int, int] = {}
    number = 0
    for same in bearers.values():
        if len(same) > 1 and len({family for _, family in same}) > 1:
            number += 1
            shared.update((child, number) for child, _ in same)
    return shared
