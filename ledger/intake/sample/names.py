"""How each state's system writes a child's name, what goes wrong at the desk, and how two ways to write it differ.

A state's way is always the same, whatever other states a sample has: one keeps both surnames and every accent, another
puts a hyphen between them, an old one knows capital letters only, some leave the mother's surname out.
"""

from __future__ import annotations

import unicodedata
from random import Random
from typing import Final, Literal, NamedTuple

from ledger.intake.sample.words import SHORT_FORMS


class Written(NamedTuple):
    """The four fields of the layout: first, middle, last 1, last 2."""

    first: str
    middle: str
    last_1: str
    last_2: str


class System(NamedTuple):
    """surnames: each in its field, both in the first one with a hyphen or a blank, or the first one alone for some.

    second: the second given name in its own field, behind the first, as an initial, or left out. particles: ``de la``
    as it is, grown together with the name, or left out.
    """

    surnames: Literal["both", "hyphen", "blank", "first", "either"] = "both"
    second: Literal["own", "joined", "initial", "left out"] = "own"
    particles: Literal["kept", "glued", "left out"] = "kept"
    accents: bool = True
    capitals: bool = False


def system_of(state: str) -> System:
    """The way of a state."""
    known = _SYSTEMS.get(state)
    return known if known is not None else _OTHER_SYSTEMS[sum(map(ord, state)) % len(_OTHER_SYSTEMS)]


def spelled(system: System, name: str) -> str:
    """Any other name, a parent's or a town's, as the system can hold it."""
    if not system.accents:
        name = plain(name)
    return name.upper() if system.capitals else name


def write(
    chance: Random, system: System, given: str, second: str, surnames: tuple[str, ...]
) -> tuple[Written, Written]:
    """A child's name as first written down at this desk, and as it is once somebody has looked closely.

    The two differ where something slipped: a short form, a second name or a surname left out, two surnames in the
    wrong order, a letter too few or two changed over.
    """
    single = chance.random() < 0.5  # an "either" system asks nobody: half the time one surname is all it has
    right = _written(system, given, second, surnames, single=single)
    turn = chance.random()
    if turn < 0.04:
        return _written(system, SHORT_FORMS.get(given, given), second, surnames, single=single), right
    if turn < 0.075:
        return _written(system, given, "", surnames, single=single), right
    if turn < 0.1:
        return _written(system, given, second, surnames[:1], single=single), right
    if turn < 0.11:
        return _written(system, given, second, surnames[::-1], single=single), right
    if turn < 0.13 and len(given) > 4:
        return _written(system, _mistyped(chance, given), second, surnames, single=single), right
    if turn < 0.145 and len(surnames[0]) > 4:
        wrong = (_mistyped(chance, surnames[0]), *surnames[1:])
        return _written(system, given, second, wrong, single=single), right
    return right, right


def difference(one: Written, other: Written) -> tuple[str, str]:
    """How the given names of two records of one child differ, and how the surnames do.

    ``same``; ``letters``: capitals, accents, particles or field alone; ``order``; ``part``: words left out, or an
    initial; ``short``: a short form; ``typed``: a letter or two; ``other``.
    """
    if one[:2] == other[:2]:
        given = "same"
    else:
        given = _difference(_tokens(f"{one.first} {one.middle}"), _tokens(f"{other.first} {other.middle}"))
    if one[2:] == other[2:]:
        surnames = "same"
    else:
        surnames = _difference(_tokens(f"{one.last_1} {one.last_2}"), _tokens(f"{other.last_1} {other.last_2}"))
    return given, surnames


def plain(text: str) -> str:
    """Without accents."""
    if text.isascii():
        return text
    return unicodedata.normalize("NFD", text).encode("ascii", "ignore").decode()


def _written(system: System, given: str, second: str, surnames: tuple[str, ...], *, single: bool) -> Written:
    middle = second
    if system.second == "joined":
        given, middle = f"{given} {second}".rstrip(), ""
    elif system.second == "initial":
        middle = second[:1]
    elif system.second == "left out":
        middle = ""
    if system.particles != "kept":
        surnames = tuple(_without_blanks(name, glued=system.particles == "glued") for name in surnames)
    last_1, last_2 = surnames[0], surnames[1] if len(surnames) > 1 else ""
    if last_2 and system.surnames in ("hyphen", "blank"):
        last_1, last_2 = ("-" if system.surnames == "hyphen" else " ").join((last_1, last_2)), ""
    elif system.surnames == "first" or (system.surnames == "either" and single):
        last_2 = ""
    return Written(*(spelled(system, name) for name in (given, middle, last_1, last_2)))


def _without_blanks(name: str, *, glued: bool) -> str:
    if " " not in name:
        return name
    return name.title().replace(" ", "") if glued else name.rpartition(" ")[2]


def _mistyped(chance: Random, name: str) -> str:
    at = chance.randrange(1, len(name) - 1)
    if chance.random() < 0.5:
        return name[:at] + name[at + 1 :]
    return f"{name[:at]}{name[at + 1]}{name[at]}{name[at + 2 :]}"


_PARTICLES: Final = ("delos", "dela", "del", "de", "los", "la")


def _tokens(text: str) -> list[str]:
    words = plain(text).lower().replace("-", " ").replace("'", "").split()
    return [_bare(word) for word in words if word not in _PARTICLES] or words


def _bare(word: str) -> str:
    """Without a particle that grew together with the name."""
    return _GLUED.get(word, word)


_GLUED: Final = {
    "delacruz": "cruz",
    "delatorre": "torre",
    "dejesus": "jesus",
    "deleon": "leon",
    "delrio": "rio",
    "delangel": "angel",
    "delossantos": "santos",
    "delarosa": "rosa",
}
_SHORT: Final = {plain(short).lower(): plain(name).lower() for name, short in SHORT_FORMS.items()}


def _difference(one: list[str], other: list[str]) -> str:
    if one == other:
        return "letters"
    if sorted(one) == sorted(other):
        return "order"
    if _is_part(one, other) or _is_part(other, one):
        return "part"
    full = [[_SHORT.get(word, word) for word in words] for words in (one, other)]
    if (full[0] != one or full[1] != other) and (_is_part(*full) or _is_part(full[1], full[0])):
        return "short"
    if any(a != b and _near(a, b) for a in one for b in other):
        return "typed"
    return "other"


def _is_part(few: list[str], many: list[str]) -> bool:
    left = list(many)
    for word in few:
        found = next((w for w in left if w == word or (len(word) == 1 and w.startswith(word))), None)
        if found is None:
            return False
        left.remove(found)
    return True


def _near(one: str, other: str) -> bool:
    """A letter too few, or two neighbours changed over."""
    if len(one) > len(other):
        one, other = other, one
    if len(other) - len(one) == 1:
        return any(other[:at] + other[at + 1 :] == one for at in range(len(other)))
    return len(one) == len(other) and sorted(one) == sorted(other)


_SYSTEMS: Final = {
    "OR": System(),
    "CA": System(surnames="hyphen", second="joined", accents=False),
    "TX": System(surnames="either", accents=False, capitals=True),
    "WA": System(surnames="first", second="initial"),
    "FL": System(surnames="blank", particles="glued", accents=False, capitals=True),
    "ID": System(surnames="both", second="left out", particles="left out", accents=False),
}
_OTHER_SYSTEMS: Final = (
    System(surnames="both", accents=False),
    System(surnames="hyphen", second="initial"),
    System(surnames="blank", second="joined", accents=False),
    System(surnames="first", second="left out", accents=False, capitals=True),
    System(surnames="both", particles="glued", accents=False, capitals=True),
)
