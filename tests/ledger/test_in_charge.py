"""Of which accounts an authority is in charge: of those whose roles it could give, and of no family's."""

from __future__ import annotations

from datetime import timedelta

import pytest

from ledger.account_acts import Disable
from ledger.accounts import Account, fold
from ledger.admissions import must_be_in_charge
from ledger.application import Ledger
from ledger.applications import Authority
from ledger.errors import Forbidden
from ledger.events.account import AccountOpened, AccountProposed, FamilyAccessEnded, FamilyAccessGranted, RoleGranted
from ledger.events.application import AskedRole
from support.admitting import BY_HAND, NATION, OREGON, applying, family

REGION = Authority(name="rita@north.example.org", state="OR", region="N")


def asked(role: str, state: str | None = "OR", region: str | None = None) -> AskedRole:
    return AskedRole(role=role, organisation="Office", state=state, region=region)


def account(*roles: AskedRole) -> Account:
    opened = AccountOpened(email="rosa@school.example.org", name="Rosa", application=None, reason="")
    granted = [RoleGranted(grant=n, role=role, by="nora", application=None) for n, role in enumerate(roles, 1)]
    return fold([opened, *granted])


@pytest.mark.parametrize("role", ["auditor", "privacy_officer", "government_user", "help_desk", "user_administrator"])
def test_a_state_is_not_in_charge_of_who_oversees_it(role: str) -> None:
    with pytest.raises(Forbidden):
        must_be_in_charge(OREGON, account(asked("secondary_user"), asked(role)))
    must_be_in_charge(NATION, account(asked(role)))


@pytest.mark.parametrize(
    "role", ["regional_data_administrator", "region_administrator", "state_data_administrator", "user_administrator"]
)
def test_a_region_is_not_in_charge_of_who_administers_it(role: str) -> None:
    with pytest.raises(Forbidden):
        must_be_in_charge(REGION, account(asked(role, region="N")))
    must_be_in_charge(OREGON, account(asked(role, region="N")))


def test_a_region_is_in_charge_of_those_who_work_in_it() -> None:
    must_be_in_charge(REGION, account(asked("primary_user", region="N")))


def test_an_application_for_a_familys_address_brings_no_authority_over_the_familys_account(ledger: Ledger) -> None:
    today = ledger.admissions.today("OR")
    grant = family(today, today + timedelta(days=30), state="OR")
    email = "mother@family.example.org"
    parent = str(ledger.admissions.open(email, "Elena Ruiz", [grant], BY_HAND).ids["account"])
    ledger.admissions.apply(applying(email), BY_HAND)
    with pytest.raises(Forbidden):
        ledger.admissions.act(parent, Disable(by=OREGON.name, reason="mine now"), BY_HAND, authority=OREGON)
    assert ledger.admissions.standing(parent).status == "active"


def test_whose_family_access_has_ended_is_the_authoritys_where_he_applies() -> None:
    granted = FamilyAccessGranted(
        grant=1,
        student_id="100",
        records=["r1"],
        relation="parent",
        identification="passport",
        until="2026-01-01",
        ends_by="date",
        by="luis",
        organisation="School",
        state="OR",
    )
    proposed = AccountProposed(application="07", email="", name="", asked=asked("secondary_user"))
    held = fold([granted, proposed], account())
    with pytest.raises(Forbidden):
        must_be_in_charge(OREGON, held)
    must_be_in_charge(OREGON, fold([FamilyAccessEnded(grant=1, by="luis", why="date")], held))
