"""The tree of stream heads (ledger.proofs.sparse) kept in pages: few are read and written for a change, or for a proof.

How it is cut into pages is no part of its hash. A page holds the heads below its place as they are while there are at
most 32, else a count and a hash for each of its sixteen branches. Hashes between are computed when they are asked for.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

from ledger.proofs.sparse import (
    EMPTY,
    HEAD_BYTES,
    KEY_BITS,
    NO_HEADS,
    CountedHash,
    Head,
    HeadProof,
    folded,
    key_of,
    ones_from,
    packed_head,
    subtree,
    unpacked_head,
)

PAGE_LEVELS = 4
"""Levels of the tree in one page."""

PAGE_HEADS_MAX = 32
"""So many heads below one place are stored as they are; with one more, pages of its branches take them."""

_BRANCHES_PER_PAGE = 1 << PAGE_LEVELS
_HEADS, _BRANCHES = b"\x01", b"\x02"

Place = tuple[int, int]
"""(depth, the first ``depth`` bits of the keys below it, as a number). Depth goes by whole pages: 0, 4, 8, ..."""


class Pages(Protocol):
    """Where the pages are kept, by place. A page goes in and comes out whole, below 2.5 kB."""

    def get(self, places: Sequence[Place]) -> Sequence[bytes | None]:
        """The pages of these places, in their order; None where there is none."""
        ...

    def put(self, pages: Mapping[Place, bytes]) -> None:
        """Keep these pages: all of them, or none."""
        ...


class PagesInMemory:
    """For a tree that is built once, or in a test."""

    def __init__(self) -> None:
        self.pages: dict[Place, bytes] = {}

    def get(self, places: Sequence[Place]) -> list[bytes | None]:
        """As ``Pages``."""
        return [self.pages.get(place) for place in places]

    def put(self, pages: Mapping[Place, bytes]) -> None:
        """As ``Pages``."""
        self.pages.update(pages)


class HeadTree:
    """Sets heads, tells the root, proves. A change of k heads asks for its pages once a level, and puts once."""

    def __init__(self, pages: Pages) -> None:
        self._pages = pages

    def root(self) -> bytes:
        """Of the heads so far."""
        (page,) = self._pages.get([(0, 0)])
        return NO_HEADS[1:] if page is None else counted((0, 0), page)[1:]

    def update(self, heads: Mapping[bytes, Head]) -> bytes:
        """Set the heads of these keys (``sparse.key_of``); the new root.

        Raises Malformed for a head that cannot be one. That no head goes back is the caller's to see to.
        """
        rows = sorted(packed_head(key, head) for key, head in heads.items())
        if not rows:
            return self.root()
        levels = self._concerned(rows)
        changed: dict[Place, bytes] = {}
        became: dict[Place, CountedHash] = {}
        for level in reversed(levels):
            for place, below, page in level:
                if page is not None and has_branches(page):
                    children = heads_below(page)
                    for branch, _ in _by_branch(place, below):
                        children[branch[1] % _BRANCHES_PER_PAGE] = became.pop(branch)
                    changed[place] = _BRANCHES + b"".join(children)
                    became[place] = folded(children)
                else:
                    became[place] = _stored(place, _merged(page, below), changed)
        self._pages.put(changed)
        return became[0, 0][1:]

    def prove(self, stream: str) -> tuple[Head | None, HeadProof]:
        """The stream's head, None where it has no event, and what proves it to ``sparse.verify_head``."""
        key = key_of(stream)
        bits = int.from_bytes(key)
        depth, beside = 0, list[bytes]()
        (page,) = self._pages.get([(0, 0)])
        while page is not None and has_branches(page):
            way = heads_below(page)
            while len(way) > 1 and folded(way)[0] == 2:
                half = len(way) // 2
                left, right = way[:half], way[half:]
                way, other = (right, left) if _bit(bits, depth) else (left, right)
                beside.append(folded(other)[1:])
                depth += 1
            if folded(way)[0] == 0:
                return _proof(key, [], depth, beside)
            # One page below holds what is left: all of it, or the one head that stands this high.
            at = next(number for number, node in enumerate(way) if node[0])
            levels = len(way).bit_length() - 1
            place = (depth + levels, (bits >> (KEY_BITS - depth) << levels) + at)
            (page,) = self._pages.get([place])
        return _proof(key, _rows(page), depth, beside)

    def _concerned(self, rows: list[bytes]) -> list[list[tuple[Place, list[bytes], bytes | None]]]:
        """The pages that these rows are below, a level at a time from the top, with the rows of each."""
        levels = []
        asked: list[tuple[Place, list[bytes]]] = [((0, 0), rows)]
        while asked:
            pages = self._pages.get([place for place, _ in asked])
            level = [(place, below, page) for (place, below), page in zip(asked, pages, strict=True)]
            levels.append(level)
            asked = [
                branch
                for place, below, page in level
                if page is not None and has_branches(page)
                for branch in _by_branch(place, below)
            ]
        return levels


def _proof(key: bytes, rows: list[bytes], depth: int, beside: list[bytes]) -> tuple[Head | None, HeadProof]:
    """Goes on among the heads of one page to the end of the way, and puts the proof together."""
    bits = int.from_bytes(key)
    while len(rows) > 1:
        middle = ones_from(rows, depth)
        left, right = rows[:middle], rows[middle:]
        rows, other = (right, left) if _bit(bits, depth) else (left, right)
        depth += 1
        beside.append(subtree(other, depth)[1:])
    mask = 0
    for node in beside:
        mask = mask << 1 | (node != EMPTY)
    proof = HeadProof(depth, mask, tuple(node for node in beside if node != EMPTY))
    if not rows:
        return None, proof
    found, head = unpacked_head(rows[0])
    return (head, proof) if found == key else (None, proof._replace(other=(found, head)))


def _stored(place: Place, rows: list[bytes], changed: dict[Place, bytes]) -> CountedHash:
    """Note the page, or the pages, that hold these rows."""
    if len(rows) <= PAGE_HEADS_MAX:
        changed[place] = _HEADS + b"".join(rows)
        return subtree(rows, place[0])
    children = [NO_HEADS] * _BRANCHES_PER_PAGE
    for branch, below in _by_branch(place, rows):
        children[branch[1] % _BRANCHES_PER_PAGE] = _stored(branch, below, changed)
    changed[place] = _BRANCHES + b"".join(children)
    return folded(children)


def _by_branch(place: Place, rows: list[bytes]) -> list[tuple[Place, list[bytes]]]:
    """The rows, in order, by the branch of the page that they are below."""
    depth = place[0] + PAGE_LEVELS
    byte, low = divmod(place[0], 8)
    found: dict[int, list[bytes]] = {}
    for row in rows:
        found.setdefault(row[byte] & 15 if low else row[byte] >> 4, []).append(row)
    return [((depth, place[1] << PAGE_LEVELS | branch), below) for branch, below in found.items()]


def _merged(page: bytes | None, rows: list[bytes]) -> list[bytes]:
    there = {row[:32]: row for row in _rows(page)}
    there.update((row[:32], row) for row in rows)
    return sorted(there.values())


def counted(place: Place, page: bytes) -> CountedHash:
    """What stands above a page, as it is."""
    return folded(heads_below(page)) if has_branches(page) else subtree(_rows(page), place[0])


def has_branches(page: bytes | None) -> bool:
    """Whether it tells of its branches, and does not hold heads."""
    return page is not None and page[:1] == _BRANCHES


def _rows(page: bytes | None) -> list[bytes]:
    return [] if page is None else [page[i : i + HEAD_BYTES] for i in range(1, len(page), HEAD_BYTES)]


def heads_below(page: bytes | None) -> list[CountedHash]:
    """What a page of branches tells of each."""
    assert page is not None, "a page of branches is there"
    return [page[i : i + 33] for i in range(1, len(page), 33)]


def _bit(bits: int, depth: int) -> int:
    return bits >> (KEY_BITS - 1 - depth) & 1
