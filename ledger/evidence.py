"""Evidence bundles out of a log: all of it, or all that was said of one student, with what proves it.

Invariant: what is handed over has been verified as whoever gets it will (``ledger.proofs.verify``), and stands under
its name only then. Until then it is a part beside it, named after what is exported, with which the next run goes on.
"""

from __future__ import annotations

import fcntl
import glob
import os
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, suppress
from hashlib import sha256
from itertools import islice
from pathlib import Path
from typing import BinaryIO, Final, NamedTuple

import psycopg

from ledger.errors import Conflict, LogBroken, Misconfigured, no_student
from ledger.links import Links, Seeds
from ledger.proofs.bundle import WHOLE_LOG, WHOLE_STREAMS, Manifest
from ledger.proofs.doubt import Doubt
from ledger.proofs.head_pages import HeadTree
from ledger.proofs.note import Checkpoint, Verifier, open_checkpoint, signed_by
from ledger.proofs.receipts import checkpoint_in
from ledger.proofs.tiles import Tiles
from ledger.proofs.verify import verify
from ledger.proofs.writing import BundleWriter, Shown
from ledger.store import pending, tombstones
from ledger.store.copied_out import Stored, shown, stored
from ledger.store.data_folder import sync
from ledger.store.database import Database, Role, translated
from ledger.store.proof_store import ProofStore
from ledger.store.vault import Vault

EVENTS_AT_ONCE = 2_000
_PART: Final = re.compile(r"\.[0-9a-f]{12}(?:\.([0-9]+))?\.part")
KEEP = "Keep the database as it is, and run `sojourn verify`: it names the first thing that is wrong."


class Wanted(NamedTuple):
    """What a bundle holds. log: ``ledger`` or ``access``. streams: each whole; None: the whole log. keys: whether the
    body keys of what is shown are handed over, as far as they are there. receipts: checkpoints that were kept, bare
    or on their sheets, from each of which the bundle proves that the log has gone on. size: of the checkpoint, where a
    whole log is not to hold what came after it; None: the latest."""

    log: str
    streams: Sequence[str] | None = None
    keys: bool = True
    receipts: Sequence[bytes] = ()
    size: int | None = None


class OfStudent(NamedTuple):
    """student_id: as it is shown now. records: uuids, of those that are left. minted: every id that a record of the
    student has minted, also one that was destroyed: by these it is found what joined the others. states: that keep the
    records."""

    student_id: str
    records: Sequence[str]
    minted: Sequence[str]
    states: Sequence[str]

    def streams(self, log: str, cases: Sequence[str]) -> list[str]:
        """Those of a log that speak of the student: the records, what joined and parted them, the cases about them; of
        the access log, to whom the records were shown."""
        if log == "access":
            return sorted(f"disclosure/{record}" for record in self.records)
        named = (("record", self.records), ("linkage", self.minted), ("case", cases))
        return sorted(f"{kind}/{name}" for kind, names in named for name in names)


def student_of(links: Links, student_id: str) -> OfStudent:
    """A student by any id that was ever minted. Raises NotFound where nothing is left, StoreUnavailable, LogBroken."""
    reach = links.reach(Seeds(students=[student_id]))
    with links.log.connection() as conn:
        states = pending.states_of(conn, [anchor.record for anchor in reach.left_of(student_id)])
    # What went since it was looked is not there either.
    if not states:
        raise no_student(student_id)
    students = reach.students()
    shown_as = students.student_of[next(iter(states))]
    members = students.members[shown_as]
    records = [anchor.record for anchor in members if anchor.record in states]
    return OfStudent(
        shown_as, records, [anchor.student_id for anchor in members], list(dict.fromkeys(states[r] for r in records))
    )


def export(
    out: Path,
    wanted: Wanted,
    known: Sequence[Verifier],
    database: Database,
    vault: Vault,
    progress: Callable[[int, int], None] = lambda *_: None,
) -> Manifest:
    """Write a bundle as of a checkpoint, verify it, and let it stand as ``out``, readable by its owner alone.

    known: keys of the log, also former ones: the checkpoint may be by any of them, and so may receipts. What an earlier
    run left is gone on with only where nothing was destroyed since; else that is deleted.

    Raises Conflict where another export writes the same, or where something was destroyed while it was written and keys
    are handed over, LogBroken where what is stored is not what was signed, Misconfigured where nothing was signed yet
    or a receipt is none of the log's, StoreUnavailable, OSError.
    """
    with translated(), ProofStore(database, wanted.log) as proofs:
        # Heads are kept as of the latest checkpoint alone, so streams are proven against that.
        assert wanted.size is None or wanted.streams is None, "a whole log alone is as of an earlier checkpoint"
        note = proofs.checkpoint() if wanted.size is None else proofs.checkpoint_at(wanted.size)
        if note is None:
            raise Misconfigured("Nothing was signed of this log yet.", remedy="Set SOJOURN_SIGNING_KEY.")
        # What was brought along is looked at before anything is written: it says nothing of the log if it is wrong.
        receipts = _receipts(wanted, known)
        try:
            key = signed_by(note, known)
            checkpoint, _ = open_checkpoint(note, key)
        except Doubt as doubt:
            raise _broken(wanted.log, doubt) from None
        gone = _gone(database)
        part = _part(out, wanted, key, gone)
        _delete_older(out, part)
        with _alone(part) as file:
            try:
                manifest = _write(file, wanted, note, checkpoint, key, receipts, database, vault, proofs, progress)
                file.seek(0)
                former = [one.text() for one in known if one != key]
                verdict = verify(file, key=key.text(), former=former, receipts=wanted.receipts)
                if verdict.wrong is not None:
                    raise verdict.wrong
            except Doubt as doubt:
                # Whatever is wrong is in it: the next run begins anew.
                part.unlink()
                raise _broken(wanted.log, doubt) from None
            if wanted.keys and _gone(database) != gone:
                # It may hold keys of what is gone by now, and nobody has them yet.
                part.unlink()
                raise Conflict("Something was destroyed while the bundle was written.", remedy="Export it again.")
            os.fsync(file.fileno())
            # Verified and on the disk: from here on it may be found.
            part.replace(out)
            # And its name: what is announced is there after a power cut too.
            sync(out.parent)
    return manifest


def _receipts(wanted: Wanted, known: Sequence[Verifier]) -> dict[int, bytes]:
    """The checkpoints that were kept, by size. Raises Misconfigured for what none of the log's keys has signed."""
    found: dict[int, bytes] = {}
    for kept in wanted.receipts:
        try:
            note = checkpoint_in(kept)
            found[open_checkpoint(note, signed_by(note, known))[0].size] = note
        except Doubt as doubt:
            raise Misconfigured(
                f"A receipt is none of the {wanted.log} log's. {doubt.what}",
                remedy="Give a receipt or a checkpoint of this log, as it was kept. Where a former key signed it, name"
                " that key in SOJOURN_SIGNING_KEY, after the one in use.",
            ) from None
    return found


def _broken(log: str, doubt: Doubt) -> LogBroken:
    where = "" if doubt.position is None else f" (position {doubt.position})"
    return LogBroken(f"The {log} log does not prove what it holds{where}. {doubt.what}", remedy=KEEP)


def _write(
    file: BinaryIO,
    wanted: Wanted,
    note: bytes,
    checkpoint: Checkpoint,
    key: Verifier,
    receipts: Mapping[int, bytes],
    database: Database,
    vault: Vault,
    proofs: ProofStore,
    progress: Callable[[int, int], None],
) -> Manifest:
    writer = BundleWriter(file)
    with (
        database.connect(Role.PROJECTOR, name="sojourn export") as conn,
        database.connect(Role.PROJECTOR, name="sojourn export") as beside,
        closing(
            stored(conn, wanted.log, first=writer.position + 1, last=checkpoint.size, streams=wanted.streams or ())
        ) as events,
    ):
        writer.events(_shown(beside, vault, events, wanted, lambda position: progress(position, checkpoint.size)))
    heads = HeadTree(proofs.pages)
    earlier = [receipt for size, receipt in sorted(receipts.items()) if size < checkpoint.size]
    return writer.finish(
        kind=WHOLE_LOG if wanted.streams is None else WHOLE_STREAMS,
        checkpoint=note,
        key=key.text(),
        tiles=Tiles(checkpoint.size, proofs.fetch),
        heads=[(stream, *heads.prove(stream)) for stream in sorted(wanted.streams or ())],
        earlier=earlier,
    )


def _shown(
    conn: psycopg.Connection[object],
    vault: Vault,
    events: Iterable[Stored],
    wanted: Wanted,
    reached: Callable[[int], None],
) -> Iterator[Shown]:
    rest = iter(events)
    while batch := list(islice(rest, EVENTS_AT_ONCE)):
        yield from shown(conn, vault, batch, keys=wanted.keys)
        reached(batch[-1][0])


def _gone(database: Database) -> int:
    """By which position a record or an account lost something last."""
    with database.connect(Role.PROJECTOR, name="sojourn export") as conn:
        return tombstones.last(conn)


def _part(out: Path, wanted: Wanted, key: Verifier, gone: int) -> Path:
    """The same for the same question alone, and as long as nothing is destroyed: of another one's part nothing is
    taken, nor of one that may hold keys of what is gone."""
    asked = "\n".join((key.text(), str(wanted.keys), str(wanted.streams is None), *(wanted.streams or ())))
    return out.with_name(f"{out.name}.{sha256(asked.encode()).hexdigest()[:12]}.{gone}.part")


def _delete_older(out: Path, part: Path) -> None:
    """Parts of the same bundle from before the last disposal, whatever was asked for: nobody goes on with them, and
    they hold keys in clear. One that another export writes is its own to delete."""
    for old in out.parent.glob(f"{glob.escape(out.name)}.*.part"):
        named = _PART.fullmatch(old.name.removeprefix(out.name))
        if named is None or old == part or int(named[1] or -1) >= int(part.name.split(".")[-2]):
            continue
        with suppress(OSError), old.open("rb") as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            old.unlink()


@contextmanager
def _alone(part: Path) -> Iterator[BinaryIO]:
    """The part, open for whoever alone writes it. It holds what is confidential, so nobody else may read it."""
    descriptor = os.open(part, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)
    with os.fdopen(descriptor, "r+b") as file:
        # One that somebody else has put there, to read what is written into it, is not ours to change.
        os.fchmod(descriptor, 0o600)
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            # Whoever held the lock until now may have given the file its name.
            mine = part.exists() and os.path.samestat(part.stat(), os.fstat(descriptor))
        except BlockingIOError:
            mine = False
        if not mine:
            raise Conflict("Another export is writing the same bundle.", remedy="Wait for it, or end it.")
        yield file
