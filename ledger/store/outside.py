"""What whoever verifies a log brings along: keys, witnesses, receipts and hashes that the database cannot know of."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from ledger.proofs.doubt import Doubt
from ledger.proofs.note import Checkpoint, Verifier, open_checkpoint, signed_by, split
from ledger.proofs.receipts import checkpoint_in


class Outside(NamedTuple):
    """Of one log. keys: that sign it, the one in use first; none: who signed cannot be told. witnesses: whose
    signatures are verified where they stand. required: of these, who must have cosigned some checkpoint. receipts:
    checkpoints that were kept, opened. kept: by tile level, the first hashes of it as they were. signed_here: what this
    host signed last, opened, read before the log is; no receipt, since whoever keeps the log keeps it too."""

    keys: Sequence[Verifier] = ()
    witnesses: Sequence[Verifier] = ()
    required: Sequence[Verifier] = ()
    receipts: Sequence[Checkpoint] = ()
    kept: Mapping[int, bytes] = {}
    signed_here: Checkpoint | None = None


def opened_by(note: bytes, outside: Outside) -> tuple[Checkpoint, list[Verifier]]:
    """A checkpoint that one of the log's keys has signed, and those of the witnesses who have cosigned it. Without any
    key it is only read. Raises Doubt."""
    text, lines = split(note)
    if not outside.keys:
        return Checkpoint.parse(text), []
    signed = {(name, key_id) for name, key_id, _ in lines}
    key = signed_by(note, outside.keys)
    there = [w for w in (*outside.required, *outside.witnesses) if (w.name, w.key_id) in signed]
    checkpoint, opened = open_checkpoint(note, key, list(dict.fromkeys(there)))
    return checkpoint, [s.by for s in opened.signed if s.by != key]


def receipts_of(receipts: Sequence[bytes], outside: Mapping[str, Outside]) -> dict[str, Outside]:
    """By log: what is outside with the receipts that are of it, told by their origin. Raises Doubt where one is no
    log's here, or is signed by none of its keys."""
    if receipts and not any(one.keys for one in outside.values()):
        raise Doubt("A receipt cannot be opened: no key of the log is at hand.")
    found = dict(outside)
    for kept in receipts:
        receipt = checkpoint_in(kept)
        origin = split(receipt)[0].decode().partition("\n")[0]
        log = next((log for log, one in outside.items() if any(key.name == origin for key in one.keys)), None)
        if log is None:
            names = ", ".join(key.name for one in outside.values() for key in one.keys[:1])
            raise Doubt("The receipt is another log's.", expected=names, found=origin)
        checkpoint, _ = opened_by(receipt, outside[log])
        found[log] = found[log]._replace(receipts=[*found[log].receipts, checkpoint])
    return found
