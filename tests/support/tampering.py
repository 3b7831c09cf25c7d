"""A store that was signed, and whoever owns its database: he changes what he likes and makes the rest fit it.

The forger's tools are written by hand, over the product's own serialisation and notary, which he has too.
"""

from __future__ import annotations

import io
import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import timedelta
from typing import Any, NamedTuple

import msgspec
import psycopg
from psycopg.rows import tuple_row
from psycopg.sql import SQL, Identifier

import migrations
from ledger.application import Ledger
from ledger.events import Meta
from ledger.events.record import CourseReported
from ledger.ids import Uuid7Source
from ledger.proofs.bundle import WHOLE_LOG
from ledger.proofs.log_keys import LogKeys, of_log
from ledger.proofs.note import Signer
from ledger.proofs.tiles import Tile, Tiles, level_above
from ledger.proofs.verify import Verdict
from ledger.proofs.writing import BundleWriter
from ledger.reactors.notary import Notary
from ledger.record import PlaceStudent
from ledger.store import canonical
from ledger.store.append import Append, Part
from ledger.store.commit import microseconds
from ledger.store.copied_out import shown, stored
from ledger.store.database import Database, Role
from ledger.store.doctor import GUARDS, examine
from ledger.store.embedded import EmbeddedServer
from ledger.store.outside import Outside
from ledger.store.proof_store import ProofStore
from ledger.store.vault import MasterKey, Vault
from ledger.store.verifying import Given, verify_store
from support import rows
from support.databases import bare, copied
from support.linking import declare, merge
from support.logs import append
from support.notarized import KEY

MASTER = bytes(range(32))
META = Meta(actor="registrar")
LOGS = ("ledger", "access")
FIRST_SIZE, SECOND_SIZE, HEAD = 280, 600, 605
"""Of the ledger: what the two checkpoints that somebody holds are of, and where it ends."""
TAPE = "tape/1"
"""A stream that no guard knows of: what is changed there, the events and the tree alone can tell."""


class Held(NamedTuple):
    """What was handed out of the ledger's log before anything was changed. leaves: each, one after the other."""

    notes: Sequence[bytes]
    leaves: bytes

    @property
    def level_1(self) -> bytes:
        """What a witness keeps."""
        return level_above(self.leaves)


class Signed(NamedTuple):
    """A database to copy, and what was handed out of it."""

    template: str
    held: Held


@contextmanager
def signed_store(
    server: EmbeddedServer,
    *,
    students: int = 24,
    sizes: Sequence[int] = (FIRST_SIZE, SECOND_SIZE),
    head: int = HEAD,
) -> Iterator[Signed]:
    """A store with students of three states, a merge, a declaration, disclosures, and checkpoints of these sizes."""
    with copied(server, bare) as name:
        database = Database(server.conninfo(name), log_in=True)
        with opened(database) as ledger:
            minted = [_placed(ledger, number) for number in range(students)]
            merge(ledger, minted[0], minted[1])
            declare(ledger, minted[2], minted[3])
            notes = []
            for size in sizes:
                _tape(ledger, size - ledger.log.head())
                sign(database, "ledger", KEY)
                notes.append(_note(database, "ledger"))
            _tape(ledger, head - sizes[-1])
            sign(database, "access", KEY)
        with database.connect(Role.PROJECTOR) as conn:
            leaves = b"".join(one[3] for one in stored(conn, "ledger", last=sizes[-1]))
        yield Signed(name, Held(notes, leaves))


@contextmanager
def copy_of(server: EmbeddedServer, signed: Signed) -> Iterator[Database]:
    """The store once more, for one forger."""
    with copied(server, lambda _: signed.template) as name:
        yield Database(server.conninfo(name), log_in=True)


@contextmanager
def opened(database: Database) -> Iterator[Ledger]:
    ledger = Ledger(database, Vault([MasterKey.of(MASTER)]), Uuid7Source(time.time_ns, os.urandom))
    try:
        yield ledger
    finally:
        ledger.close()


def outside(log: str, key: Signer | None = KEY, kept: Mapping[int, bytes] | None = None) -> Outside:
    """What whoever verifies knows of a log."""
    keys = [] if key is None else [of_log(key, log).verifier]
    return Outside(keys, kept=kept or {} if log == "ledger" else {})


def verdict_on(
    database: Database,
    *,
    receipts: Sequence[bytes] = (),
    kept: Mapping[int, bytes] | None = None,
    key: Signer | None = KEY,
) -> Verdict:
    """What ``sojourn verify`` says of the store. kept: of the ledger."""
    with opened(database) as ledger:
        given = Given(
            {log: outside(log, key, kept) for log in LOGS},
            receipts,
            lambda: examine(database, ledger.logs, fits=migrations.check, row_key=ledger.row_key, only=GUARDS),
        )
        return verify_store(database, ledger.vault, given)


def bundle_of(database: Database, note: bytes, *, size: int = SECOND_SIZE, fits: bool = True) -> bytes:
    """The whole ledger up to a size as a bundle, with a checkpoint that somebody holds, as a forger hands it over:
    without body keys. fits: whether he makes the tiles anew from the leaves."""
    file = io.BytesIO()
    vault = Vault([MasterKey.of(MASTER)])
    with database.connect(Role.PROJECTOR) as conn, ProofStore(database, "ledger") as proofs:
        events = list(stored(conn, "ledger", last=size))
        writer = BundleWriter(file)
        writer.events(shown(conn, vault, events, keys=False))
        leaves = b"".join(canonical.leaf(entry) for _, entry, *_ in events)
        tiles = tiles_of(leaves) if fits else Tiles(size, proofs.fetch)
        writer.finish(kind=WHOLE_LOG, checkpoint=note, key=KEY.verifier.text(), tiles=tiles)
    return file.getvalue()


def wrong(verdict: Verdict) -> tuple[str, int | None]:
    """What is, and where."""
    assert verdict.wrong is not None, verdict.text()
    return verdict.wrong.what, verdict.wrong.position


def tiles_of(leaves: bytes) -> Tiles:
    """Made anew."""
    levels = [leaves, level_above(leaves)]

    def fetch(wanted: Sequence[Tile]) -> list[bytes]:
        return [levels[t.level][t.number * 8192 :][: t.width * 32] for t in wanted]

    return Tiles(len(leaves) // 32, fetch)


# -- the forger


class Row(msgspec.Struct):
    """An event as it is stored."""

    position: int
    stream: str
    version: int
    topic: str
    event_id: Any
    recorded_at: Any
    key_id: Any
    key_check: bytes
    body: bytes
    leaf: bytes


Change = Callable[[list[Row]], None]
AT = 300
"""The event that is changed; one of the tape's."""


def edit(found: list[Row]) -> None:
    body = bytearray(found[AT - 1].body)
    body[7] ^= 1
    found[AT - 1].body = bytes(body)


def delete(found: list[Row]) -> None:
    del found[AT - 1]


def insert(found: list[Row]) -> None:
    found.insert(AT - 1, msgspec.structs.replace(found[AT - 2]))


def swap(found: list[Row]) -> None:
    # A body is bound to its stream and its id, not to its place: each opens where the other was.
    found[AT - 1], found[AT] = found[AT], found[AT - 1]


def clock(found: list[Row]) -> None:
    found[AT - 1].recorded_at -= timedelta(days=1)


CHANGES: dict[str, Change] = {"edit": edit, "delete": delete, "insert": insert, "swap": swap, "clock": clock}


@contextmanager
def superuser(database: Database) -> Iterator[psycopg.Connection[Any]]:
    """Whom nothing in the database stops."""
    with database.connect() as conn:
        conn.execute("set session_replication_role = replica")
        yield conn


def rewrite(database: Database, change: Change, *, log: str = "ledger", fits: bool = True) -> None:
    """Change the events. fits: positions, versions, leaves, heads and the head are made to follow from them."""
    with superuser(database) as conn, conn.transaction(), conn.cursor(row_factory=tuple_row) as cursor:
        cursor.execute(_sql("select * from {log}.events order by position", log))
        found = [Row(*row) for row in cursor.fetchall()]
        change(found)
        if fits:
            _made_to_fit(found)
        conn.execute(_sql("delete from {log}.events", log))
        places = SQL(", ").join(SQL("%s") for _ in Row.__struct_fields__)
        for row in found:
            cursor.execute(
                SQL("insert into {log}.events values ({places})").format(log=Identifier(log), places=places),
                msgspec.structs.astuple(row),
            )
        if fits:
            heads = {row.stream: (row.version, row.position, row.leaf) for row in found}
            conn.execute(_sql("delete from {log}.heads", log))
            for stream, head in heads.items():
                cursor.execute(_sql("insert into {log}.heads values (%s, %s, %s, %s)", log), (stream, *head))
            conn.execute(_sql("update {log}.head set position = %s", log), (len(found),))


def make_tiles_fit(database: Database, levels: int, *, log: str = "ledger") -> None:
    """The lowest levels of stored tiles are made to follow from the events, up to the last checkpoint."""
    with superuser(database) as conn:
        ((size,),) = conn.execute("select max(size) from proofs.checkpoints where log = %s", (log,)).fetchall()
        hashes = b"".join(one[3] for one in stored(conn, log, last=size))
        for level in range(levels):
            for number in range(0, len(hashes), 8192):
                conn.execute(
                    "update proofs.tiles set hashes = %s where log = %s and level = %s and number = %s",
                    (hashes[number : number + 8192], log, level, number // 8192),
                )
            hashes = level_above(hashes)


def sign_anew(database: Database, key: Signer, *, log: str = "ledger") -> None:
    """Tree, heads and checkpoint from nothing, by a notary who remembers nothing."""
    with superuser(database) as conn:
        for table in ("cosignatures", "checkpoints", "tiles", "head_pages"):
            conn.execute(SQL("delete from proofs.{} where log = %s").format(Identifier(table)), (log,))
    sign(database, log, key)


def sign(database: Database, log: str, key: Signer) -> None:
    Notary(database, log, LogKeys(of_log(key, log))).sign()


def _made_to_fit(found: list[Row]) -> None:
    versions: dict[str, int] = {}
    for position, row in enumerate(found, 1):
        row.position = position
        row.version = versions[row.stream] = versions.get(row.stream, 0) + 1
        row.leaf = canonical.leaf(
            canonical.entry(
                position,
                row.stream,
                row.version,
                row.topic,
                row.event_id.bytes,
                microseconds(row.recorded_at),
                row.key_id.bytes,
                row.key_check,
                row.body,
            )
        )


def _sql(text: str, log: str) -> bytes:
    return text.replace("{log}", log).encode()


# -- what there is to be changed


def _placed(ledger: Ledger, number: int) -> str:
    """A student's record and a disclosure of it; the student id."""
    state = ("OR", "CA", "TX")[number % 3]
    student = rows.student(rows.demographics(), rows.move(), rows.enrollment(), rows.course())
    student = msgspec.structs.replace(student, state=state, state_student_id=f"{state}{number}")
    command = PlaceStudent(state=state, state_student_id=f"{state}{number}", student=student, new_student_id="")
    done = ledger.execute(command, META)
    append(ledger.access, f"disclosure/{done.record_id}", CourseReported(fact=1, elements={}))
    return done.student_id


def _tape(ledger: Ledger, events: int) -> None:
    said = [CourseReported(fact=number + 1, elements={"course_title": "Álgebra"}) for number in range(events)]
    part = Part(stream=TAPE, subject="ledger", expected=None, events=said)
    ledger.log.append(Append(parts=[part], meta=META))


def _note(database: Database, log: str) -> bytes:
    with ProofStore(database, log) as proofs:
        note = proofs.checkpoint()
    assert note is not None
    return note
