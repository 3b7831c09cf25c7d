"""In which order a question is put to the index: from what fits best to all that fits, and of that a part at a time.

The one invariant: taken all together, the steps find the records that fit the question, and no others, but for pairs of
words that a record has too many names to be kept with (``search_terms.PAIRED_MAX``); and what a tier finds fits better
than what only a later one does. So whoever walks them may stop as soon as enough students are found, and has read no
more than some ten times as many, however common a name is.

What makes a step dear is a term that very many records have, also where another term is rare: so none is asked for that
can be spared. ``y 2arsia jose``: that a name has words that sound like these two. ``x 2arsia jose``: as given name and
surname, in a record with one given name alone or one surname alone; ``w`` where it has one of each. ``z 012``: how the
student's id begins, for a thousandth, a hundredth and a tenth of all students. What these leave to be told is told by
the record itself, of which few are read. Pure.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import combinations, product
from typing import Final, NamedTuple

from ledger.matching.names import other_words, sound

BEGINNINGS: Final = (3, 2, 1)
"""Digits of an id by which students are taken together, the fewest students first."""
NEAR: Final = 4
"""What the second tier may lack of the best weight: a word by sound, two by nickname, or a date exchanged."""
_WAYS_MAX: Final = 64
"""Ways to hear two words as a pair: more cost more than they spare, where there are others."""
_PAIRS_MAX: Final = 6
"""Pairs that are asked for together though each of their words is in another."""


class Way(NamedTuple):
    """One way in which a part of a question may fit, or better. lost: what it is worth less than the best. query: a
    ``tsquery``. follows: what is asked of the index for it, which follows from the query, if not the same."""

    lost: int
    query: str
    follows: str | None = None

    @property
    def indexed(self) -> str:
        return self.follows or self.query


class Heard(NamedTuple):
    """A word of a name that is asked for. own: its sound. every: the sounds of all that a child may be called."""

    own: str
    every: frozenset[str]

    def itself(self) -> Heard:
        """Without what else the child may be called."""
        return Heard(self.own, frozenset({self.own}))


def heard(word: str, *, given_name: bool = True) -> Heard:
    """How a word may sound in a record; nicknames are of given names alone."""
    own = sound(word)
    return Heard(own, frozenset({own, *(map(sound, other_words(word)) if given_name else ())}))


@dataclass(frozen=True)
class Part:
    """What must fit. ways: from the best to the widest."""

    ways: Sequence[Way]

    def up_to(self, lost: int) -> Way:
        """The widest way that loses no more."""
        return [way for way in self.ways if way.lost <= lost][-1]


@dataclass(frozen=True)
class NamePart(Part):
    """A word of a name."""

    name: Heard


class Tier(NamedTuple):
    """queries: for the index; they find all that is in the tier, and little else. fits: what is in it."""

    queries: list[str]
    fits: str


# -- terms of a record


def beginnings(student_id: str) -> list[str]:
    """Terms of how an id begins."""
    return [f"z {student_id[:digits]}" for digits in BEGINNINGS]


def pairs(given: Iterable[str], family: Iterable[str], alone: int) -> set[str]:
    """Terms of each two different sounds of a name. alone: in how many of its two halves it has one word."""
    given, family = set(given), set(family)
    found = {_pair("y", *both) for both in combinations(given | family, 2)}
    for kind in "xw"[:alone]:
        found.update(_pair(kind, *both) for both in product(given, family) if both[0] != both[1])
    return found


def _pair(kind: str, one: str, other: str) -> str:
    return f"{kind} {min(one, other)} {max(one, other)}"


# -- tiers of a question


def tiers(parts: Sequence[Part], full: Tier) -> list[Tier]:
    """The best tier first; each holds what the one before it holds. full: all that fits."""
    best = [part.up_to(0).query for part in parts]
    own = [replace(part, name=part.name.itself()) if isinstance(part, NamePart) else part for part in parts]
    found = [Tier([all_of(together(own, 0))], all_of(best))]
    wider = [{n: part.up_to(NEAR).query} for n, part in enumerate(parts) if part.up_to(NEAR).lost]
    slightly = {n: part.up_to(NEAR // 2).query for n, part in enumerate(parts) if part.up_to(NEAR // 2).lost}
    wider += [dict(both) for both in combinations(slightly.items(), 2)]
    if wider:
        fits = any_of(all_of(widened.get(n, query) for n, query in enumerate(best)) for widened in wider)
        found.append(Tier([all_of(together(parts, NEAR))], fits))
    return [*found, full]


def steps(asked: Sequence[Tier], digits: Sequence[int] | None) -> list[Tier]:
    """digits: of each tier first those students whose ids begin with so many zeros, of whom there are few, then more of
    them, then all; every step finds what the ones before it of its tier found, too. None: the last tier alone."""
    if digits is None:
        return [asked[-1]]
    return [
        Tier([all_of([query, *begin]) for query in tier.queries], tier.fits)
        for tier in asked
        for begin in [*([quoted(f"z {'0' * count}")] for count in digits), []]
    ]


def together(parts: Sequence[Part], lost: int) -> list[str]:
    """What a record has in which each part fits that well. Words of names are asked for two at a time where that
    can be: a pair is rare, and that both words are there follows from it."""
    named = [(part.name, part.up_to(lost).indexed) for part in parts if isinstance(part, NamePart)]
    return [*all_words(named), *(part.up_to(lost).indexed for part in parts if not isinstance(part, NamePart))]


def all_words(named: Sequence[tuple[Heard, str]]) -> list[str]:
    """What a record has that has all these words. named: each with the query for it alone."""
    found: list[tuple[int, int, int]] = []
    for one, other in combinations(range(len(named)), 2):
        heard_one, heard_other = named[one][0].every, named[other][0].every
        # Else one word of the record may be both.
        if not heard_one & heard_other:
            found.append((len(heard_one) * len(heard_other), one, other))
    covered: set[int] = set()
    chosen: list[str] = []
    for count, *both in sorted(found):
        if not covered.issuperset(both) or (count <= _WAYS_MAX and len(chosen) < _PAIRS_MAX):
            covered.update(both)
            ways = {_pair("y", *way) for way in product(*(named[n][0].every for n in both))}
            chosen.append(any_of(map(quoted, sorted(ways))))
    return [*chosen, *(query for n, (_, query) in enumerate(named) if n not in covered)]


def given_and_surname(kind: str, given: Sequence[Heard], family: Sequence[Heard]) -> list[str]:
    """What a record has that has one of these given names and another of these surnames; nothing where that cannot be
    told by pairs. kind: ``y``, or ``x`` where it must have one of them alone, ``w`` where both."""
    both = [(one, other) for one, other in product(given, family) if one is not other]
    if any(other.own in one.every for one, other in both):
        return []
    return [any_of(map(quoted, sorted({_pair(kind, a, other.own) for one, other in both for a in one.every})))]


def whole_name(named: Sequence[tuple[Heard, str]]) -> list[str]:
    """Queries for a whole name (``_Asking.whole_name``): all words; all but one; two alone. Words as ``all_words``."""
    one_given, one_surname = quoted("g#1"), quoted("s#1")
    found = [all_of(all_words(named))]
    if len(named) >= 3:
        for left in combinations(named, len(named) - 1):
            names = [name for name, _ in left]
            narrow = given_and_surname("x", names, names) if len(left) == 2 else []
            found.append(all_of(narrow or all_words(left)))
    if len(named) >= 4:
        names = [name for name, _ in named]
        narrow = given_and_surname("w", names, names)
        found.append(all_of(narrow or [any_of(query for _, query in named), one_given, one_surname]))
    return found


# -- text of queries

TERM_CHARACTERS_MAX: Final = 120
"""Of a term; PostgreSQL takes 2,046 bytes, and folding can make one letter eighteen."""


def all_of(queries: Iterable[str]) -> str:
    return f"({' & '.join(queries)})"


def any_of(queries: Iterable[str]) -> str:
    return f"({' | '.join(queries)})"


def quoted(term: str) -> str:
    """A term holds letters, digits, blanks and ``~#-`` (``folded``): nothing that a ``tsquery`` would read."""
    return f"'{term[:TERM_CHARACTERS_MAX]}'"


MISSING_MAX: Final = 2
"""Words of a name that a record may lack, where it has as many less."""


def enough(each: Sequence[str], kind: str) -> str:
    """All of them, or as many as the record has."""
    count = len(each)
    fewest = max(1, count - MISSING_MAX)
    fewer = [all_of([subsets(each, k), quoted(f"{kind}#{k}")]) for k in range(fewest, count)]
    return any_of([all_of(each), *fewer])


def subsets(each: Sequence[str], size: int) -> str:
    return any_of(all_of(chosen) for chosen in combinations(each, size))
