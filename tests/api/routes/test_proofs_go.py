"""Go's own notes and trees accept what is served over HTTP, and nothing else has to be believed: leaves, checkpoints,
inclusion and consistency."""

from __future__ import annotations

from base64 import b64encode
from typing import Any

from starlette.testclient import TestClient

from ledger.application import Ledger
from ledger.proofs.log_keys import parse_keys
from ledger.proofs.note import Checkpoint
from ledger.reactors.notary import Notary
from ledger.store.database import Database
from support.go_asking import Ask, ask
from support.notarized import KEY, filled

__all__ = ["ask"]


def opened(ask: Ask, note: str, key: str) -> Checkpoint:
    """The checkpoint, out of what Go says that was signed."""
    (answer,) = ask([{"kind": "open", "key": key, "note": note}])
    return Checkpoint.parse(answer["said"].encode())


def test_go_accepts_what_is_served(oregon: TestClient, database: Database, ledger: Ledger, ask: Ask) -> None:
    notaries = {log: Notary(database, log, parse_keys([KEY.text()], log)) for log in ("ledger", "access")}
    keys = {log: notary.keys.signer.verifier.text() for log, notary in notaries.items()}
    sizes: dict[str, list[int]] = {"ledger": [], "access": []}
    for turn, events in enumerate((3, 250, 400)):
        filled(ledger, events, turn)
        filled(ledger, events // 2, turn, "access")
        for log, notary in notaries.items():
            sizes[log].append(notary.sign().size)
    questions: list[dict[str, Any]] = []
    for log, key in keys.items():
        assert len(set(sizes[log])) == 3
        notes = {size: oregon.get(f"/v1/{log}/checkpoint?size={size}").text for size in sizes[log]}
        told = {size: opened(ask, note, key) for size, note in notes.items()}
        assert [checkpoint.size for checkpoint in told.values()] == sizes[log]
        last = told[sizes[log][-1]]
        base = {"size": last.size, "root": base64(last.root)}
        for position in {1, 2, last.size // 2, last.size - 1, last.size}:
            proof = oregon.get(f"/v1/proofs/inclusion?log={log}&position={position}").json()
            questions.append(
                {**base, "kind": "record", "index": position - 1, "leaf": proof["leaf"], "proof": proof["hashes"]}
            )
        for old in sizes[log][:-1]:
            proof = oregon.get(f"/v1/proofs/consistency?log={log}&from={old}").json()
            was = base64(told[old].root)
            questions.append({**base, "kind": "tree", "old": old, "was": was, "proof": proof["hashes"]})
    assert ask(questions) == [{"said": "ok"}] * len(questions)
    lies = [{**q, "root": base64(bytes(32))} for q in questions]
    assert all("error" in answer for answer in ask(lies))


def base64(data: bytes) -> str:
    return b64encode(data).decode()
