"""What time does to accounts: a renewal is due, then overdue; a family's access is over. Each is told once."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime, timedelta

import pytest

from ledger.account_acts import Deactivate, EndRole, TakeFamily
from ledger.application import Ledger
from ledger.events import Event, Meta
from ledger.events.account import FamilyAccessEnded, RenewalDue, RenewalOverdue
from ledger.reactors.timekeeper import ACTOR, Timekeeper
from ledger.store.database import Database
from support.admitting import BY_HAND, LUIS, NATION, OREGON, accepted, admitted, applying, family, trained
from support.casework import Hands
from support.projecting import until

NOON = datetime(2025, 10, 2, 19, tzinfo=UTC)
"""In Oregon; where the nation's office lies it is afternoon, and on Guam the next morning."""
DAY = date(2025, 10, 2)
DUE_ON = "2026-10-02"


@pytest.fixture
def clock() -> Hands:
    return Hands(NOON)


@pytest.fixture
def ours(database: Database, new_ledger: Callable[..., Ledger], clock: Hands) -> Ledger:
    return new_ledger(database, clock=clock)


def look(ledger: Ledger) -> list[str]:
    until(lambda: nobody_looks(ledger))
    return Timekeeper(
        ledger.database,
        ledger.log,
        ledger.profile,
        ledger.clock,
        ledger.casework,
        ledger.audits,
        ledger.admissions,
        ledger.forgetting,
        ledger.keeping,
    ).look()


def nobody_looks(ledger: Ledger) -> bool:
    """Whether PostgreSQL has seen that the look before this one has ended."""
    with ledger.database.connect() as admin:
        query = "select count(*) from pg_stat_activity where application_name = 'sojourn timekeeper'"
        return admin.execute(query + " and datname = current_database()").fetchone() == (0,)


def renewed(ledger: Ledger, **place: str) -> str:
    """An account whose training and acceptance are of today."""
    email = f"{'-'.join(place.values()) or 'rosa'}@school.example.org"
    account = admitted(ledger.admissions, applying(email, **place), NATION)
    ledger.admissions.act(account, accepted(ledger.admissions.today(place.get("state", "OR")), email), BY_HAND)
    return account


def of_a_family(ledger: Ledger, *last_days: date) -> str:
    grants = [family(DAY, day) for day in last_days]
    opened = ledger.admissions.open("eve@home.example.org", "Eve Núñez", grants, Meta(actor=LUIS, reason="Seen."))
    account = str(opened.ids["account"])
    for grant in range(1, len(grants) + 1):
        ledger.admissions.act(account, TakeFamily(by="eve@home.example.org", grant=grant), BY_HAND)
    return account


def told(ledger: Ledger, account: str) -> list[Event]:
    by_time = [one for one in ledger.log.read_stream(f"account/{account}") if one.meta.actor == ACTOR]
    return [one.event for one in by_time]


def test_a_renewal_is_told_to_be_due_thirty_days_before_and_overdue_on_the_day_after(
    ours: Ledger, clock: Hands
) -> None:
    account = renewed(ours)
    moved = []
    for day in (date(2026, 9, 1), date(2026, 9, 2), date(2026, 9, 3), date(2026, 10, 2), date(2026, 10, 3)):
        clock.now = datetime(day.year, day.month, day.day, 19, tzinfo=UTC)
        moved.append((day.isoformat(), look(ours), look(ours)))
    assert [day for day, first, _ in moved if first] == ["2026-09-02", "2026-10-03"]
    assert not any(second for _, _, second in moved), "each is told once"
    assert told(ours, account) == [RenewalDue(due_on=DUE_ON), RenewalOverdue(due_on=DUE_ON)]
    clock.now += timedelta(days=400)
    assert look(ours) == []


def test_a_service_that_was_away_for_long_tells_that_it_is_overdue_and_no_longer_that_it_was_due(
    ours: Ledger, clock: Hands
) -> None:
    account = renewed(ours)
    clock.now += timedelta(days=900)
    assert (look(ours), look(ours)) == ([account], [])
    assert told(ours, account) == [RenewalOverdue(due_on=DUE_ON)]


def test_whoever_renews_is_told_again_a_year_later(ours: Ledger, clock: Hands) -> None:
    account = renewed(ours)
    clock.now += timedelta(days=340)
    look(ours)
    today = ours.admissions.today("OR")
    ours.admissions.act(account, trained(today), BY_HAND)
    ours.admissions.act(account, accepted(today), BY_HAND)
    assert look(ours) == []
    clock.now += timedelta(days=340)
    assert look(ours) == [account]
    assert told(ours, account) == [RenewalDue(due_on=DUE_ON), RenewalDue(due_on="2027-09-07")]


def test_a_day_is_over_in_each_accounts_own_zone(ours: Ledger, clock: Hands) -> None:
    guam, oregon, hawaii = (renewed(ours, state=state) for state in ("GU", "OR", "HI"))
    # On Guam it was the third when they were trained.
    clock.now = datetime(2026, 10, 3, 8, tzinfo=UTC)
    look(ours)
    assert [type(event).__name__ for event in told(ours, oregon)] == ["RenewalOverdue"], "there it is one o'clock"
    assert [type(event).__name__ for event in told(ours, hawaii)] == ["RenewalDue"], "there it is still the second"
    assert told(ours, guam) == [RenewalDue(due_on="2026-10-03")]
    clock.now = datetime(2026, 10, 3, 10, tzinfo=UTC)
    assert look(ours) == [hawaii]
    clock.now = datetime(2026, 10, 3, 14, tzinfo=UTC)
    assert look(ours) == [guam]
    assert told(ours, guam)[1:] == [RenewalOverdue(due_on="2026-10-03")]


def test_a_familys_access_is_over_on_the_day_after_its_last_and_each_grant_by_itself(
    ours: Ledger, clock: Hands
) -> None:
    account = of_a_family(ours, DAY, DAY + timedelta(days=1))
    assert look(ours) == []
    assert sorted(ours.admissions.standing(account).families) == [1, 2]
    clock.now += timedelta(days=1)
    assert (look(ours), look(ours)) == ([account], [])
    assert told(ours, account) == [FamilyAccessEnded(grant=1, by=ACTOR, why="date")]
    clock.now += timedelta(days=1)
    assert look(ours) == [account]
    assert ours.admissions.standing(account).families == {}
    clock.now += timedelta(days=400)
    assert look(ours) == []


def test_a_familys_day_is_over_where_its_school_lies_and_a_grant_that_nobody_took_ends_as_well(
    ours: Ledger, clock: Hands
) -> None:
    grants = [family(DAY, DAY, state=state) for state in ("OR", "GU", "HI")]
    opened = ours.admissions.open("eve@home.example.org", "Eve", grants, Meta(actor=LUIS, reason="Seen."))
    account = str(opened.ids["account"])
    looks = []
    # It is the next day on Guam already; in Oregon from seven o'clock UTC on, in Hawaii from ten.
    for now in (NOON, datetime(2025, 10, 3, 9, tzinfo=UTC), datetime(2025, 10, 3, 12, tzinfo=UTC)):
        clock.now = now
        looks.append((look(ours), look(ours)))
    assert looks == [([account], [])] * 3
    ended = [FamilyAccessEnded(grant=grant, by=ACTOR, why="date") for grant in (2, 1, 3)]
    assert told(ours, account) == ended


def test_an_eighteenth_birthday_ends_it_on_the_day_itself_and_says_so(ours: Ledger, clock: Hands) -> None:
    grant = family(DAY, DAY + timedelta(days=100), born=[date(2007, 10, 5)])
    opened = ours.admissions.open("eve@home.example.org", "Eve", [grant], Meta(actor=LUIS, reason="Seen."))
    account = str(opened.ids["account"])
    for day in (3, 4):
        clock.now = datetime(2025, 10, day, 19, tzinfo=UTC)
        assert look(ours) == []
    clock.now = datetime(2025, 10, 5, 19, tzinfo=UTC)
    assert look(ours) == [account]
    assert told(ours, account) == [FamilyAccessEnded(grant=1, by=ACTOR, why="eighteenth-birthday")]


@pytest.mark.parametrize(
    "end", [EndRole(by=OREGON.name, grant=1, reason="left"), Deactivate(by=OREGON.name, reason="left")]
)
def test_nothing_is_told_to_who_has_no_role_any_more(ours: Ledger, clock: Hands, end: EndRole | Deactivate) -> None:
    account = renewed(ours)
    ours.admissions.act(account, end, BY_HAND)
    clock.now += timedelta(days=400)
    assert look(ours) == []
    assert ours.admissions.due(date(2030, 1, 1)) == []


def test_one_account_that_cannot_be_read_keeps_no_other_from_being_told(
    database: Database, ours: Ledger, new_ledger: Callable[..., Ledger], clock: Hands
) -> None:
    broken, sound = renewed(ours, state="OR"), renewed(ours, state="WA")
    with database.connect() as admin:
        admin.execute("delete from vault.keys where subject = %s", (broken,))
    clock.now += timedelta(days=400)
    fresh = new_ledger(database, clock=clock)
    assert sorted(fresh.admissions.due(date(2027, 1, 1))) == sorted([broken, sound])
    assert look(fresh) == [sound]


def test_two_that_look_at_one_account_at_once_tell_it_once(
    database: Database, ours: Ledger, new_ledger: Callable[..., Ledger], clock: Hands
) -> None:
    account = renewed(ours)
    clock.now += timedelta(days=340)
    ledgers = [ours, new_ledger(database, clock=clock)]
    with ThreadPoolExecutor(4) as threads:
        moved = list(threads.map(lambda one: one.admissions.keep_time(account, Meta(actor=ACTOR)), ledgers * 2))
    assert sorted(moved) == [False, False, False, True]
    assert told(ours, account) == [RenewalDue(due_on=DUE_ON)]
