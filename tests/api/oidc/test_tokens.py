"""A bearer token of the provider is taken only as it must be: signed, for this service, now."""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from hypothesis import given, settings
from hypothesis import strategies as st

from api.oidc import Identity
from api.oidc.keys import ALGORITHMS
from api.oidc.refusals import SKEW_S, TOKEN_CHARACTERS_MAX
from api.oidc.registration import Registration
from api.oidc.tokens import ACCESS_TOKEN, take_apart
from api.problems import NotSignedIn
from support.openid import AUDIENCE, CLIENT_ID
from support.openid_by_hand import (
    KINDS,
    NOW,
    OTHER_RSA,
    RSA,
    ProviderByHand,
    answer,
    asking,
    base64url,
    joined,
    reason,
)

AT = int(NOW.timestamp())


def identity(provider: ProviderByHand, token: str) -> Identity:
    return asking(provider.registration, lambda open_id: open_id.identify(token))


def refusal(provider: ProviderByHand, token: str) -> str | None:
    return asking(provider.registration, lambda open_id: reason(open_id.identify(token)))


def test_what_is_taken_is_what_is_told_to_be_taken() -> None:
    assert ALGORITHMS.keys() == KINDS.keys()


@pytest.mark.parametrize("algorithm", KINDS)
def test_a_token_is_taken_by_each_algorithm(by_hand: ProviderByHand, algorithm: str) -> None:
    token = by_hand.token(KINDS[algorithm], algorithm)
    assert identity(by_hand, token) == Identity(by_hand.issuer, "u-1", None, False, None, None)


@pytest.mark.parametrize("typ", [None, "JWT", "jwt", "at+jwt", "application/at+jwt", "AT+JWT"])
def test_a_plain_token_and_an_access_token_are_taken(by_hand: ProviderByHand, typ: str | None) -> None:
    assert refusal(by_hand, by_hand.token(header={"typ": typ})) is None


def test_whom_a_token_names_is_told_as_it_says(by_hand: ProviderByHand) -> None:
    token = by_hand.token(
        sub="8c1f", email="Amparo.Núñez@example.org", name=" Amparo Núñez ", email_verified=True, auth_time=AT - 5
    )
    # An address beyond ASCII is none that this service writes to, so nothing of it is verified either.
    at = datetime.fromtimestamp(AT - 5, UTC)
    assert identity(by_hand, token) == Identity(by_hand.issuer, "8c1f", None, False, "Amparo Núñez", at)
    plain = by_hand.token(email="amparo@Example.ORG", email_verified=True)
    assert identity(by_hand, plain).email == "amparo@example.org"
    assert identity(by_hand, plain).email_verified


@pytest.mark.parametrize("said", ["true", 1, None, False])
def test_an_address_is_verified_only_where_the_provider_says_so(by_hand: ProviderByHand, said: object) -> None:
    assert not identity(by_hand, by_hand.token(email="a@example.org", email_verified=said)).email_verified


@pytest.mark.parametrize("name", ["", "  ", 7, "a\nb", "x" * 201, "\u202etxet"])
def test_a_name_that_cannot_be_shown_is_left_out(by_hand: ProviderByHand, name: object) -> None:
    assert identity(by_hand, by_hand.token(name=name)).name is None


@pytest.mark.parametrize(
    ("claims", "why"),
    [
        ({"iss": "https://login.example.org"}, "issuer"),
        ({"iss": None}, "issuer"),
        ({"aud": "https://elsewhere.example.org"}, "audience"),
        ({"aud": []}, "audience"),
        ({"aud": None}, "audience"),
        ({"aud": CLIENT_ID}, "audience"),  # an ID token of a browser's sign-in
        ({"aud": 7}, "claims"),
        ({"aud": [AUDIENCE, 7]}, "claims"),
        ({"exp": None}, "no-expiry"),
        ({"exp": "tomorrow"}, "claims"),
        ({"exp": True}, "claims"),
        ({"exp": -1}, "claims"),
        ({"exp": 1e300}, "claims"),
        ({"nbf": "now"}, "claims"),
        ({"iat": [AT]}, "claims"),
        ({"auth_time": 10**15}, "claims"),
        ({"sub": None}, "claims"),
        ({"sub": ""}, "claims"),
        ({"sub": 7}, "claims"),
        ({"sub": "a\0b"}, "claims"),
        ({"sub": "x" * 256}, "claims"),
        ({"at_hash": "x"}, "kind"),
        ({"c_hash": "x"}, "kind"),
    ],
)
def test_a_signed_token_is_refused_for_what_it_says(by_hand: ProviderByHand, claims: dict[str, Any], why: str) -> None:
    assert refusal(by_hand, by_hand.token(**claims)) == why


def test_a_token_for_several_audiences_is_taken_by_each(by_hand: ProviderByHand) -> None:
    assert refusal(by_hand, by_hand.token(aud=["https://elsewhere.example.org", AUDIENCE])) is None


@pytest.mark.parametrize(
    ("claims", "why"),
    [
        ({"exp": AT - SKEW_S + 1}, None),
        ({"exp": AT - SKEW_S}, "expired"),
        ({"exp": AT - SKEW_S + 0.5}, None),
        ({"nbf": AT + SKEW_S}, None),
        ({"nbf": AT + SKEW_S + 1}, "not-yet"),
        ({"iat": AT + SKEW_S}, None),
        ({"iat": AT + SKEW_S + 1}, "not-yet"),
        ({"iat": None}, None),
    ],
)
def test_the_clocks_may_be_a_minute_apart_and_no_more(
    by_hand: ProviderByHand, claims: dict[str, Any], why: str | None
) -> None:
    assert refusal(by_hand, by_hand.token(**claims)) == why


# -- signatures


@pytest.mark.parametrize("named", ["none", "None", "HS256", "RS384", "ES256K", "dir", "", None, 7, ["RS256"]])
def test_a_token_by_another_algorithm_or_none_is_refused(by_hand: ProviderByHand, named: object) -> None:
    signed = joined({"alg": named, "kid": "rsa"}, by_hand.claims())
    assert refusal(by_hand, f"{signed}.") == "algorithm"
    assert by_hand.asked.total() == 0


def test_a_token_signed_by_hmac_with_the_public_key_is_refused(by_hand: ProviderByHand) -> None:
    signed = joined({"alg": "HS256", "kid": "rsa"}, by_hand.claims())
    mac = hmac.new(RSA.as_pem(private=False), signed.encode(), hashlib.sha256).digest()
    assert refusal(by_hand, f"{signed}.{base64url(mac)}") == "algorithm"


def test_a_symmetric_key_that_a_provider_publishes_signs_nothing(by_hand: ProviderByHand) -> None:
    by_hand.answers["/hand/keys"] = _documents(
        {"keys": [{"kty": "oct", "kid": "rsa", "k": "c2VjcmV0LW9mLXRoaXJ0eS10d28tYnl0ZXMtYW5kLW1vcmU"}]}
    )
    assert refusal(by_hand, by_hand.token()) == "unknown-key"


def test_a_token_of_another_key_by_the_same_name_is_refused(by_hand: ProviderByHand) -> None:
    assert OTHER_RSA.kid == RSA.kid
    assert refusal(by_hand, by_hand.token(OTHER_RSA)) == "signature"


def test_the_key_and_not_the_token_says_which_algorithm_it_signs_by(by_hand: ProviderByHand) -> None:
    published = {**RSA.as_dict(private=False), "alg": "PS256"}
    by_hand.answers["/hand/keys"] = _documents({"keys": [published]})
    assert refusal(by_hand, by_hand.token(RSA, "PS256")) is None
    assert refusal(by_hand, by_hand.token(RSA, "RS256")) == "unknown-key"


def test_a_key_that_is_for_something_else_signs_nothing(by_hand: ProviderByHand) -> None:
    public = RSA.as_dict(private=False)
    unfit = [{**public, "use": "enc"}, {**public, "key_ops": ["encrypt"]}, {**public, "alg": "RSA-OAEP"}]
    for key in unfit:
        by_hand.answers["/hand/keys"] = _documents({"keys": [key]})
        assert refusal(by_hand, by_hand.token()) == "unknown-key", key


def test_a_key_that_is_too_short_to_be_safe_signs_nothing(by_hand: ProviderByHand) -> None:
    short = rsa.generate_private_key(public_exponent=65537, key_size=1024)
    modulus = base64url(short.public_key().public_numbers().n.to_bytes(128))
    by_hand.answers["/hand/keys"] = _documents({"keys": [{"kty": "RSA", "kid": "short", "n": modulus, "e": "AQAB"}]})
    signed = joined({"alg": "RS256", "kid": "short"}, by_hand.claims())
    signature = short.sign(signed.encode(), padding.PKCS1v15(), hashes.SHA256())
    assert refusal(by_hand, f"{signed}.{base64url(signature)}") == "unknown-key"


def test_keys_that_cannot_be_read_are_passed_over(by_hand: ProviderByHand) -> None:
    odd: list[Any] = [
        7,
        {},
        {"kty": "RSA", "kid": "rsa"},
        {"kty": "RSA", "kid": "rsa", "n": "AQAB", "e": "AQAB"},
        {"kty": "RSA", "kid": "rsa", "n": "_" * 20_000, "e": "AQAB"},
        {"kty": "RSA", "kid": "rsa", "n": 7, "e": "é"},
        {"kty": "EC", "kid": "ec", "crv": "P-256", "x": "AA", "y": "AA"},
        {"kty": "EC", "kid": "ec", "crv": "secp256k1", "x": "AA", "y": "AA"},
        {"kty": "OKP", "kid": "ed", "crv": "Ed25519", "x": "AA"},
        {"kty": ["RSA"], "kid": "x"},
        {**RSA.as_dict(private=False), "kid": 7},
    ]
    by_hand.answers["/hand/keys"] = _documents({"keys": [*odd, RSA.as_dict(private=False)]})
    assert refusal(by_hand, by_hand.token()) is None


def test_a_token_that_names_no_key_is_taken_where_one_alone_can_have_signed(by_hand: ProviderByHand) -> None:
    token = by_hand.token(header={"kid": None})
    assert refusal(by_hand, token) is None
    by_hand.keys = [RSA, OTHER_RSA]
    assert refusal(by_hand, token) == "unnamed-key"


@pytest.mark.parametrize("place", [0, 1, 2])
def test_a_token_changed_anywhere_is_refused(by_hand: ProviderByHand, place: int) -> None:
    parts = by_hand.token().split(".")
    middle = len(parts[place]) // 2
    changed = "A" if parts[place][middle] != "A" else "B"
    parts[place] = parts[place][:middle] + changed + parts[place][middle + 1 :]
    assert refusal(by_hand, ".".join(parts)) is not None


@pytest.mark.parametrize(
    ("header", "why"),
    [
        ({"crit": ["exp"]}, "critical"),
        ({"crit": []}, "critical"),
        ({"crit": ["b64"], "b64": False}, "critical"),
        ({"typ": "logout+jwt"}, "kind"),
        ({"typ": "dpop+jwt"}, "kind"),
        ({"typ": 7}, "kind"),
        ({"kid": 7}, "form"),
        ({"kid": "another"}, "unknown-key"),
        ({"kid": ""}, "unknown-key"),
    ],
)
def test_a_header_that_demands_too_much_is_refused(by_hand: ProviderByHand, header: dict[str, Any], why: str) -> None:
    assert refusal(by_hand, by_hand.token(header=header)) == why


def test_a_key_that_the_token_brings_along_is_not_looked_at(by_hand: ProviderByHand) -> None:
    brought = {"jwk": OTHER_RSA.as_dict(private=False), "jku": f"{by_hand.issuer}/other", "x5u": "http://127.0.0.1:1/"}
    assert refusal(by_hand, by_hand.token(OTHER_RSA, header=brought)) == "signature"
    assert "/hand/other" not in by_hand.asked


# -- forms


@pytest.mark.parametrize(
    "token",
    [
        "",
        ".",
        "..",
        "a.b",
        "a.b.c.d",
        "a.b.c.d.e",  # as a JWE
        "e30.e30.e30=",
        "e30 .e30.e30",
        "soj_0123456789",
        "é.é.é",
        "\0.e30.e30",
        f"{base64url(b'[]')}.e30.e30",
        f"{base64url(b'{')}.e30.e30",
        f"{base64url(b'[' * 5000)}.e30.e30",
        f"{base64url(bytes([255, 254]))}.e30.e30",
        "a.e30.e30",
    ],
)
def test_what_is_no_signed_token_is_refused_without_asking_the_provider(by_hand: ProviderByHand, token: str) -> None:
    assert refusal(by_hand, token) == "form"
    assert by_hand.asked.total() == 0


def test_signed_text_that_is_no_object_is_refused(by_hand: ProviderByHand) -> None:
    for payload in (b"[]", b"null", b"{", b'{"a":"\\ud800"}', b""):
        signed = f"{base64url(json.dumps({'alg': 'RS256', 'kid': 'rsa'}).encode())}.{base64url(payload)}"
        token = f"{signed}.{base64url(ALGORITHMS['RS256'].sign(signed.encode(), RSA))}"
        assert refusal(by_hand, token) == "form", payload


def test_a_token_is_read_up_to_its_longest_and_no_further(by_hand: ProviderByHand) -> None:
    room = TOKEN_CHARACTERS_MAX - len(by_hand.token(groups=""))
    longest = by_hand.token(groups="x" * (room * 3 // 4))
    while len(longest) < TOKEN_CHARACTERS_MAX - 2:
        room += 1
        longest = by_hand.token(groups="x" * (room * 3 // 4))
    assert refusal(by_hand, longest) is None
    assert refusal(by_hand, f"{longest}AAA") == "length"


@given(st.text(max_size=200))
@settings(max_examples=300)
def test_no_text_does_more_than_be_refused(text: str) -> None:
    with pytest.raises(NotSignedIn) as refused:
        take_apart(text, ACCESS_TOKEN)
    assert len(text) < 8 or text not in f"{refused.value}"


def test_without_an_audience_no_token_is_taken(by_hand: ProviderByHand) -> None:
    bare = Registration(by_hand.issuer, None, by_hand.registration.client)
    assert asking(bare, lambda open_id: reason(open_id.identify(by_hand.token()))) == "audience"


def _documents(document: object) -> Callable[[Any], None]:
    return lambda handler: answer(handler, json.dumps(document).encode())
