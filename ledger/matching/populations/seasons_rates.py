"""How often things happen in the population ``seasons``: all its chances in one place.

The invariant: how often anything is wrong, lost or written otherwise stands here alone. What the other parts keep for
themselves is shape: where on the road a season begins, which of two ways a rare fault goes. Pure.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

from ledger.matching.populations import Group

Layout = Literal[
    "both", "both in first", "hyphen", "paternal", "maternal", "turned", "maternal in middle", "paternal in middle"
]
"""Where an office puts two surnames. both: each in its own field. both in first: both in the first one."""

Second = Literal["middle", "initial", "lost", "in first", "glued", "alone"]
"""What becomes of a second given name. in first: both stand in the first name. alone: only it is kept."""

BirthFault = Literal["swap", "day", "month", "year", "first of January", "year of the paper", "missing"]
Mangling = Literal["latin-1", "cp850", "question mark", "replacement"]

Shares = tuple[tuple[str, float], ...]


@dataclass(frozen=True, slots=True)
class Rates:
    """Each rate is a share of one, with where it comes from: [asked] set by the plan of this population, after what the
    programmes say of their children; [order] a published order of magnitude; [reasoned] ours, with the thought. A rate
    that stands without a mark is [reasoned] too: nobody publishes it, and it only has to be neither never nor always.

    Who the children are:

    groups              [asked] of clans; near the national survey of farm workers, with its growing indigenous part
    twins               [asked] of births; national birth statistics have 1.2 to 1.6 % [order]: a little more here, so
                        that small populations have some
    one_sex             [order] of twins: identical ones, and half of the others
    alike, alike_mixed  [reasoned] of twins of one sex and of two: names that begin alike or share a part
    clan_families       families of one to four that are kin
    children            births of one to six in a family; larger families than the country's, by what programmes see
    brothers_and_sisters  of couples in a clan: his brother is married to her sister, so that cousins share both names
    mother_alone        of families: no father is known, the child has both of her surnames
    half                of families: the eldest has another father
    after_elder         of children: named after a grandparent or the father
    refrain             of families: all sons share a given name, and all daughters
    patronymic          of Mayan families: the father's given name is the child's surname
    namesakes           [asked] of children: planted in pairs of the same full name and birth date in unrelated families
    namesakes_near      of those pairs: on the same road in the same years
    born_here           of children, by group: born in the country
    repeated            of children: a grade behind their age
    grandmother         of guardians; the others are aunts

    Where they go:

    states              [asked] of families: one to five; who comes too young or too old makes it 35, 30, 20, 10, 5
    second_id           [asked] of children of two to four states: a second id in one of them, some 2 to 3 % of all
    listed              of those: the second record names the first id
    shuttle             of families: winter at a home base and return to it; the others move on
    apart               of children: they join the family late, or leave it early
    summer              of summers: a project beside school
    other_day           of children: some days later than the family at each place
    late_withdrawal, never_withdrawn, unsent, grade_fault   of attendances; the duty is 30 days, offices are later
    empty               of records: no attendance was sent

    How names are written:

    layouts, seconds    of records: the form asks for both surnames, half of the systems of schools know one
    habit               of records: the registrar follows his own way; otherwise any way by its share
    same_form           of brothers' and sisters' records in a state: one form for the family, with the same places of
                        surnames, parents and faults in them
    abbreviated, short_given   of names with a usual short form: Hdz, Ma.
    called              of records of a child whose given name has another form: Lupe, Joe
    called_always, called_used   of children: known by it everywhere; of their records: it stands there
    typed, heard        [order] of records: wrong letters by hand or by ear; studies of data entry find 2 to 5 %
    parents_worse       times as many in the names of parents, which nobody checks
    slip_accents        of records: against the state's custom
    mangled, manglings  of records that keep accents: the encoding broke; and how
    suffix              of records of a child with one: it is sent
    particles           of surnames of several words: de la Cruz, Delacruz, Dela Cruz, Cruz
    turned_given, joined_given   of Hmong children's records: clan name first; two given names in one field
    hyphen_lost         of records with a compound French name
    grown_given         of parents: which given names stand there

    The rest of a record:

    birth_faults        [asked] of records; linked school and health files differ in 1 to 4 % [order]
    paper_wrong, paper_used   of children: their own paper is wrong; of their records: it was copied
    sex_wrong, sex_missing, sex_other   [order] of records: about 1 % each, the last very rare
    flags_twin, flags_single   of records, by the state's custom: chances of Yes and of No; asked for seldom
    silent_on_parents   of states: they never send parents
    parents             [asked] of the other records: who stands there; with the silent states 25 to 35 % have nobody
    mothers, fathers    of records with them: which surname stands there
    parents_swapped     of records: mother as parent 1
    city_missing, birthplace_missing, birthplace_wrong   of records of a state that sends them
    other_id            of records: an id of elsewhere is listed

    capitals, accents, birthplaces, flags, state_styles, country_styles, school_ids   of records, by the state's custom:
                        older systems write capitals without accents; birthplaces left the national layout
    """

    groups: tuple[tuple[Group, float], ...] = (
        ("two-surname", 0.80),
        ("indigenous", 0.08),
        ("anglo", 0.05),
        ("hmong", 0.03),
        ("haitian", 0.04),
    )
    twins: float = 0.02
    one_sex: float = 0.67
    alike: float = 0.45
    alike_mixed: float = 0.2
    clan_families: tuple[float, ...] = (0.45, 0.30, 0.17, 0.08)
    children: tuple[float, ...] = (0.18, 0.28, 0.26, 0.16, 0.08, 0.04)
    brothers_and_sisters: float = 0.06
    mother_alone: float = 0.08
    half: float = 0.05
    after_elder: float = 0.12
    refrain: float = 0.10
    patronymic: float = 0.15
    namesakes: float = 0.003
    namesakes_near: float = 0.35
    born_here: tuple[tuple[Group, float], ...] = (
        ("two-surname", 0.52),
        ("indigenous", 0.35),
        ("anglo", 1.0),
        ("hmong", 0.75),
        ("haitian", 0.55),
    )

    repeated: float = 0.12
    grandmother: float = 0.4

    states: tuple[float, ...] = (0.285, 0.325, 0.22, 0.11, 0.06)
    second_id: float = 0.04
    listed: float = 0.25
    shuttle: float = 0.55
    apart: float = 0.10
    late_withdrawal: float = 0.06
    never_withdrawn: float = 0.02
    unsent: float = 0.06
    empty: float = 0.03
    grade_fault: float = 0.04
    other_day: float = 0.2
    summer: float = 0.25

    layouts: tuple[tuple[Layout, float], ...] = (
        ("both", 0.50),
        ("both in first", 0.09),
        ("hyphen", 0.06),
        ("paternal", 0.23),
        ("maternal", 0.025),
        ("turned", 0.03),
        ("maternal in middle", 0.03),
        ("paternal in middle", 0.035),
    )
    seconds: tuple[tuple[Second, float], ...] = (
        ("middle", 0.55),
        ("initial", 0.14),
        ("lost", 0.19),
        ("in first", 0.08),
        ("glued", 0.02),
        ("alone", 0.02),
    )
    habit: float = 0.7
    same_form: float = 0.8
    abbreviated: float = 0.01
    short_given: float = 0.12
    called: float = 0.03
    called_always: float = 0.03
    called_used: float = 0.6
    typed: float = 0.04
    heard: float = 0.03
    parents_worse: float = 1.6
    slip_accents: float = 0.12
    mangled: float = 0.06
    manglings: tuple[tuple[Mangling, float], ...] = (
        ("latin-1", 0.4),
        ("question mark", 0.3),
        ("replacement", 0.18),
        ("cp850", 0.12),
    )
    suffix: float = 0.55
    particles: Shares = (("kept", 0.6), ("glued", 0.2), ("half glued", 0.08), ("dropped", 0.12))
    turned_given: float = 0.03
    joined_given: float = 0.4
    hyphen_lost: float = 0.45
    grown_given: Shares = (("first", 0.65), ("both", 0.28), ("second", 0.04), ("called", 0.03))

    birth_faults: tuple[tuple[BirthFault, float], ...] = (
        ("swap", 0.010),
        ("day", 0.008),
        ("month", 0.004),
        ("year", 0.005),
        ("first of January", 0.008),
        ("year of the paper", 0.001),
        ("missing", 0.002),
    )
    paper_wrong: float = 0.006
    paper_used: float = 0.5
    sex_wrong: float = 0.01
    sex_missing: float = 0.012
    sex_other: float = 0.0005
    flags_twin: tuple[tuple[str, tuple[float, float]], ...] = (
        ("asks", (0.78, 0.10)),
        ("says no", (0.22, 0.78)),
        ("silent", (0.03, 0.02)),
    )
    flags_single: tuple[tuple[str, tuple[float, float]], ...] = (
        ("asks", (0.004, 0.92)),
        ("says no", (0.001, 0.995)),
        ("silent", (0.0005, 0.03)),
    )
    silent_on_parents: float = 0.1
    parents: Shares = (("both", 0.42), ("mother", 0.28), ("father", 0.035), ("guardian", 0.045), ("none", 0.22))
    mothers: Shares = (
        ("own", 0.45),
        ("own both", 0.2),
        ("married", 0.2),
        ("own and married", 0.06),
        ("maternal", 0.03),
        ("child's", 0.06),
    )
    fathers: Shares = (("own", 0.62), ("own both", 0.32), ("maternal", 0.03), ("child's", 0.03))
    parents_swapped: float = 0.03
    city_missing: float = 0.25
    birthplace_missing: float = 0.15
    birthplace_wrong: float = 0.03
    other_id: float = 0.006

    capitals: Shares = (("upper", 0.4), ("title", 0.55), ("lower", 0.05))
    accents: Shares = (("dropped", 0.65), ("kept", 0.35))
    birthplaces: Shares = (("all", 0.4), ("state and country", 0.15), ("country", 0.15), ("never", 0.3))
    flags: Shares = (("asks", 0.5), ("says no", 0.3), ("silent", 0.2))
    state_styles: Shares = (("code", 0.35), ("name", 0.3), ("iso", 0.15), ("mixed", 0.2))
    country_styles: Shares = (("alpha-3", 0.3), ("alpha-2", 0.35), ("english", 0.2), ("own", 0.15))
    school_ids: float = 0.65


RATES: Final = Rates()
