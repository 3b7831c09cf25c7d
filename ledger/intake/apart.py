"""Where the child rows stand that do not stand right behind their S row, so that each student's can be fetched alone.

Holds numbers, never rows: some 25 bytes for each. Pure.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterator


class Apart:
    """Places of rows, each with the ordinal of its student. In a folder or zip nearly every row stands apart."""

    def __init__(self) -> None:
        self._owners = array("I")
        self._numbers = array("I")
        self._offsets = array("Q")
        self._lengths = array("I")
        self._order = array("I")
        self._ends = array("I")

    def __len__(self) -> int:
        return len(self._owners)

    def add(self, ordinal: int, number: int, offset: int, length: int) -> None:
        self._owners.append(ordinal)
        self._numbers.append(number)
        self._offsets.append(offset)
        self._lengths.append(length)

    def of(self, ordinal: int) -> Iterator[tuple[int, int, int]]:
        """Number, offset and length of each row of one student, in file order."""
        if len(self._order) != len(self._owners):
            self._sort()
        if ordinal >= len(self._ends):
            return
        for place in range(self._ends[ordinal - 1] if ordinal else 0, self._ends[ordinal]):
            row = self._order[place]
            yield self._numbers[row], self._offsets[row], self._lengths[row]

    def _sort(self) -> None:
        """Rows in the order of their students, by counting: a list of whole numbers would be larger than the rows."""
        ends = array("I", bytes(4 * (max(self._owners) + 1)))
        for owner in self._owners:
            ends[owner] += 1
        total = 0
        for owner, count in enumerate(ends):
            ends[owner] = total
            total += count
        order = array("I", bytes(4 * total))
        for row, owner in enumerate(self._owners):
            order[ends[owner]] = row
            ends[owner] += 1
        self._order, self._ends = order, ends
