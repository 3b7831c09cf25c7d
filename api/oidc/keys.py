"""The keys that a provider publishes (JWKS, RFC 7517), and which of them fits a token.

Invariant: what is taken is public and made for signing by one of ``ALGORITHMS``. A key of another kind is passed over,
as the standard wants it; a symmetric one above all, since whoever reads it could sign.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple

import httpx2
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from joserfc import jwa
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, OKPKey, RSAKey
from joserfc.util import urlsafe_b64decode

from api.oidc.fetching import fetch, unavailable

ALGORITHMS: Final[Mapping[str, jwa.JWSAlgModel]] = {
    model.name: model for model in jwa.JWS_ALGORITHMS if model.name in {"RS256", "PS256", "ES256", "EdDSA"}
}
"""Signatures that are taken. None of them can be made with what is public, as ``none`` and HMAC could."""
KEYS_MAX: Final = 100
_RSA_BITS: Final = range(2048, 8193)

Key = RSAKey | ECKey | OKPKey


class SigningKey(NamedTuple):
    """kid: its name; None where it has none. algorithms: those by which it may sign."""

    kid: str | None
    algorithms: frozenset[str]
    key: Key

    def verifies(self, signed: bytes, signature: bytes, algorithm: str) -> bool:
        """algorithm: one of the key's own."""
        return ALGORITHMS[algorithm].verify(signed, signature, self.key)


async def fetch_keys(client: httpx2.AsyncClient, url: str) -> tuple[SigningKey, ...]:
    """Raises ProviderUnavailable."""
    _, document = await fetch(client, "keys", url)
    return read_keys(document)


def read_keys(document: Mapping[str, Any]) -> tuple[SigningKey, ...]:
    """Those that can be used. Raises ProviderUnavailable where the document is no set of keys, or one without end."""
    listed = document.get("keys")
    if not isinstance(listed, list) or len(listed) > KEYS_MAX:
        raise unavailable("keys", "answers with something else than a set of keys")
    found = (_read(key) for key in listed if isinstance(key, dict))
    return tuple(key for key in found if key is not None)


def fitting(keys: Sequence[SigningKey], kid: str | None, algorithm: str) -> list[SigningKey]:
    """Those that may have signed; all that know the algorithm, where the token names none."""
    return [k for k in keys if algorithm in k.algorithms and (kid is None or k.kid == kid)]


def _read(jwk: Mapping[str, Any]) -> SigningKey | None:
    kid, named, use, operations = (jwk.get(name) for name in ("kid", "alg", "use", "key_ops"))
    if use not in {None, "sig"} or (isinstance(operations, list) and "verify" not in operations):
        return None
    try:
        key, able = _import(jwk)
    except (JoseError, ValueError, TypeError, KeyError, AttributeError):
        return None
    algorithms = able if named is None else able & {named} if isinstance(named, str) else frozenset()
    if not algorithms or not (kid is None or isinstance(kid, str)):
        return None
    return SigningKey(kid, frozenset(algorithms), key)


def _import(jwk: Mapping[str, Any]) -> tuple[Key, frozenset[str]]:
    """The key of its public members alone, and what it can sign by. Raises, of joserfc's errors and Python's."""
    match jwk["kty"]:
        case "RSA" if _bits(jwk["n"]) in _RSA_BITS:
            key = RSAKey.import_key({name: jwk[name] for name in ("kty", "n", "e")})
            if isinstance(key.raw_value, rsa.RSAPublicKey):
                return key, frozenset({"RS256", "PS256"})
        case "EC":
            key = ECKey.import_key({name: jwk[name] for name in ("kty", "crv", "x", "y")})
            if isinstance(key.raw_value, ec.EllipticCurvePublicKey) and isinstance(key.raw_value.curve, ec.SECP256R1):
                return key, frozenset({"ES256"})
        case "OKP":
            key = OKPKey.import_key({name: jwk[name] for name in ("kty", "crv", "x")})
            if isinstance(key.raw_value, ed25519.Ed25519PublicKey):
                return key, frozenset({"EdDSA"})
    raise ValueError


def _bits(modulus: str) -> int:
    """Length of a number, measured before it is imported: of a long one every signature takes its time."""
    return int.from_bytes(urlsafe_b64decode(modulus.encode())).bit_length()
