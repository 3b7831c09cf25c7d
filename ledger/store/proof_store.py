"""What the notary keeps of a log: tiles, pages of the heads' tree, signed checkpoints and cosignatures.

Invariant: whatever is here is as of the last checkpoint, since tiles, pages and checkpoint are written in one
transaction. It knows hashes and notes; what is signed, and when, is the notary's to decide.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from types import TracebackType
from typing import Any, NamedTuple, Self

import psycopg
from psycopg import IsolationLevel
from psycopg.rows import tuple_row

from ledger.proofs.head_pages import Place
from ledger.proofs.tiles import Tile
from ledger.proofs.tree import HASH_BYTES
from ledger.store.arrays import ByteaArray, Int2Array, byteas, int2s, int8s, register
from ledger.store.database import Database, Role, translated


class Kept(NamedTuple):
    """A checkpoint as it was signed. signed_at: by PostgreSQL's clock."""

    size: int
    note: bytes
    signed_at: datetime


class Leaf(NamedTuple):
    """What the trees need of one event."""

    position: int
    stream: str
    version: int
    leaf: bytes


class StoredPages:
    """``ledger.proofs.head_pages.Pages`` over a connection. Raises psycopg.Error."""

    def __init__(self, conn: psycopg.Connection[Any], log: str) -> None:
        self._conn = conn
        self._log = log

    def get(self, places: Sequence[Place]) -> list[bytes | None]:
        """In one question."""
        rows = _rows(self._conn, PAGES, (*columns(places), self._log))
        return [row[0] for row in rows]

    def put(self, pages: Mapping[Place, bytes]) -> None:
        """In one statement of the transaction that is open."""
        if pages:
            self._conn.execute(_PUT_PAGES, (self._log, *columns(list(pages)), byteas(list(pages.values()))))


class ProofTables:
    """The tables of one log, over a connection whose transaction says as of when. Raises psycopg.Error."""

    def __init__(self, conn: psycopg.Connection[Any], log: str) -> None:
        self.log = log
        register(conn)
        self.pages = StoredPages(conn, log)
        self._conn = conn

    # -- reading

    def latest(self) -> Kept | None:
        """The last checkpoint that was signed, without cosignatures."""
        rows = _rows(self._conn, LATEST, (self.log,))
        return Kept(*rows[0]) if rows else None

    def kept_at(self, size: int) -> Kept | None:
        """The checkpoint of a size, without cosignatures."""
        rows = _rows(self._conn, AT, (self.log, size))
        return Kept(*rows[0]) if rows else None

    def cosigned(self, witness: str | None = None) -> int | None:
        """The size of the last checkpoint that a witness has cosigned (``name+id`` of his key), or anybody has."""
        rows = _rows(self._conn, COSIGNED, {"log": self.log, "witness": witness})
        return rows[0][0] if rows else None

    def note(self, kept: Kept) -> bytes:
        """A checkpoint with every cosignature that has come."""
        return kept.note + b"".join(row[0] for row in _rows(self._conn, LINES, (self.log, kept.size)))

    def sizes(self) -> list[int]:
        """Of every checkpoint that was signed, earliest first."""
        return [row[0] for row in _rows(self._conn, _SIZES, (self.log,))]

    def fetch(self, tiles: Sequence[Tile]) -> list[bytes]:
        """As ``ledger.proofs.tiles.Tiles`` asks: each as wide as it is named, or less where less is there."""
        levels, numbers = int2s([tile.level for tile in tiles]), int8s([tile.number for tile in tiles])
        rows = _rows(self._conn, TILES, (levels, numbers, self.log))
        return [(row[0] or b"")[: tile.width * HASH_BYTES] for tile, row in zip(tiles, rows, strict=True)]

    def head(self) -> int:
        """Of the log itself: its last position."""
        return _rows(self._conn, f"select position from {self.log}.head".encode())[0][0]

    def leaves(self, after: int, limit: int) -> list[Leaf]:
        """Of the log itself: what stands behind a position, in order."""
        return [Leaf(*row) for row in _rows(self._conn, _leaves(self.log), (after, limit))]

    # -- writing, in the caller's transaction

    def put_tiles(self, tiles: Mapping[tuple[int, int], bytes]) -> None:
        """Tiles by level and number, each at least as wide as it was."""
        levels, numbers = int2s([level for level, _ in tiles]), int8s([number for _, number in tiles])
        self._conn.execute(_PUT_TILES, (self.log, levels, numbers, byteas(list(tiles.values()))))

    def add_checkpoint(self, size: int, note: bytes) -> None:
        """Raises UniqueViolation where this size was signed before."""
        self._conn.execute(_ADD, (self.log, size, note))

    def add_cosignature(self, size: int, witness: str, line: bytes) -> bool:
        """Whether it is new: a witness's first line below a checkpoint stays."""
        return self._conn.execute(_COSIGN, (self.log, size, witness, line)).rowcount == 1


class ProofStore:
    """What was proven of one log, for whoever only reads: a connection of its own, and everything that it tells is as
    of its first question, so that checkpoint, tiles and pages belong together. Close it, or use it in a ``with``.

    log: ``ledger`` or ``access``. Methods raise StoreUnavailable.
    """

    def __init__(self, database: Database, log: str, role: Role = Role.READER) -> None:
        with translated():
            self._conn = database.connect(role, name=f"sojourn {log} proofs", autocommit=False)
            self._conn.isolation_level = IsolationLevel.REPEATABLE_READ
            self._conn.read_only = True
        self._tables = ProofTables(self._conn, log)
        self.pages = self._tables.pages

    def checkpoint(self) -> bytes | None:
        """The latest checkpoint, with its cosignatures; None before the first."""
        with translated():
            kept = self._tables.latest()
            return None if kept is None else self._tables.note(kept)

    def checkpoint_at(self, size: int) -> bytes | None:
        """The checkpoint of exactly this size, with its cosignatures; None where none was signed."""
        with translated():
            kept = self._tables.kept_at(size)
            return None if kept is None else self._tables.note(kept)

    def signed_at(self, size: int) -> datetime | None:
        """When the checkpoint of this size was signed, by PostgreSQL's clock."""
        with translated():
            kept = self._tables.kept_at(size)
            return None if kept is None else kept.signed_at

    def sizes(self) -> Sequence[int]:
        """Of every checkpoint that was signed, earliest first."""
        with translated():
            return self._tables.sizes()

    def fetch(self, tiles: Sequence[Tile]) -> Sequence[bytes]:
        """What ``ledger.proofs.tiles.Tiles`` asks for."""
        with translated():
            return self._tables.fetch(tiles)

    def close(self) -> None:
        """Let go of the connection, and of what was held for it."""
        self._conn.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


# -- questions


def _rows(conn: psycopg.Connection[Any], query: bytes, params: Any = None) -> list[tuple[Any, ...]]:
    with conn.cursor(binary=True, row_factory=tuple_row) as cursor:
        return cursor.execute(query, params).fetchall()


def columns(places: Sequence[Place]) -> tuple[Int2Array, ByteaArray]:
    """Depth and prefix of each. A prefix is the bits of its place in whole bytes, unused ones in front."""
    prefixes = [bits.to_bytes((depth + 7) // 8) for depth, bits in places]
    return int2s([depth for depth, _ in places]), byteas(prefixes)


def _leaves(log: str) -> bytes:
    return (
        f"select position, stream, version, leaf from {log}.events where position > %s order by position limit %s"
    ).encode()


LATEST = b"select size, note, signed_at from proofs.checkpoints where log = %s order by size desc limit 1"
AT = b"select size, note, signed_at from proofs.checkpoints where log = %s and size = %s"
_SIZES = b"select size from proofs.checkpoints where log = %s order by size"
_ADD = b"insert into proofs.checkpoints (log, size, note) values (%s, %s, %s)"
LINES = b"select line from proofs.cosignatures where log = %s and size = %s order by witness"
COSIGNED = b"""
select max(size) from proofs.cosignatures where log = %(log)s and (%(witness)s::text is null or witness = %(witness)s)
having max(size) is not null
"""
_COSIGN = b"""
insert into proofs.cosignatures (log, size, witness, line) values (%s, %s, %s, %s) on conflict do nothing
"""
TILES = b"""
select t.hashes from unnest(%s::smallint[], %s::bigint[]) with ordinality as asked (level, number, place)
  left join proofs.tiles t on t.log = %s and t.level = asked.level and t.number = asked.number
 order by asked.place
"""
_PUT_TILES = b"""
insert into proofs.tiles (log, level, number, hashes)
select %s, * from unnest(%s::smallint[], %s::bigint[], %s::bytea[])
    on conflict (log, level, number) do update set hashes = excluded.hashes
"""
PAGES = b"""
select p.page from unnest(%s::smallint[], %s::bytea[]) with ordinality as asked (depth, prefix, place)
  left join proofs.head_pages p on p.log = %s and p.depth = asked.depth and p.prefix = asked.prefix
 order by asked.place
"""
_PUT_PAGES = b"""
insert into proofs.head_pages (log, depth, prefix, page)
select %s, * from unnest(%s::smallint[], %s::bytea[], %s::bytea[])
    on conflict (log, depth, prefix) do update set page = excluded.page
"""
