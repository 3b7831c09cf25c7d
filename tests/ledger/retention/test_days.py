"""From which days years count: in the state's own zone, the latest that would do, unknown where nobody said."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest

from ledger.calendar import Calendar
from ledger.events import Erased, Event, Recorded
from ledger.events.account import (
    AccountDeactivated,
    AccountDisabled,
    AccountOpened,
    AccountProposed,
    FamilyAccessEnded,
    FamilyAccessGranted,
    RoleEnded,
    RoleGranted,
    TrainingRecorded,
)
from ledger.events.application import (
    AccessApplied,
    ApplicationApproved,
    ApplicationRefused,
    ApplicationVerified,
    AskedRole,
)
from ledger.events.record import (
    DemographicsStated,
    Enrolled,
    FactCorrected,
    FactRetracted,
    MoveQualified,
    RecordOpened,
    RecordRetracted,
)
from ledger.retention.days import days_of_account, days_of_record
from ledger.retention.schedules import Since
from support.admitting import LUIS, ROSA
from support.given_retention import recorded

OREGON = Calendar.default("OR", "America/Los_Angeles").day_of
BEGUN = datetime(2027, 5, 16, 6, 30, tzinfo=UTC)
"""Still the evening of the 15th in Oregon."""
DAY = timedelta(days=1)
OPENED = RecordOpened(state="OR", state_student_id="1", student_id="000000000010", elements={})
BORN = DemographicsStated(fact=1, elements={"first_name": "Inés", "birth_date": "2012-02-29"})
MOVED = MoveQualified(fact=2, elements={"qualifying_arrival_date": "2025-09-01"})
ROLE = AskedRole(role="secondary_user", organisation="Hood River School", state="OR")


def said(*events: Event, begun: datetime = BEGUN) -> list[Recorded]:
    """One a day."""
    return [recorded(event, n, at=begun + (n - 1) * DAY) for n, event in enumerate(events, start=1)]


def days(*events: Event, disclosed: date | None = None) -> dict[Since, date]:
    return dict(days_of_record(said(*events), disclosed, OREGON))


# -- a record


def test_the_last_activity_is_the_last_day_in_the_zone_of_the_state() -> None:
    assert days(OPENED)[Since.LAST_ACTIVITY] == date(2027, 5, 15)
    assert days(OPENED, BORN, MOVED)[Since.LAST_ACTIVITY] == date(2027, 5, 17)


def test_to_take_a_record_back_is_activity_and_leaves_what_was_said_of_the_child() -> None:
    found = days(OPENED, BORN, MOVED, RecordRetracted())
    assert found[Since.LAST_ACTIVITY] == date(2027, 5, 18)
    assert found[Since.BIRTH] == date(2012, 2, 29)
    assert found[Since.ELIGIBILITY_END] == date(2028, 8, 31)


def test_a_birth_date_that_was_corrected_counts_as_it_is_now() -> None:
    corrected = FactCorrected(fact=1, letter="D", elements={"birth_date": ("2012-02-29", "2014-03-01")})
    assert days(OPENED, BORN, corrected)[Since.BIRTH] == date(2014, 3, 1)


def test_of_two_birth_dates_the_later_counts_and_of_none_nothing_does() -> None:
    other = DemographicsStated(fact=2, elements={"first_name": "Inés", "birth_date": "2013-01-01"})
    assert days(OPENED, other, BORN)[Since.BIRTH] == date(2013, 1, 1)
    assert Since.BIRTH not in days(OPENED)
    assert Since.BIRTH not in days(OPENED, BORN, FactRetracted(fact=1, letter="D"))


@pytest.mark.parametrize(
    ("events", "ends"),
    [
        ([MOVED], date(2028, 8, 31)),
        ([BORN, MOVED], date(2028, 8, 31)),
        ([MoveQualified(fact=2, elements={"qualifying_arrival_date": "2024-02-29"})], date(2027, 2, 28)),
        # Not born when the family moved: no eligibility, and the move was said all the same.
        ([BORN, MoveQualified(fact=2, elements={"qualifying_arrival_date": "2010-06-01"})], date(2010, 6, 1)),
        (
            [
                MoveQualified(
                    fact=2,
                    elements={"qualifying_arrival_date": "2025-09-01", "eligibility_expiration_date": "2026-06-30"},
                )
            ],
            date(2026, 6, 30),
        ),
        # Taken back: the day that it was last spoken of.
        ([MOVED, FactRetracted(fact=2, letter="Q")], date(2027, 5, 17)),
        ([MOVED, MoveQualified(fact=3, elements={"qualifying_arrival_date": "2026-09-01"})], date(2029, 8, 31)),
    ],
)
def test_eligibility_ends_with_the_move_that_lasts_longest(events: list[Event], ends: date) -> None:
    assert days(OPENED, *events)[Since.ELIGIBILITY_END] == ends


def test_graduation_ends_eligibility_here_too() -> None:
    graduated = Enrolled(fact=3, elements={"graduation_hse_date": "2026-06-12"})
    assert days(OPENED, MOVED, graduated)[Since.ELIGIBILITY_END] == date(2026, 6, 12)


def test_a_record_without_moves_has_no_end_of_eligibility() -> None:
    assert Since.ELIGIBILITY_END not in days(OPENED, BORN)


def test_the_last_disclosure_is_handed_in_and_none_is_none() -> None:
    assert days(OPENED, disclosed=date(2030, 1, 2))[Since.LAST_DISCLOSURE] == date(2030, 1, 2)
    assert Since.LAST_DISCLOSURE not in days(OPENED)


def test_what_opens_no_more_says_nothing_but_that_it_was() -> None:
    erased = Erased(was=MoveQualified.topic)
    assert days(OPENED, BORN, erased) == days(OPENED, BORN, FactRetracted(fact=1, letter="D")) | {
        Since.BIRTH: date(2012, 2, 29)
    }
    assert days(Erased(was=RecordOpened.topic), Erased(was=DemographicsStated.topic), erased) == {}
    assert days() == {}


# -- an account


def account(*events: Event, papers: tuple[Event, ...] = ()) -> date | None:
    """papers: of one application, later than all of the account's."""
    later = said(*papers, begun=BEGUN + 100 * DAY)
    return days_of_account(said(*events), [later] if papers else [], OREGON).get(Since.ACCESS_END)


APPLIED = AccessApplied(
    account="b1",
    kind="exchange",
    email=ROSA,
    name="Rosa Núñez",
    title="Registrar",
    address="1 School Road",
    phone="+15035550101",
    asked=ROLE,
    supervisor="Luis Ortega",
    supervisor_email=LUIS,
)
PROPOSED = AccountProposed(application="e1", email=ROSA, name="Rosa Núñez", asked=ROLE)
ACCOUNT = AccountOpened(email=ROSA, name="Rosa Núñez")
GRANTED = RoleGranted(grant=1, role=ROLE, by=LUIS)
ENDED = RoleEnded(grant=1, by=LUIS, reason="left")
FAMILY = FamilyAccessGranted(
    grant=2,
    student_id="000000000010",
    records=["01"],
    relation="parent",
    identification="passport",
    until="2028-01-01",
    ends_by="date",
    by=LUIS,
    organisation="Hood River School",
    state="OR",
)


def test_access_ends_with_the_last_role() -> None:
    second = RoleGranted(grant=2, role=AskedRole(role="auditor", organisation="ODE"), by=LUIS)
    assert account(ACCOUNT, GRANTED, ENDED) == date(2027, 5, 17)
    assert account(ACCOUNT, GRANTED, second, ENDED) is None
    assert account(ACCOUNT, GRANTED, second, ENDED, RoleEnded(grant=2, by=LUIS, reason="left")) == date(2027, 5, 19)


def test_a_certificate_that_came_afterwards_keeps_nothing_longer() -> None:
    training = TrainingRecorded(course="Security", completed_on="2027-05-01", by=LUIS)
    assert account(ACCOUNT, GRANTED, ENDED, training) == date(2027, 5, 17)


def test_an_account_that_was_deactivated_has_no_access_whatever_it_had() -> None:
    assert account(ACCOUNT, GRANTED, AccountDeactivated(by=LUIS, reason="died")) == date(2027, 5, 17)


def test_an_account_that_is_disabled_for_a_time_has_its_access() -> None:
    assert account(ACCOUNT, GRANTED, AccountDisabled(by=LUIS, reason="leave")) is None


def test_a_family_s_access_is_access() -> None:
    assert account(ACCOUNT, FAMILY) is None
    assert account(ACCOUNT, FAMILY, FamilyAccessEnded(grant=2, by="timekeeper", why="date")) == date(2027, 5, 17)


def test_an_application_that_is_open_keeps_its_papers_and_one_that_was_denied_ends_them() -> None:
    verified = ApplicationVerified(by=LUIS, identity="passport", need="enrols children")
    assert account(PROPOSED, papers=(APPLIED,)) is None
    assert account(PROPOSED, papers=(APPLIED, verified)) is None
    assert account(ACCOUNT, GRANTED, ENDED, papers=(APPLIED,)) is None
    assert account(PROPOSED, papers=(APPLIED, ApplicationRefused(by=LUIS, reason="no need"))) == date(2027, 8, 24)


def test_an_application_that_was_approved_ends_with_the_role_that_it_gave() -> None:
    approved = ApplicationApproved(by=LUIS, trained_on="2027-05-01", grant=1)
    assert account(PROPOSED, ACCOUNT, GRANTED, ENDED, papers=(APPLIED, approved)) == date(2027, 5, 18)


def test_of_an_account_whose_key_is_gone_nothing_is_known() -> None:
    assert account(Erased(was=AccountOpened.topic), Erased(was=RoleEnded.topic)) is None
