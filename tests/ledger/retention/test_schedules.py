"""Schedules: what is kept without one, whose counts, and that none is shorter than the law's floor."""

from __future__ import annotations

from typing import Any

import pytest

from ledger.errors import BadValue, LogBroken, UnknownState
from ledger.events.base import KeyClass
from ledger.events.retention import After, DisposalWithdrawn
from ledger.retention import schedules
from ledger.retention.schedules import COUNTED, FLOORS, LAW, Schedules, SetSchedule, Since, fold, name_of
from ledger.retention.years import YEARS_MAX
from support.given_retention import ANA, after, given, schedule


def setting(record_class: str, *times: After, **changed: Any) -> SetSchedule:
    return SetSchedule(
        **{"record_class": record_class, "after": times, "authority": "OAR 166-400", "by": ANA, **changed}
    )


def test_nothing_has_a_schedule_before_somebody_sets_one_save_access_papers() -> None:
    known = Schedules()
    assert known.of("education", "OR") is None
    assert known.of("eligibility", None) is None
    law = known.of("access", "OR")
    assert law is not None
    assert law.after == [After(since="access-end", years=3)]
    assert known.called(name_of(law)) is law


def test_a_state_s_own_goes_before_the_nation_s() -> None:
    nation, state = schedule("education", after(10)), schedule("education", after(5), state="OR")
    known = fold([nation, state])
    assert known.of("education", "OR") is state
    assert known.of("education", "CA") is nation
    assert known.of("education", None) is nation


def test_access_papers_are_kept_longer_where_somebody_says_so() -> None:
    longer = schedule("access", after(7, Since.ACCESS_END))
    assert fold([longer]).of("access", "TX") is longer


def test_each_setting_has_a_name_of_its_own_and_keeps_it() -> None:
    first = given(schedules).when(setting("education", after(5), state="OR"))
    again = first.after().when(setting("education", after(6), state="OR"))
    known = again.after().state
    assert list(known.named) == ["education/OR/1", "education/OR/2"]
    assert known.called("education/OR/1").after == [after(5)]
    nation = again.after().when(setting("education", after(6))).after().state
    assert list(nation.named)[-1] == "education/nation/1"


def test_to_say_what_holds_is_nothing_and_another_authority_is_something() -> None:
    held = given(schedules).when(setting("education", after(5))).after()
    held.when(setting("education", after(5))).then()
    held.when(setting("education", after(5), authority=" OAR  166-400 ")).then()
    assert held.when(setting("education", after(5), authority="OAR 166-401")).events


@pytest.mark.parametrize("record_class", COUNTED)
def test_what_has_no_times_at_all_is_kept_for_good(record_class: str) -> None:
    given(schedules).when(setting(record_class)).then(schedule(record_class))


# -- the law's floor


@pytest.mark.parametrize(
    ("record_class", "since", "floor", "source"),
    [
        ("access", Since.ACCESS_END, 3, "34 CFR 200.85"),
        ("eligibility", Since.ELIGIBILITY_END, 3, "2 CFR 200.334"),
    ],
)
def test_a_schedule_shorter_than_the_law_is_refused_by_rule_and_remedy(
    record_class: str, since: Since, floor: int, source: str
) -> None:
    for years in (-1, 0, floor - 1):
        error = given(schedules).when(setting(record_class, after(years, since))).refused(BadValue, "retention-floor")
        assert source in error.what
        assert str(floor) in error.remedy
        assert isinstance(error, BadValue)
        assert error.place == "/after/0/years"
    given(schedules).when(setting(record_class, after(floor, since))).then(schedule(record_class, after(floor, since)))


def test_the_schedule_of_the_law_is_the_floor_itself() -> None:
    assert [(term.since, term.years) for term in LAW.after] == [(FLOORS["access"].since, FLOORS["access"].years)]


# -- what cannot be a schedule


@pytest.mark.parametrize("record_class", [*sorted(set(KeyClass) - set(COUNTED)), "contacts", ""])
def test_what_goes_otherwise_has_no_schedule_and_it_is_said_how_it_goes(record_class: str) -> None:
    given(schedules).when(setting(record_class, after(9))).refused(BadValue, "retention-class")


@pytest.mark.parametrize(
    ("record_class", "since"),
    [
        ("access", "last-activity"),
        ("education", "access-end"),
        # Disclosures go with the record: from the last of them the law alone counts.
        ("education", "last-disclosure"),
        # Eligibility may be destroyed first, and leaves nothing to count from.
        ("education", "eligibility-end"),
        ("eligibility", "graduation"),
    ],
)
def test_years_count_only_from_what_the_class_knows(record_class: str, since: str) -> None:
    given(schedules).when(setting(record_class, after(9, since))).refused(BadValue, "retention-since")


def test_nothing_is_counted_from_twice() -> None:
    given(schedules).when(setting("education", after(5), after(6))).refused(BadValue, "retention-since")


@pytest.mark.parametrize("years", [-5, 0, YEARS_MAX + 1])
def test_years_that_nobody_could_count_are_refused(years: int) -> None:
    given(schedules).when(setting("education", after(years))).refused(BadValue, "retention-years")


@pytest.mark.parametrize("authority", ["", " \n", "x" * 501, "OAR\x00166"])
def test_a_schedule_names_its_authority(authority: str) -> None:
    given(schedules).when(setting("education", after(5), authority=authority)).refused(BadValue, "authority")


def test_a_place_that_is_no_state_has_none() -> None:
    given(schedules).when(setting("education", after(5), state="ZZ")).refused(UnknownState)


def test_the_stream_of_schedules_holds_nothing_else() -> None:
    with pytest.raises(LogBroken, match="disposal-withdrawn"):
        fold([DisposalWithdrawn(disposal="d", by=ANA)])
