"""Chance that is the same on every machine: draws made of ``Random.random`` alone.

The invariant: the only source is the generator that is passed in, and of it only ``random()``, whose numbers for a
seed never change between versions of Python, as those of ``choice`` and ``randrange`` have. Sums are plain, left to
right. It must not know what is drawn.
"""

from __future__ import annotations

from bisect import bisect
from collections.abc import Mapping, Sequence
from itertools import accumulate
from typing import TYPE_CHECKING, Generic, TypeVar

if TYPE_CHECKING:
    from random import Random

T = TypeVar("T")


class Chance:
    """Draws from one generator, in the order in which they are asked for."""

    __slots__ = ("random",)

    def __init__(self, generator: Random) -> None:
        self.random = generator.random

    def of(self, share: float) -> bool:
        """True in this share of cases."""
        return self.random() < share

    def below(self, count: int) -> int:
        """0 to count - 1."""
        return int(self.random() * count)

    def between(self, low: int, high: int) -> int:
        """low to high, both included."""
        return low + int(self.random() * (high - low + 1))

    def pick(self, things: Sequence[T]) -> T:
        return things[int(self.random() * len(things))]


class Table(Generic[T]):
    """Things with weights, and drawn by them."""

    __slots__ = ("_last", "_limits", "things")

    def __init__(self, things: Sequence[T], weights: Sequence[float]) -> None:
        self.things = tuple(things)
        self._limits = tuple(accumulate(weights, initial=0.0))[1:]
        self._last = len(self.things) - 1

    @classmethod
    def of(cls, weights: Mapping[T, float]) -> Table[T]:
        return cls(tuple(weights), tuple(weights.values()))

    @classmethod
    def by_rank(cls, things: Sequence[T], flat: float) -> Table[T]:
        """Zipf's law, as Mandelbrot wrote it: the weight of rank r is 1 / (r + flat)."""
        return cls(things, [1 / (rank + flat) for rank in range(1, len(things) + 1)])

    def draw(self, chance: Chance) -> T:
        return self.things[bisect(self._limits, chance.random() * self._limits[self._last], 0, self._last)]
