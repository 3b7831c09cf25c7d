"""How alike two words of a name are. The order of ``Alike`` is from the same word to none.

Pure; remembered, since the same few thousand words meet each other again and again.
"""

from __future__ import annotations

from enum import IntEnum
from functools import lru_cache
from typing import Final

from rapidfuzz.distance import OSA

from ledger.matching.names import other_spellings, other_words, sound
from ledger.matching.repair import ANY

_REMEMBERED_MAX: Final = 400_000
_SHORT: Final = 3
_EDITED_MIN: Final = 4
"""Letters from which on one edit is likelier a fault than another name. Of shorter words it is either: Her is Hcr by a
fault, and Ana is not Ada."""
_CUT_MIN: Final = 4
"""Letters that a word cut short still has."""


class Alike(IntEnum):
    """EQUAL also with letters that are lost. INITIAL: one is the other's first letter. VARIANT: sounds the same to a
    Spanish ear, or is a nickname. NEAR: one edit, or cut short. NEARISH: two edits of a long word, one of a short
    one. GENDERED: Adrian and Adriana, which are brother and sister, never a fault."""

    EQUAL = 0
    VARIANT = 1
    NEAR = 2
    INITIAL = 3
    NEARISH = 4
    GENDERED = 5
    OTHER = 6


@lru_cache(maxsize=_REMEMBERED_MAX)
def alike(left: str, right: str) -> Alike:
    """How alike two words of given names are. Symmetric."""
    return _alike(left, right, surname=False)


@lru_cache(maxsize=_REMEMBERED_MAX)
def alike_surnames(left: str, right: str) -> Alike:
    """How alike two words of surnames are, or of the name of a town. Symmetric."""
    return _alike(left, right, surname=True)


def _alike(left: str, right: str, *, surname: bool) -> Alike:
    """What most pairs are not is asked last: a hundred pairs of people are weighed for each that are one child's."""
    if left == right:
        return _EQUAL
    if right < left:
        left, right = right, left
    if ANY in left or ANY in right:
        return _with_lost_letters(left, right)
    shorter, longer = len(left), len(right)
    if shorter > longer:
        shorter, longer = longer, shorter
    if shorter == 1:
        return _INITIAL if left[0] == right[0] else _OTHER
    if not surname and _gendered(left, right):
        return _GENDERED
    heard, also_heard = sound(left), sound(right)
    if heard == also_heard and heard:
        return _VARIANT
    if right in (other_spellings(left) if surname else other_words(left)):
        return _VARIANT
    edits = _edits(left, right, score_cutoff=2)
    if edits <= 1 and longer >= _EDITED_MIN and shorter >= _SHORT:
        return _NEAR
    if shorter >= _CUT_MIN and longer > shorter and (left.startswith(right) or right.startswith(left)):
        return _NEAR
    if edits > 2:
        return _OTHER
    if len(heard) >= _EDITED_MIN <= len(also_heard) and _edits(heard, also_heard, score_cutoff=1) <= 1:
        return _NEAR
    if shorter > _EDITED_MIN or (edits <= 1 and longer >= _SHORT):
        return _NEARISH
    return _OTHER


_EQUAL, _VARIANT, _NEAR, _INITIAL, _NEARISH, _GENDERED, _OTHER = Alike
_edits: Final = OSA.distance


def clearer(one: str, other: str) -> str:
    """The one of two spellings of a word that is likelier to be in the tables: with all its letters, the shorter."""
    return min(one, other, key=lambda word: (word.count(ANY), len(word), word))


def _gendered(left: str, right: str) -> bool:
    """A boy's form and a girl's: Adrian and Adriana, Mario and Maria, Gabriel and Gabriela, Jose and Josefa. All begin
    alike."""
    if left[:3] != right[:3] or len(left) < 4 or len(right) < 4:
        return False
    if (left, right) in _BROTHER_AND_SISTER or (right, left) in _BROTHER_AND_SISTER:
        return True
    short, long = (left, right) if len(left) <= len(right) else (right, left)
    if short in _OF_GIRLS:
        return False
    if long == short + "a" and short[-1] in "lnrsdt":
        return True
    if len(long) == len(short) and long[:-1] == short[:-1] and {long[-1], short[-1]} == {"a", "o"}:
        return True
    return any(
        long.startswith(short[:-1]) and long.endswith(ending) and len(long) <= len(short) + 3
        for ending in ("ina", "ita", "ela", "eta", "ette", "elle")
    ) and not short.endswith(("a", "e"))


_BROTHER_AND_SISTER: Final = frozenset(
    {
        ("alexander", "alexandra"),
        ("andre", "andrea"),
        ("andres", "andrea"),
        ("angel", "angelica"),
        ("carlos", "carla"),
        ("carlos", "carlota"),
        ("clemente", "clementa"),
        ("clemente", "clementina"),
        ("eric", "erica"),
        ("erick", "ericka"),
        ("erik", "erika"),
        ("felipe", "felipa"),
        ("frederic", "frederica"),
        ("jose", "josefa"),
        ("jose", "josefina"),
        ("noel", "noelia"),
        ("vicente", "vicenta"),
    }
)
"""Pairs that no ending gives, and that would pass for a typing fault or a name cut short."""

_GIRLS: Final = "abigail carmen elizabet ester esther ines isabel jazmin jasmin juliet leonor lilian"
_GIRLS_TOO: Final = "lizbet marian maribel mariel marisol raquel rosario violet vivian yasmin"
_OF_GIRLS: Final = frozenset([*_GIRLS.split(), *_GIRLS_TOO.split()])
"""Names of girls that another girls' name is longer than by the ending: Isabel and Isabela are one girl."""


def _with_lost_letters(left: str, right: str) -> Alike:
    """A lost letter is like one letter, or two that stood for one (ñ as two bytes), or none. It makes no other letter
    like another: where both have lost one, Peña is still not Luna."""
    if len(left) == 1 or len(right) == 1:
        return Alike.INITIAL if ANY in (left[0], right[0]) or left[0] == right[0] else Alike.OTHER
    faults = _faults(left, right)
    if faults == 0:
        return Alike.EQUAL if len(left) == len(right) else Alike.VARIANT
    return Alike.NEAR if faults == 1 and min(len(left), len(right)) >= _EDITED_MIN else Alike.OTHER


def _faults(left: str, right: str) -> int:
    """Edits between two words, where those of a lost letter are free."""
    above = [0]
    for letter in right:
        above.append(above[-1] + (letter != ANY))
    for mine in left:
        row = [above[0] + (mine != ANY)]
        for at, theirs in enumerate(right):
            differ = mine != theirs and ANY not in (mine, theirs)
            row.append(min(above[at] + differ, above[at + 1] + (mine != ANY), row[-1] + (theirs != ANY)))
        above = row
    return above[-1]
