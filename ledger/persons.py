"""Names by which people sign in, as they are compared.

Invariant: whoever is one person by one rule of the ledger is so by every other: who proposed does not validate, who
applied does not approve, and no one bears the name of a part that acts by itself.
"""

from __future__ import annotations

import unicodedata


def person(name: str) -> str:
    """A name as it is compared: whoever has the same signs in as one person. Letters that look alike are alike, however
    they were typed, and what is not seen is not there."""
    seen = "".join(letter for letter in name if unicodedata.category(letter) != "Cf")
    return " ".join(unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", seen).casefold()).split())


def same_person(one: str, other: str) -> bool:
    """Whether two names sign in as one person."""
    return person(one) == person(other)
