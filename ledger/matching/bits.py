"""Weights as whole thousandths of a bit, and the one sum of likelihoods that needs more than adding.

A decision must come out the same on every machine for ever, so no floating point number takes part in it: logarithms
are made once, when a policy is trained, and rounded. Pure.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from decimal import Decimal, localcontext
from typing import Final

ONE: Final = 1000
"""One bit."""

NEVER: Final = -60_000
"""Of what has not been seen and need not be told from impossible."""


def _steps() -> tuple[int, ...]:
    """log2(1 + 2^-d) for d from 0 thousandths on, until it rounds to nothing.

    Every process makes this table when it starts, and in Decimal it takes half a second. A machine's own logarithm is
    right to far more than a millionth of a thousandth; only its last digits are not the same everywhere. So it rounds,
    and Decimal decides where a millionth would round the other way.
    """
    found: list[int] = []
    while True:
        value = math.log2(1 + 2 ** (-len(found) / ONE)) * ONE
        rounded = round(value)
        if abs(abs(value - rounded) - 0.5) < 1e-6:
            rounded = _exact_step(len(found))
        if rounded == 0:
            return tuple(found)
        found.append(rounded)


def _exact_step(d: int) -> int:
    with localcontext() as exact:
        exact.prec = 30
        two = Decimal(2).ln()
        value = (1 + (-(Decimal(d) / ONE) * two).exp()).ln() / two * ONE
        return int(value.to_integral_value())


_STEPS: Final = _steps()
_TOLD: Final = len(_STEPS)


def total(numbers: Iterable[int]) -> int:
    """The logarithm of the sum of numbers of which these are the logarithms: of the first two, of that and the third,
    and so on, each rounded. Raises StopIteration where there is none."""
    all_of_them = iter(numbers)
    found = next(all_of_them)
    for number in all_of_them:
        apart = found - number
        if apart < 0:
            found, apart = number, -apart
        if apart < _TOLD:
            found += _STEPS[apart]
    return found


def log2(number: int) -> int:
    """Of a whole number from 1 on, in thousandths."""
    with localcontext() as exact:
        exact.prec = 30
        return int((Decimal(number).ln() / Decimal(2).ln() * ONE).to_integral_value())
