"""Pages of the heads' tree that are believed only as far as a root goes that was signed.

Every page that is read must have the hash that the page above it tells, and the topmost that of the root. So a page
that somebody changed is found when it is next used, be it to prove or to go on from, and never becomes part of what is
signed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ledger.proofs.doubt import Doubt, Malformed
from ledger.proofs.head_pages import PAGE_LEVELS, Pages, Place, counted, has_branches, heads_below
from ledger.proofs.sparse import NO_HEADS, CountedHash

_TOP: Place = (0, 0)


class CheckedPages:
    """``Pages`` over others, of the tree with this root. Pages are read from the top down, as ``HeadTree`` does.

    ``get`` raises Doubt where a page is not what the root says.
    """

    def __init__(self, pages: Pages, root: bytes) -> None:
        self._pages = pages
        self._root = root
        self._told: dict[Place, CountedHash] = {}

    def get(self, places: Sequence[Place]) -> list[bytes | None]:
        """As ``Pages``."""
        pages = list(self._pages.get(places))
        for place, page in zip(places, pages, strict=True):
            self._check(place, page)
        return pages

    def put(self, pages: Mapping[Place, bytes]) -> None:
        """As ``Pages``. From here on the root is that of the new topmost page."""
        self._pages.put(pages)
        if _TOP in pages:
            self._root = counted(_TOP, pages[_TOP])[1:]
        self._told.clear()

    def _check(self, place: Place, page: bytes | None) -> None:
        found = NO_HEADS if page is None else _counted(place, page)
        told = found[:1] + self._root if place == _TOP else self._told.get(place, NO_HEADS)
        if found != told:
            raise Doubt(
                "The stored heads of streams are not those that were signed.", expected=told.hex(), found=found.hex()
            )
        if page is not None and has_branches(page):
            depth, bits = place
            for branch, child in enumerate(heads_below(page)):
                self._told[depth + PAGE_LEVELS, bits << PAGE_LEVELS | branch] = child


def _counted(place: Place, page: bytes) -> CountedHash:
    try:
        return counted(place, page)
    except (IndexError, RecursionError, Malformed):
        raise Malformed("A stored page of heads is no page of heads.") from None
