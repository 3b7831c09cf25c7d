"""From an application to an account and its end, on a real database."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from ledger import account_acts
from ledger.admissions import Admissions
from ledger.application import Ledger
from ledger.applications import AddAttachment, Authority, Verify
from ledger.errors import AccountIsClosed, EmailRetired, Forbidden, NotReady, OwnApplication
from ledger.events import Meta
from ledger.events.account import AccountProposed
from support.admitting import BY_HAND, OREGON, admitted, applying, trained, verifying


def test_an_application_that_was_verified_and_trained_for_becomes_an_account_with_its_role(ledger: Ledger) -> None:
    account = admitted(ledger.admissions)
    standing = ledger.admissions.standing(account)
    assert (standing.status, standing.email) == ("active", "rosa@school.example.org")
    assert [role.role for role in standing.roles.values()] == ["secondary_user"]


def test_the_stream_of_an_account_begins_with_what_was_applied_for(ledger: Ledger) -> None:
    made = ledger.admissions.apply(applying(), BY_HAND).ids
    account, application = str(made["account"]), str(made["application"])
    asked = applying().asked
    [first] = [one.event for one in ledger.log.read_stream(f"account/{account}")]
    assert first == AccountProposed(
        application=application, email="rosa@school.example.org", name="Rosa Núñez", asked=asked
    )
    standing = ledger.admissions.standing(account)
    assert (standing.status, standing.proposed, standing.roles) == ("applied", asked, {})
    again = ledger.admissions.apply(applying(role="primary_user"), BY_HAND).ids
    assert again["account"] == account
    proposed = ledger.admissions.account(account).proposed
    assert proposed is not None
    assert (proposed.role, ledger.admissions.account(account).version) == ("primary_user", 2)


def test_whoever_has_no_role_any_more_is_in_the_charge_of_who_would_decide_his_application(ledger: Ledger) -> None:
    account = admitted(ledger.admissions)
    ledger.admissions.act(account, account_acts.EndRole(by=OREGON.name, grant=1, reason="left"), BY_HAND, None, OREGON)
    disable = account_acts.Disable(by=OREGON.name, reason="left")
    with pytest.raises(Forbidden):
        ledger.admissions.act(account, disable, BY_HAND, None, Authority(name=OREGON.name, state="CA"))
    assert ledger.admissions.act(account, disable, BY_HAND, None, OREGON).moved


def test_an_account_that_nobody_applied_for_is_in_no_states_charge(ledger: Ledger) -> None:
    opened = ledger.admissions.open("eve@home.example.org", "Eve", [], Meta(actor="operator", reason="By hand."))
    disable = account_acts.Disable(by=OREGON.name, reason="left")
    with pytest.raises(Forbidden):
        ledger.admissions.act(str(opened.ids["account"]), disable, BY_HAND, None, OREGON)
    nation = Authority(name="nora@nation.example.org")
    assert ledger.admissions.act(str(opened.ids["account"]), disable, BY_HAND, None, nation).moved


def test_nobody_is_approved_before_the_training(ledger: Ledger) -> None:
    made = ledger.admissions.apply(applying(), BY_HAND).ids
    ledger.admissions.handle(str(made["application"]), verifying(), BY_HAND)
    with pytest.raises(NotReady):
        ledger.admissions.approve(str(made["application"]), OREGON, BY_HAND)


def test_nobody_is_approved_before_the_supervisor_has_verified(ledger: Ledger) -> None:
    made = ledger.admissions.apply(applying(), BY_HAND).ids
    ledger.admissions.act(str(made["account"]), trained(ledger.admissions.today("OR")), BY_HAND)
    with pytest.raises(NotReady):
        ledger.admissions.approve(str(made["application"]), OREGON, BY_HAND)


def test_whoever_is_not_the_supervisor_verifies_by_the_signed_form_alone(ledger: Ledger) -> None:
    application = str(ledger.admissions.apply(applying(), BY_HAND).ids["application"])
    with pytest.raises(NotReady):
        ledger.admissions.handle(application, verifying("help desk"), BY_HAND)
    paper = AddAttachment(
        by="help desk", attachment="01", what="signed-form", media_type="application/pdf", size=9, sha256="00" * 32
    )
    ledger.admissions.handle(application, paper, BY_HAND)
    command = Verify(by="help desk", identity="passport", need="enrols children", form="01")
    assert ledger.admissions.handle(application, command, BY_HAND).moved


def test_nobody_approves_himself_however_his_name_is_typed(ledger: Ledger) -> None:
    made = ledger.admissions.apply(applying(OREGON.name, "user_administrator", region="7"), BY_HAND).ids
    application = str(made["application"])
    ledger.admissions.handle(application, verifying(), BY_HAND)
    ledger.admissions.act(str(made["account"]), trained(ledger.admissions.today("OR")), BY_HAND)
    for name in (OREGON.name, OREGON.name.upper()):
        with pytest.raises(OwnApplication):
            ledger.admissions.approve(application, Authority(name=name, state="OR"), BY_HAND)


def test_an_authority_approves_in_its_own_state_alone(ledger: Ledger) -> None:
    made = ledger.admissions.apply(applying(state="CA"), BY_HAND).ids
    with pytest.raises(Forbidden):
        ledger.admissions.approve(str(made["application"]), OREGON, BY_HAND)


def test_the_address_of_a_deactivated_account_is_never_taken_again(ledger: Ledger) -> None:
    account = admitted(ledger.admissions)
    ledger.admissions.act(account, account_acts.Deactivate(by=OREGON.name, reason="left"), BY_HAND, authority=OREGON)
    assert ledger.admissions.standing(account).roles == {}
    with pytest.raises(EmailRetired):
        ledger.admissions.apply(applying("Rosa@School.example.org"), BY_HAND)
    with pytest.raises(AccountIsClosed):
        ledger.admissions.act(account, account_acts.Enable(by=OREGON.name, reason="back"), BY_HAND)


def test_an_application_for_an_address_that_has_an_account_is_for_that_account(ledger: Ledger) -> None:
    account = admitted(ledger.admissions)
    assert ledger.admissions.apply(applying("ROSA@school.example.org"), BY_HAND).ids["account"] == account


def test_time_tells_once_that_a_renewal_is_due_and_once_that_it_is_over(ledger: Ledger) -> None:
    account = admitted(ledger.admissions)
    day = ledger.admissions.today("OR")
    ledger.admissions.act(
        account, account_acts.AcceptRules(by="rosa@school.example.org", edition="2026-1", on=day), BY_HAND
    )
    later = datetime.combine(day + timedelta(days=350), datetime.min.time(), UTC) + timedelta(hours=20)
    told = []
    for days in (0, 1, 40, 41):
        then = later + timedelta(days=days)
        admissions = Admissions(ledger.log, ledger.profile, lambda then=then: then, ledger.ids.next)
        told.append(admissions.keep_time(account, Meta(actor="timekeeper")))
    assert told == [True, False, True, False]
