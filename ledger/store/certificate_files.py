"""Certificates of disposal as files beside the database: what a database that was restored from a backup cannot know,
since they were written after it was backed up.

Invariant: a file is whole or not there, and is what the log says of the disposal, without proofs. None of them holds
anything of a child; they name officials, so they are for the service's own user. They are no part of the database's
backup: they are there for the day on which that is restored.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterable
from pathlib import Path

import msgspec

from ledger.errors import Misconfigured
from ledger.retention.certificate import Certificate
from ledger.store.data_folder import make_private, sync

FOLDER = "certificates"
"""Within the data folder."""


class CertificateFiles:
    """One folder of a host, which is made when the first is kept. Safe for threads and processes."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def lacks(self, disposals: Iterable[str]) -> list[str]:
        """Of these, those that are not kept here. Raises Misconfigured."""
        kept = {path.stem for path in self._files()}
        return [disposal for disposal in disposals if disposal not in kept]

    def shut(self) -> None:
        """Nobody else on the host enters the folder from now on, whoever made it and however: what it keeps names the
        officials who answer for it, by their addresses. Nothing where it is not there. Raises Misconfigured."""
        try:
            if os.path.lexists(self.folder):
                make_private(self.folder, None)
        except OSError as error:
            raise Misconfigured(
                f"{self.folder}, the folder of certificates of disposal, cannot be closed to others: {error.strerror}.",
                remedy="Make it a folder that the service's own user owns, no link to one; or move it away: `sojourn"
                " serve` makes another and writes what is missing.",
            ) from None

    def keep(self, certificate: Certificate) -> None:
        """Durable when this returns. Raises Misconfigured."""
        path, draft = self.folder / f"{certificate.disposal}.json", None
        try:
            self.folder.parent.mkdir(parents=True, exist_ok=True)
            make_private(self.folder, None)
            descriptor, draft = tempfile.mkstemp(prefix=f".{path.name}.", dir=self.folder)
            with os.fdopen(descriptor, "wb") as out:
                os.fchmod(descriptor, 0o600)
                out.write(msgspec.json.format(msgspec.json.encode(certificate), indent=2) + b"\n")
                out.flush()
                os.fsync(out.fileno())
            Path(draft).replace(path)
            sync(self.folder)
        except OSError as error:
            if draft is not None:
                Path(draft).unlink(missing_ok=True)
            raise self._unusable(path, "written", error) from None

    def keys(self) -> dict[bytes, str]:
        """Ids, 16 bytes each, of the keys that went by what is kept here, to the disposal. Raises Misconfigured."""
        found: dict[bytes, str] = {}
        for path in self._files():
            try:
                kept = msgspec.json.decode(path.read_bytes(), type=Certificate)
                went = {bytes.fromhex(key): kept.disposal for line in kept.lines if line.position for key in line.keys}
            except OSError as error:
                raise self._unusable(path, "read", error) from None
            except (msgspec.MsgspecError, ValueError):
                raise Misconfigured(
                    f"{path} is no certificate of disposal.",
                    remedy="Put back what was there, or move it away: `sojourn serve` writes what is missing.",
                ) from None
            found |= went
        return found

    def _files(self) -> list[Path]:
        try:
            return sorted(path for path in self.folder.iterdir() if path.suffix == ".json" and path.name[0] != ".")
        except FileNotFoundError:
            return []
        except OSError as error:
            raise self._unusable(self.folder, "read", error) from None

    def _unusable(self, path: Path, how: str, error: OSError) -> Misconfigured:
        return Misconfigured(
            f"{path}, a certificate of disposal, cannot be {how}: {error.strerror}.",
            remedy="Let SOJOURN_DATA name a folder that this user may write to: what is missing is written"
            " within minutes by a service that runs, or at its next start.",
        )
