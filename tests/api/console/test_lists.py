"""Daily lists as pages: an office sees its own, keeps what it asks for, and takes a list away on the record."""

from __future__ import annotations

import re

import httpx2
import pytest

from support.console_walk import practice, practice_app
from support.signing_in import Visitor

__all__ = ["practice", "practice_app"]


@pytest.fixture
def registrar(practice: httpx2.Client) -> Visitor:
    """Of one district."""
    visitor = Visitor(practice)
    assert visitor.posts("/practice/registrar").status_code == 303
    return visitor


def test_a_registrar_finds_her_lists_with_counts_and_the_children_on_them(registrar: Visitor) -> None:
    page = registrar.get("/lists").text
    assert len(re.findall(r'<a href="/lists/[a-z-]+"><span class="name">', page)) == 6
    assert re.search(r'href="/lists/ending\?days=90">in 90 days: \d+', page)
    children = registrar.get("/lists/children").text
    assert re.search(r'<th scope="row"><a href="/students/\d{12}">', children)
    assert "left" in children


def test_what_a_form_left_empty_is_not_asked_and_what_cannot_be_asked_is_told(registrar: Visitor) -> None:
    assert registrar.get("/lists/children?district=&school=&grade=").status_code == 200
    wrong = registrar.get("/lists/children?district=12")
    assert wrong.status_code == 422
    assert 'role="alert"' in wrong.text


def test_a_list_is_kept_under_a_name_of_ones_own_and_removed_again(registrar: Visitor) -> None:
    page = registrar.get("/lists/ending?days=60").text
    token: str = re.findall(r'name="csrf" value="([^"]+)"', page)[-1]
    assert registrar.posts("/lists/ending/saved", csrf=token, days="60", name="Ending soon").status_code == 303
    kept = registrar.get("/lists").text
    assert '<a href="/lists/ending?days=60">Ending soon</a>' in kept
    (removal,) = re.findall(r'action="(/lists/saved/[^"]+/removal)"', kept)
    assert registrar.posts(removal, csrf=token).status_code == 303
    assert "Ending soon" not in registrar.get("/lists").text


def test_an_export_is_a_file_and_another_office_has_none_of_it(registrar: Visitor) -> None:
    export = registrar.get("/lists/children/export")
    assert export.headers["content-type"].startswith("text/csv")
    assert export.headers["content-disposition"].startswith('attachment; filename="children-')
    assert registrar.get("/lists/children?district=0600001").status_code == 403
