"""An account's papers go with all that it signed in by; that it was one stays: its address is never another's."""

from __future__ import annotations

import uuid
from datetime import timedelta

import pytest

from ledger.account_acts import Deactivate, LinkIdentity
from ledger.application import Ledger
from ledger.errors import EmailRetired, LedgerError, RecordDestroyed
from ledger.store import codes, sessions
from ledger.store.database import Role
from ledger.store.doctor_accounts import faults
from support.admitting import BY_HAND, OREGON, ROSA, admitted, applying
from support.gone import destroy, rows
from support.papers import applied, kept, paper

OF_AN_ACCOUNT = {
    "ledger.credentials": "account_id",
    "ledger.sessions": "account_id",
    "ledger.one_time_codes": "subject",
    "ledger.saved_lists": "account_id",
    "ledger.identities": "account_id",
    "ledger.attachments": "account",
}


def lived(ledger: Ledger, email: str) -> str:
    """An account that has everything an account can have, and whose access is over."""
    admissions = ledger.admissions
    application = applied(ledger, email)
    kept(ledger, application, paper(9))
    account = admissions.application(application).applied.account
    admissions.act(account, LinkIdentity(by=email, issuer="https://id.example.org", subject=email), BY_HAND)
    admissions.act(account, Deactivate(by=OREGON.name, reason="Left."), BY_HAND)
    with ledger.database.connect(Role.WRITER) as conn:
        name = uuid.UUID(account)
        conn.execute("insert into ledger.credentials values (%s, 'hash', now())", (name,))
        conn.execute("insert into ledger.saved_lists values (gen_random_uuid(), %s, 'mine', 'l', '{}', now())", (name,))
        sessions.make(conn, account=name, grant=None, method="local", now=ledger.clock())
        now = ledger.clock()
        codes.make(conn, purpose=next(iter(codes.Purpose)), subject=name, now=now, ends_at=now + timedelta(hours=1))
    return account


def test_all_that_an_account_had_goes_and_its_address_stays_taken(ledger: Ledger) -> None:
    account, other = lived(ledger, ROSA), lived(ledger, "eva@school.example.org")
    destroy(ledger, account, "access")
    for table, column in OF_AN_ACCOUNT.items():
        query = f"select {column}::text from {table} where {column} <> '00000000-0000-0000-0000-000000000000'"
        assert rows(ledger, query) == [(other,)], table
    assert len(rows(ledger, "select 1 from ledger.attachment_parts")) == 1
    said = str(
        rows(ledger, "select status, standing::text, looked_at_on from ledger.accounts where account_id = %s", account)
    )
    assert "deactivated" in said
    assert ROSA not in said
    assert "Rosa" not in said
    with pytest.raises(EmailRetired):
        admitted(ledger.admissions, applying(ROSA))
    with pytest.raises(LedgerError):
        ledger.admissions.account(account)
    with ledger.log.connection() as conn, pytest.raises(RecordDestroyed):
        ledger.vault.load(conn, [(account, "access")])


def test_the_doctor_finds_what_was_left_of_one(ledger: Ledger) -> None:
    account = lived(ledger, ROSA)
    destroy(ledger, account, "access")
    with ledger.database.connect(Role.PROJECTOR) as conn:
        assert list(faults(conn, ledger.log)) == []
        with ledger.database.connect() as admin:
            admin.execute("insert into ledger.identities values ('x', %s)", (account,))
        assert [account in fault for fault in faults(conn, ledger.log)] == [True]
