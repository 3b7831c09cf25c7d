"""What of a month is drawn: months over, strata, and the line in which everything stands."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta, timezone

import pytest

from ledger.audit import (
    PolicyLink,
    Sizes,
    begins,
    draw_apart,
    draw_links,
    in_turn,
    month_of,
    months_over,
    next_month,
    place,
)
from ledger.events.audit import AuditDrawn, KeptApart

LINKS = [PolicyLink(f"00{number}-1", number * 100) for number in range(500)]
PAIRS = [KeptApart(f"a{number}", f"b{number}", -4_000 - number) for number in range(300)]


def at(*when: int) -> datetime:
    return datetime(*when, tzinfo=UTC)


# -- months


def test_a_month_is_that_of_the_clock_in_utc() -> None:
    assert month_of(at(2026, 10, 31, 23, 59, 59)) == "2026-10"
    ahead = timezone(timedelta(hours=14))
    assert month_of(datetime(2026, 11, 1, 9, tzinfo=ahead)) == "2026-10"
    assert begins("2026-10") == at(2026, 10, 1)


@pytest.mark.parametrize(
    ("month", "after"), [("2026-01", "2026-02"), ("2026-12", "2027-01"), ("2028-02", "2028-03"), ("2099-12", "2100-01")]
)
def test_the_month_after_a_month(month: str, after: str) -> None:
    assert next_month(month) == after


def test_february_of_a_leap_year_is_over_when_its_twenty_ninth_is() -> None:
    assert list(months_over(at(2028, 2, 1), at(2028, 2, 29, 23, 59, 59))) == []
    assert list(months_over(at(2028, 2, 29, 23, 59, 59), at(2028, 3, 1))) == ["2028-02"]
    assert begins(next_month("2028-02")) - begins("2028-02") == timedelta(days=29)
    assert begins(next_month("2027-02")) - begins("2027-02") == timedelta(days=28)


def test_every_month_that_nobody_looked_in_is_over_too() -> None:
    assert list(months_over(at(2026, 11, 9), at(2027, 2, 3))) == ["2026-11", "2026-12", "2027-01"]
    assert list(months_over(at(2026, 11, 9), at(2026, 10, 1))) == [], "a clock that was set back"


# -- the draw


def test_strata_are_as_large_as_wanted_and_share_nothing() -> None:
    by_chance, near = draw_links("2026-10", LINKS, Sizes(random=50, near=30))
    assert (by_chance.wanted, by_chance.there, len(set(by_chance.acts))) == (50, 500, 50)
    assert (near.wanted, near.there, len(set(near.acts))) == (30, 450, 30)
    assert not set(by_chance.acts) & set(near.acts)


def test_the_nearest_are_those_that_chance_has_left() -> None:
    by_chance, near = draw_links("2026-10", LINKS, Sizes(random=50, near=30))
    left = [link.act for link in sorted(LINKS, key=lambda link: link.over) if link.act not in by_chance.acts]
    assert near.acts == left[:30]


def test_the_order_in_which_links_come_changes_nothing() -> None:
    sizes = Sizes(random=50, near=30)
    assert draw_links("2026-10", LINKS, sizes) == draw_links("2026-10", reversed(LINKS), sizes)


def test_another_month_draws_others() -> None:
    october, november = (draw_links(month, LINKS, Sizes(random=50))[0] for month in ("2026-10", "2026-11"))
    assert len(set(october.acts) & set(november.acts)) < 20


def test_each_link_is_as_likely_as_any_other() -> None:
    drawn = Counter(
        act
        for year in range(2000, 2050)
        for month in range(1, 13)
        for act in draw_links(f"{year}-{month:02}", LINKS[:20], Sizes(random=5, near=0))[0].acts
    )
    assert set(drawn) == {link.act for link in LINKS[:20]}
    # 600 months, one in four: 150 each, with a standard deviation of 10.6.
    assert all(100 <= times <= 200 for times in drawn.values()), drawn


def test_nought_draws_none() -> None:
    by_chance, near = draw_links("2026-10", LINKS, Sizes(random=0, near=0))
    assert (by_chance.acts, near.acts) == ([], [])
    assert (by_chance.there, near.there) == (500, 500)
    assert draw_links("2026-10", LINKS, Sizes(random=0, near=3))[1].acts == [link.act for link in LINKS[:3]]
    assert draw_apart("2026-10", PAIRS, Sizes(apart=0), 10).pairs == []


def test_where_there_are_fewer_all_are_drawn() -> None:
    by_chance, near = draw_links("2026-10", LINKS[:7], Sizes())
    assert sorted(by_chance.acts) == sorted(link.act for link in LINKS[:7])
    assert (near.there, near.acts) == (0, [])


def test_pairs_kept_apart_are_the_likeliest_and_no_more_than_links() -> None:
    apart = draw_apart("2026-10", reversed(PAIRS), Sizes(apart=200), 12)
    assert (apart.wanted, apart.there, apart.pairs) == (200, 300, PAIRS[:12])
    assert draw_apart("2026-10", PAIRS, Sizes(apart=200), 400).pairs == PAIRS[:200]
    assert draw_apart("2026-10", PAIRS, Sizes(apart=200), 0).pairs == []


def test_pairs_that_weigh_the_same_are_in_the_line_of_the_month_whichever_comes_first() -> None:
    alike = [KeptApart(f"a{number}", f"b{number}", -5_000) for number in range(9)]
    turned = [KeptApart(pair.member, pair.record, pair.weight) for pair in alike]
    drawn = draw_apart("2026-10", alike, Sizes(), 3).pairs
    assert [pair.record for pair in drawn] == [
        pair.member for pair in draw_apart("2026-10", turned[::-1], Sizes(), 3).pairs
    ]
    assert place("2026-10", "a", "b") == place("2026-10", "b", "a") != place("2026-11", "a", "b")


def test_cases_are_opened_mixed() -> None:
    by_chance, near = draw_links("2026-10", LINKS, Sizes(random=20, near=20))
    drawn = AuditDrawn(
        month="2026-10", policy="p", strata=[by_chance, near, draw_apart("2026-10", PAIRS, Sizes(apart=40), 40)]
    )
    turns = in_turn(drawn)
    assert sorted(turns, key=str) == sorted([*by_chance.acts, *near.acts, *PAIRS[:40]], key=str)
    # By chance about half of each half: a stratum that came at once would have none in one of them.
    assert 10 <= sum(isinstance(one, KeptApart) for one in turns[:40]) <= 30
    assert 3 <= sum(one in by_chance.acts for one in turns[:40]) <= 17
