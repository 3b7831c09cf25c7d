"""The policy that Sojourn comes with: trained on populations of its own making, so that a ledger can begin.

Its name changes whenever it does. How it was made, and what it was seen to do: docs/explanation/matching.md. Pure.
"""

from __future__ import annotations

from functools import cache
from hashlib import sha256
from importlib import resources
from typing import Final

import msgspec

from ledger.errors import BadValue
from ledger.matching.comparison import FIELDS
from ledger.matching.policy import KINDS, Policy

PREFIX: Final = "sojourn-"
"""With which the names of the policies begin that Sojourn comes with, and no other's."""

FILE: Final = "shipped.json"


class _MadeFor(msgspec.Struct):
    code: int = 0


_made_for: Final = msgspec.json.Decoder(_MadeFor).decode
_decode: Final = msgspec.json.Decoder(Policy).decode
_encode: Final = msgspec.json.Encoder(order="sorted").encode


def written(policy: Policy) -> str:
    """A policy as canonical JSON: the same policy is always the same text."""
    return _encode(policy).decode()


def code_of(text: str) -> int:
    """Version of the code that a policy was made for, also where this release cannot read all of it; 0 where it does
    not say."""
    try:
        return _made_for(text).code
    except (msgspec.DecodeError, msgspec.ValidationError):
        return 0


def fingerprint(text: str) -> str:
    """SHA-256 of a policy's text, hexadecimal."""
    return sha256(text.encode()).hexdigest()


def read(text: str) -> Policy:
    """A policy from its text. Raises BadValue for what is none, or was made for other fields."""
    try:
        policy = _decode(text)
    except (msgspec.DecodeError, msgspec.ValidationError) as error:
        raise _bad(str(error)) from None
    for field, levels in FIELDS.items():
        table = policy.levels.get(field)
        if table is None or len(table) != len(levels) or any(len(row) != len(KINDS) for row in table):
            raise _bad(f"its levels of {field} are not those of this release")
    if missing := {"given", "surnames", "parents", "place"} - set(policy.words):
        raise _bad(f"it does not say how common words of {min(missing)} are")
    if len(policy.rates) != len(KINDS) - 1:
        raise _bad("its rates are not those of this release")
    return policy


@cache
def shipped() -> Policy:
    """The policy that Sojourn comes with."""
    return read(resources.files("ledger.matching").joinpath(FILE).read_text("utf-8"))


def _bad(why: str) -> BadValue:
    return BadValue(
        f"This is no matching policy: {why}.",
        rule="policy",
        element="policy",
        remedy="Give one that `sojourn matching train` of this release has made.",
    )
