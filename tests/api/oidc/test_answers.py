"""What a provider that is wrong, or somebody on the way, can answer a sign-in with: each is refused for what it is."""

from __future__ import annotations

import base64
import hashlib
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest

from api.oidc import OpenId
from api.oidc.registration import Client, Registration
from api.problems import ProviderUnavailable
from ledger.errors import Misconfigured
from support.openid import AUDIENCE, CLIENT_ID, CLIENT_SECRET, REDIRECT
from support.openid_by_hand import KINDS, NOW, OTHER_RSA, RSA, ProviderByHand, asking, base64url, joined, reason

AT = int(NOW.timestamp())
ACCESS = "an access token"


def half(algorithm: str, token: str = ACCESS) -> str:
    """The at_hash of a token: the left half of its digest."""
    digest = hashlib.sha512 if algorithm == "EdDSA" else hashlib.sha256
    octets = digest(token.encode()).digest()
    return base64url(octets[: len(octets) // 2])


class Asked:
    """A sign-in that has begun, and what its provider answers with."""

    def __init__(self, provider: ProviderByHand, open_id: OpenId, url: str, pending: str) -> None:
        self.provider, self.open_id, self.pending = provider, open_id, pending
        sent = {name: values[0] for name, values in parse_qs(urlsplit(url).query).items()}
        self.state, self.nonce = sent["state"], sent["nonce"]

    @classmethod
    async def begin(cls, provider: ProviderByHand, open_id: OpenId) -> Asked:
        return cls(provider, open_id, *await open_id.begin())

    async def why(self, token: str | None = None, query: str | None = None, access: str | None = ACCESS) -> str | None:
        """Why it is refused, where the provider gives this ID token (a sound one, if none is given)."""
        tokens = {"id_token": self.provider.id_token(self.nonce) if token is None else token, "access_token": access}
        self.provider.tokens = (200, tokens)
        return await reason(self.open_id.finish(self.pending, f"code=c&state={self.state}" if query is None else query))


@pytest.mark.parametrize(
    ("claims", "why"),
    [
        ({}, None),
        ({"nonce": "of another sign-in"}, "nonce"),
        ({"nonce": None}, "nonce"),
        ({"nonce": 7}, "nonce"),
        ({"nonce": "é"}, "nonce"),
        ({"aud": AUDIENCE}, "audience"),
        ({"aud": [CLIENT_ID]}, None),
        ({"aud": [CLIENT_ID, "other"]}, "party"),
        ({"aud": [CLIENT_ID, "other"], "azp": CLIENT_ID}, None),
        ({"azp": CLIENT_ID}, None),
        ({"azp": "other"}, "party"),
        ({"azp": 7}, "party"),
        ({"iss": "https://login.example.org"}, "issuer"),
        ({"iat": None}, "claims"),
        ({"sub": None}, "claims"),
        ({"exp": None}, "no-expiry"),
        ({"exp": AT - 60}, "expired"),
        ({"iat": AT + 61}, "not-yet"),
        ({"at_hash": half("RS256")}, None),
        ({"at_hash": half("RS256", "another")}, "access-token"),
        ({"at_hash": ""}, "access-token"),
        ({"at_hash": 7}, "access-token"),
    ],
)
def test_an_id_token_is_held_to_what_it_says(by_hand: ProviderByHand, claims: dict[str, Any], why: str | None) -> None:
    async def work(open_id: OpenId) -> str | None:
        asked = await Asked.begin(by_hand, open_id)
        return await asked.why(by_hand.id_token(**{"nonce": asked.nonce, **claims}))

    assert asking(by_hand.registration, work) == why


@pytest.mark.parametrize("algorithm", KINDS)
def test_the_two_tokens_are_held_together_by_each_algorithm(by_hand: ProviderByHand, algorithm: str) -> None:
    async def work(open_id: OpenId) -> None:
        for said, why in ((half(algorithm), None), (half(algorithm)[:-1], "access-token")):
            asked = await Asked.begin(by_hand, open_id)
            claims = {"aud": CLIENT_ID, "nonce": asked.nonce, "at_hash": said}
            assert await asked.why(by_hand.token(KINDS[algorithm], algorithm, {"typ": "JWT"}, **claims)) == why

    asking(by_hand.registration, work)


def test_an_id_token_that_speaks_of_no_access_token_that_came_is_refused(by_hand: ProviderByHand) -> None:
    async def work(open_id: OpenId) -> str | None:
        asked = await Asked.begin(by_hand, open_id)
        return await asked.why(by_hand.id_token(asked.nonce, at_hash=half("RS256")), access=None)

    assert asking(by_hand.registration, work) == "access-token"


def test_an_id_token_is_signed_as_any_other(by_hand: ProviderByHand) -> None:
    async def work(open_id: OpenId) -> None:
        claims = {"aud": CLIENT_ID}
        for key, header, why in (
            (OTHER_RSA, {"typ": None}, "signature"),
            (RSA, {"typ": "at+jwt"}, "kind"),
            (RSA, {"typ": "logout+jwt"}, "kind"),
            (RSA, {"kid": "another", "typ": None}, "unknown-key"),
        ):
            asked = await Asked.begin(by_hand, open_id)
            token = by_hand.token(key, header=header, nonce=asked.nonce, **claims)
            assert await asked.why(token) == why
        asked = await Asked.begin(by_hand, open_id)
        claims = by_hand.claims(aud=CLIENT_ID, nonce=asked.nonce)
        assert await asked.why(f"{joined({'alg': 'none'}, claims)}.") == "algorithm"

    asking(by_hand.registration, work)


# -- the callback


def test_an_answer_is_read_to_the_letter(by_hand: ProviderByHand) -> None:
    async def work(open_id: OpenId) -> None:
        asked = await Asked.begin(by_hand, open_id)
        state = f"state={asked.state}"
        for query, why in (
            ("", "state"),
            ("code=c", "state"),
            ("code=c&state=", "state"),
            (f"code=c&state={asked.state[:-1]}", "state"),
            ("code=c&state=%C3%A9", "state"),
            (f"code=c&{state}&{state}", "answer"),
            (f"code=c&code=d&{state}", "answer"),
            (f"code=c&{state}é", "answer"),
            (f"code=%ff&{state}", "answer"),
            ("&".join([f"x{n}=1" for n in range(40)]), "answer"),
            (f"code={'c' * 10_000}&{state}", "answer"),
            (state, "answer"),
            (f"code=&{state}", "answer"),
            (f"code=c&{state}&iss=https%3A%2F%2Flogin.example.org", "issuer"),
            (f"error=access_denied&{state}", "declined"),
            (f"error=login_required&code=c&{state}", "declined"),
            (f"error={'x' * 500}&{state}", "declined"),
        ):
            assert await asked.why(query=query) == why, query
        assert not by_hand.forms, "nothing of this was worth asking the provider about"
        named = urlencode({"code": "c", "state": asked.state, "iss": by_hand.issuer, "session_state": "x"})
        assert await asked.why(query=named) is None

    asking(by_hand.registration, work)


@pytest.mark.parametrize(
    ("error", "kind"),
    [("temporarily_unavailable", ProviderUnavailable), ("server_error", ProviderUnavailable)]
    + [(name, Misconfigured) for name in ("invalid_request", "unauthorized_client", "invalid_scope")],
)
def test_what_the_provider_says_of_itself_or_of_us_is_no_refusal(
    by_hand: ProviderByHand, error: str, kind: type[Exception]
) -> None:
    async def work(open_id: OpenId) -> None:
        asked = await Asked.begin(by_hand, open_id)
        with pytest.raises(kind):
            await asked.why(query=f"error={error}&state={asked.state}")
        assert await asked.why(query=f"error={error}&state=x") == "state"

    asking(by_hand.registration, work)


# -- the exchange


@pytest.mark.parametrize(
    ("status", "answer", "kind"),
    [
        (200, {}, ProviderUnavailable),
        (200, {"id_token": 7}, ProviderUnavailable),
        (500, {}, ProviderUnavailable),
        (400, {}, Misconfigured),
        (400, {"error": "unauthorized_client"}, Misconfigured),
        (401, {"error": "invalid_client"}, Misconfigured),
        (302, {}, ProviderUnavailable),
    ],
)
def test_a_code_that_brings_no_tokens_is_told_as_what_it_is(
    by_hand: ProviderByHand, status: int, answer: dict[str, Any], kind: type[Exception]
) -> None:
    async def work(open_id: OpenId) -> None:
        asked = await Asked.begin(by_hand, open_id)
        by_hand.tokens = (status, answer)
        with pytest.raises(kind):
            await open_id.finish(asked.pending, f"code=c&state={asked.state}")

    asking(by_hand.registration, work)


@pytest.mark.parametrize(
    ("methods", "secret", "how"),
    [
        (None, CLIENT_SECRET, "basic"),
        (["client_secret_post", "client_secret_basic"], CLIENT_SECRET, "basic"),
        (["client_secret_post"], CLIENT_SECRET, "form"),
        (["client_secret_post"], None, "public"),
        (None, None, "public"),
    ],
)
def test_the_service_shows_who_it_is_as_the_provider_wants_it(
    by_hand: ProviderByHand, methods: list[str] | None, secret: str | None, how: str
) -> None:
    by_hand.document = {"token_endpoint_auth_methods_supported": methods}
    registration = Registration(by_hand.issuer, None, Client("our:self", secret, REDIRECT))

    async def work(open_id: OpenId) -> None:
        asked = await Asked.begin(by_hand, open_id)
        by_hand.tokens = (200, {})
        with pytest.raises(ProviderUnavailable):
            await open_id.finish(asked.pending, f"code=the+code&state={asked.state}")

    asking(registration, work)
    (form,) = by_hand.forms
    escaped = b"our%3Aself:a+secret+%2B+of%3A+a+test+%25+at+least+as+long"
    assert form.pop("authorization") == (f"Basic {base64.b64encode(escaped).decode()}" if how == "basic" else "")
    assert form.pop("client_id", None) == (None if how == "basic" else "our:self")
    assert form.pop("client_secret", None) == (secret if how == "form" else None)
    assert len(form.pop("code_verifier")) == 43
    assert form == {"grant_type": "authorization_code", "code": "the code", "redirect_uri": REDIRECT}


def test_an_endpoint_keeps_the_query_that_it_has(by_hand: ProviderByHand) -> None:
    by_hand.document = {"authorization_endpoint": f"{by_hand.issuer}/auth?tenant=or"}
    url, _ = asking(by_hand.registration, lambda open_id: open_id.begin())
    assert url.startswith(f"{by_hand.issuer}/auth?tenant=or&response_type=code&")
