"""What happens to letters in the population ``seasons``: wrong keys, names written by ear, capitals, broken accents.

The invariant: a slip changes the text that it is given whenever the text has room for it. Must not know what a text
stands for.
"""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache
from typing import Final

from ledger.matching.populations.seasons_rates import Mangling
from ledger.matching.populations.seasons_words import Draw


def typed(text: str, draw: Draw) -> str:
    """One slip of the fingers: a letter left out, doubled, of the key beside, or two that changed places."""
    last = len(text) - 1
    if last < 2:
        return text
    at = 1 + int(draw() * last)
    kind = draw()
    letter = text[at]
    if kind < 0.3:
        return text[:at] + text[at + 1 :]
    if kind < 0.55 and letter.lower() in _BESIDE:
        keys = _BESIDE[letter.lower()]
        key = keys[int(draw() * len(keys))]
        return text[:at] + (key.upper() if letter.isupper() else key) + text[at + 1 :]
    if kind < 0.8 and at < last and text[at + 1] != letter:
        return text[:at] + text[at + 1] + letter + text[at + 2 :]
    return text[:at] + letter + text[at:]


def heard(text: str, draw: Draw) -> str:
    """As somebody else would spell it who hears it: b for v, s for z, y for ll; without its accents."""
    simple = plain(text)
    spellings = _spellings(simple)
    if not spellings:
        return simple
    start, old, new = spellings[int(draw() * len(spellings))]
    if simple[start].isupper():
        new = new.capitalize() if new else ""
    changed = simple[:start] + new + simple[start + old :]
    return changed if new else changed[:start] + changed[start : start + 1].upper() + changed[start + 1 :]


@lru_cache(maxsize=1 << 15)
def plain(text: str) -> str:
    """Without accents; ñ becomes n."""
    if text.isascii():
        return text
    return "".join(c for c in unicodedata.normalize("NFD", text) if not unicodedata.combining(c))


@lru_cache(maxsize=1 << 16)
def upper(text: str) -> str:
    """Capitals throughout."""
    return text.upper()


@lru_cache(maxsize=1 << 15)
def upper_plain(text: str) -> str:
    """Capitals without accents, as older systems hold them."""
    return plain(text).upper()


@lru_cache(maxsize=1 << 14)
def lower(text: str) -> str:
    """Small letters throughout."""
    return text.lower()


@lru_cache(maxsize=1 << 14)
def mangled(text: str, how: Mangling) -> str:
    """What is left when two systems did not agree on an encoding."""
    if text.isascii():
        return text
    if how == "latin-1":
        return text.encode().decode("latin-1")
    if how == "cp850":
        return text.encode().decode("cp850")
    sign = "?" if how == "question mark" else "\ufffd"
    return "".join(c if c.isascii() else sign for c in text)


@lru_cache(maxsize=1 << 14)
def _spellings(text: str) -> tuple[tuple[int, int, str], ...]:
    """Each place that could be written otherwise: where, how many letters, and by what."""
    small = text.lower()
    return tuple((m.start(), len(m.group()), new) for pattern, new in _BY_EAR for m in pattern.finditer(small))


_BY_EAR: Final = tuple(
    (re.compile(pattern), new)
    for pattern, new in (
        ("b", "v"),
        ("v", "b"),
        ("z", "s"),
        ("s(?=[aeiou])", "z"),
        ("(?<=[aeiou])s\\b", "z"),
        ("s(?=[ei])", "c"),
        ("c(?=[ei])", "s"),
        ("ll", "y"),
        ("y(?=[aeiou])", "ll"),
        ("j(?=[ei])", "g"),
        ("g(?=[ei])", "j"),
        ("x", "j"),
        ("\\bh(?=[aeiou])", ""),
        ("qu(?=[ei])", "k"),
        ("c(?=[aou])", "k"),
        ("k", "c"),
        ("ph", "f"),
        ("th", "t"),
        ("ou", "u"),
        ("ee", "i"),
        ("ck", "k"),
        ("i\\b", "y"),
        ("(?<=[a-z])y\\b", "i"),
        ("nn", "n"),
        ("tt", "t"),
    )
)
_BESIDE: Final = {
    "a": "sqz",
    "b": "vn",
    "c": "xv",
    "d": "sf",
    "e": "wr",
    "f": "dg",
    "g": "fh",
    "h": "gj",
    "i": "uo",
    "j": "hk",
    "k": "jl",
    "l": "k",
    "m": "n",
    "n": "bm",
    "o": "ip",
    "p": "o",
    "q": "wa",
    "r": "et",
    "s": "ad",
    "t": "ry",
    "u": "yi",
    "v": "cb",
    "w": "qe",
    "x": "zc",
    "y": "tu",
    "z": "xa",
}
