"""One OpenID provider, as this service uses it: bearer tokens of its users, and their sign-in in a browser.

Invariant: an identity is given out only for a token that the provider signed for this service and that holds now.
"""

from __future__ import annotations

import hmac
import os
import time
from collections.abc import Callable
from datetime import datetime
from typing import NamedTuple

from api.oidc.answer import address_of, belongs, code_of, text
from api.oidc.discovery import Metadata, discover
from api.oidc.exchange import Tokens, exchange
from api.oidc.fetching import new_client
from api.oidc.identity import Identity, identity_of
from api.oidc.kept import Kept
from api.oidc.keys import SigningKey, fetch_keys, fitting
from api.oidc.pending import LIFETIME_S, Pending, is_local_path, seal, unseal
from api.oidc.refusals import refused
from api.oidc.registration import Client, Registration
from api.oidc.spent import Spent, SpentHere
from api.oidc.tokens import ACCESS_TOKEN, ID_TOKEN, Unverified, audiences, check, take_apart
from api.problems import Fault, Invalid
from ledger.errors import Misconfigured


class Begun(NamedTuple):
    """url: where the browser is to go. pending: what it must bring back, in a cookie (HttpOnly, Secure, SameSite=Lax,
    of ``LIFETIME_S``)."""

    url: str
    pending: str


class SignedIn(NamedTuple):
    """return_to: the local path that the sign-in was begun with."""

    identity: Identity
    return_to: str


class OpenId:
    """Belongs to one event loop; ``aclose`` ends it.

    seal_key: 32 bytes, the same in every process of the service. clock: UTC. spent: which sign-ins are finished;
    this process's own unless one is given that all of them share.
    """

    def __init__(
        self,
        registration: Registration,
        *,
        seal_key: bytes,
        clock: Callable[[], datetime],
        monotonic: Callable[[], float] = time.monotonic,
        random: Callable[[int], bytes] = os.urandom,
        spent: Spent | None = None,
    ) -> None:
        self._registration = registration
        self._seal_key = seal_key
        self._clock = clock
        self._random = random
        self._spent = spent or SpentHere(monotonic)
        self._http = new_client()
        self._metadata: Kept[Metadata] = Kept(lambda: discover(self._http, registration.issuer), monotonic)
        self._keys: Kept[tuple[SigningKey, ...]] = Kept(self._fetch_keys, monotonic)

    @property
    def takes_tokens(self) -> bool:
        """Whether ``identify`` may take any: an audience is configured."""
        return self._registration.audience is not None

    @property
    def signs_in(self) -> bool:
        """Whether ``begin`` leads anywhere: a client is configured."""
        return self._registration.client is not None

    async def identify(self, token: str) -> Identity:
        """Whose access token this is. token: as it came after ``Bearer``.

        Errors: NotSignedIn with the reason in its words; Unavailable (ProviderUnavailable, Misconfigured) where the
        provider's keys cannot be had and none are at hand.
        """
        audience = self._registration.audience
        if audience is None:
            raise refused("audience")
        unverified = take_apart(token, ACCESS_TOKEN)
        claims = unverified.claims(await self._fitting(unverified))
        check(claims, issuer=self._registration.issuer, audience=audience, now=self._now())
        if claims.get("at_hash") is not None or claims.get("c_hash") is not None:
            # Only an ID token has these: it tells a client who signed in, and is no permission to ask us anything.
            raise refused("kind")
        return identity_of(claims)

    async def begin(self, return_to: str = "/") -> Begun:
        """Begin a sign-in. return_to: the local path where the person wants to go, escaped as in a URL.

        Errors: Invalid for a ``return_to`` that leads elsewhere; Unavailable.
        """
        if not is_local_path(return_to):
            words = "It is no path of this site."
            fault = Fault("query:return_to", None, "return-to", words, "Leave it out, or give a path such as /search.")
            raise Invalid("The page to return to is not on this site.", faults=[fault])
        client = self._client()
        metadata = await self._metadata.get()
        state, nonce, verifier = (text(self._random(32)) for _ in range(3))
        pending = Pending(state, nonce, verifier, return_to, self._now() + LIFETIME_S)
        sealed = seal(pending, self._seal_key, self._bound_to(client), self._random)
        return Begun(address_of(metadata, client, pending), sealed)

    async def finish(self, pending: str, query: str) -> SignedIn:
        """Finish a sign-in. pending: the cookie's value, "" where there is none. query: of the callback, as it came.

        An answer whose code was given back to the provider is not taken again, however that ended: the caller drops
        the cookie. Errors: NotSignedIn with the reason in its words; Unavailable, after which the person begins again.
        """
        client = self._client()
        begun = unseal(pending, self._seal_key, self._bound_to(client), self._now())
        metadata = await self._metadata.get()
        code = code_of(query, begun, metadata, self._registration.issuer)
        # Before the code goes out, so that of two callbacks at once one alone brings it back.
        if not await self._spent.spend(begun.state):
            raise refused("replayed")
        tokens = await exchange(self._http, metadata, client, code, begun.verifier)
        return SignedIn(await self._of_id_token(tokens, client, begun.nonce), begun.return_to)

    async def aclose(self) -> None:
        """Close what is open to the provider."""
        await self._keys.aclose()
        await self._metadata.aclose()
        await self._http.aclose()

    async def _of_id_token(self, tokens: Tokens, client: Client, nonce: str) -> Identity:
        """Whom an ID token names, held to OpenID Connect Core, 3.1.3.7."""
        unverified = take_apart(tokens.id, ID_TOKEN)
        claims = unverified.claims(await self._fitting(unverified))
        check(claims, issuer=self._registration.issuer, audience=client.id, now=self._now())
        if claims.get("azp", client.id) != client.id or (len(audiences(claims)) > 1 and "azp" not in claims):
            raise refused("party")
        if "iat" not in claims:
            raise refused("claims")
        named, at_hash = claims.get("nonce"), claims.get("at_hash")
        if not isinstance(named, str) or not hmac.compare_digest(named.encode(), nonce.encode()):
            raise refused("nonce")
        if at_hash is not None and not (
            isinstance(at_hash, str) and tokens.access and belongs(tokens.access, at_hash, unverified.algorithm)
        ):
            raise refused("access-token")
        return identity_of(claims)

    async def _fitting(self, token: Unverified) -> list[SigningKey]:
        """The provider's keys that may have signed; looked for once more where it has changed them."""
        found = fitting(await self._keys.get(), token.kid, token.algorithm)
        if not found:
            found = fitting(await self._keys.anew() or (), token.kid, token.algorithm)
        if not found:
            raise refused("unknown-key")
        if token.kid is None and len(found) > 1:
            raise refused("unnamed-key")
        return found

    async def _fetch_keys(self) -> tuple[SigningKey, ...]:
        return await fetch_keys(self._http, (await self._metadata.get()).keys)

    def _client(self) -> Client:
        if self._registration.client is None:
            raise Misconfigured(
                "Nobody can sign in by an OpenID provider here: SOJOURN_OIDC_CLIENT_ID is not set.",
                remedy="Register this service at the provider, and set it.",
            )
        return self._registration.client

    def _bound_to(self, client: Client) -> str:
        return f"{self._registration.issuer}\0{client.id}"

    def _now(self) -> float:
        return self._clock().timestamp()
