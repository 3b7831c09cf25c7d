"""Whether the pages of the heads' tree that are kept are whole: each follows from those below it, down to the last."""

from __future__ import annotations

from ledger.proofs.doubt import Doubt, Malformed
from ledger.proofs.head_pages import PAGE_LEVELS, Pages, Place
from ledger.proofs.sparse import HEAD_BYTES, NO_HEADS, CountedHash, folded, subtree

_PAGES_AT_ONCE = 64
_HEADS, _BRANCHES = b"\x01", b"\x02"
_CHILD_BYTES = len(NO_HEADS)
_CHILDREN = 1 << PAGE_LEVELS


def pages_must_be_whole(pages: Pages) -> bytes:
    """The root that they lead to, all of them. Reads every page once and keeps few.

    Raises Doubt at the first page that is not what the one above it says, Malformed at one that is missing or none.
    """
    root = NO_HEADS
    waiting: list[tuple[Place, CountedHash | None]] = [((0, 0), None)]
    while waiting:
        asked, waiting = waiting[-_PAGES_AT_ONCE:], waiting[:-_PAGES_AT_ONCE]
        for (place, told), page in zip(asked, pages.get([place for place, _ in asked]), strict=True):
            if page is None and told is None:
                continue
            if page is None or not _is_page(page):
                raise Malformed(f"The page of heads at depth {place[0]} is not there, or is none.")
            children = _parts(page, _CHILD_BYTES) if page[:1] == _BRANCHES else []
            found = folded(children) if children else subtree(_parts(page, HEAD_BYTES), place[0])
            if told is None:
                root = found
            elif found != told:
                what = f"The page of heads at depth {place[0]} is not what the page above it says."
                raise Doubt(what, expected=told[1:].hex(), found=found[1:].hex())
            depth, bits = place[0] + PAGE_LEVELS, place[1] << PAGE_LEVELS
            waiting += [((depth, bits | number), child) for number, child in enumerate(children) if child != NO_HEADS]
    return root[1:]


def _parts(page: bytes, size: int) -> list[bytes]:
    return [page[at : at + size] for at in range(1, len(page), size)]


def _is_page(page: bytes) -> bool:
    """Whether it is of one of the two forms: heads, or a count and a hash for each branch."""
    if page[:1] == _HEADS:
        return (len(page) - 1) % HEAD_BYTES == 0
    branches = _parts(page, _CHILD_BYTES)
    return (
        page[:1] == _BRANCHES
        and len(page) == 1 + _CHILDREN * _CHILD_BYTES
        and all(child[0] in (1, 2) or child == NO_HEADS for child in branches)
    )
