"""A code given back to the provider for its tokens (RFC 6749, 4.1.3; OpenID Connect Core, 3.1.3)."""

from __future__ import annotations

import base64
from typing import NamedTuple
from urllib.parse import quote_plus

import httpx2

from api.oidc.discovery import Metadata
from api.oidc.fetching import fetch, unavailable
from api.oidc.refusals import refused
from api.oidc.registration import Client
from ledger.errors import Misconfigured


class Tokens(NamedTuple):
    """As the provider gave them: neither is believed yet. access: None where it gave none."""

    id: str
    access: str | None


async def exchange(client: httpx2.AsyncClient, metadata: Metadata, us: Client, code: str, verifier: str) -> Tokens:
    """The tokens of a code. Raises NotSignedIn where it holds no more, Misconfigured where the provider does not know
    this service, ProviderUnavailable."""
    form = {
        "grant_type": "authorization_code",
        "code": code,
        "redirect_uri": us.redirect,
        "code_verifier": verifier,
    }
    headers: dict[str, str] = {}
    if us.secret is not None and not metadata.by_form:
        pair = f"{quote_plus(us.id)}:{quote_plus(us.secret)}"  # escaped first: RFC 6749, 2.3.1
        headers["Authorization"] = f"Basic {base64.b64encode(pair.encode()).decode()}"
    else:
        form["client_id"] = us.id
        if us.secret is not None:
            form["client_secret"] = us.secret
    status, answer = await fetch(client, "token", metadata.token, form, headers)
    if status != 200:
        if answer.get("error") == "invalid_grant":
            raise refused("code")
        raise Misconfigured(
            "The OpenID provider does not take back its own code from this service.",
            remedy="Compare SOJOURN_OIDC_CLIENT_ID, its secret and the redirect address with what is registered there.",
        )
    given, access = answer.get("id_token"), answer.get("access_token")
    if not isinstance(given, str):
        raise unavailable("token", "gives no ID token")
    return Tokens(given, access if isinstance(access, str) else None)
