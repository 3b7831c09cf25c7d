"""The product's matcher as it is measured: keys, weights, guards and joins are those that run at night."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence

import msgspec

from api.cli.bench.matching_review import questions
from api.cli.bench.matching_truth import Counted, Truth, best, joined_alone
from ledger.matching import bits, training
from ledger.matching.decision import GUARDS
from ledger.matching.joining import Joined
from ledger.matching.person import Person, person
from ledger.matching.policy import Policy, Scale, Thresholds

THRESHOLDS = Thresholds(link=9 * bits.ONE, review=-4 * bits.ONE, margin=0)
"""Where a policy is trained here: 9 bits claim one error in 513 joins."""

SWEPT_BITS = range(20, -9, -1)
"""Link thresholds among which the best is looked for."""


def frozen(policy: Policy) -> Policy:
    """A policy that has just been trained, with the guards and thresholds that decisions are made with."""
    return msgspec.structs.replace(policy, thresholds=THRESHOLDS, guards=tuple(GUARDS))


def measured(truth: Truth, policy: Policy) -> dict[str, float | None]:
    """Every figure of a policy on records.

    auto_* and review_per_1000: with its own thresholds and guards. f1, sure_recall: the best of its weights alone,
    since a guard says that a person decides, not that two are two children. guarded_*: the best with the guards.
    """
    people = [person(sheet.traits, policy.roles) for sheet in truth.sheets]
    started = time.perf_counter()
    pairs = list(training.candidates(people))
    joined = Joined(Scale(policy, len(people)), people, pairs)
    joined.link()
    seconds = time.perf_counter() - started
    weights = msgspec.structs.replace(policy, guards=())
    guarded = best(_sweep(truth, policy, people, pairs))
    figures = {
        **truth.blocking(pairs),
        **joined_alone(truth, joined.members.values()),
        **best(_sweep(truth, weights, people, pairs)),
        "guarded_f1": guarded["f1"],
        "guarded_sure_recall": guarded["sure_recall"],
    }
    asked = questions(truth, joined)
    figures["review_per_1000"] = None if asked is None else 1000 * asked / len(people)
    figures["seconds_per_1000"] = 1000 * seconds / len(people)
    return figures


def _sweep(
    truth: Truth, policy: Policy, people: Sequence[Person], pairs: Sequence[tuple[int, int]]
) -> Iterator[tuple[float, Counted]]:
    """Link thresholds from high to low, and what is joined at each. What is joined at one stays joined at the next, as
    it would be if each were run for itself, since the surest are joined first."""
    joined = Joined(_linking(policy, SWEPT_BITS[0], len(people)), people, pairs)
    for threshold in SWEPT_BITS:
        joined.scale = _linking(policy, threshold, len(people))
        joined.link()
        yield threshold, truth.counted(joined.members.values())


def _linking(policy: Policy, threshold: int, records: int) -> Scale:
    # What weighs less than the review threshold is not kept at all, so that stands below the lowest of these.
    thresholds = Thresholds(link=threshold * bits.ONE, review=SWEPT_BITS[-1] * bits.ONE, margin=0)
    return Scale(msgspec.structs.replace(policy, thresholds=thresholds), records)
