"""An account: until when its access holds, when time looks at it, and what its events leave."""

from __future__ import annotations

from datetime import date, timedelta

import pytest

from ledger.account_acts import KeepTime, decide
from ledger.accounts import (
    NEW,
    Account,
    Family,
    a_year_after,
    evolve,
    fold,
    grown_up_on,
    looked_at_on,
    records_on,
    renew_on,
)
from ledger.events import Event
from ledger.events.account import (
    EVENTS,
    AccountDeactivated,
    AccountOpened,
    AccountProposed,
    FamilyAccessEnded,
    FamilyAccessGranted,
    FamilyAccessTaken,
    RenewalDue,
    RenewalOverdue,
    RoleEnded,
    RoleGranted,
    RulesAccepted,
    TrainingRecorded,
)
from ledger.events.application import AccessApplied, AskedRole
from support.admitting import ROSA

ROLE = AskedRole(role="secondary_user", organisation="Hood River School", state="OR")
OPENED = AccountOpened(email=ROSA, name="Rosa Núñez")


def training(on: str) -> TrainingRecorded:
    return TrainingRecorded(course="Security", completed_on=on, by="help desk")


def family(until: date, *records: str) -> Family:
    return Family(
        student_id="100",
        records=list(records),
        relation="parent",
        until=until,
        ends_by="date",
        organisation="Hood River School",
        state="OR",
        taken=True,
    )


@pytest.mark.parametrize(
    ("day", "after"),
    [
        (date(2025, 11, 23), date(2026, 11, 23)),
        (date(2024, 2, 29), date(2025, 2, 28)),
        (date(2023, 2, 28), date(2024, 2, 28)),
        (date(2023, 3, 1), date(2024, 3, 1)),
        (date(2027, 12, 31), date(2028, 12, 31)),
    ],
)
def test_a_year_after_is_the_same_day_and_never_longer_than_a_year(day: date, after: date) -> None:
    assert a_year_after(day) == after
    assert after - day <= timedelta(days=366)


@pytest.mark.parametrize(
    ("born", "grown"),
    [
        (date(2008, 2, 29), date(2026, 2, 28)),
        (date(2008, 2, 28), date(2026, 2, 28)),
        (date(2008, 3, 1), date(2026, 3, 1)),
        (date(2010, 12, 31), date(2028, 12, 31)),
    ],
)
def test_who_was_born_on_a_leap_day_is_grown_up_on_the_last_of_february(born: date, grown: date) -> None:
    assert grown_up_on(born) == grown


@pytest.mark.parametrize(
    ("events", "day"),
    [
        ([], None),
        ([training("2026-01-10")], None),
        ([RulesAccepted(edition="1", on="2026-01-10")], None),
        ([training("2026-01-10"), RulesAccepted(edition="1", on="2026-03-01")], date(2027, 1, 10)),
        ([training("2026-03-01"), RulesAccepted(edition="1", on="2026-01-10")], date(2027, 1, 10)),
        ([training("2024-02-29"), RulesAccepted(edition="1", on="2024-03-01")], date(2025, 2, 28)),
    ],
)
def test_access_holds_a_year_from_the_older_of_training_and_rules(events: list[Event], day: date | None) -> None:
    assert renew_on(fold([OPENED, *events])) == day


def test_an_older_training_that_is_recorded_later_takes_nothing_away() -> None:
    known = fold([training("2026-03-01"), training("2026-01-10")])
    assert (known.trained_on, known.version) == (date(2026, 3, 1), 2)


def test_an_account_begins_with_what_is_applied_for_and_later_applications_rename_nobody() -> None:
    first = AccountProposed(application="a", email=ROSA, name="Rosa Núñez", asked=ROLE)
    known = fold([first])
    assert (known.status, known.email, known.name, known.proposed) == ("applied", ROSA, "Rosa Núñez", ROLE)
    assert (known.roles, known.version) == ({}, 1)
    other = AskedRole(role="primary_user", organisation="Salem School", state="OR")
    again = AccountProposed(application="b", email="rosa@other.example.org", name="R. N.", asked=other)
    assert (fold([first, again]).email, fold([first, again]).proposed) == ("rosa@other.example.org", other)
    opened = fold([first, OPENED, again])
    assert (opened.status, opened.email, opened.name, opened.proposed) == ("active", ROSA, "Rosa Núñez", other)


def test_a_familys_records_count_from_when_the_code_is_shown_until_it_has_ended() -> None:
    day = date(2026, 5, 1)
    granted = FamilyAccessGranted(
        grant=1,
        student_id="100",
        records=["a", "b"],
        relation="parent",
        identification="passport",
        until=day.isoformat(),
        ends_by="date",
        by="luis",
        organisation="Agana School",
        state="GU",
    )
    known = fold([OPENED, granted])
    one = known.families[1]
    assert (one.organisation, one.state, one.taken) == ("Agana School", "GU", False)
    assert records_on(known, day) == frozenset()
    assert looked_at_on(known) == day + timedelta(days=1), "it ends by itself also where nobody showed the code"
    taken = fold([FamilyAccessTaken(grant=1)], known)
    assert records_on(taken, day) == {"a", "b"}
    assert records_on(fold([FamilyAccessEnded(grant=1, by="luis", why="withdrawn")], taken), day) == frozenset()


def test_a_familys_records_are_those_of_the_grants_whose_last_day_is_not_over() -> None:
    day = date(2026, 5, 1)
    known = Account(families={1: family(day, "a", "b"), 2: family(day + timedelta(days=1), "b", "c")})
    assert records_on(known, day) == {"a", "b", "c"}
    assert records_on(known, day + timedelta(days=1)) == {"b", "c"}
    assert records_on(known, day + timedelta(days=2)) == frozenset()


def test_a_number_is_never_used_again() -> None:
    events = [OPENED, RoleGranted(grant=1, role=ROLE, by="ana"), RoleEnded(grant=1, by="ana", reason="left")]
    known = fold(events)
    assert (known.roles, known.last_grant) == ({}, 1)


def test_a_fold_goes_on_where_another_ended() -> None:
    events = [OPENED, training("2026-01-10"), RoleGranted(grant=1, role=ROLE, by="ana")]
    assert fold(events[1:], fold(events[:1])) == fold(events)
    assert fold([]) == NEW


def test_every_event_of_an_account_is_known_to_its_state() -> None:
    assert set(EVENTS) <= set(evolve.registry)


def test_an_event_of_another_stream_is_no_event_of_an_account() -> None:
    with pytest.raises(TypeError):
        evolve(AccessApplied.__new__(AccessApplied), NEW)


# -- when time looks


TRAINED = [OPENED, training("2026-01-10"), RulesAccepted(edition="1", on="2026-01-12")]
GRANTED = [*TRAINED, RoleGranted(grant=1, role=ROLE, by="ana")]
DUE = date(2027, 1, 10)


@pytest.mark.parametrize(
    ("events", "day"),
    [
        ([], None),
        (TRAINED, None),
        (GRANTED, DUE - timedelta(days=30)),
        ([*GRANTED, RenewalDue(due_on="2027-01-10")], DUE + timedelta(days=1)),
        ([*GRANTED, RenewalOverdue(due_on="2027-01-10")], None),
        ([*GRANTED, RenewalDue(due_on="2026-01-10")], DUE - timedelta(days=30)),
        ([*GRANTED, RoleEnded(grant=1, by="ana", reason="left")], None),
        (
            [*GRANTED, RoleEnded(grant=1, by="ana", reason="left"), AccountDeactivated(by="ana", reason="left")],
            None,
        ),
    ],
)
def test_time_looks_when_it_has_something_to_tell(events: list[Event], day: date | None) -> None:
    known = fold(events)
    assert looked_at_on(known) == day
    if day is not None:
        assert decide(KeepTime(by="timekeeper", today=day - timedelta(days=1)), known) == []
        assert decide(KeepTime(by="timekeeper", today=day), known) != []


def test_the_grant_to_a_family_that_is_over_first_is_looked_at_first() -> None:
    day = date(2026, 5, 1)
    known = Account(status="active", families={1: family(day + timedelta(days=9)), 2: family(day)})
    assert looked_at_on(known) == day + timedelta(days=1)
    told = decide(KeepTime(by="timekeeper", today=day + timedelta(days=1)), known)
    assert told == [FamilyAccessEnded(grant=2, by="timekeeper", why="date")]
