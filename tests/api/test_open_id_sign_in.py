"""People whom an identity provider vouches for: in a browser by a real provider, and by bearer tokens on the API."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any, Final

import httpx2
import pytest
from joserfc.jwk import RSAKey

from api.oidc import OpenId
from api.oidc.registration import Client, Registration
from api.services import Services
from ledger.account_acts import AcceptRules, Deactivate, Disable
from ledger.accounts import RULES_EDITION
from ledger.application import Ledger
from ledger.events import Meta
from ledger.ids import student_id
from ledger.store.database import Database
from support.admitting import DESK, LUIS, NATION, admitted, applying
from support.openid import AUDIENCE, CLIENT_ID, CLIENT_SECRET, REDIRECT, Browser, Provider, provider, signing_key
from support.openid_by_hand import OTHER_RSA, SEAL_KEY, ProviderByHand, base64url, joined, provider_by_hand
from support.signing_in import People, Visitor, body_of, refused

AMPARO: Final = "amparo@example.org"
BY_NATION: Final = Meta(actor=NATION.name)
KEY: Final = signing_key("of september")
NEVER: Final = student_id(999_999)


@pytest.fixture(scope="module")
def real() -> Iterator[Provider]:
    with provider(KEY) as running:
        yield running


@pytest.fixture
def ledger(database: Database, new_ledger: Callable[..., Ledger], clock: Any) -> Ledger:
    clock.now = datetime.now(UTC)  # the provider's clock is the machine's, so ours is too
    return new_ledger(database, clock)


@pytest.fixture
def by_hand() -> Iterator[ProviderByHand]:
    with provider_by_hand() as running:
        yield running


@pytest.fixture
def browser() -> Iterator[Browser]:
    browser = Browser()
    yield browser
    browser.close()


def known_to(services: Services, registration: Registration, clock: Any) -> None:
    """Let people sign in at a provider."""
    services.openid = OpenId(registration, seal_key=SEAL_KEY, clock=clock)


@pytest.fixture
def open_people(services: Services, real: Provider, clock: Any, request: pytest.FixtureRequest) -> People:
    """Of a service that the real provider's people sign in to."""
    registration = Registration(real.issuer, AUDIENCE, Client(CLIENT_ID, CLIENT_SECRET, REDIRECT))
    known_to(services, registration, clock)
    return request.getfixturevalue("people")


@pytest.fixture
def bearers(services: Services, by_hand: ProviderByHand, clock: Any, request: pytest.FixtureRequest) -> People:
    """Of a service that takes the tokens of a provider whose every word the test writes."""
    known_to(services, by_hand.registration, clock)
    return request.getfixturevalue("people")


def official(people: People, email: str = AMPARO, **more: Any) -> str:
    """The account of somebody who may work, and has no password here."""
    admissions = people.ledger.admissions
    account = admitted(admissions, applying(email, **more), NATION)
    accept = AcceptRules(by=email, edition=RULES_EDITION, on=admissions.today("OR"))
    admissions.act(account, accept, Meta(actor=email))
    return account


def comes_back(visitor: Visitor, browser: Browser, name: str, return_to: str = "/") -> httpx2.Response:
    """The answer to whoever has signed in at the provider."""
    sent = visitor.get("/sign-in/provider", params={"return_to": return_to})
    assert (sent.status_code, sent.headers["Cache-Control"]) == (303, "no-store"), sent.text
    return visitor.get(f"/sign-in/callback?{browser.sign_in(sent.headers['Location'], name)}")


# -- in a browser


def test_whoever_has_an_account_of_that_address_is_let_in_under_its_role(open_people: People, browser: Browser) -> None:
    account = official(open_people)
    amparo = open_people.visitor()
    assert "/sign-in/provider" in amparo.get("/sign-in").text
    back = comes_back(amparo, browser, "amparo", "/v1/me")
    assert (back.status_code, back.headers["Location"]) == (303, "/v1/me")
    assert list(amparo.cookies) == ["__Host-sojourn"], "what was begun is done"
    me = amparo.get("/v1/me").json()
    assert (me["account"], me["role"], me["name"]) == (account, "secondary_user", AMPARO)
    assert len(open_people.ledger.admissions.account(account).identities) == 1
    again = open_people.visitor()
    assert comes_back(again, browser, "amparo").status_code == 303
    assert len(open_people.ledger.admissions.account(account).identities) == 1, "linked once"


def test_whoever_has_none_is_told_so_and_gets_no_session(open_people: People, browser: Browser) -> None:
    open_people.ledger.admissions.apply(applying("luz@example.org"), Meta(actor=DESK))
    for name in ("nadia", "luz"):
        visitor = open_people.visitor()
        back = comes_back(visitor, browser, name)
        assert (back.status_code, visitor.cookies) == (403, {}), "one that was applied for is none yet"
        assert "no account here yet" in back.text


def test_what_went_wrong_at_the_provider_is_told_and_not_led_back_to_where_it_went_wrong(open_people: People) -> None:
    page = open_people.visitor().get("/sign-in/callback?error=access_denied", headers={"Accept": "text/html"})
    assert (page.status_code, page.headers["Content-Type"]) == (401, "text/html; charset=utf-8")
    assert 'role="alert"' in page.text


def test_an_account_that_is_disabled_or_has_ended_lets_nobody_in(open_people: People, browser: Browser) -> None:
    account = official(open_people)
    act = open_people.ledger.admissions.act
    act(account, Disable(by=NATION.name, reason="leave"), BY_NATION)
    assert refused(comes_back(open_people.visitor(), browser, "amparo")) == (403, "account-disabled")
    act(account, Deactivate(by=NATION.name, reason="left"), BY_NATION)
    assert refused(comes_back(open_people.visitor(), browser, "amparo")) == (401, "not-signed-in")


def test_an_answer_is_taken_once_and_from_the_browser_that_asked(open_people: People, browser: Browser) -> None:
    official(open_people)
    mine, anothers = open_people.visitor(), open_people.visitor()
    sent = mine.get("/sign-in/provider")
    assert "Max-Age=600" in sent.headers["Set-Cookie"]
    kept = dict(mine.cookies)
    query = browser.sign_in(sent.headers["Location"])
    assert refused(anothers.get(f"/sign-in/callback?{query}")) == (401, "not-signed-in")
    assert mine.get(f"/sign-in/callback?{query}").status_code == 303
    mine.cookies = kept
    assert refused(mine.get(f"/sign-in/callback?{query}")) == (401, "not-signed-in")
    assert refused(mine.get("/sign-in/callback")) == (401, "not-signed-in")


def test_nobody_is_sent_on_to_another_site_by_way_of_the_provider(open_people: People, browser: Browser) -> None:
    official(open_people)
    back = comes_back(open_people.visitor(), browser, "amparo", "https://example.org/")
    assert back.headers["Location"] == "/"


def test_a_real_providers_machine_token_is_nobodys_without_an_address(open_people: People, real: Provider) -> None:
    headers = {"Authorization": f"Bearer {real.access_token()}"}
    assert refused(open_people.ask(headers, "GET", "/v1/me")) == (401, "not-signed-in")


# -- by bearer tokens


def token(by_hand: ProviderByHand, subject: str = "u-1", email: str | None = AMPARO, **claims: Any) -> dict[str, str]:
    """Headers of a token that holds now, sound but for what is given."""
    return {"Authorization": f"Bearer {by_hand.token(**now(subject, email, **claims))}"}


def now(subject: str = "u-1", email: str | None = AMPARO, **claims: Any) -> dict[str, Any]:
    at = int(time.time())
    return {"sub": subject, "email": email, "email_verified": True, "iat": at, "exp": at + 300} | claims


def test_a_token_acts_under_its_accounts_role_and_under_another_that_the_header_names(
    bearers: People, by_hand: ProviderByHand
) -> None:
    account = official(bearers)
    official(bearers, role="district_data_administrator", district="4106740")
    headers = token(by_hand)
    me = bearers.ask(headers, "GET", "/v1/me").json()
    assert (me["account"], me["role"], me["session"], len(me["roles"])) == (account, "secondary_user", None, 2)
    other = {"Sojourn-Role": "district_data_administrator"}
    assert bearers.ask(headers, "GET", "/v1/cases").status_code == 403
    assert bearers.ask(headers, "GET", "/v1/cases", **other).status_code == 200
    for unknown in ("auditor", "none", "3"):
        asked = bearers.ask(headers, "GET", "/v1/me", **{"Sojourn-Role": unknown})
        assert refused(asked) == (403, "forbidden"), unknown


def test_an_address_that_is_given_to_somebody_else_there_is_no_key_to_the_account(
    bearers: People, by_hand: ProviderByHand
) -> None:
    account = official(bearers)
    assert bearers.ask(token(by_hand, "u-1"), "GET", "/v1/me").json()["account"] == account
    for subject in ("u-2", "U-1"):
        asked = bearers.ask(token(by_hand, subject, AMPARO.upper()), "GET", "/v1/me")
        assert refused(asked) == (401, "not-signed-in"), subject
    # The first one stays who he is, also where his address has changed, or is told no more.
    for email in ("new@example.org", None):
        assert bearers.ask(token(by_hand, "u-1", email), "GET", "/v1/me").json()["account"] == account


@pytest.mark.parametrize("verified", [False, None, "true", 1])
def test_an_address_that_the_provider_does_not_vouch_for_is_nobodys(
    bearers: People, by_hand: ProviderByHand, verified: Any
) -> None:
    official(bearers)
    headers = token(by_hand, email_verified=verified)
    assert refused(bearers.ask(headers, "GET", "/v1/me")) == (401, "not-signed-in")


def test_who_has_no_account_applies_for_himself_and_sees_that_application_alone(
    bearers: People, by_hand: ProviderByHand
) -> None:
    headers = token(by_hand)
    me = bearers.ask(headers, "GET", "/v1/me").json()
    assert (me["name"], me["role"], me["account"]) == (AMPARO, "applicant", None)
    anothers = bearers.ask(headers, "POST", "/v1/applications", body_of("luz@example.org"))
    assert refused(anothers) == (403, "forbidden")
    mine = bearers.ask(headers, "POST", "/v1/applications", body_of(AMPARO.title()))
    assert mine.status_code == 201, mine.text
    path = mine.headers["Location"]
    assert bearers.ask(headers, "GET", path).json()["entered_by"] is None
    stranger = token(by_hand, "u-9", "luz@example.org")
    assert refused(bearers.ask(stranger, "GET", path)) == (403, "forbidden")
    own = {"identity": "passport", "need": "my work"}
    assert refused(bearers.ask(headers, "POST", f"{path}/verification", own)) == (403, "forbidden")
    assert refused(bearers.ask(headers, "POST", f"{path}/approval")) == (403, "forbidden")
    # A supervisor who signs in has an account: an address that a provider vouches for is not enough.
    supervisor = token(by_hand, "u-7", LUIS)
    assert refused(bearers.ask(supervisor, "POST", f"{path}/verification", own)) == (403, "forbidden")
    for method, asked, body in (
        ("GET", f"/v1/students/{NEVER}", None),
        ("POST", "/v1/students/search", {"name": "Marisol"}),
        ("GET", "/v1/contacts?state=OR", None),
        ("GET", "/v1/events?after=0", None),
    ):
        assert refused(bearers.ask(headers, method, asked, body)) == (403, "forbidden"), asked
    assert bearers.ask(headers, "POST", f"{path}/withdrawal").status_code == 200


def test_what_is_no_token_that_holds_for_this_service_is_refused(bearers: People, by_hand: ProviderByHand) -> None:
    official(bearers)
    at = int(time.time())
    sound = by_hand.token(**now())
    assert bearers.ask({"Authorization": f"Bearer {sound}"}, "GET", "/v1/me").status_code == 200
    whole = by_hand.claims(**now())
    unsigned = joined({"alg": "none", "typ": "at+jwt"}, whole)
    swapped = ".".join((*joined({"alg": "RS256", "typ": "at+jwt", "kid": "rsa"}, whole | {"sub": "x"}).split("."), ""))
    for name, bad in {
        "expired": by_hand.token(**now(iat=at - 900, exp=at - 600)),
        "not yet": by_hand.token(**now(iat=at + 600, nbf=at + 600, exp=at + 900)),
        "unsigned": f"{unsigned}.",
        "unsigned, without a dot": unsigned,
        "signed by a key that is not theirs": by_hand.token(OTHER_RSA, **now()),
        "another's claims under this signature": swapped + sound.rpartition(".")[2],
        "signed by the public key as a secret": f"{unsigned}.{base64url(public(by_hand))}",
        "for another service": by_hand.token(**now(aud="https://other.example.org/api")),
        "of another provider": by_hand.token(**now(iss="https://login.example.org")),
        "what a browser's client is told": by_hand.id_token("nonce", **now()),
        "nothing": "a.b.c",
    }.items():
        asked = bearers.ask({"Authorization": f"Bearer {bad}"}, "GET", "/v1/me")
        assert refused(asked) == (401, "not-signed-in"), name


def public(by_hand: ProviderByHand) -> bytes:
    [key] = [key for key in by_hand.keys if isinstance(key, RSAKey)]
    return key.as_pem(private=False)


def test_rules_and_training_hold_for_tokens_too(bearers: People, by_hand: ProviderByHand) -> None:
    account = admitted(bearers.ledger.admissions, applying(AMPARO), NATION)
    headers = token(by_hand)
    assert refused(bearers.ask(headers, "GET", "/v1/contacts?state=OR")) == (403, "renewal-needed")
    me = bearers.ask(headers, "GET", "/v1/me").json()
    assert (me["account"], me["renewal"]) == (account, "rules")
    assert bearers.ask(headers, "PUT", "/v1/me/rules", {"edition": RULES_EDITION}).status_code == 200
    assert bearers.ask(headers, "GET", "/v1/contacts?state=OR").status_code == 200


def test_a_token_of_a_machine_is_known_beside_the_providers(bearers: People) -> None:
    assert bearers.ask(bearers.bearer("auditor", name="audit"), "GET", "/v1/me").json()["name"] == "audit"
