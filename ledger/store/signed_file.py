"""The last checkpoint that this host signed of a log, kept in a file outside the database.

It is what a database that was restored from a backup does not bring back: the notary signs nothing that does not go on
from it. The file is a signed note, so it is a receipt too. It is written before the checkpoint is committed and may be
one ahead of the database, never behind what anybody was shown.
"""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import NamedTuple

from ledger.errors import Misconfigured
from ledger.proofs.log_keys import LogKeys
from ledger.store.data_folder import sync


class SignedFile:
    """One file. Whoever writes it holds the log's lock, in whichever process."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def read(self) -> bytes | None:
        """The note; None where nothing was signed here yet. Raises Misconfigured where it cannot be read."""
        try:
            return self.path.read_bytes()
        except FileNotFoundError:
            return None
        except OSError as error:
            raise self._unusable("read", error) from None

    def write(self, note: bytes) -> None:
        """Durable when this returns: whole or not at all, also through a power cut. Raises Misconfigured."""
        draft = None
        try:
            descriptor, draft = tempfile.mkstemp(prefix=f".{self.path.name}.", dir=self.path.parent)
            with os.fdopen(descriptor, "wb") as out:
                # It is public. Whoever signs once by hand, as another user, must not lock the service out of it.
                os.fchmod(descriptor, 0o644)
                out.write(note)
                out.flush()
                os.fsync(out.fileno())
            Path(draft).replace(self.path)
            sync(self.path.parent)
        except OSError as error:
            if draft is not None:
                Path(draft).unlink(missing_ok=True)
            raise self._unusable("written", error) from None

    def _unusable(self, how: str, error: OSError) -> Misconfigured:
        remedy = "Let SOJOURN_SIGNED name a folder that this user may write to, with that file in it."
        if not self.path.parent.is_dir():
            remedy = (
                f"Make {self.path.parent}, or let SOJOURN_SIGNED name a folder that is there; where this host has"
                " signed before, with that file in it."
            )
        return Misconfigured(
            f"{self.path}, the last checkpoint that was signed here, cannot be {how} ({error.strerror}); nothing is"
            " signed.",
            remedy=remedy,
        )


class Signing(NamedTuple):
    """What a log is signed with on this host."""

    keys: LogKeys
    file: SignedFile
