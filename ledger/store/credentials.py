"""What an account proves itself with here: a password, a second factor, codes for when that is lost.

Invariants: a password is kept as an argon2id hash, a second factor's secret sealed under the account's own key, a
recovery code as SHA-256. Tries are counted before they are looked at (``tries``): while an account is locked a right
password is refused like a wrong one. A step of the second factor, and a recovery code, are taken once, also of two at
once. Whoever is refused learns nothing, also not whether there is such an account: it takes the same hash, and the
same statements, either way. An account is its uuid; who that is, and whether it may sign in, is for others to say.

These methods block for a hash, some 30 ms: ``aside`` runs one in a thread of a few, so that hashes take bounded memory.
"""

from __future__ import annotations

import asyncio
import os
import uuid
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, Final, NamedTuple, TypeVar

import psycopg
from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from ledger import telemetry
from ledger.errors import NotFound, PasswordRefused
from ledger.store import one_time, passwords, second_factor, tries
from ledger.store.database import translated
from ledger.store.vault import Vault

T = TypeVar("T")
Connections = Callable[[], AbstractContextManager[psycopg.Connection[Any]]]

MEMORY_KIB: Final = 19_456
ITERATIONS: Final = 2
LANES: Final = 1
"""19 MiB, twice, in one lane: the least that OWASP advises for argon2id
(https://cheatsheetseries.owasp.org/cheatsheets/Password_Storage_Cheat_Sheet.html). A hash under other parameters is
made anew when its owner signs in."""
THREADS: Final = 4

RECOVERY_CODES: Final = 10
RECOVERY_CHARACTERS: Final = 16
"""80 bits each."""


class Checked(StrEnum):
    """How a try ended. CODE_WANTED: the password is right, and a code of the second factor is asked for."""

    PASSED = "passed"
    CODE_WANTED = "code-wanted"
    REFUSED = "refused"


class Standing(NamedTuple):
    """What its holder is told, or whoever helps with an account. second_factor: whether one is in use. recovery_left:
    codes that were not used yet. failures: tries in vain since the last that was not. locked_until: UTC, or None."""

    changed_at: datetime
    second_factor: bool
    recovery_left: int
    failures: int
    locked_until: datetime | None


class Offer(NamedTuple):
    """A second factor that its holder has yet to show a code of. uri: for a QR code; secret: for who types it in."""

    uri: str
    secret: str


class Credentials:
    """The credentials of local accounts. One per process; safe for threads; close it.

    connections: as the writer, each in no transaction, such as ``Log.connection``. clock: now, UTC. random_bytes: of
    the system's own chance. memory_kib, iterations: of argon2id. issuer: what an authenticator app calls us.
    """

    def __init__(
        self,
        connections: Connections,
        vault: Vault,
        *,
        clock: Callable[[], datetime],
        random_bytes: Callable[[int], bytes] = os.urandom,
        memory_kib: int = MEMORY_KIB,
        iterations: int = ITERATIONS,
        issuer: str = "Sojourn",
    ) -> None:
        self._connections = connections
        self._vault = vault
        self._clock = clock
        self._random_bytes = random_bytes
        self._hasher = PasswordHasher(time_cost=iterations, memory_cost=memory_kib, parallelism=LANES)
        self._issuer = issuer
        self._threads = ThreadPoolExecutor(THREADS, "credentials")
        self._nobodys = self._hash(random_bytes(32).hex())

    def close(self) -> None:
        """End the threads."""
        self._threads.shutdown()

    async def aside(self, deed: Callable[[], T]) -> T:
        """Do one of the below in a thread, and wait for it without holding up the loop."""
        return await asyncio.get_running_loop().run_in_executor(self._threads, deed)

    # -- signing in

    def check(self, account: uuid.UUID | None, password: str, code: str | None = None) -> Checked:
        """Whether a password is an account's, and a code, where it has a second factor. account: None where what was
        typed names none: it is refused after the same work. Raises StoreUnavailable, Misconfigured."""
        now = self._clock()
        with self._connections() as conn, translated():
            tried = tries.begin(conn, account, now)
        # Durable: the try, as one in vain. A crash from here on leaves it counted, and nobody signed in.
        if not self._is_password(tried, password) or tried.locked:
            return _refused("password", tried)
        row = tried.row
        anew = self._hash(passwords.prepared(password)) if self._hasher.check_needs_rehash(row.password) else None
        with self._connections() as conn, translated():
            if anew is not None:
                tries.rehash(conn, row, anew)
            if row.totp is None and not tries.passed(conn, tried):
                return _refused("password", tried)  # another one was set meanwhile
            telemetry.SIGN_IN_TRIES.labels("password", "passed").inc()
            if row.totp is None:
                return Checked.PASSED
            if code is not None:
                return self._checked(conn, tried, code, now)
            tries.take_back(conn, tried)
            return Checked.CODE_WANTED

    def check_code(self, account: uuid.UUID, code: str) -> Checked:
        """Whether a code is one of an account's second factor, or a recovery code: for whoever has shown the password.
        Counted as ``check``. Raises StoreUnavailable, Misconfigured."""
        now = self._clock()
        with self._connections() as conn, translated():
            tried = tries.begin(conn, account, now)
            return _refused("code", tried) if tried.locked else self._checked(conn, tried, code, now)

    def _checked(self, conn: psycopg.Connection[Any], tried: tries.Try, code: str, now: datetime) -> Checked:
        recovery = one_time.read(code, RECOVERY_CHARACTERS)
        if recovery is not None:
            taken = tries.passed(conn, tried, recovery=one_time.digest(recovery))
        else:
            secret = self._secret(conn, tried.row, tried.row.totp)
            step = None if secret is None else second_factor.step_of(secret, code, now)
            taken = step is not None and tries.passed(conn, tried, step=step)
        if not taken:
            return _refused("code", tried)
        telemetry.SIGN_IN_TRIES.labels("code", "passed").inc()
        return Checked.PASSED

    # -- the password

    def set_password(self, account: uuid.UUID, password: str, *, own: Iterable[str] = ()) -> None:
        """Give an account a password; a lock ends with it. own: names and addresses of the account, none of which it
        may be made of. To end its sessions is the caller's. Raises PasswordRefused, StoreUnavailable."""
        hashed = self._hash(passwords.chosen(password, own))
        with self._connections() as conn, translated():
            tries.set_password(conn, account, hashed, self._clock())

    def standing(self, account: uuid.UUID) -> Standing | None:
        """None where the account has no password here. Raises StoreUnavailable."""
        with self._connections() as conn, translated():
            row = tries.row_of(conn, account)
        if row is None:
            return None
        until = None if row.locked_until is None or row.locked_until <= self._clock() else row.locked_until
        return Standing(
            row.changed_at.astimezone(UTC),
            row.totp is not None,
            len(row.recovery),
            row.failures,
            None if until is None else until.astimezone(UTC),
        )

    def unlock(self, account: uuid.UUID) -> None:
        """End a lock, and forget what was tried in vain. Raises NotFound, StoreUnavailable."""
        with self._connections() as conn, translated():
            _there(tries.unlock(conn, account))

    def remove(self, account: uuid.UUID) -> bool:
        """Take all of it from an account; whether there was something. Raises StoreUnavailable."""
        with self._connections() as conn, translated():
            return tries.remove(conn, account)

    # -- the second factor

    def offer_second_factor(self, account: uuid.UUID, name: str) -> Offer:
        """Make one, which is in use once a code of it was shown; one that is in use stays so until then. name: under
        which the app lists it. Raises NotFound where the account has no password, StoreUnavailable, Misconfigured."""
        secret = self._random_bytes(second_factor.SECRET_BYTES)
        subject = (str(account), "access")
        with self._connections() as conn, translated():
            _there(tries.row_of(conn, account) is not None)
            key = self._vault.load(conn, [subject])[subject]
            # Durable: the key. What it seals now goes with it.
            stored = second_factor.sealed(key, account, secret, self._random_bytes)
            _there(tries.offer(conn, account, uuid.UUID(bytes=key.key_id), stored))
        return Offer(second_factor.uri(secret, name=name, issuer=self._issuer), second_factor.shown(secret))

    def confirm_second_factor(self, account: uuid.UUID, code: str) -> tuple[str, ...] | None:
        """Take what was offered into use, by a code of it; that code is used up. Returns the recovery codes, shown
        once; None where the code is not one of it. Raises StoreUnavailable, Misconfigured."""
        now = self._clock()
        with self._connections() as conn, translated():
            row = tries.row_of(conn, account)
            secret = None if row is None else self._secret(conn, row, row.totp_next)
            step = None if secret is None else second_factor.step_of(secret, code, now)
            if row is None or step is None:
                return None
            codes, hashes = self._recovery_codes()
            return codes if tries.confirm(conn, row, step, hashes) else None

    def new_recovery_codes(self, account: uuid.UUID) -> tuple[str, ...]:
        """Other ones in the place of all, shown once. Raises NotFound where there is no second factor,
        StoreUnavailable."""
        codes, hashes = self._recovery_codes()
        with self._connections() as conn, translated():
            _there(tries.set_recovery(conn, account, hashes))
        return codes

    def remove_second_factor(self, account: uuid.UUID) -> None:
        """The password alone is asked for from now on. Raises NotFound, StoreUnavailable."""
        with self._connections() as conn, translated():
            _there(tries.without_second_factor(conn, account))

    # -- inside

    def _hash(self, text: str) -> str:
        return self._hasher.hash(text, salt=self._random_bytes(16))

    def _is_password(self, tried: tries.Try, typed: str) -> bool:
        """One hash, whatever was typed and whoever is meant."""
        try:
            text, told = passwords.prepared(typed), True
        except PasswordRefused:
            text, told = "", False
        try:
            self._hasher.verify(self._nobodys if tried.nobody else tried.row.password, text)
        except (VerificationError, InvalidHashError):
            return False
        return told and not tried.nobody

    def _secret(self, conn: psycopg.Connection[Any], row: tries.Row, stored: bytes | None) -> bytes | None:
        """None where there is none, or its key was destroyed."""
        if stored is None or row.totp_key is None:
            return None
        key = self._vault.open_keys(conn, [row.totp_key.bytes])[row.totp_key.bytes]
        return None if key is None else second_factor.opened(key, row.account_id, bytes(stored))

    def _recovery_codes(self) -> tuple[tuple[str, ...], list[bytes]]:
        drawn = [one_time.drawn(RECOVERY_CHARACTERS, self._random_bytes) for _ in range(RECOVERY_CODES)]
        return tuple(map(one_time.shown, drawn)), list(map(one_time.digest, drawn))


def _refused(asked: str, tried: tries.Try) -> Checked:
    telemetry.SIGN_IN_TRIES.labels(asked, "locked" if tried.locked and not tried.nobody else "refused").inc()
    return Checked.REFUSED


def _there(found: bool) -> None:
    if not found:
        raise NotFound(
            "The account has not set this up here.", remedy="A password comes first, then a second factor for it."
        )
