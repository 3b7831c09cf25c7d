"""How a policy is trained: from records alone, without anybody having said which are one child's.

Pairs are a mixture of six kinds (``policy.KINDS``). What two kinds have in common they share by construction: a twin
differs from the same child in given name, sex and flag only, a namesake in parents and place only, so surname, date and
place cannot speak against a twin. Expectation maximisation finds the rest; then the checks say whether what it found is
children at all, or households. Floating point is used here and nowhere in a decision: what comes out is rounded.
"""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from random import Random
from typing import Any, Final

import msgspec
import numpy as np

from ledger.errors import Refused
from ledger.matching import bits
from ledger.matching.blocking import keys
from ledger.matching.comparison import (
    BIRTH,
    FIELDS,
    GIVEN,
    PARENTS,
    PLACE,
    SURNAMES,
    Levels,
    Shared,
    compared,
)
from ledger.matching.decision import GUARDS
from ledger.matching.person import VERSION, Person, Roles, person, roles_of
from ledger.matching.policy import (
    CHANCE,
    KIN,
    KINDS,
    NAMESAKE,
    SAME,
    SIBLING,
    TWIN,
    UNRELATED,
    Policy,
    Thresholds,
    Words,
)
from ledger.matching.stays import stay_level
from ledger.matching.traits import Traits

_ROUNDS: Final = 60
_BLOCK_MAX: Final = 200
"""Records under one key, above which the key tells nobody apart and is left out of the training."""
_RANDOM_PAIRS: Final = 400_000
_PSEUDO: Final = 0.5
_RARE: Final = -12.0
"""log2 of the share of a word that the tables do not have: a name from elsewhere may be common there."""
SEEN: Final = 3
"""Records that must carry a word for a policy to hold it, of made-up children."""
SEEN_OF_CHILDREN: Final = 12
"""The same of real ones: a policy is kept for ever, so no word may point at a family."""
_NAMESAKES_MIN: Final = 1 / 250
"""Namesakes for each pair of one child, at least: where hardly a record names parents, training cannot see them, and
they are there all the same."""
_SAME_TOWN: Final = 0.2
"""Share of namesakes who are born in one town: names have their regions."""
Table = Any  # an array of floats; numpy's own types would say no more here

_TIES: Final[Mapping[str, tuple[tuple[int, ...], ...]]] = {
    "given": ((SAME, KIN, NAMESAKE), (TWIN,), (SIBLING,)),
    "surnames": ((SAME, TWIN, SIBLING, NAMESAKE), (KIN,)),
    "birth": ((SAME, TWIN, NAMESAKE), (SIBLING,), (KIN,)),
    "sex": ((SAME, KIN, NAMESAKE), (TWIN,), (SIBLING,)),
    "flags": ((SAME,), (TWIN,), (SIBLING, KIN, NAMESAKE)),
    "parents": ((SAME, TWIN, SIBLING),),
    "place": ((SAME, TWIN), (SIBLING,), (KIN,)),
    "stays": ((SAME,), (TWIN, SIBLING)),
}
"""Kinds that share one distribution, by field. Kinds that stand nowhere agree by chance."""


class Check(msgspec.Struct, frozen=True):
    """What a trained model must show. value: what it shows; low, high: bounds."""

    name: str
    value: float
    low: float
    high: float

    @property
    def holds(self) -> bool:
        """Whether the value lies within its bounds."""
        return self.low <= self.value <= self.high


class Trained(msgspec.Struct, frozen=True):
    """A policy and the checks that it has passed, or not."""

    policy: Policy
    checks: list[Check]

    @property
    def sound(self) -> bool:
        """Whether every check holds."""
        return all(check.holds for check in self.checks)


def train(
    records: Sequence[Traits],
    version: str,
    thresholds: Thresholds,
    *,
    seed: int = 1,
    random_pairs: int = _RANDOM_PAIRS,
    seen: int = SEEN,
    drawn_from: int | None = None,
) -> Trained:
    """A policy for records like these, with every guard that there is.

    random_pairs: how many are drawn to see what chance does. seen: how many records must carry a word for the policy to
    hold it. drawn_from: of how many records these were drawn by chance; a draw of one in ten finds a tenth of each
    record's pairs, and the policy is made for all of them.

    Raises:
        Refused: there are too few records to learn from.
    """
    if len(records) < 1000:
        raise Refused(
            f"{len(records)} records are too few to train on.",
            remedy="Train on 1,000 records at least, 20,000 are better, or use the policy that Sojourn comes with.",
        )
    roles = _roles(records, seen)
    people = [person(one, roles) for one in records]
    words = words_of(people, seen)
    drawn = max(drawn_from or 0, len(records)) / len(records)
    pairs = _Pairs(people, list(candidates(people)), words)
    drawing = Random(seed)  # noqa: S311 - drawn again the same from its seed
    chance = _chance(people, drawing, random_pairs)
    coeval = _coeval_stays(people, drawing, random_pairs // 4)
    model = _Model(pairs, chance, coeval, len(people))
    model.fit()
    halves = [_Model(pairs.half(which), chance, coeval, len(people), share=0.5) for which in (0, 1)]
    for half in halves:
        half.fit()
    policy = Policy(
        version=version,
        code=VERSION,
        rates=_rates([drawn * count / len(people) for count in model.counts[:UNRELATED]]),
        levels={
            field: tuple(
                tuple(_bits(float(model.tables[field][kind][level])) for kind in range(len(KINDS)))
                for level in range(len(FIELDS[field]))
            )
            for field in FIELDS
        },
        words=words,
        roles=roles,
        thresholds=thresholds,
        guards=tuple(GUARDS),
    )
    return Trained(policy, _checks(model, halves))


def candidates(people: Sequence[Person]) -> Iterator[tuple[int, int]]:
    """Pairs of people that share a key, each once, the lower number first."""
    under: defaultdict[str, list[int]] = defaultdict(list)
    for number, one in enumerate(people):
        for key in keys(one):
            under[key].append(number)
    near: list[set[int]] = [set() for _ in people]
    for block in under.values():
        if 1 < len(block) <= _BLOCK_MAX:
            for at, number in enumerate(block):
                near[number].update(block[at + 1 :])
    for number, others in enumerate(near):
        for other in sorted(others):
            yield number, other


def words_of(people: Sequence[Person], seen: int = SEEN) -> dict[str, Words]:
    """How common the words of these people are, by column; of those only that so many of them carry."""
    counted: dict[str, Counter[str]] = {field: Counter() for field in ("given", "surnames", "parents", "place")}
    carried: dict[str, Counter[str]] = {field: Counter() for field in counted}
    for one in people:
        city, state, _ = one.place
        told = {
            "given": one.given,
            "surnames": one.surnames,
            "parents": [word for parent in one.parents for word in parent.given],
            "place": [word for word in (city, state) if word],
        }
        for field, words in told.items():
            counted[field].update(words)
            carried[field].update(set(words))
    return {field: _words(counted[field], carried[field], seen) for field in counted}


def _words(counted: Counter[str], carried: Counter[str], seen: int) -> Words:
    total = max(counted.total(), 1)
    usual = sum((n / total) ** 2 for n in counted.values()) or 1.0
    return Words(
        common={
            word: _bits(n / total)
            for word, n in sorted(counted.items())
            if carried[word] >= seen and math.log2(n / total) > _RARE
        },
        rare=round(_RARE * bits.ONE),
        usual=_bits(usual),
    )


def _roles(records: Sequence[Traits], seen: int) -> Roles:
    """The roles of words that so many records carry. The people that are learnt from are prepared by these, as those
    will be that are decided upon."""
    given: Counter[str] = Counter()
    surname: Counter[str] = Counter()
    for one in records:
        mine = roles_of([one])
        given.update(mine.given.keys())
        surname.update(mine.surname.keys())
    roles = roles_of(records)
    return Roles(
        given={word: n for word, n in roles.given.items() if given[word] >= seen},
        surname={word: n for word, n in roles.surname.items() if surname[word] >= seen},
        female={word: share for word, share in roles.female.items() if given[word] >= seen},
    )


def _rates(pairs: Sequence[float]) -> tuple[int, ...]:
    """The rates of a policy. pairs: of each kind but the last, for each record.

    What is decided is a join, not a pair: a child of k records makes k(k-1)/2 pairs and k-1 joins, and two children
    with k records each make k squared pairs and could be joined wrongly once. Counted so, one child's pairs weigh more.
    With children of 1 + Poisson(more) records, as many as their pairs tell, it is more * (1 + more) for ``same`` where
    the pairs of all others are left as they are.
    """
    same = pairs[SAME]
    more = same - 1 + math.sqrt(same * same + 1)
    return (_bits(more * (1 + more)), *map(_bits, pairs[1:]))


def _bits(share: float) -> int:
    return max(round(math.log2(share) * bits.ONE), bits.NEVER) if share > 0 else bits.NEVER


class _Pairs:
    """Levels and surprises of many pairs, as arrays of (pairs, fields)."""

    def __init__(self, people: Sequence[Person], pairs: Sequence[tuple[int, int]], words: Mapping[str, Words]) -> None:
        levels = np.zeros((len(pairs), len(FIELDS)), dtype=np.int8)
        terms = np.zeros((len(pairs), 2))
        for at, (left, right) in enumerate(pairs):
            found, shared = compared(people[left], people[right])
            levels[at] = found
            parents = words["parents"].surprise(shared.parents)
            rest = sum(words[field].surprise(getattr(shared, field)) for field in ("given", "surnames", "place"))
            terms[at] = parents / bits.ONE, rest / bits.ONE
        self.levels, self.terms = levels, terms

    def half(self, which: int) -> _Pairs:
        made = object.__new__(_Pairs)
        made.levels, made.terms = self.levels[which::2], self.terms[which::2]
        return made


def _chance(people: Sequence[Person], chance: Random, pairs: int) -> dict[str, Table]:
    """Share of each level among pairs drawn at random."""
    counts = {field: np.full(len(levels), _PSEUDO) for field, levels in FIELDS.items()}
    for _ in range(pairs):
        left, right = chance.sample(range(len(people)), 2)
        found, _shared = compared(people[left], people[right])
        for field, level in zip(FIELDS, found, strict=True):
            counts[field][level] += 1
    return {field: counted / counted.sum() for field, counted in counts.items()}


def _coeval_stays(people: Sequence[Person], chance: Random, pairs: int) -> Table:
    """Share of each level of stays among children drawn at random who were born in one year: they go to school in the
    same years, so theirs follow on each other, or overlap, more often than those of any two."""
    counts = np.full(len(FIELDS["stays"]), _PSEUDO)
    born: defaultdict[int, list[Person]] = defaultdict(list)
    for one in people:
        if one.birth:
            born[one.year].append(one)
    for _ in range(pairs):
        one = chance.choice(people)
        other = chance.choice(born[one.year]) if one.birth else one
        if other is not one:
            counts[stay_level(one.attendances, other.attendances)] += 1
    return counts / counts.sum()


class _Model:
    """The mixture while it is trained."""

    def __init__(
        self, pairs: _Pairs, chance: Mapping[str, Table], coeval: Table, people: int, *, share: float = 1.0
    ) -> None:
        self._pairs = pairs
        self._chance = chance
        self._coeval = coeval
        self.people = people
        all_pairs = people * (people - 1) / 2 * share
        self.counts = [people * share * rate for rate in (0.7, 0.02, 0.3, 0.5, 0.005)] + [all_pairs]
        self.tables: dict[str, dict[int, Table]] = {
            field: dict.fromkeys(range(len(KINDS)), chance[field]) for field in FIELDS
        }
        self._begin()

    def fit(self) -> None:
        """Expectation and maximisation, as often as it takes."""
        for _ in range(_ROUNDS):
            self._maximise(self._expect())

    def _begin(self) -> None:
        """From the domain: what everybody knows of children."""
        same = _spread("given", {1: 0.3, 2: 0.26, 3: 0.04, 4: 0.06, 5: 0.06, 6: 0.17, 7: 0.03, 8: 0.03, 9: 0.02})
        twin = _spread("given", {14: 0.6, 10: 0.1, 11: 0.08, 12: 0.05, 13: 0.08, 5: 0.03})
        sibling = _spread("given", {14: 0.7, 10: 0.06, 11: 0.1, 12: 0.03, 13: 0.06})
        self._set("given", {SAME: same, KIN: same, NAMESAKE: same, TWIN: twin, SIBLING: sibling})
        family = _spread("surnames", {1: 0.35, 2: 0.05, 3: 0.08, 4: 0.12, 5: 0.03, 6: 0.2, 7: 0.06, 8: 0.04, 9: 0.02})
        kin = _spread("surnames", {10: 0.3, 11: 0.2, 6: 0.2, 4: 0.12, 7: 0.08})
        self._set("surnames", {SAME: family, TWIN: family, SIBLING: family, NAMESAKE: family, KIN: kin})
        day = _spread("birth", {1: 0.92, 2: 0.005, 3: 0.01, 4: 0.01, 5: 0.02, 6: 0.005, 7: 0.01})
        other = _spread("birth", {12: 0.93, 11: 0.02, 10: 0.005})
        some = _spread("birth", {12: 0.6, 11: 0.2, 10: 0.08, 9: 0.03, 1: 0.02})
        self._set("birth", {SAME: day, TWIN: day, NAMESAKE: day, SIBLING: other, KIN: some})
        one = _spread("sex", {1: 0.93, 2: 0.01, 0: 0.06})
        self._set("sex", {SAME: one, KIN: one, NAMESAKE: one})
        self._set(
            "sex", {TWIN: _spread("sex", {1: 0.64, 2: 0.3, 0: 0.06}), SIBLING: _spread("sex", {1: 0.47, 2: 0.47})}
        )
        blank = self._chance["flags"]
        self._set("flags", {TWIN: _spread("flags", {1: 0.3, 3: 0.1, 4: 0.3, 0: 0.2, 2: 0.05, 5: 0.05})})
        self._set("flags", dict.fromkeys((SAME, SIBLING, KIN, NAMESAKE), blank))
        kept = _spread("parents", {0: 0.4, 1: 0.2, 2: 0.12, 3: 0.15, 5: 0.05, 4: 0.02, 6: 0.02, 7: 0.02})
        self._set("parents", {SAME: kept, TWIN: kept, SIBLING: kept})
        here = _spread("place", {0: 0.4, 1: 0.25, 2: 0.05, 3: 0.05, 4: 0.1, 6: 0.05, 5: 0.02})
        self._set("place", {SAME: here, TWIN: here, SIBLING: (here + self._chance["place"]) / 2})
        self._set("place", {KIN: (here + 3 * self._chance["place"]) / 4})
        then = _spread("stays", {0: 0.3, 1: 0.5, 2: 0.15, 3: 0.01, 4: 0.01, 5: 0.01, 6: 0.01})
        self._set("stays", {SAME: then, TWIN: self._chance["stays"], SIBLING: self._chance["stays"]})
        self._place_namesakes()

    def _set(self, field: str, tables: Mapping[int, Table]) -> None:
        self.tables[field].update(tables)

    def _expect(self) -> Table:
        """Share of each pair in each kind."""
        log = np.zeros((len(self._pairs.levels), len(KINDS)))
        for at, field in enumerate(FIELDS):
            table = np.log2(np.stack([self.tables[field][kind] for kind in range(len(KINDS))], axis=1))
            log += table[self._pairs.levels[:, at]]
        log += np.log2(np.maximum(np.array(self.counts), 1e-3))
        parents, rest = self._pairs.terms[:, 0], self._pairs.terms[:, 1]
        for kind in CHANCE["parents"]:
            log[:, kind] += parents
        log[:, UNRELATED] += rest
        log -= log.max(axis=1, keepdims=True)
        share = np.exp2(log)
        return share / share.sum(axis=1, keepdims=True)

    def _maximise(self, share: Table) -> None:
        for kind in range(UNRELATED):
            self.counts[kind] = max(float(share[:, kind].sum()), 1.0)
        self.counts[NAMESAKE] = max(self.counts[NAMESAKE], _NAMESAKES_MIN * self.counts[SAME])
        for at, field in enumerate(FIELDS):
            size = len(FIELDS[field])
            counted = np.stack(
                [
                    np.bincount(self._pairs.levels[:, at], weights=share[:, kind], minlength=size)
                    for kind in range(len(KINDS))
                ]
            )
            for tied in _TIES[field]:
                total = counted[list(tied)].sum(axis=0) + _PSEUDO
                table = total / total.sum()
                for kind in tied:
                    self.tables[field][kind] = table
        self._tie_twins()
        self._place_namesakes()

    def _place_namesakes(self) -> None:
        """Namesakes are born where chance has it, now and then in the same town, and go to school as children of one
        age do: they are too few to learn it from."""
        self.tables["stays"][NAMESAKE] = self._coeval
        place = self.tables["place"]
        place[NAMESAKE] = _SAME_TOWN * place[SAME] + (1 - _SAME_TOWN) * self._chance["place"]

    def _tie_twins(self) -> None:
        """Twins lose second names as often as one child does; else short, ambiguous names would be everybody's."""
        given = self.tables["given"]
        same, twin = given[SAME], given[TWIN].copy()
        lost = float(same[6] / max(same[1] + same[6], 1e-9))
        second, elsewhere = float(twin[10]), float(twin[11])
        twin[1] = twin[3] = 1e-4
        twin[2] = max(second * lost * lost / 4, 1e-5)
        twin[6] = max(second * lost, 1e-5)
        twin[7] = twin[8] = max(elsewhere * lost / 2, 1e-5)
        twin[9] = max((second + elsewhere) * float(same[9]), 1e-5)
        given[TWIN] = twin / twin.sum()


def _spread(field: str, told: Mapping[int, float]) -> Table:
    """A distribution of which some levels are told; the others have a little each."""
    levels = np.full(len(FIELDS[field]), 1e-3)
    for level, share in told.items():
        levels[level] = share
    return levels / levels.sum()


def _checks(model: _Model, halves: Sequence[_Model]) -> list[Check]:
    same = {field: model.tables[field][SAME] for field in FIELDS}
    twin = {field: model.tables[field][TWIN] for field in FIELDS}
    known = 1 - float(same["parents"][PARENTS.index("missing")])
    conflict = float(same["parents"][8] + same["parents"][9]) / max(known, 1e-9)
    counts = model.counts
    unequal = max(
        abs(half.counts[kind] * 2 - counts[kind]) / max(counts[kind], 1.0)
        for half in halves
        for kind in (SAME, SIBLING)
    )
    told = 1 - float(twin["sex"][0])
    return [
        Check("same child, same birth date", float(same["birth"][1] + same["birth"][2]), 0.85, 1.0),
        Check("twins, given names equal", float(twin["given"][1] + twin["given"][2]), 0.0, 0.1),
        Check("twins, sex differs", float(twin["sex"][2]) / told, 0.2, 0.45),
        Check("same child, sex differs", float(same["sex"][2]), 0.0, 0.03),
        Check("same child, parents in conflict", conflict, 0.0, 0.12),
        Check("twins for each pair of one child", counts[TWIN] / counts[SAME], 0.0, 0.2),
        Check("namesakes for each pair of one child", counts[NAMESAKE] / counts[SAME], 0.0, 0.2),
        Check("each half tells the same", unequal, 0.0, 0.1),
    ]


def table(model: Policy, field: str) -> list[tuple[str, tuple[float, ...]]]:
    """A field's levels and the bits of each kind, for people to read."""
    return [
        (name, tuple(value / bits.ONE for value in row))
        for name, row in zip(FIELDS[field], model.levels[field], strict=True)
    ]


__all__ = [
    "BIRTH",
    "GIVEN",
    "PLACE",
    "SURNAMES",
    "Check",
    "Levels",
    "Shared",
    "Trained",
    "candidates",
    "table",
    "train",
]
