"""A log of the real store that a notary signs: what fills it, and what it holds, read without the notary's code."""

from __future__ import annotations

import random
import uuid
from pathlib import Path

from psycopg.rows import tuple_row

from ledger.application import Ledger
from ledger.events import Meta
from ledger.events.record import CourseReported
from ledger.proofs.head_pages import HeadTree
from ledger.proofs.log_keys import parse_keys
from ledger.proofs.note import Signer, open_checkpoint
from ledger.proofs.sparse import Head, key_of, packed_head, root_of_heads
from ledger.proofs.tiles import Tiles, tiles_between
from ledger.proofs.tree import root_at, root_of
from ledger.store.append import Append, Part
from ledger.store.database import Database, Role
from ledger.store.proof_store import ProofStore

KEY = Signer.of("sojourn.example.org", b"N" * 32)
OTHER_KEY = Signer.of("sojourn.example.org", b"O" * 32)


def filled(ledger: Ledger, events: int, seed: int = 1, log: str = "ledger") -> int:
    """Append so many events to some streams of a log, in runs of chance; the last position."""
    chance = random.Random(seed)
    records = [str(uuid.UUID(int=chance.getrandbits(128), version=4)) for _ in range(max(2, events // 6))]
    parts: list[Part] = []
    left = events
    while left:
        record, count = chance.choice(records), min(left, chance.randint(1, 5))
        said = [CourseReported(fact=n + 1, elements={"course_title": "Algebra"}) for n in range(count)]
        parts.append(Part(stream=f"record/{record}", subject=record, expected=None, events=said))
        left -= count
    return ledger.logs[log].append(Append(parts=parts, meta=Meta(actor="tester"))).position


def leaves_of(database: Database, log: str = "ledger") -> list[bytes]:
    """Each leaf of a log, in order."""
    with database.connect(Role.PROJECTOR) as conn:
        rows = conn.execute(f"select leaf from {log}.events order by position".encode()).fetchall()
    return [row[0] for row in rows]


def heads_of(database: Database, log: str = "ledger", upto: int = 2**62) -> dict[str, Head]:
    """Stream to its head at a position, out of the events alone."""
    with database.connect(Role.PROJECTOR) as conn, conn.cursor(row_factory=tuple_row) as cursor:
        query = f"select stream, version, leaf from {log}.events where position <= %s order by position"
        rows = cursor.execute(query.encode(), (upto,)).fetchall()
    return {stream: Head(version, leaf) for stream, version, leaf in rows}


def assert_what_was_signed_holds(database: Database, file: Path, log: str = "ledger") -> int:
    """Each checkpoint is what the events up to it give, the tiles and heads are those of the last one, and what the
    host keeps beside its key is no earlier. The size of the last, 0 where none was signed."""
    leaves, key = leaves_of(database, log), parse_keys([KEY.text()], log).signer.verifier
    with ProofStore(database, log) as store:
        sizes = list(store.sizes())
        assert sizes == sorted(set(sizes))
        for size in sizes:
            note = store.checkpoint_at(size)
            assert note is not None
            checkpoint, _ = open_checkpoint(note, key)
            assert (checkpoint.size, checkpoint.root) == (size, root_of(b"".join(leaves[:size])))
            assert checkpoint.heads() == _root_of_heads(database, log, size)
        last = sizes[-1] if sizes else 0
        for tile in tiles_between(0, last):
            assert len(store.fetch([tile])[0]) == tile.width * 32
        if last:
            assert root_at(last, Tiles(last, store.fetch).read) == root_of(b"".join(leaves[:last]))
            assert HeadTree(store.pages).root() == _root_of_heads(database, log, last)
    if last:
        beside, _ = open_checkpoint(file.read_bytes(), key)
        assert last <= beside.size <= len(leaves)
        assert beside.root == root_of(b"".join(leaves[: beside.size]))
    return last


def _root_of_heads(database: Database, log: str, size: int) -> bytes:
    return root_of_heads(packed_head(key_of(stream), head) for stream, head in heads_of(database, log, size).items())
