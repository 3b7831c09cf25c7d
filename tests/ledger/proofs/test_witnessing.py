"""A witness accepts what goes on from what he holds, says among which events something was changed, and keeps what he
held where he does not accept."""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import sha256

import pytest

from ledger.proofs.doubt import Doubt
from ledger.proofs.growing import Growing
from ledger.proofs.note import Checkpoint, Signer, heads_line, open_checkpoint, sign_checkpoint
from ledger.proofs.tiles import Tile, Tiles
from ledger.proofs.tree import consistency_proof
from ledger.proofs.witnessing import Held, Source, accept, root_over

KEY = Signer.of("ledger.example.org", b"L" * 32)
NEW = Signer.of("ledger.example.org", b"N" * 32)
THIEF = Signer.of("ledger.example.org", b"T" * 32)


class Log:
    """A log that grows, and that a thief may write anew. changed: the position of an event that is another."""

    def __init__(self, size: int, changed: int = 0) -> None:
        self.size = size
        self._tree = Growing()
        leaves = [sha256(b"%d" % number).digest() for number in range(1, size + 1)]
        if changed:
            leaves[changed - 1] = sha256(b"changed").digest()
        self.tiles = self._tree.extend(b"".join(leaves))

    def note(self, signer: Signer = KEY) -> bytes:
        return sign_checkpoint(Checkpoint(signer.verifier.name, self.size, self._tree.root()), signer)

    def fetch(self, tiles: Sequence[Tile]) -> list[bytes]:
        return [self.tiles[t.level, t.number][: t.width * 32] for t in tiles]

    def consistency(self, old: int, new: int) -> list[bytes]:
        return consistency_proof(old, new, Tiles(self.size, self.fetch).read)

    @property
    def source(self) -> Source:
        return Source(self.consistency, self.fetch)


@pytest.mark.parametrize("sizes", [(0, 1, 255, 256, 300), (5, 5, 70_000), (256, 65_536, 65_537)])
def test_a_log_that_goes_on_is_accepted_and_held(sizes: tuple[int, ...]) -> None:
    held: Held | None = None
    before: int | None = None
    for size in sizes:
        log = Log(size)
        accepted = accept(log.note(), KEY.verifier, log.source, held)
        assert (accepted.checkpoint.size, accepted.before) == (size, before)
        assert len(accepted.held.tops) == size // 256 * 32
        held, before = accepted.held, size


@pytest.mark.parametrize("changed", [1, 256, 257, 700])
def test_a_change_is_placed_among_256_events(changed: int) -> None:
    first, thief = Log(800), Log(900, changed)
    held = accept(first.note(), KEY.verifier, first.source, None).held
    with pytest.raises(Doubt) as doubt:
        accept(thief.note(), KEY.verifier, thief.source, held)
    assert doubt.value.position == (changed - 1) // 256 * 256 + 1


def test_a_log_that_answers_no_more_once_it_was_found_out_is_wrong_all_the_same() -> None:
    first, thief = Log(800), Log(900, 300)
    held = accept(first.note(), KEY.verifier, first.source, None).held

    def silent(_: Sequence[Tile]) -> list[bytes]:
        raise ConnectionResetError

    with pytest.raises(Doubt, match="no longer begins with its first 800 events"):
        accept(thief.note(), KEY.verifier, Source(thief.consistency, silent), held)


def test_a_change_behind_the_last_full_tile_is_found_and_not_placed() -> None:
    first, thief = Log(800), Log(900, 799)
    held = accept(first.note(), KEY.verifier, first.source, None).held
    with pytest.raises(Doubt, match="no longer begins with its first 800 events"):
        accept(thief.note(), KEY.verifier, thief.source, held)


def test_another_tree_of_the_same_size_is_refused() -> None:
    first, thief = Log(800), Log(800, 799)
    held = accept(first.note(), KEY.verifier, first.source, None).held
    with pytest.raises(Doubt, match="another one"):
        accept(thief.note(), KEY.verifier, thief.source, held)


def test_other_heads_of_the_same_tree_are_refused() -> None:
    log = Log(800)
    told = open_checkpoint(log.note(), KEY.verifier)[0]
    one, other = (sign_checkpoint(told._replace(extensions=(heads_line(bytes([n]) * 32),)), KEY) for n in (1, 2))
    held = accept(one, KEY.verifier, log.source, None).held
    assert accept(one, KEY.verifier, log.source, held).before == 800
    with pytest.raises(Doubt, match="two roots of stream heads") as doubt:
        accept(other, KEY.verifier, log.source, held)
    assert (doubt.value.expected, doubt.value.found) == ("01" * 32, "02" * 32)


def test_tiles_that_do_not_lead_to_the_root_are_refused() -> None:
    log = Log(800)
    log.tiles[1, 0] = log.tiles[1, 0][:32] + bytes(32) + log.tiles[1, 0][64:]
    with pytest.raises(Doubt, match="do not lead"):
        accept(log.note(), KEY.verifier, log.source, None)
    log = Log(800)
    log.tiles[0, 3] = log.tiles[0, 3][:-1]
    with pytest.raises(Doubt):
        accept(log.note(), KEY.verifier, log.source, None)


def test_a_shorter_log_and_another_key_are_refused() -> None:
    first, shorter = Log(800), Log(799)
    held = accept(first.note(), KEY.verifier, first.source, None).held
    with pytest.raises(Doubt, match="it is shorter than it was"):
        accept(shorter.note(), KEY.verifier, shorter.source, held)
    with pytest.raises(Doubt):
        accept(first.note(THIEF), KEY.verifier, first.source, None)
    later = Log(900)
    with pytest.raises(Doubt):
        accept(later.note(), KEY.verifier, later.source, Held(first.note(THIEF)))
    changed_key = accept(later.note(THIEF), THIEF.verifier, later.source, held, [KEY.verifier])
    assert (changed_key.before, changed_key.by) == (800, THIEF.verifier)


def test_after_a_change_of_keys_the_former_one_counts_until_something_is_held_by_the_new_one() -> None:
    first, second, third = Log(600), Log(800), Log(900)
    held = accept(first.note(), KEY.verifier, first.source, None).held
    waiting = accept(second.note(), NEW.verifier, second.source, held, [KEY.verifier])
    assert (waiting.before, waiting.by) == (600, KEY.verifier)
    assert accept(second.note(), NEW.verifier, second.source, None, [KEY.verifier]).by == KEY.verifier
    changed = accept(third.note(NEW), NEW.verifier, third.source, waiting.held, [KEY.verifier])
    assert (changed.before, changed.by) == (800, NEW.verifier)
    later = Log(1_000)
    with pytest.raises(Doubt, match="No key that is known here has signed"):
        accept(later.note(), NEW.verifier, later.source, changed.held, [KEY.verifier])


def test_a_witness_without_hashes_goes_by_the_proof_and_fetches_them_later() -> None:
    first, second, third = Log(600), Log(900), Log(2_000)
    held = accept(first.note(), KEY.verifier, first.source, None).held
    offline = accept(second.note(), KEY.verifier, Source(second.consistency), held).held
    assert len(offline.tops) == 600 // 256 * 32
    assert len(accept(third.note(), KEY.verifier, third.source, offline).held.tops) == 2_000 // 256 * 32
    with pytest.raises(Doubt):
        accept(second.note(), KEY.verifier, Source(lambda *_: []), held)


def test_a_root_over_level_1_is_the_root_of_the_leaves() -> None:
    log = Log(1_000)
    tops, edge = log.fetch([Tile(1, 0, 3), Tile(0, 3, 232)])
    assert root_over(1_000, tops, edge) == Checkpoint.parse(log.note().split(b"\n\n")[0] + b"\n").root
