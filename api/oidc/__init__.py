"""OpenID Connect: who a provider says that somebody is, by a bearer token or by a sign-in in a browser.

Invariant: an ``Identity`` leaves this package only after its signature was checked with a key that the configured
issuer publishes. What the identity may do, and which account it is of, is not known here; nor are routes and sessions.
"""

from api.oidc.identity import Identity
from api.oidc.open_id import Begun, OpenId, SignedIn

__all__ = ["Begun", "Identity", "OpenId", "SignedIn"]
