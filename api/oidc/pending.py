"""A sign-in that a browser has begun, as the cookie keeps it: sealed, bound to its provider, at an end in ten minutes.

Invariant: whoever holds the cookie can neither read it (the verifier is a secret until the code is taken back, RFC
7636) nor change it, and nobody without the key can make one.
"""

from __future__ import annotations

import base64
from collections.abc import Callable
from typing import Final

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from api.oidc.refusals import refused

LIFETIME_S: Final = 600
CHARACTERS_MAX: Final = 2_000
RETURN_TO_MAX: Final = 512
_NONCE_BYTES: Final = 12


class Pending(msgspec.Struct, frozen=True, array_like=True):
    """state: what the provider gives back. nonce: what its token must hold. verifier: PKCE's. ends: since 1970."""

    state: str
    nonce: str
    verifier: str
    return_to: str
    ends: float


def seal(pending: Pending, key: bytes, bound_to: str, random: Callable[[int], bytes]) -> str:
    """For a cookie: letters, digits, ``-`` and ``_``, fewer than ``CHARACTERS_MAX``. key: 32 bytes."""
    nonce = random(_NONCE_BYTES)
    sealed = nonce + AESGCM(key).encrypt(nonce, msgspec.json.encode(pending), _bound(bound_to))
    return base64.urlsafe_b64encode(sealed).decode().rstrip("=")


def unseal(text: str, key: bytes, bound_to: str, now: float) -> Pending:
    """Raises NotSignedIn for what is not ours, is another provider's, or has ended."""
    try:
        if not text.isascii() or len(text) > CHARACTERS_MAX:
            raise refused("pending")
        sealed = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
        opened = AESGCM(key).decrypt(sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:], _bound(bound_to))
    except (ValueError, InvalidTag):
        raise refused("pending") from None
    pending = msgspec.json.decode(opened, type=Pending)
    if now >= pending.ends:
        raise refused("pending")
    return pending


def is_local_path(text: str) -> bool:
    """Whether a browser that is sent there stays on this site: a path of its own, already escaped, nothing clever."""
    path = text.partition("?")[0].partition("#")[0]
    plain = all("!" <= c <= "~" for c in text) and "\\" not in text
    return plain and text.startswith("/") and "//" not in path and len(text) <= RETURN_TO_MAX


def _bound(to: str) -> bytes:
    return b"sojourn openid pending v1\0" + to.encode()
