"""Names of people, made comparable: cut into words, without what is written now one way and now another.

The invariant: what comes out is for comparing alone; nobody's name is ever shown or stored in this form as his name.
Pure, and knows no record: which words are given names and which are surnames, the caller knows.

States write one child's name in many ways: with accents or without, in capitals, with a hyphen between two surnames,
with and without ``de la``, with a nickname, with a letter that sounds the same in Spanish. Accents, capitals, hyphens,
particles and abbreviations are gone in a word (``words``); nicknames (``other_words``) and sounds (``sound``) are
asked for apart, since names that agree only by these agree less.
"""

from __future__ import annotations

import csv
import re
import unicodedata
from functools import lru_cache
from importlib import resources
from typing import Final

_REMEMBERED_MAX: Final = 50_000

_SMALL: Final = "da das de del dela delas delos der di dos du el la las los san santa santo van von"
PARTICLES: Final = frozenset(_SMALL.split())
"""Small words between names, that one office writes and the next leaves out."""

SUFFIXES: Final = frozenset({"jr", "sr", "ii", "iii", "iv", "2nd", "3rd"})
"""Not part of a surname, also where somebody wrote them there."""

ABBREVIATIONS: Final = {
    "fdez": "fernandez",
    "fdz": "fernandez",
    "glez": "gonzalez",
    "glz": "gonzalez",
    "gmz": "gomez",
    "gtz": "gutierrez",
    "gzz": "gonzalez",
    "hdez": "hernandez",
    "hdz": "hernandez",
    "jmz": "jimenez",
    "lpz": "lopez",
    "mdz": "mendez",
    "mtez": "martinez",
    "mtz": "martinez",
    "pdz": "perez",
    "rdguez": "rodriguez",
    "rdz": "rodriguez",
    "rguez": "rodriguez",
    "rmz": "ramirez",
    "sdz": "sandoval",
    "schz": "sanchez",
    "shez": "sanchez",
    "snchz": "sanchez",
    "vdz": "valdez",
    "vzqz": "vazquez",
}
"""Surnames as they are shortened on paper forms."""

_GLUED: Final = re.compile(
    "(?:de(?:la|las|los|l)?|san|santa)"
    "(angel|angeles|campo|carmen|castillo|cruz|fuente|garza|hoya|hoyo|juan|luz|martin|mora|o|olmo|paz|pena|pozo|rio|rios"
    "|riva|rocha|rosa|rosario|roman|toro|torre|torres|valle|vega|vina)"
)
"""A particle grown together with a surname that goes by itself too: Delacruz, Sanmartin."""

_LETTERS: Final = str.maketrans(
    {
        "æ": "ae",
        "œ": "oe",
        "ø": "o",
        "đ": "d",
        "ð": "d",
        "þ": "th",
        "ł": "l",
        "ħ": "h",
        "ı": "i",
        # Inside a name these join: O'Brien is one word. Each is some keyboard's apostrophe.
        **dict.fromkeys("'’‘ʼʻ`´"),
    }
)
"""Letters that no accent comes off of."""


@lru_cache(maxsize=_REMEMBERED_MAX)
def folded(text: str) -> str:
    """Letters and digits without accents, in lower case, with one blank between words. Folding again changes nothing.

    Letters of other scripts stay what they are.
    """
    if not text.isascii():
        text = unicodedata.normalize("NFKD", text.casefold().translate(_LETTERS))
        text = "".join(c for c in text if not unicodedata.combining(c)).casefold().translate(_LETTERS)
    else:
        text = text.lower().translate(_LETTERS)
    return " ".join("".join(c if c.isalnum() else " " for c in text).split())


@lru_cache(maxsize=_REMEMBERED_MAX)
def words(name: str) -> tuple[str, ...]:
    """The words of a given name, a surname, or a whole name, in their order; a word that comes twice stays twice.

    Particles, suffixes and initials are left out, unless nothing else is there. Empty where there is no letter at all.
    """
    all_words = folded(name).split()
    telling = [word for word in all_words if word not in PARTICLES and word not in SUFFIXES]
    whole = [word for word in telling if len(word) > 1 or not word.isascii()]
    return tuple(spelled_out(word) for word in whole or telling or all_words)


def other_words(word: str) -> frozenset[str]:
    """The other words that a child who is called this may be called: who is Pepe here is José there, or Pepito."""
    return _OTHER_WORDS.get(word, _NONE)


def other_spellings(surname: str) -> frozenset[str]:
    """The other ways in which a surname is written that no rule of sound gives: who is Vue here is Vwj or Vu there."""
    return _OTHER_SPELLINGS.get(surname, _NONE)


@lru_cache(maxsize=_REMEMBERED_MAX)
def sound(word: str) -> str:
    """How a Spanish ear hears a word: Gonzales is González, Jiménez is Ximénez, Stephany is Stefani."""
    for pattern, heard in _HEARD:
        word = pattern.sub(heard, word)
    return word


def spelled_out(word: str) -> str:
    """A surname without the particle that has grown to it, and not shortened."""
    glued = _GLUED.fullmatch(word)
    return glued[1] if glued else ABBREVIATIONS.get(word, word)


_HEARD: Final = tuple(
    (re.compile(pattern), heard)
    for pattern, heard in (
        ("ph", "f"),
        ("th", "t"),
        ("ck", "k"),
        ("ch|sh", "1"),  # one sound of its own, which no other letter gives
        ("ll", "y"),
        ("qu(?=[ei])|q", "k"),
        ("gu(?=[ei])", "2"),  # the hard g
        ("g(?=[eiy])", "j"),
        ("g", "2"),
        ("s?c(?=[eiy])|z", "s"),
        ("c", "k"),
        ("^x", "j"),
        ("x", "ks"),
        ("[vw]", "b"),
        ("h", ""),
        ("y(?![aeiou])", "i"),
        ("ie$", "i"),
        ("^s(?![aeiou])", "es"),
        ("^(?:y|i(?=[aeou]))", "j"),
        (r"(.)\1+", r"\1"),
    )
)
"""One after the other. What is left of a word may be empty: a word of one silent letter."""


def _read(table: str) -> dict[str, frozenset[str]]:
    """Word to every other word for a name that it stands for.

    The tables are our own. ``nicknames.csv``: a name, and what those who bear it are called in Spanish or in English.
    ``surnames.csv``: the name of a Hmong clan as it is most written in Latin letters, and how else it is: by ear, and
    in the Hmong alphabet, where the last letter is the tone (Yang is Yaj).
    """
    names: dict[str, set[str]] = {}
    called: dict[str, set[str]] = {}
    text = resources.files("ledger.matching").joinpath(table).read_text("utf-8")
    for row in csv.DictReader(text.splitlines()):
        name = row["name"]
        called[name] = {name, *row["others"].split()}
        for word in called[name]:
            names.setdefault(word, set()).add(name)
    return {word: frozenset(set().union(*(called[name] for name in of)) - {word}) for word, of in names.items()}


_NONE: Final[frozenset[str]] = frozenset()
_OTHER_WORDS: Final = _read("nicknames.csv")
_OTHER_SPELLINGS: Final = _read("surnames.csv")
