"""Keys under which a record is found again: two records of one child share at least one, two others hardly ever.

A key is a birth date or a part of it with words of the name, words being their consonants as a Spanish ear hears them.
The invariant: keys are a function of the person alone, and short of a policy's change never change. Pure.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from itertools import product
from typing import Final

from ledger.matching.names import sound
from ledger.matching.person import Person, initial
from ledger.matching.repair import ANY

_VOWELS: Final = str.maketrans("", "", "aeiouy" + ANY)
_WORDS: Final = 3


@lru_cache(maxsize=50_000)
def skeleton(word: str) -> str:
    """Consonants of a word as they sound; a word that begins with a vowel keeps that it does."""
    heard = sound(word)
    return ("a" if heard[:1] in "aeiou" and heard else "") + heard.translate(_VOWELS)


def keys(one: Person) -> frozenset[str]:
    """The keys of a person: none where there is neither a date nor a name to speak of."""
    return frozenset(_keys(one))


def last_resort(one: Person) -> frozenset[str]:
    """Keys to look under where the others find nobody: the given name, a parent's, and the year."""
    given = _skeletons(one.given)
    parents = _skeletons(tuple(word for parent in one.parents for word in parent.given))
    return frozenset(f"p{one.year}/{g}/{p}" for g, p in product(given, parents)) if one.year else frozenset()


def _keys(one: Person) -> Iterator[str]:
    given, surnames = _skeletons(one.given), _skeletons(one.surnames)
    if one.birth:
        for word in {*given, *surnames}:
            yield f"d{one.birth}/{word}"
        low, high = sorted((one.month, one.day))
        for g, s in product(given, surnames):
            # Unordered, since a given name may stand among the surnames elsewhere.
            pair = "/".join(sorted((g, s)))
            yield f"y{one.year}/{pair}"
            yield f"m{low}.{high}/{pair}"
    if len(surnames) > 1:
        both = "/".join(sorted(surnames[:2]))
        for g in given:
            yield f"n{both}/{g}"


def _skeletons(words: tuple[str, ...]) -> list[str]:
    found: dict[str, None] = {}
    for word in words[:_WORDS]:
        if not initial(word) and (bones := skeleton(word)):
            found[bones] = None
    return list(found)
