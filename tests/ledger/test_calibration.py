"""Answers held against what a policy claims: bands, the shift, and the bound, on answers whose truth is known."""

from __future__ import annotations

import math
from random import Random

import pytest

from ledger.calibration import (
    SHIFT_MAX,
    Answer,
    Links,
    bands,
    calibrations,
    checked,
    claimed,
    once,
    shift_of,
    upper_bound,
)


def answer(number: int, weight: float, *, yes: bool, policy: str = "p", **more: object) -> Answer:
    return Answer(frozenset((f"a{number}", f"b{number}")), policy, round(weight * 1000), yes, number, **more)  # type: ignore[arg-type]


def said(shift: float, count: int, seed: int = 7) -> list[tuple[float, bool]]:
    """Answers of people who know, to a policy whose weights want so many bits more than they have."""
    chance = Random(seed)
    weights = [chance.uniform(-8, 12) for _ in range(count)]
    return [(weight, chance.random() < 1 / (1 + 2 ** -(weight + shift))) for weight in weights]


# -- the exact bound


@pytest.mark.parametrize(
    ("wrong", "of", "bound"),
    [
        # None of n: 1 - 0.05^(1/n), since (1 - p)^n = 0.05.
        (0, 1, 0.95),
        (0, 200, 1 - 0.05 ** (1 / 200)),
        (0, 3_000, 0.000998),
        # One of two: 1 - p^2 = 0.05.
        (1, 2, math.sqrt(0.95)),
        # n - 1 of n: 1 - p^n = 0.05.
        (9, 10, 0.95 ** (1 / 10)),
        # All of them: nothing is shut out.
        (5, 5, 1.0),
    ],
)
def test_the_bound_is_that_which_is_worked_out_by_hand(wrong: int, of: int, bound: float) -> None:
    assert upper_bound(wrong, of) == pytest.approx(bound, rel=1e-4)


def test_no_wrong_link_in_three_thousand_bounds_precision_at_999_in_a_thousand() -> None:
    assert round(upper_bound(0, 3_000) * 100, 4) == 0.0998
    assert 1 - upper_bound(0, 3_000) >= 0.999
    assert 1 - upper_bound(0, 2_990) < 0.999


@pytest.mark.parametrize(("wrong", "of"), [(3, 50), (12, 400), (150, 3_000)])
def test_at_the_bound_so_few_wrong_ones_come_with_a_chance_of_five_in_a_hundred(wrong: int, of: int) -> None:
    share = upper_bound(wrong, of)
    chance = sum(math.comb(of, k) * share**k * (1 - share) ** (of - k) for k in range(wrong + 1))
    assert chance == pytest.approx(0.05, rel=1e-6)


# -- the shift


@pytest.mark.parametrize("shift", [-3.0, 0.0, 2.0])
def test_a_policy_that_is_off_is_told_by_how_much(shift: float) -> None:
    found = shift_of(said(shift, 2_000))
    assert found is not None
    assert found.low < shift < found.high
    assert found.high - found.low < 1
    assert found.low < found.bits < found.high


def test_the_interval_holds_the_truth_nineteen_times_of_twenty() -> None:
    found = [shift_of(said(-3, 100, seed)) for seed in range(200)]
    held = sum(one is not None and one.low <= -3 <= one.high for one in found)
    # 190 of 200 are expected, with a standard deviation of 3.1.
    assert 180 <= held <= 199


def test_fewer_answers_tell_less() -> None:
    many, few = shift_of(said(-3, 2_000)), shift_of(said(-3, 40))
    assert many is not None
    assert few is not None
    assert few.high - few.low > 3 * (many.high - many.low)


def test_too_few_answers_or_all_of_one_kind_tell_nothing() -> None:
    assert shift_of([(0.0, bool(number % 2)) for number in range(19)]) is None
    assert shift_of([(0.0, bool(number % 2)) for number in range(20)]) is not None
    assert shift_of([(0.0, True)] * 100) is None
    assert shift_of([(0.0, False)] * 100) is None
    assert shift_of([]) is None


def test_a_shift_has_its_bounds_and_huge_weights_break_nothing() -> None:
    found = shift_of([(5_000.0, False)] * 30 + [(-5_000.0, True)] * 10)
    assert found is not None
    assert -SHIFT_MAX <= found.low <= found.bits <= found.high <= SHIFT_MAX
    off = shift_of([(100.0, bool(number % 2)) for number in range(40)])
    assert off is not None
    assert off.bits == pytest.approx(-SHIFT_MAX)


# -- bands


def test_a_band_tells_what_was_answered_and_what_was_claimed() -> None:
    found = bands([answer(1, 1.0, yes=True), answer(2, 1.5, yes=False), answer(3, -1.0, yes=False)])
    assert [(band.low, band.high, band.answered, band.yes) for band in found] == [(-2_000, 0, 1, 0), (0, 2_000, 2, 1)]
    assert found[0].claimed == pytest.approx(1 / 3)
    assert found[1].claimed == pytest.approx((2 / 3 + 2**1.5 / (1 + 2**1.5)) / 2)


def test_what_lies_on_the_edge_is_of_the_band_above() -> None:
    assert [band.low for band in bands([answer(1, 2.0, yes=True), answer(2, 1.999, yes=True)])] == [0, 2_000]


def test_what_a_higher_threshold_spares_and_loses_are_the_questions_below() -> None:
    found = bands(
        [
            answer(1, -3.0, yes=False),
            answer(2, -3.0, yes=True),
            answer(3, -9.0, yes=True, stratum="apart"),
            answer(4, 1.0, yes=True),
            answer(5, 8.0, yes=True, stratum="random"),
        ]
    )
    assert [(band.low, band.below, band.below_yes) for band in found] == [
        (-10_000, 0, 0),
        (-4_000, 0, 0),
        (0, 2, 1),
        (8_000, 3, 2),
    ], "a check of the audit is no question that a threshold spares"


# -- a policy whole


def test_answers_about_one_pair_count_once_and_the_last_one_does() -> None:
    first, again = answer(1, 2.0, yes=True), answer(1, 2.0, yes=False)._replace(order=9)
    assert once([again, first]) == [again]
    (found,) = calibrations([again, first], {}, {}, ())
    assert (found.answered, found.yes) == (1, 0)


def test_a_policy_that_claims_three_bits_too_much_is_told_so() -> None:
    answers = [answer(number, weight, yes=yes) for number, (weight, yes) in enumerate(said(-3, 1_500))]
    answers += [answer(5_000 + number, 11.0, yes=False, guarded=True) for number in range(200)]
    answers += [answer(9_000, 0.0, yes=True, policy="other")]
    found, other = calibrations(answers, {"p": Links(made=9, wrong=0.5, undone=1)}, {}, ())[::-1]
    assert (found.policy, found.links.made, found.guarded, found.answered) == ("p", 9, 200, 1_700)
    assert found.shift is not None
    assert found.shift.low < -3 < found.shift.high < 0, "what a guard kept back says nothing of the weights"
    assert (other.policy, other.answered, other.shift) == ("other", 1, None)


def test_a_stratum_tells_what_was_wrong_and_what_was_claimed() -> None:
    said_of = [answer(number, 7.0, yes=number > 1, stratum="random") for number in range(100)]
    missed = [answer(200 + number, -6.0, yes=number == 0, stratum="apart") for number in range(10)]
    (found,) = calibrations(
        [*said_of, *missed], {}, {("p", "random"): 120, ("p", "near"): 5}, ("random", "near", "apart")
    )
    random, near, apart = found.checked
    assert (random.drawn, random.answered, random.wrong) == (120, 100, 2)
    assert random.claimed == pytest.approx(100 / 129)
    assert random.bound == pytest.approx(upper_bound(2, 100))
    assert (near.drawn, near.answered, near.bound) == (5, 0, None)
    assert (apart.answered, apart.wrong) == (10, 1)
    assert apart.claimed == pytest.approx(10 / 65)


def test_a_weight_claims_its_posterior() -> None:
    assert claimed(0) == 0.5
    assert claimed(7_000) == pytest.approx(128 / 129)
    assert claimed(-(10**9)) == pytest.approx(0)
    assert checked("random", 0, []).bound is None
