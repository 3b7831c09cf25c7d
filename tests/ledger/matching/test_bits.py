"""Sums of likelihoods in whole thousandths of a bit, against arithmetic that does not round."""

from __future__ import annotations

from decimal import Decimal, localcontext

from hypothesis import given
from hypothesis import strategies as st

from ledger.matching import bits

LOGS = st.integers(bits.NEVER, 60_000)
CLOSE = st.integers(-12_000, 12_000)


def exactly(left: int, right: int) -> Decimal:
    with localcontext() as exact:
        exact.prec = 60
        two = Decimal(2)
        total = two ** (Decimal(left) / bits.ONE) + two ** (Decimal(right) / bits.ONE)
        return total.ln() / two.ln() * bits.ONE


@given(LOGS, CLOSE)
def test_the_logarithm_of_a_sum_is_off_by_half_a_thousandth_at_most(left: int, apart: int) -> None:
    found = bits.total((left, left + apart))
    assert type(found) is int
    assert abs(found - exactly(left, left + apart)) <= Decimal("0.5")


@given(st.lists(LOGS, min_size=1, max_size=6))
def test_a_sum_of_many_is_that_of_the_first_two_and_the_next(numbers: list[int]) -> None:
    found = numbers[0]
    for number in numbers[1:]:
        found = bits.total((found, number))
    assert bits.total(numbers) == found


@given(LOGS, LOGS)
def test_the_order_of_a_sum_changes_nothing_and_a_sum_is_no_less_than_either(left: int, right: int) -> None:
    assert bits.total((left, right)) == bits.total((right, left)) >= max(left, right)


def test_every_step_is_the_exact_one_rounded() -> None:
    steps = [bits.total((0, -apart)) for apart in range(12_000)]
    assert steps == [int(exactly(0, -apart).to_integral_value()) for apart in range(12_000)]


def test_two_alike_are_one_bit_more_and_the_impossible_adds_nothing() -> None:
    assert bits.total((0, 0)) == bits.ONE
    assert bits.total((-3000, bits.NEVER)) == -3000


@given(st.integers(1, 10**12))
def test_the_logarithm_of_a_number_is_off_by_half_a_thousandth_at_most(number: int) -> None:
    with localcontext() as exact:
        exact.prec = 60
        assert abs(bits.log2(number) - Decimal(number).ln() / Decimal(2).ln() * bits.ONE) <= Decimal("0.5")


@given(st.integers(0, 40))
def test_the_logarithm_of_a_power_of_two_is_whole(power: int) -> None:
    assert bits.log2(1 << power) == power * bits.ONE
