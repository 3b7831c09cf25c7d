"""How long a move makes a child eligible, against a reference that counts day by day."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.eligibility import (
    Eligibility,
    Move,
    age_on,
    eligibility,
    expiration_date,
    last_day_of_age,
    last_day_of_move,
)

DAY = timedelta(days=1)
days = st.dates(min_value=date(1995, 1, 1), max_value=date(2045, 12, 31))


@pytest.mark.parametrize(
    ("qad", "last"),
    [
        (date(2016, 9, 1), date(2019, 8, 31)),
        (date(2025, 4, 18), date(2028, 4, 17)),
        (date(2025, 1, 1), date(2027, 12, 31)),
        (date(2024, 2, 29), date(2027, 2, 28)),
        (date(2021, 3, 1), date(2024, 2, 29)),
        (date(2021, 2, 28), date(2024, 2, 27)),
    ],
)
def test_a_move_lasts_36_months_less_a_day(qad: date, last: date) -> None:
    assert last_day_of_move(qad) == last


@pytest.mark.parametrize(
    ("born", "last"),
    [
        (date(2004, 5, 6), date(2026, 5, 5)),
        (date(2004, 2, 29), date(2026, 2, 28)),
        (date(2006, 3, 1), date(2028, 2, 29)),
        (date(2002, 1, 1), date(2023, 12, 31)),
    ],
)
def test_a_child_is_served_through_the_day_before_the_22nd_birthday(born: date, last: date) -> None:
    assert last_day_of_age(born) == last


@pytest.mark.parametrize(
    ("day", "born", "age"),
    [
        (date(2025, 9, 2), date(2003, 9, 2), 22),
        (date(2025, 9, 1), date(2003, 9, 2), 21),
        (date(2026, 2, 28), date(2004, 2, 29), 21),
        (date(2026, 3, 1), date(2004, 2, 29), 22),
        (date(2024, 2, 29), date(2004, 2, 29), 20),
        (date(2024, 2, 29), date(2002, 3, 1), 21),
        (date(2025, 9, 2), date(2025, 9, 2), 0),
        (date(2025, 9, 1), date(2025, 9, 2), -1),
    ],
)
def test_a_child_of_29_february_is_a_year_older_on_1_march(day: date, born: date, age: int) -> None:
    assert age_on(day, born) == age


@given(days)
def test_the_last_day_of_age_21_is_the_last_on_which_a_child_is_not_22(born: date) -> None:
    assert age_on(last_day_of_age(born), born) == 21
    assert age_on(last_day_of_age(born) + DAY, born) == 22


def test_graduation_ends_eligibility_with_its_own_day() -> None:
    assert expiration_date(date(2025, 4, 18), date(2008, 1, 1), graduated=date(2026, 6, 5)) == date(2026, 6, 5)


def test_the_state_may_shorten_the_interval_and_never_lengthen_it() -> None:
    qad, born = date(2025, 4, 18), date(2012, 3, 14)
    assert expiration_date(qad, born, stated=date(2027, 1, 1)) == date(2027, 1, 1)
    assert expiration_date(qad, born, stated=date(2030, 1, 1)) == date(2028, 4, 17)


def test_a_child_whose_birth_date_is_unknown_has_the_36_months() -> None:
    assert expiration_date(date(2025, 4, 18), None) == date(2028, 4, 17)


@given(days, days, st.none() | days, st.none() | days)
def test_the_last_day_is_that_of_counting_day_by_day(
    qad: date, born: date, stated: date | None, graduated: date | None
) -> None:
    last = expiration_date(qad, born, stated, graduated)
    assert last == _counted(qad, born, stated, graduated)


@given(st.lists(st.tuples(days, st.none() | days), max_size=4), days, st.none() | days, days)
def test_a_child_is_eligible_on_a_day_when_any_move_that_it_made_covers_it(
    moves: list[tuple[date, date | None]], born: date, graduated: date | None, day: date
) -> None:
    found = eligibility([Move(qad, stated) for qad, stated in moves], born, graduated)
    covered = any(born <= qad <= day <= _counted(qad, born, stated, graduated) for qad, stated in moves)
    assert found.on(day) is covered
    if found.best is not None:
        assert found.best.expires == max(move.expires for move in found.moves if move.given)


def test_a_move_before_the_birth_gives_nothing() -> None:
    found = eligibility([Move(date(2020, 1, 1), key="7")], date(2020, 1, 2))
    assert not found.moves[0].given
    assert (found.moves[0].key, found.moves[0].by) == ("7", "born after arrival")
    assert found.best is None
    assert found.begins is None
    assert found.expires is None


def test_a_move_after_graduation_gives_nothing() -> None:
    found = eligibility([Move(date(2025, 1, 1))], date(2007, 1, 1), date(2024, 6, 1))
    assert found.best is None
    assert found.moves[0].by == "graduation"


def test_no_moves_give_no_eligibility() -> None:
    assert eligibility([], date(2010, 1, 1)) == Eligibility(moves=(), best=None)


def test_the_best_move_is_the_one_that_lasts_longest() -> None:
    found = eligibility([Move(date(2025, 5, 1), key="2"), Move(date(2023, 5, 1), key="1")], date(2012, 1, 1))
    assert [move.key for move in found.moves] == ["1", "2"]
    assert found.best is not None
    assert found.best.key == "2"
    assert (found.begins, found.expires) == (date(2025, 5, 1), date(2028, 4, 30))


def _counted(qad: date, born: date, stated: date | None, graduated: date | None) -> date:
    """Walk on from the QAD until a day is past 36 months, past age 21, past graduation or past what was stated."""

    def over(day: date) -> bool:
        # Whole years since, as one counts birthdays: the year differs, less one while the day has not come round.
        # 29 February comes round on 1 March where there is none, as the comparison of (month, day) has it.
        moved = day.year - qad.year - ((day.month, day.day) < (qad.month, qad.day))
        age = day.year - born.year - ((day.month, day.day) < (born.month, born.day))
        return (
            moved >= 3
            or age >= 22
            or (graduated is not None and day > graduated)
            or (stated is not None and day > stated)
        )

    # One of the four ends it; before the QAD the day may lie in the past of any of them.
    ends = [end for end in (graduated, stated) if end is not None]
    day = min([qad, *ends, born.replace(year=born.year + 22, day=1)])
    while not over(day):
        day += DAY
    return day - DAY
