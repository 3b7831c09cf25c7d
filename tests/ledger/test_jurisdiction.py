"""How one state wants its records kept."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from ledger.errors import BadValue, LogBroken, UnknownState
from ledger.events import Event
from ledger.events.jurisdiction import CalendarSet, ProfileSet, Term, TermSet
from ledger.events.record import RecordRetracted
from ledger.jurisdiction import (
    DEFAULT,
    Profile,
    SetCalendar,
    SetProfile,
    SetTerms,
    calendar_of,
    decide,
    default_jurisdiction,
    default_profile,
    evolve,
    fold,
    terms_of,
)
from ledger.mde import FIPS, STATES
from ledger.rulebook import RULES

OREGON = default_jurisdiction("OR")
STABLE_OREGON = SetProfile(state="OR", time_zone="America/Los_Angeles", record_ids="stable", rule_levels={"V9": "warn"})


def test_a_profile_set_holds_from_its_version_on() -> None:
    events = decide(STABLE_OREGON, OREGON)
    assert events == [
        ProfileSet(time_zone="America/Los_Angeles", record_ids="stable", rule_levels={"V9": "warn"}),
    ]
    after = fold(events, OREGON)
    assert after.profile.record_ids == "stable"
    assert after.profile.rule_levels == {"V9": "warn"}
    assert after.profile.version == after.version == 1
    assert after.calendar == OREGON.calendar


def test_setting_the_same_profile_again_appends_nothing() -> None:
    after = fold(decide(STABLE_OREGON, OREGON), OREGON)
    assert decide(STABLE_OREGON, after) == []


def test_setting_the_default_for_the_first_time_is_a_word_of_the_state_all_the_same() -> None:
    assert len(decide(SetProfile(state="OR", time_zone=OREGON.profile.time_zone), OREGON)) == 1


def test_setting_the_default_is_a_word_of_the_state_also_after_its_terms() -> None:
    after = fold([TermSet(school_year=2025, terms=[FALL])], OREGON)
    assert (after.profile_version, after.terms_version) == (0, 1)
    event = decide(SetProfile(state="OR", time_zone=OREGON.profile.time_zone), after)
    assert len(event) == 1
    later = fold(event, after)
    assert (later.profile_version, later.terms_version) == (2, 1)
    assert decide(SetProfile(state="OR", time_zone=OREGON.profile.time_zone), later) == []


def test_a_profile_is_set_whole_so_what_it_does_not_name_falls_back() -> None:
    after = fold(decide(STABLE_OREGON, OREGON), OREGON)
    after = fold(decide(SetProfile(state="OR", time_zone="America/Boise"), after), after)
    assert after.profile.record_ids == DEFAULT.record_ids
    assert after.profile.rule_levels == {}
    assert after.profile.version == 2


def test_a_calendar_set_holds_and_leaves_the_profile_alone() -> None:
    command = SetCalendar(state="OR", subdivision="OR", closed=["2025-11-28", "2025-11-28"], open=["2025-07-04"])
    events = decide(command, OREGON)
    assert events == [CalendarSet(subdivision="OR", closed=["2025-11-28"], open=["2025-07-04"])]
    after = fold(events, OREGON)
    assert (after.calendar.closed, after.calendar.open, after.calendar.version) == (["2025-11-28"], ["2025-07-04"], 1)
    assert after.profile == OREGON.profile
    assert decide(command, after) == []


@pytest.mark.parametrize(
    "changes",
    [
        {"time_zone": "Oregon"},
        {"time_zone": ""},
        {"time_zone": "../etc"},
        {"time_zone": "America"},
        {"expected_hour": 24},
        {"response_days": 0},
        {"record_ids": "sometimes"},
        {"rule_levels": {"V9": "shrug"}},
        {"rule_levels": {"V99": "warn"}},
        {"escalation_days": (7, 0, 16)},
        {"escalation_days": (7, 7, 366)},
        {"response_days": 3651},
        {"time_zone": "localtime"},
        {"time_zone": "Factory"},
        {"time_zone": "posix/America/Los_Angeles"},
        {"time_zone": "x" * 5000},
        {"time_zone": "a\0b"},
    ],
)
def test_a_profile_that_cannot_be_followed_is_refused(changes: dict[str, Any]) -> None:
    values = {"state": "OR", "time_zone": "America/Los_Angeles", **changes}
    with pytest.raises(BadValue) as refusal:
        decide(SetProfile(**values), OREGON)
    assert refusal.value.rule == "profile"
    assert refusal.value.element in changes
    assert refusal.value.remedy


@pytest.mark.parametrize(
    ("code", "level"), [(code, level) for code, rule in RULES.items() for level in ("refuse", "warn", "off")]
)
def test_a_profile_sets_the_levels_that_a_rule_may_have_and_no_other(code: str, level: str) -> None:
    command = SetProfile(state="OR", time_zone="America/Los_Angeles", rule_levels={code: level})
    rule = RULES[code]
    if level in rule.levels:
        assert fold(decide(command, OREGON), OREGON).profile.rule_levels == {code: level}
        return
    with pytest.raises(BadValue) as refusal:
        decide(command, OREGON)
    assert (refusal.value.rule, refusal.value.element) == ("profile", "rule_levels")
    assert code in str(refusal.value)
    if rule.level == "file":
        assert f"The level of rule {code} cannot be set: it refuses the whole file" in refusal.value.what
    elif not rule.levels:
        assert f"The level of rule {code} cannot be set" in refusal.value.what
    else:
        assert refusal.value.remedy == f"The level of rule {code} is `warn` or `off`."


def test_a_level_that_was_stored_before_a_rule_was_fixed_is_still_folded() -> None:
    after = fold([ProfileSet(time_zone="America/Boise", rule_levels={"V24": "warn"})], OREGON)
    assert after.profile.rule_levels == {"V24": "warn"}


# -- terms

FALL = Term(name="Fall 2025", kind="regular", begins="2025-09-02", ends="2025-12-19")
SPRING = Term(name="Spring 2026", kind="regular", begins="2026-01-05", ends="2026-06-12")
SUMMER = Term(name="Summer 2026", kind="summer", begins="2026-06-15", ends="2026-08-14")


def terms(*given: Term, year: int = 2025, district: str | None = None) -> SetTerms:
    return SetTerms(state="OR", school_year=year, district=district, terms=list(given))


def test_terms_set_hold_for_their_school_year_and_leave_the_rest_alone() -> None:
    events = decide(terms(SUMMER, SPRING, FALL), OREGON)
    assert events == [TermSet(school_year=2025, terms=[FALL, SPRING, SUMMER])]
    after = fold([ProfileSet(time_zone="America/Boise"), *events, CalendarSet()], OREGON)
    assert after.profile == Profile(time_zone="America/Boise", terms={"": {2025: [FALL, SPRING, SUMMER]}}, version=2)
    assert after.calendar.version == 3
    later = fold([ProfileSet(time_zone="America/Denver")], after)
    assert later.profile.terms == after.profile.terms, "a new profile leaves the terms"
    other = fold(
        decide(terms(Term(name="F", kind="regular", begins="2024-09-03", ends="2024-12-20"), year=2024), after), after
    )
    assert sorted(other.profile.terms[""]) == [2024, 2025]


def test_the_same_terms_again_in_any_order_append_nothing() -> None:
    after = fold(decide(terms(FALL, SPRING), OREGON), OREGON)
    assert decide(terms(SPRING, FALL), after) == []
    assert decide(terms(FALL), after) == [TermSet(school_year=2025, terms=[FALL])]
    assert decide(terms(FALL, SPRING, district="4113770"), after) != []


def test_no_terms_take_back_what_was_set() -> None:
    after = fold(decide(terms(FALL), OREGON), OREGON)
    assert decide(terms(), OREGON) == [], "nothing was set"
    taken_back = fold(decide(terms(), after), after)
    assert taken_back.profile.terms == {}


def test_a_district_has_its_own_terms_of_a_year_and_the_states_of_the_others() -> None:
    before = Term(name="Year", kind="regular", begins="2024-09-03", ends="2025-06-12")
    own = Term(name="All year", kind="regular", begins="2025-07-21", ends="2026-06-30")
    state = OREGON
    for command in (terms(FALL, SPRING), terms(before, year=2024), terms(own, district="4113770")):
        state = fold(decide(command, state), state)
    held = state.profile.terms
    assert sorted(term.name for term in terms_of(held, None)) == ["Fall 2025", "Spring 2026", "Year"]
    assert sorted(term.name for term in terms_of(held, "4113770")) == ["All year", "Year"]
    assert terms_of(held, "4101474") == terms_of(held, None)
    assert terms_of({}, "4101474") == []


@pytest.mark.parametrize(
    ("command", "element"),
    [
        (terms(FALL, district="Woodburn"), "district"),
        (terms(FALL, district="411377"), "district"),
        (terms(FALL, district="0622710"), "district"),
        (terms(FALL, district="٤١١٣٧٧٠"), "district"),
        (terms(FALL, year=25), "school_year"),
        (terms(*[FALL] * 51), "terms"),
        (terms(Term(name="Fall\0", kind="regular", begins="2025-09-02", ends="2025-12-19")), "name"),
        (terms(Term(name="Fall", kind="regular", begins="2025-09-02", ends="2026-02-29")), "ends"),
        (terms(FALL, Term(name=" Fall  2025", kind="summer", begins="2026-06-15", ends="2026-08-14")), "name"),
        (terms(FALL, year=2023), "begins"),
        (terms(Term(name="", kind="regular", begins="2025-09-02", ends="2025-12-19")), "name"),
        (terms(Term(name="x" * 51, kind="regular", begins="2025-09-02", ends="2025-12-19")), "name"),
        (terms(Term(name="Fall", kind="fall", begins="2025-09-02", ends="2025-12-19")), "kind"),
        (terms(Term(name="Fall", kind="regular", begins="2025-12-19", ends="2025-09-02")), "begins"),
        (terms(Term(name="Fall", kind="regular", begins="20250902", ends="2025-12-19")), "begins"),
        (terms(Term(name="Fall", kind="regular", begins="2025-09-31", ends="2025-12-19")), "begins"),
        (terms(FALL, Term(name="Fall 2025", kind="summer", begins="2026-06-15", ends="2026-08-14")), "name"),
        (terms(FALL, Term(name="Winter", kind="regular", begins="2025-12-19", ends="2026-01-04")), "begins"),
    ],
)
def test_terms_that_cannot_be_followed_are_refused(command: SetTerms, element: str) -> None:
    with pytest.raises(BadValue) as refusal:
        decide(command, OREGON)
    assert (refusal.value.rule, refusal.value.element) == ("terms", element)
    assert refusal.value.remedy


@pytest.mark.parametrize(
    ("given", "place"),
    [
        (
            [SPRING, FALL, SUMMER, Term(name="W", kind="regular", begins="2025-12-19", ends="2026-01-02")],
            "/terms/3/begins",
        ),
        ([SPRING, Term(name="F", kind="regular", begins="2025-09-02", ends="2026-01-05")], "/terms/0/begins"),
        ([FALL, Term(name="S", kind="spring", begins="2026-01-05", ends="2026-06-12")], "/terms/1/kind"),
    ],
)
def test_a_term_is_pointed_at_where_it_was_sent(given: list[Term], place: str) -> None:
    """Not where it stands once the terms are in the order of their days."""
    with pytest.raises(BadValue) as refusal:
        decide(terms(*given), OREGON)
    assert refusal.value.place == place


def test_blanks_around_a_term_s_name_are_not_of_it() -> None:
    loose = Term(name="  Fall\t 2025 ", kind="regular", begins=FALL.begins, ends=FALL.ends)
    assert decide(terms(loose), OREGON) == [TermSet(school_year=2025, terms=[FALL])]


@pytest.mark.parametrize("state", sorted(STATES))
def test_every_state_sets_the_terms_of_its_own_districts(state: str) -> None:
    for digits, own in ((FIPS[state], True), ("59", True), ("58", False)):
        command = SetTerms(state=state, school_year=2025, district=f"{digits}13770", terms=[FALL])
        if own:
            assert len(decide(command, default_jurisdiction(state))) == 1
            continue
        with pytest.raises(BadValue):
            decide(command, default_jurisdiction(state))


def test_an_intersession_may_lie_within_a_regular_term() -> None:
    off = Term(name="Break", kind="intersession", begins="2025-10-06", ends="2025-10-24")
    assert len(decide(terms(FALL, off), OREGON)) == 1


# -- a state's own day (V30)


@pytest.mark.parametrize(
    ("state", "instant", "day"),
    [
        ("OR", datetime(2025, 9, 3, 6, 59, tzinfo=UTC), date(2025, 9, 2)),
        ("NY", datetime(2025, 9, 3, 6, 59, tzinfo=UTC), date(2025, 9, 3)),
        ("GU", datetime(2025, 9, 2, 14, 0, tzinfo=UTC), date(2025, 9, 3)),
        ("HI", datetime(2025, 9, 3, 9, 59, tzinfo=UTC), date(2025, 9, 2)),
        # The night on which clocks go back has 25 hours in Oregon, and none more in Arizona.
        ("OR", datetime(2025, 11, 3, 7, 59, tzinfo=UTC), date(2025, 11, 2)),
        ("AZ", datetime(2025, 11, 3, 7, 0, tzinfo=UTC), date(2025, 11, 3)),
    ],
)
def test_a_day_is_the_states_own(state: str, instant: datetime, day: date) -> None:
    calendar = calendar_of(default_jurisdiction(state))
    assert calendar.day_of(instant) == day
    assert instant < calendar.end_of(day)


def test_a_day_follows_the_zone_that_the_profile_names() -> None:
    boise = fold([ProfileSet(time_zone="America/Boise")], OREGON)
    instant = datetime(2025, 9, 3, 6, 30, tzinfo=UTC)
    assert calendar_of(OREGON).day_of(instant) == date(2025, 9, 2)
    assert calendar_of(boise).day_of(instant) == date(2025, 9, 3)


@pytest.mark.parametrize(
    ("changes", "element"),
    [
        ({"closed": ["Christmas"]}, "closed"),
        ({"open": ["2025-13-01"]}, "open"),
        ({"closed": ["2025-11-28"], "open": ["2025-11-28"]}, "closed"),
        ({"subdivision": "ZZ"}, "subdivision"),
        ({"closed": ["20251128"]}, "closed"),
        ({"closed": ["2025-W48-5"]}, "closed"),
        ({"open": ["2025-07-04"] * 1001}, "open"),
    ],
)
def test_a_calendar_that_cannot_be_followed_is_refused(changes: dict[str, list[str]], element: str) -> None:
    with pytest.raises(BadValue) as refusal:
        decide(SetCalendar(state="OR", **changes), OREGON)  # pyright: ignore[reportArgumentType]
    assert (refusal.value.rule, refusal.value.element) == ("calendar", element)
    assert refusal.value.remedy


def test_what_is_no_state_has_no_profile() -> None:
    with pytest.raises(UnknownState):
        decide(SetProfile(state="ZZ", time_zone="America/Boise"), default_jurisdiction("ZZ"))


@pytest.mark.parametrize("state", sorted(STATES))
def test_every_state_has_a_clock_from_the_start(state: str) -> None:
    assert ZoneInfo(default_profile(state).time_zone)


def test_oregon_runs_on_pacific_time() -> None:
    assert default_profile("OR").time_zone == "America/Los_Angeles"


def test_folding_at_once_equals_folding_one_by_one() -> None:
    events: list[Event] = [
        ProfileSet(time_zone="America/Boise"),
        TermSet(school_year=2025, terms=[FALL]),
        CalendarSet(),
        ProfileSet(time_zone="Asia/Tokyo"),
        TermSet(school_year=2025),
    ]
    state = OREGON
    for event in events:
        state = evolve(state, event)
    assert state == fold(events, OREGON)
    assert default_jurisdiction("OR") == OREGON, "evolve leaves its argument alone"


def test_an_event_of_another_kind_of_stream_breaks_the_log() -> None:
    with pytest.raises(LogBroken):
        evolve(OREGON, RecordRetracted())
