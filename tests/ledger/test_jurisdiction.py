"""How one state wants its records kept."""

from __future__ import annotations

from typing import Any
from zoneinfo import ZoneInfo

import pytest

from ledger.errors import BadValue, LogBroken, UnknownState
from ledger.events import Event
from ledger.events.jurisdiction import CalendarSet, ProfileSet
from ledger.events.record import RecordRetracted
from ledger.jurisdiction import (
    DEFAULT,
    SetCalendar,
    SetProfile,
    decide,
    default_jurisdiction,
    default_profile,
    evolve,
    fold,
)
from ledger.mde import STATES

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
    ("changes", "element"),
    [
        ({"closed": ["Christmas"]}, "closed"),
        ({"open": ["2025-13-01"]}, "open"),
        ({"closed": ["2025-11-28"], "open": ["2025-11-28"]}, "closed"),
        ({"subdivision": "ZZ"}, "subdivision"),
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
    events: list[Event] = [ProfileSet(time_zone="America/Boise"), CalendarSet(), ProfileSet(time_zone="Asia/Tokyo")]
    state = OREGON
    for event in events:
        state = evolve(state, event)
    assert state == fold(events, OREGON)
    assert default_jurisdiction("OR") == OREGON, "evolve leaves its argument alone"


def test_an_event_of_another_kind_of_stream_breaks_the_log() -> None:
    with pytest.raises(LogBroken):
        evolve(OREGON, RecordRetracted())
