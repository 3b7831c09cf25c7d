"""In which order a question is put to the index: from what fits best to all that fits, and of that a part at a time.

The one invariant: taken all together, the steps find the records that fit the question, and no others; and what a tier
finds fits better than what only a later one does. So whoever walks them may stop as soon as enough students are found,
and has read no more than some ten times as many, however common a name is.

Two kinds of terms make a step cheap. ``y garsia jose``: that a name has words that sound like these two, so that of two
common names nobody reads the whole lists; ``x garsia jose`` where it has one given name and one surname. ``z 012``: how
the student's id begins, for a thousandth, a hundredth and a tenth of all students. Pure.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import chain, combinations
from typing import Final, NamedTuple

from ledger.matching.names import other_words, sound

BEGINNINGS: Final = (3, 2, 1)
"""Digits of an id by which students are taken together, the fewest students first."""
NEAR: Final = 4
"""What the second tier may lack of the best weight: a word by sound, two by nickname, or a date exchanged."""
_WAYS_MAX: Final = 64
"""Ways to hear two words as a pair: more cost more than they spare."""
_PAIRS_MAX: Final = 6
"""Pairs of one question that are asked for together, those with the fewest ways."""


class Way(NamedTuple):
    """One way in which a part of a question may fit, or better. lost: what it is worth less than the best. query: a
    ``tsquery``."""

    lost: int
    query: str


class Heard(NamedTuple):
    """A word of a name that is asked for. own: its sound. every: the sounds of all that a child may be called."""

    own: str
    every: frozenset[str]


def heard(word: str, *, given_name: bool = True) -> Heard:
    """How a word may sound in a record; nicknames are of given names alone."""
    own = sound(word)
    return Heard(own, frozenset({own, *(map(sound, other_words(word)) if given_name else ())}))


# -- terms of a record


def beginnings(student_id: str) -> list[str]:
    """Terms of how an id begins."""
    return [f"z {student_id[:digits]}" for digits in BEGINNINGS]


def pairs(sounds: Iterable[str], *, short: bool) -> set[str]:
    """Terms of each two different sounds of a name. short: it has one given name and one surname."""
    each = list(combinations(sorted(set(sounds)), 2))
    return {_pair(kind, *both) for kind in ("yx" if short else "y") for both in each}


def _pair(kind: str, one: str, other: str) -> str:
    return f"{kind} {min(one, other)} {max(one, other)}"


# -- tiers of a question


def tiers(parts: Sequence[Sequence[Way]], names: Sequence[Heard], full: Sequence[str]) -> list[list[str]]:
    """Queries of each tier, the best tier first; a record is in a tier where one of them finds it.

    parts: that must fit, the ways of each from the best to the widest. names: words of names, if all are there. full:
    queries that together find all that fits.
    """
    exact = all_of([*(ways[0].query for ways in parts), *pairs_of([Heard(w.own, frozenset({w.own})) for w in names])])
    found = [[exact]]
    near = [[way for way in ways if way.lost <= NEAR] for ways in parts]
    combined = [{number: ways[-1].query} for number, ways in enumerate(near) if len(ways) > 1]
    slight = {n: ways[1].query for n, ways in enumerate(parts) if len(ways) > 1 and ways[1].lost <= NEAR // 2}
    combined += [dict(both) for both in combinations(slight.items(), 2)]
    if combined:
        best = [ways[0].query for ways in parts]
        loosened = any_of(all_of(wider.get(n, query) for n, query in enumerate(best)) for wider in combined)
        found.append([all_of([loosened, *pairs_of(names)])])
    # What comes near in its only part is all that fits.
    if list(full) != [exact] and (len(parts) > 1 or len(full) > 1 or len(near[0]) < len(parts[0])):
        found.append(list(full))
    return found


def steps(tiers_asked: Sequence[Sequence[str]], *, in_parts: bool) -> list[list[str]]:
    """The queries of each step. in_parts: of each tier first those students whose ids begin with zeros, of whom there
    are few, then more of them, then all; every step finds what the ones before it of its tier found, too."""
    if not in_parts:
        return [list(tiers_asked[-1])]
    first = [quoted(f"z {'0' * digits}") for digits in BEGINNINGS]
    return [
        [all_of([query, begins]) if begins else query for query in tier]
        for tier in tiers_asked
        for begins in [*first, None]
    ]


def pairs_of(names: Sequence[Heard]) -> list[str]:
    """What a record has that has all these words: each two of them."""
    found: list[tuple[int, str]] = []
    for one, other in combinations(names, 2):
        count = len(one.every) * len(other.every)
        # One word of the record may be both.
        if count <= _WAYS_MAX and not one.every & other.every:
            ways = sorted({_pair("y", a, b) for a in one.every for b in other.every})
            found.append((count, any_of(map(quoted, ways))))
    return [query for _, query in sorted(found)[:_PAIRS_MAX]]


def given_and_surname(kind: str, both: Iterable[tuple[Heard, Heard]]) -> list[str]:
    """What a record has that has, of one of these, the first as a given name and the second as a surname; nothing
    where that cannot be told by a pair. kind: ``y``, or ``x`` of a short name."""
    both = list(both)
    if any(other.own in one.every for one, other in both):
        return []
    return [any_of(map(quoted, sorted({_pair(kind, a, other.own) for one, other in both for a in one.every})))]


def whole_name(names: Sequence[Heard], each: Sequence[str], given: Sequence[str], family: Sequence[str]) -> list[str]:
    """Queries for a whole name (``_Asking.whole_name``), each of which reads little. each, given, family: of each word,
    the query for it as any name, as a given name, and as a surname."""
    one_given, one_surname = quoted("g#1"), quoted("s#1")
    found = [all_of([*pairs_of(names), *each])]
    numbers = range(len(names))
    if len(names) >= 3:
        for left in combinations(numbers, len(names) - 1):
            narrow = pairs_of([names[n] for n in left])
            if len(left) == 2:
                narrow += given_and_surname("y", _both_ways([names[n] for n in left]))
            there = [each[n] for n in left]
            kinds = [any_of(given[n] for n in left), any_of(family[n] for n in left)]
            found.append(all_of([*narrow, *there, any_of([one_given, one_surname]), *kinds]))
    if len(names) >= 4:
        there = any_of(all_of(each[n] for n in left) for left in combinations(numbers, len(names) - 2))
        narrow = given_and_surname("x", _both_ways(names))
        found.append(all_of([*narrow, there, one_given, one_surname, any_of(given), any_of(family)]))
    return found


def _both_ways(names: Sequence[Heard]) -> list[tuple[Heard, Heard]]:
    each = list(combinations(names, 2))
    return list(chain(each, ((other, one) for one, other in each)))


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
