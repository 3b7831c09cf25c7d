"""The doctor sees a guard of accounts that does not follow from the events."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta

import pytest

from ledger.account_acts import Deactivate, LinkIdentity
from ledger.application import Ledger
from ledger.events import Meta
from ledger.store.database import Database, Role
from ledger.store.doctor_accounts import faults
from support.admitting import (
    BY_HAND,
    LUIS,
    OREGON,
    ROSA,
    accepted,
    admitted,
    applied,
    applying,
    family,
    ready,
    trained,
)


def found(ledger: Ledger) -> list[str]:
    """As the doctor looks."""
    with ledger.database.connect(Role.PROJECTOR) as conn:
        conn.autocommit = True
        return list(faults(conn, ledger.log))


def steps(ledger: Ledger) -> Iterator[object]:
    """A life, step by step: applied for, trained, approved, linked, renewed, given a family's access, ended."""
    admissions = ledger.admissions
    today = admissions.today("OR")
    yield applied(admissions, applying("carl@school.example.org", state="CA"))
    _, rosa = applied(admissions, applying())
    yield rosa
    yield admissions.act(rosa, trained(today), BY_HAND)
    name, _ = ready(admissions, applying(region="7"))
    yield admissions.approve(name, OREGON, BY_HAND)
    yield admissions.act(rosa, LinkIdentity(by=ROSA, issuer="https://id.example.org", subject="17"), BY_HAND)
    yield admissions.act(rosa, accepted(today), BY_HAND)
    grants = [family(today, today + timedelta(days=9))]
    yield admissions.open("eve@home.example.org", "Eve Núñez", grants, Meta(actor=LUIS, reason="Seen."))
    gus = admitted(admissions, applying("gus@school.example.org"))
    yield gus
    yield admissions.act(gus, Deactivate(by=OREGON.name, reason="left"), BY_HAND)


@pytest.fixture
def lived(ledger: Ledger) -> Ledger:
    list(steps(ledger))
    return ledger


def test_guards_that_follow_from_the_events_are_sound_at_every_step(ledger: Ledger) -> None:
    assert found(ledger) == []
    for _ in steps(ledger):
        assert found(ledger) == []


@pytest.mark.parametrize(
    ("statement", "fault"),
    [
        ("update ledger.accounts set status = 'active' where status = 'deactivated'", "does not follow"),
        ("update ledger.accounts set status = 'disabled' where status = 'applied'", "does not follow"),
        ("update ledger.accounts set looked_at_on = null", "does not follow"),
        (
            "update ledger.accounts set standing = jsonb_set(standing, '{roles}', '{}') where status = 'active'",
            "does not follow",
        ),
        (
            (
                "update ledger.accounts set standing = jsonb_set(standing, '{roles,1,role}', '\"privacy_officer\"')"
                " where standing->'roles'->'1' is not null"
            ),
            "does not follow",
        ),
        ("update ledger.accounts set standing = '{}'", "does not follow"),
        ("update ledger.accounts set email_hash = '\\x01' where status = 'deactivated'", "another address"),
        ("delete from ledger.accounts where status = 'applied'", "has no guard row"),
        ("delete from ledger.accounts where status = 'deactivated'", "has no guard row"),
        (
            (
                "insert into ledger.accounts select gen_random_uuid(), '\\x02', status, standing from ledger.accounts"
                " where status = 'applied'"
            ),
            "a guard row and no events",
        ),
        ("delete from ledger.identities", "other identities"),
        (
            "insert into ledger.identities select '\\x03', account_id from ledger.accounts where status = 'applied'",
            "other identities",
        ),
        ("insert into ledger.identities values ('\\x04', gen_random_uuid())", "which is not there"),
    ],
)
def test_a_guard_that_somebody_changed_is_seen_once(
    database: Database, lived: Ledger, statement: str, fault: str
) -> None:
    with database.connect() as conn:
        assert conn.execute(statement.encode()).rowcount > 0
    assert any(fault in one for one in found(lived)), found(lived)
    assert all(fault in one for one in found(lived))


@pytest.mark.parametrize("email", ["carl@school.example.org", ROSA])
def test_of_an_account_whose_key_is_gone_no_more_is_known_than_that_it_was(
    database: Database, lived: Ledger, new_ledger: Callable[..., Ledger], email: str
) -> None:
    known = lived.admissions.of_email(email)
    assert known is not None
    with database.connect() as conn:
        conn.execute("delete from vault.keys where subject = %s", (known.account,))
    fresh = new_ledger(database)
    assert found(fresh) == []
