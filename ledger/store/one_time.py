"""What a code looks like that a person reads out, types and uses once: ``K7QF-2M9T-XW4R-PV3C-8HND``.

Crockford's base 32 (https://www.crockford.com/base32.html): digits and capitals without I, L, O and U, five bits each.
Invariant: however it is typed (small letters, blanks, O for 0, I or L for 1), a code is one code, and what is no code
is told from one without saying why. Pure; knows no purpose and no table.
"""

from __future__ import annotations

import hashlib
import unicodedata
from collections.abc import Callable
from typing import Final

ALPHABET: Final = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
GROUP: Final = 4
TYPED_MAX: Final = 200
"""Characters, above which nothing that is typed is looked at."""

_READ: Final = str.maketrans({"O": "0", "I": "1", "L": "1"})
_PASSED_OVER: Final = frozenset({"Zs", "Pd", "Cc", "Cf"})
"""Categories of Unicode: blanks, dashes, and what is not seen, such as what an editor puts in between."""
_KNOWN: Final = frozenset(ALPHABET)


def drawn(characters: int, random_bytes: Callable[[int], bytes]) -> str:
    """So many characters by chance, each of them five bits."""
    bits = int.from_bytes(random_bytes((characters * 5 + 7) // 8), "big")
    return "".join(ALPHABET[bits >> 5 * place & 31] for place in range(characters))


def shown(characters: str) -> str:
    """In groups, as it is read out."""
    return "-".join(characters[start : start + GROUP] for start in range(0, len(characters), GROUP))


def read(typed: str, characters: int) -> str | None:
    """What was typed, as it was drawn; None where it is no code of so many characters."""
    if len(typed) > TYPED_MAX:
        return None
    kept = "".join(
        c for c in unicodedata.normalize("NFKC", typed).upper() if unicodedata.category(c) not in _PASSED_OVER
    )
    plain = kept.translate(_READ)
    return plain if len(plain) == characters and _KNOWN.issuperset(plain) else None


def digest(characters: str) -> bytes:
    """SHA-256. Enough where 75 bits and more are drawn by chance: there is nothing to guess from it."""
    return hashlib.sha256(characters.encode()).digest()
