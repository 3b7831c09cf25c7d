"""Keys under which a record is found again: two records of one child share at least one, two others hardly ever.

A key is so much of the birth date, the names and the birth place as nobody else is likely to have, words being their
consonants as a Spanish ear hears them. What a key leaves out may be wrong or missing:

- ``d`` the day and one word of the name; ``a`` the day, the sex and the beginnings of a given name and a surname;
  ``t`` the day, the sex and the beginning or the end of the birth place: names are wrong.
- ``y``, ``z``, ``m`` year and month, year and day, month and day in either order, each with a given name and a surname:
  one part of the date is wrong. ``b`` and ``v`` have both surnames instead: the given name is wrong too.
- ``n`` two surnames and a given name; ``c``, ``e``, ``f`` the birth place, a given name and a surname, of one of which
  the beginning is enough: the date is wrong or missing.
- ``w`` month and day, birth place and one word of the name.
- ``i|`` the ids that the state itself gives the child; ``u|`` the national numbers that were given or sent.

Where a parent is named there is no ``c``: of two of whom one names a parent, and of two who both do, it finds next to
nobody whom no other key finds.

A record without a date stands under every ``m`` and ``w`` that its date could give it, and one of a 1 January under
every month of its year, since that day is written where the true one is not known. So such a record is found by
ordinary ones, and these do not pay for it: what they have in common without a date, they have with thousands.

The invariant: keys are a function of the person alone, and change with a policy, or with ``KEYS``, and never else.
Pure.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date
from functools import lru_cache
from itertools import product
from typing import Final

from ledger.matching.names import sound
from ledger.matching.person import Person, initial
from ledger.matching.repair import ANY

KEYS: Final = 2
"""Of these keys: raised with every change of one. Whoever stands under others is read anew."""

_VOWELS: Final = str.maketrans("", "", "aeiouy" + ANY)
_WORDS: Final = 3
_WORDS_UNDATED: Final = 2
"""Words of a column that are looked for where each stands under every day."""
_PART: Final = 2
"""Consonants that are a beginning or an end."""

_LEAP_YEAR: Final = range(date(2024, 1, 1).toordinal(), date(2025, 1, 1).toordinal())


def _in_the_year(month: int, day: int) -> str:
    """Either order is one: 3 July, and 7 March."""
    low, high = sorted((month, day))
    return f"{low}.{high}"


_DAYS: Final = tuple(
    sorted({_in_the_year(day.month, day.day) for number in _LEAP_YEAR if (day := date.fromordinal(number))})
)


@lru_cache(maxsize=50_000)
def skeleton(word: str) -> str:
    """Consonants of a word as they sound; a word that begins with a vowel keeps that it does."""
    heard = sound(word)
    return ("a" if heard[:1] in "aeiou" and heard else "") + heard.translate(_VOWELS)


def keys(one: Person) -> frozenset[str]:
    """The keys of a person: none but those of his ids where there is neither a date nor a name to speak of."""
    given, surnames = _skeletons(one.given), _skeletons(one.surnames)
    return frozenset((*_of_ids(one), *_of_names(one, given, surnames), *_of_place(one, given, surnames)))


def _of_ids(one: Person) -> Iterator[str]:
    for number in (one.state_student_id, *one.other_ids):
        if number:
            yield f"i|{one.state}|{number}"
    for number in {one.student_id, one.sent_id} - {""}:
        yield f"u|{number}"


def _of_names(one: Person, given: Sequence[str], surnames: Sequence[str]) -> Iterator[str]:
    both = "/".join(sorted(surnames[:2])) if len(surnames) > 1 else ""
    if both:
        for g in given:
            yield f"n{both}/{g}"
    if not one.birth:
        for pair, day in product(_pairs(given[:_WORDS_UNDATED], surnames[:_WORDS_UNDATED]), _DAYS):
            yield f"m{day}/{pair}"
        return
    joined = _joined(one.given)
    for word in {*given, *joined, *surnames, *_joined(one.surnames)}:
        yield f"d{one.birth}/{word}"
    for sex, pair in product(_sexes(one), _pairs(given[:1], surnames[:1], letters=1)):
        yield f"a{one.birth}/{sex}/{pair}"
    day = _in_the_year(one.month, one.day)
    for pair in _pairs((*given, *joined), surnames):
        yield f"m{day}/{pair}"
        yield f"z{one.year}-{one.day}/{pair}"
        for month in _months(one):
            yield f"y{one.year}.{month}/{pair}"
    if both:
        yield f"v{day}/{both}"
        for month in _months(one):
            yield f"b{one.year}.{month}/{both}"


def _of_place(one: Person, given: Sequence[str], surnames: Sequence[str]) -> Iterator[str]:
    # A blank in the name of a town comes and goes.
    city = skeleton(one.place[0].replace(" ", ""))
    if not city:
        return
    if not one.parents:
        for pair in _pairs(given, surnames):
            yield f"c{city[:_PART]}/{pair}"
    for g, s in product(given[:1], surnames[:1]):
        yield f"e{city}/{g}/{s[:_PART]}"
        yield f"f{city}/{s}/{g[:_PART]}"
    if one.birth:
        for sex in _sexes(one):
            yield f"t{one.birth}/{sex}/<{city[:_PART]}"
            yield f"t{one.birth}/{sex}/>{city[-_PART:]}"
        days, words = (_in_the_year(one.month, one.day),), {*given, *surnames}
    else:
        days, words = _DAYS, {*given[:_WORDS_UNDATED], *surnames[:_WORDS_UNDATED]}
    for day, word in product(days, words):
        yield f"w{day}/{city}/{word}"


def _sexes(one: Person) -> str:
    """One that is not known may be either. Only keys that say little of names have it: the others bring few of the
    other sex, and must find a child whose sex is wrong."""
    return one.sex if one.sex in ("M", "F") else "MF"


def _months(one: Person) -> Sequence[int]:
    return range(1, 13) if one.month == one.day == 1 else (one.month,)


def _pairs(given: Sequence[str], surnames: Sequence[str], letters: int | None = None) -> set[str]:
    """A given name and a surname, unordered, since the one may stand among the others elsewhere."""
    return {"/".join(sorted((g[:letters], s[:letters]))) for g, s in product(given, surnames)}


def _skeletons(words: tuple[str, ...]) -> list[str]:
    found: dict[str, None] = {}
    for word in words[:_WORDS]:
        if not initial(word) and (bones := skeleton(word)):
            found[bones] = None
    return list(found)


def _joined(words: tuple[str, ...]) -> tuple[str, ...]:
    """The first two as one word, as who wrote Joséluis has them."""
    whole = len(words) > 1 and not initial(words[0]) and not initial(words[1])
    return (bones,) if whole and (bones := skeleton("".join(words[:2]))) else ()
