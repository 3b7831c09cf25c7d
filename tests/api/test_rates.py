"""A bucket fills at an even pace, holds no more than a burst, and is forgotten rather than kept for ever."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.rates import Buckets


def test_a_burst_passes_at_once_and_then_the_pace_holds() -> None:
    buckets = Buckets(10, 3)
    assert [buckets.take("a", 100.0) for _ in range(3)] == [0, 0, 0]
    assert buckets.take("a", 100.0) == pytest.approx(0.1)
    assert buckets.take("a", 100.05) == pytest.approx(0.05)
    assert buckets.take("a", 100.1) == 0
    assert buckets.take("a", 100.1) > 0


def test_what_is_refused_takes_nothing() -> None:
    buckets = Buckets(1, 1)
    assert buckets.take("a", 0) == 0
    assert [buckets.take("a", 0.5) for _ in range(1000)] == [pytest.approx(0.5)] * 1000
    assert buckets.take("a", 1) == 0


def test_no_time_fills_a_bucket_beyond_its_burst() -> None:
    buckets = Buckets(10, 2)
    buckets.take("a", 0)
    assert [buckets.take("a", 1e9) for _ in range(2)] == [0, 0]
    assert buckets.take("a", 1e9) > 0


def test_looking_takes_nothing_and_says_what_taking_would() -> None:
    buckets = Buckets(1, 5)
    buckets.take("a", 0, 4)
    assert [buckets.wait("a", 0) for _ in range(10)] == [0] * 10
    assert buckets.wait("a", 0, 3) == pytest.approx(2)
    assert buckets.take("a", 0, 3) == pytest.approx(2)


def test_what_is_spent_leaves_no_debt_behind() -> None:
    buckets = Buckets(1, 5)
    for _ in range(100):
        buckets.spend("a", 0, 50)
    assert buckets.take("a", 0) == pytest.approx(1)
    assert buckets.take("a", 1) == 0


def test_each_key_has_a_bucket_of_its_own_until_it_is_forgotten() -> None:
    buckets = Buckets(1, 1)
    buckets.take("a", 0)
    assert buckets.take("b", 0) == 0
    assert buckets.take("a", 0) > 0
    buckets.forget("a")
    assert "a" not in buckets
    assert buckets.take("a", 0) == 0


def test_however_many_keys_come_few_are_kept_and_who_comes_again_is_remembered() -> None:
    buckets = Buckets(0.001, 1, kept_max=1000)
    buckets.take("often", 0)
    most = 0
    for number in range(100_000):
        buckets.take(number, 0)
        if number % 500 == 0:
            buckets.spend("often", 0, 0)
        most = max(most, len(buckets))
    assert most <= 2 * 1000 + 1
    assert buckets.take("often", 0) > 0
    assert 99_999 in buckets
    assert 5 not in buckets


@given(st.lists(st.tuples(st.floats(0, 2), st.integers(1, 4)), min_size=1, max_size=200))
def test_in_no_stretch_of_time_more_is_taken_than_a_burst_and_the_pace_allow(asked: list[tuple[float, int]]) -> None:
    buckets = Buckets(4, 8)
    now, taken = 0.0, []
    for pause, tokens in asked:
        now += pause
        wait = buckets.take("a", now, tokens)
        if wait == 0:
            taken.append((now, tokens))
        else:
            assert buckets.wait("a", now + wait, tokens) == 0, "after the wait it is there"
    for first in range(len(taken)):
        total = 0
        for at, tokens in taken[first:]:
            total += tokens
            assert total <= 8 + 4 * (at - taken[first][0]) + 1e-3
