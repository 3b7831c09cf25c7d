"""How a word, a date or an encoding goes wrong: the corruption functions of the population ``registers``.

The invariant: each function gives back a value that differs from what it got, or None where it does not apply. It must
not know records, nor how often a fault happens.
"""

from __future__ import annotations

from datetime import date
from typing import Final

from ledger.matching.populations.registers_chance import Chance, Table

PLAIN: Final = str.maketrans("áéíóúüñàâçèêëîïôùûÁÉÍÓÚÜÑÀÂÇÈÊËÎÏÔÙÛ", "aeiouunaaceeeiiouuAEIOUUNAACEEEIIOUU")
"""Letters of the lists to letters of ASCII."""
PLAIN_BUT_ENYE: Final = {code: plain for code, plain in PLAIN.items() if chr(code) not in "ñÑ"}

_NEAR_KEYS: Final = {
    "a": "sqz", "b": "vn", "c": "xv", "d": "sf", "e": "wr", "f": "dg", "g": "fh", "h": "gj", "i": "uo", "j": "hk",
    "k": "jl", "l": "k", "m": "n", "n": "mb", "o": "ip", "p": "o", "q": "w", "r": "et", "s": "ad", "t": "ry",
    "u": "yi", "v": "cb", "w": "qe", "x": "zc", "y": "tu", "z": "xa",
}  # fmt: skip
_TYPING: Final = Table(("left out", "put in", "other", "turned", "twice"), (0.33, 0.15, 0.27, 0.15, 0.10))

_LOOKALIKES: Final = (
    ("rn", "m"), ("m", "rn"), ("l", "1"), ("O", "0"), ("o", "0"), ("i", "l"), ("cl", "d"), ("S", "5"), ("B", "8"),
    ("vv", "w"), ("nn", "m"), ("e", "c"), ("I", "l"), ("Z", "2"), ("g", "q"), ("ri", "n"), ("h", "b"), ("u", "ii"),
)  # fmt: skip
"""What a reading machine takes for what."""

_SPANISH: Final = (
    ("v", "b"), ("b", "v"), ("z", "s"), ("s", "z"), ("ce", "se"), ("ci", "si"), ("sa", "za"), ("ll", "y"), ("y", "ll"),
    ("ge", "je"), ("gi", "ji"), ("je", "ge"), ("ji", "gi"), ("x", "j"), ("j", "x"), ("H", ""), ("h", ""), ("qu", "k"),
    ("k", "c"), ("ca", "ka"), ("c", "k"), ("i", "y"), ("y", "i"), ("rr", "r"), ("mb", "nb"), ("nn", "n"), ("gü", "hu"),
    ("th", "t"), ("ph", "f"), ("Gu", "Hu"), ("J", "Y"), ("Y", "J"), ("V", "B"), ("B", "V"), ("Z", "S"), ("C", "S"),
    ("Is", "Ys"), ("E", "He"), ("ck", "k"), ("x", "s"), ("X", "J"), ("G", "J"), ("ey", "i"), ("ie", "y"), ("e", "i"),
)  # fmt: skip
"""Letters that sound alike to a Spanish ear, or to an English one that hears Spanish."""
_ENGLISH: Final = (
    ("ck", "k"), ("ph", "f"), ("ie", "y"), ("y", "ie"), ("ey", "y"), ("nn", "n"), ("n", "nn"), ("ll", "l"), ("tt", "t"),
    ("ai", "ay"), ("ee", "ea"), ("ea", "ee"), ("C", "K"), ("K", "C"), ("e", "a"), ("sh", "ch"), ("th", "t"), ("s", "z"),
    ("ou", "u"), ("oo", "u"), ("ia", "ya"), ("en", "in"), ("on", "en"), ("au", "o"), ("u", "oo"), ("a", "ah"),
)  # fmt: skip
"""Letters that sound alike to an English ear; it also writes Haitian and Hmong names by it."""


def typing(word: str, chance: Chance) -> str | None:
    """One letter left out, put in, another, two turned, one twice; the first letter is safer than the others."""
    if len(word) < 3:
        return None
    place = chance.below(len(word))
    if place == 0 and chance.of(0.6):
        place = 1 + chance.below(len(word) - 1)
    letter = word[place]
    kind = _TYPING.draw(chance)
    near = _NEAR_KEYS.get(letter.lower())
    if kind == "left out":
        wrong = word[:place] + word[place + 1 :]
    elif kind == "turned":
        other = place + 1 if place + 1 < len(word) else place - 1
        low, high = min(place, other), max(place, other)
        wrong = word[:low] + word[high] + word[low] + word[high + 1 :]
    elif kind == "twice":
        wrong = word[:place] + letter + word[place:]
    elif near is None:
        return None
    else:
        new = chance.pick(near)
        wrong = (
            word[:place]
            + (new.upper() if letter.isupper() and kind == "other" else new)
            + word[place + (kind == "other") :]
        )
    return None if wrong == word else wrong


def reading(word: str, chance: Chance) -> str | None:
    """One mistake of a machine that reads paper."""
    return _respelled(word, _LOOKALIKES, chance)


def phonetic(word: str, spanish: bool, chance: Chance) -> str | None:
    """Written by ear."""
    return _respelled(word, _SPANISH if spanish else _ENGLISH, chance)


def _respelled(word: str, rules: tuple[tuple[str, str], ...], chance: Chance) -> str | None:
    start = chance.below(len(rules))
    for step in range(len(rules)):
        old, new = rules[(start + step) % len(rules)]
        place = word.find(old)
        if place >= 0:
            if chance.of(0.5):
                place = word.rfind(old)
            return word[:place] + new + word[place + len(old) :]
    return None


ENCODINGS: Final = Table(("Latin-1", "cp850", "question mark", "replacement"), (0.4, 0.15, 0.25, 0.2))


def misread(word: str, kind: str) -> str:
    """As letters beyond ASCII look where bytes were read by another encoding than they were written in."""
    if word.isascii():
        return word
    if kind == "Latin-1":
        return word.encode("utf-8").decode("latin-1")
    if kind == "cp850":
        return word.encode("latin-1").decode("cp850")
    mark = "?" if kind == "question mark" else "\N{REPLACEMENT CHARACTER}"
    return "".join(letter if letter.isascii() else mark for letter in word)


def wrong_date(true: date, fault: str, chance: Chance) -> date | None:
    """By the name of the fault. None where the date cannot have it, or the outcome is no date."""
    year, month, day = true.year, true.month, true.day
    if fault == "day and month":
        month, day = day, month
    elif fault == "first of january":
        month = day = 1
    elif fault == "year by one":
        year += 1 if chance.of(0.5) else -1
    elif fault == "year by ten":
        year += 10 if year < 2014 and chance.of(0.5) else -10
    elif fault == "month":
        month = 1 + (month + chance.below(11)) % 12
    else:
        # One digit of the day, of the month or of the year's last two.
        place = chance.below(4)
        if place == 0:
            day = day // 10 * 10 + chance.below(10)
        elif place == 1:
            day = chance.below(4) * 10 + day % 10
        elif place == 2:
            month = month // 10 * 10 + chance.below(10)
        else:
            year = year // 10 * 10 + chance.below(10)
    if not 1 <= month <= 12 or not 1 <= day <= 31 or year > 2025:
        return None
    if day > 28 and day > _DAYS[month] + (month == 2 and year % 4 == 0):
        return None
    wrong = date(year, month, day)
    return None if wrong == true else wrong


_DAYS: Final = (0, 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)
