"""A signed token (JWT, RFC 7519 and 8725): taken apart, then held to what its claims must say.

Invariant: nothing of the payload is read before the signature was found right, and the algorithm is the key's and this
service's choice, never the token's alone. Pure: keys and the time are passed in.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

import msgspec
import orjson

from api.oidc.identity import seconds
from api.oidc.keys import ALGORITHMS, SigningKey
from api.oidc.refusals import SKEW_S, TOKEN_CHARACTERS_MAX, refused

ACCESS_TOKEN: Final = frozenset({"", "jwt", "at+jwt", "application/at+jwt"})
"""Kinds (``typ``, in small letters) of an access token: RFC 9068, and the plain JWT of providers before it."""
ID_TOKEN: Final = frozenset({"", "jwt"})


class Unverified(msgspec.Struct, frozen=True):
    """A token of which nothing is believed yet. kid: the key that its header names."""

    algorithm: str
    kid: str | None
    signed: bytes
    signature: bytes

    def claims(self, keys: Sequence[SigningKey]) -> dict[str, Any]:
        """What it says, once one of the keys is found to have signed it. Raises NotSignedIn."""
        if not any(key.verifies(self.signed, self.signature, self.algorithm) for key in keys):
            raise refused("signature")
        return _object(_decoded(self.signed.partition(b".")[2]))


def take_apart(token: str, kinds: frozenset[str]) -> Unverified:
    """Read a token's header. Raises NotSignedIn for one that no key could make acceptable."""
    if len(token) > TOKEN_CHARACTERS_MAX:
        raise refused("length")
    if not _COMPACT.fullmatch(token):
        raise refused("form")
    signed, _, signature = token.encode().rpartition(b".")
    header = _object(_decoded(signed.partition(b".")[0]))
    algorithm, kid, kind = header.get("alg"), header.get("kid"), header.get("typ", "")
    if not isinstance(algorithm, str) or algorithm not in ALGORITHMS:
        raise refused("algorithm")
    if "crit" in header:
        raise refused("critical")
    if not isinstance(kind, str) or kind.lower() not in kinds:
        raise refused("kind")
    if not (kid is None or isinstance(kid, str)):
        raise refused("form")
    return Unverified(algorithm, kid, signed, _decoded(signature))


def check(claims: Mapping[str, Any], *, issuer: str, audience: str, now: float) -> None:
    """Whose the token is, for whom, and whether it holds now. now: seconds since 1970. Raises NotSignedIn.

    It holds before ``exp`` and from ``nbf`` and ``iat`` on, each give or take ``SKEW_S``.
    """
    if claims.get("iss") != issuer:
        raise refused("issuer")
    if audience not in audiences(claims):
        raise refused("audience")
    if "exp" not in claims:
        raise refused("no-expiry")
    ends = seconds(claims, "exp")
    if ends is None or now >= ends + SKEW_S:
        raise refused("expired")
    begins = max(seconds(claims, name) or 0 for name in ("nbf", "iat"))
    if begins > now + SKEW_S:
        raise refused("not-yet")


def audiences(claims: Mapping[str, Any]) -> list[str]:
    """For whom the token is: one, or several (RFC 7519, 4.1.3). Raises NotSignedIn for something else."""
    found = claims.get("aud")
    if isinstance(found, str):
        return [found]
    if not isinstance(found, list) or not all(isinstance(audience, str) for audience in found):
        raise refused("claims" if "aud" in claims else "audience")
    return found


def _decoded(part: bytes) -> bytes:
    try:
        return base64.urlsafe_b64decode(part + b"=" * (-len(part) % 4))
    except ValueError:
        raise refused("form") from None


def _object(text: bytes) -> dict[str, Any]:
    try:
        found = orjson.loads(text)
    except orjson.JSONDecodeError:
        found = None
    if not isinstance(found, dict):
        raise refused("form")
    return found


# The signature may be empty, so that an unsigned token is told what it is. Of a JWE there would be five parts.
_COMPACT: Final = re.compile(r"[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]*")
