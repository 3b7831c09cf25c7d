"""What is set half is refused at the start; what is set whole makes the parts that it asks for."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from api.bootstrap import open_id
from api.oidc.registration import Client, Registration, registration_of
from ledger.errors import Misconfigured
from ledger.settings import Settings

ISSUER = "https://login.example.org"
NONE: dict[str, Any] = {
    "oidc_issuer": None,
    "oidc_audience": None,
    "oidc_client_id": None,
    "oidc_client_secret": None,
    "oidc_client_secret_file": None,
    "public_url": None,
}


def load(**given: object) -> Settings:
    return Settings.load(**{**NONE, **given})


def test_a_service_without_a_provider_has_none() -> None:
    assert registration_of(load()) is None
    assert open_id(load(public_url="https://sojourn.example.org"), bytes(32)) is None


def test_programs_alone_may_be_let_in() -> None:
    assert registration_of(load(oidc_issuer=ISSUER, oidc_audience="api")) == Registration(ISSUER, "api", None)


@pytest.mark.parametrize("public_url", ["https://sojourn.example.org", "https://sojourn.example.org/"])
def test_browsers_come_back_to_the_address_that_is_registered(tmp_path: Path, public_url: str) -> None:
    file = tmp_path / "secret"
    file.write_text("from a file\n")
    settings = load(oidc_issuer=ISSUER, oidc_client_id="us", oidc_client_secret_file=file, public_url=public_url)
    client = Client("us", "from a file", "https://sojourn.example.org/sign-in/callback")
    assert registration_of(settings) == Registration(ISSUER, None, client)


def test_a_public_client_has_no_secret() -> None:
    found = registration_of(load(oidc_issuer=ISSUER, oidc_client_id="us", public_url="http://localhost:8000"))
    assert found is not None
    assert found.client == Client("us", None, "http://localhost:8000/sign-in/callback")


@pytest.mark.parametrize(
    ("given", "lacking"),
    [
        ({"oidc_audience": "api"}, "SOJOURN_OIDC_ISSUER"),
        ({"oidc_client_id": "us"}, "SOJOURN_OIDC_ISSUER"),
        ({"oidc_issuer": ISSUER}, "SOJOURN_OIDC_CLIENT_ID"),
        ({"oidc_issuer": ISSUER, "oidc_client_id": "us"}, "SOJOURN_PUBLIC_URL"),
    ],
)
def test_what_is_set_half_is_refused_with_what_lacks(given: dict[str, Any], lacking: str) -> None:
    with pytest.raises(Misconfigured, match=f"{lacking} is not"):
        registration_of(load(**given))


def test_a_secret_is_told_nowhere(tmp_path: Path) -> None:
    settings = load(
        oidc_issuer=ISSUER, oidc_client_id="us", oidc_client_secret="hush", public_url="https://sojourn.example.org"
    )
    assert "hush" not in f"{settings!r}{registration_of(settings)!r}"
    with pytest.raises(Misconfigured, match="SOJOURN_OIDC_CLIENT_SECRET_FILE"):
        load(oidc_client_secret_file=tmp_path / "missing").client_secret()


def test_the_composition_root_makes_what_is_set() -> None:
    found = open_id(load(oidc_issuer=ISSUER, oidc_audience="api"), bytes(32))
    assert found is not None
    assert (found.takes_tokens, found.signs_in) == (True, False)
    asyncio.run(found.aclose())


@pytest.mark.parametrize(
    "address",
    [
        "https://login.example.org",
        "https://login.example.org/realms/or/",
        "https://login.example.org:8443",
        "http://localhost:3000",
        "http://127.0.0.1",
        "http://127.8.8.8/x",
        "http://[::1]:3000",
        "http://provider.localhost",
    ],
)
def test_an_issuer_is_https_or_this_machine(address: str) -> None:
    assert load(oidc_issuer=address).oidc_issuer == address


@pytest.mark.parametrize("name", ["oidc_issuer", "public_url"])
@pytest.mark.parametrize(
    "address",
    [
        "login.example.org",
        "http://login.example.org",
        "http://localhost.example.org",
        "http://127.0.0.1.example.org",
        "http://10.0.0.1",
        "https://",
        "https:///x",
        "ftp://login.example.org",
        "https://user:hush@login.example.org",
        "https://login.example.org?x=hush",
        "https://login.example.org#hush",
        "https://login.example.org/a b",
        "https://login.example.org\\@evil.example.org",
        "https://lögin.example.org",
        "https://login.example.org:hush",
        "https://[::1",
        "https://login.example.org\n",
    ],
)
def test_an_address_that_could_be_read_on_the_way_is_refused(name: str, address: str) -> None:
    with pytest.raises(Misconfigured) as refused:
        load(**{name: address})
    assert refused.value.what.startswith(f"SOJOURN_{name.upper()}: It must ")
    assert "hush" not in f"{refused.value}"
