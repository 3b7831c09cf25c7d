"""A population from the top down: first a true register of children, then each record a corrupted copy of it.

This is how the literature on record linkage makes test data (FEBRL, GeCo): persons from frequency tables and from
tables of what depends on what, and faults from a table of corruption functions with weights. The invariant: who is who
is known before anything is corrupted, so that truth never hangs on a record. How often what happens stands in
``registers_rates``. Pure: the same children and seed give the same sheets on every machine.
"""

from __future__ import annotations

import random

from ledger.matching.populations import Sheet
from ledger.matching.populations.registers_chance import Chance, Table
from ledger.matching.populations.registers_copies import Copy, Copyist
from ledger.matching.populations.registers_moves import TODAY, Stay, journey, stays_of
from ledger.matching.populations.registers_people import Child, people
from ledger.matching.populations.registers_rates import RATES, Rates
from ledger.matching.populations.registers_states import habits

RECORDS_MAX = 5


def registers(children: int, seed: int) -> list[Sheet]:
    """The sheets of so many children, one to five each, in the order in which they were written."""
    return [copy.sheet for copy in copies(children, seed)]


def copies(children: int, seed: int, rates: Rates = RATES) -> list[Copy]:
    """As ``registers``, each sheet with the true child and the faults that were put in."""
    chance = Chance(random.Random(seed))  # noqa: S311  (a population is to be repeated, not to be secret)
    register = people(children, rates, chance)
    copyist = Copyist(habits(rates, chance), rates, chance)
    states = Table(range(1, RECORDS_MAX + 1), rates.states_of_family)
    written: list[tuple[int, Copy]] = []
    family = 0
    stays: list[Stay] = []
    for child in register:
        if child.family.number != family:
            family, stays = child.family.number, journey(child.family, states, rates, chance)
        first_id = ""
        records = _records(child, stays, rates, chance)
        for record, before in zip(records, [None, *records], strict=False):
            state = record[0].state
            again = before is not None and before[0].state is state
            copy = copyist.copy(child, state, record, first_id if again and chance.of(rates.two_ids_known) else "")
            first_id = copy.sheet.traits.state_student_id
            written.append((record[0].begins + chance.between(2, 25), copy))
    return [copy for _, copy in sorted(written, key=lambda entry: entry[0])]


def _records(child: Child, family: list[Stay], rates: Rates, chance: Chance) -> list[list[Stay]]:
    """The stays that each record tells of: a record for each state, and for some children two of one state."""
    by_state: dict[int, list[Stay]] = {}
    for stay in stays_of(child, family, rates, chance):
        by_state.setdefault(stay.state.number, []).append(stay)
    records = list(by_state.values())[:RECORDS_MAX]
    if len(records) < RECORDS_MAX and chance.of(rates.two_ids):
        index = chance.below(len(records))
        records[index : index + 1] = _parted(records[index], chance)
    return records


def _parted(stays: list[Stay], chance: Chance) -> tuple[list[Stay], list[Stay]]:
    """Stays in one state, that two offices there wrote of apart: the earlier one and the later."""
    if len(stays) > 1:
        place = chance.between(1, len(stays) - 1)
        return stays[:place], stays[place:]
    stay = stays[0]
    middle = stay.begins + max(1, min(stay.ends, TODAY) - stay.begins) // 2
    later = stay._replace(town=chance.pick(stay.state.towns), begins=middle + 1)
    return [stay._replace(ends=middle)], [later]
