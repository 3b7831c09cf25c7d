"""How often what happens in the population ``registers``: every number that another person might choose otherwise.

The invariant: no rate stands anywhere else. It must not know how a thing is done, only how often.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final


def _fixed(**shares: float) -> Mapping[str, float]:
    return MappingProxyType({name.replace("_", " "): share for name, share in shares.items()})


@dataclass(frozen=True)
class Rates:
    """Shares from 0 to 1, of children or records as the name says; tables give weights, which need not add up to 1.

    Published orders of magnitude, as they are generally known: twins (NCHS: 31 to 34 of 1,000 births since 2009), of
    whom two pairs of three are of one sex; four of five misspelled words being wrong in one letter, or two turned
    (Damerau, 1964), which is what ``typing`` does; a fifth to a quarter of first names, and somewhat fewer surnames,
    that differ in some letter between two records of one person (Winkler, of census and survey).

    Reasoned, because nothing published for migrant children could be read: all others. That is how states differ, the
    shares of the groups, what becomes of a second surname or given name, missing parents and birth places, namesakes,
    kin with near names, two ids in a state, and how long an enrollment stays open after the child left. They lean
    to the hard side: a policy that holds here should find a real file no harder.
    """

    # -- who there is
    groups: Mapping[str, float] = field(
        default_factory=lambda: MappingProxyType(
            {"two-surname": 0.75, "indigenous": 0.10, "haitian": 0.05, "hmong": 0.04, "anglo": 0.06}
        )
    )
    families_in_clan: tuple[float, ...] = (0.62, 0.24, 0.14)
    """Of one family, two, three."""
    births_in_family: tuple[float, ...] = (0.645, 0.195, 0.10, 0.04, 0.02)
    """One to five: about 60 % of children have a brother or sister in the register."""
    twin_births: float = 0.0152
    """Of births: 3 % of children."""
    twins_of_one_sex: float = 0.67
    twins_near_names: float = 0.30
    namesakes: float = 0.004
    """Of children, in pairs."""
    namesakes_near: float = 0.5
    """Of pairs: they live in one state, half of these in one town."""
    household: Mapping[str, float] = field(
        default_factory=lambda: _fixed(both=0.73, mother=0.14, father=0.04, guardian=0.04, stepfather=0.05)
    )
    named_like_parent: float = 0.06
    named_like_grandparent: float = 0.1
    sibling_shares_first: float = 0.2
    sibling_shares_second: float = 0.15
    """Of children with an elder of their sex in the family."""
    cousin_born_near: float = 0.25
    """Of families beside another of their clan: a child is born within four months of a cousin."""
    second_given: Mapping[str, float] = field(
        default_factory=lambda: MappingProxyType(
            {"two-surname": 0.62, "indigenous": 0.35, "haitian": 0.35, "hmong": 0.25, "anglo": 0.85}
        )
    )
    fixed_compound: float = 0.45
    """Of two given names of the two-surname group: a pair said as one name."""

    # -- where they go
    states_of_family: tuple[float, ...] = (0.35, 0.29, 0.20, 0.12, 0.04)
    """One to five; children born late saw fewer, so that a child has 2.2 records on average."""
    circular: float = 0.6
    """Of families: winters at home, the season away; the others move on."""
    own_way: float = 0.07
    """Of children: one stay spent in another state than the family's."""
    late_withdrawal: float = 0.08
    """Of attendances with an end: written up to 14 days too late."""
    no_withdrawal: float = 0.04
    """Of attendances with an end: it was never written."""
    two_ids: float = 0.02
    """Of children."""
    two_ids_known: float = 0.2
    """Of these: the later record names the earlier id."""
    other_ids: float = 0.04

    # -- how states write
    quality: Mapping[str, tuple[float, ...]] = field(
        default_factory=lambda: MappingProxyType(
            {
                "good": (0.86, 0.12, 0.018, 0.002),
                "middling": (0.69, 0.23, 0.06, 0.02),
                "bad": (0.46, 0.33, 0.15, 0.06),
            }
        )
    )
    """No fault in a record, one, two, three: about Poisson with means 0.15, 0.4 and 0.8. A third of states are each."""
    habit_kept: float = 0.85
    """A record is written the way its state writes; the others by the layout, in title case with accents."""
    surname_habits: Mapping[str, float] = field(
        default_factory=lambda: _fixed(apart=0.76, one_field=0.08, hyphen=0.06, maternal_lost=0.10)
    )
    given_habits: Mapping[str, float] = field(default_factory=lambda: _fixed(apart=0.66, together=0.26, initial=0.08))
    case_habits: Mapping[str, float] = field(default_factory=lambda: _fixed(title=0.5, upper=0.46, lower=0.04))
    accent_habits: Mapping[str, float] = field(default_factory=lambda: _fixed(kept=0.4, dropped=0.5, enye_kept=0.1))
    width_habits: Mapping[str, float] = field(
        default_factory=lambda: MappingProxyType({"50": 0.78, "20": 0.1, "15": 0.08, "12": 0.04})
    )
    """Letters of a name column."""
    school_habits: Mapping[str, float] = field(default_factory=lambda: _fixed(id=0.6, name=0.25, none=0.15))
    habits_sent: float = 0.72
    """Of states: they send parents, birth places, and so on, wherever they know them."""

    # -- what goes wrong
    faults: Mapping[str, float] = field(
        default_factory=lambda: _fixed(
            surnames_turned=0.045,
            maternal_lost=0.09,
            paternal_lost=0.025,
            one_field=0.04,
            hyphen=0.03,
            maternal_in_middle=0.025,
            surname_in_given=0.02,
            names_exchanged=0.015,
            second_lost=0.09,
            only_second=0.03,
            initial=0.05,
            nickname=0.05,
            english=0.03,
            abbreviated=0.025,
            particle=0.05,
            typing=0.1,
            reading=0.03,
            phonetic=0.075,
            encoding=0.03,
            day_and_month=0.03,
            first_of_january=0.011,
            digit=0.016,
            year_by_one=0.009,
            year_by_ten=0.005,
            month=0.009,
            sex_wrong=0.012,
            sex_missing=0.016,
        )
    )
    parents_missing: Mapping[bool, float] = field(default_factory=lambda: MappingProxyType({True: 0.15, False: 0.85}))
    """By whether the state sends parents: about a third of records in all."""
    one_parent_only: float = 0.12
    parent_shortened: float = 0.3
    guardian_instead: float = 0.04
    parents_exchanged: float = 0.04
    parent_misspelled: float = 0.04
    suffix_lost: float = 0.25
    """Of records of children who have one; a third of these carry it behind the surname."""
    place_missing: Mapping[bool, float] = field(default_factory=lambda: MappingProxyType({True: 0.33, False: 0.95}))
    """By whether the state sends birth places: about half of records in all."""
    place_coarser: float = 0.3
    place_elsewhere: float = 0.03
    """The home town is written instead."""
    place_misspelled: float = 0.04
    place_country: Mapping[str, float] = field(default_factory=lambda: _fixed(three=0.6, two=0.25, name=0.15))
    flag_missing: float = 0.2
    flag_missed: float = 0.15
    """Of twins' records with a flag: No."""
    flag_wrong: float = 0.006
    """Of other records with a flag: Yes."""


RATES: Final = Rates()
