"""The read model ``accounts``: given applications and accounts, then this is what is told of them, and to whom."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import date, timedelta
from typing import Any

import psycopg
import pytest
from psycopg import sql

from ledger.account_acts import (
    Deactivate,
    Disable,
    Enable,
    EndFamily,
    EndRole,
    GiveSignInCode,
    KeepTime,
    LinkIdentity,
    TakeFamily,
)
from ledger.accounts import a_year_after
from ledger.application import Ledger
from ledger.applications import Refuse, Withdraw
from ledger.events import EVENTS, Erased, Meta, account, application
from ledger.store.database import Database, Role
from projections import accounts
from projections.accounts import Account, Application, Area, Whole
from projections.projection import digest
from projections.rebuild import Rebuild
from projections.runner import BatchRunner
from support.admitting import (
    BY_HAND,
    DESK,
    LUIS,
    NATION,
    OREGON,
    ROSA,
    accepted,
    admitted,
    applied,
    applying,
    family,
    paper,
    ready,
    trained,
    verifying,
)
from support.logs import reading

Ask = Callable[[Callable[[psycopg.AsyncConnection[Any]], Awaitable[Any]]], Any]
CA, OR, EAST = Area("CA"), Area("OR"), Area("OR", "7")
WHY = "She works elsewhere now."


@pytest.fixture
def ask(database: Database, ledger: Ledger) -> Ask:
    """What a query answers once the read model is at the head."""

    def ask(query: Callable[[psycopg.AsyncConnection[Any]], Awaitable[Any]]) -> Any:
        BatchRunner(accounts.PROJECTION, database, ledger.log).catch_up()

        async def run() -> Any:
            async with await psycopg.AsyncConnection.connect(database.conninfo(Role.READER), autocommit=True) as conn:
                reflected, found = await query(conn)
                assert (reflected.position, reflected.version) == (ledger.log.head(), accounts.PROJECTION.version)
                return found

        return asyncio.run(run())

    return ask


def applications_of(ask: Ask, area: Area = accounts.EVERYWHERE, **more: Any) -> list[Application]:
    return ask(lambda conn: accounts.applications(conn, area, **more))


def accounts_of(ask: Ask, area: Area = accounts.EVERYWHERE, **more: Any) -> list[Account]:
    return ask(lambda conn: accounts.accounts(conn, area, **more))


def one_application(ask: Ask, name: str) -> Application:
    return ask(lambda conn: accounts.one_application(conn, name))


def one_account(ask: Ask, name: str) -> Whole:
    return ask(lambda conn: accounts.one_account(conn, name))


def many(ledger: Ledger) -> dict[str, str]:
    """What can be told of accounts, all of it; their uuids by first name."""
    admissions = ledger.admissions
    today = admissions.today("OR")
    rosa = admitted(admissions)
    admissions.act(rosa, accepted(today), BY_HAND)
    admissions.act(rosa, GiveSignInCode(by=NATION.name, reason="Seen at the office."), BY_HAND)
    admissions.act(rosa, LinkIdentity(by=ROSA, issuer="https://id.example.org", subject="17"), BY_HAND)
    for days in (340, 400):
        admissions.act(rosa, KeepTime(by="timekeeper", today=today + timedelta(days=days)), BY_HAND)
    admissions.act(rosa, Disable(by=OREGON.name, reason="She is on leave."), BY_HAND)
    admissions.act(rosa, Enable(by=OREGON.name, reason="She is back."), BY_HAND)
    application, carl = applied(admissions, applying("carl@school.example.org", state="CA"))
    admissions.handle(application, paper(), BY_HAND)
    admissions.handle(application, Refuse(by=NATION.name, reason="There is no need."), BY_HAND)
    application, dora = applied(admissions, applying("dora@school.example.org", region="7"))
    admissions.handle(application, Withdraw(by=DESK), BY_HAND)
    grants = [family(today, today + timedelta(days=9)) for _ in range(3)]
    opened = admissions.open("eve@home.example.org", "Eve Núñez", grants, Meta(actor=LUIS, reason="Seen at school."))
    eve = str(opened.ids["account"])
    admissions.act(eve, TakeFamily(by="eve@home.example.org", grant=2), BY_HAND)
    admissions.act(eve, EndFamily(by=LUIS, grant=1, why="court-order", reason="Order of a court."), BY_HAND)
    admissions.act(eve, KeepTime(by="timekeeper", today=today + timedelta(days=10)), BY_HAND)
    fay = admitted(admissions, applying("fay@school.example.org", region="7"))
    admissions.act(fay, EndRole(by=OREGON.name, grant=1, reason=WHY), BY_HAND)
    gus = admitted(admissions, applying("gus@school.example.org"))
    admissions.act(gus, Deactivate(by=OREGON.name, reason=WHY), BY_HAND)
    return {"rosa": rosa, "carl": carl, "dora": dora, "eve": eve, "fay": fay, "gus": gus}


def test_the_history_that_these_tests_tell_holds_every_event_that_there_is(ledger: Ledger) -> None:
    many(ledger)
    told = {type(recorded.event) for recorded in ledger.log.read(0, 1_000)}
    assert told == {*application.EVENTS, *account.EVENTS}
    assert accounts.PROJECTION.events == {*application.EVENTS, *account.EVENTS, Erased}
    assert told <= set(EVENTS.values())


def test_an_application_is_told_from_its_making_to_its_end(ledger: Ledger, ask: Ask) -> None:
    name, account_name = ready(ledger.admissions, applying())
    ledger.admissions.handle(name, paper(what="certificate"), BY_HAND)
    one = one_application(ask, name)
    assert (one.application, one.account, one.status, one.kind) == (name, account_name, "verified", "exchange")
    assert (one.email, one.name, one.phone, one.title) == (ROSA, "Rosa Núñez", "+15035550101", "Registrar")
    assert (one.role, one.state, one.region, one.organisation) == ("secondary_user", "OR", None, "Hood River School")
    assert (one.supervisor, one.supervisor_email, one.entered_by) == ("Luis Ortega", LUIS, DESK)
    assert (one.verified_by, one.identity, one.recorded_by) == (LUIS, "driver's licence", None)
    assert (one.decided_by, one.decided_at, one.grant, one.trained_on) == (None, None, None, None)
    [lies] = one.attachments
    assert (lies.attachment, lies.what, lies.media_type, lies.size) == ("01", "certificate", "application/pdf", 9)
    assert (lies.sha256, lies.added_by) == ("00" * 32, DESK)
    assert one.applied < one.position == ledger.log.head()

    ledger.admissions.approve(name, OREGON, Meta(actor=OREGON.name))
    one = one_application(ask, name)
    assert (one.status, one.decided_by, one.grant) == ("approved", OREGON.name, 1)
    assert one.trained_on == ledger.admissions.today("OR")
    assert one.verified_at is not None
    assert one.decided_at is not None
    assert one.applied_at < one.verified_at < lies.added_at < one.decided_at


def test_one_that_was_recorded_from_its_form_names_form_and_recorder(ledger: Ledger, ask: Ask) -> None:
    name, _ = applied(ledger.admissions, applying())
    ledger.admissions.handle(name, paper("07"), BY_HAND)
    ledger.admissions.handle(name, verifying(DESK, "07"), BY_HAND)
    one = one_application(ask, name)
    assert (one.verified_by, one.recorded_by, one.form) == (LUIS, DESK, "07")


def test_a_refusal_is_told_with_its_reason(ledger: Ledger, ask: Ask) -> None:
    many(ledger)
    [one] = applications_of(ask, CA)
    assert (one.status, one.decided_by, one.reason) == ("refused", NATION.name, "There is no need.")


def test_an_account_is_told_with_all_its_roles_grants_and_trainings(ledger: Ledger, ask: Ask) -> None:
    known = many(ledger)
    today = ledger.admissions.today("OR")
    rosa, families, trainings, [name] = one_account(ask, known["rosa"])
    assert (rosa.email, rosa.name, rosa.status) == (ROSA, "Rosa Núñez", "active")
    assert (rosa.status_by, rosa.status_reason) == (OREGON.name, "She is back.")
    assert (rosa.trained_on, rosa.rules_on, rosa.renew_on) == (today, today, a_year_after(today))
    assert (rosa.told_due, rosa.told_overdue) == (a_year_after(today), a_year_after(today))
    [role] = rosa.roles
    assert (role.grant, role.role, role.state, role.granted_by) == (1, "secondary_user", "OR", OREGON.name)
    assert (role.application, role.ended_at) == (name, None)
    [training] = trainings
    assert (training.course, training.completed_on, training.recorded_by) == ("Security awareness", today, DESK)
    assert families == []


def test_a_familys_grants_are_told_with_their_records_and_how_each_ended(ledger: Ledger, ask: Ask) -> None:
    known = many(ledger)
    today = ledger.admissions.today("OR")
    eve, families, trainings, names = one_account(ask, known["eve"])
    assert (eve.status, eve.opened_at, eve.renew_on) == ("active", eve.begun_at, None)
    assert [(one.grant, one.why, one.ended_by) for one in families] == [
        (1, "court-order", LUIS),
        (2, "date", "timekeeper"),
        (3, "date", "timekeeper"),
    ]
    assert {(one.student_id, one.relation, one.until, one.ends_by) for one in families} == {
        ("100", "parent", today + timedelta(days=9), "date")
    }
    assert [one.taken_at is not None for one in families] == [False, True, False]
    assert families[0].records == ["r1", "r2"]
    assert families[0].reason == "Order of a court."
    assert (trainings, names) == ([], [])


def test_a_deactivated_account_stays_with_what_it_had(ledger: Ledger, ask: Ask) -> None:
    gus = one_account(ask, many(ledger)["gus"]).account
    assert (gus.status, gus.status_by, gus.status_reason) == ("deactivated", OREGON.name, WHY)
    assert [(role.grant, role.ended_by, role.reason) for role in gus.roles] == [(1, OREGON.name, WHY)]


def test_an_account_that_was_only_applied_for_is_told_as_that(ledger: Ledger, ask: Ask) -> None:
    _, name = applied(ledger.admissions, applying())
    ledger.admissions.act(name, trained(date(2026, 1, 5), date(2026, 1, 5)), BY_HAND)
    known = one_account(ask, name)
    assert (known.account.status, known.account.opened_at, known.account.roles) == ("applied", None, [])
    assert known.account.trained_on == date(2026, 1, 5)


def test_of_two_trainings_the_newest_counts_whichever_was_recorded_last(ledger: Ledger, ask: Ask) -> None:
    _, name = applied(ledger.admissions, applying())
    for day in (date(2026, 3, 1), date(2026, 2, 28)):
        ledger.admissions.act(name, trained(day, date(2026, 3, 1)), BY_HAND)
    known = one_account(ask, name)
    assert known.account.trained_on == date(2026, 3, 1)
    assert [one.completed_on.day for one in known.trainings] == [1, 28]


def test_nothing_is_told_of_an_id_that_never_was(ledger: Ledger, ask: Ask) -> None:
    many(ledger)
    assert one_account(ask, "nobody") is None
    assert one_application(ask, "nobody") is None


def names(found: list[Account] | list[Application]) -> list[str]:
    return [one.email.partition("@")[0] for one in found]


@pytest.mark.parametrize(
    ("area", "seen"),
    [
        (accounts.EVERYWHERE, ["gus", "fay", "dora", "carl", "rosa"]),
        (OR, ["gus", "fay", "dora", "rosa"]),
        (EAST, ["fay", "dora"]),
        (CA, ["carl"]),
        (Area("TX"), []),
        (Area("CA", "7"), []),
    ],
)
def test_an_area_sees_the_applications_for_roles_in_it_newest_first(
    ledger: Ledger, ask: Ask, area: Area, seen: list[str]
) -> None:
    many(ledger)
    assert names(applications_of(ask, area)) == seen


@pytest.mark.parametrize(
    ("area", "seen"),
    [
        (accounts.EVERYWHERE, ["hal", "gus", "fay", "eve", "dora", "carl", "rosa"]),
        (OR, ["hal", "gus", "fay", "rosa"]),
        (EAST, ["hal", "fay"]),
        (CA, []),
        (Area("TX"), []),
    ],
)
def test_an_area_sees_the_accounts_that_have_had_or_ask_for_a_role_in_it(
    ledger: Ledger, ask: Ask, area: Area, seen: list[str]
) -> None:
    many(ledger)
    applied(ledger.admissions, applying("hal@school.example.org", region="7"))
    assert names(accounts_of(ask, area)) == seen


def test_an_account_with_a_role_in_one_state_is_seen_by_another_once_it_asks_for_one_there(
    ledger: Ledger, ask: Ask
) -> None:
    many(ledger)
    applied(ledger.admissions, applying(state="CA"))
    assert names(accounts_of(ask, CA)) == ["rosa"]


def test_a_status_is_asked_for_alone(ledger: Ledger, ask: Ask) -> None:
    many(ledger)
    assert names(accounts_of(ask, status="deactivated")) == ["gus"]
    assert names(accounts_of(ask, OR, status="active")) == ["fay", "rosa"]
    assert names(applications_of(ask, status="withdrawn")) == ["dora"]
    assert applications_of(ask, CA, status="applied") == []


def test_pages_join_without_gap_or_repetition(ledger: Ledger, ask: Ask) -> None:
    many(ledger)
    pages: list[list[str]] = []
    before: int | None = None
    while page := accounts_of(ask, before=before, limit=2):
        pages.append(names(page))
        before = page[-1].begun
    assert pages == [["gus", "fay"], ["eve", "dora"], ["carl", "rosa"]]
    first = applications_of(ask, limit=3)
    rest = applications_of(ask, before=first[-1].applied, limit=3)
    assert names(first) + names(rest) == ["gus", "fay", "dora", "carl", "rosa"]


@pytest.mark.parametrize("batch_events_max", [1, 3, 1_000])
def test_a_rebuilt_read_model_equals_the_live_one_in_batches_of_any_size(
    database: Database, ledger: Ledger, batch_events_max: int
) -> None:
    many(ledger)
    BatchRunner(accounts.PROJECTION, database, ledger.log, batch_events_max=batch_events_max).catch_up()
    with reading(database) as conn:
        live = digest(conn, accounts.PROJECTION)
        assert Rebuild(accounts.PROJECTION, database, ledger.log, batch_events_max=7).run().swapped
        assert digest(conn, accounts.PROJECTION) == live


def destroy(database: Database, subject: str) -> None:
    with database.connect() as admin:
        assert admin.execute("delete from vault.keys where subject = %s", (subject,)).rowcount == 1


def left_of(conn: psycopg.Connection[Any], whose: str) -> list[str]:
    """The tables that still name an account."""
    tables = ("accounts", "roles", "families", "trainings", "applications")
    query = "select exists (select from accounts.{} where account = %s)"
    return [
        table
        for table in tables
        if conn.execute(sql.SQL(query).format(sql.Identifier(table)), (whose,)).fetchone() == (True,)
    ]


@pytest.mark.parametrize("whose", ["rosa", "carl", "eve"])
@pytest.mark.parametrize("seen_before", ["nothing of it", "its first event", "all"])
def test_nothing_is_left_of_an_account_whose_key_was_destroyed(
    database: Database, ledger: Ledger, new_ledger: Callable[..., Ledger], whose: str, seen_before: str
) -> None:
    name = many(ledger)[whose]
    events = ledger.log.read(0, 1_000)
    until = next(one.position for one in events if name in (one.stream[8:], getattr(one.event, "account", "")))
    until = {"nothing of it": until - 1, "its first event": until, "all": events[-1].position}[seen_before]
    BatchRunner(accounts.PROJECTION, database, Beginning(ledger, until)).catch_up()
    destroy(database, name)
    fresh = new_ledger(database)
    BatchRunner(accounts.PROJECTION, database, fresh.log).catch_up()
    with reading(database) as conn:
        live = digest(conn, accounts.PROJECTION)
        # What was read before its key went stays until a rebuild, as in every read model.
        assert bool(left_of(conn, name)) == (seen_before == "all")
        assert Rebuild(accounts.PROJECTION, database, fresh.log).run().swapped
        assert left_of(conn, name) == []
        assert (digest(conn, accounts.PROJECTION) == live) == (seen_before != "all")
        others = conn.execute("select count(*) from accounts.accounts").fetchone()
        papers = conn.execute("select count(*) from accounts.attachments").fetchone()
        assert (others, papers) == ((5,), (0 if whose == "carl" else 1,))


class Beginning:
    """A log as it was when it ended at a position."""

    def __init__(self, ledger: Ledger, until: int) -> None:
        self.channel = ledger.log.channel
        self._log = ledger.log
        self._until = until

    def read(self, after: int, limit: int) -> Any:
        return self._log.read(after, min(limit, self._until - after)) if after < self._until else []

    def read_left(self, streams: Any, upto: int) -> Any:
        return self._log.read_left(streams, upto)

    def head(self) -> int:
        return self._until
