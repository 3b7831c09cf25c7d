"""``sojourn witness``: hold a log to its last checkpoint, cosign the next, keep a receipt for the drawer.

It runs on a machine of a state, not on that of the service, and trusts nothing that it is answered.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from api.cli.talk import Json, print_json

_FileOrNone = Path | None


def witness(
    source: Annotated[str, typer.Argument(metavar="SOURCE", help="Address of the service, or a checkpoint's file.")],
    key: Annotated[list[str], typer.Option("--key", metavar="KEY", help="A log's key, as it was handed out.")],
    former: Annotated[
        list[str] | None, typer.Option("--former", metavar="KEY", help="A key that signed the log before.")
    ] = None,
    keep: Annotated[_FileOrNone, typer.Option("--keep", metavar="DIR", help="Folder of what is held.")] = None,
    receipt: Annotated[
        list[Path] | None, typer.Option("--receipt", metavar="FILE", help="Receipt that the log must go on from.")
    ] = None,
    sign: Annotated[_FileOrNone, typer.Option("--sign", metavar="FILE", help="File with your own key: cosign.")] = None,
    token: Annotated[
        _FileOrNone, typer.Option("--token", metavar="FILE", help="File with the service's token.")
    ] = None,
    consistency: Annotated[
        _FileOrNone, typer.Option("--consistency", metavar="FILE", help="Proof, for a checkpoint out of a file.")
    ] = None,
    write: Annotated[
        _FileOrNone, typer.Option("--write", metavar="DIR", help="Folder for a receipt of each log.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Check that each log goes on from what was held of it; keep it, cosign it. Exit code 1 on any doubt."""
    from api.bootstrap import now
    from api.cli.witnessing import Unanswered, Witness, kept_notes, secret_text, signer_in
    from ledger.proofs.doubt import Malformed
    from ledger.proofs.note import Verifier

    try:
        keys = [Verifier.parse(text) for text in key]
        before = [Verifier.parse(text) for text in former or ()]
    except Malformed as malformed:
        raise typer.BadParameter(malformed.what, param_hint="--key, --former") from None
    at_work = Witness(
        source,
        now,
        former=before,
        keep=keep,
        receipts=kept_notes(receipt or ()),
        signer=None if sign is None else signer_in(sign),
        token=None if token is None else secret_text(token),
        consistency=consistency,
        write=write,
    )
    told: list[dict[str, Any]] = []
    for verifier in keys:
        try:
            found = at_work.look(verifier)
        except Unanswered as unanswered:
            found = {"origin": verifier.name, "verdict": "UNKNOWN", "what": str(unanswered)}
        told.append(found)
        if not as_json:
            _print(found)
    if as_json:
        print_json(told)
    if any(found["verdict"] != "PROVEN" or "not_taken" in found for found in told):
        raise typer.Exit(1)


def _print(found: dict[str, Any]) -> None:
    from api.cli.witnessing import DETAILS

    print(f"{found['verdict']} {found['origin']}")
    if found["verdict"] != "PROVEN":
        print(f"  {found['what']}")
        for name in DETAILS:
            if name in found:
                print(f"  {name}: {found[name]}")
        if "kept" in found:
            print(f"  The checkpoint that was signed all the same is the proof, and is kept: {found['kept']}")
        elif "note" in found:
            why = found.get("not_kept", "Give --keep DIR.")
            print(f"  This was signed all the same, and is the proof. It is not kept. {why}\n\n{found['note']}")
        return
    print(f"  {found['size']} events, root {found['root']}")
    for size in found["went_on_from"]:
        print(f"  It goes on from the {size} events that were held: nothing of them was changed, left out or moved.")
    if not found["went_on_from"]:
        print("  Nothing was held before: this is the first look, and it proves nothing of what was before it.")
    if "not_taken" in found:
        print(f"  The cosignature was not handed in: {found['not_taken']}")
    elif found["cosigned"]:
        print(f"  Cosigned by {found['cosigned']}.")
    if "receipt" in found:
        print(f"  Receipt: {found['receipt']}")
