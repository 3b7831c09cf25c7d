"""The page for families, before anybody signs in: Spanish first, and nothing of anybody."""

from __future__ import annotations

import pytest
from starlette.testclient import TestClient

LAWS = ("34 CFR 99.10", "34 CFR 99.32", "34 CFR 200.85(e)", "34 CFR 99.5", "34 CFR 99.63")


@pytest.mark.parametrize(
    ("headers", "language"),
    [
        ({}, "es"),
        ({"Accept-Language": "fr-CA, pt;q=0.5"}, "es"),
        ({"Accept-Language": "*"}, "es"),
        ({"Accept-Language": "en, es"}, "es"),
        ({"Accept-Language": "es-US, en;q=0.9"}, "es"),
        ({"Accept-Language": "en-US, en;q=0.9"}, "en"),
        ({"Accept-Language": "es", "Cookie": "sojourn-language=en"}, "en"),
        ({"Accept-Language": "en", "Cookie": "sojourn-language=es"}, "es"),
    ],
)
def test_it_is_in_spanish_unless_english_was_asked_for(
    client: TestClient, headers: dict[str, str], language: str
) -> None:
    page = client.get("/parents", headers=headers).text
    assert f'<html lang="{language}">' in page
    other = {"es": "en", "en": "es"}[language]
    assert f'href="/language/{other}?return_to=/parents" lang="{other}"' in page
    for law in LAWS:
        assert law in page, law


def test_other_pages_stay_english_where_a_browser_asks_for_neither(client: TestClient) -> None:
    assert '<html lang="en">' in client.get("/help", headers={"Accept-Language": "fr"}).text


def test_the_first_page_and_every_foot_lead_there_in_spanish(client: TestClient) -> None:
    for path in ("/", "/help", "/problems/not-found"):
        page = client.get(path, headers={"Accept-Language": "en"}).text
        assert '<a href="/language/es?return_to=/parents" lang="es" hreflang="es">Para familias</a>' in page, path
        assert '<a href="/parents">For parents</a>' in page, path
    assert page.count("Para familias") == 1
    led = client.get("/language/es?return_to=/parents", headers={"Accept-Language": "en"})
    assert led.url.path == "/parents"
    assert '<html lang="es">' in led.text


def test_it_is_for_whoever_comes_and_changes_nothing(client: TestClient) -> None:
    answer = client.get("/parents")
    assert answer.status_code == 200
    assert "set-cookie" not in answer.headers
