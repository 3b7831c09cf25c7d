"""Disposals of the papers of access: due by when access ended, wherever it was had, and gone by two other people."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest

from ledger.account_acts import Command, Deactivate, EndFamily, EndRole, GrantRole
from ledger.errors import NotDue, NotFound, OwnApplication, UnderHold
from ledger.events import Meta
from ledger.events.application import AskedRole
from ledger.events.retention import OverAccount, OverState
from ledger.retention.due import Due
from ledger.retention.schedules import Since
from support.admitting import NATION, ROSA, admitted, family
from support.casework import Hands, Work
from support.disposals import ANA, BEN, CLEO, LATER, ScannedLists, keep_for_years, schedule

WHY = "A court has asked for it."


@pytest.fixture
def due(work: Work, clock: Hands) -> Work:
    """A ledger whose lists are told from its logs, when all that was said before is due."""
    work.ledger.disposals.look_in(ScannedLists(work.ledger))
    keep_for_years(work.ledger)
    clock.now = LATER
    return work


def test_the_papers_of_an_account_go_three_years_after_its_access_ended(due: Work, clock: Hands) -> None:
    clock.now = LATER.replace(year=2025)
    account = admitted(due.ledger.admissions)
    clock.now = LATER.replace(year=2041)
    due.ledger.admissions.act(account, Deactivate(by=NATION.name, reason="Left."), Meta(actor=NATION.name))
    [one] = due.ledger.disposals.present("access", [account])
    assert isinstance(one.due, Due)
    assert one.due.on == LATER.date().replace(year=2044) + timedelta(days=1)
    clock.now = LATER
    page = due.ledger.disposals.due("access", "OR")
    assert [item.present.subject.id for item in page.items] == [account]
    assert due.ledger.disposals.due("access", "CA").items == []
    due.ledger.disposals.approve(due.ledger.disposals.propose("access", [account], ANA).id, BEN)
    assert due.query("select class from vault.keys where subject = %s", account) == []
    with pytest.raises(NotFound):
        due.ledger.admissions.account(account)
    [gone] = due.ledger.disposals.present("access", [account])
    assert gone.scope is None


@pytest.mark.parametrize("kind", ["role", "family"])
def test_an_account_whose_access_has_ended_is_held_and_kept_as_the_state_says_that_gave_it(
    due: Work, clock: Hands, kind: str
) -> None:
    """It was opened without an application, so nothing but what has ended says where it belongs."""
    clock.now = LATER.replace(year=2038)
    admissions, day = due.ledger.admissions, clock.now.date()
    given: Command = GrantRole(by=NATION.name, role=AskedRole(role="secondary_user", organisation="School", state="OR"))
    ended: Command = EndRole(by=NATION.name, grant=1, reason="Left.")
    if kind == "family":
        given = family(day, day.replace(year=2039))
        ended = EndFamily(by=NATION.name, grant=1, why="withdrawn", reason="Left.")
    by = Meta(actor=NATION.name, reason="By hand.")
    account = str(admissions.open(ROSA, "Rosa Núñez", [given], by).ids["account"])
    admissions.act(account, ended, by)
    clock.now = LATER
    [one] = due.ledger.disposals.present("access", [account])
    assert isinstance(one.due, Due)
    assert one.due.on == LATER.date().replace(year=2041) + timedelta(days=1)
    hold = due.ledger.keeping.place("legal", OverState(state="OR"), WHY, ANA)
    with pytest.raises(UnderHold):
        due.ledger.disposals.propose("access", [account], ANA)
    due.ledger.keeping.release(hold.id, WHY, ANA)
    due.ledger.keeping.set_schedule(schedule("access", (Since.ACCESS_END, 9), state="OR"), ANA)
    with pytest.raises(NotDue):
        due.ledger.disposals.propose("access", [account], ANA)
    clock.now = LATER.replace(year=2048)
    assert due.ledger.disposals.due("access", "CA").items == []
    [item] = due.ledger.disposals.due("access", "OR").items
    assert (item.present.subject.id, item.present.subject.state) == (account, "OR")


def test_of_an_account_of_several_states_the_latest_of_their_days_counts(due: Work, clock: Hands) -> None:
    """Guam's day begins fifteen hours before Oregon's, and Oregon gave the last role."""
    clock.now = datetime(2038, 6, 1, 18, tzinfo=UTC)  # the second of June on Guam
    admissions, by = due.ledger.admissions, Meta(actor=NATION.name, reason="By hand.")
    given = [
        GrantRole(by=NATION.name, role=AskedRole(role="secondary_user", organisation="School", state=state))
        for state in ("GU", "OR")
    ]
    account = str(admissions.open(ROSA, "Rosa Núñez", given, by).ids["account"])
    for grant in (1, 2):
        admissions.act(account, EndRole(by=NATION.name, grant=grant, reason="Left."), by)
    clock.now = LATER
    [one] = due.ledger.disposals.present("access", [account])
    assert isinstance(one.due, Due)
    assert (one.subject.state, one.due.on) == ("OR", date(2041, 6, 3))
    # Three on the third of June on Guam is yet the second in Oregon.
    clock.now = datetime(2041, 6, 2, 18, tzinfo=UTC)
    with pytest.raises(NotDue):
        due.ledger.disposals.propose("access", [account], ANA)
    clock.now = datetime(2041, 6, 3, 18, tzinfo=UTC)
    assert due.ledger.disposals.propose("access", [account], ANA).status == "proposed"


def test_an_account_that_still_has_access_is_not_due(due: Work) -> None:
    account = admitted(due.ledger.admissions)
    with pytest.raises(NotDue):
        due.ledger.disposals.propose("access", [account], ANA)


def test_nobody_disposes_of_his_own_papers(due: Work, clock: Hands) -> None:
    clock.now = LATER.replace(year=2025)
    account = admitted(due.ledger.admissions)
    due.ledger.admissions.act(account, Deactivate(by=NATION.name, reason="Left."), Meta(actor=NATION.name))
    clock.now = LATER
    disposals = due.ledger.disposals
    disposal = disposals.propose("access", [account], ANA).id
    known = disposals.known(disposal)
    assert isinstance(disposals.waiting(known, ROSA).unfit, OwnApplication)
    assert disposals.waiting(known, BEN.actor).unfit is None
    with pytest.raises(OwnApplication):
        due.ledger.disposals.approve(disposal, Meta(actor=ROSA.upper()))
    assert due.ledger.disposals.approve(disposal, BEN).status == "done"


def test_a_held_account_keeps_its_papers(due: Work, clock: Hands) -> None:
    clock.now = LATER.replace(year=2025)
    account = admitted(due.ledger.admissions)
    due.ledger.admissions.act(account, Deactivate(by=NATION.name, reason="Left."), Meta(actor=NATION.name))
    clock.now = LATER
    due.ledger.keeping.place("legal", OverAccount(account=account), WHY, CLEO)
    with pytest.raises(UnderHold):
        due.ledger.disposals.propose("access", [account], ANA)
