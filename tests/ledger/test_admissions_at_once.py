"""Admission under several hands: two services on one database, each race decided anew on what the other one left."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from ledger.account_acts import Deactivate, EndRole, OpenAccount
from ledger.admissions import Admissions, Admitted
from ledger.application import Ledger
from ledger.applications import Authority, Refuse
from ledger.errors import (
    AccountIsClosed,
    ApplicationIsClosed,
    EmailRetired,
    Forbidden,
    IdempotencyKeyReused,
    LedgerError,
    NotReady,
    OwnApplication,
)
from ledger.events import Meta
from ledger.events.account import RoleEnded, RoleGranted
from ledger.replay import RequestKey
from ledger.store.database import Database
from support.admitting import BY_HAND, LUIS, OREGON, ROSA, admitted, applied, applying, ready, trained, verifying

TIMES = 6
BEN = Authority(name="ben@ode.example.org", state="OR")
LEFT = Deactivate(by=BEN.name, reason="left")


@pytest.fixture
def two(database: Database, new_ledger: Callable[..., Ledger]) -> tuple[Admissions, Admissions]:
    """Of two services."""
    return new_ledger(database).admissions, new_ledger(database).admissions


def at_once(*deeds: Callable[[], Any]) -> list[Any]:
    """What each gave, or the error that it met."""
    together = threading.Barrier(len(deeds))

    def do(deed: Callable[[], Any]) -> Any:
        together.wait(30)
        try:
            return deed()
        except LedgerError as error:
            return error

    with ThreadPoolExecutor(len(deeds)) as threads:
        return list(threads.map(do, deeds))


def by(authority: Authority) -> Meta:
    return Meta(actor=authority.name)


def key(name: str, body: bytes = b"1") -> RequestKey:
    return RequestKey(scope="ana", key=name, body_hash=body)


def events(ledger: Ledger, account: str) -> list[Any]:
    return [one.event for one in ledger.log.read_stream(f"account/{account}")]


# -- at once


def test_of_two_authorities_that_approve_at_once_one_does_and_the_role_is_given_once(
    ledger: Ledger, two: tuple[Admissions, Admissions]
) -> None:
    for number in range(TIMES):
        application, account = ready(ledger.admissions, applying(f"rosa{number}@school.example.org"))
        said = at_once(
            lambda name=application: two[0].approve(name, OREGON, by(OREGON)),
            lambda name=application: two[1].approve(name, BEN, by(BEN)),
        )
        assert sorted(type(one).__name__ for one in said) == ["Admitted", "ApplicationIsClosed"]
        assert sum(isinstance(one, RoleGranted) for one in events(ledger, account)) == 1
        assert len(ledger.admissions.standing(account).roles) == 1


def test_two_applications_for_one_address_at_once_are_of_one_account(
    ledger: Ledger, two: tuple[Admissions, Admissions]
) -> None:
    for number in range(TIMES):
        lower, upper = f"rosa{number}@school.example.org", f"ROSA{number}@School.example.org"
        said = at_once(
            lambda email=lower: two[0].apply(applying(email), BY_HAND),
            lambda email=upper: two[1].apply(applying(email), BY_HAND),
        )
        assert all(isinstance(one, Admitted) for one in said)
        assert len({one.ids["account"] for one in said}) == 1
        assert len({one.ids["application"] for one in said}) == 2


def test_whoever_is_deactivated_while_he_is_approved_never_has_a_role_afterwards(
    ledger: Ledger, two: tuple[Admissions, Admissions]
) -> None:
    for number in range(2 * TIMES):
        email = f"rosa{number}@school.example.org"
        application, account = ready(ledger.admissions, applying(email))
        said = at_once(
            lambda name=application: two[0].approve(name, OREGON, by(OREGON)),
            lambda name=account: two[1].act(name, LEFT, by(BEN)),
        )
        assert isinstance(said[0], Admitted | AccountIsClosed)
        assert isinstance(said[1], Admitted)
        standing = ledger.admissions.standing(account)
        assert (standing.status, standing.roles) == ("deactivated", {})
        told = events(ledger, account)
        given, ended = ([one.grant for one in told if isinstance(one, kind)] for kind in (RoleGranted, RoleEnded))
        assert given == ended
        assert ledger.admissions.account(account).status == "deactivated"
        with pytest.raises(EmailRetired):
            ledger.admissions.apply(applying(email.upper()), BY_HAND)


def test_two_roles_that_are_approved_at_once_have_two_numbers(
    ledger: Ledger, two: tuple[Admissions, Admissions]
) -> None:
    first, account = ready(ledger.admissions, applying())
    other, same = ready(ledger.admissions, applying(role="primary_user"))
    assert same == account
    said = at_once(
        lambda: two[0].approve(first, OREGON, by(OREGON)),
        lambda: two[1].approve(other, BEN, by(BEN)),
    )
    assert {one.ids["grant"] for one in said} == {1, 2}
    roles = ledger.admissions.standing(account).roles
    assert {role.role for role in roles.values()} == {"secondary_user", "primary_user"}


def test_one_that_is_refused_while_it_is_approved_gives_a_role_or_none(
    ledger: Ledger, two: tuple[Admissions, Admissions]
) -> None:
    for number in range(TIMES):
        application, account = ready(ledger.admissions, applying(f"rosa{number}@school.example.org"))
        said = at_once(
            lambda name=application: two[0].approve(name, OREGON, by(OREGON)),
            lambda name=application: two[1].handle(name, Refuse(by=BEN.name, reason="No need."), by(BEN)),
        )
        assert sorted(type(one).__name__ for one in said) == ["Admitted", "ApplicationIsClosed"]
        assert len(ledger.admissions.standing(account).roles) == isinstance(said[0], Admitted)


# -- again


def test_the_same_key_gives_the_first_answer_again_and_writes_nothing(ledger: Ledger) -> None:
    admissions = ledger.admissions
    first = admissions.apply(applying(), BY_HAND, key("a"))
    head = ledger.log.head()
    again = admissions.apply(applying(), BY_HAND, key("a"))
    assert (again.ids, again.replayed, again.moved) == (first.ids, True, True)
    application, account = str(first.ids["application"]), str(first.ids["account"])
    assert ledger.log.head() == head
    with pytest.raises(IdempotencyKeyReused):
        admissions.apply(applying(), BY_HAND, key("a", b"2"))
    admissions.handle(application, verifying(), Meta(actor=LUIS), key("b"))
    assert admissions.handle(application, verifying(), Meta(actor=LUIS), key("b")).replayed
    admissions.act(account, trained(admissions.today("OR")), BY_HAND, key("c"))
    assert admissions.act(account, trained(admissions.today("OR")), BY_HAND, key("c")).replayed
    approved = admissions.approve(application, OREGON, by(OREGON), key("d"))
    again = admissions.approve(application, OREGON, by(OREGON), key("d"))
    assert (again.ids, again.position, again.replayed) == (approved.ids, approved.position, True)
    assert len(events(ledger, account)) == 4


def test_a_refusal_is_the_answer_to_its_key_also_when_it_would_be_taken_by_now(ledger: Ledger) -> None:
    application, account = applied(ledger.admissions, applying())
    with pytest.raises(NotReady):
        ledger.admissions.approve(application, OREGON, by(OREGON), key("a"))
    ledger.admissions.handle(application, verifying(), Meta(actor=LUIS))
    ledger.admissions.act(account, trained(ledger.admissions.today("OR")), BY_HAND)
    with pytest.raises(NotReady):
        ledger.admissions.approve(application, OREGON, by(OREGON), key("a"))
    assert ledger.admissions.approve(application, OREGON, by(OREGON), key("b")).moved


def test_the_same_key_at_once_makes_one_application(ledger: Ledger, two: tuple[Admissions, Admissions]) -> None:
    said = at_once(*(lambda one=one: one.apply(applying(), BY_HAND, key("a")) for one in two * 2))
    assert all(isinstance(one, Admitted) for one in said)
    assert len({one.ids["application"] for one in said}) == 1
    assert ledger.log.head() == 2, "the application, and the account that it proposes"


# -- addresses


@pytest.mark.parametrize("typed", [ROSA.upper(), f" {ROSA}", "Rosa@School.Example.org"])
def test_an_account_that_was_opened_under_an_address_is_found_however_the_address_is_typed(
    ledger: Ledger, typed: str
) -> None:
    opened = ledger.admissions.open(typed, "Rosa Núñez", [], Meta(actor="operator", reason="The first one."))
    account = str(opened.ids["account"])
    found = ledger.admissions.of_email(ROSA)
    assert found is not None
    assert (found.account, found.email) == (account, ROSA)
    _, same = applied(ledger.admissions, applying())
    assert same == account
    again = ledger.admissions.open(ROSA, "Rosa Núñez", [], Meta(actor="operator", reason="Again."))
    assert (again.ids["account"], again.moved) == (account, False)


def test_the_address_of_who_was_deactivated_before_he_was_approved_is_not_taken_again(ledger: Ledger) -> None:
    application, account = ready(ledger.admissions, applying())
    ledger.admissions.act(account, LEFT, by(BEN))
    with pytest.raises(AccountIsClosed):
        ledger.admissions.approve(application, OREGON, by(OREGON))
    with pytest.raises(EmailRetired):
        ledger.admissions.open(ROSA, "Rosa Núñez", [], Meta(actor="operator"))


# -- himself, and beyond one's area


@pytest.mark.parametrize("name", [ROSA, ROSA.upper(), ROSA.replace("@", "\u200b@")])
def test_nobody_records_his_own_training_without_a_certificate_before_his_account_is_open_either(
    ledger: Ledger, name: str
) -> None:
    _, account = applied(ledger.admissions, applying())
    today = ledger.admissions.today("OR")
    with pytest.raises(OwnApplication):
        ledger.admissions.act(account, trained(today, by=name), Meta(actor=name))


def test_an_authority_acts_on_accounts_in_its_area_alone(ledger: Ledger) -> None:
    account = admitted(ledger.admissions, applying(region="7"))
    end = EndRole(by="ed@east.example.org", grant=1, reason="left")
    for state, region in (("CA", None), ("OR", "8")):
        with pytest.raises(Forbidden):
            ledger.admissions.act(account, end, BY_HAND, authority=Authority(name=end.by, state=state, region=region))
    east = Authority(name=end.by, state="OR", region="7")
    assert ledger.admissions.act(account, end, BY_HAND, authority=east).moved


def test_an_application_that_was_approved_is_not_approved_again(ledger: Ledger) -> None:
    application, account = ready(ledger.admissions, applying())
    ledger.admissions.approve(application, OREGON, by(OREGON))
    ledger.admissions.act(account, EndRole(by=BEN.name, grant=1, reason="left"), by(BEN))
    with pytest.raises(ApplicationIsClosed):
        ledger.admissions.approve(application, BEN, by(BEN))
    assert ledger.admissions.standing(account).roles == {}


def test_a_command_that_says_what_holds_writes_nothing(ledger: Ledger) -> None:
    account = admitted(ledger.admissions)
    head = ledger.log.head()
    command = OpenAccount(by=OREGON.name, email=ROSA, name="Rosa Núñez")
    assert not ledger.admissions.act(account, command, BY_HAND).moved
    assert ledger.log.head() == head
