"""The notary signs what the log holds, goes on from what it signed, and refuses everything else."""

from __future__ import annotations

from ledger.application import Ledger
from ledger.proofs.head_pages import HeadTree
from ledger.proofs.log_keys import parse_keys
from ledger.proofs.note import Checkpoint, open_checkpoint
from ledger.proofs.sparse import key_of, packed_head, root_of_heads, verify_head
from ledger.proofs.tiles import Tiles
from ledger.proofs.tree import EMPTY_ROOT, inclusion_proof, root_of, verify_inclusion
from ledger.reactors.notary import Notary
from ledger.store.database import Database
from ledger.store.proof_store import ProofStore
from support.notarized import KEY, filled, heads_of, leaves_of


def test_what_is_signed_are_the_leaves_and_heads_of_the_log(database: Database, ledger: Ledger) -> None:
    filled(ledger, 600)
    kept = Notary(database, "ledger", parse_keys([KEY.text()], "ledger")).sign()
    checkpoint, _ = open_checkpoint(kept.note, KEY.verifier)
    leaves = leaves_of(database)
    assert checkpoint == Checkpoint(KEY.verifier.name, len(leaves), root_of(b"".join(leaves)), checkpoint.extensions)
    assert checkpoint.heads() == root_of_heads(packed_head(key_of(s), head) for s, head in heads_of(database).items())


def test_what_is_kept_proves_each_event_and_each_stream(database: Database, ledger: Ledger) -> None:
    filled(ledger, 300)
    Notary(database, "ledger", parse_keys([KEY.text()], "ledger")).sign()
    leaves, heads = leaves_of(database), heads_of(database)
    with ProofStore(database, "ledger") as store:
        note = store.checkpoint()
        assert note is not None
        checkpoint, _ = open_checkpoint(note, KEY.verifier)
        tiles = Tiles(checkpoint.size, store.fetch)
        for index, leaf in enumerate(leaves):
            proof = inclusion_proof(index, checkpoint.size, tiles.read)
            verify_inclusion(index, checkpoint.size, leaf, proof, checkpoint.root)
        tree, root = HeadTree(store.pages), checkpoint.heads()
        assert root is not None
        for stream, expected in [*heads.items(), ("record/unknown", None)]:
            head, proof = tree.prove(stream)
            assert head == expected
            verify_head(stream, head, proof, root)


def test_an_empty_log_has_a_checkpoint_of_nothing(database: Database, ledger: Ledger) -> None:
    kept = Notary(database, "access", parse_keys([KEY.text()], "access")).sign()
    with ProofStore(database, "access") as store:
        assert (store.sizes(), store.checkpoint()) == ([0], kept.note)
    checkpoint, _ = open_checkpoint(kept.note, parse_keys([KEY.text()], "access").signer.verifier)
    assert (checkpoint.origin, checkpoint.root) == (f"{KEY.verifier.name}/access", EMPTY_ROOT)
