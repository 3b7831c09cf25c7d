"""``sojourn verify``: an evidence bundle, a certificate of disposal, or the store itself; the verifier as one file."""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, BinaryIO

import typer

from api.cli.talk import Json, opened, print_json, progress, say

if TYPE_CHECKING:
    from api.bootstrap import Store
    from ledger.proofs.note import Checkpoint, Verifier
    from ledger.proofs.verify import Verdict
    from ledger.store.outside import Outside

Files = list[Path] | None
Texts = list[str] | None


def verify(
    bundle: Annotated[
        Path | None,
        typer.Argument(metavar="FILE", help="A bundle or certificate. Absent: the store."),
    ] = None,
    receipts: Annotated[Files, typer.Option("--receipt", metavar="FILE", help="A checkpoint kept from before.")] = None,
    keys: Annotated[Texts, typer.Option("--key", metavar="KEY", help="A log's key, as it was handed out.")] = None,
    former: Annotated[Texts, typer.Option("--former", metavar="KEY", help="A key that signed the log before.")] = None,
    witnesses: Annotated[
        Texts, typer.Option("--witness", metavar="KEY", help="Of somebody who must have cosigned.")
    ] = None,
    consistency: Annotated[
        Files, typer.Option("--consistency", metavar="FILE", help="A proof that a bundle goes on from a receipt.")
    ] = None,
    kept_tiles: Annotated[
        Path | None, typer.Option("--kept-tiles", metavar="FILE", help="Level-1 hashes of the ledger's log, kept.")
    ] = None,
    kept_leaves: Annotated[
        Path | None, typer.Option("--kept-leaves", metavar="FILE", help="Leaf hashes of the ledger's log, kept.")
    ] = None,
    one_file: Annotated[
        Path | None, typer.Option("--one-file", metavar="OUT.py", help="Write the verifier as one file, and end.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Verify a bundle, a certificate of disposal, or the store from its first event on. Exit code 1 on any doubt."""
    if one_file is not None:
        from ledger.proofs.one_file import one_file as source

        one_file.write_text(source(), encoding="utf-8")
        say(f"{one_file}: needs Python 3.11 and `cryptography`, and nothing of ours.")
        return
    if bundle is not None and len(keys or ()) > 1:
        raise typer.BadParameter("a bundle or certificate is of one log", param_hint="--key")
    if bundle is None and consistency:
        raise typer.BadParameter("the store needs none: it computes it", param_hint="--consistency")
    given = _Given(
        keys or (), former or (), witnesses or (), receipts or (), consistency or (), kept_tiles, kept_leaves
    )
    verdict = _of_store(given) if bundle is None else _of_bundle(bundle, given)
    if as_json:
        print_json(verdict.told())
    else:
        print(verdict.text(), end="")
    if not verdict.holds:
        raise typer.Exit(1)


class _Given:
    """What came with the command, read. Raises OSError."""

    def __init__(
        self,
        keys: Sequence[str],
        former: Sequence[str],
        witnesses: Sequence[str],
        receipts: Sequence[Path],
        consistency: Sequence[Path],
        tiles: Path | None,
        leaves: Path | None,
    ) -> None:
        self.keys = keys
        self.former = former
        self.witnesses = witnesses
        self.receipts = [path.read_bytes() for path in receipts]
        self.consistency = [path.read_bytes() for path in consistency]
        self.kept = {level: path.read_bytes() for level, path in ((0, leaves), (1, tiles)) if path is not None}


def _of_bundle(bundle: Path, given: _Given) -> Verdict:
    from ledger.proofs.doubt import Doubt
    from ledger.proofs.verify import Verdict, parse_consistency
    from ledger.proofs.verify import verify_file as verdict_on

    try:
        proofs = dict(parse_consistency(data) for data in given.consistency)
    except Doubt as doubt:
        return Verdict((), (), doubt)
    with bundle.open("rb") as file, progress("bytes") as reached:
        return verdict_on(
            _Counting(file, bundle.stat().st_size, reached),
            key=given.keys[0] if given.keys else None,
            former=given.former,
            witnesses=given.witnesses,
            receipts=given.receipts,
            consistency=proofs,
            kept=given.kept,
        )


def _of_store(given: _Given) -> Verdict:
    import migrations
    from ledger.proofs.doubt import Doubt
    from ledger.proofs.verify import Verdict
    from ledger.store.doctor import GUARDS, examine
    from ledger.store.verifying import Given, verify_store

    with opened() as store, store.ledger() as ledger, progress("events") as reached:
        try:
            outside = {log: _outside(store, log, given) for log in ledger.logs}
        except Doubt as doubt:
            return Verdict((), (), doubt)
        return verify_store(
            store.database,
            store.vault,
            Given(
                outside,
                given.receipts,
                lambda: examine(
                    store.database, ledger.logs, fits=migrations.check, row_key=ledger.row_key, only=GUARDS
                ),
            ),
            lambda _, done, total: reached(done, total),
        )


def _outside(store: Store, log: str, given: _Given) -> Outside:
    """Of a log, what came with the command before what this host knows. Raises Doubt, Misconfigured."""
    from ledger.proofs.log_keys import ACCESS, log_of
    from ledger.proofs.note import Verifier
    from ledger.store.outside import Outside

    def of_this(keys: Sequence[Verifier]) -> list[Verifier]:
        return [key for key in keys if log_of(key.name) == log]

    keys = of_this([Verifier.parse(text) for text in given.keys])
    if not keys and (known := store.log_keys(log)) is not None:
        keys = list(known.known)
    former = of_this([Verifier.parse(text) for text in given.former])
    keys = list(dict.fromkeys([*keys, *former]))
    return Outside(
        keys,
        witnesses=[Verifier.parse(text) for text in store.settings.witnesses.replace(",", " ").split()],
        required=[Verifier.parse(text) for text in given.witnesses] if log != ACCESS else (),
        kept=given.kept if log != ACCESS else {},
        signed_here=_signed_here(store, log, keys),
    )


def _signed_here(store: Store, log: str, keys: Sequence[Verifier]) -> Checkpoint | None:
    """What this host signed last, by the keys that were given or its own. Raises Doubt, Misconfigured."""
    from ledger.proofs.doubt import Doubt
    from ledger.proofs.note import open_checkpoint, signed_by

    note = store.signed_last(log)
    if note is None:
        return None
    known = store.log_keys(log)
    every = [*keys, *(known.known if known is not None else ())]
    if not every:
        return None
    try:
        return open_checkpoint(note, signed_by(note, every))[0]
    except Doubt as doubt:
        what = f"What this host signed last of the {log} log: {doubt.what}"
        raise Doubt(what, expected=doubt.expected, found=doubt.found) from None


class _Counting(io.BufferedIOBase, BinaryIO):
    """A file that tells how far it was read."""

    def __init__(self, file: BinaryIO, size: int, reached: Callable[[int, int], None]) -> None:
        self._file = file
        self._size = size
        self._reached = reached

    def read(self, length: Any = -1) -> bytes:
        """As the file's own."""
        data = self._file.read(length)
        self._reached(min(self._file.tell(), self._size), self._size)
        return data

    def seek(self, offset: int, whence: int = 0) -> int:
        """As the file's own."""
        return self._file.seek(offset, whence)
