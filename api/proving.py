"""What was proven of a log, read for an answer: one snapshot of the reader's, so that checkpoint and proof fit.

Invariant: a proof leaves here only after it was checked against the checkpoint that it is for, where that was signed;
what does not lead to what was signed raises LogBroken, and nothing is answered.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Hashable, Mapping, Sequence
from typing import Any, NamedTuple, TypeVar

from psycopg import AsyncConnection
from psycopg.rows import tuple_row
from psycopg_pool import AsyncConnectionPool

from api.reading import ask
from api.services import Services
from ledger.errors import LogBroken, NotFound
from ledger.proofs.checked_pages import CheckedPages
from ledger.proofs.doubt import Doubt
from ledger.proofs.head_pages import HeadTree, Place
from ledger.proofs.note import Checkpoint, split
from ledger.proofs.sparse import Head, HeadProof, verify_head
from ledger.proofs.tiles import Tile, Tiles, tile_at
from ledger.proofs.tree import HASH_BYTES, consistency_proof, inclusion_proof, verify_consistency, verify_inclusion
from ledger.store import proof_store
from ledger.store.arrays import int2s, int8s, register
from ledger.store.proof_store import Kept

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")
T = TypeVar("T")


class Inclusion(NamedTuple):
    """Of one leaf in the tree of a checkpoint."""

    size: int
    leaf: bytes
    hashes: Sequence[bytes]
    note: bytes | None


class Consistency(NamedTuple):
    """Up to a size."""

    size: int
    hashes: Sequence[bytes]
    note: bytes | None


class ProvenHead(NamedTuple):
    """Of one stream as of the latest checkpoint."""

    size: int
    head: Head | None
    proof: HeadProof
    note: bytes


class Asking:
    """Questions about one log within one snapshot."""

    def __init__(self, conn: AsyncConnection[Any], log: str) -> None:
        register(conn)
        self._conn = conn
        self._log = log

    async def latest(self) -> Kept:
        """Raises NotFound before the first checkpoint."""
        rows = await self._rows(proof_store.LATEST, (self._log,))
        if not rows:
            raise NotFound(
                f"Nothing of the {self._log} log was signed yet.",
                remedy="A notary signs where a signing key is set: `sojourn doctor` says whether one is.",
            )
        return Kept(*rows[0])

    async def signed_at(self, size: int) -> Kept | None:
        """The checkpoint of exactly this size."""
        rows = await self._rows(proof_store.AT, (self._log, size))
        return Kept(*rows[0]) if rows else None

    async def last_cosigned(self) -> Kept | None:
        """The last checkpoint that a witness has cosigned."""
        rows = await self._rows(proof_store.COSIGNED, {"log": self._log, "witness": None})
        return await self.signed_at(rows[0][0]) if rows else None

    async def note(self, kept: Kept) -> bytes:
        """With every cosignature."""
        return kept.note + b"".join(row[0] for row in await self._rows(proof_store.LINES, (self._log, kept.size)))

    async def tiles(self, tiles: Sequence[Tile]) -> list[bytes]:
        """As ``ProofTables.fetch``."""
        params = (int2s([tile.level for tile in tiles]), int8s([tile.number for tile in tiles]), self._log)
        rows = await self._rows(proof_store.TILES, params)
        return [(row[0] or b"")[: tile.width * HASH_BYTES] for tile, row in zip(tiles, rows, strict=True)]

    async def pages(self, places: Sequence[Place]) -> list[bytes | None]:
        """As ``StoredPages.get``."""
        depths, prefixes = proof_store.columns(places)
        return [row[0] for row in await self._rows(proof_store.PAGES, (depths, prefixes, self._log))]

    async def _rows(self, query: bytes, params: Any) -> list[tuple[Any, ...]]:
        async with self._conn.cursor(binary=True, row_factory=tuple_row) as cursor:
            return await (await cursor.execute(query, params)).fetchall()


async def asked(services: Services, log: str, question: Callable[[Asking], Awaitable[T]]) -> T:
    """What a question gives, within one snapshot. Raises LogBroken where what is stored is not what was signed."""
    return await asked_over(services.reads, log, question)


async def asked_over(reads: AsyncConnectionPool, log: str, question: Callable[[Asking], Awaitable[T]]) -> T:
    """As ``asked``, over connections of the reader's."""

    async def within(conn: AsyncConnection[Any]) -> T:
        async with conn.transaction():
            await conn.execute("set transaction isolation level repeatable read, read only")
            return await question(Asking(conn, log))

    try:
        return await ask(reads, within)
    except Doubt as doubt:
        raise LogBroken(f"What is stored of the {log} log is not what was signed. {doubt.what}") from doubt


async def inclusion(asking: Asking, position: int, size: int | None) -> Inclusion:
    """size: of the tree; None for the latest checkpoint's. Raises NotFound, Doubt."""
    latest = await asking.latest()
    _must_be_covered("position", position, latest)
    size = latest.size if size is None else size
    _must_be_covered("size", size, latest)
    if position > size:
        raise NotFound(f"Position {position} is beyond a tree of {size} events.", remedy="Ask for a later checkpoint.")
    index = position - 1
    tile, offset = divmod(index, 256)

    def proven(fetch: Callable[[Sequence[Tile]], Sequence[bytes]]) -> tuple[bytes, list[bytes]]:
        place = tile_at(0, tile, size)
        assert place is not None, "the position is within the size"
        (leaves,) = fetch([place])
        return leaves[offset * HASH_BYTES : (offset + 1) * HASH_BYTES], inclusion_proof(
            index, size, Tiles(size, fetch).read
        )

    leaf, hashes = await _with(proven, asking.tiles)
    kept = latest if size == latest.size else await asking.signed_at(size)
    if kept is None:
        return Inclusion(size, leaf, hashes, None)
    verify_inclusion(index, size, leaf, hashes, _checkpoint(kept).root)
    return Inclusion(size, leaf, hashes, await asking.note(kept))


async def inclusions(asking: Asking, positions: Sequence[int]) -> list[Inclusion]:
    """Of several, against the latest checkpoint. Raises NotFound where it does not cover them all, Doubt."""
    latest = await asking.latest()
    _must_be_covered("position", max(positions), latest)
    size, root = latest.size, _checkpoint(latest).root

    def proven(fetch: Callable[[Sequence[Tile]], Sequence[bytes]]) -> list[tuple[int, bytes, list[bytes]]]:
        places = [tile_at(0, (position - 1) // 256, size) for position in positions]
        # All at once: what is begun again for one tile after the other would be hashed as often.
        leaves = fetch([place for place in places if place is not None])
        tiles = Tiles(size, fetch).read
        found: list[tuple[int, bytes, list[bytes]]] = []
        for position, tile in zip(positions, leaves, strict=True):
            index, offset = position - 1, (position - 1) % 256 * HASH_BYTES
            found.append((index, tile[offset : offset + HASH_BYTES], inclusion_proof(index, size, tiles)))
        return found

    note = await asking.note(latest)
    made: list[Inclusion] = []
    for index, leaf, hashes in await _with(proven, asking.tiles):
        verify_inclusion(index, size, leaf, hashes, root)
        made.append(Inclusion(size, leaf, hashes, note))
    return made


async def consistency(asking: Asking, old: int, new: int | None) -> Consistency:
    """new: None for the latest checkpoint's size. ``old`` is no larger. Raises NotFound, Doubt."""
    latest = await asking.latest()
    new = latest.size if new is None else new
    _must_be_covered("from", old, latest)
    _must_be_covered("to", new, latest)

    def proven(fetch: Callable[[Sequence[Tile]], Sequence[bytes]]) -> list[bytes]:
        return consistency_proof(old, new, Tiles(new, fetch).read)

    hashes = await _with(proven, asking.tiles)
    before, after = await asking.signed_at(old), await asking.signed_at(new)
    if before is not None and after is not None:
        verify_consistency(old, new, _checkpoint(before).root, _checkpoint(after).root, hashes)
    return Consistency(new, hashes, None if after is None else await asking.note(after))


async def head(asking: Asking, stream: str) -> ProvenHead:
    """Raises NotFound before the first checkpoint, Doubt."""
    latest = await asking.latest()
    root = _checkpoint(latest).heads()
    if root is None:
        raise Doubt("The checkpoint tells no root of stream heads.")

    def proven(get: Callable[[Sequence[Place]], Sequence[bytes | None]]) -> tuple[Head | None, HeadProof]:
        return HeadTree(CheckedPages(_Read(get), root)).prove(stream)

    found, proof = await _with(proven, asking.pages)
    verify_head(stream, found, proof, root)
    return ProvenHead(latest.size, found, proof, await asking.note(latest))


class _Read:
    """Pages that are only read."""

    def __init__(self, get: Callable[[Sequence[Place]], Sequence[bytes | None]]) -> None:
        self._get = get

    def get(self, places: Sequence[Place]) -> Sequence[bytes | None]:
        return self._get(places)

    def put(self, pages: Mapping[Place, bytes]) -> None:
        raise AssertionError(f"a proof changes no page, nor {len(pages)} of them")


class _Wanted(Exception):
    """What was asked for and is not at hand yet."""

    def __init__(self, keys: Sequence[Any]) -> None:
        super().__init__()
        self.keys = keys


async def _with(
    compute: Callable[[Callable[[Sequence[K]], Sequence[V]]], T], fetch: Callable[[Sequence[K]], Awaitable[Sequence[V]]]
) -> T:
    """What a pure computation gives that asks for what is stored: it is begun again with what it wanted, as often as
    it asks for more. That is a question to the database each, and a few hundred hashes."""
    known: dict[K, V] = {}

    def look(keys: Sequence[K]) -> list[V]:
        wanted = [key for key in keys if key not in known]
        if wanted:
            raise _Wanted(wanted)
        return [known[key] for key in keys]

    while True:
        try:
            return compute(look)
        except _Wanted as asked_for:
            known.update(zip(asked_for.keys, await fetch(asked_for.keys), strict=True))


def _checkpoint(kept: Kept) -> Checkpoint:
    return Checkpoint.parse(split(kept.note)[0])


def _must_be_covered(name: str, number: int, latest: Kept) -> None:
    """Raises NotFound, with the size that is covered."""
    if number > latest.size:
        error = NotFound(
            f"The {name} {number} is beyond the last checkpoint, which covers {latest.size} events.",
            remedy="Ask again when a later checkpoint was signed.",
        )
        error.members = {"size": latest.size}
        raise error
