"""Guards of accounts: who may sign in and as what, which e-mail addresses and identities are taken.

Invariant: a row follows from the events of its account, in the transaction that writes them; an address belongs to one
account for ever, and so does an identity. Neither is kept in clear beside it: only a keyed hash.
"""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Callable, Collection, Iterable
from datetime import date
from typing import Any

import msgspec
import psycopg
from psycopg.rows import tuple_row

from ledger import accounts
from ledger.accounts import Account
from ledger.errors import LedgerError, StaleDecision
from ledger.events.application import AskedRole
from ledger.store.vault import LEDGER, Vault


class Allowed(msgspec.Struct, frozen=True, kw_only=True):
    """Records that a family may read, by uuid. until: last day, where the state lies whose school granted it."""

    records: list[str]
    until: date
    state: str


class Standing(msgspec.Struct, frozen=True, kw_only=True):
    """What a request by an account is decided on. email: the actor of all that it does. status: as in
    ``ledger.accounts``. proposed: the role that was applied for last. roles: by number. trained_on, rules_on: days of
    the newest training, and of accepting the rules. edition: of those rules."""

    account: str
    email: str
    name: str
    status: str
    proposed: AskedRole | None
    roles: dict[int, AskedRole]
    families: dict[int, Allowed]
    trained_on: date | None
    rules_on: date | None
    edition: str


class AccountStanding(msgspec.Struct, frozen=True, kw_only=True):
    """How an account stands once the append is durable. email_hash: of its address. identities: hashes of those that
    are linked. looked_at_on: first day on which time has something to tell of it; None: never."""

    standing: Standing
    email_hash: bytes
    identities: tuple[bytes, ...] = ()
    looked_at_on: date | None = None


def stands(account: str, known: Account, hashed: Callable[..., bytes]) -> AccountStanding:
    """The guard of an account, as it follows from its events. hashed: keyed hash of its parts."""
    return AccountStanding(
        standing=Standing(
            account=account,
            email=known.email,
            name=known.name,
            status=known.status,
            proposed=known.proposed,
            roles=dict(known.roles),
            families={
                n: Allowed(records=one.records, until=one.until, state=one.state)
                for n, one in known.families.items()
                if one.taken
            },
            trained_on=known.trained_on,
            rules_on=known.rules_on,
            edition=known.edition,
        ),
        email_hash=hashed(known.email),
        identities=tuple(hashed(issuer, subject) for issuer, subject in known.identities),
        looked_at_on=accounts.looked_at_on(known),
    )


def hash_key(conn: psycopg.Connection[Any], vault: Vault) -> bytes:
    """The key for ``hash_of``: it follows from the ledger's own, which is never destroyed."""
    return vault.load(conn, [LEDGER])[LEDGER].body_key(b"addresses of accounts")


def hash_of(key: bytes, *parts: str) -> bytes:
    """Keyed hash of an address, or of an identity's issuer and subject. key: 32 bytes, of the ledger's."""
    digest = hashlib.blake2b(key=key, digest_size=32)
    for part in parts:
        text = part.encode()
        digest.update(len(text).to_bytes(4, "big") + text)
    return digest.digest()


class Taken:
    """Whose the addresses and identities of one group's appends are, while the log's lock is held."""

    def __init__(self, conn: psycopg.Connection[Any], standings: Collection[AccountStanding]) -> None:
        self._emails: dict[bytes, str] = {}
        self._identities: dict[bytes, str] = {}
        if standings:
            cursor = conn.cursor(row_factory=tuple_row)
            emails = [one.email_hash for one in standings]
            for email, account in cursor.execute(_BY_EMAIL, (emails,)).fetchall():
                self._emails[bytes(email)] = str(account)
            identities = [identity for one in standings for identity in one.identities]
            for identity, account in cursor.execute(_BY_IDENTITY, (identities,)).fetchall():
                self._identities[bytes(identity)] = str(account)

    def refusal(self, standings: Iterable[AccountStanding]) -> LedgerError | None:
        """Why an append cannot be written: StaleDecision; None where it can."""
        for one in standings:
            account = one.standing.account
            others = {self._emails.get(one.email_hash, account)}
            others |= {self._identities.get(identity, account) for identity in one.identities}
            if others != {account}:
                return StaleDecision("The address or identity became another account's meanwhile.", remedy="Look anew.")
        return None

    def note(self, standings: Iterable[AccountStanding]) -> None:
        """An append is written, and those behind it in the group are looked at with it."""
        for one in standings:
            self._emails[one.email_hash] = one.standing.account
            self._identities.update(dict.fromkeys(one.identities, one.standing.account))


def write(conn: psycopg.Connection[Any], standings: Iterable[AccountStanding]) -> None:
    """Bring the guards to what the appends of one transaction say, in their order."""
    cursor = conn.cursor(binary=True)
    for one in standings:
        account = uuid.UUID(one.standing.account)
        standing = msgspec.json.encode(one.standing).decode()
        cursor.execute(_STAND, (account, one.email_hash, one.standing.status, standing, one.looked_at_on))
        for identity in one.identities:
            cursor.execute(_LINK, (identity, account))


def of_email(conn: psycopg.Connection[Any], email_hash: bytes) -> Standing | None:
    """The account of an address, as it stands; None where the address is nobody's."""
    return _one(conn, "select standing::text from ledger.accounts where email_hash = %s", email_hash)


def of_identity(conn: psycopg.Connection[Any], identity_hash: bytes) -> Standing | None:
    """The account that signs in by an identity; None where there is none."""
    query = (
        "select a.standing::text from ledger.accounts a join ledger.identities i using (account_id)"
        " where i.identity_hash = %s"
    )
    return _one(conn, query, identity_hash)


def of_account(conn: psycopg.Connection[Any], account: str) -> Standing | None:
    """An account as it stands."""
    return _one(conn, "select standing::text from ledger.accounts where account_id = %s", uuid.UUID(account))


def to_look_at(conn: psycopg.Connection[Any], day: date) -> list[str]:
    """Accounts of which time has something to tell by a day."""
    query = "select account_id from ledger.accounts where looked_at_on <= %s order by looked_at_on, account_id"
    return [str(row[0]) for row in conn.cursor(row_factory=tuple_row).execute(query, (day,)).fetchall()]


decode = msgspec.json.Decoder(Standing).decode
"""A standing as it is stored."""


def _one(conn: psycopg.Connection[Any], query: Any, key: object) -> Standing | None:
    row = conn.cursor(row_factory=tuple_row).execute(query, (key,)).fetchone()
    return None if row is None else decode(row[0])


_BY_EMAIL = "select email_hash, account_id from ledger.accounts where email_hash = any(%s::bytea[])"
_BY_IDENTITY = "select identity_hash, account_id from ledger.identities where identity_hash = any(%s::bytea[])"
_STAND = (
    "insert into ledger.accounts (account_id, email_hash, status, standing, looked_at_on)"
    " values (%s, %s, %s, %s::text::jsonb, %s) on conflict (account_id) do update set status = excluded.status,"
    " standing = excluded.standing, looked_at_on = excluded.looked_at_on"
)
_LINK = "insert into ledger.identities (identity_hash, account_id) values (%s, %s) on conflict do nothing"
