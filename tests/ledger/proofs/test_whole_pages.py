"""Pages of the heads' tree lead to its root as a whole, or the first that does not is named."""

from __future__ import annotations

import random
from collections.abc import Callable
from hashlib import sha256

import pytest

from ledger.proofs.doubt import Doubt, Malformed
from ledger.proofs.head_pages import HeadTree, PagesInMemory, Place
from ledger.proofs.sparse import EMPTY, Head, key_of
from ledger.proofs.whole_pages import pages_must_be_whole


def kept(heads: int) -> tuple[PagesInMemory, bytes]:
    """Pages of a tree with so many heads, and its root."""
    pages = PagesInMemory()
    leaves = {key_of(f"record/{n}"): Head(n + 1, sha256(b"%d" % n).digest()) for n in range(heads)}
    HeadTree(pages).update(leaves)
    return pages, HeadTree(pages).root()


@pytest.mark.parametrize("heads", [0, 1, 2, 32, 33, 700])
def test_pages_that_nobody_touched_lead_to_the_root(heads: int) -> None:
    pages, root = kept(heads)
    assert pages_must_be_whole(pages) == root
    assert (root == EMPTY) == (heads == 0)


@pytest.mark.parametrize("seed", range(60))
def test_a_bit_of_any_page_that_flips_is_found(seed: int) -> None:
    chance = random.Random(seed)
    pages, root = kept(700)
    place = chance.choice(sorted(pages.pages))
    page = bytearray(pages.pages[place])
    bit = chance.randrange(len(page) * 8)
    page[bit // 8] ^= 1 << bit % 8
    pages.pages[place] = bytes(page)
    try:
        found = pages_must_be_whole(pages)
    except Doubt:
        return
    assert found != root


@pytest.mark.parametrize("which", [min, max])
def test_a_page_that_is_gone_is_found(which: Callable[..., Place]) -> None:
    pages, root = kept(700)
    gone = which(pages.pages)
    del pages.pages[gone]
    if gone == (0, 0):
        assert pages_must_be_whole(pages) == EMPTY != root
        return
    with pytest.raises(Malformed, match="is not there"):
        pages_must_be_whole(pages)


@pytest.mark.parametrize("page", [b"", b"\x03", b"\x01x", b"\x02" + bytes(33), b"\x02" + b"\x07" * 33 * 16])
def test_what_is_no_page_is_said_to_be_none(page: bytes) -> None:
    pages, _ = kept(700)
    pages.pages[0, 0] = page
    with pytest.raises(Malformed, match="or is none"):
        pages_must_be_whole(pages)
