"""What a browser keeps of a sign-in that it has begun: sealed, its own, for ten minutes; and where it may lead."""

from __future__ import annotations

import asyncio
import base64
import os
from urllib.parse import urljoin, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.oidc.pending import CHARACTERS_MAX, RETURN_TO_MAX, Pending, is_local_path, seal, unseal
from api.oidc.registration import Registration
from api.oidc.spent import SpentHere
from api.problems import Invalid, NotSignedIn, status_of
from ledger.errors import Misconfigured
from support.openid_by_hand import SEAL_KEY, Clocks, ProviderByHand, asking

PENDING = Pending("s" * 43, "n" * 43, "v" * 43, "/search", 2_000.0)
ISSUER = "https://login.example.org"
SITE = "https://sojourn.example.org"


def sealed(pending: Pending = PENDING) -> str:
    return seal(pending, SEAL_KEY, ISSUER, os.urandom)


def test_what_was_sealed_is_opened_until_its_time_has_come() -> None:
    assert unseal(sealed(), SEAL_KEY, ISSUER, 1_999.999) == PENDING
    with pytest.raises(NotSignedIn):
        unseal(sealed(), SEAL_KEY, ISSUER, 2_000.0)


def test_it_is_opened_by_its_own_key_for_its_own_provider_alone() -> None:
    with pytest.raises(NotSignedIn):
        unseal(sealed(), bytes(32), ISSUER, 0)
    with pytest.raises(NotSignedIn):
        unseal(sealed(), SEAL_KEY, "https://other.example.org", 0)


def test_none_is_opened_that_was_changed_anywhere() -> None:
    whole = base64.urlsafe_b64decode(sealed() + "==")
    for place in range(len(whole)):
        changed = bytearray(whole)
        changed[place] ^= 1
        with pytest.raises(NotSignedIn):
            unseal(base64.urlsafe_b64encode(bytes(changed)).decode(), SEAL_KEY, ISSUER, 0)


@pytest.mark.parametrize("text", ["", "x", "é", "=", "AAAA", "A" * 16, "A" * 10_000, "\0", "\ud800"])
def test_what_is_none_of_ours_is_refused(text: str) -> None:
    with pytest.raises(NotSignedIn):
        unseal(text, SEAL_KEY, ISSUER, 0)


def test_the_longest_fits_into_a_cookie() -> None:
    longest = Pending("s" * 43, "n" * 43, "v" * 43, "/" + '"' * (RETURN_TO_MAX - 1), 99_999_999_999.123456)
    assert len(sealed(longest)) < CHARACTERS_MAX
    assert unseal(sealed(longest), SEAL_KEY, ISSUER, 0) == longest


# -- where it leads back to


@pytest.mark.parametrize("path", ["/", "/search", "/search?name=Mu%C3%B1oz&at=//x", "/students/1#moves", "/a?b=c:d"])
def test_a_path_of_this_site_may_be_returned_to(path: str) -> None:
    assert is_local_path(path)


HOSTILE = [
    "",
    "search",
    "//evil.example.org",
    "///evil.example.org",
    "/\\evil.example.org",
    "\\/evil.example.org",
    "/.//evil.example.org",
    "https://evil.example.org",
    "javascript:alert(1)",
    "/\t/evil.example.org",
    "/a\r\nSet-Cookie: x=y",
    "/a b",
    " /a",
    "/ñ",
    "/\x7f",
    "/\u2028",
    "?a",
    "#a",
    "/" + "a" * RETURN_TO_MAX,
]


@pytest.mark.parametrize("path", HOSTILE)
def test_a_sign_in_does_not_lead_elsewhere(by_hand: ProviderByHand, path: str) -> None:
    with pytest.raises(Invalid) as refused:
        asking(by_hand.registration, lambda open_id: open_id.begin(path))
    assert status_of(refused.value).status == 422
    assert by_hand.asked.total() == 0


@given(st.text(st.sampled_from("/\\.?#:@ \t\nab%2fé"), max_size=12).map(lambda text: "/" + text))
def test_whatever_may_be_returned_to_stays_on_the_site(path: str) -> None:
    if is_local_path(path):
        there = urlsplit(urljoin(SITE, path))
        assert f"{there.scheme}://{there.netloc}" == SITE


# -- once


def test_a_sign_in_is_spent_once_until_its_time_is_over() -> None:
    clocks = Clocks()
    spent = SpentHere(lambda: clocks.seconds)

    async def work() -> None:
        assert await spent.spend("a")
        clocks.seconds += 300
        assert await spent.spend("b")
        assert not await spent.spend("a")
        clocks.seconds += 299.999
        assert not await spent.spend("a")
        clocks.seconds += 0.001
        assert await spent.spend("c")
        assert len(spent._until) == 2, "what is over is forgotten"
        assert not await spent.spend("b")

    asyncio.run(work())


def test_without_a_client_nobody_begins(by_hand: ProviderByHand) -> None:
    bare = Registration(by_hand.issuer, "https://sojourn.example.org/api", None)
    with pytest.raises(Misconfigured):
        asking(bare, lambda open_id: open_id.begin())
    with pytest.raises(Misconfigured):
        asking(bare, lambda open_id: open_id.finish("", "code=c"))
