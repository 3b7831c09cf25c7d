"""What this service and its OpenID provider know each other by, from the settings.

Invariant: whatever is set half is refused at the start, and not when the first person signs in.
"""

from __future__ import annotations

import msgspec

from ledger.errors import Misconfigured
from ledger.settings import Settings

CALLBACK = "/sign-in/callback"
"""Path to which the provider sends browsers back."""


class Client(msgspec.Struct, frozen=True):
    """secret: None for a public client. redirect: the address that is registered at the provider, to the letter."""

    id: str
    secret: str | None
    redirect: str

    def __repr__(self) -> str:
        return f"Client({self.id!r})"  # a secret does not come into a log by accident


class Registration(msgspec.Struct, frozen=True):
    """issuer: as configured. audience: of bearer tokens; None: none is taken. client: None: no sign-in in a browser."""

    issuer: str
    audience: str | None
    client: Client | None


def registration_of(settings: Settings) -> Registration | None:
    """As the settings have it; None where no issuer is named. Raises Misconfigured."""
    issuer, audience, client_id = settings.oidc_issuer, settings.oidc_audience, settings.oidc_client_id
    if issuer is None:
        for name, value in (("AUDIENCE", audience), ("CLIENT_ID", client_id)):
            if value is not None:
                raise _lacking(f"SOJOURN_OIDC_{name}", "SOJOURN_OIDC_ISSUER")
        return None
    if audience is None and client_id is None:
        raise _lacking("SOJOURN_OIDC_ISSUER", "SOJOURN_OIDC_CLIENT_ID")
    if client_id is None:
        return Registration(issuer, audience, None)
    if settings.public_url is None:
        raise _lacking("SOJOURN_OIDC_CLIENT_ID", "SOJOURN_PUBLIC_URL")
    client = Client(client_id, settings.client_secret(), settings.public_url.rstrip("/") + CALLBACK)
    return Registration(issuer, audience, client)


def _lacking(given: str, lacking: str) -> Misconfigured:
    return Misconfigured(f"{given} is set, and {lacking} is not.", remedy=f"Set {lacking} too, or unset {given}.")
