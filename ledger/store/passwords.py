"""Which passwords are taken, and how one is written before it is hashed. Pure: no hash, no table.

Two typings of one password are one: blanks of other scripts become a blank (RFC 8265 4.2.2, OpaqueString), and the
text is brought to NFKC, which NIST SP 800-63B asks for and which is in the NFC that RFC 8265 asks for. Capitals stay.

Rules, of NIST SP 800-63B-4 3.1.1: a length, and a list of what is guessed first; no rule of which kinds of characters
there must be, and none of a change from time to time. Invariant: what is refused is refused in words that do not
repeat it.
"""

from __future__ import annotations

import csv
import re
import unicodedata
from collections.abc import Iterable
from importlib import resources
from itertools import pairwise
from typing import Final

from ledger.errors import PasswordRefused

CHARACTERS_MIN: Final = 12
"""Code points. NIST asks for 8 where there is a second factor, and 15 where there is none; ours is offered to all."""
BYTES_MAX: Final = 1_000
"""UTF-8, as it is hashed. Nothing is ever cut off."""
LEFT_MIN: Final = 8
"""Characters that must be left of a password beside words that are guessed first."""

_UNTYPED: Final = frozenset({"Cc", "Cs", "Co", "Cn"})
"""Categories of Unicode that RFC 8264 4.3 keeps out of free text: controls, halves of characters, private ones,
and what is not assigned."""
_WORD: Final = re.compile(r"[^\W_]{3,}")
_ROWS: Final = ("qwertyuiop", "asdfghjkl", "zxcvbnm", "qwertzuiop", "azertyuiop")
_LOOKS: Final = str.maketrans(
    {"@": "a", "4": "a", "0": "o", "1": "i", "!": "i", "3": "e", "$": "s", "5": "s", "7": "t"}
)


def prepared(typed: str) -> str:
    """A password as it is hashed. Raises PasswordRefused for what nobody can have typed, or is too long."""
    if len(typed) > BYTES_MAX:
        raise _too_long()
    spaced = "".join(" " if unicodedata.category(c) == "Zs" else c for c in typed)
    text = unicodedata.normalize("NFKC", spaced)
    if any(unicodedata.category(c) in _UNTYPED for c in text):
        raise PasswordRefused(
            "The password holds a character that is no text, such as a tab or a line break.",
            remedy="Leave it out.",
            element="password",
        )
    if len(text.encode()) > BYTES_MAX:
        raise _too_long()
    return text


def chosen(typed: str, own: Iterable[str]) -> str:
    """A new password, as it is hashed. own: its account's names and addresses. Raises PasswordRefused."""
    text = prepared(typed)
    if len(text) < CHARACTERS_MIN:
        raise PasswordRefused(
            f"The password has fewer than {CHARACTERS_MIN} characters.",
            remedy="Take a longer one, such as four words that have nothing to do with each other.",
            element="password",
        )
    if _is_run(text.casefold()):
        raise PasswordRefused(
            "The password is a run or a repetition, such as 1234 or abcabc: these are guessed first.",
            remedy="Take four words that have nothing to do with each other.",
            element="password",
        )
    if _beside(text, own) < LEFT_MIN:
        raise PasswordRefused(
            "The password is made of words that are guessed first: common ones, or of your own name and address.",
            remedy="Take four words that have nothing to do with you or with each other.",
            element="password",
        )
    return text


def _too_long() -> PasswordRefused:
    return PasswordRefused(
        f"The password has more than {BYTES_MAX:,} bytes.", remedy="Take a shorter one.", element="password"
    )


def _beside(text: str, own: Iterable[str]) -> int:
    """How many characters are left without the words that are guessed first; all of them, where there is none."""
    words = COMMON | {word for one in own for word in _WORD.findall(_folded(one))}
    left = _folded(text)
    for word in sorted(words, key=len, reverse=True):
        left = left.replace(word, "\0")  # what stood on both sides does not come together
    return len(left) - left.count("\0") if "\0" in left else LEFT_MIN


def _folded(text: str) -> str:
    """Small letters without accents, and without the signs that stand for letters: p@ssw0rd is password."""
    plain = unicodedata.normalize("NFKD", unicodedata.normalize("NFKC", text).casefold())
    return "".join(c for c in plain if not unicodedata.combining(c)).translate(_LOOKS)


def _is_run(text: str) -> bool:
    """Whether it repeats a few characters, or is made of few stretches of an alphabet, of digits or of a keyboard."""
    if any(all(a == b for a, b in zip(text, text[unit:], strict=False)) for unit in range(1, 7)):
        return True
    breaks = sum(not _goes_on(a, b) for a, b in pairwise(text))
    return breaks * 4 <= len(text)


def _goes_on(a: str, b: str) -> bool:
    if abs(ord(a) - ord(b)) <= 1 or {a, b} == {"9", "0"}:
        return True
    return any(a + b in row or b + a in row for row in _ROWS)


def _common() -> frozenset[str]:
    text = resources.files("ledger.store").joinpath("common_passwords.csv").read_text("utf-8")
    return frozenset(_folded(row["word"]) for row in csv.DictReader(text.splitlines()))


COMMON: Final = _common()
"""Words that passwords are made of, in English and Spanish, folded."""
