"""A matching policy: everything that a decision hangs on, as data.

The invariant: whoever has the policy and the records comes to the same decision, bit for bit. A policy is never
changed; another one is published. Six kinds of pairs are told apart (``KINDS``); a pair's weight is how
many more bits it is expected to be one child than to be any of the others. Pure.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Final, NamedTuple

import msgspec

from ledger.matching import bits
from ledger.matching.comparison import FIELDS, Levels, Shared
from ledger.matching.person import Roles

KINDS: Final = ("same", "twin", "sibling", "kin", "namesake", "unrelated")
SAME, TWIN, SIBLING, KIN, NAMESAKE, UNRELATED = range(6)

CHANCE: Final[Mapping[str, tuple[int, ...]]] = {
    "given": (UNRELATED,),
    "surnames": (UNRELATED,),
    "birth": (UNRELATED,),
    "sex": (UNRELATED,),
    "flags": (UNRELATED,),
    "parents": (KIN, NAMESAKE, UNRELATED),
    "place": (UNRELATED,),
    "stays": (KIN, NAMESAKE, UNRELATED),
}
"""Where two children of a kind agree in a field by chance alone, so that the rarity of what they share counts."""


class Words(msgspec.Struct, frozen=True, gc=False):
    """How common the words of a column are. common: word to log2 of its share. rare: of every other word. usual: log2
    of the chance that two words meet, the sum of the squared shares. All in thousandths of a bit."""

    common: Mapping[str, int]
    rare: int
    usual: int

    def surprise(self, shared: Sequence[str]) -> int:
        """How much likelier (negative: less likely) these words meet by chance than any two words do."""
        return sum(self.common.get(word, self.rare) - self.usual for word in shared)


class Thresholds(msgspec.Struct, frozen=True, gc=False):
    """In thousandths of a bit. link: from here on a record is linked by itself. review: from here on a person is asked.
    margin: by how much two must agree more than either of them and any third."""

    link: int
    review: int
    margin: int


class Weight(NamedTuple):
    """bits: for one child, against all else, in thousandths. kinds: expected number of pairs of each kind, log2."""

    bits: int
    kinds: tuple[int, ...]

    @property
    def against(self) -> int:
        """The likeliest kind but ``same``."""
        return max(range(1, len(KINDS)), key=lambda kind: self.kinds[kind])


class Policy(msgspec.Struct, frozen=True, kw_only=True):
    """version: its name. code: version of the code that prepares and compares. rates: how often each kind but the last
    comes up per record, log2 (``training`` says how it counts). levels: field to level to the kinds' log2 shares.
    words: field to how common its words are. number: what it is worth that a state has sent the national number of the
    other side. All logarithms in thousandths.
    """

    version: str
    code: int
    rates: tuple[int, ...]
    levels: Mapping[str, tuple[tuple[int, ...], ...]]
    words: Mapping[str, Words]
    roles: Roles
    thresholds: Thresholds
    guards: tuple[str, ...] = ()
    number: int = 5_000
    trained: Mapping[str, float] = {}


WRONG_MAX: Final = 1 << 53
"""What a threshold says at most of errors: every reader of JSON holds whole numbers so far."""


class Scale:
    """A policy, ready to weigh pairs of a ledger of a certain size."""

    def __init__(self, policy: Policy, records: int) -> None:
        """records: how many the ledger holds; counted as the next power of two, so that the weight of a pair does not
        change with every record that comes in."""
        self.policy = policy
        self.records = 1 << max(records - 1, 1).bit_length()
        grown = (self.records.bit_length() - 1) * bits.ONE
        # The number of pairs of a kind grows with the records; that of unrelated ones with their square.
        self._pairs = (*(rate + grown for rate in policy.rates), 2 * grown - bits.ONE)
        self._levels = tuple(policy.levels[field] for field in FIELDS)
        self._known: dict[Levels, tuple[int, ...]] = {}
        self._words = tuple(policy.words[field] for field in ("given", "surnames", "parents", "place"))

    def prior(self, kind: int) -> int:
        """Expected number of pairs of a kind in the ledger, log2 in thousandths."""
        return self._pairs[kind]

    def weigh(self, levels: Levels, shared: Shared) -> Weight:
        """The weight of a pair."""
        known = self._known.get(levels)
        if known is None:
            known = self._known[levels] = self._of(levels)
        same, twin, sibling, kin, namesake, unrelated = known
        of_given, of_surnames, of_parents, of_place = self._words
        given, surnames, parents, place = shared
        if given:
            unrelated += of_given.surprise(given)
        if surnames:
            unrelated += of_surnames.surprise(surnames)
        if place:
            unrelated += of_place.surprise(place)
        if parents:
            chance = of_parents.surprise(parents)
            unrelated += chance
            kin += chance
            namesake += chance
        else_ = bits.total((twin, sibling, kin, namesake, unrelated))
        return Weight(same - else_, (same, twin, sibling, kin, namesake, unrelated))

    def _of(self, levels: Levels) -> tuple[int, ...]:
        """Expected number of pairs of each kind that have these levels."""
        rows = [table[level] for table, level in zip(self._levels, levels, strict=True)]
        return tuple(map(sum, zip(self._pairs, *rows, strict=True)))

    @cached_property
    def expected_wrong(self) -> int:
        """One error in how many joins a pair just over the threshold to link is."""
        whole, part = divmod(max(self.policy.thresholds.link, 0), bits.ONE)
        return min(1 + ((1 << whole) * round(2 ** (part / bits.ONE + 10)) >> 10), WRONG_MAX)
