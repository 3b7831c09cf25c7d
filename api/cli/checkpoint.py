"""``sojourn checkpoint``: sign a log as it is now, on demand, and print what was signed."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from api.cli.talk import Json, opened, print_json
from ledger.errors import Misconfigured


class LogName(StrEnum):
    """Both logs."""

    LEDGER = "ledger"
    ACCESS = "access"


def checkpoint(
    log: Annotated[LogName, typer.Argument(metavar="LOG", help="ledger or access.")] = LogName.LEDGER,
    receipt: Annotated[
        list[Path] | None, typer.Option("--receipt", metavar="FILE", help="Receipt that the log must go on from.")
    ] = None,
    sheet: Annotated[bool, typer.Option("--sheet", help="Print a receipt for the drawer.")] = False,
    key: Annotated[bool, typer.Option("--key", help="Sign nothing; print the key to hand out.")] = False,
    as_json: Json = False,
) -> None:
    """Sign a log as it is now, and print the checkpoint. Refused where it does not go on from what was signed."""
    from api.cli.witnessing import kept_notes
    from ledger.proofs import receipts
    from ledger.store.proof_store import ProofStore

    notes = kept_notes(receipt or ())
    with opened() as store:
        keys = store.log_keys(log.value)
        notary = store.notary(log.value, notes)
        if keys is None or notary is None:
            raise Misconfigured(
                "No key is set that signs checkpoints.",
                remedy="Set SOJOURN_SIGNING_KEY: `sojourn keys signing` makes one.",
            )
        verifier = keys.signer.verifier
        if key:
            print(verifier.text())
            return
        kept = notary.sign()
        with ProofStore(store.database, log.value) as proofs:
            note = proofs.checkpoint_at(kept.size) or kept.note
    if as_json:
        told = {"log": log.value, "size": kept.size, "signed_at": kept.signed_at.isoformat(), "key": verifier.text()}
        print_json({**told, "note": note.decode()})
    else:
        print((receipts.receipt(note, verifier, kept.signed_at) if sheet else note).decode(), end="")
