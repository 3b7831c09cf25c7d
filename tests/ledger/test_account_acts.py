"""Given an account, when something is done to it, then this is what comes of it, or why it is refused."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import pytest

from ledger.account_acts import (
    TEXT_MAX,
    AcceptRules,
    Command,
    Deactivate,
    Disable,
    Enable,
    EndFamily,
    EndRole,
    GrantRole,
    KeepTime,
    LinkIdentity,
    OpenAccount,
    RecordTraining,
    TakeFamily,
    decide,
)
from ledger.accounts import NEW, a_year_after, fold
from ledger.errors import AccountIsClosed, BadValue, Forbidden, LedgerError, NotFound, OwnApplication
from ledger.events import Event
from ledger.events.account import (
    AccountDeactivated,
    AccountDisabled,
    AccountEnabled,
    AccountOpened,
    AccountProposed,
    FamilyAccessEnded,
    FamilyAccessGranted,
    FamilyAccessTaken,
    IdentityLinked,
    RenewalDue,
    RenewalOverdue,
    RoleEnded,
    RoleGranted,
    RulesAccepted,
    TrainingRecorded,
)
from ledger.events.application import AskedRole
from support.admitting import DESK, LUIS, OREGON, ROSA, accepted, family, trained

TODAY = date(2026, 5, 1)
ROLE = AskedRole(role="secondary_user", organisation="Hood River School", state="OR")
OTHER = AskedRole(role="primary_user", organisation="Hood River School", state="OR")
BY, WHY = OREGON.name, "She works elsewhere now."
OPENED: list[Event] = [AccountOpened(email=ROSA, name="Rosa Núñez")]
ACTIVE: list[Event] = [*OPENED, RoleGranted(grant=1, role=ROLE, by=BY)]
DISABLED: list[Event] = [*ACTIVE, AccountDisabled(by=BY, reason=WHY)]
CLOSED: list[Event] = [*ACTIVE, RoleEnded(grant=1, by=BY, reason=WHY), AccountDeactivated(by=BY, reason=WHY)]
GIVEN_TO_FAMILY = decide(family(TODAY, TODAY + timedelta(days=9)), fold(OPENED))
SAME = [ROSA, ROSA.upper(), f" {ROSA}\t", "rosa\u200b@school.example.org", "\ufeff" + ROSA, "ｒosa@school.example.org"]
"""How one name is typed so that it looks like another, or like nothing."""


def when(given: list[Event], command: Command) -> list[Event]:
    return decide(command, fold(given))


def refused(given: list[Event], command: Command, error: type[LedgerError]) -> LedgerError:
    with pytest.raises(error) as told:
        when(given, command)
    assert told.value.remedy
    return told.value


# -- opening, roles


def test_an_account_is_opened_once() -> None:
    command = OpenAccount(by=BY, email=ROSA, name="Rosa Núñez", application="a", reason="  of the\nschool ")
    opened = AccountOpened(email=ROSA, name="Rosa Núñez", application="a", reason="of the school")
    assert when([], command) == [opened]
    assert when([opened], command) == []
    assert when(DISABLED, command) == []
    refused(CLOSED, command, AccountIsClosed)


def test_a_role_is_given_once_under_the_next_number() -> None:
    assert when(OPENED, GrantRole(by=BY, role=ROLE, application="a")) == [
        RoleGranted(grant=1, role=ROLE, by=BY, application="a")
    ]
    assert when(ACTIVE, GrantRole(by=BY, role=ROLE)) == []
    ended = [*ACTIVE, RoleEnded(grant=1, by=BY, reason=WHY)]
    assert when(ended, GrantRole(by=BY, role=ROLE)) == [RoleGranted(grant=2, role=ROLE, by=BY)]
    assert when([*OPENED, *GIVEN_TO_FAMILY], GrantRole(by=BY, role=ROLE)) == [RoleGranted(grant=2, role=ROLE, by=BY)]


@pytest.mark.parametrize("name", SAME)
def test_nobody_gives_himself_a_role_however_his_name_is_typed(name: str) -> None:
    refused(ACTIVE, GrantRole(by=name, role=OTHER), OwnApplication)


def test_a_role_is_given_to_an_account_that_is_open() -> None:
    refused([], GrantRole(by=BY, role=ROLE), AccountIsClosed)
    refused(CLOSED, GrantRole(by=BY, role=ROLE), AccountIsClosed)


def test_a_role_ends_once_and_for_a_reason() -> None:
    assert when(ACTIVE, EndRole(by=BY, grant=1, reason=WHY)) == [RoleEnded(grant=1, by=BY, reason=WHY)]
    refused(ACTIVE, EndRole(by=BY, grant=2, reason=WHY), NotFound)
    refused(CLOSED, EndRole(by=BY, grant=1, reason=WHY), NotFound)


@pytest.mark.parametrize("reason", ["", " \n ", "x" * (TEXT_MAX + 1), "left\x00"])
@pytest.mark.parametrize(
    ("given", "kind", "more"),
    [
        (ACTIVE, EndRole, {"grant": 1}),
        (ACTIVE, Disable, {}),
        (DISABLED, Enable, {}),
        (ACTIVE, Deactivate, {}),
        ([*OPENED, *GIVEN_TO_FAMILY], EndFamily, {"grant": 1, "why": "withdrawn"}),
    ],
)
def test_what_takes_access_away_or_gives_it_back_has_a_reason_in_words(
    given: list[Event], kind: Any, more: dict[str, Any], reason: str
) -> None:
    error = refused(given, kind(by=BY, reason=reason, **more), BadValue)
    assert isinstance(error, BadValue)
    assert error.element == "reason"


# -- training, rules


def test_a_training_is_recorded_with_its_day() -> None:
    assert when([], trained(TODAY)) == [
        TrainingRecorded(course="Security awareness", completed_on="2026-05-01", by=DESK)
    ]


@pytest.mark.parametrize(
    ("on", "today", "fits"),
    [
        (date(2026, 5, 1), date(2026, 5, 1), True),
        (date(2026, 5, 2), date(2026, 5, 1), False),
        (date(2025, 5, 1), date(2026, 5, 1), True),
        (date(2025, 4, 30), date(2026, 5, 1), False),
        (date(2024, 2, 29), date(2025, 2, 28), True),
        (date(2024, 2, 29), date(2025, 3, 1), False),
    ],
)
def test_a_training_is_of_the_last_year_and_not_to_come(on: date, today: date, fits: bool) -> None:
    if fits:
        assert len(when([], trained(on, today))) == 1
    else:
        refused([], trained(on, today), BadValue)


@pytest.mark.parametrize("hours", [0, -1, 100.5, float("nan"), float("inf")])
def test_hours_are_as_a_course_has_them(hours: float) -> None:
    refused([], RecordTraining(by=BY, course="Security", completed_on=TODAY, today=TODAY, hours=hours), BadValue)


@pytest.mark.parametrize("hours", [0.5, 1, 100])
def test_hours_that_a_course_may_have_are_kept(hours: float) -> None:
    [event] = when([], RecordTraining(by=BY, course="Security", completed_on=TODAY, today=TODAY, hours=hours))
    assert isinstance(event, TrainingRecorded)
    assert event.hours == hours


def test_a_training_is_of_a_course() -> None:
    error = refused([], RecordTraining(by=BY, course=" ", completed_on=TODAY, today=TODAY), BadValue)
    assert isinstance(error, BadValue)
    assert error.element == "course"


@pytest.mark.parametrize("name", SAME)
def test_nobody_records_his_own_training_without_its_certificate(name: str) -> None:
    refused(OPENED, trained(TODAY, by=name), OwnApplication)
    command = RecordTraining(by=name, course="Security", completed_on=TODAY, today=TODAY, certificate="07")
    [event] = when(OPENED, command)
    assert isinstance(event, TrainingRecorded)
    assert event.certificate == "07"


def test_the_rules_that_hold_are_accepted_once_a_day() -> None:
    command = accepted(TODAY)
    accepted_event = RulesAccepted(edition=command.edition, on="2026-05-01")
    assert when(OPENED, command) == [accepted_event]
    assert when([*OPENED, accepted_event], command) == []
    assert len(when([*OPENED, accepted_event], accepted(TODAY + timedelta(days=1)))) == 1
    refused(OPENED, AcceptRules(by=ROSA, edition="1999-1", on=TODAY), BadValue)


@pytest.mark.parametrize("name", SAME)
def test_everybody_accepts_the_rules_for_himself_also_before_his_account_is_open(name: str) -> None:
    proposed: list[Event] = [AccountProposed(application="a", email=ROSA, name="Rosa Núñez", asked=ROLE)]
    for given in (proposed, OPENED, DISABLED):
        assert len(when(given, accepted(TODAY, name))) == 1
        for other in (BY, DESK, "", "rosa"):
            refused(given, accepted(TODAY, other), OwnApplication)


def test_an_acceptance_never_goes_back() -> None:
    given = [*OPENED, *when(OPENED, accepted(TODAY))]
    assert when(given, accepted(TODAY - timedelta(days=1))) == []
    older: list[Event] = [*OPENED, RulesAccepted(edition="1999-1", on="2026-05-01")]
    assert len(when(older, accepted(TODAY))) == 1, "the rules are other ones now"


def test_an_identity_is_linked_once() -> None:
    command = LinkIdentity(by=ROSA, issuer="https://id.example.org", subject="17")
    linked = IdentityLinked(issuer="https://id.example.org", subject="17")
    assert when(OPENED, command) == [linked]
    assert when([*OPENED, linked], command) == []
    assert len(when([*OPENED, linked], LinkIdentity(by=ROSA, issuer="https://other.example.org", subject="17"))) == 1


def test_a_provider_that_gives_the_address_to_somebody_else_hands_on_no_account() -> None:
    linked = IdentityLinked(issuer="https://id.example.org", subject="17")
    refused([*OPENED, linked], LinkIdentity(by=ROSA, issuer="https://id.example.org", subject="18"), Forbidden)


# -- disabled, deactivated


def test_an_account_is_disabled_and_enabled_by_another() -> None:
    assert when(ACTIVE, Disable(by=BY, reason=WHY)) == [AccountDisabled(by=BY, reason=WHY)]
    assert when(DISABLED, Disable(by=BY, reason=WHY)) == []
    assert when(DISABLED, Enable(by=BY, reason="Back.")) == [AccountEnabled(by=BY, reason="Back.")]
    assert when(ACTIVE, Enable(by=BY, reason="Back.")) == []
    assert when(ACTIVE, Disable(by=ROSA, reason="I am on leave.")) != [], "his own he may"


@pytest.mark.parametrize("name", SAME)
def test_nobody_enables_his_own_account(name: str) -> None:
    refused(DISABLED, Enable(by=name, reason="I am back."), OwnApplication)


@pytest.mark.parametrize("kind", [Disable, Enable])
def test_an_account_that_was_never_opened_is_neither_disabled_nor_enabled(kind: Any) -> None:
    refused([], kind(by=BY, reason=WHY), AccountIsClosed)


def test_whoever_is_deactivated_loses_every_role_and_grant_first() -> None:
    given: list[Event] = [*ACTIVE, RoleGranted(grant=2, role=OTHER, by=BY)]
    given = [*given, *decide(family(TODAY, TODAY), fold(given))]
    assert when(given, Deactivate(by=BY, reason=WHY)) == [
        RoleEnded(grant=1, by=BY, reason=WHY),
        RoleEnded(grant=2, by=BY, reason=WHY),
        FamilyAccessEnded(grant=3, by=BY, why="withdrawn", reason=WHY),
        AccountDeactivated(by=BY, reason=WHY),
    ]
    assert when(CLOSED, Deactivate(by=BY, reason=WHY)) == []
    assert when([], Deactivate(by=BY, reason=WHY)) == [AccountDeactivated(by=BY, reason=WHY)]


@pytest.mark.parametrize(
    "command",
    [
        OpenAccount(by=BY, email=ROSA, name="Rosa"),
        GrantRole(by=BY, role=ROLE),
        trained(TODAY),
        accepted(TODAY),
        LinkIdentity(by=ROSA, issuer="i", subject="s"),
        Disable(by=BY, reason=WHY),
        Enable(by=BY, reason=WHY),
        family(TODAY, TODAY),
        TakeFamily(by=ROSA, grant=1),
    ],
    ids=lambda command: type(command).__name__,
)
def test_nothing_is_done_to_an_account_that_was_deactivated(command: Command) -> None:
    assert "another e-mail" in refused(CLOSED, command, AccountIsClosed).remedy


def test_time_tells_a_deactivated_account_nothing() -> None:
    assert when(CLOSED, KeepTime(by="timekeeper", today=date(2099, 1, 1))) == []


# -- families


def granted(**more: Any) -> FamilyAccessGranted:
    said: dict[str, Any] = {"today": TODAY, "until": TODAY + timedelta(days=30), **more}
    [event] = when(OPENED, family(**said))
    assert isinstance(event, FamilyAccessGranted)
    return event


def test_a_family_is_given_each_record_once_by_the_official_who_saw_its_papers() -> None:
    event = granted(records=["r2", "r1", "r2"])
    assert (event.grant, event.records, event.by, event.identification) == (1, ["r1", "r2"], LUIS, "passport")
    assert (event.until, event.ends_by, event.student_id) == ("2026-05-31", "date", "100")
    assert (event.organisation, event.state) == ("Hood River School", "OR")


def test_a_grant_is_taken_once_and_not_after_it_has_ended() -> None:
    given = [*OPENED, *GIVEN_TO_FAMILY]
    taken = FamilyAccessTaken(grant=1)
    assert when(given, TakeFamily(by=ROSA, grant=1)) == [taken]
    assert when([*given, taken], TakeFamily(by=ROSA, grant=1)) == []
    refused(given, TakeFamily(by=ROSA, grant=2), NotFound)
    refused([*given, FamilyAccessEnded(grant=1, by=LUIS, why="date")], TakeFamily(by=ROSA, grant=1), NotFound)
    refused([], TakeFamily(by=ROSA, grant=1), AccountIsClosed)


def test_a_court_order_sets_the_last_day_as_that() -> None:
    assert granted(court_order=True).ends_by == "court-order"


def test_a_grant_lasts_a_year_at_most_and_today_at_least() -> None:
    assert granted(until=a_year_after(TODAY)).until == a_year_after(TODAY).isoformat()
    refused(OPENED, family(TODAY, a_year_after(TODAY) + timedelta(days=1)), BadValue)
    assert granted(until=TODAY).until == TODAY.isoformat()
    refused(OPENED, family(TODAY, TODAY - timedelta(days=1)), BadValue)


@pytest.mark.parametrize(
    ("born", "until", "ends_by"),
    [
        ([date(2008, 5, 20)], "2026-05-19", "eighteenth-birthday"),
        ([date(2008, 5, 31)], "2026-05-30", "eighteenth-birthday"),
        ([date(2008, 6, 1)], "2026-05-31", "eighteenth-birthday"),
        ([date(2008, 6, 2)], "2026-05-31", "date"),
        ([date(2009, 1, 1), date(2008, 5, 20)], "2026-05-19", "eighteenth-birthday"),
        ([date(2008, 5, 2)], "2026-05-01", "eighteenth-birthday"),
        ([], "2026-05-31", "date"),
    ],
)
def test_a_parents_access_ends_before_the_eighteenth_birthday_in_the_students_favour(
    born: list[date], until: str, ends_by: str
) -> None:
    event = granted(born=born, court_order=False)
    assert (event.until, event.ends_by) == (until, ends_by)


def test_a_student_of_a_leap_day_has_the_rights_on_the_last_of_february() -> None:
    born = [date(2008, 2, 29)]
    day = date(2026, 2, 27)
    assert granted(today=day, until=date(2026, 3, 9), born=born).until == "2026-02-27"
    refused(OPENED, family(date(2026, 2, 28), date(2026, 3, 9), born=born), BadValue)
    assert granted(today=date(2026, 2, 28), until=date(2026, 3, 9), born=born, relation="student").until == "2026-03-09"
    refused(OPENED, family(day, date(2026, 3, 9), born=born, relation="student"), BadValue)


@pytest.mark.parametrize("relation", ["parent", "guardian"])
def test_nobody_is_given_the_records_of_who_is_eighteen(relation: str) -> None:
    command = family(TODAY, TODAY, relation=relation, born=[date(2008, 5, 1), date(2010, 1, 1)])
    assert "Grant it to the student" in refused(OPENED, command, BadValue).remedy


def test_a_student_whose_birth_date_no_record_tells_is_not_taken_to_be_eighteen() -> None:
    refused(OPENED, family(TODAY, TODAY, relation="student", born=[]), BadValue)


@pytest.mark.parametrize(
    ("more", "element"),
    [
        ({"relation": "aunt"}, "relation"),
        ({"records": []}, "records"),
        ({"identification": " "}, "identification"),
    ],
)
def test_a_grant_says_whose_what_and_upon_which_paper(more: dict[str, Any], element: str) -> None:
    error = refused(OPENED, family(TODAY, TODAY, **more), BadValue)
    assert isinstance(error, BadValue)
    assert error.element == element


@pytest.mark.parametrize("name", SAME)
def test_no_official_grants_himself_a_childs_records(name: str) -> None:
    refused(OPENED, family(TODAY, TODAY, by=name), OwnApplication)


def test_a_grant_is_to_an_account_that_was_opened() -> None:
    refused([], family(TODAY, TODAY), AccountIsClosed)


@pytest.mark.parametrize("why", ["court-order", "withdrawn"])
def test_a_grant_ends_by_court_order_or_because_it_is_withdrawn(why: str) -> None:
    given = [*OPENED, *GIVEN_TO_FAMILY]
    assert when(given, EndFamily(by=LUIS, grant=1, why=why, reason=WHY)) == [
        FamilyAccessEnded(grant=1, by=LUIS, why=why, reason=WHY)
    ]


def test_a_grant_does_not_end_twice_nor_on_a_ground_that_is_times_own() -> None:
    given = [*OPENED, *GIVEN_TO_FAMILY]
    refused(given, EndFamily(by=LUIS, grant=1, why="date", reason=WHY), BadValue)
    refused(given, EndFamily(by=LUIS, grant=2, why="withdrawn", reason=WHY), NotFound)
    ended = FamilyAccessEnded(grant=1, by=LUIS, why="withdrawn")
    refused([*given, ended], EndFamily(by=LUIS, grant=1, why="withdrawn", reason=WHY), NotFound)


# -- time


@pytest.mark.parametrize(
    ("trained_on", "rules_on", "today", "told"),
    [
        ("2026-01-10", "2026-02-01", date(2026, 12, 10), []),
        ("2026-01-10", "2026-02-01", date(2026, 12, 11), [RenewalDue(due_on="2027-01-10")]),
        ("2026-02-01", "2026-01-10", date(2027, 1, 10), [RenewalDue(due_on="2027-01-10")]),
        ("2026-01-10", "2026-02-01", date(2027, 1, 11), [RenewalOverdue(due_on="2027-01-10")]),
        ("2024-02-29", "2024-03-05", date(2025, 2, 28), [RenewalDue(due_on="2025-02-28")]),
        ("2024-02-29", "2024-03-05", date(2025, 3, 1), [RenewalOverdue(due_on="2025-02-28")]),
    ],
)
def test_time_tells_that_a_renewal_is_due_or_overdue(
    trained_on: str, rules_on: str, today: date, told: list[Event]
) -> None:
    training = TrainingRecorded(course="Security", completed_on=trained_on, by=DESK)
    given = [*ACTIVE, training, RulesAccepted(edition="1", on=rules_on)]
    assert when(given, KeepTime(by="timekeeper", today=today)) == told
    assert when([*given, *told], KeepTime(by="timekeeper", today=today)) == [], "once"


def test_time_ends_each_grant_on_its_own_ground() -> None:
    day = TODAY + timedelta(days=30)
    given: list[Event] = [*OPENED]
    for more in ({"court_order": True}, {"born": [date(2008, 5, 20)]}, {"until": TODAY + timedelta(days=90)}):
        given += when(given, family(**{"today": TODAY, "until": day, **more}))
    assert when(given, KeepTime(by="timekeeper", today=day + timedelta(days=1))) == [
        FamilyAccessEnded(grant=1, by="timekeeper", why="court-order"),
        FamilyAccessEnded(grant=2, by="timekeeper", why="eighteenth-birthday"),
    ]


def test_a_familys_day_is_over_where_its_school_lies() -> None:
    given: list[Event] = [*OPENED]
    for state in ("GU", "OR", "HI"):
        given += when(given, family(TODAY, TODAY, state=state))
    tomorrow = TODAY + timedelta(days=1)

    def over(today: date, **days: date) -> list[int]:
        events = when(given, KeepTime(by="timekeeper", today=today, days=days))
        return [event.grant for event in events if isinstance(event, FamilyAccessEnded)]

    assert over(TODAY, GU=tomorrow, OR=TODAY, HI=TODAY) == [1]
    assert over(tomorrow, GU=tomorrow, OR=tomorrow, HI=TODAY) == [1, 2]
    assert over(TODAY) == []
    assert over(tomorrow) == [1, 2, 3], "the account's own day, where a school's is not told"


def test_what_is_no_command_is_not_decided() -> None:
    with pytest.raises(TypeError):
        decide(Command(by=BY), NEW)
