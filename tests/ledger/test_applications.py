"""Given an application, when something is said of it, then this is what comes of it, or who may not say it."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest
from msgspec.structs import replace

from ledger.access import ROLES
from ledger.applications import (
    ATTACHMENTS_MAX,
    DISCLAIMER_EDITION,
    KINDS,
    PAPERS,
    WORDS_MAX,
    Approve,
    Authority,
    Command,
    Refuse,
    Verify,
    Withdraw,
    decide,
    evolve,
    fold,
    must_be_within,
)
from ledger.errors import ApplicationIsClosed, BadValue, Forbidden, LedgerError, NotFound, NotReady, OwnApplication
from ledger.events import Event
from ledger.events.account import AccountOpened
from ledger.events.application import (
    AccessApplied,
    ApplicationApproved,
    ApplicationRefused,
    ApplicationVerified,
    ApplicationWithdrawn,
    AskedRole,
    AttachmentAdded,
)
from support.admitting import DESK, LUIS, NATION, OREGON, ROSA, applying, paper, verifying

TODAY = date(2026, 5, 1)
OVERSEERS = ("government_user", "privacy_officer", "auditor", "help_desk")
"""Whom no state makes: they oversee it, or serve all states."""
EAST = Authority(name="ed@east.example.org", state="OR", region="7")


def typed(name: str) -> list[str]:
    """One name, typed so that it looks like another, or like nothing."""
    return [
        name,
        name.upper(),
        f"  {name}\t",
        name.replace("@", "\u200b@"),
        "\ufeff" + name,
        name.replace("o", "ｏ", 1),
    ]


def made(**more: Any) -> AccessApplied:
    [event] = decide(applying(**more), None)
    assert isinstance(event, AccessApplied)
    return event


def when(given: list[Event], command: Command) -> list[Event]:
    return decide(command, fold(given))


def refused(given: list[Event], command: Command, error: type[LedgerError]) -> LedgerError:
    with pytest.raises(error) as told:
        when(given, command)
    assert told.value.remedy
    return told.value


def bad(command: Command) -> str | None:
    error = refused([], command, BadValue)
    assert isinstance(error, BadValue)
    return error.element


def approving(authority: Authority = OREGON, trained_on: date | None = TODAY, today: date = TODAY) -> Approve:
    return Approve(by=authority.name, authority=authority, trained_on=trained_on, today=today, grant=1)


APPLIED: list[Event] = [made()]
PAPER: list[Event] = decide(paper("07"), fold(APPLIED))
VERIFIED: list[Event] = [*APPLIED, *decide(verifying(), fold(APPLIED))]
BY_FORM: list[Event] = [*APPLIED, *PAPER, *decide(verifying(DESK, "07"), fold([*APPLIED, *PAPER]))]
ENDED: dict[str, list[Event]] = {
    "approved": [*VERIFIED, ApplicationApproved(by=OREGON.name, trained_on="2026-05-01", grant=1)],
    "refused": [*APPLIED, ApplicationRefused(by=OREGON.name, reason="No need.")],
    "withdrawn": [*APPLIED, ApplicationWithdrawn(by=ROSA)],
}


# -- applying


def test_an_application_says_who_asks_for_what_and_who_is_to_verify() -> None:
    event = made(email=f" {ROSA.upper()} ")
    assert (event.email, event.phone, event.supervisor_email) == (ROSA, "+15035550101", LUIS)
    assert (event.asked.role, event.asked.state, event.entered_by, event.disclaimer) == (
        "secondary_user",
        "OR",
        DESK,
        None,
    )


@pytest.mark.parametrize("name", typed(ROSA))
def test_whoever_enters_his_own_is_not_named_twice(name: str) -> None:
    [event] = decide(replace(applying(), by=name), None)
    assert isinstance(event, AccessApplied)
    assert event.entered_by is None


@pytest.mark.parametrize("supervisor", [ROSA, ROSA.upper(), f" {ROSA} "])
def test_nobody_names_himself_as_his_supervisor(supervisor: str) -> None:
    refused([], replace(applying(), supervisor_email=supervisor), OwnApplication)


@pytest.mark.parametrize("kind", sorted(KINDS))
@pytest.mark.parametrize("role", ROLES)
def test_each_kind_is_for_its_own_roles_and_a_parent_or_operator_never_applies(kind: str, role: str) -> None:
    place = {"region": "7"} if role == "user_administrator" else {"region": "7", "district": "4113770"}
    command = replace(applying(role=role, kind=kind, **place), disclaimer=DISCLAIMER_EDITION)
    if role in KINDS[kind]:
        assert role not in {"parent", "operator"}
        assert len(decide(command, None)) == 1
    else:
        assert bad(command) == "role"


def test_a_read_only_user_of_a_state_accepts_the_disclaimer_that_holds() -> None:
    command = applying(kind="state-read-only")
    assert bad(command) == "disclaimer"
    assert bad(replace(command, disclaimer="1999-1")) == "disclaimer"
    [event] = decide(replace(command, disclaimer=DISCLAIMER_EDITION), None)
    assert isinstance(event, AccessApplied)
    assert event.disclaimer == DISCLAIMER_EDITION


@pytest.mark.parametrize(
    ("command", "element"),
    [
        (applying(kind="whatever"), "kind"),
        (applying(email="rosa"), "email"),
        (applying(email="rosa@school.example.org\u200b"), "email"),
        (replace(applying(), supervisor_email="luis@"), "supervisor_email"),
        (replace(applying(), phone="call me"), "phone"),
        (replace(applying(), name=" \n"), "name"),
        (replace(applying(), name="x" * (WORDS_MAX + 1)), "name"),
        (replace(applying(), title="Head\x00"), "title"),
        (replace(applying(), address=""), "address"),
        (replace(applying(), supervisor=""), "supervisor"),
        (replace(applying(), asked=AskedRole(role="secondary_user", organisation=" ", state="OR")), "organisation"),
        (applying(state="ZZ"), "state"),
        (applying(state="or"), "state"),
        (applying(state=""), "state"),
        (applying(region=""), "state"),
        (applying(region="7", district=""), "state"),
        (applying(role="district_data_administrator", district=""), "state"),
        (applying(role="regional_data_administrator", kind="regional-administrator", region=""), "state"),
        (applying(state=None, region="7"), "state"),
        (applying(state=None, district="4113770"), "state"),
        (applying(state=None, kind="state-read-only"), "state"),
        (applying(role="state_data_administrator", state=None), "state"),
        (applying(role="district_data_administrator"), "district"),
        (applying(role="regional_data_administrator"), "region"),
        (applying(role="user_administrator", kind="regional-administrator"), "region"),
    ],
)
def test_what_does_not_fit_is_refused_by_its_name(command: Command, element: str) -> None:
    assert bad(command) == element


def test_names_in_spanish_are_taken_as_they_are() -> None:
    [event] = decide(replace(applying(), name="  María-José  de la Ñ’Ázevedo "), None)
    assert isinstance(event, AccessApplied)
    assert event.name == "María-José de la Ñ’Ázevedo"


def test_an_application_is_made_once() -> None:
    refused(APPLIED, applying(), ApplicationIsClosed)


# -- papers


def test_papers_are_of_a_kind_and_no_more_than_one_can_look_through() -> None:
    for what in PAPERS:
        assert len(when(APPLIED, paper(what=what))) == 1
    assert refused(APPLIED, paper(what="photo"), BadValue)
    many: list[Event] = [
        AttachmentAdded(attachment=f"{n}", what="other", media_type="a/b", size=1, sha256="", by=DESK)
        for n in range(ATTACHMENTS_MAX)
    ]
    refused([*APPLIED, *many], paper(), BadValue)


# -- verifying


@pytest.mark.parametrize("name", typed(LUIS))
def test_the_supervisor_verifies_once_however_his_name_is_typed(name: str) -> None:
    verified = ApplicationVerified(by=LUIS, identity="driver's licence", need="enrols children who move")
    assert when(APPLIED, verifying(name)) == [verified]
    assert when([*APPLIED, verified], verifying(name)) == []


@pytest.mark.parametrize("name", typed(ROSA))
@pytest.mark.parametrize("form", [None, "07"])
def test_nobody_verifies_his_own_application_by_no_form_either(name: str, form: str | None) -> None:
    refused([*APPLIED, *PAPER], verifying(name, form), OwnApplication)


def test_another_records_the_verification_from_the_signed_form_alone() -> None:
    assert isinstance(BY_FORM[-1], ApplicationVerified)
    assert (BY_FORM[-1].by, BY_FORM[-1].recorded_by, BY_FORM[-1].form) == (LUIS, DESK, "07")
    refused(APPLIED, verifying(DESK), NotReady)
    refused([*APPLIED, *PAPER], verifying(DESK), NotReady)
    refused([*APPLIED, *PAPER], verifying(DESK, "08"), NotReady)
    certificate = when(APPLIED, paper("07", "certificate"))
    refused([*APPLIED, *certificate], verifying(DESK, "07"), NotReady)


@pytest.mark.parametrize("element", ["identity", "need"])
def test_a_verification_says_what_was_seen_and_why_access_is_needed(element: str) -> None:
    command = Verify(by=LUIS, **{"identity": "passport", "need": "enrols", element: " "})
    error = refused(APPLIED, command, BadValue)
    assert isinstance(error, BadValue)
    assert error.element == element


# -- separation of duties


@pytest.mark.parametrize(
    ("given", "who", "error"),
    [
        (VERIFIED, ROSA, OwnApplication),
        (APPLIED, ROSA, OwnApplication),
        (VERIFIED, LUIS, OwnApplication),
        (BY_FORM, LUIS, OwnApplication),
        (BY_FORM, DESK, OwnApplication),
        (VERIFIED, DESK, OwnApplication),
        (VERIFIED, "ana@ode.example.org", None),
        (BY_FORM, "ana@ode.example.org", None),
    ],
    ids=lambda given: None if isinstance(given, list) else str(given),
)
@pytest.mark.parametrize("way", range(6))
@pytest.mark.parametrize(("state", "region"), [(None, None), ("OR", None)])
def test_who_applied_or_verified_does_not_approve_however_his_name_is_typed(
    given: list[Event], who: str, error: type[LedgerError] | None, way: int, state: str | None, region: str | None
) -> None:
    authority = Authority(name=typed(who)[way], state=state, region=region)
    if error is None:
        assert len(when(given, approving(authority))) == 1
    else:
        refused(given, approving(authority), error)


# -- approving


def test_an_approval_names_the_training_on_which_it_rests() -> None:
    assert when(VERIFIED, approving()) == [ApplicationApproved(by=OREGON.name, trained_on="2026-05-01", grant=1)]


def test_nobody_is_approved_before_he_is_verified() -> None:
    refused(APPLIED, approving(), NotReady)


@pytest.mark.parametrize(
    ("trained_on", "today", "fits"),
    [
        (None, TODAY, False),
        (date(2025, 5, 1), date(2026, 5, 1), True),
        (date(2025, 4, 30), date(2026, 5, 1), False),
        (date(2024, 2, 29), date(2025, 2, 28), True),
        (date(2024, 2, 29), date(2025, 3, 1), False),
    ],
)
def test_an_approval_rests_on_a_training_of_the_last_year(trained_on: date | None, today: date, fits: bool) -> None:
    if fits:
        assert len(when(VERIFIED, approving(trained_on=trained_on, today=today))) == 1
    else:
        refused(VERIFIED, approving(trained_on=trained_on, today=today), NotReady)


@pytest.mark.parametrize(
    ("authority", "asked", "fits"),
    [
        (NATION, {}, True),
        (NATION, {"state": None}, True),
        (NATION, {"role": "user_administrator"}, True),
        (NATION, {"role": "user_administrator", "state": None}, True),
        (OREGON, {}, True),
        (OREGON, {"region": "7"}, True),
        (OREGON, {"role": "state_data_administrator"}, True),
        (OREGON, {"role": "user_administrator", "region": "7"}, True),
        (OREGON, {"role": "user_administrator", "region": "7", "kind": "regional-administrator"}, True),
        (OREGON, {"state": "CA"}, False),
        (OREGON, {"state": None}, False),
        (OREGON, {"role": "user_administrator"}, False),
        (OREGON, {"role": "user_administrator", "state": None}, False),
        *((NATION, {"role": role}, True) for role in OVERSEERS),
        *((OREGON, {"role": role}, False) for role in OVERSEERS),
        *((OREGON, {"role": role, "region": "7"}, False) for role in OVERSEERS),
        *((EAST, {"role": role, "region": "7"}, False) for role in OVERSEERS),
        (EAST, {"region": "7"}, True),
        (EAST, {"region": "7", "role": "primary_user"}, True),
        (EAST, {}, False),
        (EAST, {"region": "8"}, False),
        (EAST, {"region": "7", "state": "CA"}, False),
        (EAST, {"region": "7", "role": "user_administrator"}, False),
        (EAST, {"region": "7", "role": "regional_data_administrator"}, False),
        (EAST, {"region": "7", "role": "region_administrator"}, False),
        (EAST, {"region": "7", "role": "state_data_administrator"}, False),
        (EAST, {"region": "7", "role": "state_batch_submitter"}, False),
        (EAST, {"region": "7", "role": "user_administrator", "kind": "regional-administrator"}, False),
    ],
)
def test_an_authority_decides_what_lies_in_its_area(authority: Authority, asked: dict[str, Any], fits: bool) -> None:
    applied = made(**asked)
    verified = [applied, *decide(verifying(), fold([applied]))]
    if fits:
        assert len(when(verified, approving(authority))) == 1
        must_be_within(authority, applied)
    else:
        refused(verified, approving(authority), Forbidden)
        with pytest.raises(Forbidden):
            must_be_within(authority, applied)


@pytest.mark.parametrize(("lies_in", "fits"), [("7", True), ("8", False), (None, False)])
def test_a_region_approves_for_a_district_that_its_state_has_placed_in_it(lies_in: str | None, fits: bool) -> None:
    applied = made(role="district_data_administrator", region="7", district="4113770")
    verified = [applied, *decide(verifying(), fold([applied]))]
    command = replace(approving(EAST), district_lies_in=lies_in)
    if fits:
        assert len(when(verified, command)) == 1
    else:
        refused(verified, command, Forbidden)


# -- ending


@pytest.mark.parametrize("given", [APPLIED, VERIFIED, BY_FORM])
def test_it_is_refused_for_a_reason_at_any_time_while_it_is_open(given: list[Event]) -> None:
    assert when(given, Refuse(by=OREGON.name, reason=" No\nneed. ")) == [
        ApplicationRefused(by=OREGON.name, reason="No need.")
    ]
    refused(given, Refuse(by=OREGON.name, reason=" "), BadValue)


@pytest.mark.parametrize("name", [*typed(ROSA), *typed(DESK)])
def test_who_applied_or_entered_it_takes_it_back(name: str) -> None:
    assert when(VERIFIED, Withdraw(by=name)) == [ApplicationWithdrawn(by=name)]


@pytest.mark.parametrize("name", [LUIS, OREGON.name, "somebody"])
def test_nobody_else_takes_it_back(name: str) -> None:
    refused(VERIFIED, Withdraw(by=name), Forbidden)
    refused([made(email="other@school.example.org")], Withdraw(by=ROSA), Forbidden)


@pytest.mark.parametrize("end", sorted(ENDED))
@pytest.mark.parametrize(
    "command",
    [paper(), verifying(), Refuse(by=OREGON.name, reason="No."), Withdraw(by=ROSA), approving()],
    ids=lambda command: type(command).__name__,
)
def test_nothing_is_done_to_one_that_has_ended(end: str, command: Command) -> None:
    assert end in refused(ENDED[end], command, ApplicationIsClosed).what


@pytest.mark.parametrize(
    "command",
    [paper(), verifying(), Refuse(by=OREGON.name, reason="No."), Withdraw(by=ROSA), approving()],
    ids=lambda command: type(command).__name__,
)
def test_nothing_is_done_to_one_that_never_was(command: Command) -> None:
    refused([], command, NotFound)


# -- evolving


def test_what_was_said_of_it_stays() -> None:
    known = fold(ENDED["refused"])
    assert known is not None
    assert (known.status, known.decided_by, known.reason, known.version) == ("refused", OREGON.name, "No need.", 2)
    known = fold([*BY_FORM, ENDED["approved"][-1]])
    assert known is not None
    assert (known.status, known.decided_by, known.version) == ("approved", OREGON.name, 4)
    assert list(known.attachments) == ["07"]
    assert fold([]) is None


def test_what_is_no_event_or_command_of_an_application_is_not_taken() -> None:
    with pytest.raises(TypeError):
        evolve(AccountOpened(email=ROSA, name="Rosa"), fold(APPLIED))
    with pytest.raises(TypeError):
        decide(Command(by=ROSA), None)
