"""The one composition root: from settings to an open store, and from a store to the services of the app.

Nothing else reads settings to build parts, and no part builds another.
"""

from __future__ import annotations

import gc
import getpass
import os
import secrets
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import psycopg
from psycopg.conninfo import conninfo_to_dict
from psycopg.rows import tuple_row

import migrations
from ledger.actors import not_reserved
from ledger.application import Ledger
from ledger.audit import Sizes
from ledger.errors import LedgerError, Misconfigured
from ledger.ids import Uuid7Source
from ledger.proofs.doubt import Doubt
from ledger.proofs.log_keys import LogKeys, parse_keys
from ledger.proofs.note import COSIGNATURE, SIGNATURES_MAX, Signer, Verifier
from ledger.proofs.receipts import checkpoint_in, origin_of
from ledger.settings import Settings, decode_secrets, read_secret
from ledger.store import faults
from ledger.store.certificate_files import FOLDER, CertificateFiles
from ledger.store.data_folder import claim, default_data_dir, sync
from ledger.store.database import Database, Role
from ledger.store.embedded import EmbeddedServer
from ledger.store.log import Log
from ledger.store.signed_file import SignedFile, Signing
from ledger.store.vault import MasterKey, Vault
from projections.retained import ReadLists

if TYPE_CHECKING:
    from api.oidc import OpenId
    from api.services import Services
    from ledger.intake.uploads import Spools
    from ledger.reactors.notary import Notary

MASTER_KEY_FILE = "master.key"
SIGNING_KEY_FILE = "signing.key"
PRACTICE_FILE = "practice"
"""Stands in the data folder of a practice space, whose every child is invented."""


@dataclass(frozen=True)
class Store:
    """An open database with its keys. server: the embedded one, if it is."""

    settings: Settings
    database: Database
    vault: Vault
    ids: Uuid7Source
    server: EmbeddedServer | None = None

    @property
    def practice(self) -> bool:
        """Whether this is practice space: ``sojourn demo`` made it, and every page says so."""
        return self.server is not None and (self.server.data / PRACTICE_FILE).exists()

    @contextmanager
    def ledger(self) -> Iterator[Ledger]:
        """A ledger on it, for as long as the block runs."""
        ledger = Ledger(
            self.database,
            self.vault,
            self.ids,
            clock=now,
            group_events_max=self.settings.group_events_max,
            audit=Sizes(
                random=self.settings.audit_random, near=self.settings.audit_near, apart=self.settings.audit_apart
            ),
        )
        ledger.disposals.look_in(ReadLists(self.database, ledger.logs))
        ledger.disposals.keep_in(self.certificates())
        ledger.disposals.count_backups(self.settings.backup_days)
        try:
            yield ledger
        finally:
            ledger.close()

    def certificates(self) -> CertificateFiles:
        """Where this host keeps certificates of disposal, outside the database."""
        folder = self.server.data if self.server is not None else data_folder(self.settings)
        return CertificateFiles(folder / FOLDER)

    @contextmanager
    def logs(self, role: Role = Role.PROJECTOR) -> Iterator[Mapping[str, Log]]:
        """Both logs for reading as a role that may, the projector unless told otherwise."""
        with ExitStack() as stack:
            logs = {}
            for name in ("ledger", "access"):
                logs[name] = Log(name, self.database, self.vault, self.ids, role=role, clock=now)
                stack.callback(logs[name].close)
            yield logs

    def log_keys(self, log: str) -> LogKeys | None:
        """The keys that sign a log; None where none is set. The embedded store makes one. Raises Misconfigured."""
        texts, name = self.settings.signing_texts(), "SOJOURN_SIGNING_KEY"
        if not texts and self.server is not None:
            file = self.server.data / SIGNING_KEY_FILE
            texts, name = _made_once(file, _new_signing_key).split(), str(file)
        try:
            return parse_keys(texts, log) if texts else None
        except Doubt as doubt:
            raise Misconfigured(
                f"{name} holds no key that signs checkpoints. {doubt.what}",
                remedy="Make one with `sojourn keys signing`, or put back the one that was in use.",
            ) from None

    def signing(self, log: str) -> Signing | None:
        """What signs a log here; None where no key is set. Raises Misconfigured."""
        keys = self.log_keys(log)
        return None if keys is None else Signing(keys, SignedFile(self._signed_folder() / f"{log}.checkpoint"))

    def signed_last(self, log: str) -> bytes | None:
        """What this host signed last of a log; None where no key is set or it has signed nothing. Makes no folder for
        it. Raises Misconfigured."""
        if not self.settings.signing_texts() and self.server is None:
            return None
        return SignedFile(self._signed_folder(make=False) / f"{log}.checkpoint").read()

    def notary(self, log: str, receipts: Sequence[bytes] = ()) -> Notary | None:
        """The notary of a log; None where no key is set. receipts: kept elsewhere, which the log must go on from.
        Raises Misconfigured."""
        from ledger.reactors.notary import Notary

        signing = self.signing(log)
        if signing is None:
            return None
        origins = {verifier.name for verifier in signing.keys.known}
        own = [checkpoint_in(data) for data in receipts if origin_of(data) in origins]
        return Notary(self.database, log, *signing, receipts=own, every_s=self.settings.checkpoint_seconds)

    def _signed_folder(self, *, make: bool = True) -> Path:
        """Where this host keeps what it signed last: beside the key, where that lies in a file."""
        settings = self.settings
        if settings.signed is not None:
            return settings.signed
        if settings.signing_key is None and settings.signing_key_file is not None:
            return settings.signing_key_file.absolute().parent
        folder = data_folder(settings)
        if make:
            claim(folder)
        return folder


def now() -> datetime:
    """The clock of this process: UTC."""
    return datetime.now(UTC)


def actor(settings: Settings, given: str | None = None) -> str:
    """Who acts on the command line: ``--as``, ``SOJOURN_ACTOR``, or the user of the system. Raises Refused for the name
    of a reactor."""
    if given or settings.actor:
        return not_reserved(given or settings.actor or "")
    try:
        return not_reserved(getpass.getuser())
    except (KeyError, OSError):
        return f"user {os.getuid()}"  # a container may run as a user without a name


def collect_seldom() -> None:
    """Have the garbage collector look seldom, and never at what was made until now.

    A row, an event, an answer is freed by its count. Cycles are few, and looking for them among everything that a
    batch holds took a tenth of a busy process's time and its longest pauses.
    """
    gc.freeze()
    gc.set_threshold(100_000, 50, 100)


@contextmanager
def open_store(settings: Settings, *, check: bool = True) -> Iterator[Store]:
    """The database that the settings name, or the embedded one, migrated if it is ours to migrate.

    Raises Misconfigured, StoreUnavailable.
    """
    try:
        faults.arm(settings.fault)
    except ValueError as e:
        raise Misconfigured(f"SOJOURN_FAULT: {e}.", remedy="It is for tests; unset it.") from None
    collect_seldom()
    ids = Uuid7Source(time.time_ns, os.urandom)
    if settings.database_url is not None:
        masters = [MasterKey.of(secret) for secret in settings.master_secrets()]
        if not masters:
            raise Misconfigured(
                "SOJOURN_MASTER_KEY is not set, and the database of SOJOURN_DATABASE_URL cannot be read without it.",
                remedy="Set it (or _FILE) to the key that the database was begun with; for a new one,"
                " make it with `openssl rand -base64 32` and keep it apart from the database.",
            )
        database = _by_url(settings.database_url, "SOJOURN_DATABASE_URL")
        if check:
            migrations.check(database)
        yield Store(settings, database, Vault(masters), ids)
        return
    data = data_folder(settings)
    claim(data)
    with EmbeddedServer(data, binaries=settings.pg_bin) as server:
        server.ensure_database("sojourn")
        database = Database(server.conninfo("sojourn"), log_in=True)
        try:
            migrations.check(database)
        except LedgerError:
            # Embedded: any command creates and migrates. A database newer than this release is refused there too.
            migrations.upgrade(database)
        yield Store(settings, database, Vault(_embedded_masters(settings, data)), ids, server)


def data_folder(settings: Settings) -> Path:
    """Where the embedded server and its master key lie. Raises Misconfigured for a user without a home."""
    return settings.data or default_data_dir(settings.xdg_data_home)


def spools(settings: Settings) -> Spools:
    """Where this host keeps files that come until they are applied. Raises Misconfigured."""
    from ledger.intake.uploads import Spools

    folder = data_folder(settings) / "uploads"
    try:
        return Spools(folder)
    except OSError as error:
        raise Misconfigured(
            f"{folder} cannot be used for files that come in: {error.strerror}.",
            remedy="Set SOJOURN_DATA to a folder that this user may write to.",
        ) from None


def _by_url(url: str, name: str) -> Database:
    """Raises Misconfigured for what libpq cannot read; its own words may hold the password, so they are not told."""
    try:
        conninfo_to_dict(url)
    except psycopg.ProgrammingError:
        raise Misconfigured(
            f"{name} is no connection URL of PostgreSQL.",
            remedy="Write postgresql://USER:PASSWORD@HOST:PORT/DATABASE, with % signs in the password as %25.",
        ) from None
    return Database(url)


def _embedded_masters(settings: Settings, data: Path) -> list[MasterKey]:
    given = settings.master_secrets()
    if given:
        return [MasterKey.of(secret) for secret in given]
    file = data / MASTER_KEY_FILE
    secrets_in_file = decode_secrets(_made_once(file, lambda: secrets.token_hex(32)), str(file))
    if not secrets_in_file:
        raise Misconfigured(f"{file} is empty.", remedy="Put back the key that was in it: without it nothing opens.")
    return [MasterKey.of(secret) for secret in secrets_in_file]


def _new_signing_key() -> str:
    """Of a name that no other installation has: it is the origin of the log."""
    return Signer.of(f"sojourn.localhost/{secrets.token_hex(8)}", secrets.token_bytes(32)).text()


def _made_once(file: Path, make: Callable[[], str]) -> str:
    """What a key file holds; made where there is none."""
    if not file.exists():
        # Written whole under another name first: a crash leaves no half a key, and two first starts agree on one.
        draft = _written(file, [make()])
        with suppress(FileExistsError):
            os.link(draft, file)
        draft.unlink()
        sync(file.parent)
    return read_secret(file, str(file))


def replace_secrets(file: Path, lines: Sequence[str]) -> None:
    """Put other lines in the place of a key file's, whole or not at all, also through a power cut."""
    _written(file, lines).replace(file)
    sync(file.parent)


def _written(file: Path, lines: Sequence[str]) -> Path:
    """A draft beside a file, on the disk: without a key nothing opens any more."""
    descriptor, draft = tempfile.mkstemp(prefix=f".{file.name}.", dir=file.parent)  # 0600
    with os.fdopen(descriptor, "w") as out:
        out.write("\n".join(lines) + "\n")
        out.flush()
        os.fsync(out.fileno())
    return Path(draft)


def _revision(ledger: Ledger) -> str | None:
    """Of the database's schema, read on a connection that is there. Raises StoreUnavailable."""
    with ledger.log.connection() as conn, conn.cursor(row_factory=tuple_row) as cursor:
        row = cursor.execute("select version_num from migrations.alembic_version").fetchone()
    return row[0] if row else None


def open_id(settings: Settings, seal_key: bytes) -> OpenId | None:
    """The OpenID provider of the settings; None where none is named. Whoever asks for it closes it.

    seal_key: 32 bytes that seal what a browser keeps while it signs in. Raises Misconfigured.
    """
    from api.oidc import OpenId
    from api.oidc.registration import registration_of

    registration = registration_of(settings)
    return OpenId(registration, seal_key=seal_key, clock=now) if registration else None


def _witnesses(settings: Settings) -> list[Verifier]:
    """Raises Misconfigured for what is no witness's key, and for more of them than a checkpoint has room for."""
    found = []
    for text in settings.witnesses.replace(",", " ").split():
        try:
            found.append(Verifier.parse(text))
        except Doubt as doubt:
            raise Misconfigured(
                f"SOJOURN_WITNESSES: {doubt.what}", remedy="Give keys as witnesses hand them out."
            ) from None
        if found[-1].kind != COSIGNATURE:
            raise Misconfigured(
                f"SOJOURN_WITNESSES: {found[-1].name} is no witness's key.",
                remedy="A witness makes one: `sojourn keys signing NAME --witness`.",
            )
    if len(found) >= SIGNATURES_MAX:
        # The log's own signature stands there too: with one more nobody could open a checkpoint that all have cosigned.
        raise Misconfigured(
            f"SOJOURN_WITNESSES names {len(found)} keys.",
            remedy=f"Name at most {SIGNATURES_MAX - 1}: a checkpoint bears {SIGNATURES_MAX} signatures in all.",
        )
    return found


def services(store: Store, ledger: Ledger) -> Services:
    """What the app is made of."""
    from psycopg_pool import AsyncConnectionPool

    from api.announcements import Announcements
    from api.pools import TimedPool
    from api.rate_limit import limits
    from api.services import Check, Services
    from api.standings import Standings
    from ledger.intake import uploads
    from ledger.store.credentials import Credentials
    from ledger.store.sessions import Sessions
    from ledger.store.tokens import Tokens
    from ledger.store.vault import LEDGER

    def pool(database: Database, role: Role, size: int, *, look: bool = True) -> AsyncConnectionPool:
        return TimedPool(
            database.conninfo(role, name="sojourn api"),
            min_size=1,
            max_size=size,
            open=False,
            kwargs={"autocommit": True},
            timeout=5.0,
            reconnect_timeout=0,  # else it pauses ever longer, and PostgreSQL is back for minutes before it looks
            check=AsyncConnectionPool.check_connection if look else None,
        )

    settings = store.settings
    read_url = settings.read_url
    replica = _by_url(read_url, "SOJOURN_READ_URL") if read_url else store.database
    # Who asks there passes over connections that have died (api.reading), so none is looked at beforehand.
    reads = pool(replica, Role.READER, 8, look=False)
    feed = pool(store.database, Role.PROJECTOR, 8)
    writer = pool(store.database, Role.WRITER, 2)
    with ledger.log.connection() as conn:
        key = store.vault.load(conn, [LEDGER])[LEDGER]
    body_key = key.body_key(b"request bodies")
    ledger.row_key()
    ledger.admissions.hash_of()

    began_with = _revision(ledger)
    kept = spools(store.settings)

    def fits() -> str | None:
        # Opening the store has compared schema and release. /readyz is open to anybody, so it opens no connection of
        # its own to do that again: it sees that the schema is still the same.
        revision = _revision(ledger)
        if revision == began_with:
            return None
        return (
            f"The database is at revision {revision}, and was at {began_with} when this process began."
            " Restart it, with the release that migrated the database."
        )

    def writes() -> str | None:
        if ledger.log.sequencer.alive and ledger.access.sequencer.alive:
            return None
        return "The writer of this process has ended. Restart it."

    return Services(
        ledger=ledger,
        reads=reads,
        feed=feed,
        tokens=Tokens(writer),
        pools=(reads, feed, writer),
        announcements=Announcements(
            store.database.conninfo(Role.PROJECTOR, name="sojourn announcements"), uploads.serving(kept.host)
        ),
        body_key=body_key,
        organisation=settings.organisation,
        sessions=Sessions(writer, clock=now),
        standings=Standings(writer),
        credentials=Credentials(ledger.log.connection, store.vault, clock=now),
        csrf_key=key.body_key(b"tokens in forms"),
        support=settings.support,
        openid=open_id(settings, key.body_key(b"sign-ins that were begun")),
        practice=store.practice,
        checks=(Check("schema", fits), Check("writer", writes)),
        spools=kept,
        witnesses=_witnesses(settings),
        limits=limits(settings.rate_requests, settings.rate_burst, settings.rate_tries),
        clock=now,
    )
