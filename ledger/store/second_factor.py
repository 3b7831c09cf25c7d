"""A second factor that needs no network: codes of an authenticator app, by time (TOTP, RFC 6238).

A step is 30 seconds; a code is taken of the step that is now, the one before and the one after, for clocks that are a
little off (RFC 6238 5.2). Which steps were used is the table's to know. The secret, 20 bytes as RFC 4226 4 asks for, is
sealed under a key of its account; a row that was moved to another account does not open.
"""

from __future__ import annotations

import base64
import hmac
import unicodedata
import uuid
from collections.abc import Callable
from datetime import datetime
from typing import Final

from cryptography.exceptions import InvalidTag
from pyotp.totp import TOTP

from ledger.errors import Misconfigured
from ledger.store.vault import SubjectKey, seal, unseal

STEP_S: Final = 30
DIGITS: Final = 6
DRIFT: Final = (-1, 0, 1)
SECRET_BYTES: Final = 20
_ID_BYTES: Final = 16
_FIELD: Final = b"totp"


def shown(secret: bytes) -> str:
    """The secret for who types it in: base 32."""
    return base64.b32encode(secret).decode()


def uri(secret: bytes, *, name: str, issuer: str) -> str:
    """What an authenticator app reads from a QR code. name: under which the app lists it."""
    return _totp(secret).provisioning_uri(name=name, issuer_name=issuer)


def step_of(secret: bytes, typed: str, now: datetime) -> int | None:
    """The step that a code is of, counted from 1970; None where it is of none that is taken now."""
    code = "".join(c for c in unicodedata.normalize("NFKC", typed[:100]) if not c.isspace())
    if len(code) != DIGITS or not code.isascii() or not code.isdigit():
        return None
    totp, found = _totp(secret), None
    for drift in DRIFT:  # all of them, so that it takes as long whichever fits
        if hmac.compare_digest(totp.at(now, counter_offset=drift), code):
            found = totp.timecode(now) + drift
    return found


def sealed(key: SubjectKey, account: uuid.UUID, secret: bytes, random_bytes: Callable[[int], bytes]) -> bytes:
    """The secret as it is stored: what its own key is derived with, and the ciphertext."""
    by = random_bytes(_ID_BYTES)
    return by + seal(key.body_key(by + _FIELD), secret, _bound(account, by))


def opened(key: SubjectKey, account: uuid.UUID, stored: bytes) -> bytes:
    """Raises Misconfigured where it is another account's, or was changed."""
    by = stored[:_ID_BYTES]
    try:
        return unseal(key.body_key(by + _FIELD), stored[_ID_BYTES:], _bound(account, by))
    except InvalidTag:
        raise Misconfigured(
            f"The second factor of account {account} does not open under its key: its row was changed.",
            remedy="Take it from the account, and have it set up anew.",
        ) from None


def _totp(secret: bytes) -> TOTP:
    return TOTP(shown(secret), digits=DIGITS, interval=STEP_S)


def _bound(account: uuid.UUID, by: bytes) -> bytes:
    return b"".join((b"\x01", _FIELD, account.bytes, by))
