"""Whether a record is a student's: linked by itself, put before a person, or left alone.

A record is compared with whole students, never joined pair by pair: its weight against a student is the mean of that of
the best pair of records and that of the two put together. What a guard forbids is never linked by itself, however high
the weight. The invariant: a function of policy, size and records; the order in which they are given changes nothing.
Pure.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Final, NamedTuple

from ledger.matching.comparison import GIVEN, PARENTS, Levels, Shared, compared
from ledger.matching.person import Person
from ledger.matching.policy import NAMESAKE, TWIN, Scale, Weight
from ledger.matching.stays import STAYS, stay_level
from ledger.matching.student import profile

PAIR_BELOW: Final = 8_000
"""How far below the review threshold two records may be, in thousandths of a bit, of students who come near it."""
_FULL: Final = frozenset((1, 2))
"""Levels of given names that are the same child's whole names."""
_OTHER_NAMES: Final = frozenset(
    GIVEN.index(name)
    for name in (
        "first same, second different",
        "share one elsewhere",
        "a boy's and a girl's form",
        "nearish",
        "different",
    )
)
_OVERLAP_DAYS: Final = 14
_PARENTS_AGREE: Final = (1, 2, 3)
_TOWNS_AGREE: Final = (1, 2)
_PARENTS_DIFFER: Final = PARENTS.index("both different")
_FAR: Final = STAYS.index("at once, far apart")

GUARDS: Final[Mapping[str, str]] = {
    "pair-speaks-against": "two of the records speak against each other",
    "no-surname": "no surname agrees, or none was sent",
    "parents-differ": "both parents differ",
    "co-twin": "a twin is known, and the given names do not tell which of the two this is",
    "namesake": "another child of this name and birth date is known, and nothing tells which of the two this is",
    "two-places": "the child would have been at two schools far apart on the same days",
    "two-ids": "one state has given two ids, and has not said that they are one child's",
}
"""What keeps a pair from being linked by itself, with what it says to people."""


class Assessed(NamedTuple):
    """A record against a student, or two students. weight: thousandths of a bit; the mean of pair and whole, and
    what the number is worth. number: of that the part that is due to a national number which a state has sent.
    best: indices of the pair of records that agrees most. pair, whole: its weight, and that of the two put
    together. levels, shared: of the two put together. guards: codes of those that fired, in the order of the policy.
    """

    weight: int
    best: tuple[int, int]
    pair: Weight
    whole: Weight
    levels: Levels
    shared: Shared
    guards: tuple[str, ...]
    number: int


def assess(
    scale: Scale,
    left: Sequence[Person],
    right: Sequence[Person],
    twins: Iterable[Person] = (),
    rivals: Iterable[Person] = (),
    known: Sequence[int] | None = None,
    wholes: tuple[Person, Person] | None = None,
) -> Assessed:
    """Two students against each other. twins: people who may be a twin of one of them. rivals: people who have the name
    and the birth date of one of them, and are likelier another child. known: the ``pair_bits`` of the two, where
    somebody has them already. wholes: so the two put together (``student.profile``)."""
    bits = pair_bits(scale, left, right) if known is None else known
    at, to = divmod(bits.index(max(bits)), len(right))
    levels, shared = compared(left[at], right[to])
    whole = best = scale.weigh(levels, shared)
    whole_left, whole_right = wholes or (profile(left), profile(right))
    if len(bits) > 1:
        levels, shared = compared(whole_left, whole_right)
        whole = scale.weigh(levels, shared)
    fired: list[str] = []
    if len(bits) > 1 and min(bits) < 0:
        fired.append("pair-speaks-against")
    if levels.surnames in (0, 13):
        fired.append("no-surname")
    if levels.parents == _PARENTS_DIFFER:
        fired.append("parents-differ")
    if _co_twin(whole_left, whole_right, levels, twins):
        fired.append("co-twin")
    if _namesake(whole_left, whole_right, levels, rivals):
        fired.append("namesake")
    if _two_places(left, right):
        fired.append("two-places")
    if _two_ids(left, right):
        fired.append("two-ids")
    guards = tuple(code for code in scale.policy.guards if code in fired)
    number = scale.policy.number if _number_sent(left, right) else 0
    return Assessed((best.bits + whole.bits) // 2 + number, (at, to), best, whole, levels, shared, guards, number)


def pair_bits(scale: Scale, left: Sequence[Person], right: Sequence[Person]) -> list[int]:
    """The weight of each record of the one with each of the other, in thousandths of a bit, row by row."""
    return [scale.weigh(*compared(one, other)).bits for one in left for other in right]


def is_hopeless(scale: Scale, bits: Iterable[int]) -> bool:
    """Whether no record of the one comes within ``PAIR_BELOW`` of being asked about with one of the other: then the two
    are no question, whatever they are put together, and most that share a key are so. bits: their ``pair_bits``."""
    return max(bits) < min(scale.policy.thresholds.review, scale.policy.thresholds.link) - PAIR_BELOW


def other_child(scale: Scale, one: Person, other: Person) -> int | None:
    """The kind that two people likeliest are, where that is ``TWIN``, or ``NAMESAKE``: one birth date and, of
    namesakes, one name. None for everything else."""
    if not one.birth or one.birth != other.birth:  # most of those who share a key, and the rest costs far more
        return None
    levels, shared = compared(one, other)
    return kind_of(levels, scale.weigh(levels, shared))


def kind_of(levels: Levels, weight: Weight) -> int | None:
    """As ``other_child``, of two people who have one birth date."""
    if weight.bits >= 0:
        return None
    if levels.given not in _OTHER_NAMES:
        return NAMESAKE if weight.against == NAMESAKE else None
    likeliest = max(range(len(weight.kinds)), key=lambda kind: weight.kinds[kind])
    return TWIN if levels.surnames not in (0, 13) and likeliest == TWIN else None


def _number_sent(left: Sequence[Person], right: Sequence[Person]) -> bool:
    """Whether a state has sent, for a record of the one side, a number that the other side was given. What the two have
    in common otherwise must say the rest: a number alone links nobody."""
    given, sent = ({one.student_id for one in right}, {one.sent_id for one in left})
    back, forth = ({one.student_id for one in left}, {one.sent_id for one in right})
    return bool((given & sent | back & forth) - {""})


def _namesake(left: Person, right: Person, levels: Levels, rivals: Iterable[Person]) -> bool:
    """Whether a record that may be either of two namesakes' says too little. What tells is a parent in common, or the
    town of birth."""
    if levels.parents in _PARENTS_AGREE or levels.place in _TOWNS_AGREE:
        return False
    return any(
        compared(left, rival)[0].given not in _OTHER_NAMES or compared(right, rival)[0].given not in _OTHER_NAMES
        for rival in rivals
    )


def _co_twin(left: Person, right: Person, levels: Levels, twins: Iterable[Person]) -> bool:
    for twin in twins:
        if levels.given not in _FULL:
            return True
        for one in (left, right):
            if compared(one, twin)[0].given not in _OTHER_NAMES:
                return True
    return False


def _two_places(left: Sequence[Person], right: Sequence[Person]) -> bool:
    """Two full enrollments at once, for longer than a withdrawal is late, in states that do not touch."""
    return any(stay_level(one.attendances, other.attendances) == _FAR for one in left for other in right)


def _two_ids(left: Sequence[Person], right: Sequence[Person]) -> bool:
    """Two live ids of one state, of which the state has not said that they are one child's."""
    return any(
        one.state == other.state and one.state_student_id != other.state_student_id and not same_by_state(one, other)
        for one in left
        for other in right
    )


def same_by_state(one: Person, other: Person) -> bool:
    """Whether their state has said that its two ids are one child's."""
    return one.state == other.state and (
        other.state_student_id in one.other_ids or one.state_student_id in other.other_ids
    )
