"""Keys: one per subject and class, wrapped by the master key. Destroying a row destroys what it sealed.

Every event has a body key of its own: HKDF-SHA256 (RFC 5869) of the subject key, info = event id. A body key seals
once, so the nonce is zero (NIST SP 800-38D 8.2 asks for a nonce that never repeats under a key). The extract step is
done once per subject key and kept, the expand step per event.

The vault opens nothing that it cannot prove: a wrapped key is bound to its id, subject and class, and says which
master key wraps it, so a wrong master key is told from a damaged row.
"""

from __future__ import annotations

import os
import uuid
from collections import OrderedDict
from collections.abc import Callable, Collection, Iterable
from datetime import UTC, datetime
from hashlib import sha256
from threading import Lock
from typing import Any, Final, LiteralString, NamedTuple

import psycopg
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.hmac import HMAC
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from psycopg.rows import tuple_row

from ledger import telemetry
from ledger.errors import LogBroken, Misconfigured, RecordDestroyed
from ledger.store.canonical import text_field
from ledger.store.database import translated

KEY_BYTES = 32
_NONCE_BYTES = 12
_ZERO_NONCE = bytes(_NONCE_BYTES)
_SHA256 = SHA256()
_FIRST_BLOCK = b"\x01"

Subject = tuple[str, str]
"""(subject, class): ``("0190…", "education")``, ``("ledger", "ledger")``."""

LEDGER: Subject = ("ledger", "ledger")
"""The subject of everything that holds no child's data; its key is never destroyed."""


SUBMISSION = "submission"
"""Class of the keys of submissions."""


def submission_subject(submission: str) -> Subject:
    """The subject of what is kept of one submission for some days: its spool, answers, values of unknown records."""
    return submission, SUBMISSION


def contact_subject(state: str, level: str, place: str | None, version: int) -> Subject:
    """The subject of one official's name and address, set at a version of the state's stream: it can go alone, once
    another one is named for the place."""
    return f"contact/{state}/{level}/{place or state}/{version}", "contact"


IN_MEMORY = telemetry.VAULT_KEYS.labels("memory")
_IN_VAULT = telemetry.VAULT_KEYS.labels("vault")


DISPOSALS: Final = "select disposals from ledger.head"
"""Which was the last disposal: of whoever opens what is sealed (``Vault.catch_up``)."""


def last_disposal(asked: psycopg.Cursor[tuple[Any, ...]]) -> int:
    """Its position, of what answers ``DISPOSALS``; 0 where nothing was destroyed."""
    row = asked.fetchone()
    return 0 if row is None else row[0]


class MasterKey(NamedTuple):
    """A key that wraps keys. fingerprint: first 8 bytes of a hash, stored beside what it wraps."""

    secret: bytes
    fingerprint: bytes

    @classmethod
    def of(cls, secret: bytes) -> MasterKey:
        """Raises Misconfigured unless the secret has 32 bytes."""
        if len(secret) != KEY_BYTES:
            raise Misconfigured(
                f"The master key has {len(secret)} bytes, not {KEY_BYTES}.",
                remedy="Set SOJOURN_MASTER_KEY (or _FILE) to 32 bytes in base64 or 64 hexadecimal digits.",
            )
        return cls(secret, sha256(b"sojourn master key\x00" + secret).digest()[:8])


class SubjectKey(NamedTuple):
    """A subject's key, ready to derive body keys from. key_id: 16 bytes. extract: HKDF's pseudorandom key."""

    key_id: bytes
    extract: bytes

    def body_key(self, event_id: bytes) -> bytes:
        """The key of one event's body, 32 bytes: HKDF-Expand (RFC 5869 2.3), whose first block is all that is asked."""
        mac = HMAC(self.extract, _SHA256)
        mac.update(event_id + _FIRST_BLOCK)
        return mac.finalize()

    def begun(self) -> BegunKey:
        """The same for whoever opens many bodies of one subject."""
        return BegunKey(HMAC(self.extract, _SHA256))


class BegunKey:
    """A subject's key with the part of each derivation done that all of them share."""

    __slots__ = ("_begun",)

    def __init__(self, begun: HMAC) -> None:
        self._begun = begun

    def body_key(self, event_id: bytes) -> bytes:
        """As ``SubjectKey.body_key``, in a third of its time."""
        mac = self._begun.copy()
        mac.update(event_id + _FIRST_BLOCK)
        return mac.finalize()


class NewKey(NamedTuple):
    """A key made for a subject that had none, and the vault row that makes it durable."""

    subject: Subject
    key: SubjectKey
    wrapped: bytes
    wrapped_by: bytes


def seal(body_key: bytes, body: bytes, bound_to: bytes) -> bytes:
    """AES-256-GCM; once per body key."""
    return AESGCM(body_key).encrypt(_ZERO_NONCE, body, bound_to)


def unseal(body_key: bytes, ciphertext: bytes, bound_to: bytes) -> bytes:
    """Raises cryptography's InvalidTag when key, place or bytes do not fit."""
    return AESGCM(body_key).decrypt(_ZERO_NONCE, ciphertext, bound_to)


class Vault:
    """The subject keys, read through a bounded cache. One per process; safe for threads.

    What is at hand is looked up in the database all the same: which keys were destroyed since. So nothing opens in any
    process that a disposal destroyed in another. What is sealed is looked at when it is written (``disposals``).

    masters: the first wraps new keys, the others still open old ones (while ``sojourn keys rotate`` runs).
    """

    CACHED_KEYS_MAX = 400_000

    def __init__(
        self,
        masters: Iterable[MasterKey],
        *,
        random_bytes: Callable[[int], bytes] = os.urandom,
        new_id: Callable[[], bytes] = lambda: uuid.uuid4().bytes,
    ) -> None:
        self._masters = tuple(masters)
        self._by_fingerprint = {m.fingerprint: AESGCM(m.secret) for m in self._masters}
        self._random_bytes = random_bytes
        self._new_id = new_id
        self._by_subject: OrderedDict[Subject, SubjectKey] = OrderedDict()
        self._by_id: OrderedDict[bytes, SubjectKey] = OrderedDict()
        self._disposals = -1
        self._of_records = -1
        self._lock = Lock()

    @property
    def fingerprint(self) -> bytes:
        """Of the master key that wraps new keys."""
        return self._masters[0].fingerprint

    @property
    def disposals(self) -> int:
        """Position in the ledger of the last disposal that this process knows of; -1 before it has looked."""
        return self._disposals

    @property
    def disposals_of_records(self) -> int:
        """The last by which a record or an account lost something; never behind what ``disposals`` told of before. Keys
        of submissions go every day, and nothing of a record with them."""
        return self._of_records

    # -- sealing

    def cached(self, subject: Subject) -> SubjectKey | None:
        """The subject's key if this process has it at hand."""
        return self._by_subject.get(subject)

    def make(self, subject: Subject) -> NewKey:
        """A fresh key, not yet durable: its row must be committed before, or with, what it seals."""
        key_id, secret = self._new_id(), self._random_bytes(KEY_BYTES)
        wrapped = self._wrap(key_id, subject, secret)
        return NewKey(subject, SubjectKey(key_id, HKDF.extract(_SHA256, None, secret)), wrapped, self.fingerprint)

    def load(self, conn: psycopg.Connection[Any], subjects: Iterable[Subject]) -> dict[Subject, SubjectKey]:
        """The keys of these subjects, made and committed where there are none. Raises Misconfigured, LogBroken, and
        RecordDestroyed where one is wanted for what is gone.

        Two processes may make the same key at once: the first row stands and both read it back, so nothing is ever
        sealed under a key that is not in the vault. Runs in transactions of its own.
        """
        found: dict[Subject, SubjectKey] = {}
        missing = []
        for subject in subjects:
            key = self._by_subject.get(subject)
            if key is None:
                missing.append(subject)
            else:
                found[subject] = key
        IN_MEMORY.inc(len(found))
        if missing:
            _IN_VAULT.inc(len(missing))
            found.update(self._select_subjects(conn, missing))
            made = [self.make(subject) for subject in missing if subject not in found]
            if made:
                self._must_be_ours(conn)
                with translated():
                    self.insert(conn, made)
                found.update(self._select_subjects(conn, [m.subject for m in made]))
                if any(new.subject not in found for new in made):
                    raise RecordDestroyed("What this is about was destroyed.", remedy="Nothing more can be said of it.")
        return found

    def insert(self, conn: psycopg.Connection[Any], made: list[NewKey]) -> None:
        """Store rows of new keys, in the caller's transaction if he has one."""
        conn.execute(
            "insert into vault.keys (key_id, subject, class, wrapped, wrapped_by, created_at)"
            " select *, %s, %s from unnest(%s::uuid[], %s::text[], %s::text[], %s::bytea[])"
            " on conflict (subject, class) do nothing",
            (
                self.fingerprint,
                datetime.now(UTC),
                [uuid.UUID(bytes=m.key.key_id) for m in made],
                [m.subject[0] for m in made],
                [m.subject[1] for m in made],
                [m.wrapped for m in made],
            ),
        )

    def remember(self, made: Iterable[NewKey]) -> None:
        """Keep keys whose rows are now committed."""
        with self._lock:
            for new in made:
                self._keep(new.subject, new.key)

    # -- opening

    def open_keys(
        self, conn: psycopg.Connection[Any], key_ids: Iterable[bytes], disposals: int | None = None
    ) -> dict[bytes, SubjectKey | None]:
        """Key id to key; None where the key was destroyed. disposals: as in ``catch_up``. Raises Misconfigured,
        LogBroken."""
        keys: dict[bytes, SubjectKey | None] = {}
        missing = []
        self.catch_up(conn, disposals)
        for key_id in set(key_ids):
            key = self._by_id.get(key_id)
            keys[key_id] = key
            if key is None:
                missing.append(uuid.UUID(bytes=key_id))
        IN_MEMORY.inc(len(keys) - len(missing))
        if missing:
            _IN_VAULT.inc(len(missing))
            for _, key in self._select(conn, "key_id = any(%s)", missing):
                keys[key.key_id] = key
        return keys

    def forget(self, subject: Subject) -> None:
        """Drop a destroyed key from memory."""
        with self._lock:
            key = self._by_subject.pop(subject, None)
            if key is not None:
                self._by_id.pop(key.key_id, None)

    def forget_ids(self, key_ids: Collection[bytes]) -> None:
        """Drop destroyed keys from memory, by their ids of 16 bytes."""
        with self._lock:
            self._forget(key_ids)

    def catch_up(self, conn: psycopg.Connection[Any], disposals: int | None = None) -> int:
        """Drop from memory what was destroyed since the last look, in whichever process; the last disposal as this
        connection sees it. disposals: that, where it was asked beside what is to be opened, so that nobody waits for it
        by itself (``DISPOSALS``). Raises psycopg.Error."""
        known = self._disposals
        if disposals is not None and disposals <= known:
            return disposals
        with conn.cursor(row_factory=tuple_row) as cursor:
            last = last_disposal(cursor.execute(DISPOSALS)) if disposals is None else disposals
            if last <= known:
                return last
            gone: list[tuple[uuid.UUID, str]] = []
            if known >= 0:  # else nothing is at hand yet that was read before
                query = "select key_id, class from ledger.destroyed where position > %s"
                gone = cursor.execute(query, (known,)).fetchall()
        with self._lock:
            self._forget([key_id.bytes for key_id, _ in gone])
            # First this one: whoever reads both never finds it behind what he was told of.
            if known < 0 or any(of != SUBMISSION for _, of in gone):
                self._of_records = max(self._of_records, last)
            if known == self._disposals:  # else somebody else looked meanwhile, and what is new to him stays to be seen
                self._disposals = last
        return last

    # -- rotation

    def rewrap(self, conn: psycopg.Connection[Any], *, batch_keys_max: int = 5_000) -> int:
        """Wrap every key anew under the first master key, a batch a transaction; returns how many were.

        Each row says which master key wraps it, so a crash between batches leaves a vault that both keys together
        open, and the next run goes on.
        """
        done = 0
        while True:
            with conn.transaction():
                with conn.cursor(row_factory=tuple_row, binary=True) as cursor:
                    rows = cursor.execute(
                        "select key_id, subject, class, wrapped, wrapped_by from vault.keys where wrapped_by <> %s"
                        " order by key_id limit %s for update",
                        (self.fingerprint, batch_keys_max),
                    ).fetchall()
                if not rows:
                    return done
                anew = [(row[0], self._wrap(row[0].bytes, (row[1], row[2]), self._secret(*row))) for row in rows]
                conn.execute(
                    "update vault.keys k set wrapped = n.wrapped, wrapped_by = %s"
                    " from unnest(%s::uuid[], %s::bytea[]) as n(key_id, wrapped) where k.key_id = n.key_id",
                    (self.fingerprint, [a[0] for a in anew], [a[1] for a in anew]),
                )
            done += len(rows)

    def foreign(self, conn: psycopg.Connection[Any]) -> int:
        """How many keys no master key at hand can open."""
        with conn.cursor(row_factory=tuple_row) as cursor:
            row = cursor.execute(
                "select count(*) from vault.keys where wrapped_by <> all(%s)", (list(self._by_fingerprint),)
            ).fetchone()
        assert row is not None
        return row[0]

    # -- inside

    def _must_be_ours(self, conn: psycopg.Connection[Any]) -> None:
        """Raises Misconfigured where the vault is another master key's: a key of ours in it would open for nobody else,
        and whoever follows the log with the right one would stop at what it sealed."""
        if self.cached(LEDGER) is None:
            self._select_subjects(conn, [LEDGER])

    def _forget(self, key_ids: Collection[bytes]) -> None:
        gone = {key_id for key_id in key_ids if self._by_id.pop(key_id, None) is not None}
        if gone:
            for subject in [subject for subject, key in self._by_subject.items() if key.key_id in gone]:
                del self._by_subject[subject]

    def _keep(self, subject: Subject, key: SubjectKey) -> None:
        self._by_subject[subject] = key
        self._by_id[key.key_id] = key
        while len(self._by_subject) > self.CACHED_KEYS_MAX:
            _, old = self._by_subject.popitem(last=False)
            self._by_id.pop(old.key_id, None)

    def _select_subjects(
        self, conn: psycopg.Connection[Any], subjects: list[Subject]
    ) -> list[tuple[Subject, SubjectKey]]:
        names, classes = [s[0] for s in subjects], [s[1] for s in subjects]
        where = "(subject, class) in (select * from unnest(%s::text[], %s::text[]))"
        return self._select(conn, where, names, classes)

    def _select(
        self, conn: psycopg.Connection[Any], where: LiteralString, *params: object
    ) -> list[tuple[Subject, SubjectKey]]:
        with conn.cursor(row_factory=tuple_row, binary=True) as cursor:
            # One statement, so that rows and disposals are of one instant: also where the caller's snapshot is an old
            # one, which may still show a key that this process has dropped since.
            cursor.execute(
                "select (select disposals from ledger.head), key_id, subject, class, wrapped, wrapped_by"
                f" from vault.keys k where {where}"
                # One that came back with a backup opens nothing.
                " and not exists (select from ledger.destroyed d where d.key_id = k.key_id)",
                params,
            )
            rows = cursor.fetchall()
        if rows and rows[0][0] > self._disposals:
            self.catch_up(conn)
        opened = [self._unwrap(*row[1:]) for row in rows]
        with self._lock:
            if rows and rows[0][0] == self._disposals:
                for subject, key in opened:
                    self._keep(subject, key)
        return opened

    def _unwrap(
        self, key_id: uuid.UUID, subject: str, key_class: str, wrapped: bytes, wrapped_by: bytes
    ) -> tuple[Subject, SubjectKey]:
        secret = self._secret(key_id, subject, key_class, wrapped, wrapped_by)
        return (subject, key_class), SubjectKey(key_id.bytes, HKDF.extract(_SHA256, None, secret))

    def _secret(self, key_id: uuid.UUID, subject: str, key_class: str, wrapped: bytes, wrapped_by: bytes) -> bytes:
        master = self._by_fingerprint.get(bytes(wrapped_by))
        if master is None:
            raise Misconfigured(
                f"Key {key_id} is wrapped by master key {bytes(wrapped_by).hex()}, which is not the one given"
                f" ({self.fingerprint.hex()}).",
                remedy="Give the right SOJOURN_MASTER_KEY; during a rotation give both, the new one first.",
            )
        wrapped = bytes(wrapped)
        try:
            return master.decrypt(
                wrapped[:_NONCE_BYTES], wrapped[_NONCE_BYTES:], _wrapping_bound(key_id.bytes, (subject, key_class))
            )
        except InvalidTag:
            raise LogBroken(
                f"Vault row {key_id} does not open under its master key: it was changed.",
                remedy="Restore the vault from a backup and run `sojourn doctor`.",
            ) from None

    def _wrap(self, key_id: bytes, subject: Subject, secret: bytes) -> bytes:
        nonce = self._random_bytes(_NONCE_BYTES)
        return nonce + AESGCM(self._masters[0].secret).encrypt(nonce, secret, _wrapping_bound(key_id, subject))


def _wrapping_bound(key_id: bytes, subject: Subject) -> bytes:
    return b"".join((b"\x01", key_id, text_field(subject[0]), text_field(subject[1])))
