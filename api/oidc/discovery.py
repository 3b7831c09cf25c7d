"""What a provider says of itself (OpenID Connect Discovery 1.0): where it is asked, and how.

Invariant: the document is the configured issuer's own, to the letter, and leads to no address that somebody on the way
could read (section 4.3).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import httpx2
import msgspec

from api.oidc.fetching import fetch, unavailable
from ledger.errors import Misconfigured
from ledger.settings import wrong_with_address

DOCUMENT: Final = "/.well-known/openid-configuration"


class Metadata(msgspec.Struct, frozen=True):
    """keys, authorization, token: addresses. token is asked with the client's secret in the form where ``by_form``,
    else by HTTP Basic. names_itself: its answers to a browser carry ``iss`` (RFC 9207)."""

    keys: str
    authorization: str
    token: str
    by_form: bool
    names_itself: bool


async def discover(client: httpx2.AsyncClient, issuer: str) -> Metadata:
    """The provider's document, fetched. Raises ProviderUnavailable; Misconfigured where it is not fit for this use."""
    _, document = await fetch(client, "discovery", issuer.rstrip("/") + DOCUMENT)
    return read_metadata(document, issuer)


def read_metadata(document: Mapping[str, Any], issuer: str) -> Metadata:
    """Raises ProviderUnavailable where a part is not there, Misconfigured where it is another issuer's or unfit."""
    if document.get("issuer") != issuer:
        raise Misconfigured(
            "The OpenID provider's document names another issuer than SOJOURN_OIDC_ISSUER.",
            remedy=f"Set it to the issuer that stands in the document at {DOCUMENT}, with or without a slash as there.",
        )
    methods = document.get("code_challenge_methods_supported")
    if isinstance(methods, list) and "S256" not in methods:
        raise Misconfigured(
            "The OpenID provider does not know PKCE by S256.", remedy="Switch it on at the provider (RFC 7636)."
        )
    by = document.get("token_endpoint_auth_methods_supported")
    return Metadata(
        keys=_address(document, "jwks_uri"),
        authorization=_address(document, "authorization_endpoint"),
        token=_address(document, "token_endpoint"),
        by_form=isinstance(by, list) and "client_secret_basic" not in by and "client_secret_post" in by,
        names_itself=document.get("authorization_response_iss_parameter_supported") is True,
    )


def _address(document: Mapping[str, Any], name: str) -> str:
    found = document.get(name)
    if not isinstance(found, str):
        raise unavailable("discovery", f"does not say its {name}")
    # An endpoint may have a query of its own (RFC 6749, 3.1); the rest is held to what is asked of an issuer.
    if wrong_with_address(found.partition("?")[0]) or "#" in found:
        raise Misconfigured(
            f"The OpenID provider's document has a {name} that is not safe to use.",
            remedy="It must be https, except on a loopback host.",
        )
    return found
