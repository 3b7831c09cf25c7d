"""What two people have in common: seven levels, and how common the names are that they share.

Absent says little, different says much: a second surname that one office leaves out is another level than a second
surname that differs. The invariant: symmetric, and a function of the two people and the names of the levels alone;
weights are the policy's. Pure.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Final, NamedTuple

from ledger.matching.person import Parent, Person, initial
from ledger.matching.stays import STAYS, stay_level
from ledger.matching.words import Alike, alike, alike_surnames, clearer

_REMEMBERED_MAX: Final = 100_000
"""Lines of names that have met: a record meets everybody near it several times while a portion is decided."""

GIVEN: Final = (
    "missing",
    "all equal, two or more",
    "one each, equal",
    "equal with an initial",
    "variant",
    "near",
    "first only",
    "later only",
    "later only, after María or José",
    "part, with a variant or a fault",
    "first same, second different",
    "share one elsewhere",
    "a boy's and a girl's form",
    "nearish",
    "different",
)
SURNAMES: Final = (
    "missing",
    "two equal in order",
    "two equal in another order or column",
    "two, one with a fault",
    "one each, equal",
    "one each, with a fault",
    "first equal, second absent",
    "the only one equals the other's second",
    "one with a fault, second absent",
    "first equal, second an initial",
    "first equal, second different",
    "one equal elsewhere, others different",
    "near",
    "different",
)
BIRTH: Final = (
    "missing",
    "same day",
    "same day, 1 January",
    "day and month swapped",
    "one is 1 January of the same year",
    "digits of the day",
    "other month",
    "year off by 1, 2, 9 or 10",
    "one day off",
    "within 40 days",
    "under 270 days",
    "same year",
    "far",
)
SEX: Final = ("missing", "same", "different")
FLAGS: Final = ("both blank", "yes and yes", "no and no", "yes and no", "yes and blank", "no and blank")
PARENTS: Final = (
    "missing",
    "two the same",
    "one each, the same",
    "one of two the same",
    "one the same, the other different",
    "with faults",
    "unclear",
    "mother against father",
    "same role, different",
    "both different",
)
PLACE: Final = (
    "missing",
    "same city and state",
    "same city",
    "near city",
    "same state",
    "same state, other city",
    "same country",
    "other city",
    "other state",
    "other country",
)
FIELDS: Final[dict[str, tuple[str, ...]]] = {
    "given": GIVEN,
    "surnames": SURNAMES,
    "birth": BIRTH,
    "sex": SEX,
    "flags": FLAGS,
    "parents": PARENTS,
    "place": PLACE,
    "stays": STAYS,
}
"""Field to its levels. Level 0 says nothing in six of them."""


class Shared(NamedTuple):
    """Words that both have, whose rarity counts: of the given names, the surnames, the parents' names, the place."""

    given: tuple[str, ...] = ()
    surnames: tuple[str, ...] = ()
    parents: tuple[str, ...] = ()
    place: tuple[str, ...] = ()


class Levels(NamedTuple):
    """A level of each field, as an index into ``FIELDS``."""

    given: int
    surnames: int
    birth: int
    sex: int
    flags: int
    parents: int
    place: int
    stays: int


Found = tuple[int, tuple[str, ...]]


def compared(left: Person, right: Person) -> tuple[Levels, Shared]:
    """The levels of two people, and the words that they share."""
    given, surnames = _columns(left, right)
    names, shared_names = given_level(*given)
    family, shared_family = surname_level(*surnames)
    parents, shared_parents = parent_level(left.parents, right.parents)
    place, shared_place = place_level(left.place, right.place)
    levels = Levels(
        names,
        family,
        birth_level(left, right),
        sex_level(left, right),
        flag_level(left, right),
        parents,
        place,
        stay_level(left.attendances, right.attendances),
    )
    return levels, Shared(shared_names, shared_family, shared_parents, shared_place)


Pair = tuple[tuple[str, ...], tuple[str, ...]]


def _columns(left: Person, right: Person) -> tuple[Pair, Pair]:
    """Given names and surnames of both, with a word moved that stands as the one here and as the other there."""
    if _apart(left.given, right.surnames) and _apart(right.given, left.surnames):
        return (left.given, right.given), (left.surnames, right.surnames)
    given = [left.given, right.given]
    surnames = [left.surnames, right.surnames]
    heads = given[0][:1], given[1][:1]
    if all(heads) and heads[0] != heads[1] and _exchanged(heads[0][0], surnames[1], heads[1][0], surnames[0]):
        # Whole columns changed: José López here, López José there. The one that says more is believed.
        at = 0 if (_letters(left), left.given) < (_letters(right), right.given) else 1
        given[at], surnames[at] = surnames[at], given[at]
    for one, other in ((0, 1), (1, 0)):
        moved = tuple(
            word
            for word in given[one][1:]
            if not initial(word) and word not in given[other] and word in surnames[other] and word not in surnames[one]
        )
        if moved:
            given[one] = tuple(word for word in given[one] if word not in moved)
            surnames[one] = surnames[one] + moved
    return (given[0], given[1]), (surnames[0], surnames[1])


def _apart(one: tuple[str, ...], other: tuple[str, ...]) -> bool:
    return frozenset(one).isdisjoint(other)


def _exchanged(one: str, among: tuple[str, ...], other: str, of: tuple[str, ...]) -> bool:
    """Whether the given name of each side stands among the surnames of the other; one of the two with a fault at most,
    for two that are only near agree by chance too often."""
    found = one in among, other in of
    if all(found) or not any(found):
        return all(found)
    word, words = (other, of) if found[0] else (one, among)
    return any(alike_surnames(word, surname) <= Alike.NEAR for surname in words)


def _letters(one: Person) -> int:
    return sum(map(len, (*one.given, *one.surnames)))


@lru_cache(maxsize=_REMEMBERED_MAX)
def given_level(left: tuple[str, ...], right: tuple[str, ...]) -> Found:
    """Level of two lines of given names, and the words that they share."""
    if not left or not right:
        return 0, ()
    if left == right:
        return (2 if len(left) == 1 else 1), left
    if len(left) > len(right):
        left, right = right, left
    glued = "".join(left) == "".join(right) and len("".join(left)) > 3
    if glued:
        return 1, max(left, right, key=lambda line: (len(line), line))
    pairs, rest_left, rest_right = _aligned(left, right)
    if not pairs:
        return _unlike(left, right), ()
    kinds = [kind for _, _, kind in pairs]
    shared = _shared(left, right, pairs)
    if not rest_left and not rest_right:
        return _all_aligned(kinds, len(left)), shared
    first_same = any(i == 0 and j == 0 for i, j, _ in pairs)
    if not rest_left:
        return _part(pairs, right, kinds), shared
    if first_same and kinds[0] in (Alike.EQUAL, Alike.VARIANT, Alike.NEAR):
        return 10, shared
    return 11, shared


def _all_aligned(kinds: list[Alike], words: int) -> int:
    worst = max(kinds)
    if worst is Alike.EQUAL:
        return 1 if words > 1 else 2
    if worst is Alike.INITIAL:
        return 3 if words > 1 else 6
    return 4 if worst is Alike.VARIANT else 5


def _part(pairs: list[tuple[int, int, Alike]], right: tuple[str, ...], kinds: list[Alike]) -> int:
    """All of the shorter line stands in the longer one."""
    worst = max(kinds)
    if worst in (Alike.VARIANT, Alike.NEAR):
        return 9
    if any(j == 0 for _, j, _ in pairs):
        return 6
    return 8 if right[0] in ("maria", "jose") else 7


def _unlike(left: tuple[str, ...], right: tuple[str, ...]) -> int:
    """No word of the one is one of the other."""
    kind = alike(left[0], right[0])
    if kind is Alike.GENDERED:
        return 12
    return 13 if kind is Alike.NEARISH else 14


_LEAST: Final = Alike.INITIAL
"""That two words of a name are, who may be one."""


def _aligned(
    left: tuple[str, ...], right: tuple[str, ...], *, surname: bool = False
) -> tuple[list[tuple[int, int, Alike]], list[int], list[int]]:
    """Words of the two lines that are the same, best pairs first taken; what is left of each, where any are."""
    how = alike_surnames if surname else alike
    found = [
        (kind, abs(i - j), i, j)
        for i, one in enumerate(left)
        for j, other in enumerate(right)
        if (kind := how(one, other)) <= _LEAST
    ]
    pairs: list[tuple[int, int, Alike]] = []
    if not found:  # as of most
        return pairs, [], []
    found.sort()
    taken_left: set[int] = set()
    taken_right: set[int] = set()
    for kind, _, i, j in found:
        if i not in taken_left and j not in taken_right:
            pairs.append((i, j, kind))
            taken_left.add(i)
            taken_right.add(j)
    pairs.sort()
    return (
        pairs,
        [i for i in range(len(left)) if i not in taken_left],
        [j for j in range(len(right)) if j not in taken_right],
    )


def _shared(left: tuple[str, ...], right: tuple[str, ...], pairs: list[tuple[int, int, Alike]]) -> tuple[str, ...]:
    """Whole words that both lines have."""
    found = [clearer(left[i], right[j]) for i, j, kind in pairs if kind is Alike.EQUAL]
    return tuple(sorted(word for word in found if not initial(word)))


@lru_cache(maxsize=_REMEMBERED_MAX)
def surname_level(left: tuple[str, ...], right: tuple[str, ...]) -> Found:
    """Level of two lines of surnames, and the words that they share."""
    if not left or not right:
        return 0, ()
    if left == right:
        return (4 if len(left) == 1 else 1), left[:2]
    if len(left) > len(right):
        left, right = right, left
    if "".join(left) == "".join(right):
        return (1 if len(right) > 1 else 4), min(left, right, key=lambda line: (len(line), line))[:2]
    pairs, rest_left, rest_right = _aligned(left, right, surname=True)
    telling = [(i, j, kind) for i, j, kind in pairs if kind is not Alike.INITIAL]
    if not telling:
        near = any(alike_surnames(one, other) is Alike.NEARISH for one in left for other in right)
        return (12 if near else 13), ()
    shared = _shared(left, right, pairs)[:2]
    if len(telling) >= 2:
        if any(kind is not Alike.EQUAL for _, _, kind in telling):
            return 3, shared
        in_order = all(i == j for i, j, _ in telling)
        return (1 if in_order else 2), shared
    return _one_shared(left, right, telling[0], pairs, rest_left, rest_right), shared


def _one_shared(
    left: tuple[str, ...],
    right: tuple[str, ...],
    pair: tuple[int, int, Alike],
    pairs: list[tuple[int, int, Alike]],
    rest_left: list[int],
    rest_right: list[int],
) -> int:
    i, j, kind = pair
    fault = kind is not Alike.EQUAL
    if len(left) == 1 and len(right) == 1:
        return 5 if fault else 4
    if len(left) == 1:
        if fault:
            return 8
        return 6 if j == 0 else 7
    if len(pairs) > 1:  # the other agrees as an initial
        return 8 if fault else 9
    if (
        rest_left
        and rest_right
        and any(alike_surnames(left[a], right[b]) is Alike.NEARISH for a in rest_left for b in rest_right)
    ):
        return 3
    if fault:
        return 12
    return 10 if i == j == 0 else 11


def birth_level(left: Person, right: Person) -> int:
    """Level of two birth dates."""
    if not left.birth or not right.birth:
        return 0
    new_year = (left.month == left.day == 1, right.month == right.day == 1)
    if left.birth == right.birth:
        return 2 if all(new_year) else 1
    apart = abs(left.birth - right.birth)
    if left.year == right.year:
        if left.month == right.day and left.day == right.month:
            return 3
        if any(new_year):
            return 4
        if left.month == right.month:
            if apart == 1:
                return 8
            return 5 if _digits(left.day, right.day) else 9
        if apart == 1:
            return 8
        if left.day == right.day:
            return 6
    elif left.month == right.month and left.day == right.day and abs(left.year - right.year) in (1, 2, 9, 10):
        return 7
    elif apart == 1:
        return 8
    if apart <= 40:
        return 9
    if apart < 270:
        return 10
    return 11 if left.year == right.year else 12


def _digits(left: int, right: int) -> bool:
    """Whether two numbers of two digits differ by one digit, or by the order of the two."""
    one, other = f"{left:02}", f"{right:02}"
    return one[0] == other[0] or one[1] == other[1] or one == other[::-1]


def sex_level(left: Person, right: Person) -> int:
    """Level of two sexes."""
    if not left.sex or not right.sex:
        return 0
    return 1 if left.sex == right.sex else 2


_FLAGS: Final = {("", ""): 0, ("Y", "Y"): 1, ("N", "N"): 2, ("N", "Y"): 3, ("", "Y"): 4, ("", "N"): 5}


def flag_level(left: Person, right: Person) -> int:
    """Level of two flags of a multiple birth."""
    one, other = left.flag, right.flag
    return _FLAGS[(one, other) if one <= other else (other, one)]


def parent_level(left: tuple[Parent, ...], right: tuple[Parent, ...]) -> Found:
    """Level of two sets of parents, in either order, and the given names that they share."""
    if not left or not right:
        return 0, ()
    if len(left) > len(right):
        left, right = right, left
    told = [[_parent(one, other) for other in right] for one in left]
    if len(left) == 1:
        score, word = min(told[0], key=lambda found: (-found[0], found[1]))
        if score == _MATCHED:
            return (2 if len(right) == 1 else 3), (word,)
        if score == _FAULTY:
            return 5, ()
        if score == _UNCLEAR:
            return 6, ()
        same_role = [other for other in right if not left[0].role or not other.role or left[0].role == other.role]
        return (8 if same_role else 7), ()
    ways = (sorted((told[0][0], told[1][1])), sorted((told[0][1], told[1][0])))
    pairs = max(ways, key=lambda way: (way[0][0] + way[1][0], way[1][0], way))
    scores = (pairs[1][0], pairs[0][0])
    shared = [word for score, word in pairs if score == _MATCHED]
    if scores[1] == _MATCHED:
        return 1, tuple(shared)
    if scores[0] == _MATCHED:
        return (4 if scores[1] == _DIFFERENT else 5), tuple(shared)
    if scores[0] == _FAULTY:
        return 5, ()
    if scores[0] == _UNCLEAR:
        return 6, ()
    return 9, ()


_MATCHED, _FAULTY, _UNCLEAR, _DIFFERENT = 3, 2, 1, 0


def _parent(left: Parent, right: Parent) -> tuple[int, str]:
    """Whether two parents are one person, and the given name that says so."""
    if left.role and right.role and left.role != right.role:
        return _DIFFERENT, ""
    if not left.given or not right.given:
        # A surname alone is the child's own again, and says nothing of which parent this is.
        return (_UNCLEAR if _one_family(left, right, Alike.INITIAL) else _DIFFERENT), ""
    best = min(alike(one, other) for one in left.given for other in right.given)
    if best is Alike.INITIAL:
        return _UNCLEAR, ""
    if best > Alike.INITIAL or not _one_family(left, right, Alike.NEAR):
        return (_UNCLEAR if best is Alike.EQUAL else _DIFFERENT), ""
    if best is not Alike.EQUAL:
        return _FAULTY, ""
    same = [(one, other) for one in left.given for other in right.given if alike(one, other) is Alike.EQUAL]
    return _MATCHED, min(clearer(one, other) for one, other in same)


def _one_family(left: Parent, right: Parent, least: Alike) -> bool:
    """Whether two surnames are so much alike, or one of the two has none."""
    if not left.surnames or not right.surnames:
        return True
    return any(alike_surnames(one, other) <= least for one in left.surnames for other in right.surnames)


def place_level(left: tuple[str, str, str], right: tuple[str, str, str]) -> Found:
    """Level of two birth places, and the city or state that they share."""
    (city, state, land), (other_city, other_state, other_land) = left, right
    if land and other_land and land != other_land:
        return 9, ()
    if state and other_state and state != other_state:
        return 8, ()
    if city and other_city:
        kind = Alike.EQUAL if city == other_city else alike_surnames(city, other_city)
        if kind is Alike.EQUAL:
            return (1 if state and other_state else 2), (clearer(city, other_city),)
        if kind <= Alike.NEAR or _within(city, other_city):
            return 3, (clearer(city, other_city),)
        return (5, (state,)) if state and other_state else (7, ())
    if state and other_state:
        return 4, (state,)
    return (6, ()) if land and other_land else (0, ())


def _within(city: str, other: str) -> bool:
    """Whether the words of the one are among the other's: Tlaxiaco, and Heroica Ciudad de Tlaxiaco."""
    one, many = sorted((frozenset(city.split()), frozenset(other.split())), key=len)
    return one < many and any(len(word) > 3 for word in one)
