"""What people have answered, held against what a policy claims: its weights are a promise, and this is how it is kept.

A weight of w bits claims that of so many pairs the share 2^w / (1 + 2^w) is one child's. The invariant: an answer
counts as what was said of a pair, whatever has become of it, and a pair counts once. Nothing here changes a policy.
Pure.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from typing import Final, NamedTuple

import msgspec

from ledger.audit import APART

BAND: Final = 2_000
"""Width of a band, thousandths of a bit."""
ANSWERS_MIN: Final = 20
"""Fewer say nothing of how far off a policy is."""
SHIFT_MAX: Final = 20.0
"""Bits: further off than that no policy is told to be."""
CONFIDENCE: Final = 0.95
_CHI_SQUARE: Final = 3.841458820694124
"""Its quantile at CONFIDENCE, one degree of freedom: twice what the log-likelihood may fall."""
_HALVINGS: Final = 60
_WEIGHT_MAX: Final = 900.0


class Answer(NamedTuple):
    """What people said of two records. policy: that weighed them, at so many thousandths of a bit. stratum: of the
    audit; None for a question of the review band. guarded: a guard kept the pair from being linked, which says more of
    it than the weight does. order: any number that grows."""

    pair: frozenset[str]
    policy: str
    weight: int
    yes: bool
    order: int
    stratum: str | None = None
    guarded: bool = False


class Links(msgspec.Struct):
    """What a policy has linked by itself. wrong: of these, how many it expects to be. undone: that people have taken
    back or parted since."""

    made: int = 0
    wrong: float = 0.0
    undone: int = 0


class Band(msgspec.Struct, frozen=True, kw_only=True):
    """Answers of a band of weights, from ``low`` on to below ``high``, thousandths of a bit. claimed: the share of yes
    that the weights promise. below, below_yes: questions of the review band that lie under it, and how many of these
    were one child: what raising the threshold to ``low`` spares, and loses."""

    low: int
    high: int
    answered: int
    yes: int
    claimed: float
    below: int
    below_yes: int


class Shift(msgspec.Struct, frozen=True):
    """How many bits a policy's weights fall short of what was answered; below 0: claim too much. low, high: between
    these it lies with 95 %. Nothing is looked for beyond SHIFT_MAX."""

    bits: float
    low: float
    high: float


class Checked(msgspec.Struct, frozen=True, kw_only=True):
    """A stratum of the audit. wrong: answers against what the policy did. claimed: how many of the answered it expects
    to be. bound: the share of wrong ones is at most that, with 95 %; None where nothing was answered."""

    stratum: str
    drawn: int
    answered: int
    wrong: int
    claimed: float
    bound: float | None


class Calibration(msgspec.Struct, frozen=True, kw_only=True):
    """One policy. answered, yes: pairs. guarded: of these, how many a guard had kept back, which are left out of the
    shift. shift: None where the answers are too few, or all of one kind."""

    policy: str
    links: Links
    answered: int
    yes: int
    guarded: int
    bands: Sequence[Band]
    shift: Shift | None
    checked: Sequence[Checked]


def calibrations(
    answers: Iterable[Answer], links: dict[str, Links], drawn: dict[tuple[str, str], int], strata: Sequence[str]
) -> list[Calibration]:
    """Every policy of which anything is known, by its version. links: by policy. drawn: by policy and stratum. strata:
    in the order in which they are told."""
    said = list(answers)
    of: defaultdict[str, list[Answer]] = defaultdict(list)
    for answer in once(said):
        of[answer.policy].append(answer)
    checks: defaultdict[tuple[str, str], list[Answer]] = defaultdict(list)
    for answer in said:
        if answer.stratum is not None:
            checks[answer.policy, answer.stratum].append(answer)
    return [
        Calibration(
            policy=policy,
            links=links.get(policy, Links()),
            answered=len(of[policy]),
            yes=sum(answer.yes for answer in of[policy]),
            guarded=sum(answer.guarded for answer in of[policy]),
            bands=bands(of[policy]),
            shift=shift_of([(one.weight / 1000, one.yes) for one in of[policy] if not one.guarded]),
            checked=[
                checked(stratum, drawn.get((policy, stratum), 0), checks[policy, stratum])
                for stratum in strata
                if drawn.get((policy, stratum)) or checks[policy, stratum]
            ],
        )
        for policy in sorted({*of, *links, *(policy for policy, _ in drawn)})
    ]


def once(answers: Iterable[Answer]) -> list[Answer]:
    """The last that was said of each pair."""
    last: dict[frozenset[str], Answer] = {}
    for answer in sorted(answers, key=lambda one: one.order):
        last[answer.pair] = answer
    return list(last.values())


def claimed(weight: int) -> float:
    """The share of pairs of a weight, thousandths of a bit, that a policy claims to be one child's."""
    return _share(weight / 1000)


def bands(answers: Iterable[Answer]) -> list[Band]:
    """Those that hold an answer, from the lowest on."""
    of: defaultdict[int, list[Answer]] = defaultdict(list)
    for answer in answers:
        of[answer.weight // BAND].append(answer)
    found: list[Band] = []
    below = below_yes = 0
    for number, said in sorted(of.items()):
        found.append(
            Band(
                low=number * BAND,
                high=(number + 1) * BAND,
                answered=len(said),
                yes=sum(answer.yes for answer in said),
                claimed=sum(claimed(answer.weight) for answer in said) / len(said),
                below=below,
                below_yes=below_yes,
            )
        )
        questions = [answer for answer in said if answer.stratum is None]
        below += len(questions)
        below_yes += sum(answer.yes for answer in questions)
    return found


def shift_of(answers: Sequence[tuple[float, bool]]) -> Shift | None:
    """The shift under which the answers are likeliest, with the interval that the likelihood ratio gives. answers:
    weight in bits, and what was said. None where they are too few, or all of one kind."""
    if len(answers) < ANSWERS_MIN or len({yes for _, yes in answers}) < 2:
        return None
    # The likelihood has one summit: where as many are expected to be one child's as were.
    yes = sum(said for _, said in answers)
    best = _crossing(lambda shift: sum(_share(weight + shift) for weight, _ in answers) - yes, -SHIFT_MAX, SHIFT_MAX)
    floor = _likelihood(answers, best) - _CHI_SQUARE / 2
    return Shift(
        best,
        _crossing(lambda shift: _likelihood(answers, shift) - floor, -SHIFT_MAX, best),
        _crossing(lambda shift: floor - _likelihood(answers, shift), best, SHIFT_MAX),
    )


def checked(stratum: str, drawn: int, answers: Sequence[Answer]) -> Checked:
    """A stratum of the audit: a link is wrong where the answer is no, a pair kept apart where it is yes."""
    kept_apart = stratum == APART
    wrong = sum(answer.yes is kept_apart for answer in answers)
    return Checked(
        stratum=stratum,
        drawn=drawn,
        answered=len(answers),
        wrong=wrong,
        claimed=sum(claimed(one.weight if kept_apart else -one.weight) for one in answers),
        bound=upper_bound(wrong, len(answers)) if answers else None,
    )


def upper_bound(wrong: int, of: int, confidence: float = CONFIDENCE) -> float:
    """The largest share that still leaves so few wrong ones with a chance of 1 - confidence: exact and one-sided
    (Clopper and Pearson 1934). of: 1 or more."""
    assert 0 <= wrong <= of, "no more are wrong than there are"
    if wrong == of:
        return 1.0
    return _crossing(lambda share: 1 - confidence - _at_most(wrong, of, share), 0.0, 1.0)


# -- inside


def _share(bits: float) -> float:
    return 1 / (1 + 2.0 ** min(-bits, _WEIGHT_MAX))


def _likelihood(answers: Iterable[tuple[float, bool]], shift: float) -> float:
    """Its natural logarithm."""
    return -sum(_log1p2(-(weight + shift) if yes else weight + shift) for weight, yes in answers)


def _log1p2(bits: float) -> float:
    """ln(1 + 2^bits), also where 2^bits is beyond all numbers."""
    return bits * math.log(2) + math.log1p(2.0**-bits) if bits > 0 else math.log1p(2.0**bits)


def _at_most(wrong: int, of: int, share: float) -> float:
    """The chance of no more wrong ones than that."""
    if not 0 < share < 1:
        return 1.0 if share <= 0 else 0.0
    chosen = math.lgamma(of + 1)
    return sum(
        math.exp(
            chosen - math.lgamma(k + 1) - math.lgamma(of - k + 1) + k * math.log(share) + (of - k) * math.log1p(-share)
        )
        for k in range(wrong + 1)
    )


def _crossing(grows: Callable[[float], float], low: float, high: float) -> float:
    """Where a function that grows comes through 0; the end beyond which it would."""
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        if grows(middle) < 0:
            low = middle
        else:
            high = middle
    return (low + high) / 2
