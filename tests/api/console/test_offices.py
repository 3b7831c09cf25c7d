"""State offices as pages: read by everybody, and the map of regions drawn by who may."""

from __future__ import annotations

import re

import httpx2
import pytest

from support.console_walk import practice, practice_app
from support.signing_in import Visitor

__all__ = ["practice", "practice_app"]


@pytest.fixture
def seat(practice: httpx2.Client):
    def take(code: str) -> Visitor:
        visitor = Visitor(practice)
        assert visitor.posts(f"/practice/{code}").status_code == 303
        return visitor

    return take


def test_who_draws_the_map_defines_a_region_and_puts_a_district_into_it(seat) -> None:
    drawer: Visitor = seat("region-administrator")
    assert drawer.get("/offices").headers["location"] == "/offices/OR"
    page = drawer.get("/offices/OR").text
    token: str = re.findall(r'name="csrf" value="([^"]+)"', page)[-1]
    defined = drawer.posts("/offices/OR/regions", csrf=token, key="a1", region="R2", name="Región del río")
    assert defined.status_code == 303, defined.text
    placed = drawer.posts("/offices/OR/districts", csrf=token, key="a2", district="4106740", into="R2")
    assert placed.status_code == 303, placed.text
    shown = drawer.get(placed.headers["location"]).text
    assert re.search(r'scope="row">R2</th><td>Región del río</td><td>4106740</td>', shown)


def test_what_is_no_district_is_told_with_what_was_typed(seat) -> None:
    drawer: Visitor = seat("region-administrator")
    token: str = re.findall(r'name="csrf" value="([^"]+)"', drawer.get("/offices/OR").text)[-1]
    wrong = drawer.posts("/offices/OR/districts", csrf=token, key="b1", district="0612345", into="R9")
    assert wrong.status_code == 422
    assert 'role="alert"' in wrong.text
    assert 'value="0612345"' in wrong.text


def test_others_read_the_office_and_set_nothing(seat) -> None:
    reader: Visitor = seat("government-user")
    assert 'href="/offices/TX"' in reader.get("/offices").text
    page = reader.get("/offices/TX").text
    assert "/offices/TX/regions" not in page
    token: str = re.findall(r'name="csrf" value="([^"]+)"', page)[-1]
    assert reader.posts("/offices/TX/regions", csrf=token, region="R2", name="Ours").status_code == 403


def test_another_states_map_is_not_drawn(seat) -> None:
    drawer: Visitor = seat("region-administrator")
    page = drawer.get("/offices/TX").text
    assert "/offices/TX/regions" not in page
    token: str = re.findall(r'name="csrf" value="([^"]+)"', page)[-1]
    assert drawer.posts("/offices/TX/regions", csrf=token, region="R2", name="Ours").status_code == 403
