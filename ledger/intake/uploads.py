"""Files that come over HTTP: taken whole onto the disk, sealed, and named in the database.

Invariant: once a file's sender was told that it was taken, the file is durable, and ``ledger.intake.applying`` applies
it in its turn. A file that was not taken whole leaves nothing.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import uuid
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import datetime
from pathlib import Path
from typing import Any, BinaryIO, Literal, NamedTuple

import msgspec
import psycopg
from psycopg.rows import tuple_row
from psycopg.types.json import Jsonb

from ledger.application import Ledger
from ledger.errors import LedgerError, OutcomeUnknown
from ledger.events import Meta
from ledger.intake.spool import KEY_BYTES, SpoolReader, SpoolWriter
from ledger.replay import RequestKey, kept_answer, raise_if_refused, refused_answer
from ledger.store import faults
from ledger.store.append import Answer, Append, UploadRow
from ledger.store.following import held
from ledger.store.vault import seal, submission_subject

Status = Literal["waiting", "done", "refused", "failed"]


class Upload(NamedTuple):
    """The file that came last for a submission, and what is known of all that came for it.

    problem: why it was refused or failed, in our own words. waits: whether the host runs that has the file, of those
    that wait; None where none waits. done: whether one was applied to its end.
    """

    upload: uuid.UUID
    submission: str
    state: str
    actor: str
    late: bool
    received_at: datetime
    status: Status
    problem: dict[str, Any] | None
    waits: bool | None
    done: bool


class Spools:
    """The folder in which one host keeps what it was sent. Its name is in it: whoever has the folder is the host.

    Raises OSError.
    """

    def __init__(self, folder: Path) -> None:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.folder = folder
        self.host = _host(folder / "host")

    def path(self, upload: uuid.UUID) -> Path:
        """Where a file lies."""
        return self.folder / f"{upload}.spool"

    def receiving(self) -> int:
        """A handle that keeps the sweep away until it is closed, also by the process's death. Raises OSError."""
        handle = os.open(self.folder / "receiving", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(handle, fcntl.LOCK_SH)
        except BaseException:
            os.close(handle)
            raise
        return handle

    def sweep(self, known: Callable[[], set[uuid.UUID]]) -> bool:
        """Remove what was being written when a process ended: nobody has its key.

        known: asked for the files that are named in the database, when nobody is receiving one. False where somebody
        is, in this process or another: what looks left may be his, and stays. Raises OSError, and what known raises.
        """
        handle = os.open(self.folder / "receiving", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            named = known()
            for path in self.folder.glob("*.spool"):
                with suppress(ValueError):
                    if uuid.UUID(path.stem) not in named:
                        path.unlink(missing_ok=True)
        except BlockingIOError:
            return False
        finally:
            os.close(handle)
        return True


class Receiving:
    """One file while it comes in. Leaving the block removes it, unless it was kept. digest: is fed what comes."""

    def __init__(self, spools: Spools, digest: hashlib.blake2b | None = None) -> None:
        self.upload = uuid.uuid4()
        self._digest = digest
        self.key = os.urandom(KEY_BYTES)
        self.path = spools.path(self.upload)
        self._turn = spools.receiving()
        try:
            self._writer = SpoolWriter(self.path, self.key)
        except BaseException:
            os.close(self._turn)
            raise
        self._kept = False

    def write(self, data: bytes) -> None:
        """Take bytes. Raises OSError."""
        if self._digest is not None:
            self._digest.update(data)
        self._writer.write(data)

    @contextmanager
    def read(self) -> Iterator[BinaryIO]:
        """What came, once it is whole and on the disk."""
        self._writer.close()
        # The whole file is on the disk, sealed; only this process has its key, and nobody was told.
        faults.point("uploads.sealed")
        with SpoolReader(self.path, self.key) as reader:
            yield reader.as_file()

    def keep(self) -> None:
        """It is named in the database: from now on it is applied, here or never."""
        self._kept = True

    def close(self) -> None:
        try:
            if not self._kept:
                self._writer.abandon()
        finally:
            os.close(self._turn)


class Taken(NamedTuple):
    """What the sender of a file is told. position: of its completion, where it stands applied already."""

    submission: str
    position: int | None
    replayed: bool = False


def enqueue(
    ledger: Ledger,
    spools: Spools,
    received: Receiving,
    submission: str,
    meta: Meta,
    *,
    late: bool,
    request: RequestKey | None = None,
) -> Taken:
    """Have a file applied in its turn, unless its key was answered before; it is durable when this returns.

    Raises IdempotencyKeyReused, the refusal that was the first answer, StoreUnavailable, OutcomeUnknown.
    """
    subject = submission_subject(submission)
    with ledger.log.connection() as conn:
        # Under the submission's key, so that what is left of the file can be read by nobody once that key goes.
        key = ledger.vault.load(conn, [subject])[subject]
    row = UploadRow(
        upload=received.upload.bytes,
        submission=submission,
        host=spools.host.bytes,
        actor=meta.actor,
        late=late,
        key_id=key.key_id,
        spool_key=seal(key.body_key(received.upload.bytes), received.key, submission.encode()),
    )
    ids: dict[str, object] = {"submission": submission, "position": None, "upload": str(received.upload)}
    append = Append(parts=[], meta=meta, answer=kept_answer(request, 202, ids), upload=row)
    try:
        receipt = ledger.log.append(append)
    except OutcomeUnknown:
        # Perhaps it is named: then it is applied here. If not, the next start finds that nobody names it.
        received.keep()
        raise
    if receipt.replayed and receipt.answer is not None and receipt.answer.ids.get("upload") != str(received.upload):
        return _again(receipt.answer)
    received.keep()
    # It is applied in its turn, whoever dies; its sender was not told, and may send it again.
    faults.point("uploads.enqueued")
    return Taken(submission, None)


def stands(ledger: Ledger, submission: str, position: int, meta: Meta, request: RequestKey | None) -> Taken:
    """Answer a file that was applied before, at a position: nothing is kept but the answer to its key.

    Raises as ``enqueue``.
    """
    answer = kept_answer(request, 202, {"submission": submission, "position": position})
    return _answered(ledger, answer, meta) or Taken(submission, position)


def refuse(ledger: Ledger, refusal: LedgerError, meta: Meta, request: RequestKey | None) -> Taken:
    """Raise a refusal, kept as the answer to its key; where that was answered before, what it was answered.

    Raises as ``enqueue``.
    """
    again = _answered(ledger, refused_answer(request, refusal), meta)
    if again is None:
        raise refusal
    return again


def _answered(ledger: Ledger, answer: Answer | None, meta: Meta) -> Taken | None:
    """Keep an answer to a key, if one came. What was answered before, if something was."""
    if answer is None:
        return None
    receipt = ledger.log.append(Append(parts=[], meta=meta, answer=answer))
    return _again(receipt.answer) if receipt.replayed and receipt.answer is not None else None


def _again(answer: Answer) -> Taken:
    raise_if_refused(answer)
    position = msgspec.convert(answer.ids["position"], int | None)
    return Taken(str(answer.ids["submission"]), position, replayed=True)


_LATEST = (
    "select upload, submission, state, actor, late, received_at, status, problem, found.waits, found.done"
    " from ledger.uploads, (select bool_or(host = any(%s::uuid[])) filter (where status = 'waiting') as waits,"
    " bool_or(status = 'done') as done from ledger.uploads where submission = %s) as found"
    " where submission = %s order by received_at desc limit 1"
)


def latest(ledger: Ledger, submission: str) -> Upload | None:
    """The last file that came for a submission over HTTP, if one did. Raises StoreUnavailable."""
    with ledger.log.connection() as conn, conn.cursor(row_factory=tuple_row) as cursor:
        cursor.execute("select distinct host from ledger.uploads where submission = %s", (submission,))
        present = _running(conn, [host for (host,) in cursor.fetchall()])
        cursor.execute(_LATEST, (present, submission, submission))
        row = cursor.fetchone()
    return None if row is None else Upload(*row)


class WaitingFile(NamedTuple):
    """A file that came over HTTP and is not applied to its end. late: it may be older than one that was applied."""

    submission: str
    late: bool
    received_at: datetime


def waiting(ledger: Ledger) -> list[WaitingFile]:
    """Every file that waits, whether its host runs or not. Raises StoreUnavailable."""
    with ledger.log.connection() as conn, conn.cursor(row_factory=tuple_row) as cursor:
        cursor.execute("select submission, late, received_at from ledger.uploads where status = 'waiting'")
        return [WaitingFile(*row) for row in cursor.fetchall()]


def settle_left(conn: psycopg.Connection[Any], is_completed: Callable[[str], bool]) -> list[uuid.UUID]:
    """Tell of files that wait on hosts that do not run, and can come to nothing any more, that they failed.

    One whose key is gone can be opened by nobody; one whose submission was completed without it is of no use. Each is
    settled once, and so is its alert; what the host has of it is swept should it come back. is_completed: of a
    submission. conn: as the writer, in autocommit.
    """
    with conn.cursor(row_factory=tuple_row) as cursor:
        waiting = cursor.execute(_LEFT).fetchall()
        running = _running(conn, {host for _, _, host, _ in waiting})
        settled: list[uuid.UUID] = []
        for upload, submission, host, opens in waiting:
            if host in running or (opens and not is_completed(submission)):
                continue  # the host itself tells what becomes of it, now or when it comes back
            cursor.execute(_SETTLE, (Jsonb(OVERTAKEN if opens else EXPIRED), upload))
            settled += [upload] * cursor.rowcount
    return settled


_LEFT = (
    "select upload, submission, host, exists (select from vault.keys k where k.key_id = u.key_id)"
    " from ledger.uploads u where status = 'waiting' order by received_at"
)
_SETTLE = (
    "update ledger.uploads set status = 'failed', problem = %s, spool_key = null"
    " where upload = %s and status = 'waiting'"
)

EXPIRED: dict[str, Any] = {
    "code": "expired",
    "what": "The host that had the file did not come back while answers are kept.",
    "remedy": "Send it again.",
}
OVERTAKEN: dict[str, Any] = {
    "code": "overtaken",
    "what": "The host that had the file did not come back, and the submission was completed without it.",
    "remedy": "If it is the same file there is nothing to do. If not, send it again with a Submission Date of its own.",
}


def _running(conn: psycopg.Connection[Any], hosts: Collection[uuid.UUID]) -> list[uuid.UUID]:
    """Those that serve, also before the process that applies has begun, or while it is started again."""
    locks = held(conn, [lock(host) for host in hosts for lock in (presence, serving)])
    return [host for host in hosts if not locks.isdisjoint((presence(host), serving(host)))]


def present_hosts(conn: psycopg.Connection[Any], hosts: Sequence[uuid.UUID]) -> list[uuid.UUID]:
    """Those of which a process is running that applies what they have."""
    running = held(conn, map(presence, hosts))
    return [host for host in hosts if presence(host) in running]


def presence(host: uuid.UUID) -> str:
    """The lock that every process shares which applies what a host has."""
    return f"upload host {host}"


def serving(host: uuid.UUID) -> str:
    """The lock that every process shares which takes files on a host, and tells what became of them."""
    return f"upload host {host} serving"


def _host(file: Path) -> uuid.UUID:
    """The name in the file, put there once, whole, whoever is first."""
    if not file.exists():
        draft = file.with_name(f".host.{uuid.uuid4()}")
        draft.write_text(f"{uuid.uuid4()}\n", "ascii")
        with suppress(FileExistsError):
            os.link(draft, file)
        draft.unlink()
    return uuid.UUID(file.read_text("ascii").strip())
