"""What falls due when: schedules held against days, the law's floor on top, and the record as a whole last."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from ledger.retention.days import Subject
from ledger.retention.due import (
    ELIGIBILITY_KEPT,
    FOR_GOOD,
    NO_SCHEDULE,
    NOTHING_THERE,
    UNKNOWN,
    Due,
    Kept,
    Latest,
    due,
    latest_days,
    reckon,
)
from ledger.retention.schedules import LAW, Schedules, Since, fold
from support.given_retention import DAYS, SCHEDULES, after, due_on, schedule, subject

DAY = timedelta(days=1)
ACCESS = frozenset({"access"})


def why(one: Due | Kept) -> tuple[str, str | None]:
    assert isinstance(one, Kept), one
    return one.why, one.since


def account(ended: date | None, today: date = date(2033, 6, 1)) -> Subject:
    days = {} if ended is None else {Since.ACCESS_END: ended}
    return Subject(id="b1", state="OR", present=ACCESS, days=days, today=today)


# -- schedules


def test_without_a_schedule_nothing_of_a_record_falls_due_however_old_it_is() -> None:
    old = subject(today=date(2200, 1, 1))
    assert due([old], Schedules()) == []
    assert {why(reckon(name, old, Schedules())) for name in ("education", "eligibility")} == {(NO_SCHEDULE, None)}


def test_another_state_s_schedule_is_none() -> None:
    assert due([subject(state="CA")], SCHEDULES) == []


def test_five_years_after_the_last_activity_are_over_on_the_day_after() -> None:
    found = reckon("education", subject(), SCHEDULES)
    assert due_on(found) == date(2032, 5, 16)
    assert [one.record_class for one in due([subject(today=date(2032, 5, 15))], SCHEDULES)] == ["eligibility"]
    # The one that fell due first stands first.
    assert [one.record_class for one in due([subject(today=date(2032, 5, 16))], SCHEDULES)] == [
        "eligibility",
        "education",
    ]


def test_each_record_is_reckoned_on_the_day_of_its_own_state() -> None:
    """It is the 16th in New York while it is the 15th in Los Angeles."""
    nation = fold([schedule("education", after(5)), schedule("eligibility", after(3, Since.ELIGIBILITY_END))])
    east, west = (
        subject(id=name, state=name, today=day) for name, day in (("NY", date(2032, 5, 16)), ("CA", date(2032, 5, 15)))
    )
    assert [one.subject for one in due([east, west], nation) if one.record_class == "education"] == ["NY"]


def test_what_waits_for_several_times_waits_for_all_of_them() -> None:
    """Born on a leap day: the twenty-ninth birthday is 1 March 2033, through which it is kept."""
    both = fold([schedule("education", after(5), after(29, Since.BIRTH)), schedule("eligibility", after(3))])
    found = reckon("education", subject(), both)
    assert due_on(found) == date(2033, 3, 2)
    assert isinstance(found, Due)
    assert (found.since, found.years, found.schedule, found.source) == ("birth", 29, "education/nation/1", None)


def test_a_day_that_nobody_knows_is_never_over() -> None:
    both = fold([schedule("education", after(5), after(25, Since.BIRTH))])
    unknown = subject(days={Since.LAST_ACTIVITY: date(1990, 1, 1)}, present=frozenset({"education"}))
    assert why(reckon("education", unknown, both)) == (UNKNOWN, "birth")


def test_what_is_kept_for_good_never_falls_due() -> None:
    assert why(reckon("education", subject(), fold([schedule("education")]))) == (FOR_GOOD, None)


def test_a_schedule_that_was_made_longer_makes_it_due_later() -> None:
    longer = fold([schedule("education", after(10), state="OR", number=2)], SCHEDULES)
    assert due_on(reckon("education", subject(), longer)) == date(2037, 5, 16)


def test_what_is_gone_is_not_due() -> None:
    without = subject(present=frozenset({"education", "disclosure"}))
    assert why(reckon("eligibility", without, SCHEDULES)) == (NOTHING_THERE, None)
    assert [one.record_class for one in due([without], SCHEDULES)] == ["education"]


# -- the law's floor


def test_a_record_is_kept_five_years_after_it_was_last_shown() -> None:
    shown = subject(days={**DAYS, Since.LAST_DISCLOSURE: date(2031, 2, 3)})
    found = reckon("education", shown, SCHEDULES)
    assert due_on(found) == date(2036, 2, 4)
    assert isinstance(found, Due)
    assert (found.since, found.years, found.source) == ("last-disclosure", 5, "5 USC 552a(c)(3)")


def test_a_record_that_was_never_shown_has_no_such_years_to_wait() -> None:
    assert due_on(reckon("education", subject(), SCHEDULES)) == date(2032, 5, 16)


def test_a_schedule_of_births_alone_does_not_shorten_eligibility() -> None:
    births = fold([schedule("eligibility", after(1, Since.BIRTH))])
    found = reckon("eligibility", subject(), births)
    assert due_on(found) == date(2029, 9, 1)
    assert isinstance(found, Due)
    assert found.source == "2 CFR 200.334"


# -- the record as a whole


def test_a_record_waits_for_its_eligibility() -> None:
    longer = fold([schedule("eligibility", after(11, Since.ELIGIBILITY_END), state="OR", number=2)], SCHEDULES)
    assert due_on(reckon("education", subject(), longer)) == date(2037, 9, 1)


def test_a_record_whose_eligibility_is_kept_is_kept() -> None:
    known = fold([schedule("education", after(5))])
    assert why(reckon("education", subject(), known)) == (ELIGIBILITY_KEPT, None)
    without = subject(present=frozenset({"education"}))
    assert due_on(reckon("education", without, known)) == date(2032, 5, 16)


# -- access papers


@pytest.mark.parametrize(
    ("ended", "due"), [(date(2030, 5, 31), date(2033, 6, 1)), (date(2024, 2, 29), date(2027, 3, 2))]
)
def test_access_papers_are_due_three_years_after_access_ended_without_anybody_setting_it(
    ended: date, due: date
) -> None:
    found = reckon("access", account(ended), Schedules())
    assert due_on(found) == due
    assert isinstance(found, Due)
    assert found.schedule == "access/law"


def test_access_papers_are_not_due_while_access_is_had() -> None:
    assert why(reckon("access", account(None), Schedules())) == (UNKNOWN, "access-end")


def test_an_account_of_the_nation_has_the_nation_s_schedule() -> None:
    known = fold(
        [schedule("access", after(4, Since.ACCESS_END)), schedule("access", after(9, Since.ACCESS_END), state="OR")]
    )
    national = Subject(id="b1", present=ACCESS, days={Since.ACCESS_END: date(2030, 1, 1)}, today=date(2034, 1, 2))
    assert [one.schedule for one in due([national], known)] == ["access/nation/1"]


@pytest.mark.parametrize(
    ("state", "before", "named"),
    [("CA", {"OR"}, "access/OR/1"), ("OR", {"CA"}, "access/OR/1"), (None, {"CA"}, "access/nation/1")],
)
def test_an_account_that_was_of_several_places_is_kept_as_long_as_the_longest_says(
    state: str | None, before: set[str], named: str
) -> None:
    known = fold(
        [schedule("access", after(5, Since.ACCESS_END))]
        + [schedule("access", after(n, Since.ACCESS_END), state=one) for one, n in (("OR", 7), ("CA", 4))]
    )
    one = replace(account(date(2020, 1, 1)), state=state, before=frozenset(before))
    found = reckon("access", one, known)
    assert isinstance(found, Due)
    assert found.schedule == named
    for_good = fold([schedule("access", state=state)], known)
    assert why(reckon("access", one, for_good)) == (FOR_GOOD, None)


# -- against a plain model


days = st.dates(date(2000, 1, 1), date(2040, 12, 31))
terms = st.dictionaries(st.sampled_from([Since.LAST_ACTIVITY, Since.BIRTH]), st.integers(1, 30), max_size=2)


def over(day: date | None, years: int, today: date) -> bool:
    """Whether each day of so many years after a day is over, counted by calendar years and never by our own code."""
    if day is None:
        return False
    anniversary = (day.year + years, day.month, day.day)
    if (day.month, day.day) == (2, 29) and not (anniversary[0] % 4 == 0 and anniversary[0] % 100):
        anniversary = (anniversary[0], 3, 1)
    return (today.year, today.month, today.day) > anniversary


@given(
    education=st.none() | terms,
    eligibility=st.none() | st.integers(3, 12),
    known=st.dictionaries(st.sampled_from(Since), days),
    present=st.sets(st.sampled_from(["education", "eligibility"])),
    today=days.map(lambda day: day.replace(year=day.year + 30, day=min(day.day, 28))),
)
def test_what_is_due_is_what_a_clerk_with_a_calendar_would_take_out(
    education: Mapping[Since, int] | None,
    eligibility: int | None,
    known: Mapping[Since, date],
    present: set[str],
    today: date,
) -> None:
    events = []
    if education is not None:
        events.append(schedule("education", *(after(years, since) for since, years in education.items())))
    if eligibility is not None:
        events.append(schedule("eligibility", after(eligibility, Since.ELIGIBILITY_END)))
    one = subject(days=known, present=frozenset(present), today=today)
    moves_over = eligibility is not None and over(known.get(Since.ELIGIBILITY_END), eligibility, today)
    shown = known.get(Since.LAST_DISCLOSURE)
    wanted = set()
    if "eligibility" in present and moves_over:
        wanted.add("eligibility")
    if (
        "education" in present
        and education
        and all(over(known.get(since), years, today) for since, years in education.items())
        and (shown is None or over(shown, 5, today))
        and ("eligibility" not in present or moves_over)
    ):
        wanted.add("education")
    assert {found.record_class for found in due([one], fold(events))} == wanted


@given(days, days, st.integers(1, 20), st.integers(1, 20))
def test_a_query_by_latest_days_misses_nothing_that_is_due(active: date, born: date, one: int, other: int) -> None:
    known = fold([schedule("education", after(one), after(other, Since.BIRTH))])
    today = date(2045, 3, 1)
    latest = latest_days("education", "OR", known, today)
    assert latest is not None
    record = subject(
        days={Since.LAST_ACTIVITY: active, Since.BIRTH: born}, present=frozenset({"education"}), today=today
    )
    asked = active <= latest.days[Since.LAST_ACTIVITY] and born <= latest.days[Since.BIRTH]
    assert asked == bool(due([record], known))


def test_there_is_nothing_to_query_where_all_is_kept() -> None:
    assert latest_days("education", "OR", Schedules(), date(2045, 3, 1)) is None
    assert latest_days("education", "OR", fold([schedule("education")]), date(2045, 3, 1)) is None
    access = latest_days("access", "OR", Schedules(), date(2027, 3, 2))
    assert access == Latest({Since(LAW.after[0].since): date(2024, 3, 1)})


def test_the_floors_of_the_law_and_what_a_record_waits_for_are_queried_too() -> None:
    today = date(2045, 3, 2)
    said = [schedule("education", after(9)), schedule("eligibility", after(1, Since.BIRTH))]
    days = {Since.LAST_ACTIVITY: date(2036, 3, 1), Since.LAST_DISCLOSURE: date(2040, 3, 1)}
    moves = {Since.BIRTH: date(2044, 3, 1), Since.ELIGIBILITY_END: date(2042, 3, 1)}
    assert latest_days("education", "OR", fold(said), today) == Latest(days, moves)
    assert latest_days("eligibility", "OR", fold(said), today) == Latest(moves)
    assert latest_days("education", "OR", fold(said[:1]), today) == Latest(days, None)
