"""What a browser brings back from the provider, and what it was sent there with (RFC 6749, 7636, 9207).

Invariant: an answer is believed only if it belongs to the sign-in that this browser began, and comes from the provider
that it was sent to. Pure.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from typing import Final
from urllib.parse import parse_qsl, urlencode

from api.oidc.discovery import Metadata
from api.oidc.pending import Pending
from api.oidc.refusals import refused
from api.oidc.registration import Client
from api.problems import ProviderUnavailable
from ledger.errors import Misconfigured

SCOPE: Final = "openid email profile"
QUERY_CHARACTERS_MAX: Final = 8_192
_OVERLOADED: Final = {"server_error", "temporarily_unavailable"}
_UNFIT: Final = {"invalid_request", "unauthorized_client", "unsupported_response_type", "invalid_scope"}


def address_of(metadata: Metadata, client: Client, pending: Pending) -> str:
    """Where a browser is sent to sign in."""
    asked = {
        "response_type": "code",
        "client_id": client.id,
        "redirect_uri": client.redirect,
        "scope": SCOPE,
        "state": pending.state,
        "nonce": pending.nonce,
        "code_challenge": text(hashlib.sha256(pending.verifier.encode()).digest()),
        "code_challenge_method": "S256",
    }
    return f"{metadata.authorization}{'&' if '?' in metadata.authorization else '?'}{urlencode(asked)}"


def code_of(query: str, pending: Pending, metadata: Metadata, issuer: str) -> str:
    """The code that the provider gives for its tokens. query: of the callback, as it came, without the ``?``.

    Raises NotSignedIn; ProviderUnavailable or Misconfigured where the provider says that this is so.
    """
    answer = _parameters(query)
    if not hmac.compare_digest(answer.get("state", "").encode(), pending.state.encode()):
        raise refused("state")
    # Before anything else is believed: the answer could be another provider's (RFC 9207, 2.4).
    named = answer.get("iss")
    if named != issuer and (named is not None or metadata.names_itself):
        raise refused("issuer")
    error = answer.get("error")
    if error in _OVERLOADED:
        raise ProviderUnavailable("The OpenID provider cannot sign anybody in just now.", remedy="Try again later.")
    if error in _UNFIT:
        raise Misconfigured(
            f"The OpenID provider does not take this service's question ({error}).",
            remedy=f"Register the client there for the authorization code flow, with the scopes {SCOPE!r}.",
        )
    if error is not None:
        raise refused("declined")
    code = answer.get("code")
    if not code:
        raise refused("answer")
    return code


def belongs(access_token: str, at_hash: str, algorithm: str) -> bool:
    """Whether an ID token's ``at_hash`` is the access token's (OpenID Connect Core, 3.1.3.6)."""
    digest = hashlib.new("sha512" if algorithm == "EdDSA" else "sha256", access_token.encode()).digest()
    return hmac.compare_digest(text(digest[: len(digest) // 2]).encode(), at_hash.encode())


def text(octets: bytes) -> str:
    """base64url without its ends (RFC 7515, section 2)."""
    return base64.urlsafe_b64encode(octets).decode().rstrip("=")


def _parameters(query: str) -> dict[str, str]:
    """Each at most once (RFC 6749, 3.1). Raises NotSignedIn."""
    try:
        if len(query) > QUERY_CHARACTERS_MAX or not query.isascii():
            raise refused("answer")
        pairs = parse_qsl(query, keep_blank_values=True, errors="strict", max_num_fields=20)
    except ValueError:
        raise refused("answer") from None
    found = dict(pairs)
    if len(found) != len(pairs):
        raise refused("answer")
    return found
