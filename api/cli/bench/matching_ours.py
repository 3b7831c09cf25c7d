"""The product's matcher as it is measured: keys, weights, guards and joins are those that run at night."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence

import msgspec

from api.cli.bench.matching_review import questions
from api.cli.bench.matching_truth import Counted, Truth, best, joined_alone
from ledger.matching import bits, training
from ledger.matching.joining import Joined, Question
from ledger.matching.person import Person, person
from ledger.matching.policy import Policy, Scale, Thresholds

SWEPT = range(20 * bits.ONE, -9 * bits.ONE, -bits.ONE // 2)
"""Link thresholds among which the best is looked for, half a bit apart, as those of the peers."""


def measured(truth: Truth, policy: Policy) -> dict[str, float | None]:
    """Every figure of a policy on records.

    auto_* and review_per_1000: with its own thresholds and guards. f1, sure_recall: the best of its weights alone,
    since a guard says that a person decides, not that two are two children. guarded_*: the best with the guards.
    expected_wrong: of the joins, as many as the policy itself expects to be wrong; wrong_joins: that were;
    claim_factor: how far the two are apart, one added to each, since so few tell little.
    """
    people = [person(sheet.traits, policy.roles) for sheet in truth.sheets]
    started = time.perf_counter()
    pairs = list(training.candidates(people))
    joined = Joined(Scale(policy, len(people)), people, pairs)
    joined.link()
    seconds = time.perf_counter() - started
    expected, wrong = _claimed(joined.linked), sum(not truth.same(one.left, one.right) for one in joined.linked)
    weights = msgspec.structs.replace(policy, guards=())
    guarded = best(_sweep(truth, policy, people, pairs))
    figures = {
        **truth.blocking(pairs),
        **joined_alone(truth, joined.members.values()),
        "expected_wrong": expected,
        "wrong_joins": wrong,
        "claim_factor": max((expected + 1) / (wrong + 1), (wrong + 1) / (expected + 1)),
        **best(_sweep(truth, weights, people, pairs)),
        "guarded_f1": guarded["f1"],
        "guarded_sure_recall": guarded["sure_recall"],
    }
    asked = questions(truth, joined)
    figures["review_per_1000"] = None if asked is None else 1000 * asked / len(people)
    figures["seconds_per_1000"] = 1000 * seconds / len(people)
    return figures


def _claimed(linked: Sequence[Question]) -> float:
    return sum(1 / (1 + 2 ** (one.weight / bits.ONE)) for one in linked)


def _sweep(
    truth: Truth, policy: Policy, people: Sequence[Person], pairs: Sequence[tuple[int, int]]
) -> Iterator[tuple[float, Counted]]:
    """Link thresholds from high to low, and what is joined at each. What is joined at one stays joined at the next,
    nearly as if each were run for itself, since the surest are joined first."""
    joined = Joined(_linking(policy, SWEPT[0], len(people)), people, pairs)
    for threshold in SWEPT:
        joined.scale = _linking(policy, threshold, len(people))
        joined.link()
        yield threshold / bits.ONE, truth.counted(joined.members.values())


def _linking(policy: Policy, threshold: int, records: int) -> Scale:
    # What weighs less than the review threshold is not kept at all, so that stands below the lowest of these.
    thresholds = Thresholds(link=threshold, review=SWEPT[-1], margin=0)
    return Scale(msgspec.structs.replace(policy, thresholds=thresholds), records)
