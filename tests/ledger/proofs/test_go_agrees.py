"""Tools that are not ours accept our notes, hashes and proofs, and refuse what we refuse: Go's note and tlog."""

from __future__ import annotations

import random
from base64 import b64decode, b64encode
from typing import Any

import pytest

from ledger.proofs import tree
from ledger.proofs.doubt import Doubt
from ledger.proofs.note import Checkpoint, Signer, Verifier, cosign, open_note, sign_note
from ledger.proofs.tiles import parse_path, tiles_between
from support.evidence import LOG_KEY, sample_log
from support.go_asking import Ask, ask

__all__ = ["ask"]

LOG = sample_log(1_000)
SIZES = [1, 2, 3, 255, 256, 257, 511, 512, 640, 999, 1_000]


def text(data: bytes) -> str:
    return b64encode(data).decode()


def test_go_opens_our_checkpoints(ask: Ask) -> None:
    witness = Signer.of("oregon.example.org", b"w" * 32, 4)
    checkpoint = LOG.checkpoint()
    for note in (checkpoint, cosign(checkpoint, witness, 1_700_000_000), sign_note("Año\n\nNiña\n", [LOG_KEY])):
        (answer,) = ask([{"kind": "open", "key": LOG_KEY.verifier.text(), "note": note.decode()}])
        assert answer == {"said": open_note(note, [LOG_KEY.verifier]).text.decode()}


def test_go_signs_with_our_key_and_we_open_it(ask: Ask) -> None:
    told = Checkpoint(LOG_KEY.verifier.name, 7, bytes(32)).text()
    (answer,) = ask([{"kind": "sign", "seed": LOG_KEY.text(), "text": told}])
    assert answer["said"].encode() == sign_note(told, [LOG_KEY])


def test_go_and_we_refuse_the_same_changed_notes(ask: Ask) -> None:
    note = sign_note("ledger.example.org\n7\nx\n", [LOG_KEY])
    key = LOG_KEY.verifier.text()
    # Of the bytes that stay text: JSON carries no others to Go.
    changed = [note[:at] + bytes([note[at] ^ 1]) + note[at + 1 :] for at in range(len(note)) if note[at] < 0x80]
    answers = ask([{"kind": "open", "key": key, "note": c.decode()} for c in changed])
    for one, answer in zip(changed, answers, strict=True):
        assert "error" in answer, one
        with pytest.raises(Doubt):
            open_note(one, [Verifier.parse(key)])


def test_go_hashes_our_entries_as_we_do(ask: Ask) -> None:
    answers = ask([{"kind": "hash", "entry": text(e.entry)} for e in LOG.events[:50]])
    assert [a["said"] for a in answers] == [text(e.leaf) for e in LOG.events[:50]]


def test_go_accepts_our_proofs_of_inclusion(ask: Ask) -> None:
    questions = [
        {
            "kind": "record",
            "size": size,
            "root": text(tree.root_of(LOG.leaves(size))),
            "index": index,
            "leaf": text(LOG.events[index].leaf),
            "proof": [text(h) for h in tree.inclusion_proof(index, size, LOG.tiles(size).read)],
        }
        for size in SIZES
        for index in sorted({0, size // 2, size // 3, size - 1})
    ]
    assert ask(questions) == [{"said": "ok"}] * len(questions)
    lies = [{**q, "leaf": text(bytes(32))} for q in questions]
    lies += [{**q, "proof": q["proof"][::-1]} for q in questions if len(q["proof"]) > 1]
    assert all("error" in answer for answer in ask(lies))
    # A size by itself is no lie where the way to the leaf is the same: there we must say what Go says.
    odd = [{**q, "size": q["size"] + more} for q in questions for more in (-1, 1, 2, 256) if q["size"] + more > 0]
    odd = [q for q in odd if q["index"] < q["size"]]
    for q, answer in zip(odd, ask(odd), strict=True):
        assert ("said" in answer) == accepted(q), q


def accepted(question: dict[str, Any]) -> bool:
    proof = [b64decode(h) for h in question["proof"]]
    try:
        tree.verify_inclusion(
            question["index"], question["size"], b64decode(question["leaf"]), proof, b64decode(question["root"])
        )
    except Doubt:
        return False
    return True


def test_go_accepts_our_proofs_of_consistency(ask: Ask) -> None:
    questions = [
        {
            "kind": "tree",
            "size": new,
            "root": text(tree.root_of(LOG.leaves(new))),
            "old": old,
            "was": text(tree.root_of(LOG.leaves(old))),
            "proof": [text(h) for h in tree.consistency_proof(old, new, LOG.tiles(new).read)],
        }
        for new in SIZES
        for old in SIZES
        if old <= new
    ]
    assert ask(questions) == [{"said": "ok"}] * len(questions)
    lies = [{**q, "was": text(bytes(32))} for q in questions]
    lies += [{**q, "proof": [*q["proof"], text(bytes(32))]} for q in questions]
    assert all("error" in answer for answer in ask(lies))


def test_go_reads_our_paths_of_tiles_as_we_do(ask: Ask) -> None:
    chance = random.Random(8)
    tiles = [t for size in (1, 256, 70_000) for t in tiles_between(0, size)]
    paths = [t.path() for t in chance.sample(tiles, 40)] + ["tile/0/x001/x234/067.p/5", "tile/3/999.p/255"]
    for path, answer in zip(paths, ask([{"kind": "path", "path": p} for p in paths]), strict=True):
        tile = parse_path(path)
        assert answer["said"] == f"{tile.level} {tile.number} {tile.width}"
