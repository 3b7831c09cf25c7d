"""The keys of both logs, from the one secret that an operator keeps.

The ledger's log is signed by the key as it is given, and its origin is the key's name. The access log is another log:
its key bears the name ``NAME/access``, and its seed is HKDF-SHA256 of the first one's (RFC 5869; no salt, info
``sojourn access log``), so that who keeps one secret keeps both, and neither key signs for the other's log.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from ledger.proofs.doubt import Malformed
from ledger.proofs.note import ED25519, Signer, Verifier, split

LEDGER, ACCESS = "ledger", "access"
_INFO = b"sojourn access log"


class LogKeys(NamedTuple):
    """signer: of a log. former: keys that signed it before, by which earlier checkpoints are still known."""

    signer: Signer
    former: tuple[Verifier, ...] = ()

    @property
    def known(self) -> tuple[Verifier, ...]:
        """Every key by which a checkpoint of this log may be signed, the one in use first."""
        return (self.signer.verifier, *self.former)

    def signed_by(self, note: bytes) -> Verifier | None:
        """The key that a note says it is signed by; None where it is none of these. Nothing is verified. Raises
        Malformed."""
        named = {(name, key_id) for name, key_id, _ in split(note)[1]}
        return next((key for key in self.known if (key.name, key.key_id) in named), None)


def parse_keys(texts: Sequence[str], log: str) -> LogKeys:
    """The keys of a log. texts: the key in use, as ``PRIVATE+KEY+...``; behind it former ones, likewise or as they were
    handed out, of which the other log's are left out: what they signed is no checkpoint of this one. Raises Malformed,
    quoting nothing."""
    if not texts:
        raise Malformed("There is no key.")
    signer = _signer(texts[0], log)
    former = [
        _signer(text, log).verifier if text.startswith("PRIVATE+") else Verifier.parse(text) for text in texts[1:]
    ]
    own = (verifier for verifier in former if log_of(verifier.name) == log and verifier != signer.verifier)
    return LogKeys(signer, tuple(dict.fromkeys(own)))


def log_of(name: str) -> str:
    """Which log a key of this name signs: ``ledger`` or ``access``."""
    return ACCESS if name.endswith(f"/{ACCESS}") else LEDGER


def of_log(signer: Signer, log: str) -> Signer:
    """The key that signs a log: ``ledger`` by the one that was given, ``access`` by one that is derived from it."""
    if log != ACCESS:
        return signer
    seed = HKDF(SHA256(), 32, salt=None, info=_INFO).derive(signer.private.private_bytes_raw())
    return Signer.of(f"{signer.verifier.name}/{ACCESS}", seed)


def _signer(text: str, log: str) -> Signer:
    signer = Signer.parse(text)
    if signer.verifier.kind != ED25519:
        raise Malformed("This key is a witness's: it cosigns, and signs no log.")
    return of_log(signer, log)
