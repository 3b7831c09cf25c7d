"""Papers of applications for access (signed forms, certificates), sealed under the account's key and destroyed with it.

A paper is cut into parts of a MiB. Each has a key of its own, HKDF-SHA256 (RFC 5869) of the account's with the paper's
id, the part's number and whether it is the last; so parts cannot change places or papers, and one that was cut off does
not open (the STREAM construction, as in ``ledger.intake.spool``). Invariant: a paper is there once the log names it
(``AttachmentAdded``): kind, size and hash are told by that event alone, and what no event names is shown to nobody and
swept after a day. Nothing of it stands in clear on any disk. What a paper says is not looked at: only that it begins as
its media type does.
"""

from __future__ import annotations

import hashlib
import threading
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Final, NamedTuple

from cryptography.exceptions import InvalidTag
from psycopg.rows import tuple_row

from ledger.errors import BadValue, LedgerError, LogBroken, NotFound, StoreUnavailable
from ledger.events.application import AttachmentAdded
from ledger.events.base import KeyClass
from ledger.store.log import Log
from ledger.store.vault import SubjectKey, seal, unseal

BYTES_MAX: Final = 10 * 1024 * 1024
PART_BYTES: Final = 1024 * 1024
"""Of a paper, in each part but the last: what an upload holds in memory, and what one transaction writes."""
UNNAMED_KEPT: Final = timedelta(days=1)
"""How long what no event names is left alone, since its last part came: an append may be under way that names it."""
BEGINNINGS: Final[Mapping[str, bytes]] = {
    "application/pdf": b"%PDF-",  # ISO 32000-1, 7.5.2
    "image/png": b"\x89PNG\r\n\x1a\n",  # RFC 2083, 3.1
    "image/jpeg": b"\xff\xd8\xff",  # ISO/IEC 10918-1, B.1.1: SOI, and the first byte of a marker
}
"""Media types that are taken, to the first bytes of each."""

_HEAD_BYTES: Final = max(map(len, BEGINNINGS.values()))


class Paper(NamedTuple):
    """One that was stored whole. size: in bytes. sha256: of its bytes, hexadecimal."""

    attachment: str
    media_type: str
    size: int
    sha256: str


class Attachments:
    """The store. Safe for threads. log: of the ledger, as the writer. clock: now, UTC. new_id: 16 bytes, never the same
    again: part keys are derived of it."""

    def __init__(self, log: Log, clock: Callable[[], datetime], new_id: Callable[[], bytes]) -> None:
        self._log = log
        self._clock = clock
        self._new_id = new_id

    def begin(self, account: str, application: str, media_type: str) -> PaperWriter:
        """A paper of an application to be written. account, application: uuids, of an application that was read.

        Raises BadValue, StoreUnavailable.
        """
        if media_type not in BEGINNINGS:
            raise _bad("This kind of file is not taken.", f"Send one of {', '.join(BEGINNINGS)}.")
        subject = (account, KeyClass.ACCESS.value)
        with self._log.connection() as conn:
            key = self._log.vault.load(conn, [subject])[subject]
        ids = uuid.UUID(bytes=self._new_id()), uuid.UUID(account), uuid.UUID(application)
        return PaperWriter(self._log, self._clock, key, ids, media_type)

    def application_of(self, attachment: str) -> str | None:
        """Of which application a paper says it is; that application's events say whether it is. None: there is none."""
        with self._log.connection() as conn, conn.cursor(row_factory=tuple_row) as cursor:
            row = cursor.execute(
                "select application from ledger.attachments where attachment = %s", (_uuid(attachment),)
            ).fetchone()
        return None if row is None else str(row[0])

    def read(self, added: AttachmentAdded) -> Iterator[bytes]:
        """A paper that an event names, part by part, each as it was sent. The last one comes once the hash of them all
        is the event's.

        Raises NotFound where its key was destroyed, LogBroken where its bytes were changed, StoreUnavailable.
        """
        attachment = uuid.UUID(added.attachment)
        last, digest = (added.size - 1) // PART_BYTES, hashlib.sha256()
        for number in range(last + 1):
            piece = self._part(attachment, number, last=number == last)
            digest.update(piece)
            if number == last and digest.hexdigest() != added.sha256:
                raise _broken(attachment)
            yield piece

    def named(self, attachment: str) -> None:
        """Note that the log names a paper: it is never swept. Raises StoreUnavailable; then the sweep finds it out."""
        with self._log.connection() as conn:
            conn.execute("update ledger.attachments set complete = true where attachment = %s", (_uuid(attachment),))

    def remove(self, attachment: str) -> None:
        """Take away a paper that nothing names. Raises StoreUnavailable; then the sweep does it."""
        _remove(self._log, _uuid(attachment))

    def _part(self, attachment: uuid.UUID, number: int, *, last: bool) -> bytes:
        with self._log.connection() as conn:
            with conn.cursor(row_factory=tuple_row, binary=True) as cursor:
                row = cursor.execute(_PART, (number, attachment)).fetchone()
            key = None
            if row is not None and row[2]:
                key_id: bytes = row[1].bytes
                key = self._log.vault.open_keys(conn, {key_id})[key_id]
        if row is not None and key is None:
            raise _destroyed()
        if row is None or key is None or row[0] is None:
            raise _broken(attachment)
        bound = _bound(attachment, number, last=last)
        try:
            return unseal(_part_key(key, bound), row[0], bound)
        except InvalidTag:
            raise _broken(attachment) from None


class PaperWriter:
    """A paper being written, by one thread after the other. Until ``close`` it is nothing; leave it by ``abandon``."""

    def __init__(
        self,
        log: Log,
        clock: Callable[[], datetime],
        key: SubjectKey,
        ids: tuple[uuid.UUID, uuid.UUID, uuid.UUID],
        media_type: str,
    ) -> None:
        self._log = log
        self._clock = clock
        self._key = key
        self._attachment, self._account, self._application = ids
        self._media_type = media_type
        self._waiting = bytearray()
        self._digest = hashlib.sha256()
        self._size = self._parts = 0
        self._looked_at = self._over = False
        # A request that is given up leaves a thread at work here, while another one abandons the paper.
        self._turn = threading.Lock()

    def write(self, data: bytes) -> None:
        """Take bytes. Raises BadValue, NotFound where the key was destroyed meanwhile, StoreUnavailable."""
        with self._turn:
            self._size += len(data)
            if self._size > BYTES_MAX:
                raise _bad(f"The file is larger than {BYTES_MAX >> 20} MiB.", "Send fewer pages, or a coarser scan.")
            self._digest.update(data)
            self._waiting += data
            if len(self._waiting) >= _HEAD_BYTES:
                self._look()
            while len(self._waiting) > PART_BYTES:
                # What may be the last part waits until it is known to be.
                piece = bytes(memoryview(self._waiting)[:PART_BYTES])
                del self._waiting[:PART_BYTES]
                self._store(piece, last=False)

    def close(self) -> Paper:
        """Store the last part: the paper is whole. Raises as ``write``."""
        with self._turn:
            if not self._size:
                raise _bad("The file is empty.", "Send the file itself as the body.")
            self._look()
            self._store(bytes(self._waiting), last=True)
            # Durable and whole, and named by nobody: shown to nobody, and swept unless the log comes to name it.
            self._waiting.clear()
            self._over = True
        return Paper(str(self._attachment), self._media_type, self._size, self._digest.hexdigest())

    def abandon(self) -> None:
        """Remove what was written, unless it is whole. Where the store is away the sweep does it."""
        with self._turn:
            if not self._over and self._parts:
                with suppress(LedgerError):
                    _remove(self._log, self._attachment)
            self._over = True
            self._waiting.clear()

    def _look(self) -> None:
        if self._looked_at:
            return
        if not self._waiting.startswith(BEGINNINGS[self._media_type]):
            raise _bad("The file does not begin as its media type says.", "Name the type that it is, or send another.")
        self._looked_at = True

    def _store(self, content: bytes, *, last: bool) -> None:
        if self._over:
            raise StoreUnavailable("The upload was given up.", remedy="Send it again.")
        number, attachment = self._parts, self._attachment
        self._parts += 1  # also where it fails: nothing else may be sealed by the key of this number
        bound = _bound(attachment, number, last=last)
        sealed = seal(_part_key(self._key, bound), content, bound)
        with self._log.connection() as conn, conn.transaction():
            now = self._clock()
            if number == 0:
                key_id = uuid.UUID(bytes=self._key.key_id)
                found = conn.execute(
                    _BEGIN, (attachment, self._account, self._application, key_id, now, key_id)
                ).rowcount
                if not found:
                    raise _destroyed()
            else:
                found = conn.execute(
                    "update ledger.attachments set made_at = %s where attachment = %s", (now, attachment)
                ).rowcount
                if not found:
                    raise StoreUnavailable("What came of the file so far was swept meanwhile.", remedy="Send it again.")
            conn.execute("insert into ledger.attachment_parts values (%s, %s, %s)", (attachment, number, sealed))


def sweep(log: Log, now: datetime) -> int:
    """Remove what came in part, or whole, and was named by no event within ``UNNAMED_KEPT``; how many there were.

    Raises StoreUnavailable.
    """
    with log.connection() as conn, conn.cursor(row_factory=tuple_row) as cursor:
        cursor.execute(
            "select attachment, application from ledger.attachments where not complete and made_at < %s order by 1",
            (now - UNNAMED_KEPT,),
        )
        unnamed: list[tuple[uuid.UUID, uuid.UUID]] = cursor.fetchall()
    removed = 0
    for attachment, application in unnamed:
        if _is_named(log, attachment, application):
            # Its process ended between the append and the note of it.
            with log.connection() as conn:
                conn.execute("update ledger.attachments set complete = true where attachment = %s", (attachment,))
        else:
            _remove(log, attachment)
            removed += 1
    return removed


# -- inside


def _is_named(log: Log, attachment: uuid.UUID, application: uuid.UUID) -> bool:
    events = (recorded.event for recorded in log.read_stream(f"application/{application}"))
    return any(isinstance(event, AttachmentAdded) and event.attachment == str(attachment) for event in events)


def _remove(log: Log, attachment: uuid.UUID) -> None:
    with log.connection() as conn, conn.transaction():
        # The row first: a part that is being written holds it, and is gone with the others once it is let go.
        conn.execute("delete from ledger.attachments where attachment = %s", (attachment,))
        conn.execute("delete from ledger.attachment_parts where attachment = %s", (attachment,))


def _bound(attachment: uuid.UUID, number: int, *, last: bool) -> bytes:
    return b"".join((b"attachment\x01", attachment.bytes, number.to_bytes(8, "big"), bytes((last,))))


def _part_key(key: SubjectKey, bound: bytes) -> bytes:
    """Seals once: a paper's id is its alone, and of each number a writer has one part."""
    return key.body_key(bound)


def _uuid(given: str) -> uuid.UUID:
    try:
        return uuid.UUID(given)
    except ValueError:
        raise NotFound("There is no such paper.", remedy="Compare its id with where it was read.") from None


def _bad(what: str, remedy: str) -> BadValue:
    return BadValue(what, rule="attachment", element="attachment", place="body", remedy=remedy)


def _destroyed() -> NotFound:
    return NotFound("The papers of this account are destroyed.", remedy="They were kept as long as they must be.")


def _broken(attachment: uuid.UUID) -> LogBroken:
    return LogBroken(
        f"Paper {attachment} does not open in its place: its bytes were changed, or are gone.",
        remedy="Restore ledger.attachments and ledger.attachment_parts from a backup.",
    )


_BEGIN = (
    "insert into ledger.attachments (attachment, account, application, key_id, made_at)"
    " select %s, %s, %s, %s, %s where exists (select from vault.keys where key_id = %s)"
)
_PART = (
    "select p.sealed, a.key_id, exists (select from vault.keys k where k.key_id = a.key_id) from ledger.attachments a"
    " left join ledger.attachment_parts p on p.attachment = a.attachment and p.part = %s where a.attachment = %s"
)
