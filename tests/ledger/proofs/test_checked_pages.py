"""A page of the heads' tree is believed only as far as the signed root goes."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence

import pytest

from ledger.proofs.checked_pages import CheckedPages
from ledger.proofs.doubt import Doubt
from ledger.proofs.head_pages import HeadTree, PagesInMemory, Place
from ledger.proofs.sparse import EMPTY, Head, key_of, packed_head, root_of_heads, verify_head

STREAMS = [f"record/{number}" for number in range(900)]
HEADS = {stream: Head(number + 1, key_of(f"leaf {number}")) for number, stream in enumerate(STREAMS)}


def filled() -> tuple[PagesInMemory, bytes]:
    pages = PagesInMemory()
    return pages, HeadTree(pages).update({key_of(stream): head for stream, head in HEADS.items()})


def test_pages_that_are_as_they_were_signed_serve_as_ever() -> None:
    pages, root = filled()
    checked = HeadTree(CheckedPages(pages, root))
    for stream in [*STREAMS[:100], "record/unknown", "account/unknown"]:
        head, proof = checked.prove(stream)
        assert head == HEADS.get(stream)
        verify_head(stream, head, proof, root)


def test_a_tree_grows_from_nothing_and_goes_on_through_them() -> None:
    pages, chance = PagesInMemory(), random.Random(4)
    checked = HeadTree(CheckedPages(pages, EMPTY))
    heads: dict[str, Head] = {}
    for _ in range(12):
        some = {stream: HEADS[stream] for stream in chance.sample(STREAMS, chance.choice([1, 30, 200]))}
        heads |= some
        root = checked.update({key_of(stream): head for stream, head in some.items()})
        assert root == checked.root() == root_of_heads(packed_head(key_of(s), h) for s, h in heads.items())


def test_each_page_that_was_changed_is_found_when_it_is_next_used() -> None:
    good, root = filled()
    some = {key_of(stream): Head(9_999, EMPTY) for stream in STREAMS[::3]}
    used = _Noted(good)
    HeadTree(used).update(some)
    for place in [(0, 0), *sorted(used.read)[:: len(used.read) // 8]]:
        good, root = filled()
        for change in (
            lambda p: p[:40] + bytes([p[40] ^ 1]) + p[41:],
            lambda p: p[:50],
            lambda p: p + p[1:73],
            lambda p: p[:1],
        ):
            pages = PagesInMemory()
            pages.pages = {**good.pages, place: change(good.pages[place])}
            with pytest.raises(Doubt):
                HeadTree(CheckedPages(pages, root)).update(some)


class _Noted:
    """Pages, and which of them were read."""

    def __init__(self, pages: PagesInMemory) -> None:
        self._pages = pages
        self.read: set[Place] = set()

    def get(self, places: Sequence[Place]) -> list[bytes | None]:
        self.read |= {place for place in places if place in self._pages.pages}
        return self._pages.get(places)

    def put(self, pages: Mapping[Place, bytes]) -> None:
        self._pages.put(pages)


def test_pages_of_an_older_tree_are_not_those_that_were_signed() -> None:
    old, _ = filled()
    new, _ = filled()
    root = HeadTree(new).update({key_of(STREAMS[7]): Head(9_999, EMPTY)})
    with pytest.raises(Doubt):
        HeadTree(CheckedPages(old, root)).root()
    with pytest.raises(Doubt):
        HeadTree(CheckedPages(PagesInMemory(), root)).prove("record/1")
