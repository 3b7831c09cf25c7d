"""Weights as whole thousandths of a bit, and the one sum of likelihoods that needs more than adding.

A decision must come out the same on every machine for ever, so no floating point number takes part in it: logarithms
are made once, when a policy is trained, and rounded. Pure.
"""

from __future__ import annotations

from decimal import Decimal, localcontext
from typing import Final

ONE: Final = 1000
"""One bit."""

NEVER: Final = -60_000
"""Of what has not been seen and need not be told from impossible."""


def _steps() -> tuple[int, ...]:
    """log2(1 + 2^-d) for d from 0 thousandths on, until it rounds to nothing. Decimal, since the last digit of a
    machine's own logarithm is not the same everywhere."""
    found: list[int] = []
    with localcontext() as exact:
        exact.prec = 30
        two = Decimal(2).ln()
        while True:
            d = Decimal(len(found)) / ONE
            value = int(((1 + (-d * two).exp()).ln() / two * ONE).to_integral_value())
            if value == 0:
                return tuple(found)
            found.append(value)


_STEPS: Final = _steps()


def both(left: int, right: int) -> int:
    """The logarithm of the sum of two numbers of which these are the logarithms."""
    if left < right:
        left, right = right, left
    apart = left - right
    return left + _STEPS[apart] if apart < len(_STEPS) else left


def log2(number: int) -> int:
    """Of a whole number from 1 on, in thousandths."""
    with localcontext() as exact:
        exact.prec = 30
        return int((Decimal(number).ln() / Decimal(2).ln() * ONE).to_integral_value())
