"""Who a provider says that somebody is, read from the claims of a token whose signature was checked.

Invariant: no text of a claim goes further than its length and kind allow. Pure: the time is passed in.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final

import msgspec

from api.oidc.refusals import refused
from ledger import addresses

SUBJECT_MAX: Final = 255
"""Characters (OpenID Connect Core, section 2)."""
NAME_MAX: Final = 200
TIME_MAX_S: Final = 253_402_300_799
"""The last second of the year 9999, since 1970: a time beyond it is none."""


class Identity(msgspec.Struct, frozen=True):
    """issuer and subject together name one person for good; nothing else does, and the provider may change it.

    email: in the form of ``ledger.addresses``; None where the provider names none, or none that can be written to.
    email_verified: the provider says that the address is hers. name: as she is called, for showing. authenticated_at:
    when she gave her password or the like there (``auth_time``), UTC; None where the provider does not say.
    """

    issuer: str
    subject: str
    email: str | None
    email_verified: bool
    name: str | None
    authenticated_at: datetime | None


def identity_of(claims: Mapping[str, Any]) -> Identity:
    """Who checked claims are about. Raises NotSignedIn where they name nobody."""
    subject = claims.get("sub")
    if not isinstance(subject, str) or not 0 < len(subject) <= SUBJECT_MAX or not subject.isprintable():
        raise refused("claims")
    given = claims.get("email")
    email = addresses.email(given) if isinstance(given, str) else None
    called = claims.get("name")
    name = called.strip() if isinstance(called, str) and called.isprintable() else ""
    at = seconds(claims, "auth_time")
    return Identity(
        issuer=claims["iss"],
        subject=subject,
        email=email,
        email_verified=email is not None and claims.get("email_verified") is True,
        name=name if 0 < len(name) <= NAME_MAX else None,
        authenticated_at=None if at is None else datetime.fromtimestamp(at, UTC),
    )


def seconds(claims: Mapping[str, Any], name: str) -> float | None:
    """A time among the claims (RFC 7519, section 2: seconds since 1970); None where it is not there.

    Raises NotSignedIn where it is no number, or out of every calendar.
    """
    found = claims.get(name)
    if found is None and name not in claims:
        return None
    if isinstance(found, bool) or not isinstance(found, int | float) or not 0 <= found <= TIME_MAX_S:
        raise refused("claims")
    return found
