"""A record made comparable: its names as one line of tokens with roles, its dates as numbers, its place as codes.

The invariant: the same traits and the same tables give the same person on every machine and for ever; a policy names
the version of this code. Nothing here is shown to anybody as a child's name. Pure.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from functools import lru_cache
from typing import Final

import msgspec

from ledger.matching import places
from ledger.matching.names import ABBREVIATIONS, PARTICLES, SUFFIXES, folded, spelled_out
from ledger.matching.repair import ANY, mended
from ledger.matching.traits import Attendance, Traits

VERSION: Final = 3
"""Of this code, of how people are compared, and of the word lists: raised with every change that can change a level."""

_MARIA: Final = frozenset({"ma", "m", "mar", "mª"})
_GIVEN_SHORT: Final = {
    "fco": "francisco",
    "gpe": "guadalupe",
    "guad": "guadalupe",
    "ant": "antonio",
    "alej": "alejandro",
}
_SURNAME_FACTOR: Final = 8
"""A middle word is a surname where it is this many times commoner as one."""
_KNOWN: Final = 3
"""How often a word must have been seen before its role is believed against the column that it stands in."""

_WORDS_MAX: Final = 4
"""Words of a name that are compared; longer lines are a form's whole text."""


class Roles(msgspec.Struct, frozen=True, gc=False):
    """How often words are given names and surnames, and how often a given name is a girl's, as a policy has frozen it.

    female: share of girls among the children whose first word it is, 0 to 1."""

    given: Mapping[str, int] = {}
    surname: Mapping[str, int] = {}
    female: Mapping[str, float] = {}


class Parent(msgspec.Struct, frozen=True, gc=False):
    """Given names, surnames, and M or F where that can be told."""

    given: tuple[str, ...]
    surnames: tuple[str, ...]
    role: str = ""


class Person(msgspec.Struct, frozen=True, gc=False):
    """given, surnames: words in their order, without accents, particles and suffixes; an initial is one letter.

    suffix: ``jr``, ``ii`` and so on. sex: ``M``, ``F``, ``O``. birth: proleptic day number, 0 where unknown. flag: of
    a multiple birth, ``Y`` or ``N``. place: city, state, country. sounds: what keys are made of."""

    given: tuple[str, ...] = ()
    surnames: tuple[str, ...] = ()
    suffix: str = ""
    sex: str = ""
    birth: int = 0
    year: int = 0
    month: int = 0
    day: int = 0
    flag: str = ""
    parents: tuple[Parent, ...] = ()
    place: tuple[str, str, str] = ("", "", "")
    state: str = ""
    state_student_id: str = ""
    other_ids: tuple[str, ...] = ()
    student_id: str = ""
    sent_id: str = ""
    attendances: tuple[Attendance, ...] = ()


NOBODY: Final = Roles()


def person(traits: Traits, roles: Roles = NOBODY) -> Person:
    """The record as it is compared."""
    given, suffix = _apart(f"{mended(traits.first_name)} {mended(traits.middle_name)}")
    first, more = _apart(mended(traits.last_name_1))
    second, still = _apart(mended(traits.last_name_2))
    suffix = _apart(mended(traits.suffix))[1] or suffix or more or still
    given = _given(given)
    surnames = _surnames(first, roles) + _surnames(second, roles)
    given, surnames = _in_their_roles(given, surnames, roles)
    born = traits.birth_date
    return Person(
        given=given[:_WORDS_MAX],
        surnames=surnames[:_WORDS_MAX],
        suffix=suffix,
        sex=traits.sex[:1].upper(),
        birth=born.toordinal() if born else 0,
        year=born.year if born else 0,
        month=born.month if born else 0,
        day=born.day if born else 0,
        flag=traits.multiple_birth[:1].upper(),
        parents=_parents(traits, surnames, roles),
        place=places.place(mended(traits.birth_city), mended(traits.birth_state), mended(traits.birth_country)),
        state=traits.state,
        state_student_id=traits.state_student_id,
        other_ids=traits.other_ids,
        student_id=traits.student_id,
        sent_id=traits.sent_id,
        attendances=traits.attendances,
    )


@lru_cache(maxsize=50_000)
def _apart(name: str) -> tuple[tuple[str, ...], str]:
    """The words of a name and the suffix that somebody wrote among them."""
    kept: list[str] = []
    suffix = ""
    for word in folded(name).split():
        if word in SUFFIXES and kept:
            suffix = word
        else:
            kept.append(word)
    return tuple(kept), suffix


def _given(words: Sequence[str]) -> tuple[str, ...]:
    """Given names: María written short is María where another name follows; particles are off."""
    found: list[str] = []
    for at, word in enumerate(words):
        if word in _MARIA and at + 1 < len(words):
            found.append("maria")
        elif word in PARTICLES and len(words) > 1:
            continue
        else:
            found.append(_GIVEN_SHORT.get(word, word))
    return tuple(found)


def _surnames(words: Sequence[str], roles: Roles) -> tuple[str, ...]:
    """Surnames: particles are off, also where they have grown together with a name that goes by itself."""
    telling = [word for word in words if word not in PARTICLES] or list(words)
    return tuple(_whole(word, roles) for word in telling)


def _whole(word: str, roles: Roles) -> str:
    word = ABBREVIATIONS.get(word, word)
    rest = spelled_out(word)
    if rest != word:
        return rest
    grown = _GROWN.match(word)
    if grown and roles.surname.get(word[grown.end() :], 0) >= _KNOWN and roles.surname.get(word, 0) < _KNOWN:
        return word[grown.end() :]
    return word


_GROWN: Final = re.compile("de(?:la|las|los|l)?(?=[a-z]{3})")


def _in_their_roles(
    given: tuple[str, ...], surnames: tuple[str, ...], roles: Roles
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Words that stand in the wrong column moved, where the tables leave no doubt."""
    if (
        given
        and surnames
        and all(_is_given(word, roles) for word in surnames)
        and all(_is_surname(w, roles) for w in given)
    ):
        given, surnames = surnames, given
    if len(given) > 1:
        middle = given[1:]
        moved = tuple(word for word in middle if _is_surname(word, roles))
        if moved and moved == middle[len(middle) - len(moved) :]:
            given = given[: len(given) - len(moved)]
            # What an office writes into the middle column is the surname that it has no column for: the first or the
            # second, the order tells nobody; it stands last.
            surnames = (*surnames, *(word for word in moved if word not in surnames))
    return given, surnames


def _is_surname(word: str, roles: Roles) -> bool:
    seen = roles.surname.get(word, 0)
    return seen >= _KNOWN and seen > _SURNAME_FACTOR * roles.given.get(word, 0)


def _is_given(word: str, roles: Roles) -> bool:
    seen = roles.given.get(word, 0)
    return seen >= _KNOWN and seen > _SURNAME_FACTOR * roles.surname.get(word, 0)


def _parents(traits: Traits, surnames: Sequence[str], roles: Roles) -> tuple[Parent, ...]:
    found: list[Parent] = []
    for given, last in (
        (traits.male_parent_first_name, traits.male_parent_last_name),
        (traits.female_parent_first_name, traits.female_parent_last_name),
    ):
        words = _given(_apart(mended(given))[0])
        family = _surnames(_apart(mended(last))[0], roles)
        if words or family:
            one = Parent(words[:_WORDS_MAX], family[:_WORDS_MAX], _role(words, family, surnames, roles))
            if one not in found:
                found.append(one)
    return tuple(found)


def _role(given: Sequence[str], family: Sequence[str], surnames: Sequence[str], roles: Roles) -> str:
    """M or F: by the name, else by which of the child's surnames the parent has. The columns tell nothing: they are
    called parent 1 and 2 too."""
    for word in given:
        share = roles.female.get(word)
        if share is not None and (share >= 0.85 or share <= 0.15):
            return "F" if share >= 0.85 else "M"
    if given and len(given[0]) > 2:
        if given[0].endswith("a"):
            return "F"
        if given[0].endswith("o"):
            return "M"
    if len(surnames) > 1 and surnames[0] != surnames[1]:
        if family and family[0] == surnames[0]:
            return "M"
        if family and family[0] == surnames[1]:
            return "F"
    return ""


def initial(word: str) -> bool:
    """Whether it is one letter alone."""
    return len(word) == 1 and word != ANY


def roles_of(people: Iterable[Traits]) -> Roles:
    """The roles of the words of many records: each column counted as what it is called."""
    given: dict[str, int] = {}
    surname: dict[str, int] = {}
    girls: dict[str, int] = {}
    of_known_sex: dict[str, int] = {}
    for one in people:
        words = _given(_apart(f"{mended(one.first_name)}")[0])
        for word in (*words, *_given(_apart(mended(one.middle_name))[0])):
            given[word] = given.get(word, 0) + 1
        if words and one.sex in ("Male", "Female"):
            of_known_sex[words[0]] = of_known_sex.get(words[0], 0) + 1
            girls[words[0]] = girls.get(words[0], 0) + (one.sex == "Female")
        for column in (one.last_name_1, one.last_name_2):
            for word in _surnames(_apart(mended(column))[0], NOBODY):
                surname[word] = surname.get(word, 0) + 1
    female = {word: round(girls.get(word, 0) / n, 3) for word, n in of_known_sex.items() if n >= 2 * _KNOWN}
    return Roles(given, surname, female)


def day_of(number: int) -> date:
    """The day of a ``birth``."""
    return date.fromordinal(number)
