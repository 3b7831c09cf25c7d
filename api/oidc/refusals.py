"""Why a token or a sign-in is refused: one table of reasons, their words and their remedies.

Invariant: the words are the same whatever was in the token, so that a refusal tells nothing of it; each refusal is
counted by its reason.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, NamedTuple

from api.problems import NotSignedIn
from ledger import telemetry

SKEW_S: Final = 60
"""How far the provider's clock and ours may be apart."""
TOKEN_CHARACTERS_MAX: Final = 16_384

_ANOTHER: Final = "Get a new token from the provider."
_AGAIN: Final = "Sign in again."


class Words(NamedTuple):
    what: str
    remedy: str


def refused(reason: str) -> NotSignedIn:
    """The error of a reason, counted. reason: a key of ``REASONS``."""
    words = REASONS[reason]
    telemetry.SIGN_IN_REFUSALS.labels(reason).inc()
    return NotSignedIn(words.what, remedy=words.remedy)


REASONS: Final[Mapping[str, Words]] = {
    # of a token, also of the ID token that ends a sign-in
    "length": Words(
        f"The token is longer than {TOKEN_CHARACTERS_MAX} characters.",
        "Have the provider put fewer claims, such as groups, into it.",
    ),
    "form": Words(
        "The token is no signed JWT in the compact form (RFC 7519).",
        "Have the provider give access tokens as JWT (RFC 9068) to this audience.",
    ),
    "algorithm": Words(
        "The token is not signed, or by an algorithm that is not taken here.",
        "Have the provider sign by RS256, PS256, ES256 or EdDSA.",
    ),
    "critical": Words(
        "The token's header demands an extension that is not understood here (crit).",
        "Have the provider leave it out.",
    ),
    "kind": Words(
        "The token is of a kind that is not taken here.", "Send an access token, and no ID token or logout token."
    ),
    "unknown-key": Words(
        "The token is signed by a key that the provider does not publish.",
        f"{_ANOTHER} If the provider has changed its keys just now, send it again in half a minute.",
    ),
    "unnamed-key": Words(
        "The token does not say by which of the provider's keys it is signed (kid).", "Have the provider name the key."
    ),
    "signature": Words("The token's signature is wrong.", _ANOTHER),
    "claims": Words(
        "The token lacks a claim that it must have, or holds one in another form than the standard's.",
        "Have the provider give sub, iss, aud, exp and times as RFC 7519 says.",
    ),
    "issuer": Words("The token is of another issuer.", "Get one from the provider that this service names."),
    "audience": Words("The token is for another audience.", "Ask the provider for one whose audience is this service."),
    "party": Words("The token was given to another client (azp).", _AGAIN),
    "no-expiry": Words("The token does not say until when it holds (exp).", "Have the provider give it an end."),
    "expired": Words("The token has expired.", _ANOTHER),
    "not-yet": Words(
        "The token does not hold yet, or was issued in the future.", "Set the clocks right, then get a new token."
    ),
    # of a sign-in in a browser
    "pending": Words(
        "This browser has not begun to sign in here, or did so more than ten minutes ago.",
        "Sign in again, in the same browser, with cookies allowed.",
    ),
    "answer": Words("The provider's answer is not in the form of the standard (RFC 6749).", _AGAIN),
    "state": Words("The provider's answer belongs to another sign-in.", _AGAIN),
    "replayed": Words("The provider's answer was used already.", _AGAIN),
    "declined": Words("The provider did not sign you in.", "Sign in again, or ask whoever runs the provider."),
    "code": Words("The provider does not take back the code that it gave.", _AGAIN),
    "nonce": Words("The provider's token belongs to another sign-in (nonce).", _AGAIN),
    "access-token": Words("The provider's two tokens do not belong together (at_hash).", _AGAIN),
}

# Told as 0 from the start, as the other rare ones are (``ledger.telemetry``).
for _reason in REASONS:
    telemetry.SIGN_IN_REFUSALS.labels(_reason)
